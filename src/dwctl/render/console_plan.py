"""A plan for people: what would happen to each bundle, then why, grouped, and what could not be known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

from dwctl.bundle.findings import Severity
from dwctl.bundle.rules import RULES
from dwctl.counted import counted
from dwctl.render.console import console_for, print_line
from dwctl.render.console_lines import Cell
from dwctl.render.console_table import Table, print_table
from dwctl.render.shared_folder import shared_folder
from dwctl.render.text import one_line
from dwctl.render.wording import size
from dwctl.transfer.plans.plan import Plan, PlanAction, PlannedBundle, Skip

MOST_ROWS = 60
"""Bundles shown one by one; a larger plan shows what is not simply imported."""

MOST_NAMED = 5
"""Bundles named under one reason."""

_STYLES = {
    PlanAction.IMPORT: "green", PlanAction.WAIT: "cyan", PlanAction.REFUSE: "red", PlanAction.SKIP: "dim",
}  # fmt: skip
_SKIPPED = {
    Skip.DONE: "the ledger says: imported and compared",
    Skip.DUPLICATE: "the same export stands in another file",
    Skip.NOT_CHOSEN: "its type is not in --only",
    Skip.LIMIT: "beyond --limit",
}


def show_plan(plan: Plan, stream: TextIO) -> None:
    """Print the plan: rows, reasons, what is unknown, and the counts at the end."""
    console = console_for(stream)
    folder = shared_folder(bundle.file for bundle in plan.bundles)
    _show_rows(console, plan.bundles, folder)
    for line in _reasons(plan.bundles, folder):
        print_line(console, line)
    for line in _unknowns(plan, folder):
        print_line(console, line)
    console.print()
    print_line(console, summary_line(plan))


def _show_rows(console: Console, bundles: Sequence[PlannedBundle], folder: str) -> None:
    """The bundles, those that share a folder under its name; of many, those that are not simply imported."""
    everything = len(bundles) <= MOST_ROWS
    shown = [one for one in bundles if everything or one.action is not PlanAction.IMPORT][:MOST_ROWS]
    if not shown:
        return
    if folder:
        print_line(console, Text(f"in {one_line(folder)}", style="dim"))
    print_table(console, Table(_HEADINGS, [_cells(bundle, folder) for bundle in shown], _MAY_GO, indent=""))
    if len(shown) < len(bundles):
        rest = counted(len(bundles) - len(shown), "bundle")
        console.print(Text(f"… and {rest} not shown here; --output jsonl has a line for each", style="dim"))


_HEADINGS = ("action", "bundle", "instance", "run", "type", "status", "size", "way", "why")
_MAY_GO = ("run", "way", "instance", "type", "size", "status")


def _cells(bundle: PlannedBundle, folder: str) -> list[Cell]:
    run = bundle.run
    return [
        ("done" if bundle.skip is Skip.DONE else bundle.action.value, _STYLES[bundle.action]),
        bundle.file.removeprefix(folder),
        (run and run.instance_id) or "-",
        str(run.run_number) if run else "-",
        run.workflow_type if run else "-",
        run.status if run else "-",
        size(bundle.file_bytes) if bundle.file_bytes else "-",
        bundle.way.value if bundle.way else "-",
        _why(bundle),
    ]


def _why(bundle: PlannedBundle) -> str:
    if bundle.skip is not None:
        return _SKIPPED[bundle.skip]
    parts = []
    if bundle.action is PlanAction.WAIT and bundle.resolution is not None:
        parts.append(f"without {counted(len(bundle.resolution.removed), 'link')}, after {', '.join(bundle.after)}")
    if bundle.repair is not None:
        parts.append("repaired")
    parts += bundle.rules[:2] if len(bundle.rules) < 3 else [*bundle.rules[:2], f"+{len(bundle.rules) - 2}"]
    return ", ".join(parts) or bundle.problem or ""


def _reasons(bundles: Sequence[PlannedBundle], folder: str) -> Iterator[Text]:
    """Each rule that refuses or warns: how often, for whom, and what to do."""
    by_rule: defaultdict[tuple[Severity, str], list[PlannedBundle]] = defaultdict(list)
    for bundle in bundles:
        if bundle.action is not PlanAction.SKIP:
            severity = Severity.ERROR if bundle.refused_by else Severity.WARNING
            for rule in bundle.rules:
                by_rule[severity, rule].append(bundle)
    for (severity, rule), found in sorted(
        by_rule.items(), key=lambda item: (item[0][0] is not Severity.ERROR, item[0])
    ):
        yield Text("")
        style = "bold red" if severity is Severity.ERROR else "bold yellow"
        yield Text.assemble((one_line(rule), style), f"  {counted(len(found), 'bundle')}")
        row = RULES.get(rule)
        if row is not None:
            yield Text(f"    {row.meaning}")
            yield Text(f"    fix: {row.fix}", style="cyan")
        for bundle in found[:MOST_NAMED]:
            name = one_line(bundle.file.removeprefix(folder))
            yield Text(f"      {name}{': ' + one_line(bundle.problem) if bundle.problem else ''}")
        if len(found) > MOST_NAMED:
            yield Text(f"      … and {len(found) - MOST_NAMED:,} more", style="dim")


def _unknowns(plan: Plan, folder: str) -> Iterator[Text]:
    said = [
        *plan.unknown,
        *(f"{one.file.removeprefix(folder)}: {text}" for one in plan.bundles for text in one.unknown),
    ]
    if said:
        yield Text("")
        yield Text("unknown", style="bold yellow")
    for sentence in said[: MOST_NAMED * 2]:
        yield Text(f"    {one_line(sentence)}")
    if len(said) > MOST_NAMED * 2:
        yield Text(f"    … and {len(said) - MOST_NAMED * 2:,} more", style="dim")


def summary_line(plan: Plan) -> Text:
    """The counts in one line, where they go, and how much was asked for it."""
    counts = plan.actions
    done = sum(bundle.skip is Skip.DONE for bundle in plan.bundles)
    words = {
        PlanAction.IMPORT: "to import", PlanAction.WAIT: "to import after their partners",
        PlanAction.REFUSE: "refused",
    }  # fmt: skip
    parts = [f"{counts[action]:,} {word}" for action, word in words.items() if counts[action]]
    left_out = {"done before": done, "left out": counts[PlanAction.SKIP] - done}
    parts += [f"{count:,} {word}" for word, count in left_out.items() if count]
    where = f" into {plan.options.namespace} at {plan.server}" if plan.server else ", no target asked"
    asked = ""
    if plan.survey is not None:
        asked = f" ({counted(plan.survey.requests, 'request')}, {counted(plan.survey.dry_runs, 'dry run')})"
    return Text(one_line(f"{counted(len(plan.bundles), 'bundle')}{where}: {', '.join(parts) or 'nothing'}{asked}."))
