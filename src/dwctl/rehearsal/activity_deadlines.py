"""The deadlines of an activity, from the timeouts that its retry policy holds (seconds).

A column of an execution holds a deadline as long as it binds: `schedule_deadline_at` until an attempt begins,
`close_deadline_at` and `heartbeat_deadline_at` while one runs, `schedule_to_close_deadline_at` over all attempts.
Deadlines do not travel with a bundle (contract/import.md §4.9), timeouts do: the next attempt of an imported
activity has deadlines again.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.history_writer import loaded_map
from dwctl.rehearsal.times import stored

Row = sqlite3.Row

TIMEOUTS = ("start_to_close_timeout", "schedule_to_start_timeout", "schedule_to_close_timeout", "heartbeat_timeout")
"""The fields of an activity's timeouts, in a command and in the policy that the execution keeps."""

LONGEST = 2**31 - 1
"""The longest timeout: what a column of the server's databases holds."""


def deadline_after(seconds: object, since: datetime) -> str | None:
    """The stored time so many seconds later; None where there is no such timeout."""
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not 0 < float(seconds) <= LONGEST:  # type: ignore[arg-type]
        return None
    return stored(since + timedelta(seconds=float(seconds)))  # type: ignore[arg-type]


def begin_deadlines(connection: Connection, execution: Row, now: datetime) -> None:
    """An attempt begins: it has been started in time, and its own two deadlines begin."""
    policy = loaded_map(execution["retry_policy"])
    connection.execute(
        "UPDATE activity_executions SET schedule_deadline_at = NULL, close_deadline_at = ?, heartbeat_deadline_at = ?"
        " WHERE id = ?",
        (
            deadline_after(policy.get("start_to_close_timeout"), now),
            deadline_after(policy.get("heartbeat_timeout"), now),
            execution["id"],
        ),
    )


def move_heartbeat_deadline(connection: Connection, execution: Row, now: datetime) -> None:
    """A heartbeat was heard: the next one is waited for anew."""
    timeout = loaded_map(execution["retry_policy"]).get("heartbeat_timeout")
    connection.execute(
        "UPDATE activity_executions SET heartbeat_deadline_at = ? WHERE id = ?",
        (deadline_after(timeout, now), execution["id"]),
    )


def await_next_attempt(connection: Connection, execution: Row, available_at: datetime) -> None:
    """Another attempt is to come: its start is waited for from the moment at which it may be claimed."""
    timeout = loaded_map(execution["retry_policy"]).get("schedule_to_start_timeout")
    connection.execute(
        "UPDATE activity_executions SET schedule_deadline_at = ?, close_deadline_at = NULL,"
        " heartbeat_deadline_at = NULL WHERE id = ?",
        (deadline_after(timeout, available_at), execution["id"]),
    )
