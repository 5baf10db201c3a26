"""`dwctl embedded parked`: whether the embedded copies of imported runs stay where they are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dwctl.cli.database_options import require_database, with_database
from dwctl.cli.ledger_options import DEFAULT_LEDGER, LEDGER_SHOWN, named_ledger
from dwctl.cli.server_options import Connection, server_command
from dwctl.cli.watching import DEFAULT_INTERVAL, ForOption, IntervalOption, Shown, WatchOption, changes, show_or_watch
from dwctl.errors import ExitCode

if TYPE_CHECKING:
    from dwctl.transfer.runtimes.parked import ParkedReport
    from dwctl.transfer.watching import Seen


@server_command
@with_database
def parked(
    connection: Connection,
    database: Any,
    ledger: Annotated[
        str,
        typer.Option(
            "--ledger",
            metavar="FILE",
            callback=named_ledger,
            show_default=LEDGER_SHOWN,
            help="The ledger that says which runs were imported.",
        ),
    ] = DEFAULT_LEDGER,
    watch: WatchOption = False,
    interval: IntervalOption = DEFAULT_INTERVAL,
    for_: ForOption = None,
) -> int:
    """See whether the embedded copies of imported runs stay where they are.

    Importing leaves the embedded copy untouched, and nothing in the runtime
    marks it as handed over: the guide parks it by pausing workers. Listed
    first are copies that moved (BOTH RUNTIMES RUN IT), then those that could
    wake: a ready task, a due timer or a lease, so that only the pause keeps
    them; then those whose timer comes due later. Quiet and closed ones are
    counted. Named are the queues on which workers must stay paused. It needs
    the application's database; `embedded drift` does with the batch process.

    With --watch it keeps looking while the cutover window is open; Ctrl-C
    ends it in order, with the whole report and its exit code.

    Exit code 0: none has moved, also where some could wake. 1: one has moved,
    is gone, or not all can be judged. 2: no database is given, there is no
    ledger, or it has imported nothing. 3, 4, 5, 6, 7: the database was not
    reached, did not let us in, has no such tables, failed, or did not answer
    in time. 10: the ledger is damaged.

    \b
    Examples:
      $ dwctl embedded parked --laravel-env /srv/app/.env
      $ dwctl embedded parked --watch --interval 5s --for 2h
      $ dwctl embedded parked --json | jq '.queues'
    """
    from dwctl.transfer.ledger.ledger import Ledger
    from dwctl.transfer.runtimes.drift_sources import exported_runs
    from dwctl.transfer.runtimes.parked import look_at_parked

    with ExitStack() as stack:
        view = stack.enter_context(Ledger.view(ledger))
        look = partial(look_at_parked, exported_runs((), view).imported, require_database(database))
        return show_or_watch(_Shown(), look, connection.format, watch=watch, interval=interval, length=for_)


class _Shown(Shown["ParkedReport"]):
    """Parked runs as table, JSON, and lines."""

    def table(self, report: ParkedReport) -> None:
        from dwctl.render.console_parked import show_parked

        show_parked(report, sys.stdout)

    def document(self, report: ParkedReport) -> Mapping[str, Any]:
        from dwctl.render.json_parked import parked_document

        return parked_document(report)

    def items(self, report: ParkedReport) -> Iterable[Mapping[str, Any]]:
        from dwctl.render.json_parked import parked_items

        return parked_items(report)

    def line(self, report: ParkedReport) -> str:
        from dwctl.render.console_parked import parked_counts

        return f"{report.total:,} imported runs: {parked_counts(report) or 'nothing to look at'}"

    def news(self, before: ParkedReport | None, report: ParkedReport) -> Iterator[tuple[str, Mapping[str, Any]]]:
        from dwctl.render.console_parked import parked_line
        from dwctl.render.json_parked import parked_item
        from dwctl.transfer.runtimes.parked import settled

        told, gone = changes(before.rows if before is not None else (), report.rows, lambda row: row.run.run_id)
        for row in (*told, *map(settled, gone)):
            yield parked_line(row), parked_item(row)

    def screen(self) -> AbstractContextManager[Callable[[Seen[ParkedReport]], None]]:
        from dwctl.render.console_parked import parked_lines
        from dwctl.render.console_watch import screen_of

        return screen_of(parked_lines, sys.stdout)

    def moment(self, report: ParkedReport) -> str:
        return report.as_of

    def code(self, report: ParkedReport) -> ExitCode:
        return report.exit_code
