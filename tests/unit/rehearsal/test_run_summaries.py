"""What a run's summary says of a run that lives: what it waits for, and whether it moves on by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dwctl.rehearsal.database import Connection, Database, insert
from dwctl.rehearsal.projections import project_runs
from dwctl.rehearsal.times import stored

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _summary(*, status: str = "waiting", tasks: tuple[dict[str, Any], ...] = (), events: Any = ()) -> dict[str, Any]:
    database = Database()
    with database.write() as connection:
        _run(connection, status)
        for index, task in enumerate(tasks):
            row = {
                "id": f"task-{index}", "workflow_run_id": "run-1", "task_type": "workflow", "status": "ready",
                "payload": "[]", "available_at": stored(NOW), "last_dispatched_at": None, "lease_expires_at": None,
                "created_at": stored(NOW),
            }  # fmt: skip
            insert(connection, "workflow_tasks", [row | task])
        for sequence, (kind, payload) in enumerate(events, start=1):
            insert(connection, "workflow_history_events", [_event(sequence, kind, payload)])
        project_runs(connection, ["run-1"], NOW)
        row = connection.execute("SELECT * FROM workflow_run_summaries").fetchone()
        return dict(row)


def _run(connection: Connection, status: str) -> None:
    moment = stored(NOW - timedelta(minutes=1))
    names = {"workflow_class": "orders.process", "workflow_type": "orders.process"}
    insert(connection, "workflow_instances", [{"id": "order-1", "current_run_id": "run-1", **names}])
    run = {
        "id": "run-1", "workflow_instance_id": "order-1", "run_number": 1, "status": status, "started_at": moment,
        "created_at": moment, "updated_at": moment, "closed_at": stored(NOW) if status == "completed" else None,
    }  # fmt: skip
    insert(connection, "workflow_runs", [run | names])


def _event(sequence: int, kind: str, payload: str) -> dict[str, Any]:
    return {
        "id": f"event-{sequence}", "workflow_run_id": "run-1", "sequence": sequence, "event_type": kind,
        "payload": payload, "recorded_at": stored(NOW),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("task", "reason", "state", "problem"),
    [
        ({}, "Workflow task ready", "workflow_task_ready", 0),
        (
            {"available_at": stored(NOW - timedelta(seconds=3))},
            "Workflow task ready but dispatch is overdue", "repair_needed", 1,
        ),
        ({"available_at": stored(NOW - timedelta(seconds=2))}, "Workflow task ready", "workflow_task_ready", 0),
        (
            {"available_at": stored(NOW - timedelta(hours=1)), "last_dispatched_at": stored(NOW)},
            "Workflow task ready", "workflow_task_ready", 0,
        ),
        ({"status": "leased"}, "Workflow task leased to worker", "workflow_task_leased", 0),
        ({"available_at": stored(NOW + timedelta(hours=1))}, "Workflow task ready", "workflow_task_ready", 0),
    ],
)  # fmt: skip
def test_a_workflow_task_is_ready_overdue_or_leased(task: Any, reason: str, state: str, problem: int) -> None:
    summary = _summary(tasks=(task,))
    assert (summary["wait_kind"], summary["wait_reason"]) == ("workflow-task", reason)
    assert (summary["liveness_state"], summary["task_problem"]) == (state, problem)
    assert summary["open_wait_id"] == "workflow-task:task-0"


def test_a_run_without_anything_to_go_on_from_needs_repair() -> None:
    summary = _summary()
    assert (summary["wait_kind"], summary["liveness_state"], summary["task_problem"]) == (None, "repair_needed", 1)


def test_a_closed_run_waits_for_nothing_even_with_a_task_left() -> None:
    summary = _summary(status="completed", tasks=({},))
    assert (summary["status_bucket"], summary["liveness_state"]) == ("completed", "closed")
    assert summary["wait_kind"] is None
    assert summary["next_task_id"] is None
    assert summary["duration_ms"] == 60_000


def test_a_signal_is_waited_for() -> None:
    opened = '{"signal_wait_id":"WAIT-1","signal_name":"approved-by","sequence":1}'
    summary = _summary(events=[("SignalWaitOpened", opened)])
    assert (summary["wait_kind"], summary["wait_reason"]) == ("signal", "Waiting for signal approved-by")
    assert summary["liveness_state"] == "waiting_for_signal"


def test_a_signal_with_a_timeout_says_so() -> None:
    fires = NOW + timedelta(minutes=30)
    micros = fires.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    opened = '{"signal_wait_id":"WAIT-1","signal_name":"approved-by","sequence":1,"timeout_seconds":1800}'
    timer = (
        f'{{"timer_id":"timer-1","sequence":1,"delay_seconds":1800,"fire_at":"{micros}",'
        '"timer_kind":"signal_timeout","signal_wait_id":"WAIT-1","signal_name":"approved-by"}'
    )
    task = {"task_type": "timer", "payload": '{"timer_id":"timer-1"}', "available_at": stored(fires)}
    summary = _summary(events=[("SignalWaitOpened", opened), ("TimerScheduled", timer)], tasks=(task,))
    assert summary["wait_reason"] == "Waiting for signal approved-by or timeout"
    assert summary["wait_deadline_at"] == stored(fires)
    assert summary["liveness_state"] == "waiting_for_signal"


def test_a_condition_is_waited_for_until_it_is_satisfied() -> None:
    opened = '{"condition_wait_id":"WAIT-1","condition_key":"paid","sequence":1}'
    waiting = _summary(events=[("ConditionWaitOpened", opened)])
    assert (waiting["wait_kind"], waiting["liveness_state"]) == ("condition", "waiting_for_condition")
    satisfied = _summary(events=[("ConditionWaitOpened", opened), ("ConditionWaitSatisfied", opened)], tasks=({},))
    assert satisfied["wait_kind"] == "workflow-task"


def test_an_engine_source_is_that_of_a_started_run() -> None:
    assert _summary()["engine_source"] == "v2"
