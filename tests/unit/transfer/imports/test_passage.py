"""A bundle's own way: what stays in doubt and what does not, the way it took, its import id, and its archive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dwctl.errors import ExitCode
from dwctl.server.failures import ServerFailure
from dwctl.transfer.imports.importing import ImportOptions
from dwctl.transfer.imports.outcomes import ImportResult, ImportState
from dwctl.transfer.imports.passage import ROUNDS, ROUNDS_WHILE_BUSY
from dwctl.transfer.imports.way import Way
from dwctl.transfer.lanes import Stop
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.memory import LedgerMemory, rows_of
from dwctl.transfer.ledger.rows import LedgerState
from dwctl.transfer.plans.plan import Plan
from import_doubles import BUSY, COLLISION, CONFLICT, DONE, THERE, WOULD, Step, failure, lost, reply, unsent
from import_worlds import Answering, World, run_id
from ledgers import NAMESPACE, opened

S = LedgerState
CLOSED = {"workflow.status": "completed", "workflow.closed_at": "2026-11-22T22:12:00.000000Z", "history_complete": True}


def one(tmp_path: Path, *steps: Step) -> tuple[World, ImportResult]:
    """A run of a single bundle whose requests are answered so."""
    world = World(tmp_path, 1)
    world.carrier.steps[run_id(0)] = list(steps)
    return world, world.go()[0]


def rounds(*steps: Step) -> list[Step]:
    """These answers in every round that a run can take."""
    return [*steps] * ROUNDS_WHILE_BUSY


def kinds(world: World) -> str:
    """The requests in order: `!` for an import, `?` for a dry run, `=` for a comparison."""
    return "".join({"send": "!", "ask": "?", "compare": "="}[kind] for kind, _ in world.carrier.log)


def marked(world: World, state: LedgerState | None = None) -> None:
    """As an earlier process left the first bundle: `sending`, or what it settled."""
    with world.ledger() as ledger:
        ledger.plan(rows_of(world.plan(LedgerMemory())))
        ledger.sending(run_id(0))
        if state is not None:
            ledger.settle(run_id(0), state)


# --- what was given up may come yet -----------------------------------------------------------------------------

GIVEN_UP = [lost("timed_out"), failure(504), failure(408)]


@pytest.mark.parametrize("given_up", GIVEN_UP, ids=["timed out", "504", "408"])
def test_what_was_given_up_is_taken_up_again_and_is_ours(tmp_path: Path, given_up: ServerFailure) -> None:
    for number, answer in enumerate((DONE, THERE)):
        (tmp_path / str(number)).mkdir()
        world, result = one(tmp_path / str(number), given_up, WOULD, answer)
        assert (result.state, kinds(world), world.states()[0]) == (ImportState.IMPORTED, "!?!=", S.IMPORTED)


@pytest.mark.parametrize("given_up", GIVEN_UP, ids=["timed out", "504", "408"])
def test_what_is_given_up_every_time_is_unknown_however_often_it_was_not_found(
    tmp_path: Path, given_up: ServerFailure
) -> None:
    world, result = one(tmp_path, *rounds(given_up, WOULD))
    assert (result.state, kinds(world), result.asked_and_absent) == (ImportState.UNKNOWN, "!?" * ROUNDS, True)
    assert (world.states()[0], world.tally.exit_code) == (S.UNKNOWN, given_up.exit_code)


def test_a_busy_answer_after_an_attempt_that_was_given_up_may_be_its_echo(tmp_path: Path) -> None:
    busy = replace(reply(BUSY, unsettled=1), unfinished=1)
    world, result = one(tmp_path, *rounds(busy, WOULD))
    assert (result.state, world.states()[0]) == (ImportState.UNKNOWN, S.UNKNOWN)


@pytest.mark.parametrize("last", [failure(400), unsent(), lost(), BUSY], ids=["400", "unsent", "lost", "busy"])
def test_no_later_round_takes_the_doubt_away_but_an_answer_about_the_run(tmp_path: Path, last: Step) -> None:
    world, result = one(tmp_path, lost("timed_out"), WOULD, *rounds(last, WOULD))
    assert (result.state, world.states()[0]) == (ImportState.UNKNOWN, S.UNKNOWN)


def test_what_was_given_up_stays_marked_until_its_next_round(tmp_path: Path) -> None:
    world = World(tmp_path, 1)
    world.carrier.steps[run_id(0)] = [lost("timed_out"), WOULD]
    seen: list[LedgerState] = []

    def look(run: str) -> None:
        with Ledger.view(tmp_path / "ledger.db") as view:
            seen.extend(row.state for row in view.rows())

    world.carrier.before_send = look
    world.go()
    assert seen == [S.SENDING] * 3
    assert world.rows()[0].attempts == 2


def test_what_was_given_up_and_whose_next_round_does_not_come_is_unknown(tmp_path: Path) -> None:
    world = World(tmp_path, 1)
    world.carrier.steps[run_id(0)] = [lost("timed_out"), WOULD]
    world.carrier.before_send = lambda run: world.stop.ask() if not world.stop.asked else None
    result = world.go()[0]
    assert (result.state, kinds(world), world.states()[0]) == (ImportState.UNKNOWN, "!?", S.SENDING)


def test_what_was_given_up_and_whose_file_has_gone_since_is_unknown(tmp_path: Path) -> None:
    world = World(tmp_path, 1)
    world.carrier.steps[run_id(0)] = [lost("timed_out"), WOULD]
    world.carrier.before_send = lambda run: world.file(0).unlink(missing_ok=True)
    result = world.go()[0]
    assert (result.state, kinds(world), world.states()[0]) == (ImportState.UNKNOWN, "!?", S.SENDING)


def test_a_lost_connection_is_believed_when_the_run_is_not_there(tmp_path: Path) -> None:
    world, result = one(tmp_path, *rounds(lost(), WOULD))
    assert (result.state, result.asked_and_absent, world.states()[0]) == (ImportState.FAILED, True, S.FAILED)


def test_a_connection_that_cannot_be_made_in_time_sent_nothing(tmp_path: Path) -> None:
    late = unsent()
    late.exchange = replace(late.exchange, reason="timed_out")
    world, result = one(tmp_path, *rounds(late))
    assert (result.state, kinds(world), world.states()[0]) == (ImportState.FAILED, "!" * ROUNDS, S.FAILED)


# --- whose run it is --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first", [(failure(503, "backend_lock_pressure"),), (unsent(),), (BUSY,)], ids=["503", "unsent", "busy"]
)
def test_a_run_that_is_there_after_attempts_that_did_nothing_is_somebody_else_s(
    tmp_path: Path, first: tuple[Step, ...]
) -> None:
    world, result = one(tmp_path, *first, THERE)
    assert (result.state, world.states()[0]) == (ImportState.ALREADY_IMPORTED, S.ALREADY_IMPORTED)
    assert world.carrier.expected == [()]


def test_a_run_that_is_there_after_an_attempt_without_an_answer_is_ours(tmp_path: Path) -> None:
    world, result = one(tmp_path, lost(), WOULD, THERE)
    assert (result.state, world.states()[0]) == (ImportState.IMPORTED, S.IMPORTED)


@pytest.mark.parametrize("answer", [COLLISION, CONFLICT], ids=["unique", "conflict"])
def test_a_refusal_of_a_run_in_doubt_may_be_the_echo_of_an_earlier_attempt(tmp_path: Path, answer: Step) -> None:
    world = World(tmp_path, 1)
    marked(world)
    world.carrier.steps[run_id(0)] = [answer, THERE]
    assert (world.go()[0].state, kinds(world), world.states()[0]) == (ImportState.IMPORTED, "!?=", S.IMPORTED)


def test_a_refusal_of_a_run_in_doubt_that_is_not_there_stands(tmp_path: Path) -> None:
    world = World(tmp_path, 1)
    marked(world, S.UNKNOWN)
    world.carrier.steps[run_id(0)] = [CONFLICT, CONFLICT]
    assert (world.go()[0].state, world.states()[0]) == (ImportState.REFUSED, S.REFUSED)


def test_a_run_in_doubt_that_cannot_be_sent_is_not_called_failed_for_not_being_found(tmp_path: Path) -> None:
    world = World(tmp_path, 1)
    marked(world)
    world.carrier.steps[run_id(0)] = rounds(lost(), WOULD)
    assert (world.go()[0].state, world.states()[0]) == (ImportState.UNKNOWN, S.UNKNOWN)


# --- the way, and the import id ---------------------------------------------------------------------------------


class Enveloping(Answering):
    """A carrier that finds only the envelope open."""

    def way(self) -> Way:
        return Way.ENVELOPE


def byte_exact(world: World) -> Plan:
    """The plan, made when that way was open."""
    plan = world.plan(LedgerMemory())
    return replace(plan, bundles=tuple(replace(bundle, way=Way.BYTE_EXACT) for bundle in plan.bundles))


def test_the_ledger_and_the_result_have_the_way_that_was_taken(tmp_path: Path) -> None:
    world = World(tmp_path, 2, carrier=Enveloping())
    world.carrier.steps[run_id(1)] = [CONFLICT]
    results = world.go(byte_exact(world))
    assert {result.way for result in results.values()} == {Way.ENVELOPE.value}
    assert {row.way for row in world.rows().values()} == {Way.ENVELOPE.value}


def test_a_way_that_nobody_can_go_is_found_before_anything_is_marked(tmp_path: Path) -> None:
    world = World(tmp_path, 1)
    with world.ledger() as ledger:
        execution = world.execution(ledger, byte_exact(world))
        execution.passage = replace(execution.passage, carriers={Way.ARTISAN: world.carrier})
        with pytest.raises(KeyError):
            list(execution)
    assert (world.states()[0], world.carrier.log) == (S.PLANNED, [])


def under(world: World, import_id: str) -> ImportResult:
    """Run once more, under another import id."""
    world.stop = Stop()
    with opened(world.folder / "ledger.db", import_id=import_id) as ledger:
        execution = world.execution(ledger)
        execution.passage = replace(execution.passage, options=ImportOptions(NAMESPACE, import_id))
        (result,) = list(execution)
    return result


def test_what_is_sent_anew_under_another_id_is_looked_for_under_that(tmp_path: Path) -> None:
    world, _ = one(tmp_path, failure(400))
    assert under(world, "orders-2").proven
    assert (world.carrier.expected, world.rows()[0].import_id) == ([("orders-2",)], "orders-2")


@pytest.mark.parametrize("state", [None, S.UNKNOWN])
def test_what_was_in_doubt_may_be_there_under_either_id(tmp_path: Path, state: LedgerState | None) -> None:
    world = World(tmp_path, 1)
    marked(world, state)
    assert under(world, "orders-2").proven
    assert world.carrier.expected == [("orders-2", "orders-1")]


def test_what_was_imported_before_is_looked_for_under_the_id_that_it_has(tmp_path: Path) -> None:
    world = World(tmp_path, 1)
    marked(world, S.IMPORTED)
    assert under(world, "orders-2").proven
    assert world.carrier.expected == [("orders-1",)]


# --- comparing and archiving ------------------------------------------------------------------------------------


def test_nothing_is_archived_before_the_ledger_has_the_comparison_on_the_disk(tmp_path: Path) -> None:
    world, seen = World(tmp_path, 6, dict.fromkeys(range(6), CLOSED), archive=True), []

    class Looking(Answering):
        def archive(self, run: object, reason: str) -> None:
            with Ledger.view(tmp_path / "ledger.db") as view:
                row = view.row(str(getattr(run, "run_id", None)))
            seen.append(row is not None and row.compared_at is not None)

    world.carrier = Looking()
    world.go()
    assert (seen, world.tally.archived, world.tally.exit_code) == ([True] * 6, 6, ExitCode.DONE)
