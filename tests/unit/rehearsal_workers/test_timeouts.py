"""Timeouts of activities and deadlines of runs: by themselves in `guide`, by a repair pass in `measured`."""

from __future__ import annotations

from typing import Any

import pytest

from dwctl.bundle.verify import verify_bundle
from rehearsal_server import InProcess, activity_authority, authority, imported, in_process, payload, ready_run

RETRIES = {"max_attempts": 2, "backoff_seconds": [5]}


@pytest.fixture
def server() -> InProcess:
    server = in_process("guide")
    server.register("w")
    return server


def schedule(server: InProcess, **command: Any) -> str:
    """A run with one scheduled activity; the id of the run."""
    run_id: str = server.start()["run_id"]
    server.complete(server.poll(), {"type": "schedule_activity", "activity_type": "reserve", **command})
    return run_id


def types(server: InProcess, run_id: str, workflow_id: str = "order-1") -> list[str]:
    return [event["event_type"] for event in server.events(workflow_id, run_id)]


@pytest.mark.parametrize(
    ("timeout", "is_claimed"),
    [
        ("start_to_close", True),
        ("heartbeat", True),
        ("schedule_to_close", True),
        ("schedule_to_close", False),
        ("schedule_to_start", False),
    ],
)
@pytest.mark.parametrize("profile", ["measured", "guide"])
def test_an_activity_that_is_late_has_failed(profile: str, timeout: str, is_claimed: bool) -> None:
    server = in_process(profile)
    server.register("w")
    run_id = schedule(server, **{f"{timeout}_timeout": 30})
    task = server.poll("activity") if is_claimed else None
    server.clock.turn(seconds=29)
    assert server.poll() is None
    server.clock.turn(seconds=2)
    if profile == "measured":
        assert server.poll() is None
        document = server.post("system/repair/pass", {})
        assert (document["activity_timeout_candidates"], document["activity_timeouts_enforced"]) == (1, 1)
    following = server.poll()
    last = following["history_events"][-1]
    assert (last["event_type"], following["workflow_event_type"]) == ("ActivityTimedOut", "ActivityTimedOut")
    assert (last["payload"]["timeout_kind"], last["payload"]["failure_category"]) == (timeout, "timeout")
    assert last["payload"]["message"] == f"Activity reserve timed out ({timeout})."
    assert server.rows("SELECT status FROM activity_executions") == [{"status": "failed"}]
    (failure,) = server.rows("SELECT id, failure_category FROM workflow_failures")
    assert failure == {"id": last["payload"]["failure_id"], "failure_category": "timeout"}
    assert server.poll("activity") is None
    if task is not None:
        body = {**activity_authority(task), "result": payload(1)}
        answer = server.worker(f"activity-tasks/{task['task_id']}/complete", body, status=409)
        assert answer["reason"] == "task_not_leased"
    assert types(server, run_id).count("ActivityTimedOut") == 1


@pytest.mark.parametrize("timeout", ["start_to_close", "heartbeat"])
def test_a_late_attempt_is_tried_again_as_often_as_the_policy_allows(server: InProcess, timeout: str) -> None:
    run_id = schedule(server, **{f"{timeout}_timeout": 30, "retry_policy": RETRIES})
    first = server.poll("activity")
    server.clock.turn(seconds=31)
    assert server.poll() is None
    retry = server.events("order-1", run_id)[-1]
    assert retry["event_type"] == "ActivityRetryScheduled"
    assert (retry["payload"]["timeout_kind"], retry["payload"]["retry_backoff_seconds"]) == (timeout, 5)
    assert server.poll("activity") is None
    server.clock.turn(seconds=5)
    second = server.poll("activity")
    assert (second["attempt_number"], second["activity_execution_id"]) == (2, first["activity_execution_id"])
    server.clock.turn(seconds=31)
    assert server.poll()["workflow_event_type"] == "ActivityTimedOut"
    attempts = server.rows("SELECT status FROM activity_attempts ORDER BY attempt_number")
    assert attempts == [{"status": "failed"}, {"status": "failed"}]


def test_a_heartbeat_is_waited_for_anew(server: InProcess) -> None:
    schedule(server, heartbeat_timeout=30)
    task = server.poll("activity")
    for _ in range(3):
        server.clock.turn(seconds=20)
        assert server.poll() is None
        server.worker(f"activity-tasks/{task['task_id']}/heartbeat", activity_authority(task))
    server.clock.turn(seconds=31)
    assert server.poll()["workflow_event_type"] == "ActivityTimedOut"


