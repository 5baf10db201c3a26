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

# One look at a queue's tasks counts everything; a queue may hold a hundred thousand.
_COUNTS = """
    SELECT task_type,
           SUM(status = 'ready') AS ready,
           SUM(status = 'ready' AND {due} <= :now) AS due,
           SUM(status = 'leased') AS leased,
           SUM(status = 'leased' AND COALESCE(lease_expires_at < :now, 0)) AS expired,
           MIN(CASE WHEN status = 'leased' AND lease_expires_at < :now THEN lease_expires_at END) AS oldest_expired,
           SUM(status = 'ready' AND {due} <= :now AND {since} < :overdue) AS overdue,
           MIN(CASE WHEN status = 'ready' AND {due} <= :now AND {since} < :overdue THEN {since} END)
               AS oldest_overdue,
           SUM(COALESCE(created_at >= :minute, 0)) AS added,
           SUM(COALESCE(leased_at >= :minute, 0)) AS dispatched
      FROM workflow_tasks
     WHERE namespace = :namespace AND queue = :queue AND task_type IN ('workflow', 'activity')
     GROUP BY task_type
""".format(  # noqa: S608 - our own names
    since="COALESCE(last_dispatched_at, available_at, created_at)",
    due="COALESCE(available_at, '')",  # without a time, a task is ready now
)

_OLDEST_DUE = """
    SELECT t.id, t.task_type, t.workflow_run_id, r.workflow_instance_id,
           MIN(COALESCE(t.available_at, t.created_at)) AS available_at
      FROM workflow_tasks t JOIN workflow_runs r ON r.id = t.workflow_run_id
     WHERE t.namespace = :namespace AND t.queue = :queue AND t.status = 'ready' AND COALESCE(t.available_at, '') <= :now
       AND t.task_type IN ('workflow', 'activity')
"""

_LEASED = """
    SELECT t.*, r.workflow_instance_id FROM workflow_tasks t JOIN workflow_runs r ON r.id = t.workflow_run_id
     WHERE t.namespace = :namespace AND t.queue = :queue AND t.status = 'leased'
       AND t.task_type IN ('workflow', 'activity')
     ORDER BY t.leased_at, t.id
"""

_NOTHING = dict.fromkeys(("ready", "due", "leased", "expired", "overdue", "added", "dispatched"), 0)


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
    values = {
        "namespace": namespace,
        "queue": queue,
        "now": stored(now),
        "overdue": stored(now - REDISPATCH_AFTER),
        "minute": stored(now - timedelta(minutes=1)),
    }
    found = {row["task_type"]: dict(row) for row in connection.execute(_COUNTS, values)}
    counts = {kind: found.get(kind, _NOTHING) for kind in KINDS}
    leases = connection.execute(_LEASED, values).fetchall()
    return {
        "name": queue,
        "pollers": [poller_document(state, row) for row in workers],
        "stats": {
            **_backlog(connection.execute(_OLDEST_DUE, values).fetchone(), counts, now),
            "pollers": {
                "active_count": len(alive),
                "stale_count": len(workers) - len(alive),
                "stale_after_seconds": state.settings.worker_stale_after,
            },
        },
        "current_leases": [_lease(task, now) for task in leases],
        "repair": _repair(list(found.values()), now),
        "admission": {
            **{f"{kind}_tasks": _admission(connection, namespace, kind, counts[kind], alive) for kind in KINDS},
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


def _backlog(oldest: Row, counts: dict[str, Json], now: datetime) -> Json:
    """What waits; `oldest` is a row of nulls where nothing does."""
    is_empty = oldest["id"] is None
    age = None if is_empty else int((now - from_stored(oldest["available_at"])).total_seconds())
    return {
        "approximate_backlog_count": sum(count["due"] for count in counts.values()),
        "approximate_backlog_age": None if age is None else _span(age),
        "approximate_backlog_age_seconds": age,
        "oldest_ready_task": None if is_empty else _oldest(oldest, age),
        **{
            f"{kind}_tasks": {
                "ready_count": count["due"],
                "leased_count": count["leased"],
                "expired_lease_count": count["expired"],
                "added_last_minute": count["added"],
                "dispatched_last_minute": count["dispatched"],
            }
            for kind, count in counts.items()
        },
        "tasks_added_last_minute": sum(count["added"] for count in counts.values()),
        "tasks_dispatched_last_minute": sum(count["dispatched"] for count in counts.values()),
    }


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
        "is_expired": from_stored(task["lease_expires_at"]) < now,
        **({"workflow_task_attempt": task["attempt_count"]} if task["task_type"] == "workflow" else {}),
    }


def _repair(counts: list[Json], now: datetime) -> Json:
    """Tasks that the repair pass would take up: leases that ran out, and tasks that nobody was told of for long."""
    expired, overdue = (sum(count[name] for count in counts) for name in ("expired", "overdue"))
    oldest_expired, oldest_overdue = (
        min((from_stored(count[name]) for count in counts if count[name]), default=None)
        for name in ("oldest_expired", "oldest_overdue")
    )
    return {
        "candidates": expired + overdue,
        "dispatch_failed": 0,
        "oldest_dispatch_failed_at": None,
        "max_dispatch_failed_age_ms": 0,
        "expired_leases": expired,
        "oldest_lease_expired_at": oldest_expired and micros(oldest_expired),
        "max_lease_expired_age_ms": _age(oldest_expired, now),
        "dispatch_overdue": overdue,
        "oldest_dispatch_overdue_since": oldest_overdue and micros(oldest_overdue),
        "max_dispatch_overdue_age_ms": _age(oldest_overdue, now),
        "needs_attention": expired + overdue > 0,
        "policy": {"redispatch_after_seconds": int(REDISPATCH_AFTER.total_seconds())},
    }


def _age(moment: datetime | None, now: datetime) -> int:
    return 0 if moment is None else int((now - moment).total_seconds() * 1000)


def _admission(connection: Connection, namespace: str, kind: str, count: Json, alive: list[Row]) -> Json:
    """Whether workers have room for more; the server's own limits are not set here."""
    slots = sum(row[f"max_concurrent_{kind}_tasks"] for row in alive)
    leased = count["leased"]
    (in_namespace,) = connection.execute(
        # The sign keeps SQLite from the index of namespaces: few tasks are leased, many are in a namespace.
        "SELECT COUNT(*) FROM workflow_tasks WHERE +namespace = ? AND task_type = ? AND status = 'leased'",
        (namespace, kind),
    ).fetchone()
    document: Json = {
        "budget_source": f"worker_registration.max_concurrent_{kind}_tasks",
        "server_budget_source": f"server.admission.{kind}_tasks.max_active_leases_per_queue",
        "active_worker_count": len(alive),
        "configured_slot_count": slots,
        "leased_count": leased,
        "ready_count": count["ready"],
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
