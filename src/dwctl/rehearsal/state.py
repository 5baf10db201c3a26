"""What every endpoint of the rehearsal server shares: `request.app.state.rehearsal`."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
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

    Whoever may have made a task ready calls `wake(namespace, queue)` after the commit; a poll that found
    nothing waits in `wait(namespace, queue, timeout)`. Every waiter of that queue looks again when it is woken.
    """

    def __init__(self) -> None:
        self._events: defaultdict[tuple[str, str], asyncio.Event] = defaultdict(asyncio.Event)

    def wake(self, namespace: str, queue: str) -> None:
        """Let every poll that waits for this queue look again."""
        event = self._events.pop((namespace, queue), None)
        if event is not None:
            event.set()

    def wake_all(self) -> None:
        """Let every poll look again: after a repair pass, or when the server stops."""
        for namespace, queue in list(self._events):
            self.wake(namespace, queue)

    async def wait(self, namespace: str, queue: str, timeout: float) -> bool:
        """Wait until the queue is woken; False when the time ran out first."""
        try:
            await asyncio.wait_for(self._events[namespace, queue].wait(), timeout)
        except TimeoutError:
            return False
        return True


@dataclass(slots=True)
class Rehearsal:
    """The server's parts. `now` is its only clock (aware, UTC)."""

    database: Database
    now: Callable[[], datetime]
    profile: Profile
    settings: Settings
    wakeups: Wakeups
    faults: FaultBox
