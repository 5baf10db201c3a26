"""The summary of a run, which lists and describe show: its state, what it waits for, and what moves it on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dwctl.bundle.loose import integer
from dwctl.rehearsal.import_context import IMPORT_SOURCE
from dwctl.rehearsal.run_view import Columns, RunView
from dwctl.rehearsal.times import from_stored, micros, stored_as_micros
from dwctl.rehearsal.vocabulary import OPEN_TASKS, is_terminal, status_bucket
from dwctl.rehearsal.wait_shape import Wait

REDISPATCH_AFTER = timedelta(seconds=3)
"""How long a ready task may stand without being dispatched before it counts as overdue."""

PROJECTION_VERSION = 2

_LIVE = "repair_not_needed"
_DIAGNOSTIC_ONLY = "This row is diagnostic-only and does not satisfy the durable resume-path invariant."
_WAIT_ORDER = ("update", "activity", "child", "timer", "signal", "condition")


@dataclass(frozen=True, slots=True)
class _NextTask:
    """The task that would move the run on next, and how it stands."""

    row: Columns
    overdue: bool

    @property
    def leased(self) -> bool:
        return bool(self.row["status"] == "leased")


def summary_of(view: RunView, waits: list[Wait], now: datetime, *, imported: str) -> Columns:
    """The row of `workflow_run_summaries`; `imported` is the engine source of an imported run."""
    run = view.run
    is_current = view.instance["current_run_id"] == run["id"]
    task = _next_task(view, now)
    wait = {} if is_terminal(run["status"]) else _wait_facts(waits, task)
    started: Columns = next((event["payload"] for event in view.events_of("WorkflowStarted")), {})
    mode = started.get("declared_entry_mode")
    return {
        "id": run["id"],
        "workflow_instance_id": run["workflow_instance_id"],
        "run_number": run["run_number"],
        "is_current_run": int(is_current),
        "engine_source": imported if run["import_source"] == IMPORT_SOURCE else "v2",
        "projection_schema_version": PROJECTION_VERSION,
        "class": run["workflow_class"],
        "workflow_type": run["workflow_type"],
        "namespace": run["namespace"],
        "compatibility": run["compatibility"],
        "declared_entry_mode": mode,
        "declared_contract_source": "durable_history" if mode else "unavailable",
        "business_key": run["business_key"],
        "visibility_labels": run["visibility_labels"],
        "status": run["status"],
        "status_bucket": status_bucket(run["status"]),
        "closed_reason": run["closed_reason"],
        "connection": run["connection"],
        "queue": run["queue"],
        "started_at": run["started_at"],
        "sort_timestamp": run["started_at"] or run["created_at"],
        "sort_key": f"{stored_as_micros(run['started_at'] or run['created_at'])}#{run['id']}",
        "closed_at": run["closed_at"],
        "archived_at": run["archived_at"],
        "archive_command_id": run["archive_command_id"],
        "archive_reason": run["archive_reason"],
        "duration_ms": _duration(run),
        **_NO_WAIT,
        **wait,
        **_NO_TASK,
        **({} if task is None or is_terminal(run["status"]) else _task_facts(task)),
        **_liveness(run, waits, task, wait, is_current=is_current),
        "exception_count": len(view.failures),
        "history_event_count": len(view.events),
        "history_size_bytes": sum([event["size"] for event in view.events]),
        "history_fan_out": max(
            [integer(event["payload"].get("parallel_group_size")) or 0 for event in view.events], default=0
        ),
        "created_at": run["created_at"],
        "updated_at": run["closed_at"] or run["last_progress_at"] or run["updated_at"],
    }


_NO_WAIT = dict.fromkeys(
    ("wait_kind", "wait_reason", "wait_started_at", "wait_deadline_at", "open_wait_id", "resume_source_kind",
     "resume_source_id")
)  # fmt: skip
_NO_TASK = dict.fromkeys(
    ("next_task_at", "next_task_id", "next_task_type", "next_task_status", "next_task_lease_expires_at")
)


def _next_task(view: RunView, now: datetime) -> _NextTask | None:
    tasks = [task for task in view.tasks if task["status"] in OPEN_TASKS]
    if not tasks:
        return None
    row = next((task for task in tasks if task["task_type"] == "workflow"), tasks[0])
    since = _dispatched(row)
    due = row["available_at"] is None or from_stored(row["available_at"]) <= now
    overdue = row["status"] == "ready" and due and since is not None and from_stored(since) + REDISPATCH_AFTER <= now
    return _NextTask(row, overdue)


def _dispatched(task: Columns) -> str | None:
    """When a task was last dispatched; before its first dispatch, when it became available."""
    since: str | None = task["last_dispatched_at"] or task["available_at"] or task["created_at"]
    return since


def _wait_facts(waits: list[Wait], task: _NextTask | None) -> Mapping[str, Any]:
    """What the run waits for: an update, the workflow task, or else the first open wait."""
    usable = [wait for wait in waits if wait["status"] == "open" and not wait.get("diagnostic_only")]
    usable.sort(key=lambda wait: _WAIT_ORDER.index(wait["kind"]))
    workflow_task = None if task is None or task.row["task_type"] != "workflow" else task
    if usable and (workflow_task is None or usable[0]["task_id"] == workflow_task.row["id"]):
        return _of_wait(usable[0])
    return {} if workflow_task is None else _of_workflow_task(workflow_task)


def _of_workflow_task(task: _NextTask) -> Mapping[str, Any]:
    row = task.row
    standing = "leased to worker" if task.leased else "ready but dispatch is overdue" if task.overdue else "ready"
    return {
        "wait_kind": "workflow-task",
        "wait_reason": f"Workflow task {standing}",
        "wait_started_at": row["available_at"],
        "wait_deadline_at": row["lease_expires_at"],
        "open_wait_id": f"workflow-task:{row['id']}",
        "resume_source_kind": "workflow_task",
        "resume_source_id": row["id"],
    }


def _of_wait(wait: Wait) -> Mapping[str, Any]:
    reason = str(wait["summary"]).removesuffix(".")
    if wait.get("timer_id"):
        reason = reason.partition(" after ")[0]
    return {
        "wait_kind": wait["kind"],
        "wait_reason": reason,
        "wait_started_at": _as_stored(wait["opened_at"]),
        "wait_deadline_at": _as_stored(wait["deadline_at"]),
        "open_wait_id": wait["id"],
        "resume_source_kind": wait["resume_source_kind"],
        "resume_source_id": wait["resume_source_id"],
    }


def _as_stored(text: str | None) -> str | None:
    return None if text is None else text.replace("T", " ").removesuffix("Z")


def _task_facts(task: _NextTask) -> Columns:
    row = task.row
    return {
        "next_task_at": row["available_at"],
        "next_task_id": row["id"],
        "next_task_type": row["task_type"],
        "next_task_status": row["status"],
        "next_task_lease_expires_at": row["lease_expires_at"],
    }


def _liveness(
    run: Columns, waits: list[Wait], task: _NextTask | None, wait: Mapping[str, Any], *, is_current: bool
) -> Columns:
    """Whether the run will move on by itself, and why."""
    if is_terminal(run["status"]):
        blocked_by = "run_closed" if is_current else "selected_run_not_current"
        return _alive("closed", f"Run closed as {run['closed_reason'] or run['status']}.", blocked_by)
    workflow_overdue = task is not None and task.overdue and task.row["task_type"] == "workflow"
    blocked = next((item for item in waits if item.get("diagnostic_only")), None)
    if blocked is not None:
        reason = f"{blocked['summary']} {_DIAGNOSTIC_ONLY}"
        return _alive(
            "workflow_replay_blocked", reason, "unsupported_history", problem=workflow_overdue, attention=True
        )
    if task is None and not wait:
        return _alive("repair_needed", "Run is non-terminal but has no durable next-resume source.", None, problem=True)
    if task is None:
        return _alive(f"waiting_for_{wait['wait_kind']}", f"{wait['wait_reason']}.", _LIVE)
    row = task.row
    subject = f"{_subject(task, wait)} task {row['id']}"
    if task.overdue:
        since = stored_as_micros(_dispatched(row))
        reason = f"{subject} is ready but has not been dispatched since {since}."
        return _alive("repair_needed", reason, None, problem=workflow_overdue)
    if task.leased:
        return _alive(f"{row['task_type']}_task_leased", f"{subject} is leased to a worker.", _LIVE)
    if row["task_type"] != "timer":
        return _alive(f"{row['task_type']}_task_ready", f"{subject} is ready to run.", _LIVE)
    fires = micros(from_stored(row["available_at"])) if row["available_at"] else "an unknown time"
    if wait and wait["wait_kind"] != "timer":
        return _alive(f"waiting_for_{wait['wait_kind']}", f"{wait['wait_reason']} at {fires}.", _LIVE)
    return _alive("timer_scheduled", f"{subject} is scheduled to fire at {fires}.", _LIVE)


def _subject(task: _NextTask, wait: Mapping[str, Any]) -> str:
    kind = wait.get("wait_kind")
    if task.row["task_type"] == "timer" and kind in {"signal", "condition"}:
        return f"{kind.capitalize()} timeout"
    if kind == "update":
        return "Update"
    return str(task.row["task_type"]).capitalize()


def _alive(
    state: str, reason: str, repair_blocked: str | None, *, problem: bool = False, attention: bool = False
) -> Columns:
    return {
        "liveness_state": state,
        "liveness_reason": reason,
        "repair_blocked_reason": repair_blocked,
        "repair_attention": int(attention),
        "task_problem": int(problem),
    }


def _duration(run: Columns) -> int | None:
    if not run["closed_at"] or not run["started_at"]:
        return None
    return int((from_stored(run["closed_at"]) - from_stored(run["started_at"])) / timedelta(milliseconds=1))
