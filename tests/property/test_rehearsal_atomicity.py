"""An import that is killed at any statement leaves the database as it was, and its retry succeeds."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dwctl.rehearsal.database import Database
from dwctl.rehearsal.importer import import_bundle
from dwctl.rehearsal.quirks import GUIDE, MEASURED, Profile
from sample_bundles import ORDER, WAITING, sealed, small_bundle

NOW = datetime(2026, 11, 23, tzinfo=UTC)


class _Killed(BaseException):
    """What ends an import as a kill would: no `except Exception` sees it."""


@cache
def _small() -> bytes:
    """A bundle with a row in most sections, none of which needs an id of ours."""
    return sealed(small_bundle({"signals.0.command_id": "command-2", "updates.0.command_id": "command-3"}))


@cache
def _documents() -> tuple[bytes, ...]:
    return (ORDER.read_bytes(), WAITING.read_bytes(), _small())


def _import(database: Database, document: bytes, profile: Profile = MEASURED) -> dict[str, Any]:
    return import_bundle(database, document, namespace="production", profile=profile, now=NOW, import_id="import-1")


def _content(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.iterdump())


def _at_statement(index: int, strike: Callable[[], None]) -> Callable[[str], None]:
    """A watch that strikes before the statement of that index."""
    seen = 0

    def watch(_statement: str) -> None:
        nonlocal seen
        if seen == index:
            strike()
        seen += 1

    return watch


@cache
def _statements(document: bytes) -> int:
    """How many statements an import takes, from its BEGIN to its COMMIT."""
    count = 0

    def watch(_statement: str) -> None:
        nonlocal count
        count += 1

    database = Database()
    database.watch = watch
    assert _import(database, document)["status"] == "imported"
    return count


def _kill() -> None:
    raise _Killed


def _lock() -> None:
    raise sqlite3.OperationalError("database is locked")


@settings(deadline=None)  # a busy machine takes its time
@given(data=st.data(), document=st.sampled_from(_documents()))
def test_an_import_killed_at_any_statement_leaves_nothing_and_its_retry_succeeds(
    data: st.DataObject, document: bytes
) -> None:
    database = Database()
    _import(database, _documents()[(_documents().index(document) + 1) % len(_documents())])
    before = _content(database)
    database.watch = _at_statement(data.draw(st.integers(0, _statements(document) - 1)), _kill)
    with pytest.raises(_Killed):
        _import(database, document)
    assert _content(database) == before
    database.watch = None
    assert _import(database, document)["status"] == "imported"
    assert _import(database, document)["status"] == "already_imported"


def test_every_statement_of_one_import_is_struck_once() -> None:
    document = _small()
    expected = Database()
    _import(expected, document)
    for index in range(_statements(document)):
        database = Database()
        before = _content(database)
        database.watch = _at_statement(index, _kill)
        with pytest.raises(_Killed):
            _import(database, document)
        assert _content(database) == before, index
        database.watch = None
        assert _import(database, document)["status"] == "imported"
        assert _content(database) == _content(expected), index


@settings(deadline=None)  # a busy machine takes its time
@given(data=st.data())
def test_a_database_locked_at_any_statement_is_a_rejection_that_writes_nothing(data: st.DataObject) -> None:
    document = _small()
    database = Database()
    before = _content(database)
    database.watch = _at_statement(data.draw(st.integers(0, _statements(document) - 1)), _lock)
    report = _import(database, document)
    assert report["status"] == "rejected"
    assert [error["rule"] for error in report["eligibility"]["errors"]] == ["target.write_failed"]
    assert "database is locked" in report["eligibility"]["errors"][0]["message"]
    assert set(report["rows"].values()) == {0}
    assert _content(database) == before


def test_the_guide_leaves_contention_to_the_caller() -> None:
    database = Database()
    before = _content(database)
    database.watch = _at_statement(0, _lock)
    with pytest.raises(sqlite3.OperationalError):
        _import(database, _small(), GUIDE)
    assert _content(database) == before


_DIE = """
import os, sys
from datetime import UTC, datetime
from dwctl.rehearsal.database import Database
from dwctl.rehearsal.importer import import_bundle
from dwctl.rehearsal.quirks import MEASURED

seen = 0
def watch(statement):
    global seen
    if seen == int(sys.argv[2]):
        os._exit(9)
    seen += 1

database = Database(sys.argv[1])
database.watch = watch
document = sys.stdin.buffer.read()
now = datetime(2026, 11, 23, tzinfo=UTC)
import_bundle(database, document, namespace="production", profile=MEASURED, now=now)
"""


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_process_that_dies_within_an_import_leaves_a_file_that_goes_on(tmp_path: Path, share: float) -> None:
    document = WAITING.read_bytes()
    path = tmp_path / "rehearsal.db"
    Database(path).close()
    index = round(share * (_statements(document) - 1))
    process = subprocess.run(
        [sys.executable, "-c", _DIE, str(path), str(index)], input=document, check=False, timeout=60
    )
    assert process.returncode == 9
    database = Database(path)
    assert _content(database) == _content(Database())
    assert _import(database, document)["status"] == "imported"
    database.close()
