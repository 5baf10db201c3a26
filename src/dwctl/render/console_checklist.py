"""The gate for people, when it is over: its checks by phase and item of the guide, what to do next, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final, TextIO

from rich.text import Text

from dwctl.checklist.gate.check import Check, State
from dwctl.checklist.gate.comparison import Change, Comparison, Kind
from dwctl.checklist.gate.items import Phase
from dwctl.checklist.gate.results import Attestation, GateResult, ItemResult, Result, Waiver
from dwctl.render import gate_wording as wording
from dwctl.render.console import console_for, plain_table, print_line
from dwctl.render.console_lines import Cell, line
from dwctl.render.console_server import title
from dwctl.render.text import one_line
from dwctl.render.wording import counted

STYLES: Final = {
    State.PASS: "green", State.WARN: "yellow", State.FAIL: "bold red", State.UNKNOWN: "bold yellow",
    State.WAIVED: "magenta", State.SKIPPED: "dim",
}  # fmt: skip
"""How a state is coloured; its word always stands there too."""

LETTERS: Final = dict(zip(Phase, "ABCDEF", strict=True))
"""The guide's letters of its phases."""

_QUIET: Final = (State.PASS, State.SKIPPED)
_SHOWN_IDS = 3
_NAMED = 10
_CHANGED: Final = {Kind.FAILING: "bold red", Kind.PASSING: "green", Kind.STATE: "yellow"}


def state_cell(state: State) -> Cell:
    """The word of a state, in its colour and as wide as every other."""
    return (f"{state.value:<7}", STYLES[state])


def show_gate(
    result: GateResult, stream: TextIO, *, verbose: bool = False, comparison: Comparison | None = None
) -> None:
    """The whole result. With `verbose` also what was asked and what came, and every check that was left out."""
    console = console_for(stream)
    for text in _lines(result, comparison, verbose=verbose):
        print_line(console, text)


def _lines(result: GateResult, comparison: Comparison | None, *, verbose: bool) -> Iterator[Text]:
    where = [result.namespace, "at", result.server] if result.server else []
    yield title(f"Cutover {result.name}", " ".join(str(word) for word in where))
    for phase in Phase:
        items = [item for item in result.items if item.item.phase is phase and item.results]
        if items:
            yield Text()
            yield Text(f"{LETTERS[phase]}  {phase.value}", style="bold")
        for item in items:
            yield from _item(item, verbose=verbose)
    yield from _told("does not count", result.complaints, "bold red")
    yield from _told("note", result.notes, "")
    if comparison is not None:
        yield from _compared(comparison)
    yield Text()
    yield from _verdict(result)


def _item(item: ItemResult, *, verbose: bool) -> Iterator[Text]:
    name = (f"{item.item.number:>2} {item.item.name}", "bold")
    said = {result.finding.said for result in item.results}
    if item.state is State.SKIPPED and len(said) == 1 and not verbose:
        yield line(state_cell(item.state), name, (f"{counted(len(item.results), 'check')}: {said.pop()}", "dim"))
        return
    yield line(state_cell(item.state), name, (item.item.meaning, "dim"))
    width = max(len(result.check.id) for result in item.results)
    for result, following in zip_longest(item.results, item.results[1:]):
        yield from _check(result, width, verbose=verbose)
        if following is None or _step(following) != _step(result):
            yield from _next(result)


def _step(result: Result) -> tuple[str | None, str | None]:
    """What to do about it; the same for checks in a row is told once, under the last of them."""
    return result.finding.next_step, result.finding.command


def _next(result: Result) -> Iterator[Text]:
    finding = result.finding
    if finding.state not in _QUIET:
        if finding.next_step:
            yield _under(3, (f"next: {finding.next_step}", "cyan"))
        if finding.command:
            yield _under(3, (f"$ {finding.command}", "bold"))


