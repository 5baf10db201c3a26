"""`dwctl doctor`: every setting with who set it, and what becomes of it at the server."""

from __future__ import annotations

import sys

from dwctl.cli.output import Format
from dwctl.cli.server_options import Connection, server_command


@server_command
def doctor(connection: Connection) -> int:
    """Show every setting and who set it, and try the connection.

    Flags come before the environment, then cutover.toml, then the dw profile,
    then the default. Tokens are never shown, only where they come from. Then the
    server is asked: connection, readiness, TLS and the certificate's life, clock,
    each role's token, the namespace, and whether versions fit. A check that could
    not be made is shown as skipped, with the reason. Nothing is changed.

    Exit code 0: no check failed. Otherwise that of the worst: 8, 4, 3, 6, 7, 5.

    \b
    Examples:
      $ dwctl doctor
      $ dwctl doctor --env staging --json | jq '.checks[] | select(.outcome != "ok")'
    """
    from dwctl.server.examination import examine

    with connection.open() as server:
        found = examine(server)
    if connection.format is Format.TABLE:
        from dwctl.render.console_doctor import show_doctor

        show_doctor(connection.settings, found, sys.stdout)
    else:
        from dwctl.render.json_server import doctor_document

        connection.put(doctor_document(connection.settings, found))
    return found.exit_code
