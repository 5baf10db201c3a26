"""Archive, cancel, terminate and signal (contract/server.md §5): commands on the current run of an instance."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dwctl.bundle.avro_value import decode_blob
from dwctl.rehearsal.answers import Refusal, answer, body_of, state_of
from dwctl.rehearsal.closing import add_failure, close_run
from dwctl.rehearsal.commands import Command, answered, reason_payload, record, snapshot
from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.history_writer import append_event
from dwctl.rehearsal.progress import changed_runs, wake_queues
from dwctl.rehearsal.quirks import Q
from dwctl.rehearsal.runs import current_run, instance_or_404, run_or_404
from dwctl.rehearsal.times import micros, stored, stored_as_micros
from dwctl.rehearsal.validation import Fields
from dwctl.rehearsal.vocabulary import is_terminal

_ENDINGS = {
    # status: command, event of the request, exception
    "cancelled": ("cancel", "CancelRequested", "Workflow\\V2\\Exceptions\\WorkflowCancelledException"),
    "terminated": ("terminate", "TerminateRequested", "Workflow\\V2\\Exceptions\\WorkflowTerminatedException"),
}


def archive(request: Request) -> Response:
    """`POST /api/workflows/{id}/archive`: exempt a closed run from retention; 409 for an open one."""
    reason = _reason(request)
    state = state_of(request)
    now = state.now()
    with state.database.write() as connection:
        run = _target(connection, request)
        if not is_terminal(run["status"]):
            return _refused(connection, request, run, "archive", "run_not_closed", reason_payload(reason), now)
        outcome = "archived" if run["archived_at"] is None else "archive_not_needed"
        command = Command("archive", "accepted", outcome, reason_payload(reason))
        command = record(connection, request, run, command, now)
        common, shown = _common(run, command), snapshot(request, run, command, now)
        requested = {**common, "command_type": "archive", "outcome": outcome, "reason": reason, "command": shown}
        append_event(connection, run["id"], "ArchiveRequested", requested, now, command_id=command.id)
        if outcome == "archived":
            connection.execute(
                "UPDATE workflow_runs SET archived_at = ?, archive_command_id = ?, archive_reason = ? WHERE id = ?",
                (stored(now), command.id, reason, run["id"]),
            )
            archived = {**common, "archive_command_id": command.id, "reason": reason, "command": shown}
            append_event(connection, run["id"], "WorkflowArchived", archived, now, command_id=command.id)
        changed_runs(connection, [run["id"]], now)
    return answer(request, answered(run, command, reason))


def cancel(request: Request) -> Response:
    """`POST /api/workflows/{id}/cancel`."""
    return _end(request, "cancelled")


def terminate(request: Request) -> Response:
    """`POST /api/workflows/{id}/terminate`."""
    return _end(request, "terminated")


def _end(request: Request, status: str) -> Response:
    command_type, requested_event, exception = _ENDINGS[status]
    reason = _reason(request)
    state = state_of(request)
    now = state.now()
    with state.database.write() as connection:
        run = _target(connection, request)
        if is_terminal(run["status"]):
            return _refused(connection, request, run, command_type, "run_not_active", reason_payload(reason), now)
        command = record(
            connection, request, run, Command(command_type, "accepted", status, reason_payload(reason)), now
        )
        common, shown = _common(run, command), snapshot(request, run, command, now)
        requested = {**common, "command_type": command_type, "reason": reason, "command": shown}
        append_event(connection, run["id"], requested_event, requested, now, command_id=command.id)
        _cancel_timers(connection, run["id"], command.id, shown, now)
        message = f"Workflow {status}: {reason}" if reason else f"Workflow {status}."
        failure = {"failure_category": status, "exception_class": exception, "message": message}
        failure["failure_id"] = add_failure(
            connection,
            run["id"],
            now,
            category=status,
            propagation=status,
            message=message,
            exception_class=exception,
        )
        closed = {**common, **failure, "closed_reason": status, "reason": reason, "command": shown}
        append_event(connection, run["id"], f"Workflow{status.capitalize()}", closed, now, command_id=command.id)
        touched = close_run(connection, run["id"], status, now, failure=failure)
        queues = changed_runs(connection, touched, now)
    wake_queues(state, queues)
    return answer(request, answered(run, command, reason))


def _cancel_timers(connection: Connection, run_id: str, command_id: str, shown: dict[str, Any], now: datetime) -> None:
    """A run that is ended tells of each timer that it leaves (corpus bundle 06)."""
    for timer in connection.execute(
        "SELECT * FROM workflow_run_timers WHERE workflow_run_id = ? AND status = 'pending' ORDER BY sequence",
        (run_id,),
    ).fetchall():
        payload = {
            "timer_id": timer["id"],
            "sequence": timer["sequence"],
            "delay_seconds": timer["delay_seconds"],
            "fire_at": stored_as_micros(timer["fire_at"]),
            "cancelled_at": micros(now),
            "command": shown,
        }
        append_event(connection, run_id, "TimerCancelled", payload, now, command_id=command_id)


def signal(request: Request) -> Response:
    """`POST /api/workflows/{id}/signal/{name}` `{input?}`: 202; 404 for a name that the run's type does not declare.

    Only an imported run knows what its PHP class declared; a run started here takes any name.
    """
    from dwctl.rehearsal.signals import deliver_signal, signal_payload

    fields = Fields(body_of(request), {"workflow_id": request.path_params["workflow_id"]})
    arguments = _arguments(fields)
    fields.done()
    state = state_of(request)
    name, now = request.path_params["name"], state.now()
    payload = signal_payload(name, arguments)
    with state.database.write() as connection:
        run = _target(connection, request)
        if is_terminal(run["status"]):
            return _refused(connection, request, run, "signal", "run_not_active", payload, now, {"signal_name": name})
        must_be_declared = state.profile.has(Q.SIGNALS_NEED_A_DECLARATION)
        declared = declared_signals(connection, run["id"]) if must_be_declared else None
        if declared is not None and name not in declared:
            return _unknown_signal(connection, request, run, declared, payload, now)
        message = _next_message(connection, run)
        command = Command(
            "signal", "accepted", "signal_received", payload, name, message_sequence=message, is_applied=False
        )
        command = record(connection, request, run, command, now)
        deliver_signal(connection, run, command, arguments, snapshot(request, run, command, now), now)
        queues = changed_runs(connection, [run["id"]], now)
    wake_queues(state, queues)
    return answer(request, {**answered(run, command, None), "signal_name": name}, 202)


def _arguments(fields: Fields) -> list[Any]:
    """The positional arguments: a list, or the envelope of one, as SDKs send it."""
    given = fields.array("input")
    if not isinstance(given, dict):
        return given or []
    if not {"codec", "blob"} <= set(given):
        return list(given.values())
    frame = decode_blob(given["blob"]) if isinstance(given["blob"], str) else None
    if frame is None or frame.fault is not None or not isinstance(frame.value, list):
        fields.wrong("input", "The payload of the signal does not decode to a list of arguments.")
        return []
    return frame.value


def declared_signals(connection: Connection, run_id: str) -> list[str] | None:
    """The names that the run's first event declares, or None where it declares nothing at all."""
    row = connection.execute(
        "SELECT payload FROM workflow_history_events WHERE workflow_run_id = ? AND event_type = 'WorkflowStarted'",
        (run_id,),
    ).fetchone()
    payload: Any = json.loads(row["payload"]) if row is not None and row["payload"] else {}
    declared = payload.get("declared_signals") if isinstance(payload, dict) else None
    return [str(name) for name in declared] if isinstance(declared, list) else None


