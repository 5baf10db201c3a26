"""The application: its routes, what each asks of a request, and `create_app`."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from dwctl.errors import DwctlError
from dwctl.rehearsal import worker_plane
from dwctl.rehearsal.answers import CONTROL_HEADER, CONTROL_VERSION, raw_answer, to_json
from dwctl.rehearsal.auth import WORKER, check_settings
from dwctl.rehearsal.checks import Policy, guarded
from dwctl.rehearsal.control_plane import control_routes
from dwctl.rehearsal.database import Database
from dwctl.rehearsal.fault_gate import FaultGate
from dwctl.rehearsal.faults import FaultBox
from dwctl.rehearsal.namespaces import ensure_namespace
from dwctl.rehearsal.quirks import Profile, profile_named
from dwctl.rehearsal.state import DEFAULT_NAMESPACE, Rehearsal, Settings, Wakeups


def utc_now() -> datetime:
    """The clock of a server that is not under test."""
    return datetime.now(UTC)


def create_app(
    *,
    database: str | Path = ":memory:",
    profile: str | Profile = "measured",
    settings: Settings | None = None,
    auth: str = "none",
    tokens: Mapping[str, str] | None = None,
    now: Callable[[], datetime] = utc_now,
    faults: FaultBox | None = None,
) -> Starlette:
    """Make the rehearsal server as an ASGI application; its parts are at `app.state.rehearsal`.

    `profile` is the name of one, or one with quirks of its own choice (`Profile.but`). `auth` and `tokens` are a
    shorter way to say what `settings` may say. Raises `RequestNotPossible` for an
    unknown profile, driver or role, and `LocalStateError` for a file that is no database.
    """
    settings = settings or Settings(auth=auth, tokens=dict(tokens or {}))
    check_settings(settings.auth, settings.tokens)
    behaviour = profile_named(profile) if isinstance(profile, str) else profile
    state = Rehearsal(Database(database), now, behaviour, settings, Wakeups(), faults or FaultBox())
    ensure_namespace(state, DEFAULT_NAMESPACE, "Default namespace")
    app = Starlette(
        routes=[*control_routes(), *_worker_routes()],
        exception_handlers={404: _no_route, 405: _no_method},
        lifespan=_own_queue,
    )
    app.router.redirect_slashes = False
    app.state.rehearsal = state
    app.add_middleware(FaultGate, state=state)
    return app


_QUEUE_SECONDS = 1.0


@asynccontextmanager
async def _own_queue(app: Starlette) -> AsyncIterator[None]:
    """While the server runs, it is its own queue worker: due timers fire and lost leases return without a poll."""

    async def work() -> None:
        while True:
            await asyncio.sleep(_QUEUE_SECONDS)
            # A database that a fault has locked is tried again at the next turn, like any other work.
            with suppress(sqlite3.Error, DwctlError):
                worker_plane.run_server_queue(app.state.rehearsal)

    task = asyncio.create_task(work())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _worker_routes() -> list[BaseRoute]:
    policy = Policy(plane="worker", roles=(WORKER,))
    return [
        Route(route.path, guarded(route.endpoint, policy), methods=list((route.methods or set()) - {"HEAD"}))
        for route in worker_plane.routes()
    ]


async def _no_route(request: Request, _: Exception) -> Response:
    return _unrouted(request, 404, f"There is no route {request.url.path}.", "not_found")


async def _no_method(request: Request, _: Exception) -> Response:
    message = f"{request.method} is not possible at {request.url.path}."
    return _unrouted(request, 405, message, "method_not_allowed")


def _unrouted(request: Request, status: int, message: str, reason: str) -> Response:
    """Laravel itself answers: a page unless JSON is asked for, and a reason only for our clients (032 to 034)."""
    accepted = request.headers.get("accept", "").partition(",")[0]
    if "/json" not in accepted and "+json" not in accepted:
        return HTMLResponse(f"<!DOCTYPE html>\n<title>{status}</title>\n<p>{escape(message)}</p>\n", status)
    if CONTROL_HEADER not in request.headers:
        return raw_answer(request, to_json({"message": message}), status, {})
    document = {"message": message, "reason": reason}
    return raw_answer(request, to_json(document), status, {CONTROL_HEADER: CONTROL_VERSION})
