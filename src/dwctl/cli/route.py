"""`dwctl route`: which runtime owns a run or an instance now."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dwctl.cli.database_options import with_database
from dwctl.cli.embedded_joins import ledger_view
from dwctl.cli.output import Format, print_json, print_json_line, print_json_stream, say
from dwctl.cli.server_options import Connection, server_command
from dwctl.errors import RequestNotPossible

if TYPE_CHECKING:
    from dwctl.embedded.database import EmbeddedDatabase
    from dwctl.transfer.ledger.view import LedgerView
    from dwctl.transfer.runtimes.routing import Owner, Route, RouteTally
    from dwctl.transfer.runtimes.routing_sources import Router


@server_command
@with_database
def route(
    connection: Connection,
    database: Any,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID...]", help="Instance ids or run ids.")
    ] = None,
    ids_file: Annotated[
        str | None, typer.Option("--ids-file", metavar="FILE", help="One id a line; # begins a comment.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every instance that the ledger knows.")] = False,
    ledger: Annotated[
        str | None,
        typer.Option("--ledger", metavar="FILE",
                     help="What was imported.", show_default="cutover.toml's, or .dwctl/ledger.db if there"),
    ] = None,
    embedded_stopped: Annotated[
        bool,
        typer.Option("--embedded-stopped", help="By your word the embedded application runs no more: do not ask it."),
    ] = False,
    export_map: Annotated[
        str | None,
        typer.Option("--export-map", metavar="FILE", help="Write instance → owner as JSON for a router (0600); - "
                     "is stdout, instead of the answers."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the map if it is there.")] = False,
) -> int:  # fmt: skip
    """Say which runtime owns a run or an instance now: embedded, server, both, none or unknown.

    So that signals, queries, updates, repair, cancel, terminate and archive
    go to the right one. An imported run belongs to the server as long as its
    embedded copy stands where it stood; one whose embedded copy went on is in
    both. An instance belongs to whoever has its open runs, or its last one.
    Asked are the ledger, the application's database, and the server's
    namespace, each where it is configured. Whoever was not asked, or did not
    answer, makes an answer unknown rather than none; -v says what each said.

    The map is replaced in one step: an application's router can read it at
    any time, and should send nothing where it says both, none or unknown.

    Exit code 0: each id has one owner. 1: some are in both, in none, or
    unknown. 2: nobody can be asked, or no id is given. 3, 4, 6, 7, 8: so, and
    because the server or the database failed; none is in both. 10: the ledger
    is damaged, or of another target.

    \b
    Examples:
      $ dwctl route order-1001 --namespace production --laravel-env .env
      $ dwctl route order-1001 --json | jq -r '.routes[0].owner'
      $ dwctl route --all --export-map routes.json --force
    """
    from dwctl.transfer.runtimes.routing import RouteTally

    with ExitStack() as stack:
        view = ledger_view(stack, ledger)
        wanted = _wanted(ids, ids_file, all_, view)
        router = _router(connection, stack, database, view, stopped=embedded_stopped, many=len(wanted) > _FEW)
        tally = RouteTally()
        routes = _counted(router, wanted, tally)
        if export_map is not None:
            _write_map(connection, router, routes, export_map, replace=force)
        else:
            _show(connection, routes, tally)
        if tally.failure is not None:
            say(f"dwctl: {tally.failure.message}" + (f" ({tally.failure.where})" if tally.failure.where else ""))
        return tally.exit_code


_FEW = 50
"""Ids up to which the server is asked for each instance; for more its list is read once."""


def _wanted(ids: list[str] | None, ids_file: str | None, all_: bool, view: LedgerView | None) -> list[str]:
    """The ids that were asked for, each once. Raises RequestNotPossible where there is none."""
    from dwctl.transfer.runtimes.routing_sources import instances_of

    found = [*(ids or ())]
    if ids_file is not None:
        from dwctl.transfer.exports.selection import ids_in
        from dwctl.transfer.files.sources import MAX_BUNDLE_SIZE, read_bundle

        content = read_bundle(ids_file, MAX_BUNDLE_SIZE, sys.stdin.buffer)
        found += [target.run_id or target.instance_id or "" for target in ids_in(content, ids_file)]
    if all_:
        if view is None:
            raise RequestNotPossible(
                "--all takes the instances of a ledger, and there is none", where="--all",
                next_step="Name it with --ledger, or name ids.", reason="usage",
            )  # fmt: skip
        found += instances_of(view)
    wanted = list(dict.fromkeys(one for one in found if one))
    if not wanted:
        raise RequestNotPossible(
            "no id was given", next_step="Name instance ids or run ids, or give --ids-file or --all.",
            reason="nothing_selected",
        )  # fmt: skip
    return wanted


def _router(
    connection: Connection, stack: ExitStack, database: EmbeddedDatabase | None, view: LedgerView | None, *,
    stopped: bool, many: bool,
) -> Router:  # fmt: skip
    """Whoever is configured. Raises RequestNotPossible where nobody is, LocalStateError for another target's ledger."""
    from dwctl.transfer.ledger.start import check_target, same_target
    from dwctl.transfer.runtimes.positions import ByDatabase
    from dwctl.transfer.runtimes.routing import Asked
    from dwctl.transfer.runtimes.routing_sources import Router, ServerRuns

    settings = connection.settings
    has_server = settings.server.given
    if stopped and database is not None:
        say("dwctl: note: with --embedded-stopped the database is not asked.")
        database = None
    if view is None and database is None and not has_server:
        raise RequestNotPossible(
            "nobody can be asked: there is no ledger, no database, and no server",
            next_step="Give --ledger, --database-url or --laravel-env, and --server with --namespace.",
            reason="nobody_to_ask",
        )
    if has_server:
        connection.require_target()
        if view is not None:
            check_target(view.target, same_target(settings.server.value, settings.namespace.value), view.path)
    no_database = "you say that it runs no more" if stopped else "no database is given"
    asked = Asked(
        ledger=None if view is not None else "there is no ledger",
        embedded=None if database is not None else no_database,
        server=None if has_server else "no server is configured",
        stopped=stopped,
    )
    server = ServerRuns(stack.enter_context(connection.open()), many=many) if has_server else None
    return Router(asked, view, None if database is None else ByDatabase(database), server)


