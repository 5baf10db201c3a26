"""When a call is made again: only where that is safe, with jitter, bounded by attempts and by time.

No library: the budget runs on the injected clock, and `Retry-After` and the effect of the failed attempt
decide together; what is left of a retry library after that is the loop in `transport`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dwctl.server.failures import Delivery, Exchange


class Repeat(StrEnum):
    """How far a call may be repeated.

    `ALWAYS`: carrying it out twice is the same as once. `UNSENT`: only where the server certainly did not
    carry it out. `NEVER`: not even then (`POST /api/workflows`).
    """

    ALWAYS = "always"
    UNSENT = "unsent"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and for how long.

    `attempts` in all; `seconds` from the first attempt to the start of the last; pauses of `first` × 2ⁿ
    seconds up to `longest`, each cut by a random part of up to one half: many clients must not come back at
    once.
    """

    attempts: int = 4
    seconds: float = 90.0
    first: float = 0.25
    longest: float = 8.0

    def pause(self, attempt: int, retry_after: float | None, chance: float) -> float:
        """Seconds to wait after `attempt` (from 1); `chance` is a random number in [0, 1).

        What the server asks for is waited for in full, and a little longer.
        """
        backoff: float = min(self.longest, self.first * 2 ** (attempt - 1)) * (1 - chance / 2)
        return backoff if retry_after is None else retry_after + self.first * chance

    def allows(self, attempt: int, elapsed: float, pause: float) -> bool:
        """Whether there may be another attempt after this one and the pause."""
        return attempt < self.attempts and elapsed + pause <= self.seconds


ONCE = RetryPolicy(attempts=1)
"""No repetition: for callers that have a loop of their own."""


def may_repeat(repeat: Repeat, exchange: Exchange) -> bool:
    """Whether the failed call may be made again."""
    if not exchange.retryable or repeat is Repeat.NEVER:
        return False
    if repeat is Repeat.ALWAYS:
        return True
    return exchange.delivery is Delivery.NOT_SENT or not exchange.unsettled
