"""Waits for what comes from outside, signals and updates, and for conditions."""

from __future__ import annotations

from collections.abc import Iterator

from dwctl.rehearsal.run_view import Columns, RunView
from dwctl.rehearsal.times import stored_as_micros
from dwctl.rehearsal.vocabulary import is_terminal
from dwctl.rehearsal.wait_shape import Wait, ended_with_run, task_facts, task_with, wait_of

_ORDERING = {"completed": "applied"}


def signal_waits(view: RunView) -> Iterator[Wait]:
    """Waits for a signal, with or without a timeout."""
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
            base |= ended_with_run(view, "Signal wait") | {"external_only": True}
        elif timer is not None:
            base |= task_facts(task_with(view, "timer_id", str(timer_id), "timer"), is_open=True)
        yield base


def _signal_base(event: Columns, timer: Columns | None) -> Wait:
    payload = event["payload"]
    name, seconds = payload.get("signal_name"), payload.get("timeout_seconds")
    timer_payload = {} if timer is None else timer["payload"]
    timer_id = timer_payload.get("timer_id")
    suffix = "" if timer is None else f" or timeout after {seconds} seconds"
    return wait_of(
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
        **task_facts(task_with(view, "timer_id", wait["timer_id"], "timer"), is_open=False),
    }


def update_waits(view: RunView) -> Iterator[Wait]:
    """Updates that the run has to answer, or has answered."""
    events: dict[tuple[str, str], Columns] = {}
    for event in view.events_of("UpdateAccepted", "UpdateCompleted"):
        events[event["event_type"], event["payload"].get("update_id")] = event
    for row in view.updates:
        accepted, completed = events.get(("UpdateAccepted", row["id"])), events.get(("UpdateCompleted", row["id"]))
        is_open = row["status"] == "accepted"
        command = next((item for item in view.commands if item["id"] == row["workflow_command_id"]), None)
        name, identity = row["update_name"], f"update:{row['id']}"
        task = task_with(view, "open_wait_id", identity) if is_open else None
        ordering = accepted and accepted["payload"].get("ordering_state")
        yield wait_of(
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
            ordering_state=ordering if is_open else _ORDERING.get(row["status"], row["status"]),
            **task_facts(task, is_open=is_open),
        )  # fmt: skip


def condition_waits(view: RunView) -> Iterator[Wait]:
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
            facts = ended_with_run(view, "Condition wait")
        yield wait_of(
            identity, "condition", payload.get("sequence"),
            opened_at=stored_as_micros(event["recorded_at"]), target_name=payload.get("condition_key"),
            resume_source_kind="condition", external_only=True,
            **facts,
        )  # fmt: skip
