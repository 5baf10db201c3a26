"""Parked runs for people: what moved, what could wake, and the queues on which workers must stay paused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TextIO

from rich.text import Text

from dwctl.counted import counted
from dwctl.render.console import console_for, print_line
from dwctl.render.console_lines import Cell, columns
from dwctl.render.text import one_line
from dwctl.transfer.runtimes.parked import Parked, ParkedReport, ParkedState

_STYLES: Final = {
    ParkedState.MOVED: "bold red",
    ParkedState.MOVED_IN_DOUBT: "bold red",
    ParkedState.COULD_WAKE: "yellow",
    ParkedState.GONE: "yellow",
    ParkedState.UNKNOWN: "bold yellow",
    ParkedState.WAKES_LATER: "",
}
_TITLES: Final = {
    ParkedState.MOVED: "moved: BOTH RUNTIMES RUN IT",
    ParkedState.MOVED_IN_DOUBT: "moved, and may be on the server too",
    ParkedState.COULD_WAKE: "could wake: only the pause of the workers keeps them",
    ParkedState.GONE: "gone from the embedded application",
    ParkedState.UNKNOWN: "unknown",
    ParkedState.WAKES_LATER: "wakes later: a timer or task comes due",
}
_NEXT: Final = {
    ParkedState.MOVED: "Stop the embedded workers now, and decide which copy goes on; terminate the other.",
    ParkedState.MOVED_IN_DOUBT: "Stop the embedded workers; see if the server has it: `dwctl workflow show INSTANCE`.",
    ParkedState.COULD_WAKE: "Keep the workers of these queues paused, or terminate the embedded copies.",
    ParkedState.GONE: "See whether this is the application that the runs came from.",
    ParkedState.UNKNOWN: "Look at these runs with `dwctl embedded drift`.",
}
MOST_SHOWN: Final = 1000
MOST_LATER: Final = 20
"""Runs that are listed of each state, and of those that wake later the next ones; JSON has them all."""


def show_parked(report: ParkedReport, stream: TextIO) -> None:
    """The whole report."""
    console = console_for(stream)
    for line in _groups(report, _TITLES, next_steps=True):
        print_line(console, line)
    for line in (*_queues(report), *_notes(report), Text(". ").join(_verdict(report))):
        print_line(console, line)


def parked_lines(report: ParkedReport) -> Iterable[Text]:
    """The report for a screen: the verdict first, then queues and runs."""
    yield Text(f"{report.as_of}  {one_line(report.asked)}", style="dim")
    head, verdict = _verdict(report)
    yield verdict
    yield head
    yield from _notes(report)
    yield Text()
    urgent = [state for state in _TITLES if state is not ParkedState.WAKES_LATER]
    yield from _groups(report, urgent, next_steps=False)
    yield from _queues(report)
    yield from _groups(report, [ParkedState.WAKES_LATER], next_steps=False)


def _groups(report: ParkedReport, states: Iterable[ParkedState], *, next_steps: bool) -> Iterator[Text]:
    for state in states:
        rows = [row for row in report.rows if row.state is state]
        if not rows:
            continue
        yield Text(f"{_TITLES[state]}: {counted(len(rows), 'run')}", style=_STYLES[state])
        most = MOST_LATER if state is ParkedState.WAKES_LATER else MOST_SHOWN
        yield from columns([_cells(row) for row in rows[:most]])
        if len(rows) > most:
            yield Text(f"  … and {len(rows) - most:,} more; --json lists all")
        if next_steps and state in _NEXT:
            yield Text(f"  next: {_NEXT[state]}", style="cyan")
        yield Text()


def _cells(parked: Parked) -> list[Cell]:
    position = parked.drift.position
    instance = parked.run.instance_id or (position.instance_id if position else "-")
    queues = ", ".join(queue.text for queue in parked.queues)
    return [(instance, "bold"), parked.run.run_id, parked.said, (queues, "dim")]


def _queues(report: ParkedReport) -> Iterator[Text]:
    if not report.queues:
        return
    yield Text("workers must stay paused on:", style="bold")
    yield from columns(
        [
            [(queue.text, "bold"), counted(report.queues[queue], "run"),
             (f"{report.waking_queues[queue]:,} moved or could wake", "yellow") if report.waking_queues[queue] else ""]
            for queue in report.sorted_queues
        ]
    )  # fmt: skip
    yield Text()


def _notes(report: ParkedReport) -> Iterator[Text]:
    for doubt in report.doubts:
        yield Text(f"note: {one_line(doubt)}", style="yellow")
    for unread in report.unread:
        yield Text(f"not known: {one_line(unread)}", style="bold yellow")


def _verdict(report: ParkedReport) -> tuple[Text, Text]:
    """The counts, and what they mean."""
    moved, waking = report.counts[ParkedState.MOVED], report.counts[ParkedState.COULD_WAKE]
    head = Text(f"{counted(report.total, 'imported run')}: {parked_counts(report) or 'none'}")
    if not report.total:
        word, why = ("NOTHING TO LOOK AT", "bold red"), "the ledger has imported nothing yet."
    elif moved:
        word, why = ("NO", "bold red"), f"both runtimes run {counted(moved, 'run')}."
    elif report.moved:
        word, why = ("NO", "bold red"), "embedded copies have gone on."
    elif report.exit_code:
        word, why = ("NOT KNOWN", "bold red"), "not every copy can be judged."
    elif waking:
        word = ("PARKED BY THE PAUSE ALONE", "bold yellow")
        why = f"none has moved; {counted(waking, 'run')} would go on as soon as a worker looks."
    else:
        word, why = ("PARKED", "bold green"), "none has moved, and none would go on by itself now."
    return head, Text.assemble(word, f": {why}")


def parked_counts(report: ParkedReport) -> str:
    """How many runs are in each state, those of no run left out."""
    return ", ".join(
        f"{report.counts[state]:,} {state.value.replace('_', ' ')}" for state in ParkedState if report.counts[state]
    )


def parked_line(parked: Parked) -> str:
    """One run for a log."""
    both = " BOTH RUNTIMES RUN IT" if parked.state is ParkedState.MOVED else ""
    queues = f" [{', '.join(queue.text for queue in parked.queues)}]" if parked.queues else ""
    return one_line(f"{parked.state.value}{both} {parked.run.instance_id} {parked.run.run_id}: {parked.said}{queues}")
