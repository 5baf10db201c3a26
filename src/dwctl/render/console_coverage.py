"""The coverage matrix for people: a block a queue, a line a need, a column for each kind of its workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from string import ascii_uppercase
from typing import Final, TextIO

from rich.text import Text

from dwctl.checklist.coverage.coverage import Coverage
from dwctl.checklist.coverage.rows import Gap, Row
from dwctl.counted import counted
from dwctl.errors import DwctlError
from dwctl.render.console import console_for, print_line
from dwctl.render.console_lines import Cell, columns, line
from dwctl.render.console_server import or_dash
from dwctl.render.coverage_matrix import WorkerKind, kinds_of
from dwctl.render.text import one_line
from dwctl.server.results import Worker

_CELLS: Final[dict[Gap, Cell]] = {
    Gap.TYPE_MISSING: ("type", "red"),
    Gap.OTHER_BUILD: ("build", "red"),
    Gap.WORKER_STALE: ("stale", "yellow"),
    Gap.WORKER_DRAINING: ("drain", "yellow"),
    Gap.WORKER_STATUS_UNKNOWN: ("?", "yellow"),
}
_KEY: Final = (
    "yes: takes it; type, build: has not this type, is of another build; stale, drain: gets nothing new; ?: not known"
)
_NAMED = 3
_BESIDE = 60
"""Columns that a line needs beside the cells of the workers."""


def show_coverage(namespace: str, found: Coverage, stream: TextIO) -> None:
    """Every queue with its needs, what is in the way, and the verdict."""
    console = console_for(stream)
    room = max(3, (console.width - _BESIDE) // 7)
    lines: list[Text] = []
    used: set[Gap] = set()
    for queue, rows in found.queues.items():
        kinds = kinds_of(rows)
        used |= {gap for kind in kinds for gaps in kind.obstacles for gap in gaps[:1]}
        lines += [*_queue(queue, rows, kinds, room), Text()]
    if used:
        lines.append(Text(_KEY, style="dim"))
    lines += [line(one.file, ("not looked at", "red"), one.error.message) for one in found.unread]
    for text in [*lines, _verdict(namespace, found)]:
        print_line(console, text)


def _queue(queue: str | None, rows: Sequence[Row], kinds: Sequence[WorkerKind], room: int) -> Iterator[Text]:
    shown, hidden = kinds[:room], kinds[room:]
    name = "(no queue)" if queue is None else queue
    nobody = all(row.gap is Gap.NOBODY_POLLS for row in rows)
    note = ("  nobody polls it", "bold red") if nobody and not kinds else ""
    yield Text.assemble((one_line(name), "bold"), note)
    for letter, kind in zip(ascii_uppercase, shown, strict=False):
        yield line((letter, "bold"), *_legend(kind))
    if hidden:
        workers = [worker for kind in hidden for worker in kind.workers]
        yield line(("+", "bold"), f"{counted(len(workers), 'worker')} of {len(hidden)} more kinds: {_names(workers)}")
    cells = [_cells(row, place, shown, hidden) for place, row in enumerate(rows)]
    yield from columns([_heads(shown, hidden), *cells] if shown else cells)
    yield from _gaps(rows)


def _legend(kind: WorkerKind) -> Iterator[Cell]:
    first = kind.workers[0]
    count = len(kind.workers)
    word = (first.status, "green" if first.status == "active" else "yellow")
    yield word
    yield f"{_names(kind.workers)}{f' ({count})' if count > _NAMED else ''}"
    if first.build_id is not None:
        yield f"build {first.build_id}"
    key, told = ("registered_at", "since") if first.status == "active" else ("last_heartbeat_at", "last heard of")
    moments = sorted(filter(None, (getattr(worker, key) for worker in kind.workers)))
    if moments:
        yield (f"{told} {_moment(moments[0] if key == 'registered_at' else moments[-1])}", "dim")


def _moment(text: str) -> str:
    """`2026-11-22T22:20:45.000000Z` as `2026-11-22 22:20:45Z`; anything else as it is."""
    day, mark, rest = text.partition("T")
    time, dot, _ = rest.partition(".")
    return f"{day} {time}Z" if mark and dot and rest.endswith("Z") else text


def _names(workers: Sequence[Worker]) -> str:
    ids = sorted(worker.worker_id for worker in workers)
    return ", ".join(ids) if len(ids) <= _NAMED else f"{', '.join(ids[: _NAMED - 1])} and {len(ids) - _NAMED + 1} more"


def _heads(shown: Sequence[WorkerKind], hidden: Sequence[WorkerKind]) -> list[Cell]:
    letters: list[Cell] = [(letter, "bold") for letter, _ in zip(ascii_uppercase, shown, strict=False)]
    return [("", ""), *letters, *([("+", "bold")] if hidden else []), ("", ""), ("", "")]


def _cells(row: Row, place: int, shown: Sequence[WorkerKind], hidden: Sequence[WorkerKind]) -> list[Cell]:
    demand = row.need.demand
    verdict: Cell = ("served", "green") if row.gap is None else ("NOT", "bold red")
    cells = [_cell(kind.obstacles[place] if kind.obstacles else ()) for kind in shown]
    more = [_cell(min((kind.obstacles[place] for kind in hidden), key=len))] if hidden else []
    build = f"  build {demand.compatibility}" if demand.compatibility is not None else ""
    every = "  (by workers that take every type)" if row.every_type else ""
    return [verdict, *cells, *more, demand.kind.value, f"{or_dash(demand.type_key)}{build}  {_asked(row)}{every}"]


def _cell(obstacles: tuple[Gap, ...]) -> Cell:
    return _CELLS[obstacles[0]] if obstacles else ("yes", "green")


def _asked(row: Row) -> str:
    asked = [counted(row.need.bundles, "bundle")] if row.need.bundles else []
    return ", ".join([*asked, *(["family"] if row.need.by_family else [])])


def _gaps(rows: Sequence[Row]) -> Iterator[Text]:
    """Why, and what next; once for needs that are missed for the same reason."""
    alike: dict[tuple[Gap, str], list[Row]] = {}
    for row in rows:
        if row.gap is not None:
            alike.setdefault((row.gap, row.told), []).append(row)
    for (_, told), missed in alike.items():
        types = sorted({or_dash(row.need.demand.type_key) for row in missed})
        more = f" and {len(types) - _NAMED} more" if len(types) > _NAMED else ""
        yield Text.assemble("  ", (one_line(f"{', '.join(types[:_NAMED])}{more}: {told}."), "red"))
        also = f" Likewise for {counted(len(missed) - 1, 'more type')}." if len(missed) > 1 else ""
        yield Text.assemble("    ", ("next: ", "dim"), one_line(f"{missed[0].next_step}{also}"))


def _verdict(namespace: str, found: Coverage) -> Text:
    word, style = ("COVERED", "bold green") if found.covered else ("NOT COVERED", "bold red")
    of = f" of {counted(found.bundles, 'bundle')}" if found.bundles else ""
    said = f": {found.served} of {counted(len(found.rows), 'need')}{of} served in namespace {namespace}"
    waited = f", after {found.waited:.0f} s" if found.waited >= 1 else ""
    missed = f"; {counted(len(found.unread), 'file')} not looked at" if found.unread else ""
    return Text.assemble((word, style), one_line(f"{said}{waited}{missed}."))


def summary_of(seen: Coverage | DwctlError) -> str:
    """One line of a wait: how much is served and what is missing, or why this look gave no answer."""
    if isinstance(seen, DwctlError):
        return f"no answer, trying again: {seen.message}"
    missing = [row for rows in seen.queues.values() for row in rows if row.gap is not None]
    first = f"; {missing[0].told}" if missing else ""
    return f"{seen.served} of {len(seen.rows)} served{first}"


@contextmanager
def waiting_line(stream: TextIO) -> Iterator[Callable[[Coverage | DwctlError], None]]:
    """One line on a terminal that says how far a wait is; it is gone at the end."""
    with console_for(stream).status(Text("looking for workers"), spinner="line") as status:
        yield lambda seen: status.update(Text(one_line(summary_of(seen)), no_wrap=True, overflow="ellipsis"))
