"""The embedded application's database, on every engine: what is read, what is never done, what is said."""

# ruff: noqa: S608
from __future__ import annotations

import sys
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import Select, func, select, update
from sqlalchemy.types import NullType

from dwctl.embedded.database import EmbeddedDatabase
from dwctl.embedded.expected_schema import EXPECTED
from dwctl.embedded.gaps import GapKind
from dwctl.embedded.positions import positions
from dwctl.embedded.snapshot import Snapshot
from dwctl.errors import DwctlError, NotAuthorized, NotFound, RequestNotPossible, ServerFailed, ServerTimedOut
from dwctl.secret import Secret
from embedded_databases import TestDatabase, connect, plain, rename_with_prefix, shift_times

RUNS = "workflow_runs"


def opened(database: TestDatabase, url: Any, **options: Any) -> EmbeddedDatabase:
    return EmbeddedDatabase.open(Secret(url.render_as_string(hide_password=False)), **options)


def key_rows(database: TestDatabase) -> list[tuple[Any, ...]]:
    """What plain SQL says of every run."""
    rows = database.run(
        "SELECT id, workflow_instance_id, status, last_history_sequence, last_progress_at, updated_at "
        "FROM workflow_runs ORDER BY id"
    )
    return [tuple(plain(value) for value in row) for row in rows]


def test_positions_are_what_plain_sql_says(embedded_sample: TestDatabase) -> None:
    with embedded_sample.open().snapshot() as snapshot:
        found = list(positions(snapshot))
        assert snapshot.gaps == ()
        assert snapshot.dialect == embedded_sample.engine
    expected = key_rows(embedded_sample)
    assert len(expected) > 50
    assert [
        (one.run_id, one.instance_id, one.status, one.last_history_sequence, one.last_progress_at, one.updated_at)
        for one in found
    ] == [(*row[:4], *(f"{time[:10]}T{time[11:]}Z" for time in row[4:])) for row in expected]


def test_every_engine_gives_the_same_answer(embedded_sample: TestDatabase, embedded_sqlite: TestDatabase) -> None:
    answers = []
    for one in (embedded_sample, embedded_sqlite):
        with one.open().snapshot() as snapshot:
            answers.append({name: _every_row(snapshot, name) for name in EXPECTED})
    assert answers[0] == answers[1]


def _every_row(snapshot: Snapshot, name: str) -> list[list[str]]:
    """The rows of a table as text, whatever the order of rows and columns is."""
    table = snapshot.table(name)
    columns = [table.c[column] for column in sorted(table.c.keys())]
    times = [isinstance(column.type, NullType) for column in columns]
    return sorted(
        [str(snapshot.instant(value) if time else plain(value)) for value, time in zip(row, times, strict=True)]
        for row in snapshot.all(select(*columns))
    )


def test_positions_of_named_runs(embedded_sample: TestDatabase) -> None:
    with embedded_sample.open().snapshot() as snapshot:
        whole = list(positions(snapshot))
        wanted = [one.run_id for one in whole[::3]]
        assert list(positions(snapshot, [*reversed(wanted), "no-such-run", wanted[0]])) == whole[::3]
        assert list(positions(snapshot, [])) == []
        assert list(positions(snapshot, ["no-such-run"])) == []


@pytest.mark.parametrize("size", [31, 2000])
def test_pages_miss_nothing(embedded_sample: TestDatabase, size: int) -> None:
    with embedded_sample.open().snapshot() as snapshot:
        runs = snapshot.table(RUNS)
        statement = select(runs.c.status, runs.c.id)
        found = [row.id for row in snapshot.pages(statement, runs.c.status, runs.c.id, size=size)]
        assert found == [row.id for row in snapshot.all(statement.order_by(runs.c.status, runs.c.id))]
        assert len(set(found)) == len(found) == len(list(positions(snapshot)))


def test_a_page_is_its_takers_alone(embedded_sample: TestDatabase) -> None:
    """Memory holds one page in one form: whoever makes something else of it can let it go."""
    with embedded_sample.open().snapshot() as snapshot:
        runs = snapshot.table(RUNS)
        pages = snapshot.page_lists(select(runs.c.id), runs.c.id, size=31)
        page = next(pages)
        assert len(page) == 31
        assert sys.getrefcount(page) <= 2, "one for the name here, and one for the call"
        assert len(next(pages)) > 0


