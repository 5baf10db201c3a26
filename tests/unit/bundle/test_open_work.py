"""Open work: every status that does not mean done is open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dwctl.bundle.canonical import decode
from dwctl.bundle.open_work import OpenItem, open_work

DATA = Path(__file__).parents[2] / "data" / "bundles"


def bundle(number: str) -> Any:
    """A recorded bundle."""
    (path,) = DATA.glob(f"{number}-*.json")
    return decode(path.read_bytes()).value


def test_a_leased_task_is_held_by_its_owner() -> None:
    (item,) = open_work(bundle("57"))
    assert (item.kind, item.name, item.status, item.held) == ("task", "workflow", "leased", True)
    assert item.lease_owner == "embedded-worker-1"
    assert item.lease_expires_at == "2026-11-22T22:14:20.030754Z"
    assert item.path == "tasks.0"


def test_a_running_attempt_holds_its_activity() -> None:
    attempts = [{"status": "failed"}, {"status": "running", "lease_owner": "w1", "lease_expires_at": "t"}]
    (item,) = open_work({"activities": [{"id": "A", "status": "running", "attempts": attempts}]})
    assert (item.held, item.lease_owner, item.lease_expires_at) == (True, "w1", "t")


def test_an_activity_without_a_running_attempt_is_not_held() -> None:
    (item,) = open_work({"activities": [{"id": "A", "status": "running", "attempts": []}]})
    assert not item.held


def test_a_lease_of_a_task_that_is_ready_again_is_over() -> None:
    (item,) = open_work({"tasks": [{"status": "ready", "lease_owner": "old"}]})
    assert (item.held, item.lease_owner) == (False, None)


def test_all_kinds_of_a_run_with_open_work_are_told() -> None:
    assert [(item.kind, item.name, item.status, item.due_at) for item in open_work(bundle("76"))] == [
        ("task", "workflow", "ready", "2026-11-22T22:12:09.583903Z"),
        ("task", "activity", "ready", "2026-11-22T22:12:09.603172Z"),
        ("activity", "orders.reserve-inventory", "pending", None),
        ("timer", None, "pending", "2026-11-22T22:14:09.617676Z"),
        ("wait", "activity orders.reserve-inventory", "open", None),
        ("wait", "timer", "open", "2026-11-22T22:14:09.617676Z"),
    ]


@pytest.mark.parametrize("number", ["01", "06", "22", "28", "61", "64"])
def test_a_closed_run_has_none(number: str) -> None:
    assert open_work(bundle(number)) == ()


OPEN = {
    "tasks": ("ready", "leased"),
    "activities": ("pending", "running"),
    "timers": ("pending",),
    "signals": ("received",),
    "updates": ("accepted",),
    "waits": ("open",),
}
DONE = {
    "tasks": ("completed", "cancelled", "failed"),
    "activities": ("completed", "cancelled", "failed"),
    "timers": ("fired", "cancelled"),
    "signals": ("applied", "rejected"),
    "updates": ("completed", "failed", "rejected"),
    "waits": ("resolved", "cancelled"),
}


@pytest.mark.parametrize("section", OPEN)
def test_a_status_is_open_unless_it_means_done(section: str) -> None:
    for status in DONE[section]:
        assert open_work({section: [{"status": status}]}) == ()
    unclear: tuple[Any, ...] = ("no such status", None, 5)
    for other in (*OPEN[section], *unclear):
        assert len(open_work({section: [{"status": other}]})) == 1
    assert len(open_work({section: {"key": {}}})) == 1


def test_a_child_that_goes_on_is_open_and_a_next_run_is_not() -> None:
    children = [
        {"type": "child_workflow", "status": "waiting", "child_workflow_run_id": "R", "workflow_type": "t"},
        {"type": "child_workflow", "status": "completed"},
        {"type": "continue_as_new", "status": "waiting"},
    ]
    assert open_work({"links": {"children": children}}) == (
        OpenItem("child", "R", "waiting", "t", None, False, None, None, "links.children.0"),
    )


def test_a_timer_is_named_after_the_signal_that_it_limits() -> None:
    timers = [{"status": "pending", "signal_name": "approve", "timer_kind": "signal_timeout"}]
    assert [item.name for item in open_work({"timers": timers})] == ["approve"]


@pytest.mark.parametrize("value", [None, 5, [], {}, {"tasks": 1, "timers": [None, "x"], "links": {"children": 3}}])
def test_a_document_of_another_shape_has_none(value: Any) -> None:
    assert open_work(value) == ()
