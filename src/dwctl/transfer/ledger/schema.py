"""The ledger's SQLite file: how it is made, opened by one writer or by any reader, and brought up to date."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from dwctl.errors import LocalStateError, UnreadableInput
from dwctl.transfer.files.private import sync_folder
from dwctl.transfer.ledger.rows import COLUMNS

APPLICATION_ID: Final = 0x64776C67
"""Marks a file as a ledger (`dwlg`), so that no other database is ever written to."""

SCHEMA_VERSION: Final = 3

_TYPES: Final[Mapping[str, str]] = {
    "run_id": "NOT NULL UNIQUE", "instance_id": "NOT NULL", "state": "NOT NULL", "attempts": "NOT NULL",
}  # fmt: skip

_UNREAD: Final = """TABLE unread (
        id INTEGER PRIMARY KEY, place NOT NULL UNIQUE, file NOT NULL, file_sha256, reason NOT NULL, text,
        seq INTEGER NOT NULL, session INTEGER NOT NULL, at TEXT NOT NULL)"""

_TABLES: Final = (
    """CREATE TABLE ledger (
        one INTEGER PRIMARY KEY CHECK (one = 1), ledger_id TEXT NOT NULL, server TEXT NOT NULL,
        namespace TEXT NOT NULL, import_id TEXT NOT NULL, created_at TEXT NOT NULL,
        head_seq INTEGER NOT NULL, head_hash TEXT NOT NULL)""",
    f"""CREATE TABLE runs (
        id INTEGER PRIMARY KEY, {", ".join(f"{name} {_TYPES.get(name, '')}" for name in COLUMNS)},
        seq INTEGER NOT NULL, session INTEGER NOT NULL, at TEXT NOT NULL)""",
    """CREATE TABLE events (
        seq INTEGER PRIMARY KEY, session INTEGER NOT NULL, at TEXT NOT NULL, kind TEXT NOT NULL, run_id,
        body TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL)""",
    f"CREATE {_UNREAD}",
    "CREATE INDEX runs_by_state ON runs (state)",
    "CREATE INDEX runs_by_instance ON runs (instance_id)",
    "CREATE INDEX events_by_run ON events (run_id, seq)",
)

MIGRATIONS: Final[dict[int, Sequence[str]]] = {
    1: ["ALTER TABLE runs ADD COLUMN file_mark"],
    2: [f"CREATE {_UNREAD}"],
}
"""Version → the statements that make the next one of it, run in one transaction by the next writer."""

_READ_AS_IT_IS: Final = {2: f"CREATE TEMP {_UNREAD}"}
"""Older versions that a reader takes: what they lack is empty, in the reader's own memory."""


def connect_writer(path: Path, begin: Callable[[sqlite3.Connection], None]) -> sqlite3.Connection:
    """The one writing connection: WAL, and every commit on the disk before it returns.

    Makes the tables in a file without any; `begin` fills them in the same transaction.
    Raises `LocalStateError` for a file that is no ledger, a newer one, or one that cannot be written to.
    """
    with translated(path):
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_SECONDS,
                                     cached_statements=256)  # fmt: skip
        try:
            _set_up(connection, path, begin)
        except BaseException:
            connection.close()
            raise
    return connection


_BUSY_SECONDS = 10.0


def require_database(path: Path) -> None:
    """Raise `LocalStateError` for a file with something else in it: SQLite would take a very short one for empty."""
    with path.open("rb") as file:
        start = file.read(len(_MAGIC))
    if start and start != _MAGIC:
        raise _trouble(*_NO_DATABASE, path=path)


_MAGIC: Final = b"SQLite format 3\0"


def real_file(path: str | Path) -> Path:
    """The file that a name stands for: through links, so that one ledger has one lock and one log of SQLite."""
    try:
        return Path(os.path.realpath(path))
    except ValueError as error:
        raise _trouble(_UNREADABLE[0], str(error), Path(path), _UNREADABLE[1]) from error


_BESIDE: Final = ("", "-wal", "-shm", "-journal", ".lock")


def is_of_a_ledger(path: str | Path, ledger: str | Path) -> bool:
    """Whether a name stands for the ledger's file, or for one of those that are kept beside it; through links, too."""
    file, wanted = real_file(ledger), real_file(path)
    return any(wanted == file.with_name(file.name + suffix) for suffix in _BESIDE)


