"""The gate for people, when it is over: its checks by phase and item of the guide, what to do next, and the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TextIO

from rich.text import Text

from dwctl.checklist.gate.check import Check, State
from dwctl.checklist.gate.comparison import Change, Comparison, Kind
from dwctl.checklist.gate.items import Phase
from dwctl.checklist.gate.results import Attestation, GateResult, ItemResult, Result, Waiver
from dwctl.counted import counted
from dwctl.render import gate_wording as wording
from dwctl.render.console import console_for, print_line
from dwctl.render.console_lines import Cell, labelled, line
from dwctl.render.console_server import title
from dwctl.render.console_table import Table, print_table
from dwctl.render.text import one_line

STYLES: Final = {
    State.PASS: "green", State.WARN: "yellow", State.FAIL: "bold red", State.UNKNOWN: "bold yellow",
    State.WAIVED: "magenta", State.SKIPPED: "dim",
}  # fmt: skip
"""How a state is coloured; its word always stands there too."""

_QUIET: Final = (State.PASS, State.SKIPPED)
_INDENT, _HANG, _SAID = 2, 12, 15
"""The columns that lines are folded under: of the whole, of an item's name, of a check's."""
_ROOM_FOR_THE_TABLE = 140
_SHOWN_IDS = 3
_NAMED = 10
_CHANGED: Final = {Kind.FAILING: "bold red", Kind.PASSING: "green", Kind.STATE: "yellow"}


def _state_cell(state: State) -> Cell:
    """The word of a state, in its colour and as wide as every other."""
    return (f"{state.value:<7}", STYLES[state])


@dataclass(frozen=True, slots=True)
class _Row:
    """A line, and the column that it is folded under on a terminal; a command is never folded, so it can be copied."""

    text: Text
    hang: int | None = None
    whole: bool = False


@dataclass(slots=True)
class _Told:
    """How much is told, and which steps and commands stand there already.

    `again` is whether a sentence that repeats the one above is written out, as it is where nobody scrolls: for grep.
    """

    verbose: bool
    again: bool
    steps: set[tuple[str | None, str | None]] = field(default_factory=set)
    commands: set[str | None] = field(default_factory=set)


def show_gate(
    result: GateResult, stream: TextIO, *, verbose: bool = False, comparison: Comparison | None = None
) -> None:
    """The whole result. With `verbose` also what was asked and what came, and every check that was left out."""
    console = console_for(stream)
    for row in _rows(result, comparison, _Told(verbose, again=verbose or not console.is_terminal)):
        if row.whole:
            console.print(row.text, soft_wrap=True)
        else:
            print_line(console, row.text, row.hang if row.hang is None else min(row.hang, console.width // 2))


def _rows(result: GateResult, comparison: Comparison | None, told: _Told) -> Iterator[_Row]:
    where = [result.namespace, "at", result.server] if result.server else []
    yield _Row(title(f"Cutover {result.name}", " ".join(str(word) for word in where)))
    was_left_out = False
    for phase in Phase:
        items = [item for item in result.items if item.item.phase is phase and item.results]
        is_left_out = not told.verbose and all(one.left_out for item in items for one in item.results)
        if items:
            if not (was_left_out and is_left_out):
                yield _Row(Text())
            yield from _left_out(phase, items) if is_left_out else _phase(phase, items, told)
            was_left_out = is_left_out
    for text in (*_sentences("does not count", result.complaints, "bold red"), *_sentences("note", result.notes, "")):
        yield _Row(text)
    if comparison is not None:
        yield from map(_Row, _compared(comparison))
    yield _Row(Text())
    yield from _verdict(result)


def _left_out(phase: Phase, items: Sequence[ItemResult]) -> Iterator[_Row]:
    """A phase of which this run's own options left out everything, in a line."""
    why = _by_reason([one for item in items for one in item.results])
    told = ", ".join(f"{counted(len(results), 'check')} {said}" for said, results in why.items())
    yield _Row(_head(phase).append_text(line((told, "dim"))))


