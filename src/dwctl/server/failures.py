"""Failed calls as errors of dwctl: which class, what is said, and what is known of the call's effect.

::

    ServerFailure            what happened on the wire is in `exchange`
    ├── CallRefused       2  400, 405, 409, 412, 413, 415, 422, 429, a redirect
    ├── CallNotConnected  3  refused, DNS, TLS, reset, truncated
    ├── CallNotAuthorized 4  401, 403
    ├── CallNotFound      5  404
    ├── CallFailed        6  5xx, an answer that is not JSON, an answer without what was promised
    ├── CallTimedOut      7  no answer in time, 408
    └── CallIncompatible  8  a version that the server does not speak
        └── ImportNotOffered   the server has no importer for embedded bundles

Each is also a class of ``dwctl.errors``, which gives it its exit code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Any

from dwctl.errors import (
    DwctlError,
    ExitCode,
    IncompatibleServer,
    NotAuthorized,
    NotFound,
    RequestNotPossible,
    ServerFailed,
    ServerTimedOut,
    ServerUnreachable,
)
from dwctl.server.reasons import REASONS, Reason, exit_code_of, retryable
from dwctl.server.status_reasons import REASON_OF_STATUS
from dwctl.server.target import Credential
from dwctl.settings import Role


class Delivery(StrEnum):
    """How far a call got."""

    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and what came of it; never holds a secret or a body that was sent.

    `retryable` says that the same call may succeed later, `retry_after` the seconds that the server asks for.
    `document` is the decoded error body, {} where there was none. `earlier_unsettled` counts attempts before
    this one that may have been carried out, `earlier_unfinished` those of them whose end nobody waited for.
    """

    method: str
    url: str
    delivery: Delivery
    status: int | None = None
    reason: str | None = None
    retryable: bool = False
    retry_after: float | None = None
    document: Mapping[str, Any] | None = None
    earlier_unsettled: int = 0
    earlier_unfinished: int = 0

    @property
    def unsettled(self) -> bool:
        """Whether the server may have carried the call out although it failed for us."""
        if self.earlier_unsettled:
            return True
        if self.delivery is Delivery.ANSWERED:
            return self.status is None or self.status in _UNSETTLED or (self.status == 503 and not self.reason)
        return self.delivery is Delivery.UNKNOWN

    @property
    def unfinished(self) -> bool:
        """Whether the server may still be at work on it: it was given up here, or by something on the way."""
        if self.earlier_unfinished:
            return True
        if self.delivery is Delivery.ANSWERED:
            return self.status in _GIVEN_UP
        return self.delivery is Delivery.UNKNOWN and self.reason == "timed_out"


_UNSETTLED = frozenset({408, 500, 502, 504})
_GIVEN_UP = frozenset({408, 504})


class ServerFailure(DwctlError):
    """A call to the server that did not succeed. `exchange` is what is known of it."""

    def __init__(
        self, message: str, exchange: Exchange, *, next_step: str | None = None, reason: str | None = None
    ) -> None:
        super().__init__(
            message,
            where=f"{exchange.method} {exchange.url}",
            next_step=next_step,
            reason=reason or exchange.reason,
        )
        self.exchange = exchange

    @property
    def reason_or_status(self) -> str | None:
        """Its reason, else the status of its answer."""
        status = self.exchange.status
        return self.reason if self.reason is not None or status is None else f"http_{status}"


class CallRefused(ServerFailure, RequestNotPossible):
    """The server refused the request as it stands."""


class CallNotConnected(ServerFailure, ServerUnreachable):
    """No connection, or one that broke."""


class CallNotAuthorized(ServerFailure, NotAuthorized):
    """401 or 403."""


class CallNotFound(ServerFailure, NotFound):
    """404."""


class CallFailed(ServerFailure, ServerFailed):
    """5xx, or an answer that cannot be one."""


class CallTimedOut(ServerFailure, ServerTimedOut):
    """No answer in time."""


class CallIncompatible(ServerFailure, IncompatibleServer):
    """The server speaks another version."""


class ImportNotOffered(CallIncompatible):
    """The server has no importer for embedded bundles: an answer of its own, not a fault."""


_CLASSES: Mapping[ExitCode, type[ServerFailure]] = {
    ExitCode.USAGE: CallRefused,
    ExitCode.NETWORK: CallNotConnected,
    ExitCode.AUTH: CallNotAuthorized,
    ExitCode.NOT_FOUND: CallNotFound,
    ExitCode.SERVER: CallFailed,
    ExitCode.TIMEOUT: CallTimedOut,
    ExitCode.INCOMPATIBLE: CallIncompatible,
}


