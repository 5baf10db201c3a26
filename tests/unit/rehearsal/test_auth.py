"""Who asks: drivers, secrets, roles."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from dwctl.rehearsal.answers import Refusal
from dwctl.rehearsal.auth import ADMIN, ANY_ROLE, OPERATOR, WORKER, Credentials, require_role, role_of

SECRETS = {WORKER: "w", OPERATOR: "o", ADMIN: "a"}


def token(value: str | None) -> Credentials:
    return Credentials(value, None, b"")


def test_without_a_driver_everybody_is_anybody() -> None:
    assert role_of("none", {}, token(None)) == ANY_ROLE


@pytest.mark.parametrize(("shown", "role"), [("w", WORKER), ("o", OPERATOR), ("a", ADMIN)])
def test_a_token_stands_for_its_role(shown: str, role: str) -> None:
    assert role_of("token", SECRETS, token(shown)) == role


@pytest.mark.parametrize("shown", [None, "", "x", "ö"])
def test_any_other_token_is_nobodys(shown: str | None) -> None:
    with pytest.raises(Refusal) as caught:
        role_of("token", SECRETS, token(shown))
    assert (caught.value.status, caught.value.document["reason"]) == (401, "unauthorized")


def test_a_signature_covers_the_body() -> None:
    signature = hmac.new(b"o", b"{}", hashlib.sha256).hexdigest()
    assert role_of("signature", SECRETS, Credentials(None, signature, b"{}")) == OPERATOR
    with pytest.raises(Refusal):
        role_of("signature", SECRETS, Credentials(None, signature, b"{ }"))


def test_the_general_secret_is_an_admin_beside_role_secrets_and_anybody_alone() -> None:
    assert role_of("token", {ANY_ROLE: "g"}, token("g")) == ANY_ROLE
    assert role_of("token", {ANY_ROLE: "g", **SECRETS}, token("g")) == ADMIN


@pytest.mark.parametrize(
    ("role", "allowed", "may"),
    [
        (ADMIN, (WORKER,), False),
        (OPERATOR, (OPERATOR, ADMIN), True),
        (WORKER, (OPERATOR, ADMIN), False),
        (ANY_ROLE, (WORKER,), True),
        (WORKER, (), True),
    ],
)
def test_admin_does_not_include_worker(role: str, allowed: tuple[str, ...], may: bool) -> None:
    if may:
        require_role(role, allowed)
        return
    with pytest.raises(Refusal) as caught:
        require_role(role, allowed)
    assert (caught.value.status, caught.value.document["role"]) == (403, role)
