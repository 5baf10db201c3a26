"""How many imports may be on the wire at once: fewer when the server is busy, more again when it is not.

The rule is that of TCP: one more after a round without trouble, half as many after trouble. A request that was
begun before the last cut says nothing new about the load after it, so one crowded moment costs one cut and not
one for every request that was in it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from threading import Condition
from typing import Final

from dwctl.server.calls import Attempt

_WINDOW: Final = 16
_SLOWER: Final = 3.0
_UNNOTICED: Final = 0.02
_FORGETTING: Final = 1.1
_GIVE_WAY: Final = 0.75


class Trouble(StrEnum):
    """Why there are fewer on the wire."""

    BUSY = "busy"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class PaceReport:
    """What was used: the most allowed, the lowest and the last number at once, and the cuts by cause."""

    most: int
    lowest: int
    last: int
    cuts: Mapping[Trouble, int]


@dataclass(slots=True)
class Turn:
    """One request's place on the wire. `busy()` says that the server asked for less, at any time of the turn."""

    cut_number: int
    started: float
    waited: float = 0.0
    was_busy: bool = field(default=False)

    def busy(self, pause: float = 0.0) -> None:
        """The server was busy; `pause` seconds of this turn are spent waiting, and are no latency."""
        self.was_busy = True
        self.waited += pause


class Pace:
    """Lets at most so many requests begin, and learns from each how many that should be. Safe between threads.

    `most` is the number asked for; `rate` the most turns begun in a second, or None for no such limit.
    """

    def __init__(
        self,
        most: int,
        *,
        rate: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._most, self._rate = max(1, most), rate
        self._clock, self._sleep = clock, sleep
        self._changed = Condition()
        self._allowed = float(self._most)
        self._lowest = self._most
        self._under_way = 0
        self._cuts: Counter[Trouble] = Counter()
        self._next_start = 0.0
        self._latencies: deque[float] = deque(maxlen=_WINDOW)
        self._usual: float | None = None

    @property
    def allowed(self) -> int:
        """How many may be on the wire now."""
        return int(self._allowed)

    def report(self) -> PaceReport:
        """What was used so far."""
        with self._changed:
            return PaceReport(self._most, self._lowest, self.allowed, dict(self._cuts))

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """Wait for a place and hold it; what happens in the block is what the pace learns from."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way < self.allowed)
            self._under_way += 1
            pause = self._until_start()
        try:
            if pause > 0:
                self._sleep(pause)
            turn = Turn(sum(self._cuts.values()), self._clock())
            try:
                yield turn
            finally:
                self._learn(turn, self._clock() - turn.started - turn.waited)
        finally:
            with self._changed:
                self._under_way -= 1
                # No more than may go on: each that is woken for nothing takes the processor from one that is not.
                self._changed.notify(max(0, self.allowed - self._under_way))

    @contextmanager
    def watch(self) -> Iterator[Turn]:
        """Learn of a busy server from other requests, which need no place of their own."""
        with self._changed:
            turn = Turn(sum(self._cuts.values()), self._clock())
        try:
            yield turn
        finally:
            if turn.was_busy:
                with self._changed:
                    self._cut(turn, Trouble.BUSY, 0.5)

    def _until_start(self) -> float:
        """Seconds until this turn may begin, so that no more begin in a second than `rate` says."""
        if self._rate is None:
            return 0.0
        now = self._clock()
        start = max(now, self._next_start)
        self._next_start = start + 1 / self._rate
        return start - now

    def _learn(self, turn: Turn, seconds: float) -> None:
        with self._changed:
            if turn.was_busy:
                self._cut(turn, Trouble.BUSY, 0.5)
            elif self._slower(seconds):
                self._cut(turn, Trouble.SLOW, _GIVE_WAY)
            else:
                # A part of one for each: after a round of all that are allowed, one more.
                self._allowed = min(float(self._most), self._allowed + 1 / self._allowed)

    def _cut(self, turn: Turn, cause: Trouble, keep: float) -> None:
        if turn.cut_number != sum(self._cuts.values()):
            return
        self._cuts[cause] += 1
        self._allowed = max(1.0, self._allowed * keep)
        self._lowest = min(self._lowest, self.allowed)
        self._latencies.clear()

    def _slower(self, seconds: float) -> bool:
        """Whether a whole window of answers took clearly longer than what is usual here.

        What is usual is forgotten slowly: a server that has become slow for good is no reason to stay at one.
        """
        self._latencies.append(seconds)
        if len(self._latencies) < _WINDOW:
            return False
        now = median(self._latencies)
        self._latencies.clear()
        if self._usual is None or now <= self._usual:
            self._usual = now
            return False
        slower = now > self._usual * _SLOWER + _UNNOTICED
        self._usual = min(now, self._usual * _FORGETTING)
        return slower and self._allowed > 1


class Turns:
    """Tells the pace what happened to the requests of a thread; `saw` is for the server's `on_attempt`."""

    def __init__(self) -> None:
        self._here = threading.local()

    @contextmanager
    def taking(self, turn: Turn) -> Iterator[None]:
        """Requests of this thread belong to this turn."""
        self._here.turn = turn
        try:
            yield
        finally:
            self._here.turn = None

    def saw(self, attempt: Attempt) -> None:
        """An attempt that is followed by another one says that the server was busy, or gone for a moment."""
        turn: Turn | None = getattr(self._here, "turn", None)
        if turn is not None and attempt.pause is not None:
            turn.busy(attempt.pause)
