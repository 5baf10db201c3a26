"""One consistent look at the embedded application's database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from dwctl.embedded.application_clock import clock_of
from dwctl.embedded.database_reasons import failure
from dwctl.embedded.database_url import POSTGRESQL
from dwctl.embedded.expected_schema import EXPECTED
from dwctl.embedded.gaps import Gap, GapKind
from dwctl.embedded.schema import found_gaps, no_column, sql_table
from dwctl.embedded.wall_clock import UTC_CLOCK, WallClock

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Executable, Row, Select, Table

    from dwctl.embedded.session import Session

PAGE: Final = 2000


class Snapshot:
    """Everything read through it was true at one moment, `as_of`. It never writes; use it in one thread.

    Between two statements it holds no lock; each statement is bounded by the statement timeout.
    """

    def __init__(self, session: Session, prefix: str, zone: str | None = None) -> None:
        self._session, self._prefix = session, prefix
        self._columns = _read(session, prefix)
        self._tables: dict[str, Table] = {}
        self.clock: WallClock = UTC_CLOCK
        self.gaps: tuple[Gap, ...] = found_gaps(session, self._columns, prefix)
        self.clock, doubt = clock_of(self, zone)
        if doubt is not None:
            self.gaps += (doubt,)

    @property
    def dialect(self) -> str:
        """`sqlite`, `mariadb`, `mysql` or `postgresql`: what the server itself says it is."""
        return self._session.dialect

    @property
    def as_of(self) -> str:
        """The moment of the snapshot by the database's own clock: UTC, microseconds, `Z`."""
        return self._session.as_of

    @property
    def location(self) -> str:
        """The database's URL as a person may see it, without password."""
        return self._session.target.location

    @property
    def tables(self) -> Mapping[str, frozenset[str]]:
        """Table without prefix → the columns that are there and may be read, of those in `EXPECTED`."""
        return {table: frozenset(columns) for table, columns in self._columns.items()}

    def has(self, table: str, *columns: str) -> bool:
        """Whether the table, and every column named, is there and may be read."""
        if not EXPECTED[table].issuperset(columns):
            raise KeyError(f"{', '.join(columns)} of {table} are not all in EXPECTED: add them there")
        return table in self._columns and all(column in self._columns[table] for column in columns)

    def table(self, name: str) -> Table:
        """The table with the columns that can be read. JSON and TEXT are text; times are as `instant` takes them.

        Raises NotFound where it is not there, NotAuthorized where it may not be read; so does its `c` for a column.
        """
        if name not in self._tables:
            if not self.has(name):
                raise self._unread(name, None)
            refusal = partial(self._unread, name)
            self._tables[name] = sql_table(name, self._prefix, self._columns[name], refusal)
        return self._tables[name]

    def column(self, table: str, name: str) -> ColumnElement[Any]:
        """The column, or NULL of its type where it, or its table, cannot be read.

        For what may be left out: with `table(...).c` a column is an error where it is missing.
        """
        return self.table(table).c[name] if self.has(table, name) else no_column(name, self.dialect)

    def _unread(self, table: str, column: str | None) -> Exception:
        gap = self.gap(table, column)
        if gap is None:
            raise KeyError(f"{table}.{column} is not in EXPECTED: add it there")
        reason = "database_not_granted" if gap.kind is GapKind.NOT_GRANTED else "not_an_embedded_database"
        return failure(reason, gap.sentence, where=self.location, next_step=gap.next_step)

    def gap(self, table: str, *columns: str | None) -> Gap | None:
        """Why the table, or the first of these columns that has a gap, cannot be read; None where nothing is."""
        wanted = {None, *columns}
        return next((gap for gap in self.gaps if gap.table == table and gap.column in wanted), None)

    def all(self, statement: Executable) -> list[Row[*tuple[Any, ...]]]:
        """Every row at once: for what is known to be small; for long lists take `pages`. Raises a DwctlError."""
        return self._session.whole(statement, "while rows were read")

    def pages(
        self, statement: Select[*tuple[Any, ...]], *keys: Column[Any], size: int = PAGE
    ) -> Iterator[Row[*tuple[Any, ...]]]:
        """The rows in the order of `keys`, one by one; see `page_lists`."""
        return chain.from_iterable(self.page_lists(statement, *keys, size=size))

    def page_lists(
        self,
        statement: Select[*tuple[Any, ...]],
        *keys: Column[Any],
        size: int = PAGE,
        again: Callable[..., Select[*tuple[Any, ...]]] | None = None,
    ) -> Iterator[list[Row[*tuple[Any, ...]]]]:
        """The rows in the order of `keys`, asked for in pages that begin after the last key: flat in memory.

        The keys must be among the selected columns, NOT NULL, and unique together: two rows of the same key are a
        mistake in the program (RuntimeError), since a page could end between them. Other statements may run
        between two pages. `again` makes the statement of a later page from the last key, where a table that is joined
        by the key can begin there too. A page is the taker's: it is not kept here. Raises a DwctlError that says how
        many rows had been read.
        """
        from dwctl.embedded.keyset import after

        statement = statement.order_by(None).order_by(*keys)
        page, count = statement.limit(size + 1), 0
        while rows := self._session.whole(page, f"after {count:,} rows of {_name(keys)}"):
            if len(rows) <= size:
                yield rows
                return
            beyond, last = _key(rows.pop(), keys), _key(rows[-1], keys)
            if beyond == last:
                raise RuntimeError(f"{', '.join(map(str, keys))} is not unique: use a key that is")
            # Nothing here holds the page while its taker works on it.
            taken = [rows]
            del rows
            yield taken.pop()
            count += size
            if again is not None:
                statement = again(*last).order_by(None).order_by(*keys)
            page = statement.where(after(keys, last)).limit(size + 1)

    def among(self, column: ColumnElement[Any], values: Collection[str]) -> ColumnElement[bool]:
        """Whether a column of text has one of many values, said in the way that costs this engine's driver least."""
        if self.dialect != POSTGRESQL:
            return column.in_(values)
        from sqlalchemy import ARRAY, Text, any_, bindparam

        return column == any_(bindparam(None, list(values), type_=ARRAY(Text())))

    def instant(self, value: object, *whose: object) -> str | None:
        """A time of the database as UTC with microseconds and `Z`; None for NULL (and MySQL's zero date).

        `whose` are the column and the id of its row, for the error where it is no time.
        """
        return None if value is None else self.clock.instant(value, *whose)


def _name(keys: tuple[Column[Any], ...]) -> str:
    return str(getattr(getattr(keys[0], "table", None), "name", "an answer"))


def _key(row: Row[*tuple[Any, ...]], keys: tuple[Column[Any], ...]) -> tuple[Any, ...]:
    return tuple(row._mapping[key] for key in keys)


def _read(session: Session, prefix: str) -> dict[str, Mapping[str, str]]:
    found = session.columns([prefix + table for table in EXPECTED])
    return {
        table: {name: kind for name, kind in found[prefix + table].items() if name in wanted}
        for table, wanted in EXPECTED.items()
        if prefix + table in found
    }