def test_keys_that_are_not_unique_are_refused(embedded_sample: TestDatabase) -> None:
    with embedded_sample.open().snapshot() as snapshot:
        runs = snapshot.table(RUNS)
        with pytest.raises(RuntimeError, match="is not unique"):
            list(snapshot.pages(select(runs.c.status), runs.c.status, size=3))


def test_nothing_can_be_written(embedded_scratch: TestDatabase) -> None:
    before = key_rows(embedded_scratch)
    with embedded_scratch.open().snapshot() as snapshot:
        runs = snapshot.table(RUNS)
        with pytest.raises(DwctlError):
            snapshot.all(update(runs).values(status="completed"))
    assert key_rows(embedded_scratch) == before


def test_a_snapshot_sees_one_moment(embedded_scratch: TestDatabase) -> None:
    """A writer goes on between two pages: its rows and changes are not seen, and it never waits."""
    with embedded_scratch.open().snapshot() as snapshot:
        runs = snapshot.table(RUNS)
        before = {one.run_id: one for one in positions(snapshot)}
        pages = snapshot.pages(select(runs.c.id, runs.c.last_history_sequence), runs.c.id, size=5)
        seen = [next(pages)]
        embedded_scratch.run(*_no_waiting(embedded_scratch.engine),
                             "UPDATE workflow_runs SET last_history_sequence = last_history_sequence + 1",
                             "DELETE FROM workflow_tasks")  # fmt: skip
        seen += list(pages)
        assert {row.id: row.last_history_sequence for row in seen} == {
            run_id: one.last_history_sequence for run_id, one in before.items()
        }
        assert snapshot.all(select(func.count()).select_from(snapshot.table("workflow_tasks")))[0][0] > 0
    with embedded_scratch.open().snapshot() as snapshot:
        after = {one.run_id: one.last_history_sequence for one in positions(snapshot)}
    assert len(before) > 50
    assert after == {run_id: (one.last_history_sequence or 0) + 1 for run_id, one in before.items()}


def _no_waiting(engine: str) -> list[str]:
    """A writer that gives up rather than wait for a lock."""
    return {
        "sqlite": ["PRAGMA busy_timeout = 0"],
        "mariadb": ["SET SESSION innodb_lock_wait_timeout = 0, SESSION lock_wait_timeout = 1"],
        "postgresql": ["SET lock_timeout = 1000"],
    }[engine]


def test_a_migration_of_the_application_does_not_wait(embedded_scratch: TestDatabase) -> None:
    """Between two statements no table is locked, so that its definition can be changed."""
    with embedded_scratch.open().snapshot() as snapshot:
        tasks = snapshot.table("workflow_tasks")
        pages = snapshot.pages(select(tasks.c.id), tasks.c.id, size=5)
        next(pages)
        embedded_scratch.run(
            *_no_waiting(embedded_scratch.engine), "ALTER TABLE workflow_tasks ADD COLUMN later integer"
        )
        runs = snapshot.table(RUNS)
        assert snapshot.all(select(func.count()).select_from(runs))[0][0] > 0


def test_a_table_that_is_emptied_while_it_is_read_is_no_short_answer(embedded_scratch: TestDatabase) -> None:
    if embedded_scratch.engine == "sqlite":
        pytest.skip("SQLite is read from a copy or a WAL snapshot, which no other session can change")
    with embedded_scratch.open().snapshot() as snapshot:
        tasks = snapshot.table("workflow_tasks")
        pages = snapshot.pages(select(tasks.c.id), tasks.c.id, size=5)
        next(pages)
        embedded_scratch.run(*_no_waiting(embedded_scratch.engine), "TRUNCATE TABLE workflow_tasks")
        with pytest.raises(ServerFailed) as raised:
            list(pages)
    assert raised.value.reason == "schema_changed"
    assert raised.value.next_step


def test_a_prefix(embedded_scratch: TestDatabase) -> None:
    expected = key_rows(embedded_scratch)
    rename_with_prefix(embedded_scratch, "wf_")
    with embedded_scratch.open(prefix="wf_").snapshot() as snapshot:
        assert snapshot.gaps == ()
        assert [one.run_id for one in positions(snapshot)] == [row[0] for row in expected]
    with embedded_scratch.open().snapshot() as snapshot:
        assert not snapshot.has(RUNS)
        with pytest.raises(NotFound) as raised:
            list(positions(snapshot))
    assert raised.value.reason == "not_an_embedded_database"
    assert "--table-prefix" in str(raised.value.next_step)


