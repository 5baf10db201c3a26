"""The options that every command on a server shares, and the connection that they make."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dwctl.cli.output import (
    Format,
    JsonOption,
    OutputOption,
    chosen_format,
    print_json,
    print_json_line,
    say,
)

if TYPE_CHECKING:
    from dwctl.server.calls import Attempt
    from dwctl.server.retries import RetryPolicy
    from dwctl.server.transport import Server
    from dwctl.settings import Settings

_PANEL = "Server"

ServerOption = Annotated[
    str | None,
    typer.Option("--server", "-s", metavar="URL", help="Base URL of the server, without /api.", rich_help_panel=_PANEL),
]
NamespaceOption = Annotated[
    str | None, typer.Option("--namespace", metavar="NAME", help="The namespace to work in.", rich_help_panel=_PANEL)
]
TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="TOKEN",
        help="Token for every call; others can see it in the process list, so prefer the environment.",
        rich_help_panel=_PANEL,
    ),
]
TlsVerifyOption = Annotated[
    str | None,
    typer.Option("--tls-verify", metavar="BOOL", help="Verify the server's certificate.", rich_help_panel=_PANEL),
]
EnvOption = Annotated[
    str | None, typer.Option("--env", metavar="NAME", help="A profile of the dw CLI.", rich_help_panel=_PANEL)
]
CaFileOption = Annotated[
    str | None,
    typer.Option("--ca-file", metavar="FILE", help="PEM file of the authority to trust.", rich_help_panel=_PANEL),
]
TimeoutOption = Annotated[
    str | None,
    typer.Option("--timeout", metavar="DURATION", help="Wait this long for an answer: 30s.", rich_help_panel=_PANEL),
]
InsecureOption = Annotated[
    bool,
    typer.Option("--allow-insecure", help="Send the token over http:// to another machine.", rich_help_panel=_PANEL),
]
VerboseOption = Annotated[
    int,
    typer.Option("--verbose", "-v", count=True, show_default=False, help="Say what is used; twice: every call.",
                 rich_help_panel=_PANEL),
]  # fmt: skip

SHARED: Mapping[str, tuple[Any, Any]] = {
    "server": (ServerOption, None),
    "namespace": (NamespaceOption, None),
    "token": (TokenOption, None),
    "env": (EnvOption, None),
    "tls_verify": (TlsVerifyOption, None),
    "ca_file": (CaFileOption, None),
    "timeout": (TimeoutOption, None),
    "allow_insecure": (InsecureOption, False),
    "verbose": (VerboseOption, 0),
    "output": (OutputOption, Format.TABLE),
    "as_json": (JsonOption, False),
}
"""Name, type and default of every shared option."""


@dataclass(frozen=True, slots=True)
class Connection:
    """What a command on a server works with: its settings, and the format of its output."""

    settings: Settings
    format: Format
    verbose: int = 0

    def open(
        self, *, policy: RetryPolicy | None = None, also: Callable[[Attempt], None] | None = None, tell: bool = True
    ) -> Server:
        """The server, to be used in a `with` block. Retries are told on stderr, and calls with -v.

        `also` gets every attempt too; without `tell` they are told with -v only.
        """
        from dwctl.server.target import target_of
        from dwctl.server.transport import Server

        def noted(attempt: Attempt) -> None:
            if also is not None:
                also(attempt)
            if tell or self.verbose:
                self._tell(attempt)

        return Server(target_of(self.settings), policy=policy, on_attempt=noted)

    def require_target(self, *, namespace: bool = True) -> None:
        """Refuse to change what nobody named; see `settings.require_target`."""
        from dwctl.settings import require_target

        require_target(self.settings, namespace=namespace)

    def put(self, document: Mapping[str, Any], items: Iterable[Mapping[str, Any]] | None = None) -> None:
        """Print the document as JSON, or in the jsonl format its items (itself where it has none)."""
        if self.format is Format.JSON:
            print_json(document)
        else:
            for item in items if items is not None else (document,):
                print_json_line(item)

    def _tell(self, attempt: Attempt) -> None:
        came = attempt.reason or attempt.status or "no answer"
        if attempt.pause is not None:
            say(f"dwctl: {attempt.method} {attempt.url}: {came}; trying again in {attempt.pause:.1f} s")
        elif self.verbose > 1:
            say(f"dwctl: {attempt.method} {attempt.url}: {attempt.status or came}, {attempt.seconds * 1000:.0f} ms")


def server_command(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the shared options; it receives them as one `connection`, its first parameter.

    A parameter of its own that has the name of a shared option takes that option's place.
    """
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    names = {parameter.name for parameter in own}
    rest = {name: row for name, row in SHARED.items() if name not in names}

    @functools.wraps(function)
    def command(context: typer.Context, **given: Any) -> int:
        shared = {name: given.pop(name) if name in rest else row[1] for name, row in SHARED.items()}
        return function(connect(context, shared), **given)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context),
        *(parameter.replace(kind=keyword) for parameter in own),
        *(inspect.Parameter(name, keyword, default=row[1], annotation=row[0]) for name, row in rest.items()),
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def connect(context: typer.Context, shared: Mapping[str, Any]) -> Connection:
    """The connection that the shared options, the environment and the files make together.

    `shared` has a value for every name of `SHARED`. Raises RequestNotPossible for a setting that cannot be right.
    """
    from dwctl.secret import Secret
    from dwctl.settings import Flags, load_settings

    wanted = chosen_format(shared["output"], shared["as_json"])
    token = shared["token"]
    flags = Flags(
        server=shared["server"],
        namespace=shared["namespace"],
        token=None if token is None else Secret(token),
        tls_verify=shared["tls_verify"],
        env=shared["env"],
        ca_file=shared["ca_file"],
        timeout=shared["timeout"],
        allow_insecure=shared["allow_insecure"],
    )
    settings = load_settings(flags, os.environ, folder=Path.cwd(), windows=sys.platform == "win32")
    chosen = {str(getattr(context.get_parameter_source(name), "name", "")) for name in ("output", "as_json")}
    if settings.output.value is not None and "COMMANDLINE" not in chosen:
        wanted = chosen_format(Format(settings.output.value), as_json=False)
    for sentence in settings.contradictions:
        say(f"dwctl: note: {sentence}.")
    if shared["verbose"]:
        for name, setting in settings.rows():
            if setting.given or name in ("server", "namespace"):
                say(f"dwctl: {name} from {setting.origin}")
    return Connection(settings, wanted, shared["verbose"])
