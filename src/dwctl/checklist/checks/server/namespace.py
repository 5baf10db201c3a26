"""Item 5: the namespace is there, and keeps closed runs for long enough."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from dwctl.bundle.vocabulary import TERMINAL_STATUSES
from dwctl.checklist.checks.findings import listed, seen
from dwctl.checklist.checks.server.asking import at_server, refused
from dwctl.checklist.facts.facts import BundleFact
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Evidence, Finding, Need, State
from dwctl.counted import counted
from dwctl.server.documents import moment
from dwctl.server.endpoints import list_namespaces, show_namespace
from dwctl.server.failures import CallNotFound, ServerFailure
from dwctl.server.results import Namespace

_RAISE: Final = "Raise retention_days of the namespace on the server (PUT /api/namespaces, `dw namespace:update`)."


def exists(world: World) -> Finding:
    """The namespace is on the server, and active."""
    try:
        found = show_namespace(world.server(), world.namespace)
    except CallNotFound as failure:
        return _absent(world, failure)
    evidence = (seen(world, _asked(world), _shown(found)),)
    if found.status not in (None, "active"):
        said = f"namespace {found.name} is there, and the server calls it {found.status}"
        return Finding(State.WARN, said, evidence=evidence, next_step="Look at it on the server.")
    return Finding(State.PASS, f"namespace {found.name} is there", evidence=evidence)


def _absent(world: World, failure: CallNotFound) -> Finding:
    """With the names that the server has: a name that is only mistyped must not be created."""
    finding, wanted, days = refused(world, failure), world.namespace, world.described.retention_days
    there: list[str] = []
    with suppress(ServerFailure):
        there = [one.name for one in list_namespaces(world.server())]
    said = f"namespace {wanted} is not on this server, which has {listed(there)}" if there else finding.said
    near = difflib.get_close_matches(wanted, there, n=1)
    meant = f"Did you mean {near[0]}? Then write that under [server] of cutover.toml. Else create" if near else "Create"
    return Finding.of(
        finding.state, said, evidence=finding.evidence,
        next_step=f"{meant} it; its retention decides what survives an import.",
        command=_ensure(world, *(() if days is None else ("--retention-days", str(days)))),
    )  # fmt: skip


def retention(world: World) -> Finding:
    """Closed runs are kept for as long as the cutover wants, and none that is imported is old enough to be pruned."""
    found = show_namespace(world.server(), world.namespace)
    evidence = seen(world, _asked(world), _shown(found))
    if found.retention_mode == "forever":
        return Finding(State.PASS, f"namespace {found.name} keeps closed runs for ever", evidence=(evidence,))
    days, wanted = found.retention_days, world.described.retention_days
    if days is None:
        return Finding(State.UNKNOWN, "the server does not say how long closed runs are kept", evidence=(evidence,),
                       next_step="Look at the namespace on the server, and attest item 5.")  # fmt: skip
    kept = f"closed runs are kept for {counted(days, 'day')}"
    if wanted is not None and days < wanted:
        return Finding(State.FAIL, f"{kept}, and the cutover wants {wanted}", evidence=(evidence,), next_step=_RAISE,
                       command=_show(world))  # fmt: skip
    return _of_bundles(world, days, kept, evidence)


def _of_bundles(world: World, days: int, kept: str, evidence: Evidence) -> Finding:
    """The same against the closing times of the runs that are imported, as far as their bundles are there."""
    missing = world.missing.get(Need.BUNDLES)
    if missing is not None:
        return _as_wished(world, kept, (evidence,), missing.why if missing.applies else None)
    found = world.bundles()
    old = _not_archived(world, _ended_before(found.bundles, moment(world.now()), days))
    unread = tuple(one.file for one in found.bundles if one.problem is not None)
    came = f"{len(old):,} longer ago than {counted(days, 'day')}, {len(unread):,} not known"
    both = (evidence, seen(world, f"closing times of {counted(len(found.bundles), 'bundle')}", came))
    if old:
        ids = tuple(str(one.run_id) for one in old)
        said = f"{kept}, and {counted(len(old), 'closed run')} to import ended before that: pruned as soon as imported"
        return Finding.of(
            State.FAIL, said, ids, "runs", evidence=both,
            next_step=f"{_RAISE} Or import with --archive-terminal and waive this, or keep these runs as exports only.",
            command=_show(world),
        )  # fmt: skip
    if unread:
        return Finding.of(
            State.UNKNOWN, f"{kept}, and when the run of {counted(len(unread), 'bundle')} ended is not known",
            unread, "files", evidence=both, next_step="Mend what `dwctl bundle verify` says of them.",
        )  # fmt: skip
    if found.missing:
        return _as_wished(world, kept, both, f"nothing lies at {listed(found.missing)}")
    return Finding(State.PASS, f"{kept}, and no run to import ended before that", evidence=both)


def _as_wished(world: World, kept: str, evidence: tuple[Evidence, ...], unseen: str | None) -> Finding:
    """As long as the description wants it; `unseen` is why bundles could not be looked at, where there are to be any.

    Before the export there are none, and the wish is all there is; without one, nothing is known.
    """
    if unseen is None:
        return Finding(State.PASS, kept, evidence=evidence)
    if world.described.retention_days is not None:
        said = f"{kept}, as the cutover wants; when runs to import ended is still to be seen: {unseen}"
        return Finding(State.PASS, said, evidence=evidence)
    return Finding(
        State.UNKNOWN, f"{kept}, and nothing says how long they must be: {unseen}", evidence=evidence,
        next_step="Write `days` under [retention] of cutover.toml, or export the bundles that it names.",
    )  # fmt: skip


def _not_archived(world: World, old: list[BundleFact]) -> list[BundleFact]:
    """Those that retention may take: without the runs that the ledger knows as archived on the server."""
    if not old or Need.LEDGER in world.missing:
        return old
    archived = {row.run_id for row in world.ledger().rows if row.archived_at is not None}
    return [one for one in old if one.run_id not in archived]


def _ended_before(bundles: Sequence[BundleFact], now: datetime | None, days: int) -> list[BundleFact]:
    """Runs that closed more than so many days ago; one that is closed and does not say when is not pruned either."""
    if now is None:
        raise ValueError("the clock gives no moment")
    limit = now - timedelta(days=days)
    closed = ((one, moment(one.closed_at)) for one in bundles if one.status in TERMINAL_STATUSES)
    return [one for one, at in closed if at is not None and at < limit]


def _asked(world: World) -> str:
    return f"GET /api/namespaces/{world.namespace}"


def _shown(found: Namespace) -> str:
    days = "retention not named" if found.retention_days is None else f"retention {found.retention_days} days"
    return ", ".join(filter(None, (f"200, {found.name}", found.status, days, found.retention_mode)))


def _show(world: World) -> str:
    return at_server(world, "dwctl", "namespace", "show", world.namespace)


def _ensure(world: World, *more: str) -> str:
    return at_server(world, "dwctl", "namespace", "ensure", world.namespace, *more)
