"""Updates of a run: applied and closed by the worker that was given them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dwctl.rehearsal.closing import add_failure
from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.history_writer import append_event, next_step_sequence, task_snapshot
from dwctl.rehearsal.times import stored

Row = sqlite3.Row
Json = dict[str, Any]


def complete_update(
    connection: Connection, run: Row, task: Row, update_id: str, result: str | None, now: datetime
) -> None:
    """Close an accepted update with its result; nothing happens where it is closed already."""
    update = _accepted(connection, run, update_id)
    if update is not None:
        _close(connection, run, task, update, now, "completed", {"result": result}, result=result)


def fail_update(
    connection: Connection, run: Row, task: Row, update_id: str, failure: Mapping[str, Any], now: datetime
) -> None:
    """Close an accepted update with a failure; nothing happens where it is closed already."""
    update = _accepted(connection, run, update_id)
    if update is None:
        return
    message = str(failure.get("message"))
    exception_class = str(failure.get("exception_class") or "")
    failure_id = add_failure(
        connection,
        run["id"],
        now,
        category="application",
        propagation="update",
        message=message,
        source_kind="workflow_update",
        source_id=update_id,
        exception_class=exception_class,
        non_retryable=failure.get("non_retryable") is True,
    )
    outcome = {
        "failure_id": failure_id,
        "failure_category": "application",
        "non_retryable": failure.get("non_retryable") is True,
        "exception_type": failure.get("exception_type"),
        "exception_class": exception_class or None,
        "message": message,
    }
    _close(connection, run, task, update, now, "failed", outcome, failure_id=failure_id, failure_message=message)


def _accepted(connection: Connection, run: Row, update_id: str) -> Row | None:
    row: Row | None = connection.execute(
        "SELECT * FROM workflow_updates WHERE id = ? AND workflow_run_id = ? AND status = 'accepted'",
        (update_id, run["id"]),
    ).fetchone()
    return row


def _close(
    connection: Connection,
    run: Row,
    task: Row,
    update: Row,
    now: datetime,
    status: str,
    outcome: Mapping[str, Any],
    **columns: str | None,
) -> None:
    sequence, moment = next_step_sequence(connection, run["id"]), stored(now)
    keys = {
        "workflow_command_id": update["workflow_command_id"],
        "update_id": update["id"],
        "workflow_instance_id": run["workflow_instance_id"],
        "workflow_run_id": run["id"],
        "update_name": update["update_name"],
    }
    for event_type, said in (("UpdateApplied", {"arguments": update["arguments"]}), ("UpdateCompleted", outcome)):
        ordered: Json = {**keys, "sequence": sequence, **said, "task": task_snapshot(task)}
        append_event(
            connection, run["id"], event_type, ordered, now,
            task_id=task["id"], command_id=update["workflow_command_id"],
        )  # fmt: skip
    connection.execute(
        "UPDATE workflow_updates SET status = ?, outcome = ?, workflow_sequence = ?, applied_at = ?, closed_at = ?,"
        " result = ?, failure_id = ?, failure_message = ?, updated_at = ? WHERE id = ?",
        (status, f"update_{status}", sequence, moment, moment, columns.get("result"), columns.get("failure_id"),
         columns.get("failure_message"), moment, update["id"]),
    )  # fmt: skip
    connection.execute(
        "UPDATE workflow_commands SET applied_at = ?, outcome = ?, updated_at = ? WHERE id = ?",
        (moment, f"update_{status}", moment, update["workflow_command_id"]),
    )
