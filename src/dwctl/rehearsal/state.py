"""What every endpoint of the rehearsal server shares: `request.app.state.rehearsal`."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dwctl.rehearsal.database import Database
    from dwctl.rehearsal.faults import FaultBox
    from dwctl.rehearsal.quirks import Profile

DEFAULT_NAMESPACE = "default"
LATEST_MEASURED_PROTOCOL = "1.15"


@dataclass(frozen=True, slots=True)
class Settings:
    """How this server is configured; the names of the real server's variables stand beside each.

    `auth` is `none`, `token` or `signature`. `tokens` maps a role (`worker`, `operator`, `admin`, or `any` for
    DW_AUTH_TOKEN) to its secret; with `signature` the same secrets are the signing keys. Times are in seconds.
    """

    auth: str = "none"
    tokens: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    protocol: str = LATEST_MEASURED_PROTOCOL
    max_payload_bytes: int = 2_097_152  # DW_MAX_PAYLOAD_BYTES
    poll_timeout: float = 30.0  # DW_WORKER_POLL_TIMEOUT
    stale_after: float | None = None  # DW_WORKER_STALE_AFTER_SECONDS
    signing_key: bytes | None = field(default=None, repr=False)
    server_id: str = "dwctl-rehearsal"

    @property
    def worker_stale_after(self) -> int:
        """Seconds after a heartbeat at which a worker is stale (contract/server.md §4)."""
        if self.stale_after is not None:
            return int(self.stale_after)
        return int(max(2 * self.poll_timeout, 60))


class Wakeups:
    """Wakes long polls. All of it runs on the event loop's thread.

    Whoever may have made a task ready calls `wake(namespace, queue)` after the commit. Wake-ups are counted, so
    that none is lost on somebody who is busy when it comes: who looks for tasks takes the `count` first, and
    then waits for it to change.
    """

    def __init__(self) -> None:
        self._counts: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._count_of_all = 0
        self._events: defaultdict[tuple[str, str], asyncio.Event] = defaultdict(asyncio.Event)

    def count(self, namespace: str, queue: str) -> int:
        """How often the queue has been woken."""
        return self._counts[namespace, queue] + self._count_of_all

    def wake(self, namespace: str, queue: str) -> None:
        """Let whoever waits for this queue look again."""
        self._counts[namespace, queue] += 1
        event = self._events.pop((namespace, queue), None)
        if event is not None:
            event.set()

    def wake_all(self) -> None:
        """Let everybody look again: after a repair pass, or when the server stops."""
        self._count_of_all += 1
        for event in self._events.values():
            event.set()
        self._events.clear()

    async def wait(self, namespace: str, queue: str, seen: int, timeout: float) -> int:
        """Wait until the count of a queue is no longer the one seen, or the time is over; returns the count."""
        if self.count(namespace, queue) == seen:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._events[namespace, queue].wait(), timeout)
        return self.count(namespace, queue)


@dataclass(slots=True)
class Rehearsal:
    """The server's parts. `now` is its only clock (aware, UTC)."""

    database: Database
    now: Callable[[], datetime]
    profile: Profile
    settings: Settings
    wakeups: Wakeups
    faults: FaultBox
