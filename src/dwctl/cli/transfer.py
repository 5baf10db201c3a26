"""`dwctl transfer`: a transfer told afterwards, or at any moment of it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from dwctl.cli.clock import now
from dwctl.cli.ledger_options import DEFAULT_LEDGER, LedgerOption
from dwctl.cli.output import (
    Format,
    JsonOption,
    OutputOption,
    chosen_format,
    print_json_line,
    print_json_stream,
)
from dwctl.cli.report_options import ReportOption, explained, wanted_reports, write_reports

if TYPE_CHECKING:
    from dwctl.transfer.report.transfer_report import ReportedBundle, TransferReport, Travel
    from dwctl.transfer.report.travel import Opened

app = typer.Typer(help="Tell what became of a transfer.", no_args_is_help=True)


@app.callback()
def _transfer() -> None:
    """A group, though it has one command so far."""


@app.command("report")
def report(
    ledger: LedgerOption = DEFAULT_LEDGER,
    report: ReportOption = None,
    bundles: Annotated[
        bool,
        typer.Option("--bundles/--no-bundles", help="Open the imported bundles, to say what of them does not travel."),
    ] = True,
    output: OutputOption = Format.TABLE,
    as_json: JsonOption = False,
) -> int:
    """Tell a transfer by its ledger: what arrived, what did not and why, and what is open.

    Also what was repaired or resealed, what does not travel, digests, the
    ledger's head and audit, versions, who imported when and how fast, and what
    to type next. It reads only, and may run while an import does; then it is a
    moment's picture. Reports go to files with --report: markdown for a pull
    request or a wiki, html for people (one file, no network), junit and github
    for CI. A file is replaced only if it is such a report already.

    Exit code 0: everything that was chosen is on the server, compared and the
    same, and nothing is open. 1: not so, or the ledger is not what its writer
    left. 2: no ledger. 10: the ledger cannot be read.

    \b
    Examples:
      $ dwctl transfer report --report html=cutover.html --report markdown=cutover.md
      $ dwctl transfer report --ledger cutover/ledger.db --json | jq .headline
      $ dwctl transfer report --report junit=transfer.xml --report github=-
    """
    wanted = chosen_format(output, as_json)
    reports = wanted_reports(report, ledger=ledger)
    told = _gathered(ledger, open_bundles=bundles)
    _show(told, wanted)
    if reports:
        from dwctl.render.reports import FORMATS

        write_reports(reports, lambda name: FORMATS[name].transfer(told))
    return told.exit_code


def _gathered(ledger: str, *, open_bundles: bool) -> TransferReport:
    from dwctl.transfer.ledger.ledger import Ledger
    from dwctl.transfer.report.gathering import see, transfer_report
    from dwctl.transfer.report.travel import travel_untold

    with Ledger.view(ledger) as view:
        seen = see(view, ledger)
    return transfer_report(seen, now=now(), explain=explained, travelling=_travel if open_bundles else travel_untold)


def _travel(bundles: Sequence[ReportedBundle]) -> Travel:
    from dwctl.cli.progress import with_progress
    from dwctl.transfer.report.travel import travel_of

    def progress(opened: Iterable[Opened], total: int) -> Iterable[Opened]:
        return with_progress(opened, total, "opening bundles")

    return travel_of(bundles, progress)


def _show(told: TransferReport, wanted: Format) -> None:
    if wanted is Format.TABLE:
        from dwctl.render.console_transfer import show_report

        show_report(told, sys.stdout)
        return
    from dwctl.render.json_transfer import SCHEMA, bundle_item, report_head

    items = (bundle_item(bundle) for bundle in told.bundles)
    if wanted is Format.JSONL:
        for item in items:
            print_json_line(item)
    else:
        print_json_stream(SCHEMA, "bundles", items, dict, **report_head(told))
