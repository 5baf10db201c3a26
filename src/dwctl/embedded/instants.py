"""Moments: as a person writes them, as dwctl shows them, as a database compares them. All are UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dwctl.errors import RequestNotPossible

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from dwctl.embedded.snapshot import Snapshot


def parsed(text: str) -> datetime:
    """The moment of a text as dwctl writes it, `2026-11-23T00:00:00.000000Z`."""
    return datetime.fromisoformat(text).astimezone(UTC)


def shown(moment: datetime) -> str:
    """A moment as dwctl writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def instant(text: object) -> datetime | None:
    """The moment of a text that others wrote, UTC where it names no zone; None for what is no moment."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo is not None else found.replace(tzinfo=UTC)


_FIRST_YEAR = 1000
"""Where the times of MySQL and MariaDB begin; no zone's offset leads from here to before the first year."""


def moment(text: str, origin: str) -> str:
    """A moment that a person wrote, as dwctl writes it: RFC 3339 with a zone, or a date, which begins at 00:00 UTC.

    Raises RequestNotPossible: a time without a zone would be another moment on another machine.
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        found = None
    if found is None or (found.tzinfo is None and len(text.strip()) > len("2026-11-23")):
        raise RequestNotPossible(
            f"{origin} must be a moment like 2026-11-23T08:00:00Z, or a date", where=origin,
            next_step="Write the zone too: Z for UTC, or an offset such as +01:00.",
        )  # fmt: skip
    try:
        said = shown(found.replace(tzinfo=UTC) if found.tzinfo is None else found)
    except OverflowError:
        said = ""
    if not said or found.year < _FIRST_YEAR:
        raise RequestNotPossible(
            f"{origin} is no moment of our times", where=origin, next_step="Write it like 2026-11-23T08:00:00Z."
        )
    return said


def bound(snapshot: Snapshot, when: datetime) -> ColumnElement[Any]:
    """A moment to ask of a time column whether it is before it (`<`), or not (`>=`): as this database stores it.

    SQLite compares text, of which whole seconds may lack their zeros: without its own at the end the bound is before
    every text of the same moment, and after those of all earlier ones.
    """
    from sqlalchemy import DateTime, literal

    plain = when.astimezone(snapshot.clock.zone).replace(tzinfo=None)
    if snapshot.dialect == "sqlite":
        return literal(plain.isoformat(" ", "microseconds").rstrip("0").rstrip("."))
    return literal(plain, DateTime())


_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_LONGEST_AGE = 1000 * 365 * 86400.0


def age_of(text: str, origin: str) -> float:
    """Seconds of an age that a person wrote: 90s, 30m, 12h, 30d, 2w. Raises RequestNotPossible."""
    found = re.fullmatch(r"([0-9]{1,6})([smhdw])", text.strip())
    age = int(found[1]) * _UNITS[found[2]] if found is not None else 0.0
    if not 0 < age <= _LONGEST_AGE:
        raise RequestNotPossible(
            f"{origin} must be an age such as 90s, 30m, 12h, 30d or 2w, and of no more than a thousand years",
            where=origin, next_step="Write a whole number above zero and its unit.", reason="wrong_setting",
        )  # fmt: skip
    return age
