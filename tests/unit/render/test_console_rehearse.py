"""A rehearsal on the screen: what folds on a terminal, what stays one line in a pipe, and what may not be obeyed."""

from __future__ import annotations

from io import StringIO

import pytest

from dwctl.errors import AnswerIsNo, Interrupted
from dwctl.render.console_rehearse import Narration, show_play, show_step
from dwctl.transfer.rehearsals.play import PlayResult, Step, StepResult, StepState

LONG = "polls queue default for " + ", ".join(f"orders.type-{number}" for number in range(12))


class Terminal(StringIO):
    """A stream that a person watches."""

    def isatty(self) -> bool:
        return True


def step(state: StepState = StepState.OK, *told: str, error: AnswerIsNo | Interrupted | None = None) -> StepResult:
    return StepResult("worker", "A worker polls each queue", state, told, 1.25, error, "C", "It is needed.")


def test_a_line_is_folded_behind_its_mark_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    piped, watched = StringIO(), Terminal()
    show_step(step(StepState.OK, LONG), piped)
    show_step(step(StepState.OK, LONG), watched)
    assert f"           - {LONG}" in piped.getvalue().splitlines()
    lines = [line for line in watched.getvalue().splitlines() if "orders.type" in line]
    assert len(lines) > 1
    assert all(len(line) <= 60 for line in lines)
    assert [line[11:13] for line in lines] == ["- "] + ["  "] * (len(lines) - 1)


def test_what_a_server_says_is_neither_markup_nor_obeyed() -> None:
    stream = StringIO()
    error = AnswerIsNo("said [bold]\x1b[31mred\nand more", next_step="mend [it]")
    show_step(step(StepState.FAILED, error=error), stream)
    shown = stream.getvalue()
    assert "\x1b" not in shown
    assert "[bold]" in shown
    assert "next: mend [it]" in shown
    assert len([line for line in shown.splitlines() if "said" in line and "and more" in line]) == 1


def test_a_step_that_was_not_played_says_why_beside_its_name() -> None:
    stream = StringIO()
    show_step(step(StepState.SKIPPED, "nothing to do", "left open: order-1"), stream)
    head, more = stream.getvalue().splitlines()
    assert head.split() == "skipped A worker polls each queue nothing to do".split()
    assert more.strip() == "- left open: order-1"


def test_the_step_under_way_is_shown_aside_on_a_terminal_and_taken_away() -> None:
    under_way = Step("worker", "C", "A worker polls each queue", "It is needed.", lambda play: ())
    for aside, seen in ((Terminal(), True), (StringIO(), False)):
        stream = StringIO()
        with Narration(stream, aside) as narration:
            narration.begins(under_way)
            narration.ended(step(StepState.OK, "done"))
        assert ("A worker polls" in aside.getvalue()) is seen
        assert stream.getvalue().count("Phase C  Connect workers") == 1


def played(*steps: StepResult) -> list[str]:
    stream = StringIO()
    result = PlayResult("http://s", "ns", "f", {}, steps, 3.0, 1, {}, {"order-1": "it waits for a signal"})
    show_play(result, "go on", stream)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize(
    ("last", "word", "code"),
    [
        (step(), "passed", 0),
        (step(StepState.FAILED, error=AnswerIsNo("no")), "FAILED", 1),
        (step(StepState.FAILED, error=Interrupted("interrupted")), "interrupted", 130),
        (step(StepState.SKIPPED, "nothing"), "FAILED", 1),
    ],
)
def test_the_verdict_names_the_exit_code_and_what_is_left_open(last: StepResult, word: str, code: int) -> None:
    lines = played(last)
    assert lines[-2].startswith(f"Rehearsal {word} in 3.0 s: ")
    assert "1 run imported, 1 left open" in lines[-2]
    assert lines[-1] == f"Exit code {code}. Next: go on"
    assert "  order-1: it waits for a signal" in lines
