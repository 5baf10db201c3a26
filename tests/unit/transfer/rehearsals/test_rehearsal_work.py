"""Whose turn it is in an open run, as its bundle says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dwctl.bundle.canonical import decode
from dwctl.bundle.verify import verify_bundle
from dwctl.bundle.view import BundleView
from dwctl.transfer.rehearsals.work import Outlook, Turn, TypeNeeded, outlook, waits_for
from sample_bundles import EXAMPLES, sealed, small_bundle

NOW = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)
"""After every example was exported, and before its timers are due."""


def seen(content: bytes, now: datetime = NOW) -> Outlook | None:
    run = verify_bundle(content).run
    assert run is not None
    return outlook(run, BundleView(decode(content).value), now)


def example(name: str, now: datetime = NOW) -> Outlook:
    found = seen((EXAMPLES / f"{name}.json").read_bytes(), now)
    assert found is not None
    return found


WORKFLOW = TypeNeeded("default", "workflow", "orders.process")


def test_a_run_that_had_just_started() -> None:
    found = example("running-ready-workflow-task-order-2001")
    assert (found.turn, found.needs, found.goes_on) == (Turn.START, (WORKFLOW,), True)


def test_a_run_in_the_middle_of_its_history() -> None:
    found = example("running-mid-history-order-2003")
    assert (found.turn, found.needs) == (Turn.RESUME, (WORKFLOW,))
    assert found.told == f"it stood in the middle of its history, after {found.events} events"


def test_a_ready_activity_needs_its_own_type_too() -> None:
    found = example("running-ready-activity-task-order-2002")
    assert found.turn is Turn.ACTIVITY
    assert found.needs == (WORKFLOW, TypeNeeded("default", "activity", "orders.reserve-inventory"))


def test_a_timer_is_a_workers_turn_only_when_it_is_due() -> None:
    found = example("waiting-for-timer-reminder-2")
    assert (found.turn, found.needs, found.goes_on) == (Turn.LATER, (), False)
    assert found.told == "it sleeps until 2026-11-22 23:11:33 UTC"
    found = example("waiting-for-timer-reminder-2", NOW + timedelta(hours=1))
    assert (found.turn, found.goes_on) == (Turn.TIMER, True)
    assert found.needs == (TypeNeeded("default", "workflow", "orders.reminder"),)


def test_a_signal_comes_from_outside() -> None:
    found = example("waiting-for-signal-approval-1", NOW + timedelta(days=365))
    assert (found.turn, found.needs, found.told) == (Turn.OUTSIDE, (), "it waits for the signal approved-by")


@pytest.mark.parametrize("name", ["completed-order-1001", "failed-order-fail-1", "terminated-approval-t"])
def test_a_closed_run_has_no_turn(name: str) -> None:
    assert seen((EXAMPLES / f"{name}.json").read_bytes()) is None


def retried(available_at: str) -> Outlook | None:
    """A run whose activity is tried again at a time."""
    task: dict[str, Any] = {"id": "01tsk", "type": "activity", "status": "ready", "payload": {}, "queue": "slow"}
    changes = {"workflow.status": "waiting", "tasks": [{**task, "available_at": available_at}], "timers": []}
    return seen(sealed(small_bundle(changes)))


def test_a_retry_waits_for_its_time() -> None:
    later = retried("2026-11-22T23:00:00.000000Z")
    assert later is not None
    assert (later.turn, later.told) == (Turn.LATER, "its next activity task is due at 2026-11-22 23:00:00 UTC")
    now = retried("2026-11-22T22:00:00.000000Z")
    assert now is not None
    assert now.turn is Turn.ACTIVITY


def test_a_time_that_cannot_be_read_is_not_waited_for() -> None:
    found = retried("some day")
    assert found is not None
    assert found.turn is Turn.ACTIVITY


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("signal", "approved-by", "it waits for the signal approved-by"),
        ("signal", None, "it waits for a signal"),
        ("update", None, "it waits for an update"),
        ("child", "01run", "it waits for its child"),
        ("condition", None, "it waits for a condition"),
        ("weather", None, "it waits for weather"),
    ],
)
def test_what_is_waited_for_in_words(kind: str, name: str | None, said: str) -> None:
    assert waits_for(kind, name) == said
