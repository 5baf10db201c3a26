"""What will not travel: named only where the bundle has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dwctl.bundle.canonical import decode
from dwctl.bundle.left_behind import PATHS_NAMED, left_behind

DATA = Path(__file__).parents[2] / "data" / "bundles"


def told(bundle: Any) -> dict[str, tuple[str, ...]]:
    """The places by what they are."""
    return {row.what: row.paths for row in left_behind(bundle)}


def event(event_type: str, **payload: Any) -> dict[str, Any]:
    """A history event."""
    return {"type": event_type, "payload": payload}


STREAM = {"stream_key": "instance:order-1", "new_position": 1}

# what the bundle holds → what is told of it
CASES: dict[str, tuple[dict[str, Any], dict[str, tuple[str, ...]]]] = {
    "a run timeout": (
        {"workflow": {"run_timeout_seconds": 60, "execution_timeout_seconds": None}},
        {"timeouts": ("workflow.run_timeout_seconds",)},
    ),
    "a deadline that only the history knows": (
        {"history_events": [event("StartAccepted"), event("WorkflowStarted", execution_deadline_at="2026")]},
        {"timeouts": ("history_events.1.payload.execution_deadline_at",)},
    ),
    "a priority": ({"workflow": {"priority": 1}}, {"priority": ("workflow.priority",)}),
    "the priority that every run has": ({"workflow": {"priority": 5, "fairness_weight": 1}}, {}),
    "a fairness key of a task": (
        {"tasks": {"a": {"fairness_key": "tenant-1", "fairness_weight": 2}}},
        {"priority": ("tasks.a.fairness_key", "tasks.a.fairness_weight")},
    ),
    "a message stream": (
        {"history_events": [event("MessageCursorAdvanced", stream_key="inbox", new_position=1)] * 2},
        {"message_streams": ("history_events.0",)},
    ),
    "messages that are commands": (
        {
            "workflow": {"instance_id": "order-1"},
            "commands": [{"message_sequence": 1}],
            "history_events": [event("MessageCursorAdvanced", **STREAM)],
        },
        {},
    ),
    "messages on the own stream that are no commands": (
        {
            "workflow": {"instance_id": "order-1"},
            "commands": [{"message_sequence": None}],
            "history_events": [event("MessageCursorAdvanced", **STREAM)],
        },
        {"message_streams": ("history_events.0",)},
    ),
    "a section of messages": ({"messages": [{}]}, {"message_streams": ("messages",)}),
    "an empty section of messages": ({"messages": []}, {}),
    "a schedule": (
        {"workflow": {"schedule_id": "nightly"}, "history_events": [event("ScheduleTriggered")]},
        {"schedules": ("workflow.schedule_id", "history_events.0")},
    ),
    "a section of schedules": ({"schedules": [{}]}, {"schedules": ("schedules",)}),
    "a call of a child": (
        {"links": {"children": [{"type": "child_workflow", "child_call_id": "C"}]}},
        {"child_calls": ("links.children.0.child_call_id",)},
    ),
    "a call of a child that is also in the history": (
        {
            "links": {"children": [{"type": "child_workflow", "child_call_id": "C"}]},
            "history_events": [event("ChildWorkflowScheduled", child_call_id="C")],
        },
        {"child_calls": ("links.children.0.child_call_id",)},
    ),
    "a call of a child that only the history knows": (
        {"history_events": [event("ChildWorkflowScheduled", child_call_id="C")]},
        {"child_calls": ("history_events.0.payload.child_call_id",)},
    ),
    "the call that made this run, which belongs to the parent": (
        {"links": {"parents": [{"type": "child_workflow", "child_call_id": "C"}]}},
        {},
    ),
    "a next run": ({"links": {"children": [{"type": "continue_as_new", "child_call_id": "C"}]}}, {}),
    "a caller who is known": (
        {"commands": [{"caller_label": "PHP API"}, {"principal_id": "u1", "auth_method": "token"}]},
        {"command_callers": ("commands.1.auth_method", "commands.1.principal_id")},
    ),
    "a caller who is the application itself": (
        {"commands": [{"caller_label": "Workflow", "auth_status": "not_applicable", "auth_method": "none"}]},
        {},
    ),
    "memo keys like integers": (
        {"workflow": {"memo": {"0": 1, "-7": 1, "01": 1, "1.0": 1, "x": {"5": 1}}}},
        {"memo_keys": ("workflow.memo.0", "workflow.memo.-7")},
    ),
    "a memo that is a list": ({"workflow": {"memo": ["a"]}}, {"memo_keys": ("workflow.memo.0",)}),
    "an open timer": (
        {"timers": [{"status": "fired"}, {"status": "pending"}]},
        {"open_timers": ("timers.1",)},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_told_where_the_bundle_has_it(case: str) -> None:
    bundle, expected = CASES[case]
    assert told(bundle) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("01", {}),
        ("06", {}),
        ("22", {"child_calls": ("links.children.0.child_call_id",)}),
        ("25", {}),
        ("28", {}),
        ("64", {}),
        ("76", {"open_timers": ("timers.0",)}),
    ],
)
def test_real_bundles_tell_only_what_they_have(number: str, expected: dict[str, tuple[str, ...]]) -> None:
    (path,) = DATA.glob(f"{number}-*.json")
    assert told(decode(path.read_bytes()).value) == expected


def test_places_are_counted_and_the_first_are_named() -> None:
    (row,) = left_behind({"timers": [{"status": "pending"}] * 25})
    assert row.count == 25
    assert row.paths == tuple(f"timers.{index}" for index in range(PATHS_NAMED))


def test_every_kind_says_what_it_means() -> None:
    everything: dict[str, Any] = {
        "workflow": {"run_timeout_seconds": 1, "priority": 1, "schedule_id": "x", "memo": {"1": 1}},
        "messages": [1],
        "links": {"children": [{"child_call_id": "C"}]},
        "commands": [{"principal_id": "u"}],
        "timers": [{"status": "pending"}],
    }
    rows = left_behind(everything)
    assert [row.what for row in rows] == [
        "timeouts",
        "priority",
        "message_streams",
        "schedules",
        "child_calls",
        "command_callers",
        "memo_keys",
        "open_timers",
    ]
    assert all(row.meaning.endswith(".") for row in rows)


@pytest.mark.parametrize("value", [None, 5, "x", [], {}, {"workflow": 1, "tasks": "x", "links": [], "timers": {}}])
def test_a_document_of_another_shape_has_nothing_to_leave(value: Any) -> None:
    assert told(value) == {}
