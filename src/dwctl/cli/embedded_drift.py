"""`dwctl embedded drift`: which exported or imported runs have gone on in the embedded application."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dwctl.cli.bundle_options import MaxSizeOption, size_limit
from dwctl.cli.database_options import with_database
from dwctl.cli.embedded_joins import ledger_view
from dwctl.cli.embedded_side import require_side
from dwctl.cli.server_options import Connection, server_command
from dwctl.cli.watching import DEFAULT_INTERVAL, ForOption, IntervalOption, Shown, WatchOption, changes, show_or_watch
from dwctl.errors import ExitCode, RequestNotPossible

if TYPE_CHECKING:
    from dwctl.transfer.ledger.view import LedgerView
    from dwctl.transfer.runtimes.drift import Drift, DriftReport
    from dwctl.transfer.watching import Seen


@server_command
@with_database
def drift(
    connection: Connection,
    database: Any,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATHS...]", help="Export folders or URLs with a manifest, or bundles."),
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option("--ledger", metavar="FILE",
                     help="What was imported.", show_default="cutover.toml's, or .dwctl/ledger.db if there"),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="List the unmoved runs too.")] = False,
    note: Annotated[
        bool,
        typer.Option("--note", help="Write into the ledger what became of its runs; no other process may write to it."),
    ] = False,
    watch: WatchOption = False,
    interval: IntervalOption = DEFAULT_INTERVAL,
    for_: ForOption = None,
    max_bundle_size: MaxSizeOption = None,
) -> int:  # fmt: skip
    """Find runs that went on in the embedded application after their export, or after their import.

    Exported runs come from a manifest or from bundles, imported ones from the
    ledger; their dedupe key (run, last sequence, last progress) and status
    are compared with the application's database, or with what its batch PHP
    process says where no database is named. What moved since its import is
    named first: BOTH RUNTIMES RUN IT. What moved since its export is to be
    exported again.

    With --watch it keeps looking while the cutover window is open: drawn in
    its place on a terminal, a line for each change in a pipe. Ctrl-C ends it
    in order, with the whole report and its exit code.

    Exit code 0: every run stands where its bundle says. 1: a run moved, is
    gone, or nobody can say. 2: neither a database nor a batch process is
    configured, or there is no run to look at. 3, 4, 5, 6, 7: the embedded
    side was not reached, did not let us in, has no such tables, failed, or
    did not answer in time. 10: the ledger cannot be read, or written to.

    \b
    Examples:
      $ dwctl embedded drift exports/ --laravel-env /srv/app/.env
      $ dwctl embedded drift --ledger .dwctl/ledger.db --watch --interval 5s
      $ dwctl embedded drift exports/ --json | jq -r '.runs[].run_id'
    """
    from dwctl.transfer.runtimes.drift import look_for_drift
    from dwctl.transfer.runtimes.drift_sources import exported_runs

    if note and watch:
        raise RequestNotPossible(
            "--note does not go with --watch: a watch would hold the ledger's lock, and imports write to it",
            where="--note", next_step="Leave one of them out.", reason="usage",
        )  # fmt: skip
    with ExitStack() as stack:
        view = ledger_view(stack, ledger)
        if note and view is None:
            raise RequestNotPossible(
                "--note needs a ledger", where="--note", next_step="Name it with --ledger.", reason="usage"
            )
        runs = exported_runs(paths or (), view, limit=size_limit(max_bundle_size))
        side = require_side(connection, stack, database)
        look = partial(look_for_drift, runs.expected, side, keep_unmoved=all_)
        if note and view is not None:
            look = partial(_looked_and_noted, look, view)
        return show_or_watch(
            _Shown(), look, connection.format, watch=watch, interval=interval, length=for_
        )  # fmt: skip


def _looked_and_noted(look: partial[DriftReport], view: LedgerView) -> DriftReport:
    """Look, and write what is said of the ledger's runs there, too."""
    from datetime import UTC, datetime

    from dwctl.cli.output import say
    from dwctl.cli.person import who
    from dwctl.transfer.ledger.ledger import Ledger
    from dwctl.transfer.runtimes.drift_notes import UnmovedRuns, note_drift

    since, unmoved, path = view.head().seq, UnmovedRuns(), str(view.path)
    report = look(saw_unmoved=unmoved)
    with Ledger.open(
        path, server=None, namespace=None, who=who(), clock=lambda: datetime.now(UTC), command="dwctl embedded drift"
    ) as ledger:
        noted = note_drift(report, unmoved.run_ids, ledger, since=since)
    say(f"dwctl: {noted:,} answers noted in {path}")
    return report


class _Shown(Shown["DriftReport"]):
    """Drift as table, JSON, and lines."""

    def table(self, report: DriftReport) -> None:
        from dwctl.render.console_drift import show_drift

        show_drift(report, sys.stdout)

    def document(self, report: DriftReport) -> Mapping[str, Any]:
        from dwctl.render.json_drift import drift_document

        return drift_document(report)

    def items(self, report: DriftReport) -> Iterable[Mapping[str, Any]]:
        from dwctl.render.json_drift import drift_items

        return drift_items(report)

    def line(self, report: DriftReport) -> str:
        from dwctl.render.console_drift import drift_counts

        return f"{report.total:,} runs: {drift_counts(report) or 'nothing to look at'}"

    def news(self, before: DriftReport | None, report: DriftReport) -> Iterator[tuple[str, Mapping[str, Any]]]:
        from dwctl.render.console_drift import drift_line
        from dwctl.render.json_drift import drift_item
        from dwctl.transfer.runtimes.drift import returned

        told, gone = changes(before.rows if before is not None else (), report.rows, _identity)
        files = {row.expected.file for row in report.rows}
        # A file that could not be read is told by the run that it turned out to hold.
        back = (returned(row) for row in gone if row.expected.problem is None or row.expected.file not in files)
        for row in (*told, *back):
            yield drift_line(row), drift_item(row)

    def screen(self) -> AbstractContextManager[Callable[[Seen[DriftReport]], None]]:
        from dwctl.render.console_drift import drift_lines
        from dwctl.render.console_watch import screen_of

        return screen_of(drift_lines, sys.stdout)

    def moment(self, report: DriftReport) -> str:
        return report.as_of

    def code(self, report: DriftReport) -> ExitCode:
        return report.exit_code


def _identity(row: Drift) -> tuple[str, str | None]:
    return row.expected.run_id, row.expected.file
