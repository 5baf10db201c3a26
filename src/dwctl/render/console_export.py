"""An export for people: a table where it is short, what is not good, the counts, and what comes next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from rich.console import Console
from rich.text import Text

from dwctl.bundle.rules import RULES
from dwctl.counted import counted
from dwctl.render.console import console_for, print_line
from dwctl.render.console_alike import Alike
from dwctl.render.console_lines import Cell
from dwctl.render.console_table import Table, print_table
from dwctl.render.text import one_line
from dwctl.render.wording import size
from dwctl.transfer.exports.outcomes import KEPT, ExportResult, ExportState, Purpose, Standing
from dwctl.transfer.exports.report import ExportReport

MOST_ROWS = 40
"""Runs up to which each has a row; of more only those are shown that are not good."""

_STYLES = {
    ExportState.EXPORTED: "green",
    ExportState.REFRESHED: "green",
    ExportState.ALREADY_EXPORTED: "green",
    ExportState.HELD: "yellow",
    ExportState.FAILED: "red",
}
_MOST_RULES = 4
_SAID_BY_OTHERS = frozenset({"bundle.integrity_failed", "bundle.integrity_warning"})


class ExportTable:
    """Keeps what is to be shown of the results as they come: memory does not grow with them."""

    def __init__(self, report: ExportReport) -> None:
        self._report = report
        self._rows: list[ExportResult] = []
        self._troubles = Alike("more run")

    def add(self, result: ExportResult) -> None:
        """Take one run in."""
        if len(self._rows) <= MOST_ROWS:
            self._rows.append(result)
        if result.good and not result.restored_paths and not result.removed_keys:
            return
        head, *details = _details(result, self._report.purpose)
        self._troubles.add(head, details)

    def show(self, stream: TextIO) -> None:
        """Print the rows, the details of what needs attention, and the summary."""
        console = console_for(stream)
        if len(self._rows) <= MOST_ROWS:
            self._table(console)
        self._troubles.show(console)
        console.print()
        for line in _summary(self._report):
            print_line(console, line)

    def _table(self, console: Console) -> None:
        if self._rows:
            rows = [_cells(result) for result in self._rows]
            print_table(console, Table(_HEADINGS, rows, may_go=("type", "status", "size"), indent=""))


_HEADINGS = ("state", "instance", "run", "type", "status", "verdict", "size")


def _cells(result: ExportResult) -> list[Cell]:
    entry = result.entry
    return [
        (result.state.value, _STYLES[result.state]),
        (entry.instance_id if entry else result.target.instance_id) or "-",
        (entry.run_id if entry else result.target.run_id) or "-",
        entry.workflow_type if entry else "-",
        entry.status if entry else "-",
        _verdict(result),
        size(entry.bytes) if entry else "-",
    ]


def _verdict(result: ExportResult) -> tuple[str, str]:
    if result.entry is None or result.state not in KEPT:
        return ("-", "")
    word = result.verdict
    return (word, "red" if not result.good else "yellow" if word in {"warning", "restorable"} else "green")


def _details(result: ExportResult, purpose: Purpose) -> Iterator[Text]:
    style = "yellow" if result.good else _STYLES[result.state] if result.state not in KEPT else "red"
    word = result.state.value if result.state not in KEPT else _verdict(result)[0]
    yield Text.assemble((word, f"bold {style}"), "  ", (one_line(str(result.target)), "bold"))
    if result.standing is Standing.RESTORABLE:
        yield from _restorable(result, purpose)
    elif result.held_by and result.state is ExportState.HELD:
        yield from _rules(result.held_by)
        yield Text("    not kept: with --quiesce only what no worker holds is", style="cyan")
    elif result.error is not None:
        yield from _error(result)
    elif result.entry is not None:
        yield from _rules(tuple(rule for rule in result.entry.rules if rule not in _SAID_BY_OTHERS))
    if result.noise:
        yield Text(f"  {size(result.noise)} of noise stood around the document, and were cut away")


def _restorable(result: ExportResult, purpose: Purpose) -> Iterator[Text]:
    """What was lost; an import restores it too, but takes no archive of a server's run."""
    lost = [f"the fraction at {path}" for path in result.restored_paths]
    added = [f"the key {key} that was added" for key in result.removed_keys]
    yield Text("  it fails its own checksum, and the checksum proves what is different: " + one_line(
        "; ".join([*lost, *added])))  # fmt: skip
    also = ", and so does an import" if purpose is Purpose.IMPORT else ""
    yield Text(f"    fix: kept as it came; `dwctl bundle repair` restores it{also}", style="cyan")


def _rules(rules: tuple[str, ...]) -> Iterator[Text]:
    for rule in rules[:_MOST_RULES]:
        row = RULES.get(rule)
        yield Text.assemble("  ", (rule, "red"), f"  {row.meaning}" if row else "")
        if row:
            yield Text(f"    fix: {row.fix}", style="cyan")
    if len(rules) > _MOST_RULES:
        yield Text(f"  … and {counted(len(rules) - _MOST_RULES, 'more rule')} (all of them: --json)")


def _error(result: ExportResult) -> Iterator[Text]:
    error = result.error
    if error is None:
        return
    yield Text(f"  {one_line(error.message)}", style="red")
    if error.where and error.where != str(result.target):
        yield Text(f"    where: {one_line(error.where)}")
    if error.reason:
        yield Text(f"    reason: {one_line(error.reason)}")
    if error.next_step:
        yield Text(f"    fix: {one_line(error.next_step)}", style="cyan")


def _summary(report: ExportReport) -> Iterator[Text]:
    tally = report.tally
    speed = f", {report.rate:g} runs/s" if report.rate and tally.finished > 1 else ""
    written = f"{size(tally.bytes)} in {report.seconds:.1f} s{speed}"
    yield Text(
        one_line(f"{counted(tally.written, 'bundle')} written to {_place(report)}: {written}, by way of {report.way}")
    )
    if tally.verdicts:
        yield Text("verdicts: " + ", ".join(f"{count:,} {word}" for word, count in sorted(tally.verdicts.items())))
    if tally.finished > MOST_ROWS and tally.slowest:
        yield Text(one_line("slowest: " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in tally.slowest)))
    if tally.noisy:
        yield Text(f"{counted(tally.noisy, 'export')} came with noise around the document, which was cut away")
    if report.hook_error is not None:
        yield Text(f"embedded.resume did not end well: {one_line(report.hook_error.message)}", style="red")
    parts = [f"{tally.states[state]:,} {state.value.replace('_', ' ')}" for state in ExportState if tally.states[state]]
    if tally.not_tried:
        parts.append(f"{tally.not_tried:,} not tried")
    code = int(report.exit_code)
    verdict = ("YES", "bold green") if code == 0 else ("NO", "bold red")
    refusal = f"not every run has a good export (exit code {code}: dwctl explain {code})"
    what = "every run has a whole export" if code == 0 else refusal
    counts = f"{counted(tally.selected, 'run')}: {', '.join(parts) or 'none tried'}. "
    yield Text.assemble(counts, verdict, f": {what}.")


def _place(report: ExportReport) -> str:
    return "standard output" if report.location == "-" else report.location
