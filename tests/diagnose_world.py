"""The world of a diagnosis: a rehearsal server on a real socket, with workers and files that a test changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from dwctl.rehearsal.app import create_app
from dwctl.rehearsal.state import Settings
from rehearsal_server import CONTROL, WORKER, Clock, authority, ready_run, served
from sample_bundles import sealed
from server_cli import command, document

Capture = pytest.CaptureFixture[str]
Json = dict[str, Any]


@dataclass
class World:
    """A server with a clock of its own, and what stands beside it."""

    url: str
    client: httpx.Client
    clock: Clock
    app: Starlette

    def worker(
        self, worker_id: str = "w-1", queue: str = "default", namespace: str = "production", **fields: Any
    ) -> None:
        body = {"worker_id": worker_id, "task_queue": queue, "runtime": "php", **fields}
        self.post("worker/register", body, WORKER, namespace)

    def poll(self, worker_id: str = "w-1", queue: str = "default", **fields: Any) -> Any:
        body = {"worker_id": worker_id, "task_queue": queue, "timeout_seconds": 0, **fields}
        return self.post("worker/workflow-tasks/poll", body, WORKER)["task"]

    def post(self, path: str, body: Json, headers: Mapping[str, str] = CONTROL, namespace: str = "production") -> Json:
        answer = self.client.post(f"/api/{path}", json=body, headers={**headers, "X-Namespace": namespace})
        assert answer.is_success, answer.text
        found: Json = answer.json()
        return found

    def complete(self, task: Any, *commands: Json) -> None:
        """Complete a workflow task with commands."""
        self.post(
            f"worker/workflow-tasks/{task['task_id']}/complete", {**authority(task), "commands": list(commands)}, WORKER
        )

    def import_raw(self, content: bytes, namespace: str = "production") -> None:
        """Import a bundle as any other client would: without the rules that dwctl adds."""
        headers = {**CONTROL, "Content-Type": "application/JSON", "X-Namespace": namespace}
        answer = self.client.post("/api/workflows/import/embedded-v2", content=content, headers=headers)
        assert answer.status_code == 201, answer.text

    def change(self, statement: str, *values: object) -> None:
        """Change the world where no call can: in the server's own database."""
        with self.app.state.rehearsal.database.write() as connection:
            connection.execute(statement, values)


class Eater:
    """What a proxy does that lets only headers pass that it knows."""

    def __init__(self, app: Any, header: bytes) -> None:
        self.app, self.header = app, header

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [pair for pair in scope.get("headers", ()) if pair[0] != self.header]
        await self.app({**scope, "headers": headers}, receive, send)


@contextmanager
def a_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A server with the namespace `production`, and a folder of one's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    clock = Clock()
    app = create_app(settings=Settings(poll_timeout=1.0), now=clock)
    with served(app) as url, httpx.Client(base_url=url) as client:
        monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", url)
        monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "production")
        client.post("/api/namespaces", json={"name": "production"}, headers=CONTROL)
        yield World(url, client, clock, app)


def bundle(number: int = 1, changes: Json | None = None) -> str:
    """A bundle of an open run with a ready workflow task, as a file."""
    path = Path(f"order-{number}.json")
    path.write_bytes(sealed(ready_run(number, changes)))
    return str(path)


def imported(capsys: Capture, file: str, *options: str, code: int = 0) -> None:
    ended, out, err = command(capsys, "history-import", file, *options)
    assert ended == code, out + err


def asked(capsys: Capture, *arguments: str) -> tuple[int, str, Json]:
    """The exit code, the row that decides, and the document."""
    code, found = document(capsys, "diagnose", *arguments)
    assert code == found["exit_code"]
    assert all(found[key] for key in ("sentence", "command"))
    return code, found["diagnosis"].removeprefix("diagnose."), found


def ids(found: Json) -> set[str]:
    return {match["id"].removeprefix("diagnose.") for match in found["matches"]}
