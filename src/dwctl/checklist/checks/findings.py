"""What the checks tell their findings with: lists in words, and evidence of this moment."""

from __future__ import annotations

from collections.abc import Iterable

from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Evidence


def listed(names: Iterable[str], most: int = 3) -> str:
    """`a, b, c and 4 more`."""
    kept = list(names)
    more = f" and {len(kept) - most} more" if len(kept) > most else ""
    return ", ".join(kept[:most]) + more


def seen(world: World, asked: str, came: str) -> Evidence:
    """Evidence of this moment."""
    return Evidence(asked, came, world.now())
