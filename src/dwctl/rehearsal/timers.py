"""Timers: scheduled by a workflow task, fired by the server's own queue when they are due (contract/server.md §6)."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from dwctl.rehearsal.database import Connection, insert
from dwctl.rehearsal.groups import groups_in, is_settled
from dwctl.rehearsal.history_writer import append_event, loaded_map, new_id, task_snapshot
from dwctl.rehearsal.quirks import Profile, Q
from dwctl.rehearsal.tasks import LEASE, add_task, close_task, resume_run, run_row, task_row
from dwctl.rehearsal.times import micros, stored, stored_as_micros

Row = sqlite3.Row
Json = dict[str, Any]

_SERVER = "server-queue"

# timer_kind → the wait that the timer ends.
_WAIT_KINDS = {"condition_timeout": "condition", "signal_timeout": "signal"}


def schedule_timer(
    connection: Connection,
    run: Row,
    task: Row,
    sequence: int,
    delay_seconds: int,
    now: datetime,
    wait: Mapping[str, Any],
    group: Mapping[str, Any],
) -> str:
    """Schedule a timer and its task, write TimerScheduled, and return the timer's id.

    `wait` names what the timer is the timeout of (timer_kind, signal_wait_id, condition_wait_id and the like),
    `group` its place in a parallel group; both are repeated when it fires.
    """
    fire_at, moment = now + timedelta(seconds=delay_seconds), stored(now)
    timer_id = new_id()
    timer = {
        "id": timer_id,
        "workflow_run_id": run["id"],
        "sequence": sequence,
        "status": "pending",
        "delay_seconds": delay_seconds,
        "fire_at": stored(fire_at),
        "created_at": moment,
        "updated_at": moment,
    }
    insert(connection, "workflow_run_timers", [timer])
    payload = {
        "timer_id": timer_id,
        "sequence": sequence,
        "delay_seconds": delay_seconds,
        "fire_at": micros(fire_at),
        **wait,
        **group,
        "task": task_snapshot(task),
    }
    append_event(connection, run["id"], "TimerScheduled", payload, now, task_id=task["id"])
    add_task(connection, run, "timer", {"timer_id": timer_id, **wait, **group}, now, available_at=fire_at)
    return timer_id


_DUE = """
    SELECT t.id FROM workflow_tasks t JOIN workflow_runs r ON r.id = t.workflow_run_id
     WHERE t.status = 'ready' AND t.task_type = 'timer' AND t.available_at <= :now
       AND r.status IN ('pending', 'running', 'waiting')
       {dispatched}
     ORDER BY t.available_at, t.id
