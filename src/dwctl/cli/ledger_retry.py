"""`dwctl ledger retry`: bundles back to planned, as a person wants it."""

from __future__ import annotations

import sys
from typing import Annotated

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


def retry(
    runs: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="Run ids.")] = None,
    state: StateOption = None,
    rule: RuleOption = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; kept in the ledger.")] = None,
    ledger: LedgerOption = DEFAULT_LEDGER,
    output: OutputOption = Format.TABLE,
    as_json: JsonOption = False,
) -> int:
    """Put bundles back to planned, so that the next history-import takes them up again. Nothing is sent.

    Named runs, or all in a state: failed, unknown, refused, blocked, moved,
    skipped. Imported runs are there for good, and the next import asks about
    those under way (sending) by itself. Not while an import writes to the
    ledger (exit code 10).

    \b
    Examples:
      $ dwctl ledger retry --state failed
      $ dwctl ledger retry --state refused --rule target.write_failed --reason "links resolved"
      $ dwctl ledger retry 01K9ZV3M5R8T2W4Y6B8D0F2H4J
    """
    wanted = chosen_format(output, as_json)
    retried = _retry(ledger, runs or [], state, rule, reason)
    if wanted is Format.TABLE:
        from dwctl.render.console_ledger import show_retry

        show_retry(retried, sys.stdout)
        return ExitCode.DONE
    from dwctl.render.json_ledger import retry_document

    document = retry_document(ledger, retried)
    if wanted is Format.JSON:
        print_json(document)
    else:
        print_json_line(document)
    return ExitCode.DONE


def _retry(
    ledger: str, runs: list[str], state: list[State] | None, rule: str | None, reason: str | None
) -> tuple[str, ...]:
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
        ledger, server=None, namespace=None, who=who(), clock=lambda: datetime.now(UTC), command="ledger retry"
    ) as opened:
        for run in runs:
            row = opened.row(run)
            if row is None:
                raise unknown_run(run)
            if row.state not in RETRYABLE:
                raise _not_retried(f"the run is {row.state.value}: that is not retried", run)
        chosen = chosen_states(state) or ()
        return opened.retry(list(dict.fromkeys(runs)) if runs else None, state=chosen, rule=rule, reason=reason)


def _not_retried(what: str, where: str) -> RequestNotPossible:
    return RequestNotPossible(
        what, where=where, reason="nothing_to_retry",
        next_step="Imported runs are final; the next history-import asks about those under way, and sends the planned.",
    )  # fmt: skip
