"""`dwctl embedded inventory` at a database that makes trouble: what is said, and how the command ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest
from sqlalchemy.engine import URL

from dwctl.embedded import inventory_rows, session, session_mysql, session_postgres
from dwctl.embedded.expected_schema import EXPECTED
from embedded_databases import TestDatabase, connect, rename_with_prefix, shift_times
from server_cli import command
from stalling_proxy import StallingProxy, proxy_to

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def listed(capsys: Capture, database: TestDatabase | URL, *options: str) -> tuple[int, str, str]:
    """The command on this database, as JSON Lines: exit code, stdout, stderr."""
    url = database if isinstance(database, URL) else database.url
    text = url.render_as_string(hide_password=False)
    return command(capsys, "embedded", "inventory", "--database-url", text, "--output", "jsonl", *options)


def runs(out: str) -> list[dict[str, object]]:
    """The lines without what the clock of the moment says."""
    found = [json.loads(line) for line in out.splitlines()]
    return [{name: value for name, value in one.items() if name != "age_seconds"} for one in found]


def said_in(out: str, err: str) -> str:
    """The error alone was printed, as one JSON document, and nothing of an answer."""
    assert "run_id" not in out
    assert "Traceback" not in out + err
    assert json.loads(out)["error"]
    return out


@pytest.fixture
def server(embedded_sample: TestDatabase) -> TestDatabase:
    """The sample on an engine that has users and a line; SQLite is a file."""
    if embedded_sample.engine == "sqlite":
        pytest.skip("SQLite is a file: it has neither users nor a line")
    return embedded_sample


def test_select_alone_is_enough(capsys: Capture, server: TestDatabase) -> None:
    code, out, err = listed(capsys, server.reader(*EXPECTED))
    assert code == 0, err
    assert runs(out) == runs(listed(capsys, server)[1])
    assert "granted" not in err


@pytest.mark.parametrize("prefix", ["", "shop_"])
def test_the_application_s_own_env_is_enough(capsys: Capture, embedded_scratch: TestDatabase, prefix: str) -> None:
    """As Laravel reads it: a password full of signs, a prefix, a zone; nothing else of the file is looked at."""
    url, wanted = embedded_scratch.url, len(runs(listed(capsys, embedded_scratch)[1]))
    if prefix:
        rename_with_prefix(embedded_scratch, prefix)
    values = {"APP_KEY": "base64:planted", "DB_PREFIX": prefix, "APP_TIMEZONE": "UTC"}
    if embedded_scratch.engine == "sqlite":
        Path("shop/database").mkdir(parents=True)
        Path(str(url.database)).rename("shop/database/database.sqlite")
        values |= {"DB_CONNECTION": "sqlite"}
    else:
        url = embedded_scratch.reader(*(prefix + table for table in EXPECTED))
        laravel = {"mariadb": "mysql", "postgresql": "pgsql"}[embedded_scratch.engine]
        values |= {"DB_CONNECTION": laravel, "DB_HOST": url.host or "", "DB_PORT": str(url.port)}
        values |= {"DB_DATABASE": str(url.database), "DB_USERNAME": url.username or ""}
        values |= {"DB_PASSWORD": f"'{url.password}'"}
        Path("shop").mkdir()
    Path("shop/.env").write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")
    code, out, err = command(capsys, "embedded", "inventory", "--laravel-env", "shop/.env", "--output", "jsonl", "-v")
    assert code == 0, err
    assert len(runs(out)) == wanted > 0
    assert "from --laravel-env shop/.env" in err
    assert "planted" not in out + err
    assert url.password is None or str(url.password) not in out + err


def test_a_table_that_is_not_granted_is_said_and_the_rest_is_there(capsys: Capture, server: TestDatabase) -> None:
    url = server.reader(*(EXPECTED.keys() - {"workflow_tasks"}))
    code, out, err = listed(capsys, url)
    assert code == 0, err
    assert "workflow_tasks" in err
    assert "SELECT" in err
    assert len(runs(out)) == len(runs(listed(capsys, server)[1]))
    code, out, err = listed(capsys, url, "--summary")
    assert (code, "workflow_tasks" in out, "workflow_tasks" in err, "SELECT" in err) == (0, False, True, True), err


def test_without_the_table_of_runs_there_is_no_answer(capsys: Capture, server: TestDatabase) -> None:
    code, out, err = listed(capsys, server.reader(*(EXPECTED.keys() - {"workflow_runs"})))
    assert code == 4, err
    assert "workflow_runs" in said_in(out, err)


@pytest.mark.parametrize("word", ["infinity", "12026-01-01 00:00:00"])
def test_a_time_beyond_the_calendar_is_named_with_its_row(
    capsys: Capture, embedded_scratch: TestDatabase, word: str
) -> None:
    if embedded_scratch.engine != "postgresql":
        pytest.skip("only PostgreSQL keeps such a time")
    ((run,),) = embedded_scratch.run("SELECT max(id) FROM workflow_runs")
    embedded_scratch.run(f"UPDATE workflow_runs SET started_at = '{word}' WHERE id = '{run}'")  # noqa: S608
    code, out, err = listed(capsys, embedded_scratch.url)
    assert code == 6, err
    assert f"workflow_runs.started_at of {run}" in said_in(out, err)


def test_a_wrong_password_is_masked(capsys: Capture, server: TestDatabase) -> None:
    url = server.reader("workflow_runs").set(password="planted-password")
    if server.engine == "postgresql" and _trusts(url):
        # A server that trusts everybody still refuses a user that it does not have.
        url = url.set(username="nobody_of_this_name")
    code, out, err = listed(capsys, url)
    assert code == 4
    assert "planted-password" not in out + err
    assert "********" in said_in(out, err)


def _trusts(url: URL) -> bool:
    try:
        connect(url).close()
    except Exception:
        return False
    return True


@contextmanager
def through_a_proxy(server: TestDatabase) -> Iterator[tuple[StallingProxy, URL]]:
    default = 3306 if server.engine == "mariadb" else 5432
    with proxy_to(server.url.host or "127.0.0.1", server.url.port or default) as proxy:
        yield proxy, server.url.set(host="127.0.0.1", port=proxy.port)


def test_a_line_that_is_cut_in_the_middle(capsys: Capture, server: TestDatabase) -> None:
    with through_a_proxy(server) as (proxy, url):
        proxy.cut_after(60_000)
        code, out, err = listed(capsys, url)
    assert code == 3
    assert "the connection to the database broke" in out + err
    assert "Traceback" not in out + err


def test_a_server_that_falls_silent(capsys: Capture, server: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers until the runs themselves are asked for: the statement timeout ends the waiting."""
    for module in (session, session_mysql, session_postgres):
        monkeypatch.setattr(module, "GRACE", 0.2)
    with through_a_proxy(server) as (proxy, url):
        asked = inventory_rows._run_select

        def stalled(*arguments: object) -> object:
            proxy.stall()
            return asked(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(inventory_rows, "_run_select", stalled)
        code, out, err = listed(capsys, url, "--statement-timeout", "1s")
    assert code == 7
    assert "--statement-timeout" in said_in(out, err)


def test_a_statement_that_is_too_slow(capsys: Capture, embedded_scratch: TestDatabase) -> None:
    """A lock of somebody else on the table: the wait is bounded, and the one who waits gives up."""
    if embedded_scratch.engine == "sqlite":
        pytest.skip("a copied or WAL file has no locks that a reader waits for")
    holder = connect(embedded_scratch.url)
    cursor = holder.cursor()
    if embedded_scratch.engine == "mariadb":
        cursor.execute("LOCK TABLES workflow_runs WRITE")
    else:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE workflow_runs IN ACCESS EXCLUSIVE MODE")
    # The test's own way out, should the command wait for ever.
    guard = Timer(60, holder.close)
    guard.start()
    try:
        code, out, err = listed(capsys, embedded_scratch, "--statement-timeout", "1s")
    finally:
        guard.cancel()
        holder.close()
    assert code == 7
    assert said_in(out, err)
    assert listed(capsys, embedded_scratch)[0] == 0


def test_a_prefix(capsys: Capture, embedded_scratch: TestDatabase) -> None:
    before = runs(listed(capsys, embedded_scratch)[1])
    rename_with_prefix(embedded_scratch, "app_")
    assert listed(capsys, embedded_scratch)[0] == 5
    code, out, err = listed(capsys, embedded_scratch, "--table-prefix", "app_")
    assert code == 0, err
    assert runs(out) == before


def test_an_old_schema_without_import_markers(capsys: Capture, embedded_scratch: TestDatabase) -> None:
    before = runs(listed(capsys, embedded_scratch)[1])
    where = " ON workflow_runs" if embedded_scratch.engine == "mariadb" else ""
    for column in ("import_source", "import_id"):
        embedded_scratch.run(f"DROP INDEX workflow_runs_{column}_index{where}")
        embedded_scratch.run(f"ALTER TABLE workflow_runs DROP COLUMN {column}")
    code, out, err = listed(capsys, embedded_scratch)
    assert code == 0, err
    assert "whether a run was imported into this application is not known" in err
    assert [one.get("run_id") for one in runs(out)] == [one.get("run_id") for one in before]


def test_an_application_in_another_zone(capsys: Capture, embedded_scratch: TestDatabase, tmp_path: Path) -> None:
    """Found in the rows and said; named by the option or by cutover.toml, it is sure."""
    before = runs(listed(capsys, embedded_scratch)[1])
    shift_times(embedded_scratch, 9)
    code, out, err = listed(capsys, embedded_scratch)
    assert code == 0, err
    assert "+09:00" in err
    v2 = [one for one in runs(out) if one["engine"] == "v2"]
    assert v2 == [one for one in before if one["engine"] == "v2"]
    code, out, err = listed(capsys, embedded_scratch, "--database-timezone", "Asia/Tokyo")
    assert "+09:00" not in err
    assert runs(out) == before
    (tmp_path / "cutover.toml").write_text('[embedded]\ndatabase_timezone = "Asia/Tokyo"\n')
    code, out, err = listed(capsys, embedded_scratch)
    assert "+09:00" not in err
    assert runs(out) == before
