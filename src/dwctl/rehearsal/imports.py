"""`POST /api/workflows/import/embedded-v2` (contract/server.md §6)."""

from __future__ import annotations

import sqlite3

from starlette.requests import Request
from starlette.responses import Response

from dwctl.rehearsal.answers import Refusal, answer, namespace_of, query_of, state_of
from dwctl.rehearsal.bodies import written
from dwctl.rehearsal.importer import import_bundle
from dwctl.rehearsal.progress import Queue, wake_queues
from dwctl.rehearsal.quirks import Q
from dwctl.rehearsal.state import Rehearsal
from dwctl.rehearsal.validation import Fields

STATUSES = {"imported": 201, "already_imported": 200, "dry_run": 200, "rejected": 422}


def import_embedded(request: Request) -> Response:
    """Import the body, or its `bundle`; the options stand beside it, or in the query."""
    document = _document(request)
    body = request.state.body if "bundle" in request.state.body else {}
    fields = Fields({**query_of(request), **{key: value for key, value in body.items() if value is not None}})
    dry_run, must_be_signed = fields.boolean("dry_run"), fields.boolean("require_signature")
    import_id, key = fields.text("import_id"), fields.text("signing_key", longest=4096)
    fields.done()
    state = state_of(request)
    try:
        report = import_bundle(
            state.database,
            document,
            namespace=namespace_of(request),
            profile=state.profile,
            now=state.now(),
            dry_run=bool(dry_run),
            import_id=import_id,
            require_signature=bool(must_be_signed),
            signing_key=key.encode() if key else state.settings.signing_key,
        )
    except sqlite3.OperationalError as error:
        if state.profile.has(Q.CONTENTION_IS_REJECTION):
            raise
        facts = {"message": "The database is busy.", "reason": "backend_lock_pressure", "retryable": True}
        raise Refusal(503, facts, {"Retry-After": "1"}) from error
    if report["status"] == "imported":
        wake_queues(state, _queues(state, report["workflow"]["run_id"]))
    return answer(request, report, STATUSES[report["status"]])


def _document(request: Request) -> bytes:
    """The bundle's bytes: those that arrived where nothing has changed them, else what they were changed to."""
    value = request.state.value
    if not isinstance(value, dict | list):
        value = None if value is None else [value]
    if not value or (isinstance(value, dict) and value.get("bundle") in ({}, [])):
        message = "The body must be a history-export bundle, or have one as its bundle."
        raise Refusal(422, {"message": message, "reason": "invalid_import_bundle"})
    if isinstance(value, dict) and isinstance(value.get("bundle"), dict | list):
        return written(value["bundle"])
    return written(value) if request.state.is_rewritten or value is not request.state.value else request.state.raw


def _queues(state: Rehearsal, run_id: str) -> set[Queue]:
    """Where polls may wait for the tasks that came with the run."""
    with state.database.read() as connection:
        rows = connection.execute(
            "SELECT DISTINCT namespace, queue FROM workflow_tasks WHERE workflow_run_id = ? AND status = 'ready'",
            (run_id,),
        ).fetchall()
    return {(row["namespace"] or "", row["queue"] or "") for row in rows}
