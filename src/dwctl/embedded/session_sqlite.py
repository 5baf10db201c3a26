"""A session at an SQLite file: opened read-only, and never in the way of the application's writers.

Without WAL a reader keeps every writer from committing for as long as it reads. So a file that is not in WAL
mode is copied first, as it is at one moment, into a private temporary database that vanishes with the session; the
copy is the snapshot. In WAL mode readers and writers do not meet, and the file itself is read.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from dwctl.embedded.database_errors import timed_out
from dwctl.embedded.database_reasons import failure
from dwctl.embedded.session import LOCK_TIMEOUT, Columns, Session

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_STEPS: Final = 20_000
"""Steps of SQLite's machine between two looks at the clock: about a millisecond."""

_PAGES: Final = 1000
"""Pages of the file that are copied between two looks at the clock: a few milliseconds."""


class SqliteSession(Session):
    """See the module."""

    savepoints = False
    _driver: sqlite3.Connection | None = None

    def engine(self) -> Engine:
        """An engine on the file, or on its copy."""
        from sqlalchemy import create_engine
        from sqlalchemy.pool import NullPool

        return create_engine("sqlite://", creator=self._connect, poolclass=NullPool, hide_parameters=True)

    def _connect(self) -> sqlite3.Connection:
        path = self.target.path
        if not path.exists():
            raise failure("database_file_missing", f"there is no file {path}", where=self.target.location)
        if not path.is_file():
            raise failure("database_file_unreadable", f"{path} is not a file", where=self.target.location)
        # Quoted, so that a ? or # of the name is no part of the URI's own; mode=ro never creates a file.
        uri = f"file:{quote(str(path.absolute()))}?mode=ro"
        driver = sqlite3.connect(uri, uri=True, timeout=min(LOCK_TIMEOUT, self.timeout), isolation_level=None)
        try:
            return driver if self._is_wal(driver) else self._copied(driver)
        except BaseException:
            driver.close()
            raise

    def _copied(self, driver: sqlite3.Connection) -> sqlite3.Connection:
        """A copy of the whole database in a temporary file without a name; the source is closed.

        The source's transaction keeps writers out until the copy is whole, which the statement timeout bounds.
        """
        deadline = time.monotonic() + self.timeout

        def look(_status: int, _left: int, _pages: int) -> None:
            if time.monotonic() > deadline:
                raise timed_out(self.target, self.timeout, "while the file was copied")

        driver.execute("BEGIN")
        driver.execute("SELECT count(*) FROM sqlite_master")
        with closing(driver), ExitStack() as on_failure:
            copy = on_failure.enter_context(closing(sqlite3.connect("", isolation_level=None)))
            driver.backup(copy, pages=_PAGES, progress=look)
            on_failure.pop_all()
        return copy

    def _is_wal(self, driver: sqlite3.Connection) -> bool:
        (mode,) = driver.execute("PRAGMA journal_mode").fetchone()
        return str(mode).lower() == "wal"

    def begin(self, connection: Connection) -> None:
        """Forbid writing, watch the time of every statement, and begin."""
        driver = connection.connection.driver_connection
        self._driver = driver if isinstance(driver, sqlite3.Connection) else None
        self.plain("PRAGMA query_only = ON")
        self.plain("BEGIN")
        self.plain("SELECT count(*) FROM sqlite_master")
        ((self.as_of,),) = self.plain("SELECT strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')")

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """SQLite asks now and then whether to go on; a function of Python's also lets Ctrl-C through."""
        driver = self._driver
        if driver is None:
            yield
            return
        deadline = time.monotonic() + self.timeout
        driver.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        try:
            yield
        finally:
            driver.set_progress_handler(None, 0)

    def columns(self, tables: Sequence[str]) -> Columns:
        """SQLite has no rights of its own: what is there is readable."""
        there = {str(name) for (name,) in self.plain("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}
        found: dict[str, dict[str, str]] = {}
        for table in tables:
            if table in there:
                quoted = table.replace('"', '""')
                rows = self.plain(f'PRAGMA table_info("{quoted}")')
                found[table] = {str(row[1]): str(row[2]).lower() for row in rows}
        return found

    def why_absent(self, table: str) -> str | None:
        """Absent is absent."""
        return None

    def withheld(self, table: str) -> frozenset[str]:
        """SQLite has no rights of its own."""
        return frozenset()