def _unknown_signal(
    connection: Connection, request: Request, run: sqlite3.Row, declared: list[str], payload: str, now: datetime
) -> Response:
    name = request.path_params["name"]
    facts = {
        "message": f"The workflow type {run['workflow_type']} declares no signal {name}.",
        "command_contract_source": "durable_history",
        "command_contract_backfill_needed": False,
        "command_contract_backfill_available": False,
        "declared_signals": declared,
        "signal_admission": "handler_not_declared",
        "signal_name": name,
    }
    return _refused(connection, request, run, "signal", "unknown_signal", payload, now, facts, 404)


def _next_message(connection: Connection, run: sqlite3.Row) -> int:
    """The instance's next message sequence: messages of all its runs share one row of numbers."""
    connection.execute(
        "UPDATE workflow_instances SET last_message_sequence = last_message_sequence + 1 WHERE id = ?",
        (run["workflow_instance_id"],),
    )
    (number,) = connection.execute(
        "SELECT last_message_sequence FROM workflow_instances WHERE id = ?", (run["workflow_instance_id"],)
    ).fetchone()
    return int(number)


def _refused(
    connection: Connection,
    request: Request,
    run: sqlite3.Row,
    command_type: str,
    rejection: str,
    payload: str,
    now: datetime,
    facts: dict[str, Any] | None = None,
    status: int = 409,
) -> Response:
    """A rejected command has a row too, and so takes a command sequence."""
    command = Command(command_type, "rejected", f"rejected_{rejection}", payload, rejection=rejection)
    command = record(connection, request, run, command, now)
    return answer(request, {**answered(run, command, None), **(facts or {})}, status)


def _target(connection: Connection, request: Request) -> sqlite3.Row:
    """The current run of the instance; a path that names another run of it is refused (recording 299)."""
    instance = instance_or_404(connection, request)
    run = current_run(connection, instance)
    if "run_id" in request.path_params:
        named = run_or_404(connection, request)
        if run is None or named["id"] != run["id"]:
            raise Refusal(
                409,
                {
                    "message": "Commands go to the current run: name the workflow only.",
                    "workflow_id": instance["id"],
                    "run_id": named["id"],
                    "reason": "historical_run_command_rejected",
                    "target_scope": "run",
                },
            )
    if run is None:
        facts = {"reason": "instance_not_found", "workflow_id": instance["id"]}
        raise Refusal(404, {"message": "The workflow has no run.", **facts})
    return run


def _common(run: sqlite3.Row, command: Command) -> dict[str, Any]:
    return {
        "workflow_command_id": command.id,
        "workflow_instance_id": run["workflow_instance_id"],
        "workflow_run_id": run["id"],
    }


def _reason(request: Request) -> str | None:
    fields = Fields(body_of(request), {"workflow_id": request.path_params["workflow_id"]})
    reason = fields.text("reason", longest=1000)
    fields.text("request_id", longest=255)
    fields.done()
    return reason
