"""`dwctl health`: does the server run, and is it ready for work."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dwctl.cli.output import Format, say
from dwctl.cli.server_options import Connection, server_command


@server_command
def health(
    connection: Connection,
    wait: Annotated[
        str | None, typer.Option("--wait", metavar="DURATION", help="Ask until it is ready, at most this long: 60s.")
    ] = None,
) -> int:
    """Ask whether the server runs and is ready for work.

    Shows each check of /api/health and /api/ready. Ready decides: health only
    says that the process reaches its database, and a server without tables is
    healthy. No token is needed, and none is sent.

    Exit code 0: ready. 6: not ready. 3 or 7: not reached.

    \b
    Examples:
      $ dwctl health --server https://workflows.example.com
      $ dwctl health --wait 60s && dwctl cluster check
      $ dwctl health --json
    """
    from dwctl.server.health import check_health
    from dwctl.server.retries import ONCE
    from dwctl.setting_values import duration

    seconds = duration(wait, "--wait") if wait is not None else 0.0
    with connection.open(policy=ONCE) as server:
        report = check_health(server, wait=seconds)
    if seconds and not report.is_ready:
        say(f"dwctl: not ready after {report.waited:.0f} s and {report.attempts} attempts.")
    if report.health is None and report.ready is None and report.ready_error is not None:
        raise report.ready_error
    if connection.format is Format.TABLE:
        from dwctl.render.console_server import show_health

        show_health(server.target.url, report, sys.stdout)
    else:
        from dwctl.render.json_server import health_document

        connection.put(health_document(server.target, report))
    return report.exit_code
