"""Which runtime owns a run, or an instance, now: from what the ledger, the embedded side and the server say.

Importing leaves the embedded copy where it is, so a run that both have belongs to the server as long as that copy
stands where it stood when it was exported. What nobody was asked about is unknown, and never taken for absent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from dwctl.bundle.vocabulary import TERMINAL_STATUSES
from dwctl.embedded.positions import Position
from dwctl.errors import DwctlError, ExitCode
from dwctl.server.results import RunRow
from dwctl.transfer.ledger.rows import LedgerRow
from dwctl.transfer.runtimes.drift import Carried, DriftState, judge
from dwctl.transfer.runtimes.drift_sources import of_ledger


class Owner(StrEnum):
    """Where signals, queries, updates, repair, cancel, terminate and archive go.

    `both`: both runtimes run it, so nothing should be sent before that is mended. `none`: no runtime has it. `unknown`:
    somebody who would have to know was not asked, did not answer, or contradicts another.
    """

    EMBEDDED = "embedded"
    SERVER = "server"
    BOTH = "both"
    NONE = "none"
    UNKNOWN = "unknown"


class Source(StrEnum):
    """Who is asked."""

    LEDGER = "ledger"
    EMBEDDED = "embedded"
    SERVER = "server"


class Evidence(NamedTuple):
    """What one source said; `asked` is false where it was not asked, or did not answer."""

    source: Source
    asked: bool
    said: str


class Asked(NamedTuple):
    """Who answers at all. A sentence says why somebody does not; None: he does.

    `stopped` is a person's word that the embedded application runs no more.
    """

    ledger: str | None = None
    embedded: str | None = None
    server: str | None = None
    stopped: bool = False


class RunFacts(NamedTuple):
    """What the sources have of one run; None: nothing."""

    run_id: str
    ledger: LedgerRow | None = None
    position: Position | None = None
    there: RunRow | None = None

    @property
    def instance_id(self) -> str | None:
        """The instance, as whoever has the run says."""
        for found in (self.ledger, self.position):
            if found is not None and found.instance_id:
                return found.instance_id
        return None if self.there is None else self.there.workflow_id

    @property
    def is_open(self) -> bool:
        """Whether the run has not ended, where it goes on: on the server, if that has it."""
        if self.there is not None and self.there.is_terminal is not None:
            return not self.there.is_terminal
        if self.there is not None:
            return self.there.status not in TERMINAL_STATUSES
        status = self.position.status if self.position is not None else self.ledger.status if self.ledger else None
        return status not in TERMINAL_STATUSES

    @property
    def age(self) -> tuple[int, str]:
        """What tells the newer of two runs of an instance: the number, or where nobody says it the id, a ULID."""
        numbers = [row.run_number for row in (self.there, self.ledger) if row is not None and row.run_number]
        return (max(numbers, default=0), self.run_id.lower())


class RunRoute(NamedTuple):
    """One run with its owner, and why."""

    facts: RunFacts
    owner: Owner
    why: str


@dataclass(frozen=True, slots=True)
class Route:
    """The answer for one id: a run, an instance, or (`kind` None) one that nobody knows.

    `decided_by` are the runs behind the answer.
    """

    id: str
    kind: str | None
    instance_id: str | None
    owner: Owner
    why: str
    evidence: tuple[Evidence, ...]
    decided_by: tuple[RunRoute, ...] = ()


def route_run(facts: RunFacts, asked: Asked) -> RunRoute:
    """The owner of one run."""
    owner, why = _owner(facts, asked)
    return RunRoute(facts, owner, why)


def _owner(facts: RunFacts, asked: Asked) -> tuple[Owner, str]:
    on_server = _on_server(facts, asked)
    if on_server is None:
        return Owner.UNKNOWN, _server_in_doubt(facts, asked)
    if facts.position is None and asked.embedded is not None and not asked.stopped:
        return Owner.UNKNOWN, f"the embedded side was not asked: {asked.embedded}"
    if on_server:
        return _with_server(facts, asked)
    if facts.position is not None:
        return Owner.EMBEDDED, "the embedded application has it, and it was not imported"
    missing = [said for said in (asked.ledger, asked.server) if said is not None]
    if missing:
        return Owner.UNKNOWN, f"nobody has it, but not everybody was asked: {'; '.join(missing)}"
    return Owner.NONE, "neither runtime has it"


def _on_server(facts: RunFacts, asked: Asked) -> bool | None:
    """Whether the server has the run: it says so itself; where it was not asked the ledger's word is taken."""
    if facts.there is not None:
        return True
    row = facts.ledger
    carried = None if row is None else of_ledger(row).carried
    if asked.server is None:
        return None if carried is Carried.IMPORTED else False
    if carried is Carried.IN_DOUBT or row is None:
        return None
    return carried is Carried.IMPORTED


