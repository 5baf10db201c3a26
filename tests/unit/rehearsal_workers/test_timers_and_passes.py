"""Timers, repair and retention (contract/server.md §6; recordings 309, 450 to 471)."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsal_server import InProcess, imported, in_process, payload, ready_run

TIMER = {
    "workflow.status": "waiting",
    "summary.status": "waiting",
    "history_events.1": {
        "id": "01evttimer",
        "sequence": 2,
        "type": "TimerScheduled",
        "recorded_at": "2026-11-22T22:11:34.036225Z",
        "workflow_command_id": None,
        "payload": {"timer_id": "01timer", "sequence": 1, "delay_seconds": 3600},
    },
    "workflow.last_history_sequence": 2,
    "tasks": [
        {
            "id": "01tsktimer",
            "type": "timer",
            "status": "ready",
            "payload": {"timer_id": "01timer"},
            "queue": "default",
            "available_at": "2026-11-22T23:00:00.000000Z",
            "last_dispatched_at": "2026-11-22T22:00:00.000000Z",
            "created_at": "2026-11-22T22:00:00.000000Z",
        }
    ],
    "timers": [
        {
            "id": "01timer",
            "sequence": 1,
            "status": "pending",
            "delay_seconds": 3600,
            "fire_at": "2026-11-22T23:00:00.000000Z",
        }
    ],
}


def with_timer(profile: str) -> InProcess:
    """A server with an imported run whose timer is due at 23:00; the clock says 22:30."""
    server = in_process(profile)
    server.register("w")
    imported(server, ready_run(1, TIMER))
    return server


@pytest.mark.parametrize("profile", ["measured", "guide"])
def test_a_pending_timer_keeps_its_time(profile: str) -> None:
    server = with_timer(profile)
    (timer,) = server.rows("SELECT * FROM workflow_run_timers")
    assert (timer["status"], timer["fire_at"]) == ("pending", "2026-11-22 23:00:00.000000")
    assert server.poll() is None


def test_in_guide_a_due_timer_of_an_imported_run_fires_by_itself() -> None:
    server = with_timer("guide")
    server.clock.turn(minutes=31)
    task = server.poll()
    assert (task["workflow_wait_kind"], task["workflow_event_type"]) == ("timer", "TimerFired")
    fired = task["history_events"][-1]["payload"]
    assert fired["timer_id"] == "01timer"
    assert fired["fire_at"] == "2026-11-22T23:00:00.000000Z"
    assert fired["fired_at"] == "2026-11-22T23:01:00.000000Z"
    assert server.rows("SELECT status FROM workflow_run_timers") == [{"status": "fired"}]


def test_in_measured_it_waits_for_a_repair_pass() -> None:
    server = with_timer("measured")
    server.clock.turn(hours=3)
    assert server.poll() is None
    status = server.get("system/repair")["candidates"]
    assert (status["existing_task_candidates"], status["total_candidates"]) == (1, 1)
    assert status["scopes"][0]["queue"] == "default"
    document = server.post("system/repair/pass", {})
    assert (document["repaired_existing_tasks"], document["dispatched_tasks"]) == (1, 1)
    assert server.poll()["workflow_event_type"] == "TimerFired"


@pytest.mark.parametrize("named", [{"run_ids": ["another"]}, {"instance_id": "another"}])
def test_a_pass_for_other_runs_leaves_the_timer_alone(named: dict[str, Any]) -> None:
    server = with_timer("measured")
    server.clock.turn(hours=3)
    document = server.post("system/repair/pass", named)
    assert document["dispatched_tasks"] == 0
    assert {key: document[key] for key in named} == named
    assert server.poll() is None


def test_a_pass_for_this_run_fires_it() -> None:
    server = with_timer("measured")
    server.clock.turn(hours=3)
    (run,) = server.rows("SELECT id, workflow_instance_id AS instance FROM workflow_runs")
    document = server.post("system/repair/pass", {"run_ids": [run["id"]], "instance_id": run["instance"]})
    assert (document["dispatched_tasks"], document["run_ids"]) == (1, [run["id"]])


def test_a_pass_before_a_timer_is_due_does_not_fire_it() -> None:
    server = with_timer("measured")
    assert server.post("system/repair/pass", {})["dispatched_tasks"] == 0
    assert server.poll() is None


@pytest.mark.parametrize("profile", ["measured", "guide"])
def test_a_timer_that_was_started_here_fires_by_itself(profile: str) -> None:
    server = in_process(profile)
    server.register("w")
    server.start()
    server.complete(server.poll(), {"type": "start_timer", "delay_seconds": 60})
    server.clock.turn(seconds=59)
    assert server.poll() is None
    server.clock.turn(seconds=1)
    assert server.poll()["timer_id"] is not None
    assert server.poll() is None


def test_a_timer_of_a_closed_run_never_fires() -> None:
    server = with_timer("guide")
    server.post("workflows/order-1/terminate", {})
    server.clock.turn(hours=1)
    assert server.poll() is None


@pytest.mark.parametrize(
    ("command", "wait"),
    [
        ({"type": "open_condition_wait", "condition_key": "k"}, "condition_wait_id"),
        ({"type": "open_signal_wait", "signal_name": "go"}, "signal_wait_id"),
    ],
)
def test_a_wait_with_a_timeout_ends_with_its_time(command: dict[str, Any], wait: str) -> None:
    server = in_process()
    server.register("w")
    server.start()
    server.complete(server.poll(), {**command, "timeout_seconds": 30})
    server.clock.turn(seconds=30)
    task = server.poll()
    fired = task["history_events"][-1]["payload"]
    opened = task["history_events"][2]["payload"]
    assert fired[wait] == opened[wait]
    assert fired["timer_kind"] == command["type"].removeprefix("open_").removesuffix("_wait") + "_timeout"
    assert task["open_wait_id"] == opened[wait]


def test_the_timeout_of_a_wait_ends_when_the_run_goes_on() -> None:
    server = in_process()
    server.register("w")
    server.start()
    server.complete(server.poll(), {"type": "open_condition_wait", "condition_key": "k", "timeout_seconds": 30})
    server.post("workflows/order-1/signal/go", {}, status=202)
    server.complete(server.poll(), {"type": "start_timer", "delay_seconds": 3600})
    assert server.rows("SELECT status FROM workflow_run_timers ORDER BY sequence") == [
        *({"status": "cancelled"}, {"status": "pending"}),
    ]
    server.clock.turn(minutes=1)
    assert server.poll() is None


def test_a_pass_takes_a_task_back_from_a_worker_that_is_gone() -> None:
    server = in_process()
    server.register("w")
    server.start()
    task = server.poll()
    server.clock.turn(minutes=6)
    assert server.post("system/repair/pass", {})["repaired_existing_tasks"] == 1
    (row,) = server.rows("SELECT * FROM workflow_tasks")
    assert (row["id"], row["status"], row["repair_count"]) == (task["task_id"], "ready", 1)


def test_a_pass_looks_at_25_tasks_of_its_namespace() -> None:
    server = in_process()
    server.post("namespaces", {"name": "other"}, status=201)
    imported(server, ready_run(99), namespace="other")
    for number in range(27):
        imported(server, ready_run(number, {"tasks.0.created_at": "2026-11-22T22:11:34.036225Z"}))
    candidates = server.get("system/repair")["candidates"]
    assert (candidates["total_candidates"], candidates["selected_total_candidates"]) == (27, 25)
    assert server.post("system/repair/pass", {})["dispatched_tasks"] == 25
    assert server.get("system/repair")["candidates"]["total_candidates"] == 2


# -- retention ------------------------------------------------------------------------------------------


def closed_runs(count: int) -> InProcess:
    """A server with runs that were closed 31 days ago."""
    server = in_process()
    server.register("w")
    for number in range(count):
        server.start(f"order-{number}")
        server.complete(server.poll(), {"type": "complete_workflow", "result": payload(number)})
    server.clock.turn(days=31)
    return server


def test_an_old_run_loses_all_but_its_row() -> None:
    server = closed_runs(1)
    status = server.get("system/retention")
    (run_id,) = status["expired_run_ids"]
    assert (status["retention_days"], status["expired_run_count"]) == (30, 1)
    assert status["cutoff"] == "2026-11-23T22:30:00+00:00"
    document = server.post("system/retention/pass", {})
    assert (document["processed"], document["pruned"]) == (1, 1)
    assert server.events("order-0", run_id) == []
    assert server.get("workflows/order-0")["status"] == "completed"
    assert server.get("workflows")["workflows"] == []
    assert server.post("system/retention/pass", {}) == {
        "processed": 0,
        "pruned": 0,
        "skipped": 0,
        "failed": 0,
        "results": [],
    }


def test_each_minute_a_heartbeat_prunes_one_run() -> None:
    server = closed_runs(2)
    pruned = []
    for seconds in (0, 30, 30, 60):
        server.clock.turn(seconds=seconds)
        pruned.append(server.worker("heartbeat", {"worker_id": "w"})["retention"]["pruned"])
    assert pruned == [1, 0, 1, 0]


def test_an_archived_run_is_kept() -> None:
    server = closed_runs(1)
    server.post("workflows/order-0/archive", {"reason": "keep"})
    assert server.get("system/retention")["expired_run_count"] == 0


def test_a_run_that_is_open_is_kept_however_old() -> None:
    server = in_process()
    server.start()
    server.clock.turn(days=400)
    assert server.get("system/retention")["expired_run_count"] == 0


def test_a_pass_takes_from_each_queue_in_turn() -> None:
    server = in_process()
    for number in range(40):
        queue = "slow" if number >= 38 else "default"
        changes = {"tasks.0.created_at": "2026-11-22T22:11:34.036225Z", "tasks.0.queue": queue}
        imported(server, ready_run(number, changes))
    candidates = server.get("system/repair")["candidates"]
    scopes = {scope["queue"]: scope for scope in candidates["scopes"]}
    assert {queue: scope["selected_total_candidates"] for queue, scope in scopes.items()} == {"default": 23, "slow": 2}
    assert [scopes[queue]["scan_limited_by_global_policy"] for queue in ("default", "slow")] == [True, False]
    assert candidates["oldest_task_candidate_created_at"] == "2026-11-22T22:11:34.036225Z"
    assert server.post("system/repair/pass", {})["dispatched_tasks"] == 25
    left = server.get("system/repair")["candidates"]["scopes"]
    assert [(scope["queue"], scope["total_candidates"]) for scope in left] == [("default", 15)]
