"""`dwctl embedded check`: whether the embedded application is ready for the cutover, as far as it can be measured."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dwctl.cli.database_options import with_database
from dwctl.cli.embedded_joins import ledger_lookup
from dwctl.cli.embedded_options import V1
from dwctl.cli.embedded_side import embedded_artisan
from dwctl.cli.output import Format, print_json_line, print_json_stream
from dwctl.cli.server_options import Connection, server_command
from dwctl.errors import ExitCode, RequestNotPossible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dwctl.embedded.check_queries import Asked
    from dwctl.embedded.check_results import CheckResult
    from dwctl.embedded.database import EmbeddedDatabase
    from dwctl.transfer.runtimes.check import Sources


@server_command
@with_database
def check(
    connection: Connection,
    database: Any,
    v1: Annotated[
        V1, typer.Option("--v1", help="drain: no v1 workflow may be open. coexist: they stay there on purpose.")
    ] = V1.DRAIN,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="MOMENT",
            help="When the embedded starters were paused: 2026-11-23T08:00:00Z. What is newer must not be.",
        ),
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="KEY", help="Only starters of this workflow type must be paused. Repeatable."),
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option(
            "--ledger",
            metavar="FILE",
            help="What this ledger imported is in both runtimes by design.",
            show_default="cutover.toml's, or .dwctl/ledger.db if there",
        ),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="CHECK", help="Only this check. Repeatable.")
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option("--skip", metavar="CHECK", help="Leave this check out. Repeatable.")
    ] = None,
) -> int:
    """Check whether the embedded application is ready for the cutover.

    v1 workflows, type keys, codecs, queues, leases, attempts, starters,
    schedules, and what was started in both runtimes.

    Each check answers pass, warn, fail, unknown or skipped, with the ids
    behind it and the next step. The database answers most of them; the server
    too, where one is configured: which queues exist and are polled, and what
    was started in both runtimes (what the ledger imported is in both by
    design). Without a database artisan answers what it can (workflow:v1:list,
    workflow:v2:upgrade-status, workflow:v2:doctor). What nobody can answer is
    unknown. With -v the evidence is shown too.

    Exit code 0: something was measured, nothing fails, and nothing that is
    required is unknown. Warnings, checks that were left out, and unknown ones
    that are not required (`dwctl explain CHECK` says which) do not change it.
    1: otherwise. 2: neither a database nor artisan is configured, or --since
    is no moment. 3, 4, 5: the database was not reached, did not let us in, or
    is another one.

    \b
    Examples:
      $ dwctl embedded check --laravel-env /srv/app/.env
      $ dwctl embedded check --v1 coexist --since 2026-11-23T08:00:00Z
      $ dwctl embedded check --only embedded.starters_paused --type orders.process --since 2026-11-23T08:00:00Z
      $ dwctl embedded check --only embedded.leases --laravel-env .env --json
    """
    from dwctl.embedded.check_queries import Asked
    from dwctl.embedded.check_results import Strategy, may_go_on
    from dwctl.embedded.instants import moment
    from dwctl.transfer.runtimes.check import known_ids, run_checks

    known_ids(only or (), skip or ())
    asked = Asked(Strategy(v1.value), None if since is None else moment(since, "--since"), frozenset(types or ()))
    results: list[CheckResult] = []

    def kept(found: Iterator[CheckResult]) -> Iterator[CheckResult]:
        for result in found:
            results.append(result)
            yield result

    with ExitStack() as stack:
        sources = _sources(connection, stack, database, ledger)
        answers = kept(run_checks(sources, asked, only=only or (), skip=skip or ()))
        _show(connection, sources, asked, answers, results)
    return ExitCode.DONE if may_go_on(results) else ExitCode.NO


def _sources(
    connection: Connection, stack: ExitStack, database: EmbeddedDatabase | None, ledger: str | None
) -> Sources:
    """Whoever can be asked. Raises RequestNotPossible where there is neither a database nor an artisan."""
    from dwctl.transfer.runtimes.check import ServerSide, Sources

    settings = connection.settings
    # A list of a namespace that nobody named would be empty, and look like a pass.
    named = settings.server.given and settings.namespace.given
    artisan = embedded_artisan(settings)
    if database is None and artisan is None:
        raise RequestNotPossible(
            "nobody can be asked: neither a database nor an artisan of the embedded application is given",
            next_step="Give --database-url or --laravel-env FILE, or set artisan under [embedded] of cutover.toml.",
            reason="database_not_set",
        )
    return Sources(
        snapshot=None if database is None else stack.enter_context(database.snapshot()),
        artisan=artisan,
        server=ServerSide(stack.enter_context(connection.open())) if named else None,
        no_server="no namespace of the server is named" if settings.server.given else "no server is configured",
        ledger=ledger_lookup(stack, ledger),
    )


def _show(
    connection: Connection, sources: Sources, asked: Asked, answers: Iterator[CheckResult], results: list[CheckResult]
) -> None:
    from dwctl.embedded.check_results import may_go_on

    if connection.format is Format.TABLE:
        from dwctl.render.console_embedded_check import show_check, show_verdict

        for result in answers:
            show_check(result, sys.stdout, verbose=connection.verbose > 0)
        show_verdict(results, sys.stdout, good=may_go_on(results))
        return
    from dwctl.render.json_embedded_check import SCHEMA, check_item, check_summary

    items = (check_item(result) for result in answers)
    if connection.format is Format.JSONL:
        for item in items:
            print_json_line(item)
        return
    print_json_stream(
        SCHEMA, "checks", items, lambda: {"summary": check_summary(results, good=may_go_on(results))},
        **_head(connection, sources, asked),
    )  # fmt: skip


def _head(connection: Connection, sources: Sources, asked: Asked) -> dict[str, Any]:
    snapshot, settings = sources.snapshot, connection.settings
    there = sources.server is not None
    return {
        "as_of": None if snapshot is None else snapshot.as_of,
        "database": None if snapshot is None else snapshot.location,
        "server": settings.server.value if there else None,
        "namespace": settings.namespace.value.lower() if there else None,
        "since": asked.since,
        "v1": asked.v1.value,
    }
