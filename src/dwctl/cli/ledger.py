"""`dwctl ledger`: a transfer seen from another shell, also while it runs, and long afterwards."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from dwctl.cli import ledger_retry
from dwctl.cli.finite import finite
from dwctl.cli.ledger_options import (
    DEFAULT_LEDGER,
    ExportFormat,
    LedgerOption,
    RuleOption,
    StateOption,
    chosen_states,
    require_other_file,
    unknown_run,
)
from dwctl.cli.output import (
    Format,
    JsonOption,
    OutputOption,
    chosen_format,
    print_json,
    print_json_line,
    print_json_stream,
    say,
)
from dwctl.errors import ExitCode, RequestNotPossible

if TYPE_CHECKING:
    from dwctl.transfer.ledger.rows import LedgerRow
    from dwctl.transfer.ledger.view import LedgerStatus, LedgerView

app = typer.Typer(help="Look at the ledger of a transfer, retry, audit and export it.", no_args_is_help=True)


@app.command("status")
def status(
    ledger: LedgerOption = DEFAULT_LEDGER,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep looking until the writer ends.")] = False,
    interval: Annotated[
        float,
        typer.Option("--interval", metavar="SECONDS", min=0.1, callback=finite, help="With --watch: how often."),
    ] = 2.0,
    output: OutputOption = Format.TABLE,
    as_json: JsonOption = False,
) -> int:
    """Say how far a transfer is: bundles by state, the rate, the last event, and who is writing.

    With --watch it is drawn again in its place on a terminal, and a line a
    change in a pipe, until the writing process ends.

    \b
    Examples:
      $ dwctl ledger status
      $ dwctl ledger status --watch --ledger cutover/ledger.db
      $ dwctl ledger status --json | jq .states.failed
    """
    from dwctl.transfer.ledger.ledger import Ledger

    wanted = chosen_format(output, as_json)
    if watch and wanted is Format.JSON:
        raise RequestNotPossible(
            "--json is one document, and --watch many", where="--watch", next_step="Use --output jsonl with --watch.",
        )  # fmt: skip
    with Ledger.view(ledger) as view:
        if watch:
            _watch(view, ledger, interval, wanted)
        else:
            _show_status(ledger, view.status(), wanted)
    return ExitCode.DONE


def _watch(view: LedgerView, ledger: str, interval: float, wanted: Format) -> None:
    from dwctl.transfer.ledger.watch import watch

    seen = watch(view, time.sleep, interval)
    if wanted is Format.TABLE and sys.stdout.isatty():
        from dwctl.render.console_ledger import WatchedStatus

        with WatchedStatus(ledger, sys.stdout) as screen:
            for found in seen:
                screen.show(found, _age(found))
        return
    from dwctl.render.console_ledger import status_line

    last = ""
    for found in seen:
        if wanted is Format.TABLE:
            line = status_line(found)
            if line != last:
                sys.stdout.write(line + "\n")
            last = line
        else:
            _show_status(ledger, found, wanted)
        sys.stdout.flush()


def _show_status(ledger: str, found: LedgerStatus, wanted: Format) -> None:
    if wanted is Format.TABLE:
        from dwctl.render.console_ledger import show_status

        show_status(ledger, found, _age(found), sys.stdout)
        return
    from dwctl.render.json_ledger import status_document

    document = status_document(ledger, found, _age(found))
    if wanted is Format.JSON:
        print_json(document)
    else:
        print_json_line(document)


def _age(found: LedgerStatus) -> float | None:
    """Seconds since the last event, by this machine's clock; negative where a clock was set back."""
    from datetime import UTC, datetime

    try:
        then = datetime.fromisoformat(str(found.last_event_at))
    except ValueError:
        return None
    return round((datetime.now(UTC) - then).total_seconds(), 1)


@app.command("list")
def list_(
    state: StateOption = None,
    rule: RuleOption = None,
    instance: Annotated[
        str | None, typer.Option("--instance", metavar="ID", help="Only runs of this instance.")
    ] = None,
    differs: Annotated[
        bool, typer.Option("--differs", help="Only runs that the server does not show as their bundle says.")
    ] = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
    output: OutputOption = Format.TABLE,
    as_json: JsonOption = False,
) -> int:
    """List the bundles of a transfer in the order of the plan.

    \b
    Examples:
      $ dwctl ledger list --state failed --state unknown
      $ dwctl ledger list --rule tasks.leased_task_present --output jsonl
    """
    from dwctl.transfer.ledger.export import row_item
    from dwctl.transfer.ledger.ledger import Ledger

    wanted = chosen_format(output, as_json)
    with Ledger.view(ledger) as view:
        rows = (
            row
            for row in view.rows(state=chosen_states(state), rule=rule, instance_id=instance)
            if not differs or row.differs_at is not None
        )
        if wanted is Format.TABLE:
            from dwctl.render.console_ledger import show_rows

            show_rows(rows, sys.stdout)
        elif wanted is Format.JSONL:
            for row in rows:
                print_json_line(row_item(row))
        else:
            target = view.target
            print_json_stream(
                "dwctl.ledger-list", "runs", (row_item(row) for row in rows), dict, ledger=ledger,
                server=target.server, namespace=target.namespace, import_id=target.import_id,
            )  # fmt: skip
    return ExitCode.DONE


