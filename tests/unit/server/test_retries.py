"""When a call is made again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwctl.server.failures import Delivery, Exchange
from dwctl.server.retries import ONCE, Repeat, RetryPolicy, may_repeat

POLICY = RetryPolicy(attempts=5, seconds=60.0, first=0.25, longest=8.0)


def exchange(delivery: Delivery, status: int | None = None, retryable: bool = True, reason: str = "x") -> Exchange:
    """A failed exchange."""
    return Exchange("POST", "u", delivery, status=status, reason=reason, retryable=retryable)


@pytest.mark.parametrize(
    ("repeat", "failed", "again"),
    [
        (Repeat.ALWAYS, exchange(Delivery.NOT_SENT), True),
        (Repeat.ALWAYS, exchange(Delivery.UNKNOWN), True),
        (Repeat.ALWAYS, exchange(Delivery.ANSWERED, 503), True),
        (Repeat.ALWAYS, exchange(Delivery.ANSWERED, 422, retryable=False), False),
        (Repeat.UNSENT, exchange(Delivery.NOT_SENT), True),
        (Repeat.UNSENT, exchange(Delivery.UNKNOWN), False),
        (Repeat.UNSENT, exchange(Delivery.ANSWERED, 429), True),
        (Repeat.UNSENT, exchange(Delivery.ANSWERED, 504), False),
        (Repeat.UNSENT, exchange(Delivery.ANSWERED, 503, reason=""), False),
        (Repeat.NEVER, exchange(Delivery.NOT_SENT), False),
        (Repeat.NEVER, exchange(Delivery.ANSWERED, 429), False),
    ],
)
def test_the_effect_of_the_failed_attempt_decides(repeat: Repeat, failed: Exchange, again: bool) -> None:
    assert may_repeat(repeat, failed) is again


@given(st.integers(1, 50), st.floats(0, 1, exclude_max=True))
def test_a_pause_grows_and_is_cut_by_at_most_a_half(attempt: int, chance: float) -> None:
    pause = POLICY.pause(attempt, None, chance)
    whole = min(8.0, 0.25 * 2 ** (attempt - 1))
    assert whole / 2 <= pause <= whole


@given(st.integers(1, 50), st.floats(0, 1e6), st.floats(0, 1, exclude_max=True))
def test_retry_after_is_waited_for_in_full(attempt: int, retry_after: float, chance: float) -> None:
    assert retry_after <= POLICY.pause(attempt, retry_after, chance) <= retry_after + 0.25


@given(st.integers(1, 10), st.floats(0, 200), st.floats(0, 200))
def test_attempts_and_time_are_bounded(attempt: int, elapsed: float, pause: float) -> None:
    assert POLICY.allows(attempt, elapsed, pause) is (attempt < 5 and elapsed + pause <= 60)


def test_once_is_once() -> None:
    assert not ONCE.allows(1, 0.0, 0.0)
