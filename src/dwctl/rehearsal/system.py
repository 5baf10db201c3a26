"""`/api/system/*`: repair and retention, looked at and run (contract/server.md §6)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from dwctl.rehearsal import repair, retention
from dwctl.rehearsal.answers import answer, body_of, namespace_of, state_of
from dwctl.rehearsal.narrowing import narrowing_of


def repair_status(request: Request) -> Response:
    """`GET /api/system/repair`: what a pass would take up."""
    state = state_of(request)
    with state.database.read() as connection:
        return answer(request, repair.repair_status(connection, namespace_of(request), state.now()))


def repair_pass(request: Request) -> Response:
    """`POST /api/system/repair/pass`, of all runs of the namespace or of those that the body names."""
    state = state_of(request)
    only = narrowing_of(body_of(request))
    with state.database.write() as connection:
        document = repair.repair_pass(connection, namespace_of(request), state.now(), only)
    state.wakeups.wake_all()
    return answer(request, document)


def retention_status(request: Request) -> Response:
    """`GET /api/system/retention`: which runs have expired."""
    state = state_of(request)
    with state.database.read() as connection:
        return answer(request, retention.retention_status(connection, namespace_of(request), state.now()))


def retention_pass(request: Request) -> Response:
    """`POST /api/system/retention/pass`: prune them."""
    state = state_of(request)
    with state.database.write() as connection:
        document = retention.retention_pass(connection, namespace_of(request), state.now())
    return answer(request, document)
