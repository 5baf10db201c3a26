"""Running the gate: every check of the table once, independent ones at once, dependent ones after, none ever absent.

`wait` asks again what may become true, and at its end once more what had passed before: the verdict is of one moment.
What acts on the server is never asked again: a shadow would start another run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from queue import Empty, SimpleQueue
from typing import Any, Final

from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import NOT_GOOD, Check, Evidence, Finding, Need, State
from dwctl.checklist.gate.results import GateResult, Result
from dwctl.checklist.gate.selection import Selection, require_known
from dwctl.checklist.records.records import Records
from dwctl.errors import DwctlError, LocalStateError, RequestNotPossible, own_lines
from dwctl.transfer.lanes import Done, Lanes

AT_ONCE: Final = 8
"""How many checks are asked at once."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0
_ENDS_WITHIN, _TICK = 10.0, 0.2
_SOURCES: Final = (Need.SERVER, Need.EMBEDDED, Need.BUNDLES, Need.ARCHIVES, Need.LEDGER)


class Listener:
    """Who is told how a run goes on; this one does nothing.

    Only the thread that runs the gate calls it, but for `reads`, which any thread may.
    """

    def began(self, check: Check) -> None:
        """A check is being asked."""

    def ended(self, result: Result, before: Result | None) -> None:
        """A check has its answer, or is left out; `before` is that of an earlier look, where a wait asks again."""

    def waits(self, pending: Sequence[Result], seconds: float) -> None:
        """A wait of so many more seconds at most, for these."""

    def missed(self, error: DwctlError) -> None:
        """A look of a wait could not be had; the answers stay as they were."""

    def reads(self, done: int, total: int, what: str) -> None:
        """How far long reading is; `what` is what is done, as in "verifying"."""


@dataclass(frozen=True, slots=True)
class Times:
    """The clocks of a run: `now` is UTC as dwctl writes moments, `ticks` seconds that never go back."""

    now: Callable[[], str]
    ticks: Callable[[], float]
    sleep: Callable[[float], None]


@dataclass(frozen=True, slots=True)
class _Job:
    """A check on its way through a thread."""

    check: Check
    world: World
    finding: Finding | None = None
    began_at: str = ""
    seconds: float = 0.0
    bug: Exception | None = None
    error: DwctlError | None = None


def _untold(error: Exception) -> None:
    pass


def run_gate(
    checks: Sequence[Check],
    make_world: Callable[[], World],
    *,
    times: Times,
    selection: Selection | None = None,
    records: Records | None = None,
    server: str | None = None,
    wait: float = 0.0,
    strict: bool = False,
    listener: Listener | None = None,
    on_bug: Callable[[Exception], None] = _untold,
) -> GateResult:
    """Ask the chosen checks, and tell of every check of the table.

    `make_world` gives a fresh look; a wait of `wait` seconds calls it again. `server` is its URL, for the result.
    `on_bug` gets what a check raised that it should not have: the result has its place only.
    Raises RequestNotPossible for a selection that names nothing, and where there is nothing that could be asked; and
    what the first `make_world` raises.
    """
    selection, records = selection or Selection(), records or Records()
    require_known(selection, checks)
    began_at, began = times.now(), times.ticks()
    world = make_world()
    _require_something(world)
    run = _Run(checks, times, selection, records, listener or Listener(), on_bug)
    interrupted = False
    try:
        run.look(world, run.chosen)
        run.wait(make_world, wait, strict=strict)
    except KeyboardInterrupt:
        interrupted = True
    results = run.told()
    return GateResult(
        world.described.name, server, world.namespace, began_at, times.ticks() - began, results,
        records.complaints, strict, interrupted, tuple(records.notes(results)), run.local_state,
    )  # fmt: skip


def _require_something(world: World) -> None:
    if world.described.path is None and all(need in world.missing for need in _SOURCES):
        raise RequestNotPossible(
            "there is no cutover.toml here, and nothing else says what to check",
            next_step="Describe the cutover with `dwctl checklist init`, or give --server and --namespace.",
            reason="nothing_to_check",
        )


