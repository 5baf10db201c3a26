"""The console that every table is printed on."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.padding import Padding
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


def print_line(console: Console, line: Text) -> None:
    """Print a line; on a terminal it is folded under its own indentation, elsewhere it stays one line for grep."""
    if not console.is_terminal:
        console.print(line, soft_wrap=True)
        return
    indent = len(line.plain) - len(line.plain.lstrip(" "))
    console.print(Padding(line[indent:], (0, 0, 0, indent)))
