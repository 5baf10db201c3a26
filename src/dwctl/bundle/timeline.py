"""The events of a history, a line each, without their payloads."""

from __future__ import annotations

from dataclasses import dataclass

from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.loose import entries, field, integer, is_array, string


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """An event of the history; `name` is what it is about, such as an activity type or a signal's name."""

    sequence: int | None
    recorded_at: str | None
    type: str | None
    name: str | None
    path: str


def timeline(bundle: JsonValue) -> tuple[TimelineEntry, ...]:
    """The history of a decoded bundle in the document's order; entries that are no objects are left out."""
    events = ((f"history_events.{key}", event) for key, event in entries(field(bundle, "history_events")))
    return tuple(timeline_entry(path, event) for path, event in events if is_array(event))


# The first of these that an event's payload has is what the event is about.
_ABOUT = (
    "activity_type",
    "update_name",
    "signal_name",
    "timer_id",
    "child_workflow_type",
    "change_id",
    "condition_key",
    "continued_to_run_id",
    "stream_key",
    "workflow_type",
    "exception_class",
)


def timeline_entry(path: str, event: JsonValue) -> TimelineEntry:
    """What one event of a history is, without its payload."""
    payload = field(event, "payload")
    return TimelineEntry(
        sequence=integer(field(event, "sequence")),
        recorded_at=string(field(event, "recorded_at")),
        type=string(field(event, "type")),
        name=next((name for key in _ABOUT if (name := string(field(payload, key))) is not None), None),
        path=path,
    )
