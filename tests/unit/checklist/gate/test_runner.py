"""The runner of the gate: every check exactly once, in the right order, and never a green that nobody measured."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dwctl.checklist.facts.world import Missing, World
from dwctl.checklist.gate.check import Check, Finding, Need, Severity, State
from dwctl.checklist.gate.items import Phase
from dwctl.checklist.gate.results import Attestation, GateResult, Result, Waiver
from dwctl.checklist.gate.runner import AT_ONCE, Listener, run_gate
from dwctl.checklist.gate.selection import Selection
from dwctl.checklist.records.records import Records
from dwctl.errors import ExitCode, LocalStateError, RequestNotPossible, ServerUnreachable
from gate_doubles import NOW, Clock, advice, answering, check, world

PASS, WARN, FAIL, UNKNOWN, WAIVED, SKIPPED = State
ATTESTED = Attestation(4, "Ana", "seen by eye", NOW)
WAIVER = Waiver("server.health", "known", "Ana", NOW, "2026-12-01T00:00:00.000000Z")


def ran(*checks: Check, make: Callable[[], World] = world, clock: Clock | None = None, **more: Any) -> GateResult:
    return run_gate(checks, make, times=(clock or Clock()).times, server="http://x", **more)


def states(result: GateResult) -> dict[str, State]:
    return {one.check.id: one.finding.state for one in result.results}


def said(result: GateResult, name: str) -> str:
    return next(one.finding.said for one in result.results if one.check.id == name)


class Heard(Listener):
    """Everything that a run tells, as words."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def began(self, check: Check) -> None:
        self.words.append(f"began {check.id}")

    def ended(self, result: Result, before: Result | None) -> None:
        was = "" if before is None else f" after {before.finding.state.value}"
        self.words.append(f"{result.check.id} {result.finding.state.value}{was}")

    def waits(self, pending: Sequence[Result], seconds: float) -> None:
        self.words.append(f"waits {seconds:g} for {','.join(one.check.id for one in pending)}")

    def missed(self, error: Exception) -> None:
        self.words.append(f"missed {error}")


# --- order ---------------------------------------------------------------------------------------------------


def test_dependent_checks_come_after_and_the_result_keeps_the_order_of_the_table() -> None:
    asked: list[str] = []

    def noting(name: str) -> Callable[[World], Finding]:
        def ask(world: World) -> Finding:
            asked.append(name)
            return Finding(PASS, name)

        return ask

    found = ran(
        check("c.c", noting("c.c"), after=("b.b",)), check("b.b", noting("b.b"), after=("a.a",)),
        check("a.a", noting("a.a")),
    )  # fmt: skip
    assert asked == ["a.a", "b.b", "c.c"]
    assert list(states(found)) == ["c.c", "b.b", "a.a"]
    assert found.green


def test_independent_checks_are_asked_at_once_and_not_more_than_the_limit() -> None:
    barrier = threading.Barrier(AT_ONCE, timeout=10)
    lock, running, most = threading.Lock(), [0], [0]

    def together(world: World) -> Finding:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        barrier.wait()
        with lock:
            running[0] -= 1
        return Finding(PASS, "all were there")

    found = ran(*(check(f"a.c{number}", together) for number in range(2 * AT_ONCE)))
    assert set(states(found).values()) == {PASS}
    assert most[0] == AT_ONCE


@pytest.mark.parametrize("state", [FAIL, UNKNOWN])
def test_what_waits_for_a_check_that_does_not_pass_is_not_asked_and_says_so(state: State) -> None:
    first = check("a.a", answering(state, "no", command="dwctl health"))
    found = ran(first, check("b.b", lambda world: pytest.fail("asked"), after=("a.a",)), check("c.c", after=("b.b",)))
    assert states(found) == {"a.a": state, "b.b": UNKNOWN, "c.c": UNKNOWN}
    assert said(found, "b.b") == "not asked: a.a does not pass"
    assert found.results[1].finding.command == "dwctl health"
    assert said(found, "c.c") == "not asked: b.b does not pass"


@pytest.mark.parametrize("state", [PASS, WARN, SKIPPED])
def test_what_waits_for_any_other_answer_is_asked(state: State) -> None:
    assert states(ran(check("a.a", state), check("b.b", after=("a.a",))))["b.b"] is PASS


