"""The shadow check: how several runs become one finding, and that they are played at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from asked_worlds import SERVED, TARGET, refusal, reply, world
from dwctl.checklist.checks.workers.rows import CHECKS
from dwctl.checklist.checks.workers.shadow import Played, judged, play
from dwctl.checklist.description.described import Described, ShadowWorkflow
from dwctl.checklist.gate.check import State
from dwctl.checklist.shadow.shadow import ShadowPlan, ShadowResult, ShadowState
from dwctl.errors import RequestNotPossible
from dwctl.server.failures import CallNotConnected
from dwctl.server.retries import ONCE
from dwctl.server.transport import Server

PASS, FAIL, UNKNOWN = State.PASS, State.FAIL, State.UNKNOWN
(ROW,) = (check for check in CHECKS if check.item == 7)


def plan(number: int = 1, **changes: Any) -> ShadowPlan:
    return ShadowPlan(**({"workflow_id": f"shadow-{number}", "workflow_type": "t", "task_queue": "q"} | changes))


def played(state: ShadowState, number: int = 1, **changes: Any) -> Played:
    result = ShadowResult(plan(number), "http://s", "production", state, run_id=f"run-{number}", told="so it is")
    for name, value in changes.items():
        setattr(result, name, value)
    return Played(result)


REACHED: dict[str, Any] = {"claimed_by": "w-1", "claimed_after": 0.4, "seconds": 1.25}


def test_all_of_them_reached_is_a_pass_with_the_slowest_told() -> None:
    finding = judged(world(), [played(ShadowState.REACHED, **REACHED), played(ShadowState.REACHED, 2, seconds=3.0)])
    assert (finding.state, finding.command, finding.next_step) == (PASS, None, None)
    assert finding.said == "2 shadow runs claimed and where expected, after 3.0 s at the most"
    first, second = finding.evidence
    assert first.asked == "POST /api/workflows: shadow-1, t on q, to be completed"
    assert first.came == "run run-1; claimed by w-1 after 0.4 s; so it is; 1.2 s in all"
    assert "not claimed" in second.came


@pytest.mark.parametrize(
    ("state", "found"),
    [
        (ShadowState.REACHED, PASS),
        (ShadowState.OTHER_STATUS, FAIL),
        (ShadowState.OTHER_OUTPUT, FAIL),
        (ShadowState.NOT_CLAIMED, FAIL),
        (ShadowState.STUCK, FAIL),
        (ShadowState.UNKNOWN, UNKNOWN),
        (ShadowState.INTERRUPTED, UNKNOWN),
    ],
)
def test_each_state_of_a_shadow_is_one_of_the_gate(state: ShadowState, found: State) -> None:
    assert judged(world(), [played(state, next_step="Mend it.")]).state is found


def test_the_worst_of_several_is_told_and_all_that_failed_are_named() -> None:
    several = [
        played(ShadowState.REACHED, **REACHED),
        played(ShadowState.UNKNOWN, 2, left="it may be open", next_step="Ask."),
        played(ShadowState.STUCK, 3, left="it is open", told="it hangs", next_step="Mend it."),
    ]
    finding = judged(world(), several)
    assert (finding.state, finding.ids, finding.ids_are) == (FAIL, ("shadow-2", "shadow-3"), "workflows")
    assert finding.said == "2 of 3 shadow runs did not get there; t on q: it hangs"
    assert (finding.next_step, finding.command) == ("Mend it.", f"dwctl diagnose shadow-3 {SERVED}")
    assert finding.evidence[2].came.endswith("it is open")
    finding = judged(world(), several[:2])
    assert (finding.state, finding.command) == (UNKNOWN, f"dwctl workflow show shadow-2 {SERVED}")


def test_no_shadow_at_all_is_unknown() -> None:
    finding = judged(world(), [])
    assert (finding.state, "[[shadow]]" in str(finding.next_step)) == (UNKNOWN, True)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (refusal(422, "validation_failed"), FAIL),
        (refusal(403, "forbidden"), FAIL),
        (refusal(409, "rejected_duplicate"), FAIL),
        (refusal(503, "backend_lock_pressure"), UNKNOWN),
        (refusal(500, "server_error"), UNKNOWN),
        (httpx.ConnectError("refused"), UNKNOWN),
    ],
)
def test_a_start_that_was_refused_fails_and_one_that_may_be_there_is_unknown(answer: Any, state: State) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    server = Server(TARGET, transport=httpx.MockTransport(respond), policy=ONCE)
    described = Described(None, "o", shadows=(ShadowWorkflow("t", "q"),))
    finding = ROW.ask(world(server, described=described))
    assert finding.state is state
    assert finding.said.startswith("t on q: it was not started: ")
    assert finding.ids[0].startswith("shadow-")
    assert finding.next_step


def test_what_may_not_be_sent_at_all_is_unknown() -> None:
    server = Server(TARGET, transport=httpx.MockTransport(_raise(RequestNotPossible("open wire"))), policy=ONCE)
    (one,) = play(server, [plan()], lambda: 0.0, lambda seconds: None)
    assert (one.state, one.told) == (UNKNOWN, "it was not started: open wire")
    assert judged(world(), [one]).said == "t on q: it was not started: open wire"


def _raise(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    def respond(request: httpx.Request) -> httpx.Response:
        raise error

    return respond


def test_a_bug_in_a_thread_is_raised_where_it_is_asked() -> None:
    server = Server(TARGET, transport=httpx.MockTransport(_raise(ZeroDivisionError("bug"))), policy=ONCE)
    with pytest.raises(ZeroDivisionError):
        play(server, [plan()], lambda: 0.0, lambda seconds: None)


def test_they_are_played_at_once() -> None:
    meeting = threading.Barrier(3, timeout=20)

    def start(request: httpx.Request) -> httpx.Response:
        meeting.wait()  # breaks, unless three starts are on their way together
        return refusal(422, "validation_failed")

    server = Server(TARGET, transport=httpx.MockTransport(start), policy=ONCE)
    found = play(server, [plan(number) for number in range(3)], lambda: 0.0, lambda seconds: None)
    assert [one.state for one in found] == [FAIL] * 3


@pytest.mark.parametrize("cleanup", [True, False])
def test_a_run_that_hangs_is_cleaned_up_only_where_it_is_wished(cleanup: bool) -> None:
    started = {"workflow_id": "shadow-1", "run_id": "r", "outcome": "started_new"}
    run = {"workflow_id": "shadow-1", "run_id": "r", "status": "pending", "task_queue": "q", "wait_kind": None}
    sent: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        sent.append(f"{request.method} {path}")
        if path.endswith("/terminate"):
            return reply({"outcome": "terminated"})
        if path == "/api/workers":
            return reply({"workers": []})
        if path == "/api/task-queues":
            return reply({"task_queues": []})
        if path.startswith("/api/task-queues"):
            return reply({"name": "q", "stats": {}, "pollers": [], "current_leases": []})
        return reply(started, 201) if request.method == "POST" else reply(run)

    server = Server(TARGET, transport=httpx.MockTransport(respond), policy=ONCE)
    ticks = iter(range(1_000))
    (one,) = play(server, [plan(timeout=1.0, cleanup=cleanup)], lambda: float(next(ticks)), lambda seconds: None)
    assert (one.state, one.result.state) == (FAIL, ShadowState.NOT_CLAIMED)
    assert ("POST /api/workflows/shadow-1/terminate" in sent) is cleanup
    assert sent.count("POST /api/workflows") == 1
    command = judged(world(), [one]).command
    assert command == f"dwctl {'workflow show' if cleanup else 'diagnose'} shadow-1 {SERVED}"


def test_a_lost_answer_to_the_start_is_asked_after_and_never_sent_again() -> None:
    sent: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        sent.append(request.method)
        raise httpx.ReadError("reset")

    server = Server(TARGET, transport=httpx.MockTransport(respond), policy=ONCE)
    (one,) = play(server, [plan()], lambda: 0.0, lambda seconds: None)
    assert isinstance(one.error, CallNotConnected)
    assert (one.state, sent.count("POST")) == (UNKNOWN, 1)
    assert "dwctl workflow show shadow-1" in str(one.next_step)
