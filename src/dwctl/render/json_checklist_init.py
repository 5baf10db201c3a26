"""What `checklist init` wrote, as JSON."""

from __future__ import annotations

from typing import Any

from dwctl.checklist.description.initial import Draft


def init_document(path: str, draft: Draft, next_command: str) -> dict[str, Any]:
    """The document of `checklist init --json`."""
    return {
        "schema": "dwctl.checklist-init",
        "schema_version": 1,
        "path": path,
        "read": list(draft.read),
        "families": [dict(row) for row in draft.families],
        "left_out": [one._asdict() for one in draft.left_out],
        "notes": [{"table": table, "note": note} for table, notes in draft.notes.items() for note in notes],
        "to_fill": [{"where": one.where, "meaning": one.meaning, "phase": one.phase.value} for one in draft.to_fill],
        "next_command": next_command,
        "exit_code": 0,
    }
