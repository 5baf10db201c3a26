"""Worlds of the gate in which nobody may be asked, but for those whom a test names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, Final

from dwctl.checklist.description.described import Described
from dwctl.checklist.facts.world import Fact, Missing, World
from dwctl.checklist.gate.check import Need

FACTS: Final = tuple(
    one.name for one in fields(World) if str(one.type).startswith("Fact[") and one.default_factory is MISSING
)
"""Whoever can be asked, but for those that a world does without."""


def nobody() -> Any:
    """The source of a fact that nobody may ask for in the test."""
    raise AssertionError("nobody was to be asked this")


def unasked() -> Fact[Any]:
    """A fact that nobody may ask for."""
    return Fact(nobody)


def world_of(
    described: Described, now: str, missing: Mapping[Need, Missing] | None, facts: Mapping[str, Fact[Any]], *,
    namespace: str = "production", deep: bool = False,
) -> World:  # fmt: skip
    """A world with these facts by name; whoever asks for another one is a mistake."""
    asked: dict[str, Any] = {**{name: unasked() for name in FACTS}, **facts}
    return World(described, namespace, lambda: now, missing or {}, deep=deep, **asked)