class _Run:
    """The answers of a run as they come."""

    def __init__(
        self, checks: Sequence[Check], times: Times, selection: Selection, records: Records, listener: Listener,
        on_bug: Callable[[Exception], None],
    ) -> None:  # fmt: skip
        self._times, self._records, self._listener, self._on_bug = times, records, listener, on_bug
        self._local_state: set[str] = set()
        self._checks = {check.id: check for check in checks}
        self._results: dict[str, Result] = {}
        self._blocked: dict[str, tuple[str, ...]] = {}
        self._running: set[str] = set()
        for check in checks:
            if (why := selection.why_left_out(check)) is not None:
                finding = Finding(State.SKIPPED, why)
                left_out = Result(check, finding, State.SKIPPED, times.now(), 0.0, left_out=True)
                self._results[check.id] = left_out
                listener.ended(left_out, None)
        self.chosen = tuple(check for check in checks if check.id not in self._results)

    @property
    def local_state(self) -> bool:
        """Whether an answer is missing because of a local file."""
        return bool(self._local_state)

    def look(self, world: World, wanted: Iterable[Check]) -> None:
        """Ask these checks, each after those that it waits for."""
        rows = {check.id: check for check in wanted}
        order = TopologicalSorter({one.id: [name for name in one.after if name in rows] for one in rows.values()})
        order.prepare()
        done: SimpleQueue[Done[_Job]] = SimpleQueue()
        lanes = Lanes("check", min(AT_ONCE, len(rows)), self._asked, done)
        ready: deque[str] = deque()
        try:
            while order.is_active():
                ready.extend(order.get_ready())
                while ready and lanes.busy < AT_ONCE:
                    check = rows[ready.popleft()]
                    if (finding := self._without_asking(check, world)) is not None:
                        self._settle(check, finding, self._times.now(), 0.0, attestable=not self._blocked[check.id])
                        order.done(check.id)
                        ready.extend(order.get_ready())
                        continue
                    self._running.add(check.id)
                    self._listener.began(check)
                    lanes.put(_Job(check, world))
                if lanes.busy:
                    order.done(self._take(done.get(), lanes))
        except KeyboardInterrupt:
            world.stop.ask()
            self._await_acts(done, lanes)
            raise
        finally:
            lanes.close()
            while not done.empty():  # what had answered when an interruption came is known
                self._take(done.get(), lanes)

    def _await_acts(self, done: SimpleQueue[Done[_Job]], lanes: Lanes[_Job]) -> None:
        """Let what has begun to act on the server end in order; a second interruption does not wait for it."""
        until = self._times.ticks() + _ENDS_WITHIN
        while any(self._checks[name].acts for name in self._running) and self._times.ticks() < until:
            with suppress(Empty):
                self._take(done.get(timeout=_TICK), lanes)

    def wait(self, make_world: Callable[[], World], seconds: float, *, strict: bool) -> None:
        """Ask again what may become true, with a growing pause, until nothing stops or the time is over.

        What passed before the last look is then asked once more: an answer from before a long wait is none of now.
        """
        end, pause = self._times.ticks() + seconds, _FIRST_PAUSE
        earlier: tuple[Check, ...] = ()
        missed = False
        while True:
            pending = tuple(check for name, check in self._checks.items() if self._may_become_true(name))
            at_last = not any(strict or self._results[check.id].stops for check in pending)
            wanted = earlier if at_last else pending
            if not wanted:
                return
            if missed or not at_last:
                if (left := end - self._times.ticks()) <= 0:
                    self._forget(wanted if at_last else ())
                    return
                self._listener.waits([self._results[check.id] for check in wanted], left)
                self._times.sleep(min(pause, left))
                pause = min(pause * 2, _LONGEST_PAUSE)
            try:
                world, missed = make_world(), False
            except DwctlError as error:
                self._listener.missed(error)
                missed = True
                continue
            self.look(world, wanted)
            asked = {check.id for check in wanted}
            before = (check for check in self.chosen if not check.acts and check.id not in asked)
            earlier = () if at_last else tuple(check for check in before if not self._is_not_good(check.id))

    def _forget(self, checks: Iterable[Check]) -> None:
        """What was good before a wait and could not be asked once more: nobody knows whether it still is."""
        for check in checks:
            said = "it answered before the wait, and could not be asked again at its end"
            finding = Finding(State.UNKNOWN, said, next_step="Run the gate again.")
            self._settle(check, finding, self._times.now(), 0.0, attestable=False)

    def told(self) -> tuple[Result, ...]:
        """Every check in the order of the table; what an interruption left without an answer is unknown."""
        return tuple(self._results.get(name) or self._interrupted(name) for name in self._checks)

    def _interrupted(self, name: str) -> Result:
        said = "interrupted before it answered" if name in self._running else "not asked: interrupted"
        step = "Run the gate again: it changes nothing that it looks at."
        if name in self._running and self._checks[name].acts:
            step = f"Look at what it left on the server: {self._checks[name].fix}"
        finding = Finding(State.UNKNOWN, said, next_step=step)
        return Result(self._checks[name], finding, State.UNKNOWN, self._times.now(), 0.0)

    def _asked(self, job: _Job) -> _Job:
        """In a thread: the check's own answer."""
        began_at, began = self._times.now(), self._times.ticks()
        failed: dict[str, Any] = {}
        try:
            finding = _unwaived(job.check.ask(job.world))
        except DwctlError as error:
            finding, failed = _from_error(job.check, error, began_at), {"error": error}
        except Exception as error:
            finding, failed = _from_bug(error, began_at), {"bug": error}
        seconds = self._times.ticks() - began
        return replace(job, finding=finding, began_at=began_at, seconds=seconds, **failed)

    def _take(self, done: Done[_Job], lanes: Lanes[_Job]) -> str:
        lanes.busy -= 1
        job = done.item
        self._running.discard(job.check.id)
        finding, bug = job.finding, job.bug or done.error
        if finding is None:
            if not isinstance(bug, Exception):
                raise bug or RuntimeError(job.check.id)
            finding = _from_bug(bug, self._times.now())
        if isinstance(bug, Exception):
            self._on_bug(bug)
        in_the_way = isinstance(job.error, LocalStateError)
        (self._local_state.add if in_the_way else self._local_state.discard)(job.check.id)
        self._settle(job.check, finding, job.began_at, job.seconds, attestable=bug is None and job.error is None)
        return job.check.id

    def _settle(self, check: Check, finding: Finding, began_at: str, seconds: float, *, attestable: bool) -> None:
        before = self._results.get(check.id)
        result = self._records.settled(check, finding, began_at, seconds, attestable=attestable)
        self._results[check.id] = result
        self._listener.ended(result, before)

    def _without_asking(self, check: Check, world: World) -> Finding | None:
        """The finding of a check that cannot or need not be asked; None where it is to be asked."""
        self._blocked[check.id] = ()
        missing = [world.missing[need] for need in check.needs if need in world.missing]
        for one in missing:
            if not one.applies:
                return Finding(State.SKIPPED, one.why, next_step=one.next_step, command=one.command)
        for one in missing:
            return Finding(State.UNKNOWN, one.why, next_step=one.next_step, command=one.command)
        self._blocked[check.id] = blocked = tuple(name for name in check.after if self._is_not_good(name))
        if not blocked:
            return None
        first = self._results[blocked[0]].finding
        verb = "does" if len(blocked) == 1 else "do"
        return Finding(State.UNKNOWN, f"not asked: {' and '.join(blocked)} {verb} not pass", command=first.command)

    def _is_not_good(self, name: str) -> bool:
        return name in self._results and self._results[name].finding.state in NOT_GOOD

    def _may_become_true(self, name: str) -> bool:
        """Whether asking again may help; what was not asked yet depends on those that it waits for."""
        if not self._is_not_good(name):
            return False
        if blocked := self._blocked.get(name):
            return all(self._may_become_true(one) for one in blocked)
        return self._checks[name].becomes_true


def _unwaived(finding: Finding) -> Finding:
    if finding.state is State.WAIVED:
        raise ValueError("no check waives itself")
    return finding


def _from_error(check: Check, error: DwctlError, at: str) -> Finding:
    where = f" ({error.where})" if error.where else ""
    return Finding(
        State.UNKNOWN, f"{error.message}{where}", evidence=(Evidence(check.evidence, error.message, at),),
        next_step=error.next_step, command=f"dwctl checklist --only {check.id}",
    )  # fmt: skip


def _from_bug(error: Exception, at: str) -> Finding:
    """The lines of dwctl that the exception went through; its text may hold business data, and is left out."""
    own = own_lines(error)
    last = own[-1] if own else "an unknown place"
    return Finding(
        State.UNKNOWN, f"this is a bug in dwctl: {type(error).__name__} at {last}",
        evidence=(Evidence("the check's own function", " > ".join(own) or "nothing of dwctl", at),),
        next_step="Run the same command again with DWCTL_TRACEBACK=1 for the details, and report them.",
    )  # fmt: skip
