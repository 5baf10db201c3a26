"""Repair: tasks that are ready but were never dispatched here, and tasks whose worker is gone (server.md §6)."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.narrowing import EVERYTHING, IS_MEANT, Narrowing
from dwctl.rehearsal.progress import changed_runs
from dwctl.rehearsal.tasks import give_back
from dwctl.rehearsal.timeouts import enforce_timeouts
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
_IS_CANDIDATE = f"""
      FROM workflow_tasks t CROSS JOIN workflow_runs r ON r.id = t.workflow_run_id
     WHERE t.namespace = :namespace AND r.status IN ('pending', 'running', 'waiting')
       AND ((t.status = 'ready' AND COALESCE(t.available_at, '') <= :now
             AND COALESCE(t.last_dispatched_at, t.created_at) <= :overdue)
            OR (t.status = 'leased' AND t.lease_expires_at < :now))
       AND {IS_MEANT}
"""

# There may be a hundred thousand candidates: they are counted where they are, and only the chosen ones are read.
_SCOPES = f"""
    SELECT t.connection, t.queue, t.compatibility, COUNT(*) AS found, MIN(t.created_at) AS oldest
    {_IS_CANDIDATE}
     GROUP BY t.connection, t.queue, t.compatibility ORDER BY MIN(t.created_at), t.queue
"""

_OLDEST_OF_SCOPE = f"""
    SELECT t.id, t.status, t.created_at
    {_IS_CANDIDATE}
       AND t.connection IS :connection AND t.queue IS :queue AND t.compatibility IS :compatibility
     ORDER BY t.created_at, t.id LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """The candidates that share a connection, a queue and a build: how many, since when, and how many are taken."""

    connection: str | None
    queue: str | None
    compatibility: str | None
    found: int
    selected: int
    oldest: str


def scopes_of(connection: Connection, namespace: str, now: datetime, only: Narrowing = EVERYTHING) -> list[Scope]:
    """The candidates of a namespace by scope, that with the oldest first; taken in turn from each, 25 in all."""
    rows = connection.execute(_SCOPES, _values(namespace, now, only)).fetchall()
    selected = _taken_in_turn([row["found"] for row in rows])
    return [
        Scope(row["connection"], row["queue"], row["compatibility"], row["found"], chosen, row["oldest"])
        for row, chosen in zip(rows, selected, strict=True)
    ]


def _values(namespace: str, now: datetime, only: Narrowing) -> Json:
    overdue = stored(now - REDISPATCH_AFTER)
    return {"namespace": namespace, "now": stored(now), "overdue": overdue, **only.values()}


def _taken_in_turn(found: list[int]) -> list[int]:
    """How many of each a pass takes that goes round them and takes one of each, up to the limit."""
    taken = [0] * len(found)
    left = min(sum(found), SCAN_LIMIT)
    while left:
        for index, there in enumerate(found):
            if left and taken[index] < there:
                taken[index] += 1
                left -= 1
    return taken


def repair_status(connection: Connection, namespace: str, now: datetime) -> Json:
    """The document of `GET /api/system/repair` (recordings 309, 452)."""
    scopes = scopes_of(connection, namespace, now)
    found = sum(scope.found for scope in scopes)
    is_limited = found >= SCAN_LIMIT
    totals = _counts(
        found,
        sum(scope.selected for scope in scopes),
        min((scope.oldest for scope in scopes), default=None),
        now,
    )
    scan = {
        "scan_limit": SCAN_LIMIT,
        "scan_strategy": _STRATEGY,
        "existing_task_scan_limit_reached": is_limited,
        "missing_task_scan_limit_reached": False,
        "scan_pressure": is_limited,
    }
    return {"policy": POLICY, "candidates": {**totals, "scopes": [_scope(scope, now) for scope in scopes], **scan}}


def _scope(scope: Scope, now: datetime) -> Json:
    return {
        "scope_key": f"{scope.connection or 'default'}:{scope.queue or 'default'}:{scope.compatibility or 'any'}",
        "connection": scope.connection,
        "queue": scope.queue,
        "compatibility": scope.compatibility,
        **_counts(scope.found, scope.selected, scope.oldest, now),
        "scan_limited_by_global_policy": scope.selected < scope.found,
    }


def _counts(found: int, selected: int, oldest: str | None, now: datetime) -> Json:
    since = None if oldest is None else from_stored(oldest)
    return {
        "existing_task_candidates": found,
        "missing_task_candidates": 0,
        "total_candidates": found,
        "selected_existing_task_candidates": selected,
        "selected_missing_task_candidates": 0,
        "selected_total_candidates": selected,
        "oldest_task_candidate_created_at": micros(since) if since else None,
        "oldest_missing_run_started_at": None,
        "max_task_candidate_age_ms": int((now - since).total_seconds() * 1000) if since else 0,
        "max_missing_run_age_ms": 0,
    }


def _chosen(connection: Connection, namespace: str, now: datetime, only: Narrowing) -> list[Row]:
    """The tasks that a pass takes up: of each scope the oldest."""
    tasks: list[Row] = []
    for scope in scopes_of(connection, namespace, now, only):
        names = {"connection": scope.connection, "queue": scope.queue, "compatibility": scope.compatibility}
        if scope.selected:
            values = {**_values(namespace, now, only), **names, "limit": scope.selected}
            tasks += connection.execute(_OLDEST_OF_SCOPE, values).fetchall()
    return sorted(tasks, key=lambda task: (task["created_at"], task["id"]))


def repair_pass(connection: Connection, namespace: str, now: datetime, only: Narrowing = EVERYTHING) -> Json:
    """Dispatch what is overdue, take back what is held by workers that are gone, enforce timeouts (recording 453).

    Timers that it dispatches fire with the next look of the server's own queue (`timers.fire_due_timers`). A run
    past its deadline is closed at once: the task that the real server creates for it is done by the server itself.
    """
    late = enforce_timeouts(connection, namespace, now, only)
    tasks = _chosen(connection, namespace, now, only)
    moment = stored(now)
    for task in tasks:
        if task["status"] == "leased":
            give_back(connection, task["id"], now)
        connection.execute(
            "UPDATE workflow_tasks SET last_dispatch_attempt_at = ?, last_dispatched_at = ?,"
            " repair_count = repair_count + ?, updated_at = ? WHERE id = ?",
            (moment, moment, int(task["status"] == "ready"), moment, task["id"]),
        )
    changed_runs(connection, late.touched, now)
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
        "run_ids": list(only.run_ids),
        "instance_id": only.instance_id,
        "respect_throttle": False,
        "throttled": False,
        "selected_existing_task_candidates": count,
        "selected_missing_task_candidates": 0,
        "selected_total_candidates": count,
        "repaired_existing_tasks": count,
        "repaired_missing_tasks": 0,
        "dispatched_tasks": count,
        "deadline_expired_candidates": late.runs,
        "deadline_expired_tasks_created": late.runs,
        "deadline_expired_failures": [],
        "activity_timeout_candidates": late.activities,
        "activity_timeouts_enforced": late.activities,
        "activity_timeout_failures": [],
    }
