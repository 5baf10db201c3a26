"""The sessions of a transfer on one line of time that ends with the gate: points for a picture."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from dwctl.transfer.report.transfer_report import Session

_NARROWEST: Final = 6.0


class Age(NamedTuple):
    """A session on the line, in thousandths of it."""

    session: Session
    start: float
    width: float


class Ages(NamedTuple):
    """The line: from the first session to the gate, which is at its end."""

    since: str
    until: str
    sessions: tuple[Age, ...]


def ages_of(sessions: Sequence[Session], until: str) -> Ages | None:
    """Where the sessions lie; None where there are none, or their times cannot be read.

    A clock that was set back, or another machine's, moves nothing off the line.
    """
    moments = [_moment(text) for one in sessions for text in (one.started_at, one.ended_at)]
    end = _moment(until)
    known = [one for one in moments if one is not None]
    if end is None or not known or len(known) < len(moments):
        return None
    start, last = min(known), max(*known, end)
    whole = max(1.0, (last - start).total_seconds())
    ages = []
    for place, session in enumerate(sessions):
        began, ended = known[2 * place], known[2 * place + 1]
        width = max(_NARROWEST, 1000 * (ended - began).total_seconds() / whole)
        at = min(1000 * (began - start).total_seconds() / whole, 1000 - width)
        ages.append(Age(session, round(max(0.0, at), 1), round(min(width, 1000.0), 1)))
    return Ages(start.strftime(_AS_WRITTEN), until, tuple(ages))


_AS_WRITTEN: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