def _by_reason(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Results that say the same, under what they say; the reasons in the order in which they come up."""
    why: dict[str, list[Result]] = {}
    for one in results:
        why.setdefault(one.finding.said, []).append(one)
    return why


def _phase(phase: Phase, items: Sequence[ItemResult], told: _Told) -> Iterator[_Row]:
    yield _Row(_head(phase))
    for item in items:
        yield from _item(item, told)


def _head(phase: Phase) -> Text:
    return Text.assemble((f"{phase.letter}  {phase.value}", "bold"))


def _item(item: ItemResult, told: _Told) -> Iterator[_Row]:
    name = (f"{item.item.number:>2} {item.item.name}", "bold")
    why = _by_reason(item.results)
    if item.state is State.SKIPPED and len(why) == 1 and not told.verbose:
        said = f"{counted(len(item.results), 'check')}: {item.results[0].finding.said}"
        yield _Row(line(_state_cell(item.state), name, (said, "dim")))
        return
    wanted = item.item.meaning if item.state in _QUIET else f"wanted: {item.item.meaning}"
    yield _Row(line(_state_cell(item.state), name, (wanted, "dim")), _HANG)
    left_out = [] if told.verbose else [one for one in item.results if one.left_out]
    shown = [one for one in item.results if one not in left_out]
    width = max((len(result.check.id) for result in shown), default=0)
    for before, result, following in zip([None, *shown], shown, [*shown[1:], None], strict=False):
        yield from _check(result, width, told, before)
        if following is None or wording.step_key(following) != wording.step_key(result):
            yield from _next(result, told)
    for reason, results in _by_reason(left_out).items():
        names = ", ".join(one.check.id for one in results)
        yield _Row(_under(1, _state_cell(State.SKIPPED), (f"{names}: {reason}", "dim")), _SAID)


def _next(result: Result, told: _Told) -> Iterator[_Row]:
    """Each step and command once; a command without a step is that of another check."""
    step, command = result.finding.next_step, result.finding.command
    if result.finding.state in _QUIET or wording.step_key(result) in told.steps:
        return
    told.steps.add(wording.step_key(result))
    if step:
        yield _Row(_under(3, (f"next: {step}", "cyan")))
    if command and (step or not (command in told.commands or wording.asks_again(command))):
        told.commands.add(command)
        yield _Row(_under(3, (f"$ {command}", "bold")), whole=True)


def _check(result: Result, width: int, told: _Told, before: Result | None) -> Iterator[_Row]:
    finding = result.finding
    is_quiet = finding.state in _QUIET
    repeats = not told.again and before is not None and (before.finding.state, before.finding.said) == (
        finding.state, finding.said)  # fmt: skip
    said = "as above" if repeats and len(finding.said) > len("as above") else finding.said
    cells: list[Cell] = [_state_cell(finding.state), f"{result.check.id:<{width}}", (said, "dim") if is_quiet else said]
    if not is_quiet and not _required(result):
        cells.append(("(advice)", "dim"))
    if result.check.phase is not result.check.of.phase:
        cells.append((f"(due in {result.check.phase.value})", "dim"))
    yield _Row(_under(1, *cells), _SAID + width + 2)
    if finding.ids and (told.verbose or not is_quiet):
        yield _Row(_under(3, (f"{finding.ids_are}: {_ids(result)}", "dim")))
    if result.attested is not None:
        yield _Row(_under(3, f"measured {result.measured.value}. {wording.attested(result.attested)}"))
    if result.waived is not None:
        yield _Row(_under(3, f"measured {result.measured.value}. {wording.waived(result.waived)}"))
    if told.verbose:
        for one in finding.evidence:
            yield _Row(_under(3, (f"asked {one.asked}: {one.came} ({one.at})", "dim")))


def _required(result: Result) -> bool:
    return result.counts_as is result.finding.state


def _under(depth: int, *cells: Cell) -> Text:
    return Text("    " * depth).append_text(line(*cells))


def _ids(result: Result) -> str:
    finding = result.finding
    shown = ", ".join(finding.ids[:_SHOWN_IDS])
    left = wording.more_ids(result, _SHOWN_IDS)
    return f"{shown} and {left:,} more" if left > 0 else shown


def _sentences(word: str, sentences: Sequence[str], style: str) -> Iterator[Text]:
    if sentences:
        yield Text()
    for sentence in sentences:
        yield labelled(word, sentence, style)


def _compared(comparison: Comparison) -> Iterator[Text]:
    yield Text()
    was = "open" if comparison.green else "shut"
    yield Text.assemble(
        ("Since the earlier run", "bold"), one_line(f" {comparison.file} ({comparison.began_at}, the gate was {was})")
    )
    if comparison.elsewhere is not None:
        yield labelled("note", comparison.elsewhere, "yellow")
    left_out = [change for change in comparison.changes if _is_left_out(change)]
    for change in (one for one in comparison.changes if one not in left_out):
        yield line((f"{change.kind.value:<14}", _CHANGED.get(change.kind, "")), change.check, _how(change))
    for said, count in Counter(change.said_after or "" for change in left_out).items():
        yield line(f"{'not asked now':<14}", f"{counted(count, 'check')} {said}")
    if not comparison.changes:
        yield line("nothing changed")


def _is_left_out(change: Change) -> bool:
    """Whether the only change is that this run's own options left the check out."""
    return change.after is State.SKIPPED and (change.said_after or "").startswith("left out by ")


def _how(change: Change) -> str:
    states = " -> ".join(dict.fromkeys(state.value for state in (change.before, change.after) if state is not None))
    if change.kind is Kind.SENTENCE:
        return f"{states}: {change.said_after} (was: {change.said_before})"
    return f"{states}: {change.said_after or change.said_before}"


def _verdict(result: GateResult) -> Iterator[_Row]:
    style = "bold green" if result.green else "bold red"
    yield _Row(
        Text.assemble((wording.verdict_word(result), style), one_line(f": {wording.verdict_sentence(result)}")), _INDENT
    )
    if result.left_out:
        yield _Row(line((f"{counted(result.left_out, 'check')} left out by this run's own options", "dim")))
    if names := [one.check.id for one in wording.in_turn(result)]:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield _Row(line(f"in the way: {', '.join(names[:_NAMED])}{more}"))
    yield from _first(result)


def _first(result: GateResult) -> Iterator[_Row]:
    """Where to begin: the first step of a gate that is shut; after one that is open, the phase that comes next."""
    if result.green:
        if (phase := wording.phase_to_come(result)) is not None:
            yield _Row(line((f"next phase: dwctl checklist --phase {phase.value}", "cyan")))
        return
    if len(result.in_the_way) > 1 and (steps := wording.next_steps(result)):
        one, step, command = steps[0]
        yield _Row(line(f"first: {one.check.id}: {one.finding.said}"), _INDENT)
        if step:
            yield _Row(line((f"next: {step}", "cyan")))
        if command:
            yield _Row(line((f"$ {command}", "bold")), whole=True)


def show_checks(checks: Sequence[Check], stream: TextIO) -> None:
    """The table of the checks: a line each; on a narrow terminal two, without columns."""
    console = console_for(stream)
    if console.is_terminal and console.width < _ROOM_FOR_THE_TABLE:
        for check in checks:
            needs = ", ".join(need.value for need in check.needs)
            about = f"item {check.item}, {check.phase.value}, {check.category}, {check.severity.value}; needs {needs}"
            print_line(console, Text.assemble((check.id, "bold"), ("  " + about, "dim")), _INDENT)
            print_line(console, Text(_INDENT * " " + one_line(check.meaning)))
        return
    rows = [
        [check.id, str(check.item), check.phase.value, check.category, check.severity.value,
         ", ".join(need.value for need in check.needs) or "-", check.meaning]
        for check in checks
    ]  # fmt: skip
    headings = ("id", "item", "phase", "category", "severity", "needs", "passes where")
    print_table(console, Table(headings, rows, indent=""))


def show_record(file: str, made: Attestation | Waiver, stream: TextIO) -> None:
    """What was written down, and where."""
    if isinstance(made, Attestation):
        head, told = f"item {made.item}", wording.attested(made)
    else:
        head, told = made.check, wording.waived(made)
    console = console_for(stream)
    for text in (title(head), line(told), line(f"written to {file}")):
        print_line(console, text)