def test_a_waived_failure_does_not_keep_others_from_being_asked() -> None:
    records = Records(waivers={"a.a": Waiver("a.a", "r", "o", NOW, "2027-01-01T00:00:00.000000Z")})
    found = ran(check("a.a", FAIL), check("b.b", after=("a.a",)), records=records)
    assert states(found) == {"a.a": WAIVED, "b.b": PASS}
    assert found.green


def test_a_circle_in_the_table_is_a_bug_that_is_noticed() -> None:
    with pytest.raises(ValueError, match=r"b\.b"):
        ran(check("a.a", after=("b.b",)), check("b.b", after=("a.a",)))


# --- needs ---------------------------------------------------------------------------------------------------


def test_a_source_that_is_missing_is_unknown_with_its_reason_and_next_step() -> None:
    missing = {Need.SERVER: Missing("no server is named", "Name one.", "dwctl doctor")}
    found = ran(check(ask=FAIL, needs=(Need.SERVER,)), make=lambda: world(missing)).results[0].finding
    assert (found.state, found.said) == (UNKNOWN, "no server is named")
    assert (found.next_step, found.command) == ("Name one.", "dwctl doctor")


def test_a_source_that_the_cutover_does_without_leaves_the_check_out() -> None:
    missing = {
        Need.SERVER: Missing("no server is named"),
        Need.ARCHIVES: Missing("nothing has to be kept", applies=False),
    }
    found = ran(check(ask=FAIL, needs=(Need.SERVER, Need.ARCHIVES)), make=lambda: world(missing))
    assert (states(found)["server.health"], said(found, "server.health")) == (SKIPPED, "nothing has to be kept")
    assert not found.green
    assert not found.results[0].left_out


def test_a_missing_source_is_said_before_what_the_check_waits_for() -> None:
    missing = {Need.SERVER: Missing("no server is named")}
    found = ran(check("a.a", FAIL), check("b.b", needs=(Need.SERVER,), after=("a.a",)), make=lambda: world(missing))
    assert said(found, "b.b") == "no server is named"


def test_nothing_described_and_nothing_to_ask_is_a_request_that_cannot_be_made() -> None:
    every = {need: Missing("not there") for need in Need}
    with pytest.raises(RequestNotPossible) as caught:
        ran(check(), make=lambda: world(every, path=None))
    assert caught.value.reason == "nothing_to_check"
    assert "dwctl checklist init" in str(caught.value.next_step)
    assert ran(check(), make=lambda: world(every)).green


# --- errors --------------------------------------------------------------------------------------------------


def failing(error: BaseException) -> Callable[[World], Finding]:
    def ask(world: World) -> Finding:
        raise error

    return ask


def test_an_error_of_a_source_is_unknown_with_its_message() -> None:
    error = ServerUnreachable("connection refused", where="http://x", next_step="Start it.")
    found = ran(check(ask=failing(error)))
    finding = found.results[0].finding
    assert (finding.state, finding.said) == (UNKNOWN, "connection refused (http://x)")
    assert finding.next_step == "Start it."
    assert finding.evidence[0].came == "connection refused"
    assert found.exit_code is ExitCode.NO


def test_an_exception_that_nobody_expected_is_a_bug_and_never_a_pass() -> None:
    bugs: list[Exception] = []
    found = ran(check(ask=failing(KeyError("order-1 of Mrs Miller"))), check("b.b"), on_bug=bugs.append)
    finding = found.results[0].finding
    assert finding.state is UNKNOWN
    assert finding.said.startswith("this is a bug in dwctl: KeyError at dwctl.checklist.gate.runner:")
    assert "Miller" not in repr(finding)
    assert states(found)["b.b"] is PASS
    assert [str(bug) for bug in bugs] == ["'order-1 of Mrs Miller'"]


def test_a_crash_is_covered_by_a_waiver_that_names_the_check_and_by_no_attestation() -> None:
    crashing = check(ask=failing(KeyError("x")))
    assert states(ran(crashing, records=Records(attestations={4: ATTESTED}))) == {"server.health": UNKNOWN}
    assert ran(crashing, records=Records(waivers={"server.health": WAIVER})).green


