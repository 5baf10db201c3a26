"""The shape of a wait, and the facts that waits of several kinds share."""

from __future__ import annotations

from typing import Any

from dwctl.rehearsal.run_view import Columns, RunView
from dwctl.rehearsal.times import stored_as_micros
from dwctl.rehearsal.vocabulary import CLOSING_EVENTS, OPEN_TASKS

Wait = dict[str, Any]
"""What a history export holds under `waits`."""

_GROUP = ("kind", "id", "base_sequence", "size", "index", "path")


def wait_of(identity: str, kind: str, sequence: int | None, **facts: Any) -> Wait:
    """An open wait with the facts that differ from an empty one."""
    blank = {
        "id": identity, "kind": kind, "sequence": sequence, "status": "open", "source_status": None, "summary": None,
        "opened_at": None, "deadline_at": None, "resolved_at": None, "target_name": None, "target_type": None,
        "task_backed": False, "external_only": False, "resume_source_kind": None, "resume_source_id": None,
        "task_id": None, "task_type": None, "task_status": None, "command_id": None, "command_sequence": None,
        "command_status": None, "command_outcome": None,
    }  # fmt: skip
    return blank | facts


def task_facts(task: Columns | None, *, is_open: bool) -> Wait:
    """The task that a wait is tied to; an open wait is backed by an open task."""
    if task is None:
        return {}
    return {
        "task_id": task["id"],
        "task_type": task["task_type"],
        "task_status": task["status"],
        "task_backed": is_open and task["status"] in OPEN_TASKS,
    }


def task_with(view: RunView, key: str, value: str, kind: str | None = None) -> Columns | None:
    """The last task whose payload names something."""
    found = [
        task for task in view.tasks if task["payload"].get(key) == value and (kind is None or task["task_type"] == kind)
    ]
    return found[-1] if found else None


def group_facts(payload: Columns) -> Wait:
    """The group of parallel steps that a wait belongs to, as the event that opened it tells."""
    facts = {f"parallel_group_{name}": payload.get(f"parallel_group_{name}") for name in _GROUP}
    return facts | {"parallel_group_path": facts["parallel_group_path"] or [], "history_unsupported_reason": None}


def ended_with_run(view: RunView, subject: str) -> Wait:
    """A wait that was open when its run was closed."""
    closing = view.events_of(*CLOSING_EVENTS)
    moment = closing[-1]["recorded_at"] if closing else view.run["closed_at"]
    return {
        "status": "cancelled",
        "source_status": view.run["status"],
        "summary": f"{subject} ended when the run was {view.run['status']}.",
        "resolved_at": stored_as_micros(moment),
    }