def make_private(path: Path) -> None:
    """Make the file (0600) and its folders (0700) where they are missing; a wider file is narrowed to 0600."""
    folder = path.parent
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    for part in reversed(missing):
        part.mkdir(mode=0o700, exist_ok=True)
    # SQLite gives the files beside it (-wal, -shm) the mode that the database has.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
    for part in {folder, *(part.parent for part in missing)}:
        sync_folder(part)


def _set_up(connection: sqlite3.Connection, path: Path, begin: Callable[[sqlite3.Connection], None]) -> None:
    version = _version(connection, path)
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise LocalStateError(
            "this file system cannot keep a ledger (no write-ahead log)", where=str(path),
            next_step="Name a file on a local disk with --ledger.", reason="ledger_no_wal",
        )  # fmt: skip
    # FULL: a commit is on the disk when it returns, so `sending` is there before the first byte leaves.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute("PRAGMA checkpoint_fullfsync = ON")
    if version == SCHEMA_VERSION:
        return
    with transaction(connection):
        for statement in _TABLES if version == 0 else _steps(version):
            connection.execute(statement)
        if version == 0:
            begin(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _steps(version: int) -> Iterator[str]:
    for step in range(version, SCHEMA_VERSION):
        yield from MIGRATIONS[step]


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The schema version of the file, 0 for one without tables. Only reads: another program's file stays as it is."""
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if mark == 0 and version == 0 and tables == 0:
        return 0
    if mark != APPLICATION_ID:
        raise LocalStateError(
            "this file is a database of something else, and is left alone", where=str(path),
            next_step="Name the ledger's own file with --ledger.", reason="not_a_ledger",
        )  # fmt: skip
    if version > SCHEMA_VERSION:
        raise LocalStateError(
            f"the ledger was made by a newer dwctl (its schema is {version}, this one knows {SCHEMA_VERSION})",
            where=str(path), next_step="Use the dwctl that made it, or a newer one.", reason="ledger_newer",
        )  # fmt: skip
    return int(version)


def connect_reader(path: Path, *, older: bool = False) -> sqlite3.Connection:
    """A connection that only reads, also beside a running writer and from a folder that nobody may write to.

    `older` takes an older schema, too: what a ledger belongs to is in every version of it.
    Raises `UnreadableInput` where there is no ledger, `LocalStateError` for one that cannot be read.
    """
    with translated(path, reading=True):
        if not path.exists():
            raise no_ledger(path)
        require_database(path)
        connection = _readable(path)
        try:
            version = _version(connection, path)
            if version in _READ_AS_IT_IS:
                connection.execute(_READ_AS_IT_IS[version])
            connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
    if version == 0:
        connection.close()
        raise no_ledger(path)
    if version < SCHEMA_VERSION and version not in _READ_AS_IT_IS and not older:
        connection.close()
        raise LocalStateError(
            f"the ledger has schema {version}, and this dwctl reads {SCHEMA_VERSION}", where=str(path),
            next_step="Run history-import with it once: that brings it up to date.", reason="ledger_older",
        )  # fmt: skip
    return connection


def no_ledger(path: Path) -> UnreadableInput:
    """There is no ledger in this place."""
    return UnreadableInput(
        "there is no ledger here", where=str(path),
        next_step="Name it with --ledger FILE; history-import makes one.", reason="no_ledger",
    )  # fmt: skip


def _readable(path: Path) -> sqlite3.Connection:
    """Open as SQLite would; where it cannot make its files beside the ledger, read the file, or a private copy."""
    with suppress(sqlite3.OperationalError):
        return _opened(path, "mode=ro")
    log = path.with_name(path.name + "-wal")
    if not log.exists() or log.stat().st_size == 0:
        return _opened(path, "mode=ro&immutable=1")
    return _copied(path, log)


def _opened(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(os.fsencode(path.absolute()))}?{how}", uri=True, isolation_level=None, check_same_thread=False,
        timeout=_BUSY_SECONDS,
    )  # fmt: skip
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _copied(path: Path, log: Path) -> sqlite3.Connection:
    """A copy in memory of a ledger whose log SQLite may not open in place."""
    with tempfile.TemporaryDirectory(prefix="dwctl-ledger-") as folder:
        shutil.copyfile(path, Path(folder, "copy.db"))
        shutil.copyfile(log, Path(folder, "copy.db-wal"))
        source = sqlite3.connect(Path(folder, "copy.db"))
        memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        try:
            source.backup(memory)
        except BaseException:
            memory.close()
            raise
        finally:
            source.close()
    return memory


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """One writing transaction: committed at the end, rolled back on any exception."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.rollback()
        raise


@contextmanager
def reading(connection: sqlite3.Connection) -> Iterator[None]:
    """One moment of the ledger for several questions."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.rollback()


