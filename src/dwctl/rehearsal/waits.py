"""What a run waits for, or waited for, told by its history; rows without history are shown as such.

The documents are those that a history export holds under `waits`. Read off the recorded exports.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dwctl.rehearsal.run_view import Columns, RunView
from dwctl.rehearsal.times import stored_as_micros
from dwctl.rehearsal.vocabulary import CLOSING_EVENTS, OPEN_TASKS, is_terminal

Wait = dict[str, Any]

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

_GROUP = ("kind", "id", "base_sequence", "size", "index", "path")


def waits_of(view: RunView) -> list[Wait]:
    """Every wait of a run: the open ones first, then by their step in the workflow."""
    waits = [*_activities(view), *_timers(view), *_signals(view), *_updates(view), *_children(view), *_conditions(view)]
    return sorted(waits, key=_position)


def _position(wait: Wait) -> tuple[bool, bool, int, str]:
    return (wait["status"] != "open", wait["sequence"] is None, wait["sequence"] or 0, wait["opened_at"] or "")


def _wait(identity: str, kind: str, sequence: int | None, **facts: Any) -> Wait:
    blank = {
        "id": identity, "kind": kind, "sequence": sequence, "status": "open", "source_status": None, "summary": None,
        "opened_at": None, "deadline_at": None, "resolved_at": None, "target_name": None, "target_type": None,
        "task_backed": False, "external_only": False, "resume_source_kind": None, "resume_source_id": None,
        "task_id": None, "task_type": None, "task_status": None, "command_id": None, "command_sequence": None,
        "command_status": None, "command_outcome": None, "history_authority": None, "history_unsupported_reason": None,
    }  # fmt: skip
    return blank | facts


def _task_facts(task: Columns | None, *, is_open: bool) -> Wait:
    if task is None:
        return {}
    return {
        "task_id": task["id"],
        "task_type": task["task_type"],
        "task_status": task["status"],
        "task_backed": is_open and task["status"] in OPEN_TASKS,
    }


def _task_with(view: RunView, key: str, value: str, kind: str | None = None) -> Columns | None:
    """The last task whose payload names something."""
    found = [
        task
        for task in view.tasks
        if task["payload"].get(key) == value and (kind is None or task["task_type"] == kind)
    ]
    return found[-1] if found else None


def _group_facts(payload: Columns) -> Wait:
    facts = {f"parallel_group_{name}": payload.get(f"parallel_group_{name}") for name in _GROUP}
    return facts | {"parallel_group_path": facts["parallel_group_path"] or []}


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
    task = _task_with(view, "activity_execution_id", activity["id"], "activity")
    facts: Wait = {
        "source_status": end or status,
        "opened_at": stored_as_micros(activity["started_at"] or activity["created_at"]),
        "target_type": name,
        "diagnostic_only": payload is None,
        "row_status": status if payload is None else None,
        **_task_facts(task, is_open=is_open),
        **_group_facts(payload or {}),
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
    return _wait(f"activity:{activity['id']}", "activity", activity["sequence"], **facts)


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
            yield _wait(
                f"timer:{identity}", "timer", row["sequence"],
                source_status=row["status"], opened_at=stored_as_micros(row["created_at"]),
                deadline_at=stored_as_micros(row["fire_at"]), target_type="timer", diagnostic_only=True,
                row_status=row["status"],
                **_task_facts(_task_with(view, "timer_id", identity, "timer"), is_open=is_open),
                **_group_facts({}),
                **_without_history("Timer", "Timer", "timer", is_open=is_open),
            )  # fmt: skip


def _timer(view: RunView, identity: str, event: Columns, end: Columns | None, row: Columns | None) -> Wait:
    payload = event["payload"]
    fired = end is not None and end["event_type"] == "TimerFired"
    status = "open" if end is None else "resolved" if fired else "cancelled"
    return _wait(
        f"timer:{identity}", "timer", payload.get("sequence"),
        status=status,
        source_status="pending" if end is None else "fired" if fired else "cancelled",
        summary="Waiting for timer." if end is None else "Timer fired." if fired else "Timer wait was cancelled.",
        opened_at=stored_as_micros(event["recorded_at"]),
        deadline_at=payload.get("fire_at"),
        resolved_at=None if end is None else end["payload"].get("fired_at") or end["payload"].get("cancelled_at"),
        target_type="timer", diagnostic_only=False, resume_source_kind="timer", resume_source_id=identity,
        history_authority="typed_history", row_status=None if row is None else row["status"],
        **_task_facts(_task_with(view, "timer_id", identity, "timer"), is_open=end is None),
        **_group_facts(payload),
    )  # fmt: skip


def _signals(view: RunView) -> Iterator[Wait]:
    received = {event["payload"].get("signal_wait_id"): event for event in view.events_of("SignalReceived")}
    applied = {event["payload"].get("signal_wait_id"): event for event in view.events_of("SignalApplied")}
    timers = {event["payload"].get("signal_wait_id"): event for event in view.events_of("TimerScheduled")}
    fired = {event["payload"].get("timer_id"): event for event in view.events_of("TimerFired")}
    for event in view.events_of("SignalWaitOpened"):
        identity = event["payload"].get("signal_wait_id")
        timer = timers.get(identity)
        timer_id = None if timer is None else timer["payload"].get("timer_id")
        base = _signal_base(event, timer)
        answer = applied.get(identity) or received.get(identity)
        if answer is not None:
            base |= _signal_answered(view, answer, name=base["target_name"], is_applied=identity in applied)
        elif timer_id in fired:
            base |= _signal_timed_out(view, base, fired[timer_id])
        elif is_terminal(view.run["status"]):
            base |= _ended_with_run(view, "Signal wait") | {"external_only": True}
        elif timer is not None:
            base |= _task_facts(_task_with(view, "timer_id", str(timer_id), "timer"), is_open=True)
        yield base


def _signal_base(event: Columns, timer: Columns | None) -> Wait:
    payload = event["payload"]
    name, seconds = payload.get("signal_name"), payload.get("timeout_seconds")
    timer_payload = {} if timer is None else timer["payload"]
    timer_id = timer_payload.get("timer_id")
    suffix = "" if timer is None else f" or timeout after {seconds} seconds"
    return _wait(
        str(payload.get("signal_wait_id")), "signal", payload.get("sequence"),
        source_status="waiting", summary=f"Waiting for signal {name}{suffix}.",
        opened_at=stored_as_micros(event["recorded_at"]), deadline_at=timer_payload.get("fire_at"),
        target_name=name, external_only=timer is None,
        resume_source_kind="signal" if timer is None else "timer", resume_source_id=timer_id,
        signal_wait_id=payload.get("signal_wait_id"), signal_id=None, timer_id=timer_id,
        timeout_seconds=seconds, timeout_fired_at=None,
    )  # fmt: skip


def _signal_answered(view: RunView, answer: Columns, *, name: str, is_applied: bool) -> Wait:
    command = answer["payload"].get("command") or {}
    command_id = answer["payload"].get("workflow_command_id")
    row = next((row for row in view.commands if row["id"] == command_id), None)
    return {
        "status": "resolved",
        "source_status": "applied" if is_applied else "received",
        "summary": f"Signal {name} received.",
        "resolved_at": stored_as_micros(answer["recorded_at"]),
        "external_only": True,
        "resume_source_kind": "signal",
        "resume_source_id": command_id,
        "signal_id": answer["payload"].get("signal_id"),
        "command_id": command_id,
        "command_sequence": row["command_sequence"] if row else command.get("sequence"),
        "command_status": row["status"] if row else command.get("status"),
        "command_outcome": row["outcome"] if row else command.get("outcome"),
    }


def _signal_timed_out(view: RunView, wait: Wait, fired: Columns) -> Wait:
    return {
        "status": "resolved",
        "source_status": "timed_out",
        "summary": f"Signal {wait['target_name']} timed out after {wait['timeout_seconds']} seconds.",
        "resolved_at": stored_as_micros(fired["recorded_at"]),
        "timeout_fired_at": fired["payload"].get("fired_at"),
        **_task_facts(_task_with(view, "timer_id", wait["timer_id"], "timer"), is_open=False),
    }


def _ended_with_run(view: RunView, subject: str) -> Wait:
    closing = view.events_of(*CLOSING_EVENTS)
    moment = closing[-1]["recorded_at"] if closing else view.run["closed_at"]
    return {
        "status": "cancelled",
        "source_status": view.run["status"],
        "summary": f"{subject} ended when the run was {view.run['status']}.",
        "resolved_at": stored_as_micros(moment),
    }


def _updates(view: RunView) -> Iterator[Wait]:
    events: dict[tuple[str, str], Columns] = {}
    for event in view.events_of("UpdateAccepted", "UpdateApplied", "UpdateCompleted"):
        events[event["event_type"], event["payload"].get("update_id")] = event
    for row in view.updates:
        accepted, completed = events.get(("UpdateAccepted", row["id"])), events.get(("UpdateCompleted", row["id"]))
        is_open = row["status"] == "accepted"
        command = next((item for item in view.commands if item["id"] == row["workflow_command_id"]), None)
        name, identity = row["update_name"], f"update:{row['id']}"
        task = _task_with(view, "open_wait_id", identity) if is_open else None
        applied = ("UpdateApplied", row["id"]) in events
        yield _wait(
            identity, "update", row["workflow_sequence"],
            status="open" if is_open else "resolved",
            source_status=row["status"],
            summary=f"Waiting for update {name}." if is_open else f"Update {name} {row['status']}.",
            opened_at=stored_as_micros(accepted["recorded_at"] if accepted else row["accepted_at"]),
            resolved_at=None if is_open else stored_as_micros(
                completed["recorded_at"] if completed else row["closed_at"]
            ),
            target_name=name, target_type="update", resume_source_kind="workflow_update", resume_source_id=row["id"],
            command_id=row["workflow_command_id"], command_sequence=row["command_sequence"],
            command_status=command and command["status"], command_outcome=command and command["outcome"],
            update_id=row["id"],
            ordering_state="applied" if applied else accepted and accepted["payload"].get("ordering_state"),
            **_task_facts(task, is_open=is_open),
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
        task = None if end is None else _task_with(view, "open_wait_id", f"child:{call}")
        yield _wait(
            f"child:{call}", "child", payload.get("sequence"),
            status="open" if end is None else "resolved",
            source_status=word or (child["status"] if child else "waiting"),
            summary=f"Waiting for child workflow {name}." if end is None else f"Child workflow {name} {word}.",
            opened_at=stored_as_micros(event["recorded_at"]),
            resolved_at=None if end is None else stored_as_micros(end["recorded_at"]),
            target_name=payload.get("child_workflow_instance_id"), target_type=name, diagnostic_only=False,
            child_call_id=call, child_workflow_run_id=run_id, resume_source_kind="child_workflow_run",
            resume_source_id=run_id, history_authority="typed_history",
            **_task_facts(task, is_open=False),
            **_group_facts(payload),
        )  # fmt: skip


def _conditions(view: RunView) -> Iterator[Wait]:
    """Waits for a condition; no recording shows one, so their texts follow those of the other kinds."""
    ends = {
        event["payload"].get("condition_wait_id"): event
        for event in view.events_of("ConditionWaitSatisfied", "ConditionWaitTimedOut")
    }
    for event in view.events_of("ConditionWaitOpened"):
        payload = event["payload"]
        identity = str(payload.get("condition_wait_id"))
        facts: Wait = {"source_status": "waiting", "summary": "Waiting for condition."}
        end = ends.get(identity)
        if end is not None:
            satisfied = end["event_type"] == "ConditionWaitSatisfied"
            word = "satisfied" if satisfied else "timed_out"
            facts = {
                "status": "resolved",
                "source_status": word,
                "summary": f"Condition {word.replace('_', ' ')}.",
                "resolved_at": stored_as_micros(end["recorded_at"]),
            }
        elif is_terminal(view.run["status"]):
            facts = _ended_with_run(view, "Condition wait")
        yield _wait(
            identity, "condition", payload.get("sequence"),
            opened_at=stored_as_micros(event["recorded_at"]), target_name=payload.get("condition_key"),
            resume_source_kind="condition", external_only=True,
            **facts,
        )  # fmt: skip
