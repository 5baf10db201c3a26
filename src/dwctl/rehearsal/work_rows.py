"""The rows of what a run does: tasks, activities and their attempts, timers, failures, links."""

from __future__ import annotations

from dwctl.bundle import vocabulary
from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.loose import integer, string, truthy
from dwctl.bundle.view import BundleView
from dwctl.bundle.view import rows as rows_of
from dwctl.rehearsal.columns import json_array, moment, payload
from dwctl.rehearsal.import_context import ImportContext, Row


def task_rows(bundle: BundleView, context: ImportContext) -> list[Row]:
    """Tasks; those of an unknown type or status stay behind."""
    rows: list[Row] = []
    for _, task in bundle.tasks:
        if task.get("type") not in vocabulary.TASK_TYPES or task.get("status") not in vocabulary.TASK_STATUSES:
            continue
        available = moment(task.get("available_at"))
        tried, dispatched = moment(task.get("last_dispatch_attempt_at")), moment(task.get("last_dispatched_at"))
        rows.append(
            {
                "id": string(task.get("id")) or context.new_id(),
                "workflow_run_id": context.run_id,
                "namespace": context.namespace,
                "task_type": task["type"],
                "status": task["status"],
                "compatibility": string(task.get("compatibility")),
                "payload": json_array(task.get("payload")),
                "connection": string(task.get("connection")),
                "queue": string(task.get("queue")),
                "available_at": available,
                "leased_at": moment(task.get("leased_at")),
                "lease_owner": string(task.get("lease_owner")),
                "lease_expires_at": moment(task.get("lease_expires_at")),
                "attempt_count": integer(task.get("attempt_count")) or 0,
                "repair_count": integer(task.get("repair_count")) or 0,
                "last_dispatch_attempt_at": tried,
                "last_dispatched_at": dispatched,
                "last_dispatch_error": string(task.get("last_dispatch_error")),
                "last_claim_failed_at": moment(task.get("last_claim_failed_at")),
                "last_claim_error": string(task.get("last_claim_error")),
                "repair_available_at": moment(task.get("repair_available_at")),
                "created_at": available or context.moment,
                "updated_at": dispatched or available or context.moment,
            }
        )
    return rows


def execution_row(row: dict[str, JsonValue], context: ImportContext) -> Row:
    """An activity execution."""
    activity_type = string(row.get("activity_type")) or string(row.get("activity_class")) or "imported-activity"
    created, closed = moment(row.get("created_at")), moment(row.get("closed_at"))
    return {
        "id": string(row.get("id")) or context.new_id(),
        "workflow_run_id": context.run_id,
        "sequence": integer(row.get("sequence")) or 0,
        "activity_class": string(row.get("activity_class")) or activity_type,
        "activity_type": activity_type,
        "status": string(row.get("status")) or "pending",
        "payload_codec": string(row.get("payload_codec")),
        "arguments": payload(row.get("arguments")),
        "result": payload(row.get("result")),
        "connection": string(row.get("connection")),
        "queue": string(row.get("queue")),
        "attempt_count": integer(row.get("attempt_count")) or 0,
        "current_attempt_id": string(row.get("current_attempt_id")),
        "retry_policy": json_array(row.get("retry_policy")),
        "parallel_group_path": json_array(row.get("parallel_group_path")),
        "started_at": moment(row.get("started_at")),
        "closed_at": closed,
        "last_heartbeat_at": moment(row.get("last_heartbeat_at")),
        "created_at": created or context.moment,
        "updated_at": closed or created or context.moment,
    }


def attempt_rows(bundle: BundleView, context: ImportContext) -> list[Row]:
    """The attempts at all activities."""
    rows: list[Row] = []
    for _, activity in bundle.activities:
        for index, (_, attempt) in enumerate(rows_of(activity.get("attempts")), start=1):
            started = moment(attempt.get("started_at")) or context.moment
            closed = moment(attempt.get("closed_at"))
            rows.append(
                {
                    "id": string(attempt.get("id")) or context.new_id(),
                    "workflow_run_id": context.run_id,
                    "activity_execution_id": string(attempt.get("activity_execution_id")) or string(activity.get("id")),
                    "workflow_task_id": string(attempt.get("workflow_task_id")),
                    "attempt_number": integer(attempt.get("attempt_number")) or index,
                    "status": string(attempt.get("status")) or "completed",
                    "lease_owner": string(attempt.get("lease_owner")),
                    "started_at": started,
                    "last_heartbeat_at": moment(attempt.get("last_heartbeat_at")),
                    "lease_expires_at": moment(attempt.get("lease_expires_at")),
                    "closed_at": closed,
                    "created_at": started,
                    "updated_at": closed or started,
                }
            )
    return rows


def timer_rows(bundle: BundleView, context: ImportContext) -> list[Row]:
    """Timers; those of an unknown status stay behind."""
    rows: list[Row] = []
    for _, timer in bundle.timers:
        if timer.get("status") not in vocabulary.TIMER_STATUSES:
            continue
        created, fired = moment(timer.get("created_at")), moment(timer.get("fired_at"))
        rows.append(
            {
                "id": string(timer.get("id")) or context.new_id(),
                "workflow_run_id": context.run_id,
                "sequence": integer(timer.get("sequence")) or 0,
                "status": timer["status"],
                "delay_seconds": integer(timer.get("delay_seconds")) or 0,
                "fire_at": moment(timer.get("fire_at")) or context.moment,
                "fired_at": fired,
                "created_at": created or context.moment,
                "updated_at": fired or created or context.moment,
            }
        )
    return rows


def failure_row(row: dict[str, JsonValue], context: ImportContext) -> Row:
    """A failure."""
    created = moment(row.get("created_at")) or context.moment
    return {
        "id": string(row.get("id")) or context.new_id(),
        "workflow_run_id": context.run_id,
        "source_kind": string(row.get("source_kind")) or "workflow_run",
        "source_id": string(row.get("source_id")) or context.run_id,
        "propagation_kind": string(row.get("propagation_kind")) or "terminal",
        "failure_category": string(row.get("failure_category")),
        "non_retryable": int(truthy(row.get("non_retryable"))),
        "handled": int(truthy(row.get("handled"))),
        "exception_class": string(row.get("exception_class")) or "Exception",
        "message": string(row.get("message")) or "",
        "file": string(row.get("file")) or "",
        "line": integer(row.get("line")),
        "trace_preview": string(row.get("trace_preview")),
        "created_at": created,
        "updated_at": created,
    }


def link_rows(bundle: BundleView, context: ImportContext) -> list[Row]:
    """The links to parents and children that name both runs."""
    rows: list[Row] = []
    for side in ("parents", "children"):
        for _, link in rows_of(bundle.links.get(side)):
            parent, child = string(link.get("parent_workflow_run_id")), string(link.get("child_workflow_run_id"))
            if not parent or not child:
                continue
            created = moment(link.get("created_at")) or context.moment
            rows.append(
                {
                    "id": string(link.get("id")) or context.new_id(),
                    "link_type": string(link.get("type")) or "",
                    "sequence": integer(link.get("sequence")),
                    "parent_workflow_instance_id": string(link.get("parent_workflow_instance_id")) or "",
                    "parent_workflow_run_id": parent,
                    "child_workflow_instance_id": string(link.get("child_workflow_instance_id")) or "",
                    "child_workflow_run_id": child,
                    "is_primary_parent": int(truthy(link.get("is_primary_parent"))),
                    "created_at": created,
                    "updated_at": created,
                }
            )
    return rows
