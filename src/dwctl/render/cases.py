"""Results as cases that passed, failed or were skipped: what JUnit and annotations are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class CaseState(StrEnum):
    """What became of a case. `failed` is the answer no; `error` is no answer, and no pass either."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Case:
    """One result. `group` is what it belongs to, `kind` the word for programs, `message` one sentence, `details` lines.

    Texts may come from anywhere: each format escapes them in its own way.
    """

    name: str
    group: str
    state: CaseState
    kind: str = ""
    message: str = ""
    details: tuple[str, ...] = ()
    file: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Cases:
    """All results of one report, with the sentence that sums them up and the facts that hold for all of them."""

    name: str
    summary: str
    good: bool
    made_at: str
    cases: tuple[Case, ...]
    facts: Mapping[str, str] = field(default_factory=dict)
