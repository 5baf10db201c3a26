"""Verdicts for people: a table of the bundles, then what is wrong with those that need attention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from rich.console import Console
from rich.text import Text

from dwctl.bundle.findings import Finding, Severity
from dwctl.bundle.restoration import Restoration
from dwctl.bundle.rules import RULES
from dwctl.bundle.verify import Outcome
from dwctl.counted import counted
from dwctl.render.console import console_for, print_line
from dwctl.render.console_lines import Cell
from dwctl.render.console_table import Table, print_table
from dwctl.render.shared_folder import shared_folder
from dwctl.render.text import one_line
from dwctl.render.wording import message, size
from dwctl.transfer.files.verification import FileVerdict, Tally

MOST_ROWS = 60
"""Bundles shown in the table; beyond, those that are ok are only counted."""

MOST_DETAILED = 20
"""Bundles whose findings are shown in full."""

MOST_FINDINGS = 6
"""Findings shown of one bundle."""

_STYLES = {Outcome.OK: "green", Outcome.WARNING: "yellow", Outcome.REFUSED: "red", Outcome.UNREADABLE: "red"}
_SEVERITY_STYLES = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: ""}


@dataclass(slots=True)
class VerdictTable:
    """Collects what will be shown, bounded however many bundles there are."""

    expected: int
    as_a_set: bool = False
    tally: Tally = field(default_factory=Tally)
    shown: list[FileVerdict] = field(default_factory=list)
    left_out: int = 0

    def add(self, judged: FileVerdict) -> None:
        """Count a bundle, and keep it for the table if it will be shown."""
        self.tally.add(judged)
        wanted = judged.outcome is not Outcome.OK or self.expected <= MOST_ROWS
        if wanted and len(self.shown) < max(MOST_ROWS, MOST_DETAILED):
            self.shown.append(judged)
        else:
            self.left_out += 1

    def show(self, stream: TextIO) -> None:
        """Print the table, the details and the summary."""
        console = console_for(stream)
        self._show_table(console)
        attention = [judged for judged in self.shown if judged.outcome is not Outcome.OK]
        for judged in attention[:MOST_DETAILED]:
            console.print()
            for line in _details(judged):
                print_line(console, line)
        console.print()
        print_line(console, summary_line(self.tally, as_a_set=self.as_a_set))
        if self.left_out or len(attention) > MOST_DETAILED:
            console.print(Text("Not everything is shown; --output jsonl has a line for every bundle.", style="dim"))

    def _show_table(self, console: Console) -> None:
        if not self.shown:
            return
        folder = shared_folder(judged.file for judged in self.shown) if console.is_terminal else ""
        if folder:
            print_line(console, Text(f"in {one_line(folder)}", style="dim"))
        print_table(console, Table(_HEADINGS, [_cells(judged, folder) for judged in self.shown], _MAY_GO, indent=""))
        if self.left_out:
            console.print(Text(f"… and {counted(self.left_out, 'bundle')} not shown here", style="dim"))


_HEADINGS = ("verdict", "bundle", "instance", "type", "status", "size", "findings")
_MAY_GO = ("instance", "type", "size", "status")


def _cells(judged: FileVerdict, folder: str) -> list[Cell]:
    verdict, outcome = judged.verdict, judged.outcome
    run = verdict.run if verdict is not None else None
    return [
        (outcome.value, _STYLES[outcome]),
        judged.file.removeprefix(folder),
        (run.instance_id or "-") if run else "-",
        run.workflow_type if run else "-",
        run.status if run else "-",
        size(verdict.size) if verdict is not None else "-",
        _rules_in_short(judged),
    ]


def _rules_in_short(judged: FileVerdict) -> str:
    if judged.verdict is None:
        return judged.problem.message if judged.problem else ""
    rules = list(dict.fromkeys(finding.rule for finding in _telling(list(judged.findings))))
    more = f" +{len(rules) - 2}" if len(rules) > 2 else ""
    return ", ".join(rules[:2]) + more


def _telling(findings: Sequence[Finding]) -> list[Finding]:
    """The findings without the two that only sum up others; all of them where there are no others."""
    summing = {"bundle.integrity_failed", "bundle.integrity_warning"}
    telling = [finding for finding in findings if finding.rule not in summing]
    return sorted(telling or findings, key=lambda finding: finding.severity is not Severity.ERROR)


def _details(judged: FileVerdict) -> Iterator[Text]:
    outcome = judged.outcome
    yield Text.assemble((outcome.value, f"bold {_STYLES[outcome]}"), "  ", (one_line(judged.file), "bold"))
    if judged.verdict is None:
        problem = judged.problem
        if problem is not None:
            yield Text(f"  {one_line(problem.message)}")
            yield Text(f"  fix: {problem.next_step or 'Check the file.'}")
        return
    findings = _telling(list(judged.findings))
    explained: set[str] = set()
    for finding in findings[:MOST_FINDINGS]:
        yield from finding_lines(finding, with_fix=finding.rule not in explained)
        explained.add(finding.rule)
    if len(findings) > MOST_FINDINGS:
        yield Text(
            f"  … and {counted(len(findings) - MOST_FINDINGS, 'more finding')} (all of them: --json)", style="dim"
        )
    if judged.verdict.repair is not None:
        yield from _repair_lines(judged.file, judged.verdict.repair)


def finding_lines(finding: Finding, *, with_fix: bool) -> Iterator[Text]:
    """A finding in two or three lines: rule and place, what it means, and what to do."""
    place = f"  at {one_line(finding.path)}" if finding.path else ""
    yield Text.assemble("  ", (finding.rule, _SEVERITY_STYLES[finding.severity]), place)
    yield Text(f"    {one_line(message(finding))}")
    if with_fix:
        yield Text(f"    fix: {RULES[finding.rule].fix}", style="cyan")


def _repair_lines(file: str, repair: Restoration) -> Iterator[Text]:
    if not repair.proven:
        bound = "; the search was given up at its bound" if repair.gave_up else ""
        yield Text(f"  no cause is proven: {counted(repair.tried, 'document')} tried{bound}. Edited or damaged.")
        return
    parts = []
    if repair.removed_keys:
        parts.append(f"a top-level key was added ({one_line(', '.join(repair.removed_keys))})")
    if repair.restored_paths:
        parts.append(f"zero fractions were lost at {one_line(', '.join(repair.restored_paths))}")
    yield Text(f"  cause, proven by the recorded checksum: {' and '.join(parts)}", style="green")
    yield Text(f"    fix: dwctl bundle repair {one_line(file)} REPAIRED.json", style="cyan")


def summary_line(tally: Tally, *, as_a_set: bool) -> Text:
    """The counts and the verdict in one line; `as_a_set` where each was judged with regard to the others."""
    parts = [
        f"{count:,} {word}"
        for word, count in (
            ("ok", tally.ok), ("with warnings", tally.warning), ("refused", tally.refused),
            ("not a bundle", tally.unreadable), ("not read", tally.missing),
        )
        if count
    ]  # fmt: skip
    bad = tally.refused + tally.unreadable + tally.missing
    verdict = ("NO", "bold red") if bad else ("YES", "bold green")
    scope = "all can be imported" if as_a_set else "each can be imported on its own"
    text = "not all can be imported" if bad else f"{scope}, as far as can be known offline"
    return Text.assemble(f"{counted(tally.total, 'bundle')}: {', '.join(parts)}. ", verdict, f": {text}.")
