"""Writing the history of a run: one event at a time, with the reference's event types and payload keys."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ulid import ULID

from dwctl.rehearsal.database import Connection, insert
from dwctl.rehearsal.times import stored, stored_as_micros

Json = dict[str, Any]
Row = sqlite3.Row

# The columns of a task that its snapshot in an event shows, in the reference's order: key, column, is a time.
_TASK_SNAPSHOT = (
    ("id", "id", False),
    ("type", "task_type", False),
    ("status", "status", False),
    ("available_at", "available_at", True),
    ("leased_at", "leased_at", True),
    ("lease_owner", "lease_owner", False),
    ("lease_expires_at", "lease_expires_at", True),
    ("attempt_count", "attempt_count", False),
    ("repair_count", "repair_count", False),
    ("connection", "connection", False),
    ("queue", "queue", False),
    ("last_dispatch_attempt_at", "last_dispatch_attempt_at", True),
    ("last_dispatched_at", "last_dispatched_at", True),
)


def new_id() -> str:
    """A new identifier as the server makes it: a ULID in lower case."""
    return str(ULID()).lower()


def new_attempt_id() -> str:
    """A new identifier of an activity attempt, a wait or a child call: a ULID in upper case, as recorded."""
    return str(ULID())


def stored_json(value: Any) -> str:
    """JSON text of a column as PHP writes it; a float keeps its fraction, which replay compares."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/") if value != {} else "[]"


def loaded_map(text: str | None) -> Json:
    """The object in a JSON column; an empty list is PHP's empty object."""
    value = json.loads(text) if text else {}
    return value if isinstance(value, dict) else {}


def append_event(
    connection: Connection,
    run_id: str,
    event_type: str,
    payload: Mapping[str, Any],
    now: datetime,
    *,
    task_id: str | None = None,
    command_id: str | None = None,
) -> str:
    """Append one event to a run's history and return its id; the run's sequence and progress move with it."""
    moment = stored(now)
    connection.execute(
        "UPDATE workflow_runs SET last_history_sequence = last_history_sequence + 1, last_progress_at = ?,"
        " updated_at = ? WHERE id = ?",
        (moment, moment, run_id),
    )
    (sequence,) = connection.execute(
        "SELECT last_history_sequence FROM workflow_runs WHERE id = ?", (run_id,)
    ).fetchone()
    event_id = new_id()
    row = {
        "id": event_id,
        "workflow_run_id": run_id,
        "sequence": sequence,
        "event_type": event_type,
        "payload": stored_json(payload),
        "workflow_task_id": task_id,
        "workflow_command_id": command_id,
        "recorded_at": moment,
        "created_at": moment,
        "updated_at": moment,
    }
    insert(connection, "workflow_history_events", [row])
    return event_id


def task_snapshot(task: Row) -> Json:
    """A task as events show it; what it does not have yet is left out, as the reference leaves it out."""
    shown = {key: stored_as_micros(task[column]) if timed else task[column] for key, column, timed in _TASK_SNAPSHOT}
    # Asked for its connection, the reference's model names that of its database (recordings 103, 284).
    shown["connection"] = "sqlite"
    return {key: value for key, value in shown.items() if value is not None}


def activity_snapshot(execution: Row) -> Json:
    """An activity execution as events show it; empty fields are left out, as the reference leaves them out."""
    shown = {
        "id": execution["id"],
        "idempotency_key": execution["id"],
        "sequence": execution["sequence"],
        "type": execution["activity_type"],
        "class": execution["activity_class"],
        "local_activity": False,
        "attempt_id": execution["current_attempt_id"],
        "status": execution["status"],
        "payload_codec": execution["payload_codec"],
        "attempt_count": execution["attempt_count"],
        "retry_policy": loaded_map(execution["retry_policy"]) or None,
        "connection": execution["connection"],
        "queue": execution["queue"],
        "last_heartbeat_at": stored_as_micros(execution["last_heartbeat_at"]),
        "created_at": stored_as_micros(execution["created_at"]),
        "started_at": stored_as_micros(execution["started_at"]),
        "closed_at": stored_as_micros(execution["closed_at"]),
        "arguments": execution["arguments"],
        "result": execution["result"],
        "exception": execution["exception"],
    }
    return {key: value for key, value in shown.items() if value is not None}


def next_step_sequence(connection: Connection, run_id: str) -> int:
    """The workflow sequence of the next step: one after the last that the run's history has recorded."""
    (highest,) = connection.execute(
        "SELECT MAX(CAST(json_extract(payload, '$.sequence') AS integer)) FROM workflow_history_events"
        " WHERE workflow_run_id = ?",
        (run_id,),
    ).fetchone()
    return (highest or 0) + 1