def test_a_check_that_waives_itself_is_a_bug() -> None:
    found = ran(check(ask=WAIVED))
    assert states(found)["server.health"] is UNKNOWN
    assert "bug in dwctl" in said(found, "server.health")


def test_a_local_file_in_the_way_is_exit_code_10_and_everything_is_told() -> None:
    wrong = LocalStateError("the ledger belongs to another cutover")
    found = ran(check("imports.there", failing(wrong), item=11), check())
    assert states(found) == {"imports.there": UNKNOWN, "server.health": PASS}
    assert found.exit_code is ExitCode.LOCAL_STATE
    attested = Records(attestations={11: Attestation(11, "Ana", "seen", NOW)})
    assert not ran(check("imports.there", failing(wrong), item=11), check(), records=attested).green


def test_what_the_first_look_raises_is_raised() -> None:
    with pytest.raises(LocalStateError):
        ran(check(), make=failing_look(LocalStateError("not ours")))


def failing_look(error: Exception) -> Callable[[], World]:
    def look() -> World:
        raise error

    return look


# --- selection -----------------------------------------------------------------------------------------------

TABLE = (
    check("v1.drained", item=1, category="application"), check("server.health"), check("server.clock"),
    check("imports.there", item=11, category="imports", after=("server.health",)),
)  # fmt: skip


@pytest.mark.parametrize(
    ("selection", "left", "why"),
    [
        (Selection(phases=(Phase.IMPORT,)), {"imports.there"}, "left out by --phase import"),
        (Selection(only=("server",)), {"server.health", "server.clock"}, "left out by --only"),
        (Selection(only=("11", "1")), {"imports.there", "v1.drained"}, "left out by --only"),
        (Selection(skip=("server.health", "application")), {"server.clock", "imports.there"}, "left out by --skip"),
        (Selection((Phase.DEPLOY,), ("server",), ("server.clock",)), {"server.health"}, "left out by --skip"),
    ],
)
def test_what_is_left_out_is_there_with_its_reason(selection: Selection, left: set[str], why: str) -> None:
    found = ran(*TABLE, selection=selection)
    assert {name for name, state in states(found).items() if state is PASS} == left
    out = [one for one in found.results if one.left_out]
    assert len(out) == len(TABLE) - len(left) == found.left_out
    assert why in {one.finding.said for one in out}
    assert found.green


def test_a_check_whose_dependency_the_person_left_out_runs_without_it() -> None:
    found = ran(check("a.a", FAIL), check("b.b", after=("a.a",)), selection=Selection(skip=("a.a",)))
    assert states(found) == {"a.a": SKIPPED, "b.b": PASS}


@pytest.mark.parametrize(
    ("selection", "option", "near"),
    [
        (Selection(only=("server.helth",)), "--only", "server.health"),
        (Selection(skip=("sever",)), "--skip", "server"),
        (Selection(only=("13",)), "--only", "checklist list"),
    ],
)
def test_an_unknown_word_is_met_with_the_nearest(selection: Selection, option: str, near: str) -> None:
    with pytest.raises(RequestNotPossible, match="there is no check, item or category") as caught:
        ran(*TABLE, selection=selection)
    assert caught.value.where == option
    assert near in str(caught.value.next_step)


@pytest.mark.parametrize(
    "selection",
    [Selection(phases=(Phase.CLOSE,)), Selection((Phase.PREPARE,), ("server",)), Selection(only=("12",))],
)
def test_nothing_left_is_a_request_that_cannot_be_made(selection: Selection) -> None:
    with pytest.raises(RequestNotPossible, match="nothing is left to check"):
        ran(*TABLE, selection=selection)


# --- attestations and waivers --------------------------------------------------------------------------------


def test_an_attestation_covers_what_is_unknown() -> None:
    found = ran(check(ask=UNKNOWN), records=Records(attestations={4: ATTESTED}))
    result = found.results[0]
    assert (result.measured, result.finding.state, result.attested) == (UNKNOWN, PASS, ATTESTED)
    assert result.finding.evidence[-1].came == "seen by eye"
    assert found.green


