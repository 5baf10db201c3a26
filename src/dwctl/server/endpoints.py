"""The routes that dwctl uses, each a function with a typed result (contract/server.md §2 to §7).

All raise a ServerFailure. Reads may be repeated by the transport; what changes something says how far.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dwctl.server.calls import WORKER_PROTOCOL_VERSION, Answer, Call, Plane, segment
from dwctl.server.decode import cluster_info_from, namespace_from, probe_from, queue_from, worker_from
from dwctl.server.documents import Document
from dwctl.server.failures import CallNotFound, ServerFailure
from dwctl.server.results import ClusterInfo, EnsureOutcome, Namespace, Probe, TaskQueue, Worker
from dwctl.server.retries import Repeat, RetryPolicy
from dwctl.server.transport import Server
from dwctl.settings import Role

ANY_ROLE = (Role.OPERATOR, Role.WORKER, Role.ADMIN)
"""For routes that take any role: the first that is configured."""
_READ = (Role.OPERATOR, Role.ADMIN)
_ADMIN = (Role.ADMIN,)
_NOT_SERVING = frozenset({503})


def health(server: Server, *, policy: RetryPolicy | None = None) -> Probe:
    """`GET /api/health`: the process answers and reaches its database; of tables it says nothing."""
    return _probe(server, "/api/health", policy)


def ready(server: Server, *, policy: RetryPolicy | None = None) -> Probe:
    """`GET /api/ready`: the gate; 503 with the checks that are not met is an answer, not a failure."""
    return _probe(server, "/api/ready", policy)


def _probe(server: Server, path: str, policy: RetryPolicy | None) -> Probe:
    call = Call("GET", path, (), plane=Plane.OPEN, namespaced=False, accepted=_NOT_SERVING)
    answer = server.call(call, policy=policy)
    found = Document(answer)
    if answer.status in _NOT_SERVING and not isinstance(found.fields.get("checks"), dict):
        raise server.failure(call, answer)
    return probe_from(answer.status, found)


def cluster_info(server: Server) -> ClusterInfo:
    """`GET /api/cluster/info`: versions, capabilities, limits; without a version, so that any answers."""
    return cluster_info_from(Document(cluster_info_answer(server)))


def cluster_info_answer(server: Server) -> Answer:
    """The same, as it came: with headers, times and the TLS peer, for `doctor`."""
    return server.call(Call("GET", "/api/cluster/info", ANY_ROLE, plane=Plane.OPEN))


def list_namespaces(server: Server) -> tuple[Namespace, ...]:
    """`GET /api/namespaces`: all of the server, unpaged."""
    found = Document(server.call(Call("GET", "/api/namespaces", _READ, namespaced=False)))
    return tuple(namespace_from(item) for item in found.items("namespaces"))


def show_namespace(server: Server, name: str) -> Namespace:
    """`GET /api/namespaces/{name}`, by the name as the server folds it."""
    path = f"/api/namespaces/{segment(name.lower())}"
    return namespace_from(Document(server.call(Call("GET", path, _READ, namespaced=False))))


def create_namespace(
    server: Server, name: str, *, description: str | None = None, retention_days: int | None = None
) -> Namespace:
    """`POST /api/namespaces` (admin). One that exists is CallRefused `namespace_already_exists`."""
    wanted = {"name": name.lower(), "description": description, "retention_days": retention_days}
    call = Call(
        "POST",
        "/api/namespaces",
        _ADMIN,
        body=json_body({key: value for key, value in wanted.items() if value is not None}),
        namespaced=False,
        repeat=Repeat.UNSENT,
    )
    return namespace_from(Document(server.call(call)))


def ensure_namespace(
    server: Server, name: str, *, description: str | None = None, retention_days: int | None = None
) -> tuple[EnsureOutcome, Namespace]:
    """The namespace, created if it is not there. One that somebody else creates in between is accepted.

    An existing one is not changed; compare its retention with what was asked.
    """
    try:
        return EnsureOutcome.EXISTS, show_namespace(server, name)
    except CallNotFound as error:
        if error.reason != "namespace_not_found":
            raise
    try:
        return EnsureOutcome.CREATED, create_namespace(
            server, name, description=description, retention_days=retention_days
        )
    except ServerFailure as error:
        if error.reason != "namespace_already_exists" and not error.exchange.unsettled:
            raise
        try:
            return EnsureOutcome.EXISTS, show_namespace(server, name)
        except CallNotFound:
            raise error from None


def list_workers(server: Server, *, task_queue: str | None = None) -> tuple[Worker, ...]:
    """Every registered worker, stale ones included, newest heartbeat first.

    Some servers list stale workers and some hide them unless asked (server.md §4), so both are asked for.
    """
    query = {"task_queue": task_queue} if task_queue is not None else {}
    found: dict[str, Worker] = {}
    for extra in ({}, {"status": "stale"}):
        listed = Document(server.call(Call("GET", "/api/workers", _READ, query=query | extra)))
        for worker in map(worker_from, listed.items("workers")):
            found.setdefault(worker.worker_id, worker)
    return tuple(sorted(found.values(), key=lambda worker: worker.last_heartbeat_at or "", reverse=True))


def show_worker(server: Server, worker_id: str) -> Worker:
    """`GET /api/workers/{id}`; one of another namespace is CallNotFound."""
    return worker_from(Document(server.call(Call("GET", f"/api/workers/{segment(worker_id)}", _READ))))


def register_worker(
    server: Server,
    *,
    task_queue: str,
    runtime: str,
    worker_id: str | None = None,
    sdk_version: str | None = None,
    build_id: str | None = None,
    workflow_types: Sequence[str] = (),
    activity_types: Sequence[str] = (),
    max_concurrent_workflow_tasks: int | None = None,
    max_concurrent_activity_tasks: int | None = None,
    protocol: str = WORKER_PROTOCOL_VERSION,
) -> str:
    """`POST /api/worker/register` (guide, Phase C), an upsert; returns the id that was registered."""
    wanted: dict[str, Any] = {
        "worker_id": worker_id,
        "task_queue": task_queue,
        "runtime": runtime,
        "sdk_version": sdk_version,
        "build_id": build_id,
        "supported_workflow_types": list(workflow_types),
        "supported_activity_types": list(activity_types),
        "max_concurrent_workflow_tasks": max_concurrent_workflow_tasks,
        "max_concurrent_activity_tasks": max_concurrent_activity_tasks,
    }
    call = Call(
        "POST",
        "/api/worker/register",
        (Role.WORKER,),
        plane=Plane.WORKER,
        protocol=protocol,
        body=json_body({key: value for key, value in wanted.items() if value is not None}),
        repeat=Repeat.ALWAYS if worker_id is not None else Repeat.UNSENT,
    )
    return Document(server.call(call)).text("worker_id")


def list_task_queues(server: Server) -> tuple[TaskQueue, ...]:
    """`GET /api/task-queues`: the queues that have a worker or a task."""
    found = Document(server.call(Call("GET", "/api/task-queues", _READ)))
    return tuple(queue_from(item, listed=True) for item in found.items("task_queues"))


def show_task_queue(server: Server, name: str) -> TaskQueue:
    """`GET /api/task-queues/{name}`; an unknown queue is one without pollers (recording 037)."""
    return queue_from(Document(server.call(Call("GET", f"/api/task-queues/{segment(name)}", _READ))), listed=False)


def json_body(document: Mapping[str, Any]) -> bytes:
    """A JSON body in ASCII, which nothing on the way can misread."""
    return json.dumps(document, separators=(",", ":")).encode("ascii")
