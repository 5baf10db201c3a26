"""The timers of a run as its history tells them: the documents of an export's `timers`, and their projection."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from dwctl.rehearsal.run_view import Columns, RunView
from dwctl.rehearsal.times import stored_as_micros

Timer = dict[str, Any]

_STATUSES = {"TimerScheduled": "pending", "TimerFired": "fired", "TimerCancelled": "cancelled"}
_FROM_PAYLOAD = ("timer_kind", "condition_wait_id", "condition_key", "condition_definition_fingerprint",
                 "signal_wait_id", "signal_name")  # fmt: skip


def timers_of(view: RunView) -> list[Timer]:
    """Every timer of a run: those that the history tells of, and rows that it does not tell of."""
    events: defaultdict[str, list[Columns]] = defaultdict(list)
    for event in view.events_of(*_STATUSES):
        events[str(event["payload"].get("timer_id"))].append(event)
    rows = {row["id"]: row for row in view.timers}
    timers = [_told(identity, told, rows.get(identity)) for identity, told in events.items()]
    timers += [_untold(row) for row in view.timers if row["id"] not in events]
    return sorted(timers, key=lambda timer: (timer["sequence"] or 0, timer["created_at"] or "", timer["id"]))


def _told(identity: str, events: list[Columns], row: Columns | None) -> Timer:
    merged: Columns = {}
    for event in events:
        merged |= event["payload"]
    status = _STATUSES[events[-1]["event_type"]]
    return {
        "id": identity,
        "sequence": merged.get("sequence"),
        "status": status,
        "source_status": status,
        "delay_seconds": merged.get("delay_seconds"),
        "fire_at": merged.get("fire_at"),
        "fired_at": merged.get("fired_at"),
        "cancelled_at": merged.get("cancelled_at"),
        "created_at": stored_as_micros(row["created_at"] if row else events[0]["recorded_at"]),
        **{name: merged.get(name) for name in _FROM_PAYLOAD},
        "history_authority": "typed_history",
        "diagnostic_only": False,
        "history_event_types": [event["event_type"] for event in events],
        "history_unsupported_reason": None,
        "row_status": row and row["status"],
    }


def _untold(row: Columns) -> Timer:
    is_open = row["status"] == "pending"
    return {
        "id": row["id"],
        "sequence": row["sequence"],
        "status": row["status"],
        "source_status": row["status"],
        "delay_seconds": row["delay_seconds"],
        "fire_at": stored_as_micros(row["fire_at"]),
        "fired_at": stored_as_micros(row["fired_at"]),
        "cancelled_at": None,
        "created_at": stored_as_micros(row["created_at"]),
        **dict.fromkeys(_FROM_PAYLOAD),
        "history_authority": "mutable_open_fallback" if is_open else "unsupported_terminal_without_history",
        "diagnostic_only": True,
        "history_event_types": [],
        "history_unsupported_reason": None if is_open else "terminal_timer_row_without_typed_history",
        "row_status": row["status"],
    }