def test_an_attestation_never_overrules_a_measurement_that_fails() -> None:
    found = ran(check(ask=FAIL), records=Records(attestations={4: ATTESTED}))
    assert states(found)["server.health"] is FAIL
    assert "attestation of item 4 by Ana does not overrule a measurement" in said(found, "server.health")
    assert found.results[0].attested is None
    assert found.exit_code is ExitCode.NO


def test_an_attestation_of_another_item_covers_nothing() -> None:
    assert not ran(check(ask=UNKNOWN, item=5), records=Records(attestations={4: ATTESTED})).green


@pytest.mark.parametrize("state", [FAIL, UNKNOWN])
def test_a_waiver_lets_the_gate_be_open_but_not_a_strict_one(state: State) -> None:
    records = Records(waivers={"server.health": WAIVER})
    found = ran(check(ask=state), records=records)
    assert (found.results[0].measured, found.results[0].finding.state) == (state, WAIVED)
    assert found.results[0].waived == WAIVER
    assert found.green
    assert not ran(check(ask=state), records=records, strict=True).green


def test_records_that_nothing_needs_are_noted_and_change_nothing() -> None:
    found = ran(check(), records=Records({4: ATTESTED}, {"server.health": WAIVER}))
    assert found.green
    assert len(found.notes) == 2
    assert "no longer needed: the check is pass" in found.notes[1]
    assert not ran(check(), selection=Selection(only=("4",)), records=Records()).notes
    half = Selection(only=("server.health",))
    assert not ran(check(), check("server.clock"), selection=half, records=Records({4: ATTESTED})).notes


def test_a_record_that_does_not_count_shuts_the_gate() -> None:
    found = ran(check(), records=Records(complaints=("the waiver of x expired",)))
    assert not found.green
    assert found.exit_code is ExitCode.NO
    assert found.in_the_way == ()


# --- waiting -------------------------------------------------------------------------------------------------


class Later:
    """A check's function that says one thing for so many times, then another."""

    def __init__(self, times: int, first: State = FAIL, then: State = PASS) -> None:
        self.asked = 0
        self._times, self._first, self._then = times, first, then

    def __call__(self, world: World) -> Finding:
        self.asked += 1
        return Finding(self._first if self.asked <= self._times else self._then, f"look {self.asked}")


def test_a_wait_asks_again_with_a_growing_pause_and_a_fresh_world_until_all_pass() -> None:
    worlds: list[World] = []

    def make() -> World:
        worlds.append(world())
        return worlds[-1]

    clock, heard, late, good = Clock(), Heard(), Later(6), Later(0)
    found = ran(check(ask=late), check("b.b", good), make=make, clock=clock, wait=60.0, listener=heard)
    assert found.green
    assert clock.pauses == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    assert (late.asked, good.asked, len(worlds)) == (7, 2, 8)
    assert heard.words[-2:] == ["began b.b", "b.b pass after pass"]
    assert "server.health pass after fail" in heard.words
    assert "waits 60 for server.health" in heard.words
    assert found.results[0].finding.said == "look 7"


def test_what_passed_before_a_wait_may_be_wrong_after_it() -> None:
    """A run that moves while the gate waits for workers: the verdict is of the end, and waits on for what it can."""
    drift, shadow = Later(1, PASS, FAIL), Later(1, PASS, FAIL)
    acts = check("shadow.reached", shadow, becomes_true=False, acts=True)
    found = ran(check(ask=Later(2)), check("exports.drift", drift, becomes_true=False), acts, wait=60.0, clock=Clock())
    assert states(found) == {"server.health": PASS, "exports.drift": FAIL, "shadow.reached": PASS}
    assert (drift.asked, shadow.asked) == (2, 1)
    assert not found.green


def test_what_fails_again_at_the_end_of_a_wait_is_waited_for_too() -> None:
    class Flapping(Later):
        def __call__(self, world: World) -> Finding:
            self.asked += 1
            return Finding(FAIL if self.asked == 2 else PASS, f"look {self.asked}")

    workers, clock = Flapping(0), Clock()
    found = ran(check(ask=Later(1)), check("workers.registered", workers), wait=60.0, clock=clock)
    assert (found.green, workers.asked, clock.pauses) == (True, 3, [0.5, 1.0])


