"""What the checks tell their findings with: counts and lists in words, and evidence of this moment."""

from __future__ import annotations

from collections.abc import Iterable

from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Evidence


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 worker`, `2 workers`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(names: Iterable[str], most: int = 3) -> str:
    """`a, b, c and 4 more`."""
    kept = list(names)
    more = f" and {len(kept) - most} more" if len(kept) > most else ""
    return ", ".join(kept[:most]) + more


def seen(world: World, asked: str, came: str) -> Evidence:
    """Evidence of this moment."""
    return Evidence(asked, came, world.now())
