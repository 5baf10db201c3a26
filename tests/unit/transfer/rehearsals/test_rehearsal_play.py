"""The play without a server: its order, its end, and its patience."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from dwctl.errors import AnswerIsNo, DwctlError, NotAuthorized
from dwctl.server.transport import Server
from dwctl.transfer.rehearsals.bundles import BundleSet
from dwctl.transfer.rehearsals.plan import Plan
from dwctl.transfer.rehearsals.play import NothingToDo, Play, PlayResult, Step, StepResult, StepState, perform


class NoStage:
    """A stage on which nothing can be started."""

    def __init__(self, problem: str | None = None) -> None:
        self.problem = problem

    def server(self) -> Server:
        raise AnswerIsNo("there is no server")

    def start_worker(self, task_queue: str) -> str:
        raise AnswerIsNo(f"there is no worker for {task_queue}")

    def worker_problem(self) -> str | None:
        return self.problem


class Clock:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def a_play(stage: NoStage | None = None) -> Play:
    clock = Clock()
    return Play(stage or NoStage(), BundleSet("f", "f", (), Plan()), "ns", "id", clock=clock, sleep=clock.sleep)


def good(play: Play) -> Sequence[str]:
    return ["done"]


def ending(error: BaseException) -> Callable[[Play], Sequence[str]]:
    def step(play: Play) -> Sequence[str]:
        raise error

    return step


def played(*steps: Callable[[Play], Sequence[str]]) -> PlayResult:
    seen: list[StepResult] = []
    rows = [Step(f"s{n}", "B", f"Step {n}", "It has a reason.", step) for n, step in enumerate(steps)]
    begun: list[str] = []
    result = perform(a_play(), rows, seen.append, lambda step: begun.append(step.id))
    assert begun == [step.id for step in result.steps if not (step.told and step.told[0].startswith("not reached"))]
    assert {step.why for step in result.steps} <= {"It has a reason."}
    assert tuple(seen) == result.steps
    return result


def test_a_play_of_good_steps_passes() -> None:
    result = played(good, ending(NothingToDo("nothing there")), good)
    assert [step.state for step in result.steps] == [StepState.OK, StepState.SKIPPED, StepState.OK]
    assert (result.passed, result.exit_code) == (True, 0)


@pytest.mark.parametrize(
    ("error", "code"), [(AnswerIsNo("no"), 1), (NotAuthorized("who"), 4), (KeyboardInterrupt(), 130)]
)
def test_the_first_failed_step_ends_the_play_with_its_code(error: BaseException, code: int) -> None:
    result = played(good, ending(error), good)
    assert [step.state for step in result.steps] == [StepState.OK, StepState.FAILED, StepState.SKIPPED]
    assert result.steps[2].told == ("not reached: interrupted" if code == 130 else "not reached: s1 failed",)
    assert (result.passed, result.exit_code) == (False, code)


@pytest.mark.parametrize("steps", [(), (ending(NothingToDo("nothing there")),)])
def test_a_play_in_which_nothing_happened_is_no_pass(steps: tuple[Callable[[Play], Sequence[str]], ...]) -> None:
    result = played(*steps)
    assert (result.passed, result.exit_code) == (False, 1)


def test_patience_ends() -> None:
    play = a_play()
    assert play.waiting_for(lambda: False) is False
    assert play.clock() == pytest.approx(play.patience, abs=0.2)


def test_a_dead_worker_ends_the_waiting_at_once() -> None:
    play = a_play(NoStage("the worker has ended"))
    with pytest.raises(DwctlError, match="the worker has ended"):
        play.waiting_for(lambda: False)
    assert play.clock() == 0


def test_another_rule_than_the_expected_one_is_a_surprise() -> None:
    bundles = BundleSet("f", "f", (), Plan({"a.json": "rule.a", "b.json": "rule.b"}))
    assert bundles.surprises({"a.json": ("rule.x", "rule.a"), "b.json": ("rule.b",)}) == []
    assert bundles.surprises({"a.json": ("rule.x",), "b.json": ("rule.b",)}) == [
        "a.json was refused (rule.x), and rule.a was expected"
    ]