def _counted(router: Router, wanted: Iterable[str], tally: RouteTally) -> Iterator[Route]:
    for found in router.routes(wanted):
        tally.counts[found.owner] += 1
        yield found
    tally.failure = router.failure


def _show(connection: Connection, routes: Iterator[Route], tally: RouteTally) -> None:
    if connection.format is Format.TABLE:
        from dwctl.render.console_route import show_route, show_route_verdict

        for found in routes:
            show_route(found, sys.stdout, evidence=connection.verbose > 0)
        show_route_verdict(tally, sys.stdout)
        return
    from dwctl.render.json_route import SCHEMA, route_item, route_summary

    items = (route_item(found) for found in routes)
    if connection.format is Format.JSONL:
        for item in items:
            print_json_line(item)
    else:
        print_json_stream(SCHEMA, "routes", items, lambda: {"summary": route_summary(tally)}, **_head(connection))


def _head(connection: Connection) -> dict[str, str | None]:
    from dwctl.cli.clock import now

    settings = connection.settings
    there = settings.server.given
    return {
        "as_of": now(),
        "server": settings.server.value if there else None,
        "namespace": settings.namespace.value.lower() if there else None,
    }


def _write_map(connection: Connection, router: Router, routes: Iterator[Route], where: str, *, replace: bool) -> None:
    """The map, of the instances of everything that was asked for."""
    from dwctl.render.json_route import route_map
    from dwctl.transfer.files.private import write_private

    owners: dict[str, Owner] = {}
    of_runs: dict[str, None] = {}
    for found in routes:
        if found.kind == "run" and found.instance_id is not None:
            of_runs[found.instance_id] = None
        else:
            owners[found.id] = found.owner
    for found in router.routes(one for one in of_runs if one not in owners):
        owners[found.id] = found.owner
    document = route_map(owners, _head(connection))
    if where == "-":
        print_json(document)
        return
    import json

    write_private(where, (json.dumps(document, ensure_ascii=True, indent=1) + "\n").encode(), replace=replace)
    say(f"dwctl: {len(owners):,} instances in {where}")
