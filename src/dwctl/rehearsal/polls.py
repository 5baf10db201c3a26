"""Long polls: workers stand in line for a queue, and each task goes to the first of them that may have it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dwctl.rehearsal.state import Rehearsal
from dwctl.rehearsal.tasks import Poller

Json = dict[str, Any]
Claim = Callable[[Poller], Json | None]
"""Leases a task to a poller and returns its document, or None; runs in a transaction of its own."""

LOOK_AGAIN = 0.25
"""Seconds after which a line is looked at even when nobody has woken it: time itself makes tasks ready."""

_REMEMBERED = 10_000


@dataclass(slots=True)
class _Waiter:
    poller: Poller
    claim: Claim
    given: asyncio.Future[Json | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Lines:
    """The lines of waiting polls, one for every namespace and queue. All of it runs on the event loop's thread.

    Polls wait in the order of their arrival. When the queue is woken, one look serves the whole line: a
    worker that finds nothing speaks for every other that may have the same tasks, so that two hundred waiting
    workers cost as much as one. A claim is one transaction: no task is given twice.
    """

    def __init__(self, state: Rehearsal, before_looking: Callable[[], None]) -> None:
        self._state = state
        self._before_looking = before_looking
        self._lines: dict[tuple[str, str], list[_Waiter]] = {}
        self._servers: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def poll(self, poller: Poller, claim: Claim, seconds: float, gone: Callable[[], Any]) -> Json | None:
        """A task for the poller, or None when the time has run out or the client is gone.

        `gone` is a coroutine function that returns when the client has hung up: who is gone gets no task.
        """
        line = (poller.namespace, poller.queue)
        if not any(_may_have_the_same(waiter, poller, claim) for waiter in self._lines.get(line, [])):
            self._before_looking()
            found = claim(poller)
            if found is not None or seconds <= 0:
                return found
        if seconds <= 0:
            return None
        return await self._stand_in_line(line, _Waiter(poller, claim), seconds, gone)

    async def _stand_in_line(
        self, line: tuple[str, str], waiter: _Waiter, seconds: float, gone: Callable[[], Any]
    ) -> Json | None:
        self._lines.setdefault(line, []).append(waiter)
        if line not in self._servers:
            self._servers[line] = asyncio.create_task(self._serve(line))
        hung_up = asyncio.ensure_future(gone())
        try:
            await asyncio.wait({waiter.given, hung_up}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return waiter.given.result() if waiter.given.done() else None
        finally:
            hung_up.cancel()
            if not waiter.given.done():
                waiter.given.cancel()
            if waiter in self._lines.get(line, []):
                self._lines[line].remove(waiter)

    async def _serve(self, line: tuple[str, str]) -> None:
        """Look at a line whenever its queue is woken, as long as somebody stands in it."""
        namespace, queue = line
        try:
            while self._lines.get(line):
                await self._state.wakeups.wait(namespace, queue, LOOK_AGAIN)
                self._before_looking()
                self._hand_out(line)
        finally:
            del self._servers[line]
            for waiter in self._lines.pop(line, []):
                if not waiter.given.done():
                    waiter.given.set_result(None)

    def _hand_out(self, line: tuple[str, str]) -> None:
        in_vain: list[_Waiter] = []
        for waiter in list(self._lines.get(line, [])):
            if waiter.given.done() or any(_may_have_the_same(other, waiter.poller, waiter.claim) for other in in_vain):
                continue
            found = waiter.claim(waiter.poller)
            if found is None:
                in_vain.append(waiter)
            else:
                waiter.given.set_result(found)
                self._lines[line].remove(waiter)


def _may_have_the_same(waiter: _Waiter, poller: Poller, claim: Claim) -> bool:
    """Whether a waiting poll would be given exactly the tasks that this poller would be given."""
    same = waiter.poller.types == poller.types and waiter.poller.build_id == poller.build_id
    return same and waiter.claim == claim and not waiter.given.done()


class Receipts:
    """Which task a poll was given, by its `poll_request_id`: a repeated request gets the same task again.

    A client that did not hear the answer asks once more with the same id; without this, its task would wait
    for the end of a lease that nobody holds. The oldest entries are forgotten.
    """

    def __init__(self) -> None:
        self._given: OrderedDict[tuple[str, str, str], str] = OrderedDict()

    def remember(self, poller: Poller, request_id: str, task_id: str) -> None:
        """Note the task that a request was given."""
        self._given[poller.namespace, poller.worker_id, request_id] = task_id
        while len(self._given) > _REMEMBERED:
            self._given.popitem(last=False)

    def task_of(self, poller: Poller, request_id: str) -> str | None:
        """The task that an earlier request of this id was given."""
        return self._given.get((poller.namespace, poller.worker_id, request_id))
