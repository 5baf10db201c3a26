"""Lines of text with a little style, for reports that are read from top to bottom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest

from rich.text import Text

from dwctl.render.text import one_line

INDENT = "  "
"""What stands before the lines of a block."""

GAP = 2
"""Blanks between two columns."""

Cell = str | tuple[str, str]
"""A piece of text, or one with its style."""


def heading(title: str, note: str = "") -> Text:
    """The title of a block, after an empty line; the note stands beside it."""
    return Text.assemble("\n", (title, "bold"), f"  {note}" if note else "")


def line(*cells: Cell) -> Text:
    """One line of a block; text from a document is made safe for a terminal."""
    return Text(INDENT).append_text(_joined([_text(cell) for cell in cells]))


def labelled(label: str, sentence: str, style: str = "") -> Text:
    """One line of a block: a sentence, and before it in its own style what it is or is about."""
    return Text.assemble(INDENT, (f"{one_line(label)}:", style), f" {one_line(sentence)}")


def columns(rows: Sequence[Sequence[Cell]]) -> list[Text]:
    """Lines of a block with their cells one below the other."""
    return [Text(INDENT).append_text(row) for row in text_columns(rows)[0]]


def text_columns(rows: Sequence[Sequence[Cell]]) -> tuple[list[Text], int]:
    """Rows with their cells one below the other, and the column at which the last cell begins."""
    cells = [[_text(cell) for cell in row] for row in rows]
    widths = [max(cell.cell_len for cell in column) for column in zip_longest(*cells, fillvalue=Text())]
    return [_joined(_padded(row, widths)) for row in cells], sum(width + GAP for width in widths[:-1])


def cell_width(cell: Cell) -> int:
    """The columns of a terminal that a cell takes."""
    return _text(cell).cell_len


def fields(rows: Iterable[tuple[str, Cell]]) -> list[Text]:
    """Lines of a block that name a value each; an empty value is left out."""
    return columns([((name, "dim"), value) for name, value in rows if value])


def _text(cell: Cell) -> Text:
    content, style = (cell, "") if isinstance(cell, str) else cell
    return Text(one_line(content), style=style)


def _padded(row: Sequence[Text], widths: Sequence[int]) -> list[Text]:
    for cell, width in zip(row[:-1], widths, strict=False):
        cell.pad_right(width - cell.cell_len)
    return list(row)


def _joined(cells: Sequence[Text]) -> Text:
    joined = Text(" " * GAP).join(cells)
    joined.rstrip()
    return joined
