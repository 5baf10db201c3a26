"""Lines and tables of a report, printed: all of a table in a pipe or a file, on a terminal what has room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TextIO

from rich.console import Console
from rich.text import Text

from dwctl.render.console import console_for, print_line
from dwctl.render.console_lines import GAP, INDENT, Cell, cell_width, text_columns

_LEAST: Final = 24
_MOST: Final = 40
"""How narrow the last cell of a row may become: between these, as its longest word needs. It alone is folded."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with their cells one below the other, under headings.

    On a terminal that is too narrow the columns of `may_go` are left out, the first one first, until the others
    fit; a line at the end says which. No id or file name is broken as long as what stays has room. The column that
    may be folded stands last.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    may_go: Sequence[str] = ()
    indent: str = INDENT


def write_lines(lines: Iterable[Text | Table], stream: TextIO) -> None:
    """Write lines and tables to a stream, in colour and folded where it is a terminal; elsewhere no line is wrapped."""
    console = console_for(stream)
    for one in lines:
        if isinstance(one, Table):
            print_table(console, one)
        else:
            print_line(console, one)


def print_table(console: Console, table: Table) -> None:
    """Print a table, a line a row."""
    lines, hang, gone = table_lines(console, table)
    for line in lines:
        print_line(console, line, hang)
    if gone is not None:
        print_line(console, gone)


def table_lines(console: Console, table: Table) -> tuple[list[Text], int | None, Text | None]:
    """The lines of a table, its headings first; the column to fold them under; and a line on what has no room."""
    room = console.width - len(table.indent) if console.is_terminal else None
    kept, gone = _that_fit(table, room)
    head: list[Cell] = [(table.headings[number], "bold") for number in kept]
    lines, last = text_columns([head, *([row[number] for number in kept] for row in table.rows)])
    hang = None if room is None or last + _LEAST > room else len(table.indent) + last
    note = Text(f"{table.indent}no room for: {', '.join(gone)} (--json has them)", style="dim") if gone else None
    return [Text(table.indent).append_text(line) for line in lines], hang, note


def _that_fit(table: Table, room: int | None) -> tuple[list[int], list[str]]:
    """The numbers of the columns that stay, and the headings of those that do not."""
    kept = list(range(len(table.headings)))
    if room is None:
        return kept, []
    columns = [[row[number] for row in (table.headings, *table.rows)] for number in kept]
    widths = [max(map(cell_width, column)) for column in columns]
    folded = [max(map(_folded_width, column)) for column in columns]

    def fit(numbers: Sequence[int]) -> bool:
        return sum(widths[number] + GAP for number in numbers[:-1]) + folded[numbers[-1]] <= room

    gone: list[int] = []
    for name in table.may_go:
        if fit(kept):
            break
        gone.append(table.headings.index(name))
        kept.remove(gone[-1])
    for number in reversed(gone):  # a narrow one may have left in vain, for a wide one left after it
        if fit(back := sorted((*kept, number))):
            kept = back
    return kept, [table.headings[number] for number in gone if number not in kept]


def _folded_width(cell: Cell) -> int:
    """The columns that a cell needs where it is folded at blanks."""
    longest = max(map(cell_width, (cell if isinstance(cell, str) else cell[0]).split(" ")))
    return min(cell_width(cell), max(_LEAST, min(_MOST, longest)))
