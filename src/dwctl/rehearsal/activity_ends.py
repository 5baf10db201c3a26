"""How the attempt of an activity ends: with a result, with a failure, or with another attempt to come."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from dwctl.bundle.loose import integer
from dwctl.rehearsal.activity_deadlines import LONGEST, await_next_attempt
from dwctl.rehearsal.avro_writer import encode_value
from dwctl.rehearsal.claims import attempt_keys, execution_row, group_path, parallel_keys
from dwctl.rehearsal.closing import add_failure
from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.groups import is_settled
from dwctl.rehearsal.history_writer import activity_snapshot, append_event, loaded_map, task_snapshot
from dwctl.rehearsal.tasks import add_task, close_task, resume_run, task_row
from dwctl.rehearsal.times import micros, stored

Row = sqlite3.Row
Json = dict[str, Any]


def record_result(
    connection: Connection, run: Row, task: Row, execution: Row, result: str | None, codec: str | None, now: datetime
) -> str | None:
    """Close the execution with its result; the id of the workflow task with which the run goes on, if it does."""
    execution = _close(connection, execution, "completed", now, result=result, codec=codec)
    payload = {
        **attempt_keys(execution),
        "result": execution["result"],
        "payload_codec": execution["payload_codec"],
        "activity": activity_snapshot(execution),
        **parallel_keys(execution),
        "task": task_snapshot(task),
    }
    append_event(connection, run["id"], "ActivityCompleted", payload, now, task_id=task["id"])
    close_task(connection, task["id"], "completed", now)
    if not is_settled(connection, run["id"], group_path(execution)):
        return None
    return resume_run(connection, run, _resumption(execution, "ActivityCompleted"), now)


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
        "UPDATE activity_attempts SET status = ?, closed_at = ?, lease_expires_at = NULL, updated_at = ? WHERE id = ?"
        " AND status = 'running'",
        (status, moment, moment, execution["current_attempt_id"]),
    )


def backoff_of(execution: Row, failure: Mapping[str, Any]) -> int | None:
    """The seconds until the next attempt, or None where there is none to come.

    A policy came with a command, which was checked, or with a bundle, which was not: what is of no use is absent.
    """
    policy = loaded_map(execution["retry_policy"])
    attempts = execution["attempt_count"]
    if failure.get("non_retryable") is True or attempts >= (integer(policy.get("max_attempts")) or 1):
        return None
    for_good = policy.get("non_retryable_error_types")
    if isinstance(for_good, list) and any(
        failure.get(key) in for_good for key in ("type", "class") if failure.get(key)
    ):
        return None
    given = policy.get("backoff_seconds")
    steps = [step for step in given if type(step) is int and 0 <= step <= LONGEST] if isinstance(given, list) else []
    return int(steps[min(max(attempts, 1), len(steps)) - 1]) if steps else 0


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


def record_failure(
    connection: Connection,
    run: Row,
    task: Row,
    execution: Row,
    failure: Mapping[str, Any],
    now: datetime,
    *,
    timeout: str | None = None,
) -> str | None:
    """Close the execution with its failure; the id of the workflow task with which the run goes on.

    `timeout` is the kind of the timeout that was the failure: the history then has an ActivityTimedOut.
    """
    event_type, category = ("ActivityFailed", "activity") if timeout is None else ("ActivityTimedOut", "timeout")
    execution = _close(connection, execution, "failed", now, exception=encode_value(_exception(failure)))
    non_retryable = failure.get("non_retryable") is True
    failure_id = add_failure(
        connection,
        run["id"],
        now,
        category=category,
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
        "failure_category": category,
        **_timeout_keys(timeout),
        "non_retryable": non_retryable,
        **_failure_keys(failure),
        "activity": activity_snapshot(execution),
        **parallel_keys(execution),
        "task": task_snapshot(task),
    }
    append_event(connection, run["id"], event_type, payload, now, task_id=task["id"])
    close_task(connection, task["id"], "completed", now)
    return resume_run(connection, run, _resumption(execution, event_type), now)


def _timeout_keys(timeout: str | None) -> Json:
    return {} if timeout is None else {"timeout_kind": timeout}


def schedule_retry(
    connection: Connection,
    run: Row,
    task: Row,
    execution: Row,
    failure: Mapping[str, Any],
    backoff: int,
    now: datetime,
    *,
    timeout: str | None = None,
) -> str:
    """A new task for the next attempt, and ActivityRetryScheduled in the history (corpus bundle 40).

    `timeout` is the kind of the timeout that ended the attempt, if one did.
    """
    moment, policy = stored(now), loaded_map(execution["retry_policy"])
    _close_attempt(connection, execution, "failed", moment)
    connection.execute(
        "UPDATE activity_executions SET status = 'pending', exception = ?, updated_at = ? WHERE id = ?",
        (encode_value(_exception(failure)), moment, execution["id"]),
    )
    available_at = now + timedelta(seconds=backoff)
    await_next_attempt(connection, execution, available_at)
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
        **_timeout_keys(timeout),
        **_failure_keys(failure),
        "activity": activity_snapshot(execution),
        "task": task_snapshot(closed) if closed else None,
    }
    append_event(connection, run["id"], "ActivityRetryScheduled", payload, now, task_id=task["id"])
    return next_task
