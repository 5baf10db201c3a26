"""Activity tasks: completed, failed and kept by workers (contract/server.md §7)."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dwctl.rehearsal.answers import Refusal, answer, body_of, namespace_of, state_of
from dwctl.rehearsal.avro_writer import encode_value
from dwctl.rehearsal.claims import attempt_keys, execution_row, group_path, parallel_keys
from dwctl.rehearsal.closing import add_failure
from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.groups import is_settled
from dwctl.rehearsal.history_writer import activity_snapshot, append_event, loaded_map, task_snapshot
from dwctl.rehearsal.leases import held_activity_task
from dwctl.rehearsal.progress import changed_runs, wake_queues
from dwctl.rehearsal.tasks import LEASE, add_task, close_task, renew_lease, resume_run, task_row
from dwctl.rehearsal.times import micros, stored, stored_as_micros
from dwctl.rehearsal.turn import blob_of, codec_of
from dwctl.rehearsal.validation import Fields
from dwctl.rehearsal.workflow_tasks import failure_of

Row = sqlite3.Row
Json = dict[str, Any]


def complete(request: Request) -> Response:
    """`POST /api/worker/activity-tasks/{id}/complete`: the result goes into the history (recording 283)."""
    state, task_id = state_of(request), request.path_params["task_id"]
    now = state.now()
    fields = Fields(body_of(request))
    owner, attempt_id = _authority(fields)
    fields.done()
    result = body_of(request).get("result")
    with state.database.write() as connection:
        task, execution, run = held_activity_task(
            connection, namespace_of(request), task_id, owner, attempt_id, now
        )
        codec = codec_of(result, execution["payload_codec"])
        execution = _close(connection, execution, "completed", now, result=blob_of(result), codec=codec)
        payload = {
            **attempt_keys(execution),
            "result": execution["result"],
            "payload_codec": codec,
            "activity": activity_snapshot(execution),
            **parallel_keys(execution),
            "task": task_snapshot(task),
        }
        append_event(connection, run["id"], "ActivityCompleted", payload, now, task_id=task_id)
        close_task(connection, task_id, "completed", now)
        goes_on = is_settled(connection, run["id"], group_path(execution))
        next_task = resume_run(connection, run, _resumption(execution, "ActivityCompleted"), now) if goes_on else None
        queues = changed_runs(connection, {run["id"]}, now)
    wake_queues(state, queues)
    return answer(request, {**_receipt(task_id, attempt_id, "completed"), "next_task_id": next_task})


def _authority(fields: Fields) -> tuple[str, str]:
    """Whose lease and which attempt a request speaks of; what is wrong is noted in the fields."""
    attempt_id = fields.text("activity_attempt_id", required=True)
    owner = fields.text("lease_owner", required=True)
    return owner or "", attempt_id or ""


def _receipt(task_id: str, attempt_id: str, outcome: str) -> Json:
    return {
        "task_id": task_id,
        "activity_attempt_id": attempt_id,
        "outcome": outcome,
        "recorded": True,
        "reason": None,
    }


def _resumption(execution: Row, event_type: str) -> Json:
    return {
        "workflow_wait_kind": "activity",
        "open_wait_id": f"activity:{execution['id']}",
        "resume_source_kind": "activity_execution",
        "resume_source_id": execution["id"],
        "activity_execution_id": execution["id"],
        "activity_attempt_id": execution["current_attempt_id"],
        "activity_type": execution["activity_type"],
        "workflow_sequence": execution["sequence"],
        "workflow_event_type": event_type,
    }


def _close(
    connection: Connection,
    execution: Row,
    status: str,
    now: datetime,
    *,
    result: str | None = None,
    codec: str | None = None,
    exception: str | None = None,
) -> Row:
    """Close an execution and its attempt as `completed` or `failed`, and return the execution."""
    moment = stored(now)
    connection.execute(
        "UPDATE activity_executions SET status = ?, result = ?, exception = ?, payload_codec = ?, closed_at = ?,"
        " updated_at = ? WHERE id = ?",
        (status, result, exception, codec or execution["payload_codec"], moment, moment, execution["id"]),
    )
    _close_attempt(connection, execution, status, moment)
    return execution_row(connection, execution["id"])


def _close_attempt(connection: Connection, execution: Row, status: str, moment: str) -> None:
    connection.execute(
        "UPDATE activity_attempts SET status = ?, closed_at = ?, lease_expires_at = NULL, updated_at = ? WHERE id = ?",
        (status, moment, moment, execution["current_attempt_id"]),
    )


def fail(request: Request) -> Response:
    """`POST /api/worker/activity-tasks/{id}/fail`: try again while the retry policy allows it, else the run learns."""
    state, task_id = state_of(request), request.path_params["task_id"]
    now = state.now()
    fields = Fields(body_of(request))
    owner, attempt_id = _authority(fields)
    failure = failure_of(fields)
    fields.done()
    with state.database.write() as connection:
        task, execution, run = held_activity_task(
            connection, namespace_of(request), task_id, owner, attempt_id, now
        )
        backoff = _backoff(execution, failure)
        if backoff is None:
            next_task = _record_failure(connection, run, task, execution, failure, now)
        else:
            next_task = _schedule_retry(connection, run, task, execution, failure, backoff, now)
        queues = changed_runs(connection, {run["id"]}, now)
    wake_queues(state, queues)
    outcome = "failed" if backoff is None else "retry_scheduled"
    return answer(request, {**_receipt(task_id, attempt_id, outcome), "next_task_id": next_task})


def _backoff(execution: Row, failure: Mapping[str, Any]) -> int | None:
    """The seconds until the next attempt, or None where there is none to come."""
    policy = loaded_map(execution["retry_policy"])
    attempts = execution["attempt_count"]
    if failure.get("non_retryable") is True or attempts >= (policy.get("max_attempts") or 1):
        return None
    if {failure.get("type"), failure.get("class")} & set(policy.get("non_retryable_error_types") or []):
        return None
    steps = policy.get("backoff_seconds") or [0]
    return int(steps[min(attempts, len(steps)) - 1])


def _exception(failure: Mapping[str, Any]) -> Json:
    """A worker's failure in the shape that histories have for exceptions."""
    keys = ("class", "message", "code", "type", "details", "stack_trace")
    return {key: failure[key] for key in keys if failure.get(key) is not None}


