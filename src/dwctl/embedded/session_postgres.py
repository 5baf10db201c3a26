"""A session at PostgreSQL.

Every setting is local to the one transaction, so that a pooler (pgbouncer) in between hands nothing of it to
others. Row-level security that would hide rows from this user is an error instead of a smaller answer.
"""

from __future__ import annotations

import os
import socket
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Timer
from typing import TYPE_CHECKING, Any

from dwctl.embedded.session import GRACE, LOCK_TIMEOUT, SCHEMA, Columns, Session

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_COLUMNS = """
    SELECT c.relname, n.nspname, pg_table_is_visible(c.oid), a.attname, format_type(a.atttypid, a.atttypmod),
           has_schema_privilege(n.oid, 'USAGE'), has_column_privilege(c.oid, a.attnum, 'SELECT')
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relname = ANY(:tables) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    ORDER BY c.relname, n.nspname, a.attnum
"""

# What holds the rows that are read: the tables themselves, the partitions of one, and what a view is made of.
_KEPT_IN = """
    WITH RECURSIVE behind (oid) AS (
        SELECT to_regclass(name)::oid FROM unnest(CAST(:names AS text[])) AS name
        UNION
        SELECT one.oid FROM behind, LATERAL (
            SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = behind.oid
            UNION ALL
            SELECT d.refobjid FROM pg_catalog.pg_rewrite w
            JOIN pg_catalog.pg_class v ON v.oid = w.ev_class AND v.relkind = 'v'
            JOIN pg_catalog.pg_depend d ON d.objid = w.oid AND d.classid = 'pg_catalog.pg_rewrite'::regclass
                AND d.refclassid = 'pg_catalog.pg_class'::regclass
            WHERE w.ev_class = behind.oid
        ) AS one (oid)
    )
    SELECT oid FROM behind JOIN pg_catalog.pg_class USING (oid) WHERE relkind IN ('r', 'm')
"""

# pg_class is read as of the snapshot, the function looks at the table as it is now: TRUNCATE and a rewriting
# ALTER TABLE give a table a new file, which is empty for older snapshots (documentation, "MVCC Caveats").
_REWRITTEN = """
    SELECT c.relname FROM pg_catalog.pg_class c
    WHERE c.oid IN ({tables}) AND c.relfilenode IS DISTINCT FROM pg_relation_filenode(c.oid);
    ROLLBACK TO SAVEPOINT dwctl
"""


class PostgresSession(Session):
    """See the module."""

    def __init__(self, target: Any, timeout: float) -> None:
        super().__init__(target, timeout)
        self._why: dict[str, str] = {}
        self._withheld: defaultdict[str, set[str]] = defaultdict(set)
        self._oids: list[int] = []
        self._overdue = self._watched = False

    def engine(self) -> Engine:
        """An engine without server-side prepared statements, which a pooler may lose."""
        from sqlalchemy import create_engine
        from sqlalchemy.pool import NullPool

        arguments = {"connect_timeout": self.connect_timeout, "application_name": "dwctl", "prepare_threshold": None}
        return create_engine(
            self.target.url, poolclass=NullPool, connect_args=arguments, isolation_level="AUTOCOMMIT",
            hide_parameters=True,
        )  # fmt: skip

    def begin(self, connection: Connection) -> None:
        """One read-only transaction, its statements and waits for locks bounded."""
        from psycopg.types.string import TextLoader

        driver: Any = connection.connection.driver_connection
        for kind in ("json", "jsonb", "timestamp"):
            driver.adapters.register_loader(kind, TextLoader)
        self.plain("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        milliseconds = max(1, round(self.timeout * 1000))
        waits = min(milliseconds, round(LOCK_TIMEOUT * 1000))
        # No parallel workers: a listing that takes every processor is felt by the application as much as a lock.
        self.plain(f"SET LOCAL statement_timeout = {milliseconds}; SET LOCAL lock_timeout = {waits}; "
                   "SET LOCAL row_security = off; SET LOCAL datestyle = 'ISO'; SET LOCAL timezone = 'UTC'; "
                   "SET LOCAL max_parallel_workers_per_gather = 0")  # fmt: skip
        moment = "clock_timestamp() AT TIME ZONE 'UTC'"
        ((self.as_of,),) = self.plain(f'SELECT to_char({moment}, \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\')')

    def columns(self, tables: Sequence[str]) -> Columns:
        """Tables of the search path and their columns on which this user has SELECT."""
        from sqlalchemy import text

        found: dict[str, dict[str, str]] = {}
        there: dict[str, str] = {}
        statement = text(_COLUMNS).bindparams(tables=list(tables))
        for table, schema, visible, column, kind, usable, granted in self.whole(statement, SCHEMA):
            if visible and granted:
                found.setdefault(table, {})[column] = kind
            elif not visible and usable:
                there.setdefault(table, f"the table {table} is in the schema {schema}, which is not on the search path")
            elif not visible:
                self._why[table] = f"the table {table} is in the schema {schema}, on which this user has no USAGE"
            else:
                self._withheld[table].add(column)
                self._why.setdefault(table, f"the table {table} is there, but this user has no SELECT on it")
        self._why = there | self._why
        names = [self._quoted(table) for table in found]
        self._oids = [int(oid) for (oid,) in self.whole(text(_KEPT_IN).bindparams(names=names), SCHEMA)]
        return found

    def why_absent(self, table: str) -> str | None:
        """The catalogue shows every table, whoever may read it."""
        return self._why.get(table)

    def withheld(self, table: str) -> frozenset[str]:
        """The catalogue shows every column, whoever may read it."""
        return frozenset(self._withheld[table])

    def complaint(self) -> str | None:
        """A table that was emptied or rewritten after the snapshot began would look empty.

        One round trip with the rollback to the savepoint: it is made after every statement.
        """
        if not self._oids:
            return None
        changed = self.plain(_REWRITTEN.format(tables=", ".join(map(str, self._oids))))
        self._holds = False
        return f"the table {changed[0][0]} was emptied or rewritten while it was read" if changed else None

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """Close the connection when the server stays silent: libpq itself would wait for ever."""
        if self._connection is None or self._watched:
            yield
            return
        driver: Any = self._connection.connection.driver_connection
        timer = Timer(self.timeout + GRACE, self._hang_up, [driver])
        timer.daemon = True
        timer.start()
        self._watched = True
        try:
            yield
        finally:
            self._watched = False
            timer.cancel()

    def _hang_up(self, driver: Any) -> None:
        self._overdue = True
        with suppress(Exception), socket.socket(fileno=os.dup(driver.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    def failure(self, error: BaseException, when: str) -> BaseException:
        """As for every session; a line that was hung up because the time was over is a timeout."""
        if self._overdue and isinstance(error, Exception):
            from dwctl.embedded.database_errors import timed_out

            return timed_out(self.target, self.timeout, when)
        return super().failure(error, when)

    def _quoted(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'
