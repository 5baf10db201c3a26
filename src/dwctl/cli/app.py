"""The tree of commands. Command modules import typer and nothing heavy; what they call is imported late."""

from __future__ import annotations

from typing import Annotated

import typer

from dwctl import __version__
from dwctl.cli import (
    archive,
    bundle,
    checklist,
    embedded,
    explain,
    export_options,
    history_export,
    history_import,
    ledger,
    rehearsal,
    rehearse,
    route,
    schema,
    server_commands,
    transfer,
)

app = typer.Typer(
    name="dwctl",
    help="Move workflow runs from Durable Workflow v2 embedded in Laravel to the standalone server.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dwctl {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options that stand before every command."""


app.add_typer(bundle.app, name="bundle")
app.add_typer(archive.app, name="archive")
app.command("history-export", cls=export_options.CommandWithCompress)(history_export.history_export)
app.command("history-import")(history_import.history_import)
app.add_typer(ledger.app, name="ledger")
app.add_typer(transfer.app, name="transfer")
app.add_typer(embedded.app, name="embedded")
app.command("route")(route.route)
app.add_typer(checklist.app, name="checklist")
app.command("explain")(explain.explain)
app.add_typer(schema.app, name="schema")
server_commands.register(app)
app.add_typer(rehearsal.app, name="rehearsal")
app.command("rehearse")(rehearse.rehearse)
