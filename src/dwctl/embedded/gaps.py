"""What a snapshot cannot say: tables and columns that are not there or not granted, and a clock that is not sure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class GapKind(StrEnum):
    """Why something cannot be read."""

    MISSING_TABLE = "missing_table"
    MISSING_COLUMN = "missing_column"
    NOT_GRANTED = "not_granted"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing that is not known. `table` is without prefix, and None for the clock; `sentence` says it whole."""

    kind: GapKind
    table: str | None
    column: str | None
    sentence: str
    next_step: str | None = None
