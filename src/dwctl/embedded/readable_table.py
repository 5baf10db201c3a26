"""A table as statements are built on it: asking it for a column that cannot be read is an error that says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Column, MetaData, Table
from sqlalchemy.sql.base import ReadOnlyColumnCollection

Refusal = Callable[[str], Exception]
"""What is raised for a column of this name."""


class ReadableTable(Table):
    """The columns of a table that can be read; any other one raises what `refusal` makes of its name."""

    inherit_cache = True
    refusal: Refusal | None = None
    """None while the table is being made, which already looks at its columns."""

    @property
    def c(self) -> ReadOnlyColumnCollection[str, Column[Any]]:
        """The columns. Raises for one that is not among them, whether it is named by attribute or by item."""
        return super().c if self.refusal is None else ReadableColumns(super().c, self.refusal)


class ReadableColumns(ReadOnlyColumnCollection[str, Column[Any]]):
    """See `ReadableTable.c`."""

    __slots__ = ("_refusal",)
    _refusal: Refusal

    def __init__(self, columns: Any, refusal: Refusal) -> None:
        super().__init__(columns)
        object.__setattr__(self, "_refusal", refusal)

    def __getattr__(self, key: str) -> Column[Any]:
        # SQLAlchemy itself asks for names of its own protocols.
        if key.startswith("_") or key in self:
            return super().__getattr__(key)
        raise self._refusal(key)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str) and key not in self:
            raise self._refusal(key)
        return super().__getitem__(key)


def readable_table(name: str, columns: list[Column[Any]], refusal: Refusal) -> ReadableTable:
    """A table of this name, in a catalogue of its own."""
    table = ReadableTable(name, MetaData(), *columns)
    table.refusal = refusal
    return table
