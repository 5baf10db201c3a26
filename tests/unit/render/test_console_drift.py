"""Drift, parked runs and routes for people: the worst first, nothing that steers a terminal, and a bound on rows."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import pytest

from dwctl.embedded.open_work import OpenWork, Queue
from dwctl.embedded.positions import Position
from dwctl.render import console_drift, console_parked
from dwctl.render.console_drift import drift_line, show_drift
from dwctl.render.console_parked import parked_line, show_parked
from dwctl.render.console_route import show_route, show_route_verdict
from dwctl.transfer.runtimes.drift import Carried, Drift, DriftReport, DriftState, Expected
from dwctl.transfer.runtimes.parked import Parked, ParkedReport, ParkedState
from dwctl.transfer.runtimes.routing import Asked, Owner, RouteTally, RunFacts, route_id

AT = "2026-11-23T04:00:00.000000Z"
EVIL = "order-\x1b[2J\n[bold]1[/bold]"


def drifted(state: DriftState, instance: str = "order-1", run: str = "run-1") -> Drift:
    expected = Expected(run, instance, f"{run}:1:{AT}", "waiting", Carried.IMPORTED, "ledger")
    return Drift(expected, Position(run, instance, "waiting", 2, AT, None), state, "sequence 1 → 2")


def report(*rows: Drift) -> DriftReport:
    return DriftReport(AT, "database \x1b[31m", ("a doubt \x07",), Counter(row.state for row in rows), list(rows))


def shown(show: Any, *arguments: Any, **options: Any) -> str:
    stream = io.StringIO()
    show(*arguments, stream, **options)
    return stream.getvalue()


def test_what_both_runtimes_run_comes_first_whatever_its_name_is() -> None:
    rows = [drifted(DriftState.MOVED_SINCE_IMPORT, EVIL), drifted(DriftState.GONE)]
    text = shown(show_drift, report(*rows))
    assert text.startswith("moved since the import: BOTH RUNTIMES RUN IT: 1 run\n")
    assert r"order-\x1b[2J\n[bold]1[/bold]" in text
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "NO: both runtimes run 1 run." in text
    assert drift_line(rows[0]) == (
        r"moved_since_import BOTH RUNTIMES RUN IT order-\x1b[2J\n[bold]1[/bold] run-1: sequence 1 → 2"
    )


def test_so_many_are_shown_and_the_rest_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_drift, "MOST_SHOWN", 2)
    text = shown(show_drift, report(*(drifted(DriftState.GONE, run=f"run-{number}") for number in range(5))))
    assert ("run-1" in text, "run-2" in text, "… and 3 more; --json lists all" in text) == (True, False, True)
    assert "is this the application" in text


def parked(state: ParkedState, instance: str = EVIL) -> Parked:
    work = OpenWork(ready_tasks=2, due_timers=1, next_at=AT)
    return Parked(drifted(DriftState.UNMOVED, instance), state, work, (Queue("redis", "orders\x1b"),))


def test_parked_runs_name_their_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_parked, "MOST_LATER", 1)
    found = ParkedReport(AT, "a test", ("a doubt \x1b",), ())
    for state in (ParkedState.COULD_WAKE, ParkedState.WAKES_LATER, ParkedState.WAKES_LATER, ParkedState.QUIET):
        found.add(parked(state))
    text = shown(show_parked, found)
    assert "\x1b" not in text
    assert text.startswith("could wake: only the pause of the workers keeps them: 1 run\n")
    assert "2 ready tasks, 1 due timer" in text
    assert "… and 1 more; --json lists all" in text
    assert r"orders\x1b (connection redis)  4 runs  1 moved or could wake" in text
    assert "PARKED BY THE PAUSE ALONE" in text
    assert found.exit_code == 0
    assert parked_line(found.rows[0]).startswith("could_wake order-\\x1b")


def test_a_route_shows_its_evidence_and_what_to_do_about_the_others() -> None:
    route = route_id(EVIL, [RunFacts("run-1", position=Position("run-1", EVIL, "waiting", 2, AT, None))],
                     Asked(server="no server \x1b"))  # fmt: skip
    text = shown(show_route, route, evidence=True)
    assert route.owner is Owner.UNKNOWN
    assert "\x1b" not in text
    assert "not asked: no server" in text
    tally = RouteTally(Counter({Owner.SERVER: 2, Owner.BOTH: 1}))
    assert "3 ids: 2 server, 1 both. NO" in shown(show_route_verdict, tally)
