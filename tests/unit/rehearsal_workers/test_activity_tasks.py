"""Activity tasks: recordings 281 to 284, retries as in corpus bundles 40 and 42, heartbeats as in bundle 60."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsal_server import InProcess, activity_authority, authority, in_process, payload

POLICY = {"max_attempts": 3, "backoff_seconds": [2, 10], "non_retryable_error_types": ["Fatal"]}


@pytest.fixture
def server() -> InProcess:
    server = in_process()
    server.register("w", supported_activity_types=["reserve"])
    return server


@pytest.fixture
def task(server: InProcess) -> dict[str, Any]:
    """An activity task that `w` has claimed."""
    server.start()
    command = {"type": "schedule_activity", "activity_type": "reserve", "arguments": payload(["o-1"])}
    server.complete(server.poll(), {**command, "retry_policy": POLICY})
    claimed: dict[str, Any] = server.poll("activity")
    return claimed


def run_events(server: InProcess, task: dict[str, Any]) -> list[dict[str, Any]]:
    return server.events(task["workflow_id"], task["run_id"])[3:]


def test_a_claimed_activity_has_begun_its_attempt(server: InProcess, task: dict[str, Any]) -> None:
    assert list(task) == [
        *("task_id", "workflow_id", "run_id", "activity_execution_id", "activity_attempt_id", "attempt_number"),
        *("activity_type", "payload_codec", "arguments", "retry_policy", "task_queue", "connection"),
        *("lease_owner", "lease_expires_at"),
    ]
    assert task["attempt_number"] == 1
    assert task["arguments"] == payload(["o-1"])
    assert task["retry_policy"]["max_attempts"] == 3
    (event,) = run_events(server, task)
    assert event["event_type"] == "ActivityStarted"
    assert event["payload"]["activity"]["status"] == "running"
    (attempt,) = server.rows("SELECT * FROM activity_attempts")
    assert (attempt["id"], attempt["status"]) == (task["activity_attempt_id"], "running")


def test_a_worker_without_the_type_is_given_nothing(server: InProcess) -> None:
    server.register("other", supported_activity_types=["capture"])
    server.start()
    server.complete(server.poll(), {"type": "schedule_activity", "activity_type": "reserve"})
    assert server.poll("activity", worker_id="other") is None
    assert server.poll("activity") is not None


def test_a_result_goes_into_the_history_and_the_run_goes_on(server: InProcess, task: dict[str, Any]) -> None:
    document = server.complete_activity(task, {"reservation": 1})
    following = server.poll()
    assert document == {
        "task_id": task["task_id"],
        "activity_attempt_id": task["activity_attempt_id"],
        "outcome": "completed",
        "recorded": True,
        "reason": None,
        "next_task_id": following["task_id"],
    }
    assert following["workflow_wait_kind"] == "activity"
    assert following["open_wait_id"] == f"activity:{task['activity_execution_id']}"
    assert following["activity_attempt_id"] == task["activity_attempt_id"]
    completed = following["history_events"][-1]
    assert completed["event_type"] == "ActivityCompleted"
    assert completed["payload"]["result"] == payload({"reservation": 1})["blob"]
    assert completed["payload"]["activity"]["status"] == "completed"


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"lease_owner": "someone-else"}, 409, "lease_owner_mismatch"),
        ({"activity_attempt_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}, 409, "activity_attempt_mismatch"),
        ({"task_id": "01arz3ndektsv4rrffq69g5fav"}, 404, "task_not_found"),
    ],
)
@pytest.mark.parametrize("verb", ["complete", "fail", "heartbeat"])
def test_who_does_not_hold_the_attempt_is_refused(
    server: InProcess, task: dict[str, Any], verb: str, change: dict[str, Any], status: int, reason: str
) -> None:
    held = {**task, **change}
    body = {**activity_authority(held), "failure": {"message": "x"}}
    document = server.worker(f"activity-tasks/{held['task_id']}/{verb}", body, status=status)
    assert document["reason"] == reason
    assert [event["event_type"] for event in run_events(server, task)] == ["ActivityStarted"]


def fail(server: InProcess, task: dict[str, Any], **failure: Any) -> dict[str, Any]:
    body = {**activity_authority(task), "failure": {"message": "declined", **failure}}
    return server.worker(f"activity-tasks/{task['task_id']}/fail", body)


def test_a_failed_attempt_is_tried_again_after_its_backoff(server: InProcess, task: dict[str, Any]) -> None:
    for attempt, backoff in ((1, 2), (2, 10)):
        assert task["attempt_number"] == attempt
        assert fail(server, task, **{"class": "builtins.RuntimeError"})["outcome"] == "retry_scheduled"
        retry = run_events(server, task)[-1]["payload"]
        assert (retry["retry_backoff_seconds"], retry["retry_after_attempt"]) == (backoff, attempt)
        server.clock.turn(seconds=backoff - 1)
        assert server.poll("activity") is None
        server.clock.turn(seconds=1)
        task = server.poll("activity")
    assert task["attempt_number"] == 3
    assert fail(server, task)["outcome"] == "failed"
    last = server.poll()["history_events"][-1]
    assert last["event_type"] == "ActivityFailed"
    assert (last["payload"]["message"], last["payload"]["attempt_number"]) == ("declined", 3)
    attempts = server.rows("SELECT attempt_number, status FROM activity_attempts ORDER BY attempt_number")
    assert attempts == [{"attempt_number": number, "status": "failed"} for number in (1, 2, 3)]


@pytest.mark.parametrize("failure", [{"non_retryable": True}, {"type": "Fatal"}, {"class": "Fatal"}])
def test_a_failure_for_good_is_not_tried_again(
    server: InProcess, task: dict[str, Any], failure: dict[str, Any]
) -> None:
    assert fail(server, task, **failure)["outcome"] == "failed"
    assert server.poll()["workflow_event_type"] == "ActivityFailed"
    (row,) = server.rows("SELECT * FROM workflow_failures")
    assert (row["source_kind"], row["source_id"]) == ("activity_execution", task["activity_execution_id"])


def test_a_heartbeat_keeps_the_attempt_and_its_progress(server: InProcess, task: dict[str, Any]) -> None:
    server.clock.turn(minutes=4)
    body = {**activity_authority(task), "details": {"phase": "poll"}}
    document = server.worker(f"activity-tasks/{task['task_id']}/heartbeat", body)
    assert (document["can_continue"], document["heartbeat_recorded"]) == (True, True)
    assert document["lease_expires_at"] == "2026-11-22T22:39:00.000000Z"
    event = run_events(server, task)[-1]
    assert event["event_type"] == "ActivityHeartbeatRecorded"
    assert event["payload"]["progress"] == {"details": {"phase": "poll"}}
    server.clock.turn(minutes=4)
    assert server.complete_activity(task)["outcome"] == "completed"


def test_a_worker_of_a_cancelled_run_is_told_to_stop(server: InProcess, task: dict[str, Any]) -> None:
    server.post("workflows/order-1/cancel", {"reason": "withdrawn"})
    body = activity_authority(task)
    document = server.worker(f"activity-tasks/{task['task_id']}/heartbeat", body)
    assert (document["can_continue"], document["cancel_requested"]) == (False, True)
    assert document["heartbeat_recorded"] is False
    refused = {**body, "result": payload(1)}
    document = server.worker(f"activity-tasks/{task['task_id']}/complete", refused, status=409)
    assert (document["reason"], document["stop_reason"]) == ("run_closed", "run_cancelled")


def test_an_attempt_whose_worker_is_gone_is_given_to_another(server: InProcess, task: dict[str, Any]) -> None:
    server.register("other")
    server.clock.turn(minutes=5, seconds=1)
    again = server.poll("activity", worker_id="other")
    assert again["task_id"] == task["task_id"]
    assert again["attempt_number"] == 2
    assert again["activity_attempt_id"] != task["activity_attempt_id"]
    attempts = server.rows("SELECT status FROM activity_attempts ORDER BY attempt_number")
    assert [row["status"] for row in attempts] == ["expired", "running"]


def test_a_workflow_task_is_no_activity_task(server: InProcess) -> None:
    server.start()
    task = server.poll()
    body = {**authority(task), "activity_attempt_id": "x", "result": None}
    document = server.worker(f"activity-tasks/{task['task_id']}/complete", body, status=404)
    assert document["reason"] == "task_not_found"


def test_an_activity_may_have_a_queue_of_its_own(server: InProcess) -> None:
    server.register("slow", queue="slow")
    server.start()
    server.complete(server.poll(), {"type": "schedule_activity", "activity_type": "reserve", "queue": "slow"})
    assert server.poll("activity") is None
    assert server.poll("activity", worker_id="slow", queue="slow")["task_queue"] == "slow"
