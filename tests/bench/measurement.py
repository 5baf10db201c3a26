"""What a measurement is: a name, a target, and a function that takes a reading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median


class NotMeasurableError(Exception):
    """This machine cannot show the thing; the message says why."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a measurement works with: the bundles, an empty folder for its own files, the commands."""

    bundles: tuple[Path, ...]
    folder: Path
    python: Path
    dwctl: Path


@dataclass(frozen=True, slots=True)
class Reading:
    """The ratio of every round, and what it was taken on."""

    rounds: tuple[float, ...]
    about: str

    @property
    def value(self) -> float:
        """The median of the rounds: this one is held against the target."""
        return median(self.rounds)


@dataclass(frozen=True, slots=True)
class Measurement:
    """A ratio that has a target. `at_least` says on which side of the target it has to be."""

    name: str
    target: float
    at_least: bool
    measure: Callable[[Workplace], Reading]
    wish: float | None = None

    def is_met(self, value: float) -> bool:
        """Is this value on the right side of the target?"""
        return value >= self.target if self.at_least else value <= self.target

    def best(self, rounds: Sequence[float]) -> float:
        """The round that a machine without other work would give."""
        return max(rounds) if self.at_least else min(rounds)
