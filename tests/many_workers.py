"""A crowd of workers on real sockets: they long-poll, hang up, come back and work, while bundles are imported."""

from __future__ import annotations

import asyncio
import itertools
import random
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from rehearsal_server import CONTROL, WORKER, authority, import_request, payload, ready_run

Json = dict[str, Any]

QUEUES = ("default", "billing", "shipping")
POLL_SECONDS = 20
HANG_UP_AFTER = 0.2
"""Seconds after which a worker that means to hang up does so."""


@dataclass
class Crowd:
    """What the crowd did: who was given each task, and how often each run was completed."""

    bundles: int
    claimed_by: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    completions: Counter[str] = field(default_factory=Counter)
    hung_up: int = 0
    busy: set[str] = field(default_factory=set)
    done: asyncio.Event = field(default_factory=asyncio.Event)


@contextmanager
def served() -> Iterator[str]:
    """`dwctl rehearsal serve` in a process of its own; yields its URL."""
    command = [sys.executable, "-m", "dwctl", "rehearsal", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


async def play(url: str, seed: int, workers: int, bundles: int, seconds: float) -> tuple[Crowd, list[Json]]:
    """Let the workers poll while the bundles are imported; what they did, and every run as the server lists it."""
    chance, crowd = random.Random(seed), Crowd(bundles)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with (
        httpx.AsyncClient(base_url=url, limits=limits, timeout=60) as client,
        asyncio.timeout(seconds),
    ):
        crew = [(f"w-{number}", QUEUES[number % len(QUEUES)]) for number in range(workers)]
        await asyncio.gather(*(_arrive(client, crowd, *worker, leaves=chance.random() < 0.5) for worker in crew))
        tasks = [asyncio.create_task(_work(client, crowd, *worker, chance)) for worker in crew]
        numbers = list(range(bundles))
        chance.shuffle(numbers)
        await asyncio.gather(*(_import(client, numbers[first::4]) for first in range(4)))
        stop = asyncio.create_task(crowd.done.wait())
        await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task  # raises what went wrong in it
        return crowd, await _listed(client)


async def _import(client: httpx.AsyncClient, numbers: list[int]) -> None:
    for number in numbers:
        bundle = ready_run(number, {"tasks.0.queue": QUEUES[number % len(QUEUES)]})
        answer = await client.post(**import_request(bundle))
        assert answer.status_code == 201, answer.text


async def _arrive(client: httpx.AsyncClient, crowd: Crowd, worker_id: str, queue: str, *, leaves: bool) -> None:
    """Register; who leaves hangs up on a poll before there is any task, and must not be given one later."""
    await _post(client, "register", {"worker_id": worker_id, "task_queue": queue, "runtime": "python"})
    if leaves:
        body = {"worker_id": worker_id, "task_queue": queue, "timeout_seconds": POLL_SECONDS}
        with suppress(httpx.TimeoutException):
            await _post(client, "workflow-tasks/poll", body, timeout=HANG_UP_AFTER)
            raise AssertionError("a poll was answered although there was no task")
        crowd.hung_up += 1


async def _work(client: httpx.AsyncClient, crowd: Crowd, worker_id: str, queue: str, chance: random.Random) -> None:
    """Claim and complete, now and then hanging up on a poll and asking again by the same id."""
    for request in itertools.count():
        body = {
            "worker_id": worker_id,
            "task_queue": queue,
            "timeout_seconds": POLL_SECONDS,
            "poll_request_id": f"{worker_id}-{request}",
        }
        task = await _poll(client, crowd, body, hangs_up=chance.random() < 0.1)
        if task is None:
            continue
        crowd.claimed_by[task["task_id"]].add(worker_id)
        crowd.busy.add(worker_id)
        command = {"type": "complete_workflow", "result": payload(worker_id)}
        path = f"workflow-tasks/{task['task_id']}/complete"
        answer = await _post(client, path, {**authority(task), "commands": [command]})
        assert answer["outcome"] == "completed"
        crowd.completions[task["run_id"]] += 1
        if len(crowd.completions) == crowd.bundles:
            crowd.done.set()


async def _poll(client: httpx.AsyncClient, crowd: Crowd, body: Json, *, hangs_up: bool) -> Any:
    if hangs_up:
        try:
            return (await _post(client, "workflow-tasks/poll", body, timeout=HANG_UP_AFTER))["task"]
        except httpx.TimeoutException:
            crowd.hung_up += 1
    return (await _post(client, "workflow-tasks/poll", body))["task"]


async def _post(client: httpx.AsyncClient, path: str, body: Json, *, timeout: float = 60) -> Json:
    answer = await client.post(f"/api/worker/{path}", json=body, headers=WORKER, timeout=timeout)
    assert answer.status_code in (200, 201), answer.text
    document: Json = answer.json()
    return document


async def _listed(client: httpx.AsyncClient) -> list[Json]:
    runs: list[Json] = []
    token: str | None = ""
    while token is not None:
        path = f"/api/workflows?page_size=200&next_page_token={token}"
        page = (await client.get(path, headers=CONTROL)).json()
        runs += page["workflows"]
        token = page["next_page_token"]
    return runs


def check(crowd: Crowd, runs: list[Json], seed: int) -> None:
    """Assert that every run was completed once, by one worker, at the first attempt."""
    where = f"seed {seed}"
    assert len(runs) == crowd.bundles, where
    assert {run["status"] for run in runs} == {"completed"}, where
    assert len(crowd.claimed_by) == len(crowd.completions) == crowd.bundles, where
    twice = {task: workers for task, workers in crowd.claimed_by.items() if len(workers) > 1}
    assert not twice, f"{where}: claimed by two workers: {twice}"
    assert set(crowd.completions.values()) == {1}, where
