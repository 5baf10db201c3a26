"""An import asks the embedded side about every bundle before it is sent, and tells what moved as what it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dwctl.embedded.positions import Position
from dwctl.errors import NotFound
from dwctl.transfer.imports import execution
from dwctl.transfer.imports.drift import DriftCheck
from dwctl.transfer.imports.outcomes import ImportState
from dwctl.transfer.ledger.memory import LedgerMemory, rows_of
from dwctl.transfer.ledger.rows import LedgerState
from dwctl.transfer.runtimes.drift import NEXT_STEPS, Carried, DriftState, Expected
from dwctl.transfer.runtimes.positions import Look
from import_doubles import BUSY, WOULD, lost
from import_worlds import Embedded, World, run_id

S = LedgerState
BATCH = 5


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "DRIFT_BATCH", BATCH)


def asked_before_they_were_sent(world: World, embedded: Embedded) -> None:
    """Every bundle that was sent was asked about, once for each time that it was sent."""
    asked = [number for batch in embedded.asked for number in batch]
    assert all(asked.count(number) == world.carrier.numbers("send").count(number) for number in range(world.count))


@pytest.mark.parametrize("count", [1, BATCH, BATCH + 1, 3 * BATCH + 2])
def test_every_bundle_is_asked_about_before_it_is_sent(tmp_path: Path, count: int) -> None:
    embedded = Embedded()
    world = World(tmp_path, count, drift=embedded)
    world.go()
    assert sorted(world.carrier.numbers("send")) == list(range(count))
    asked_before_they_were_sent(world, embedded)


@pytest.mark.parametrize("count", [BATCH + 1, 2 * BATCH, 2 * BATCH + 1])
def test_behind_a_batch_that_has_moved_as_a_whole_nothing_goes_unasked(tmp_path: Path, count: int) -> None:
    embedded = Embedded(moved=frozenset(range(count)))
    world = World(tmp_path, count, drift=embedded)
    results = world.go()
    assert world.carrier.log == []
    assert {result.state for result in results.values()} == {ImportState.MOVED}
    assert sorted(number for batch in embedded.asked for number in batch) == list(range(count))


def test_the_first_that_has_not_moved_is_sent_and_those_before_it_are_not(tmp_path: Path) -> None:
    embedded = Embedded(moved=frozenset(range(2 * BATCH)))
    world = World(tmp_path, 2 * BATCH + 3, drift=embedded)
    world.go()
    assert sorted(world.carrier.numbers("send")) == [2 * BATCH, 2 * BATCH + 1, 2 * BATCH + 2]
    assert [len(batch) for batch in embedded.asked] == [BATCH, BATCH, 3]


def test_what_is_taken_up_again_is_asked_about_again(tmp_path: Path) -> None:
    embedded = Embedded()
    world = World(tmp_path, 3, drift=embedded)
    world.carrier.steps[run_id(1)] = [BUSY, BUSY]
    world.go()
    assert world.carrier.numbers("send").count(1) == 3
    asked_before_they_were_sent(world, embedded)


def test_what_waited_for_its_partner_is_asked_about_when_its_turn_comes(tmp_path: Path) -> None:
    embedded = Embedded(moved=frozenset({1}))
    world = World(tmp_path, 2, waits={1: (0,)}, drift=embedded)
    results = world.go()
    assert (embedded.asked, results[1].state, world.carrier.numbers("send")) == ([[0], [1]], ImportState.MOVED, [0])


# --- where the run is already, or may be ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "told", "drift", "advice"),
    [
        ("planned", ImportState.MOVED, "moved_since_export", DriftState.MOVED_SINCE_EXPORT),
        (None, ImportState.UNKNOWN, "moved_since_export", DriftState.MOVED_IN_DOUBT),
        (S.UNKNOWN, ImportState.UNKNOWN, "moved_since_export", DriftState.MOVED_IN_DOUBT),
        (S.IMPORTED, ImportState.IMPORTED, "moved_since_import", DriftState.MOVED_SINCE_IMPORT),
        (S.ALREADY_IMPORTED, ImportState.ALREADY_IMPORTED, "moved_since_import", DriftState.MOVED_SINCE_IMPORT),
    ],
)
def test_what_moved_is_told_by_where_it_is(
    tmp_path: Path, state: LedgerState | str | None, told: ImportState, drift: str, advice: DriftState
) -> None:
    world = World(tmp_path, 1, drift=Embedded(moved=frozenset({0})))
    if state != "planned":
        brought(world, None if state is None else LedgerState(state))
    result, row = world.go()[0], world.rows()[0]
    assert result.error is not None
    assert (result.state, result.error.reason, result.good) == (told, "run_moved", False)
    assert result.error.next_step == NEXT_STEPS[advice]
    assert "sequence 1 → 2" in result.error.message
    kept = S.MOVED if state == "planned" else S.SENDING if state is None else state
    assert (row.state, row.drift, world.carrier.log) == (kept, drift, [])


def brought(world: World, state: LedgerState | None) -> None:
    """As an earlier process left the first bundle: `sending`, or what it settled."""
    with world.ledger() as ledger:
        ledger.plan(rows_of(world.plan(LedgerMemory())))
        ledger.sending(run_id(0))
        if state is not None:
            ledger.settle(run_id(0), state)


def test_what_was_given_up_and_has_moved_since_may_be_there(tmp_path: Path) -> None:
    embedded = Embedded()
    world = World(tmp_path, 1, drift=embedded)
    world.carrier.steps[run_id(0)] = [lost("timed_out"), WOULD]
    world.carrier.before_send = lambda run: setattr(embedded, "moved", frozenset({0}))
    result = world.go()[0]
    assert result.error is not None
    assert (result.state, world.states()[0]) == (ImportState.UNKNOWN, S.SENDING)
    assert result.error.next_step == NEXT_STEPS[DriftState.MOVED_IN_DOUBT]


def test_what_is_gone_is_not_noted_as_running_in_both(tmp_path: Path) -> None:
    world = World(tmp_path, 2, drift=Embedded(gone=frozenset({0})))
    brought(world, S.IMPORTED)
    result, row = world.go()[0], world.rows()[0]
    assert result.error is not None
    assert (result.state, row.drift) == (ImportState.IMPORTED, "gone")
    assert result.error.next_step == NEXT_STEPS[DriftState.GONE]


# --- another application ----------------------------------------------------------------------------------------


class Side:
    """An embedded side that knows some runs."""

    name = "database"

    def __init__(self, *known: str) -> None:
        self._known = known

    @contextmanager
    def look(self) -> Iterator[Look]:
        yield Look("now", self._positions)

    def _positions(self, run_ids: Iterable[str]) -> Iterator[Position]:
        return (Position(name, "i", "waiting", 1, "p", None) for name in run_ids if name in self._known)


def expected(name: str) -> Expected:
    return Expected(name, "i", f"{name}:1:p", "waiting", Carried.EXPORTED, "bundle")


def test_an_application_that_has_known_a_run_is_believed_that_the_last_one_is_gone() -> None:
    check = DriftCheck(Side("a"))
    assert check([expected("a")]) == {}
    assert {name: drift.state for name, drift in check([expected("b")]).items()} == {"b": DriftState.GONE}
    assert (check.asked, check.moved) == (2, 1)


def test_an_application_that_knows_none_is_another_one() -> None:
    with pytest.raises(NotFound):
        DriftCheck(Side("a"))([expected("b"), expected("c")])