def test_an_old_schema_is_gaps_and_no_guess(embedded_scratch: TestDatabase) -> None:
    embedded_scratch.run("DROP TABLE workflow_links", "DROP TABLE workflows")
    for index, column in (("workflow_runs_import_source_index", "import_source"), (None, "last_progress_at")):
        if index:
            on = f" ON {RUNS}" if embedded_scratch.engine == "mariadb" else ""
            embedded_scratch.run(f"DROP INDEX {index}{on}")
        embedded_scratch.run(f"ALTER TABLE {RUNS} DROP COLUMN {column}")
    with embedded_scratch.open().snapshot() as snapshot:
        gaps = {(gap.table, gap.column): gap for gap in snapshot.gaps}
        assert set(gaps) == {
            ("workflow_links", None), ("workflows", None), (RUNS, "import_source"), (RUNS, "last_progress_at"),
        }  # fmt: skip
        markers = gaps[RUNS, "import_source"]
        # MariaDB does not tell a column that is not there from one that may not be read.
        on_mariadb = embedded_scratch.engine == "mariadb"
        assert ("that this user may read" if on_mariadb else "no import markers") in markers.sentence
        assert markers.sentence.endswith("whether a run was imported into this application is not known")
        assert (markers.next_step is not None) is on_mariadb
        assert not snapshot.has(RUNS, "id", "import_source")
        assert "import_source" not in snapshot.table(RUNS).c
        with pytest.raises(NotFound, match="was imported"):
            snapshot.table(RUNS).c.import_source  # noqa: B018 - to ask is what is tested
        first = next(positions(snapshot))
        assert (first.last_progress_at, first.dedupe_key) == (None, None)
        assert first.updated_at


@pytest.fixture
def on_a_server(embedded_sample: TestDatabase) -> TestDatabase:
    """The sample on an engine with users, each test's own user in it."""
    if embedded_sample.engine == "sqlite":
        pytest.skip("SQLite has no users")
    return embedded_sample


def test_select_alone_is_enough(on_a_server: TestDatabase) -> None:
    url = on_a_server.reader(*EXPECTED)
    with opened(on_a_server, url).snapshot() as snapshot:
        assert snapshot.gaps == ()
        assert len(list(positions(snapshot))) == len(key_rows(on_a_server))


def test_a_table_that_is_not_granted_is_named(on_a_server: TestDatabase) -> None:
    url = on_a_server.reader(*(EXPECTED.keys() - {"workflow_tasks"}))
    with opened(on_a_server, url).snapshot() as snapshot:
        (gap,) = snapshot.gaps
        assert (gap.kind, gap.table) == (GapKind.NOT_GRANTED, "workflow_tasks")
        assert "SELECT" in gap.sentence
        assert len(list(positions(snapshot))) == len(key_rows(on_a_server))
        with pytest.raises(NotAuthorized) as raised:
            snapshot.table("workflow_tasks")
    assert raised.value.reason == "database_not_granted"
    assert "Grant SELECT on workflow_tasks" in str(raised.value.next_step)


def test_columns_that_are_not_granted_are_gaps(on_a_server: TestDatabase) -> None:
    url = on_a_server.reader(*(EXPECTED.keys() - {RUNS}))
    on_a_server.run(f"GRANT SELECT (id, status) ON {RUNS} TO {url.username}"
                    + ("@'%'" if on_a_server.engine == "mariadb" else ""))  # fmt: skip
    with opened(on_a_server, url).snapshot() as snapshot:
        assert snapshot.tables[RUNS] == {"id", "status"}
        gap = snapshot.gap(RUNS, "workflow_type")
        assert gap is not None
        assert f"Grant SELECT (workflow_type) on {RUNS}" in str(gap.next_step)
        if on_a_server.engine == "postgresql":
            assert (gap.kind, "is there" in gap.sentence) == (GapKind.NOT_GRANTED, True)
            with pytest.raises(NotAuthorized, match="workflow_type"):
                snapshot.table(RUNS).c["workflow_type"]
        else:
            assert "that this user may read" in gap.sentence


def test_a_wrong_password_is_never_shown(on_a_server: TestDatabase) -> None:
    url = on_a_server.reader(RUNS).set(password="not-the-secret")
    if on_a_server.engine == "postgresql" and _trusts(on_a_server):
        url = url.set(username="nobody_of_this_name")
    with pytest.raises(NotAuthorized) as raised, opened(on_a_server, url).snapshot():
        pass
    said = f"{raised.value} {raised.value.where} {raised.value.next_step} {raised.value.__cause__}"
    assert raised.value.reason == "database_login_refused"
    assert "not-the-secret" not in said
    assert "********" in str(raised.value.where)


