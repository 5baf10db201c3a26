"""Keyset paging gives every row once and in order, whatever the keys, their ties, and the size of a page."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from dwctl.embedded.database import EmbeddedDatabase
from dwctl.embedded.snapshot import Snapshot
from dwctl.secret import Secret

TABLE = "workflow_search_attributes"
KEYS = ("workflow_run_id", "key", "value_float")

# Few values, so that rows tie in the first key, and in the first two.
words = st.sampled_from(["", "A", "a", "b", "b ", "Ω", "z'", "%", "\\"])
rows = st.lists(st.tuples(words, words, st.integers(-3, 10**12)), unique=True, max_size=40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("paging")


_NUMBER = count()


@contextmanager
def database(folder: Path, found: list[tuple[str, str, int]]) -> Iterator[Snapshot]:
    """A snapshot of one table with these rows."""
    path = folder / f"rows-{next(_NUMBER)}.sqlite"
    with closing(sqlite3.connect(path)) as made:
        made.execute(f"CREATE TABLE {TABLE} (workflow_run_id varchar, key varchar, value_float integer)")
        made.executemany(f"INSERT INTO {TABLE} VALUES (?, ?, ?)", found)  # noqa: S608
        made.commit()
    with EmbeddedDatabase.open(Secret(f"sqlite:///{path}")).snapshot() as snapshot:
        yield snapshot
    path.unlink()


def paged(snapshot: Snapshot, names: tuple[str, ...], size: int) -> list[tuple[Any, ...]]:
    table = snapshot.table(TABLE)
    statement = select(*(table.c[name] for name in KEYS))
    return [tuple(row) for row in snapshot.pages(statement, *(table.c[name] for name in names), size=size)]


@settings(max_examples=60, deadline=None)
@given(found=rows, order=st.permutations(KEYS), size=st.integers(1, 45))
def test_every_row_once_and_in_order(
    folder: Path, found: list[tuple[str, str, int]], order: list[str], size: int
) -> None:
    places = [KEYS.index(name) for name in order]
    with database(folder, found) as snapshot:
        expected = sorted(found, key=lambda row: [_sorting(row[place]) for place in places])
        assert paged(snapshot, tuple(order), size) == expected


def _sorting(value: str | int) -> bytes | int:
    """SQLite compares text by its bytes."""
    return value.encode() if isinstance(value, str) else value


@settings(max_examples=60, deadline=None)
@given(found=rows, names=st.sampled_from([("key",), ("workflow_run_id", "key")]), size=st.integers(1, 10))
def test_a_key_that_is_not_unique_loses_no_row_silently(
    folder: Path, found: list[tuple[str, str, int]], names: tuple[str, ...], size: int
) -> None:
    """Either no page ended between two rows of the same key, and all are there; or it is refused."""
    with database(folder, found) as snapshot:
        keys = sorted(tuple(str(row[KEYS.index(name)]).encode() for name in names) for row in found)
        # The last row of a page and the first of the next, where there is a next.
        if any(keys[end - 1] == keys[end] for end in range(size, len(keys), size)):
            with pytest.raises(RuntimeError, match="is not unique"):
                paged(snapshot, names, size)
        else:
            assert sorted(paged(snapshot, names, size)) == sorted(found)
