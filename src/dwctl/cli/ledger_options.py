"""The options that the commands on a ledger share."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from dwctl.errors import NotFound, RequestNotPossible

if TYPE_CHECKING:
    from dwctl.transfer.ledger.rows import LedgerState

DEFAULT_LEDGER = ".dwctl/ledger.db"
LEDGER_SHOWN = "that of cutover.toml, else .dwctl/ledger.db"


def named_ledger(context: typer.Context, given: str) -> str:
    """The ledger that was named; else that of this folder's cutover.toml, which the gate looks at too.

    Raises RequestNotPossible for what is wrong in that file.
    """
    source = context.get_parameter_source("ledger")
    if context.resilient_parsing or getattr(source, "name", "") == "COMMANDLINE":
        return given
    return described("ledger") or given


def described(key: str) -> str | None:
    """What [cutover] of this folder's cutover.toml says under a key; None where it says nothing.

    Raises RequestNotPossible for what is wrong in that file.
    """
    from pathlib import Path

    from dwctl.cutover.cutover import FILE_NAME, read_cutover

    cutover = read_cutover(Path(FILE_NAME))
    return None if cutover is None else cutover.get("cutover", key)


def require_other_file(output: str | None, ledger: str, where: str) -> None:
    """Raise `RequestNotPossible` if what a command is to write (None: nothing) would take the place of the ledger."""
    from dwctl.transfer.ledger.schema import is_of_a_ledger

    if output is not None and is_of_a_ledger(output, ledger):
        raise RequestNotPossible(
            f"{output} is the ledger {ledger}, or a file that belongs to it, and is never written over", where=where,
            next_step="Choose another file.", reason="output_is_ledger",
        )  # fmt: skip


LedgerOption = Annotated[
    str,
    typer.Option("--ledger", metavar="FILE", callback=named_ledger, show_default=LEDGER_SHOWN,
                 help="The ledger's file."),
]  # fmt: skip


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
