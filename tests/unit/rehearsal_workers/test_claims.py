"""Who may claim what (contract/server.md §6, Claiming; recordings 081, 264 to 284)."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsal_server import InProcess, authority, imported, in_process, ready_run

TASK_KEYS = [
    *("task_id", "workflow_id", "run_id", "workflow_task_attempt", "workflow_type", "payload_codec", "arguments"),
    *("run_status", "last_history_sequence", "history_events", "task_queue", "connection", "compatibility"),
    *("lease_owner", "lease_expires_at", "workflow_wait_kind", "open_wait_id", "resume_source_kind"),
    *("resume_source_id", "workflow_update_id", "workflow_signal_id", "signal_name", "signal_wait_id"),
    *("workflow_command_id", "activity_execution_id", "activity_attempt_id", "activity_type", "child_call_id"),
    *("child_workflow_run_id", "workflow_sequence", "workflow_event_type", "timer_id", "condition_wait_id"),
    *("condition_key", "condition_definition_fingerprint", "total_history_events", "next_history_page_token"),
]


@pytest.fixture
def server() -> InProcess:
    return in_process()


def test_a_started_run_is_claimed_once_with_its_history(server: InProcess) -> None:
    server.register("w", supported_workflow_types=["orders.process"])
    run = server.start(input=["o-1"])
    task = server.poll()
    assert list(task) == TASK_KEYS
    assert task["run_id"] == run["run_id"]
    assert task["lease_owner"] == "w"
    assert task["lease_expires_at"] == "2026-11-22T22:35:00.000000Z"
    assert [event["event_type"] for event in task["history_events"]] == ["StartAccepted", "WorkflowStarted"]
    assert task["history_events"][0]["namespace"] == "default"
    assert server.poll() is None
    assert server.get("workflows/order-1")["wait_reason"] == "Workflow task leased to worker"


@pytest.mark.parametrize(
    ("worker", "queue", "claims"),
    [
        ({}, "default", True),
        ({"supported_workflow_types": ["orders.process"]}, "default", True),
        ({"supported_workflow_types": ["other"]}, "default", False),
        ({}, "elsewhere", False),
        ({"build_id": "build-b"}, "default", True),
    ],
)
def test_an_imported_task_goes_to_a_compatible_worker(
    server: InProcess, worker: dict[str, Any], queue: str, claims: bool
) -> None:
    imported(server, ready_run(1))
    server.register("w", queue=queue, **worker)
    assert (server.poll(queue=queue) is not None) == claims


@pytest.mark.parametrize(("build", "claims"), [(None, False), ("build-a", False), ("build-b", True)])
def test_a_run_of_a_build_goes_to_that_build_only(server: InProcess, build: str | None, claims: bool) -> None:
    imported(server, ready_run(1, {"workflow.compatibility": "build-b", "tasks.0.compatibility": "build-b"}))
    server.register("w", **({"build_id": build} if build else {}))
    assert (server.poll() is not None) == claims


def test_a_worker_of_another_namespace_claims_nothing(server: InProcess) -> None:
    server.post("namespaces", {"name": "other"}, status=201)
    imported(server, ready_run(1))
    body = {"worker_id": "w", "task_queue": "default", "runtime": "php"}
    server.worker("register", body, status=201, namespace="other")
    poll = {"worker_id": "w", "task_queue": "default"}
    assert server.worker("workflow-tasks/poll", poll, namespace="other") == {"task": None}


def test_the_connection_of_a_bundle_keeps_no_worker_away(server: InProcess) -> None:
    imported(server, ready_run(1, {"workflow.connection": "redis", "tasks.0.connection": "redis"}))
    server.register("w")
    assert server.poll()["connection"] == "redis"


def test_tasks_that_are_not_available_yet_wait(server: InProcess) -> None:
    imported(server, ready_run(1, {"tasks.0.available_at": "2026-11-22T22:31:00.000000Z"}))
    server.register("w")
    assert server.poll() is None
    server.clock.turn(seconds=60)
    assert server.poll() is not None


def test_the_oldest_task_is_given_first(server: InProcess) -> None:
    for number, minute in ((1, 20), (2, 10), (3, 15)):
        imported(server, ready_run(number, {"tasks.0.available_at": f"2026-11-22T22:{minute}:00.000000Z"}))
    server.register("w")
    assert [server.poll()["workflow_id"] for _ in range(3)] == ["order-2", "order-3", "order-1"]


def test_one_run_is_never_with_two_workers(server: InProcess) -> None:
    server.register("w")
    server.start()
    task = server.poll()
    server.post("workflows/order-1/signal/approve", {"input": []}, status=202)
    assert server.poll() is None
    server.complete(task, {"type": "start_timer", "delay_seconds": 60})
    assert server.poll()["run_id"] == task["run_id"]


def test_an_expired_lease_gives_the_task_to_the_next_worker(server: InProcess) -> None:
    server.register("w")
    server.register("other")
    server.start()
    first = server.poll()
    server.clock.turn(minutes=5, seconds=1)
    second = server.poll(worker_id="other")
    assert second["task_id"] == first["task_id"]
    assert second["workflow_task_attempt"] == 2
    refused = server.complete(first, {"type": "complete_workflow"}, status=409)
    assert refused["reason"] == "lease_owner_mismatch"


def test_a_heartbeat_keeps_the_lease(server: InProcess) -> None:
    server.register("w")
    server.start()
    task = server.poll()
    server.clock.turn(minutes=4)
    beat = server.worker(f"workflow-tasks/{task['task_id']}/heartbeat", authority(task))
    assert beat == {
        "task_id": task["task_id"],
        "workflow_task_attempt": 1,
        "lease_owner": "w",
        "renewed": True,
        "lease_expires_at": "2026-11-22T22:39:00.000000Z",
        "run_status": "pending",
        "task_status": "leased",
        "reason": None,
    }
    server.clock.turn(minutes=4)
    assert server.complete(task, {"type": "complete_workflow"})["run_status"] == "completed"


def test_the_same_poll_request_gets_the_same_task_again(server: InProcess) -> None:
    server.register("w")
    server.start("order-1")
    server.start("order-2")
    first = server.poll(poll_request_id="p-1")
    assert server.poll(poll_request_id="p-1") == first
    assert server.poll(poll_request_id="p-2")["workflow_id"] != first["workflow_id"]
    server.complete(first, {"type": "complete_workflow"})
    assert server.poll(poll_request_id="p-1") is None


def test_a_long_history_comes_in_pages(server: InProcess) -> None:
    server.register("w")
    server.start()
    task = server.poll()
    marks = [{"type": "record_side_effect", "result": "x"} for _ in range(8)]
    server.complete(task, *marks, {"type": "start_timer", "delay_seconds": 0})
    task = server.poll(history_page_size=4)
    sequences = [event["sequence"] for event in task["history_events"]]
    assert task["total_history_events"] == 12
    while token := task["next_history_page_token"]:
        body = {**authority({"lease_owner": "w", "workflow_task_attempt": 1}), "next_history_page_token": token}
        task = server.worker(f"workflow-tasks/{_leased(server)}/history", {**body, "history_page_size": 4})
        sequences += [event["sequence"] for event in task["history_events"]]
    assert sequences == list(range(1, 13))
    body = {"lease_owner": "w", "workflow_task_attempt": 1, "next_history_page_token": "nonsense"}
    refused = server.worker(f"workflow-tasks/{_leased(server)}/history", body, status=400)
    assert refused["reason"] == "invalid_page_token"


def _leased(server: InProcess) -> str:
    (row,) = server.rows("SELECT id FROM workflow_tasks WHERE status = 'leased'")
    return str(row["id"])


def test_a_worker_of_today_gets_recorded_memos_as_payloads() -> None:
    memo = {
        "id": "01evt1memo",
        "sequence": 2,
        "type": "MemoUpserted",
        "recorded_at": "2026-11-22T22:11:34.036225Z",
        "workflow_command_id": None,
        "payload": {"sequence": 1, "entries": {"stage": "new"}, "merged": {"stage": "new"}},
    }
    bundle = {"history_events.1": memo, "workflow.last_history_sequence": 2}
    for protocol, shown in (("1.15", {"stage": "new"}), ("1.20", {"codec", "blob"})):
        server = in_process(protocol=protocol)
        imported(server, ready_run(1, bundle))
        server.register("w")
        payload = server.poll()["history_events"][1]["payload"]
        for key in ("entries", "merged"):
            assert (payload[key] if protocol == "1.15" else set(payload[key])) == shown


def test_an_imported_task_that_names_no_time_is_ready_now() -> None:
    server = in_process()
    server.register("w")
    imported(server, ready_run(1, {"tasks.0.available_at": None}))
    (queue,) = server.get("task-queues")["task_queues"]
    assert queue["stats"]["workflow_tasks"]["ready_count"] == 1
    server.clock.turn(seconds=10)
    assert server.get("system/repair")["candidates"]["total_candidates"] == 1
    assert server.poll()["workflow_id"] == "order-1"
