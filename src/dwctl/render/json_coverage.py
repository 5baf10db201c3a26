"""The coverage of what is about to move, as JSON."""

from __future__ import annotations

from typing import Any

from dwctl.checklist.coverage.coverage import Coverage
from dwctl.checklist.coverage.rows import Row, Standing
from dwctl.render.json_server import error_item
from dwctl.server.results import Worker


def coverage_document(server: str, namespace: str, found: Coverage) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The document of `worker coverage --json`, and its rows for jsonl."""
    items = [coverage_item(row) for row in found.rows]
    document = {
        "schema": "dwctl.worker-coverage",
        "schema_version": 1,
        "server": server,
        "namespace": namespace,
        "covered": found.covered,
        "needs": len(found.rows),
        "served": found.served,
        "bundles": found.bundles,
        "waited_seconds": round(found.waited, 3),
        "looks": found.looks,
        "rows": items,
        "workers": [_worker(one) for one in found.workers],
        "unread": [{"file": one.file, **error_item(one.error)} for one in found.unread],
        "exit_code": int(found.exit_code),
    }
    return document, items


def coverage_item(row: Row) -> dict[str, Any]:
    """One need: who serves it since when, or why nobody does and what to do."""
    demand = row.need.demand
    return {
        "queue": demand.queue,
        "kind": demand.kind.value,
        "type": demand.type_key,
        "compatibility": demand.compatibility,
        "bundles": row.need.bundles,
        "examples": list(row.need.examples),
        "by_family": row.need.by_family,
        "served": row.gap is None,
        "served_by": sorted(worker.worker_id for worker in row.served_by),
        "since": row.since,
        "every_type": row.every_type,
        "gap": None if row.gap is None else row.gap.value,
        "near": [_near(one) for one in row.standings if one.obstacles],
        "elsewhere": list(row.elsewhere),
        "waiting_tasks": row.waiting,
        "told": row.told,
        "next_step": row.next_step,
    }


def _near(standing: Standing) -> dict[str, Any]:
    return {"worker_id": standing.worker.worker_id, "obstacles": [one.value for one in standing.obstacles]}


def _worker(worker: Worker) -> dict[str, Any]:
    return {
        "worker_id": worker.worker_id,
        "task_queue": worker.task_queue,
        "status": worker.status,
        "build_id": worker.build_id,
        "workflow_types": list(worker.workflow_types),
        "activity_types": list(worker.activity_types),
        "registered_at": worker.registered_at,
        "last_heartbeat_at": worker.last_heartbeat_at,
    }
