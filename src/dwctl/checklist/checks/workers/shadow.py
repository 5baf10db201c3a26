"""Item 7: every described shadow workflow is started, claimed, and gets where it should, all at the same time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Thread
from typing import Final

from dwctl.checklist.checks.findings import seen
from dwctl.checklist.checks.server.asking import at_server
from dwctl.checklist.description.described import ShadowWorkflow
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Evidence, Finding, State
from dwctl.checklist.shadow.shadow import Shadow, ShadowPlan, ShadowResult, ShadowState, new_id
from dwctl.counted import counted
from dwctl.errors import DwctlError
from dwctl.server.failures import ServerFailure
from dwctl.server.transport import Server
from dwctl.transfer.lanes import Stop

_UNKNOWN: Final = frozenset({ShadowState.UNKNOWN, ShadowState.INTERRUPTED})
_WORST_FIRST: Final = (State.FAIL, State.UNKNOWN, State.PASS)


def reached(world: World) -> Finding:
    """Start them, wait, and say how each came out."""
    shadows = world.described.shadows
    plans = [_plan(shadow) for shadow in shadows]
    return judged(world, play(world.server(), plans, time.monotonic, _until_stopped(world.stop)))


class _Stopped(Exception):
    """A person has had enough."""


def _until_stopped(stop: Stop) -> Callable[[float], None]:
    """A sleep that ends the play where somebody has asked for that; a play sleeps for a second at the most."""

    def sleep(seconds: float) -> None:
        if stop.over():
            raise _Stopped
        time.sleep(seconds)

    return sleep


def _plan(shadow: ShadowWorkflow) -> ShadowPlan:
    return ShadowPlan(
        new_id(), shadow.workflow_type, shadow.task_queue, shadow.arguments, shadow.expect_status, shadow.output,
        shadow.timeout, cleanup=shadow.cleanup,
    )  # fmt: skip


@dataclass(slots=True)
class Played:
    """A shadow run as it came out; `error` is what kept it from being started, None where nothing did."""

    result: ShadowResult
    error: DwctlError | None = None

    @property
    def state(self) -> State:
        """A start that the server refused is a fail; one that may have been made, or may soon be, is unknown."""
        if isinstance(self.error, ServerFailure):
            exchange = self.error.exchange
            settled = exchange.status is not None and not exchange.retryable and not exchange.unsettled
            return State.FAIL if settled else State.UNKNOWN
        if self.error is not None or self.result.state in _UNKNOWN:
            return State.UNKNOWN
        return State.PASS if self.result.state is ShadowState.REACHED else State.FAIL

    @property
    def told(self) -> str:
        """What became of it, in a sentence."""
        return self.result.told if self.error is None else f"it was not started: {self.error.message}"

    @property
    def next_step(self) -> str | None:
        """What to do; None where it is as expected."""
        return self.result.next_step if self.error is None else self.error.next_step


def play(
    server: Server, plans: Sequence[ShadowPlan], clock: Callable[[], float], sleep: Callable[[float], None]
) -> tuple[Played, ...]:
    """Play all of them at once, so that it takes as long as the slowest; nobody waits for the threads at the end."""
    shadows = [Shadow(server, plan, clock, sleep) for plan in plans]
    played = [Played(shadow.result) for shadow in shadows]
    broken: list[BaseException] = []

    def one(shadow: Shadow, kept: Played) -> None:
        try:
            shadow.play()
        except _Stopped:
            shadow.interrupted()
        except DwctlError as error:
            kept.error = error
            return
        except BaseException as error:  # raised again in the thread that asked
            broken.append(error)
            return
        if shadow.plan.cleanup:
            shadow.clean_up()

    threads = [Thread(target=one, args=pair, daemon=True) for pair in zip(shadows, played, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if broken:
        raise broken[0]
    return tuple(played)


def judged(world: World, played: Sequence[Played]) -> Finding:
    """All shadow runs as one finding: the worst of them, and none at all is not known."""
    states = {one.state for one in played}
    state = next((state for state in _WORST_FIRST if state in states), State.UNKNOWN)
    evidence = tuple(_evidence(world, one) for one in played)
    if state is State.PASS:
        slowest = max(one.result.seconds for one in played)
        said = f"{counted(len(played), 'shadow run')} claimed and where expected, after {slowest:.1f} s at the most"
        return Finding(state, said, evidence=evidence)
    bad = [one for one in played if one.state is not State.PASS]
    first = next((one for one in bad if one.state is state), None)
    if first is None:
        return Finding(state, "no shadow workflow is described", next_step="Describe one as [[shadow]].")
    plan = first.result.plan
    said = f"{plan.workflow_type} on {plan.task_queue}: {first.told}"
    return Finding.of(
        state, said if len(played) == 1 else f"{len(bad):,} of {len(played):,} shadow runs did not get there; {said}",
        [one.result.plan.workflow_id for one in bad], "workflows", evidence=evidence,
        next_step=first.next_step, command=_command(world, first),
    )  # fmt: skip


def _command(world: World, played: Played) -> str:
    """An open run is diagnosed; one that is closed, or that nobody knows of, is shown."""
    is_open = played.result.left.startswith("it is open")
    words = ("diagnose",) if is_open else ("workflow", "show")
    return at_server(world, "dwctl", *words, played.result.plan.workflow_id)


def _evidence(world: World, played: Played) -> Evidence:
    result = played.result
    plan = result.plan
    asked = f"POST /api/workflows: {plan.workflow_id}, {plan.workflow_type} on {plan.task_queue}, to be {plan.expect}"
    parts = [played.told]
    if result.run_id is not None:
        claimed = "" if result.claimed_after is None else f" by {result.claimed_by or 'a worker'}"
        when = "not claimed" if result.claimed_after is None else f"claimed{claimed} after {result.claimed_after:.1f} s"
        parts = [f"run {result.run_id}", when, played.told, f"{result.seconds:.1f} s in all"]
    return seen(world, asked, "; ".join(filter(None, (*parts, result.left))))
