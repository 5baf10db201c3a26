"""The facts of a gate's report: out of what the checks have asked for, never by asking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from dwctl.checklist.checks.workers.serving import coverage
from dwctl.checklist.facts.world import Fact, Missing
from dwctl.checklist.gate.check import Need
from dwctl.checklist.gate.report import Absent, CoverageSeen, GateReport, TransferSeen, gate_report, ledger_past
from dwctl.errors import DwctlError, LocalStateError, ServerUnreachable
from dwctl.render.json_checklist import checklist_document
from dwctl.render.json_gate_pictures import gate_pictures
from dwctl.transfer.ledger.rows import LedgerState
from dwctl.transfer.report.standing import Standing
from dwctl.transfer.report.transfer_report import Past
from ledgers import START, opened, rows, run_id, ticking
from output_schemas import is_valid
from told_gates import (
    BUNDLES,
    FAMILY,
    LEDGER,
    NOW,
    PAST,
    SERVER,
    WORKERS,
    bundle_fact,
    fact,
    failing,
    gate,
    green_report,
    hostile_report,
    large_report,
    ledger_fact,
    ledger_facts,
    mixed_gate,
    mixed_report,
    passing,
    report_of,
    result,
    world,
)
from unasked_worlds import unasked


def test_a_report_asks_nobody() -> None:
    """Every unasked fact of this world fails when it is asked."""
    report = gate_report(mixed_gate(), world(), now=NOW)
    assert isinstance(report.coverage, Absent)
    assert isinstance(report.transfer, Absent)
    assert report.coverage.why == "No check of this run asked for the workers."
    assert report.transfer.why == "No check of this run asked for the ledger."


def test_what_is_missing_and_what_failed_is_absent_with_its_own_reason() -> None:
    missing = {Need.LEDGER: Missing("There is no ledger at .dwctl/ledger.db."), Need.SERVER: Missing("No server.")}
    report = report_of(gate([]), world(missing, ledger=unasked()))
    assert report.coverage == Absent("No server.")
    assert report.transfer == Absent("There is no ledger at .dwctl/ledger.db.")
    broken: Fact[object] = Fact(failing(ServerUnreachable("nobody answers")))
    with pytest.raises(DwctlError):
        broken()
    assert report_of(gate([]), world(workers=broken)).coverage == Absent("nobody answers")


def test_coverage_is_of_bundles_and_families_and_says_which_files_are_not_in_it() -> None:
    seen = report_of(gate([]), world(families=(FAMILY,), workers=fact(WORKERS), bundles=fact(BUNDLES))).coverage
    assert isinstance(seen, CoverageSeen)
    assert (seen.coverage.bundles, len(seen.coverage.rows), seen.coverage.served) == (41, 7, 3)
    assert [one.file for one in seen.coverage.unread] == ["exports/order-99.json"]
    assert not seen.coverage.covered
    by_family = [row.need.demand.type_key for row in seen.coverage.rows if row.need.by_family]
    assert by_family == ["orders.process", "orders.charge"]


def test_families_alone_are_covered_and_the_missing_bundles_said() -> None:
    missing = {Need.BUNDLES: Missing("No bundles are named.")}
    seen = report_of(gate([]), world(missing, (FAMILY,), workers=fact(WORKERS))).coverage
    assert isinstance(seen, CoverageSeen)
    assert (len(seen.coverage.rows), seen.without_bundles) == (2, "No bundles are named.")
    assert report_of(gate([]), world(missing, workers=fact(WORKERS))).coverage == Absent("No bundles are named.")
    closed = fact(replace(BUNDLES, bundles=(bundle_fact(1),)))
    nothing = report_of(gate([]), world(workers=fact(WORKERS), bundles=closed)).coverage
    assert nothing == Absent("Neither a bundle nor the description needs a worker.")


def test_the_matrix_holds_what_the_check_on_coverage_holds_also_what_waits_and_what_is_missing() -> None:
    seen = world(families=(FAMILY,), workers=fact(WORKERS), bundles=fact(replace(BUNDLES, missing=("exports-2",))),
                 queues=fact(()), server=fact(SimpleNamespace(target=SimpleNamespace(url=SERVER))))  # fmt: skip
    found = report_of(gate([]), seen).coverage
    assert isinstance(found, CoverageSeen)
    assert found.without_bundles == "Nothing lies at exports-2."
    assert {row.waiting for row in found.coverage.rows if row.gap} == {0}
    finding = coverage(seen)
    unserved = len(found.coverage.rows) - found.coverage.served
    assert finding.said.startswith(f"{unserved} of {len(found.coverage.rows)} needs not served")


def test_a_transfer_is_counted_by_standing_and_compared_counts_only_what_is_the_same() -> None:
    seen = mixed_report().transfer
    assert isinstance(seen, TransferSeen)
    assert (seen.total, seen.imported, seen.compared) == (1000, 894, 880)
    assert {standing: count for standing, count in seen.standings.items() if count} == {
        Standing.ARRIVED: 880, Standing.DIFFERS: 1, Standing.IN_BOTH: 1, Standing.REFUSED: 26,
        Standing.NOT_COMPARED: 12, Standing.PLANNED: 60, Standing.LEFT_OUT: 20,
    }  # fmt: skip
    assert sum(seen.standings.values()) == seen.total
    assert seen.past == PAST


def test_the_past_of_an_unsound_or_vanished_ledger_is_not_told() -> None:
    def gone(path: str) -> Past:
        raise LocalStateError("gone")

    broken = world(ledger=fact(replace(LEDGER, sound=False, trouble="x")))
    for seen in (gate_report(gate([]), broken, now=NOW, past=lambda path: failing(AssertionError())()),
                 gate_report(gate([]), world(ledger=fact(LEDGER)), now=NOW, past=gone)):  # fmt: skip
        assert isinstance(seen.transfer, TransferSeen)
        assert seen.transfer.past.sessions == ()
        assert seen.transfer.total == 1000


def test_the_past_is_read_off_the_log_of_a_real_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    for hours in (0, 5):
        with opened(path, clock=ticking(START + timedelta(hours=hours))) as ledger:
            ledger.plan(rows(3))
            if hours:
                ledger.sending(run_id(0))
                ledger.settle(run_id(0), LedgerState.IMPORTED)
    past = ledger_past(str(path))
    assert [one.there for one in past.sessions] == [0, 1]
    facts = ledger_facts([ledger_fact(0)], path=str(path))
    seen = gate_report(gate([]), world(ledger=fact(facts)), now=NOW).transfer
    assert isinstance(seen, TransferSeen)
    assert seen.past == past


def test_the_timeline_is_in_the_order_of_asking_and_as_long_as_the_last_answer() -> None:
    late = result("late", offset=2.0, seconds=4.0)
    report = report_of(gate([late, result("early", offset=0.5, seconds=0.1)]))
    assert [(one.result.check.id, one.offset, one.seconds) for one in report.timeline] == [
        ("early", 0.5, 0.1), ("late", 2.0, 4.0),
    ]  # fmt: skip
    assert report.length == 6.0
    before = replace(late, began_at="2026-11-24T07:00:00.000000Z")
    unread = replace(late, began_at="some time")
    assert {one.offset for one in report_of(gate([before, unread])).timeline} == {0.0}


@pytest.mark.parametrize("make", [mixed_report, green_report, hostile_report, large_report])
def test_the_json_with_the_pictures_keeps_to_its_schema(make: Callable[[], GateReport]) -> None:
    report = make()
    document = checklist_document(report.result, gate_pictures(report))
    assert is_valid("checklist", document)
    absent = report_of(gate(passing()), world())
    assert is_valid("checklist", checklist_document(absent.result, gate_pictures(absent)))
