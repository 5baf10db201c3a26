"""The console that everything for people is printed on."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.text import Text

_WIDTH_OF_A_FILE = 200
"""Columns where there is no terminal: ids must not be cut in a log."""


def console_for(stream: TextIO) -> Console:
    """A console on a stream: the terminal's width and colours, or plain and wide in a pipe or a file."""
    width = None if stream.isatty() else _WIDTH_OF_A_FILE
    return Console(file=stream, width=width, highlight=False, emoji=False)


def print_line(console: Console, line: Text, hang: int | None = None) -> None:
    """Print a line; on a terminal it is folded under its own indentation, elsewhere it stays one line for grep.

    `hang` is another column to fold under: that of the last of a line's cells, say.
    """
    for part in [line] if not console.is_terminal else folded(console, line, hang):
        console.print(part, soft_wrap=True)


def folded(console: Console, line: Text, hang: int | None = None) -> list[Text]:
    """A line as the lines that a terminal has room for; `hang` as in `print_line`."""
    indent = len(line.plain) - len(line.plain.lstrip(" "))
    hang = indent if hang is None or hang >= len(line) else hang
    parts = line[hang:].wrap(console, max(console.width - hang, 1))
    for part in parts:
        part.rstrip()
    return [(line[:hang] if number == 0 else Text(" " * hang)) + part for number, part in enumerate(parts)]
