"""The rows of a run as a history export lists them: commands, signals, updates, tasks, activities, failures."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from dwctl.rehearsal.columns import unpacked
from dwctl.rehearsal.run_view import Columns, RunView, decoded, json_value
from dwctl.rehearsal.snapshots import readable, resolution
from dwctl.rehearsal.times import stored_as_micros

Item = dict[str, Any]

_REASONED = frozenset({"cancel", "terminate", "archive"})
_CALLER = ("caller", "auth", "request", "principal")


def commands(view: RunView) -> list[Item]:
    """Commands with their caller, told by the context that they came with."""
    return [_command(row) for row in view.commands]


def _command(row: Columns) -> Item:
    context = decoded(row["context"])
    caller, auth, request, principal = (context.get(name) or {} for name in _CALLER)
    value = readable(row["payload"], row["payload_codec"]) if row["command_type"] != "start" else None
    told = value if isinstance(value, dict) else {}
    return {
        "id": row["id"],
        "sequence": row["command_sequence"],
        "message_sequence": row["message_sequence"],
        "type": row["command_type"],
        "target_scope": row["target_scope"],
        "requested_run_id": row["requested_workflow_run_id"],
        "resolved_run_id": row["resolved_workflow_run_id"],
        "target_name": told.get("name"),
        "payload_codec": row["payload_codec"],
        "payload": unpacked(row["payload"]),
        "source": row["source"],
        "context": {name: item for name, item in context.items() if name not in _CALLER},
        "caller_label": caller.get("label"),
        "principal_type": principal.get("type"),
        "principal_id": principal.get("id"),
        "principal_label": principal.get("label"),
        "auth_status": auth.get("status"),
        "auth_method": auth.get("method"),
        "request_method": request.get("method"),
        "request_path": request.get("path"),
        "request_route_name": request.get("route_name"),
        "request_fingerprint": request.get("fingerprint"),
        "request_id": row["request_id"],
        "correlation_id": None,
        "status": row["status"],
        "outcome": row["outcome"],
        "reason": told.get("reason") if row["command_type"] in _REASONED else None,
        "rejection_reason": row["rejection_reason"],
        "validation_errors": told.get("validation_errors") or [],
        **_times(row, "accepted_at", "applied_at", "rejected_at"),
    }


def signals(view: RunView) -> list[Item]:
    """Signals as they came."""
    return [
        {
            "id": row["id"],
            "command_id": row["workflow_command_id"],
            "command_sequence": row["command_sequence"],
            "workflow_sequence": row["workflow_sequence"],
            "name": row["signal_name"],
            "signal_wait_id": row["signal_wait_id"],
            "target_scope": row["target_scope"],
            "requested_run_id": row["requested_workflow_run_id"],
            "resolved_run_id": row["resolved_workflow_run_id"],
            "status": row["status"],
            "outcome": row["outcome"],
            "rejection_reason": row["rejection_reason"],
            "validation_errors": json_value(row["validation_errors"]),
            **_times(row, "received_at", "applied_at", "rejected_at", "closed_at"),
            "payload_codec": row["payload_codec"],
            "arguments": unpacked(row["arguments"]),
        }
        for row in view.signals
    ]


def updates(view: RunView) -> list[Item]:
    """Updates as they were accepted."""
    return [
        {
            "id": row["id"],
            "command_id": row["workflow_command_id"],
            "command_sequence": row["command_sequence"],
            "workflow_sequence": row["workflow_sequence"],
            "name": row["update_name"],
            "status": row["status"],
            "outcome": row["outcome"],
            "rejection_reason": row["rejection_reason"],
            "validation_errors": json_value(row["validation_errors"]),
            "failure_id": row["failure_id"],
            **_times(row, "accepted_at", "applied_at", "rejected_at", "closed_at"),
            "payload_codec": row["payload_codec"],
            "arguments": unpacked(row["arguments"]),
            "result": unpacked(row["result"]),
        }
        for row in view.updates
    ]


def tasks(view: RunView) -> list[Item]:
    """Tasks as they became available."""
    return [
        {
            "id": row["id"],
            "type": row["task_type"],
            "status": row["status"],
            "payload": row["payload"],
            "connection": row["connection"],
            "queue": row["queue"],
            "compatibility": row["compatibility"],
            "attempt_count": row["attempt_count"],
            "repair_count": row["repair_count"],
            **_times(row, "available_at", "leased_at"),
            "lease_owner": row["lease_owner"],
            **_times(row, "lease_expires_at", "last_dispatch_attempt_at", "last_dispatched_at"),
            "last_dispatch_error": row["last_dispatch_error"],
            **_times(row, "last_claim_failed_at"),
            "last_claim_error": row["last_claim_error"],
            **_times(row, "repair_available_at", "created_at"),
        }
        for row in view.tasks
    ]


def activities(view: RunView) -> list[Item]:
    """Activity executions with their attempts, and with what the history says of each."""
    told: defaultdict[str, list[Columns]] = defaultdict(list)
    for event in view.events:
        if "activity_execution_id" in event["payload"] and event["event_type"].startswith("Activity"):
            told[event["payload"]["activity_execution_id"]].append(event)
    attempts: defaultdict[str, list[Columns]] = defaultdict(list)
    for attempt in view.attempts:
        attempts[attempt["activity_execution_id"]].append(attempt)
    return [_activity(row, told[row["id"]], attempts[row["id"]]) for row in view.activities]


_GROUP = ("kind", "id", "base_sequence", "size", "index")


def _activity(row: Columns, events: list[Columns], attempts: list[Columns]) -> Item:
    first = events[0]["payload"] if events else {}
    snapshot = first.get("activity") or {}
    progress = [event["payload"] for event in events if event["payload"].get("progress")]
    by_attempt = {payload.get("activity_attempt_id"): payload["progress"] for payload in progress}
    is_open = row["status"] in {"pending", "running"}
    untold = "mutable_open_fallback" if is_open else "unsupported_terminal_without_history"
    return {
        "id": row["id"],
        "idempotency_key": row["id"],
        "sequence": row["sequence"],
        "activity_type": row["activity_type"],
        "activity_class": row["activity_class"],
        "execution_mode": snapshot.get("execution_mode"),
        "local_activity": bool(snapshot.get("local_activity")),
        "payload_codec": row["payload_codec"],
        "status": row["status"],
        "source_status": row["status"],
        "history_authority": "typed_history" if events else untold,
        "diagnostic_only": not events,
        "history_event_types": list(dict.fromkeys(event["event_type"] for event in events)),
        "history_unsupported_reason": None if events or is_open else "terminal_activity_row_without_typed_history",
        "row_status": None if events else row["status"],
        **{f"parallel_group_{name}": first.get(f"parallel_group_{name}") for name in _GROUP},
        "parallel_group_path": json_value(row["parallel_group_path"]) or [],
        "connection": row["connection"],
        "queue": row["queue"],
        "retry_policy": json_value(row["retry_policy"]) or None,
        "attempt_count": row["attempt_count"],
        "current_attempt_id": row["current_attempt_id"],
        "arguments": unpacked(row["arguments"]),
        "result": unpacked(row["result"]),
        **_times(row, "created_at", "started_at", "last_heartbeat_at"),
        "last_heartbeat_progress": progress[-1]["progress"] if progress else None,
        **_times(row, "closed_at"),
        "attempts": [_attempt(attempt, by_attempt.get(attempt["id"])) for attempt in attempts],
    }


def _attempt(row: Columns, progress: Any) -> Item:
    return {
        "id": row["id"],
        "activity_execution_id": row["activity_execution_id"],
        "workflow_task_id": row["workflow_task_id"],
        "attempt_number": row["attempt_number"],
        "status": row["status"],
        "lease_owner": row["lease_owner"],
        **_times(row, "started_at", "last_heartbeat_at"),
        "last_heartbeat_progress": progress,
        **_times(row, "lease_expires_at", "closed_at"),
    }


def failures(view: RunView) -> list[Item]:
    """Failures with the event that tells of each."""
    told = {
        event["payload"]["failure_id"]: event["payload"] for event in view.events if "failure_id" in event["payload"]
    }
    return [_failure(row, told.get(row["id"])) for row in view.failures]


def _failure(row: Columns, payload: Columns | None) -> Item:
    facts = payload or {}
    return {
        "id": row["id"],
        "source_kind": row["source_kind"],
        "source_id": row["source_id"],
        "propagation_kind": row["propagation_kind"],
        "failure_category": row["failure_category"],
        "non_retryable": bool(row["non_retryable"]),
        "handled": bool(row["handled"]),
        "history_authority": "typed_history" if payload else "mutable_open_fallback",
        "diagnostic_only": payload is None,
        "exception_type": facts.get("exception_type"),
        "exception_class": row["exception_class"],
        **resolution({**facts, "exception_class": row["exception_class"]}, is_final=True),
        "exception_replay_blocked": False,
        "message": row["message"],
        "file": row["file"],
        "line": row["line"],
        "trace_preview": row["trace_preview"] or "",
        "created_at": stored_as_micros(row["created_at"]),
    }


def _times(row: Columns, *names: str) -> Item:
    return {name: stored_as_micros(row[name]) for name in names}
