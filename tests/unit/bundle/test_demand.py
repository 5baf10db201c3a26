"""What an unfinished run needs of workers."""

from __future__ import annotations

from typing import Any

import pytest

from dwctl.bundle.canonical import decode
from dwctl.bundle.demand import Demand, DemandKind, demands
from dwctl.bundle.view import BundleView
from sample_bundles import ORDER, RECORDED, small_bundle

WORKFLOW, ACTIVITY = DemandKind.WORKFLOW, DemandKind.ACTIVITY


def of(changes: dict[str, Any]) -> tuple[Demand, ...]:
    return demands(BundleView(small_bundle(changes)))


def test_a_closed_run_needs_nobody() -> None:
    assert demands(BundleView(decode(ORDER.read_bytes()).value)) == ()


def test_a_recorded_open_run_needs_its_workflow_and_its_open_activity() -> None:
    content = (RECORDED / "76-model-running-with-open-work.json").read_bytes()
    assert demands(BundleView(decode(content).value)) == (
        Demand(WORKFLOW, "orders", "orders.import", None),
        Demand(ACTIVITY, "orders", "orders.reserve-inventory", None),
    )


def test_each_need_stands_once() -> None:
    activity = {"activity_type": "orders.charge", "status": "pending", "queue": "payments"}
    found = of({"activities": [activity, activity, activity | {"queue": None}], "workflow.compatibility": "b7"})
    assert found == (
        Demand(WORKFLOW, "default", "orders.process", "b7"),
        Demand(ACTIVITY, "payments", "orders.charge", "b7"),
        Demand(ACTIVITY, "default", "orders.charge", "b7"),
    )


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_a_closed_activity_needs_nobody(status: str) -> None:
    assert len(of({"activities": [{"activity_type": "a", "status": status}]})) == 1


def test_a_local_activity_runs_in_the_workflow_worker() -> None:
    assert len(of({"activities": [{"activity_type": "a", "status": "running", "local_activity": True}]})) == 1


@pytest.mark.parametrize("status", [None, "pending", "running", "something new"])
def test_an_activity_of_any_other_status_is_open(status: str | None) -> None:
    assert of({"activities": [{"activity_class": "App\\A", "status": status}]})[1].type_key == "App\\A"


@pytest.mark.parametrize("workflow", [None, [], "text", {}])
def test_what_the_bundle_does_not_name_is_none(workflow: Any) -> None:
    assert of({"workflow": workflow, "activities": []}) == (Demand(WORKFLOW, None, None, None),)


def test_a_task_that_waits_keeps_its_own_queue() -> None:
    ready = {"id": "t", "type": "workflow", "status": "ready", "queue": "fast", "payload": {}}
    found = of({"tasks": [ready, ready | {"status": "completed", "queue": "old"}], "activities": []})
    assert found == (
        Demand(WORKFLOW, "default", "orders.process", None),
        Demand(WORKFLOW, "fast", "orders.process", None),
    )
    task = {
        "id": "t",
        "type": "activity",
        "status": "ready",
        "queue": "slow",
        "payload": {"activity_execution_id": "a"},
    }
    activity = {"id": "a", "activity_type": "orders.charge", "status": "pending", "queue": "payments"}
    assert of({"tasks": [task], "activities": [activity]})[1:] == (Demand(ACTIVITY, "slow", "orders.charge", None),)


@pytest.mark.parametrize("payload", [None, [], "text", {"activity_execution_id": []}, {"activity_execution_id": ""}])
def test_a_task_that_names_no_activity_changes_nothing(payload: Any) -> None:
    task = {"type": "activity", "status": "ready", "queue": "slow", "payload": payload}
    activity = {"activity_type": "orders.charge", "status": "pending", "queue": "payments"}
    assert of({"tasks": [task], "activities": [activity]})[1].queue == "payments"
