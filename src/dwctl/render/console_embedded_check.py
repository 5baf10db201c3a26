"""The answers of `embedded check`, for people: a line a check, and under it what is behind it and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.text import Text

from dwctl.embedded.check_results import Answer, CheckResult
from dwctl.render.console import console_for, print_line
from dwctl.render.console_lines import Cell, line

_STYLES = {
    Answer.PASS: "green", Answer.WARN: "yellow", Answer.FAIL: "bold red", Answer.UNKNOWN: "bold yellow",
    Answer.SKIPPED: "dim",
}  # fmt: skip
_SHOWN_IDS = 3
_UNDER = " " * 9


def show_check(result: CheckResult, stream: TextIO, *, verbose: bool = False) -> None:
    """One answer, as soon as it is there."""
    console = console_for(stream)
    for said in _lines(result, verbose=verbose):
        print_line(console, said)


def _lines(result: CheckResult, *, verbose: bool) -> Iterable[Text]:
    answer = (f"{result.answer.value:<7}", _STYLES[result.answer])
    if result.answer in (Answer.PASS, Answer.SKIPPED):
        yield line(answer, f"{result.row.id:<34}", (result.said, "dim"))
    else:
        yield line(answer, (result.row.id, "bold"))
        yield _under(result.said)
    if result.ids and (result.answer is not Answer.PASS or verbose):
        yield _under((f"{result.ids_are}: {_ids(result)}", "dim"))
    if verbose:
        for one in result.evidence:
            yield _under((f"asked {one.asked}: {one.found}", "dim"))
    if result.next_step and result.answer is not Answer.PASS:
        yield _under((f"next: {result.next_step}", "cyan"))


def _under(cell: Cell) -> Text:
    return Text(_UNDER).append_text(line(cell))


def _ids(result: CheckResult) -> str:
    shown = ", ".join(result.ids[:_SHOWN_IDS])
    left = max(result.count, len(result.ids)) - min(_SHOWN_IDS, len(result.ids))
    return f"{shown} and {left:,} more" if left > 0 else shown


def show_verdict(results: Sequence[CheckResult], stream: TextIO, *, good: bool) -> None:
    """The last line: the counts, and whether the cutover may go on."""
    console = console_for(stream)
    counts = Counter(result.answer for result in results)
    said = ", ".join(f"{counts[answer]} {answer.value}" for answer in Answer if counts[answer])
    stopping = [result.row.id for result in results if result.stops]
    print_line(console, Text())
    if good:
        print_line(console, line((f"nothing stands in the way: {said}", "green")))
        return
    if stopping:
        print_line(console, line((f"not yet: {said}", "bold red")))
        print_line(console, line(f"in the way: {', '.join(stopping)}"))
    else:
        print_line(console, line((f"nothing was measured: {said}", "bold red")))
