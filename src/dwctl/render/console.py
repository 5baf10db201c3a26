"""The console that every table is printed on."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDTH_OF_A_FILE = 200
"""Columns where there is no terminal: ids must not be cut in a log."""


def console_for(stream: TextIO) -> Console:
    """A console on a stream: the terminal's width and colours, or plain and wide in a pipe or a file."""
    width = None if stream.isatty() else _WIDTH_OF_A_FILE
    return Console(file=stream, width=width, highlight=False, emoji=False)


def plain_table(*headings: str) -> Table:
    """A table without lines, whose cells are folded and never cut."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def print_line(console: Console, line: Text, hang: int | None = None) -> None:
    """Print a line; on a terminal it is folded under its own indentation, elsewhere it stays one line for grep.

    `hang` is another column to fold under: that of the last of a line's cells, say.
    """
    if not console.is_terminal:
        console.print(line, soft_wrap=True)
        return
    indent = len(line.plain) - len(line.plain.lstrip(" "))
    hang = indent if hang is None or hang >= len(line) else hang
    folded = line[hang:].wrap(console, max(console.width - hang, 1))
    for number, part in enumerate(folded):
        part.rstrip()
        console.print((line[:hang] if number == 0 else Text(" " * hang)) + part, soft_wrap=True)
