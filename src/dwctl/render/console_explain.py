"""Explanations for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich.text import Text

from dwctl.explanations import Explanation
from dwctl.render.console import console_for, print_line
from dwctl.render.console_lines import Cell
from dwctl.render.console_table import Table, print_table

_SEVERITY_STYLES = {"error": "red", "warning": "yellow"}
_HANG = 8
"""The column that the texts begin at."""


def show_explanation(row: Explanation, stream: TextIO) -> None:
    """Print one row: what it is, what it means, why, and the fix."""
    console = console_for(stream)
    kind = row.kind if row.severity is None else f"{row.severity} of origin {row.origin}"
    style = _SEVERITY_STYLES.get(row.severity or "", "")
    console.print(Text.assemble((row.id, "bold"), "  ", (f"({kind})", style)))
    for label, text in (("means", row.meaning), ("why", row.why), ("fix", row.fix)):
        print_line(console, Text.assemble((f"  {label:<6}", "dim"), text), hang=_HANG)


def show_index(rows: Sequence[Explanation], stream: TextIO) -> None:
    """Print all ids, a line each; on a terminal the meaning stands below, folded."""
    console = console_for(stream)
    if console.is_terminal:
        for row in rows:
            print_line(console, Text.assemble((row.id, "bold"), "  ", _kind(row), f", {row.origin}"))
            print_line(console, Text(f"  {row.meaning}", style="dim"))
        return
    cells = [[row.id, _kind(row), row.origin, row.meaning] for row in rows]
    print_table(console, Table(("id", "kind", "origin", "meaning"), cells, indent=""))


def _kind(row: Explanation) -> Cell:
    kind = row.kind if row.severity is None else row.severity
    return (kind, _SEVERITY_STYLES.get(kind, ""))
