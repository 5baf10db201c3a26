"""`dwctl diagnose`: why a run does not go on, is not claimed, or does not answer."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dwctl.cli.database_options import with_database_named
from dwctl.cli.embedded_joins import ledger_view
from dwctl.cli.output import Format
from dwctl.cli.server_options import Connection, server_command
from dwctl.errors import DwctlError, RequestNotPossible

if TYPE_CHECKING:
    from collections.abc import Callable

    from dwctl.checklist.diagnosis.diagnosis import DiagnosisResult
    from dwctl.checklist.diagnosis.facts import Facts, Place
    from dwctl.checklist.diagnosis.gathering import Sources
    from dwctl.embedded.database import EmbeddedDatabase
    from dwctl.server.transport import Server
    from dwctl.transfer.ledger.view import LedgerView
    from dwctl.transfer.runtimes.positions import EmbeddedSide


@server_command
@with_database_named
def diagnose(
    connection: Connection,
    database: Any,
    identifier: Annotated[str, typer.Argument(metavar="ID", help="An instance id or a run id.")],
    run_id: Annotated[
        str | None,
        typer.Option("--run-id", "-r", metavar="RUN_ID", help="One run of the instance.", show_default="the newest"),
    ] = None,
    bundle: Annotated[
        str | None,
        typer.Option("--bundle", metavar="FILE", help="Its export.", show_default="the file that the ledger names"),
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option("--ledger", metavar="FILE",
                     help="What was imported.", show_default="cutover.toml's, or .dwctl/ledger.db if there"),
    ] = None,
) -> int:  # fmt: skip
    """Say why a run does not go on, is not claimed by a worker, or does not answer.

    Asked are the server (the run, its history, tasks and queue, the workers,
    the namespaces), the ledger, the bundle, and the embedded application (its
    database or its PHP), each where it is configured. The run is shown side by
    side, with who polls its queue and why each does not take it; at the end
    stand one sentence and one command. Whoever could not be asked is named;
    -v shows every question.

    Nothing is changed. One call goes to the workers' part of the server: the
    poll of a worker that is not registered, on a queue that nobody has, which
    the server refuses; it shows whether a worker's headers arrive. Payloads
    are not shown.

    Exit code 0: nothing is wrong; the run moves, has completed, or waits for
    what is named. 1: a cause was found, or none is known. 5: nobody knows the
    id. 2: no such request. 3, 4, 6, 7, 8: so, where the server or the database
    did not answer and nothing else tells. 10: the ledger is damaged.

    \b
    Examples:
      $ dwctl diagnose order-123 --namespace production
      $ dwctl diagnose order-123 --bundle order-123.json --laravel-env .env
      $ dwctl diagnose order-123 --json | jq -r .sentence
    """
    from dwctl.checklist.diagnosis.diagnosis import diagnose as diagnosed
    from dwctl.checklist.diagnosis.gathering import gather
    from dwctl.checklist.diagnosis.table import DIAGNOSES

    if not identifier:
        raise RequestNotPossible("the id is empty", where="ID", next_step="Give an instance id or a run id.")
    with ExitStack() as stack:
        facts = _facts(connection, identifier, run_id, ledger)
        sources = _sources(connection, stack, database, bundle, ledger)
        found = diagnosed(gather(facts, sources), DIAGNOSES)
    _show(connection, found)
    return found.exit_code


def _facts(connection: Connection, identifier: str, run_id: str | None, ledger: str | None) -> Facts:
    """What is known before anybody is asked."""
    from dwctl.checklist.diagnosis.facts import Facts
    from dwctl.typed_commands import command_line

    settings = connection.settings
    server = settings.server
    named = f" {command_line('--server', server.value)}" if server.origin == "--server" else ""
    return Facts(
        identifier, run_id=run_id, server=server.value if server.given else None,
        namespace=settings.namespace.value.lower(), namespace_named=settings.namespace.given, options=named,
        ledger_option="" if ledger is None else f" {command_line('--ledger', ledger)}",
    )  # fmt: skip


def _sources(
    connection: Connection, stack: ExitStack, find_database: Callable[[], EmbeddedDatabase | None],
    bundle: str | None, ledger: str | None,
) -> Sources:  # fmt: skip
    """Whoever is configured. Raises RequestNotPossible where nobody is, and for a setting that cannot be right."""
    from dwctl.checklist.diagnosis.facts import Place
    from dwctl.checklist.diagnosis.gathering import Sources
    from dwctl.transfer.ledger.start import same_target

    settings = connection.settings
    absent = {
        Place.SERVER: "no server is configured",
        Place.LEDGER: "there is no ledger",
        Place.BUNDLE: "no bundle is named, and no ledger names one",
        Place.EMBEDDED: "neither a database nor the application's PHP is configured",
    }
    view = _ledger(stack, ledger, absent)
    side = _embedded(connection, stack, find_database, absent)
    there = settings.server.given
    if not there and view is None and side is None and bundle is None:
        raise RequestNotPossible(
            "nobody can be asked: there is no server, no ledger, no bundle, and no embedded application",
            next_step="Give --server and --namespace, --ledger, --bundle, or --database-url or --laravel-env.",
            reason="nobody_to_ask",
        )
    server = stack.enter_context(connection.open(policy=_policy(), tell=False)) if there else None
    target = same_target(settings.server.value, settings.namespace.value) if there else None
    return Sources(
        absent, server, _opener(stack, server), view, side, bundle,
        same_target=lambda url, namespace: target in (None, (url, namespace)),
    )  # fmt: skip


def _ledger(stack: ExitStack, given: str | None, absent: dict[Place, str]) -> LedgerView | None:
    """The ledger that is named, else the default one; that one, where it cannot be read, is not asked."""
    from dwctl.checklist.diagnosis.facts import Place

    try:
        return ledger_view(stack, given)
    except DwctlError as error:
        if given is not None:
            raise
        absent[Place.LEDGER] = f"the ledger that lies here cannot be read: {error.message}"
        return None


def _embedded(
    connection: Connection, stack: ExitStack, find_database: Callable[[], EmbeddedDatabase | None],
    absent: dict[Place, str],
) -> EmbeddedSide | None:  # fmt: skip
    """The embedded side; a batch process that does not start is not asked, with its reason."""
    from dwctl.checklist.diagnosis.facts import Place
    from dwctl.cli.embedded_side import embedded_side

    database = find_database()
    try:
        return embedded_side(connection, stack, database)
    except DwctlError as error:
        absent[Place.EMBEDDED] = f"the application's PHP does not answer: {error.message}"
        return None


def _policy() -> Any:
    from dwctl.server.retries import RetryPolicy

    return RetryPolicy(seconds=10.0)


def _opener(stack: ExitStack, server: Server | None) -> Callable[[str], Server] | None:
    """Opens the same server for another namespace, until the command ends."""
    if server is None:
        return None
    from dataclasses import replace

    from dwctl.server.transport import Server as Connected

    target = server.target
    return lambda name: stack.enter_context(Connected(replace(target, namespace=name), policy=_policy()))


def _show(connection: Connection, found: DiagnosisResult) -> None:
    if connection.format is Format.TABLE:
        from dwctl.render.console_diagnose import show_diagnosis

        show_diagnosis(found, sys.stdout, asked=connection.verbose > 0)
        return
    from dwctl.render.json_diagnose import diagnosis_document

    document, items = diagnosis_document(found)
    connection.put(document, items)
