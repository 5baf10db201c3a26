"""One read-only session at the database: a snapshot that holds for its whole length, and no lock between statements.

A transaction that has read a table keeps a lock on the table's definition until it ends: a migration of the
application would wait for it, and everything after the migration for the migration. So every statement runs
behind a savepoint and is rolled back to it, which gives these locks back (MariaDB, MySQL and PostgreSQL; as
`mysqldump --single-transaction` does) while the snapshot stays. What changes between the statements is noticed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar, Final

from dwctl.embedded.database_errors import translated

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Executable, Row

    from dwctl.embedded.database_url import DatabaseTarget
    from dwctl.errors import DwctlError

CONNECT_TIMEOUT: Final = 10
LOCK_TIMEOUT: Final = 5.0
"""Seconds. No statement of dwctl waits longer for a lock of somebody else."""

GRACE: Final = 2.0
"""Seconds that the server has, beyond the statement timeout, to say itself that the time is over."""

SCHEMA: Final = "while the schema was read"
"""What an error says of a query that asks which tables there are."""

Columns = Mapping[str, Mapping[str, str]]
"""Table → its readable columns → their declared types."""


class Session(ABC):
    """A transaction that sees one state of the database. Use it in one thread, and end it with `close`."""

    dialect: str
    savepoints: ClassVar[bool] = True

    def __init__(self, target: DatabaseTarget, timeout: float) -> None:
        self.target, self.timeout = target, timeout
        self.dialect = target.dialect
        self.as_of = ""
        self._holds = False
        self._connection: Connection | None = None

    def open(self) -> None:
        """Connect, and begin the transaction. Raises a DwctlError."""
        try:
            self._connection = self.engine().connect()
            self.begin(self._connection)
            if self.savepoints:
                self.plain("SAVEPOINT dwctl")
        except BaseException as error:
            self.close()
            raise self.failure(error, "") from error

    @abstractmethod
    def engine(self) -> Engine:
        """An engine that connects anew each time."""

    @abstractmethod
    def begin(self, connection: Connection) -> None:
        """Make the session read-only and its statements bounded, begin the snapshot, and set `as_of`."""

    @abstractmethod
    def columns(self, tables: Sequence[str]) -> Columns:
        """What this user may read of the tables named (with prefix)."""

    @abstractmethod
    def why_absent(self, table: str) -> str | None:
        """None where a table that `columns` does not have is not there; else why it cannot be read, as a sentence."""

    @abstractmethod
    def withheld(self, table: str) -> frozenset[str] | None:
        """The columns of a readable table that are there and may not be read; None where the server does not tell."""

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """Let what runs inside take no longer than the statement timeout, where the driver would wait for ever."""
        yield

    def complaint(self) -> str | None:
        """What has made the statement just read unreliable, as a sentence; asked before its locks are given back.

        An engine that can give them back in the same breath does so (`_holds` is then false).
        """
        return None

    @property
    def connect_timeout(self) -> int:
        """Whole seconds that the server has to take the session; libpq takes no less than two."""
        return max(2, min(CONNECT_TIMEOUT, ceil(self.timeout)))

    @property
    def connection(self) -> Connection:
        """The open connection."""
        if self._connection is None:
            raise RuntimeError("the session is not open")
        return self._connection

    def plain(self, sql: str) -> list[Any]:
        """Run a text of ours and return its rows, if any. Raises the driver's errors."""
        with self.bounded():
            result = self.connection.exec_driver_sql(sql)
            return list(result.fetchall()) if result.returns_rows else []

    def whole(self, statement: Executable, when: str) -> list[Row[*tuple[Any, ...]]]:
        """Every row of a statement; `when` says in an error what was going on. Raises a DwctlError."""
        self._holds = True
        try:
            # One watch over all that it takes.
            with self.bounded():
                rows = list(self.connection.execute(statement).fetchall())
                self._settle()
        except Exception as error:
            raise self.failure(error, when) from error
        finally:
            self._release()
        return rows

    def _settle(self) -> None:
        """After the last row: see whether it can be relied on, and give back what the statement locked."""
        if complaint := self.complaint():
            raise self.changed(complaint)
        self._release()

    def changed(self, sentence: str) -> DwctlError:
        """The failure of a statement whose tables changed under it."""
        from dwctl.embedded.database_reasons import failure

        return failure("schema_changed", sentence, where=self.target.location)

    def failure(self, error: BaseException, when: str) -> BaseException:
        """The error of ours that the driver's error stands for; others come back as they are."""
        return translated(error, self.target, self.timeout, when)

    def _release(self) -> None:
        """Give back what the statement locked. A connection that is gone is noticed by the next statement."""
        if self.savepoints and self._connection is not None and self._holds:
            self._holds = False
            with suppress(Exception):
                self.plain("ROLLBACK TO SAVEPOINT dwctl")

    def close(self) -> None:
        """End the transaction and the connection; never raises."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.close()
