"""A shadow workflow: started for nobody, to see a worker claim it and bring it where it should be (guide, Phase D).

Its id is new: a duplicate start would be written into the history of the run that has the id (contract/server.md §5).
A start whose answer is lost is asked after and never sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from dwctl.bundle.vocabulary import TERMINAL_STATUSES
from dwctl.checklist.shadow.hang import Hang, failure_of, hang_of
from dwctl.checklist.shadow.json_values import first_difference
from dwctl.checklist.worker_events import WORKERS_EVENTS
from dwctl.errors import DwctlError, ExitCode
from dwctl.server.endpoints import show_task_queue
from dwctl.server.failures import CallFailed, CallNotConnected, CallTimedOut, ServerFailure
from dwctl.server.results import Run, Started
from dwctl.server.transport import Server
from dwctl.server.workflows import describe, history, start, terminate

EXPECTED: Final = ("completed", "failed", "cancelled", "terminated", "waiting")
"""What a shadow run may be expected to reach; `waiting` is at rest: for a signal, a timer, an update or a child."""

_MOVING = frozenset({None, "workflow-task", "activity"})
_WITHOUT_A_CLAIM: Final = frozenset({"pending", "cancelled", "terminated"})
"""What a run can be although no worker has had it: these two are anybody's command."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0
_SAYS_WHY_AFTER = 2.0
"""Seconds without any change after which it is asked why."""
_CLEANUP_REASON = "dwctl shadow --cleanup"


def new_id() -> str:
    """A workflow id that no other run can have."""
    from ulid import ULID

    return f"shadow-{ULID()}".lower()


class ShadowState(StrEnum):
    """How a shadow run came out."""

    REACHED = "reached"
    OTHER_STATUS = "ended_otherwise"
    OTHER_OUTPUT = "other_output"
    NOT_CLAIMED = "not_claimed"
    STUCK = "stuck"
    UNKNOWN = "unknown"
    INTERRUPTED = "interrupted"


_CODES: Final = {
    ShadowState.REACHED: ExitCode.DONE,
    ShadowState.OTHER_STATUS: ExitCode.NO,
    ShadowState.OTHER_OUTPUT: ExitCode.NO,
    ShadowState.NOT_CLAIMED: ExitCode.TIMEOUT,
    ShadowState.STUCK: ExitCode.TIMEOUT,
    ShadowState.INTERRUPTED: ExitCode.INTERRUPTED,
}
REASONS: Final = {
    ShadowState.OTHER_STATUS: "shadow_ended_otherwise",
    ShadowState.OTHER_OUTPUT: "shadow_other_output",
    ShadowState.NOT_CLAIMED: "shadow_not_claimed",
    ShadowState.STUCK: "shadow_stuck",
}
"""What `dwctl explain` says of each."""


@dataclass(frozen=True, slots=True)
class ShadowPlan:
    """What to start and what to expect; `output` holds one JSON value, or is empty where any will do."""

    workflow_id: str
    workflow_type: str
    task_queue: str
    arguments: Sequence[Any] = ()
    expect: str = "completed"
    output: tuple[Any, ...] = ()
    timeout: float = 60.0
    cleanup: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """Something that changed, in a sentence, `seconds` after the start."""

    seconds: float
    told: str


@dataclass(slots=True)
class ShadowResult:
    """What is known of the run; filled as it goes on, so that an interruption finds it there.

    `run_id` is None until the start was answered; `claimed_after` is in seconds, None before the claim, and
    `claimed_by` None where the claim was too short to see by whom. `hang` is why it went no further. `left` says
    what is still on the server. `output` is what came, for a caller that may show it.
    """

    plan: ShadowPlan
    server: str
    namespace: str
    state: ShadowState = ShadowState.UNKNOWN
    run_id: str | None = None
    asked: bool = False
    status: str | None = None
    claimed_by: str | None = None
    claimed_after: float | None = None
    seconds: float = 0.0
    told: str = ""
    next_step: str | None = None
    hang: Hang | None = None
    error: DwctlError | None = None
    left: str = ""
    output: Any = None

    @property
    def exit_code(self) -> ExitCode:
        """0 reached, 1 ended otherwise, 7 not in time, 130 interrupted; the failure's where it is not known."""
        if self.state is ShadowState.UNKNOWN:
            return ExitCode.SERVER if self.error is None else self.error.exit_code
        return _CODES[self.state]


