"""What of the expected schema is there: SQLAlchemy tables for it, and the gaps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dwctl.embedded.expected_schema import EXPECTED, MISSING
from dwctl.embedded.gaps import Gap, GapKind

if TYPE_CHECKING:
    from sqlalchemy import Table

    from dwctl.embedded.session import Session


def sql_table(name: str, prefix: str, columns: Mapping[str, str]) -> Table:
    """The table as SQLAlchemy builds statements on it, called by its name with the prefix."""
    from sqlalchemy import Column, MetaData, Table

    return Table(prefix + name, MetaData(), *(Column(column, _type(kind)) for column, kind in columns.items()))


def _type(declared: str) -> Any:
    """The SQL type of a declared one. Times have none: what the driver gives is what `instant` takes."""
    from sqlalchemy import Boolean, Double, Integer, Text
    from sqlalchemy.types import NullType

    kind = declared.lower()
    if kind in ("boolean", "tinyint(1)"):
        return Boolean()
    if "int" in kind or kind in ("smallserial", "serial", "bigserial"):
        return Integer()
    if kind.startswith(("double", "float", "real")):
        return Double()
    if kind.startswith(("timestamp", "datetime")):
        return NullType()
    return Text()


def found_gaps(session: Session, columns: Mapping[str, Mapping[str, str]], prefix: str) -> tuple[Gap, ...]:
    """Every expected table and column that is not there or not granted."""
    return tuple(_gaps(session, columns, prefix))


def _gaps(session: Session, columns: Mapping[str, Mapping[str, str]], prefix: str) -> Iterator[Gap]:
    for table, wanted in EXPECTED.items():
        if table not in columns:
            yield _absent_table(session, table, prefix)
            continue
        for column in sorted(wanted - set(columns[table])):
            said = MISSING.get((table, column), f"the table {prefix}{table} has no column {column}")
            yield Gap(GapKind.MISSING_COLUMN, table, column, said)


def _absent_table(session: Session, table: str, prefix: str) -> Gap:
    if refused := session.why_absent(prefix + table):
        step = f"Grant SELECT on {prefix}{table} to the database user."
        return Gap(GapKind.NOT_GRANTED, table, None, refused, step)
    said = MISSING.get((table, None), f"there is no table {prefix}{table}")
    return Gap(GapKind.MISSING_TABLE, table, None, said)
