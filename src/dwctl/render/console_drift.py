"""Drift for people: what moved, the worst first, and one line that says whether anything did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TextIO

from rich.console import Console
from rich.text import Text

from dwctl.counted import counted
from dwctl.render.console import console_for, print_line
from dwctl.render.console_lines import Cell, columns
from dwctl.render.text import one_line
from dwctl.transfer.runtimes.drift import NEXT_STEPS, Drift, DriftReport, DriftState

_STYLES: Final = {
    DriftState.MOVED_SINCE_IMPORT: "bold red",
    DriftState.MOVED_IN_DOUBT: "bold red",
    DriftState.MOVED_SINCE_EXPORT: "yellow",
    DriftState.GONE: "yellow",
    DriftState.UNKNOWN: "bold yellow",
    DriftState.UNMOVED: "green",
}
_TITLES: Final = {
    DriftState.MOVED_SINCE_IMPORT: "moved since the import: BOTH RUNTIMES RUN IT",
    DriftState.MOVED_IN_DOUBT: "moved, and may be on the server too",
    DriftState.MOVED_SINCE_EXPORT: "moved since the export",
    DriftState.GONE: "gone from the embedded application",
    DriftState.UNKNOWN: "unknown",
    DriftState.UNMOVED: "unmoved",
}
MOST_SHOWN: Final = 1000
"""Runs of each state that are listed; of more there is a count, and JSON has them all."""


def show_drift(report: DriftReport, stream: TextIO) -> None:
    """The whole report."""
    console = console_for(stream)
    for state, rows in _by_state(report):
        _show_state(console, state, rows)
    for line in _end(report):
        print_line(console, line)


def _show_state(console: Console, state: DriftState, rows: list[Drift]) -> None:
    print_line(console, Text(f"{_TITLES[state]}: {counted(len(rows), 'run')}", style=_STYLES[state]))
    for line in columns([_cells(row) for row in rows[:MOST_SHOWN]]):
        print_line(console, line)
    if len(rows) > MOST_SHOWN:
        print_line(console, Text(f"  … and {len(rows) - MOST_SHOWN:,} more; --json lists all"))
    if state in NEXT_STEPS:
        print_line(console, Text(f"  next: {NEXT_STEPS[state]}", style="cyan"))
    print_line(console, Text())


def drift_lines(report: DriftReport) -> Iterable[Text]:
    """The report for a screen: the verdict first, then the runs."""
    yield Text(f"{report.as_of}  {one_line(report.asked)}", style="dim")
    head, verdict = _verdict(report)
    yield verdict
    yield head
    for state, rows in _by_state(report):
        yield Text()
        yield Text(f"{_TITLES[state]}: {counted(len(rows), 'run')}", style=_STYLES[state])
        yield from columns([_cells(row) for row in rows[:MOST_SHOWN]])


def _by_state(report: DriftReport) -> Iterator[tuple[DriftState, list[Drift]]]:
    for state in DriftState:
        rows = report.unmoved if state is DriftState.UNMOVED else [row for row in report.rows if row.state is state]
        if rows:
            yield state, rows


def _cells(drift: Drift) -> list[Cell]:
    expected = drift.expected
    instance = expected.instance_id or (drift.position.instance_id if drift.position else "")
    where = expected.file or "" if not expected.run_id else expected.run_id
    return [(instance or "-", "bold"), where, (expected.known_by, "dim"), drift.said or "as exported"]


def _end(report: DriftReport) -> Iterator[Text]:
    for doubt in report.doubts:
        yield Text(f"note: {one_line(doubt)}", style="yellow")
    if report.every_one_is_gone:
        yield Text("none of the runs is there: is this the application that they were exported from?", style="yellow")
    yield Text(". ").join(_verdict(report))


def _verdict(report: DriftReport) -> tuple[Text, Text]:
    """The counts, and what they mean."""
    both = report.counts[DriftState.MOVED_SINCE_IMPORT]
    head = Text(f"{counted(report.total, 'run')}: {drift_counts(report) or 'none'}")
    if not report.total:
        word, why = ("NOTHING TO LOOK AT", "bold red"), "nothing was exported or imported yet."
    elif both:
        word, why = ("NO", "bold red"), f"both runtimes run {counted(both, 'run')}."
    elif report.moved:
        word, why = ("NO", "bold red"), "embedded runs have gone on."
    elif report.exit_code:
        word, why = ("NOT KNOWN", "bold red"), "not every run can be compared."
    else:
        word, why = ("YES", "bold green"), "every run stands where its bundle says."
    return head, Text.assemble(word, f": {why}")


def drift_counts(report: DriftReport) -> str:
    """How many runs are in each state, those of no run left out."""
    return ", ".join(
        f"{report.counts[state]:,} {state.value.replace('_', ' ')}" for state in DriftState if report.counts[state]
    )


def drift_line(drift: Drift) -> str:
    """One run for a log."""
    expected = drift.expected
    what = " ".join(part for part in (expected.instance_id, expected.run_id or expected.file) if part)
    both = " BOTH RUNTIMES RUN IT" if drift.state is DriftState.MOVED_SINCE_IMPORT else ""
    return one_line(f"{drift.state.value}{both} {what}: {drift.said or 'as exported'}")
