"""Retention: closed runs older than their namespace keeps them lose everything but their row (server.md §6, trap 4)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.times import seconds, stored

Json = dict[str, Any]

SCAN_LIMIT = 100

# What a pruned run loses; the run itself and its instance stay, so that its id stays taken (recordings 464 to 468).
_PRUNED = (
    "workflow_history_events",
    "workflow_commands",
    "workflow_signal_records",
    "workflow_updates",
    "workflow_tasks",
    "activity_attempts",
    "activity_executions",
    "workflow_run_timers",
    "workflow_failures",
    "workflow_memos",
    "workflow_search_attributes",
    "workflow_run_waits",
    "workflow_run_timer_entries",
    "workflow_run_timeline_entries",
    "workflow_run_lineage_entries",
)


def retention_status(connection: Connection, namespace: str, now: datetime) -> Json:
    """What a retention pass would find, as `GET /api/system/retention` says it (recording 461)."""
    days = _retention_days(connection, namespace)
    expired = expired_run_ids(connection, namespace, now)
    return {
        "namespace": namespace,
        "retention_days": days,
        "cutoff": seconds(now - timedelta(days=days)),
        "expired_run_count": len(expired),
        "expired_run_ids": expired,
        "scan_limit": SCAN_LIMIT,
        "scan_pressure": len(expired) == SCAN_LIMIT,
    }


def retention_pass(connection: Connection, namespace: str, now: datetime, limit: int = SCAN_LIMIT) -> Json:
    """Prune the runs that have expired, oldest first; the document of `POST /api/system/retention/pass`."""
    expired = expired_run_ids(connection, namespace, now, limit)
    for run_id in expired:
        prune_run(connection, run_id)
    results = [{"run_id": run_id, "outcome": "pruned"} for run_id in expired]
    return {"processed": len(expired), "pruned": len(expired), "skipped": 0, "failed": 0, "results": results}


def expired_run_ids(connection: Connection, namespace: str, now: datetime, limit: int = SCAN_LIMIT) -> list[str]:
    """The closed runs of a namespace that are older than its retention, not archived and not pruned yet."""
    cutoff = now - timedelta(days=_retention_days(connection, namespace))
    rows = connection.execute(
        "SELECT r.id FROM workflow_runs r WHERE r.namespace = ? AND r.closed_at < ? AND r.archived_at IS NULL"
        " AND EXISTS (SELECT 1 FROM workflow_run_summaries s WHERE s.id = r.id)"
        " ORDER BY r.closed_at, r.id LIMIT ?",
        (namespace, stored(cutoff), limit),
    )
    return [row["id"] for row in rows.fetchall()]


def prune_run(connection: Connection, run_id: str) -> None:
    """Delete everything of a run but the run."""
    for table in _PRUNED:
        connection.execute(f"DELETE FROM {table} WHERE workflow_run_id = ?", (run_id,))  # noqa: S608 - our own names
    connection.execute("DELETE FROM workflow_run_summaries WHERE id = ?", (run_id,))


def _retention_days(connection: Connection, namespace: str) -> int:
    row = connection.execute("SELECT retention_days FROM workflow_namespaces WHERE name = ?", (namespace,)).fetchone()
    return int(row["retention_days"])
