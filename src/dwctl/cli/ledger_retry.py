"""`dwctl ledger retry`: bundles back to planned, as a person wants it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from dwctl.cli.ledger_options import (
    DEFAULT_LEDGER,
    LedgerOption,
    RuleOption,
    State,
    StateOption,
    chosen_states,
    unknown_run,
)
from dwctl.cli.output import Format, JsonOption, OutputOption, chosen_format, print_json, print_json_line
from dwctl.cli.person import who
from dwctl.errors import ExitCode, RequestNotPossible

if TYPE_CHECKING:
    from dwctl.transfer.ledger.ledger import Ledger
    from dwctl.transfer.ledger.unread import UnreadFile


class _Retried(NamedTuple):
    """Runs that were put back, and files without a run that were let go of."""

    run_ids: tuple[str, ...]
    files: tuple[str, ...]


def retry(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Run ids, or files that gave no run.")
    ] = None,
    state: StateOption = None,
    rule: RuleOption = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; kept in the ledger.")] = None,
    ledger: LedgerOption = DEFAULT_LEDGER,
    output: OutputOption = Format.TABLE,
    as_json: JsonOption = False,
) -> int:
    """Put bundles back to planned, so that the next history-import takes them up again. Nothing is sent.

    Named runs, or all in a state: failed, refused, blocked, moved, skipped.
    Imported runs are there for good, and the next import asks about those that
    may be there (sending, unknown) by itself. Not while an import writes to the
    ledger (exit code 10).

    A file that gave no run stays trouble until an import reads a run from it.
    Where nothing is to come of it any more, name it here with a --reason: the
    ledger keeps who said so, and it is trouble no longer.

    \b
    Examples:
      $ dwctl ledger retry --state failed
      $ dwctl ledger retry --state refused --rule target.write_failed --reason "links resolved"
      $ dwctl ledger retry 01K9ZV3M5R8T2W4Y6B8D0F2H4J
      $ dwctl ledger retry exports/order-7.json --reason "a copy; the run came in order-7a.json"
    """
    wanted = chosen_format(output, as_json)
    retried = _retry(ledger, runs or [], state, rule, reason)
    if wanted is Format.TABLE:
        from dwctl.render.console_ledger import show_retry

        show_retry(retried.run_ids, retried.files, sys.stdout)
        return ExitCode.DONE
    from dwctl.render.json_ledger import retry_document

    document = retry_document(ledger, retried.run_ids, retried.files)
    if wanted is Format.JSON:
        print_json(document)
    else:
        print_json_line(document)
    return ExitCode.DONE


def _retry(ledger: str, runs: list[str], state: list[State] | None, rule: str | None, reason: str | None) -> _Retried:
    from datetime import UTC, datetime

    from dwctl.transfer.ledger.ledger import Ledger
    from dwctl.transfer.ledger.rows import RETRYABLE

    if bool(runs) == bool(state):
        raise RequestNotPossible(
            "name either runs or a state", where="ledger retry", next_step="For example: --state failed.",
        )  # fmt: skip
    if runs and rule is not None:
        raise RequestNotPossible(
            "--rule chooses among the bundles of a state, and runs were named", where="--rule",
            next_step="Leave the runs out and add --state.",
        )  # fmt: skip
    refused = [one.value for one in state or () if one.value not in RETRYABLE]
    if refused:
        raise _not_retried(f"bundles in the state {refused[0]} are not retried", "--state")
    with Ledger.open(
        ledger, server=None, namespace=None, who=who(), clock=lambda: datetime.now(UTC), command="dwctl ledger retry"
    ) as opened:
        if not runs:
            return _Retried(opened.retry(state=chosen_states(state) or (), rule=rule, reason=reason), ())
        named = [run for run in dict.fromkeys(runs) if _is_retryable_run(opened, run)]
        files = [file for run in dict.fromkeys(runs).keys() - named for file in _files_named(opened, run)]
        if files and not (reason or "").strip():
            raise RequestNotPossible(
                "a file that gave no run is let go of for a reason", where=files[0].file,
                next_step="Add --reason TEXT: why nothing is to come of it; or import it again once it is mended.",
            )  # fmt: skip
        opened.let_go([file.place for file in files], str(reason))
        return _Retried(opened.retry(named, reason=reason), tuple(sorted(file.file for file in files)))


def _is_retryable_run(ledger: Ledger, run: str) -> bool:
    """Whether it is a run that can be retried; false where the ledger knows no such run. Raises for another one."""
    from dwctl.transfer.ledger.rows import RETRYABLE

    row = ledger.row(run)
    if row is not None and row.state not in RETRYABLE:
        raise _not_retried(f"the run is {row.state.value}: that is not retried", run)
    return row is not None


def _files_named(ledger: Ledger, name: str) -> list[UnreadFile]:
    """The files without a run that are meant by a name. Raises where there is none."""
    if not (found := [file for file in ledger.unread() if file.is_named(name)]):
        raise unknown_run(name)
    return found


def _not_retried(what: str, where: str) -> RequestNotPossible:
    return RequestNotPossible(
        what, where=where, reason="nothing_to_retry",
        next_step="Imported runs are final; the next history-import asks about those under way, and sends the planned.",
    )  # fmt: skip
