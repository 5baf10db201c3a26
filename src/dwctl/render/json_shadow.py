"""A shadow run as JSON."""

from __future__ import annotations

from typing import Any

from dwctl.checklist.shadow.shadow import REASONS, ShadowResult
from dwctl.render.json_coverage import coverage_item
from dwctl.render.json_server import error_item


def shadow_document(result: ShadowResult, *, with_output: bool) -> dict[str, Any]:
    """The document of `shadow --json`; the output only where it was asked for."""
    plan, hang = result.plan, result.hang
    document: dict[str, Any] = {
        "schema": "dwctl.shadow",
        "schema_version": 1,
        "server": result.server,
        "namespace": result.namespace,
        "workflow_id": plan.workflow_id,
        "run_id": result.run_id,
        "workflow_type": plan.workflow_type,
        "task_queue": plan.task_queue,
        "expected_status": plan.expect,
        "compared_output": bool(plan.output),
        "state": result.state.value,
        "reason": REASONS.get(result.state),
        "status": result.status,
        "claimed": result.claimed_after is not None,
        "claimed_by": result.claimed_by,
        "claimed_after_seconds": _rounded(result.claimed_after),
        "seconds": _rounded(result.seconds),
        "start_answer_lost": result.asked,
        "told": result.told,
        "next_step": result.next_step,
        "coverage": None if hang is None or hang.row is None else coverage_item(hang.row),
        "left": result.left or None,
        "error": None if result.error is None else error_item(result.error),
        "exit_code": int(result.exit_code),
    }
    return document | ({"output": result.output} if with_output else {})


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
