"""Namespaces (contract/server.md §3): created, listed, shown and changed; never deleted, as the measured server."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dwctl.rehearsal.answers import Refusal, answer, body_of, state_of
from dwctl.rehearsal.quirks import Q
from dwctl.rehearsal.state import Rehearsal
from dwctl.rehearsal.times import from_stored, seconds, stored
from dwctl.rehearsal.validation import Fields

_NAME = re.compile(r"[a-zA-Z0-9._-]+")
DEFAULT_RETENTION_DAYS = 30


def ensure_namespace(
    state: Rehearsal, name: str, description: str | None, retention_days: int = DEFAULT_RETENTION_DAYS
) -> None:
    """Create the namespace unless it exists: what a new server begins with."""
    moment = stored(state.now())
    with state.database.write() as connection:
        connection.execute(
            "INSERT OR IGNORE INTO workflow_namespaces (name, description, retention_days, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?)",
            (name, description, retention_days, moment, moment),
        )


def create_namespace(request: Request) -> Response:
    """`POST /api/namespaces`: 201, or 409 for a name that exists in any case."""
    state = state_of(request)
    fields = Fields(body_of(request))
    name = fields.text("name", required=True, longest=128, pattern=_NAME)
    description = fields.text("description", longest=1000)
    days = fields.integer("retention_days", least=1, most=365)
    fields.done()
    name = _folded(state, str(name))
    moment = stored(state.now())
    with state.database.write() as connection:
        if _find(connection, name) is not None:
            document = {"message": f"The namespace {name} exists.", "reason": "namespace_already_exists"}
            raise Refusal(409, {**document, "namespace": name})
        connection.execute(
            "INSERT INTO workflow_namespaces (name, description, retention_days, status, created_at, updated_at)"
            " VALUES (?, ?, ?, 'active', ?, ?)",
            (name, description, days or DEFAULT_RETENTION_DAYS, moment, moment),
        )
        row = _find(connection, name)
    return answer(request, _shown(row, "created_at"), 201)


def list_namespaces(request: Request) -> Response:
    """`GET /api/namespaces`: all of them, without pages."""
    with state_of(request).database.read() as connection:
        rows = connection.execute("SELECT * FROM workflow_namespaces ORDER BY name").fetchall()
    return answer(request, {"namespaces": [_shown(row, "created_at", "updated_at") for row in rows]})


def show_namespace(request: Request) -> Response:
    """`GET /api/namespaces/{name}`."""
    state = state_of(request)
    name = _folded(state, request.path_params["name"])
    with state.database.read() as connection:
        row = _find(connection, name)
    if row is None:
        raise _missing(request.path_params["name"])
    return answer(request, _shown(row, "created_at", "updated_at"))


def update_namespace(request: Request) -> Response:
    """`PUT /api/namespaces/{name}`: description and retention_days; null changes nothing."""
    state = state_of(request)
    name = _folded(state, request.path_params["name"])
    fields = Fields(body_of(request))
    description = fields.text("description", longest=1000)
    days = fields.integer("retention_days", least=1, most=365)
    fields.done()
    with state.database.write() as connection:
        if _find(connection, name) is None:
            raise _missing(request.path_params["name"])
        connection.execute(
            "UPDATE workflow_namespaces SET description = COALESCE(?, description),"
            " retention_days = COALESCE(?, retention_days), updated_at = ? WHERE name = ?",
            (description, days, stored(state.now()), name),
        )
        row = _find(connection, name)
    return answer(request, _shown(row, "updated_at"))


def _folded(state: Rehearsal, name: str) -> str:
    return name.lower() if state.profile.has(Q.NAMESPACE_CASE_FOLDED) else name


def _find(connection: sqlite3.Connection, name: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute("SELECT * FROM workflow_namespaces WHERE name = ?", (name,)).fetchone()
    return row


def _missing(name: str) -> Refusal:
    document = {"message": f"There is no namespace {name}.", "reason": "namespace_not_found", "namespace": name}
    return Refusal(404, document)


def _shown(row: sqlite3.Row | None, *times: str) -> dict[str, Any]:
    if row is None:
        raise LookupError("the namespace was not written")
    facts = {key: row[key] for key in ("name", "description", "retention_days", "status", "external_payload_storage")}
    return facts | {key: seconds(from_stored(row[key])) for key in times}
