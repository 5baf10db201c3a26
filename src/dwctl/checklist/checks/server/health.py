"""Item 4: is the server healthy, does it fit, how long does its certificate live, and what time is it there?"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from dwctl.checklist.checks.findings import listed, seen
from dwctl.checklist.checks.server.asking import at_server, failed, refusable
from dwctl.checklist.description.described import Runs
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Finding, State
from dwctl.counted import counted
from dwctl.proxies import is_loopback
from dwctl.server.compatibility import Fit, Need, Requirement, assess
from dwctl.server.contact import Skew, certificate_left, contact, skew_of
from dwctl.server.endpoints import cluster_info as ask_cluster_info
from dwctl.server.endpoints import health as ask_health
from dwctl.server.endpoints import ready as ask_ready
from dwctl.server.failures import ServerFailure
from dwctl.server.results import Probe
from dwctl.server.retries import ONCE
from dwctl.server.target import Target
from dwctl.settings import Role

CLOCK_WARNING: Final = 5.0
"""Seconds between the clocks that are told; the server's own has whole seconds, so less than one says nothing."""
CLOCK_FAILURE: Final = 60.0
"""Seconds between the clocks that shut the gate: leases last minutes, and timers fire by the server's clock."""

_INFO: Final = "GET /api/cluster/info"
_HEALTH: Final = "GET /api/health"


def health(world: World) -> Finding:
    """The process answers, and reaches its database. One that cannot be reached is a fail: it was asked from here."""
    try:
        probe = ask_health(world.server(), policy=ONCE)
    except ServerFailure as failure:
        return failed(world, failure)
    evidence = (seen(world, _HEALTH, _probed(probe)),)
    if probe.http_status == 200 and probe.status == "serving":
        return Finding(State.PASS, "the server answers, and reaches its database", evidence=evidence)
    return Finding(
        State.FAIL, f"the server says that it is {probe.status}: {_unmet(probe)}", evidence=evidence,
        next_step="Read the server's log: it does not reach its database.", command=at_server(world, "dwctl", "health"),
    )  # fmt: skip


@refusable
def ready(world: World) -> Finding:
    """Tables, default namespace, cache and auth are there; a check that only warns is told (contract/server.md §2)."""
    probe = ask_ready(world.server())
    evidence = (seen(world, "GET /api/ready", _probed(probe)),)
    if probe.http_status == 200 and probe.status == "ready":
        if all(check.status == "ok" for check in probe.checks):
            return Finding(State.PASS, "the server is ready", evidence=evidence)
        state, said = State.WARN, f"the server is ready, with a remark: {_unmet(probe)}"
    else:
        state, said = State.FAIL, f"the server is not ready: {_unmet(probe)}"
    remedies = [check.remediation for check in probe.checks if check.status != "ok" and check.remediation]
    return Finding(
        state, said, evidence=evidence, next_step=remedies[0] if remedies else "Read the server's log.",
        command=at_server(world, "dwctl", "health"),
    )  # fmt: skip


@refusable
def cluster_info(world: World) -> Finding:
    """The server says who it is to the token that was configured."""
    info = ask_cluster_info(world.server())
    who = f"server {info.server_id or 'without an id'} of version {info.version or 'unknown'}"
    came = f"200, {who}, control plane {info.control_plane_version or 'unknown'}"
    return Finding(State.PASS, f"{who} answers", evidence=(seen(world, _INFO, came),))


@refusable
def fits(world: World) -> Finding:
    """Versions, importer, codec and limits are those that dwctl and the cutover need."""
    info = ask_cluster_info(world.server())
    found = assess(info, *((Need.IMPORT,) if world.described.runs is Runs.IMPORT else ()))
    evidence = tuple(seen(world, f"{_INFO}, {row.id}", row.found) for row in found.requirements)
    unmet = [row for row in found.requirements if row.fit is not Fit.OK]
    worst = sorted(unmet, key=lambda row: row.fit is not Fit.FAILED)
    if not worst:
        said = f"server {info.version or 'of unknown version'} meets all {len(found.requirements)} requirements"
        return Finding(State.PASS, said, evidence=evidence)
    return Finding.of(
        State.WARN if found.fits else State.FAIL, "; ".join(_differs(row) for row in worst),
        [row.id for row in worst], "requirements", evidence=evidence,
        next_step=worst[0].next_step, command=at_server(world, "dwctl", "cluster", "check"),
    )  # fmt: skip


