"""A call before it is made, the answer after it, and one line of the log between them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final
from urllib.parse import quote

from dwctl.errors import RequestNotPossible
from dwctl.server.failures import Delivery, ServerFailure, own_failure
from dwctl.server.retries import Repeat
from dwctl.server.tls import Peer
from dwctl.settings import Role

WORKER_PROTOCOL_VERSION: Final = "1.0"
JSON: Final = "application/json"


class Plane(Enum):
    """Which version header a route wants: none, the control plane's, the worker's."""

    OPEN = None
    CONTROL = "X-Durable-Workflow-Control-Plane-Version"
    WORKER = "X-Durable-Workflow-Protocol-Version"


@dataclass(frozen=True, slots=True)
class Call:
    """One request, before it is addressed.

    `roles` are those that the route takes, the least first; none sends no credential. `accepted` statuses
    are the caller's to read; `busy` tells answers that say "later" although their status is an accepted
    one.
    """

    method: str
    path: str
    roles: Sequence[Role]
    plane: Plane = Plane.CONTROL
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = JSON
    namespaced: bool = True
    repeat: Repeat = Repeat.ALWAYS
    accepted: frozenset[int] = frozenset()
    protocol: str = WORKER_PROTOCOL_VERSION
    busy: Callable[[Answer], bool] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, headers by lower-case name.

    `unsettled` counts earlier attempts of this call that may have been carried out, `unfinished` those of them whose
    end nobody waited for; `sent_at` and `received_at` are Unix times around the exchange.
    """

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    sent_at: float
    received_at: float
    attempts: int = 1
    unsettled: int = 0
    unfinished: int = 0
    peer: Peer | None = None

    def document(self) -> Any:
        """The decoded JSON. Raises CallFailed where it is none: what was done is then not known."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            kind = self.headers.get("content-type", "no media type").split(";")[0]
            message = f"the answer ({self.status}, {kind}, {len(self.body)} bytes) is not JSON"
            raise self.says_nothing("unreadable_answer", message) from error

    def says_nothing(self, reason: str, message: str) -> ServerFailure:
        """The failure of a call whose answer lacks what was promised: what was done is then not known."""
        return self.remembering(
            own_failure(reason, message, self.method, self.url, Delivery.UNKNOWN, status=self.status)
        )

    def remembering(self, failure: ServerFailure) -> ServerFailure:
        """The failure that this answer stands for, with what the attempts before it may have done."""
        failure.exchange = replace(
            failure.exchange, earlier_unsettled=self.unsettled, earlier_unfinished=self.unfinished
        )
        return failure


@dataclass(frozen=True, slots=True)
class Attempt:
    """One line of the call log: no header, no query, no body, so no secret.

    `pause` is set where another attempt follows, in so many seconds.
    """

    method: str
    url: str
    attempt: int
    seconds: float
    status: int | None
    reason: str | None
    pause: float | None = None


def segment(text: str) -> str:
    """One path segment, quoted. Raises RequestNotPossible for what no URL can carry as one segment."""
    if text in ("", ".", ".."):
        raise RequestNotPossible(
            f"'{text}' cannot be asked for: as part of an address it means something else",
            next_step="Give the full id or name.",
            reason="unaddressable_id",
        )
    return quote(text, safe="")


def retry_after_of(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds of `Retry-After`: a number, or an HTTP date; None where it says nothing useful."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    if not text:
        return None
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None
