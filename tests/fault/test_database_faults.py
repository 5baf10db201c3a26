"""A database that falls silent, goes away, or was never there: each is said, and nothing hangs."""

# ruff: noqa: PT012
from __future__ import annotations

import itertools
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from dwctl.embedded import session, session_mysql, session_postgres, session_sqlite
from dwctl.embedded.database import EmbeddedDatabase
from dwctl.embedded.positions import positions
from dwctl.errors import DwctlError, RequestNotPossible, ServerTimedOut, ServerUnreachable
from dwctl.secret import Secret
from embedded_databases import TestDatabase
from stalling_proxy import StallingProxy, proxy_to


@pytest.fixture
def line(embedded_sample: TestDatabase) -> Iterator[tuple[StallingProxy, str]]:
    """A proxy in front of the sample's server, and the URL through it."""
    if embedded_sample.engine == "sqlite":
        pytest.skip("SQLite is a file")
    url = embedded_sample.url
    default = 3306 if embedded_sample.engine == "mariadb" else 5432
    with proxy_to(url.host or "127.0.0.1", url.port or default) as proxy:
        there = url.set(host="127.0.0.1", port=proxy.port)
        yield proxy, there.render_as_string(hide_password=False)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server has no time beyond the statement timeout to say itself that the time is over."""
    for module in (session, session_mysql, session_postgres):
        monkeypatch.setattr(module, "GRACE", 0.2)


def opened(url: str, timeout: float = 30.0) -> EmbeddedDatabase:
    return EmbeddedDatabase.open(Secret(url), statement_timeout=timeout)


@pytest.mark.usefixtures("impatient")
def test_a_server_that_falls_silent_is_a_timeout(line: tuple[StallingProxy, str]) -> None:
    proxy, url = line
    with pytest.raises(ServerTimedOut) as raised, opened(url, 0.3).snapshot() as snapshot:
        assert next(positions(snapshot)).run_id
        proxy.stall()
        list(positions(snapshot))
    assert raised.value.reason == "database_timeout"
    assert "0.3 s" in raised.value.message
    assert "--statement-timeout" in str(raised.value.next_step)


@pytest.mark.usefixtures("impatient")
def test_a_server_that_takes_the_call_and_says_nothing(line: tuple[StallingProxy, str]) -> None:
    proxy, url = line
    proxy.stall()
    with pytest.raises(ServerTimedOut) as raised, opened(url, 1).snapshot():
        pass
    assert raised.value.reason == "database_timeout"
    assert "did not answer" in raised.value.message


def test_a_line_that_is_cut_says_how_much_was_read(line: tuple[StallingProxy, str]) -> None:
    proxy, url = line
    with pytest.raises(ServerUnreachable) as raised, opened(url).snapshot() as snapshot:
        runs = snapshot.table("workflow_runs")
        pages = snapshot.pages(select(runs.c.id), runs.c.id, size=10)
        read = [next(pages) for _ in range(10)]
        assert len(read) == 10
        proxy.cut()
        list(pages)
    assert raised.value.reason == "database_connection_lost"
    assert "10" in raised.value.message
    assert "workflow_runs" in raised.value.message
    assert raised.value.next_step


def test_a_line_that_is_cut_within_an_answer(line: tuple[StallingProxy, str]) -> None:
    proxy, url = line
    with pytest.raises(ServerUnreachable) as raised, opened(url).snapshot() as snapshot:
        events = snapshot.table("workflow_history_events")
        pages = snapshot.page_lists(select(events), events.c.workflow_run_id, events.c.sequence, size=10)
        assert len(next(pages)) == 10
        proxy.cut_after(50_000)
        list(pages)
    assert raised.value.reason == "database_connection_lost"
    assert "rows of workflow_history_events" in raised.value.message


def test_nobody_listens(database_engine: str) -> None:
    if database_engine == "sqlite":
        pytest.skip("SQLite is a file")
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    url = f"{database_engine}://user:top-secret@127.0.0.1:{port}/application"
    with pytest.raises(ServerUnreachable) as raised, opened(url).snapshot():
        pass
    assert raised.value.reason == "database_unreachable"
    assert "top-secret" not in f"{raised.value} {raised.value.where}"


@pytest.mark.parametrize("engine", ["mariadb", "postgresql"])
def test_a_name_that_nobody_has(engine: str) -> None:
    database = opened(f"{engine}://user@no-such-host.invalid/application")
    with pytest.raises(ServerUnreachable) as raised, database.snapshot():
        pass
    assert raised.value.reason == "database_unreachable"


# --- SQLite files ------------------------------------------------------------------------------------------


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    missing = tmp_path / "application.sqlite"
    with pytest.raises(RequestNotPossible) as raised, opened(f"sqlite:///{missing}").snapshot():
        pass
    assert raised.value.reason == "database_file_missing"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no database" * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.txt"
    file.write_bytes(content)
    with pytest.raises(DwctlError) as raised, opened(f"sqlite:///{file}").snapshot() as snapshot:
        list(positions(snapshot))
    assert raised.value.reason in ("not_a_database", "not_an_embedded_database")
    assert raised.value.exit_code == (5 if content == b"" else 2)
    assert file.read_bytes() == content


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(RequestNotPossible) as raised, opened(f"sqlite:///{tmp_path}").snapshot():
        pass
    assert raised.value.reason == "database_file_unreadable"


def test_a_file_that_a_writer_holds(embedded_sqlite: TestDatabase, tmp_path: Path) -> None:
    file = tmp_path / "application.sqlite"
    file.write_bytes(Path(embedded_sqlite.name).read_bytes())
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ServerTimedOut) as raised, opened(f"sqlite:///{file}", 0.2).snapshot():
            pass
        assert raised.value.reason == "database_locked"
        writer.execute("ROLLBACK")
    with opened(f"sqlite:///{file}", 0.2).snapshot() as snapshot:
        assert next(positions(snapshot)).run_id


def test_a_file_that_cannot_be_copied_in_time(
    embedded_sqlite: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow disk: each look at the clock finds a second gone."""
    file = tmp_path / "application.sqlite"
    file.write_bytes(Path(embedded_sqlite.name).read_bytes())
    monkeypatch.setattr(session_sqlite, "_PAGES", 10)
    monkeypatch.setattr(session_sqlite, "time", SimpleNamespace(monotonic=partial(next, itertools.count())))
    with pytest.raises(ServerTimedOut) as raised, opened(f"sqlite:///{file}", 5).snapshot():
        pass
    assert raised.value.reason == "database_timeout"
    assert "while the file was copied" in raised.value.message
    assert "--statement-timeout" in str(raised.value.next_step)
    with closing(sqlite3.connect(file, timeout=0)) as writer:
        writer.execute("CREATE TABLE later (id integer)")


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_writers_of_a_file_do_not_wait(embedded_sqlite: TestDatabase, tmp_path: Path, mode: str) -> None:
    """While a snapshot is read a writer commits at once, and the snapshot does not see it."""
    file = tmp_path / "application.sqlite"
    file.write_bytes(Path(embedded_sqlite.name).read_bytes())
    with closing(sqlite3.connect(file, isolation_level=None, timeout=0)) as writer:
        writer.execute(f"PRAGMA journal_mode = {mode}")
        with opened(f"sqlite:///{file}").snapshot() as snapshot:
            found = positions(snapshot)
            first = next(found)
            writer.execute("UPDATE workflow_runs SET status = 'failed'")
            assert {one.status for one in found} - {"failed"}
            assert first.status != "failed"
    assert {path.name for path in tmp_path.iterdir()} - {"application.sqlite-wal", "application.sqlite-shm"} == {
        "application.sqlite"
    }


def test_threads_leave_nothing_behind(line: tuple[StallingProxy, str]) -> None:
    _, url = line
    before = {thread.name for thread in threading.enumerate() if isinstance(thread, threading.Timer)}
    with opened(url).snapshot() as snapshot:
        assert next(positions(snapshot)).run_id
    after = {
        thread.name
        for thread in threading.enumerate()
        if isinstance(thread, threading.Timer) and not thread.finished.is_set()
    }
    assert after <= before