def _server_in_doubt(facts: RunFacts, asked: Asked) -> str:
    if asked.server is None:
        return "the ledger says that it was imported, and the server does not show it (retention prunes closed runs)"
    if facts.ledger is None:
        return f"the server was not asked: {asked.server}; the ledger does not know the run"
    return f"the ledger says {facts.ledger.state.value}, and the server was not asked: {asked.server}"


def _with_server(facts: RunFacts, asked: Asked) -> tuple[Owner, str]:
    if facts.position is None:
        gone = "runs no more, as you say" if asked.stopped else "does not have it"
        has = "the server has it" if facts.there is not None else "it was imported"
        return Owner.SERVER, f"{has}, and the embedded application {gone}"
    if facts.ledger is None:
        return Owner.UNKNOWN, "both have it, and no ledger says where the embedded copy stood when it was imported"
    drift = judge(of_ledger(facts.ledger)._replace(carried=Carried.IMPORTED), facts.position)
    if drift.state is DriftState.UNMOVED:
        return Owner.SERVER, "imported, and the embedded copy stands where it stood"
    if drift.state is DriftState.MOVED_SINCE_IMPORT:
        return Owner.BOTH, f"imported, and the embedded copy has gone on: {drift.said}"
    return Owner.UNKNOWN, f"both have it: {drift.said}"


def route_id(wanted: str, runs: Sequence[RunFacts], asked: Asked) -> Route:
    """The answer for an id out of every run that is it, or is of it."""
    own = next((run for run in runs if run.run_id == wanted), None)
    if own is not None:
        routed = route_run(own, asked)
        return Route(
            wanted, "run", own.instance_id, routed.owner, routed.why, tuple(_evidence([own], asked)), (routed,)
        )
    if not runs:
        empty = route_run(RunFacts(wanted), asked)
        return Route(wanted, None, None, empty.owner, empty.why, tuple(_evidence([], asked)))
    newest = max(runs, key=lambda run: run.age)
    deciding = [route_run(run, asked) for run in runs if run.is_open] or [route_run(newest, asked)]
    owner, why = _together(deciding, asked)
    return Route(wanted, "instance", wanted, owner, why, tuple(_evidence(runs, asked)), tuple(deciding))


def _together(deciding: Sequence[RunRoute], asked: Asked) -> tuple[Owner, str]:
    """The owner of an instance out of its open runs, or out of its last one."""
    owners = {routed.owner for routed in deciding}
    for one in (Owner.BOTH, Owner.UNKNOWN):
        if one in owners:
            return one, next(f"run {routed.facts.run_id}: {routed.why}" for routed in deciding if routed.owner is one)
    if {Owner.EMBEDDED, Owner.SERVER} <= owners:
        places = ", ".join(f"{routed.facts.run_id} is {routed.owner.value}" for routed in deciding)
        return Owner.BOTH, f"the instance has open runs in both runtimes: {places}"
    chosen = next((routed for routed in deciding if routed.owner is not Owner.NONE), deciding[0])
    if chosen.owner is Owner.EMBEDDED and asked.server is not None:
        why = f"run {chosen.facts.run_id}: {chosen.why}; but the server was not asked for others: {asked.server}"
        return Owner.UNKNOWN, why
    return chosen.owner, f"run {chosen.facts.run_id}: {chosen.why}"


def _evidence(runs: Sequence[RunFacts], asked: Asked) -> list[Evidence]:
    """What each source said, one after the other."""
    rows = [run.ledger for run in runs if run.ledger is not None]
    positions = [run.position for run in runs if run.position is not None]
    there = [run.there for run in runs if run.there is not None]
    said = (
        (Source.LEDGER, asked.ledger, [f"{row.run_id} {row.state.value}" for row in rows]),
        (Source.EMBEDDED, asked.embedded,
         [f"{one.run_id} {one.status}, sequence {_known(one.last_history_sequence)}" for one in positions]),
        (Source.SERVER, asked.server, [f"{row.run_id} {row.status}" for row in there]),
    )  # fmt: skip
    return [
        Evidence(source, False, why)
        if why is not None
        else Evidence(source, True, "; ".join(found) or "does not know it")
        for source, why, found in said
    ]


@dataclass(slots=True)
class RouteTally:
    """What the answers add up to, and what failed while they were found."""

    counts: Counter[Owner] = field(default_factory=Counter)
    failure: DwctlError | None = None

    @property
    def exit_code(self) -> ExitCode:
        """0: each has one owner. 1: some are in both, in none, or unknown. A source that failed: its own code, unless
        some are in both."""
        if self.counts[Owner.BOTH] or not (self.counts[Owner.NONE] or self.counts[Owner.UNKNOWN]):
            return ExitCode.NO if self.counts[Owner.BOTH] else ExitCode.DONE
        if self.counts[Owner.UNKNOWN] and self.failure is not None:
            return self.failure.exit_code
        return ExitCode.NO


MAP_SCHEMA: Final = "dwctl.route-map"


def _known(number: int | None) -> str:
    return "not known" if number is None else str(number)