def bound(value: Any) -> Any:
    """A value as SQLite takes it: text with lone surrogates (names that are no UTF-8) goes as bytes."""
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogatepass")
    return value


def unbound(value: Any) -> Any:
    """The value that `bound` stored."""
    return value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value


@contextmanager
def translated(path: Path, *, reading: bool = False) -> Iterator[None]:
    """Turn what SQLite and the system say into a `LocalStateError` with the next step. `reading`: for a reader."""
    try:
        yield
    except sqlite3.Error as error:
        raise _failure(error, path, reading=reading) from error
    except OSError as error:
        what, reason = _UNREADABLE if reading else _UNWRITABLE
        raise _trouble(what, error.strerror or str(error), path, reason) from error


_UNREADABLE: Final = ("cannot be read", "ledger_unreadable")
_UNWRITABLE: Final = ("cannot be written to", "ledger_unwritable")


NOT_OURS: Final = (ValueError, TypeError, KeyError, AttributeError, OverflowError)
"""What comes of values that no writer of a ledger wrote, where they are read."""


@contextmanager
def as_written(path: Path) -> Iterator[None]:
    """Turn what comes of values that no writer of a ledger wrote into a `LocalStateError`."""
    try:
        yield
    except NOT_OURS as error:
        raise edited(error, path) from error


def edited(error: BaseException, path: Path) -> LocalStateError:
    """The ledger holds something that no writer wrote, and reading it came to this."""
    return _trouble("holds what no dwctl wrote there", str(error) or type(error).__name__, path)


def _failure(error: sqlite3.Error, path: Path, *, reading: bool) -> LocalStateError:
    code = getattr(error, "sqlite_errorcode", None) or 0
    what, reason = _WHAT.get(code & 0xFF, ("failed", "ledger_failed"))
    if reading and reason == _UNWRITABLE[1]:
        what, reason = _UNREADABLE
    return _trouble(what, str(error), path, reason)


_WHAT: Final = {
    sqlite3.SQLITE_FULL: ("cannot grow: the disk is full", "ledger_disk_full"),
    sqlite3.SQLITE_IOERR: ("met an error of its disk", "ledger_disk_error"),
    sqlite3.SQLITE_READONLY: ("may not be written to", "ledger_unwritable"),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "ledger_unwritable"),
    sqlite3.SQLITE_PERM: ("cannot be opened", "ledger_unwritable"),
    sqlite3.SQLITE_CORRUPT: ("is damaged", "ledger_damaged"),
    sqlite3.SQLITE_NOTADB: ("is damaged, or no ledger at all", "ledger_damaged"),
    # The next number of the log is taken: somebody got past the lock, by deleting its file.
    sqlite3.SQLITE_CONSTRAINT: ("was written to by another program", "ledger_locked"),
    sqlite3.SQLITE_BUSY: ("is held by another program", "ledger_locked"),
    sqlite3.SQLITE_LOCKED: ("is held by another program", "ledger_locked"),
}
_STEPS: Final = {
    "ledger_disk_full": "Make room, then run the same command again: it asks about what was under way.",
    "ledger_disk_error": "Check the disk and the space left, then run the same command again.",
    "ledger_unwritable": "Check the permissions of the file and of its folder, or name another one with --ledger.",
    "ledger_unreadable": "Check that it is a file, and its permissions, or name another one with --ledger.",
    "ledger_damaged": "See 'dwctl ledger audit'. Put back a copy, or start a new one: it finds what is on the server.",
    "ledger_locked": "Close the program that holds it, then run the same command again.",
    "ledger_failed": "Look at it with 'dwctl ledger audit'.",
}


_NO_DATABASE: Final = ("is damaged, or no ledger at all", "the file is not a database")


def _trouble(what: str, said: str, path: Path, reason: str = "ledger_damaged") -> LocalStateError:
    return LocalStateError(f"the ledger {what} ({said})", where=str(path), next_step=_STEPS[reason], reason=reason)
