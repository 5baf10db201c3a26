"""A check as data: a row of the table, what it needs, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from dwctl.checklist.gate.items import ITEM, Item, Phase

if TYPE_CHECKING:
    from dwctl.checklist.facts.world import World

KEPT_IDS = 100
"""How many ids a finding carries; `count` says how many there are."""


class State(StrEnum):
    """What a check says. `unknown` is no pass: nobody could be asked. `waived` and `skipped` are a person's choice."""

    PASS = "pass"  # noqa: S105 - an answer
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    WAIVED = "waived"
    SKIPPED = "skipped"


NOT_GOOD: Final = (State.FAIL, State.UNKNOWN)
"""What shuts the gate where a required check says it."""


class Severity(StrEnum):
    """`required`: the gate is shut while it fails or is unknown. `advice`: it is told, and shuts nothing."""

    REQUIRED = "required"
    ADVICE = "advice"


class Need(StrEnum):
    """Who has to be asked. What is not there is unknown, or left out where the cutover does without it."""

    SERVER = "server"
    OPERATOR = "operator"
    EMBEDDED = "embedded"
    BUNDLES = "bundles"
    ARCHIVES = "archives"
    LEDGER = "ledger"
    DRIFT = "drift"
    SHADOWS = "shadows"


class Evidence(NamedTuple):
    """What was asked, what came back, and when (UTC, as dwctl writes moments); never a payload, never a secret."""

    asked: str
    came: str
    at: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    `said` is a sentence for people, and may hold text from outside: renderers escape it. `ids` are the first of
    `count` things behind it, `ids_are` what they are (runs, queues, files …). `next_step` is a sentence, `command`
    what to type next; both are None where there is nothing to do.
    """

    state: State
    said: str
    ids: tuple[str, ...] = ()
    ids_are: str = "runs"
    count: int = 0
    evidence: tuple[Evidence, ...] = ()
    next_step: str | None = None
    command: str | None = None

    @classmethod
    def of(
        cls,
        state: State,
        said: str,
        ids: Sequence[str] = (),
        ids_are: str = "runs",
        *,
        evidence: Sequence[Evidence] = (),
        next_step: str | None = None,
        command: str | None = None,
    ) -> Self:
        """A finding on these things: as many of their ids as are kept, and how many there are."""
        return cls(state, said, tuple(ids[:KEPT_IDS]), ids_are, len(ids), tuple(evidence), next_step, command)


@dataclass(frozen=True, slots=True)
class Check:
    """A row of the table.

    `id` is for `--only`, `--skip`, waivers and `dwctl explain`. `category` groups checks for a reader (application,
    server, workers, exports, imports). `after` are ids whose pass it waits for: where one of them fails or is unknown,
    so is this one. `becomes_true` says that waiting may help (`--wait`). One that `acts` changes
    something on the server: an interruption waits until it has ended in order. `evidence` says in words what is
    measured.
    """

    id: str
    item: int
    category: str
    meaning: str
    why: str
    fix: str
    evidence: str
    ask: Callable[[World], Finding]
    needs: tuple[Need, ...] = ()
    after: tuple[str, ...] = ()
    severity: Severity = Severity.REQUIRED
    becomes_true: bool = True
    acts: bool = False
    due: Phase | None = None

    @property
    def phase(self) -> Phase:
        """When it is due: the phase of its item, or a later one where what it asks is not there before."""
        return self.due or self.of.phase

    @property
    def of(self) -> Item:
        """The item of the guide that it is a part of."""
        return ITEM[self.item]
