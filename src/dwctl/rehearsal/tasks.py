"""Tasks: made, claimed under a lease by one worker, closed. Who may claim what: contract/server.md §6, Claiming."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dwctl.rehearsal.database import Connection, insert
from dwctl.rehearsal.history_writer import new_id, stored_json
from dwctl.rehearsal.times import stored

Row = sqlite3.Row

LEASE = timedelta(minutes=5)
"""How long a claimed task belongs to its worker; a heartbeat begins it anew (recordings 081, 085)."""

OPEN_STATUSES = ("pending", "running", "waiting")


@dataclass(frozen=True, slots=True)
class Poller:
    """A registered worker that asks for a task: what it may be given.

    An empty tuple of types accepts every type; a task or a run that names a build goes to that build only.
    """

    worker_id: str
    namespace: str
    queue: str
    build_id: str | None
    types: tuple[str, ...]


def add_task(
    connection: Connection,
    run: Row,
    task_type: str,
    payload: Mapping[str, Any],
    now: datetime,
    *,
    available_at: datetime | None = None,
    queue: str | None = None,
    attempt_count: int = 0,
) -> str:
    """Add a ready task of a run and return its id; it is dispatched at once, as by the server's own queue."""
    moment = stored(now)
    task_id = new_id()
    row = {
        "id": task_id,
        "workflow_run_id": run["id"],
        "namespace": run["namespace"],
        "task_type": task_type,
        "status": "ready",
        "compatibility": run["compatibility"],
        "payload": stored_json(dict(payload)),
        "connection": run["connection"],
        "queue": queue or run["queue"],
        "available_at": stored(available_at or now),
        "attempt_count": attempt_count,
        "last_dispatch_attempt_at": moment,
        "last_dispatched_at": moment,
        "created_at": moment,
        "updated_at": moment,
        "priority": run["priority"],
        "fairness_key": run["fairness_key"],
        "fairness_weight": run["fairness_weight"],
    }
    insert(connection, "workflow_tasks", [row])
    return task_id


def resume_run(connection: Connection, run: Row, payload: Mapping[str, Any], now: datetime) -> str | None:
    """Make a ready workflow task for a run that something has happened to, and return its id.

    None where a workflow task is ready already: whoever claims it reads the whole history.
    """
    waiting = connection.execute(
        "SELECT 1 FROM workflow_tasks WHERE workflow_run_id = ? AND task_type = 'workflow' AND status = 'ready'",
        (run["id"],),
    ).fetchone()
    return None if waiting else add_task(connection, run, "workflow", payload, now)


# The index holds the tasks of a queue in the order in which they are given; a cross join keeps that order.
_CLAIMABLE = """
    SELECT t.id FROM workflow_tasks t INDEXED BY workflow_tasks_claim_order_idx
      CROSS JOIN workflow_runs r ON r.id = t.workflow_run_id
      {join}
     WHERE t.namespace = :namespace AND t.queue = :queue AND t.status = 'ready' AND t.task_type = '{kind}'
       AND COALESCE(t.available_at, '') <= :now
       AND (t.compatibility IS NULL OR t.compatibility = :build_id)
       AND (r.compatibility IS NULL OR r.compatibility = :build_id)
       AND r.status IN ('pending', 'running', 'waiting')
       {types} {alone}
     ORDER BY t.priority, t.available_at, t.id LIMIT 1
"""

_ACTIVITY_JOIN = "JOIN activity_executions a ON a.id = json_extract(t.payload, '$.activity_execution_id')"

# Two workers must never replay one run at the same time.
_ALONE = """AND NOT EXISTS (SELECT 1 FROM workflow_tasks o WHERE o.workflow_run_id = t.workflow_run_id
              AND o.task_type = 'workflow' AND o.status = 'leased')"""


def claim(connection: Connection, kind: str, poller: Poller, now: datetime) -> Row | None:
    """Lease the next ready task of this kind (`workflow` or `activity`) to the poller, or None.

    Call it inside one write transaction: what is chosen and what is leased are the same task.
    """
    marks = {f"type{index}": name for index, name in enumerate(poller.types)}
    column = "a.activity_type" if kind == "activity" else "r.workflow_type"
    statement = _CLAIMABLE.format(
        kind=kind,
        join=_ACTIVITY_JOIN if kind == "activity" else "",
        types=f"AND {column} IN ({', '.join(f':{mark}' for mark in marks)})" if marks else "",
        alone=_ALONE if kind == "workflow" else "",
    )
    values = {"namespace": poller.namespace, "queue": poller.queue, "build_id": poller.build_id, "now": stored(now)}
    found = connection.execute(statement, {**values, **marks}).fetchone()
    if found is None:
        return None
    connection.execute(
        "UPDATE workflow_tasks SET status = 'leased', leased_at = ?, lease_owner = ?, lease_expires_at = ?,"
        " attempt_count = attempt_count + 1, updated_at = ? WHERE id = ? AND status = 'ready'",
        (stored(now), poller.worker_id, stored(now + LEASE), stored(now), found["id"]),
    )
    return task_row(connection, found["id"])


