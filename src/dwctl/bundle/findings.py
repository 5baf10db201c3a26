"""What a check has to say: a rule that fired, where, and the facts behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """How much a finding weighs: an error refuses a bundle, a warning and a note do not."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Origin(StrEnum):
    """Who asks for a rule; what is not `reference` is counted apart, so that parity stays measurable."""

    REFERENCE = "reference"
    GUIDE = "guide"
    TARGET = "target"
    SCHEMA = "schema"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: what it found, why that matters, and what to do about it."""

    id: str
    severity: Severity
    origin: Origin
    meaning: str
    why: str
    fix: str


class Finding(NamedTuple):
    """A rule that fired. `path` is a JSON path in the bundle; `facts` fill the rule's message."""

    rule: str
    severity: Severity
    path: str | None = None
    facts: Mapping[str, object] = {}
