"""Many workers at once: no task is claimed twice, none is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx

from dwctl.rehearsal.app import create_app
from dwctl.rehearsal.state import Settings
from rehearsal_server import CONTROL, WORKER, authority, client_of, import_request, payload, ready_run

WORKERS, BUNDLES = 200, 1000


async def post(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(f"/api/worker/{path}", json=body, headers=WORKER, timeout=60)
    assert answer.status_code in (200, 201), answer.text
    document: dict[str, Any] = answer.json()
    return document


async def work(
    client: httpx.AsyncClient, worker_id: str, claimed: Counter[str], busy: set[str], done: asyncio.Event
) -> None:
    """Register, then claim and complete until every task has been claimed."""
    await post(client, "register", {"worker_id": worker_id, "task_queue": "default", "runtime": "python"})
    while not done.is_set():
        body = {"worker_id": worker_id, "task_queue": "default"}
        task = (await post(client, "workflow-tasks/poll", body))["task"]
        if task is None:
            continue
        claimed[task["task_id"]] += 1
        busy.add(worker_id)
        command = {"type": "complete_workflow", "result": payload(worker_id)}
        done_with = {**authority(task), "commands": [command]}
        answer = await post(client, f"workflow-tasks/{task['task_id']}/complete", done_with)
        assert answer["outcome"] == "completed"
        if len(claimed) == BUNDLES:
            done.set()


async def import_all(client: httpx.AsyncClient) -> None:
    for number in range(BUNDLES):
        answer = await client.post(**import_request(ready_run(number)))
        assert answer.status_code == 201, answer.text
        await asyncio.sleep(0)


async def play() -> tuple[Counter[str], set[str], list[str]]:
    claimed: Counter[str] = Counter()
    busy: set[str] = set()
    done = asyncio.Event()
    app = create_app(settings=Settings(poll_timeout=2.0))
    async with client_of(app) as client, asyncio.timeout(120):
        names = [f"w-{number}" for number in range(WORKERS)]
        workers = [asyncio.create_task(work(client, name, claimed, busy, done)) for name in names]
        await import_all(client)
        await asyncio.gather(*workers)
        listed = await client.get("/api/workflows?status=completed&page_size=200", headers=CONTROL)
        with app.state.rehearsal.database.read() as connection:
            statuses = [row["status"] for row in connection.execute("SELECT status FROM workflow_runs").fetchall()]
    assert listed.json()["workflow_count"] == 200
    return claimed, busy, statuses


def test_two_hundred_workers_claim_a_thousand_imported_tasks_once_each() -> None:
    claimed, busy, statuses = asyncio.run(play())
    assert len(claimed) == BUNDLES
    assert set(claimed.values()) == {1}
    assert statuses == ["completed"] * BUNDLES
    assert len(busy) == WORKERS  # those that wait longest come first, so that none waits in vain
