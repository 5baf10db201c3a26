"""The embedded application's database, opened for reading only (extra `database`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from dwctl.embedded.database_url import MARIADB, MYSQL, POSTGRESQL, SQLITE, DatabaseTarget, database_target
from dwctl.embedded.session import Session
from dwctl.embedded.session_mysql import MysqlSession
from dwctl.embedded.session_postgres import PostgresSession
from dwctl.embedded.session_sqlite import SqliteSession
from dwctl.embedded.snapshot import Snapshot
from dwctl.secret import Secret

_SESSIONS: Final[Mapping[str, type[Session]]] = {
    SQLITE: SqliteSession,
    MYSQL: MysqlSession,
    MARIADB: MysqlSession,
    POSTGRESQL: PostgresSession,
}


class EmbeddedDatabase:
    """A database that can be looked at, as often as wanted. Each snapshot has a connection of its own."""

    def __init__(self, target: DatabaseTarget, prefix: str, statement_timeout: float, zone: str | None) -> None:
        self._target, self._prefix, self._timeout, self._zone = target, prefix, statement_timeout, zone

    @classmethod
    def open(
        cls, url: Secret, *, prefix: str = "", statement_timeout: float = 30.0, zone: str | None = None
    ) -> EmbeddedDatabase:
        """The database of a URL; nothing is connected before the first snapshot.

        `prefix` stands before the name of every table; `statement_timeout` is in seconds; `zone` is that of the
        application's clock (config/app.php). Raises RequestNotPossible for what cannot be a database's URL.
        """
        return cls(database_target(url), prefix, statement_timeout, zone)

    @property
    def location(self) -> str:
        """The URL as a person may see it, without password."""
        return self._target.location

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """One consistent look at the database. Raises a DwctlError (see `database_reasons`)."""
        session = _SESSIONS[self._target.dialect](self._target, self._timeout)
        session.open()
        try:
            yield Snapshot(session, self._prefix, self._zone)
        finally:
            session.close()
