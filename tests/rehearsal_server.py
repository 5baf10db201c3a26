"""The rehearsal server for tests: in the test's own event loop, or on a real socket in a thread."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette

from dwctl.rehearsal.app import create_app
from dwctl.rehearsal.avro_writer import encode_value
from dwctl.rehearsal.quirks import Profile
from dwctl.rehearsal.state import Settings
from sample_bundles import Bundle, sealed, small_bundle

Json = dict[str, Any]

CONTROL = {"X-Durable-Workflow-Control-Plane-Version": "2", "Accept": "application/json"}
WORKER = {"X-Durable-Workflow-Protocol-Version": "1.0", "Accept": "application/json"}

START = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)
"""When the clock of a server under test begins: after every recorded run."""


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def turn(self, **amount: float) -> None:
        """Let time go by."""
        self.time += timedelta(**amount)


@dataclass
class InProcess:
    """A server without a socket: each call is one request, answered in an event loop of its own."""

    app: Starlette
    clock: Clock = field(default_factory=Clock)

    def send(self, method: str, path: str, body: object = None, *, namespace: str = "default") -> httpx.Response:
        """One request of the plane that the path belongs to."""
        return asyncio.run(self._send(method, path, body, namespace))

    async def _send(self, method: str, path: str, body: object, namespace: str) -> httpx.Response:
        async with client_of(self.app) as client:
            headers = {**(WORKER if path.startswith("/api/worker/") else CONTROL), "X-Namespace": namespace}
            return await client.request(method, path, json=body, headers=headers)

    def worker(self, path: str, body: Mapping[str, Any], *, status: int = 200, namespace: str = "default") -> Json:
        """POST to the worker plane, and the document of the answer without what every answer has."""
        return self._document(self.send("POST", f"/api/worker/{path}", body, namespace=namespace), status)

    def post(self, path: str, body: Mapping[str, Any], *, status: int = 200, namespace: str = "default") -> Json:
        """POST to the control plane."""
        return self._document(self.send("POST", f"/api/{path}", body, namespace=namespace), status)

    def get(self, path: str, *, status: int = 200, namespace: str = "default") -> Json:
        """GET from the control plane."""
        return self._document(self.send("GET", f"/api/{path}", namespace=namespace), status)

    @staticmethod
    def _document(answer: httpx.Response, status: int) -> Json:
        document: Json = answer.json()
        assert answer.status_code == status, document
        for key in ("protocol_version", "server_capabilities", "control_plane"):
            document.pop(key, None)
        return document

    def register(self, worker_id: str = "w", queue: str = "default", **fields: Any) -> Json:
        """Register a worker that takes every type."""
        body = {"worker_id": worker_id, "task_queue": queue, "runtime": "python", **fields}
        return self.worker("register", body, status=201)

    def poll(self, kind: str = "workflow", worker_id: str = "w", queue: str = "default", **fields: Any) -> Any:
        """What a poll gives that does not wait."""
        body = {"worker_id": worker_id, "task_queue": queue, "timeout_seconds": 0, **fields}
        return self.worker(f"{kind}-tasks/poll", body)["task"]

    def complete(self, task: Mapping[str, Any], *commands: Mapping[str, Any], status: int = 200) -> Json:
        """Complete a workflow task with commands."""
        body = {**authority(task), "commands": list(commands)}
        return self.worker(f"workflow-tasks/{task['task_id']}/complete", body, status=status)

    def complete_activity(self, task: Mapping[str, Any], result: object = None) -> Json:
        """Complete an activity task with a result."""
        body = {**activity_authority(task), "result": payload(result)}
        return self.worker(f"activity-tasks/{task['task_id']}/complete", body)

    def start(self, workflow_id: str = "order-1", workflow_type: str = "orders.process", **fields: Any) -> Json:
        """Start a run."""
        body = {"workflow_id": workflow_id, "workflow_type": workflow_type, "task_queue": "default", **fields}
        return self.post("workflows", body, status=201)

    def events(self, workflow_id: str, run_id: str) -> list[Json]:
        """The history of a run."""
        events: list[Json] = self.get(f"workflows/{workflow_id}/runs/{run_id}/history?page_size=1000")["events"]
        return events

    def rows(self, statement: str, *values: object) -> list[Json]:
        """What the database holds."""
        with self.app.state.rehearsal.database.read() as connection:
            return [dict(row) for row in connection.execute(statement, values).fetchall()]


def client_of(app: Starlette) -> httpx.AsyncClient:
    """A client of an application in the same event loop."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://rehearsal")


