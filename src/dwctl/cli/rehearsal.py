"""`dwctl rehearsal`: the server to practise a cutover against."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dwctl.cli.output import Format, JsonOption, OutputOption, chosen_format, print_json, print_json_line, say
from dwctl.errors import ExitCode, RequestNotPossible

if TYPE_CHECKING:
    from dwctl.rehearsal.serve import Serving

app = typer.Typer(help="A local server to practise a cutover against; not for production.", no_args_is_help=True)

DEFAULT_PORT = 8080
ROLE_TOKENS = {
    "worker": "DW_WORKER_TOKEN",
    "operator": "DW_OPERATOR_TOKEN",
    "admin": "DW_ADMIN_TOKEN",
    "any": "DW_AUTH_TOKEN",
}
"""Role → the environment variable that holds its token, as at the standalone server."""

EXTRA = ("starlette", "uvicorn")

_SDK_MINOR = 20
"""The worker protocol 1.N that today's official SDK asks for."""


class Auth(StrEnum):
    """The drivers of `--auth`."""

    NONE = "none"
    TOKEN = "token"  # noqa: S105 - the name of a driver


class ProfileName(StrEnum):
    """The profiles of `--profile`."""

    MEASURED = "measured"
    GUIDE = "guide"


@app.command("serve")
def serve(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Where to listen; 0 takes a free one.")] = (
        DEFAULT_PORT
    ),
    host: Annotated[str, typer.Option("--host", metavar="IP", help="The address to listen at.")] = "127.0.0.1",
    db: Annotated[
        Path | None, typer.Option("--db", metavar="FILE", help="Keep the server's state in this SQLite file.")
    ] = None,
    auth: Annotated[Auth, typer.Option("--auth", help="Ask nobody for a token, or everybody.")] = Auth.NONE,
    seed: Annotated[
        Path | None, typer.Option("--seed", metavar="FILE", help="Namespaces and bundles to begin with (TOML).")
    ] = None,
    profile: Annotated[
        ProfileName, typer.Option("--profile", help="Behave as today's server does, or as the guide promises.")
    ] = ProfileName.MEASURED,
    protocol: Annotated[
        str, typer.Option("--protocol", metavar="1.N", help="The worker protocol to speak; today's SDK asks for 1.20.")
    ] = "1.15",
    fault: Annotated[
        list[str] | None, typer.Option("--fault", metavar="RULE", help="Break something on purpose; repeatable.")
    ] = None,
    output: OutputOption = Format.TABLE,
    as_json: JsonOption = False,
) -> int:
    """Run a server for rehearsal on this machine, until Ctrl-C.

    It answers what a migration asks of a standalone server, on SQLite: health,
    namespaces, workers, workflows, history exports and the import. It is for
    rehearsal only: production is the standalone server, on MySQL or PostgreSQL
    and Redis. Its state is in memory unless --db names a file. Only this machine
    reaches it unless --host says otherwise. --auth token reads DW_WORKER_TOKEN,
    DW_OPERATOR_TOKEN, DW_ADMIN_TOKEN and DW_AUTH_TOKEN from the environment.

    A fault is KIND[=VALUE][,on=TEXT][,times=N][,after=N]: TEXT is looked for in
    "METHOD /path", it strikes N times, and lets so many requests pass first. They
    can be changed while the server runs:

    \b
      curl -X PUT URL/_rehearsal/faults -H 'Content-Type: application/json' \\
        -d '{"faults": ["500,on=import,times=1"]}'

    The kinds are:

    \b
      latency=SECONDS    answers late
      429=SECONDS        too many requests, with Retry-After
      500, 503=REASON    an error of the server
      reset-before       breaks the connection before anything is done
      reset-after        breaks it after the work is committed
      truncate           sends half of the answer
      locked=SECONDS     finds the database locked for so long
      kill=N             dies before it writes row N + 1 of the request

    A seed names what is there from the first request on, beside the seed's file:

    \b
      \\[\\[namespace]]
      name = "production"
      retention_days = 90
      \\[\\[bundle]]
      path = "exports/*.json"
      namespace = "production"

    Exit code 0: stopped by Ctrl-C or SIGTERM. 1: a seed's bundle was refused.
    2: port taken, unknown fault, no token, or the extra is not installed.
    10: the file is no database of a rehearsal.

    \b
    Examples:
      $ dwctl rehearsal serve
      $ dwctl rehearsal serve --port 0 --db rehearsal.db --protocol 1.20
      $ dwctl rehearsal serve --fault 503=backend_lock_pressure,on=import,times=2
      $ dwctl rehearsal serve --auth token --seed seed.toml --json
    """
    wanted = chosen_format(output, as_json)
    _check_protocol(protocol)
    tokens = _tokens() if auth is Auth.TOKEN else {}
    _require_extra()
    from dwctl.rehearsal.serve import serve as run_server
    from dwctl.rehearsal.state import Settings

    run_server(
        host=host,
        port=port,
        database=db,
        profile=profile.value,
        settings=Settings(auth=auth.value, tokens=tokens, protocol=protocol),
        faults=fault or (),
        seed=seed,
        on_ready=lambda serving: _announce(wanted, serving),
    )
    say("dwctl: the rehearsal server has stopped.")
    return ExitCode.DONE


