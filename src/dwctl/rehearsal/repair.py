"""Repair: tasks that are ready but were never dispatched here, and tasks whose worker is gone (server.md §6)."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.tasks import give_back
from dwctl.rehearsal.times import from_stored, micros, stored

Json = dict[str, Any]
Row = sqlite3.Row

SCAN_LIMIT = 25
REDISPATCH_AFTER = timedelta(seconds=3)
_STRATEGY = "scope_fair_round_robin"

POLICY: Json = {
    "redispatch_after_seconds": 3,
    "loop_throttle_seconds": 5,
    "scan_limit": SCAN_LIMIT,
    "scan_strategy": _STRATEGY,
    "failure_backoff_max_seconds": 60,
    "failure_backoff_strategy": "exponential_by_repair_count",
}

# A due task that was dispatched a while ago and not claimed, or a lease that ran out.
_CANDIDATES = """
    SELECT t.* FROM workflow_tasks t JOIN workflow_runs r ON r.id = t.workflow_run_id
     WHERE t.namespace = :namespace AND r.status IN ('pending', 'running', 'waiting')
       AND ((t.status = 'ready' AND t.available_at <= :now
             AND COALESCE(t.last_dispatched_at, t.created_at) <= :overdue)
            OR (t.status = 'leased' AND t.lease_expires_at < :now))
     ORDER BY t.created_at, t.id
"""


def repair_candidates(connection: Connection, namespace: str, now: datetime) -> list[Row]:
    """The tasks of a namespace that a repair pass would look at, oldest first."""
    values = {"namespace": namespace, "now": stored(now), "overdue": stored(now - REDISPATCH_AFTER)}
    return connection.execute(_CANDIDATES, values).fetchall()


def repair_status(connection: Connection, namespace: str, now: datetime) -> Json:
    """The document of `GET /api/system/repair` (recordings 309, 452)."""
    candidates = repair_candidates(connection, namespace, now)
    scopes: defaultdict[tuple[str | None, str | None, str | None], list[Row]] = defaultdict(list)
    for task in candidates:
        scopes[task["connection"], task["queue"], task["compatibility"]].append(task)
    shown = [_scope(key, tasks, now) for key, tasks in scopes.items()]
    totals = {**_counts(candidates, now), "scopes": shown}
    scan = {
        "scan_limit": SCAN_LIMIT,
        "scan_strategy": _STRATEGY,
        "existing_task_scan_limit_reached": len(candidates) >= SCAN_LIMIT,
        "missing_task_scan_limit_reached": False,
        "scan_pressure": len(candidates) >= SCAN_LIMIT,
    }
    return {"policy": POLICY, "candidates": {**totals, **scan}}


def _scope(key: tuple[str | None, str | None, str | None], tasks: list[Row], now: datetime) -> Json:
    connection, queue, compatibility = key
    names = {
        "scope_key": f"{connection or 'default'}:{queue or 'default'}:{compatibility or 'any'}",
        "connection": connection,
        "queue": queue,
        "compatibility": compatibility,
    }
    return {**names, **_counts(tasks, now), "scan_limited_by_global_policy": len(tasks) > SCAN_LIMIT}


def _counts(tasks: list[Row], now: datetime) -> Json:
    found, selected = len(tasks), min(len(tasks), SCAN_LIMIT)
    oldest = from_stored(tasks[0]["created_at"]) if tasks else None
    return {
        "existing_task_candidates": found,
        "missing_task_candidates": 0,
        "total_candidates": found,
        "selected_existing_task_candidates": selected,
        "selected_missing_task_candidates": 0,
        "selected_total_candidates": selected,
        "oldest_task_candidate_created_at": micros(oldest) if oldest else None,
        "oldest_missing_run_started_at": None,
        "max_task_candidate_age_ms": int((now - oldest).total_seconds() * 1000) if oldest else 0,
        "max_missing_run_age_ms": 0,
    }


def repair_pass(connection: Connection, namespace: str, now: datetime) -> Json:
    """Dispatch what is overdue and take back what is held by workers that are gone (recording 453).

    Timers that it dispatches fire with the next look of the server's own queue (`timers.fire_due_timers`).
    """
    tasks = repair_candidates(connection, namespace, now)[:SCAN_LIMIT]
    moment = stored(now)
    for task in tasks:
        if task["status"] == "leased":
            give_back(connection, task["id"], now)
        connection.execute(
            "UPDATE workflow_tasks SET last_dispatch_attempt_at = ?, last_dispatched_at = ?,"
            " repair_count = repair_count + ?, updated_at = ? WHERE id = ?",
            (moment, moment, int(task["status"] == "ready"), moment, task["id"]),
        )
    count = len(tasks)
    return {
        "selected_command_contract_candidates": 0,
        "backfilled_command_contracts": 0,
        "command_contract_backfill_unavailable": 0,
        "command_contract_failures": [],
        "existing_task_failures": [],
        "missing_run_failures": [],
        "connection": None,
        "queue": None,
        "run_ids": [],
        "instance_id": None,
        "respect_throttle": False,
        "throttled": False,
        "selected_existing_task_candidates": count,
        "selected_missing_task_candidates": 0,
        "selected_total_candidates": count,
        "repaired_existing_tasks": count,
        "repaired_missing_tasks": 0,
        "dispatched_tasks": count,
        "deadline_expired_candidates": 0,
        "deadline_expired_tasks_created": 0,
        "deadline_expired_failures": [],
        "activity_timeout_candidates": 0,
        "activity_timeouts_enforced": 0,
        "activity_timeout_failures": [],
    }
