"""The pace: fewer at once in trouble, more again after it, never more than asked for, never none."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwctl.transfer.imports.pace import Pace, Trouble


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def pace(most: int, clock: Clock, rate: float | None = None) -> Pace:
    return Pace(most, rate=rate, clock=clock, sleep=clock.sleep)


def answer(one: Pace, clock: Clock, seconds: float = 0.02, *, busy: bool = False) -> None:
    """One request that takes so long."""
    with one.turn() as turn:
        clock.sleep(seconds)
        if busy:
            turn.busy()


def test_it_begins_with_all_that_were_asked_for() -> None:
    assert pace(4, Clock()).allowed == 4


def test_a_busy_server_gets_half_as_many_down_to_one() -> None:
    clock = Clock()
    one = pace(8, clock)
    seen = []
    for _ in range(5):
        answer(one, clock, busy=True)
        seen.append(one.allowed)
    assert seen == [4, 2, 1, 1, 1]


def test_a_round_without_trouble_allows_one_more() -> None:
    clock = Clock()
    one = pace(8, clock)
    for _ in range(3):
        answer(one, clock, busy=True)
    for _ in range(1 + 2 + 3 + 4):
        answer(one, clock)
    assert one.allowed >= 4


def test_what_was_begun_before_a_cut_does_not_cut_again() -> None:
    clock = Clock()
    one = pace(4, clock)
    with one.turn() as first, one.turn() as second, one.turn() as third:
        for turn in (first, second, third):
            turn.busy()
    assert one.report().cuts == {Trouble.BUSY: 1}
    assert one.allowed == 2


def test_answers_that_take_much_longer_are_a_reason_for_less() -> None:
    clock = Clock()
    one = pace(8, clock)
    for _ in range(32):
        answer(one, clock, 0.02)
    for _ in range(16):
        answer(one, clock, 0.5)
    assert one.allowed == 6
    assert one.report().cuts == {Trouble.SLOW: 1}


def test_a_server_that_stays_slow_is_not_kept_at_one_for_ever() -> None:
    clock = Clock()
    one = pace(8, clock)
    for _ in range(32):
        answer(one, clock, 0.02)
    for _ in range(2000):
        answer(one, clock, 0.5)
    assert one.allowed == 8


def test_the_wait_that_the_server_asked_for_is_no_latency() -> None:
    clock = Clock()
    one = pace(2, clock)
    for _ in range(32):
        answer(one, clock, 0.02)
    for _ in range(32):
        with one.turn() as turn:
            clock.sleep(5.02)
            turn.waited += 5.0
    assert one.report().cuts == {}


def test_it_takes_a_whole_round_for_one_more() -> None:
    clock = Clock()
    one = pace(8, clock)
    answer(one, clock, busy=True)
    seen = []
    for _ in range(10):
        answer(one, clock)
        seen.append(one.allowed)
    assert seen == [4, 4, 4, 4, 5, 5, 5, 5, 5, 6]


def test_a_rate_spaces_the_starts() -> None:
    clock = Clock()
    one = pace(4, clock, rate=10.0)
    starts = []
    for _ in range(5):
        with one.turn() as turn:
            starts.append(round(turn.started - 100.0, 3))
    assert starts == [0.0, 0.1, 0.2, 0.3, 0.4]


def test_an_error_in_the_block_gives_the_place_back() -> None:
    one = pace(1, Clock())
    with pytest.raises(ZeroDivisionError), one.turn():
        raise ZeroDivisionError
    with one.turn():
        assert one.allowed == 1


def test_never_more_at_once_than_allowed() -> None:
    one = Pace(3)
    at_once, most, lock = 0, 0, threading.Lock()

    def work(busy: Callable[[int], bool]) -> None:
        nonlocal at_once, most
        for number in range(60):
            with one.turn() as turn:
                with lock:
                    at_once += 1
                    most = max(most, at_once)
                if busy(number):
                    turn.busy()
                with lock:
                    at_once -= 1

    threads = [threading.Thread(target=work, args=(lambda number: number % 7 == 0,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= most <= 3
    assert at_once == 0


@given(st.integers(1, 64), st.lists(st.tuples(st.booleans(), st.floats(0, 10)), max_size=200))
def test_always_between_one_and_what_was_asked_for(most: int, answers: list[tuple[bool, float]]) -> None:
    clock = Clock()
    one = pace(most, clock)
    for busy, seconds in answers:
        answer(one, clock, seconds, busy=busy)
        assert 1 <= one.allowed <= most
    report = one.report()
    assert report.lowest <= report.last <= report.most == most
