"""Moments that others wrote."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dwctl.embedded.instants import age_of, instant, moment, shown
from dwctl.errors import RequestNotPossible


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T08:00:00Z", "2026-11-23T08:00:00.000000Z"),
        ("2026-11-23T08:00:00.25+02:00", "2026-11-23T06:00:00.250000Z"),
        ("2026-11-23 08:00:00", "2026-11-23T08:00:00.000000Z"),
    ],
)
def test_a_moment_without_a_zone_is_utc(text: str, moment: str) -> None:
    found = instant(text)
    assert found is not None
    assert shown(found) == moment


@pytest.mark.parametrize("other", ["", "soon", "2026-13-01T00:00:00Z", None, 1_800_000_000, datetime.now(UTC)])
def test_what_is_no_text_of_a_moment_is_none(other: object) -> None:
    assert instant(other) is None


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00", "0001-01-01", "0999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"]
)
def test_a_moment_beyond_all_calendars_is_refused(text: str) -> None:
    with pytest.raises(RequestNotPossible, match="--since is no moment of our times"):
        moment(text, "--since")
    assert moment("1000-01-01", "--since") == "1000-01-01T00:00:00.000000Z"


@pytest.mark.parametrize("text", ["0d", "d", "-1d", "1.5h", "1000000s", "365001d", "999999d", "999999w", "3y"])
def test_an_age_is_a_whole_number_of_no_more_than_a_thousand_years(text: str) -> None:
    with pytest.raises(RequestNotPossible) as raised:
        age_of(text, "--older-than")
    assert raised.value.reason == "wrong_setting"
    assert age_of("365000d", "--older-than") == 365000 * 86400.0
