"""The drivers' errors as failures of ours; the one place that knows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from dwctl.embedded.database_reasons import failure
from dwctl.errors import DwctlError
from dwctl.secret import MASK

if TYPE_CHECKING:
    from dwctl.embedded.database_url import DatabaseTarget

_MYSQL: Final[Mapping[int, str]] = {
    **dict.fromkeys((1040, 1129, 1203, 1226, 2002, 2003, 2005, 2026), "database_unreachable"),
    **dict.fromkeys((1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161), "database_connection_lost"),
    **dict.fromkeys((1927, 2006, 2013, 2014, 2055), "database_connection_lost"),
    **dict.fromkeys((1044, 1045, 1130, 1251, 1698, 1820, 1862, 2049, 2059, 3118), "database_login_refused"),
    **dict.fromkeys((1142, 1143, 1370), "database_not_granted"),
    1049: "database_unknown",
    **dict.fromkeys((1051, 1054, 1109, 1146), "not_an_embedded_database"),
    **dict.fromkeys((1317, 1969, 3024), "database_timeout"),
    **dict.fromkeys((1205, 1213, 3572), "database_locked"),
    **dict.fromkeys((1412, 1684, 1615), "schema_changed"),
    **dict.fromkeys((1193, 1235), "database_not_supported"),
}  # fmt: skip
"""Error numbers of MySQL and MariaDB (2000 to 2999 are the client's own)."""

_POSTGRES: Final[Mapping[str, str]] = {
    "28": "database_login_refused",
    "3D000": "database_unknown",
    "42501": "database_not_granted",
    "42P01": "not_an_embedded_database",
    "42703": "schema_changed",
    "55P03": "database_locked",
    "40P01": "database_locked",
    "57014": "database_timeout",
    "57P": "database_connection_lost",
    "25P": "database_connection_lost",
    "08": "database_connection_lost",
    "53": "database_unreachable",
    "0A000": "database_not_supported",
}
"""SQLSTATE, or the beginning of a family of them."""

# libpq gives no SQLSTATE for a connection that was not made, only the text of both sides.
_POSTGRES_CONNECT: Final[tuple[tuple[str, str], ...]] = (
    (r"password|pg_hba|role .* does not exist|authentication|not permitted to log in|permission denied for database",
     "database_login_refused"),
    (r'database ".*" does not exist', "database_unknown"),
    (r"timeout expired|timed out", "database_timeout"),
)  # fmt: skip

_SQLITE: Final[Mapping[str, str]] = {
    "SQLITE_BUSY": "database_locked",
    "SQLITE_LOCKED": "database_locked",
    "SQLITE_NOTADB": "not_a_database",
    "SQLITE_CORRUPT": "not_a_database",
    "SQLITE_CANTOPEN": "database_file_unreadable",
    "SQLITE_PERM": "database_file_unreadable",
    "SQLITE_READONLY": "database_file_unreadable",
    "SQLITE_IOERR": "database_file_unreadable",
    "SQLITE_INTERRUPT": "database_timeout",
}
"""The beginning of SQLite's own name of the error."""

_SENTENCES: Final[Mapping[str, str]] = {
    "database_unreachable": "the database was not reached",
    "database_connection_lost": "the connection to the database broke",
    "database_login_refused": "the database did not accept the login",
    "database_not_granted": "the database user may not read what is needed",
    "database_unknown": "the server has no such database",
    "not_an_embedded_database": "a table or column is not there",
    "database_locked": "another session holds a lock on what is to be read",
    "schema_changed": "a table changed its definition while it was read",
    "rows_hidden": "row-level security would hide rows from this user",
    "database_not_supported": "the database server does not know a setting that is needed",
    "database_file_unreadable": "the file cannot be opened",
    "not_a_database": "the file is not an SQLite database, or is damaged",
    "database_failed": "the database refused a query",
}


def translated(error: BaseException, target: DatabaseTarget, timeout: float, when: str) -> BaseException:
    """The failure that an error of SQLAlchemy or a driver stands for; any other error comes back as it is.

    `when` says what was going on; it is empty while the session is being opened. `timeout` is in seconds.
    """
    from sqlalchemy.exc import SQLAlchemyError

    origin = getattr(error, "orig", None) if isinstance(error, SQLAlchemyError) else error
    if isinstance(error, DwctlError) or not isinstance(error, Exception):
        return error
    reason = _reason(origin or error)
    if reason is None and not isinstance(error, SQLAlchemyError):
        return error
    if reason == "database_timeout":
        return timed_out(target, timeout, when)
    if reason == "database_connection_lost" and not when:
        reason = "database_unreachable"
    reason = reason or "database_failed"
    message = " ".join(filter(None, (_SENTENCES[reason], when))) + _said(origin or error, target)
    return failure(reason, message, where=target.location)


def timed_out(target: DatabaseTarget, timeout: float, when: str) -> DwctlError:
    """A statement, or the opening of a session, that took longer than it may."""
    message = f"no answer from the database within {timeout:g} s {when}" if when else (
        "the database took no session in time: something listens there, but did not answer"
    )  # fmt: skip
    return failure("database_timeout", message, where=target.location)


def _reason(error: object) -> str | None:
    module = type(error).__module__.partition(".")[0]
    if module == "pymysql":
        return _mysql_reason(error)
    if module == "psycopg":
        return _postgres_reason(error)
    if module == "sqlite3":
        name = str(getattr(error, "sqlite_errorname", "") or "")
        return next((reason for start, reason in _SQLITE.items() if name.startswith(start)), None)
    if type(error).__name__ == "PendingRollbackError":  # SQLAlchemy's, of a connection that is known to be gone
        return "database_connection_lost"
    if isinstance(error, RuntimeError) and "cryptography" in str(error):
        return "database_login_refused"
    return None


def _mysql_reason(error: Any) -> str | None:
    code = error.args[0] if error.args else None
    text = str(error)
    if code == 2013 and "timed out" in text:
        return "database_timeout"
    return _MYSQL.get(code) if isinstance(code, int) else "database_connection_lost" if code == "" else None


def _postgres_reason(error: Any) -> str | None:
    state, text = error.sqlstate, str(error)
    if state == "42501" and "row-level security" in text:
        return "rows_hidden"
    if state:
        return next((reason for start, reason in _POSTGRES.items() if state.startswith(start)), None)
    if type(error).__name__ not in ("OperationalError", "ConnectionTimeout"):
        return None
    for pattern, reason in _POSTGRES_CONNECT:
        if re.search(pattern, text, re.IGNORECASE):
            return reason
    return "database_connection_lost"


def _said(error: object, target: DatabaseTarget) -> str:
    """What the driver itself said, on one line and without the password."""
    arguments: tuple[Any, ...] = getattr(error, "args", ())
    text = str(arguments[1] if len(arguments) > 1 and isinstance(arguments[0], int) else error)
    text = " ".join(text.split())
    if password := target.url.password:
        text = text.replace(str(password), MASK)
    return f": {text[:300]}" if text else ""
