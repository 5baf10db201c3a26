"""What a manifest and a ledger say of the runs of the inventory: judged as `embedded drift` judges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dwctl.bundle.verify import Outcome
from dwctl.embedded.inventory_runs import InventoryRun, Known, RunColumns, RunWork
from dwctl.transfer.ledger.rows import LedgerRow, LedgerState
from dwctl.transfer.runtimes.drift import Carried, carried_by, judge
from dwctl.transfer.runtimes.drift_sources import of_ledger
from dwctl.transfer.runtimes.inventory import ExportState, InventoryTally, LedgerLookup, Standing, standings
from dwctl.transfer.storage.manifest import ManifestEntry

AT = "2026-11-22T22:11:34.036225Z"
ENTRY = ManifestEntry("i", "r", "t", "waiting", f"r:3:{AT}", "f", 1, "s", None, Outcome.OK, (), "batch", AT)
ROW = LedgerRow(run_id="r", instance_id="i", status="waiting", dedupe_key=f"r:3:{AT}")


def run(known: Known | None = None, **values: Any) -> InventoryRun:
    empty: dict[str, Any] = dict.fromkeys(RunColumns._fields)
    row = RunColumns(**{
        **empty, "run_id": "r", "instance_id": "i", "status": "waiting", "last_history_sequence": 3,
        "last_progress_at": AT, **values,
    })  # fmt: skip
    return InventoryRun(row, True, RunWork(), (), 60, known or Known())


class Ledger(LedgerLookup):
    def __init__(self, row: LedgerRow) -> None:
        self._row = row

    def row(self, run_id: str) -> LedgerRow | None:
        return self._row if run_id == self._row.run_id else None


def standing(found: InventoryRun, row: LedgerRow = ROW, entry: ManifestEntry = ENTRY) -> Standing:
    (one,) = standings([found], manifest={"r": entry}, ledger=Ledger(row))
    return one


MOVED: list[dict[str, Any]] = [
    {"last_history_sequence": 4}, {"status": "completed"}, {"last_progress_at": "2026-11-22T22:12:34.036225Z"},
]  # fmt: skip


@pytest.mark.parametrize("state", LedgerState)
@pytest.mark.parametrize("changes", [{}, *MOVED])
def test_the_ledger_is_compared_as_drift_compares_it(state: LedgerState, changes: dict[str, Any]) -> None:
    row, found = replace(ROW, state=state), run(**changes)
    one = standing(found, row)
    assert one.imported is not None
    assert one.imported.moved is bool(changes)
    drift = judge(of_ledger(row), found.position).state.value
    assert drift == (f"moved_{'in_doubt' if one.imported.carried is Carried.IN_DOUBT else _SINCE[one.imported.carried]}"
                     if changes else "unmoved")  # fmt: skip
    tally = InventoryTally()
    tally.add(one)
    there = state in {LedgerState.IMPORTED, LedgerState.ALREADY_IMPORTED}
    assert (tally.imported, tally.moved_since_import) == (there, there and bool(changes))


_SINCE = {Carried.IMPORTED: "since_import", Carried.EXPORTED: "since_export"}


@pytest.mark.parametrize("changes", MOVED)
def test_an_export_is_compared_by_its_status_too(changes: dict[str, Any]) -> None:
    for found, state in ((run(), ExportState.CURRENT), (run(**changes), ExportState.MOVED)):
        one = standing(found)
        assert one.exported is not None
        assert one.exported.state is state


def test_what_nobody_can_say_is_unknown() -> None:
    """An hour of another zone, a bundle without a key, a column that is not read: none of them is a move."""
    unread = run(Known(place=False), last_progress_at=None)
    for one in (
        standing(run(last_progress_at="2026-11-22T23:11:34.036225Z")),
        standing(run(), replace(ROW, dedupe_key=None), replace(ENTRY, dedupe_key=None)),
        standing(unread),
    ):
        assert one.exported is not None
        assert one.imported is not None
        assert (one.exported.state, one.imported.moved) == (ExportState.UNKNOWN, None)
    assert standing(run(Known(place=False), last_progress_at=None, status="completed")).imported.moved is True  # type: ignore[union-attr]


def test_every_state_of_the_ledger_has_come_one_way() -> None:
    found = {state.value: carried_by(state).value for state in LedgerState}
    assert {state for state, how in found.items() if how == "imported"} == {"imported", "already_imported"}
    assert {state for state, how in found.items() if how == "in_doubt"} == {"sending", "unknown"}