@app.command("show")
def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run id, or an instance id with one run.")],
    ledger: LedgerOption = DEFAULT_LEDGER,
    output: OutputOption = Format.TABLE,
    as_json: JsonOption = False,
) -> int:
    """Show one run: what the ledger knows of it, and every event.

    Exit code 5 where the ledger does not know it.

    \b
    Examples:
      $ dwctl ledger show 01K9ZV3M5R8T2W4Y6B8D0F2H4J
      $ dwctl ledger show order-1001 --json | jq .events
    """
    from dwctl.transfer.ledger.ledger import Ledger

    wanted = chosen_format(output, as_json)
    with Ledger.view(ledger) as view:
        row = _one_row(view, run)
        events = list(view.events(row.run_id))
    if wanted is Format.TABLE:
        from dwctl.render.console_ledger import show_row

        show_row(row, events, sys.stdout)
        return ExitCode.DONE
    from dwctl.render.json_ledger import show_document
    from dwctl.transfer.ledger.export import row_item

    document = show_document(ledger, row_item(row), events)
    if wanted is Format.JSON:
        print_json(document)
    else:
        print_json_line(document)
    return ExitCode.DONE


def _one_row(view: LedgerView, run: str) -> LedgerRow:
    """The row of a run id, or of the one run of an instance."""
    if (row := view.row(run)) is not None:
        return row
    rows = list(view.rows(instance_id=run)) if run else []
    if not rows:
        raise unknown_run(run)
    if len(rows) > 1:
        ids = ", ".join(row.run_id for row in rows[:5])
        raise RequestNotPossible(
            f"the instance has {len(rows)} runs in the ledger", where=run, next_step=f"Name one of them: {ids}."
        )
    return rows[0]


app.command("retry")(ledger_retry.retry)


@app.command("audit")
def audit(
    expect_head: Annotated[
        str | None, typer.Option("--expect-head", metavar="HEX", help="The head, from a copy kept elsewhere.")
    ] = None,
    ledger: LedgerOption = DEFAULT_LEDGER,
    output: OutputOption = Format.TABLE,
    as_json: JsonOption = False,
) -> int:
    """Check that the ledger is what its writer left: its log by itself, and each row against the log.

    Finds accidental and partial edits. Someone who rewrites the whole log is
    found only by --expect-head: keep the head that this prints where the ledger
    is not (the report, the CI log). Exit code 1 for a finding, or for another
    head; then it also says whether the ledger has only grown since.

    \b
    Examples:
      $ dwctl ledger audit
      $ dwctl ledger audit --expect-head 5d41...e2 --json
    """
    from dwctl.transfer.ledger.ledger import Ledger

    wanted = chosen_format(output, as_json)
    with Ledger.view(ledger) as view:
        report = view.audit(expect_head)
    if wanted is Format.TABLE:
        from dwctl.render.console_ledger import show_audit

        show_audit(ledger, report, sys.stdout)
    else:
        from dwctl.render.json_ledger import audit_document

        document = audit_document(ledger, report)
        if wanted is Format.JSON:
            print_json(document)
        else:
            print_json_line(document)
    return ExitCode.DONE if report.ok else ExitCode.NO


@app.command("export")
def export(
    format_: Annotated[ExportFormat, typer.Option("--format", help="csv, or jsonl: a JSON line a bundle.")],
    state: StateOption = None,
    rule: RuleOption = None,
    output_file: Annotated[
        str | None, typer.Option("--output-file", "-o", metavar="FILE", help="Write to a file (0600), not to stdout.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    ledger: LedgerOption = DEFAULT_LEDGER,
) -> int:
    """Write all rows for a spreadsheet or another program, in the order of the plan.

    In CSV a cell that a spreadsheet would run as a formula gets an apostrophe
    in front.

    \b
    Examples:
      $ dwctl ledger export --format csv -o transfer.csv
      $ dwctl ledger export --format jsonl --state failed | jq -r .error_reason
    """
    require_other_file(output_file, ledger, "--output-file")

    from dwctl.transfer.ledger import export as ledger_export
    from dwctl.transfer.ledger.ledger import Ledger

    with Ledger.view(ledger) as view:
        rows = view.rows(state=chosen_states(state), rule=rule)
        lines = ledger_export.lines(rows, ledger_export.ExportFormat(format_.value))
        if output_file is None:
            for line in lines:
                sys.stdout.write(line)
            return ExitCode.DONE
        count = ledger_export.write_export(output_file, lines, replace=force)
    headings = 1 if format_ is ExportFormat.CSV else 0
    say(f"dwctl: {count - headings:,} rows in {output_file}")
    return ExitCode.DONE