def test_a_wait_ends_with_its_time() -> None:
    clock, never = Clock(), Later(1000)
    found = ran(check(ask=never), clock=clock, wait=3.0)
    assert clock.pauses == [0.5, 1.0, 1.5]
    assert (found.exit_code, never.asked) == (ExitCode.NO, 4)


def test_what_cannot_become_true_is_never_asked_again_and_not_waited_for() -> None:
    clock, shadow = Clock(), Later(1)
    found = ran(check("shadow.done", shadow, becomes_true=False), clock=clock, wait=60.0)
    assert (shadow.asked, clock.pauses) == (1, [])
    assert not found.green


def test_what_waited_for_another_is_asked_once_that_passes_even_if_waiting_does_not_help_it() -> None:
    coverage, shadow = Later(2), Later(0)
    found = ran(
        check("workers.coverage", coverage),
        check("shadow.done", shadow, becomes_true=False, after=("workers.coverage",)),
        wait=60.0,
    )  # fmt: skip
    assert found.green
    assert (coverage.asked, shadow.asked) == (3, 1)


def test_a_wait_does_not_wait_for_what_hangs_on_something_hopeless() -> None:
    clock = Clock()
    ran(
        check("a.a", FAIL, becomes_true=False), check("b.b", after=("a.a",)), check("c.c", after=("b.b",)),
        clock=clock, wait=60.0,
    )  # fmt: skip
    assert clock.pauses == []


def test_a_wait_is_not_for_advice_but_asks_it_along() -> None:
    clock, late = Clock(), Later(1)
    ran(advice("a.a", FAIL), clock=clock, wait=60.0)
    assert clock.pauses == []
    hint = check("a.a", late, severity=Severity.ADVICE)
    assert states(ran(hint, check("b.b", Later(1)), clock=clock, wait=60.0)) == {"a.a": PASS, "b.b": PASS}


def test_a_look_that_fails_during_a_wait_is_told_and_the_next_one_counts() -> None:
    looks = iter([world, failing_look(ServerUnreachable("refused")), world])
    heard = Heard()
    found = ran(check(ask=Later(1)), make=lambda: next(looks)(), wait=60.0, listener=heard)
    assert "missed refused" in heard.words
    assert found.green


def test_a_last_look_that_fails_is_tried_again() -> None:
    looks = iter([world, world, failing_look(ServerUnreachable("refused")), world])
    heard, good = Heard(), Later(0)
    found = ran(check(ask=Later(1)), check("b.b", good), make=lambda: next(looks)(), wait=60.0, clock=Clock(),
                listener=heard)  # fmt: skip
    assert "missed refused" in heard.words
    assert heard.words[-3:] == ["waits 59.5 for b.b", "began b.b", "b.b pass after pass"]
    assert found.green
    assert good.asked == 2


def test_what_passed_before_a_wait_is_unknown_where_no_last_look_comes() -> None:
    def make() -> World:
        if next(looks) > 1:
            raise ServerUnreachable("refused")
        return world()

    looks = itertools.count()
    found = ran(check(ask=Later(1)), check("b.b", Later(0)), make=make, wait=3.0, clock=Clock())
    assert states(found) == {"server.health": PASS, "b.b": UNKNOWN}
    assert said(found, "b.b") == "it answered before the wait, and could not be asked again at its end"
    assert not found.green


def test_what_a_record_covers_is_not_waited_for() -> None:
    clock = Clock()
    ran(check(ask=FAIL), records=Records(waivers={"server.health": WAIVER}), clock=clock, wait=60.0)
    assert clock.pauses == []


# --- interruption --------------------------------------------------------------------------------------------