"""

# What was dispatched before the import was dispatched to the queue of another application.
_DISPATCHED_HERE = "AND (r.imported_at IS NULL OR t.last_dispatched_at >= r.imported_at)"


def fire_due_timers(connection: Connection, profile: Profile, now: datetime) -> list[tuple[str, str, str]]:
    """Fire the timers that are due; returns the run, namespace and queue of each that fired.

    With the quirk `timers-wait-for-repair` a timer that came with an import waits until a repair pass has
    dispatched it here.
    """
    dispatched = _DISPATCHED_HERE if profile.has(Q.TIMERS_WAIT_FOR_REPAIR) else ""
    due = connection.execute(_DUE.format(dispatched=dispatched), {"now": stored(now)}).fetchall()
    return [_fire(connection, row["id"], now) for row in due]


def _fire(connection: Connection, task_id: str, now: datetime) -> tuple[str, str, str]:
    moment = stored(now)
    connection.execute(
        "UPDATE workflow_tasks SET status = 'leased', lease_owner = ?, leased_at = ?, lease_expires_at = ?,"
        " attempt_count = attempt_count + 1 WHERE id = ?",
        (_SERVER, moment, stored(now + LEASE), task_id),
    )
    task = task_row(connection, task_id)
    assert task is not None  # noqa: S101 - it was selected in this transaction
    payload = loaded_map(task["payload"])
    run = run_row(connection, task["workflow_run_id"])
    timer = connection.execute(
        "SELECT * FROM workflow_run_timers WHERE id = ? AND status = 'pending'", (str(payload.get("timer_id")),)
    ).fetchone()
    if timer is None:
        close_task(connection, task_id, "cancelled", now)
    else:
        connection.execute(
            "UPDATE workflow_run_timers SET status = 'fired', fired_at = ?, updated_at = ? WHERE id = ?",
            (moment, moment, timer["id"]),
        )
        wait = {key: value for key, value in payload.items() if key != "timer_id"}
        _record_fired(connection, run, task, timer, wait, now)
        close_task(connection, task_id, "completed", now)
    return run["id"], run["namespace"] or "", run["queue"] or ""


def _record_fired(
    connection: Connection, run: Row, task: Row, timer: Row, wait: Mapping[str, Any], now: datetime
) -> None:
    kind = _timer_kind(wait)
    payload = {
        "timer_id": timer["id"],
        "sequence": timer["sequence"],
        "delay_seconds": timer["delay_seconds"],
        "fire_at": stored_as_micros(timer["fire_at"]),
        "fired_at": micros(now),
        **({"timer_kind": kind} if kind else {}),
        **wait,
        "task": task_snapshot(task),
    }
    append_event(connection, run["id"], "TimerFired", payload, now, task_id=task["id"])
    resumption = {
        "workflow_wait_kind": _WAIT_KINDS.get(kind or "", "timer"),
        "open_wait_id": wait.get("signal_wait_id") or wait.get("condition_wait_id") or f"timer:{timer['id']}",
        "resume_source_kind": "timer",
        "resume_source_id": timer["id"],
        "timer_id": timer["id"],
        **({"timer_kind": kind} if kind else {}),
        **wait,
        "workflow_sequence": timer["sequence"],
        "workflow_event_type": "TimerFired",
    }
    if is_settled(connection, run["id"], groups_in(wait.get("parallel_group_path"))):
        resume_run(connection, run, resumption, now)


def cancel_wait_timers(connection: Connection, run: Row, task: Row, now: datetime) -> None:
    """Cancel the timeouts of the condition waits that a run has left behind, and write TimerCancelled for each.

    A worker that goes on after a wait, or opens it again, has no use for its timeout; fired later, it would
    tell the worker that the wait had failed.
    """
    moment = stored(now)
    for left in connection.execute(
        "SELECT id, payload FROM workflow_tasks WHERE workflow_run_id = ? AND task_type = 'timer' AND status = 'ready'"
        " AND json_extract(payload, '$.timer_kind') = 'condition_timeout'"
        " AND json_extract(payload, '$.parallel_group_path') IS NULL",
        (run["id"],),
    ).fetchall():
        wait = loaded_map(left["payload"])
        timer_id = wait.pop("timer_id", None)
        timer = connection.execute("SELECT * FROM workflow_run_timers WHERE id = ?", (timer_id,)).fetchone()
        connection.execute(
            "UPDATE workflow_run_timers SET status = 'cancelled', updated_at = ? WHERE id = ?", (moment, timer_id)
        )
        close_task(connection, left["id"], "cancelled", now)
        payload = {
            "timer_id": timer_id,
            "sequence": timer["sequence"],
            "delay_seconds": timer["delay_seconds"],
            "fire_at": stored_as_micros(timer["fire_at"]),
            "cancelled_at": micros(now),
            **wait,
            "task": task_snapshot(task),
        }
        append_event(connection, run["id"], "TimerCancelled", payload, now, task_id=task["id"])


def _timer_kind(wait: Mapping[str, Any]) -> str | None:
    """The kind of a timeout; imported timer tasks name the wait, not the kind (bundle 69)."""
    if wait.get("timer_kind"):
        return str(wait["timer_kind"])
    if "signal_wait_id" in wait:
        return "signal_timeout"
    return "condition_timeout" if "condition_wait_id" in wait else None
