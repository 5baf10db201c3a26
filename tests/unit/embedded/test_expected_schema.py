"""The table of expected columns is what is read, no more and no less; and the documentation says the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Table
from sqlalchemy.sql.visitors import iterate

from dwctl.embedded.expected_schema import EXPECTED, LOST, MISSING
from dwctl.embedded.session import Session
from every_reading import as_imported, hostile_database, opened, read_everything
from sample_bundles import ROOT


def test_what_is_expected_is_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every statement of every reading is looked at: a column that none names is asked of nobody."""
    read: dict[str, set[str]] = {}
    whole = Session.whole

    def watched(session: Session, statement: Any, when: str) -> Any:
        for element in iterate(statement):
            if isinstance(element, Column) and isinstance(element.table, Table):
                read.setdefault(element.table.name, set()).add(element.name)
        return whole(session, statement, when)

    monkeypatch.setattr(Session, "whole", watched)
    database = opened(hostile_database(tmp_path))
    read_everything(database, as_imported(database))
    assert {table: sorted(columns) for table, columns in read.items()} == {
        table: sorted(columns) for table, columns in EXPECTED.items()
    }


def test_what_is_not_expected_is_a_mistake_of_the_program(tmp_path: Path) -> None:
    with opened(hostile_database(tmp_path)).snapshot() as snapshot:
        runs = snapshot.table("workflow_runs")
        assert "arguments" not in runs.c
        asked: tuple[Callable[[], object], ...] = (
            lambda: runs.c.arguments,
            lambda: runs.c["arguments"],
            lambda: snapshot.has("workflow_runs", "arguments"),
            lambda: snapshot.has("workflow_memos"),
            lambda: snapshot.column("workflow_runs", "arguments"),
        )
        for ask in asked:
            with pytest.raises(KeyError):
                ask()


def test_sentences_are_of_what_is_expected() -> None:
    for table, column in (*MISSING, *LOST):
        assert column is None or column in EXPECTED[table]


def test_the_documentation_lists_what_is_read() -> None:
    text = (ROOT / "docs" / "embedded-database.md").read_text()
    listed = dict(re.findall(r"^\| `(\w+)` \| ([\w`, ]+) \|$", text, re.MULTILINE))
    assert {table: set(re.findall(r"\w+", columns)) for table, columns in listed.items()} == EXPECTED