class Breaking(Heard):
    """Ctrl-C, as soon as a certain word is told."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self._word = word

    def ended(self, result: Result, before: Result | None) -> None:
        super().ended(result, before)
        if self.words[-1] == self._word:
            raise KeyboardInterrupt


def test_an_interruption_ends_in_order_with_what_is_known() -> None:
    hold = threading.Event()

    def hanging(world: World) -> Finding:
        hold.wait(30)
        return Finding(PASS, "too late")

    checks = [check("a.a"), check("b.b", hanging), check("c.c", after=("b.b",))]
    try:
        found = ran(*checks, listener=Breaking("a.a pass"), records=Records(attestations={4: ATTESTED}))
    finally:
        hold.set()
    assert states(found) == {"a.a": PASS, "b.b": UNKNOWN, "c.c": UNKNOWN}
    assert said(found, "b.b") == "interrupted before it answered"
    assert said(found, "c.c") == "not asked: interrupted"
    assert (found.interrupted, found.green, found.exit_code) == (True, False, ExitCode.INTERRUPTED)


def test_an_interrupted_wait_keeps_the_answers() -> None:
    class Impatient(Clock):
        def sleep(self, seconds: float) -> None:
            raise KeyboardInterrupt

    found = ran(check("a.a"), check("b.b", FAIL), clock=Impatient(), wait=60.0)
    assert states(found) == {"a.a": PASS, "b.b": FAIL}
    assert found.exit_code is ExitCode.INTERRUPTED


# --- any table, any findings ---------------------------------------------------------------------------------


@st.composite
def tables(draw: st.DrawFn) -> list[Check]:
    names = [f"x.c{number}" for number in range(draw(st.integers(1, 12)))]
    rows = []
    for place, name in enumerate(names):
        ask: Any = draw(st.sampled_from([*State, "error", "bug"]))
        if ask == "error":
            ask = failing(ServerUnreachable("refused"))
        elif ask == "bug":
            ask = failing(ValueError("oh"))
        rows.append(
            check(
                name, ask, item=draw(st.integers(1, 12)),
                after=tuple(draw(st.lists(st.sampled_from(names[:place]), unique=True, max_size=3))) if place else (),
                severity=draw(st.sampled_from(Severity)), becomes_true=draw(st.booleans()),
                needs=draw(st.sampled_from([(), (Need.SERVER,), (Need.ARCHIVES,)])),
            )
        )  # fmt: skip
    return draw(st.permutations(rows))


@settings(max_examples=150, deadline=None)
@given(
    table=tables(), attested=st.sets(st.integers(1, 12)), waived=st.sets(st.integers(0, 11)),
    skipped=st.sets(st.integers(0, 11), max_size=4), wait=st.sampled_from([0.0, 2.0]), strict=st.booleans(),
)  # fmt: skip
def test_every_check_is_told_once_and_green_is_never_false(
    table: list[Check], attested: set[int], waived: set[int], skipped: set[int], wait: float, strict: bool
) -> None:
    names = {one.id for one in table}
    skip = tuple(f"x.c{number}" for number in skipped if f"x.c{number}" in names)
    if set(skip) == names:
        return
    records = Records(
        {item: Attestation(item, "Ana", "seen", NOW) for item in attested},
        {f"x.c{number}": Waiver(f"x.c{number}", "r", "o", NOW, NOW) for number in waived},
    )
    missing = {Need.SERVER: Missing("none"), Need.ARCHIVES: Missing("no need", applies=False)}
    found = ran(
        *table, make=lambda: world(missing), selection=Selection(skip=skip), records=records, wait=wait, strict=strict
    )
    assert [one.check.id for one in found.results] == [one.id for one in table]
    for one in found.results:
        if one.measured is FAIL:
            assert one.finding.state in (FAIL, WAIVED)
            assert one.attested is None
        if one.finding.state is WAIVED:
            assert one.waived is not None
        if one.finding.state is PASS and one.measured is not PASS:
            assert one.measured is UNKNOWN
            assert one.attested is not None
    if found.green:
        assert not any(one.stops for one in found.results)
        assert any(one.finding.state in (PASS, WARN, WAIVED) for one in found.results)
        if strict:
            assert {one.finding.state for one in found.results} <= {PASS, SKIPPED}
            assert not found.left_out


def test_an_attestation_covers_nothing_that_could_have_been_measured() -> None:
    def failing(world: World) -> Finding:
        raise ServerUnreachable("the source is there, and does not answer")

    found = ran(
        check("a.a", failing), check("b.b", after=("a.a",)), check("c.c", UNKNOWN),
        records=Records(attestations={4: ATTESTED}),
    )  # fmt: skip
    assert states(found) == {"a.a": UNKNOWN, "b.b": UNKNOWN, "c.c": PASS}
    for name in ("a.a", "b.b"):
        assert said(found, name).endswith("does not cover what could have been measured")
    assert not found.green
