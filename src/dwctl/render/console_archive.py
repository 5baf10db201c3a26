"""A check of an archive for people: what is wrong, then one line that says whether the folder is proven."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from rich.console import Console
from rich.text import Text

from dwctl.counted import counted
from dwctl.render.console import console_for, print_line
from dwctl.render.console_lines import Cell
from dwctl.render.console_table import Table, print_table
from dwctl.render.text import one_line
from dwctl.render.wording import size
from dwctl.transfer.storage.archive_check import ArchiveReport, FileState

MOST_SHOWN = 100
"""Files that are listed; of more there is a count, and JSON has them all."""


def show_archive(report: ArchiveReport, stream: TextIO) -> None:
    """Print what is wrong with the archive, and the verdict."""
    console = console_for(stream)
    _show_files(report, console)
    for line in report.damaged[:MOST_SHOWN]:
        print_line(console, Text(f"manifest.jsonl, line {line.number}: {one_line(line.problem or '')}", style="red"))
    if len(report.damaged) > MOST_SHOWN:
        print_line(console, Text(f"... and {counted(len(report.damaged) - MOST_SHOWN, 'damaged line')} more"))
    for note in _notes(report):
        print_line(console, Text(note, style="dim"))
    print_line(console, _verdict(report))
    for step in _next_steps(report):
        print_line(console, Text(f"  next: {step}"))


def _next_steps(report: ArchiveReport) -> Iterator[str]:
    counts = report.counts
    if any(counts[state] for state in (FileState.MISSING, FileState.CHANGED, FileState.UNSOUND)):
        yield "Take missing and changed files from a copy, or move them away and export those runs again."
    if counts[FileState.UNREADABLE]:
        yield "Look at the permissions of what cannot be read, then check again."
    if report.damaged:
        yield "Take manifest.jsonl from a copy, or remove the damaged lines and run the same export again."
    if counts[FileState.EXTRA] and report.writer is None:
        yield "Move extra files out of the folder, or export their runs again."


def _show_files(report: ArchiveReport, console: Console) -> None:
    bad = [file for file in report.files if file.state is not FileState.OK]
    if not bad:
        return
    rows: list[list[Cell]] = [
        [(file.state.value, "yellow" if file.state is FileState.EXTRA else "red"), file.file, file.problem or ""]
        for file in bad[:MOST_SHOWN]
    ]
    print_table(console, Table(("state", "file", "problem"), rows, indent=""))
    if len(bad) > MOST_SHOWN:
        print_line(console, Text(f"... and {counted(len(bad) - MOST_SHOWN, 'file')} more; --json lists all"))
    console.print()


def _notes(report: ArchiveReport) -> Iterator[str]:
    if report.writer is not None:
        yield (
            f"An export writes there, or was killed ({one_line(report.writer)}): what it has not recorded counts as "
            "extra. Running it again mends that."
        )
    if report.replaced:
        yield f"{counted(report.replaced, 'older line')}: their runs were exported again."
    if not report.deep:
        yield "Compared: every byte with the sha256 of the manifest. Not opened: the bundles (--deep)."


def _verdict(report: ArchiveReport) -> Text:
    counts = ", ".join(f"{count:,} {state.value}" for state, count in report.counts.items() if count)
    head = f"{counted(len(report.files), 'file')} ({size(report.bytes)}): {counts or 'none'}"
    if report.damaged:
        head += f"; {counted(len(report.damaged), 'damaged line')} of the manifest"
    if report.proven:
        how = "its manifest says, and each bundle's own checksum holds" if report.deep else "its manifest says"
        return Text.assemble(f"{head}. ", ("PROVEN", "bold green"), f": every file is as {how}.")
    return Text.assemble(f"{head}. ", ("NO", "bold red"), ": the folder is not what its manifest says.")
