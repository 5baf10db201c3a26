"""Checks and worlds of no server: what the runner of the gate is tried on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dwctl.checklist.description.described import Described
from dwctl.checklist.facts.world import Missing, World
from dwctl.checklist.gate.check import Check, Evidence, Finding, Need, Severity, State
from dwctl.checklist.gate.results import GateResult, Result
from dwctl.checklist.gate.runner import Times
from unasked_worlds import world_of

NOW = "2026-11-23T08:00:00.000000Z"


def world(
    missing: Mapping[Need, Missing] | None = None, *, path: Path | None = Path("cutover.toml"), name: str = "orders"
) -> World:
    """A world in which every source is there, and none answers."""
    return world_of(Described(path=path, name=name), NOW, missing, {})


def answering(state: State, said: str = "so it is", **more: Any) -> Callable[[World], Finding]:
    """A check's function that always says the same."""
    return lambda world: Finding(state, said, **more)


def check(
    name: str = "server.health", ask: Callable[[World], Finding] | State = State.PASS, *, item: int = 4, **more: Any
) -> Check:
    """A row of the table."""
    asking = answering(ask) if isinstance(ask, State) else ask
    row = {
        "category": name.partition(".")[0],
        "meaning": "It is so.",
        "why": "Otherwise it is not.",
        "fix": "Make it so.",
        "evidence": "what is",
    }
    return Check(id=name, item=item, ask=asking, **{**row, **more})


def advice(name: str, state: State) -> Check:
    """A row that shuts nothing."""
    return check(name, state, severity=Severity.ADVICE)


@dataclass
class Clock:
    """Time that goes by where somebody sleeps."""

    seconds: float = 0.0
    pauses: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def sleep(self, seconds: float) -> None:
        """Let time go by at once."""
        self.pauses.append(seconds)
        self.seconds += seconds

    @property
    def times(self) -> Times:
        """The clocks of a run."""
        return Times(lambda: NOW, lambda: self.seconds, self.sleep)


def result(check: Check, state: State, said: str = "so it is", **more: Any) -> Result:
    """A result without an attestation or a waiver."""
    finding = Finding(state, said, evidence=(Evidence("GET /x", "200", NOW),), **more)
    return Result(check, finding, state, NOW, 0.1)


def gate(*results: Result, **more: Any) -> GateResult:
    """A whole run."""
    return GateResult("orders", "http://localhost:8080", "production", NOW, 1.0, results, **more)
