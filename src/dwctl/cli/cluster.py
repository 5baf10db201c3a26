"""`dwctl cluster`: what the server is, and whether it fits this dwctl."""

from __future__ import annotations

import sys

import typer

from dwctl.cli.output import Format
from dwctl.cli.server_options import Connection, server_command
from dwctl.errors import ExitCode

app = typer.Typer(help="What the server is, and whether it fits this dwctl.", no_args_is_help=True)


@app.command("info")
@server_command
def info(connection: Connection) -> int:
    """Show what the server says of itself.

    Version, namespace, protocol versions, capabilities and limits, from
    /api/cluster/info. Any role's token will do. With --json the whole answer is
    in `document`.

    \b
    Examples:
      $ dwctl cluster info
      $ dwctl cluster info --json | jq .document.limits
    """
    from dwctl.server.endpoints import cluster_info

    with connection.open() as server:
        found = cluster_info(server)
    if connection.format is Format.TABLE:
        from dwctl.render.console_server import show_cluster

        show_cluster(server.target.url, found, sys.stdout)
    else:
        from dwctl.render.json_server import cluster_document

        connection.put(cluster_document(server.target, found))
    return ExitCode.DONE


@app.command("check")
@server_command
def check(connection: Connection) -> int:
    """Decide whether this server and this dwctl fit together.

    Compares the control-plane version, the request contract, the importer for
    embedded bundles, the payload codecs, the size limit and the worker protocol.
    The same check runs before every command that changes something.

    Exit code 0: they fit. 8: they do not, or the server has no importer.

    \b
    Examples:
      $ dwctl cluster check --server https://workflows.example.com
      $ dwctl cluster check --json | jq '.requirements[] | select(.fit != "ok")'
    """
    from dwctl.server.compatibility import Need, assess
    from dwctl.server.endpoints import cluster_info

    with connection.open() as server:
        result = assess(cluster_info(server), Need.IMPORT)
    if connection.format is Format.TABLE:
        from dwctl.render.console_server import show_compatibility

        show_compatibility(server.target.url, result, sys.stdout)
    else:
        from dwctl.render.json_server import compatibility_document

        connection.put(compatibility_document(server.target, result))
    return ExitCode.DONE if result.fits else ExitCode.INCOMPATIBLE
