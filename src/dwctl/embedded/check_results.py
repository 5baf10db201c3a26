"""What a check of the embedded application answers, and what a row of the table of checks says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

KEPT_IDS = 100
"""How many ids an answer carries; `count` says how many there are."""


class Answer(StrEnum):
    """An answer. `unknown` is no pass: nobody could be asked; `skipped` was not asked, and says why."""

    PASS = "pass"  # noqa: S105 - an answer
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


class Strategy(StrEnum):
    """What becomes of open v1 workflows: they drain before the cutover, or are left on the v1 engine on purpose."""

    DRAIN = "drain"
    COEXIST = "coexist"


class Evidence(NamedTuple):
    """What was asked, and what came back; never a payload."""

    asked: str
    found: str


class CheckRow(NamedTuple):
    """A check as data. `item` is its item of the cutover checklist (guide); `needs` says what it must reach.

    A check that is `required` must not stay unknown where the cutover goes on.
    """

    id: str
    item: int
    meaning: str
    why: str
    fix: str
    needs: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The answer to one check.

    `said` is a sentence for people. `ids` are the first of `count` things behind the answer, and `ids_are` what
    they are: runs, instances, queues, type keys. `next_step` is None where there is nothing to do.
    """

    row: CheckRow
    answer: Answer
    said: str
    ids: tuple[str, ...] = ()
    ids_are: str = "runs"
    count: int = 0
    evidence: tuple[Evidence, ...] = ()
    next_step: str | None = None

    @property
    def stops(self) -> bool:
        """Whether the cutover may not go on: a fail, or a required answer that nobody has."""
        return self.answer is Answer.FAIL or (self.answer is Answer.UNKNOWN and self.row.required)


def may_go_on(results: Sequence[CheckResult]) -> bool:
    """Whether something was measured, nothing fails, and nothing that is required is unknown."""
    measured = any(result.answer not in (Answer.SKIPPED, Answer.UNKNOWN) for result in results)
    return measured and not any(result.stops for result in results)


def passed(row: CheckRow, said: str, *evidence: Evidence) -> CheckResult:
    """The good answer."""
    return CheckResult(row, Answer.PASS, said, evidence=evidence)


def unknown(row: CheckRow, said: str, next_step: str | None = None) -> CheckResult:
    """Nobody could answer; the sentence says why."""
    return CheckResult(row, Answer.UNKNOWN, said, next_step=next_step)


def skipped(row: CheckRow, said: str) -> CheckResult:
    """Not asked; the sentence says why."""
    return CheckResult(row, Answer.SKIPPED, said)
