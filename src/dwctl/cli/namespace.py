"""`dwctl namespace`: the namespaces of the server."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dwctl.cli.output import Format, say
from dwctl.cli.server_options import Connection, server_command
from dwctl.errors import AnswerIsNo, ExitCode

if TYPE_CHECKING:
    from dwctl.server.results import Namespace

app = typer.Typer(help="Create, ensure, list and show namespaces.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The namespace; the server keeps it in lower case.")]
DescriptionOption = Annotated[str | None, typer.Option("--description", metavar="TEXT", help="What it is for.")]
RetentionOption = Annotated[
    int | None,
    typer.Option(
        "--retention-days",
        metavar="DAYS",
        min=1,
        max=365,
        help="Days that closed runs are kept; the server's default is 30.",
    ),
]


@app.command("create")
@server_command
def create(
    connection: Connection,
    name: NameArgument,
    description: DescriptionOption = None,
    retention_days: RetentionOption = None,
) -> int:
    """Create a namespace (admin). One that exists is refused; see ensure.

    Names are folded to lower case: Production becomes production. Imported runs
    keep the time when they closed, so a retention shorter than their age prunes
    them right after the import.

    \b
    Examples:
      $ dwctl namespace create production --description "Production workflows"
      $ dwctl namespace create production --retention-days 90
    """
    from dwctl.server.compatibility import require
    from dwctl.server.endpoints import cluster_info, create_namespace

    connection.require_target(namespace=False)
    folded = _folded(name)
    with connection.open() as server:
        require(cluster_info(server))
        made = create_namespace(server, folded, description=description, retention_days=retention_days)
    _put(connection, made, outcome="created")
    return ExitCode.DONE


@app.command("ensure")
@server_command
def ensure(
    connection: Connection,
    name: NameArgument,
    description: DescriptionOption = None,
    retention_days: RetentionOption = None,
) -> int:
    """Create a namespace unless it is there (admin). Safe to repeat.

    One that exists is left as it is. Where --retention-days is given and the
    existing namespace keeps runs for another time, that is said and the exit code
    is 1: retention decides what survives an import.

    \b
    Examples:
      $ dwctl namespace ensure production --retention-days 90
      $ dwctl namespace ensure production --json | jq -r .outcome
    """
    from dwctl.server.compatibility import require
    from dwctl.server.endpoints import cluster_info, ensure_namespace

    connection.require_target(namespace=False)
    folded = _folded(name)
    with connection.open() as server:
        require(cluster_info(server))
        outcome, found = ensure_namespace(server, folded, description=description, retention_days=retention_days)
    if retention_days is not None and found.retention_days != retention_days:
        kept = "an unknown number of" if found.retention_days is None else str(found.retention_days)
        raise AnswerIsNo(
            f"namespace {found.name} exists, but keeps closed runs for {kept} days, not {retention_days}",
            where=server.target.url,
            next_step="Change it on the server (PUT /api/namespaces, `dw namespace:update`), then run this again.",
            reason="namespace_differs",
        )
    _put(connection, found, outcome=outcome.value)
    return ExitCode.DONE


@app.command("list")
@server_command
def list_(connection: Connection) -> int:
    """List every namespace of the server.

    \b
    Examples:
      $ dwctl namespace list
      $ dwctl namespace list --output jsonl | jq -r .name
    """
    from dwctl.server.endpoints import list_namespaces

    with connection.open() as server:
        found = list_namespaces(server)
    if connection.format is Format.TABLE:
        from dwctl.render.console_server import show_namespaces

        show_namespaces(found, sys.stdout)
    else:
        from dwctl.render.json_server import list_document

        document, items = list_document("namespaces", server.target, found)
        connection.put(document, items)
    return ExitCode.DONE


@app.command("show")
@server_command
def show(connection: Connection, name: NameArgument) -> int:
    """Show one namespace. Exit code 5 where it does not exist.

    \b
    Examples:
      $ dwctl namespace show production
      $ dwctl namespace show production --json | jq .namespace.retention_days
    """
    from dwctl.server.endpoints import show_namespace

    folded = _folded(name)
    with connection.open() as server:
        found = show_namespace(server, folded)
    _put(connection, found, outcome=None)
    return ExitCode.DONE


def _folded(name: str) -> str:
    """The name as the server keeps it, and a word about it where that differs from what was typed."""
    from dwctl.setting_values import namespace_name

    folded = namespace_name(name, "NAME")
    if folded != name:
        say(f"dwctl: note: the server keeps names in lower case: {folded}.")
    return folded


def _put(connection: Connection, found: Namespace, *, outcome: str | None) -> None:
    if connection.format is Format.TABLE:
        from dwctl.render.console_server import show_namespace

        show_namespace(found, outcome, sys.stdout)
    else:
        from dwctl.render.json_server import namespace_document

        connection.put(namespace_document(connection.settings.server.value, found, outcome))
