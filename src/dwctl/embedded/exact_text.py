"""Text of MariaDB and MySQL compared by its characters, as the other databases and Python compare it.

The collations that Laravel takes there fold case and accents: `orders.process` is `ORDERS.PROCESS`, a group of rows
shows whichever spelling the server met first, and two groupings of the same rows may show two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, and_, cast
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import eq, in_op, ne, not_in_op


class AnyText(Text):
    """Text of SQLite, where any value may stand in any column: bytes are read as the text that they are."""

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """What is selected for the column."""
        return cast(column, Text())


ANY_TEXT: Final = Text().with_variant(AnyText(), "sqlite")
"""The type of a text column whose collation does not fold."""


class exact(FunctionElement[str]):  # noqa: N801 - written like the functions of SQL
    """Text for GROUP BY, DISTINCT and ORDER BY, by its characters; elsewhere than on MariaDB and MySQL as it stands."""

    type = ANY_TEXT
    inherit_cache = True


@compiles(exact)
def _as_it_stands(element: exact, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(exact, "mysql")
def _by_characters(element: exact, compiler: SQLCompiler, **options: Any) -> str:
    # Only MariaDB's own binary collation counts spaces at the end; a collation must be of the column's character set.
    collation = "utf8mb4_nopad_bin" if getattr(compiler.dialect, "is_mariadb", False) else "utf8mb4_bin"
    return f"CONVERT({compiler.process(element.clauses, **options)} USING utf8mb4) COLLATE {collation}"


class ExactText(Text):
    """The type of a text column whose collation folds: `==`, `!=`, `in_` and `not_in` compare characters."""

    class Comparator(Text.Comparator[str]):
        """See `ExactText`."""

        def operate(self, op: Callable[..., Any], *other: Any, **options: Any) -> ColumnElement[Any]:
            """The operation; where it looks for a value, the folding one stands beside it, which has the index."""
            if op not in (eq, ne, in_op, not_in_op):
                return super().operate(op, *other, **options)
            by_characters: ColumnElement[bool] = op(exact(self.expr), *other, **options)
            if op in (ne, not_in_op):
                return by_characters
            return and_(super().operate(op, *other, **options), by_characters)

    comparator_factory = Comparator
