"""The inventory, for people: a run a line with what decides its fate under it, then the groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TextIO

from rich.console import Console
from rich.text import Text

from dwctl.counted import counted
from dwctl.embedded.inventory_runs import QUIESCE_RULES, RUNNING_ATTEMPT, Foreseen, Held, OldWorkflow, Summary, When
from dwctl.render.console import console_for, print_line
from dwctl.render.console_lines import INDENT, Cell, columns, heading, line
from dwctl.render.text import one_line
from dwctl.render.wording import size
from dwctl.transfer.runtimes.inventory import ExportState, InventoryTally, Standing

_TOGETHER = 200
"""Runs whose cells stand one below the other; more would have to be kept in memory."""

_STATUS_STYLES = {"completed": "green", "failed": "red", "cancelled": "yellow", "terminated": "yellow"}
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def show_runs(runs: Iterable[Standing], stream: TextIO) -> None:
    """Every run as it comes: who it is, whether it may move, and why not."""
    console = console_for(stream)
    left = iter(runs)
    while some := list(islice(left, _TOGETHER)):
        for first, standing in zip(columns([_identity(one) for one in some]), some, strict=True):
            _print(console, first, _facts(standing))


def _print(console: Console, first: Text, facts: list[Text]) -> None:
    """One line in a file, for grep; on a terminal the facts stand below, folded."""
    said = Text("; ").join(facts)
    if not console.is_terminal:
        print_line(console, Text("  ").join([first, said]) if facts else first)
        return
    print_line(console, first)
    if facts:
        print_line(console, Text(INDENT * 3).append_text(said))


def _identity(standing: Standing) -> list[Cell]:
    run = standing.run
    row = run.row
    return [
        _moves(standing),
        (row.status, _STATUS_STYLES.get(row.status, "")),
        row.workflow_type,
        row.instance_id,
        row.run_id,
        row.queue or "-",
        "-" if run.age_seconds is None else age(run.age_seconds),
    ]


def _moves(standing: Standing) -> Cell:
    """The one word that answers whether the run may be exported and imported now."""
    run = standing.run
    if standing.imported is not None and standing.imported.state in {"imported", "already_imported"}:
        return ("twice", "bold red") if standing.imported.moved else ("there", "green")
    if run.must_be_quiesced:
        return ("held", "bold yellow")
    if not run.eligible:
        return ("stays", "bold red")
    if any(one.when is When.WITH_OTHERS for one in run.foreseen):
        return ("link", "yellow")
    return ("moves", "green")


def _facts(standing: Standing) -> list[Text]:
    run, work = standing.run, standing.run.work
    said: list[Cell] = [_held(held) for held in work.held]
    if work.pending_timers:
        said.append(f"{counted(work.pending_timers, 'timer')}, next {_when(work.next_fire_at)}")
    for count, what in (
        (work.ready_tasks, "ready task"), (work.open_signals, "open signal"), (work.open_updates, "open update"),
    ):  # fmt: skip
        if count:
            said.append(counted(count, what))
    said += _relatives(standing)
    if run.row.history_events is not None:
        held_bytes = "" if run.row.history_bytes is None else f", {size(run.row.history_bytes)}"
        said.append((f"{counted(run.row.history_events, 'event')}{held_bytes}", "dim"))
    if run.is_open and run.row.last_progress_at:
        said.append((f"last progress {_when(run.row.last_progress_at)}", "dim"))
    said += _oddities(standing)
    said += _foreseen(run.foreseen)
    said += _elsewhere(standing)
    return [line(cell)[len(INDENT) :] for cell in said]


def _held(held: Held) -> Cell:
    until = f" until {_when(held.expires_at)}" if held.expires_at else ""
    kind = f"leased {held.kind}" if held.kind != RUNNING_ATTEMPT else held.kind
    return (f"{kind} {held.id}, held by {held.owner or 'nobody known'}{until}", "yellow")


def _relatives(standing: Standing) -> Iterator[Cell]:
    work = standing.run.work
    if work.children:
        yield f"{counted(work.children, 'child', 'children')}, {work.open_children} open"
    for run_id, what in (
        (work.parent_run_id, "child of"), (work.previous_run_id, "continues"), (work.next_run_id, "continued by"),
    ):  # fmt: skip
        if run_id:
            yield f"{what} {run_id}"


def _oddities(standing: Standing) -> Iterator[Cell]:
    run = standing.run
    if not run.is_current and run.is_open:
        yield ("not the current run", "yellow")
    if run.row.compatibility:
        yield f"compatibility {run.row.compatibility}"
    if run.row.payload_codec not in ("avro", None, ""):
        yield (f"codec {run.row.payload_codec}", "yellow")


def _foreseen(foreseen: tuple[Foreseen, ...]) -> Iterator[Cell]:
    """Each rule once; what only the export command loses is said in one sentence."""
    for one in foreseen:
        if one.when is When.COMMAND_EXPORT:
            if one.rule == "integrity.checksum_mismatch":
                yield (f"the export command loses a fraction ({one.detail}); a batch export keeps it", "yellow")
        elif one.rule in QUIESCE_RULES:
            continue  # what is held stands in front
        elif one.when is When.WITH_OTHERS:
            yield (f"{one.rule} with {one.detail}", "yellow")
        else:
            detail = f" ({one.detail})" if one.detail else ""
            yield (f"{one.rule}{detail}", "red" if one.severity.value == "error" else "yellow")


def _elsewhere(standing: Standing) -> Iterator[Cell]:
    if standing.exported is not None:
        moved = standing.exported.state is ExportState.MOVED
        since = ", moved since: export it again" if moved else ""
        yield (f"exported {_when(standing.exported.exported_at)}{since}", "yellow" if moved else "green")
    if standing.imported is not None:
        since = ", moved since: BOTH RUNTIMES RUN IT" if standing.imported.moved else ""
        yield (f"ledger: {standing.imported.state}{since}", "bold red" if standing.imported.moved else "")


def show_old(old: Iterable[OldWorkflow], stream: TextIO) -> None:
    """The open workflows of v1."""
    console = console_for(stream)
    found = iter(old)
    while some := list(islice(found, _TOGETHER)):
        rows: list[list[Cell]] = [
            [
                ("v1", "bold red"), one.status, one.workflow_class or "-", one.id,
                "-" if one.age_seconds is None else age(one.age_seconds),
            ]
            for one in some
        ]  # fmt: skip
        for said in columns(rows):
            print_line(console, said)


def show_summary(summary: Summary, tally: InventoryTally | None, stream: TextIO) -> None:
    """The groups, what keeps runs from moving, and what could not be read."""
    console = console_for(stream)
    for said in _summary_lines(summary, tally):
        print_line(console, said)


def _summary_lines(summary: Summary, tally: InventoryTally | None) -> Iterator[Text]:
    yield heading("type × status × queue", f"as of {one_line(summary.as_of)}")
    if not summary.groups:
        yield line("no v2 run fits")
    rows: list[list[Cell]] = [[("runs", "dim"), ("type", "dim"), ("status", "dim"), ("queue", "dim"), ("held", "dim")]]
    for group in summary.groups:
        held = group.leased_tasks + group.running_attempts
        status = (group.status, _STATUS_STYLES.get(group.status, ""))
        rows.append([
            f"{group.runs:>7,}", group.workflow_type, status, group.queue or "-",
            (f"{counted(group.leased_tasks, 'lease')}, {counted(group.running_attempts, 'attempt')}", "yellow")
            if held else "",
        ])  # fmt: skip
    if summary.groups:
        yield from columns(rows)
    yield line(f"{sum(group.runs for group in summary.groups):>7,} v2 runs")
    yield from _v1_lines(summary)
    if tally is not None:
        yield from _tally_lines(tally)
    if summary.gaps:
        yield heading("not read")
        yield from (line(("!", "bold yellow"), gap) for gap in summary.gaps)


def _v1_lines(summary: Summary) -> Iterator[Text]:
    yield heading("v1, open", "they stay on the v1 engine until they finish" if summary.v1 else "")
    if summary.v1 is None:
        yield line((summary.no_v1 or "not known", "dim"))
    elif not summary.v1:
        yield line(("none", "green"))
    else:
        yield from columns([[f"{old.workflows:>7,}", old.workflow_class or "-", old.status] for old in summary.v1])


def _tally_lines(tally: InventoryTally) -> Iterator[Text]:
    yield heading("what an import would make of them", "foreseen from rows; dwctl explain RULE says more")
    rows: list[list[Cell]] = [[f"{tally.eligible:>7,}", (_WORDS["eligible"], "green")]]
    for name in ("must_be_quiesced", "refused_otherwise", "later_of_link", "lost_fractions"):
        rows += [[f"{count:>7,}", (_WORDS[name], "yellow")]] if (count := getattr(tally, name)) else []
    for count, what, style in (
        (tally.exported, "exported already", ""),
        (tally.moved_since_export, "moved since their export: export them again", "yellow"),
        (tally.imported, "imported already", ""),
        (tally.moved_since_import, "MOVED SINCE THEIR IMPORT: both runtimes run them", "bold red"),
    ):
        if count:
            rows.append([f"{count:>7,}", (what, style)])
    yield from columns(rows)
    if tally.rules:
        yield heading("foreseen, by rule")
        yield from columns([[f"{count:>7,}", rule] for rule, count in sorted(tally.rules.items())])


_WORDS = {
    "eligible": "have no obstacle of their own",
    "must_be_quiesced": "held by a worker: pause the embedded workers and wait for the leases",
    "refused_otherwise": "refused for another reason",
    "later_of_link": "later members of a link pair: refused after their partner, unless links are resolved",
    "lost_fractions": "whole-number floats: the export command breaks their checksum, a batch export keeps it",
}


def _when(moment: str | None) -> str:
    """A moment to the second: the microseconds stand in the JSON."""
    return "at an unknown time" if moment is None else f"{moment[:19]}Z"


def age(seconds: int) -> str:
    """A number of seconds for people: 31 d, 5 h, 12 min, 40 s."""
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"