def _failure_keys(failure: Mapping[str, Any]) -> Json:
    return {
        "exception_type": failure.get("type"),
        "exception_class": failure.get("class"),
        "message": failure["message"],
        "code": failure.get("code", 0),
        "exception": _exception(failure),
    }


def _record_failure(
    connection: Connection, run: Row, task: Row, execution: Row, failure: Mapping[str, Any], now: datetime
) -> str | None:
    execution = _close(connection, execution, "failed", now, exception=encode_value(_exception(failure)))
    non_retryable = failure.get("non_retryable") is True
    failure_id = add_failure(
        connection,
        run["id"],
        now,
        category="activity",
        propagation="activity",
        message=str(failure["message"]),
        source_kind="activity_execution",
        source_id=execution["id"],
        exception_class=str(failure.get("class") or ""),
        non_retryable=non_retryable,
        trace=str(failure.get("stack_trace") or ""),
    )
    payload = {
        **attempt_keys(execution),
        "failure_id": failure_id,
        "failure_category": "activity",
        "non_retryable": non_retryable,
        **_failure_keys(failure),
        "activity": activity_snapshot(execution),
        **parallel_keys(execution),
        "task": task_snapshot(task),
    }
    append_event(connection, run["id"], "ActivityFailed", payload, now, task_id=task["id"])
    close_task(connection, task["id"], "completed", now)
    return resume_run(connection, run, _resumption(execution, "ActivityFailed"), now)


