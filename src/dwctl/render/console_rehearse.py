"""A rehearsal, for people: each step as it ends, then all of them in a table."""

from __future__ import annotations

from typing import TextIO

from rich.text import Text

from dwctl.render.console_lines import heading, line, write_lines
from dwctl.render.console_server import table
from dwctl.render.text import one_line
from dwctl.transfer.rehearsal_play import PlayResult, StepResult, StepState

_STYLES = {StepState.OK: "green", StepState.FAILED: "bold red", StepState.SKIPPED: "yellow"}


def show_step(step: StepResult, stream: TextIO) -> None:
    """What a step did, or why it did not."""
    head = Text.assemble((step.state.value, _STYLES[step.state]), f"  {one_line(step.title)}  ({step.seconds:.1f} s)")
    write_lines([head, *(line(said) for said in (*step.told, *_trouble(step)))], stream)


def _trouble(step: StepResult) -> list[str]:
    error = step.error
    if error is None:
        return []
    rows = (("where", error.where), ("reason", error.reason), ("next", error.next_step))
    return [error.message, *(f"{name}: {value}" for name, value in rows if value)]


def show_play(result: PlayResult, stream: TextIO) -> None:
    """The table of the steps with their times, and the verdict with the exit code."""
    rows = [
        (step.id, (step.state.value, _STYLES[step.state]), f"{step.seconds:6.2f} s", step.title)
        for step in result.steps
    ]
    lines = [heading("the play", f"namespace {one_line(result.namespace)}")]
    lines += table(("step", "state", "time", ""), rows)
    word, style = ("passed", "bold green") if result.passed else ("FAILED", "bold red")
    code, refused = int(result.exit_code), len(result.refused)
    said = f"Rehearsal {word} in {result.seconds:.1f} s, exit code {code}"
    if refused:
        said += f"; refused as expected: {refused}"
    write_lines([*lines, Text(said, style=style)], stream)
