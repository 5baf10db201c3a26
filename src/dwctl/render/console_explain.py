"""Explanations for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich.text import Text

from dwctl.explanations import Explanation
from dwctl.render.console import console_for, plain_table

_SEVERITY_STYLES = {"error": "red", "warning": "yellow"}


def show_explanation(row: Explanation, stream: TextIO) -> None:
    """Print one row: what it is, what it means, why, and the fix."""
    console = console_for(stream)
    kind = row.kind if row.severity is None else f"{row.severity} of origin {row.origin}"
    style = _SEVERITY_STYLES.get(row.severity or "", "")
    console.print(Text.assemble((row.id, "bold"), "  ", (f"({kind})", style)))
    for label, text in (("means", row.meaning), ("why", row.why), ("fix", row.fix)):
        console.print(Text.assemble((f"  {label:<6}", "dim"), text))


def show_index(rows: Sequence[Explanation], stream: TextIO) -> None:
    """Print all ids, a line each."""
    table = plain_table("id", "kind", "origin", "meaning")
    for row in rows:
        kind = row.kind if row.severity is None else row.severity
        style = _SEVERITY_STYLES.get(kind, "")
        table.add_row(Text(row.id), Text(kind, style=style), Text(row.origin), Text(row.meaning))
    console_for(stream).print(table)
