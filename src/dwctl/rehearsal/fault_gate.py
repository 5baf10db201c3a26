"""Where faults strike: in front of the application, under its connection, and in its database."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dwctl.errors import RequestNotPossible
from dwctl.rehearsal.answers import answer, body_of, state_of, to_json
from dwctl.rehearsal.faults import Fault, parse_fault
from dwctl.rehearsal.validation import Fields

if TYPE_CHECKING:
    from dwctl.rehearsal.state import Rehearsal


def list_faults(request: Request) -> Response:
    """`GET /_rehearsal/faults`."""
    return answer(request, state_of(request).faults.document())


def replace_faults(request: Request) -> Response:
    """`PUT /_rehearsal/faults` `{faults: [RULE, …]}`: these rules instead of those in force; `[]` ends them all."""
    fields = Fields(body_of(request))
    given = fields.array("faults")
    rules = []
    for text in given if isinstance(given, list) else []:
        try:
            rules.append(parse_fault(str(text)))
        except RequestNotPossible as error:
            fields.wrong("faults", f"{error.message}: {error.next_step}")
    if given is None:
        fields.wrong("faults", "The field faults is required.")
    fields.done()
    state_of(request).faults.rules = rules
    state_of(request).database.watch = None
    return answer(request, state_of(request).faults.document())


class FaultGate:
    """ASGI middleware: lets every request pass, or strikes it."""

    def __init__(self, app: ASGIApp, state: Rehearsal) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        box = self._state.faults
        if scope["type"] != "http" or not box.rules or scope["path"].startswith("/_rehearsal/"):
            await self._app(scope, receive, send)
            return
        struck = box.strikes(f"{scope['method']} {scope['path']}")
        if "latency" in struck:
            await asyncio.sleep(struck["latency"].number)
        if "reset-before" in struck:
            _reset(receive)
        elif (refusal := _refusal(struck)) is not None:
            await refusal(scope, receive, send)
        else:
            await self._pass(struck, scope, receive, send)

    async def _pass(self, struck: dict[str, Fault], scope: Scope, receive: Receive, send: Send) -> None:
        in_database = tuple(struck[kind] for kind in ("locked", "kill") if kind in struck)
        if in_database:
            self._state.database.watch = self._state.faults.watch
        with self._state.faults.strike_database(in_database):
            if "reset-after" in struck:
                await self._app(scope, receive, _swallow)
                _reset(receive)
            elif "truncate" in struck:
                await self._app(scope, receive, _Half(send, receive))
            else:
                await self._app(scope, receive, send)


def _refusal(struck: dict[str, Fault]) -> Response | None:
    """The answer in the server's place, if there is one."""
    for kind, status in (("429", 429), ("500", 500), ("503", 503)):
        if kind not in struck:
            continue
        fault, headers = struck[kind], {}
        document: dict[str, Any] = {"message": "Server Error"}
        if kind == "429":
            wait = int(fault.number)
            headers = {"Retry-After": str(wait)}
            document = {
                "message": "Too many requests.",
                "reason": "namespace_request_rate_exhausted",
                "retryable": True,
                "retry_after_seconds": wait,
            }
        elif kind == "503":
            reason = fault.value or "backend_lock_pressure"
            headers = {"Retry-After": "1"} if reason == "backend_lock_pressure" else {}
            document = {"message": "The server cannot do this now.", "reason": reason, "retryable": True}
        return Response(to_json(document), status, headers, media_type="application/json")
    return None


async def _swallow(message: Message) -> None:
    """An answer that nobody hears."""


class _Half:
    """Sends the head and half of the body, and breaks the connection."""

    def __init__(self, send: Send, receive: Receive) -> None:
        self._send = send
        self._receive = receive

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            half = message.get("body", b"")[: len(message.get("body", b"")) // 2]
            await self._send({"type": "http.response.body", "body": half, "more_body": True})
            await asyncio.sleep(0.01)
            _reset(self._receive)
        else:
            await self._send(message)


def _reset(receive: Receive) -> None:
    """Break the connection under uvicorn's feet: ASGI itself has no way to do so.

    Raises `ConnectionResetError` where there is no connection, as in a test without a socket.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("the rehearsal server was told to break the connection")
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
