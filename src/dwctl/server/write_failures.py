"""What `target.write_failed` means: contention, which passes, or a violation, which stays.

Source: contract/import.md §4.4. The rule's message is the database driver's raw text, followed by the SQL
with the bundle's values in it. Only the part before the SQL is read and shown: the values are payloads, and
could imitate any message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

RULE: Final = "target.write_failed"


class WriteFailure(StrEnum):
    """Why the database refused. `UNKNOWN` is treated like a violation: not tried again."""

    CONTENTION = "contention"
    VIOLATION = "violation"
    UNKNOWN = "unknown"


class DriverCode(NamedTuple):
    """One row: a driver's own code or a SQLSTATE (exact, or its class with `*`), and what it means."""

    database: str
    code: str
    failure: WriteFailure
    meaning: str


DRIVER_CODES: Final[tuple[DriverCode, ...]] = (
    DriverCode("sqlite", "5", WriteFailure.CONTENTION, "another connection holds the database"),
    DriverCode("sqlite", "6", WriteFailure.CONTENTION, "another statement holds the table"),
    DriverCode("mysql", "1205", WriteFailure.CONTENTION, "waited too long for a lock"),
    DriverCode("mysql", "1213", WriteFailure.CONTENTION, "chosen as the victim of a deadlock"),
    DriverCode("sqlstate", "40001", WriteFailure.CONTENTION, "serialization failure or deadlock"),
    DriverCode("sqlstate", "40P01", WriteFailure.CONTENTION, "deadlock"),
    DriverCode("sqlstate", "55P03", WriteFailure.CONTENTION, "a lock was not available"),
    DriverCode("sqlstate", "08*", WriteFailure.CONTENTION, "the connection to the database broke"),
    DriverCode("sqlstate", "23*", WriteFailure.VIOLATION, "a row collides with one that is there"),
)
"""Every code that dwctl tells apart; what is not here is unknown."""


class WriteFault(NamedTuple):
    """A raw message taken apart. `summary` is the driver's text without the SQL and its values."""

    failure: WriteFailure
    sqlstate: str | None
    driver_code: str | None
    summary: str


_SQL_FOLLOWS = re.compile(r" \((?:Connection|SQL): ")
_PDO = re.compile(
    r"SQLSTATE\[(?P<state>[0-9A-Z]{5})\]"
    r"(?::? \[(?P<connect>\d+)\]|: [^:]*: (?P<code>\d+)(?= ))?"
)
_BARE_SQLITE = re.compile(r"database (?:table )?is locked")


def write_fault(message: str) -> WriteFault:
    """Take the raw message of `target.write_failed` apart; what it does not say for certain is unknown."""
    head = _SQL_FOLLOWS.split(message, maxsplit=1)[0]
    found = _PDO.match(head)
    if found is None:
        busy = _BARE_SQLITE.fullmatch(head.strip()) is not None
        return WriteFault(WriteFailure.CONTENTION if busy else WriteFailure.UNKNOWN, None, None, _short(head))
    state, code = found["state"], found["code"] or found["connect"]
    failure = next((row.failure for row in DRIVER_CODES if _applies(row, state, code)), WriteFailure.UNKNOWN)
    return WriteFault(failure, state, code, _short(head))


def write_fault_of(report: Mapping[str, Any]) -> WriteFault | None:
    """The fault of an import report that was rejected for `target.write_failed` and nothing else, or None."""
    eligibility = report.get("eligibility")
    errors = eligibility.get("errors") if isinstance(eligibility, Mapping) else None
    if report.get("status") != "rejected" or not isinstance(errors, list) or len(errors) != 1:
        return None
    error = errors[0]
    if not isinstance(error, Mapping) or error.get("rule") != RULE:
        return None
    return write_fault(str(error.get("message", "")))


def _applies(row: DriverCode, state: str, code: str | None) -> bool:
    """SQLite and MySQL codes count only in a general error: beside a telling SQLSTATE they are not needed."""
    if row.database == "sqlstate":
        return state.startswith(row.code[:-1]) if row.code.endswith("*") else state == row.code
    return state == "HY000" and code == row.code


def _short(head: str) -> str:
    return head if len(head) <= 300 else head[:300] + "…"
