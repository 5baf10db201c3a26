"""One connection, one transaction at a time, and nothing left of a transaction that failed."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from dwctl.errors import ExitCode, LocalStateError
from dwctl.rehearsal.database import Database, insert


def _names(database: Database) -> list[str]:
    with database.read() as connection:
        return [row["name"] for row in connection.execute("SELECT name FROM workflow_namespaces ORDER BY name")]


def _add(database: Database, *names: str) -> None:
    with database.write() as connection:
        insert(connection, "workflow_namespaces", [{"name": name} for name in names])


def test_what_was_written_is_read() -> None:
    database = Database()
    _add(database, "default", "production")
    assert _names(database) == ["default", "production"]


def test_an_exception_rolls_everything_back() -> None:
    database = Database()
    _add(database, "default")

    def _fail() -> None:
        with database.write() as connection:
            insert(connection, "workflow_namespaces", [{"name": "production"}])
            raise KeyError

    with pytest.raises(KeyError):
        _fail()
    assert _names(database) == ["default"]
    _add(database, "production")


def test_a_unique_violation_names_the_column() -> None:
    database = Database()
    _add(database, "default")
    with pytest.raises(sqlite3.IntegrityError, match=r"workflow_namespaces\.name"):
        _add(database, "default")


def test_transactions_do_not_nest() -> None:
    database = Database()
    with database.write(), pytest.raises(RuntimeError, match="inside"), database.write():
        pass


def test_a_read_inside_a_write_sees_what_it_has_written() -> None:
    database = Database()
    with database.write() as connection:
        insert(connection, "workflow_namespaces", [{"name": "default"}])
        assert _names(database) == ["default"]


def test_the_watch_sees_begin_each_row_and_commit() -> None:
    database = Database()
    seen: list[str] = []
    database.watch = seen.append
    _add(database, "a", "b")
    assert [statement.split()[0] for statement in seen] == ["BEGIN", "INSERT", "INSERT", "COMMIT"]


def test_reading_is_not_watched() -> None:
    database = Database()
    _add(database, "default")
    database.watch = pytest.fail
    assert _names(database) == ["default"]


def test_threads_take_turns() -> None:
    database = Database()
    _add(database, "counter")

    def _count() -> None:
        for _ in range(50):
            with database.write() as connection:
                (days,) = connection.execute("SELECT retention_days FROM workflow_namespaces").fetchone()
                connection.execute("UPDATE workflow_namespaces SET retention_days = ?", (days + 1,))

    threads = [threading.Thread(target=_count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert connection.execute("SELECT retention_days FROM workflow_namespaces").fetchone()[0] == 30 + 200


def test_a_file_keeps_what_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "rehearsal.db"
    first = Database(path)
    _add(first, "default")
    first.close()
    assert _names(Database(path)) == ["default"]


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "application.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE workflow_runs (id varchar)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LocalStateError, match="left alone") as refusal:
        Database(path)
    assert refusal.value.exit_code is ExitCode.LOCAL_STATE
    assert refusal.value.where == str(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be read as a header of one" * 20])
def test_a_file_that_is_no_database_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(LocalStateError, match="cannot be opened"):
        Database(path)
    assert path.read_bytes() == content


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalStateError) as refusal:
        Database(tmp_path / "missing" / "rehearsal.db")
    assert refusal.value.next_step


def test_the_tables_and_columns_are_the_references(shared: Path) -> None:
    reference = sqlite3.connect(":memory:")
    text = (shared / "embedded" / "schema.sqlite.sql").read_text("utf-8")
    reference.executescript(text.replace("CREATE TABLE sqlite_sequence(name,seq);", ""))
    with Database().read() as connection:
        ours = _columns(connection)
    theirs = _columns(reference)
    own = {"workflow_namespaces", "workflow_worker_registrations", "workflow_worker_build_id_rollouts"}
    assert {table: columns for table, columns in ours.items() if table not in own} == {
        table: theirs[table] for table in ours.keys() - own
    }


def _columns(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {
        table: [tuple(row)[1:4] + tuple(row)[5:] for row in connection.execute(f"PRAGMA table_info({table})")]
        for table in tables
        if not table.startswith("sqlite_")
    }