def in_process(profile: str | Profile = "measured", **settings: Any) -> InProcess:
    """A server whose polls do not wait, with a clock of its own."""
    clock = Clock()
    app = create_app(profile=profile, settings=Settings(**{"poll_timeout": 0.0, **settings}), now=clock)
    return InProcess(app, clock)


@contextmanager
def on_a_socket(profile: str | Profile = "measured", **settings: Any) -> Iterator[str]:
    """A server on a free port of the loopback interface, in a thread; yields its URL."""
    with served(create_app(profile=profile, settings=Settings(**{"poll_timeout": 1.0, **settings}))) as url:
        yield url


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """An application on a free port of the loopback interface, in a thread; yields its URL."""
    # Named as TCP, so that asyncio turns Nagle's delay off; listening at once, so that nobody comes too early.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def authority(task: Mapping[str, Any]) -> Json:
    """What a worker says of a workflow task that it holds."""
    return {"lease_owner": task["lease_owner"], "workflow_task_attempt": task["workflow_task_attempt"]}


def activity_authority(task: Mapping[str, Any]) -> Json:
    """What a worker says of an activity task that it holds."""
    return {"lease_owner": task["lease_owner"], "activity_attempt_id": task["activity_attempt_id"]}


def payload(value: object) -> Json:
    """A value as an envelope."""
    return {"codec": "avro", "blob": encode_value(value)}


def ready_run(number: int, changes: Mapping[str, Any] | None = None) -> Bundle:
    """An open run of its own with one ready workflow task in the queue `default`."""
    run_id = f"01run{number:021}"
    named = {
        "dedupe_key": f"{run_id}:1:2026-11-22T22:11:34.036225Z",
        "workflow.instance_id": f"order-{number}",
        "workflow.run_id": run_id,
        "workflow.status": "pending",
        "workflow.last_history_sequence": 1,
        "summary.status": "pending",
        "history_events": [
            {
                "id": f"01evt{number:021}",
                "sequence": 1,
                "type": "WorkflowStarted",
                "recorded_at": "2026-11-22T22:11:34.036225Z",
                "workflow_command_id": f"01cmd{number:021}",
                "payload": {"workflow_type": "orders.process"},
            }
        ],
        "commands": [{"id": f"01cmd{number:021}", "type": "start", "status": "accepted", "outcome": "started_new"}],
        "tasks": [
            {
                "id": f"01tsk{number:021}",
                "type": "workflow",
                "status": "ready",
                "payload": {},
                "queue": "default",
                "available_at": "2026-11-22T22:11:34.036225Z",
            }
        ],
        "signals": [],
        "updates": [],
        "activities": [],
        "timers": [],
    }
    return small_bundle({**named, **(changes or {})})


def import_request(bundle: Bundle) -> dict[str, Any]:
    """The arguments of a request that imports a bundle, byte for byte."""
    headers = {**CONTROL, "Content-Type": "application/JSON"}
    return {"url": "/api/workflows/import/embedded-v2", "content": sealed(bundle), "headers": headers}


def imported(server: InProcess, bundle: Bundle, *, namespace: str = "default") -> Json:
    """Import a bundle into a server, and the report."""

    async def send() -> httpx.Response:
        async with client_of(server.app) as client:
            request = import_request(bundle)
            request["headers"] = {**request["headers"], "X-Namespace": namespace}
            return await client.post(**request)

    answer = asyncio.run(send())
    report: Json = json.loads(answer.content)
    assert answer.status_code == 201, report
    return report
