"""The rows that a bundle becomes, table by table, as the reference importer writes them.

Read off the recorded rows of the reference (its corpus). The bundle has been judged before: what is wrong
with it and still gets here is converted as the reference would, or dropped as the reference drops it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ulid import ULID

from dwctl.bundle import vocabulary
from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.loose import integer, string, truthy
from dwctl.bundle.verify import RunFacts
from dwctl.bundle.view import BundleView, as_object
from dwctl.bundle.view import rows as rows_of
from dwctl.rehearsal.attributes import memo_rows, search_attribute_rows
from dwctl.rehearsal.columns import json_array, moment, payload
from dwctl.rehearsal.times import stored

Row = dict[str, Any]
"""A row of a table: column → value as SQLite keeps it."""

CONTRACT_VERSION = 1
IMPORT_SOURCE = "embedded_v2"


@dataclass(frozen=True, slots=True)
class ImportContext:
    """What an import adds to the bundle: where it goes, under which id, and when."""

    instance_id: str
    run_id: str
    namespace: str | None
    import_id: str
    now: datetime

    def new_id(self) -> str:
        """An id for a row that came without one."""
        return str(ULID.from_datetime(self.now)).lower()


def durable_rows(bundle: BundleView, run: RunFacts, context: ImportContext) -> dict[str, list[Row]]:
    """The durable rows by table, in the order in which they are written; the instance is not among them.

    Raises `WriteFailedError` for a value that the reference's database would not take.
    """
    sequence = _last_sequence(bundle)
    return {
        "workflow_runs": [_run(bundle, run, context)],
        "workflow_history_events": _events(bundle, context),
        "workflow_commands": _commands(bundle, run, context),
        "workflow_signal_records": [_signal(row, context) for _, row in bundle.signals],
        "workflow_updates": [_update(row, context) for _, row in bundle.updates],
        "workflow_tasks": _tasks(bundle, context),
        "activity_executions": [_execution(row, context) for _, row in bundle.activities],
        "activity_attempts": _attempts(bundle, context),
        "workflow_run_timers": _timers(bundle, context),
        "workflow_failures": [_failure(row, context) for _, row in rows_of(bundle.value.get("failures"))],
        "workflow_links": _links(bundle, context),
        "workflow_memos": memo_rows(bundle.workflow.get("memo"), context, sequence),
        "workflow_search_attributes": search_attribute_rows(
            bundle.workflow.get("search_attributes"), context, sequence
        ),
    }


def instance_row(bundle: BundleView, run: RunFacts, context: ImportContext) -> Row:
    """The row of an instance that the server does not have yet."""
    workflow = bundle.workflow
    started = moment(workflow.get("started_at")) or stored(context.now)
    return {
        "id": context.instance_id,
        "workflow_class": _class(bundle, run),
        "workflow_type": run.workflow_type,
        "namespace": context.namespace,
        "business_key": string(workflow.get("business_key")),
        "visibility_labels": json_array(workflow.get("visibility_labels")),
        "memo": json_array(workflow.get("memo")),
        "current_run_id": context.run_id,
        "run_count": run.run_number,
        "last_message_sequence": highest(bundle, "message_sequence"),
        "started_at": started[:19],
        "created_at": started,
        "updated_at": stored(context.now),
    }


def highest(bundle: BundleView, field: str) -> int:
    """The highest number that the commands of a bundle have in a field; 0 where none has one."""
    return max([integer(command.get(field)) or 0 for _, command in bundle.commands], default=0)


def _last_sequence(bundle: BundleView) -> int:
    """The last sequence of the history: what the run says, or what its events say where they are ahead."""
    numbers = [bundle.workflow.get("last_history_sequence"), *[event.get("sequence") for _, event in bundle.events]]
    return max([integer(number) or 0 for number in numbers])


def _class(bundle: BundleView, run: RunFacts) -> str:
    return string(bundle.workflow.get("workflow_class")) or run.workflow_type


def _run(bundle: BundleView, run: RunFacts, context: ImportContext) -> Row:
    workflow, payloads = bundle.workflow, bundle.payloads
    codec = string(payloads.get("codec"))
    output = payload(as_object(payloads.get("output")).get("data"))
    started = moment(workflow.get("started_at"))
    progress = moment(workflow.get("last_progress_at"))
    return {
        "id": context.run_id,
        "workflow_instance_id": context.instance_id,
        "run_number": run.run_number,
        "workflow_class": _class(bundle, run),
        "workflow_type": run.workflow_type,
        "namespace": context.namespace,
        "business_key": string(workflow.get("business_key")),
        "visibility_labels": json_array(workflow.get("visibility_labels")),
        "status": run.status,
        "closed_reason": string(workflow.get("closed_reason")),
        "compatibility": string(workflow.get("compatibility")),
        "payload_codec": codec,
        "arguments": payload(as_object(payloads.get("arguments")).get("data")),
        "output": output,
        "output_payload_codec": None if output is None else codec,
        "connection": string(workflow.get("connection")),
        "queue": string(workflow.get("queue")),
        "last_history_sequence": _last_sequence(bundle),
        "last_command_sequence": highest(bundle, "sequence"),
        "message_cursor_position": highest(bundle, "message_sequence"),
        "started_at": started,
        "closed_at": moment(workflow.get("closed_at")),
        "archived_at": moment(workflow.get("archived_at")),
        "archive_command_id": string(workflow.get("archive_command_id")),
        "archive_reason": string(workflow.get("archive_reason")),
        "last_progress_at": progress,
        "created_at": started or stored(context.now),
        "updated_at": progress or started or stored(context.now),
        "import_source": IMPORT_SOURCE,
        "import_id": context.import_id,
        "import_dedupe_key": run.dedupe_key,
        "import_contract_version": CONTRACT_VERSION,
        "imported_at": stored(context.now),
    }


def _events(bundle: BundleView, context: ImportContext) -> list[Row]:
    rows: list[Row] = []
    for _, event in bundle.events:
        if event.get("type") not in vocabulary.EVENT_TYPES:
            continue
        recorded = moment(event.get("recorded_at")) or stored(context.now)
        rows.append(
            {
                "id": string(event.get("id")) or context.new_id(),
                "workflow_run_id": context.run_id,
                "sequence": integer(event.get("sequence")),
                "event_type": event["type"],
                "payload": json_array(event.get("payload")),
                "workflow_task_id": string(event.get("workflow_task_id")),
                "workflow_command_id": string(event.get("workflow_command_id")),
                "recorded_at": recorded,
                "created_at": recorded,
                "updated_at": recorded,
            }
        )
    return rows


def _commands(bundle: BundleView, run: RunFacts, context: ImportContext) -> list[Row]:
    rows: list[Row] = []
    for _, command in bundle.commands:
        known = command.get("type") in vocabulary.COMMAND_TYPES and command.get("status") in vocabulary.COMMAND_STATUSES
        if not known:
            continue
        accepted, applied, rejected = [moment(command.get(f"{name}_at")) for name in ("accepted", "applied", "rejected")]
        rows.append(
            {
                "id": string(command.get("id")) or context.new_id(),
                "workflow_instance_id": context.instance_id,
                "workflow_run_id": context.run_id,
                "requested_workflow_run_id": string(command.get("requested_run_id")),
                "resolved_workflow_run_id": string(command.get("resolved_run_id")),
                "command_type": command["type"],
                "target_scope": string(command.get("target_scope")) or "instance",
                "source": string(command.get("source")) or "php",
                "context": json_array(command.get("context")),
                "request_id": string(command.get("request_id")),
                "status": command["status"],
                "outcome": string(command.get("outcome")),
                "workflow_class": _class(bundle, run),
                "workflow_type": run.workflow_type,
                "payload_codec": string(command.get("payload_codec")),
                "payload": payload(command.get("payload")),
                "rejection_reason": string(command.get("rejection_reason")),
                "command_sequence": integer(command.get("sequence")),
                "message_sequence": integer(command.get("message_sequence")),
                "accepted_at": accepted,
                "applied_at": applied,
                "rejected_at": rejected,
                "created_at": accepted or rejected or stored(context.now),
                "updated_at": applied or rejected or accepted or stored(context.now),
            }
        )
    return rows


def _message(row: dict[str, JsonValue], context: ImportContext) -> Row:
    """The columns that signals and updates share."""
    return {
        "id": string(row.get("id")) or context.new_id(),
        "workflow_command_id": string(row.get("command_id")) or context.new_id(),
        "workflow_instance_id": context.instance_id,
        "workflow_run_id": context.run_id,
        "target_scope": string(row.get("target_scope")) or "instance",
        "requested_workflow_run_id": string(row.get("requested_run_id")),
        "resolved_workflow_run_id": string(row.get("resolved_run_id")) or context.run_id,
        "outcome": string(row.get("outcome")),
        "command_sequence": integer(row.get("command_sequence")),
        "workflow_sequence": integer(row.get("workflow_sequence")),
        "payload_codec": string(row.get("payload_codec")),
        "arguments": payload(row.get("arguments")),
        "validation_errors": json_array(row.get("validation_errors")),
        "rejection_reason": string(row.get("rejection_reason")),
        "applied_at": moment(row.get("applied_at")),
        "rejected_at": moment(row.get("rejected_at")),
        "closed_at": moment(row.get("closed_at")),
    }


def _signal(row: dict[str, JsonValue], context: ImportContext) -> Row:
    shared = _message(row, context)
    received = moment(row.get("received_at"))
    return shared | {
        "signal_name": string(row.get("name")) or "",
        "signal_wait_id": string(row.get("signal_wait_id")),
        "status": string(row.get("status")) or "received",
        "received_at": received,
        "created_at": received or stored(context.now),
        "updated_at": shared["closed_at"] or shared["applied_at"] or received or stored(context.now),
    }


def _update(row: dict[str, JsonValue], context: ImportContext) -> Row:
    shared = _message(row, context)
    accepted = moment(row.get("accepted_at"))
    return shared | {
        "update_name": string(row.get("name")) or "",
        "status": string(row.get("status")) or "accepted",
        "result": payload(row.get("result")),
        "failure_id": string(row.get("failure_id")),
        "failure_message": string(row.get("failure_message")),
        "accepted_at": accepted,
        "created_at": accepted or stored(context.now),
        "updated_at": shared["closed_at"] or shared["applied_at"] or accepted or stored(context.now),
    }


def _tasks(bundle: BundleView, context: ImportContext) -> list[Row]:
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
                "created_at": available or stored(context.now),
                "updated_at": dispatched or available or stored(context.now),
            }
        )
    return rows


def _execution(row: dict[str, JsonValue], context: ImportContext) -> Row:
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
        "created_at": created or stored(context.now),
        "updated_at": closed or created or stored(context.now),
    }


def _attempts(bundle: BundleView, context: ImportContext) -> list[Row]:
    rows: list[Row] = []
    for _, activity in bundle.activities:
        for index, (_, attempt) in enumerate(rows_of(activity.get("attempts")), start=1):
            started = moment(attempt.get("started_at")) or stored(context.now)
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


def _timers(bundle: BundleView, context: ImportContext) -> list[Row]:
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
                "fire_at": moment(timer.get("fire_at")) or stored(context.now),
                "fired_at": fired,
                "created_at": created or stored(context.now),
                "updated_at": fired or created or stored(context.now),
            }
        )
    return rows


def _failure(row: dict[str, JsonValue], context: ImportContext) -> Row:
    created = moment(row.get("created_at")) or stored(context.now)
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


def _links(bundle: BundleView, context: ImportContext) -> list[Row]:
    rows: list[Row] = []
    for side in ("parents", "children"):
        for _, link in rows_of(bundle.links.get(side)):
            parent, child = string(link.get("parent_workflow_run_id")), string(link.get("child_workflow_run_id"))
            if not parent or not child:
                continue
            created = moment(link.get("created_at")) or stored(context.now)
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
