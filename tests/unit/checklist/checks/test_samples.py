"""Which of many runs are asked about, and how several are asked at a time."""

from __future__ import annotations

from threading import Barrier

import pytest

from dwctl.checklist.checks.samples import asked_at_once, by_chance, sample
from dwctl.errors import Interrupted, RequestNotPossible
from dwctl.transfer.lanes import Stop

RUNS = [f"run-{number}" for number in range(1_000)]


def test_a_sample_is_one_in_a_hundred_and_the_same_one_every_time() -> None:
    chosen = sample(RUNS, str, fewest=3, deep=False)
    assert len(chosen) == 10
    assert chosen == sample(RUNS[::-1], str, fewest=3, deep=False) == by_chance(RUNS, str)[:10]
    assert list(chosen) != RUNS[:10]


def test_a_few_and_a_deep_look_are_asked_about_whole_and_in_their_order() -> None:
    assert sample(RUNS[:20], str, fewest=20, deep=False) == tuple(RUNS[:20])
    assert len(sample(RUNS[:21], str, fewest=20, deep=False)) == 20
    assert sample(RUNS, str, fewest=3, deep=True) == tuple(RUNS)
    assert sample([], str, fewest=3, deep=False) == ()


def test_a_name_that_is_no_text_has_its_place() -> None:
    assert set(by_chance(["\udcff", "a"], str)) == {"\udcff", "a"}


def test_several_are_asked_at_a_time_and_answer_in_their_order() -> None:
    meeting = Barrier(4, timeout=5)

    def ask(number: int) -> int:
        meeting.wait()  # breaks where fewer than four are asked at a time
        return number * number

    assert asked_at_once(ask, range(8), Stop(), at_once=4) == [number * number for number in range(8)]
    assert asked_at_once(ask, [], Stop(), at_once=4) == []


def test_the_first_failure_ends_the_asking() -> None:
    asked: list[int] = []

    def ask(number: int) -> int:
        asked.append(number)
        if number == 1:
            raise RequestNotPossible("no")
        return number

    with pytest.raises(RequestNotPossible):
        asked_at_once(ask, range(1_000), Stop(), at_once=1)
    assert asked == [0, 1]


def test_nothing_is_begun_after_somebody_has_had_enough() -> None:
    stop, asked = Stop(), list[int]()

    def ask(number: int) -> int:
        asked.append(number)
        if number == 2:
            stop.ask()
        return number

    with pytest.raises(Interrupted):
        asked_at_once(ask, range(1_000), stop, at_once=1)
    assert asked == [0, 1, 2]
