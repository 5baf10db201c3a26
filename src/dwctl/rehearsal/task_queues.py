"""Task queues as operators see them: pollers, backlog, leases, what needs repair (contract/server.md §4)."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dwctl.rehearsal.answers import answer, namespace_of, state_of
from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.repair import REDISPATCH_AFTER
from dwctl.rehearsal.state import Rehearsal
from dwctl.rehearsal.times import from_stored, micros, stored, stored_as_micros
from dwctl.rehearsal.workers import is_stale, poller_document, registered

Json = dict[str, Any]
Row = sqlite3.Row

KINDS = ("workflow", "activity")
PENDING_QUERIES = 1024

_OPEN = """
    SELECT t.*, r.workflow_instance_id FROM workflow_tasks t JOIN workflow_runs r ON r.id = t.workflow_run_id
     WHERE t.namespace = ? AND t.queue = ? AND t.status IN ('ready', 'leased')
       AND t.task_type IN ('workflow', 'activity')
"""


def list_queues(request: Request) -> Response:
    """`GET /api/task-queues`: the queues that have a worker or a task."""
    state, namespace = state_of(request), namespace_of(request)
    with state.database.read() as connection:
        names = [
            row["name"]
            for row in connection.execute(
                "SELECT task_queue AS name FROM workflow_worker_registrations WHERE namespace = ?"
                " UNION SELECT queue FROM workflow_tasks WHERE namespace = ? AND queue IS NOT NULL ORDER BY 1",
                (namespace, namespace),
            )
        ]
        queues = [queue_document(state, connection, namespace, name) for name in names]
    hidden = ("pollers", "current_leases")
    shown = [{key: value for key, value in queue.items() if key not in hidden} for queue in queues]
    return answer(request, {"namespace": namespace, "task_queues": shown})


def show_queue(request: Request) -> Response:
    """`GET /api/task-queues/{queue}`; a queue that nobody knows has zero pollers, and is no 404 (037)."""
    state = state_of(request)
    with state.database.read() as connection:
        document = queue_document(state, connection, namespace_of(request), request.path_params["queue"])
    return answer(request, document)


def queue_document(state: Rehearsal, connection: Connection, namespace: str, queue: str) -> Json:
    """Everything about one queue."""
    now = state.now()
    workers = registered(connection, namespace, queue)
    alive = [row for row in workers if not is_stale(state, row)]
    tasks: list[Row] = connection.execute(_OPEN, (namespace, queue)).fetchall()
    recent = _last_minute(connection, namespace, queue, now)
    return {
        "name": queue,
        "pollers": [poller_document(state, row) for row in workers],
        "stats": _stats(state, tasks, recent, len(alive), len(workers) - len(alive), now),
        "current_leases": [_lease(task, now) for task in tasks if task["status"] == "leased"],
        "repair": _repair(tasks, now),
        "admission": {
            **{f"{kind}_tasks": _admission(connection, namespace, kind, tasks, alive) for kind in KINDS},
            "query_tasks": {
                "budget_source": "server.query_tasks.max_pending_per_queue",
                "max_pending_per_queue": PENDING_QUERIES,
                "approximate_pending_count": 0,
                "remaining_pending_capacity": PENDING_QUERIES,
                "lock_required": True,
                "lock_supported": True,
                "status": "accepting",
            },
        },
    }


def _last_minute(connection: Connection, namespace: str, queue: str, now: datetime) -> dict[tuple[str, str], int]:
    """How many tasks of each kind were added, and how many dispatched, in the last minute."""
    since = stored(now - timedelta(minutes=1))
    counts = {}
    for column, what in (("created_at", "added"), ("leased_at", "dispatched")):
        for row in connection.execute(
            f"SELECT task_type, COUNT(*) AS tasks FROM workflow_tasks WHERE namespace = ? AND queue = ?"  # noqa: S608
            f" AND {column} >= ? GROUP BY task_type",
            (namespace, queue, since),
        ):
            counts[row["task_type"], what] = row["tasks"]
    return counts


def _stats(
    state: Rehearsal, tasks: list[Row], recent: dict[tuple[str, str], int], alive: int, stale: int, now: datetime
) -> Json:
    due = [task for task in tasks if task["status"] == "ready" and _available(task) <= now]
    oldest = min(due, key=_available, default=None)
    age = None if oldest is None else int((now - _available(oldest)).total_seconds())
    by_kind = {
        f"{kind}_tasks": {
            "ready_count": sum(task["task_type"] == kind for task in due),
            "leased_count": sum(task["task_type"] == kind and task["status"] == "leased" for task in tasks),
            "expired_lease_count": sum(task["task_type"] == kind and _has_expired(task, now) for task in tasks),
            "added_last_minute": recent.get((kind, "added"), 0),
            "dispatched_last_minute": recent.get((kind, "dispatched"), 0),
        }
        for kind in KINDS
    }
    return {
        "approximate_backlog_count": len(due),
        "approximate_backlog_age": None if age is None else _span(age),
        "approximate_backlog_age_seconds": age,
        "oldest_ready_task": None if oldest is None else _oldest(oldest, age),
        **by_kind,
        "pollers": {
            "active_count": alive,
            "stale_count": stale,
            "stale_after_seconds": state.settings.worker_stale_after,
        },
        "tasks_added_last_minute": sum(recent.get((kind, "added"), 0) for kind in KINDS),
        "tasks_dispatched_last_minute": sum(recent.get((kind, "dispatched"), 0) for kind in KINDS),
    }


def _available(task: Row) -> datetime:
    return from_stored(task["available_at"] or task["created_at"])


def _has_expired(task: Row, now: datetime) -> bool:
    return bool(task["lease_expires_at"]) and from_stored(task["lease_expires_at"]) < now


def _span(age: int) -> str:
    """`4m51s`: the two largest units."""
    parts = [(age // 86400, "d"), (age // 3600 % 24, "h"), (age // 60 % 60, "m"), (age % 60, "s")]
    while len(parts) > 1 and parts[0][0] == 0:
        parts.pop(0)
    return "".join(f"{number}{unit}" for number, unit in parts[:2])


def _oldest(task: Row, age: int | None) -> Json:
    return {
        "task_id": task["id"],
        "task_type": task["task_type"],
        "workflow_id": task["workflow_instance_id"],
        "run_id": task["workflow_run_id"],
        "available_at": stored_as_micros(task["available_at"]),
        "age_seconds": age,
    }


def _lease(task: Row, now: datetime) -> Json:
    return {
        "task_id": task["id"],
        "task_type": task["task_type"],
        "workflow_id": task["workflow_instance_id"],
        "run_id": task["workflow_run_id"],
        "lease_owner": task["lease_owner"],
        "lease_expires_at": stored_as_micros(task["lease_expires_at"]),
        "is_expired": _has_expired(task, now),
        **({"workflow_task_attempt": task["attempt_count"]} if task["task_type"] == "workflow" else {}),
    }


def _repair(tasks: list[Row], now: datetime) -> Json:
    """Tasks that the repair pass would take up: leases that ran out, and tasks that nobody was told of for long."""
    expired = [from_stored(task["lease_expires_at"]) for task in tasks if _has_expired(task, now)]
    overdue = [since for task in tasks if (since := overdue_since(task, now)) is not None]
    return {
        "candidates": len(expired) + len(overdue),
        "dispatch_failed": 0,
        "oldest_dispatch_failed_at": None,
        "max_dispatch_failed_age_ms": 0,
        "expired_leases": len(expired),
        "oldest_lease_expired_at": micros(min(expired)) if expired else None,
        "max_lease_expired_age_ms": _age(min(expired), now) if expired else 0,
        "dispatch_overdue": len(overdue),
        "oldest_dispatch_overdue_since": micros(min(overdue)) if overdue else None,
        "max_dispatch_overdue_age_ms": _age(min(overdue), now) if overdue else 0,
        "needs_attention": bool(expired or overdue),
        "policy": {"redispatch_after_seconds": int(REDISPATCH_AFTER.total_seconds())},
    }


def overdue_since(task: Row, now: datetime) -> datetime | None:
    """Since when a ready task waits to be dispatched again; None where that is not too long yet."""
    if task["status"] != "ready" or _available(task) > now:
        return None
    since = from_stored(task["last_dispatched_at"] or task["available_at"] or task["created_at"])
    return since if now - since > REDISPATCH_AFTER else None


def _age(moment: datetime, now: datetime) -> int:
    return int((now - moment).total_seconds() * 1000)


def _admission(connection: Connection, namespace: str, kind: str, tasks: list[Row], alive: list[Row]) -> Json:
    """Whether workers have room for more; the server's own limits are not set here."""
    slots = sum(row[f"max_concurrent_{kind}_tasks"] for row in alive)
    leased = sum(task["task_type"] == kind and task["status"] == "leased" for task in tasks)
    ready = sum(task["task_type"] == kind and task["status"] == "ready" for task in tasks)
    (in_namespace,) = connection.execute(
        "SELECT COUNT(*) FROM workflow_tasks WHERE namespace = ? AND task_type = ? AND status = 'leased'",
        (namespace, kind),
    ).fetchone()
    document: Json = {
        "budget_source": f"worker_registration.max_concurrent_{kind}_tasks",
        "server_budget_source": f"server.admission.{kind}_tasks.max_active_leases_per_queue",
        "active_worker_count": len(alive),
        "configured_slot_count": slots,
        "leased_count": leased,
        "ready_count": ready,
        "available_slot_count": max(slots - leased, 0),
        "server_active_lease_count": leased,
        "server_namespace_active_lease_count": in_namespace,
        **dict.fromkeys(_NO_LIMITS),
        **dict.fromkeys(_NO_COUNTS, 0),
        "server_lock_required": False,
        "server_lock_supported": True,
    }
    return document | {"status": _admission_status(len(alive), slots, leased)}


_NO_LIMITS = (
    "server_max_active_leases_per_queue server_remaining_active_lease_capacity server_max_active_leases_per_namespace"
    " server_remaining_namespace_active_lease_capacity server_max_dispatches_per_minute"
    " server_remaining_dispatch_capacity server_max_dispatches_per_minute_per_namespace"
    " server_remaining_namespace_dispatch_capacity server_dispatch_budget_group"
    " server_max_dispatches_per_minute_per_budget_group server_remaining_budget_group_dispatch_capacity"
).split()
_NO_COUNTS = (
    "server_dispatch_count_this_minute server_namespace_dispatch_count_this_minute"
    " server_budget_group_dispatch_count_this_minute"
).split()


def _admission_status(workers: int, slots: int, leased: int) -> str:
    if workers == 0:
        return "no_active_workers"
    if slots == 0:
        return "no_slots"
    return "saturated" if leased >= slots else "accepting"
