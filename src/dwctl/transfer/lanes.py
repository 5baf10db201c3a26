"""Threads that do one thing each, and how a person's interruption reaches them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Stop:
    """How far an interruption has got: `asked` ends the run after what is in flight, `at_once` without that.

    `halted` is the run's own decision to begin nothing more. Plain flags: a signal may set them at any moment.
    """

    asked: bool = False
    at_once: bool = False
    halted: bool = False

    def ask(self) -> None:
        """Once more: first to stop in order, then at once."""
        self.at_once = self.asked
        self.asked = True

    def over(self) -> bool:
        """Whether nothing more is to be begun."""
        return self.asked or self.halted


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What came out of a lane; with `error`, the item is the one that went in.

    An error is no matter of a single item: a ledger that cannot be written to, or a bug.
    """

    lanes: Lanes[T]
    item: T
    error: BaseException | None = None


class Lanes(Generic[T]):
    """So many threads that do one thing. They are daemons: a second interruption waits for none of them.

    `busy` counts the items that were handed in and not taken back yet; it belongs to the thread that does both.
    """

    def __init__(self, name: str, count: int, work: Callable[[T], T], done: SimpleQueue[Done[T]]) -> None:
        self.busy = 0
        self._work, self._done = work, done
        self._items: SimpleQueue[T | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"dwctl-{name}-{number}", daemon=True) for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, item: T) -> None:
        """Hand in an item; whoever takes what comes out of it counts `busy` down."""
        self.busy += 1
        self._items.put(item)

    def close(self) -> None:
        """Let the threads end after what they have; nobody waits for them."""
        for _ in self._threads:
            self._items.put(None)

    def _run(self) -> None:
        while (item := self._items.get()) is not None:
            try:
                self._done.put(Done(self, self._work(item)))
            except BaseException as error:  # the thread has nobody to tell but the main one
                self._done.put(Done(self, item, error))