def has_become_ready(connection: Connection, namespace: str, queue: str, since: datetime, now: datetime) -> bool:
    """Whether a ready task of a queue has become available since a moment, by time or because it was made."""
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM workflow_tasks INDEXED BY workflow_tasks_status_available_at_index"
        " WHERE status = 'ready' AND available_at BETWEEN ? AND ? AND namespace = ? AND queue = ?)",
        (stored(since), stored(now), namespace, queue),
    ).fetchone()
    return bool(row[0])


def task_row(connection: Connection, task_id: str) -> Row | None:
    """The task of that id, or None."""
    row: Row | None = connection.execute("SELECT * FROM workflow_tasks WHERE id = ?", (task_id,)).fetchone()
    return row


def run_row(connection: Connection, run_id: str) -> Row:
    """The run of that id; its tasks, timers and executions cannot be without it."""
    row: Row | None = connection.execute("SELECT * FROM workflow_runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        raise LookupError(f"there is no run {run_id}")
    return row


def renew_lease(connection: Connection, task_id: str, now: datetime) -> None:
    """Begin the task's lease anew."""
    connection.execute(
        "UPDATE workflow_tasks SET lease_expires_at = ?, updated_at = ? WHERE id = ?",
        (stored(now + LEASE), stored(now), task_id),
    )


def close_task(connection: Connection, task_id: str, status: str, now: datetime, *, error: str | None = None) -> None:
    """Close a task as `completed`, `failed` or `cancelled`; its lease ends."""
    connection.execute(
        "UPDATE workflow_tasks SET status = ?, lease_expires_at = NULL, last_error = ?, updated_at = ? WHERE id = ?",
        (status, error, stored(now), task_id),
    )


def release_task(
    connection: Connection, task_id: str, now: datetime, *, available_at: datetime, error: str | None = None
) -> None:
    """Give a leased task back: another worker may claim it from `available_at` on."""
    connection.execute(
        "UPDATE workflow_tasks SET status = 'ready', lease_owner = NULL, leased_at = NULL, lease_expires_at = NULL,"
        " available_at = ?, last_error = ?, updated_at = ? WHERE id = ?",
        (stored(available_at), error, stored(now), task_id),
    )


def recover_expired_leases(connection: Connection, now: datetime) -> list[tuple[str, str]]:
    """Make tasks whose lease ran out ready again; returns the namespace and queue of each.

    The attempt of an activity that ran out is closed as `expired`; the next claim begins a new one.
    """
    expired = connection.execute(
        "SELECT id, namespace, queue, task_type FROM workflow_tasks"
        " WHERE status = 'leased' AND lease_expires_at < ? AND task_type IN ('workflow', 'activity')",
        (stored(now),),
    ).fetchall()
    for task in expired:
        give_back(connection, task["id"], now)
    return [(task["namespace"] or "", task["queue"] or "") for task in expired]


def give_back(connection: Connection, task_id: str, now: datetime) -> None:
    """Take a task from a worker that is gone: ready again, counted as a repair."""
    release_task(connection, task_id, now, available_at=now)
    connection.execute("UPDATE workflow_tasks SET repair_count = repair_count + 1 WHERE id = ?", (task_id,))
    moment = stored(now)
    connection.execute(
        "UPDATE activity_attempts SET status = 'expired', lease_expires_at = NULL, closed_at = ?, updated_at = ?"
        " WHERE workflow_task_id = ? AND status = 'running'",
        (moment, moment, task_id),
    )


def cancel_open_tasks(connection: Connection, run_id: str, now: datetime, *, but: Iterable[str] = ()) -> None:
    """Cancel what a closed run has left open: its tasks and its timers."""
    kept = tuple(but)
    for task in connection.execute(
        "SELECT id FROM workflow_tasks WHERE workflow_run_id = ? AND status IN ('ready', 'leased')", (run_id,)
    ).fetchall():
        if task["id"] not in kept:
            close_task(connection, task["id"], "cancelled", now)
