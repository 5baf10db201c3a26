"""A watch looks until its time is over, and a look that fails is said and not taken for an answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dwctl.errors import ServerUnreachable
from dwctl.transfer.watching import watch


class Time:
    """A clock that only sleeping moves."""

    now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


def test_it_looks_every_so_often_and_ends_in_time() -> None:
    time, looks = Time(), iter(range(100))
    assert [seen.report for seen in watch(lambda: next(looks), time.sleep, time, 10.0, 30.0)] == [0, 1, 2, 3]


def test_a_failure_leaves_the_report_before_it() -> None:
    time = Time()
    answers: Iterator[int | ServerUnreachable] = iter([1, ServerUnreachable("gone"), 2])

    def look() -> int:
        answer = next(answers)
        if isinstance(answer, ServerUnreachable):
            raise answer
        return answer

    seen = list(watch(look, time.sleep, time, 1.0, 2.0))
    assert [(one.report, one.missed is not None) for one in seen] == [(1, False), (1, True), (2, False)]


def test_a_watch_that_never_saw_anything_is_none() -> None:
    def look() -> int:
        raise ServerUnreachable("gone")

    with pytest.raises(ServerUnreachable):
        next(watch(look, Time().sleep, Time(), 1.0))