def _check(result: Result, width: int, *, verbose: bool) -> Iterator[Text]:
    finding = result.finding
    is_quiet = finding.state in _QUIET
    said = (finding.said, "dim") if is_quiet else finding.said
    cells: list[Cell] = [state_cell(finding.state), f"{result.check.id:<{width}}", said]
    if not is_quiet and not _required(result):
        cells.append(("(advice)", "dim"))
    if result.check.phase is not result.check.of.phase:
        cells.append((f"(due in {result.check.phase.value})", "dim"))
    yield _under(1, *cells)
    if finding.ids and (verbose or not is_quiet):
        yield _under(3, (f"{finding.ids_are}: {_ids(result)}", "dim"))
    if result.attested is not None:
        yield _under(3, f"measured {result.measured.value}. {wording.attested(result.attested)}")
    if result.waived is not None:
        yield _under(3, f"measured {result.measured.value}. {wording.waived(result.waived)}")
    if verbose:
        for one in finding.evidence:
            yield _under(3, (f"asked {one.asked}: {one.came} ({one.at})", "dim"))


def _required(result: Result) -> bool:
    return wording.counted_state(result) is result.finding.state


def _under(depth: int, *cells: Cell) -> Text:
    return Text("    " * depth).append_text(line(*cells))


def _ids(result: Result) -> str:
    finding = result.finding
    shown = ", ".join(finding.ids[:_SHOWN_IDS])
    left = max(finding.count, len(finding.ids)) - min(_SHOWN_IDS, len(finding.ids))
    return f"{shown} and {left:,} more" if left > 0 else shown


def _told(word: str, sentences: Sequence[str], style: str) -> Iterator[Text]:
    if sentences:
        yield Text()
    for sentence in sentences:
        yield line((f"{word}:", style), sentence)


def _compared(comparison: Comparison) -> Iterator[Text]:
    yield Text()
    was = "open" if comparison.green else "shut"
    yield Text.assemble(
        ("Since the earlier run", "bold"), one_line(f" {comparison.file} ({comparison.began_at}, the gate was {was})")
    )
    if comparison.elsewhere is not None:
        yield line(("note:", "yellow"), comparison.elsewhere)
    for change in comparison.changes:
        yield line((f"{change.kind.value:<14}", _CHANGED.get(change.kind, "")), change.check, _how(change))
    if not comparison.changes:
        yield line("nothing changed")


def _how(change: Change) -> str:
    states = " -> ".join(dict.fromkeys(state.value for state in (change.before, change.after) if state is not None))
    if change.kind is Kind.SENTENCE:
        return f"{states}: {change.said_after} (was: {change.said_before})"
    return f"{states}: {change.said_after or change.said_before}"


def _verdict(result: GateResult) -> Iterator[Text]:
    style = "bold green" if result.green else "bold red"
    yield Text.assemble((wording.verdict_word(result), style), one_line(f": {wording.verdict_sentence(result)}"))
    if result.left_out:
        yield line((f"{counted(result.left_out, 'check')} left out by this run's own options", "dim"))
    if names := [one.check.id for one in result.in_the_way]:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield line(f"in the way: {', '.join(names[:_NAMED])}{more}")


def show_checks(checks: Sequence[Check], stream: TextIO) -> None:
    """The table of the checks: a line each."""
    table = plain_table("id", "item", "phase", "category", "severity", "needs", "passes where")
    for check in checks:
        needs = ", ".join(need.value for need in check.needs)
        table.add_row(
            check.id, str(check.item), check.phase.value, check.category, check.severity.value, needs or "-",
            one_line(check.meaning),
        )  # fmt: skip
    console_for(stream).print(table)


def show_record(file: str, made: Attestation | Waiver, stream: TextIO) -> None:
    """What was written down, and where."""
    if isinstance(made, Attestation):
        head, told = f"item {made.item}", wording.attested(made)
    else:
        head, told = made.check, wording.waived(made)
    console = console_for(stream)
    for text in (title(head), line(told), line(f"written to {file}")):
        print_line(console, text)
