"""Commands of the control plane: each is a row, and is shown by the events that it causes."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from starlette.requests import Request

from dwctl.rehearsal.answers import state_of
from dwctl.rehearsal.avro_writer import encode_value
from dwctl.rehearsal.database import Connection, insert
from dwctl.rehearsal.history_writer import new_id, stored_json
from dwctl.rehearsal.times import micros, stored

Json = dict[str, Any]

_AUTH_METHODS = {"token": "token", "signature": "signature"}


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `status` is `accepted` or `rejected`; `rejection` says why. `payload` is a blob."""

    type: str
    status: str
    outcome: str
    payload: str | None
    target_name: str | None = None
    rejection: str | None = None
    requested_run_id: str | None = None
    id: str = ""
    sequence: int = 0
    message_sequence: int | None = None
    is_applied: bool = True

    @property
    def is_accepted(self) -> bool:
        """Whether the run has taken it."""
        return self.status == "accepted"

    @property
    def scope(self) -> str:
        """What the path named: the instance, or one of its runs."""
        return "instance" if self.requested_run_id is None else "run"


def record(connection: Connection, request: Request, run: sqlite3.Row, command: Command, now: datetime) -> Command:
    """Write the command's row under the run's next command sequence; returns it with its id and sequence."""
    connection.execute(
        "UPDATE workflow_runs SET last_command_sequence = last_command_sequence + 1 WHERE id = ?", (run["id"],)
    )
    (sequence,) = connection.execute(
        "SELECT last_command_sequence FROM workflow_runs WHERE id = ?", (run["id"],)
    ).fetchone()
    requested = request.path_params.get("run_id")
    command = replace(command, id=new_id(), sequence=sequence, requested_run_id=requested)
    moment = stored(now)
    row = {
        "id": command.id,
        "workflow_instance_id": run["workflow_instance_id"],
        "workflow_run_id": run["id"],
        "requested_workflow_run_id": command.requested_run_id,
        "resolved_workflow_run_id": run["id"],
        "command_type": command.type,
        "target_scope": command.scope,
        "source": "control_plane",
        "context": stored_json(_context(request)),
        "status": command.status,
        "outcome": command.outcome,
        "workflow_class": run["workflow_class"],
        "workflow_type": run["workflow_type"],
        "payload_codec": "avro",
        "payload": command.payload,
        "rejection_reason": command.rejection,
        "command_sequence": command.sequence,
        "message_sequence": command.message_sequence,
        "accepted_at": moment if command.is_accepted else None,
        "applied_at": moment if command.is_accepted and command.is_applied else None,
        "rejected_at": None if command.is_accepted else moment,
        "created_at": moment,
        "updated_at": moment,
    }
    insert(connection, "workflow_commands", [row])
    return command


def _context(request: Request) -> Json:
    """Who asked and how, in the shape of the reference's column."""
    driver = state_of(request).settings.auth
    return {
        "caller": {"type": "control_plane", "label": "Standalone Server"},
        "auth": {
            "status": "authorized" if driver in _AUTH_METHODS else "not_applicable",
            "method": _AUTH_METHODS.get(driver, "none"),
        },
        "request": {
            "method": request.method,
            "path": request.url.path,
            "fingerprint": f"sha256:{hashlib.sha256(request.state.raw).hexdigest()}",
        },
    }


def snapshot(request: Request, run: sqlite3.Row, command: Command, now: datetime) -> Json:
    """A command as the events that it causes show it; what it does not have is left out."""
    context = _context(request)
    moment = micros(now)
    shown = {
        "id": command.id,
        "sequence": command.sequence,
        "message_sequence": command.message_sequence,
        "type": command.type,
        "target_scope": command.scope,
        "requested_run_id": command.requested_run_id,
        "resolved_run_id": run["id"],
        "target_name": command.target_name,
        "payload_codec": "avro",
        "payload": command.payload,
        "source": "control_plane",
        "caller_label": context["caller"]["label"],
        "auth_status": context["auth"]["status"],
        "auth_method": context["auth"]["method"],
        "request_method": context["request"]["method"],
        "request_path": context["request"]["path"],
        "request_fingerprint": context["request"]["fingerprint"],
        "status": command.status,
        "outcome": command.outcome,
        "rejection_reason": command.rejection,
        "accepted_at": moment if command.is_accepted else None,
        "applied_at": moment if command.is_accepted and command.is_applied else None,
        "rejected_at": None if command.is_accepted else moment,
    }
    return {key: value for key, value in shown.items() if value is not None}


def answered(run: sqlite3.Row, command: Command, reason: str | None) -> Json:
    """The document that answers a command (recordings 077, 108, 290, 310)."""
    return {
        "outcome": command.outcome,
        "workflow_id": run["workflow_instance_id"],
        "run_id": run["id"],
        "requested_run_id": command.requested_run_id,
        "resolved_run_id": run["id"],
        "command_id": command.id,
        "command_sequence": command.sequence,
        "target_scope": command.scope,
        "workflow_type": run["workflow_type"],
        "command_status": command.status,
        "command_source": "control_plane",
        "reason": reason if command.is_accepted else command.rejection,
        "rejection_reason": command.rejection,
        "validation_errors": {},
    }


def reason_payload(reason: str | None) -> str:
    """The payload of a command that carries an operator's reason."""
    return encode_value({"reason": reason})
