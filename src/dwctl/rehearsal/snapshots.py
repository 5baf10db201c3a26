"""What an event of the timeline speaks of, as it is shown beside it: command, task, activity, timer, child, failure."""

from __future__ import annotations

from typing import Any

from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.payload_sites import PayloadSite, Role
from dwctl.rehearsal.run_view import Columns, RunView
from dwctl.rehearsal.times import stored_as_micros

Snapshot = dict[str, Any]

_COMMAND = (
    "id", "sequence", "type", "target_scope", "requested_run_id", "resolved_run_id", "target_name", "payload_codec",
    "payload_available", "payload", "source", "context", "caller_label", "principal_type", "principal_id",
    "principal_label", "auth_status", "auth_method", "request_method", "request_path", "request_route_name",
    "request_fingerprint", "status", "outcome", "rejection_reason", "accepted_at", "applied_at", "rejected_at",
)  # fmt: skip
_ACTIVITY = (
    "id", "idempotency_key", "sequence", "type", "class", "parallel_group_path", "attempt_id", "status",
    "attempt_count", "retry_policy", "connection", "queue", "started_at", "closed_at", "last_heartbeat_at",
    "last_heartbeat_progress",
)  # fmt: skip
_FAILED = frozenset({"ActivityFailed", "ActivityRetryScheduled", "ActivityTimedOut", "WorkflowFailed",
                     "WorkflowCancelled", "WorkflowTerminated", "WorkflowTimedOut", "UpdateCompleted"})  # fmt: skip


def snapshots_of(view: RunView, event: Columns) -> Snapshot:
    """The six snapshots of an event; None where it speaks of no such thing."""
    payload = event["payload"]
    return {
        "command": _command(view, event),
        "task": _task(view, event),
        "activity": _activity(view, payload),
        "timer": _timer(event),
        "child": _child(payload),
        "failure": _failure(view, event),
    }


def _command(view: RunView, event: Columns) -> Snapshot | None:
    told = event["payload"].get("command")
    if not told:
        return None
    row = next((row for row in view.commands if row["id"] == told.get("id")), {})
    shown: Snapshot = dict.fromkeys(_COMMAND) | {name: told[name] for name in _COMMAND if name in told}
    blob = told.get("payload")
    shown["payload_available"] = blob is not None
    shown["payload"] = readable(blob, told.get("payload_codec"))
    for name in ("accepted_at", "applied_at", "rejected_at"):
        shown[name] = shown[name] or stored_as_micros(row.get(name))
    if event["event_type"] == "UpdateCompleted":
        shown["outcome"] = row.get("outcome")
    return shown


def readable(blob: JsonValue, codec: str | None) -> JsonValue:
    """The value in a payload; a reference to external storage as it is, None for what cannot be read."""
    from dwctl.bundle.payloads import Outcome, decode_site, to_json

    if blob is None:
        return None
    decoded = decode_site(PayloadSite("", Role.COMMAND, codec, blob))
    if decoded.outcome is Outcome.EXTERNAL:
        return blob
    return to_json(decoded.value) if decoded.outcome is Outcome.DECODED else None


# While an attempt runs, its events show the task as they saw it; all others show the task as it stands.
_RUNNING = frozenset({"ActivityStarted", "ActivityHeartbeatRecorded"})


def _task(view: RunView, event: Columns) -> Snapshot | None:
    told = event["payload"].get("task") or {}
    identity = event["workflow_task_id"]
    row = next((row for row in view.tasks if row["id"] == identity), {})
    if identity is None or not (row or told):
        return None
    status = told.get("status") if event["event_type"] in _RUNNING else row.get("status")
    times = {
        name: told.get(name) or stored_as_micros(row.get(name))
        for name in ("available_at", "leased_at", "lease_expires_at")
    }
    is_attempt = "activity_attempt_id" in event["payload"]
    return {
        "id": identity,
        "type": "activity" if is_attempt else told.get("type") or row.get("task_type"),
        "status": status or told.get("status"),
        **times,
        "attempt_count": told.get("attempt_count"),
    }


def _activity(view: RunView, payload: Columns) -> Snapshot | None:
    told = payload.get("activity")
    if not told:
        return None
    row = next((row for row in view.activities if row["id"] == told.get("id")), {})
    shown: Snapshot = dict.fromkeys(_ACTIVITY) | {
        "parallel_group_path": [],
        "last_heartbeat_at": stored_as_micros(row.get("last_heartbeat_at")),
        "last_heartbeat_progress": payload.get("progress"),
    }
    return shown | {name: told[name] for name in _ACTIVITY if name in told}


_TIMER_STATUSES = {"TimerScheduled": "pending", "TimerFired": "fired", "TimerCancelled": "cancelled"}


def _timer(event: Columns) -> Snapshot | None:
    status = _TIMER_STATUSES.get(event["event_type"])
    payload = event["payload"]
    if status is None:
        return None
    names = ("sequence", "delay_seconds", "fire_at", "fired_at", "cancelled_at")
    return {"id": payload.get("timer_id"), "status": status, **{name: payload.get(name) for name in names}}


def _child(payload: Columns) -> Snapshot | None:
    if "child_workflow_run_id" not in payload and "child_call_id" not in payload:
        return None
    return {
        "child_call_id": payload.get("child_call_id"),
        "instance_id": payload.get("child_workflow_instance_id"),
        "run_id": payload.get("child_workflow_run_id"),
        "type": payload.get("child_workflow_type"),
        "class": payload.get("child_workflow_class"),
        "status": payload.get("child_status"),
        "run_number": payload.get("child_run_number"),
        "parallel_group_path": payload.get("parallel_group_path") or [],
    }


def _failure(view: RunView, event: Columns) -> Snapshot | None:
    payload = event["payload"]
    if event["event_type"] not in _FAILED or "exception_class" not in payload:
        return None
    row = next((row for row in view.failures if row["id"] == payload.get("failure_id")), None)
    return {
        "id": payload.get("failure_id"),
        "source_kind": row and row["source_kind"],
        "source_id": row and row["source_id"],
        "propagation_kind": row and row["propagation_kind"],
        "failure_category": row and row["failure_category"],
        "non_retryable": bool(row and row["non_retryable"]),
        "handled": row and bool(row["handled"]),
        "exception_type": payload.get("exception_type"),
        "exception_class": payload.get("exception_class"),
        **resolution(payload, is_final=row is not None),
        "exception_replay_blocked": False,
        "message": payload.get("message"),
        "file": (row and row["file"]) or None,
        "line": row and row["line"],
    }


def resolution(payload: Columns, *, is_final: bool) -> Snapshot:
    """Which class an exception was resolved to, and by what; an attempt that is retried is not resolved."""
    source = "exception_type" if payload.get("exception_type") else "recorded_class"
    return {
        "exception_resolved_class": payload.get("exception_class") if is_final else None,
        "exception_resolution_source": source if is_final and payload.get("exception_class") else None,
        "exception_resolution_error": None,
    }
