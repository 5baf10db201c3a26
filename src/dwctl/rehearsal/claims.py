"""What a worker is given with a claim: the task, its run, and the first page of the history."""

from __future__ import annotations

import base64
import json
import sqlite3
from datetime import datetime
from typing import Any

from dwctl.rehearsal.activity_deadlines import begin_deadlines
from dwctl.rehearsal.avro_writer import encode_value
from dwctl.rehearsal.database import Connection, insert
from dwctl.rehearsal.groups import groups_in
from dwctl.rehearsal.history_writer import (
    activity_snapshot,
    append_event,
    loaded_map,
    new_attempt_id,
    task_snapshot,
)
from dwctl.rehearsal.tasks import run_row
from dwctl.rehearsal.times import stored, stored_as_micros

Json = dict[str, Any]
Row = sqlite3.Row

DEFAULT_PAGE = 500
LARGEST_PAGE = 1000

# What a task's payload may say about why the run goes on; keys that are absent are null (recording 267).
_RESUMPTION = (
    "workflow_wait_kind open_wait_id resume_source_kind resume_source_id workflow_update_id workflow_signal_id"
    " signal_name signal_wait_id workflow_command_id activity_execution_id activity_attempt_id activity_type"
    " child_call_id child_workflow_run_id workflow_sequence workflow_event_type timer_id condition_wait_id"
    " condition_key condition_definition_fingerprint"
).split()


def envelope(codec: str | None, blob: str | None) -> Json | None:
    """A payload as the worker protocol carries it, or None where there is none."""
    return None if blob is None else {"codec": codec, "blob": blob}


def workflow_claim(connection: Connection, task: Row, page_size: int, *, memo_envelopes: bool) -> Json:
    """The document of a claimed workflow task (recordings 081, 267, 284)."""
    run = run_row(connection, task["workflow_run_id"])
    payload = loaded_map(task["payload"])
    events, next_token = history_page(connection, run, 0, page_size, memo_envelopes=memo_envelopes)
    return {
        "task_id": task["id"],
        "workflow_id": run["workflow_instance_id"],
        "run_id": run["id"],
        "workflow_task_attempt": task["attempt_count"],
        "workflow_type": run["workflow_type"],
        "payload_codec": run["payload_codec"],
        "arguments": envelope(run["payload_codec"], run["arguments"]),
        "run_status": run["status"],
        "last_history_sequence": run["last_history_sequence"],
        "history_events": events,
        "task_queue": task["queue"],
        "connection": task["connection"],
        "compatibility": task["compatibility"],
        "lease_owner": task["lease_owner"],
        "lease_expires_at": stored_as_micros(task["lease_expires_at"]),
        **{key: payload.get(key) for key in _RESUMPTION},
        "total_history_events": _event_count(connection, run["id"]),
        "next_history_page_token": next_token,
    }


def _event_count(connection: Connection, run_id: str) -> int:
    (count,) = connection.execute(
        "SELECT COUNT(*) FROM workflow_history_events WHERE workflow_run_id = ?", (run_id,)
    ).fetchone()
    return int(count)


def history_page(
    connection: Connection, run: Row, after: int, page_size: int, *, memo_envelopes: bool
) -> tuple[list[Json], str | None]:
    """The events of a run after a sequence, and the token of the page that follows, if one does."""
    rows = connection.execute(
        "SELECT * FROM workflow_history_events WHERE workflow_run_id = ? AND sequence > ? ORDER BY sequence LIMIT ?",
        (run["id"], after, page_size + 1),
    ).fetchall()
    page = rows[:page_size]
    events = [_event(row, run["namespace"], memo_envelopes=memo_envelopes) for row in page]
    return events, (page_token(page[-1]["sequence"]) if len(rows) > page_size else None)


def page_token(sequence: int) -> str:
    """The token of the page that begins after this sequence."""
    return base64.b64encode(str(sequence).encode("ascii")).decode("ascii")


def page_start(token: str) -> int | None:
    """The sequence that a token stands for; None for a token that is none of ours."""
    try:
        text = base64.b64decode(token, validate=True).decode("ascii")
    except ValueError:
        return None
    return int(text) if text.isdecimal() else None


def _event(row: Row, namespace: str | None, *, memo_envelopes: bool) -> Json:
    payload = json.loads(row["payload"] or "{}") or {}
    if memo_envelopes and row["event_type"] == "MemoUpserted" and isinstance(payload, dict):
        payload = _with_memo_envelopes(payload)
    return {
        "id": row["id"],
        "sequence": row["sequence"],
        "event_type": row["event_type"],
        "namespace": namespace,
        "payload": payload,
        "workflow_task_id": row["workflow_task_id"],
        "workflow_command_id": row["workflow_command_id"],
        "recorded_at": stored_as_micros(row["recorded_at"]),
    }


