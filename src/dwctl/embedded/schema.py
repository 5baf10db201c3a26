"""What of the expected schema is there: SQLAlchemy tables for it, and the gaps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dwctl.embedded.database_url import MARIADB, MYSQL
from dwctl.embedded.expected_schema import EXPECTED, LOST, MISSING
from dwctl.embedded.gaps import Gap, GapKind

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Table

    from dwctl.embedded.session import Session


def sql_table(name: str, prefix: str, columns: Mapping[str, str], refusal: Callable[[str], Exception]) -> Table:
    """The table as SQLAlchemy builds statements on it, called by its name with the prefix.

    To ask it for a column that is not among `columns` raises what `refusal` makes of the column's name.
    """
    from sqlalchemy import Column

    from dwctl.embedded.readable_table import readable_table

    found = [Column(column, _type(column, kind)) for column, kind in columns.items()]
    return readable_table(prefix + name, found, refusal)


def no_column(name: str, dialect: str) -> ColumnElement[Any]:
    """NULL in the place of a column of this name that cannot be read.

    It has a type: PostgreSQL takes a bare NULL for text, and SQLAlchemy makes IS NULL of a comparison with one. But
    text that is cast has the connection's collation on MariaDB and MySQL, and is refused beside a column's.
    """
    from sqlalchemy import DateTime, Text, cast, null, type_coerce
    from sqlalchemy.types import NullType

    if name.endswith("_at"):
        return type_coerce(cast(null(), DateTime()), NullType())
    return type_coerce(null(), Text()) if dialect in (MARIADB, MYSQL) else cast(null(), Text())


def _type(column: str, declared: str) -> Any:
    """The SQL type of a declared one. Times have none: what the driver gives is what `instant` takes.

    Text with a collation that folds is compared by its characters; ids are not, which are unique as the collation has
    them, and whose indexes are in its order.
    """
    from sqlalchemy import Boolean, Double, Integer
    from sqlalchemy.types import NullType

    kind, _, collation = declared.lower().partition(" collate ")
    if collation and not collation.endswith("_bin") and column != "id" and not column.endswith("_id"):
        from dwctl.embedded.exact_text import ExactText

        return ExactText()
    if kind in ("boolean", "tinyint(1)"):
        return Boolean()
    if "int" in kind or kind in ("smallserial", "serial", "bigserial"):
        return Integer()
    if kind.startswith(("double", "float", "real")):
        return Double()
    if kind.startswith(("timestamp", "datetime")):
        return NullType()
    from dwctl.embedded.exact_text import ANY_TEXT

    return ANY_TEXT


def found_gaps(session: Session, columns: Mapping[str, Mapping[str, str]], prefix: str) -> tuple[Gap, ...]:
    """Every expected table and column that is not there or not granted."""
    return tuple(_gaps(session, columns, prefix))


def _gaps(session: Session, columns: Mapping[str, Mapping[str, str]], prefix: str) -> Iterator[Gap]:
    for table, wanted in EXPECTED.items():
        if table not in columns:
            yield _absent_table(session, table, prefix)
            continue
        withheld = session.withheld(prefix + table)
        for column in sorted(wanted - set(columns[table])):
            yield _absent_column(table, column, prefix, withheld)


def _absent_table(session: Session, table: str, prefix: str) -> Gap:
    if refused := session.why_absent(prefix + table):
        step = f"Grant SELECT on {prefix}{table} to the database user."
        return Gap(GapKind.NOT_GRANTED, table, None, refused, step)
    said = MISSING.get((table, None), f"there is no table {prefix}{table}")
    return Gap(GapKind.MISSING_TABLE, table, None, said)


def _absent_column(table: str, column: str, prefix: str, withheld: Collection[str] | None) -> Gap:
    """`withheld` are the columns that are there and may not be read; None where the server does not tell."""
    grant = f"Grant SELECT ({column}) on {prefix}{table} to the database user"
    kind, step = GapKind.MISSING_COLUMN, None
    if withheld is None:
        said = f"the table {prefix}{table} has no column {column} that this user may read"
        step = f"{grant}, if there is such a column."
    elif column in withheld:
        said = f"the column {column} of the table {prefix}{table} is there, but this user has no SELECT on it"
        kind, step = GapKind.NOT_GRANTED, f"{grant}."
    else:
        said = MISSING.get((table, column), f"the table {prefix}{table} has no column {column}")
    lost = LOST.get((table, column))
    return Gap(kind, table, column, f"{said}: {lost}" if lost else said, step)
