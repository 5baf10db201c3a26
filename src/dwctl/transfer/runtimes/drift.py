"""Whether runs have moved in the embedded application since they were exported, or imported (contract/embedded.md).

A run stands where it stood if its dedupe key (run, last sequence, last progress) and its status are those of its
bundle. Importing does not stop the embedded copy: one that moves after the import runs in both runtimes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Final, NamedTuple

from dwctl.embedded.positions import BATCH, Position
from dwctl.errors import ExitCode
from dwctl.transfer.ledger.rows import MAY_BE_THERE, THERE
from dwctl.transfer.runtimes.positions import EmbeddedSide, Positions

AT_ONCE: Final = BATCH
"""Runs that are held together while they are compared: as many as one query asks for, so that each asks for no less.

Five thousand take some 10 MB. SQLite takes 32,766 values in a statement, MySQL 1 MB of text at the least (150 kB are
sent), PostgreSQL gets them as one array.
"""

_ZONE_STEP: Final = timedelta(minutes=15)


class DriftState(StrEnum):
    """What became of the embedded copy, the worst first.

    `moved_since_import`: both runtimes run it. `moved_in_doubt`: it moved, and the ledger does not know whether it is
    on the server. `moved_since_export`: export it again. `gone`: there is no such run any more. `unknown`: nobody can
    say.
    """

    MOVED_SINCE_IMPORT = "moved_since_import"
    MOVED_IN_DOUBT = "moved_in_doubt"
    MOVED_SINCE_EXPORT = "moved_since_export"
    GONE = "gone"
    UNKNOWN = "unknown"
    UNMOVED = "unmoved"


_RANK: Final = {state: rank for rank, state in enumerate(DriftState)}


class Carried(StrEnum):
    """How far a run has come on its way: only exported, perhaps on the server, or imported."""

    EXPORTED = "exported"
    IN_DOUBT = "in_doubt"
    IMPORTED = "imported"


def carried_by(state: str) -> Carried:
    """How far a run has come that is in this state of the ledger."""
    if state in THERE:
        return Carried.IMPORTED
    return Carried.IN_DOUBT if state in MAY_BE_THERE else Carried.EXPORTED


_MOVED: Final = {
    Carried.IMPORTED: DriftState.MOVED_SINCE_IMPORT,
    Carried.IN_DOUBT: DriftState.MOVED_IN_DOUBT,
    Carried.EXPORTED: DriftState.MOVED_SINCE_EXPORT,
}


class Expected(NamedTuple):
    """A run as its bundle has it. `known_by` says who knows: a manifest, a bundle, a ledger; `file` the bundle.

    `problem` says why its position is not known (an unreadable file). `at` is when it was exported or imported.
    """

    run_id: str
    instance_id: str
    dedupe_key: str | None
    status: str | None
    carried: Carried
    known_by: str
    file: str | None = None
    at: str | None = None
    noted: str | None = None
    problem: str | None = None


class Drift(NamedTuple):
    """One run: what was expected, where it stands now (None: not there, or not asked), and what that means."""

    expected: Expected
    position: Position | None
    state: DriftState
    said: str

    @property
    def next_step(self) -> str | None:
        """What to do about it."""
        if self.state is DriftState.UNKNOWN and self.expected.dedupe_key is not None:
            return SEE_THE_DATABASE
        return NEXT_STEPS.get(self.state)


NEXT_STEPS: Final = {
    DriftState.MOVED_SINCE_IMPORT: "Stop the embedded workers now, and decide which copy goes on; terminate the other.",
    DriftState.MOVED_IN_DOUBT: "Stop the embedded workers; see if the server has it: `dwctl workflow show INSTANCE`.",
    DriftState.MOVED_SINCE_EXPORT: "Pause the embedded workers, and export it again (history-export --refresh).",
    DriftState.GONE: "See whether this is the right application, and who removed the run; its bundle is all there is.",
    DriftState.UNKNOWN: "Export it again: a bundle that can be read says where its run stood.",
}


SEE_THE_DATABASE: Final = (
    "Grant what the database does not show (embedded inventory names it), or name its clock: --database-timezone."
)
"""Of a run whose bundle says where it stood, and the database not where it stands."""


def judge(expected: Expected, position: Position | None) -> Drift:
    """What the position of a run means; None: the embedded side has no such run."""
    if expected.problem is not None:
        return Drift(expected, position, DriftState.UNKNOWN, expected.problem)
    if position is None:
        return Drift(expected, None, DriftState.GONE, "the embedded application has no such run any more")
    if expected.dedupe_key is None:
        return Drift(expected, position, DriftState.UNKNOWN, "its bundle has no dedupe key")
    now = position.dedupe_key
    if expected.dedupe_key == now and expected.status in (None, position.status):
        return Drift(expected, position, DriftState.UNMOVED, "")
    sequence, progress = _parts(expected)
    if now is None:
        return _of_a_part(expected, position, sequence)
    if _is_another_zone(expected, position, sequence, progress):
        said = (f"its time differs by exactly the offset of a time zone ({progress} → {_progress(position)}): "
                "name the application's zone with --database-timezone")  # fmt: skip
        return Drift(expected, position, DriftState.UNKNOWN, said)
    return Drift(expected, position, _MOVED[expected.carried], _what_moved(expected, position, sequence, progress))


def returned(row: Drift) -> Drift:
    """A run that an earlier look has named and a later one has not: it stands where it stood, which shows no place."""
    return Drift(row.expected, None, DriftState.UNMOVED, "")


def _of_a_part(expected: Expected, position: Position, sequence: str) -> Drift:
    """What a position means that is not wholly seen: a sequence or status that differs has moved, and no other has."""
    seen = position.last_history_sequence
    changes = [("status", expected.status or position.status, position.status)]
    if seen is not None:
        changes.insert(0, ("sequence", sequence, str(seen)))
    if said := _changed(changes):
        return Drift(expected, position, _MOVED[expected.carried], said)
    lacks = "last progress" if seen is not None else "last sequence"
    said = f"the application's database does not show its {lacks}, and nothing that it shows has changed"
    return Drift(expected, position, DriftState.UNKNOWN, said)


def _changed(changes: Iterable[tuple[str, str, str]]) -> str:
    return ", ".join(f"{name} {before} → {now}" for name, before, now in changes if before != now)


def _parts(expected: Expected) -> tuple[str, str]:
    """The sequence and the time of a dedupe key."""
    key = str(expected.dedupe_key).removeprefix(f"{expected.run_id}:")
    sequence, _, progress = key.partition(":")
    return sequence, progress


def _progress(position: Position) -> str:
    return position.last_progress_at or position.updated_at or "none"


def _what_moved(expected: Expected, position: Position, sequence: str, progress: str) -> str:
    changes = (
        ("sequence", sequence, str(position.last_history_sequence)),
        ("status", expected.status or position.status, position.status),
        ("progress", progress or "none", _progress(position)),
    )
    return _changed(changes) or f"dedupe key {expected.dedupe_key} → {position.dedupe_key}"


def _is_another_zone(expected: Expected, position: Position, sequence: str, progress: str) -> bool:
    """Whether only the time differs, and by whole quarters of an hour: another clock, and no progress."""
    if sequence != str(position.last_history_sequence) or expected.status not in (None, position.status):
        return False
    try:
        apart = datetime.fromisoformat(_progress(position)) - datetime.fromisoformat(progress)
    except (ValueError, TypeError):
        return False
    return bool(apart) and apart % _ZONE_STEP == timedelta() and abs(apart) <= timedelta(hours=14)


def compare(expected: Iterable[Expected], positions: Positions) -> Iterator[Drift]:
    """Every run with what became of it, in their order. Asks for many at once and holds few."""
    left = iter(expected)
    while some := list(islice(left, AT_ONCE)):
        found = {one.run_id: one for one in positions([each.run_id for each in some if each.problem is None])}
        for each in some:
            yield judge(each, found.get(each.run_id))


@dataclass(slots=True)
class DriftReport:
    """One look: what was found among `total` runs. `rows` are those that are not unmoved, the worst first."""

    as_of: str
    asked: str
    doubts: tuple[str, ...] = ()
    counts: Counter[DriftState] = field(default_factory=Counter)
    rows: list[Drift] = field(default_factory=list)
    unmoved: list[Drift] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many runs were looked at."""
        return sum(self.counts.values())

    @property
    def moved(self) -> int:
        """Runs that moved, whenever."""
        return sum(self.counts[state] for state in _MOVED.values())

    @property
    def every_one_is_gone(self) -> bool:
        """Whether the embedded side knows none of the runs: it may be another application's."""
        return self.total > 0 and self.counts[DriftState.GONE] == self.total

    @property
    def exit_code(self) -> ExitCode:
        """0: all unmoved. 1: a run moved, is gone, or nobody can say. 2: there was nothing to look at."""
        if not self.total:
            return ExitCode.USAGE
        return ExitCode.DONE if self.counts[DriftState.UNMOVED] == self.total else ExitCode.NO


def look_for_drift(
    expected: Callable[[], Iterable[Expected]], side: EmbeddedSide, *, keep_unmoved: bool = False,
    saw_unmoved: Callable[[Drift], None] | None = None,
) -> DriftReport:  # fmt: skip
    """Compare every run once; `saw_unmoved` is handed each that has not moved.

    Raises a DwctlError where the embedded side, or the list of runs, cannot be read.
    """
    with side.look() as look:
        report, unmoved = DriftReport(look.as_of, side.name, look.doubts), 0
        takers = [take for take in (report.unmoved.append if keep_unmoved else None, saw_unmoved) if take is not None]
        for drift in compare(expected(), look.positions):
            if drift.state is not DriftState.UNMOVED:
                report.counts[drift.state] += 1
                report.rows.append(drift)
                continue
            unmoved += 1
            for take in takers:
                take(drift)
        report.counts[DriftState.UNMOVED] = unmoved
    report.rows.sort(key=lambda drift: _RANK[drift.state])
    return report
