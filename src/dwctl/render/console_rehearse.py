"""A rehearsal, for people: each step as it ends, then all of them in a table."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Self, TextIO

from rich.console import Console
from rich.text import Text

from dwctl.counted import counted
from dwctl.errors import ExitCode
from dwctl.render.console import console_for, print_line
from dwctl.render.console_lines import heading
from dwctl.render.console_table import Table, write_lines
from dwctl.render.text import one_line
from dwctl.transfer.rehearsals.play import PlayResult, Step, StepResult, StepState
from dwctl.transfer.rehearsals.steps import PHASES

_STYLES = {StepState.OK: "green", StepState.FAILED: "bold red", StepState.SKIPPED: "yellow"}
_BODY = " " * 11
"""What stands before the lines of a step: the state's width and the margins."""


class Narration:
    """Tells of the play while it goes on: the guide's phase, the step that is under way, and what it did.

    Use it in a `with` block. `aside` is where the running step is shown, on a terminal only.
    """

    def __init__(self, stream: TextIO, aside: TextIO) -> None:
        self._stream, self._aside = stream, aside
        self._phase = ""
        self._doing = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self._doing.close()

    def opens(self, title: str) -> None:
        """Say what is played, before the first step."""
        console_for(self._stream).print(Text(one_line(title), style="bold"), soft_wrap=True)

    def begins(self, step: Step) -> None:
        """Show what is under way."""
        self._enter_phase(step.phase)
        if self._aside.isatty():
            self._doing.enter_context(console_for(self._aside).status(Text(step.title), spinner="line"))

    def ended(self, step: StepResult) -> None:
        """Say what a step did, or why it did not."""
        self._doing.close()
        self._enter_phase(step.phase)
        show_step(step, self._stream)
        self._stream.flush()

    def _enter_phase(self, phase: str) -> None:
        if phase != self._phase:
            title = Text.assemble("\n", (f"Phase {phase}", "bold"), f"  {PHASES[phase]}")
            console_for(self._stream).print(title, soft_wrap=True)
            self._phase = phase


def show_step(step: StepResult, stream: TextIO) -> None:
    """A step with its time, what it is good for, and what was seen or why it failed."""
    console = console_for(stream)
    head = Text.assemble("  ", (f"{step.state.value:<7}", _STYLES[step.state]), "  ", (step.title, "bold"))
    if step.state is StepState.SKIPPED:
        first, *more = step.told or ("",)
        print_line(console, head.append(f"  {one_line(first)}", style="dim"))
    else:
        more = list(step.told)
        print_line(console, head.append(f"  {step.seconds:.1f} s", style="dim"))
        for line in (Text(one_line(step.why), style="dim"), *_trouble(step)):
            print_line(console, Text(_BODY).append_text(line))
    for said in more:
        _print_item(console, Text(one_line(said)))


def _print_item(console: Console, item: Text) -> None:
    """An item of a list; on a terminal it is folded behind its mark."""
    if not console.is_terminal:
        console.print(Text(f"{_BODY}- ").append_text(item), soft_wrap=True)
        return
    for number, line in enumerate(item.wrap(console, max(console.width - len(_BODY) - 2, 20))):
        console.print(Text(_BODY + ("  " if number else "- ")).append_text(line), soft_wrap=True)


def _trouble(step: StepResult) -> list[Text]:
    error = step.error
    if error is None:
        return []
    rows = (("where", error.where), ("reason", error.reason), ("next", error.next_step))
    said = [Text(f"{name}: {one_line(value)}") for name, value in rows if value]
    return [Text(one_line(error.message), style="red"), *said]


def show_play(result: PlayResult, next_step: str, stream: TextIO) -> None:
    """The table of the steps with their times, what stays open, and the verdict with the exit code and what next."""
    rows = [
        (step.id, (step.state.value, _STYLES[step.state]), _time(step), f"{step.phase}  {step.title}")
        for step in result.steps
    ]
    lines: list[Text | Table] = [heading("The play", f"namespace {one_line(result.namespace)}")]
    lines.append(Table(("step", "state", "time", "phase"), rows))
    if result.left_open:
        lines += [heading("Left open", "runs that nothing here can bring to their end")]
        lines += _named(result.left_open)
    word, style = ("passed", "bold green") if result.passed else ("FAILED", "bold red")
    if result.exit_code is ExitCode.INTERRUPTED:
        word, style = "interrupted", "bold yellow"
    verdict = Text.assemble("\n", (f"Rehearsal {word}", style), f" in {result.seconds:.1f} s: {_counts(result)}")
    lines += [verdict, Text.assemble((f"Exit code {int(result.exit_code)}.", "bold"), f" Next: {one_line(next_step)}")]
    write_lines(lines, stream)


def _time(step: StepResult) -> str:
    return f"{step.seconds:6.2f} s" if step.seconds else "     -"


def _named(rows: Mapping[str, str]) -> list[Text]:
    return [Text(f"  {one_line(name)}: {one_line(said)}") for name, said in rows.items()]


def _counts(result: PlayResult) -> str:
    done = sum(step.state is StepState.OK for step in result.steps)
    said = [f"{done} of {len(result.steps)} steps done"]
    if result.imported:
        said.append(f"{counted(result.imported, 'run')} imported")
    if result.finished:
        said.append(f"{len(result.finished)} brought to their end")
    if result.left_open:
        said.append(f"{len(result.left_open)} left open")
    if result.refused:
        said.append(f"{counted(len(result.refused), 'bundle')} refused as expected")
    return ", ".join(said) + "."
