"""Archived runs as JSON (schemas/workflow-archive.schema.json)."""

from __future__ import annotations

from typing import Any

from dwctl.render.json_errors import error_told
from dwctl.transfer.exports.archiving import ArchiveResult, ArchiveState, ArchiveTally

SCHEMA = "dwctl.workflow-archive"


def archive_item(result: ArchiveResult) -> dict[str, Any]:
    """One run, and what became of it."""
    return {
        "workflow_id": result.target.instance_id,
        "run_id": result.target.run_id,
        "state": result.state.value,
        "good": result.good,
        "status": result.status,
        "file": result.file,
        "requested": result.requested,
        "asked": result.asked,
        "error": error_told(result.error),
    }


def archive_summary(tally: ArchiveTally) -> dict[str, Any]:
    """The counts at the end."""
    return {
        "selected": tally.selected,
        **{state.value: tally.states[state] for state in ArchiveState},
        "not_tried": tally.not_tried,
        "requests": tally.requests,
        "interrupted": tally.interrupted,
        "exit_code": int(tally.exit_code),
    }
