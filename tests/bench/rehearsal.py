"""The rehearsal server: an import against its verification, a run described, and both when there are many runs.

Everything crosses the same kind of socket on loopback, one connection, one request after the other.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from dwctl.bundle.verify import verify_bundle
from dwctl.rehearsal.app import create_app
from dwctl.rehearsal.database import Database

from .measurement import Reading, Workplace

ROUNDS = 7
ANSWERS = 20
QUESTIONS = 200
MANY = 100_000
FEW = 100

_HEADERS = {"X-Durable-Workflow-Control-Plane-Version": "2", "Accept": "application/json"}
_BYTE_EXACT = _HEADERS | {"Content-Type": "application/JSON"}
_IMPORT = "/api/workflows/import/embedded-v2"


def import_in_memory(place: Workplace) -> Reading:
    """An import over HTTP into memory; its verification and 20 constant answers are 1."""
    documents = _importable(place)
    ratios: list[float] = []
    with _constant() as constant:
        for _ in range(ROUNDS):
            with _rehearsal() as (_, server):
                imported = verified = answered = 0.0
                for document in documents:
                    start = time.perf_counter()
                    verify_bundle(document)
                    middle = time.perf_counter()
                    _ask(constant, ANSWERS)
                    end = time.perf_counter()
                    response = server.post(_IMPORT, content=document, headers=_BYTE_EXACT)
                    imported += time.perf_counter() - end
                    assert response.status_code == 201, response.text[:300]
                    verified, answered = verified + middle - start, answered + end - middle
            ratios.append(imported / (verified + answered))
    rate = len(documents) / imported
    return Reading(tuple(ratios), f"{len(documents)} bundles, {rate:.0f} imports/s; a constant takes "
                   f"{answered / ANSWERS / len(documents) * 1e3:.2f} ms")  # fmt: skip


def describe_a_run(place: Workplace) -> Reading:
    """`GET /api/workflows/{id}`; the bare framework's constant answer is 1."""
    with _constant() as constant, _rehearsal() as (_, server):
        path = _import_one(place, server)
        ratios = [_timed(server, path) / _timed(constant, "/") for _ in range(ROUNDS)]
        rate = QUESTIONS / _timed(server, path)
    return Reading(tuple(ratios), f"{rate:.0f} requests/s")


def with_many_runs(place: Workplace) -> Reading:
    """List and describe with 100,000 imported runs, the slower of the two ratios; with 100 they are 1."""
    with ExitStack() as stack:
        few = stack.enter_context(_rehearsal())
        many = stack.enter_context(_rehearsal())
        paths = []
        for (database, server), count in ((few, FEW), (many, MANY)):
            paths.append(_import_one(place, server))
            _multiply(database, count)
        ratios = [
            max(
                _timed(many[1], paths[1]) / _timed(few[1], paths[0]),
                _timed(many[1], "/api/workflows") / _timed(few[1], "/api/workflows"),
            )
            for _ in range(ROUNDS)
        ]
    return Reading(tuple(ratios), f"{MANY} runs against {FEW}, list and describe")


def repair_status(place: Workplace) -> Reading:
    """`GET /api/system/repair` with 100,000 candidates; reading those rows from the database is 1."""
    with _rehearsal() as (database, server):
        _import_one(place, server, is_ready=True)
        _multiply(database, MANY)
        with database.write() as connection:
            connection.execute("UPDATE workflow_tasks SET available_at = created_at, last_dispatched_at = created_at")
        ratios: list[float] = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            with database.read() as connection:
                connection.execute("SELECT * FROM workflow_tasks WHERE status = 'ready'").fetchall()
            middle = time.perf_counter()
            candidates = server.get("/api/system/repair", headers=_HEADERS).json()["candidates"]
            end = time.perf_counter()
            assert candidates["total_candidates"] == MANY, candidates
            ratios.append((end - middle) / (middle - start))
    return Reading(tuple(ratios), f"{end - middle:.2f} s for {MANY} tasks, reading them {middle - start:.2f} s")


def _importable(place: Workplace) -> list[bytes]:
    """Bundles that import, none of which shares a run or a link with one before it, below the server's limit."""
    found: list[bytes] = []
    taken: set[Any] = set()
    for path in place.bundles:
        document = path.read_bytes()
        verdict = verify_bundle(document)
        run = verdict.run
        if verdict.reference.errors != () or run is None or len(document) > 2_000_000:
            continue
        keys = {run.run_id, (run.instance_id, run.run_number), *verdict.links}
        if not keys & taken:
            taken |= keys
            found.append(document)
    return found


def _import_one(place: Workplace, server: httpx.Client, *, is_ready: bool = False) -> str:
    """Import one bundle, or one with a ready workflow task; the path at which its run is described."""
    document = next(document for document in _importable(place) if not is_ready or _ready_tasks(document) == 1)
    response = server.post(_IMPORT, content=document, headers=_BYTE_EXACT)
    assert response.status_code == 201, response.text[:300]
    return f"/api/workflows/{json.loads(document)['workflow']['instance_id']}"


def _ready_tasks(document: bytes) -> int:
    """The tasks of an open run, where all of them are ready workflow tasks; else 0."""
    bundle = json.loads(document)
    tasks = [task for task in bundle["tasks"] if task["status"] in ("ready", "leased")]
    is_ready = all(task["type"] == "workflow" and task["status"] == "ready" for task in tasks)
    return len(tasks) if is_ready and bundle["workflow"]["status"] in ("pending", "running", "waiting") else 0


def _multiply(database: Database, count: int) -> None:
    """Copy the one imported run until there are so many, each with an id, an instance and a time of its own."""
    copies = {
        "workflow_instances": {"id": "id || '-' || n", "current_run_id": "current_run_id || '-' || n"},
        "workflow_runs": {"id": "id || '-' || n", "workflow_instance_id": "workflow_instance_id || '-' || n"},
        "workflow_tasks": {"id": "id || '-' || n", "workflow_run_id": "workflow_run_id || '-' || n"},
        "workflow_run_summaries": {
            "id": "id || '-' || n",
            "workflow_instance_id": "workflow_instance_id || '-' || n",
            "sort_timestamp": "strftime('%Y-%m-%d %H:%M:%f', sort_timestamp, '-' || n || ' seconds')",
        },
    }
    with database.write() as connection:
        for table, changed in copies.items():
            columns = [row["name"] for row in connection.execute(f"PRAGMA table_info({table})")]
            names = ", ".join(columns)
            values = ", ".join(changed.get(column, column) for column in columns)
            connection.execute(
                f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count - 1})"  # noqa: S608
                f" INSERT INTO {table} ({names}) SELECT {values} FROM {table}, numbers"
            )


def _timed(client: httpx.Client, path: str) -> float:
    start = time.perf_counter()
    _ask(client, QUESTIONS, path)
    return time.perf_counter() - start


def _ask(client: httpx.Client, times: int, path: str = "/") -> None:
    for _ in range(times):
        response = client.get(path, headers=_HEADERS)
        assert response.status_code == 200, response.text[:300]


@contextmanager
def _constant() -> Iterator[httpx.Client]:
    with _serving(Starlette(routes=[Route("/", lambda _request: PlainTextResponse("ok"))])) as client:
        yield client


@contextmanager
def _rehearsal() -> Iterator[tuple[Database, httpx.Client]]:
    app = create_app()
    with _serving(app) as client:
        yield app.state.rehearsal.database, client


@contextmanager
def _serving(app: Starlette) -> Iterator[httpx.Client]:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
