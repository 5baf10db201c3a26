"""Worlds of the gate for the checks of items 1, 2, 3 and 9: facts that a test names, and nobody else to ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dwctl.checklist.description.described import Described
from dwctl.checklist.facts.world import Fact, Missing, World
from dwctl.checklist.gate.check import Check, Finding, Need
from dwctl.checklist.gate.table import CHECK

NOW = "2026-11-23T08:00:00.000000Z"

FACTS = (
    "server", "operator", "workers", "queues", "runs", "embedded", "bundles", "archives", "ledger", "drift",
)  # fmt: skip


def world(
    described: Described | None = None, *, missing: Mapping[Need, Missing] | None = None, **facts: Callable[[], Any]
) -> World:
    """A world that has these facts; whoever asks for another one is a mistake."""
    made: dict[str, Any] = {name: Fact(facts.pop(name, nobody)) for name in FACTS}
    assert not facts
    return World(described or cutover(), "production", lambda: NOW, missing or {}, **made)


def cutover(**changes: Any) -> Described:
    """A description with nothing but these."""
    return Described(None, "orders", **{"ledger": Path("no-ledger.db"), **changes})


def nobody() -> Any:
    """The source of a fact that no check of the test may ask for."""
    raise AssertionError("nobody was to be asked this")


def found(name: str, asked: World) -> Finding:
    """What a check of the table finds."""
    return row(name).ask(asked)


def row(name: str) -> Check:
    """A check of the table."""
    return CHECK[name]
