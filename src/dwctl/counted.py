"""How many of something, in words, as messages, findings and reports say it."""

from __future__ import annotations


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """`1 bundle`, `2 bundles`, `10,000 bundles`."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"
