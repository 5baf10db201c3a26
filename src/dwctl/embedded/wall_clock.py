"""The application's clock: its times stand in the database without a zone, as Laravel's own clock showed them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

from dwctl.embedded.database_reasons import failure

_PLAIN = re.compile(r"(?!0000)\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class WallClock:
    """The zone of the application's times, and how it is known."""

    zone: tzinfo
    sentence: str

    def instant(self, value: object) -> str | None:
        """A wall time (text or datetime) as UTC with microseconds and `Z`; None for MySQL's zero date.

        A value with a zone of its own keeps to that. Raises ServerFailed for what is not a time.
        """
        if isinstance(value, str):
            if self.zone is UTC and _PLAIN.fullmatch(value):
                return f"{value[:10]}T{value[11:]}Z"
            if value.startswith("0000-00-00"):
                return None
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                raise _unreadable() from None
        if not isinstance(value, datetime):
            raise _unreadable()
        if value.tzinfo is None:
            if self.zone is UTC:
                return value.isoformat(timespec="microseconds") + "Z"
            value = value.replace(tzinfo=self.zone)
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _unreadable() -> Exception:
    return failure("unreadable_time", "a time in the database cannot be read as one")


UTC_CLOCK: Final = WallClock(UTC, "the application's times are taken as UTC, Laravel's default")
