"""Workers make themselves known: register, heartbeat, deregister (contract/server.md §4, §7)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dwctl.rehearsal.answers import Refusal
from dwctl.rehearsal.database import Connection, insert
from dwctl.rehearsal.history_writer import stored_json
from dwctl.rehearsal.tasks import Poller, give_back
from dwctl.rehearsal.times import stored
from dwctl.rehearsal.validation import Fields

Row = sqlite3.Row
Json = dict[str, Any]

RUNTIMES = ("php", "python", "typescript", "go", "java", "rust", "external")
DEFAULT_SLOTS = 100


def register(connection: Connection, namespace: str, body: Mapping[str, Any], new_worker_id: str, now: datetime) -> str:
    """Write a worker's registration, over that of the same id, and return the id.

    A worker has one queue. Raises `Refusal` 422 for fields that are wrong.
    """
    row = _registration(body, new_worker_id)
    moment = stored(now.replace(microsecond=0))
    found = worker_row(connection, namespace, row["worker_id"])
    status = "draining" if _is_drained(connection, namespace, row["task_queue"], row["build_id"]) else "active"
    if found is not None:
        connection.execute("DELETE FROM workflow_worker_registrations WHERE id = ?", (found["id"],))
    times = {"last_heartbeat_at": moment, "created_at": found["created_at"] if found else moment, "updated_at": moment}
    insert(connection, "workflow_worker_registrations", [{"namespace": namespace, **row, "status": status, **times}])
    return str(row["worker_id"])


def _registration(body: Mapping[str, Any], new_worker_id: str) -> Json:
    fields = Fields(body)
    row = {
        "worker_id": fields.text("worker_id") or new_worker_id,
        "task_queue": fields.text("task_queue", required=True),
        "runtime": fields.text("runtime", required=True, choices=RUNTIMES),
        "sdk_version": fields.text("sdk_version"),
        "build_id": fields.text("build_id"),
        "supported_workflow_types": stored_json(_texts(fields, "supported_workflow_types")),
        "workflow_definition_fingerprints": stored_json(fields.array("workflow_definition_fingerprints") or {}),
        "supported_activity_types": stored_json(_texts(fields, "supported_activity_types")),
        "max_concurrent_workflow_tasks": fields.integer("max_concurrent_workflow_tasks", least=1) or DEFAULT_SLOTS,
        "max_concurrent_activity_tasks": fields.integer("max_concurrent_activity_tasks", least=1) or DEFAULT_SLOTS,
    }
    fields.done()
    return row


def _texts(fields: Fields, name: str) -> list[str]:
    given = fields.array(name) or []
    items = list(given.values()) if isinstance(given, Mapping) else given
    for index, item in enumerate(items):
        if not isinstance(item, str):
            fields.wrong(f"{name}.{index}", f"The field {name}.{index} must be a text.")
    return [item for item in items if isinstance(item, str)]


def heartbeat(connection: Connection, namespace: str, worker_id: str, now: datetime) -> None:
    """Note that a worker is alive; one of a drained build learns here that it drains (recordings 409, 410).

    Raises `Refusal` 404 for a worker that is not registered in the namespace.
    """
    worker = worker_row(connection, namespace, worker_id)
    if worker is None:
        document = {"error": "The worker is not registered.", "reason": "worker_not_registered"}
        raise Refusal(404, {**document, "worker_id": worker_id})
    status = "draining" if _is_drained(connection, namespace, worker["task_queue"], worker["build_id"]) else "active"
    moment = stored(now.replace(microsecond=0))
    connection.execute(
        "UPDATE workflow_worker_registrations SET last_heartbeat_at = ?, status = ?, updated_at = ? WHERE id = ?",
        (moment, status, moment, worker["id"]),
    )


def _is_drained(connection: Connection, namespace: str, queue: str, build_id: str | None) -> bool:
    row = connection.execute(
        "SELECT drain_intent FROM workflow_worker_build_id_rollouts"
        " WHERE namespace = ? AND task_queue = ? AND build_id = ?",
        (namespace, queue, build_id or ""),
    ).fetchone()
    return row is not None and row["drain_intent"] == "draining"


def deregister(connection: Connection, namespace: str, worker_id: str, now: datetime) -> Json:
    """Forget a worker; the workflow tasks that it holds go back to the queue at once.

    Raises `Refusal` 404 for a worker that is not registered in the namespace.
    """
    worker = worker_row(connection, namespace, worker_id)
    if worker is None:
        message = f"There is no worker {worker_id} in the namespace {namespace}."
        raise Refusal(404, {"message": message, "reason": "worker_not_found"})
    held = connection.execute(
        "SELECT id FROM workflow_tasks WHERE namespace = ? AND queue = ? AND status = 'leased'"
        " AND lease_owner = ? AND task_type = 'workflow'",
        (namespace, worker["task_queue"], worker_id),
    ).fetchall()
    for task in held:
        give_back(connection, task["id"], now)
    connection.execute("DELETE FROM workflow_worker_registrations WHERE id = ?", (worker["id"],))
    return {"worker_id": worker_id, "outcome": "deregistered", "recovered_workflow_task_count": len(held)}


def worker_row(connection: Connection, namespace: str, worker_id: str) -> Row | None:
    """The registration of a worker in a namespace, or None."""
    row: Row | None = connection.execute(
        "SELECT * FROM workflow_worker_registrations WHERE worker_id = ? AND namespace = ?", (worker_id, namespace)
    ).fetchone()
    return row


def poller(
    connection: Connection, namespace: str, worker_id: str, queue: str, build_id: str | None, kind: str
) -> Poller | None:
    """The registered worker that polls, as it may be given tasks of this kind; None where it drains.

    Raises `Refusal` 412 for a worker that is not registered, 409 for a queue or a build that is not the
    registered one (recordings 078, 079, 275).
    """
    worker = worker_row(connection, namespace, worker_id)
    if worker is None:
        error = "Register the worker with POST /api/worker/register before it polls."
        raise Refusal(412, {"error": error, "reason": "worker_not_registered", "worker_id": worker_id})
    _require_same(worker, "task_queue", queue)
    if build_id is not None:
        _require_same(worker, "build_id", build_id)
    if worker["status"] == "draining":
        return None
    types: Sequence[str] = json.loads(worker[f"supported_{kind}_types"] or "[]")
    return Poller(worker_id, namespace, queue, worker["build_id"], tuple(types))


def _require_same(worker: Row, name: str, requested: str) -> None:
    registered = worker[name]
    if registered == requested:
        return
    facts = {
        "error": f"The worker {worker['worker_id']} is registered with {name} {registered}, not {requested}.",
        "reason": f"{name}_mismatch",
        "worker_id": worker["worker_id"],
        f"registered_{name}": registered,
        f"requested_{name}": requested,
    }
    raise Refusal(409, facts)
