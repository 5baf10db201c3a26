"""Whether the embedded copies of imported runs stay where they are while the cutover window is open.

Nothing in the runtime marks a run as handed over: the guide parks it by pausing workers. So a copy with a ready task
or a due timer stays only as long as the pause does; one that has moved runs in both runtimes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Final, NamedTuple

from dwctl.bundle.vocabulary import TERMINAL_STATUSES
from dwctl.embedded.database import EmbeddedDatabase
from dwctl.embedded.open_work import OpenWork, Queue, open_work, run_queues, unread_places, unread_work
from dwctl.embedded.positions import Position, positions
from dwctl.embedded.snapshot import Snapshot
from dwctl.errors import ExitCode
from dwctl.transfer.runtimes.drift import Drift, DriftState, Expected, judge, returned
from dwctl.transfer.runtimes.positions import doubts_of

AT_ONCE: Final = 1000
"""Runs that are held together while they are looked at."""


class ParkedState(StrEnum):
    """How an imported run's embedded copy stands, the worst first.

    `moved`: both runtimes run it. `moved_in_doubt`: it moved, and the ledger does not know whether it is on the server.
    `could_wake`: only the pause of the workers keeps it (a ready task, a due timer, a lease). `gone`: there is no such
    run. `unknown`: nobody can say. `wakes_later`: a task or timer comes due. `quiet`: it waits for something from
    outside. `closed`: it has ended.
    """

    MOVED = "moved"
    MOVED_IN_DOUBT = "moved_in_doubt"
    COULD_WAKE = "could_wake"
    GONE = "gone"
    UNKNOWN = "unknown"
    WAKES_LATER = "wakes_later"
    QUIET = "quiet"
    CLOSED = "closed"


_RANK: Final = {state: rank for rank, state in enumerate(ParkedState)}
_DRIFTED: Final = {
    DriftState.MOVED_SINCE_IMPORT: ParkedState.MOVED,
    DriftState.MOVED_IN_DOUBT: ParkedState.MOVED_IN_DOUBT,
    DriftState.GONE: ParkedState.GONE,
    DriftState.UNKNOWN: ParkedState.UNKNOWN,
}
_NOT_SAFE: Final = (ParkedState.MOVED, ParkedState.MOVED_IN_DOUBT, ParkedState.GONE, ParkedState.UNKNOWN)
_COUNTED: Final = frozenset({ParkedState.QUIET, ParkedState.CLOSED})
_RESTLESS: Final = frozenset({ParkedState.MOVED, ParkedState.MOVED_IN_DOUBT, ParkedState.COULD_WAKE})
_PAUSE_HOLDS: Final = frozenset({
    ParkedState.MOVED, ParkedState.MOVED_IN_DOUBT, ParkedState.COULD_WAKE, ParkedState.WAKES_LATER, ParkedState.QUIET,
})  # fmt: skip


class Parked(NamedTuple):
    """The embedded copy of one imported run; `queues` are those whose workers could wake it."""

    drift: Drift
    state: ParkedState
    work: OpenWork
    queues: tuple[Queue, ...]

    @property
    def run(self) -> Expected:
        """The run as it was imported."""
        return self.drift.expected

    @property
    def said(self) -> str:
        """Why it is in its state, as a sentence without a full stop."""
        work = self.work
        if self.state is ParkedState.COULD_WAKE:
            counts = (
                (work.ready_tasks, "ready task"), (work.due_timers, "due timer"),
                (work.held, "lease or running attempt"),
            )  # fmt: skip
            return ", ".join(f"{count} {name}{'s' if count > 1 else ''}" for count, name in counts if count)
        if self.state is ParkedState.WAKES_LATER:
            return f"wakes at {work.next_at}"
        return self.drift.said


def settled(row: Parked) -> Parked:
    """A run that an earlier look has named and a later one has not: its copy is as it was imported, and rests."""
    state = ParkedState.CLOSED if row.run.status in TERMINAL_STATUSES else ParkedState.QUIET
    return Parked(returned(row.drift), state, OpenWork(), ())


@dataclass(slots=True)
class ParkedReport:
    """One look. `rows` are all but the quiet and the closed ones, the worst first.

    `queues` says how many of the runs hang on each queue, `waking_queues` how many of them moved or could wake;
    `unread` which tables could not be read, so that the copies
    may wake by work that is not seen.
    """

    as_of: str
    asked: str
    doubts: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    counts: Counter[ParkedState] = field(default_factory=Counter)
    rows: list[Parked] = field(default_factory=list)
    queues: Counter[Queue] = field(default_factory=Counter)
    waking_queues: Counter[Queue] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """How many imported runs were looked at."""
        return sum(self.counts.values())

    @property
    def moved(self) -> int:
        """Runs whose embedded copy has moved."""
        return self.counts[ParkedState.MOVED] + self.counts[ParkedState.MOVED_IN_DOUBT]

    @property
    def sorted_queues(self) -> tuple[Queue, ...]:
        """The queues, those first from which most runs would go on at once."""
        return tuple(sorted(self.queues, key=lambda queue: (-self.waking_queues[queue], queue.text)))

    @property
    def exit_code(self) -> ExitCode:
        """0: none moved, and that is known of all; 1: otherwise; 2: no imported run to look at."""
        if not self.total:
            return ExitCode.USAGE
        return ExitCode.NO if self.unread or any(self.counts[state] for state in _NOT_SAFE) else ExitCode.DONE

    def add(self, parked: Parked) -> None:
        """Take up one run."""
        self.counts[parked.state] += 1
        if parked.state in _PAUSE_HOLDS:
            self.queues.update(parked.queues)
        if parked.state in _RESTLESS:
            self.waking_queues.update(parked.queues)
        if parked.state not in _COUNTED:
            self.rows.append(parked)


def look_at_parked(imported: Callable[[], Iterable[Expected]], database: EmbeddedDatabase) -> ParkedReport:
    """Look at every imported run once. Raises a DwctlError where the database or the ledger cannot be read."""
    with database.snapshot() as snapshot:
        doubts = (*doubts_of(snapshot), *unread_places(snapshot))
        report = ParkedReport(snapshot.as_of, f"database {snapshot.location}", doubts, unread_work(snapshot))
        for parked in _all(imported(), snapshot):
            report.add(parked)
    report.rows.sort(key=lambda parked: (_RANK[parked.state], parked.work.next_at or ""))
    return report


def _all(imported: Iterable[Expected], snapshot: Snapshot) -> Iterator[Parked]:
    left = iter(imported)
    while some := list(islice(left, AT_ONCE)):
        ids = [one.run_id for one in some]
        places = {one.run_id: one for one in positions(snapshot, ids)}
        work = dict(open_work(snapshot, ids))
        queues = dict(run_queues(snapshot, ids))
        for one in some:
            yield _parked(one, places.get(one.run_id), work, queues)


def _parked(
    run: Expected, position: Position | None, work: Mapping[str, OpenWork], queues: Mapping[str, Queue]
) -> Parked:
    drift, own = judge(run, position), work.get(run.run_id) or OpenWork()
    if (drifted := _DRIFTED.get(drift.state)) is not None:
        state = drifted
    elif position is not None and position.status in TERMINAL_STATUSES:
        state = ParkedState.CLOSED
    elif own.could_wake:
        state = ParkedState.COULD_WAKE
    else:
        state = ParkedState.WAKES_LATER if own.next_at is not None else ParkedState.QUIET
    hangs_on = own.queues or {queues[run.run_id]} if run.run_id in queues else own.queues
    return Parked(drift, state, own, tuple(sorted(hangs_on, key=lambda queue: queue.text)))
