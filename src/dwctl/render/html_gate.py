"""The gate as one HTML file: no network, no script, light and dark, on a phone and on paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Final, NamedTuple

from dwctl.checklist.coverage.rows import Gap, Row
from dwctl.checklist.gate.check import State
from dwctl.checklist.gate.report import Absent, CoverageSeen, GateReport, Stretch, TransferSeen
from dwctl.render import gate_wording as wording
from dwctl.render.coverage_matrix import WorkerKind, kinds_of
from dwctl.render.gate_sessions import Ages, ages_of
from dwctl.render.html_pages import page_template
from dwctl.render.html_transfer import LARGEST, MOST_SESSIONS
from dwctl.render.progress_picture import Progress, progress_of
from dwctl.transfer.report.standing import STANDINGS

ALL: Final = "dwctl checklist --json"

TAKES: Final = "takes it"
GAP_WORDS: Final[Mapping[Gap, str]] = {
    Gap.TYPE_MISSING: "type missing",
    Gap.OTHER_BUILD: "other build",
    Gap.WORKER_STALE: "stale",
    Gap.WORKER_DRAINING: "draining",
    Gap.WORKER_STATUS_UNKNOWN: "not known",
    Gap.NOBODY_POLLS: "nobody polls",
    Gap.NEED_NOT_NAMED: "not named",
}
"""What a cell of the matrix says."""


class _Room(NamedTuple):
    """How much of each list is shown: ids and evidence of a check, needs of all queues, signs of a text."""

    ids: int
    evidence: int
    needs: int
    signs: int
    step: int


_ROOMS: Final = (
    _Room(100, 30, 300, 1000, 100),
    _Room(50, 15, 150, 600, 60),
    _Room(20, 6, 60, 300, 40),
    _Room(5, 2, 20, 160, 20),
    _Room(1, 1, 8, 120, 10),
)
_MOST_KINDS: Final = 6


class Piece(NamedTuple):
    """A piece of a bar: where it begins and how wide it is, in thousandths."""

    kind: str
    title: str
    many: int
    start: float
    width: float


class Tick(NamedTuple):
    """A check on the timeline, in thousandths of the gate's length."""

    stretch: Stretch
    start: float
    width: float


class Cell(NamedTuple):
    """How one kind of workers stands to a need."""

    letter: str
    takes: bool
    word: str


@dataclass(frozen=True, slots=True)
class NeedRow:
    """A need with its cells."""

    row: Row
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue of the matrix: its needs, and the kinds of its workers under their letters."""

    name: str | None
    kinds: tuple[tuple[str, WorkerKind], ...]
    more_kinds: int
    needs: tuple[NeedRow, ...]
    gaps: bool
    hidden: int


def gate_html(report: GateReport) -> str:
    """The whole document. Text from elsewhere is escaped, and shown without what could hide or reorder it."""
    page = ""
    for room in _ROOMS:
        page = _page(report, room)
        if len(page.encode("utf-8")) <= LARGEST:
            break
    return page


def _page(report: GateReport, room: _Room) -> str:
    result = report.result
    transfer = None if isinstance(report.transfer, Absent) else report.transfer
    coverage = None if isinstance(report.coverage, Absent) else report.coverage
    steps = wording.next_steps(report.result)
    return page_template("gate.html.j2").render(
        report=report, result=result, wording=wording, room=room, all_command=ALL, states=State,
        pieces=list(_pieces(report)), items=result.items, shut={one.check.id for one in result.in_the_way},
        steps=steps[: room.step], more_steps=len(steps) - len(steps[: room.step]),
        ticks=list(_ticks(report)), decisions=list(wording.decisions(result.results)),
        coverage=coverage, coverage_absent=_why(report.coverage),
        queues=[] if coverage is None else list(_queues(coverage, room)), takes=TAKES,
        transfer=transfer, transfer_absent=_why(report.transfer),
        bars=[] if transfer is None else list(_bars(transfer)),
        standings=[] if transfer is None
        else [(standing, STANDINGS[standing], count) for standing, count in transfer.standings.items() if count],
        progress=_progress(transfer), sessions=[] if transfer is None else transfer.past.sessions[-MOST_SESSIONS:],
        ages=_ages(report, transfer),
    )  # fmt: skip


def _why(seen: CoverageSeen | TransferSeen | Absent) -> str | None:
    return seen.why if isinstance(seen, Absent) else None


def _pieces(report: GateReport) -> Iterator[Piece]:
    counts = report.result.counts
    words = ((state.value, state.value, counts[state]) for state in wording.STATE_MEANINGS)
    return _laid_out(list(words))


def _bars(transfer: TransferSeen) -> Iterator[Piece]:
    return _laid_out([(f"{standing.value} {STANDINGS[standing].kind.value}", STANDINGS[standing].title, count)
                      for standing, count in transfer.standings.items()])  # fmt: skip


def _laid_out(words: Sequence[tuple[str, str, int]]) -> Iterator[Piece]:
    total, start = sum(count for _, _, count in words), 0.0
    for kind, title, count in words:
        if count:
            width = 1000 * count / total
            yield Piece(kind, title, count, round(start, 2), round(width, 2))
            start += width


def _ticks(report: GateReport) -> Iterator[Tick]:
    """Every check that this run did not leave out, those that were not asked last; each is wide enough to be seen."""
    whole = report.length or 1.0
    for stretch in sorted(report.timeline, key=lambda one: not one.asked):
        if not stretch.result.left_out:
            width = max(4.0, 1000 * stretch.seconds / whole)
            start = min(1000 * stretch.offset / whole, 1000 - width)
            yield Tick(stretch, round(max(0.0, start), 1), round(min(width, 1000.0), 1))


def _queues(seen: CoverageSeen, room: _Room) -> Iterator[Queue]:
    """Those with a gap first; in each the needs that nobody serves first, as many as there is room for."""
    left = room.needs
    for name, rows in seen.coverage.queues.items():
        kinds = kinds_of(rows)
        lettered = tuple(zip(ascii_uppercase, kinds[:_MOST_KINDS], strict=False))
        order = sorted(range(len(rows)), key=lambda place: rows[place].gap is None)
        shown = order[: max(1, left)]
        left -= len(shown)
        needs = tuple(NeedRow(rows[place], tuple(_cells(place, lettered))) for place in shown)
        gaps = any(row.gap is not None for row in rows)
        yield Queue(name, lettered, len(kinds) - len(lettered), needs, gaps, len(rows) - len(shown))


def _cells(place: int, kinds: Sequence[tuple[str, WorkerKind]]) -> Iterator[Cell]:
    for letter, kind in kinds:
        gaps = kind.obstacles[place]
        yield Cell(letter, not gaps, ", ".join(GAP_WORDS[gap] for gap in gaps) or TAKES)


def _progress(transfer: TransferSeen | None) -> Progress | None:
    return None if transfer is None or not transfer.past.buckets else progress_of(transfer.past, transfer.total)


def _ages(report: GateReport, transfer: TransferSeen | None) -> Ages | None:
    """Where the sessions of the transfer lie in time, up to this gate."""
    return None if transfer is None else ages_of(transfer.past.sessions[-MOST_SESSIONS:], report.result.began_at)
