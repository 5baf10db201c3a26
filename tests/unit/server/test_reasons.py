"""The table of reasons, and what an answer becomes by it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dwctl.errors import DwctlError, ExitCode, RequestNotPossible
from dwctl.secret import Secret
from dwctl.server.failures import (
    CallFailed,
    CallIncompatible,
    CallNotAuthorized,
    CallNotConnected,
    CallNotFound,
    CallRefused,
    CallTimedOut,
    Delivery,
    Exchange,
    ImportNotOffered,
    ServerFailure,
    answered,
    own_failure,
)
from dwctl.server.reasons import OWN_REASONS, REASONS, SERVER_REASONS, Reason, exit_code_of, retryable
from dwctl.server.target import Credential
from dwctl.settings import Role

BY_STATUS = {400: 2, 401: 4, 403: 4, 404: 5, 405: 2, 409: 2, 412: 2, 413: 2, 415: 2, 422: 2, 429: 2, 500: 6, 503: 6}
"""dw's exit codes (contract/dw-cli.md)."""

INCOMPATIBLE = {
    "unsupported_control_plane_version",
    "unsupported_protocol_version",
    "embedded_v2_import_unavailable",
}


def test_ids_are_unique_over_both_tables() -> None:
    assert len(REASONS) == len(SERVER_REASONS) + len(OWN_REASONS)


@pytest.mark.parametrize("row", REASONS.values(), ids=lambda row: row.id)
def test_every_row_says_what_why_and_what_to_do(row: Reason) -> None:
    assert all(len(text) > 10 for text in (row.meaning, row.why, row.fix))
    assert row.fix.endswith(".")
    assert not row.meaning.endswith(".")
    assert row.meaning[0].islower()


def test_every_reason_of_the_contract_has_a_row(shared: Path) -> None:
    contract = (shared / "contract" / "server.md").read_text(encoding="utf-8")
    lines = contract.split("| HTTP | reason | where |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    cells = [line.split("|")[1:4] for line in lines]
    named = {
        (int(status), word)
        for status, reasons, _ in cells
        for word in re.findall(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b|\bunauthorized\b|\bforbidden\b", reasons)
    }
    aside = {"rejected_run_not_closed", "requested_version", "supported_version", "json_error", "allowed_roles"}
    aside |= {"current_shape", "current_roles", "required_roles", "missing_roles", "blocked_by", "error_id"}
    aside |= {"storage_state", "retry_after_seconds"}
    missing = {(status, word) for status, word in named if word not in aside and word not in REASONS}
    assert len(named) > 40
    assert missing == set()
    wrong = {(status, word) for status, word in named if word in REASONS and status not in REASONS[word].statuses}
    assert wrong == set()


@pytest.mark.parametrize(
    ("row", "status"), [(row, status) for row in SERVER_REASONS for status in row.statuses], ids=lambda x: str(x)[:40]
)
def test_every_reason_becomes_the_class_of_its_exit_code(row: Reason, status: int) -> None:
    error = answered("GET", "http://x/api/y", status, {"message": "prose", "reason": row.id})
    assert error.exit_code == (8 if row.id in INCOMPATIBLE else BY_STATUS[status])
    assert error.reason == row.id
    assert error.message.startswith(row.meaning)
    assert error.next_step
    assert error.where == "GET http://x/api/y"
    assert "prose" not in error.message
    assert error.exchange.retryable is row.retryable
    assert error.exchange.delivery is Delivery.ANSWERED


def test_the_tables_exit_code_is_that_of_one_of_its_statuses() -> None:
    for row in SERVER_REASONS:
        expected = {exit_code_of(status) for status in row.statuses} | {ExitCode.INCOMPATIBLE}
        assert row.exit_code in expected, row.id
        assert (row.exit_code is ExitCode.INCOMPATIBLE) == (row.id in INCOMPATIBLE)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, CallRefused),
        (401, CallNotAuthorized),
        (403, CallNotAuthorized),
        (404, CallNotFound),
        (408, CallTimedOut),
        (409, CallRefused),
        (418, CallRefused),
        (422, CallRefused),
        (429, CallRefused),
        (500, CallFailed),
        (502, CallFailed),
        (503, CallFailed),
        (599, CallFailed),
    ],
)
def test_a_status_without_a_reason_says_what_the_server_says(status: int, kind: type[ServerFailure]) -> None:
    error = answered("GET", "http://x", status, {"message": "Server Error"})
    assert type(error) is kind
    assert str(status) in error.message
    assert "Server Error" in error.message
    assert error.reason is None


@pytest.mark.parametrize("row", OWN_REASONS, ids=lambda row: row.id)
def test_every_reason_of_ours_becomes_its_class(row: Reason) -> None:
    error = own_failure(row.id, "what happened", "GET", "http://x", Delivery.UNKNOWN)
    assert error.exit_code is row.exit_code
    assert (error.message, error.reason, error.next_step) == ("what happened", row.id, row.fix)


def test_a_server_without_an_importer_is_an_answer_of_its_own() -> None:
    error = answered("POST", "http://x", 503, {"reason": "embedded_v2_import_unavailable"})
    assert type(error) is ImportNotOffered
    assert isinstance(error, CallIncompatible)
    assert error.exit_code is ExitCode.INCOMPATIBLE
    assert not error.exchange.retryable


def test_an_outcome_stands_in_for_a_missing_reason() -> None:
    assert answered("POST", "http://x", 409, {"outcome": "rejected_duplicate"}).reason == "rejected_duplicate"


@pytest.mark.parametrize("reason", ["history exported to archive storage", "", 7, None, "x" * 65, "a\x1b[2J"])
def test_a_reason_that_is_no_word_is_none(reason: object) -> None:
    assert answered("GET", "http://x", 409, {"reason": reason, "message": "m"}).reason is None


