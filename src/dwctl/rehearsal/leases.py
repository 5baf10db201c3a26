"""Whether a worker still holds the task that it speaks of; if not, the server's reasons (recordings 086 to 091)."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dwctl.rehearsal.answers import Refusal
from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.tasks import OPEN_STATUSES, run_row, task_row
from dwctl.rehearsal.times import stored, stored_as_micros

Row = sqlite3.Row
Json = dict[str, Any]


def held_workflow_task(
    connection: Connection, namespace: str, task_id: str, owner: str, attempt: int, now: datetime
) -> tuple[Row, Row]:
    """The leased workflow task and its run. Raises `Refusal` 404 or 409 where the worker does not hold it."""
    facts = {"task_id": task_id, "workflow_task_attempt": attempt}
    task = _known(connection, namespace, task_id, "workflow", facts)
    _require_owner(task, owner, facts, "Workflow task")
    if task["attempt_count"] != attempt:
        raise _refused("The attempt is not that of the current claim.", "workflow_task_attempt_mismatch", facts,
                       {"current_attempt": task["attempt_count"]})  # fmt: skip
    return task, _open_run(connection, task, facts, now)


def held_activity_task(
    connection: Connection, namespace: str, task_id: str, owner: str, attempt_id: str, now: datetime
) -> tuple[Row, Row, Row]:
    """The leased activity task, its execution and its run. Raises `Refusal` 404 or 409 as above."""
    facts = {"task_id": task_id, "activity_attempt_id": attempt_id}
    task = _known(connection, namespace, task_id, "activity", facts)
    execution: Row | None = connection.execute(
        "SELECT a.* FROM activity_executions a JOIN workflow_tasks t"
        " ON a.id = json_extract(t.payload, '$.activity_execution_id') WHERE t.id = ?",
        (task_id,),
    ).fetchone()
    if execution is None:
        raise _unknown(facts, "Activity task")
    _require_owner(task, owner, facts, "Activity task")
    if execution["current_attempt_id"] != attempt_id:
        raise _refused("The attempt is not that of the current claim.", "activity_attempt_mismatch", facts,
                       {"current_attempt_id": execution["current_attempt_id"]})  # fmt: skip
    return task, execution, _open_run(connection, task, facts, now)


def _known(connection: Connection, namespace: str, task_id: str, kind: str, facts: Mapping[str, Any]) -> Row:
    task = task_row(connection, task_id)
    if task is None or task["namespace"] != namespace or task["task_type"] != kind:
        raise _unknown(facts, f"{kind.capitalize()} task")
    return task


def _unknown(facts: Mapping[str, Any], what: str) -> Refusal:
    return Refusal(404, {**facts, "error": f"{what} not found.", "reason": "task_not_found"})


def _require_owner(task: Row, owner: str, facts: Mapping[str, Any], what: str) -> None:
    if task["lease_owner"] is None:
        raise _refused(f"{what} is not leased.", "task_not_leased", facts, {"task_status": task["status"]})
    if task["lease_owner"] != owner:
        raise _refused(f"{what} is leased to another worker.", "lease_owner_mismatch", facts,
                       {"lease_owner": task["lease_owner"]})  # fmt: skip


def _open_run(connection: Connection, task: Row, facts: Mapping[str, Any], now: datetime) -> Row:
    run = run_row(connection, task["workflow_run_id"])
    if run["status"] not in OPEN_STATUSES:
        raise _refused("The run is closed.", "run_closed", facts, closed_run_facts(run, task))
    lease = {"lease_owner": task["lease_owner"], "lease_expires_at": stored_as_micros(task["lease_expires_at"])}
    if task["status"] != "leased":
        raise _refused("The task is not leased.", "task_not_leased", facts, {"task_status": task["status"], **lease})
    if task["lease_expires_at"] < stored(now):
        raise _refused("The lease has run out.", "lease_expired", facts, lease)
    return run


def closed_run_facts(run: Row, task: Row) -> Json:
    """What a worker learns of a run that was closed while it worked (recording 091)."""
    return {
        "stop_reason": f"run_{run['status']}",
        "cancel_requested": run["status"] == "cancelled",
        "can_continue": False,
        "run_status": run["status"],
        "run_closed_reason": run["closed_reason"],
        "run_closed_at": stored_as_micros(run["closed_at"]),
        "task_status": task["status"],
        "lease_owner": task["lease_owner"],
        "lease_expires_at": stored_as_micros(task["lease_expires_at"]),
    }


def _refused(error: str, reason: str, facts: Mapping[str, Any], more: Mapping[str, Any]) -> Refusal:
    return Refusal(409, {**facts, "error": error, "reason": reason, **more})
