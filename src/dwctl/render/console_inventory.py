"""The inventory, for people: a run a line with what decides its fate under it, then the groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TextIO

from rich.console import Console
from rich.text import Text

from dwctl.counted import counted
from dwctl.embedded.inventory_runs import (
    QUIESCE_RULES,
    RUNNING_ATTEMPT,
    Foreseen,
    Group,
    Held,
    OldWorkflow,
    Summary,
    When,
)
from dwctl.render.console import console_for, print_line
from dwctl.render.console_lines import INDENT, Cell, columns, heading, line
from dwctl.render.console_table import Table, table_lines
from dwctl.render.text import one_line
from dwctl.render.wording import size, to_the_second
from dwctl.transfer.runtimes.drift import Carried
from dwctl.transfer.runtimes.inventory import ExportState, InventoryTally, Standing

_TOGETHER = 200
"""Runs whose cells stand one below the other; more would have to be kept in memory."""

_STATUS_STYLES = {"completed": "green", "failed": "red", "cancelled": "yellow", "terminated": "yellow"}
_UNKNOWN: Cell = ("unknown", "bold yellow")
_THERE: dict[bool | None, Cell] = {True: ("twice", "bold red"), False: ("there", "green"), None: _UNKNOWN}
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def show_runs(runs: Iterable[Standing], stream: TextIO) -> None:
    """Every run as it comes, under headings: who it is, whether it may move, and why not."""
    console = console_for(stream)
    left, is_first, note = iter(runs), True, None
    while some := list(islice(left, _TOGETHER)):
        table = Table(_HEADINGS, [_identity(one) for one in some], may_go=("age", "queue", "type"))
        (head, *lines), _, gone = table_lines(console, table)
        if is_first:
            print_line(console, head)
        for first, standing in zip(lines, some, strict=True):
            _print(console, first, _facts(standing))
        is_first, note = False, note or gone
    if note is not None:
        print_line(console, note)


_HEADINGS = ("fate", "status", "type", "instance", "run", "queue", "age")


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
    if standing.imported is not None and standing.imported.carried is Carried.IMPORTED:
        return _THERE[standing.imported.moved]
    if run.must_be_quiesced:
        return ("held", "bold yellow")
    if run.eligible is False:
        return ("stays", "bold red")
    if run.eligible is None or not run.known.links:
        return _UNKNOWN
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
    if run.is_current is False and run.is_open:
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
        since = _SINCE_EXPORT[standing.exported.state]
        yield (f"exported {_when(standing.exported.exported_at)}{since}", "yellow" if since else "green")
    if standing.imported is not None:
        imported = standing.imported
        since, style = _MOVED[imported.carried] if imported.moved else _UNMOVED[imported.moved]
        yield (f"ledger: {imported.state}{since}", style)


_SINCE_EXPORT = {
    ExportState.CURRENT: "",
    ExportState.MOVED: ", moved since: export it again",
    ExportState.UNKNOWN: ", not known whether moved since",
}
_MOVED = {
    Carried.IMPORTED: (", moved since: BOTH RUNTIMES RUN IT", "bold red"),
    Carried.IN_DOUBT: (", moved since, and may be on the server too", "bold red"),
    Carried.EXPORTED: (", moved since: export it again", "yellow"),
}
_UNMOVED = {False: ("", ""), None: (", not known whether moved since", "yellow")}


def show_old(old: Iterable[OldWorkflow], stream: TextIO) -> None:
    """The open workflows of v1."""
    console = console_for(stream)
    found, is_first = iter(old), True
    while some := list(islice(found, _TOGETHER)):
        (head, *lines), _, _ = table_lines(console, Table(_OLD_HEADINGS, [_old_identity(one) for one in some]))
        for said in (head, *lines) if is_first else lines:
            print_line(console, said)
        is_first = False


_OLD_HEADINGS = ("fate", "status", "class", "workflow", "age")


def _old_identity(old: OldWorkflow) -> list[Cell]:
    return [
        ("v1", "bold red"),
        old.status,
        old.workflow_class or "-",
        old.id,
        "-" if old.age_seconds is None else age(old.age_seconds),
    ]


def show_summary(summary: Summary, tally: InventoryTally | None, stream: TextIO) -> None:
    """The groups, what keeps runs from moving, and what could not be read."""
    console = console_for(stream)
    for said in _summary_lines(summary, tally):
        print_line(console, said)


def _summary_lines(summary: Summary, tally: InventoryTally | None) -> Iterator[Text]:
    yield heading("type × status × queue", f"as of {one_line(to_the_second(summary.as_of))}")
    if not summary.groups:
        yield line("no v2 run fits")
    rows: list[list[Cell]] = [[("runs", "dim"), ("type", "dim"), ("status", "dim"), ("queue", "dim"), ("held", "dim")]]
    for group in summary.groups:
        status = (group.status, _STATUS_STYLES.get(group.status, ""))
        rows.append([f"{group.runs:>7,}", group.workflow_type, status, group.queue or "-", _held_in(group)])
    if summary.groups:
        yield from columns(rows)
    total = sum(group.runs for group in summary.groups)
    yield line(f"{total:>7,} {'v2 run' if total == 1 else 'v2 runs'}")
    yield from _v1_lines(summary)
    if tally is not None:
        yield from _tally_lines(tally)
    if summary.gaps:
        yield heading("not read")
        yield from (line(("!", "bold yellow"), gap) for gap in summary.gaps)


def _held_in(group: Group) -> Cell:
    """What keeps runs of the group from moving; nothing where it is known that nothing does."""
    found = ((group.leased_tasks, "lease"), (group.running_attempts, "attempt"))
    if all(count == 0 for count, _ in found):
        return ""
    said = (f"{what}s not known" if count is None else counted(count, what) for count, what in found)
    return (", ".join(said), "yellow")


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
    rows: list[list[Cell]] = []
    for name, (what, style) in _WORDS.items():
        count = tally.known(name)
        if count is None:
            rows.append([f"{'?':>7}", (f"not known: {what}", "yellow")])
        elif count or name == "eligible":
            rows.append([f"{count:>7,}", (what, style)])
    yield from columns(rows)
    if tally.rules:
        yield heading("foreseen, by rule")
        yield from columns([[f"{count:>7,}", rule] for rule, count in sorted(tally.rules.items())])


_WORDS = {
    "eligible": ("have no obstacle of their own", "green"),
    "must_be_quiesced": ("held by a worker: pause the embedded workers and wait for the leases", "yellow"),
    "refused_otherwise": ("refused for another reason", "yellow"),
    "later_of_link": ("later in a link pair: refused after the partner, unless links are resolved", "yellow"),
    "lost_fractions": ("whole-number floats: the export command breaks their checksum, a batch export keeps it",
                       "yellow"),
    "exported": ("exported already", ""),
    "moved_since_export": ("moved since their export: export them again", "yellow"),
    "imported": ("imported already", ""),
    "moved_since_import": ("MOVED SINCE THEIR IMPORT: both runtimes run them", "bold red"),
}  # fmt: skip
"""The numbers of the tally in the order in which they are shown, with what each says."""


def _when(moment: str | None) -> str:
    """A moment to the second: the microseconds stand in the JSON."""
    return "at an unknown time" if moment is None else f"{moment[:19]}Z"


def age(seconds: int) -> str:
    """A number of seconds for people: 31 d, 5 h, 12 min, 40 s."""
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"