def test_the_time_of_all_attempts_together_ends_the_activity(server: InProcess) -> None:
    schedule(
        server, start_to_close_timeout=30, schedule_to_close_timeout=60, retry_policy={**RETRIES, "max_attempts": 9}
    )
    server.poll("activity")
    server.clock.turn(seconds=31)
    assert server.poll() is None
    server.clock.turn(seconds=5)
    assert server.poll("activity")["attempt_number"] == 2
    server.clock.turn(seconds=25)
    assert server.poll()["history_events"][-1]["payload"]["timeout_kind"] == "schedule_to_close"


def test_an_attempt_in_time_has_no_timeout_left(server: InProcess) -> None:
    run_id = schedule(server, start_to_close_timeout=30, schedule_to_start_timeout=30, heartbeat_timeout=30)
    server.complete_activity(server.poll("activity"))
    server.clock.turn(hours=1)
    server.poll()
    assert "ActivityTimedOut" not in types(server, run_id)


def test_an_activity_that_is_claimed_in_time_may_run_on(server: InProcess) -> None:
    schedule(server, schedule_to_start_timeout=30)
    task = server.poll("activity")
    server.clock.turn(seconds=60)
    assert server.poll() is None
    assert server.complete_activity(task)["outcome"] == "completed"


def test_the_timeouts_of_an_imported_activity_begin_with_its_next_attempt(server: InProcess) -> None:
    """Deadlines do not travel, the retry policy does (contract/import.md §4.9)."""
    scheduled = {"activity_execution_id": "01act", "activity_type": "reserve", "sequence": 1}
    activity = {"id": "01act", "sequence": 1, "activity_type": "reserve", "status": "pending"}
    activity["retry_policy"] = {"max_attempts": 1, "start_to_close_timeout": 30, "heartbeat_timeout": None}
    at = "2026-11-22T22:11:35.000000Z"
    changes = {
        "history_events.1": {"id": "01evta", "sequence": 2, "type": "ActivityScheduled", "recorded_at": at},
        "history_events.1.payload": scheduled,
        "workflow.last_history_sequence": 2,
        "activities": [activity],
        "tasks.0.type": "activity",
        "tasks.0.payload": {"activity_execution_id": "01act"},
    }
    imported(server, ready_run(1, changes))
    server.clock.turn(hours=1)
    assert server.poll("activity")["activity_execution_id"] == "01act"
    server.clock.turn(seconds=31)
    assert server.poll()["workflow_event_type"] == "ActivityTimedOut"


def test_an_attempt_whose_worker_is_gone_is_late_all_the_same(server: InProcess) -> None:
    schedule(server, start_to_close_timeout=600, heartbeat_timeout=400)
    server.poll("activity")
    server.clock.turn(seconds=301)  # the lease has run out: the task is ready again, its attempt has expired
    assert server.poll() is None
    server.clock.turn(seconds=100)
    assert server.poll()["workflow_event_type"] == "ActivityTimedOut"
    assert server.rows("SELECT status FROM activity_attempts") == [{"status": "expired"}]


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"run_timeout_seconds": 30}, "run_timeout"),
        ({"execution_timeout_seconds": 30}, "execution_timeout"),
        ({"run_timeout_seconds": 60, "execution_timeout_seconds": 30}, "execution_timeout"),
    ],
)
@pytest.mark.parametrize("profile", ["measured", "guide"])
def test_a_run_past_its_deadline_has_failed(profile: str, fields: dict[str, Any], kind: str) -> None:
    server = in_process(profile)
    server.register("w")
    run_id = server.start(**fields)["run_id"]
    task = server.poll()
    server.clock.turn(seconds=31)
    if profile == "measured":
        server.poll()
        assert server.get("workflows/order-1")["is_terminal"] is False
        document = server.post("system/repair/pass", {})
        assert (document["deadline_expired_candidates"], document["deadline_expired_tasks_created"]) == (1, 1)
    assert server.poll() is None
    described = server.get("workflows/order-1")
    shown = [described[key] for key in ("status", "status_bucket", "closed_reason", "is_terminal")]
    assert shown == ["failed", "failed", "timed_out", True]
    last = server.events("order-1", run_id)[-1]
    assert (last["event_type"], last["payload"]["timeout_kind"]) == ("WorkflowTimedOut", kind)
    assert last["payload"]["deadline_at"] == "2026-11-22T22:30:30.000000Z"
    body = {**authority(task), "commands": [{"type": "complete_workflow", "result": payload(1)}]}
    refused = server.worker(f"workflow-tasks/{task['task_id']}/complete", body, status=409)
    assert (refused["reason"], refused["run_closed_reason"]) == ("run_closed", "timed_out")
    assert server.rows("SELECT DISTINCT status FROM workflow_tasks") == [{"status": "cancelled"}]