def _check_protocol(protocol: str) -> None:
    major, _, minor = protocol.partition(".")
    if major != "1" or not minor.isdecimal():
        raise RequestNotPossible(
            f"there is no worker protocol {protocol!r}", where="--protocol", next_step="use 1.15, or 1.20"
        )


def _tokens() -> dict[str, str]:
    """The tokens of the environment by role; raises `RequestNotPossible` where there is none."""
    found = {role: os.environ.get(name, "") for role, name in ROLE_TOKENS.items()}
    tokens = {role: token for role, token in found.items() if token}
    if not tokens:
        raise RequestNotPossible(
            "--auth token needs a token, and the environment has none",
            where=", ".join(ROLE_TOKENS.values()),
            next_step="set DW_AUTH_TOKEN, or a token for each role",
            reason="no_token",
        )
    return tokens


def _require_extra() -> None:
    for package in EXTRA:
        if find_spec(package) is None:
            raise RequestNotPossible(
                f"the rehearsal server needs {package}, which is not installed",
                next_step="pip install 'dwctl[rehearsal]'",
                reason="extra_missing",
            )


def _announce(wanted: Format, serving: Serving) -> None:
    """Say where the server is: data to stdout, the banner beside it."""
    say("dwctl: this is a rehearsal server. Production is the standalone server, on MySQL or PostgreSQL and Redis.")
    if not serving.is_loopback and serving.auth == "none":
        say("dwctl: warning: other machines reach it, and it asks nobody for a token (--auth token).")
    if wanted is Format.TABLE:
        say(f"  profile {serving.profile}, worker protocol {serving.protocol}, auth {serving.auth}")
        say(f"  database {serving.database or 'in memory'}")
        for rule in serving.faults:
            say(f"  fault {rule}")
        if serving.seeded is not None:
            say(f"  seeded: {serving.seeded.namespaces} namespaces, {serving.seeded.bundles} bundles")
        say(f"  stop it with Ctrl-C; {_next_step(serving)}")
        typer.echo(serving.url)
    else:
        document = _document(serving)
        (print_json if wanted is Format.JSON else print_json_line)(document)
    sys.stdout.flush()  # whoever started the server reads this while it runs


def _next_step(serving: Serving) -> str:
    if int(serving.protocol.partition(".")[2]) < _SDK_MINOR:
        return f"today's Python SDK cannot work on it: that asks for --protocol 1.{_SDK_MINOR}"
    return f"play a cutover on it: dwctl rehearse --against {serving.url}"


def _document(serving: Serving) -> dict[str, Any]:
    seeded = serving.seeded
    return {
        "schema": "dwctl.rehearsal-server",
        "schema_version": 1,
        "url": serving.url,
        "database": serving.database,
        "profile": serving.profile,
        "protocol": serving.protocol,
        "auth": serving.auth,
        "is_loopback": serving.is_loopback,
        "faults": list(serving.faults),
        "seeded": None if seeded is None else {"namespaces": seeded.namespaces, "bundles": seeded.bundles},
    }
