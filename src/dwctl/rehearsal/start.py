"""`POST /api/workflows` (contract/server.md §5): a new instance, its first run, its history and its first task."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dwctl.bundle.avro_value import decode_blob
from dwctl.rehearsal.activity_deadlines import LONGEST, deadline_after
from dwctl.rehearsal.answers import Refusal, answer, body_of, namespace_of, state_of
from dwctl.rehearsal.avro_writer import encode_value
from dwctl.rehearsal.columns import WriteFailedError, json_text
from dwctl.rehearsal.commands import Command, record, snapshot
from dwctl.rehearsal.database import Connection, insert
from dwctl.rehearsal.history_writer import append_event, new_id
from dwctl.rehearsal.progress import changed_runs
from dwctl.rehearsal.quirks import Q
from dwctl.rehearsal.run_metadata import upsert_memo_entries, upsert_search_attributes
from dwctl.rehearsal.runs import current_run
from dwctl.rehearsal.tasks import add_task, run_row
from dwctl.rehearsal.times import stored
from dwctl.rehearsal.validation import Fields
from dwctl.rehearsal.vocabulary import is_terminal

DEFAULT_QUEUE = "default"
MEMO_LIMIT = 262_144

_ID = re.compile(r"[a-zA-Z0-9._:-]+")
_UNSUPPORTED = (
    "workflow_execution_timeout workflow_run_timeout workflow_task_timeout retry_policy idempotency_key request_id"
).split()


@dataclass(frozen=True, slots=True)
class Order:
    """What a start asks for; `arguments` is the blob of the positional arguments."""

    workflow_id: str
    workflow_type: str
    queue: str
    arguments: str
    business_key: str | None
    memo: dict[str, Any]
    search_attributes: dict[str, Any]
    use_existing: bool
    execution_timeout: int | None
    run_timeout: int | None


def start_workflow(request: Request) -> Response:
    """Start a run, or tell what has the id already: an id is never used twice, in any namespace."""
    state = state_of(request)
    order = _read(request, crashes=state.profile.has(Q.UNREADABLE_PAYLOAD_IS_500))
    now = state.now()
    with state.database.write() as connection:
        found = connection.execute("SELECT * FROM workflow_instances WHERE id = ?", (order.workflow_id,)).fetchone()
        if found is None:
            run = _start(connection, request, order, now)
            document, status = _answered(run, "started_new"), 201
        else:
            document, status = _duplicate(connection, request, order, found, now)
    state.wakeups.wake(namespace_of(request), order.queue)
    return answer(request, document, status)


def _read(request: Request, *, crashes: bool) -> Order:
    """The order in a body; `crashes` is whether a payload that does not decode is the server's failure."""
    body = body_of(request)
    fields = Fields(body)
    workflow_id = fields.text("workflow_id", longest=128, pattern=_ID)
    workflow_type = fields.text("workflow_type", required=True)
    queue = fields.text("task_queue")
    given = fields.array("input")
    business_key = fields.text("business_key")
    memo, attributes = fields.array("memo"), fields.array("search_attributes")
    if memo and len(json_text(memo)) > MEMO_LIMIT:
        fields.wrong("memo", f"The field memo must not have more than {MEMO_LIMIT} bytes.")
    policy = fields.text("duplicate_policy", choices=("fail", "use-existing"))
    execution = fields.integer("execution_timeout_seconds", least=1, most=LONGEST)
    run_timeout = fields.integer("run_timeout_seconds", least=1, most=LONGEST)
    for name in _UNSUPPORTED:
        if body.get(name) is not None:
            fields.wrong(name, f"A start has no field {name}.")
    envelope = given if isinstance(given, dict) and {"codec", "blob"} <= set(given) else None
    if envelope is not None and envelope["codec"] != "avro":
        fields.wrong("input.codec", f"unsupported_payload_codec: {envelope['codec']!r} is no codec here; send avro.")
    elif envelope is not None and not _decodes(envelope["blob"]):
        if not fields.problems and crashes:
            raise LookupError("the payload of the start does not decode")  # answered 500 (recording 433)
        fields.wrong("input.blob", "The payload does not decode.")
    fields.done()
    return Order(
        workflow_id or new_id(),
        str(workflow_type),
        queue or DEFAULT_QUEUE,
        _blob(envelope, given),
        business_key,
        memo if isinstance(memo, dict) else {},
        attributes if isinstance(attributes, dict) else {},
        policy == "use-existing",
        execution,
        run_timeout,
    )


def _blob(envelope: dict[str, Any] | None, given: list[Any] | dict[str, Any] | None) -> str:
    """The arguments as a blob: that of an envelope, or positional JSON values encoded."""
    if envelope is None:
        return encode_value(list(given.values()) if isinstance(given, dict) else given or [])
    return str(envelope["blob"])


def _decodes(blob: object) -> bool:
    return isinstance(blob, str) and decode_blob(blob).fault is None


