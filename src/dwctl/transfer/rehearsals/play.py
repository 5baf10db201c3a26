"""The whole guide as a play: its steps in order, each with what it did, until one fails.

The play knows a server, a folder of bundles and a `Stage`, which starts processes; it starts none itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from dwctl.bundle.canonical import decode
from dwctl.bundle.verify import RunFacts
from dwctl.bundle.view import BundleView
from dwctl.errors import AnswerIsNo, DwctlError, ExitCode, Interrupted
from dwctl.server.results import Worker
from dwctl.server.transport import Server
from dwctl.transfer.files.sources import read_bundle
from dwctl.transfer.imports.outcomes import ImportResult
from dwctl.transfer.rehearsals.bundles import BundleSet
from dwctl.transfer.rehearsals.plan import ShadowPlan
from dwctl.transfer.rehearsals.work import Outlook, outlook

PATIENCE = 60.0
"""Seconds that a step waits for a worker, or for a run to close."""


_TRY_IT = "Does the worker speak the server's protocol, get its token (DW_WORKER_TOKEN), and start in a shell of yours?"
_FROM_THE_START = "Run the same command again: a rehearsal begins anew, in a new namespace."


class StepState(StrEnum):
    """What became of a step. `skipped` is one that had nothing to do, or that was not reached; it says why."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step: what became of it, sentences on what was seen, and seconds; `error` is why it failed.

    `phase` is the letter of the guide's phase, and `why` what the step is good for.
    """

    id: str
    title: str
    state: StepState
    told: tuple[str, ...] = ()
    seconds: float = 0.0
    error: DwctlError | None = None
    phase: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class PlayResult:
    """The whole play: which server, namespace and folder, what became of the bundles, and the steps.

    `refused` is file → rule, of those refused as expected; `finished` and `left_open` are workflow id → where the
    run stood when it was imported, or why nothing here can bring it to its end.
    """

    server: str
    namespace: str
    folder: str
    refused: Mapping[str, str]
    steps: tuple[StepResult, ...]
    seconds: float
    imported: int = 0
    finished: Mapping[str, str] = field(default_factory=dict)
    left_open: Mapping[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether steps were played and none of them failed."""
        played = [step for step in self.steps if step.state is StepState.OK]
        return bool(played) and all(step.state is not StepState.FAILED for step in self.steps)

    @property
    def error(self) -> DwctlError | None:
        """What ended the play, where a step failed."""
        return next((step.error for step in self.steps if step.error is not None), None)

    @property
    def exit_code(self) -> ExitCode:
        """0 where the play passed, else the code of the step that failed."""
        if self.passed:
            return ExitCode.DONE
        return self.error.exit_code if self.error is not None else ExitCode.NO


class Stage(Protocol):
    """What the play is given: a server to play on, and workers that somebody else starts and stops."""

    def server(self) -> Server:
        """The server, started where it is ours to start; raises a domain error."""

    def start_worker(self, task_queue: str) -> str | None:
        """Start a worker on a queue; returns the id that it will register, None where it chooses one itself."""

    def worker_problem(self) -> str | None:
        """Why a worker no longer works, or None while all of them do."""


@dataclass(slots=True)
class Play:
    """What the steps share: what they were given, and what earlier ones have found.

    `shadow` is None where nobody said which run to start; `types` are those that the workers must register.
    `clock` counts seconds, `now` is the time of day, and `pause` seconds lie between two questions.
    """

    stage: Stage
    bundles: BundleSet
    namespace: str
    import_id: str
    shadow: ShadowPlan | None = None
    types: tuple[str, ...] = ()
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep
    patience: float = field(default_factory=lambda: PATIENCE)
    pause: float = 0.1
    url: str = ""
    queues: list[str] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    imported: list[ImportResult] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    finished: dict[str, str] = field(default_factory=dict)
    left_open: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
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

    def outlooks(self) -> list[Outlook]:
        """What the open ones of the imported runs do next."""
        now = self.now()
        found = (outlook(run, bundle, now) for run, bundle in self.runs())
        return [one for one in found if one is not None]

    def waiting_for(self, found: Callable[[], bool]) -> bool:
        """Ask until it is so, and whether it was in time; raises what keeps a worker from its work."""
        until = self.clock() + self.patience
        while not found():
            if (problem := self.stage.worker_problem()) is not None:
                raise AnswerIsNo(problem, next_step=_TRY_IT)
            if self.clock() >= until:
                return False
            self.sleep(self.pause)
        return True


class NothingToDo(Exception):
    """A step had nothing to work on; it is shown as skipped, with this reason and what else there is to say."""

    def __init__(self, reason: str, *more: str) -> None:
        super().__init__(reason)
        self.more = more


@dataclass(frozen=True, slots=True)
class Step:
    """A row of the play. `play` returns what was seen; it raises a domain error, or `NothingToDo`.

    `phase` is a letter of `PHASES`, `why` a sentence on what the step is good for.
    """

    id: str
    phase: str
    title: str
    why: str
    play: Callable[[Play], Sequence[str]]

    def ended(
        self, state: StepState, told: Sequence[str] = (), seconds: float = 0.0, error: DwctlError | None = None
    ) -> StepResult:
        """What became of this step."""
        return StepResult(self.id, self.title, state, tuple(told), seconds, error, self.phase, self.why)


def perform(
    play: Play,
    steps: Sequence[Step],
    on_step: Callable[[StepResult], None],
    on_begin: Callable[[Step], None] = lambda step: None,
) -> PlayResult:
    """Play the steps in order; after one that failed the others are skipped. Never raises for a step."""
    begun, results, failed = play.clock(), list[StepResult](), ""
    for step in steps:
        if failed:
            result = step.ended(StepState.SKIPPED, [f"not reached: {failed}"])
        else:
            on_begin(step)
            result = _played(play, step)
        if result.state is StepState.FAILED:
            failed = "interrupted" if isinstance(result.error, Interrupted) else f"{step.id} failed"
        results.append(result)
        on_step(result)
    return PlayResult(
        play.url, play.namespace, play.bundles.folder, dict(play.refused), tuple(results), play.clock() - begun,
        sum(one.done for one in play.imported), dict(play.finished), dict(play.left_open),
    )  # fmt: skip


def _played(play: Play, step: Step) -> StepResult:
    begun = play.clock()
    error: DwctlError | None = None
    state = StepState.OK
    told: tuple[str, ...] = ()
    try:
        told = tuple(step.play(play))
    except NothingToDo as nothing:
        state, told = StepState.SKIPPED, (str(nothing), *nothing.more)
    except KeyboardInterrupt:
        state, error = StepState.FAILED, Interrupted("interrupted", next_step=_FROM_THE_START)
    except DwctlError as failure:
        state, error = StepState.FAILED, failure
    return step.ended(state, told, play.clock() - begun, error)
