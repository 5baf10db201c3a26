"""Times of every kind of column as UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from dwctl.embedded.wall_clock import UTC_CLOCK, WallClock
from dwctl.errors import ServerFailed

BERLIN = WallClock(ZoneInfo("Europe/Berlin"), "")


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2026-10-24 05:25:58.118026", "2026-10-24T05:25:58.118026Z"),
        ("2026-10-24 05:25:58", "2026-10-24T05:25:58.000000Z"),
        ("2026-10-24 05:25:58.5", "2026-10-24T05:25:58.500000Z"),
        ("2026-10-24T05:25:58+02:00", "2026-10-24T03:25:58.000000Z"),
        ("2026-10-24T05:25:58.118026Z", "2026-10-24T05:25:58.118026Z"),
        (datetime(2026, 10, 24, 5, 25, 58, 118026), "2026-10-24T05:25:58.118026Z"),
        (datetime(2026, 10, 24, 5, 25, 58), "2026-10-24T05:25:58.000000Z"),
        (datetime(2026, 10, 24, 5, 25, tzinfo=timezone(timedelta(hours=2))), "2026-10-24T03:25:00.000000Z"),
        (datetime(2026, 10, 24, 5, 25, tzinfo=UTC), "2026-10-24T05:25:00.000000Z"),
        ("0000-00-00 00:00:00", None),
        ("0000-00-00 00:00:00.000000", None),
    ],
)
def test_utc(value: object, instant: str | None) -> None:
    assert UTC_CLOCK.instant(value) == instant


def test_summer_and_winter_of_a_named_zone() -> None:
    assert BERLIN.instant("2026-07-01 12:00:00.000001") == "2026-07-01T10:00:00.000001Z"
    assert BERLIN.instant(datetime(2026, 12, 1, 12)) == "2026-12-01T11:00:00.000000Z"


@pytest.mark.parametrize(
    ("moment", "once"),
    [
        ("2026-10-24T23:59:59+00:00", True),
        ("2026-10-25T00:00:00+00:00", False),
        ("2026-10-25T01:59:59+00:00", False),
        ("2026-10-25T02:00:00+00:00", True),
        ("2026-03-29T01:00:00+00:00", True),
    ],
)
def test_the_hour_in_which_clocks_are_put_back_is_shown_twice(moment: str, once: bool) -> None:
    assert BERLIN.shows_once(datetime.fromisoformat(moment)) is once
    assert UTC_CLOCK.shows_once(datetime.fromisoformat(moment))


@pytest.mark.parametrize(
    "value", ["yesterday", "2026-13-01 00:00:00.000000x", "xxxx-xx-xx xx:xx:xx.xxxxxx", 1761283558, b"x"]
)
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(ServerFailed) as raised:
        UTC_CLOCK.instant(value)
    assert raised.value.reason == "unreadable_time"


COLUMN = ["2026-10-24 05:25:58.118026", None, "2026-10-24 05:25:58.5", "0000-00-00 00:00:00.000000"]


@pytest.mark.parametrize("clock", [UTC_CLOCK, BERLIN])
@pytest.mark.parametrize(
    "values",
    [
        [],
        [None, None],
        COLUMN[:1],
        COLUMN[:3],
        COLUMN,
        [*COLUMN, datetime(2026, 10, 24, 5, 25, 58)],
        ["2026-10-24 05:25:58", None, "2026-10-24 05:25:58.11802", "2026-10-24 05:25:58.1"],
        ["2026-10-24 05:25:58", "0000-00-00 00:00:00"],
        ["2026-10-24T05:25:58.118026", "2026-10-24 05:25:58.118026"],
    ],
)
def test_a_column_is_what_each_of_its_values_is(clock: WallClock, values: list[object]) -> None:
    assert clock.instants(values) == [None if value is None else clock.instant(value) for value in values]


@pytest.mark.parametrize(
    "wrong", ["xxxx-xx-xx xx:xx:xx.xxxxxx", "2026-10-24 05:25:58\n118026", "2026-10-24 05:25:58.", "yesterday", 7]
)
def test_a_column_with_what_is_no_time_is_refused(wrong: object) -> None:
    with pytest.raises(ServerFailed) as raised:
        UTC_CLOCK.instants([*COLUMN, wrong])
    assert raised.value.reason == "unreadable_time"