def certificate(world: World) -> Finding:
    """The certificate is trusted, and lives for as long as the cutover wants."""
    server = world.server()
    target = server.target
    if not target.encrypted:
        return _open_wire(world, target)
    if not target.tls_verify:
        return Finding(
            State.UNKNOWN, "the certificate is not verified, so nothing is known of it",
            evidence=(seen(world, "setting tls_verify", "false"),),
            next_step="Name the authority's PEM file in `ca_file` of [server], and leave tls_verify true.",
        )  # fmt: skip
    try:
        answer = contact(server)
    except ServerFailure as failure:
        if failure.reason != "tls_not_trusted":
            raise
        return failed(world, failure)
    left = certificate_left(answer)
    if answer.peer is None or answer.peer.not_after is None or left is None:
        return Finding(State.UNKNOWN, "the end of the certificate is not known",
                       next_step="Look at it with `openssl s_client -connect HOST:PORT`.")  # fmt: skip
    peer = answer.peer
    came = f"{peer.protocol}, {peer.subject} by {peer.issuer}, ends {peer.not_after:%Y-%m-%dT%H:%M:%SZ}"
    evidence = (seen(world, f"TLS of {target.origin}", came),)
    said = f"the certificate of {peer.subject} is good for {counted(left.days, 'day')}"
    wanted = world.described.certificate_days
    if left.days >= wanted:
        return Finding(State.PASS, said, evidence=evidence)
    step = "Renew the server's certificate before the cutover: afterwards every worker and starter depends on it."
    return Finding(State.WARN, f"{said}, fewer than {wanted}", evidence=evidence, next_step=step)


def _open_wire(world: World, target: Target) -> Finding:
    """Without TLS: nothing to check on this machine; elsewhere payloads are readable on the way, and tokens may be."""
    evidence = (seen(world, "the server's address", target.origin),)
    if is_loopback(urlsplit(target.url).hostname or ""):
        return Finding(State.SKIPPED, "the server is on this machine, and reached without TLS", evidence=evidence)
    step = "Put the server behind https://, and name that address."
    if not target.allow_insecure and any(target.credential((role,)).secret is not None for role in Role):
        return Finding(State.FAIL, "a token would travel unencrypted to another machine", evidence=evidence,
                       next_step=step)  # fmt: skip
    return Finding(State.WARN, "everything travels unencrypted to another machine", evidence=evidence, next_step=step)


@refusable
def clock(world: World) -> Finding:
    """Both clocks agree, as closely as one exchange can tell."""
    skew = skew_of(contact(world.server()))
    if skew is None:
        return Finding(
            State.UNKNOWN, "the server does not say what time it is",
            evidence=(seen(world, _HEALTH, "neither a timestamp nor a Date header"),),
            next_step="Compare `date -u` here and on the server's machine, and attest item 4.",
        )  # fmt: skip
    told = _apart(skew)
    evidence = (seen(world, f"{_HEALTH}, its {skew.by}", f"{skew.seconds:+.1f} s, ± {skew.within:.1f} s"),)
    state = _clock_state(skew)
    if state is State.PASS:
        return Finding(state, told, evidence=evidence)
    return Finding(state, told, evidence=evidence,
                   next_step="Let NTP set both clocks: leases, timers and retention go by them.")  # fmt: skip


def _clock_state(skew: Skew) -> State:
    """A fail is certain; a pass is not given where the exchange took too long to tell."""
    if abs(skew.seconds) - skew.within > CLOCK_FAILURE:
        return State.FAIL
    return State.WARN if max(abs(skew.seconds), skew.within) > CLOCK_WARNING else State.PASS


def _apart(skew: Skew) -> str:
    if abs(skew.seconds) <= skew.within:
        return f"the server's clock and this machine's differ by less than {skew.within:.1f} s"
    way = "ahead of" if skew.seconds > 0 else "behind"
    return f"the server's clock is {abs(skew.seconds):,.1f} s {way} this machine's"


def _probed(probe: Probe) -> str:
    checks = ", ".join(f"{check.name} {check.status}" for check in probe.checks)
    return f"{probe.http_status} {probe.status}" + (f": {checks}" if checks else "")


def _unmet(probe: Probe) -> str:
    unmet = [f"{check.name} is {check.status}" for check in probe.checks if check.status != "ok"]
    return listed(unmet, most=5) or "it does not say why"


def _differs(row: Requirement) -> str:
    return f"{row.id}: needed is {row.needed}, the server has {row.found}"
