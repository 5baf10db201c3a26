"""The facts of drift: whom the bundles and the ledger make it ask about, and what the embedded side says of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from asked_worlds import bundle, bundles, unreadable
from dwctl.checklist.facts.drift import drift_facts
from dwctl.checklist.facts.facts import BundleFact, LedgerFact
from dwctl.embedded.database import EmbeddedDatabase
from dwctl.embedded.positions import Position
from dwctl.errors import RequestNotPossible
from dwctl.secret import Secret
from dwctl.transfer.runtimes.positions import ByDatabase, Look
from import_gates import CAME, fact, ledger, run_id
from rehearsal_server import ready_run
from rows_of_bundles import change, empty_database, put_bundle
from sample_bundles import sealed

AT = "2026-11-23T12:00:00.000000Z"


class Side:
    """An embedded side on which runs stand where a test puts them; it has no database."""

    name = "batch PHP process"

    def __init__(self, *standing: Position, doubts: tuple[str, ...] = ()) -> None:
        self.standing, self.doubts, self.asked = {one.run_id: one for one in standing}, doubts, list[str]()

    @contextmanager
    def look(self) -> Iterator[Look]:
        """One look."""
        yield Look(AT, self._positions, self.doubts)

    def _positions(self, run_ids: Iterable[str]) -> Iterator[Position]:
        for run in run_ids:
            self.asked.append(run)
            if run in self.standing:
                yield self.standing[run]


def stands(number: int, **changes: Any) -> Position:
    given = Position(run_id(number), f"order-{number}", "waiting", 3, CAME, CAME)
    return given._replace(**changes)


def exported(number: int, **changes: Any) -> BundleFact:
    return bundle(number, dedupe_key=f"{run_id(number)}:3:{CAME}", **changes)


def sent(number: int, state: str = "imported", **changes: Any) -> LedgerFact:
    return fact(number, state=state, **changes)


def test_what_moved_is_told_by_how_far_it_had_come() -> None:
    side = Side(*(stands(number, last_history_sequence=4) for number in (1, 2, 3, 4)), stands(5))
    known = ledger(sent(1), sent(2, "already_imported"), sent(3, "unknown"), sent(5))
    found = drift_facts(side, bundles=bundles(*(exported(number) for number in range(1, 6))), ledger=known)
    assert (found.asked, found.at) == ("batch PHP process", AT)
    assert found.moved_since_import == (run_id(1), run_id(2))
    assert found.moved_in_doubt == (run_id(3),)
    assert found.moved_since_export == (run_id(4),)
    assert found.unmoved == 1


def test_each_run_is_asked_about_once() -> None:
    side = Side(stands(1), stands(2))
    drift_facts(side, bundles=bundles(exported(1), exported(1), exported(2)), ledger=ledger(sent(1), sent(2, "failed")))
    assert sorted(side.asked) == [run_id(1), run_id(2)]


def test_a_run_that_went_over_is_held_against_what_went_over() -> None:
    """A later export of it lies among the bundles: the copy has moved since its import all the same."""
    later = bundle(1, dedupe_key=f"{run_id(1)}:4:{CAME}", exported_at=AT)
    side = Side(stands(1, last_history_sequence=4))
    found = drift_facts(side, bundles=bundles(later), ledger=ledger(sent(1)))
    assert found.moved_since_import == (run_id(1),)


def test_the_newest_export_of_a_run_counts() -> None:
    old = bundle(1, dedupe_key=f"{run_id(1)}:2:{CAME}", exported_at="2026-11-20T00:00:00.000000Z")
    new = exported(1, exported_at="2026-11-21T00:00:00.000000Z")
    for order in ((old, new), (new, old)):
        found = drift_facts(Side(stands(1)), bundles=bundles(*order), ledger=None)
        assert (found.unmoved, found.moved_since_export) == (1, ())


def test_a_row_that_was_only_planned_counts_where_no_bundle_lies_here() -> None:
    side = Side(stands(1, last_history_sequence=9))
    assert drift_facts(side, bundles=None, ledger=ledger(sent(1, "planned"))).moved_since_export == (run_id(1),)


def test_what_is_gone_or_cannot_be_judged_is_told() -> None:
    known = ledger(sent(1), sent(2, dedupe_key=None))
    found = drift_facts(Side(stands(2)), bundles=bundles(unreadable(7)), ledger=known)
    assert (found.gone, found.unknown, found.unmoved) == ((run_id(1),), (run_id(2),), 0)


def test_only_a_database_knows_who_may_wake() -> None:
    side = Side(stands(1), doubts=("its clock is not known",))
    found = drift_facts(side, bundles=None, ledger=ledger(sent(1)))
    assert (found.may_wake, found.doubts) == (None, ("its clock is not known",))


def test_without_bundles_and_ledger_nobody_is_asked_about() -> None:
    found = drift_facts(Side(), bundles=None, ledger=None)
    assert (found.unmoved, found.gone) == (0, ())


# --- by the application's database --------------------------------------------------------------------------


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """A database with the rows of three open runs, each with a ready task."""
    path = empty_database(tmp_path)
    for number in (1, 2, 3):
        put_bundle(path, sealed(ready_run(number)))
    return path


def of_run(number: int, state: str = "imported") -> LedgerFact:
    run = ready_run(number)
    name = run["workflow"]["run_id"]
    return fact(number, run_id=name, status="pending", dedupe_key=run["dedupe_key"], state=state)


def by_database(path: Path) -> ByDatabase:
    return ByDatabase(EmbeddedDatabase.open(Secret(f"sqlite:///{path}")))


def test_imported_runs_with_open_work_may_wake(application: Path) -> None:
    change(application, ("DELETE FROM workflow_tasks WHERE workflow_run_id = ?", (of_run(2).run_id,)))
    found = drift_facts(
        by_database(application), bundles=None, ledger=ledger(of_run(1), of_run(2), of_run(3, "planned"))
    )
    assert found.may_wake == (of_run(1).run_id,)
    assert found.unmoved == 3
    assert found.asked.startswith("database ")


def test_a_run_that_a_worker_took_after_its_export_is_held(application: Path) -> None:
    """Taking a task moves nothing yet: the run stands where its bundle left it."""
    taken = "UPDATE workflow_tasks SET status = 'leased', lease_owner = 'w' WHERE workflow_run_id = ?"
    change(application, *((taken, (of_run(number).run_id,)) for number in (1, 3)))
    run = ready_run(3)
    exported = bundle(3, run_id=of_run(3).run_id, status="pending", dedupe_key=run["dedupe_key"])
    found = drift_facts(
        by_database(application), bundles=bundles(exported), ledger=ledger(of_run(1), of_run(2, "refused"))
    )
    assert set(found.held) == {of_run(1).run_id, of_run(3).run_id}
    assert (found.unmoved, found.may_wake) == (3, (of_run(1).run_id,))


def test_one_that_moved_is_not_also_told_to_be_able_to_wake(application: Path) -> None:
    change(application, ("UPDATE workflow_runs SET last_history_sequence = 7 WHERE id = ?", (of_run(1).run_id,)))
    found = drift_facts(by_database(application), bundles=None, ledger=ledger(of_run(1)))
    assert (found.moved_since_import, found.may_wake) == ((of_run(1).run_id,), ())


def test_tables_that_cannot_be_read_are_a_doubt(application: Path) -> None:
    change(application, "DROP TABLE workflow_tasks")
    found = drift_facts(by_database(application), bundles=None, ledger=ledger(of_run(1)))
    assert any("workflow_tasks" in doubt for doubt in found.doubts)


def test_a_database_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RequestNotPossible):
        drift_facts(by_database(tmp_path / "none.sqlite"), bundles=None, ledger=ledger(of_run(1)))