def _with_memo_envelopes(payload: Json) -> Json:
    """Workers of today compare a memo by its encoded form; the embedded application recorded plain JSON."""
    wrapped = dict(payload)
    for key in ("entries", "merged"):
        value = payload.get(key)
        if value == [] or (isinstance(value, dict) and set(value) != {"codec", "blob"}):
            wrapped[key] = {"codec": "avro", "blob": encode_value(value or {})}
    return wrapped


def begin_attempt(connection: Connection, task: Row, now: datetime) -> Json:
    """Begin the attempt of a claimed activity task, and return its document (recordings 282, 284).

    The execution becomes `running`, the attempt gets a row, and the history an ActivityStarted.
    """
    execution_id = loaded_map(task["payload"]).get("activity_execution_id")
    run = run_row(connection, task["workflow_run_id"])
    moment, attempt_id = stored(now), new_attempt_id()
    connection.execute(
        "UPDATE activity_executions SET status = 'running', attempt_count = attempt_count + 1, current_attempt_id = ?,"
        " started_at = ?, updated_at = ? WHERE id = ?",
        (attempt_id, moment, moment, execution_id),
    )
    begin_deadlines(connection, execution_row(connection, str(execution_id)), now)
    execution = execution_row(connection, str(execution_id))
    attempt = {
        "id": attempt_id,
        "workflow_run_id": run["id"],
        "activity_execution_id": execution["id"],
        "workflow_task_id": task["id"],
        "attempt_number": execution["attempt_count"],
        "status": "running",
        "lease_owner": task["lease_owner"],
        "started_at": moment,
        "lease_expires_at": task["lease_expires_at"],
        "created_at": moment,
        "updated_at": moment,
    }
    insert(connection, "activity_attempts", [attempt])
    append_event(
        connection,
        run["id"],
        "ActivityStarted",
        {**attempt_keys(execution), "activity": activity_snapshot(execution), **parallel_keys(execution),
         "task": task_snapshot(task)},
        now,
        task_id=task["id"],
    )  # fmt: skip
    return activity_claim(connection, task)


def activity_claim(connection: Connection, task: Row) -> Json:
    """The document of a claimed activity task whose attempt has begun."""
    execution = execution_row(connection, str(loaded_map(task["payload"]).get("activity_execution_id")))
    run = run_row(connection, task["workflow_run_id"])
    return {
        "task_id": task["id"],
        "workflow_id": run["workflow_instance_id"],
        "run_id": run["id"],
        "activity_execution_id": execution["id"],
        "activity_attempt_id": execution["current_attempt_id"],
        "attempt_number": execution["attempt_count"],
        "activity_type": execution["activity_type"],
        "payload_codec": execution["payload_codec"],
        "arguments": envelope(execution["payload_codec"], execution["arguments"]),
        "retry_policy": loaded_map(execution["retry_policy"]) or None,
        "task_queue": task["queue"],
        "connection": task["connection"],
        "lease_owner": task["lease_owner"],
        "lease_expires_at": stored_as_micros(task["lease_expires_at"]),
    }


def execution_row(connection: Connection, execution_id: str) -> Row:
    """The activity execution of that id."""
    row: Row | None = connection.execute("SELECT * FROM activity_executions WHERE id = ?", (execution_id,)).fetchone()
    if row is None:
        raise LookupError(f"there is no activity execution {execution_id}")
    return row


def attempt_keys(execution: Row) -> Json:
    """The keys that begin the payload of every event about an attempt."""
    return {
        "activity_execution_id": execution["id"],
        "activity_attempt_id": execution["current_attempt_id"],
        "activity_class": execution["activity_class"],
        "activity_type": execution["activity_type"],
        "sequence": execution["sequence"],
        "attempt_number": execution["attempt_count"],
    }


def group_path(execution: Row) -> list[Json]:
    """The parallel groups that an execution is in, the outermost first; a bundle's may hold what is no group."""
    return [dict(entry) for entry in groups_in(json.loads(execution["parallel_group_path"] or "[]"))]


def parallel_keys(execution: Row) -> Json:
    """The place of an execution in its parallel group, as its events show it; empty where it has none."""
    path = group_path(execution)
    return {**path[-1], "parallel_group_path": path} if path else {}
