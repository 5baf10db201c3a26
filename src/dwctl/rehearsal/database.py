"""The rehearsal server's one database: SQLite in a file or in memory, one connection, one transaction at a time."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from dwctl.errors import LocalStateError

Watch = Callable[[str], None]
"""Called with a statement before it runs; what it raises is raised in the statement's place."""

_Parameters = Any  # what sqlite3 takes: a sequence or a mapping


class Connection(sqlite3.Connection):
    """A connection whose statements pass a watch, so that a fault can strike before any of them.

    Use `execute` and `executemany`; a cursor of one's own would pass unwatched.
    """

    watch: Watch | None = None

    def execute(self, sql: str, parameters: _Parameters = (), /) -> sqlite3.Cursor:
        """Run one statement."""
        if self.watch is not None:
            self.watch(sql)
        return super().execute(sql, parameters)

    def executemany(self, sql: str, rows: Iterable[_Parameters], /) -> sqlite3.Cursor:
        """Run one statement for every row; the watch sees it once a row."""
        return super().executemany(sql, rows if self.watch is None else self._watched(self.watch, sql, rows))

    @staticmethod
    def _watched(watch: Watch, sql: str, rows: Iterable[_Parameters]) -> Iterator[_Parameters]:
        for row in rows:
            watch(sql)
            yield row


class Database:
    """SQLite behind a lock: any thread may use it, and no two at once.

    `read` and `write` lend the connection; functions take it as an argument and leave the transaction alone.
    `watch` sees every statement of a transaction, its `BEGIN IMMEDIATE` and its `COMMIT` included, and may
    raise in its place (faults).
    Raises `LocalStateError` for a file that is no SQLite database, or that cannot be opened.
    """

    def __init__(self, path: str | Path = ":memory:") -> None:
        self.watch: Watch | None = None
        self._lock = threading.RLock()
        self._connection = _open(str(path))

    def close(self) -> None:
        """Close the connection; what was committed is in the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Lend the connection for questions; inside `write`, they see what that transaction has written."""
        with self._lock:
            yield self._connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Lend the connection inside one transaction: committed at the end, rolled back on any exception.

        Transactions do not nest; a `write` inside a `write` raises `RuntimeError`.
        """
        with self._lock:
            connection = self._connection
            if connection.in_transaction:
                raise RuntimeError("a write inside a write")
            connection.watch = self.watch
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.rollback()
                raise
            finally:
                connection.watch = None


APPLICATION_ID = 0x64776374
"""Marks a file as a rehearsal server's (`dwct`), so that no other database is ever written to."""

_BUSY_SECONDS = 1.0


def _open(path: str) -> Connection:
    try:
        connection = sqlite3.connect(
            path,
            factory=Connection,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
            timeout=_BUSY_SECONDS,
        )
        connection.row_factory = sqlite3.Row
        _claim(connection, path)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(files(__package__).joinpath("schema.sql").read_text("utf-8"))
    except sqlite3.Error as error:
        raise LocalStateError(
            f"the rehearsal database cannot be opened: {error}", where=path, next_step=_ANOTHER_FILE
        ) from error
    return connection


_ANOTHER_FILE = "name a file that does not exist yet, or one that a rehearsal server made"


def _claim(connection: Connection, path: str) -> None:
    """Mark a new database as ours; raises `LocalStateError` for one that belongs to something else."""
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    if mark == APPLICATION_ID:
        return
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if mark or tables:
        connection.close()
        raise LocalStateError(
            "this database was not made by a rehearsal server, and is left alone", where=path, next_step=_ANOTHER_FILE
        )
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def insert(connection: Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all name the same columns. Table and column names are ours, never input."""
    if not rows:
        return
    columns = list(rows[0])
    names = ", ".join([f'"{column}"' for column in columns])
    marks = ", ".join("?" * len(columns))
    statement = f'INSERT INTO "{table}" ({names}) VALUES ({marks})'  # noqa: S608
    connection.executemany(statement, [tuple(row.values()) for row in rows])
