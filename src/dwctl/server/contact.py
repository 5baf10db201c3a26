"""What one exchange with a server tells beside its answer: how long the certificate lives, and what time it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from dwctl.server.calls import Answer, Call, Plane
from dwctl.server.documents import moment
from dwctl.server.failures import ServerFailure
from dwctl.server.retries import ONCE
from dwctl.server.transport import Server


@dataclass(frozen=True, slots=True)
class Skew:
    """By how many seconds the server's clock is ahead of this machine's, give or take `within`, and who said so."""

    seconds: float
    within: float
    by: str


def contact(server: Server) -> Answer:
    """`GET /api/health` as it came: once, and without a token. Raises a ServerFailure."""
    call = Call("GET", "/api/health", (), plane=Plane.OPEN, namespaced=False, accepted=frozenset({503}))
    return server.call(call, policy=ONCE)


def certificate_left(answer: Answer) -> timedelta | None:
    """How long the certificate is still good; None without TLS, or where it was not verified."""
    if answer.peer is None or answer.peer.not_after is None:
        return None
    return answer.peer.not_after - datetime.fromtimestamp(answer.received_at, UTC)


def skew_of(answer: Answer) -> Skew | None:
    """How far the clocks are apart, by the health probe's own `timestamp`; else by the Date header.

    The header may be written by a proxy, which has a clock of its own. None where there is neither.
    """
    within = (answer.received_at - answer.sent_at) / 2 + 0.5
    said = moment(_timestamp(answer))
    if said is not None:
        ahead = said.timestamp() + (0.0 if said.microsecond else 0.5) - _middle(answer)
        return Skew(ahead, within, "timestamp")
    by_date = clock_skew(answer)
    return None if by_date is None else Skew(by_date, within, "Date header")


def clock_skew(answer: Answer) -> float | None:
    """Seconds by which the server's clock is ahead, from its Date header; None where it has none."""
    try:
        dated = parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return None
    return dated + 0.5 - _middle(answer)


def _middle(answer: Answer) -> float:
    return (answer.sent_at + answer.received_at) / 2


def _timestamp(answer: Answer) -> str | None:
    try:
        document: Any = answer.document()
    except ServerFailure:
        return None
    said = document.get("timestamp") if isinstance(document, dict) else None
    return said if isinstance(said, str) else None
