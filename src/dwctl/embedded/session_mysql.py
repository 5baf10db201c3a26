"""A session at MariaDB or MySQL.

The session's time zone stays the server's own, as Laravel leaves it: the application's times are TIMESTAMP
columns, which the server converts by the session's zone when they are written and again when they are read. In
the same zone the application's own clock comes back; in any other it would be shifted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dwctl.embedded.database_url import MARIADB, MYSQL
from dwctl.embedded.session import GRACE, LOCK_TIMEOUT, SCHEMA, Columns, Session

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_NO_SUCH_TABLE = 1146


class MysqlSession(Session):
    """See the module."""

    def engine(self) -> Engine:
        """An engine whose connections give up when the server falls silent."""
        from pymysql.constants import FIELD_TYPE
        from pymysql.converters import conversions
        from sqlalchemy import create_engine
        from sqlalchemy.pool import NullPool

        # Times stay the text that the server sends: `instant` takes it, and to make datetimes of it costs more.
        as_text = {FIELD_TYPE.TIMESTAMP, FIELD_TYPE.DATETIME}
        silence = self.timeout + GRACE
        arguments = {
            "connect_timeout": self.connect_timeout,
            "read_timeout": silence,
            "write_timeout": silence,
            "local_infile": False,
            "program_name": "dwctl",
            "conv": {kind: convert for kind, convert in conversions.items() if kind not in as_text},
        }
        if "charset" not in self.target.url.query:
            arguments["charset"] = "utf8mb4"
        return create_engine(
            self.target.url, poolclass=NullPool, connect_args=arguments, isolation_level="AUTOCOMMIT",
            hide_parameters=True, use_insertmanyvalues=False,
        )  # fmt: skip

    def begin(self, connection: Connection) -> None:
        """Every transaction read-only, statements and waits for locks bounded; then one consistent snapshot."""
        ((version,),) = self.plain("SELECT VERSION()")
        self.dialect = MARIADB if "mariadb" in str(version).lower() else MYSQL
        if self.dialect == MARIADB:
            self.plain(f"SET SESSION max_statement_time = {self.timeout:f}")
        else:
            self.plain(f"SET SESSION max_execution_time = {max(1, round(self.timeout * 1000))}")
        waits = max(1, round(min(LOCK_TIMEOUT, self.timeout)))
        self.plain(f"SET SESSION lock_wait_timeout = {waits}, SESSION innodb_lock_wait_timeout = {waits}")
        self.plain("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        self.plain("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        ((self.as_of,),) = self.plain("SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%%Y-%%m-%%dT%%H:%%i:%%s.%%fZ')")

    def columns(self, tables: Sequence[str]) -> Columns:
        """Tables and columns on which this user has SELECT; the information schema shows no others."""
        from sqlalchemy import bindparam, text

        statement = text(
            "SELECT TABLE_NAME, COLUMN_NAME, CONCAT_WS(' collate ', COLUMN_TYPE, COLLATION_NAME) "
            "FROM information_schema.COLUMNS "
            "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN :tables AND FIND_IN_SET('select', `PRIVILEGES`) "
            "ORDER BY TABLE_NAME, ORDINAL_POSITION"
        ).bindparams(bindparam("tables", expanding=True))
        found: dict[str, dict[str, str]] = {}
        for table, column, kind in self.whole(statement.bindparams(tables=list(tables)), SCHEMA):
            found.setdefault(str(table), {})[str(column)] = str(kind).lower()
        return found

    def why_absent(self, table: str) -> str | None:
        """The server says of a table without rights neither that it is there nor that it is not."""
        from sqlalchemy.exc import DBAPIError

        try:
            self.plain(f"SELECT 1 FROM {self._quoted(table)} LIMIT 0")  # noqa: S608 - quoted
        except DBAPIError as error:
            if error.orig is not None and error.orig.args and error.orig.args[0] == _NO_SUCH_TABLE:
                return None
            return (
                f"the table {table} may not be read by this user: SELECT is not granted on it, or there is no such "
                "table (the server does not tell these apart)"
            )
        return f"no column of the table {table} may be read by this user"

    def withheld(self, table: str) -> None:
        """The information schema shows a user no column without rights on it, so none is told from one not there."""

    def _quoted(self, name: str) -> str:
        return "`" + name.replace("`", "``").replace("%", "%%") + "`"