def test_a_403_that_names_no_role_says_what_is_needed() -> None:
    error = answered("POST", "http://x", 403, {"reason": "forbidden"}, roles=(Role.OPERATOR,))
    assert "needed is operator; it does not say which role came" in error.message


@pytest.mark.parametrize(("seconds", "told"), [(1.0, "1 second."), (0.2, "1 second."), (1e9, "1,000,000,000 seconds.")])
def test_when_to_try_again_is_said_in_whole_seconds(seconds: float, told: str) -> None:
    error = answered("POST", "http://x", 429, {}, retry_after=seconds)
    assert error.next_step == f"Try again in {told}"


def test_a_failure_without_a_reason_is_kept_under_its_status() -> None:
    assert answered("POST", "http://x", 413, {}).reason_or_status == "http_413"
    assert answered("POST", "http://x", 413, {"reason": "payload_too_large"}).reason_or_status == "payload_too_large"
    assert own_failure("timed_out", "late", "GET", "http://x", Delivery.UNKNOWN).reason_or_status == "timed_out"
    assert RequestNotPossible("no").reason_or_status is None


def test_what_is_too_large_is_told_what_helps() -> None:
    assert "--via artisan" in str(answered("POST", "http://x", 413, {}).next_step)


def test_a_403_says_which_role_is_needed_and_which_variable_to_set() -> None:
    error = answered(
        "POST",
        "http://x",
        403,
        {"reason": "forbidden", "role": "operator", "allowed_roles": ["admin"]},
        credential=Credential(Secret("tok-planted"), "DW_OPERATOR_TOKEN"),
        roles=(Role.ADMIN,),
    )
    assert "it is operator, needed is admin" in error.message
    assert "DW_OPERATOR_TOKEN" in error.message
    assert error.next_step == "Set DW_ADMIN_TOKEN, or give --token."
    assert not error.exchange.retryable


def test_a_401_says_whether_a_token_was_sent() -> None:
    body = {"reason": "unauthorized"}
    with_one = answered("GET", "u", 401, body, credential=Credential(Secret("t"), "--token"), roles=(Role.OPERATOR,))
    assert "sent was that of --token" in with_one.message
    without = answered("GET", "u", 401, body, credential=Credential(None, "default"), roles=(Role.OPERATOR,))
    assert "none was sent" in without.message
    assert without.next_step == "Set DW_OPERATOR_TOKEN, or give --token."
    named = answered("GET", "u", 401, body, credential=Credential(None, "profile prod: T (not set)"))
    assert "profile prod: T (not set)" in str(named.next_step)


def test_validation_names_the_fields() -> None:
    errors = {"name": ["The name field is required."], "retention_days": ["must be at least 1."]}
    error = answered("POST", "u", 422, {"reason": "validation_failed", "validation_errors": errors})
    assert "name: The name field is required." in error.message
    assert "retention_days: must be at least 1." in error.message


def test_retry_after_becomes_the_next_step_and_remediation_too() -> None:
    told = answered("GET", "u", 429, {"reason": "namespace_request_rate_exhausted"}, retry_after=41.0)
    assert told.next_step == "Try again in 41 seconds."
    blocked = {"reason": "workflow_v2_blocked", "blocked_by": ["migrations"], "remediation": "Run server-bootstrap."}
    error = answered("GET", "u", 503, blocked)
    assert "migrations" in error.message
    assert error.next_step == "Run server-bootstrap."


@pytest.mark.parametrize(
    ("delivery", "status", "reason", "earlier", "unsettled"),
    [
        (Delivery.NOT_SENT, None, "server_unreachable", 0, False),
        (Delivery.NOT_SENT, None, "server_unreachable", 1, True),
        (Delivery.UNKNOWN, None, "timed_out", 0, True),
        (Delivery.ANSWERED, 500, None, 0, True),
        (Delivery.ANSWERED, 502, None, 0, True),
        (Delivery.ANSWERED, 503, None, 0, True),
        (Delivery.ANSWERED, 503, "backend_lock_pressure", 0, False),
        (Delivery.ANSWERED, 429, None, 0, False),
        (Delivery.ANSWERED, 409, "namespace_already_exists", 0, False),
        (Delivery.UNKNOWN, 200, "unreadable_answer", 0, True),
    ],
)
def test_what_may_have_been_carried_out_is_unsettled(
    delivery: Delivery, status: int | None, reason: str | None, earlier: int, unsettled: bool
) -> None:
    exchange = Exchange("POST", "u", delivery, status=status, reason=reason, earlier_unsettled=earlier)
    assert exchange.unsettled is unsettled


def test_a_status_decides_about_retries_only_where_the_reason_is_unknown() -> None:
    assert retryable(503, None)
    assert retryable(503, "something_new")
    assert not retryable(503, "embedded_v2_import_unavailable")
    assert retryable(429, "namespace_request_rate_exhausted")
    assert not retryable(500, None)
    assert not retryable(401, "unauthorized")


def test_each_class_is_one_of_the_tree_in_errors() -> None:
    kinds = (CallRefused, CallNotConnected, CallNotAuthorized, CallNotFound, CallFailed, CallTimedOut, CallIncompatible)
    assert {kind.exit_code for kind in kinds} == {2, 3, 4, 5, 6, 7, 8}
    for kind in kinds:
        bases = [base for base in kind.__mro__ if issubclass(base, DwctlError) and base.__module__ == "dwctl.errors"]
        assert {base.exit_code for base in bases if base is not DwctlError} == {kind.exit_code}
