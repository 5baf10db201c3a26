"""Workflow tasks completed and failed: the answers of recordings 085 to 091, and what each command does."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsal_server import InProcess, authority, in_process, payload

DONE = {"type": "complete_workflow", "result": payload("done")}


@pytest.fixture
def server() -> InProcess:
    server = in_process(protocol="1.20")
    server.register("w")
    return server


@pytest.fixture
def task(server: InProcess) -> dict[str, Any]:
    server.start()
    claimed: dict[str, Any] = server.poll()
    return claimed


def types(server: InProcess, task: dict[str, Any]) -> list[str]:
    return [event["event_type"] for event in server.events(task["workflow_id"], task["run_id"])][2:]


def test_a_completed_run_is_closed_with_its_output(server: InProcess, task: dict[str, Any]) -> None:
    assert server.complete(task, DONE) == {
        "task_id": task["task_id"],
        "workflow_task_attempt": 1,
        "outcome": "completed",
        "recorded": True,
        "run_id": task["run_id"],
        "run_status": "completed",
        "created_task_ids": [],
        "reason": None,
    }
    described = server.get("workflows/order-1")
    assert (described["status"], described["closed_reason"], described["output"]) == ("completed", "completed", "done")
    (event,) = server.events("order-1", task["run_id"])[2:]
    assert list(event["payload"]) == ["output", "payload_codec", "task"]
    assert event["payload"]["task"]["status"] == "leased"


@pytest.mark.parametrize(
    ("change", "status", "reason", "more"),
    [
        ({"lease_owner": "someone-else"}, 409, "lease_owner_mismatch", {"lease_owner": "w"}),
        ({"workflow_task_attempt": 2}, 409, "workflow_task_attempt_mismatch", {"current_attempt": 1}),
    ],
)
def test_who_does_not_hold_the_task_is_refused(
    server: InProcess, task: dict[str, Any], change: dict[str, Any], status: int, reason: str, more: dict[str, Any]
) -> None:
    document = server.complete({**task, **change}, DONE, status=status)
    assert document["reason"] == reason
    assert document.items() >= more.items()
    assert types(server, task) == []


def test_a_task_that_nobody_knows_is_404(server: InProcess, task: dict[str, Any]) -> None:
    document = server.complete({**task, "task_id": "01arz3ndektsv4rrffq69g5fav"}, DONE, status=404)
    assert document["reason"] == "task_not_found"


def test_a_task_of_a_closed_run_is_refused_with_what_became_of_it(server: InProcess, task: dict[str, Any]) -> None:
    server.complete(task, DONE)
    document = server.complete(task, DONE, status=409)
    del document["error"]
    assert document == {
        "task_id": task["task_id"],
        "workflow_task_attempt": 1,
        "reason": "run_closed",
        "stop_reason": "run_completed",
        "cancel_requested": False,
        "can_continue": False,
        "run_status": "completed",
        "run_closed_reason": "completed",
        "run_closed_at": "2026-11-22T22:30:00.000000Z",
        "task_status": "completed",
        "lease_owner": "w",
        "lease_expires_at": None,
    }


def test_a_lease_that_has_run_out_is_refused(server: InProcess, task: dict[str, Any]) -> None:
    server.clock.turn(minutes=6)
    assert server.complete(task, DONE, status=409)["reason"] == "lease_expired"


def test_a_task_that_was_given_back_is_no_longer_leased(server: InProcess, task: dict[str, Any]) -> None:
    server.worker(f"workflow-tasks/{task['task_id']}/fail", {**authority(task), "failure": {"message": "boom"}})
    assert server.complete(task, DONE, status=409)["reason"] == "task_not_leased"


def test_a_request_without_attempt_and_commands_is_422(server: InProcess, task: dict[str, Any]) -> None:
    document = server.worker(f"workflow-tasks/{task['task_id']}/complete", {"lease_owner": "w"}, status=422)
    assert set(document["errors"]) == {"workflow_task_attempt", "commands"}


@pytest.mark.parametrize(
    ("commands", "field"),
    [
        ([{"type": "start_service_operation"}], "commands.0.type"),
        ([{"type": ["x"]}], "commands.0.type"),
        (["complete_workflow"], "commands.0.type"),
        ([DONE, {"type": "start_timer", "delay_seconds": 1}], "commands.0.type"),
        ([{"type": "start_timer"}], "commands.0.delay_seconds"),
        ([{"type": "start_timer", "delay_seconds": -1}], "commands.0.delay_seconds"),
        ([{"type": "start_timer", "delay_seconds": 1.5}], "commands.0.delay_seconds"),
        ([{"type": "schedule_activity"}], "commands.0.activity_type"),
        ([{"type": "schedule_activity", "activity_type": 1}], "commands.0.activity_type"),
        ([{"type": "schedule_activity", "activity_type": "a", "retry_policy": []}], "commands.0.retry_policy"),
        ([{"type": "schedule_activity", "activity_type": "a", "retry_policy": {"max_attempts": 0}}],
         "commands.0.retry_policy.max_attempts"),
        ([{"type": "schedule_activity", "activity_type": "a", "retry_policy": {"backoff_seconds": ["x"]}}],
         "commands.0.retry_policy.backoff_seconds"),
        ([{"type": "start_timer", "delay_seconds": 1, "parallel_group_path": [{"parallel_group_mode": "select"}]}],
         "commands.0.parallel_group_path"),
        ([{"type": "schedule_activity", "activity_type": "a", "parallel_group_path": [{}]}],
         "commands.0.parallel_group_path"),
        ([{"type": "upsert_memo", "entries": payload([1])}], "commands.0.entries"),
        ([{"type": "upsert_memo", "entries": {"codec": "avro", "blob": "?"}}], "commands.0.entries"),
        ([{"type": "upsert_search_attributes", "attributes": {"a": {"b": 1}}}], "commands.0.attributes"),
        ([{"type": "upsert_search_attributes", "attributes": "x"}], "commands.0.attributes"),
        ([{"type": "fail_workflow"}], "commands.0.message"),
    ],
)  # fmt: skip
def test_commands_that_cannot_be_applied_are_422_and_nothing_is_done(
    server: InProcess, task: dict[str, Any], commands: list[Any], field: str
) -> None:
    marker = {"type": "record_side_effect", "result": "x"}
    document = server.complete(task, marker, *commands, status=422)
    assert field.replace(".0", ".1", 1) in document["errors"]
    assert types(server, task) == []
    assert server.complete(task, DONE)["outcome"] == "completed"


def test_a_measured_server_takes_no_memo_of_a_worker() -> None:
    server = in_process()
    server.register("w")
    server.start()
    document = server.complete(server.poll(), {"type": "upsert_memo", "entries": payload({"a": 1})}, status=422)
    assert list(document["errors"]) == ["commands.0.type"]


def test_steps_are_numbered_in_the_order_of_the_commands(server: InProcess, task: dict[str, Any]) -> None:
    document = server.complete(
        task,
        {"type": "upsert_memo", "entries": payload({"stage": "new", "share": 1.0})},
        {"type": "record_side_effect", "result": "x"},
        {"type": "record_version_marker", "change_id": "c", "version": 1, "min_supported": -1, "max_supported": 1},
        {"type": "upsert_search_attributes", "attributes": {"stage": "new", "attempt": 1, "urgent": True}},
        {"type": "start_timer", "delay_seconds": 60},
        {"type": "schedule_activity", "activity_type": "a", "arguments": payload([1])},
    )
    assert len(document["created_task_ids"]) == 1
    assert document["run_status"] == "waiting"
    events = server.events("order-1", task["run_id"])[2:]
    assert [(event["event_type"], event["payload"]["sequence"]) for event in events] == [
        *(("MemoUpserted", 1), ("SideEffectRecorded", 2), ("VersionMarkerRecorded", 3)),
        *(("SearchAttributesUpserted", 4), ("TimerScheduled", 5), ("ActivityScheduled", 6)),
    ]
    attributes = {"stage": "new", "attempt": 1, "urgent": True}
    assert events[3]["payload"]["merged"] == attributes
    assert list(events[5]["payload"]) == [
        *("activity_execution_id", "activity_class", "activity_type", "sequence", "activity", "task"),
    ]


def test_a_memo_is_merged_and_null_takes_a_key_away(server: InProcess, task: dict[str, Any]) -> None:
    server.complete(
        task,
        {"type": "upsert_memo", "entries": payload({"a": 1, "b": 2})},
        {"type": "upsert_memo", "entries": payload({"a": None, "c": 3})},
        {"type": "start_timer", "delay_seconds": 60},
    )
    events = server.events("order-1", task["run_id"])
    assert events[3]["payload"]["merged"] == {"b": 2, "c": 3}
    kept = server.rows("SELECT key, value FROM workflow_memos ORDER BY key")
    assert kept == [{"key": "b", "value": "2"}, {"key": "c", "value": "3"}]


def test_a_failed_run_has_its_failure(server: InProcess, task: dict[str, Any]) -> None:
    failure = {"message": "no", "exception_class": "builtins.ValueError", "non_retryable": True}
    assert server.complete(task, {"type": "fail_workflow", **failure})["run_status"] == "failed"
    (event,) = server.events("order-1", task["run_id"])[2:]
    assert event["event_type"] == "WorkflowFailed"
    assert event["payload"]["exception_class"] == "builtins.ValueError"
    assert event["payload"]["non_retryable"] is True
    (row,) = server.rows("SELECT * FROM workflow_failures")
    assert (row["message"], row["propagation_kind"], row["failure_category"]) == ("no", "terminal", "application")
    assert server.rows("SELECT status FROM workflow_tasks") == [{"status": "failed"}]


def test_a_failed_task_leaves_the_run_open_and_is_tried_again_later(server: InProcess, task: dict[str, Any]) -> None:
    body = {**authority(task), "failure": {"message": "replay failed", "type": "NonDeterministicReplayError"}}
    document = server.worker(f"workflow-tasks/{task['task_id']}/fail", body)
    assert (document["outcome"], document["recorded"], document["run_status"]) == ("failed", True, "pending")
    assert server.poll() is None
    server.clock.turn(seconds=2)
    assert server.poll()["workflow_task_attempt"] == 2


def test_a_task_that_waits_for_history_is_done(server: InProcess, task: dict[str, Any]) -> None:
    body = {**authority(task), "failure": {"message": "waiting", "type": "WorkflowTaskWaitingForHistory"}}
    assert server.worker(f"workflow-tasks/{task['task_id']}/fail", body)["outcome"] == "waiting"
    server.clock.turn(hours=1)
    assert server.poll() is None
    server.post("workflows/order-1/signal/go", {}, status=202)
    assert server.poll()["run_id"] == task["run_id"]


@pytest.mark.parametrize("failure", [None, "boom", {}, {"message": 7}])
def test_a_failure_needs_a_message(server: InProcess, task: dict[str, Any], failure: Any) -> None:
    body = {**authority(task), "failure": failure}
    document = server.worker(f"workflow-tasks/{task['task_id']}/fail", body, status=422)
    assert document["reason"] == "validation_failed"


def test_a_run_that_closes_leaves_nothing_open(server: InProcess, task: dict[str, Any]) -> None:
    server.complete(
        task,
        {"type": "schedule_activity", "activity_type": "a"},
        {"type": "start_timer", "delay_seconds": 60},
    )
    server.post("workflows/order-1/signal/go", {}, status=202)
    server.complete(server.poll(), DONE)
    statuses = {row["status"] for row in server.rows("SELECT status FROM workflow_tasks")}
    assert statuses == {"completed", "cancelled"}
    assert server.rows("SELECT status FROM workflow_run_timers") == [{"status": "cancelled"}]
    assert server.rows("SELECT status FROM activity_executions") == [{"status": "cancelled"}]
    assert server.poll("activity") is None


def test_continue_as_new_starts_the_next_run_of_the_instance(server: InProcess, task: dict[str, Any]) -> None:
    server.complete(
        task,
        {"type": "upsert_memo", "entries": payload({"cycle": 1})},
        {"type": "continue_as_new", "arguments": payload([2])},
    )
    following = server.poll()
    assert following["workflow_id"] == "order-1"
    assert following["run_id"] != task["run_id"]
    assert following["arguments"] == payload([2])
    started = following["history_events"][1]["payload"]
    assert started["continued_from_run_id"] == task["run_id"]
    old, new = (server.get(f"workflows/order-1/runs/{item['run_id']}") for item in (task, following))
    assert (old["status"], old["closed_reason"]) == ("completed", "continued")
    assert (new["status"], new["run_number"], new["is_current_run"]) == ("pending", 2, True)
    (link,) = server.rows("SELECT * FROM workflow_links")
    assert (link["link_type"], link["child_workflow_run_id"]) == ("continue_as_new", following["run_id"])
    inherited = server.rows("SELECT * FROM workflow_memos WHERE workflow_run_id = ?", following["run_id"])
    assert [(row["key"], row["value"], row["inherited_from_parent"]) for row in inherited] == [("cycle", "1", 1)]


def test_a_child_reports_to_its_parent(server: InProcess, task: dict[str, Any]) -> None:
    server.complete(task, {"type": "start_child_workflow", "workflow_type": "child", "arguments": payload([1])})
    assert types(server, task) == ["ChildWorkflowScheduled", "ChildRunStarted"]
    child = server.poll()
    assert child["workflow_type"] == "child"
    assert child["history_events"][1]["payload"]["parent_workflow_run_id"] == task["run_id"]
    server.complete(child, {"type": "complete_workflow", "result": payload(42)})
    parent = server.poll()
    assert (parent["workflow_wait_kind"], parent["workflow_event_type"]) == ("child", "ChildRunCompleted")
    assert parent["child_workflow_run_id"] == child["run_id"]
    reported = parent["history_events"][-1]["payload"]
    assert reported["result"] == payload(42)["blob"]
    assert reported["child_status"] == "completed"


@pytest.mark.parametrize(
    ("policy", "status"),
    [(None, "pending"), ("abandon", "pending"), ("request_cancel", "cancelled"), ("terminate", "terminated")],
)
def test_a_child_ends_with_its_parent_as_its_policy_says(
    server: InProcess, task: dict[str, Any], policy: str | None, status: str
) -> None:
    child = {"type": "start_child_workflow", "workflow_type": "child", "parent_close_policy": policy}
    server.complete(task, child, {"type": "start_timer", "delay_seconds": 0})
    (row,) = server.rows("SELECT * FROM workflow_runs WHERE workflow_type = 'child'")
    server.register("parents", supported_workflow_types=["orders.process"])
    server.complete(server.poll(worker_id="parents"), DONE)
    described = server.get(f"workflows/{row['workflow_instance_id']}")
    assert described["status"] == status


def test_a_parallel_group_goes_on_when_all_are_done_or_one_has_failed(server: InProcess, task: dict[str, Any]) -> None:
    server.complete(task, *(_member(index) for index in range(2)))
    first, second = server.poll("activity"), server.poll("activity")
    assert server.complete_activity(first, "a")["next_task_id"] is None
    assert server.poll() is None
    assert server.complete_activity(second, "b")["next_task_id"] is not None
    assert server.poll()["workflow_event_type"] == "ActivityCompleted"


def _member(index: int) -> dict[str, Any]:
    place = {
        "parallel_group_id": "parallel-activities:1:2",
        "parallel_group_kind": "activity",
        "parallel_group_base_sequence": 1,
        "parallel_group_size": 2,
        "parallel_group_index": index,
    }
    return {"type": "schedule_activity", "activity_type": "a", **place, "parallel_group_path": [place]}


def test_an_update_is_closed_by_the_worker_that_was_given_it(server: InProcess, task: dict[str, Any]) -> None:
    _accept_update(server, task["run_id"])
    server.complete(task, {"type": "complete_update", "update_id": "u-1", "result": payload(True)})
    assert types(server, task) == ["UpdateApplied", "UpdateCompleted"]
    (update,) = server.rows("SELECT * FROM workflow_updates")
    assert (update["status"], update["result"]) == ("completed", payload(True)["blob"])


def test_an_update_that_fails_keeps_the_run_open(server: InProcess, task: dict[str, Any]) -> None:
    _accept_update(server, task["run_id"])
    command = {"type": "fail_update", "update_id": "u-1", "message": "no"}
    assert server.complete(task, command)["run_status"] == "waiting"
    (update,) = server.rows("SELECT * FROM workflow_updates")
    assert (update["status"], update["failure_message"]) == ("failed", "no")


def _accept_update(server: InProcess, run_id: str) -> None:
    with server.app.state.rehearsal.database.write() as connection:
        connection.execute(
            "INSERT INTO workflow_updates (id, workflow_command_id, workflow_instance_id, workflow_run_id, update_name,"
            " status, arguments) VALUES ('u-1', 'c-1', 'order-1', ?, 'approve', 'accepted', ?)",
            (run_id, payload([])["blob"]),
        )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("parallel_group_size", {"a": 1}),
        ("parallel_group_index", -1),
        ("parallel_group_id", 7),
        ("arguments", True),
        ("arguments", {"codec": "avro", "blob": 7}),
        ("run_timeout_seconds", 2**31),
    ],
)
def test_a_field_of_the_wrong_type_is_named(field: str, value: object) -> None:
    server = in_process()
    server.register("w")
    server.start()
    command = {"type": "start_child_workflow", "workflow_type": "child", field: value}
    refused = server.complete(server.poll(), command, status=422)
    assert list(refused["errors"]) == [f"commands.0.{field}"]