def _schedule_retry(
    connection: Connection,
    run: Row,
    task: Row,
    execution: Row,
    failure: Mapping[str, Any],
    backoff: int,
    now: datetime,
) -> str:
    """A new task for the next attempt, and ActivityRetryScheduled in the history (corpus bundle 40)."""
    moment, policy = stored(now), loaded_map(execution["retry_policy"])
    _close_attempt(connection, execution, "failed", moment)
    connection.execute(
        "UPDATE activity_executions SET status = 'pending', exception = ?, updated_at = ? WHERE id = ?",
        (encode_value(_exception(failure)), moment, execution["id"]),
    )
    execution = execution_row(connection, execution["id"])
    close_task(connection, task["id"], "completed", now)
    after = {
        "retry_of_task_id": task["id"],
        "retry_after_attempt_id": execution["current_attempt_id"],
        "retry_after_attempt": execution["attempt_count"],
        "retry_backoff_seconds": backoff,
        "max_attempts": policy.get("max_attempts"),
        "retry_policy": policy,
    }
    available_at = now + timedelta(seconds=backoff)
    next_task = add_task(
        connection,
        run,
        "activity",
        {"activity_execution_id": execution["id"], **after},
        now,
        available_at=available_at,
        queue=task["queue"],
        attempt_count=execution["attempt_count"],
    )
    keys = attempt_keys(execution)
    del keys["attempt_number"]
    closed = task_row(connection, task["id"])
    payload = {
        **keys,
        "retry_task_id": next_task,
        **after,
        "retry_available_at": micros(available_at),
        **_failure_keys(failure),
        "activity": activity_snapshot(execution),
        "task": task_snapshot(closed) if closed else None,
    }
    append_event(connection, run["id"], "ActivityRetryScheduled", payload, now, task_id=task["id"])
    return next_task


def heartbeat(request: Request) -> Response:
    """`POST /api/worker/activity-tasks/{id}/heartbeat`: the lease begins anew, and progress goes into the history.

    A worker whose run was closed meanwhile is told to stop with a 200.
    """
    state, task_id = state_of(request), request.path_params["task_id"]
    now = state.now()
    fields = Fields(body_of(request))
    owner, attempt_id = _authority(fields)
    fields.done()
    details = body_of(request).get("details")
    try:
        with state.database.write() as connection:
            task, execution, run = held_activity_task(
                connection, namespace_of(request), task_id, owner, attempt_id, now
            )
            renewed = _renew(connection, run, task, execution, details, now)
            changed_runs(connection, {run["id"]}, now)
    except Refusal as refusal:
        if refusal.document.get("reason") != "run_closed":
            raise
        return answer(request, {**refusal.document, "heartbeat_recorded": False})
    document = {
        "task_id": task_id,
        "activity_attempt_id": attempt_id,
        "lease_owner": owner,
        "can_continue": True,
        "cancel_requested": False,
        "heartbeat_recorded": True,
        "lease_expires_at": stored_as_micros(renewed["lease_expires_at"]),
        "run_status": run["status"],
        "reason": None,
    }
    return answer(request, document)


def _renew(
    connection: Connection, run: Row, task: Row, execution: Row, details: object, now: datetime
) -> Row:
    moment, expires = stored(now), stored(now + LEASE)
    renew_lease(connection, task["id"], now)
    connection.execute(
        "UPDATE activity_executions SET last_heartbeat_at = ?, updated_at = ? WHERE id = ?",
        (moment, moment, execution["id"]),
    )
    connection.execute(
        "UPDATE activity_attempts SET last_heartbeat_at = ?, lease_expires_at = ?, updated_at = ? WHERE id = ?",
        (moment, expires, moment, execution["current_attempt_id"]),
    )
    renewed = task_row(connection, task["id"]) or task
    execution = execution_row(connection, execution["id"])
    attempt = connection.execute(
        "SELECT * FROM activity_attempts WHERE id = ?", (execution["current_attempt_id"],)
    ).fetchone()
    payload = {
        **attempt_keys(execution),
        "heartbeat_at": micros(now),
        "lease_expires_at": micros(now + LEASE),
        "activity": activity_snapshot(execution),
        "activity_attempt": _attempt_snapshot(attempt),
        **({"progress": {"details": details}} if details is not None else {}),
        "task": task_snapshot(renewed),
    }
    append_event(connection, run["id"], "ActivityHeartbeatRecorded", payload, now, task_id=task["id"])
    return renewed


def _attempt_snapshot(attempt: Row) -> Json:
    return {
        "id": attempt["id"],
        "attempt_number": attempt["attempt_number"],
        "status": attempt["status"],
        "task_id": attempt["workflow_task_id"],
        "lease_owner": attempt["lease_owner"],
        "started_at": stored_as_micros(attempt["started_at"]),
        "last_heartbeat_at": stored_as_micros(attempt["last_heartbeat_at"]),
        "lease_expires_at": stored_as_micros(attempt["lease_expires_at"]),
    }
