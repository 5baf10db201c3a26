"""The rows that a bundle becomes, table by table, as the reference importer writes them.

Read off the recorded rows of the reference (its corpus). The bundle has been judged before: what is wrong
with it and still gets here is converted as the reference would, or dropped as the reference drops it.
"""

from __future__ import annotations

from dwctl.bundle import vocabulary
from dwctl.bundle.loose import integer, string
from dwctl.bundle.verify import RunFacts
from dwctl.bundle.view import BundleView, as_object
from dwctl.bundle.view import rows as rows_of
from dwctl.rehearsal.attributes import memo_rows, search_attribute_rows
from dwctl.rehearsal.columns import json_array, moment, payload
from dwctl.rehearsal.command_rows import command_rows, signal_row, update_row, workflow_class
from dwctl.rehearsal.import_context import CONTRACT_VERSION, IMPORT_SOURCE, ImportContext, Row
from dwctl.rehearsal.work_rows import (
    attempt_rows,
    execution_row,
    failure_row,
    link_rows,
    task_rows,
    timer_rows,
)


def durable_rows(bundle: BundleView, run: RunFacts, context: ImportContext) -> dict[str, list[Row]]:
    """The durable rows by table, in the order in which they are written; the instance is not among them.

    Raises `WriteFailedError` for a value that the reference's database would not take.
    """
    sequence = _last_sequence(bundle)
    return {
        "workflow_runs": [_run(bundle, run, context)],
        "workflow_history_events": _events(bundle, context),
        "workflow_commands": command_rows(bundle, run, context),
        "workflow_signal_records": [signal_row(row, context) for _, row in bundle.signals],
        "workflow_updates": [update_row(row, context) for _, row in bundle.updates],
        "workflow_tasks": task_rows(bundle, context),
        "activity_executions": [execution_row(row, context) for _, row in bundle.activities],
        "activity_attempts": attempt_rows(bundle, context),
        "workflow_run_timers": timer_rows(bundle, context),
        "workflow_failures": [failure_row(row, context) for _, row in rows_of(bundle.value.get("failures"))],
        "workflow_links": link_rows(bundle, context),
        "workflow_memos": memo_rows(bundle.workflow.get("memo"), context, sequence),
        "workflow_search_attributes": search_attribute_rows(
            bundle.workflow.get("search_attributes"), context, sequence
        ),
    }


def instance_row(bundle: BundleView, run: RunFacts, context: ImportContext) -> Row:
    """The row of an instance that the server does not have yet."""
    workflow = bundle.workflow
    started = moment(workflow.get("started_at")) or context.moment
    return {
        "id": context.instance_id,
        "workflow_class": workflow_class(bundle, run),
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
        "updated_at": context.moment,
    }


def highest(bundle: BundleView, field: str) -> int:
    """The highest number that the commands of a bundle have in a field; 0 where none has one."""
    return max([integer(command.get(field)) or 0 for _, command in bundle.commands], default=0)


def _last_sequence(bundle: BundleView) -> int:
    """The last sequence of the history: what the run says, or what its events say where they are ahead."""
    numbers = [bundle.workflow.get("last_history_sequence"), *[event.get("sequence") for _, event in bundle.events]]
    return max([integer(number) or 0 for number in numbers])


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
        "workflow_class": workflow_class(bundle, run),
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
        "created_at": started or context.moment,
        "updated_at": progress or started or context.moment,
        "import_source": IMPORT_SOURCE,
        "import_id": context.import_id,
        "import_dedupe_key": run.dedupe_key,
        "import_contract_version": CONTRACT_VERSION,
        "imported_at": context.moment,
    }


def _events(bundle: BundleView, context: ImportContext) -> list[Row]:
    rows: list[Row] = []
    for _, event in bundle.events:
        if event.get("type") not in vocabulary.EVENT_TYPES:
            continue
        recorded = moment(event.get("recorded_at")) or context.moment
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
