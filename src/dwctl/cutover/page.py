"""The reference of `cutover.toml` as Markdown, made from the table of its keys; `docs/cutover.md` holds it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dwctl.cutover.keys import TABLES, Key, Table

BEGIN: Final = "<!-- From the table of keys in src/dwctl/cutover/keys.py: a test tells when it is stale. -->"
END: Final = "<!-- The end of what is made from the table. -->"
"""What stands before and after the reference in its page."""


def cutover_reference() -> str:
    """Every table with its keys: what a value must be, what it is for, and what holds where it is left out."""
    return "\n".join(line for name, table in TABLES.items() for line in _table(name, table))


def _table(name: str, table: Table) -> Iterator[str]:
    yield f"### {f'`[[{name}]]`' if table.repeats else f'`[{name}]`'}"
    yield table.meaning + (" Once for each." if table.repeats else "")
    yield ""
    yield "| key | value | what it is | left out |"
    yield "| --- | --- | --- | --- |"
    for key, row in table.keys.items():
        yield f"| `{key}` | {row.expected} | {row.meaning} | {_left_out(key, row, table)} |".replace("  ", " ")
    yield ""


def _left_out(key: str, row: Key, table: Table) -> str:
    for names in table.needs:
        if key in names:
            return (
                "needed" if len(names) == 1 else f"needed, or {' or '.join(f'`{one}`' for one in names if one != key)}"
            )
    return row.default or "not set"
