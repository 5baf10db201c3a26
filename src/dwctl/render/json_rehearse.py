"""A rehearsal as JSON: `schemas/rehearse.schema.json`."""

from __future__ import annotations

from typing import Any

from dwctl.render.json_errors import error_told
from dwctl.transfer.rehearsals.play import PlayResult, StepResult


def play_document(result: PlayResult, next_step: str) -> dict[str, Any]:
    """The whole play, and what to do after it."""
    return {
        "schema": "dwctl.rehearse",
        "schema_version": 1,
        "server": result.server or None,
        "namespace": result.namespace,
        "folder": result.folder,
        "passed": result.passed,
        "exit_code": int(result.exit_code),
        "seconds": round(result.seconds, 3),
        "refused": dict(result.refused),
        "imported": result.imported,
        "finished": dict(result.finished),
        "left_open": dict(result.left_open),
        "next_step": next_step,
        "steps": [step_item(step) for step in result.steps],
    }


def step_item(step: StepResult) -> dict[str, Any]:
    """One step."""
    return {
        "id": step.id,
        "phase": step.phase,
        "title": step.title,
        "why": step.why,
        "state": step.state.value,
        "seconds": round(step.seconds, 3),
        "told": list(step.told),
        "error": error_told(step.error),
    }
