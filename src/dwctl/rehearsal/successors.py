"""Runs that a workflow starts itself: its children, and the run that it continues as."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dwctl.rehearsal.activity_deadlines import deadline_after
from dwctl.rehearsal.closing import child_keys
from dwctl.rehearsal.database import Connection, insert
from dwctl.rehearsal.history_writer import append_event, new_attempt_id, new_id, stored_json
from dwctl.rehearsal.tasks import add_task, run_row
from dwctl.rehearsal.times import micros, stored
from dwctl.rehearsal.turn import blob_of, codec_of

Row = sqlite3.Row
Json = dict[str, Any]


def start_child(
    connection: Connection, parent: Row, command: Mapping[str, Any], sequence: int, now: datetime
) -> tuple[Json, Row, str]:
    """Start a child run with an instance of its own: returns its link, its run and its first task."""
    workflow_type = str(command["workflow_type"])
    instance_id, run_id, moment = new_id(), new_id(), stored(now)
    instance = {
        "id": instance_id,
        "workflow_class": workflow_type,
        "workflow_type": workflow_type,
        "namespace": parent["namespace"],
        "execution_timeout_seconds": command.get("execution_timeout_seconds"),
        "current_run_id": run_id,
        "run_count": 1,
        "reserved_at": moment,
        "started_at": moment,
        "created_at": moment,
        "updated_at": moment,
    }
    insert(connection, "workflow_instances", [instance])
    policy = command.get("parent_close_policy") or "abandon"
    path = command.get("parallel_group_path") or []
    link = _add_link(connection, parent, instance_id, run_id, "child_workflow", sequence, moment, policy, path)
    run = _add_run(connection, parent, command, instance_id, run_id, 1, workflow_type, now)
    origin = {
        "parent_workflow_instance_id": parent["workflow_instance_id"],
        "parent_workflow_run_id": parent["id"],
        "parent_sequence": sequence,
        "workflow_link_id": link["id"],
        "child_call_id": link["id"],
    }
    task_id = _record_start(connection, run, parent, sequence, origin, now)
    _add_child_call(connection, parent, link, run, moment)
    return link, run_row(connection, run_id), task_id


def _add_child_call(connection: Connection, parent: Row, link: Json, run: Row, moment: str) -> None:
    call = {
        "parent_workflow_run_id": parent["id"],
        "parent_workflow_instance_id": parent["workflow_instance_id"],
        "sequence": link["sequence"],
        "child_workflow_type": run["workflow_type"],
        "child_workflow_class": run["workflow_class"],
        "resolved_child_instance_id": run["workflow_instance_id"],
        "resolved_child_run_id": run["id"],
        "parent_close_policy": link["parent_close_policy"],
        "queue": run["queue"],
        "status": "started",
        "scheduled_at": moment,
        "started_at": moment,
        "arguments": stored_json({"payload": run["arguments"], "payload_codec": run["payload_codec"]}),
        "metadata": stored_json({"child_call_id": link["id"], "attempt_count": 1}),
        "created_at": moment,
        "updated_at": moment,
    }
    insert(connection, "workflow_child_calls", [call])


def continue_as_new(
    connection: Connection, run: Row, command: Mapping[str, Any], sequence: int, now: datetime
) -> tuple[Json, Row, str]:
    """Start the next run of an instance, with the memo and search attributes of this one."""
    workflow_type = str(command.get("workflow_type") or run["workflow_type"])
    instance_id, run_id, moment = run["workflow_instance_id"], new_id(), stored(now)
    link = _add_link(connection, run, instance_id, run_id, "continue_as_new", sequence, moment, "abandon", [])
    number = run["run_number"] + 1
    started = _add_run(connection, run, command, instance_id, run_id, number, workflow_type, now)
    connection.execute(
        "UPDATE workflow_instances SET current_run_id = ?, run_count = ?, updated_at = ? WHERE id = ?",
        (run_id, number, moment, instance_id),
    )
    _inherit(connection, run["id"], run_id, moment)
    origin = {
        "continued_from_run_id": run["id"],
        "workflow_link_id": link["id"],
        "child_call_id": None,
        "parent_workflow_instance_id": instance_id,
        "parent_workflow_run_id": run["id"],
        "parent_sequence": sequence,
    }
    task_id = _record_start(connection, started, run, sequence, origin, now)
    return link, run_row(connection, run_id), task_id


def _inherit(connection: Connection, from_run_id: str, run_id: str, moment: str) -> None:
    for table, columns in (
        ("workflow_memos", "value"),
        (
            "workflow_search_attributes",
            "type, value_string, value_keyword, value_int, value_float, value_bool, value_datetime, value_keyword_list",
        ),
    ):
        connection.execute(
            f"INSERT INTO {table} (workflow_run_id, workflow_instance_id, key, {columns}, upserted_at_sequence,"  # noqa: S608
            " inherited_from_parent, created_at, updated_at)"
            f" SELECT ?, workflow_instance_id, key, {columns}, 0, 1, ?, ? FROM {table} WHERE workflow_run_id = ?",
            (run_id, moment, moment, from_run_id),
        )


def _add_link(
    connection: Connection,
    parent: Row,
    instance_id: str,
    run_id: str,
    link_type: str,
    sequence: int,
    moment: str,
    policy: str,
    path: list[Json],
) -> Json:
    link: Json = {
        "id": new_attempt_id() if link_type == "child_workflow" else new_id(),
        "link_type": link_type,
        "sequence": sequence,
        "parallel_group_path": stored_json(path),
        "parent_workflow_instance_id": parent["workflow_instance_id"],
        "parent_workflow_run_id": parent["id"],
        "child_workflow_instance_id": instance_id,
        "child_workflow_run_id": run_id,
        "is_primary_parent": 1,
        "parent_close_policy": policy,
        "created_at": moment,
        "updated_at": moment,
    }
    insert(connection, "workflow_links", [link])
    return link


def _add_run(
    connection: Connection,
    parent: Row,
    command: Mapping[str, Any],
    instance_id: str,
    run_id: str,
    number: int,
    workflow_type: str,
    now: datetime,
) -> Row:
    moment = stored(now)
    arguments = command.get("arguments")
    is_next_run = instance_id == parent["workflow_instance_id"]
    row = {
        "id": run_id,
        "workflow_instance_id": instance_id,
        "run_number": number,
        "workflow_class": parent["workflow_class"] if workflow_type == parent["workflow_type"] else workflow_type,
        "workflow_type": workflow_type,
        "namespace": parent["namespace"],
        "business_key": parent["business_key"] if is_next_run else None,
        "visibility_labels": parent["visibility_labels"] if is_next_run else None,
        "status": "pending",
        "compatibility": parent["compatibility"],
        "payload_codec": codec_of(arguments, parent["payload_codec"]),
        "arguments": blob_of(arguments),
        "connection": parent["connection"],
        "queue": command.get("queue") or parent["queue"],
        **_limits(parent, command, now, is_next_run=is_next_run),
        "started_at": moment,
        "last_progress_at": moment,
        "created_at": moment,
        "updated_at": moment,
        "priority": parent["priority"],
        "fairness_key": parent["fairness_key"],
        "fairness_weight": parent["fairness_weight"],
    }
    insert(connection, "workflow_runs", [row])
    return run_row(connection, run_id)


def _limits(parent: Row, command: Mapping[str, Any], now: datetime, *, is_next_run: bool) -> Json:
    """Each run of an instance has the same time from its own start; the execution has one deadline for all."""
    seconds = command.get("run_timeout_seconds") or (parent["run_timeout_seconds"] if is_next_run else None)
    execution = deadline_after(command.get("execution_timeout_seconds"), now)
    return {
        "run_timeout_seconds": seconds,
        "run_deadline_at": deadline_after(seconds, now),
        "execution_deadline_at": parent["execution_deadline_at"] if is_next_run else execution,
    }


def _record_start(
    connection: Connection, run: Row, parent: Row, sequence: int, origin: Mapping[str, Any], now: datetime
) -> str:
    """The start command, the two events that begin a history, and the first task."""
    command_id, moment = new_id(), stored(now)
    origin_of_command = {
        "parent_instance_id": parent["workflow_instance_id"],
        "parent_run_id": parent["id"],
        "sequence": sequence,
    }
    context = {
        "caller": {"type": "workflow", "label": "Workflow"},
        "auth": {"status": "not_applicable", "method": "none"},
        "workflow": origin_of_command,
    }
    row = {
        "id": command_id,
        "workflow_instance_id": run["workflow_instance_id"],
        "workflow_run_id": run["id"],
        "resolved_workflow_run_id": run["id"],
        "command_type": "start",
        "source": "workflow",
        "context": stored_json(context),
        "status": "accepted",
        "outcome": "started_new",
        "workflow_class": run["workflow_class"],
        "workflow_type": run["workflow_type"],
        "payload_codec": run["payload_codec"],
        "payload": run["arguments"],
        "command_sequence": 1,
        "accepted_at": moment,
        "applied_at": moment,
        "created_at": moment,
        "updated_at": moment,
    }
    insert(connection, "workflow_commands", [row])
    connection.execute("UPDATE workflow_runs SET last_command_sequence = 1 WHERE id = ?", (run["id"],))
    command = _start_command(command_id, run, origin_of_command, now)
    common = {
        "workflow_command_id": command_id,
        "workflow_instance_id": run["workflow_instance_id"],
        "workflow_run_id": run["id"],
        "workflow_class": run["workflow_class"],
        "workflow_type": run["workflow_type"],
    }
    accepted = {**common, "outcome": "started_new", "command": command}
    started = {**common, **origin, "command": command}
    append_event(connection, run["id"], "StartAccepted", accepted, now, command_id=command_id)
    append_event(connection, run["id"], "WorkflowStarted", started, now, command_id=command_id)
    return add_task(connection, run, "workflow", {}, now)


def _start_command(command_id: str, run: Row, origin: Mapping[str, Any], now: datetime) -> Json:
    return {
        "id": command_id,
        "sequence": 1,
        "type": "start",
        "target_scope": "instance",
        "resolved_run_id": run["id"],
        "payload_codec": run["payload_codec"],
        "payload": run["arguments"],
        "source": "workflow",
        "context": {"workflow": dict(origin)},
        "caller_label": "Workflow",
        "auth_status": "not_applicable",
        "auth_method": "none",
        "status": "accepted",
        "outcome": "started_new",
        "accepted_at": micros(now),
        "applied_at": micros(now),
    }


def child_events(link: Mapping[str, Any], child: Row) -> tuple[Json, Json]:
    """What a parent's history says of a child that starts: its ChildWorkflowScheduled and its ChildRunStarted."""
    keys = child_keys(link, child)
    policy = {"parent_close_policy": link["parent_close_policy"]}
    return {**keys, **policy}, {**keys, "child_run_number": child["run_number"], **policy}
