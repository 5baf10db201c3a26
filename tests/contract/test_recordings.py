"""Every recorded exchange of the routes that dwctl uses, replayed through its client."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
import pytest
import respx

from conftest import SHARED
from dwctl.errors import ExitCode
from dwctl.secret import Secret
from dwctl.server import endpoints, workflows
from dwctl.server.compatibility import Need, assess
from dwctl.server.failures import ServerFailure
from dwctl.server.reasons import REASONS
from dwctl.server.results import ClusterInfo, ImportAnswer, Namespace, Page, Probe, Run, TaskQueue, Worker
from dwctl.server.retries import ONCE
from dwctl.server.target import Credential, Target
from dwctl.server.transport import Server
from dwctl.settings import Auth, Role

BASE = "http://127.0.0.1:18080"
EXIT_CODES = {400: 2, 401: 4, 403: 4, 404: 5, 405: 2, 409: 2, 412: 2, 413: 2, 415: 2, 422: 2, 500: 6, 503: 6}
INCOMPATIBLE = ("unsupported_control_plane_version", "unsupported_protocol_version", "embedded_v2_import_unavailable")


@dataclass(frozen=True)
class Recording:
    """One recorded exchange."""

    name: str
    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    request: Any
    status: int
    answered: Mapping[str, str]
    body: Any


def recordings() -> list[Recording]:
    """Every recording, in the order in which they were made."""
    return [read(file) for file in sorted((SHARED / "recordings" / "http").glob("*.json"))]


def read(file: Path) -> Recording:
    """One file."""
    found = json.loads(file.read_text(encoding="utf-8"))
    asked, got = found["request"], found["response"]
    parts = urlsplit(asked["path"])
    return Recording(
        name=file.stem,
        method=asked["method"],
        path=parts.path,
        query=dict(parse_qsl(parts.query)),
        headers=asked["headers"],
        request=asked["body"],
        status=got["status"],
        answered=got["headers"],
        body=got["body"],
    )


Ask = Callable[[Server, Recording, re.Match[str]], object]


def listed(server: Server, made: Recording, match: re.Match[str]) -> Page:
    """A page of workflows with the recorded filters."""
    query = made.query
    return workflows.list_page(
        server,
        workflow_type=query.get("workflow_type"),
        status=query.get("status"),
        query=query.get("query"),
        page_size=int(query.get("page_size", "50")),
        token=query.get("next_page_token"),
    )


def created(server: Server, made: Recording, match: re.Match[str]) -> Namespace:
    """A namespace of the recorded name."""
    return endpoints.create_namespace(server, (made.request or {}).get("name") or "x")


def registered(server: Server, made: Recording, match: re.Match[str]) -> str:
    """A worker with the recorded id."""
    body = made.request
    return endpoints.register_worker(
        server,
        worker_id=body.get("worker_id", "w"),
        task_queue=body.get("task_queue", "q"),
        runtime=body.get("runtime", "php"),
        workflow_types=body.get("supported_workflow_types", ()),
        activity_types=body.get("supported_activity_types", ()),
    )


def started(server: Server, made: Recording, match: re.Match[str]) -> object:
    """A start with the recorded id."""
    return workflows.start(
        server, workflow_id=made.request.get("workflow_id", "w"), workflow_type="orders.process", task_queue="orders"
    )


def imported(server: Server, made: Recording, match: re.Match[str]) -> ImportAnswer:
    """An import; the recordings do not repeat the bundles, so the body is another."""
    return workflows.import_bundle(server, b"{}", query=made.query)


def described(server: Server, made: Recording, match: re.Match[str]) -> Run:
    """A workflow, or one of its runs."""
    run_id = match.groupdict().get("run")
    return workflows.describe(server, unquote(match["id"]), run_id)


def told(server: Server, made: Recording, match: re.Match[str]) -> list[Any]:
    """The first page of a history."""
    found = workflows.history(server, match["id"], match["run"], page_size=int(made.query.get("page_size", "100")))
    return list(islice(found, max(1, len(made.body.get("events", [])))))


ID, RUN = r"(?P<id>[^/]+)", r"(?P<run>[^/]+)"
ROUTES: list[tuple[str, str, Ask]] = [
    ("GET", "/api/health", lambda server, made, match: endpoints.health(server)),
    ("GET", "/api/ready", lambda server, made, match: endpoints.ready(server)),
    ("GET", "/api/cluster/info", lambda server, made, match: endpoints.cluster_info(server)),
    ("GET", "/api/namespaces", lambda server, made, match: endpoints.list_namespaces(server)),
    ("POST", "/api/namespaces", created),
    ("GET", f"/api/namespaces/{ID}", lambda server, made, match: endpoints.show_namespace(server, match["id"])),
    ("POST", "/api/worker/register", registered),
    ("GET", "/api/workers", lambda s, m, x: endpoints.list_workers(s, task_queue=m.query.get("task_queue"))),
    ("GET", f"/api/workers/{ID}", lambda server, made, match: endpoints.show_worker(server, match["id"])),
    ("GET", "/api/task-queues", lambda server, made, match: endpoints.list_task_queues(server)),
    ("GET", f"/api/task-queues/{ID}", lambda server, made, match: endpoints.show_task_queue(server, match["id"])),
    ("POST", "/api/workflows/import/embedded-v2", imported),
    ("GET", "/api/workflows", listed),
    ("POST", "/api/workflows", started),
    ("GET", f"/api/workflows/{ID}", described),
    ("GET", f"/api/workflows/{ID}/runs", lambda server, made, match: workflows.list_runs(server, match["id"])),
    ("GET", f"/api/workflows/{ID}/runs/{RUN}", described),
    ("GET", f"/api/workflows/{ID}/runs/{RUN}/history", told),
    ("GET", f"/api/workflows/{ID}/runs/{RUN}/history/export",
     lambda server, made, match: workflows.export_history(server, match["id"], match["run"])),
    ("POST", f"/api/workflows/{ID}/archive", lambda s, m, match: workflows.archive(s, match["id"], reason="kept")),
]  # fmt: skip

OTHERS = re.compile(
    r"PUT /api/namespaces/|DELETE /api/(namespaces|workers)/|GET /api/no-such-thing|GET /api/workflows/import/"
    r"|POST /api/worker/(heartbeat|workflow-tasks|activity-tasks)|GET /api/system/|POST /api/system/"
    r"|/api/task-queues/[^/]+/build-ids|POST /api/workflows/[^/]+/(signal|cancel|runs)|GET /api/workflows/[^/]+/debug"
)
"""Recorded routes that dwctl does not use."""


def route(made: Recording) -> tuple[Ask, re.Match[str]] | None:
    """The function that asks for what was recorded."""
    for method, pattern, ask in ROUTES:
        match = re.fullmatch(pattern, made.path)
        if method == made.method and match is not None and not OTHERS.search(f"{made.method} {made.path}"):
            return ask, match
    return None


USED = [made for made in recordings() if route(made) is not None]
pytestmark = pytest.mark.skipif(not USED, reason="the recorded reference data (../shared) is not on this machine")


def target_of(made: Recording) -> Target:
    """The target with which the recorded request was made."""
    token = made.headers.get("Authorization", "").removeprefix("Bearer ")
    credential = Credential(Secret(token) if token else None, "the recording")
    return Target(
        BASE,
        made.headers.get("X-Namespace", "default"),
        auth=Auth.TOKEN,
        credentials=dict.fromkeys(Role, credential),
    )


def recorded_answer(made: Recording) -> httpx.Response:
    """The recorded answer; its length and encoding are made new."""
    dropped = ("content-encoding", "content-length", "transfer-encoding", "connection", "host")
    headers = {name: text for name, text in made.answered.items() if name.lower() not in dropped}
    html = isinstance(made.body, dict) and "_text" in made.body
    content = made.body["_text"].encode() if html else json.dumps(made.body).encode()
    return httpx.Response(made.status, headers=headers, content=content)


@pytest.fixture
def wire() -> Iterator[respx.MockRouter]:
    """The recorded server."""
    with respx.mock(base_url=BASE, assert_all_called=False) as router:
        yield router


def replayed(wire: respx.MockRouter, made: Recording) -> tuple[object, list[httpx.Request]]:
    """What dwctl makes of the recorded answer, and what it asked."""
    missing = {"reason": "instance_not_found", "message": "nothing was stored"}
    wire.route(method=made.method, path__regex=f"(?i)^{re.escape(made.path)}$").mock(
        side_effect=lambda request: recorded_answer(made)
    )
    wire.get(path__startswith="/api/workflows/").respond(404, json=missing)
    found = route(made)
    assert found is not None
    with Server(target_of(made), policy=ONCE) as server:
        try:
            result = found[0](server, made, found[1])
        except ServerFailure as error:
            result = error
    return result, [call.request for call in wire.calls]


def test_every_recording_is_either_replayed_or_of_a_route_that_dwctl_does_not_use() -> None:
    left = [made.name for made in recordings() if route(made) is None]
    assert all(OTHERS.search(f"{made.method} {made.path}") for made in recordings() if made.name in left), [
        made.path for made in recordings() if made.name in left and not OTHERS.search(f"{made.method} {made.path}")
    ]
    assert len(USED) > 150


@pytest.mark.parametrize("made", USED, ids=lambda made: made.name)
def test_a_recorded_exchange_replayed(wire: respx.MockRouter, made: Recording) -> None:
    result, requests = replayed(wire, made)
    assert requests
    for request in requests:
        for name in ("X-Durable-Workflow-Control-Plane-Version", "X-Durable-Workflow-Protocol-Version"):
            if name in made.headers and made.path != "/api/cluster/info" and made.status not in (400, 401):
                assert request.headers[name] == made.headers[name]
        assert request.headers["Accept"] == "application/json"
        if "Authorization" in made.headers and made.path not in ("/api/health", "/api/ready"):
            assert request.headers["Authorization"] == made.headers["Authorization"]
    rejected = made.status == 422 and made.body.get("status") == "rejected"
    probed = made.status == 503 and "checks" in made.body
    if made.status >= 400 and not rejected and not probed:
        failed(result, made)
    else:
        assert not isinstance(result, ServerFailure), result
        succeeded(result, made)


def failed(result: object, made: Recording) -> None:
    """An error answer became the class of its status, with the server's own reason."""
    assert isinstance(result, ServerFailure)
    reason = made.body.get("reason") or made.body.get("outcome")
    code = 8 if reason in INCOMPATIBLE else EXIT_CODES[made.status]
    assert (result.exit_code, result.reason) == (code, reason)
    assert reason is None or reason in REASONS
    assert result.next_step
    if made.status == 403:
        assert f"needed is {' or '.join(made.body['allowed_roles'])}" in result.message


