"""The gate while it runs: drawn in its place on a terminal, a line for each answer in a pipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TextIO

from rich.console import Group
from rich.live import Live
from rich.text import Text

from dwctl.checklist.gate.check import Check, State
from dwctl.checklist.gate.items import Phase
from dwctl.checklist.gate.results import Result
from dwctl.checklist.gate.runner import Listener
from dwctl.counted import counted
from dwctl.errors import DwctlError
from dwctl.render import gate_wording as wording
from dwctl.render.console import console_for, print_line
from dwctl.render.console_checklist import STYLES
from dwctl.render.console_lines import line
from dwctl.render.text import one_line

_LEFT_ROWS = 3
_A_SECOND = 4


class Lines(Listener):
    """One plain line for each answer, as it comes; in a wait only for what changed."""

    def __init__(self, stream: TextIO) -> None:
        self._console, self._stream = console_for(stream), stream
        self._pending: tuple[str, ...] = ()

    def ended(self, result: Result, before: Result | None) -> None:
        """The state, the check and its sentence; what was left out is told at the end."""
        if result.left_out:
            return
        finding = result.finding
        was = "" if before is None or before.finding.state is finding.state else f" (was {before.finding.state.value})"
        if before is None or was or before.finding.said != finding.said:
            by = wording.decided_by(result)
            self._print(f"{finding.state.value:<7}  {result.check.id}: {finding.said}{by}{was}")

    def waits(self, pending: Sequence[Result], seconds: float) -> None:
        """Who is waited for, where that changed."""
        names = tuple(result.check.id for result in pending)
        if names != self._pending:
            self._pending = names
            self._print(f"waiting, {seconds:.0f} s at most, for {', '.join(names)}")

    def missed(self, error: DwctlError) -> None:
        """That a look failed."""
        self._print(f"no answer, trying again: {error.message}")

    def _print(self, text: str) -> None:
        print_line(self._console, Text(one_line(text)))
        self._stream.flush()


class _Drawn(NamedTuple):
    """A row of the drawing; one that stays is a phase, or a check that is being asked."""

    text: Text
    stays: bool


class Screen(Listener):
    """Every phase with its checks, those that are being asked with their seconds. Drawn from another thread.

    `ticks` are seconds that never go back.
    """

    def __init__(self, checks: Sequence[Check], ticks: Callable[[], float]) -> None:
        self._checks, self._ticks = tuple(checks), ticks
        # All keys from the start: a dictionary must not grow while the other thread walks it.
        self._began: dict[str, float | None] = dict.fromkeys((check.id for check in checks), None)
        self._results: dict[str, Result | None] = dict.fromkeys((check.id for check in checks), None)
        self._foot = ""

    def began(self, check: Check) -> None:
        """It runs from now on."""
        self._began[check.id] = self._ticks()

    def ended(self, result: Result, before: Result | None) -> None:
        """It has its answer."""
        self._began[result.check.id] = None
        self._results[result.check.id] = result

    def waits(self, pending: Sequence[Result], seconds: float) -> None:
        """Under the checks: for how many, and how long at most."""
        self._foot = f"waiting, {seconds:.0f} s at most, for {counted(len(pending), 'check')}"

    def missed(self, error: DwctlError) -> None:
        """Under the checks: that a look failed."""
        self._foot = f"no answer, trying again: {error.message}"

    def reads(self, done: int, total: int, what: str) -> None:
        """Under the checks: how far it is; nothing once it is done."""
        self._foot = f"{what}: {done:,} of {total:,}" if done < total else ""

    def drawing(self, height: int) -> Group:
        """What fits into so many rows: all of it, or only what is being asked and what is not good."""
        room = max(height - _LEFT_ROWS, len(Phase))
        rows = list(self._rows(everything=True))
        if len(rows) > room:
            rows = _that_fit(list(self._rows(everything=False)), room)
        return Group(*(_cut(row.text) for row in rows), _cut(Text(one_line(self._foot), style="dim")))

    def _rows(self, *, everything: bool) -> Iterator[_Drawn]:
        for phase in Phase:
            of = [check for check in self._checks if check.phase is phase]
            if of:
                head = Text.assemble((f"{phase.letter}  {phase.value}", "bold"), ("  " + self._counts(of), "dim"))
                yield _Drawn(head, stays=True)
                for check in of:
                    if (row := self._row(check, everything=everything)) is not None:
                        yield _Drawn(row, stays=self._began[check.id] is not None)

    def _counts(self, checks: Sequence[Check]) -> str:
        found = Counter(result.finding.state for check in checks if (result := self._results[check.id]) is not None)
        open_ = sum(self._results[check.id] is None for check in checks)
        said = [f"{found[state]} {state.value}" for state in State if found[state]]
        return ", ".join([*said, *([f"{open_} to come"] if open_ else [])])

    def _row(self, check: Check, *, everything: bool) -> Text | None:
        began, result = self._began[check.id], self._results[check.id]
        if began is not None:
            return line(("asking ", "cyan"), check.id, (f"{self._ticks() - began:.1f} s", "cyan"))
        if result is None:
            return line(("       ", ""), (check.id, "dim")) if everything else None
        state = result.finding.state
        if not everything and state in (State.PASS, State.SKIPPED):
            return None
        said = result.finding.said + wording.decided_by(result)
        return line((f"{state.value:<7}", STYLES[state]), check.id, (said, "dim"))


@contextmanager
def live_screen(checks: Sequence[Check], ticks: Callable[[], float], stream: TextIO) -> Iterator[Screen]:
    """A screen on a terminal; when the block ends the drawing is taken away and the cursor is back."""
    console = console_for(stream)
    screen = Screen(checks, ticks)
    with Live(
        console=console, get_renderable=lambda: screen.drawing(console.size.height), refresh_per_second=_A_SECOND,
        transient=True,
    ):  # fmt: skip
        yield screen


def _that_fit(rows: Sequence[_Drawn], room: int) -> list[_Drawn]:
    """So many rows, in their order: those that stay, then the first of the others, and how many are not shown."""
    others = [number for number, row in enumerate(rows) if not row.stays]
    over = len(rows) - room
    if over <= 0 or not others:
        return list(rows[:room])
    hidden = others[-min(over + 1, len(others)) :]
    left_out = line((f"and {len(hidden)} more that are not good", "dim"))
    kept = [row for number, row in enumerate(rows) if number not in hidden]
    return [*kept[: room - 1], _Drawn(left_out, stays=True)]


def _cut(row: Text) -> Text:
    """A line stays one line of the screen: the room is counted so."""
    row.no_wrap, row.overflow = True, "ellipsis"
    return row
