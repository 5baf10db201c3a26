"""Workers that make themselves known: the answers of recordings 038 to 048, 078, 079, 275 and 408 to 412."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsal_server import InProcess, in_process


@pytest.fixture
def server() -> InProcess:
    return in_process()


def test_a_worker_registers_and_may_do_so_again(server: InProcess) -> None:
    body = {"worker_id": "orders-php-1", "task_queue": "orders", "runtime": "php"}
    for queue in ("orders", "billing"):
        document = server.worker("register", {**body, "task_queue": queue}, status=201)
        assert document == {"worker_id": "orders-php-1", "registered": True}
    (worker,) = server.get("workers")["workers"]
    assert worker["task_queue"] == "billing"
    assert worker["max_concurrent_workflow_tasks"] == 100
    assert worker["status"] == "active"


def test_a_worker_without_an_id_is_given_one(server: InProcess) -> None:
    document = server.worker("register", {"task_queue": "orders", "runtime": "php"}, status=201)
    assert len(document["worker_id"]) == 26


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"runtime": "cobol", "max_concurrent_workflow_tasks": 0},
         {"task_queue", "runtime", "max_concurrent_workflow_tasks"}),
        ({"task_queue": 7, "runtime": "php"}, {"task_queue"}),
        ({"task_queue": "q", "runtime": "php", "supported_workflow_types": "all"}, {"supported_workflow_types"}),
        ({"task_queue": "q", "runtime": "php", "supported_activity_types": [None]}, {"supported_activity_types.0"}),
    ],
)  # fmt: skip
def test_a_registration_that_is_wrong_is_422(server: InProcess, body: dict[str, Any], fields: set[str]) -> None:
    document = server.worker("register", body, status=422)
    assert document["reason"] == "validation_failed"
    assert set(document["errors"]) == fields


def test_a_worker_of_another_namespace_is_unknown_here(server: InProcess) -> None:
    server.register("w")
    server.post("namespaces", {"name": "other"}, status=201)
    document = server.worker("heartbeat", {"worker_id": "w"}, status=404, namespace="other")
    assert document["reason"] == "worker_not_registered"


def test_a_heartbeat_is_acknowledged_and_tells_of_retention(server: InProcess) -> None:
    server.register("w")
    server.clock.turn(seconds=7)
    nothing = {"processed": 0, "pruned": 0, "skipped": 0, "failed": 0}
    beat = server.worker("heartbeat", {"worker_id": "w"})
    assert beat == {"worker_id": "w", "acknowledged": True, "retention": {"throttled": False, **nothing}}
    assert server.worker("heartbeat", {"worker_id": "w"})["retention"] == {"throttled": True, **nothing}
    assert server.get("workers/w")["last_heartbeat_at"] == "2026-11-22T22:30:07.000000Z"


def test_polls_of_a_worker_that_is_unknown_or_registered_otherwise_are_refused(server: InProcess) -> None:
    poll = "workflow-tasks/poll"
    unknown = server.worker(poll, {"worker_id": "ghost", "task_queue": "q"}, status=412)
    assert unknown["reason"] == "worker_not_registered"
    server.register("w", queue="orders", build_id="a")
    wrong_queue = server.worker(poll, {"worker_id": "w", "task_queue": "billing"}, status=409)
    assert wrong_queue["reason"] == "task_queue_mismatch"
    assert (wrong_queue["registered_task_queue"], wrong_queue["requested_task_queue"]) == ("orders", "billing")
    wrong_build = server.worker(poll, {"worker_id": "w", "task_queue": "orders", "build_id": "b"}, status=409)
    assert wrong_build["reason"] == "build_id_mismatch"
    assert (wrong_build["registered_build_id"], wrong_build["requested_build_id"]) == ("a", "b")


def test_a_worker_that_leaves_gives_its_workflow_tasks_back(server: InProcess) -> None:
    server.register("w")
    server.register("other")
    run = server.start()
    assert server.poll()["run_id"] == run["run_id"]
    answer = server.send("DELETE", "/api/worker/registrations/w")
    assert answer.json()["outcome"] == "deregistered"
    assert answer.json()["recovered_workflow_task_count"] == 1
    again = server.poll(worker_id="other")
    assert again["run_id"] == run["run_id"]
    assert again["workflow_task_attempt"] == 2
    gone = server.send("DELETE", "/api/worker/registrations/w")
    assert (gone.status_code, gone.json()["reason"]) == (404, "worker_not_found")


def test_a_worker_of_a_drained_build_drains_after_its_next_heartbeat(server: InProcess) -> None:
    server.register("w", build_id="build-1")
    server.start()
    server.post("task-queues/default/build-ids/drain", {"build_id": "build-1"})
    assert server.get("workers/w")["status"] == "active"
    server.worker("heartbeat", {"worker_id": "w"})
    assert server.get("workers/w")["status"] == "draining"
    document = server.worker("workflow-tasks/poll", {"worker_id": "w", "task_queue": "default"})
    assert document == {"task": None, "poll_status": "draining"}
