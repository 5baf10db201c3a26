"""`dwctl workflow`: the runs of a namespace."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dwctl.cli import workflow_archive
from dwctl.cli.output import Format
from dwctl.cli.server_options import Connection, server_command
from dwctl.errors import DwctlError, ExitCode

app = typer.Typer(help="List, show and archive workflow runs.", no_args_is_help=True)
app.command("archive")(workflow_archive.archive)


@app.command("list")
@server_command
def list_(
    connection: Connection,
    workflow_type: Annotated[str | None, typer.Option("--type", metavar="KEY", help="Only this type key.")] = None,
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            metavar="STATUS",
            help="running, completed, or failed, which includes cancelled and terminated; later servers know more.",
        ),
    ] = None,
    query: Annotated[
        str | None, typer.Option("--query", metavar="TEXT", help="Part of the workflow id or the business key.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", "-l", min=1, metavar="N", help="Stop after so many.", show_default="all")
    ] = None,
) -> int:
    """List the runs of the namespace, all pages of them.

    The server pages by position, so a list that changes while it is read can
    hide rows. dwctl notices and reads again; if that does not help, it says so
    and exits with 6 after printing what it found.

    \b
    Examples:
      $ dwctl workflow list --namespace production --status running
      $ dwctl workflow list --type orders.process --output jsonl | jq -r .run_id
    """
    from dwctl.server.walk import walk_runs
    from dwctl.server.workflows import LARGEST_LIST_PAGE, list_page

    size = min(limit or LARGEST_LIST_PAGE, LARGEST_LIST_PAGE)
    with connection.open() as server:
        walk = walk_runs(
            lambda token: list_page(
                server, workflow_type=workflow_type, status=status, query=query, page_size=size, token=token
            ),
            limit=limit,
        )
    if connection.format is Format.TABLE:
        from dwctl.render.console_workflows import show_workflows

        show_workflows(server.target.namespace, walk, sys.stdout)
    else:
        from dwctl.render.json_server import workflows_document

        document, items = workflows_document(server.target, walk)
        connection.put(document, items)
    return ExitCode.DONE if walk.complete else ExitCode.SERVER


@app.command("show")
@server_command
def show(
    connection: Connection,
    workflow_id: Annotated[str, typer.Argument(metavar="WORKFLOW_ID", help="The workflow's id.")],
    run_id: Annotated[
        str | None, typer.Option("--run-id", "-r", metavar="RUN_ID", help="One of its runs.", show_default="the newest")
    ] = None,
) -> int:
    """Show a workflow: its newest run, or the one named, and all its runs.

    Says what the run waits for. Payloads are not printed. A run whose payloads
    the server cannot render is shown as far as the list of runs tells, with
    exit code 6.

    \b
    Examples:
      $ dwctl workflow show order-123 --namespace production
      $ dwctl workflow show order-123 --json | jq .run.status
    """
    from dwctl.server.workflows import describe_with_runs

    with connection.open() as server:
        view = describe_with_runs(server, workflow_id, run_id)
    if connection.format is Format.TABLE:
        from dwctl.render.console_workflows import show_workflow

        show_workflow(view, sys.stdout)
    else:
        from dwctl.render.json_server import workflow_document

        connection.put(workflow_document(server.target, view))
    failed: DwctlError | None = view.describe_error
    return ExitCode.DONE if failed is None else failed.exit_code