@dataclass(slots=True)
class Shadow:
    """One shadow run on one server. `clock` counts seconds; `on_progress` is told of each change."""

    server: Server
    plan: ShadowPlan
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    on_progress: Callable[[Progress], None] = field(default=lambda progress: None)
    result: ShadowResult = field(init=False)
    _begun: float = 0.0

    def __post_init__(self) -> None:
        target = self.server.target
        self.result = ShadowResult(self.plan, target.url, target.namespace)

    def play(self) -> ShadowResult:
        """Start the run and watch it to where it should be, or until its time is over.

        Raises what kept the start from being made (a ServerFailure); after it nothing is raised but an interruption.
        """
        self._begun = self.clock()
        started = self._start()
        self.result.run_id, self.result.asked = started.run_id, started.asked
        found = " (the answer was lost, and the run was found by asking)" if started.asked else ""
        self._tell(f"started {self.plan.workflow_id}, run {started.run_id}{found}")
        try:
            self._watch()
        except ServerFailure as failure:
            self._unknown(failure)
        self.result.seconds = self.clock() - self._begun
        return self.result

    def _start(self) -> Started:
        plan = self.plan
        try:
            return start(
                self.server, workflow_id=plan.workflow_id, workflow_type=plan.workflow_type,
                task_queue=plan.task_queue, arguments=plan.arguments,
            )  # fmt: skip
        except ServerFailure as failure:
            self.result.error = failure
            if failure.exchange.method == "GET" or failure.exchange.unsettled:
                failure.next_step = (
                    f"Whether {plan.workflow_id} was started is not known: ask with `dwctl workflow show "
                    f"{plan.workflow_id}`. Another `dwctl shadow` is another run."
                )
            raise

    def _watch(self) -> None:
        until, pause, changed, seen, why_told = self._begun + self.plan.timeout, _FIRST_PAUSE, self.clock(), "", False
        failure: ServerFailure | None = None
        run: Run | None = None
        while True:
            try:
                run, failure = self._look(), None
            except (CallNotConnected, CallTimedOut, CallFailed) as missed:
                failure = missed
            if failure is None and run is not None and self._is_over(run):
                return
            stands = f"no answer: {failure.message}" if failure is not None else self._stands(run)
            if stands != seen:
                self._tell(stands)
                seen, changed, why_told, pause = stands, self.clock(), False, _FIRST_PAUSE
            if self.clock() >= until:
                break
            if not why_told and run is not None and failure is None and self.clock() - changed >= _SAYS_WHY_AFTER:
                self._tell(self._why(run).told)
                why_told = True
            self.sleep(min(pause, max(until - self.clock(), 0.0)))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
        if failure is not None or run is None:
            raise failure or RuntimeError("a run was neither seen nor missed")
        self._late(run)

    def _look(self) -> Run:
        """The newest run of the id, and by whom it is claimed, for as long as that is not known."""
        run = describe(self.server, self.plan.workflow_id)
        self.result.status = run.row.status
        if self.result.claimed_after is None:
            leases = show_task_queue(self.server, run.row.task_queue or self.plan.task_queue).leases or ()
            holder = next((lease.lease_owner for lease in leases if lease.run_id == run.row.run_id), None)
            if holder is not None or run.row.status not in _WITHOUT_A_CLAIM:
                self.result.claimed_after, self.result.claimed_by = self.clock() - self._begun, holder
                self._tell(f"claimed by {holder}" if holder is not None else "claimed")
        return run

    def _is_over(self, run: Run) -> bool:
        """Whether it is where it should be, or can no longer get there; the result then says which."""
        status, wanted = run.row.status, self.plan.expect
        rests = status == wanted == "waiting" and run.wait_kind not in _MOVING
        if not rests and (status not in TERMINAL_STATUSES or run.closed_reason == "continued"):
            return False
        self.result.output = run.document.get("output")
        if status != wanted:
            self._ended(ShadowState.OTHER_STATUS, f"it ended as {status}, not {wanted}")
            said = failure_of(self.server, run)
            if said:
                self.result.told += f": {said}"
            self.result.next_step = "Look at its input and at what the worker's code does with it."
        elif self.result.claimed_after is None and not self._a_worker_had_it(run):
            self._ended(ShadowState.NOT_CLAIMED, f"it is {status}, and nothing shows that a worker had claimed it")
            self.result.next_step = "Let nobody end it before a worker has it; see who polls its queue."
        elif self.plan.output and (found := first_difference(self.plan.output[0], self.result.output)) is not None:
            self._ended(ShadowState.OTHER_OUTPUT, f"it ended as {status}, and its output is another: {found}")
            self.result.next_step = "--show-output prints the output that came."
        else:
            self._ended(ShadowState.REACHED, f"it was claimed and is {status}, as expected")
        self.result.left = "" if status in TERMINAL_STATUSES else f"it is open, waiting for {run.wait_kind}"
        return True

    def _a_worker_had_it(self, run: Run) -> bool:
        """Whether the history holds what only a worker brings."""
        events = history(self.server, run.row.workflow_id, run.row.run_id)
        return any(event.event_type in WORKERS_EVENTS for event in events)

    def _ended(self, state: ShadowState, told: str) -> None:
        self.result.state, self.result.told = state, told

    def _stands(self, run: Run | None) -> str:
        if run is None:
            return "nothing is known yet"
        status = run.row.status
        if run.wait_kind == "workflow-task":
            return "waiting for a worker's next step" if status == "waiting" else f"{status}, for a worker to go on"
        if run.wait_kind is None:
            return status
        return f"waiting for {run.wait_kind}" if status == "waiting" else f"{status}, waiting for {run.wait_kind}"

    def _why(self, run: Run) -> Hang:
        return hang_of(self.server, run, self.plan.task_queue, self.plan.workflow_type,
                       self.result.claimed_by, claimed=self.result.claimed_after is not None)  # fmt: skip

    def _late(self, run: Run) -> None:
        claimed = self.result.claimed_after is not None
        self.result.hang = hang = self._why(run)
        stands = f"claimed and {run.row.status}" if claimed else "not claimed"
        self._ended(
            ShadowState.STUCK if claimed else ShadowState.NOT_CLAIMED,
            f"still {stands}: {hang.told}",
        )
        self.result.next_step, self.result.left = hang.next_step, "it is open"

    def _unknown(self, failure: ServerFailure) -> None:
        self.result.state, self.result.error = ShadowState.UNKNOWN, failure
        self.result.told = f"it was started, and what became of it is not known: {failure.message}"
        self.result.next_step = f"`dwctl workflow show {self.plan.workflow_id}` asks for it."
        self.result.left = "it may be open"

    def interrupted(self) -> ShadowResult:
        """The result after an interruption, with what is left on the server."""
        known, name = self.result, self.plan.workflow_id
        known.seconds = self.clock() - self._begun
        known.state = ShadowState.INTERRUPTED
        if known.run_id is None:
            known.told, known.left = "interrupted while it was being started", "it may be there, and open"
        else:
            known.told = f"interrupted; it was {known.status or 'just started'}"
            known.left = "" if known.status in TERMINAL_STATUSES else "it is open, and goes on without dwctl"
        known.next_step = f"`dwctl workflow show {name}` asks for it."
        return known

    def clean_up(self) -> None:
        """Terminate the run if it may still be open. A closed one is left: retention removes it.

        Archiving would do the opposite: it keeps a run for ever (contract/server.md §5). Never raises a ServerFailure:
        what could not be cleaned up is told in `left`.
        """
        if not self.result.left:
            self.result.left = "it is closed, and retention removes it"
            return
        try:
            outcome = terminate(self.server, self.plan.workflow_id, reason=_CLEANUP_REASON)
        except ServerFailure as failure:
            if self._is_closed():
                self.result.left = "it was closed by then, and retention removes it"
                return
            self.result.left += f", and was not terminated: {failure.message}"
            return
        self.result.left = f"{outcome}, and retention removes it"

    def _is_closed(self) -> bool:
        """Whether the run is known to be closed; a command that was refused leaves that to be asked."""
        try:
            return describe(self.server, self.plan.workflow_id).row.status in TERMINAL_STATUSES
        except ServerFailure:
            return False

    def _tell(self, told: str) -> None:
        self.on_progress(Progress(self.clock() - self._begun, told))
