"""What a run waits for, or waited for, told by its history; rows without history are shown as such.

The documents are those that a history export holds under `waits`. Read off the recorded exports.
"""

from __future__ import annotations

from collections.abc import Iterator

from dwctl.rehearsal.message_waits import condition_waits, signal_waits, update_waits
from dwctl.rehearsal.run_view import Columns, RunView
from dwctl.rehearsal.times import stored_as_micros
from dwctl.rehearsal.wait_shape import Wait, group_facts, task_facts, task_with, wait_of

_ACTIVITY_ENDS = {
    "ActivityCompleted": "completed",
    "ActivityFailed": "failed",
    "ActivityCancelled": "cancelled",
    "ActivityTimedOut": "timed_out",
}
_CHILD_ENDS = {
    "ChildRunCompleted": "completed",
    "ChildRunFailed": "failed",
    "ChildRunCancelled": "cancelled",
    "ChildRunTerminated": "terminated",
}
_OPEN_ACTIVITIES = frozenset({"pending", "running"})


def waits_of(view: RunView) -> list[Wait]:
    """Every wait of a run: the open ones first, then by their step in the workflow."""
    waits = [
        *_activities(view),
        *_timers(view),
        *_children(view),
        *signal_waits(view),
        *update_waits(view),
        *condition_waits(view),
    ]
    return sorted(waits, key=_position)


def _position(wait: Wait) -> tuple[bool, bool, int, str]:
    return (wait["status"] != "open", wait["sequence"] is None, wait["sequence"] or 0, wait["opened_at"] or "")


def _activities(view: RunView) -> Iterator[Wait]:
    scheduled: dict[str, Columns] = {}
    ended: dict[str, str] = {}
    for event in view.events:
        if event["event_type"].startswith("Activity"):
            identity = event["payload"].get("activity_execution_id")
            scheduled.setdefault(identity, event["payload"])
            if event["event_type"] in _ACTIVITY_ENDS:
                ended[identity] = _ACTIVITY_ENDS[event["event_type"]]
    for activity in view.activities:
        yield _activity(view, activity, scheduled.get(activity["id"]), ended.get(activity["id"]))


def _activity(view: RunView, activity: Columns, payload: Columns | None, end: str | None) -> Wait:
    name, status = activity["activity_type"], activity["status"]
    is_open = status in _OPEN_ACTIVITIES if payload is None else end is None
    task = task_with(view, "activity_execution_id", activity["id"], "activity")
    facts: Wait = {
        "source_status": end or status,
        "opened_at": stored_as_micros(activity["started_at"] or activity["created_at"]),
        "target_type": name,
        "diagnostic_only": payload is None,
        "row_status": status if payload is None else None,
        **task_facts(task, is_open=is_open),
        **group_facts(payload or {}),
    }
    if payload is None:
        facts |= _without_history("Activity", f"Activity {name}", "activity", is_open=is_open)
    else:
        facts |= {
            "status": "open" if is_open else "resolved",
            "summary": f"Waiting for activity {name}." if is_open else f"Activity {name} {end}.",
            "resolved_at": None if is_open else stored_as_micros(activity["closed_at"]),
            "resume_source_kind": "activity_execution",
            "resume_source_id": activity["id"],
            "history_authority": "typed_history",
        }
    return wait_of(f"activity:{activity['id']}", "activity", activity["sequence"], **facts)


def _without_history(kind: str, subject: str, word: str, *, is_open: bool) -> Wait:
    """A row that no event of the history speaks of: shown, but nothing that the run could go on from."""
    if is_open:
        return {
            "summary": f"{subject} is visible only from an older mutable row without typed {word} history.",
            "history_authority": "mutable_open_fallback",
        }
    return {
        "status": "unsupported",
        "summary": f"{subject} has a terminal mutable row without typed {word} history.",
        "history_authority": "unsupported_terminal_without_history",
        "history_unsupported_reason": f"terminal_{kind.lower()}_row_without_typed_history",
    }


def _timers(view: RunView) -> Iterator[Wait]:
    rows = {timer["id"]: timer for timer in view.timers}
    ends = {event["payload"].get("timer_id"): event for event in view.events_of("TimerFired", "TimerCancelled")}
    told = set()
    for event in view.events_of("TimerScheduled"):
        payload = event["payload"]
        identity = payload.get("timer_id")
        told.add(identity)
        if not payload.get("timer_kind"):
            yield _timer(view, identity, event, ends.get(identity), rows.get(identity))
    for identity, row in rows.items():
        if identity not in told:
            is_open = row["status"] == "pending"
            yield wait_of(
                f"timer:{identity}", "timer", row["sequence"],
                source_status=row["status"], opened_at=stored_as_micros(row["created_at"]),
                deadline_at=stored_as_micros(row["fire_at"]), target_type="timer", diagnostic_only=True,
                row_status=row["status"],
                **task_facts(task_with(view, "timer_id", identity, "timer"), is_open=is_open),
                **(group_facts({}) | _without_history("Timer", "Timer", "timer", is_open=is_open)),
            )  # fmt: skip


def _timer(view: RunView, identity: str, event: Columns, end: Columns | None, row: Columns | None) -> Wait:
    payload = event["payload"]
    fired = end is not None and end["event_type"] == "TimerFired"
    status = "open" if end is None else "resolved" if fired else "cancelled"
    return wait_of(
        f"timer:{identity}", "timer", payload.get("sequence"),
        status=status,
        source_status="pending" if end is None else "fired" if fired else "cancelled",
        summary="Waiting for timer." if end is None else "Timer fired." if fired else "Timer wait was cancelled.",
        opened_at=stored_as_micros(event["recorded_at"]),
        deadline_at=payload.get("fire_at"),
        resolved_at=None if end is None else end["payload"].get("fired_at") or end["payload"].get("cancelled_at"),
        target_type="timer", diagnostic_only=False, resume_source_kind="timer", resume_source_id=identity,
        history_authority="typed_history", row_status=None if row is None else row["status"],
        **task_facts(task_with(view, "timer_id", identity, "timer"), is_open=end is None),
        **group_facts(payload),
    )  # fmt: skip


def _children(view: RunView) -> Iterator[Wait]:
    ends = {event["payload"].get("child_call_id"): event for event in view.events_of(*_CHILD_ENDS)}
    for event in view.events_of("ChildWorkflowScheduled"):
        payload = event["payload"]
        call, run_id, name = payload.get("child_call_id"), payload.get("child_workflow_run_id"), payload.get(
            "child_workflow_type"
        )  # fmt: skip
        end = ends.get(call)
        word = None if end is None else _CHILD_ENDS[end["event_type"]]
        child = view.other_run(str(run_id)) if end is None else None
        task = None if end is None else task_with(view, "open_wait_id", f"child:{call}")
        yield wait_of(
            f"child:{call}", "child", payload.get("sequence"),
            status="open" if end is None else "resolved",
            source_status=word or (child["status"] if child else "waiting"),
            summary=f"Waiting for child workflow {name}." if end is None else f"Child workflow {name} {word}.",
            opened_at=stored_as_micros(event["recorded_at"]),
            resolved_at=None if end is None else stored_as_micros(end["recorded_at"]),
            target_name=payload.get("child_workflow_instance_id"), target_type=name, diagnostic_only=False,
            child_call_id=call, child_workflow_run_id=run_id, resume_source_kind="child_workflow_run",
            resume_source_id=run_id, history_authority="typed_history",
            **task_facts(task, is_open=False),
            **group_facts(payload),
        )  # fmt: skip
