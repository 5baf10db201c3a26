"""The worker plane: the routes under `/api/worker`, and what they share (contract/server.md §1, §7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dwctl.rehearsal import activity_tasks, workflow_tasks
from dwctl.rehearsal.answers import answer, body_of, namespace_of, state_of
from dwctl.rehearsal.claims import activity_claim, begin_attempt, workflow_claim
from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.history_writer import new_id
from dwctl.rehearsal.polls import Claim, Lines, Poll, Receipts
from dwctl.rehearsal.progress import changed_runs, wake_queues
from dwctl.rehearsal.quirks import Q
from dwctl.rehearsal.registrations import deregister, heartbeat, poller, register
from dwctl.rehearsal.retention import retention_pass
from dwctl.rehearsal.state import Rehearsal
from dwctl.rehearsal.tasks import Poller, claim, give_back, has_become_ready, recover_expired_leases, task_row
from dwctl.rehearsal.timeouts import enforce_timeouts, is_anything_late
from dwctl.rehearsal.timers import fire_due_timers
from dwctl.rehearsal.times import stored
from dwctl.rehearsal.validation import Fields
from dwctl.rehearsal.worker_protocol import wraps_memos
from dwctl.rehearsal.workflow_tasks import page_size

Json = dict[str, Any]

PRUNE_EVERY = timedelta(minutes=1)


class WorkerPlane:
    """What the handlers of one server share: the waiting polls, their receipts, and when retention last looked."""

    def __init__(self, state: Rehearsal) -> None:
        self.lines = Lines(state, lambda: run_server_queue(state), _readiness(state))
        self.receipts = Receipts()
        self.pruned_at: dict[str, datetime] = {}


def _plane(request: Request) -> WorkerPlane:
    """The worker plane of the server that the request came to."""
    if not hasattr(request.app.state, "worker_plane"):
        request.app.state.worker_plane = WorkerPlane(state_of(request))
    plane: WorkerPlane = request.app.state.worker_plane
    return plane


def _readiness(state: Rehearsal) -> Callable[[str, str, datetime], bool]:
    def became_ready(namespace: str, queue: str, since: datetime) -> bool:
        with state.database.read() as connection:
            return has_become_ready(connection, namespace, queue, since, state.now())

    return became_ready


def run_server_queue(state: Rehearsal) -> None:
    """What the server's own queue does: fire due timers, and take tasks back whose lease ran out.

    It enforces timeouts too, unless they wait for a repair pass.
    """
    now, enforces = state.now(), not state.profile.has(Q.TIMEOUTS_WAIT_FOR_REPAIR)
    with state.database.read() as connection:
        if not (_is_anything_due(connection, now) or (enforces and is_anything_late(connection, now))):
            return
    with state.database.write() as connection:
        fired = fire_due_timers(connection, state.profile, now)
        # Before leases are given back: an attempt that is late and whose worker is gone is late all the same.
        late = enforce_timeouts(connection, None, now).touched if enforces else set()
        recovered = recover_expired_leases(connection, now)
        queues = changed_runs(connection, {run_id for run_id, _, _ in fired} | late, now)
    wake_queues(state, {(namespace, queue) for _, namespace, queue in fired} | queues | set(recovered))


def _is_anything_due(connection: Connection, now: datetime) -> bool:
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM workflow_tasks WHERE status = 'ready' AND available_at <= :now"
        " AND task_type = 'timer') OR EXISTS (SELECT 1 FROM workflow_tasks WHERE status = 'leased'"
        " AND lease_expires_at < :now)",
        {"now": stored(now)},
    ).fetchone()
    return bool(row[0])


def register_worker(request: Request) -> Response:
    """`POST /api/worker/register`: 201, also for a worker that is registered already (recordings 038, 039)."""
    state = state_of(request)
    with state.database.write() as connection:
        worker_id = register(connection, namespace_of(request), body_of(request), new_id(), state.now())
    return answer(request, {"worker_id": worker_id, "registered": True}, 201)


def heartbeat_worker(request: Request) -> Response:
    """`POST /api/worker/heartbeat`: the worker is alive; each minute the first one prunes a run (recording 463)."""
    state, namespace = state_of(request), namespace_of(request)
    fields = Fields(body_of(request))
    worker_id = fields.text("worker_id", required=True) or ""
    fields.done()
    with state.database.write() as connection:
        heartbeat(connection, namespace, worker_id, state.now())
        retention = _prune(connection, state, _plane(request), namespace)
    return answer(request, {"worker_id": worker_id, "acknowledged": True, "retention": retention})


def _prune(connection: Connection, state: Rehearsal, plane: WorkerPlane, namespace: str) -> Json:
    now, pruned_at = state.now(), plane.pruned_at
    last = pruned_at.get(namespace)
    if (last is not None and now - last < PRUNE_EVERY) or not state.profile.has(Q.OLD_RUNS_PRUNED):
        return {"throttled": True, "processed": 0, "pruned": 0, "skipped": 0, "failed": 0}
    pruned_at[namespace] = now
    document = retention_pass(connection, namespace, now, limit=1)
    del document["results"]
    return {"throttled": False, **document}


def deregister_worker(request: Request) -> Response:
    """`DELETE /api/worker/registrations/{id}`: 200, or 404; its workflow tasks go back to the queue."""
    state, namespace = state_of(request), namespace_of(request)
    with state.database.write() as connection:
        document = deregister(connection, namespace, request.path_params["worker_id"], state.now())
    state.wakeups.wake_all()
    return answer(request, document)


async def poll_workflow_task(request: Request) -> Response:
    """`POST /api/worker/workflow-tasks/poll`: a workflow task, or null when the time has run out."""
    state = state_of(request)
    fields = Fields(body_of(request))
    size = page_size(fields)
    memos = wraps_memos(state)

    def document(connection: Connection, task: Any, _: bool) -> Json:
        return workflow_claim(connection, task, size, memo_envelopes=memos)

    return await _poll(request, fields, "workflow", document)


async def poll_activity_task(request: Request) -> Response:
    """`POST /api/worker/activity-tasks/poll`: an activity task whose attempt has begun, or null."""
    state = state_of(request)

    def document(connection: Connection, task: Any, is_new: bool) -> Json:
        return begin_attempt(connection, task, state.now()) if is_new else activity_claim(connection, task)

    return await _poll(request, Fields(body_of(request)), "activity", document)


async def poll_query_task(request: Request) -> Response:
    """`POST /api/worker/query-tasks/poll`: null when the time has run out; this server takes no queries."""
    return await _poll(request, Fields(body_of(request)), "query", None)


Document = Callable[[Connection, Any, bool], Json]


async def _poll(request: Request, fields: Fields, kind: str, document: Document | None) -> Response:
    state, namespace = state_of(request), namespace_of(request)
    worker_id = fields.text("worker_id", required=True) or ""
    queue = fields.text("task_queue", required=True) or ""
    build_id = fields.text("build_id")
    request_id = fields.text("poll_request_id")
    wanted = fields.integer("timeout_seconds", least=0)
    fields.done()
    types_of = "activity" if kind == "activity" else "workflow"
    with state.database.read() as connection:
        who = poller(connection, namespace, worker_id, queue, build_id, types_of)
    if who is None:
        return answer(request, {"task": None, "poll_status": "draining"})
    plane = _plane(request)
    if request_id is not None and document is not None:
        again = _given_before(state, plane, who, request_id, document)
        if again is not None:
            return answer(request, {"task": again})
    seconds = state.settings.poll_timeout if wanted is None else min(wanted, state.settings.poll_timeout)
    taken = await plane.lines.take(
        Poll(who, kind, _claimer(state, kind, document), _returner(state), _disconnection(request), seconds)
    )
    if taken is not None and request_id is not None:
        plane.receipts.remember(who, request_id, taken["task_id"])
    return answer(request, {"task": taken})


def _claimer(state: Rehearsal, kind: str, document: Document | None) -> Claim:
    """How this kind of task is claimed: chosen, leased and described in one transaction."""

    def take(who: Poller) -> Json | None:
        if document is None:
            return None
        now = state.now()
        with state.database.write() as connection:
            task = claim(connection, kind, who, now)
            if task is None:
                return None
            found = document(connection, task, True)
            changed_runs(connection, {task["workflow_run_id"]}, now)
        return found

    return take


def _returner(state: Rehearsal) -> Callable[[Json], None]:
    def give(task: Json) -> None:
        with state.database.write() as connection:
            give_back(connection, task["task_id"], state.now())
        state.wakeups.wake_all()

    return give


def _disconnection(request: Request) -> Callable[[], Awaitable[None]]:
    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    return gone


def _given_before(
    state: Rehearsal, plane: WorkerPlane, who: Poller, request_id: str, document: Document
) -> Json | None:
    task_id = plane.receipts.task_of(who, request_id)
    if task_id is None:
        return None
    with state.database.read() as connection:
        task = task_row(connection, task_id)
        if task is None or task["status"] != "leased" or task["lease_owner"] != who.worker_id:
            return None
        return document(connection, task, False)


_WORKFLOW_TASK = "/api/worker/workflow-tasks/{task_id}"
_ACTIVITY_TASK = "/api/worker/activity-tasks/{task_id}"


def routes() -> list[Route]:
    """The routes of the worker plane; whoever mounts them puts the checks of a request before each."""
    return [
        Route("/api/worker/register", register_worker, methods=["POST"]),
        Route("/api/worker/heartbeat", heartbeat_worker, methods=["POST"]),
        Route("/api/worker/registrations/{worker_id}", deregister_worker, methods=["DELETE"]),
        Route("/api/worker/workflow-tasks/poll", poll_workflow_task, methods=["POST"]),
        Route("/api/worker/activity-tasks/poll", poll_activity_task, methods=["POST"]),
        Route("/api/worker/query-tasks/poll", poll_query_task, methods=["POST"]),
        Route(f"{_WORKFLOW_TASK}/complete", workflow_tasks.complete, methods=["POST"]),
        Route(f"{_WORKFLOW_TASK}/fail", workflow_tasks.fail, methods=["POST"]),
        Route(f"{_WORKFLOW_TASK}/heartbeat", workflow_tasks.heartbeat, methods=["POST"]),
        Route(f"{_WORKFLOW_TASK}/history", workflow_tasks.history, methods=["POST"]),
        Route(f"{_ACTIVITY_TASK}/complete", activity_tasks.complete, methods=["POST"]),
        Route(f"{_ACTIVITY_TASK}/fail", activity_tasks.fail, methods=["POST"]),
        Route(f"{_ACTIVITY_TASK}/heartbeat", activity_tasks.heartbeat, methods=["POST"]),
    ]
