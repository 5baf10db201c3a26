"""Carrying out a plan: what is sent, what waits, what ends a run, and what the ledger has at the end of each."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from dwctl.bundle.verify import RunFacts
from dwctl.bundle.view import BundleView
from dwctl.errors import AnswerIsNo, ExitCode, LocalStateError, ServerFailed, ServerUnreachable
from dwctl.transfer.imports import execution as execution_module
from dwctl.transfer.imports.outcomes import ImportState
from dwctl.transfer.imports.pace import Pace
from dwctl.transfer.imports.passage import COMPARISONS, ROUNDS, ROUNDS_WHILE_BUSY, Item
from dwctl.transfer.imports.proof import Proof
from dwctl.transfer.lanes import Lanes
from dwctl.transfer.ledger.changes import Pen
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.memory import LedgerMemory
from dwctl.transfer.ledger.rows import LedgerState
from dwctl.transfer.plans.plan import PlanAction, Skip
from dwctl.transfer.runtimes.drift import Drift
from import_doubles import BUSY, CONFLICT, DIFFERS, THERE, failure, lost, unsent
from import_worlds import Answering, Embedded, World, run_id

S = LedgerState
CLOSED = {"workflow.status": "completed", "workflow.closed_at": "2026-11-22T22:12:00.000000Z", "history_complete": True}


@pytest.fixture(autouse=True)
def _a_folder(tmp_path: Path) -> None:
    """Each world has its own folder."""


def test_every_bundle_is_sent_once_compared_once_and_written_down(tmp_path: Path) -> None:
    world = World(tmp_path, 20)
    results = world.go()
    assert {result.state for result in results.values()} == {ImportState.IMPORTED}
    assert sorted(world.carrier.numbers("send")) == sorted(world.carrier.numbers("compare")) == list(range(20))
    rows = world.rows()
    assert {row.state for row in rows.values()} == {S.IMPORTED}
    assert all(row.compared_at and row.attempts == 1 and row.import_id == "orders-1" for row in rows.values())
    assert (world.tally.exit_code, world.tally.timed) == (ExitCode.DONE, 20)


def test_a_second_run_sends_nothing_and_says_when_it_was_compared(tmp_path: Path) -> None:
    world = World(tmp_path, 3)
    world.go()
    world.carrier.log.clear()
    results = world.go()
    assert world.carrier.log == []
    assert {result.state for result in results.values()} == {ImportState.DONE}
    assert {result.compared_at for result in results.values()} == {"2026-11-23T00:00:00.000000Z"}
    assert (world.tally.exit_code, world.tally.skipped, world.tally.compared_again) == (ExitCode.DONE, {}, 0)


# --- waiting for partners ---------------------------------------------------------------------------------------


def test_a_chain_of_three_goes_one_after_the_other_each_when_the_one_before_is_compared(tmp_path: Path) -> None:
    world = World(tmp_path, 3, waits={1: (0,), 2: (1,)}, jobs=4)
    world.go()
    assert [(kind, int(run[5:])) for kind, run in world.carrier.log] == [
        ("send", 0), ("compare", 0), ("send", 1), ("compare", 1), ("send", 2), ("compare", 2),
    ]  # fmt: skip
    assert world.tally.exit_code is ExitCode.DONE


@pytest.mark.parametrize("trouble", ["refused", "differs", "lost"])
def test_what_waits_for_a_run_that_does_not_come_is_blocked_and_so_is_what_waits_for_that(
    tmp_path: Path, trouble: str
) -> None:
    world = World(tmp_path, 4, waits={1: (0,), 2: (1,)})
    if trouble == "refused":
        world.carrier.steps[run_id(0)] = [CONFLICT]
    elif trouble == "differs":
        world.carrier.proofs[run_id(0)] = DIFFERS
    else:
        world.carrier.steps[run_id(0)] = [lost(), lost()] * ROUNDS
    results = world.go()
    assert [results[number].state for number in (1, 2, 3)] == [
        ImportState.BLOCKED, ImportState.BLOCKED, ImportState.IMPORTED,
    ]  # fmt: skip
    assert set(world.carrier.numbers("send")) == {0, 3}
    rows = world.rows()
    assert (rows[1].state, rows[2].state) == (S.BLOCKED, S.BLOCKED)
    assert rows[2].error_reason == "partner_not_compared"
    assert world.tally.exit_code is ExitCode.PARTLY


def test_what_was_blocked_goes_when_its_partner_is_there_at_last(tmp_path: Path) -> None:
    world = World(tmp_path, 2, waits={1: (0,)})
    world.carrier.steps[run_id(0)] = [failure(400)]
    world.go()
    assert world.states() == {0: S.FAILED, 1: S.BLOCKED}
    world.go()
    assert world.states() == {0: S.IMPORTED, 1: S.IMPORTED}


@pytest.mark.parametrize(("state", "ends"), [(None, S.SENDING), (S.UNKNOWN, S.UNKNOWN), (S.IMPORTED, S.IMPORTED)])
def test_what_may_be_there_and_would_wait_for_ever_stays_what_it_was(
    tmp_path: Path, state: LedgerState | None, ends: LedgerState
) -> None:
    world = World(tmp_path, 2, waits={1: (0,)})
    marked(world, 1, state)
    world.carrier.steps[run_id(0)] = [CONFLICT]
    results = world.go()
    assert results[1].state is (ImportState.IMPORTED if ends is S.IMPORTED else ImportState.BLOCKED)
    assert (world.states()[1], world.carrier.numbers("send")) == (ends, [0])


def test_a_partner_that_is_compared_already_is_not_waited_for(tmp_path: Path) -> None:
    world = World(tmp_path, 2, waits={1: (0,)})
    world.carrier.steps[run_id(1)] = [failure(400)]
    world.go()
    world.carrier.log.clear()
    world.go()
    assert world.carrier.numbers("send") == [1]


def test_a_chain_whose_first_is_not_in_the_plan_is_blocked_whatever_its_length(tmp_path: Path) -> None:
    world = World(tmp_path, 60, waits={number: (number - 1,) for number in range(1, 60)})
    world.file(0).unlink()
    world.go()
    assert set(world.states().values()) == {S.BLOCKED}
    assert (world.carrier.log, world.tally.exit_code) == ([], ExitCode.NO)


# --- what is found in the ledger --------------------------------------------------------------------------------


def marked(world: World, number: int, state: LedgerState | None = None) -> None:
    """As an earlier process left it: `sending`, or what it settled."""
    from dwctl.transfer.ledger.memory import LedgerMemory, rows_of

    with world.ledger() as ledger:
        ledger.plan(rows_of(world.plan(LedgerMemory())))
        ledger.sending(run_id(number))
        if state is not None:
            ledger.settle(run_id(number), state)


@pytest.mark.parametrize("state", [None, S.UNKNOWN])
def test_what_was_in_doubt_is_sent_again_and_is_ours_if_it_was_there(tmp_path: Path, state: LedgerState | None) -> None:
    world = World(tmp_path, 1)
    marked(world, 0, state)
    world.carrier.steps[run_id(0)] = [THERE]
    results = world.go()
    assert (results[0].state, world.states()[0]) == (ImportState.IMPORTED, S.IMPORTED)


def test_what_nobody_sent_before_and_is_there_is_not_ours(tmp_path: Path) -> None:
    world = World(tmp_path, 1)
    world.carrier.steps[run_id(0)] = [THERE]
    assert world.go()[0].state is ImportState.ALREADY_IMPORTED
    assert world.states()[0] is S.ALREADY_IMPORTED


def test_what_was_in_doubt_and_gets_no_answer_again_stays_in_doubt(tmp_path: Path) -> None:
    world = World(tmp_path, 1)
    marked(world, 0)
    world.carrier.otherwise = unsent()
    results = world.go()
    assert (results[0].state, world.states()[0]) == (ImportState.UNKNOWN, S.UNKNOWN)
    assert world.tally.exit_code is ExitCode.NETWORK


def test_what_was_in_doubt_and_whose_file_has_gone_stays_in_doubt(tmp_path: Path) -> None:
    from dwctl.transfer.ledger.memory import LedgerMemory

    world = World(tmp_path, 1)
    marked(world, 0)
    plan = world.plan(LedgerMemory())
    world.file(0).unlink()
    assert world.go(plan)[0].state is ImportState.UNKNOWN
    assert (world.states()[0], world.carrier.log) == (S.SENDING, [])


def test_what_was_imported_and_not_compared_is_compared_and_not_sent(tmp_path: Path) -> None:
    world = World(tmp_path, 1)
    marked(world, 0, S.IMPORTED)
    assert world.go()[0].good
    assert (world.carrier.numbers("send"), world.carrier.numbers("compare")) == ([], [0])
    assert world.rows()[0].compared_at


def test_what_was_imported_and_whose_file_has_gone_stays_imported_and_is_not_good(tmp_path: Path) -> None:
    from dwctl.transfer.ledger.memory import LedgerMemory

    world = World(tmp_path, 1)
    marked(world, 0, S.IMPORTED)
    plan = world.plan(LedgerMemory())
    world.file(0).unlink()
    result = world.go(plan)[0]
    assert (result.state, result.good, world.states()[0]) == (ImportState.IMPORTED, False, S.IMPORTED)


def test_a_file_that_changed_after_the_plan_is_refused_and_not_sent(tmp_path: Path) -> None:
    from dwctl.transfer.ledger.memory import LedgerMemory

    world = World(tmp_path, 2)
    plan = world.plan(LedgerMemory())
    world.file(1).write_bytes(world.file(1).read_bytes() + b"\n")
    result = world.go(plan)[1]
    assert result.error is not None
    assert (result.state, result.error.reason) == (ImportState.REFUSED, "file_changed")
    assert (world.states()[1], world.carrier.numbers("send")) == (S.REFUSED, [0])


def test_a_plan_that_was_made_with_another_ledger_leaves_nothing_out_silently(tmp_path: Path) -> None:
    world = World(tmp_path, 1)
    plan = world.plan(LedgerMemory())
    done = replace(plan.bundles[0], action=PlanAction.SKIP, skip=Skip.DONE)
    result = world.go(replace(plan, bundles=(done,)))[0]
    assert result.error is not None
    assert (result.error.reason, world.tally.exit_code) == ("plan_of_another_ledger", ExitCode.NO)
    assert (result.state, world.tally.skipped) == (ImportState.NOT_TRIED, {})


def test_another_export_of_a_run_that_is_there_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path, 1)
    world.go()
    again = World(tmp_path, 1, {0: {"dedupe_key": f"{run_id(0)}:9:2026-11-23T00:00:00.000000Z"}})
    result = again.go()[0]
    assert result.error is not None
    assert (result.state, result.error.reason) == (ImportState.REFUSED, "other_export_sent")
    assert (again.states()[0], again.carrier.log) == (S.IMPORTED, [])


# --- what ends a run --------------------------------------------------------------------------------------------


def test_a_server_that_answers_nobody_ends_the_run_long_before_all_were_tried(tmp_path: Path) -> None:
    world = World(tmp_path, 60)
    world.carrier.otherwise = unsent()
    world.go()
    assert len(world.carrier.log) < 20
    assert (world.tally.states[ImportState.NOT_TRIED], world.tally.exit_code) == (60, ExitCode.NETWORK)
    assert world.stopped_because == "the server did not answer for several bundles in a row"
    assert set(world.states().values()) == {S.PLANNED}
    world.carrier.otherwise = World(tmp_path, 0).carrier.otherwise
    world.go()
    assert set(world.states().values()) == {S.IMPORTED}


def test_a_busy_database_is_tried_again_with_all_others_between(tmp_path: Path) -> None:
    world = World(tmp_path, 3)
    world.carrier.steps[run_id(0)] = [BUSY] * (ROUNDS_WHILE_BUSY - 1)
    world.go()
    assert world.carrier.numbers("send").count(0) == ROUNDS_WHILE_BUSY
    assert (world.tally.exit_code, world.rows()[0].attempts) == (ExitCode.DONE, ROUNDS_WHILE_BUSY)


@pytest.mark.parametrize(("most", "said"), [(0, "a bundle failed"), (2, "more than 2 bundles failed")])
def test_more_failures_than_allowed_end_the_run_and_the_next_goes_on(tmp_path: Path, most: int, said: str) -> None:
    world = World(tmp_path, 40, jobs=1, most_failures=most)
    # Not among the first: one that is refused before any other was sent would end the run with nothing done.
    for number in range(9, 40, 2):
        world.carrier.steps[run_id(number)] = [CONFLICT]
    world.go()
    assert (world.stopped_because, world.tally.exit_code) == (said, ExitCode.PARTLY)
    assert most < world.tally.states[ImportState.REFUSED] <= most + 4
    assert world.tally.states[ImportState.NOT_TRIED] > 15
    assert list(world.states().values()).count(S.PLANNED) == world.tally.states[ImportState.NOT_TRIED]


def test_an_interruption_finishes_what_is_in_flight_and_leaves_the_rest_planned(tmp_path: Path) -> None:
    world = World(tmp_path, 20)
    world.carrier.before_send = lambda run: world.stop.ask() if not world.stop.asked else None
    world.go()
    sent = len(world.carrier.numbers("send"))
    assert 1 <= sent <= 4
    assert sorted(world.carrier.numbers("compare")) == sorted(world.carrier.numbers("send"))
    assert (world.tally.exit_code, world.stopped_because) == (ExitCode.INTERRUPTED, "interrupted")
    assert list(world.states().values()).count(S.IMPORTED) == sent
    assert list(world.states().values()).count(S.PLANNED) == 20 - sent


def test_no_right_to_import_ends_the_run(tmp_path: Path) -> None:
    world = World(tmp_path, 30, jobs=1)
    world.carrier.otherwise = failure(403)
    world.go()
    assert (world.tally.exit_code, world.stopped_because) == (ExitCode.AUTH, "every other bundle would meet the same")
    assert len(world.carrier.numbers("send")) < 6


class Failing(Exception):
    """A bug."""


def failing(ledger: Ledger, method: str, after: int, error: Exception, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """A ledger whose method raises from some call on."""
    original, calls = getattr(ledger, method), iter(range(10_000))

    def called(*arguments: Any, **named: Any) -> Any:
        if next(calls) >= after:
            raise error
        return original(*arguments, **named)

    monkeypatch.setattr(ledger, method, called)
    return ledger


@pytest.mark.parametrize("method", ["sending", "settle", "note_compared"])
def test_a_ledger_that_fails_ends_the_run_in_order_with_10(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    world = World(tmp_path, 30)
    full = LocalStateError("the ledger cannot grow: the disk is full", reason="ledger_disk_full")
    results = world.go(ledger=failing(world.ledger(), method, 5, full, monkeypatch))
    assert (world.tally.exit_code, world.stopped_because) == (ExitCode.LOCAL_STATE, "the ledger cannot be written to")
    assert world.tally.reasons["ledger_disk_full"] >= 1
    assert len(world.carrier.numbers("send")) < 20
    # What left without an outcome on the disk is in doubt; nothing is called imported that the ledger does not know.
    states = world.states()
    for number, result in results.items():
        if result.state is ImportState.UNKNOWN:
            assert states[number] is S.SENDING
    world.go()
    assert set(world.states().values()) == {S.IMPORTED}


def test_what_was_in_doubt_and_cannot_be_marked_again_is_still_in_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, 1)
    marked(world, 0)
    full = LocalStateError("the disk is full", reason="ledger_disk_full")
    result = world.go(ledger=failing(world.ledger(), "sending", 0, full, monkeypatch))[0]
    assert (result.state, world.states()[0], world.carrier.log) == (ImportState.UNKNOWN, S.SENDING, [])


def test_nothing_is_compared_before_the_ledger_has_it_as_imported_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, seen = World(tmp_path, 12), []
    with world.ledger() as ledger:
        prove = world.carrier.prove

        def looked_up(bundle: BundleView, run: RunFacts, **named: Any) -> Proof:
            with Ledger.view(ledger.path) as view:
                row = view.row(str(run.run_id))
                seen.append(row.state if row is not None else None)
            return prove(bundle, run, **named)

        monkeypatch.setattr(world.carrier, "prove", looked_up)
        assert all(result.proven for result in world.execution(ledger))
    assert seen == [S.IMPORTED] * 12


def test_an_outcome_that_does_not_reach_the_disk_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, 6)

    def full(pen: Pen, run_id: str, state: LedgerState, facts: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Pen, "settle", full)
        world.go()
    assert (world.tally.exit_code, world.stopped_because) == (ExitCode.LOCAL_STATE, "the ledger cannot be written to")
    assert world.carrier.numbers("compare") == []
    sent = set(world.carrier.numbers("send"))
    assert sent
    assert {world.states()[number] for number in sent} == {S.SENDING}
    world.go()
    assert world.tally.exit_code is ExitCode.DONE
    assert set(world.states().values()) == {S.IMPORTED}


def test_nothing_is_told_as_compared_before_the_ledger_has_it_on_the_disk(tmp_path: Path) -> None:
    world = World(tmp_path, 12)
    with world.ledger() as ledger:
        for result in world.execution(ledger):
            with Ledger.view(ledger.path) as view:
                row = view.row(str(result.run and result.run.run_id))
                assert row is not None
                assert row.compared_at


def test_a_comparison_that_does_not_reach_the_disk_fails_its_bundle_and_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, 6)

    def full(pen: Pen, run_id: str, at: str, differences: tuple[str, ...]) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Pen, "compared", full)
        results = world.go()
    assert (world.tally.exit_code, world.stopped_because) == (ExitCode.LOCAL_STATE, "the ledger cannot be written to")
    assert not any(result.proven and result.error is None for result in results.values())
    world.go()
    assert world.tally.exit_code is ExitCode.DONE
    assert all(row.compared_at for row in world.rows().values())


def test_a_bug_in_a_lane_is_raised_and_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path, 8)
    with pytest.raises(Failing):
        world.go(ledger=failing(world.ledger(), "note_compared", 2, Failing(), monkeypatch))


# --- archiving, comparing deeply, drift -------------------------------------------------------------------------


def test_closed_runs_are_archived_once_they_are_compared_and_open_ones_never(tmp_path: Path) -> None:
    world = World(tmp_path, 3, {1: CLOSED, 2: CLOSED}, archive=True)
    world.carrier.proofs[run_id(2)] = DIFFERS
    world.go()
    assert world.carrier.numbers("archive") == [1]
    assert [bool(row.archived_at) for _, row in sorted(world.rows().items())] == [False, True, False]
    assert world.tally.archived == 1


def test_what_was_compared_and_not_archived_is_archived_by_the_next_run(tmp_path: Path) -> None:
    world = World(tmp_path, 1, {0: CLOSED}, archive=True)
    world.carrier.archiving = ServerUnreachable("no connection", reason="connection_lost")
    world.go()
    assert (world.tally.exit_code, world.rows()[0].archived_at) == (ExitCode.PARTLY, None)
    world.carrier.archiving = None
    world.go()
    assert (world.tally.exit_code, world.carrier.numbers("send")) == (ExitCode.DONE, [0])
    assert world.rows()[0].archived_at
    world.carrier.log.clear()
    world.go()
    assert world.carrier.log == []


def test_a_deep_comparison_also_looks_at_what_was_compared_before(tmp_path: Path) -> None:
    world = World(tmp_path, 2)
    world.go()
    assert not world.carrier.deep
    world.deep = True
    results = world.go()
    assert (world.carrier.deep, len(world.carrier.numbers("compare"))) == (True, 4)
    assert len(world.carrier.numbers("send")) == 2
    assert {(result.state, result.way, result.compared_again) for result in results.values()} == {
        (ImportState.DONE, None, True)
    }
    assert (world.tally.exit_code, world.tally.proven, world.tally.compared_again) == (ExitCode.DONE, 2, 2)


def test_what_a_plan_found_to_send_and_an_earlier_run_brought_is_done_before(tmp_path: Path) -> None:
    world = World(tmp_path, 3)
    plan = world.plan(LedgerMemory())
    world.go(replace(plan, bundles=plan.bundles[:2]))
    results = world.go(plan)
    assert [results[number].state for number in range(3)] == [ImportState.DONE, ImportState.DONE, ImportState.IMPORTED]
    assert sorted(world.carrier.numbers("send")) == [0, 1, 2]
    assert world.tally.compared_again == 2


def test_a_difference_that_is_found_again_is_no_import(tmp_path: Path) -> None:
    world = World(tmp_path, 1)
    world.carrier.proofs[run_id(0)] = DIFFERS
    world.go()
    assert (world.tally.exit_code, world.tally.states[ImportState.IMPORTED]) == (ExitCode.PARTLY, 1)
    result = world.go()[0]
    assert (result.state, result.good, world.tally.exit_code) == (ImportState.DONE, False, ExitCode.NO)


def test_what_moved_since_its_export_is_not_sent(tmp_path: Path) -> None:
    world = World(tmp_path, 4, waits={3: (2,)}, drift=Embedded(moved=frozenset({2})))
    results = world.go()
    assert (results[2].state, results[3].state) == (ImportState.MOVED, ImportState.BLOCKED)
    assert sorted(world.carrier.numbers("send")) == [0, 1]
    assert (world.states()[2], world.tally.exit_code) == (S.MOVED, ExitCode.PARTLY)


def test_where_drift_cannot_be_asked_nothing_more_is_sent(tmp_path: Path) -> None:
    def cannot(expected: object) -> dict[str, Drift]:
        raise AnswerIsNo("no database", reason="drift_unknown")

    world = World(tmp_path, 3, drift=cannot)
    world.go()
    assert (world.carrier.log, world.tally.states[ImportState.NOT_TRIED]) == ([], 3)
    assert world.tally.exit_code is ExitCode.NO


# --- how much is under way, and what is left of it --------------------------------------------------------------


class Counting(Lanes[Item]):
    """Lanes without threads: what is put in stays there."""

    def __init__(self, busy: int = 0) -> None:
        super().__init__("none", 0, lambda item: item, SimpleQueue())
        self.busy = busy


@pytest.mark.parametrize(
    ("held", "compared_behind", "fed"), [(0, 0, 6), (64 << 20, 0, 0), ((64 << 20) - 1, 0, 6), (0, 16, 0), (0, 15, 6)]
)
def test_nothing_more_is_sent_while_much_waits_to_be_compared(
    tmp_path: Path, held: int, compared_behind: int, fed: int
) -> None:
    world, sending = World(tmp_path, 10), Counting()
    with world.ledger() as ledger:
        execution = world.execution(ledger)
        execution._ready.extend(execution.plan.bundles)
        execution._held = held
        assert list(execution._feed(sending, Counting(compared_behind))) == []
    assert sending.busy == fed


def test_what_is_in_flight_at_a_second_interruption_may_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution_module, "_TICK", 0.01)
    world, let_go = World(tmp_path, 9, jobs=1), threading.Event()

    def interrupted(run: str) -> None:
        world.stop.ask()
        world.stop.ask()
        let_go.wait(60)

    world.carrier.before_send = interrupted
    try:
        results = world.go()
    finally:
        let_go.set()
    sent = set(world.carrier.numbers("send"))
    told = {number for number, result in results.items() if result.state is ImportState.UNKNOWN}
    assert sent
    assert sent <= told
    assert {world.states()[number] for number in sent} == {S.SENDING}
    assert world.tally.exit_code is ExitCode.INTERRUPTED


def test_a_comparison_that_the_server_fails_at_is_tried_again(tmp_path: Path) -> None:
    world = World(tmp_path, 1)
    broken = Proof(error=ServerFailed("500"))

    class FailingAtFirst(Answering):
        def prove(self, bundle: BundleView, run: RunFacts, **named: Any) -> Proof:
            proof = super().prove(bundle, run, **named)
            return broken if len(self.numbers("compare")) < COMPARISONS else proof

    world.carrier = FailingAtFirst()
    assert world.go()[0].proven
    assert world.carrier.numbers("compare") == [0] * COMPARISONS


def test_an_interruption_while_a_bundle_waits_for_its_place_sends_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, 2, jobs=1)
    with world.ledger() as ledger:
        execution = world.execution(ledger)
        pace = Pace(1, rate=1.0, clock=lambda: 0.0, sleep=lambda seconds: world.stop.ask())
        execution.passage = replace(execution.passage, pace=pace)
        results = list(world.tally.counting(execution))
    (number,) = world.carrier.numbers("send")
    assert {result.state for result in results} == {ImportState.IMPORTED, ImportState.NOT_TRIED}
    assert world.states() == {number: S.IMPORTED, 1 - number: S.PLANNED}
    assert world.tally.exit_code is ExitCode.INTERRUPTED


# --- what may be there, and is not asked about ------------------------------------------------------------------


@pytest.mark.parametrize("skip", [Skip.LIMIT, Skip.NOT_CHOSEN])
@pytest.mark.parametrize("state", [None, S.UNKNOWN])
def test_what_may_be_there_and_is_left_out_is_not_told_as_skipped(
    tmp_path: Path, skip: Skip, state: LedgerState | None
) -> None:
    world = World(tmp_path, 2)
    marked(world, 1, state)
    plan = world.plan(LedgerMemory())
    left_out = replace(plan.bundles[1], action=PlanAction.SKIP, skip=skip)
    result = world.go(replace(plan, bundles=(plan.bundles[0], left_out)))[1]
    assert result.error is not None
    assert (result.state, result.error.reason, result.good) == (ImportState.UNKNOWN, "left_out_in_doubt", False)
    assert (world.tally.exit_code, world.carrier.numbers("send")) == (ExitCode.PARTLY, [0])
    assert world.states()[1] is (state or S.SENDING)


def test_what_may_be_there_and_is_not_in_the_plan_is_named(tmp_path: Path) -> None:
    world = World(tmp_path, 3)
    marked(world, 1)
    marked(world, 2, S.UNKNOWN)
    world.file(2).unlink()
    with world.ledger() as ledger:
        execution = world.execution(ledger)
        list(execution)
    assert execution.in_doubt_elsewhere == (run_id(2),)
