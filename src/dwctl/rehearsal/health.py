"""`GET /api/health` and `GET /api/ready` (contract/server.md §2): no token, no version header."""

from __future__ import annotations

import sqlite3

from starlette.requests import Request
from starlette.responses import Response

from dwctl.rehearsal.answers import answer, state_of
from dwctl.rehearsal.state import DEFAULT_NAMESPACE
from dwctl.rehearsal.times import seconds


def health(request: Request) -> Response:
    """Whether the database answers; says nothing of its tables."""
    state = state_of(request)
    works = _ask(request, "SELECT 1") is not None
    document = {
        "status": "serving" if works else "degraded",
        "timestamp": seconds(state.now()),
        "checks": {"database": "ok" if works else "unavailable"},
    }
    return answer(request, document, 200 if works else 503)


def ready(request: Request) -> Response:
    """Whether the server can do its work: the gate of a cutover."""
    state = state_of(request)
    ok = {"status": "ok"}
    database = ok if _ask(request, "SELECT 1") is not None else {"status": "unavailable"}
    tables = _ask(request, "SELECT 1 FROM sqlite_master WHERE name = 'workflow_runs'")
    namespace = _ask(request, "SELECT 1 FROM workflow_namespaces WHERE name = 'default'")
    can_tell_roles = state.settings.auth == "none" or bool(state.settings.tokens)
    checks = {
        "database": database,
        "migrations": ok if tables else _missing("Start the server on a database of its own."),
        "default_namespace": {
            **(ok if namespace else _missing("Start the server again: it creates the namespace.")),
            "namespace": DEFAULT_NAMESPACE,
        },
        "cache": {**ok, "store": "memory"},
        "auth": {**(ok if can_tell_roles else _missing("Give it a token.")), "driver": state.settings.auth},
    }
    is_ready = all(check["status"] == "ok" for check in checks.values())
    document = {"status": "ready" if is_ready else "not_ready", "timestamp": seconds(state.now()), "checks": checks}
    return answer(request, document, 200 if is_ready else 503)


def _missing(remediation: str) -> dict[str, str]:
    return {"status": "missing", "remediation": remediation}


def _ask(request: Request, question: str) -> sqlite3.Row | None:
    try:
        with state_of(request).database.read() as connection:
            row: sqlite3.Row | None = connection.execute(question).fetchone()
            return row
    except sqlite3.Error:
        return None
