"""The timeline of a run: one entry an event, as an export's `timeline` shows it, and its projection."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from dwctl.rehearsal.run_view import Columns, RunView
from dwctl.rehearsal.times import stored_as_micros

Entry = dict[str, Any]


class _Shape(NamedTuple):
    """How the events of a type are shown: their kind, what they come from, and their sentence."""

    kind: str
    source_kind: str
    source_key: str | None
    summary: Callable[[Columns], str]


def _said(template: str) -> Callable[[Columns], str]:
    """A sentence with facts of the payload in it."""
    return lambda payload: template.format_map(_Facts(payload))


class _Facts(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


def _activity_name(payload: Columns) -> str:
    return str(payload.get("activity_type") or payload.get("activity_class") or "?").rpartition("\\")[2]


def _activity(verb: str, *, message: bool = False) -> _Shape:
    def summary(payload: Columns) -> str:
        return f"{verb} {_activity_name(payload)}" + (f": {payload.get('message')}." if message else ".")

    return _Shape("activity", "activity_execution", "activity_execution_id", summary)


def _retry(payload: Columns) -> str:
    return f"Scheduled retry {(payload.get('retry_after_attempt') or 0) + 1} for {_activity_name(payload)}."


def _timer(template: str, signal_template: str) -> _Shape:
    def summary(payload: Columns) -> str:
        return _said(signal_template if payload.get("timer_kind") else template)(payload)

    return _Shape("timer", "timer", "timer_id", summary)


def _signal_wait(payload: Columns) -> str:
    seconds = payload.get("timeout_seconds")
    suffix = "" if seconds is None else f" or timeout after {seconds} seconds"
    return f"Waiting for signal {payload.get('signal_name')}{suffix}."


def _update_end(payload: Columns) -> str:
    if payload.get("failure_id"):
        return f"Update {payload.get('update_name')} failed: {payload.get('message')}."
    return f"Completed update {payload.get('update_name')}."


def _workflow(template: str) -> _Shape:
    return _Shape("workflow", "workflow_run", None, _said(template))


def _command(template: str, kind: str = "command") -> _Shape:
    return _Shape(kind, "workflow_command", "workflow_command_id", _said(template))


def _child(template: str) -> _Shape:
    return _Shape("child", "child_workflow_run", "child_workflow_run_id", _said(template))


_SHAPES: dict[str, _Shape] = {
    "StartAccepted": _command("Start accepted as {outcome}."),
    "StartRejected": _command("Start rejected."),
    "SignalReceived": _command("Signal {signal_name} received."),
    "UpdateAccepted": _command("Accepted update {update_name}."),
    "UpdateRejected": _command("Rejected update {update_name}."),
    "UpdateApplied": _command("Applied update {update_name}.", "update"),
    "UpdateCompleted": _Shape("update", "workflow_command", "workflow_command_id", _update_end),
    "CancelRequested": _command("Cancel requested."),
    "TerminateRequested": _command("Terminate requested."),
    "ArchiveRequested": _command("Archive requested."),
    "RepairRequested": _command("Repair recreated {task_type} task."),
    "WorkflowStarted": _workflow("Workflow run started."),
    "WorkflowCompleted": _workflow("Workflow completed."),
    "WorkflowFailed": _workflow("Workflow failed: {message}."),
    "WorkflowCancelled": _workflow("Workflow cancelled."),
    "WorkflowTerminated": _workflow("Workflow terminated."),
    "WorkflowTimedOut": _workflow("Workflow timed out."),
    "WorkflowArchived": _workflow("Workflow archived."),
    "WorkflowContinuedAsNew": _workflow("Continued as new on run {continued_to_run_id}."),
    "MemoUpserted": _workflow("Memo upserted."),
    "SearchAttributesUpserted": _workflow("Search attributes upserted."),
    "MessageCursorAdvanced": _workflow("Message cursor advanced to {new_position}."),
    "SideEffectRecorded": _Shape("side_effect", "workflow_run", None, _said("Recorded side effect.")),
    "VersionMarkerRecorded": _Shape(
        "version", "version_marker", "change_id", _said("Recorded version marker {change_id} = {version}.")
    ),
    "SignalWaitOpened": _Shape("signal", "signal_wait", "signal_wait_id", _signal_wait),
    "SignalApplied": _Shape("signal", "signal_wait", "signal_wait_id", _said("Applied signal {signal_name}.")),
    "ActivityScheduled": _activity("Scheduled"),
    "ActivityStarted": _activity("Started"),
    "ActivityHeartbeatRecorded": _activity("Recorded heartbeat for"),
    "ActivityCompleted": _activity("Completed"),
    "ActivityFailed": _activity("Failed", message=True),
    "ActivityCancelled": _activity("Cancelled"),
    "ActivityTimedOut": _activity("Timed out"),
    "ActivityRetryScheduled": _Shape("activity", "activity_execution", "activity_execution_id", _retry),
    "TimerScheduled": _timer(
        "Scheduled timer for {delay_seconds} seconds.", "Scheduled signal timeout for {delay_seconds} seconds."
    ),
    "TimerFired": _timer(
        "Timer fired after {delay_seconds} seconds.", "Signal timeout fired after {delay_seconds} seconds."
    ),
    "TimerCancelled": _timer("Timer cancelled.", "Signal timeout cancelled."),
    "ChildWorkflowScheduled": _child("Scheduled child workflow {child_workflow_type}."),
    "ChildRunStarted": _child("Child workflow {child_workflow_type} started."),
    "ChildRunCompleted": _child("Child workflow {child_workflow_type} completed."),
    "ChildRunFailed": _child("Child workflow {child_workflow_type} failed."),
    "ChildRunCancelled": _child("Child workflow {child_workflow_type} cancelled."),
    "ChildRunTerminated": _child("Child workflow {child_workflow_type} terminated."),
}

# Facts of the payload that an entry shows under the same name.
_SAME = (
    "signal_id", "signal_wait_id", "condition_wait_id", "condition_key", "condition_definition_fingerprint",
    "activity_execution_id", "activity_type", "activity_class", "retry_task_id",
    "retry_available_at", "retry_backoff_seconds", "retry_policy", "retry_after_attempt_id", "retry_after_attempt",
    "timer_id", "child_call_id", "child_workflow_instance_id", "child_workflow_run_id",
    "child_workflow_type", "child_workflow_class", "child_status", "parallel_group_kind", "parallel_group_id",
    "parallel_group_base_sequence", "parallel_group_size", "parallel_group_index", "failure_id", "exception_type",
    "exception_class", "message", "closed_reason",
)  # fmt: skip


def entry_of(view: RunView, event: Columns) -> Entry:
    """The entry of one event, without the snapshots of what it speaks of."""
    payload = event["payload"]
    shape = _SHAPES.get(event["event_type"]) or _workflow(_as_words(event["event_type"]))
    source = payload.get(shape.source_key) if shape.source_key else view.run_id
    command = payload.get("command") or {}
    target = command.get("target_name")
    activity = payload.get("activity") or {}
    return {
        "id": event["id"],
        "sequence": event["sequence"],
        "type": event["event_type"],
        "kind": shape.kind,
        "entry_kind": "point",
        "source_kind": shape.source_kind,
        "source_id": source,
        "summary": shape.summary(payload),
        "recorded_at": stored_as_micros(event["recorded_at"]),
        "command_id": event["workflow_command_id"] or payload.get("workflow_command_id"),
        "command_sequence": command.get("sequence"),
        "requested_run_id": command.get("requested_run_id"),
        "resolved_run_id": command.get("resolved_run_id"),
        "task_id": event["workflow_task_id"],
        "command_type": command.get("type"),
        "command_status": command.get("status"),
        "command_outcome": command.get("outcome"),
        "command_rejection_reason": command.get("rejection_reason"),
        "workflow_sequence": payload.get("sequence"),
        **{name: payload.get(name) for name in _SAME},
        "signal_name": payload.get("signal_name") or target,
        "update_name": payload.get("update_name") or target,
        "delay_seconds": payload.get("delay_seconds") or payload.get("timeout_seconds"),
        "version_change_id": payload.get("change_id"),
        "version": payload.get("version"),
        "version_min_supported": payload.get("min_supported"),
        "version_max_supported": payload.get("max_supported"),
        "activity_status": activity.get("status"),
        "retry_max_attempts": payload.get("max_attempts"),
        "parallel_group_path": payload.get("parallel_group_path") or [],
        "exception_resolved_class": None,
        "exception_resolution_source": None,
        "exception_resolution_error": None,
    }


def _as_words(event_type: str) -> str:
    """`ConditionWaitOpened` as a sentence, for events that no recording shows."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", event_type).capitalize() + "."
