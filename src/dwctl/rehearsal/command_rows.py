"""The rows of what came from outside: commands, signals and updates."""

from __future__ import annotations

from dwctl.bundle import vocabulary
from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.loose import integer, string
from dwctl.bundle.verify import RunFacts
from dwctl.bundle.view import BundleView
from dwctl.rehearsal.columns import json_array, moment, payload
from dwctl.rehearsal.import_context import ImportContext, Row


def command_rows(bundle: BundleView, run: RunFacts, context: ImportContext) -> list[Row]:
    """Commands; those of an unknown type or status stay behind."""
    rows: list[Row] = []
    for _, command in bundle.commands:
        known = command.get("type") in vocabulary.COMMAND_TYPES and command.get("status") in vocabulary.COMMAND_STATUSES
        if not known:
            continue
        accepted, applied = moment(command.get("accepted_at")), moment(command.get("applied_at"))
        rejected = moment(command.get("rejected_at"))
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
                "workflow_class": workflow_class(bundle, run),
                "workflow_type": run.workflow_type,
                "payload_codec": string(command.get("payload_codec")),
                "payload": payload(command.get("payload")),
                "rejection_reason": string(command.get("rejection_reason")),
                "command_sequence": integer(command.get("sequence")),
                "message_sequence": integer(command.get("message_sequence")),
                "accepted_at": accepted,
                "applied_at": applied,
                "rejected_at": rejected,
                "created_at": accepted or rejected or context.moment,
                "updated_at": applied or rejected or accepted or context.moment,
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


def signal_row(row: dict[str, JsonValue], context: ImportContext) -> Row:
    """A signal, whether it has been applied or not."""
    shared = _message(row, context)
    received = moment(row.get("received_at"))
    return shared | {
        "signal_name": string(row.get("name")) or "",
        "signal_wait_id": string(row.get("signal_wait_id")),
        "status": string(row.get("status")) or "received",
        "received_at": received,
        "created_at": received or context.moment,
        "updated_at": shared["closed_at"] or shared["applied_at"] or received or context.moment,
    }


def update_row(row: dict[str, JsonValue], context: ImportContext) -> Row:
    """An update, whether it is done or not."""
    shared = _message(row, context)
    accepted = moment(row.get("accepted_at"))
    return shared | {
        "update_name": string(row.get("name")) or "",
        "status": string(row.get("status")) or "accepted",
        "result": payload(row.get("result")),
        "failure_id": string(row.get("failure_id")),
        "failure_message": string(row.get("failure_message")),
        "accepted_at": accepted,
        "created_at": accepted or context.moment,
        "updated_at": shared["closed_at"] or shared["applied_at"] or accepted or context.moment,
    }


def workflow_class(bundle: BundleView, run: RunFacts) -> str:
    """The PHP class of a workflow; its type where the bundle names no class."""
    return string(bundle.workflow.get("workflow_class")) or run.workflow_type
