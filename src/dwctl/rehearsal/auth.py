"""Who asks: the drivers `none`, `token` and `signature`, and the roles (contract/server.md §1)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dwctl.errors import RequestNotPossible
from dwctl.rehearsal.answers import Refusal

WORKER, OPERATOR, ADMIN = "worker", "operator", "admin"
ANY_ROLE = "any"
"""Holder of DW_AUTH_TOKEN where no role token is set: may do everything."""

ROLES = (WORKER, OPERATOR, ADMIN)
DRIVERS = ("none", "token", "signature")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request brings."""

    token: str | None
    signature: str | None
    body: bytes


def check_settings(driver: str, secrets: Mapping[str, str]) -> None:
    """Raise `RequestNotPossible` for a driver that does not exist, or a secret for no role."""
    if driver not in DRIVERS:
        raise RequestNotPossible(f"there is no auth driver {driver!r}", next_step=f"use one of {', '.join(DRIVERS)}")
    for role in secrets:
        if role not in (*ROLES, ANY_ROLE):
            raise RequestNotPossible(
                f"there is no role {role!r}", next_step=f"use one of {', '.join((*ROLES, ANY_ROLE))}"
            )


def role_of(driver: str, secrets: Mapping[str, str], given: Credentials) -> str:
    """The role of the request; raises `Refusal` 401 for nobody, 500 where the server has no secret to compare."""
    if driver == "none":
        return ANY_ROLE
    if not secrets:
        raise Refusal(
            500,
            {"reason": "server_error", "message": f"Auth driver {driver} is chosen, and no {driver} is configured."},
        )
    if driver == "token":
        return _role_with(secrets, given.token or "", lambda secret: secret, "The token is missing or not known.")
    if not given.signature:
        raise _unauthorized("The request has no signature.")
    return _role_with(
        secrets,
        given.signature,
        lambda key: hmac.new(key.encode(), given.body, hashlib.sha256).hexdigest(),
        "The signature of the request is wrong.",
    )


def _role_with(secrets: Mapping[str, str], shown: str, expected: Callable[[str], str], complaint: str) -> str:
    found = [role for role, secret in secrets.items() if hmac.compare_digest(expected(secret).encode(), shown.encode())]
    if not found:
        raise _unauthorized(complaint)
    has_role_tokens = any(role in ROLES for role in secrets)
    return ADMIN if found[0] == ANY_ROLE and has_role_tokens else found[0]


def _unauthorized(message: str) -> Refusal:
    return Refusal(401, {"reason": "unauthorized", "message": message})


def require_role(role: str, allowed: tuple[str, ...]) -> None:
    """Raise `Refusal` 403 for a role that may not do this; `admin` does not include `worker`."""
    if allowed and role != ANY_ROLE and role not in allowed:
        raise Refusal(
            403,
            {
                "reason": "forbidden",
                "message": "This role may not use the endpoint.",
                "role": role,
                "allowed_roles": allowed,
            },
        )
