"""The report of a transfer for a terminal: the answer, the counts, the reasons, what to type next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TextIO

from rich.console import Console
from rich.text import Text

from dwctl.counted import counted
from dwctl.render import transfer_wording as wording
from dwctl.render.console import console_for, print_line
from dwctl.render.console_lines import Cell
from dwctl.render.console_table import Table, print_table
from dwctl.render.text import one_line
from dwctl.transfer.report.standing import STANDINGS, Kind
from dwctl.transfer.report.transfer_report import Answer, TransferReport

_STYLES: Final = {Kind.GOOD: "green", Kind.TROUBLE: "red", Kind.OPEN: "yellow", Kind.LEFT_OUT: "dim"}
_MOST: Final = 12


def show_report(report: TransferReport, stream: TextIO) -> None:
    """Print it; files with everything come from --report."""
    console = console_for(stream)
    good = report.answer is Answer.COMPLETE
    if report.of_a_moment:
        print_line(console, Text(wording.MOMENT, style="yellow"))
    if report.ledger is not None and not report.ledger.audit.ok:
        for finding in report.ledger.audit.findings[:_MOST]:
            place = finding.run_id if finding.seq is None else f"event {finding.seq}"
            print_line(console, Text(f"  {one_line(place or 'the file')}: {one_line(finding.what)}", style="red"))
    rows: list[list[Cell]] = [
        [f"{count:,}", (STANDINGS[standing].title, _STYLES[STANDINGS[standing].kind]), STANDINGS[standing].meaning]
        for standing, count in report.counts.items() if count
    ]  # fmt: skip
    print_table(console, Table(("bundles", "standing", "which means"), rows, indent=""))
    for line in (*_reasons(report), *_facts(report)):
        print_line(console, line)
    _print_steps(report, console)
    console.print()
    answer = Text.assemble((wording.answer_word(report), "bold green" if good else "bold red"), ". ")
    print_line(console, answer.append(wording.answer_sentence(report)))


def _reasons(report: TransferReport) -> Iterator[Text]:
    for group in report.reasons[:_MOST]:
        yield Text()
        row = STANDINGS[group.standing]
        reason = f"  {one_line(group.reason)}" if group.reason else ""
        yield Text.assemble((f"{group.count:,} {row.title}", _STYLES[row.kind]), reason)
        yield Text(f"  {one_line(group.meaning)}")
        if group.fix:
            yield Text(f"  fix: {one_line(group.fix)}", style="cyan")
    if len(report.reasons) > _MOST:
        yield Text(f"… and {counted(len(report.reasons) - _MOST, 'more reason')} (--json, --report)")


def _facts(report: TransferReport) -> Iterator[Text]:
    yield Text()
    if report.restored:
        yield Text(f"{counted(len(report.restored), 'bundle')} repaired, proven by the recorded checksum")
    if report.resealed:
        yield Text(f"{counted(len(report.resealed), 'bundle')} resealed by dwctl, without links", style="yellow")
    if report.archived:
        yield Text(f"{report.archived:,} archived, {counted(len(report.not_archived), 'closed run')} not")
    if report.travel is not None and report.travel.of:
        kinds = ", ".join(f"{kind.what.replace('_', ' ')} ({kind.runs:,})" for kind in report.travel.kinds)
        seen = f"looked at {report.travel.looked_at:,} of {report.travel.of:,} bundles"
        yield Text(f"does not travel: {kinds or 'nothing found'}; {seen}")
        for why, count in report.travel.not_looked:
            yield Text(f"  {count:,} not looked at: {why}", style="yellow")
    for note in wording.notes(report):
        yield Text(note, style="yellow")
    if report.ledger is not None:
        said = "passed" if report.ledger.audit.ok else "FAILED"
        yield Text(f"audit {said}; head {report.ledger.head.hash} (event {report.ledger.head.seq:,})")


def _print_steps(report: TransferReport, console: Console) -> None:
    """What to do next; a command is never folded, so that it can be copied."""
    if report.steps:
        console.print()
    for step in report.steps:
        print_line(console, Text(f"next: {one_line(step.why)}"))
        if step.command is not None:
            console.print(Text(f"  $ {one_line(step.command)}", style="bold"), soft_wrap=True)
