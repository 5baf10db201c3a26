"""Whether a worker holds a run, told by the bundle that was exported; and how long to wait until it does not.

The importer refuses such a bundle, for the worker may finish its work after the export (guide, Phase D).
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from dwctl.transfer.exports.selection import Target

HELD_RULES = frozenset({"tasks.leased_task_present", "activities.running_attempt_present"})
"""The rules that fire for a run whose task is leased, or one of whose attempts is running."""


def held_by(rules: Collection[str]) -> tuple[str, ...]:
    """Those of the rules that say that a worker holds the run."""
    return tuple(rule for rule in rules if rule in HELD_RULES)


@dataclass(frozen=True, slots=True)
class Quiescing:
    """What to do with a run that a worker holds.

    `refuse` does not keep its export, unless `allow_leased`. `wait` exports it again and again for so many seconds;
    `first` is the first pause between two exports, doubled up to `longest`.
    """

    refuse: bool = False
    allow_leased: bool = False
    wait: float | None = None
    first: float = 0.5
    longest: float = 5.0

    def pause(self, attempt: Attempt, now: float) -> float | None:
        """Seconds until the run is to be exported again, or None where there is no more waiting."""
        if self.wait is None:
            return None
        begun = now if attempt.held_since is None else attempt.held_since
        left = begun + self.wait - now
        return None if left <= 0 else min(left, self.longest, self.first * 2**attempt.held)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A target on its way: how often it was found held, and since when by the clock."""

    target: Target
    held: int = 0
    held_since: float | None = None

    def found_held(self, now: float) -> Attempt:
        """The same, once more found held."""
        return Attempt(self.target, self.held + 1, now if self.held_since is None else self.held_since)


class Feed:
    """What is to be exported next, for many threads: what is new, and what is to be tried again when it is due."""

    def __init__(self, targets: Iterable[Target], clock: Callable[[], float] = time.monotonic) -> None:
        self._fresh = iter(targets)
        self._clock = clock
        self._again: list[tuple[float, int, Attempt]] = []
        self._under_way = 0
        self._put_back = 0
        self._ended = False
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """How many runs are waited for because a worker holds them."""
        return sum(attempt.held > 0 for _, _, attempt in list(self._again))

    @property
    def ended(self) -> bool:
        """Whether nothing more is given out."""
        return self._ended

    def take(self) -> Attempt | None:
        """The next one; waits for one that is not due yet, or that may be put back. None when all is done."""
        with self._changed:
            while not self._ended:
                now = self._clock()
                found = None
                if self._again and self._again[0][0] <= now:
                    found = heapq.heappop(self._again)[2]
                elif (fresh := next(self._fresh, None)) is not None:
                    found = Attempt(fresh)
                if found is not None:
                    self._under_way += 1
                    return found
                if not self._again and not self._under_way:
                    break
                self._changed.wait(self._again[0][0] - now if self._again else None)
            self._changed.notify_all()
            return None

    def done(self) -> None:
        """One that was taken is settled."""
        with self._changed:
            self._under_way -= 1
            self._changed.notify_all()

    def add(self, target: Target) -> None:
        """One more, found on the way; only while one that was taken is not settled."""
        with self._changed:
            self._put_back += 1
            heapq.heappush(self._again, (self._clock(), self._put_back, Attempt(target)))
            self._changed.notify_all()

    def put_back(self, attempt: Attempt, pause: float) -> None:
        """One that was taken is to be tried again in so many seconds."""
        with self._changed:
            self._put_back += 1
            heapq.heappush(self._again, (self._clock() + pause, self._put_back, attempt))
            self._under_way -= 1
            self._changed.notify_all()

    def end(self) -> None:
        """Give nothing more out."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
