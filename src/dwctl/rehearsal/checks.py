"""The checks that every request passes before its handler, in the server's order (contract/server.md §1)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import isawaitable

from starlette.requests import Request
from starlette.responses import Response

from dwctl.rehearsal.answers import (
    CONTROL_HEADER,
    CONTROL_VERSION,
    WORKER_HEADER,
    Refusal,
    answer,
    query_of,
    raw_answer,
    state_of,
    to_json,
)
from dwctl.rehearsal.auth import Credentials, require_role, role_of
from dwctl.rehearsal.bodies import read_body
from dwctl.rehearsal.quirks import Q
from dwctl.rehearsal.state import DEFAULT_NAMESPACE

Handler = Callable[[Request], Response | Awaitable[Response]]

log = logging.getLogger("dwctl.rehearsal")


@dataclass(frozen=True, slots=True)
class Policy:
    """What a route asks of a request.

    `plane` is `control`, `worker`, `discovery` (cluster info), or `open` (health, ready: nothing is asked).
    `operation` names the `control_plane` block, on paths of workflows. `roles` is empty where any known caller
    may come.
    """

    plane: str = "control"
    operation: str | None = None
    roles: tuple[str, ...] = ()
    is_versioned: bool = True
    is_namespaced: bool = True


def guarded(handler: Handler, policy: Policy) -> Callable[[Request], Awaitable[Response]]:
    """The handler behind its checks: body, caller, role, version, namespace; and its failures as answers."""

    async def handle(request: Request) -> Response:
        request.state.plane = policy.plane
        request.state.operation = policy.operation
        request.state.body = {}
        try:
            await _check(request, policy)
            result = handler(request)
            return await result if isawaitable(result) else result
        except Refusal as refusal:
            if policy.plane == "discovery":
                request.state.plane = "control"  # a refusal repeats the version, the document does not (006, 437)
            return answer(request, refusal.document, refusal.status, refusal.headers)
        except Exception:
            log.exception("%s %s failed", request.method, request.url.path)
            return raw_answer(request, to_json({"message": "Server Error"}), 500, {})

    return handle


async def _check(request: Request, policy: Policy) -> None:
    await read_body(request)
    if policy.plane == "open":
        return
    settings = state_of(request).settings
    headers = request.headers
    scheme, _, token = headers.get("authorization", "").partition(" ")
    given = Credentials(
        token.strip() if scheme.lower() == "bearer" else None, headers.get("x-signature"), request.state.raw
    )
    role = role_of(settings.auth, settings.tokens, given)
    require_role(role, policy.roles)
    request.state.role = role
    if policy.is_versioned:
        _check_version(request, policy)
    request.state.namespace = _named_namespace(request, policy)
    if policy.is_namespaced:
        _check_namespace(request)


def _check_version(request: Request, policy: Policy) -> None:
    if policy.plane == "worker":
        _check_protocol(request)
        return
    wanted = request.headers.get(CONTROL_HEADER)
    if wanted == CONTROL_VERSION:
        return
    remedy = f"Send {CONTROL_HEADER}: {CONTROL_VERSION} with every request of the control plane."
    kind = "missing" if wanted is None else "unsupported"
    raise Refusal(
        400,
        {
            "message": f"The control-plane version of the request is {kind}.",
            "reason": f"{kind}_control_plane_version",
            "supported_version": CONTROL_VERSION,
            "requested_version": wanted,
            "remediation": remedy,
        },
    )


def _check_protocol(request: Request) -> None:
    """The same major version, and no higher minor one than the server's."""
    supported = state_of(request).settings.protocol
    wanted = request.headers.get(WORKER_HEADER)
    if wanted is not None and _speaks(wanted, supported):
        return
    kind = "missing" if wanted is None else "unsupported"
    raise Refusal(
        400,
        {
            "error": f"The worker protocol version of the request is {kind}.",
            "reason": f"{kind}_protocol_version",
            "supported_version": supported,
            "requested_version": wanted,
            "remediation": f"Send {WORKER_HEADER}: {supported}, or an earlier minor version.",
        },
    )


def _speaks(wanted: str, supported: str) -> bool:
    major, _, minor = wanted.partition(".")
    our_major, _, our_minor = supported.partition(".")
    return major == our_major and minor.isdecimal() and int(minor) <= int(our_minor)


def _named_namespace(request: Request, policy: Policy) -> str:
    """The header, else the query, else `default`; folded to lower case.

    Raises `Refusal` 400 where nothing is named, something must be, and the profile takes nothing for granted.
    """
    profile = state_of(request).profile
    name = request.headers.get("x-namespace", "").strip() or query_of(request).get("namespace")
    if name is None and policy.is_namespaced and not profile.has(Q.NAMESPACE_DEFAULTED):
        raise Refusal(
            400,
            {
                "message": "The request names no namespace.",
                "reason": "missing_namespace",
                "remediation": "Send X-Namespace with every request.",
            },
        )
    name = name or DEFAULT_NAMESPACE
    return name.lower() if profile.has(Q.NAMESPACE_CASE_FOLDED) else name


def _check_namespace(request: Request) -> None:
    name = request.state.namespace
    with state_of(request).database.read() as connection:
        found = connection.execute("SELECT 1 FROM workflow_namespaces WHERE name = ?", (name,)).fetchone()
    if found is None:
        raise Refusal(
            404,
            {
                "message": f"There is no namespace '{name}'.",
                "reason": "namespace_not_found",
                "namespace": name,
                "remediation": "Create it with POST /api/namespaces, or name another one in X-Namespace.",
            },
        )
