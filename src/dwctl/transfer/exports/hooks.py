"""The hooks `embedded.pause` and `embedded.resume`: run, and every call of them recorded before and after.

The pause outlives the export: a run that woke up between its export and its import would go on in both runtimes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from dwctl.embedded.calls import Caller, CallPrintsTooMuch, CallTimedOut
from dwctl.embedded.child import start_failure
from dwctl.embedded.remote_words import as_one_command
from dwctl.errors import DwctlError, RequestNotPossible, ServerFailed, ServerTimedOut

_LONGEST_WORDS = 500


class HookName(StrEnum):
    """The two hooks; the setting of each is `embedded.` and its name."""

    PAUSE = "pause"
    RESUME = "resume"


class HookOutcome(StrEnum):
    """How a call ended. `called` is written before it, so that also a call whose end nobody saw is on record."""

    CALLED = "called"
    DONE = "done"
    FAILED = "failed"
    NOT_STARTED = "not_started"
    TIMED_OUT = "timed_out"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class HookCall:
    """One call; `at` is when it began (UTC), `seconds` how long it took, `exit_code` None where it has none."""

    hook: HookName
    outcome: HookOutcome
    at: str
    seconds: float | None = None
    exit_code: int | None = None


@dataclass
class Hooks:
    """The hooks of one export. `record` keeps a call, durably where it can; `now` is the time as text (UTC).

    The words are argument lists; they are not recorded: they may hold what is nobody's business.
    """

    pause_words: Sequence[str] | None
    resume_words: Sequence[str] | None
    record: Callable[[HookCall], None]
    now: Callable[[], str]
    timeout: float = 60.0
    environment: Mapping[str, str] | None = field(default=None, repr=False)
    clock: Callable[[], float] = time.monotonic
    calls: list[HookCall] = field(default_factory=list)
    paused: bool = False
    """Whether workers may be paused now because of us; true from the moment in which the hook is called."""

    def pause(self) -> None:
        """Pause the workers, where a hook is set. Raises a DwctlError where it did not end well."""
        if self.pause_words:
            self._call(HookName.PAUSE, self.pause_words)

    def resume(self) -> None:
        """Let the workers go on. Raises RequestNotPossible without a hook, a DwctlError where it did not end well."""
        if not self.resume_words:
            raise RequestNotPossible(
                "there is no hook that lets the embedded workers go on", where="embedded.resume",
                next_step="Let them go on by hand; set embedded.resume in cutover.toml for the next time.",
                reason="hook_not_set",
            )  # fmt: skip
        self._call(HookName.RESUME, self.resume_words)
        self.paused = False

    def settle(self, *, exported: bool, resume_after_export: bool) -> DwctlError | None:
        """After the export: let paused workers go on where nothing was exported, or where that was asked for.

        Otherwise they stay paused: what was exported must not move before its import. Returns what went wrong.
        """
        if not self.paused or (exported and not resume_after_export):
            return None
        if not self.resume_words and not resume_after_export:
            return None
        try:
            self.resume()
        except DwctlError as error:
            return error
        return None

    def _call(self, hook: HookName, words: Sequence[str]) -> None:
        at, begun = self.now(), self.clock()
        self._note(HookCall(hook, HookOutcome.CALLED, at))
        if hook is HookName.PAUSE:
            self.paused = True
        outcome, code, error = HookOutcome.INTERRUPTED, None, None
        try:
            outcome, code, error = self._run(hook, words)
        finally:
            self._note(HookCall(hook, outcome, at, round(self.clock() - begun, 3), code))
        if hook is HookName.PAUSE and outcome is HookOutcome.NOT_STARTED:
            self.paused = False
        if error is not None:
            raise error

    def _note(self, call: HookCall) -> None:
        self.calls.append(call)
        self.record(call)

    def _run(self, hook: HookName, words: Sequence[str]) -> tuple[HookOutcome, int | None, DwctlError | None]:
        where = f"embedded.{hook.value}"
        words = as_one_command(words)
        try:
            ended = Caller(self.clock).call(words, timeout=self.timeout, environment=self.environment)
        except (OSError, ValueError) as problem:
            return HookOutcome.NOT_STARTED, None, RequestNotPossible(
                f"the hook cannot be started: {start_failure(words, problem)}", where=where,
                next_step=f"Set {where} in cutover.toml to words that may be run here.", reason="hook_not_started",
            )  # fmt: skip
        except CallTimedOut:
            return HookOutcome.TIMED_OUT, None, ServerTimedOut(
                f"the hook did not end within {self.timeout:g} seconds", where=where,
                next_step="Look at the workers: it may have done its work. embedded.timeout allows more.",
                reason="hook_timed_out",
            )  # fmt: skip
        except CallPrintsTooMuch:
            return HookOutcome.FAILED, None, _failed("the hook printed without an end, and was ended", where)
        if ended.code == 0:
            return HookOutcome.DONE, 0, None
        said = ended.errors.decode("utf-8", "replace").strip()[-_LONGEST_WORDS:]
        message = f"the hook ended with exit code {ended.code}" + (f": {said}" if said else "")
        return HookOutcome.FAILED, ended.code, _failed(message, where)


def _failed(message: str, where: str) -> ServerFailed:
    return ServerFailed(
        message, where=where, next_step="Run its words by hand, and look at the workers.", reason="hook_failed"
    )