def succeeded(result: object, made: Recording) -> None:
    """A success became a typed value that says what the body says."""
    body = made.body
    match result:
        case Probe():
            assert (result.status, result.http_status) == (body["status"], made.status)
            assert {check.name for check in result.checks} == set(body["checks"])
        case ClusterInfo():
            assert result.version == body["version"]
            assert result.control_plane_version == "2"
            assert result.worker_protocol_version == body["worker_protocol"]["version"]
            assert result.max_payload_bytes == body["limits"]["max_payload_bytes"]
            assert assess(result, Need.IMPORT, Need.WORKER).fits
        case Namespace():
            assert (result.name, result.retention_days) == (body["name"], body["retention_days"])
        case Worker():
            assert (result.worker_id, result.status) == (body["worker_id"], body["status"])
        case TaskQueue():
            assert result.name == body["name"]
            assert result.polled is any(
                not poller["is_stale"] and poller["status"] == "active" for poller in body["pollers"]
            )
        case Page():
            assert [row.run_id for row in result.rows] == [row["run_id"] for row in body["workflows"]]
            assert result.next_page_token == body["next_page_token"]
        case Run():
            assert (result.row.run_id, result.row.status) == (body["run_id"], body["status"])
            assert result.import_id is None
            assert result.memo == (body["memo"] or {})
        case ImportAnswer():
            assert (result.status, result.report["status"]) == (made.status, body["status"])
            assert result.unsettled == 0
        case bytes():
            assert json.loads(result) == body
        case tuple():
            key = next(key for key in ("namespaces", "workers", "task_queues", "runs") if key in body)
            assert len(result) == len(body[key])
        case list():
            assert [event.sequence for event in result] == [event["sequence"] for event in body["events"]]
        case str():
            assert result in (body.get("worker_id"), body.get("outcome"))
        case _:
            assert result.run_id == body["run_id"]  # type: ignore[attr-defined]
            assert result.outcome == body["outcome"]  # type: ignore[attr-defined]


def test_the_recordings_hold_every_kind_of_exit_code_but_a_timeout_and_a_broken_wire() -> None:
    codes = {EXIT_CODES[made.status] for made in USED if made.status >= 400}
    assert codes == {ExitCode.USAGE, ExitCode.AUTH, ExitCode.NOT_FOUND, ExitCode.SERVER}


def test_a_stale_worker_of_the_recordings_is_never_active(wire: respx.MockRouter) -> None:
    made = next(made for made in USED if made.name.startswith("402-"))
    found, _ = replayed(wire, made)
    assert isinstance(found, tuple)
    assert {worker.worker_id: worker.status for worker in found}["stale-1"] == "stale"
