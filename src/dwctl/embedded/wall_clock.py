"""The application's clock: its times stand in the database without a zone, as Laravel's own clock showed them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final, cast

from dwctl.embedded.database_reasons import failure

_PLAIN = re.compile(r"(?!0000)\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", re.ASCII)

_SHAPE: Final = "0000-00-00 00:00:00.000000"
_LENGTH: Final = len(_SHAPE)
_LENGTH_IN_SECONDS: Final = len("0000-00-00 00:00:00")
_TEXT_OR_NOTHING: Final = {str, type(None)}
_DIGITS: Final = str.maketrans("123456789", "000000000")


@dataclass(frozen=True, slots=True)
class WallClock:
    """The zone of the application's times, and how it is known.

    What has the shape of a time is shown as one: that its month has no such day is seen by who reckons with it.
    """

    zone: tzinfo
    sentence: str

    def instant(self, value: object, *whose: object) -> str | None:
        """A wall time (text or datetime) as UTC with microseconds and `Z`; None for MySQL's zero date.

        A value with a zone of its own keeps to that. Raises ServerFailed for what is not a time; `whose` are the column
        and the id of the row that it is from, as far as they are known.
        """
        if isinstance(value, str):
            if self.zone is UTC and _PLAIN.fullmatch(whole := _with_its_zeros(value)):
                return f"{whole[:10]}T{whole[11:]}Z"
            if value.startswith("0000-00-00"):
                return None
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                raise unreadable_time(*whose) from None
        if not isinstance(value, datetime):
            raise unreadable_time(*whose)
        if value.tzinfo is None:
            if self.zone is UTC:
                return value.isoformat(timespec="microseconds") + "Z"
            value = value.replace(tzinfo=self.zone)
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

    def shows_once(self, moment: datetime) -> bool:
        """Whether no other moment has the wall time of this one: not so in the hour when clocks are put back."""
        wall = moment.astimezone(self.zone)
        return wall.replace(fold=0).utcoffset() == wall.replace(fold=1).utcoffset()

    def instants(self, values: Sequence[object]) -> list[str | None]:
        """What `instant` makes of each of many values, and None of None; a whole column at a time costs far less."""
        if self.zone is UTC and set(map(type, values)) <= _TEXT_OR_NOTHING:
            texts = [text for text in cast("Sequence[str | None]", values) if text is not None]
            if texts and (shown := _shown_at_once(texts)) is not None:
                given = iter(shown)
                return [None if value is None else next(given) for value in values]
        return [None if value is None else self.instant(value) for value in values]


def _shown_at_once(texts: Sequence[str]) -> list[str] | None:
    """All of these texts as dwctl shows times, if each is what `_PLAIN` matches but for zeros that its end may lack."""
    if set(map(len, texts)) != {_LENGTH}:
        texts = [text if len(text) == _LENGTH else _with_its_zeros(text) for text in texts]
    lines = "\n".join(texts)
    if lines.translate(_DIGITS) != "\n".join([_SHAPE] * len(texts)) or "\n0000" in f"\n{lines}":
        return None
    return f"{lines.replace(' ', 'T')}Z".replace("\n", "Z\n").split("\n")


def _with_its_zeros(text: str) -> str:
    """A time that lacks the zeros at its end, as PostgreSQL writes it, with them; anything else is left as it is."""
    if len(text) == _LENGTH_IN_SECONDS:
        return f"{text}.000000"
    return text.ljust(_LENGTH, "0") if _LENGTH_IN_SECONDS + 1 < len(text) < _LENGTH else text


def unreadable_time(*whose: object) -> Exception:
    """The error of what a time column holds and is no time, or a day that its month does not have.

    `whose` are the column and the id of the row, as far as they are known.
    """
    where = " of ".join(map(str, whose))
    return failure("unreadable_time", "a time in the database cannot be read as one", where=where or None)


UTC_CLOCK: Final = WallClock(UTC, "the application's times are taken as UTC, Laravel's default")
