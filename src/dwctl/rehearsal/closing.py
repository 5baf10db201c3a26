"""The end of a run: its row, what it leaves open, and what its parent and its children learn of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.groups import is_settled
from dwctl.rehearsal.history_writer import append_event, new_id
from dwctl.rehearsal.tasks import cancel_open_tasks, resume_run, run_row
from dwctl.rehearsal.times import stored, stored_as_micros

Row = sqlite3.Row
Json = dict[str, Any]

# The status of a child → the event in its parent's history.
_CHILD_EVENTS = {
    "completed": "ChildRunCompleted",
    "failed": "ChildRunFailed",
    "cancelled": "ChildRunCancelled",
    "terminated": "ChildRunTerminated",
}

# parent_close_policy → how a child that is still open ends with its parent; `abandon` leaves it alone.
_WITH_PARENT = {"request_cancel": "cancelled", "request_cancellation": "cancelled", "terminate": "terminated"}


def close_run(
    connection: Connection,
    run_id: str,
    status: str,
    now: datetime,
    *,
    reason: str | None = None,
    output: str | None = None,
    codec: str | None = None,
    failure: Mapping[str, Any] | None = None,
    task_id: str | None = None,
) -> set[str]:
    """Close a run as `completed`, `failed`, `cancelled` or `terminated`; its closing event stands already.

    `reason` is the closed_reason where it is not the status (`continued`). `task_id` is the workflow task that
    closed it and stays as it is; everything else that is open is cancelled. The parent of a child learns of
    it, unless the run goes on as a new one. Returns the ids of the runs that were touched.
    """
    moment = stored(now)
    closed_reason = reason or status
    connection.execute(
        "UPDATE workflow_runs SET status = ?, closed_reason = ?, closed_at = ?, output = ?, output_payload_codec = ?,"
        " updated_at = ? WHERE id = ?",
        (status, closed_reason, moment, output, codec if output is not None else None, moment, run_id),
    )
    cancel_open_tasks(connection, run_id, now, but=[task_id] if task_id else [])
    _cancel_open_work(connection, run_id, moment)
    touched = {run_id}
    if closed_reason != "continued":
        touched |= _inform_parents(connection, run_id, now, failure or {})
        touched |= _close_children(connection, run_id, now)
    return touched


def _cancel_open_work(connection: Connection, run_id: str, moment: str) -> None:
    connection.execute(
        "UPDATE workflow_run_timers SET status = 'cancelled', updated_at = ?"
        " WHERE workflow_run_id = ? AND status = 'pending'",
        (moment, run_id),
    )
    connection.execute(
        "UPDATE activity_executions SET status = 'cancelled', closed_at = ?, updated_at = ?"
        " WHERE workflow_run_id = ? AND status IN ('pending', 'running')",
        (moment, moment, run_id),
    )
    connection.execute(
        "UPDATE activity_attempts SET status = 'cancelled', closed_at = ?, lease_expires_at = NULL, updated_at = ?"
        " WHERE workflow_run_id = ? AND status = 'running'",
        (moment, moment, run_id),
    )


def _inform_parents(connection: Connection, run_id: str, now: datetime, failure: Mapping[str, Any]) -> set[str]:
    child = run_row(connection, run_id)
    first_run_id = _first_of_chain(connection, run_id)
    links = connection.execute(
        "SELECT l.* FROM workflow_links l JOIN workflow_runs p ON p.id = l.parent_workflow_run_id"
        " WHERE l.child_workflow_run_id = ? AND l.link_type = 'child_workflow'"
        " AND p.status IN ('pending', 'running', 'waiting')",
        (first_run_id,),
    ).fetchall()
    return {_inform_parent(connection, link, child, now, failure) for link in links}


def _first_of_chain(connection: Connection, run_id: str) -> str:
    """A child that continued as new still answers to the parent of its first run."""
    while True:
        link = connection.execute(
            "SELECT parent_workflow_run_id FROM workflow_links"
            " WHERE child_workflow_run_id = ? AND link_type = 'continue_as_new'",
            (run_id,),
        ).fetchone()
        if link is None:
            return run_id
        run_id = link["parent_workflow_run_id"]


def _inform_parent(connection: Connection, link: Row, child: Row, now: datetime, failure: Mapping[str, Any]) -> str:
    event_type = _CHILD_EVENTS[child["status"]]
    payload: Json = {
        **child_keys(link, child),
        "child_run_number": child["run_number"],
        "child_status": child["status"],
        "closed_reason": child["closed_reason"],
        "closed_at": stored_as_micros(child["closed_at"]),
    }
    if child["status"] == "completed":
        payload |= {"output": child["output"], "result": child["output"], "payload_codec": child["payload_codec"]}
    else:
        payload |= dict(failure)
    parent_id = str(link["parent_workflow_run_id"])
    path: list[Json] = json.loads(link["parallel_group_path"] or "[]")
    payload |= {**path[-1], "parallel_group_path": path} if path else {}
    event_id = append_event(connection, parent_id, event_type, payload, now)
    moment = stored(now)
    connection.execute(
        "UPDATE workflow_child_calls SET status = ?, closed_reason = ?, closed_at = ?, updated_at = ?"
        " WHERE parent_workflow_run_id = ? AND sequence = ?",
        (child["status"], child["closed_reason"], moment, moment, parent_id, link["sequence"]),
    )
    resumption = {
        "workflow_wait_kind": "child",
        "open_wait_id": f"child:{link['id']}",
        "resume_source_kind": "child_workflow_run",
        "resume_source_id": child["id"],
        "workflow_history_event_id": event_id,
        "child_call_id": link["id"],
        "child_workflow_run_id": child["id"],
        "workflow_sequence": link["sequence"],
        "workflow_event_type": event_type,
    }
    if child["status"] != "completed" or is_settled(connection, parent_id, path):
        resume_run(connection, run_row(connection, parent_id), resumption, now)
    return parent_id


def child_keys(link: Row | Mapping[str, Any], child: Row | Mapping[str, Any]) -> Json:
    """The keys that begin the payload of every event about a child."""
    return {
        "sequence": link["sequence"],
        "workflow_link_id": link["id"],
        "child_call_id": link["id"],
        "child_workflow_instance_id": child["workflow_instance_id"],
        "child_workflow_run_id": child["id"],
        "child_workflow_class": child["workflow_class"],
        "child_workflow_type": child["workflow_type"],
    }


def _close_children(connection: Connection, run_id: str, now: datetime) -> set[str]:
    """Children that are still open end with their parent where its close policy says so."""
    touched: set[str] = set()
    for link in connection.execute(
        "SELECT l.parent_close_policy, r.id, r.workflow_instance_id FROM workflow_links l"
        " JOIN workflow_instances i ON i.id = l.child_workflow_instance_id"
        " JOIN workflow_runs r ON r.id = COALESCE(i.current_run_id, l.child_workflow_run_id)"
        " WHERE l.parent_workflow_run_id = ? AND l.link_type = 'child_workflow'"
        " AND r.status IN ('pending', 'running', 'waiting')",
        (run_id,),
    ).fetchall():
        status = _WITH_PARENT.get(link["parent_close_policy"])
        if status is not None:
            touched |= _close_child(connection, link, status, now)
    return touched


def _close_child(connection: Connection, link: Row, status: str, now: datetime) -> set[str]:
    message = f"The workflow was {status} with its parent."
    payload = {
        "workflow_instance_id": link["workflow_instance_id"],
        "workflow_run_id": link["id"],
        "failure_id": add_failure(connection, link["id"], now, category=status, propagation=status, message=message),
        "failure_category": status,
        "closed_reason": status,
        "message": message,
    }
    append_event(connection, link["id"], f"Workflow{status.capitalize()}", payload, now)
    return close_run(connection, link["id"], status, now, failure={"message": message})


def add_failure(
    connection: Connection,
    run_id: str,
    now: datetime,
    *,
    category: str,
    propagation: str,
    message: str,
    source_kind: str = "workflow_run",
    source_id: str | None = None,
    exception_class: str = "",
    non_retryable: bool = False,
    trace: str = "",
) -> str:
    """Add a row about a failure of a run or of one of its activities, and return its id."""
    failure_id, moment = new_id(), stored(now)
    connection.execute(
        "INSERT INTO workflow_failures (id, workflow_run_id, source_kind, source_id, propagation_kind,"
        " failure_category, non_retryable, exception_class, message, file, trace_preview, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?, ?)",
        (failure_id, run_id, source_kind, source_id or run_id, propagation, category, int(non_retryable),
         exception_class, message, trace, moment, moment),
    )  # fmt: skip
    return failure_id
