"""Long polls: workers stand in line for a queue, and each task goes to the first of them that may have it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dwctl.rehearsal.state import Rehearsal
from dwctl.rehearsal.tasks import Poller

Json = dict[str, Any]
Claim = Callable[[Poller], Json | None]
"""Leases a task to a poller and returns its document, or None, in a transaction of its own."""

LOOK_AGAIN = 0.25
"""Seconds after which a line that nobody has woken is thought of: time itself makes tasks ready."""

_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Poll:
    """One long poll: who asks for which kind of task, how a task is claimed for it, and how one is given back.

    `gone` is a coroutine function that returns when the client has hung up: who is gone gets no task.
    """

    poller: Poller
    kind: str
    claim: Claim
    give_back: Callable[[Json], None]
    gone: Callable[[], Awaitable[None]]
    seconds: float

    def wants_the_same(self, other: Poll) -> bool:
        """Whether this poll would be given exactly the tasks that the other one would be given."""
        mine, theirs = self.poller, other.poller
        return self.kind == other.kind and mine.types == theirs.types and mine.build_id == theirs.build_id


@dataclass(eq=False, slots=True)
class _Waiter:
    poll: Poll
    given: asyncio.Future[Json | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Lines:
    """The lines of waiting polls, one for every namespace and queue. All of it runs on the event loop's thread.

    Polls wait in the order of their arrival. When the queue is woken, one look serves the whole line: a
    worker that finds nothing speaks for every other that wants the same, so that two hundred waiting workers
    cost as much as one. A claim is one transaction: no task is given twice.
    """

    def __init__(
        self,
        state: Rehearsal,
        before_looking: Callable[[], None],
        became_ready: Callable[[str, str, datetime], bool],
        look_again: float = LOOK_AGAIN,
    ) -> None:
        """`became_ready` says whether a task of a namespace and queue has become available since a moment."""
        self._state = state
        self._before_looking = before_looking
        self._became_ready = became_ready
        self._look_again = look_again
        self._lines: dict[tuple[str, str], list[_Waiter]] = {}
        self._servers: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def take(self, poll: Poll) -> Json | None:
        """A task for the poll, or None when its time has run out or its client is gone."""
        line = (poll.poller.namespace, poll.poller.queue)
        is_first = not any(waiter.poll.wants_the_same(poll) for waiter in self._lines.get(line, []))
        if is_first or poll.seconds <= 0:
            self._before_looking()
            found = poll.claim(poll.poller)
            if found is not None or poll.seconds <= 0:
                return found
        return await self._stand_in_line(line, _Waiter(poll))

    async def _stand_in_line(self, line: tuple[str, str], waiter: _Waiter) -> Json | None:
        waiters = self._lines.setdefault(line, [])
        waiters.append(waiter)
        if line not in self._servers:
            seen, looked_at = self._state.wakeups.count(*line), self._state.now()
            self._servers[line] = asyncio.create_task(self._serve(line, seen, looked_at))
        poll, given = waiter.poll, waiter.given
        hung_up: asyncio.Future[Any] = asyncio.ensure_future(poll.gone())
        ends: set[asyncio.Future[Any]] = {given, hung_up}
        try:
            await asyncio.wait(ends, timeout=poll.seconds, return_when=asyncio.FIRST_COMPLETED)
            task = given.result() if given.done() else None
            if task is not None and hung_up.done():
                poll.give_back(task)
                return None
            return task
        finally:
            hung_up.cancel()
            given.cancel()
            if waiter in waiters:
                waiters.remove(waiter)

    async def _serve(self, line: tuple[str, str], seen: int, looked_at: datetime) -> None:
        """Look at a line whenever its queue is woken, as long as somebody stands in it.

        `seen` is the count of wake-ups and `looked_at` the moment at which its first poll looked in vain.
        """
        failure: Exception | None = None
        try:
            while self._lines[line]:
                count = await self._state.wakeups.wait(*line, seen, self._look_again)
                self._before_looking()
                is_woken, seen = count != seen, count
                looked_at, last_look = self._state.now(), looked_at
                if is_woken or self._became_ready(*line, last_look):
                    self._hand_out(self._lines[line])
        except Exception as error:  # every poll of the line answers with it
            failure = error
        finally:
            del self._servers[line]
            for waiter in self._lines.pop(line):
                _end(waiter, failure)

    def _hand_out(self, waiters: list[_Waiter]) -> None:
        in_vain: list[Poll] = []
        for waiter in list(waiters):
            poll = waiter.poll
            if waiter.given.done() or any(other.wants_the_same(poll) for other in in_vain):
                continue
            found = poll.claim(poll.poller)
            if found is None:
                in_vain.append(poll)
            else:
                waiter.given.set_result(found)
                waiters.remove(waiter)


def _end(waiter: _Waiter, failure: Exception | None) -> None:
    if waiter.given.done():
        return
    if failure is None:
        waiter.given.set_result(None)
    else:
        waiter.given.set_exception(failure)


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
