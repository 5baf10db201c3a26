"""Activity tasks: completed, failed and kept by workers (contract/server.md §7)."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dwctl.rehearsal.activity_deadlines import move_heartbeat_deadline
from dwctl.rehearsal.activity_ends import backoff_of, record_failure, record_result, schedule_retry
from dwctl.rehearsal.answers import Refusal, answer, body_of, namespace_of, state_of
from dwctl.rehearsal.claims import attempt_keys, execution_row
from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.history_writer import activity_snapshot, append_event, task_snapshot
from dwctl.rehearsal.leases import held_activity_task
from dwctl.rehearsal.progress import changed_runs, wake_queues
from dwctl.rehearsal.tasks import LEASE, renew_lease, task_row
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
        task, execution, run = held_activity_task(connection, namespace_of(request), task_id, owner, attempt_id, now)
        codec = codec_of(result, execution["payload_codec"])
        next_task = record_result(connection, run, task, execution, blob_of(result), codec, now)
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


def fail(request: Request) -> Response:
    """`POST /api/worker/activity-tasks/{id}/fail`: try again while the retry policy allows it, else the run learns."""
    state, task_id = state_of(request), request.path_params["task_id"]
    now = state.now()
    fields = Fields(body_of(request))
    owner, attempt_id = _authority(fields)
    failure = failure_of(fields)
    fields.done()
    with state.database.write() as connection:
        task, execution, run = held_activity_task(connection, namespace_of(request), task_id, owner, attempt_id, now)
        backoff = backoff_of(execution, failure)
        if backoff is None:
            next_task = record_failure(connection, run, task, execution, failure, now)
        else:
            next_task = schedule_retry(connection, run, task, execution, failure, backoff, now)
        queues = changed_runs(connection, {run["id"]}, now)
    wake_queues(state, queues)
    outcome = "failed" if backoff is None else "retry_scheduled"
    return answer(request, {**_receipt(task_id, attempt_id, outcome), "next_task_id": next_task})


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


def _renew(connection: Connection, run: Row, task: Row, execution: Row, details: object, now: datetime) -> Row:
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
    move_heartbeat_deadline(connection, execution, now)
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
