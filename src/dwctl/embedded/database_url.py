"""The URL of the embedded application's database: read, judged, and shown without its password.

Plain schemes are those of Laravel and of the databases' own tools; each means the driver that the extra
`database` brings. What a URL may ask of the driver is a short list: TLS, sockets, character set.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dwctl.embedded.database_reasons import failure
from dwctl.secret import MASK, Secret

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

SQLITE, MYSQL, MARIADB, POSTGRESQL = "sqlite", "mysql", "mariadb", "postgresql"

_SCHEMES: Final[Mapping[str, tuple[str, str]]] = {
    "sqlite": (SQLITE, "pysqlite"),
    "sqlite+pysqlite": (SQLITE, "pysqlite"),
    "mysql": (MYSQL, "pymysql"),
    "mysql+pymysql": (MYSQL, "pymysql"),
    "mariadb": (MARIADB, "pymysql"),
    "mariadb+pymysql": (MARIADB, "pymysql"),
    "postgresql": (POSTGRESQL, "psycopg"),
    "postgresql+psycopg": (POSTGRESQL, "psycopg"),
    "postgres": (POSTGRESQL, "psycopg"),
    "pgsql": (POSTGRESQL, "psycopg"),
}
"""Scheme → the database, and the driver that dwctl reads it with."""

_MYSQL_QUERY = frozenset({"charset", "ssl_ca", "ssl_cert", "ssl_check_hostname", "ssl_key", "unix_socket"})
_QUERY: Final[Mapping[str, frozenset[str]]] = {
    SQLITE: frozenset(),
    MYSQL: _MYSQL_QUERY,
    MARIADB: _MYSQL_QUERY,
    POSTGRESQL: frozenset({"host", "options", "sslcert", "sslkey", "sslmode", "sslrootcert"}),
}
"""What the part after `?` may set."""


@dataclass(frozen=True, slots=True)
class DatabaseTarget:
    """A database that can be opened: its kind, SQLAlchemy's URL, and how it is called in messages."""

    dialect: str
    url: URL
    location: str

    @property
    def path(self) -> Path:
        """The file of an SQLite database."""
        return Path(self.url.database or "")


def database_target(url: Secret) -> DatabaseTarget:
    """The target of a URL.

    Raises RequestNotPossible for what is not a URL, a database that dwctl does not read, an option that it
    does not pass on, or where the extra `database` is not installed.
    """
    _require("sqlalchemy")
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    text = url.reveal().strip()
    scheme = text.partition(":")[0].lower()
    known = _SCHEMES.get(scheme)
    if known is None:
        # The text itself is not repeated: it may be a password in the wrong place.
        raise failure("database_url_wrong", "the database's URL has no scheme that dwctl knows", where="database URL")
    dialect, driver = known
    try:
        parsed = make_url(text).set(drivername=f"{MYSQL if dialect == MARIADB else dialect}+{driver}")
    except (ArgumentError, ValueError):
        raise failure(
            "database_url_wrong", f"the database's URL cannot be read as a {scheme} URL", where="database URL"
        ) from None
    if dialect != SQLITE and "@" in text and (text.count("@") > 1 or parsed.username is None):
        # Nothing tells where the password ends: a part of it would be shown as the host, or as the name.
        raise failure(
            "database_url_wrong", f"the @ of the database's {scheme} URL do not tell where its password ends",
            where="database URL",
            next_step="Write an @ (%40), a : (%3A) or a / (%2F) of the user, password, name and options as %XX.",
        )  # fmt: skip
    _check(dialect, parsed)
    _require("sqlite3" if dialect == SQLITE else driver)
    return DatabaseTarget(dialect, parsed, _location(dialect, parsed))


def _check(dialect: str, url: URL) -> None:
    unknown = sorted(set(url.query) - _QUERY[dialect])
    if unknown:
        allowed = ", ".join(sorted(_QUERY[dialect])) or "nothing"
        raise failure(
            "database_url_wrong", f"the database's URL sets '{unknown[0]}', which dwctl does not pass on",
            where="database URL", next_step=f"After the ? it may set: {allowed}.",
        )  # fmt: skip
    if not url.database or (dialect == SQLITE and url.database.startswith((":memory:", "file:"))):
        raise failure("database_url_wrong", "the database's URL names no database", where="database URL")
    if dialect == SQLITE and url.host:
        raise failure(
            "database_url_wrong", "the URL of an SQLite file has three slashes, and four for an absolute path",
            where="database URL", next_step="Write sqlite:///relative/path or sqlite:////absolute/path.",
        )  # fmt: skip


def _location(dialect: str, url: URL) -> str:
    """The URL as a person may see it: neither password nor options."""
    if dialect == SQLITE:
        return f"sqlite:///{url.database}"
    user = url.username or ""
    password = f":{MASK}" if url.password else ""
    at = "@" if user or password else ""
    socket = url.query.get("unix_socket") or url.query.get("host")
    host = url.host or (f"[{socket}]" if socket else "localhost")
    port = f":{url.port}" if url.port else ""
    return f"{dialect}://{user}{password}{at}{host}{port}/{url.database}"


def _require(module: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise failure("database_extra_missing", f"reading the database needs {module}, which is not here") from error
