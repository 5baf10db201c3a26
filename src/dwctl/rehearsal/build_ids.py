"""Build ids of a queue: who runs which, and draining one (contract/server.md §4, recordings 407 to 410)."""

from __future__ import annotations

import sqlite3
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dwctl.rehearsal.answers import answer, body_of, namespace_of, state_of
from dwctl.rehearsal.state import Rehearsal
from dwctl.rehearsal.times import stored, stored_as_micros
from dwctl.rehearsal.validation import Fields
from dwctl.rehearsal.workers import registered, status_of

Row = sqlite3.Row


def list_build_ids(request: Request) -> Response:
    """`GET /api/task-queues/{queue}/build-ids`: a cohort for each build; workers without one are a cohort too."""
    state, namespace, queue = state_of(request), namespace_of(request), request.path_params["queue"]
    with state.database.read() as connection:
        workers = registered(connection, namespace, queue)
        intents: dict[str, Row] = {
            row["build_id"]: row
            for row in connection.execute(
                "SELECT * FROM workflow_worker_build_id_rollouts WHERE namespace = ? AND task_queue = ?",
                (namespace, queue),
            )
        }
    builds = dict.fromkeys([row["build_id"] or "" for row in workers] + list(intents))
    document = {
        "namespace": namespace,
        "task_queue": queue,
        "stale_after_seconds": state.settings.worker_stale_after,
        "build_ids": [
            _cohort(state, build, [row for row in workers if (row["build_id"] or "") == build], intents.get(build))
            for build in builds
        ],
    }
    return answer(request, document)


def _cohort(state: Rehearsal, build: str, workers: list[Row], intent: Row | None) -> dict[str, Any]:
    statuses = [status_of(state, row) for row in workers]
    active, draining, stale = (statuses.count(status) for status in ("active", "draining", "stale"))
    wanted = "active" if intent is None else intent["drain_intent"]
    if wanted == "draining":
        rollout = "draining" if active + draining else "drained"
    elif active + draining:
        rollout = "active"
    else:
        rollout = "stale_only" if stale else "no_workers"
    beats = [row["last_heartbeat_at"] for row in workers]
    return {
        "build_id": build or None,
        "rollout_status": rollout,
        "drain_intent": wanted,
        "drained_at": None if intent is None else stored_as_micros(intent["drained_at"]),
        "active_worker_count": active,
        "draining_worker_count": draining,
        "stale_worker_count": stale,
        "total_worker_count": len(workers),
        "runtimes": sorted({row["runtime"] for row in workers}),
        "sdk_versions": sorted({row["sdk_version"] for row in workers if row["sdk_version"]}),
        "last_heartbeat_at": stored_as_micros(max(beats)) if beats else None,
        "first_seen_at": stored_as_micros(min(row["created_at"] for row in workers)) if workers else None,
    }


def drain(request: Request) -> Response:
    """`POST …/build-ids/drain`: a build's workers become `draining` with their next heartbeat."""
    return _intend(request, "draining")


def resume(request: Request) -> Response:
    """`POST …/build-ids/resume`."""
    return _intend(request, "active")


def _intend(request: Request, intent: str) -> Response:
    """`build_id` may be null, for workers without one, but must be there."""
    state, namespace, queue = state_of(request), namespace_of(request), request.path_params["queue"]
    fields = Fields(body_of(request))
    build = fields.text("build_id")
    if "build_id" not in body_of(request):
        fields.wrong("build_id", "The field build_id must be there; null stands for workers without one.")
    fields.done()
    moment = stored(state.now())
    drained_at = moment if intent == "draining" else None
    with state.database.write() as connection:
        connection.execute(
            "INSERT INTO workflow_worker_build_id_rollouts"
            " (namespace, task_queue, build_id, drain_intent, drained_at, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (namespace, task_queue, build_id)"
            " DO UPDATE SET drain_intent = excluded.drain_intent, drained_at = excluded.drained_at,"
            " updated_at = excluded.updated_at",
            (namespace, queue, build or "", intent, drained_at, moment, moment),
        )
    document = {"namespace": namespace, "task_queue": queue, "build_id": build, "drain_intent": intent}
    return answer(request, {**document, "drained_at": stored_as_micros(drained_at)})