def _duplicate(
    connection: Connection, request: Request, order: Order, instance: sqlite3.Row, now: datetime
) -> tuple[dict[str, Any], int]:
    if instance["namespace"] != namespace_of(request):
        facts = {"workflow_id": order.workflow_id, "reason": "workflow_id_reserved_in_namespace"}
        raise Refusal(409, {"message": f"Another namespace has the id {order.workflow_id}.", **facts})
    run = current_run(connection, instance)
    if run is None:
        raise LookupError(f"the instance {order.workflow_id} has no run")
    is_taken = order.use_existing and not is_terminal(run["status"])
    outcome = "returned_existing_active" if is_taken else "rejected_duplicate"
    if state_of(request).profile.has(Q.DUPLICATE_START_RECORDED):
        _record_duplicate(connection, request, order, run, outcome, now)
    return _answered(run, outcome), 200 if is_taken else 409


def _record_duplicate(
    connection: Connection, request: Request, order: Order, run: sqlite3.Row, outcome: str, now: datetime
) -> None:
    """A duplicate start goes into the history of the run that has the id, closed or not (recording 075)."""
    rejection = "instance_already_started" if outcome == "rejected_duplicate" else None
    status = "rejected" if rejection else "accepted"
    command = Command("start", status, outcome, order.arguments, rejection=rejection)
    command = record(connection, request, run, command, now)
    payload = {
        **_started_keys(run, command),
        "memo": {},
        "search_attributes": {},
        "outcome": outcome,
        "rejection_reason": rejection,
        "command": snapshot(request, run, command, now),
    }
    event = "StartRejected" if rejection else "StartAccepted"
    append_event(connection, run["id"], event, payload, now, command_id=command.id)
    changed_runs(connection, [run["id"]], now)


def _start(connection: Connection, request: Request, order: Order, now: datetime) -> sqlite3.Row:
    run_id = new_id()
    _insert_rows(connection, order, namespace_of(request), run_id, now)
    run = run_row(connection, run_id)
    upsert_memo_entries(connection, run, order.memo, 0, now)
    try:
        upsert_search_attributes(connection, run, order.search_attributes, 0, now)
    except WriteFailedError as error:
        raise Refusal(422, {"message": str(error), "reason": "validation_failed"}) from error
    command = record(connection, request, run, Command("start", "accepted", "started_new", order.arguments), now)
    shown = snapshot(request, run, command, now)
    keys = _started_keys(run, command) | {
        "memo": order.memo or None,
        "search_attributes": order.search_attributes or None,
    }
    accepted = {**keys, "outcome": "started_new", "command": shown}
    append_event(connection, run_id, "StartAccepted", accepted, now, command_id=command.id)
    started = {
        "workflow_class": run["workflow_class"],
        "workflow_type": run["workflow_type"],
        "workflow_instance_id": run["workflow_instance_id"],
        "workflow_run_id": run_id,
        "workflow_command_id": command.id,
        "command": shown,
    }
    append_event(connection, run_id, "WorkflowStarted", started, now, command_id=command.id)
    add_task(connection, run, "workflow", {}, now)
    changed_runs(connection, [run_id], now)
    return run_row(connection, run_id)


def _insert_rows(connection: Connection, order: Order, namespace: str, run_id: str, now: datetime) -> None:
    moment = stored(now)
    shared = {
        "workflow_class": order.workflow_type,
        "workflow_type": order.workflow_type,
        "namespace": namespace,
        "business_key": order.business_key,
        "visibility_labels": "[]",
        "started_at": moment,
        "created_at": moment,
        "updated_at": moment,
    }
    instance = {
        "id": order.workflow_id,
        "memo": json_text(order.memo) if order.memo else None,
        "execution_timeout_seconds": order.execution_timeout,
        "current_run_id": run_id,
        "run_count": 1,
        "reserved_at": moment,
    }
    run = {
        "id": run_id,
        "workflow_instance_id": order.workflow_id,
        "run_number": 1,
        "status": "pending",
        "payload_codec": "avro",
        "arguments": order.arguments,
        "queue": order.queue,
        "run_timeout_seconds": order.run_timeout,
        "execution_deadline_at": deadline_after(order.execution_timeout, now),
        "run_deadline_at": deadline_after(order.run_timeout, now),
        "last_progress_at": moment,
    }
    insert(connection, "workflow_instances", [shared | instance])
    insert(connection, "workflow_runs", [shared | run])


def _started_keys(run: sqlite3.Row, command: Command) -> dict[str, Any]:
    return {
        "workflow_command_id": command.id,
        "workflow_instance_id": run["workflow_instance_id"],
        "workflow_run_id": run["id"],
        "workflow_class": run["workflow_class"],
        "workflow_type": run["workflow_type"],
        "business_key": run["business_key"],
        "visibility_labels": None,
    }


def _answered(run: sqlite3.Row, outcome: str) -> dict[str, Any]:
    return {
        "workflow_id": run["workflow_instance_id"],
        "run_id": run["id"],
        "workflow_type": run["workflow_type"],
        "namespace": run["namespace"],
        "status": run["status"],
        "business_key": run["business_key"],
        "payload_codec": run["payload_codec"],
        "outcome": outcome,
    }
