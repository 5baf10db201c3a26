"""Worlds of the gate for the checks of items 1, 2, 3 and 9: facts that a test names, and nobody else to ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dwctl.checklist.description.described import Described
from dwctl.checklist.facts.world import Fact, Missing, World
from dwctl.checklist.gate.check import Check, Finding, Need
from dwctl.checklist.gate.table import CHECK
from unasked_worlds import world_of

NOW = "2026-11-23T08:00:00.000000Z"


def world(
    described: Described | None = None, *, missing: Mapping[Need, Missing] | None = None, **facts: Callable[[], Any]
) -> World:
    """A world that has these facts; whoever asks for another one is a mistake."""
    return world_of(described or cutover(), NOW, missing, {name: Fact(make) for name, make in facts.items()})


def cutover(**changes: Any) -> Described:
    """A description with nothing but these."""
    return Described(None, "orders", **{"ledger": Path("no-ledger.db"), **changes})


def found(name: str, asked: World) -> Finding:
    """What a check of the table finds."""
    return row(name).ask(asked)


def row(name: str) -> Check:
    """A check of the table."""
    return CHECK[name]
