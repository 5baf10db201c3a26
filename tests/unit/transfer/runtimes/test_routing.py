"""Who owns a run or an instance: every combination of what the sources say."""

from __future__ import annotations

from typing import Any

import pytest

from dwctl.embedded.positions import Position
from dwctl.errors import ExitCode, ServerUnreachable
from dwctl.server.results import RunRow
from dwctl.transfer.ledger.rows import LedgerRow, LedgerState
from dwctl.transfer.runtimes.routing import Asked, Owner, RouteTally, RunFacts, route_id, route_run

AT = "2026-11-22T22:11:34.036225Z"
ALL = Asked()
NO_DATABASE = Asked(embedded="no database is given")
NO_SERVER = Asked(server="no server is configured")
NO_LEDGER = Asked(ledger="there is no ledger")
STOPPED = Asked(embedded="you say so", stopped=True)


def ledger(state: LedgerState = LedgerState.IMPORTED, run: str = "run-1") -> LedgerRow:
    return LedgerRow(run_id=run, instance_id="order-1", run_number=1, dedupe_key=f"{run}:12:{AT}", status="waiting",
                     state=state)  # fmt: skip


def position(sequence: int = 12, run: str = "run-1", status: str = "waiting") -> Position:
    return Position(run, "order-1", status, sequence, AT, None)


def there(run: str = "run-1", *, closed: bool = False, number: int = 1) -> RunRow:
    status = "completed" if closed else "waiting"
    return RunRow("order-1", run, "orders.process", None, status, None, "default", closed, AT, None, number)


CASES: list[tuple[str, Any, Any, Any, Asked, Owner]] = [
    ("imported and parked", ledger(), position(), there(), ALL, Owner.SERVER),
    ("imported and moved", ledger(), position(13), there(), ALL, Owner.BOTH),
    ("imported and gone here", ledger(), None, there(), ALL, Owner.SERVER),
    ("imported, nobody asked here", ledger(), None, there(), NO_DATABASE, Owner.UNKNOWN),
    ("imported, this side is stopped", ledger(), None, there(), STOPPED, Owner.SERVER),
    ("imported, the server does not show it", ledger(), position(), None, ALL, Owner.UNKNOWN),
    ("imported, the server was not asked", ledger(), position(), None, NO_SERVER, Owner.SERVER),
    ("imported and moved, the server was not asked", ledger(), position(13), None, NO_SERVER, Owner.BOTH),
    ("planned", ledger(LedgerState.PLANNED), position(), None, ALL, Owner.EMBEDDED),
    ("moved before its import", ledger(LedgerState.MOVED), position(13), None, ALL, Owner.EMBEDDED),
    ("planned, the server was not asked", ledger(LedgerState.PLANNED), position(), None, NO_SERVER, Owner.EMBEDDED),
    ("sending, and the server has it", ledger(LedgerState.SENDING), position(), there(), ALL, Owner.SERVER),
    ("sending, and the server does not", ledger(LedgerState.SENDING), position(), None, ALL, Owner.EMBEDDED),
    ("sending, the server was not asked", ledger(LedgerState.SENDING), position(), None, NO_SERVER, Owner.UNKNOWN),
    ("never exported", None, position(), None, ALL, Owner.EMBEDDED),
    ("never exported, the server was not asked", None, position(), None, NO_SERVER, Owner.UNKNOWN),
    ("started on the server", None, None, there(), ALL, Owner.SERVER),
    ("in both without a ledger", None, position(), there(), NO_LEDGER, Owner.UNKNOWN),
    ("nowhere", None, None, None, ALL, Owner.NONE),
    ("nowhere, no database", None, None, None, NO_DATABASE, Owner.UNKNOWN),
    ("nowhere, no server", None, None, None, NO_SERVER, Owner.UNKNOWN),
    ("nowhere, no ledger", None, None, None, NO_LEDGER, Owner.UNKNOWN),
    ("planned and gone", ledger(LedgerState.PLANNED), None, None, ALL, Owner.NONE),
]


@pytest.mark.parametrize(("about", "row", "here", "on", "asked", "owner"), CASES, ids=[case[0] for case in CASES])
def test_the_owner_of_a_run(about: str, row: Any, here: Any, on: Any, asked: Asked, owner: Owner) -> None:
    routed = route_run(RunFacts("run-1", row, here, on), asked)
    assert routed.owner is owner, f"{about}: {routed.why}"
    assert routed.why


def facts(run: str, row: Any = None, here: Any = None, on: Any = None) -> RunFacts:
    return RunFacts(run, row, here, on)


def test_an_instance_belongs_to_whoever_has_its_open_runs() -> None:
    old = facts("run-0", None, position(run="run-0", status="completed"))
    current = facts("run-1", ledger(), position(), there())
    assert route_id("order-1", [old, current], ALL).owner is Owner.SERVER


def test_what_the_server_makes_of_an_imported_run_stays_there() -> None:
    first = facts("run-1", ledger(), position(), there(closed=True))
    second = facts("run-2", None, None, there("run-2", number=2))
    route = route_id("order-1", [first, second], ALL)
    assert (route.owner, route.kind) == (Owner.SERVER, "instance")
    assert [routed.facts.run_id for routed in route.decided_by] == ["run-2"]


def test_a_successor_that_the_embedded_copy_made_puts_the_instance_in_both() -> None:
    imported = facts("run-1", ledger(), position(), there())
    successor = facts("run-2", None, position(run="run-2"))
    route = route_id("order-1", [imported, successor], ALL)
    assert route.owner is Owner.BOTH
    assert "run-2 is embedded" in route.why


def test_the_last_run_decides_where_all_have_ended() -> None:
    first = facts("run-1", None, position(run="run-1", status="completed"))
    last = facts("run-2", ledger(run="run-2"), position(run="run-2", status="completed"), there("run-2", closed=True))
    assert route_id("order-1", [first, last], ALL).decided_by[0].facts.run_id == "run-2"


def test_an_embedded_instance_may_have_runs_where_nobody_asked() -> None:
    planned = facts("run-1", ledger(LedgerState.PLANNED), position())
    assert route_id("order-1", [planned], NO_SERVER).owner is Owner.UNKNOWN
    assert route_id("run-1", [planned], NO_SERVER).owner is Owner.EMBEDDED


def test_the_evidence_names_every_source_and_who_was_not_asked() -> None:
    route = route_id("run-1", [facts("run-1", ledger(), position())], NO_SERVER)
    assert [(one.source.value, one.asked) for one in route.evidence] == [
        ("ledger", True), ("embedded", True), ("server", False),
    ]  # fmt: skip
    assert route.evidence[2].said == "no server is configured"
    assert route_id("x", [], ALL).evidence[0].said == "does not know it"


@pytest.mark.parametrize(
    ("owners", "failure", "code"),
    [
        ([Owner.SERVER, Owner.EMBEDDED], None, 0),
        ([Owner.SERVER, Owner.BOTH], None, 1),
        ([Owner.SERVER, Owner.NONE], None, 1),
        ([Owner.UNKNOWN], None, 1),
        ([Owner.UNKNOWN, Owner.SERVER], ServerUnreachable("x"), 3),
        ([Owner.UNKNOWN, Owner.BOTH], ServerUnreachable("x"), 1),
        ([Owner.SERVER], ServerUnreachable("x"), 0),
    ],
)
def test_the_exit_code(owners: list[Owner], failure: Any, code: int) -> None:
    tally = RouteTally(failure=failure)
    tally.counts.update(owners)
    assert tally.exit_code == ExitCode(code)
