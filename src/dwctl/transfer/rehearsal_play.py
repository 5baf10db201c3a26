"""The whole guide as a play: its steps in order, each with what it did, until one fails.

The play knows a server, a folder of bundles and a `Stage`, which starts processes; it starts none itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from dwctl.bundle.canonical import decode
from dwctl.bundle.verify import RunFacts
from dwctl.bundle.view import BundleView
from dwctl.errors import AnswerIsNo, DwctlError, ExitCode, Interrupted
from dwctl.server.transport import Server
from dwctl.transfer.outcomes import ImportResult
from dwctl.transfer.rehearsal_set import BundleSet
from dwctl.transfer.sources import read_bundle

PATIENCE = 60.0
"""Seconds that a step waits for a worker, or for a run to close."""


class StepState(StrEnum):
    """What became of a step. `skipped` is one that had nothing to do, or that was not reached; it says why."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step: what became of it, sentences on what was seen, and seconds; `error` is why it failed."""

    id: str
    title: str
    state: StepState
    told: tuple[str, ...] = ()
    seconds: float = 0.0
    error: DwctlError | None = None


@dataclass(frozen=True, slots=True)
class PlayResult:
    """The whole play: which server, namespace and folder, the bundles refused (file → rule), and the steps."""

    server: str
    namespace: str
    folder: str
    refused: Mapping[str, str]
    steps: tuple[StepResult, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether steps were played and none of them failed."""
        played = [step for step in self.steps if step.state is StepState.OK]
        return bool(played) and all(step.state is not StepState.FAILED for step in self.steps)

    @property
    def exit_code(self) -> ExitCode:
        """0 where the play passed, else the code of the step that failed."""
        if self.passed:
            return ExitCode.DONE
        errors = [step.error for step in self.steps if step.error is not None]
        return errors[0].exit_code if errors else ExitCode.NO


class Stage(Protocol):
    """What the play is given: a server to play on, and workers that somebody else starts and stops."""

    def server(self) -> Server:
        """The server, started where it is ours to start; raises a domain error."""

    def start_worker(self, task_queue: str) -> str:
        """Start a worker on a queue and return the id that it will register."""

    def worker_problem(self) -> str | None:
        """Why a worker no longer works, or None while all of them do."""


@dataclass(slots=True)
class Play:
    """What the steps share: what they were given, and what earlier ones have found."""

    stage: Stage
    bundles: BundleSet
    namespace: str
    import_id: str
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    patience: float = PATIENCE
    url: str = ""
    queues: list[str] = field(default_factory=list)
    imported: list[ImportResult] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    _server: Server | None = None

    @property
    def server(self) -> Server:
        """The server of the stage, which is asked for it once."""
        if self._server is None:
            self._server = self.stage.server()
            self.url = self._server.target.url
        return self._server

    def runs(self) -> Iterator[tuple[RunFacts, BundleView]]:
        """The imported runs with their bundles."""
        for result in self.imported:
            verdict = result.judged.verdict
            if result.done and verdict is not None and verdict.run is not None:
                yield verdict.run, BundleView(decode(read_bundle(result.judged.file)).value)

    def waiting_for(self, found: Callable[[], bool]) -> bool:
        """Ask until it is so, and whether it was in time; raises what keeps a worker from its work."""
        until = self.clock() + self.patience
        while not found():
            if (problem := self.stage.worker_problem()) is not None:
                raise AnswerIsNo(problem)
            if self.clock() >= until:
                return False
            self.sleep(0.1)
        return True


class NothingToDo(Exception):
    """A step had nothing to work on; it is shown as skipped, with this reason."""


@dataclass(frozen=True, slots=True)
class Step:
    """A row of the play. `play` returns what was seen; it raises a domain error, or `NothingToDo`."""

    id: str
    title: str
    play: Callable[[Play], Sequence[str]]


def perform(play: Play, steps: Sequence[Step], on_step: Callable[[StepResult], None]) -> PlayResult:
    """Play the steps in order; after one that failed the others are skipped. Never raises for a step."""
    begun, results, failed = play.clock(), list[StepResult](), ""
    for step in steps:
        if failed:
            result = StepResult(step.id, step.title, StepState.SKIPPED, (f"not reached: {failed} failed",))
        else:
            result = _played(play, step)
        failed = failed or (step.id if result.state is StepState.FAILED else "")
        results.append(result)
        on_step(result)
    seconds = play.clock() - begun
    return PlayResult(play.url, play.namespace, play.bundles.folder, dict(play.refused), tuple(results), seconds)


def _played(play: Play, step: Step) -> StepResult:
    begun = play.clock()
    error: DwctlError | None = None
    state = StepState.OK
    told: tuple[str, ...] = ()
    try:
        told = tuple(step.play(play))
    except NothingToDo as nothing:
        state, told = StepState.SKIPPED, (str(nothing),)
    except KeyboardInterrupt:
        state, error = StepState.FAILED, Interrupted("interrupted")
    except DwctlError as failure:
        state, error = StepState.FAILED, failure
    return StepResult(step.id, step.title, state, told, play.clock() - begun, error)
