"""The options that the commands on a ledger share."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from dwctl.errors import NotFound

if TYPE_CHECKING:
    from dwctl.transfer.ledger.rows import LedgerState

LedgerOption = Annotated[str, typer.Option("--ledger", metavar="FILE", help="The ledger's file.")]
DEFAULT_LEDGER = ".dwctl/ledger.db"


class State(StrEnum):
    """The states of a bundle, as words of the command line."""

    PLANNED = "planned"
    SENDING = "sending"
    IMPORTED = "imported"
    ALREADY_IMPORTED = "already_imported"
    REFUSED = "refused"
    FAILED = "failed"
    BLOCKED = "blocked"
    MOVED = "moved"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


class ExportFormat(StrEnum):
    """The formats of `ledger export`."""

    CSV = "csv"
    JSONL = "jsonl"


StateOption = Annotated[list[State] | None, typer.Option("--state", help="Only bundles in this state; repeatable.")]
RuleOption = Annotated[
    str | None, typer.Option("--rule", metavar="ID", help="Only bundles with this finding or error reason.")
]


def chosen_states(state: list[State] | None) -> tuple[LedgerState, ...] | None:
    """The states that were named; None where none was."""
    from dwctl.transfer.ledger.rows import LedgerState

    return tuple(LedgerState(one.value) for one in state) if state else None


def unknown_run(run: str) -> NotFound:
    """The ledger does not know the run."""
    return NotFound(
        "the ledger does not know this run", where=run, next_step="See 'dwctl ledger list'.",
        reason="run_not_in_ledger",
    )  # fmt: skip
