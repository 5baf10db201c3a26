"""The options that say which database the embedded application has, shared by every command that reads it.

`with_database` stands below `server_command`: the command then receives the connection and the database, which is
None where nobody named one. A flag comes before `cutover.toml`; nothing is taken from the environment's own DB_*.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from dwctl.cli.output import say
from dwctl.errors import RequestNotPossible

if TYPE_CHECKING:
    from dwctl.cli.server_options import Connection
    from dwctl.embedded.database import EmbeddedDatabase
    from dwctl.secret import Secret

_PANEL = "Embedded database"

DatabaseUrlOption = Annotated[
    str | None,
    typer.Option("--database-url", metavar="URL", rich_help_panel=_PANEL,
                 help="mysql://, mariadb://, postgresql:// or sqlite:///PATH. Others can see a password in the process "
                 "list: prefer --laravel-env, or embedded.database_url_env in cutover.toml."),
]  # fmt: skip
LaravelEnvOption = Annotated[
    Path | None,
    typer.Option("--laravel-env", metavar="FILE", rich_help_panel=_PANEL,
                 help="Take the database from the DB_* of the application's .env."),
]  # fmt: skip
TablePrefixOption = Annotated[
    str | None,
    typer.Option("--table-prefix", metavar="PREFIX", rich_help_panel=_PANEL,
                 help="What stands before the name of every table."),
]  # fmt: skip
StatementTimeoutOption = Annotated[
    str | None,
    typer.Option("--statement-timeout", metavar="DURATION", rich_help_panel=_PANEL,
                 help="How long one query may take: 30s."),
]  # fmt: skip
ZoneOption = Annotated[
    str | None,
    typer.Option("--database-timezone", metavar="ZONE", rich_help_panel=_PANEL,
                 help="The zone of the application's clock (config/app.php), where it is not UTC: Europe/Berlin."),
]  # fmt: skip

DATABASE: Mapping[str, tuple[Any, Any]] = {
    "database_url": (DatabaseUrlOption, None),
    "laravel_env": (LaravelEnvOption, None),
    "table_prefix": (TablePrefixOption, None),
    "statement_timeout": (StatementTimeoutOption, None),
    "database_timezone": (ZoneOption, None),
}
"""Name, type and default of every option."""


class _Named(NamedTuple):
    url: Secret
    prefix: str
    zone: str | None
    origin: str


def with_database(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options above; it receives `connection` and `database` (or None) as its first two."""

    @functools.wraps(function)
    def command(connection: Connection, find: Callable[[], EmbeddedDatabase | None], **given: Any) -> int:
        return function(connection, find(), **given)

    return with_database_named(command)


def with_database_named(function: Callable[..., int]) -> Callable[..., int]:
    """The same for a command that may do without: `database` is a function, and what is wrong is raised by its call."""

    @functools.wraps(function)
    def command(connection: Connection, **given: Any) -> int:
        shared = {name: given.pop(name) for name in DATABASE}
        return function(connection, functools.partial(application_database, connection, **shared), **given)

    first, _, *own = inspect.signature(function, eval_str=True).parameters.values()
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        first,
        *(parameter.replace(kind=keyword) for parameter in own),
        *(inspect.Parameter(name, keyword, default=row[1], annotation=row[0]) for name, row in DATABASE.items()),
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return command


def application_database(
    connection: Connection,
    *,
    database_url: str | None = None,
    laravel_env: Path | None = None,
    table_prefix: str | None = None,
    statement_timeout: str | None = None,
    database_timezone: str | None = None,
) -> EmbeddedDatabase | None:
    """The database that options and settings name; None where they name none. Nothing is connected yet.

    Raises RequestNotPossible for a value that cannot be right, for two databases at once, and where a variable
    that cutover.toml names is not set.
    """
    found = _named(connection, database_url, laravel_env)
    if found is None:
        return None
    from dwctl.embedded.database import EmbeddedDatabase
    from dwctl.setting_values import duration

    settings = connection.settings.embedded
    seconds = settings.statement_timeout.value
    if statement_timeout is not None:
        seconds = duration(statement_timeout, "--statement-timeout")
    prefix = table_prefix if table_prefix is not None else found.prefix or settings.table_prefix.value
    zone = database_timezone or found.zone or settings.database_timezone.value
    database = EmbeddedDatabase.open(found.url, prefix=prefix, statement_timeout=seconds, zone=zone)
    if connection.verbose:
        say(f"dwctl: embedded database {database.location} from {found.origin}")
    return database


def require_database(database: EmbeddedDatabase | None) -> EmbeddedDatabase:
    """The database, for a command that cannot do without. Raises RequestNotPossible where none is named."""
    if database is None:
        raise RequestNotPossible(
            "this command reads the embedded application's database, and nobody said which one",
            next_step="Give --database-url or --laravel-env FILE, or set embedded.database_url_env in cutover.toml.",
            reason="database_not_set",
        )
    return database


def _named(connection: Connection, database_url: str | None, laravel_env: Path | None) -> _Named | None:
    from dwctl.secret import Secret

    if database_url is not None and laravel_env is not None:
        raise RequestNotPossible(
            "--database-url and --laravel-env both name a database", next_step="Give one of them.", reason="usage"
        )
    if database_url is not None:
        return _Named(Secret(database_url), "", None, "--database-url")
    if laravel_env is not None:
        from dwctl.embedded.laravel_env import read_laravel_env

        read = read_laravel_env(laravel_env)
        return _Named(read.url, read.prefix, read.zone, f"--laravel-env {laravel_env}")
    setting = connection.settings.embedded.database_url
    if setting.value is not None:
        return _Named(setting.value, "", None, setting.origin)
    if setting.given:
        raise RequestNotPossible(
            f"the variable with the database's URL is empty: {setting.origin}",
            next_step="Set that variable, or give --database-url.", reason="database_not_set",
        )  # fmt: skip
    return None
