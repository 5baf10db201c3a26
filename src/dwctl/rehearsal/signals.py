"""Signals: received into the history of a run, which gets a workflow task to look at them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dwctl.rehearsal.avro_writer import encode_value
from dwctl.rehearsal.commands import Command
from dwctl.rehearsal.database import Connection, insert
from dwctl.rehearsal.history_writer import append_event, new_id
from dwctl.rehearsal.tasks import resume_run
from dwctl.rehearsal.times import stored


def signal_payload(name: str, arguments: Sequence[Any]) -> str:
    """The payload of the command that carries a signal."""
    return encode_value({"name": name, "arguments": list(arguments), "validation_errors": []})


def deliver_signal(
    connection: Connection,
    run: sqlite3.Row,
    command: Command,
    arguments: Sequence[Any],
    shown: dict[str, Any],
    now: datetime,
) -> None:
    """Write the signal's row and its SignalReceived, and make a workflow task ready (corpus bundle 15)."""
    name = str(command.target_name)
    signal_id, moment, blob = new_id(), stored(now), encode_value(list(arguments))
    wait_id = _open_wait(connection, run["id"], name) or f"signal-command:{command.id}"
    row = {
        "id": signal_id,
        "workflow_command_id": command.id,
        "workflow_instance_id": run["workflow_instance_id"],
        "workflow_run_id": run["id"],
        "target_scope": command.scope,
        "requested_workflow_run_id": command.requested_run_id,
        "resolved_workflow_run_id": run["id"],
        "signal_name": name,
        "signal_wait_id": wait_id,
        "status": "received",
        "outcome": command.outcome,
        "command_sequence": command.sequence,
        "payload_codec": "avro",
        "arguments": blob,
        "received_at": moment,
        "created_at": moment,
        "updated_at": moment,
    }
    insert(connection, "workflow_signal_records", [row])
    payload = {
        "workflow_command_id": command.id,
        "signal_id": signal_id,
        "workflow_instance_id": run["workflow_instance_id"],
        "workflow_run_id": run["id"],
        "signal_name": name,
        "signal_wait_id": wait_id,
        "arguments": blob,
        "payload_codec": "avro",
        "command": shown,
    }
    append_event(connection, run["id"], "SignalReceived", payload, now, command_id=command.id)
    reason = {
        "workflow_wait_kind": "signal",
        "open_wait_id": f"signal:{wait_id}",
        "resume_source_kind": "workflow_signal",
        "resume_source_id": signal_id,
        "workflow_signal_id": signal_id,
        "signal_name": name,
        "signal_wait_id": wait_id,
        "workflow_command_id": command.id,
    }
    resume_run(connection, run, reason, now)


def _open_wait(connection: Connection, run_id: str, name: str) -> str | None:
    """The wait for this signal that no signal has answered yet."""
    row = connection.execute(
        "SELECT json_extract(payload, '$.signal_wait_id') AS wait_id FROM workflow_history_events AS opened"
        " WHERE workflow_run_id = ? AND event_type = 'SignalWaitOpened'"
        " AND json_extract(payload, '$.signal_name') = ?"
        " AND NOT EXISTS (SELECT 1 FROM workflow_signal_records s WHERE s.workflow_run_id = opened.workflow_run_id"
        " AND s.signal_wait_id = json_extract(opened.payload, '$.signal_wait_id'))"
        " ORDER BY sequence LIMIT 1",
        (run_id, name),
    ).fetchone()
    return None if row is None else row["wait_id"]
