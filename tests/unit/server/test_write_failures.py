"""Contention told from violation, on the messages that drivers really write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dwctl.server.write_failures import DRIVER_CODES, WriteFailure, write_fault, write_fault_of

SQL = ' (Connection: sqlite, SQL: insert into "workflow_runs" ("arguments") values (pay-planted))'

MESSAGES = [
    ("SQLSTATE[HY000]: General error: 5 database is locked", "contention", "HY000", "5"),
    ("SQLSTATE[HY000]: General error: 6 database table is locked", "contention", "HY000", "6"),
    ("SQLSTATE[HY000]: General error: 1205 Lock wait timeout exceeded; try restarting transaction", "contention",
     "HY000", "1205"),
    ("SQLSTATE[HY000]: General error: 1213 Deadlock found when trying to get lock", "contention", "HY000", "1213"),
    ("SQLSTATE[40001]: Serialization failure: 1213 Deadlock found when trying to get lock; try again", "contention",
     "40001", "1213"),
    ("SQLSTATE[40001]: Serialization failure: 7 ERROR:  could not serialize access", "contention", "40001", "7"),
    ("SQLSTATE[40P01]: Deadlock detected: 7 ERROR:  deadlock detected", "contention", "40P01", "7"),
    ("SQLSTATE[55P03]: Lock not available: 7 ERROR:  canceling statement due to lock timeout", "contention", "55P03",
     "7"),
    ("SQLSTATE[08006] [7] connection to server at \"db\" failed: Connection refused", "contention", "08006", "7"),
    ("SQLSTATE[08S01]: Communication link failure: 1053 Server shutdown in progress", "contention", "08S01", "1053"),
    ("database is locked", "contention", None, None),
    ("SQLSTATE[23000]: Integrity constraint violation: 19 UNIQUE constraint failed: workflow_links.link_type",
     "violation", "23000", "19"),
    ("SQLSTATE[23000]: Integrity constraint violation: 1062 Duplicate entry 'order-1-1' for key 'u'", "violation",
     "23000", "1062"),
    ("SQLSTATE[23505]: Unique violation: 7 ERROR:  duplicate key value violates unique constraint", "violation",
     "23505", "7"),
    ("SQLSTATE[HY000]: General error: 8 attempt to write a readonly database", "unknown", "HY000", "8"),
    ("SQLSTATE[HY000]: General error: 13 database or disk is full", "unknown", "HY000", "13"),
    ("SQLSTATE[HY000]: General error: 2006 MySQL server has gone away", "unknown", "HY000", "2006"),
    ("SQLSTATE[42S02]: Base table or view not found: 5 whatever", "unknown", "42S02", "5"),
    ("SQLSTATE[HY000]: General error", "unknown", "HY000", None),
    ("Undefined array key \"x\"", "unknown", None, None),
    ("", "unknown", None, None),
]  # fmt: skip


@pytest.mark.parametrize(("message", "failure", "state", "code"), MESSAGES)
@pytest.mark.parametrize("sql", ["", SQL])
def test_the_codes_decide(message: str, failure: str, state: str | None, code: str | None, sql: str) -> None:
    fault = write_fault(message + sql)
    assert (fault.failure, fault.sqlstate, fault.driver_code) == (failure, state, code)
    assert fault.summary == message
    assert "pay-planted" not in fault.summary


@pytest.mark.parametrize(
    "message",
    [
        "SQLSTATE[23000]: Integrity constraint violation: 19 x (SQL: SQLSTATE[HY000]: General error: 5 is locked)",
        "SQLSTATE[23000]: Integrity constraint violation: 19 General error: 5 database is locked",
        "Something else: SQLSTATE[40001]: Serialization failure: 1213 Deadlock",
        "the database is locked down by policy",
    ],
)
def test_values_that_imitate_contention_do_not_make_it(message: str) -> None:
    assert write_fault(message).failure is not WriteFailure.CONTENTION


def test_every_row_of_the_table_is_met_by_a_message() -> None:
    for row in DRIVER_CODES:
        state = row.code.replace("*", "XXX"[: 5 - len(row.code) + 1]) if row.database == "sqlstate" else "HY000"
        code = "1" if row.database == "sqlstate" else row.code
        assert write_fault(f"SQLSTATE[{state}]: Some error: {code} text").failure is row.failure


def test_a_long_message_is_cut() -> None:
    assert len(write_fault("SQLSTATE[HY000]: General error: 13 " + "x" * 5000).summary) < 320


def report(*errors: object, status: str = "rejected") -> dict[str, object]:
    """An import report with these errors."""
    return {"status": status, "eligibility": {"eligible": False, "errors": list(errors)}}


LOCKED = {"rule": "target.write_failed", "message": "SQLSTATE[HY000]: General error: 5 database is locked"}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"status": "rejected"},
        {"status": "rejected", "eligibility": []},
        {"status": "rejected", "eligibility": {"errors": {}}},
        report(),
        report("x"),
        report(LOCKED, LOCKED),
        report(LOCKED, status="imported"),
        report({"rule": "target.run_id_conflict", "message": LOCKED["message"]}),
    ],
)
def test_only_a_rejection_for_this_rule_alone_has_a_fault(document: dict[str, object]) -> None:
    assert write_fault_of(document) is None


def test_a_rejection_for_contention_is_seen() -> None:
    fault = write_fault_of(report(LOCKED))
    assert fault is not None
    assert fault.failure is WriteFailure.CONTENTION


def test_every_recorded_write_failure_is_a_violation(shared: Path) -> None:
    seen = 0
    for file in sorted((shared / "recordings" / "http").glob("*.json")):
        body = json.loads(file.read_text(encoding="utf-8"))["response"]["body"]
        fault = write_fault_of(body) if isinstance(body, dict) else None
        if fault is not None:
            seen += 1
            assert (fault.failure, fault.sqlstate, fault.driver_code) == (WriteFailure.VIOLATION, "23000", "19")
            assert fault.summary.startswith("SQLSTATE[23000]")
            assert "values" not in fault.summary
    assert seen >= 5
