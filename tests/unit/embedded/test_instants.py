"""Moments that others wrote."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dwctl.embedded.instants import instant, shown


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
