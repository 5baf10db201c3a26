"""What `doctor` asks of the server: reached, ready, TLS, clock, tokens, namespace, compatibility."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from dwctl.errors import DwctlError, ExitCode
from dwctl.server.calls import Answer, Call, Plane
from dwctl.server.compatibility import Fit, assess
from dwctl.server.contact import certificate_left, clock_skew
from dwctl.server.decode import cluster_info_from
from dwctl.server.documents import Document
from dwctl.server.endpoints import show_namespace
from dwctl.server.health import check_health
from dwctl.server.results import ClusterInfo
from dwctl.server.transport import Server
from dwctl.settings import Auth, Role

CERTIFICATE_WARNING: Final = timedelta(days=21)
CLOCK_WARNING: Final = 5.0
"""Seconds; the Date header has whole ones, so less than two say nothing."""

PRECEDENCE: Final = (
    ExitCode.INCOMPATIBLE,
    ExitCode.AUTH,
    ExitCode.NETWORK,
    ExitCode.SERVER,
    ExitCode.TIMEOUT,
    ExitCode.NOT_FOUND,
    ExitCode.NO,
    ExitCode.USAGE,
)
"""Which exit code stands where several apply (design, "Exit codes")."""


class Outcome(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `detail` says what was found, or why it was skipped."""

    id: str
    outcome: Outcome
    detail: str
    next_step: str | None = None
    exit_code: ExitCode = ExitCode.DONE


@dataclass(frozen=True, slots=True)
class Examination:
    """Every check, and what the server said of itself where it did."""

    checks: tuple[Check, ...]
    info: ClusterInfo | None

    @property
    def exit_code(self) -> ExitCode:
        """0 where nothing failed, else the code that comes first in the precedence."""
        found = {check.exit_code for check in self.checks if check.outcome is Outcome.FAILED}
        return next((code for code in PRECEDENCE if code in found), ExitCode.DONE)


def examine(server: Server) -> Examination:
    """Look at everything that can be looked at without changing it; each failure is a check of its own."""
    report = check_health(server)
    error = report.health_error
    if error is not None and error.exchange.status is None:
        reason = "the server was not reached"
        rest = ("ready", "tls", "clock", "tokens", "namespace", "compatibility")
        return Examination(
            (_failed("connection", error), *(Check(name, Outcome.SKIPPED, reason) for name in rest)), None
        )
    checks = [Check("connection", Outcome.OK, f"{server.target.url} answers")]
    if report.ready_error is not None:
        checks.append(_failed("ready", report.ready_error))
    elif report.is_ready:
        checks.append(Check("ready", Outcome.OK, "ready"))
    else:
        unmet = [check.name for check in report.ready.checks if check.status != "ok"] if report.ready else []
        detail = "not ready: " + (", ".join(unmet) or "it does not say why")
        checks.append(Check("ready", Outcome.FAILED, detail, "Run `dwctl health`.", ExitCode.SERVER))
    tokens, answer = _tokens(server)
    if answer is None:
        reason = "no token was accepted"
        checks += [Check(name, Outcome.SKIPPED, reason) for name in ("tls", "clock")]
        checks += tokens
        checks += [Check(name, Outcome.SKIPPED, reason) for name in ("namespace", "compatibility")]
        return Examination(tuple(checks), None)
    checks += [_tls(server, answer), _clock(answer), *tokens, _namespace(server)]
    info = _info(answer)
    checks.append(_compatibility(info) if isinstance(info, ClusterInfo) else info)
    return Examination(tuple(checks), info if isinstance(info, ClusterInfo) else None)


def _tokens(server: Server) -> tuple[list[Check], Answer | None]:
    """Each role's token shown to cluster info, which takes any role; the first answer is kept."""
    checks: list[Check] = []
    kept: Answer | None = None
    target = server.target
    roles = [role for role in Role if target.credential((role,)).secret is not None]
    if not roles:
        return _without_token(server)
    for role in Role:
        name, credential = f"token.{role}", target.credential((role,))
        if role not in roles:
            checks.append(Check(name, Outcome.SKIPPED, f"none is set ({credential.origin})"))
            continue
        try:
            answer = server.call(Call("GET", "/api/cluster/info", (role,), plane=Plane.OPEN))
        except DwctlError as error:
            checks.append(_failed(name, error))
        else:
            kept = kept or answer
            checks.append(Check(name, Outcome.OK, f"accepted (from {credential.origin})"))
    return checks, kept


def _without_token(server: Server) -> tuple[list[Check], Answer | None]:
    try:
        answer = server.call(Call("GET", "/api/cluster/info", (), plane=Plane.OPEN))
    except DwctlError as error:
        return [_failed("tokens", error)], None
    if server.target.auth is Auth.NONE:
        return [Check("tokens", Outcome.OK, "none is needed (auth = none)")], answer
    detail = "none is set, and the server answers without one: everybody who reaches it is admin"
    return [Check("tokens", Outcome.WARNING, detail, "Set DW_AUTH_DRIVER on a shared server.")], answer


def _tls(server: Server, answer: Answer) -> Check:
    if not server.target.encrypted:
        return Check("tls", Outcome.SKIPPED, "the address is http://")
    peer, left = answer.peer, certificate_left(answer)
    if not server.target.tls_verify:
        step = "Give --ca-file instead of --tls-verify false."
        return Check("tls", Outcome.WARNING, "the certificate is not verified", step)
    if peer is None or peer.not_after is None or left is None:
        return Check("tls", Outcome.WARNING, "the certificate's end is not known")
    detail = f"{peer.protocol}, {peer.subject} by {peer.issuer}, ends {peer.not_after:%Y-%m-%d} ({left.days} days)"
    if left < CERTIFICATE_WARNING:
        return Check("tls", Outcome.WARNING, detail, "Renew the server's certificate.")
    return Check("tls", Outcome.OK, detail)


def _clock(answer: Answer) -> Check:
    skew = clock_skew(answer)
    if skew is None:
        return Check("clock", Outcome.WARNING, "the server sends no usable Date, so its clock is not known")
    if abs(skew) > CLOCK_WARNING:
        way = "ahead of" if skew > 0 else "behind"
        detail = f"the server's clock is {abs(skew):.0f} s {way} this machine's"
        return Check("clock", Outcome.WARNING, detail, "Synchronise both clocks: leases and retention go by them.")
    return Check("clock", Outcome.OK, f"within {CLOCK_WARNING:.0f} s of this machine's")


def _namespace(server: Server) -> Check:
    try:
        found = show_namespace(server, server.target.namespace)
    except DwctlError as error:
        return _failed("namespace", error)
    return Check("namespace", Outcome.OK, f"{found.name}, retention {found.retention_days} days")


def _info(answer: Answer) -> ClusterInfo | Check:
    try:
        return cluster_info_from(Document(answer))
    except DwctlError as error:
        return _failed("compatibility", error)


def _compatibility(info: ClusterInfo) -> Check:
    result = assess(info)
    unmet = [row for row in result.requirements if row.fit is not Fit.OK]
    version = f"server {info.version or 'of unknown version'}"
    if not unmet:
        return Check("compatibility", Outcome.OK, version)
    first = unmet[0]
    detail = f"{version}: {first.id}: needed is {first.needed}, the server has {first.found}"
    if result.fits:
        return Check("compatibility", Outcome.WARNING, detail, first.next_step)
    return Check("compatibility", Outcome.FAILED, detail, first.next_step, ExitCode.INCOMPATIBLE)


def _failed(name: str, error: DwctlError) -> Check:
    return Check(name, Outcome.FAILED, error.message, error.next_step, error.exit_code)