def answered(
    method: str,
    url: str,
    status: int,
    document: Mapping[str, Any],
    *,
    retry_after: float | None = None,
    credential: Credential | None = None,
    roles: Sequence[Role] = (),
) -> ServerFailure:
    """The failure that an error answer stands for, by status and `reason`, never by prose (server.md §1).

    `credential` is what was sent, and `roles` are those that the route takes, as far as we know.
    """
    reason = _reason(document)
    known = REASONS.get(reason or "")
    exchange = Exchange(
        method,
        url,
        Delivery.ANSWERED,
        status=status,
        reason=reason,
        retryable=retryable(status, reason),
        retry_after=retry_after,
        document=document,
    )
    incompatible = known is not None and known.exit_code is ExitCode.INCOMPATIBLE
    code = ExitCode.INCOMPATIBLE if incompatible else exit_code_of(status)
    made = ImportNotOffered if reason == "embedded_v2_import_unavailable" else _CLASSES[code]
    told = [known.meaning if known is not None else f"the server answered {status}"]
    if status == 403:
        told.append(_roles(document, roles))
    if status in (401, 403) and credential is not None:
        told.append(f"sent was that of {credential.origin}" if credential.secret else "none was sent")
    told.extend(_particulars(document, unknown=known is None))
    next_step = _next_step(exchange, known)
    if status in (401, 403) and (status == 403 or credential is None or credential.secret is None):
        next_step = _auth_step(document, credential, roles)
    return made("; ".join(told), exchange, next_step=next_step)


def own_failure(
    reason: str, message: str, method: str, url: str, delivery: Delivery, *, status: int | None = None
) -> ServerFailure:
    """A failure of our own table: `message` says what happened, the table the exit code and the next step."""
    row = REASONS[reason]
    exchange = Exchange(method, url, delivery, status=status, reason=reason, retryable=row.retryable)
    return _CLASSES[row.exit_code](message, exchange, next_step=row.fix)


def _reason(document: Mapping[str, Any]) -> str | None:
    """`reason`, or the `outcome` that stands in for it (a duplicate start has only that: recording 063)."""
    for key in ("reason", "outcome"):
        value = document.get(key)
        if isinstance(value, str) and re.fullmatch(r"[a-z0-9_.]{1,64}", value):
            return value
    return None


def _roles(document: Mapping[str, Any], roles: Sequence[Role]) -> str:
    """The role that was refused, as far as the answer names it, and those that are needed."""
    role, needed = document.get("role"), f"needed is {_needed(document, roles)}"
    return f"it is {role}, {needed}" if isinstance(role, str) else f"{needed}; it does not say which role came"


def _needed(document: Mapping[str, Any], roles: Sequence[Role]) -> str:
    allowed = document.get("allowed_roles")
    names = allowed if isinstance(allowed, list) and allowed else roles
    return " or ".join(str(role) for role in names) or "another role"


def _auth_step(document: Mapping[str, Any], credential: Credential | None, roles: Sequence[Role]) -> str:
    """What to set, by the role that the server asks for; a stronger token is never tried unasked."""
    if credential is not None and credential.secret is None and credential.origin.endswith("(not set)"):
        return f"Set the variable that is named there: {credential.origin}."
    allowed = document.get("allowed_roles")
    wanted = allowed if isinstance(allowed, list) and allowed else roles
    names = [role for role in Role if role in wanted]
    variables = [f"DW_{role.upper()}_TOKEN" for role in names]
    return f"Set {' or '.join(variables) or 'DURABLE_WORKFLOW_AUTH_TOKEN'}, or give --token."


def _particulars(document: Mapping[str, Any], *, unknown: bool) -> list[str]:
    """The facts of this answer that the table cannot know."""
    facts = [
        f"{label} {_short(document[key])}"
        for key, label in _TOLD.items()
        if document.get(key) not in (None, "", [], {})
    ]
    facts.extend(_fields(document))
    said = document.get("message") or document.get("error")
    if unknown and isinstance(said, str):
        facts.append(f'it says "{_short(said)}"')
    return facts


_TOLD: Mapping[str, str] = {
    "supported_version": "the server speaks",
    "requested_version": "asked was",
    "limit": "the limit is",
    "namespace": "namespace",
    "workflow_id": "workflow",
    "run_id": "run",
    "worker_id": "worker",
    "error_id": "error id",
    "blocked_by": "blocked by",
    "missing_roles": "missing roles:",
    "storage_state": "storage is",
    "json_error": "the parser says",
}


def _fields(document: Mapping[str, Any]) -> list[str]:
    """The fields that validation names, with what it says of each."""
    errors = document.get("validation_errors") or document.get("errors")
    if not isinstance(errors, Mapping):
        return []
    return [f"{field}: {_short(texts)}" for field, texts in list(errors.items())[:5]]


def _next_step(exchange: Exchange, known: Reason | None) -> str:
    if exchange.retry_after is not None and exchange.retryable:
        seconds = ceil(exchange.retry_after)
        return f"Try again in {seconds:,} second{'' if seconds == 1 else 's'}."
    status, remediation = exchange.status or 0, (exchange.document or {}).get("remediation")
    if status >= 500 and isinstance(remediation, str):
        return _short(remediation)
    if known is not None:
        return known.fix
    if status == 413:
        return REASON_OF_STATUS[status].fix
    return "Read the server's log." if status >= 500 else "Run `dwctl doctor`."


def _short(value: object) -> str:
    text = ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)
    return text if len(text) <= 200 else text[:200] + "…"
