"""A history as a timeline."""

from __future__ import annotations

from typing import Any

import pytest

from dwctl.bundle.timeline import TimelineEntry, timeline


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        ({"workflow_type": "orders.process"}, "orders.process"),
        ({"activity_type": "orders.pay", "exception_class": "E"}, "orders.pay"),
        ({"signal_name": "approve", "timer_id": "T"}, "approve"),
        ({"timer_id": "T"}, "T"),
        ({"update_name": "approve", "exception_class": "E"}, "approve"),
        ({"child_workflow_type": "orders.ship"}, "orders.ship"),
        ({"change_id": "step-1"}, "step-1"),
        ({"continued_to_run_id": "R2"}, "R2"),
        ({"stream_key": "inbox"}, "inbox"),
        ({"exception_class": "RuntimeException"}, "RuntimeException"),
        ({"output": "secret", "result": "secret", "message": "secret"}, None),
        ({"activity_type": 5}, None),
        ([], None),
        (None, None),
    ],
)
def test_an_event_is_named_after_what_it_is_about(payload: Any, name: str | None) -> None:
    (entry,) = timeline({"history_events": [{"payload": payload}]})
    assert entry.name == name


def test_an_event_says_when_and_what() -> None:
    event = {"sequence": 3, "recorded_at": "2026", "type": "TimerFired", "payload": {"timer_id": "T"}}
    assert timeline({"history_events": {"k": event}}) == (
        TimelineEntry(3, "2026", "TimerFired", "T", "history_events.k"),
    )


def test_what_is_no_event_is_left_out_and_keeps_the_place_of_the_others() -> None:
    entries = timeline({"history_events": [5, {"sequence": "2"}, None, []]})
    assert [(entry.sequence, entry.path) for entry in entries] == [
        (2, "history_events.1"),
        (None, "history_events.3"),
    ]


@pytest.mark.parametrize("value", [None, {}, {"history_events": 5}, []])
def test_a_document_without_a_history_has_no_timeline(value: Any) -> None:
    assert timeline(value) == ()
