"""Lines of text with a little style, for reports that are read from top to bottom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import TextIO

from rich.text import Text

from dwctl.render.console import console_for
from dwctl.render.text import one_line

INDENT = "  "
"""What stands before the lines of a block."""

Cell = str | tuple[str, str]
"""A piece of text, or one with its style."""


def write_lines(lines: Iterable[Text], stream: TextIO) -> None:
    """Write lines to a stream, in colour where it is a terminal; no line is wrapped or cut."""
    console = console_for(stream)
    for text in lines:
        console.print(text, soft_wrap=True)


def heading(title: str, note: str = "") -> Text:
    """The title of a block, after an empty line; the note stands beside it."""
    return Text.assemble("\n", (title, "bold"), f"  {note}" if note else "")


def line(*cells: Cell) -> Text:
    """One line of a block; text from a document is made safe for a terminal."""
    return Text(INDENT).append_text(_joined([_text(cell) for cell in cells]))


def columns(rows: Sequence[Sequence[Cell]]) -> list[Text]:
    """Lines of a block with their cells one below the other."""
    cells = [[_text(cell) for cell in row] for row in rows]
    widths = [max(cell.cell_len for cell in column) for column in zip_longest(*cells, fillvalue=Text())]
    return [Text(INDENT).append_text(_joined(_padded(row, widths))) for row in cells]


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
    joined = Text("  ").join(cells)
    joined.rstrip()
    return joined
