"""The check that no open run of the cutover is left behind: whose a run is, and who knows of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dwctl.checklist.checks.exports import complete as export_complete
from dwctl.checklist.description.described import Described, Family, Runs
from dwctl.checklist.gate.check import Finding, Need, State
from dwctl.checklist.gate.table import CHECK
from dwctl.embedded.open_runs import OpenRun
from export_worlds import application, bundle, ledger, open_run, row, world

ORDERS = Family("orders", "orders", ("orders.process",))


def described(**changes: Any) -> Described:
    """A cutover of one folder of bundles."""
    return Described(None, "orders", bundles=("/exports",), ledger=Path("/nowhere/ledger.db"), **changes)


def found(*runs: OpenRun, bundles: int = 3, about: Described | None = None, **more: Any) -> Finding:
    """What is found where these runs are open, and those of so many bundles were exported."""
    exported = [bundle(number) for number in range(bundles)]
    return export_complete.complete(
        world(*exported, application=application(is_open=runs), described=about or described(), **more)
    )


def test_runs_that_were_all_exported_pass() -> None:
    finding = found(*(open_run(number) for number in range(3)))

    assert (finding.state, finding.said) == (State.PASS, "3 open runs, each exported or imported")


def test_one_of_ten_thousand_that_nobody_exported_fails_and_is_named() -> None:
    finding = found(*(open_run(number) for number in range(10_001)), bundles=10_000)

    assert finding.state is State.FAIL
    assert finding.said == "1 of 10,001 open runs in no bundle, and not imported (orders.process: 1)"
    assert finding.ids == ("run-10000",)
    assert "`dwctl checklist waive --help`" in str(finding.next_step)
    assert finding.command == "dwctl embedded inventory --status open --select"


def test_a_file_that_is_no_bundle_exports_nothing() -> None:
    unread = bundle(0, run_id=None, problem="it is no JSON")

    finding = export_complete.complete(
        world(unread, application=application(is_open=(open_run(0),)), described=described())
    )

    assert finding.state is State.FAIL


def test_what_the_ledger_has_on_the_server_needs_no_bundle_any_more() -> None:
    assert found(open_run(7), ledger=ledger(row(7))).state is State.PASS
    assert found(open_run(7), ledger=ledger(row(7, "refused"))).state is State.FAIL


@pytest.mark.parametrize(
    ("run", "is_ours"),
    [
        (open_run(9), True),
        (open_run(9, "billing.cycle", "billing"), False),
        (open_run(9, "billing.cycle", "orders"), False),
        (open_run(9, "App\\Workflows\\OrderProcess", "orders"), True),
        (open_run(9, "App\\Workflows\\OrderProcess", "billing"), False),
        (open_run(9, None, "orders"), True),
        (open_run(9, "reports.daily", "reports"), True),
    ],
)
def test_a_run_is_of_the_cutover_by_its_type_or_its_queue(run: OpenRun, is_ours: bool) -> None:
    finding = found(run, about=described(families=(ORDERS,), queues=("reports",)))

    assert (finding.state is State.FAIL) is is_ours
    assert ("1 open run of other types stay where they are" in finding.said) is not is_ours


def test_every_run_is_of_a_cutover_that_names_no_family() -> None:
    activities = Family("mail", "mail", (), ("mail.send",))

    assert found(open_run(9, "billing.cycle", "billing")).state is State.FAIL
    assert found(open_run(9, "billing.cycle", "billing"), about=described(families=(activities,))).state is State.FAIL


def test_an_application_without_any_run_is_perhaps_another_one() -> None:
    assert found().state is State.UNKNOWN


def test_an_application_whose_runs_have_all_ended_has_nothing_to_lose() -> None:
    finding = export_complete.complete(world(application=application("run-1"), described=described()))

    assert finding.state is State.PASS


def test_nothing_is_asked_where_open_runs_drain() -> None:
    finding = export_complete.complete(world(described=described(runs=Runs.DRAIN)))

    assert finding.state is State.SKIPPED


def test_it_is_a_check_of_item_10_that_shuts_the_gate() -> None:
    row_ = CHECK["exports.complete"]

    assert (row_.item, row_.severity, row_.needs) == (10, "required", (Need.BUNDLES, Need.EMBEDDED))
