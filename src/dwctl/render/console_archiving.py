"""Archived runs, for people: rows where there are few, what was not archived, and the counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TextIO

from rich.text import Text

from dwctl.counted import counted
from dwctl.render.console import console_for, print_line
from dwctl.render.console_alike import Alike
from dwctl.render.console_lines import Cell
from dwctl.render.console_table import Table, print_table
from dwctl.render.text import one_line
from dwctl.transfer.exports.archiving import ArchiveResult, ArchiveState, ArchiveTally

MOST_ROWS = 40
"""Runs up to which each has a row; of more only those are shown that are not archived."""

_STYLES = {
    ArchiveState.ARCHIVED: "green",
    ArchiveState.ARCHIVE_NOT_NEEDED: "green",
    ArchiveState.REFUSED: "red",
    ArchiveState.FAILED: "red",
    ArchiveState.UNKNOWN: "yellow",
}


def show_archived(results: Iterable[ArchiveResult], tally: ArchiveTally, stream: TextIO) -> None:
    """Print the table and the summary, when the last run is settled."""
    console = console_for(stream)
    rows: list[ArchiveResult] = []
    troubles = Alike("more run")
    for result in results:
        if len(rows) <= MOST_ROWS:
            rows.append(result)
        if not result.good:
            head = (result.state.value, f"bold {_STYLES[result.state]}")
            troubles.add(Text.assemble(head, "  ", (one_line(str(result.target)), "bold")), _why(result))
    if rows and len(rows) <= MOST_ROWS:
        cells: list[list[Cell]] = [
            [
                (result.state.value, _STYLES[result.state]),
                result.target.instance_id or "-",
                result.target.run_id or "-",
                result.status or "-",
            ]
            for result in rows
        ]
        print_table(console, Table(("state", "workflow", "run", "status"), cells, indent=""))
    troubles.show(console)
    console.print()
    print_line(console, _summary(tally))


def _why(result: ArchiveResult) -> Iterator[Text]:
    if result.error is None:
        return
    yield Text(f"  {one_line(result.error.message)}")
    if result.error.next_step:
        yield Text(f"    fix: {one_line(result.error.next_step)}", style="cyan")


def _summary(tally: ArchiveTally) -> Text:
    parts = [f"{count:,} {state.value.replace('_', ' ')}" for state in ArchiveState if (count := tally.states[state])]
    if tally.not_tried:
        parts.append(f"{tally.not_tried:,} not tried")
    code = int(tally.exit_code)
    verdict = ("YES", "bold green") if code == 0 else ("NO", "bold red")
    what = "all are archived" if code == 0 else f"not all are archived (exit code {code}: dwctl explain {code})"
    counts = f"{counted(tally.selected, 'run')}: {', '.join(parts) or 'none tried'}. "
    return Text.assemble(counts, verdict, f": {what}.")
