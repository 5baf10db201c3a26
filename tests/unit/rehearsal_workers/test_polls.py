"""The lines of long polls: who waits longest comes first, and who has hung up gets nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from dwctl.rehearsal.polls import Lines, Poll, Receipts
from dwctl.rehearsal.state import Rehearsal, Wakeups
from dwctl.rehearsal.tasks import Poller

TICK = 0.02


class State:
    """What lines need of a server."""

    def __init__(self) -> None:
        self.wakeups = Wakeups()

    def now(self) -> datetime:
        return datetime.now(UTC)


class Queue:
    """Tasks to be had, and what became of them."""

    def __init__(self) -> None:
        self.state = State()
        self.lines = Lines(cast(Rehearsal, self.state), self.look, lambda *_: self.is_due, TICK)
        self.is_due = True
        self.tasks: list[str] = []
        self.returned: list[str] = []
        self.looks = 0
        self.claims = 0
        self.failure: Exception | None = None

    def look(self) -> None:
        self.looks += 1
        if self.failure is not None:
            raise self.failure

    def claim(self, poller: Poller) -> dict[str, Any] | None:
        self.claims += 1
        return {"task_id": self.tasks.pop(0), "worker": poller.worker_id} if self.tasks else None

    def poll(
        self,
        worker_id: str,
        seconds: float = 5.0,
        gone: Callable[[], Awaitable[None]] | None = None,
        types: tuple[str, ...] = (),
    ) -> Poll:
        async def never() -> None:
            await asyncio.Event().wait()

        poller = Poller(worker_id, "default", "q", None, types)
        give_back = lambda task: self.returned.append(task["task_id"])  # noqa: E731
        return Poll(poller, "workflow", self.claim, give_back, gone or never, seconds)

    def add(self, *tasks: str) -> None:
        self.tasks += tasks
        self.state.wakeups.wake("default", "q")


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_a_task_that_is_there_is_given_at_once() -> None:
    async def play() -> Any:
        queue = Queue()
        queue.tasks = ["t-1"]
        return await queue.lines.take(queue.poll("w"))

    assert asyncio.run(play())["task_id"] == "t-1"


def test_a_poll_that_does_not_wait_answers_at_once() -> None:
    async def play() -> Any:
        queue = Queue()
        waiting = asyncio.create_task(queue.lines.take(queue.poll("first")))
        await settled()
        queue.tasks = ["t-1"]  # made ready by time, which wakes nobody
        given = await queue.lines.take(queue.poll("second", seconds=0))
        waiting.cancel()
        return given

    assert asyncio.run(play())["worker"] == "second"


def test_waiting_workers_get_tasks_in_the_order_of_their_arrival() -> None:
    async def play() -> list[Any]:
        queue = Queue()
        polls = []
        for name in ("a", "b", "c"):
            polls.append(asyncio.create_task(queue.lines.take(queue.poll(name))))
            await settled()
        queue.add("t-1", "t-2")
        await settled()
        queue.add("t-3")
        return list(await asyncio.gather(*polls))

    given = asyncio.run(play())
    assert [(task["worker"], task["task_id"]) for task in given] == [("a", "t-1"), ("b", "t-2"), ("c", "t-3")]


def test_one_look_serves_all_that_want_the_same() -> None:
    async def play() -> int:
        queue = Queue()
        polls = [asyncio.create_task(queue.lines.take(queue.poll(f"w-{number}"))) for number in range(100)]
        await settled()
        before = queue.claims
        queue.add("t-1")
        await settled()
        for poll in polls:
            poll.cancel()
        return queue.claims - before

    assert asyncio.run(play()) == 2  # one for the task, one in vain


def test_what_nobody_announces_is_found_all_the_same() -> None:
    async def play() -> Any:
        queue = Queue()
        waiting = asyncio.create_task(queue.lines.take(queue.poll("w")))
        await settled()
        queue.tasks = ["t-1"]
        return await waiting

    assert asyncio.run(play())["task_id"] == "t-1"


def test_a_line_that_nobody_wakes_costs_no_claims() -> None:
    async def play() -> int:
        queue = Queue()
        queue.is_due = False
        before = queue.claims
        await queue.lines.take(queue.poll("w", seconds=3 * TICK))
        return queue.claims - before

    assert asyncio.run(play()) == 1  # the one with which it came


def test_a_wake_up_is_never_lost_whenever_it_comes() -> None:
    """The pauses come from nothing to a whole tick: wake-ups meet the waiting poll in every state."""

    async def play() -> list[Any]:
        queue = Queue()
        queue.is_due = False
        given = []
        for number in range(60):
            waiting = asyncio.create_task(queue.lines.take(queue.poll(f"w-{number}")))
            await asyncio.sleep(TICK * (number % 20) / 19 * 1.02 if number % 3 else 0)
            queue.add(f"t-{number}")
            given.append(await waiting)
        return given

    assert [task and task["task_id"] for task in asyncio.run(play())] == [f"t-{number}" for number in range(60)]


def test_a_poll_ends_with_its_time_and_leaves_the_line() -> None:
    async def play() -> tuple[Any, list[str]]:
        queue = Queue()
        given = await queue.lines.take(queue.poll("w", seconds=0.02))
        queue.add("t-1")
        await settled()
        return given, queue.tasks

    assert asyncio.run(play()) == (None, ["t-1"])


def test_who_has_hung_up_gets_no_task() -> None:
    async def play() -> tuple[Any, Any]:
        queue = Queue()
        hung_up = asyncio.Event()

        async def gone() -> None:
            await hung_up.wait()

        first = asyncio.create_task(queue.lines.take(queue.poll("first", gone=gone)))
        await settled()
        second = asyncio.create_task(queue.lines.take(queue.poll("second")))
        await settled()
        hung_up.set()
        await settled()
        queue.add("t-1")
        return await first, await second

    first, second = asyncio.run(play())
    assert first is None
    assert second["worker"] == "second"


def test_a_task_that_crosses_with_hanging_up_is_given_back() -> None:
    async def play() -> tuple[Any, list[str]]:
        queue = Queue()
        hung_up = asyncio.Event()

        async def gone() -> None:
            await hung_up.wait()

        waiting = asyncio.create_task(queue.lines.take(queue.poll("w", gone=gone)))
        await settled()
        queue.tasks = ["t-1"]
        hung_up.set()
        queue.state.wakeups.wake("default", "q")
        return await waiting, queue.returned + queue.tasks

    assert asyncio.run(play()) == (None, ["t-1"])


def test_a_database_that_fails_fails_the_polls_and_not_the_next_ones() -> None:
    async def play() -> Any:
        queue = Queue()
        waiting = asyncio.create_task(queue.lines.take(queue.poll("w")))
        await settled()
        queue.failure = sqlite3.OperationalError("database is locked")
        queue.add("t-1")
        with pytest.raises(sqlite3.OperationalError):
            await waiting
        queue.failure = None
        return await queue.lines.take(queue.poll("w"))

    assert asyncio.run(play())["task_id"] == "t-1"


def test_a_receipt_is_for_one_worker_and_one_request() -> None:
    receipts = Receipts()
    here = Poller("w", "default", "q", None, ())
    receipts.remember(here, "p-1", "t-1")
    assert receipts.task_of(here, "p-1") == "t-1"
    assert receipts.task_of(here, "p-2") is None
    assert receipts.task_of(Poller("other", "default", "q", None, ()), "p-1") is None


def test_receipts_are_bounded() -> None:
    receipts = Receipts()
    here = Poller("w", "default", "q", None, ())
    for number in range(10_001):
        receipts.remember(here, f"p-{number}", "t")
    assert receipts.task_of(here, "p-0") is None
    assert receipts.task_of(here, "p-10000") == "t"


def test_waking_everybody_wakes_those_who_are_busy_too() -> None:
    async def play() -> int:
        wakeups = Wakeups()
        seen = wakeups.count("default", "q")
        wakeups.wake_all()
        return await wakeups.wait("default", "q", seen, 60) - seen

    assert asyncio.run(play()) == 1