def _trusts(database: TestDatabase) -> bool:
    """Whether this server asks nobody for a password."""
    with closing(connect(database.url.set(password="surely-wrong"))):
        return True


def test_an_unknown_database(on_a_server: TestDatabase) -> None:
    database = opened(on_a_server, on_a_server.url.set(database="no_such_database"))
    with pytest.raises(NotFound) as raised, database.snapshot():
        pass
    assert raised.value.reason == "database_unknown"


def test_a_slow_statement_is_stopped(embedded_sample: TestDatabase) -> None:
    with embedded_sample.open(statement_timeout=0.3).snapshot() as snapshot:
        with pytest.raises(ServerTimedOut) as raised:
            snapshot.all(_endless(snapshot))
        assert raised.value.reason == "database_timeout"
        assert "0.3 s" in raised.value.message
        # The snapshot goes on.
        assert next(positions(snapshot)).run_id


def _endless(snapshot: Snapshot) -> Select[Any]:
    """A count of more pairs than any machine counts."""
    events = snapshot.table("workflow_history_events")
    tables = [events.alias() for _ in range(6)]
    joined: Any = tables[0]
    for table in tables[1:]:
        joined = joined.join(table, tables[0].c.workflow_run_id != table.c.workflow_run_id)
    return select(func.count()).select_from(joined)


@pytest.mark.parametrize("hours", [2, -5])
def test_an_application_in_another_zone_gives_the_same_instants(embedded_scratch: TestDatabase, hours: int) -> None:
    with embedded_scratch.open().snapshot() as snapshot:
        before = list(positions(snapshot))
    shift_times(embedded_scratch, hours)
    with embedded_scratch.open().snapshot() as snapshot:
        (gap,) = snapshot.gaps
        assert gap.kind is GapKind.CLOCK
        assert f"{abs(hours):02d}:00" in gap.sentence
        assert list(positions(snapshot)) == before
    named = "Etc/GMT" + f"{-hours:+d}"
    with embedded_scratch.open(zone=named).snapshot() as snapshot:
        assert snapshot.gaps == ()
        assert list(positions(snapshot)) == before
    with embedded_scratch.open(zone="Asia/Kathmandu").snapshot() as snapshot:
        assert [gap.kind for gap in snapshot.gaps] == [GapKind.CLOCK]
        assert list(positions(snapshot)) != before


def test_a_clock_with_summer_time_must_be_named(embedded_scratch: TestDatabase) -> None:
    """Half of the runs were started in summer time: which moment an hour means is not guessed."""
    (middle,) = embedded_scratch.run("SELECT id FROM workflow_runs ORDER BY id LIMIT 1 OFFSET 25")[0]
    shift_times(embedded_scratch, 1)
    one_more = {
        "sqlite": "created_at = strftime('%Y-%m-%d %H:%M:%S', substr(created_at, 1, 19), '+1 hours') "
        "|| substr(created_at, 20)",
        "mariadb": "created_at = created_at + INTERVAL 1 HOUR",
        "postgresql": "created_at = created_at + INTERVAL '1 hour'",
    }[embedded_scratch.engine]
    embedded_scratch.run(f"UPDATE {RUNS} SET {one_more} WHERE id < '{middle}'")
    with pytest.raises(RequestNotPossible) as raised, embedded_scratch.open().snapshot():
        pass
    assert raised.value.reason == "time_zone_unknown"
    assert "--database-timezone" in str(raised.value.next_step)
    with embedded_scratch.open(zone="Europe/Berlin").snapshot() as snapshot:
        assert snapshot.clock.sentence


def test_the_zone_of_the_server_does_not_matter(database_engine: str, embedded_scratch: TestDatabase) -> None:
    """A server in another zone: MariaDB shows TIMESTAMP columns in the session's, as it does to Laravel."""
    if database_engine != "postgresql":
        pytest.skip("the zone of a whole server is not changed for a test; PostgreSQL has one for each database")
    with embedded_scratch.open().snapshot() as snapshot:
        before = list(positions(snapshot))
    embedded_scratch.run(f"ALTER DATABASE {embedded_scratch.name} SET timezone = 'America/New_York'")
    with embedded_scratch.open().snapshot() as snapshot:
        assert snapshot.gaps == ()
        assert list(positions(snapshot)) == before
