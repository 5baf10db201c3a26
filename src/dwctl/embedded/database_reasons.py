"""The reasons of a failure at the embedded application's database: what each means, and what to do."""

from __future__ import annotations

from typing import Final

from dwctl.embedded.application_reason import ApplicationReason
from dwctl.errors import (
    DwctlError,
    IncompatibleServer,
    NotAuthorized,
    NotFound,
    RequestNotPossible,
    ServerFailed,
    ServerTimedOut,
    ServerUnreachable,
)

_AGAIN = "Run the same command again: it only reads."

DATABASE_REASONS: Final[tuple[ApplicationReason, ...]] = (
    ApplicationReason(
        "database_not_set", RequestNotPossible, "no database of the embedded application is named",
        "dwctl takes nothing from the environment's own DB_*: whoever reads a database says which",
        "Give --database-url or --laravel-env FILE, or set embedded.database_url_env in cutover.toml.",
    ),
    ApplicationReason(
        "database_extra_missing", RequestNotPossible, "a library that reads databases is not installed",
        "dwctl brings SQLAlchemy, PyMySQL and psycopg as an extra, since many commands do without",
        "Run pip install 'dwctl[database]' in the environment of dwctl.",
    ),
    ApplicationReason(
        "database_url_wrong", RequestNotPossible, "the database's URL cannot be used",
        "it is no URL, or of a database or driver that dwctl does not read",
        "Write mysql://, mariadb:// or postgresql://USER:PASSWORD@HOST:PORT/NAME, or sqlite:///PATH; in user and "
        "password write special characters as %XX (@ is %40, / is %2F, # is %23).",
    ),
    ApplicationReason(
        "laravel_env_wrong", RequestNotPossible, "the application's .env does not name a database that can be read",
        "a DB_ variable is missing, or names a connection that dwctl does not read",
        "Look at the DB_ lines of that file, or give --database-url.",
    ),
    ApplicationReason(
        "database_file_missing", RequestNotPossible, "there is no such database file",
        "the path is wrong, or relative to another folder; dwctl never creates one",
        "Give the path of the application's SQLite file (usually database/database.sqlite).",
    ),
    ApplicationReason(
        "database_file_unreadable", RequestNotPossible, "the database file cannot be opened",
        "it is a folder, this user may not read it, or (in WAL mode) may not create files beside it",
        "Run dwctl as a user who may read that file, and write in its folder where SQLite asks for it.",
    ),
    ApplicationReason(
        "not_a_database", RequestNotPossible, "the file is not an SQLite database",
        "the path names another file, or the file is encrypted or damaged", "Check the path.",
    ),
    ApplicationReason(
        "database_unreachable", ServerUnreachable, "the database was not reached",
        "it does not run there, the name or port is wrong, or a firewall stands between",
        "Check host and port from this machine; a database inside Docker may be reachable from its network only.",
    ),
    ApplicationReason(
        "database_connection_lost", ServerUnreachable, "the connection to the database broke while it was read",
        "the server restarted, or something between closed the connection", _AGAIN,
    ),
    ApplicationReason(
        "database_login_refused", NotAuthorized, "the database did not accept the user or password",
        "the password is wrong, or this user may not connect from this machine",
        "Check user and password of the URL; a password's special characters are written as %XX in a URL.",
    ),
    ApplicationReason(
        "database_not_granted", NotAuthorized, "the database user may not read a table that is needed",
        "SELECT was not granted on it (MySQL and MariaDB do not say whether it exists)",
        "Grant SELECT on that table to this user; dwctl needs no other right.",
    ),
    ApplicationReason(
        "database_unknown", NotFound, "the server has no database of this name",
        "the name at the end of the URL is wrong, or the server is another one than meant", "Check the URL.",
    ),
    ApplicationReason(
        "not_an_embedded_database", NotFound, "a table of Durable Workflow is not there",
        "the database is another one, the table prefix is wrong, or the migrations have not run",
        "Check the database's name and --table-prefix.",
    ),
    ApplicationReason(
        "database_timeout", ServerTimedOut, "the database did not answer in time",
        "the server is overloaded, or a query met far more rows than expected",
        "Run it again when the database is less busy, or raise --statement-timeout.",
    ),
    ApplicationReason(
        "database_locked", ServerTimedOut, "another session holds a lock on what is to be read",
        "a migration, a backup or (on SQLite) a long write holds it", "Run the same command again when it is done.",
    ),
    ApplicationReason(
        "schema_changed", ServerFailed, "a table changed its definition while it was read",
        "a migration of the application ran meanwhile, so what was read may not fit together", _AGAIN,
    ),
    ApplicationReason(
        "rows_hidden", NotAuthorized, "row-level security would hide rows from this user",
        "an answer from a part of the rows would look like the whole",
        "Use a user that may read all rows (ALTER ROLE ... BYPASSRLS, or the owner of the tables).",
    ),
    ApplicationReason(
        "database_not_supported", IncompatibleServer, "this database server is too old, or of another kind",
        "the driver or the session settings need a newer version",
        "Use a newer server: dwctl reads SQLite, MariaDB from 10.6, MySQL from 8.0 and PostgreSQL from 12.",
    ),
    ApplicationReason(
        "time_zone_unknown", RequestNotPossible,
        "the application's clock changes between offsets, and its zone is not known",
        "its times stand in the database without a zone, as the application's own clock showed them",
        "Name the zone of the application's config/app.php, as in --database-timezone Europe/Berlin.",
    ),
    ApplicationReason(
        "unreadable_time", ServerFailed, "a time in the database is not one",
        "another program wrote it, or a column was changed by hand",
        "Look at that row; the application cannot read it either.",
    ),
    ApplicationReason(
        "database_failed", ServerFailed, "the database refused a query",
        "the message is the database's own", "Look at the database's log; report the message if it stays.",
    ),
)  # fmt: skip
"""In the order in which a session meets them."""

_BY_ID: Final = {row.id: row for row in DATABASE_REASONS}


def failure(reason: str, message: str, *, where: str | None = None, next_step: str | None = None) -> DwctlError:
    """The error of a reason, ready to be raised; the row's own next step unless a better one is known."""
    row = _BY_ID[reason]
    return row.raised(message, where=where, next_step=next_step or row.fix, reason=reason)