def test_a_run_that_ended_in_time_is_left_alone(server: InProcess) -> None:
    run_id = server.start(run_timeout_seconds=30)["run_id"]
    server.complete(server.poll(), {"type": "complete_workflow", "result": payload(1)})
    server.clock.turn(hours=1)
    assert server.poll() is None
    assert types(server, run_id)[-1] == "WorkflowCompleted"


def test_a_parent_learns_that_its_child_is_late(server: InProcess) -> None:
    server.start()
    server.complete(server.poll(), {"type": "start_child_workflow", "workflow_type": "ship", "run_timeout_seconds": 30})
    assert server.poll()["workflow_type"] == "ship"
    server.clock.turn(seconds=31)
    last = server.poll()["history_events"][-1]
    assert (last["event_type"], last["payload"]["closed_reason"]) == ("ChildRunFailed", "timed_out")


def test_the_next_run_has_its_own_time_and_the_deadline_of_the_execution(server: InProcess) -> None:
    server.start(run_timeout_seconds=30, execution_timeout_seconds=70)
    for _ in range(3):
        server.complete(server.poll(), {"type": "continue_as_new"})
        server.clock.turn(seconds=20)
    described = server.get("workflows/order-1")
    assert (described["run_number"], described["run_deadline_at"]) == (4, "2026-11-22T22:31:10.000000Z")
    assert described["execution_deadline_at"] == "2026-11-22T22:31:10.000000Z"
    server.clock.turn(seconds=11)
    assert server.poll() is None
    assert server.get("workflows/order-1")["closed_reason"] == "timed_out"


def test_a_pass_enforces_the_deadlines_of_its_namespace_only() -> None:
    server = in_process()
    server.post("namespaces", {"name": "other"}, status=201)
    body = {"workflow_type": "t", "run_timeout_seconds": 30}
    for namespace in ("default", "other"):
        server.post("workflows", {**body, "workflow_id": namespace}, status=201, namespace=namespace)
    server.clock.turn(seconds=31)
    assert server.post("system/repair/pass", {})["deadline_expired_candidates"] == 1
    assert server.get("workflows/default")["closed_reason"] == "timed_out"
    assert server.get("workflows/other", namespace="other")["closed_reason"] is None


def test_a_pass_takes_up_25_deadlines() -> None:
    server = in_process()
    for number in range(27):
        server.start(f"order-{number}", run_timeout_seconds=30)
    server.clock.turn(seconds=31)
    counts = [server.post("system/repair/pass", {})["deadline_expired_candidates"] for _ in range(3)]
    assert counts == [25, 2, 0]


def test_the_export_of_a_late_run_verifies(server: InProcess) -> None:
    run_id = schedule(server, start_to_close_timeout=30)
    server.poll("activity")
    server.clock.turn(seconds=31)
    server.complete(server.poll(), {"type": "start_timer", "delay_seconds": 3600})
    server.start("order-2", run_timeout_seconds=30)
    late_id = server.get("workflows/order-2")["run_id"]
    server.clock.turn(seconds=31)
    assert server.poll() is None
    for workflow_id, run in (("order-1", run_id), ("order-2", late_id)):
        bundle = server.send("GET", f"/api/workflows/{workflow_id}/runs/{run}/history/export")
        assert verify_bundle(bundle.content).reference.status == "ok"


@pytest.mark.parametrize("field", ["run_timeout_seconds", "execution_timeout_seconds"])
def test_a_timeout_that_no_column_holds_is_refused(server: InProcess, field: str) -> None:
    body = {"workflow_type": "t", field: 2**31}
    assert list(server.post("workflows", body, status=422)["errors"]) == [field]
