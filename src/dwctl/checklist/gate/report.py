"""The facts that a report of the gate is made of: its result, and what was seen on the way to it.

Nothing is asked for a report. What no check has asked is absent, and the report says so with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from dwctl import __version__
from dwctl.checklist.coverage.coverage import Coverage, Unread, cover, with_waiting
from dwctl.checklist.coverage.demanded import cutover_needs
from dwctl.checklist.coverage.rows import Demanded
from dwctl.checklist.facts.facts import BundleFact, LedgerFact, LedgerFacts
from dwctl.checklist.facts.world import Fact, World
from dwctl.checklist.gate.check import Need
from dwctl.checklist.gate.results import GateResult, Result
from dwctl.embedded.instants import instant
from dwctl.errors import DwctlError, RequestNotPossible
from dwctl.server.results import Worker
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.rows import LedgerRow, LedgerState
from dwctl.transfer.report.past import past_in
from dwctl.transfer.report.standing import STANDINGS, Standing, standing_of
from dwctl.transfer.report.transfer_report import Past

T = TypeVar("T")
NO_PAST = Past()


@dataclass(frozen=True, slots=True)
class Absent:
    """Something that this report cannot show, and why, in a sentence."""

    why: str


@dataclass(frozen=True, slots=True)
class CoverageSeen:
    """Who serves what is about to move; `without_bundles` says why the needs of bundles are not in it."""

    coverage: Coverage
    without_bundles: str | None = None


@dataclass(frozen=True, slots=True)
class TransferSeen:
    """How far the transfer is, by its ledger: how many runs stand where, and what its log tells of its past.

    `imported` are on the server; `compared` of them were compared there and are as their bundles say.
    """

    ledger: str
    server: str
    namespace: str
    import_id: str
    head: str
    sound: bool
    trouble: str | None
    total: int
    imported: int
    compared: int
    archived: int
    standings: Mapping[Standing, int]
    past: Past = NO_PAST


@dataclass(frozen=True, slots=True)
class Stretch:
    """When a check was asked: `offset` is seconds since the gate began, `seconds` how long the answer took."""

    result: Result
    offset: float
    seconds: float

    @property
    def asked(self) -> bool:
        """Whether it was asked at all; what something else keeps from being asked takes no time."""
        return self.seconds > 0


@dataclass(frozen=True, slots=True)
class GateReport:
    """Everything that a report of the gate says. Times are UTC, as dwctl writes moments."""

    result: GateResult
    made_at: str
    dwctl_version: str
    coverage: CoverageSeen | Absent
    transfer: TransferSeen | Absent

    @property
    def timeline(self) -> tuple[Stretch, ...]:
        """The checks in the order in which they were asked."""
        start = instant(self.result.began_at)
        found = [_stretch(result, start) for result in self.result.results]
        return tuple(sorted(found, key=lambda stretch: stretch.offset))

    @property
    def length(self) -> float:
        """Seconds from the gate's beginning to the end of the last answer."""
        return max([self.result.seconds, *(one.offset + one.seconds for one in self.timeline)])


def ledger_past(path: str) -> Past:
    """What the log of a ledger tells of its sessions; it is read once, from its beginning. Raises `DwctlError`."""
    with Ledger.view(path) as view:
        return past_in(view)


def gate_report(result: GateResult, world: World, *, now: str, past: Callable[[str], Past] = ledger_past) -> GateReport:
    """The report of a result, out of what the last look at the world has gathered already.

    `past` reads the log of a ledger whose path it gets, and is called only for a sound one. `now` is UTC text.
    """
    return GateReport(result, now, __version__, _coverage_seen(world), _transfer_seen(world, past))


def _coverage_seen(world: World) -> CoverageSeen | Absent:
    """Every need of the bundles and of the description against the workers, as the check on coverage holds them."""
    workers = _gathered(world, Need.SERVER, world.workers, "the workers")
    if isinstance(workers, Absent):
        return workers
    bundles = _gathered(world, Need.BUNDLES, world.bundles, "the bundles")
    if isinstance(bundles, Absent):
        needs = cutover_needs(world.described, ())
        return CoverageSeen(_covered(world, needs, workers), bundles.why) if needs else bundles
    found = _covered(world, cutover_needs(world.described, bundles.bundles), workers)
    if not found.rows:
        return Absent("Neither a bundle nor the description needs a worker.")
    unread = tuple(_unread(one) for one in bundles.bundles if one.problem is not None)
    missing = f"Nothing lies at {', '.join(bundles.missing)}." if bundles.missing else None
    return CoverageSeen(replace(found, bundles=len(bundles.bundles), unread=unread), missing)


def _covered(world: World, needs: Sequence[Demanded], workers: Sequence[Worker]) -> Coverage:
    """With what waits where a need is not served, if the queues were asked for too."""
    found, queues = cover(needs, workers), _gathered(world, Need.SERVER, world.queues, "the queues")
    return found if isinstance(queues, Absent) else with_waiting(found, queues)


def _transfer_seen(world: World, past: Callable[[str], Past]) -> TransferSeen | Absent:
    """The progress of the transfer, where the ledger was asked."""
    found = _gathered(world, Need.LEDGER, world.ledger, "the ledger")
    return found if isinstance(found, Absent) else _seen(found, past)


def _seen(ledger: LedgerFacts, past: Callable[[str], Past]) -> TransferSeen:
    rows = [_row(fact) for fact in ledger.rows]
    standings = Counter(standing_of(row) for row in rows)
    return TransferSeen(
        ledger.path, ledger.server, ledger.namespace, ledger.import_id, ledger.head, ledger.sound, ledger.trouble,
        total=len(rows), imported=sum(row.there for row in rows), compared=standings[Standing.ARRIVED],
        archived=sum(row.archived_at is not None for row in rows),
        standings={standing: standings[standing] for standing in STANDINGS},
        past=_past(ledger, past),
    )  # fmt: skip


def _past(ledger: LedgerFacts, past: Callable[[str], Past]) -> Past:
    """A ledger that was readable and is not any more takes only its past out of the report."""
    try:
        return past(ledger.path) if ledger.sound else NO_PAST
    except DwctlError:
        return NO_PAST


def _row(fact: LedgerFact) -> LedgerRow:
    return LedgerRow(
        run_id=fact.run_id, state=LedgerState(fact.state), compared_at=fact.compared_at, differs_at=fact.differs_at,
        drift=fact.drift, archived_at=fact.archived_at,
    )  # fmt: skip


def _gathered(world: World, need: Need, fact: Fact[T], what: str) -> T | Absent:
    """A fact that some check has asked for already; never asks itself."""
    if need in world.missing:
        return Absent(world.missing[need].why)
    if not fact.asked:
        return Absent(f"No check of this run asked for {what}.")
    try:
        return fact()
    except DwctlError as error:
        return Absent(error.message)
    except Exception as error:  # a bug, which the check that asked has told
        return Absent(f"Asking for {what} ended in a bug of dwctl: {type(error).__name__}.")


def _unread(bundle: BundleFact) -> Unread:
    return Unread(bundle.file, RequestNotPossible(bundle.problem or "", where=bundle.file, next_step=None))


def _stretch(result: Result, start: datetime | None) -> Stretch:
    began = instant(result.began_at)
    offset = 0.0 if began is None or start is None else (began - start).total_seconds()
    return Stretch(result, max(0.0, offset), max(0.0, result.seconds))
