"""Registered workers as operators see them (contract/server.md §4)."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dwctl.rehearsal.answers import Refusal, answer, namespace_of, query_of, state_of
from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.quirks import Q
from dwctl.rehearsal.state import Rehearsal
from dwctl.rehearsal.times import from_stored, micros, stored_as_micros

Json = dict[str, Any]
Row = sqlite3.Row

FLEET_EXPIRY = timedelta(seconds=30)
"""How long the fleet view trusts a heartbeat (recording 061)."""


def list_workers(request: Request) -> Response:
    """`GET /api/workers`: newest heartbeat first; stale ones among them, as the measured server has it.

    `?status=` asks for the stored status there, which is never `stale` (recordings 401 to 403). Where the
    profile hides stale workers, `?status=stale` is how to see them.
    """
    state, query = state_of(request), query_of(request)
    with state.database.read() as connection:
        rows = registered(connection, namespace_of(request), query.get("task_queue"))
    status = query.get("status")
    shown = [worker_document(state, row) for row in rows]
    if state.profile.has(Q.STALE_WORKERS_LISTED):
        kept = [view for row, view in zip(rows, shown, strict=True) if status in (None, row["status"])]
        return answer(request, {"workers": kept})
    kept = [view for view in shown if (view["status"] != "stale" if status is None else view["status"] == status)]
    return answer(request, {"workers": kept, "stale_after_seconds": state.settings.worker_stale_after})


def show_worker(request: Request) -> Response:
    """`GET /api/workers/{id}`."""
    state = state_of(request)
    with state.database.read() as connection:
        row = _found(connection, request)
    document = {**worker_document(state, row), "updated_at": stored_as_micros(row["updated_at"])}
    return answer(request, document)


def remove_worker(request: Request) -> Response:
    """`DELETE /api/workers/{id}`: forget the registration."""
    with state_of(request).database.write() as connection:
        row = _found(connection, request)
        connection.execute("DELETE FROM workflow_worker_registrations WHERE id = ?", (row["id"],))
    return answer(request, {"worker_id": row["worker_id"], "outcome": "deregistered"})


def _found(connection: Connection, request: Request) -> Row:
    worker_id, namespace = request.path_params["worker_id"], namespace_of(request)
    row: Row | None = connection.execute(
        "SELECT * FROM workflow_worker_registrations WHERE worker_id = ? AND namespace = ?", (worker_id, namespace)
    ).fetchone()
    if row is None:
        message = f"The namespace {namespace} has no worker {worker_id}."
        raise Refusal(404, {"message": message, "reason": "worker_not_found"})
    return row


def registered(connection: Connection, namespace: str, queue: str | None = None) -> list[Row]:
    """The registrations of a namespace, or of one of its queues; newest heartbeat first."""
    return connection.execute(
        "SELECT * FROM workflow_worker_registrations WHERE namespace = ? AND (? IS NULL OR task_queue = ?)"
        " ORDER BY last_heartbeat_at DESC, worker_id",
        (namespace, queue, queue),
    ).fetchall()


def expires_at(state: Rehearsal, row: Row) -> datetime:
    """When the worker's last heartbeat is too old."""
    return from_stored(row["last_heartbeat_at"]) + timedelta(seconds=state.settings.worker_stale_after)


def is_stale(state: Rehearsal, row: Row) -> bool:
    """Whether the worker's last heartbeat is too old."""
    return expires_at(state, row) < state.now()


def status_of(state: Rehearsal, row: Row) -> str:
    """`stale`, or the status that is stored."""
    return "stale" if is_stale(state, row) else str(row["status"])


def types_of(row: Row, column: str) -> list[str]:
    """The types that a worker supports, as it named them."""
    found = json.loads(row[column]) if row[column] else []
    return list(found)


def worker_document(state: Rehearsal, row: Row) -> Json:
    """A worker as lists show it."""
    fingerprints = json.loads(row["workflow_definition_fingerprints"] or "{}")
    return {
        "worker_id": row["worker_id"],
        "namespace": row["namespace"],
        "task_queue": row["task_queue"],
        "runtime": row["runtime"],
        "sdk_version": row["sdk_version"],
        "build_id": row["build_id"],
        "supported_workflow_types": types_of(row, "supported_workflow_types"),
        "workflow_definition_fingerprints": fingerprints,
        "supported_activity_types": types_of(row, "supported_activity_types"),
        "max_concurrent_workflow_tasks": row["max_concurrent_workflow_tasks"],
        "max_concurrent_activity_tasks": row["max_concurrent_activity_tasks"],
        "status": status_of(state, row),
        "last_heartbeat_at": stored_as_micros(row["last_heartbeat_at"]),
        "registered_at": stored_as_micros(row["created_at"]),
    }


def poller_document(state: Rehearsal, row: Row) -> Json:
    """A worker as its queue shows it."""
    return {
        "worker_id": row["worker_id"],
        "runtime": row["runtime"],
        "sdk_version": row["sdk_version"],
        "build_id": row["build_id"],
        "last_heartbeat_at": stored_as_micros(row["last_heartbeat_at"]),
        "heartbeat_expires_at": micros(expires_at(state, row)),
        "status": status_of(state, row),
        "is_stale": is_stale(state, row),
        "supported_workflow_types": sorted(types_of(row, "supported_workflow_types")),
        "supported_activity_types": sorted(types_of(row, "supported_activity_types")),
        "max_concurrent_workflow_tasks": row["max_concurrent_workflow_tasks"],
        "max_concurrent_activity_tasks": row["max_concurrent_activity_tasks"],
    }


def fleet_document(state: Rehearsal, connection: Connection, namespace: str) -> Json:
    """The workers of a namespace that are alive, as cluster info shows them."""
    alive = [row for row in registered(connection, namespace) if not is_stale(state, row)]
    builds = sorted({row["build_id"] for row in alive if row["build_id"]})
    return {
        "namespace": namespace,
        "active_workers": len(alive),
        "active_worker_scopes": len(alive),
        "queues": sorted({row["task_queue"] for row in alive}),
        "build_ids": builds,
        "workers": [
            {
                "worker_id": row["worker_id"],
                "queues": [row["task_queue"]],
                "build_ids": [row["build_id"]] if row["build_id"] else [],
                "recorded_at": stored_as_micros(row["last_heartbeat_at"]),
                "expires_at": micros(from_stored(row["last_heartbeat_at"]) + FLEET_EXPIRY),
            }
            for row in alive
        ],
    }
