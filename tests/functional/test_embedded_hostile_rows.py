"""Text that differs by case alone, and tables that are views: every engine answers as SQLite does."""

# ruff: noqa: S608
from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select, select
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import URL

from dwctl.embedded.both_runtimes import open_queues, runs_of_business_keys
from dwctl.embedded.check_queries import Asked
from dwctl.embedded.check_results import Answer, CheckResult
from dwctl.embedded.filters import RunFilter
from dwctl.embedded.inventory import inventory
from dwctl.embedded.inventory_runs import Group
from dwctl.embedded.inventory_summary import GroupCount, summarised
from dwctl.embedded.open_work import open_work
from dwctl.embedded.positions import positions
from dwctl.errors import ServerFailed
from dwctl.transfer.runtimes.check import Sources, run_checks
from embedded_databases import TestDatabase
from hostile_rows import CLASS, KEYS, MARKERS, QUEUES, TYPES, VIEW, make_hostile

SINCE = "2026-11-22T00:00:00.000000Z"
NOBODY_HAS = "Zz.shipping"

FILTERS = {
    "a type": RunFilter(types=(TYPES[0],)),
    "its other spelling": RunFilter(types=(TYPES[1],)),
    "a spelling that nobody has": RunFilter(types=(NOBODY_HAS,)),
    "a queue": RunFilter(queues=(QUEUES[1],)),
    "a marker": RunFilter(compatibilities=(MARKERS[0],)),
    "open runs": RunFilter(statuses=("open",)),
}


@pytest.fixture
def hostile(embedded_scratch: TestDatabase) -> TestDatabase:
    """The rows on each engine."""
    make_hostile(embedded_scratch)
    return embedded_scratch


@pytest.fixture
def hostile_sqlite(embedded_sqlite: TestDatabase, tmp_path: Path) -> TestDatabase:
    """The same on SQLite."""
    file = tmp_path / "hostile.sqlite"
    shutil.copyfile(embedded_sqlite.name, file)
    database = TestDatabase("sqlite", URL.create("sqlite", database=str(file)))
    make_hostile(database)
    return database


def listed(database: TestDatabase, wanted: RunFilter) -> list[Any]:
    with database.open().snapshot() as snapshot:
        return [run._replace(age_seconds=None) for run in inventory(snapshot, wanted, deep=True)]


def groups(database: TestDatabase) -> tuple[Group, ...]:
    with database.open().snapshot() as snapshot:
        return summarised(snapshot, RunFilter()).groups


def checked(database: TestDatabase) -> dict[str, CheckResult]:
    with database.open().snapshot() as snapshot:
        results = run_checks(Sources(snapshot), Asked(since=SINCE))
        return {result.row.id.removeprefix("embedded."): result for result in results}


# --- spellings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_takes_the_spelling_that_was_named(
    hostile: TestDatabase, hostile_sqlite: TestDatabase, name: str
) -> None:
    found = listed(hostile, FILTERS[name])
    assert found == listed(hostile_sqlite, FILTERS[name])
    assert bool(found) is (FILTERS[name].types != (NOBODY_HAS,))


def test_two_spellings_are_two_groups_each_with_its_own_leases(
    hostile: TestDatabase, hostile_sqlite: TestDatabase
) -> None:
    found = {group.workflow_type: group for group in groups(hostile)}
    first, second = (found[name] for name in TYPES)
    assert (first.queue, second.queue) == QUEUES
    ((leased,),) = hostile.run(f"SELECT count(*) FROM {VIEW} WHERE status = 'leased'")
    assert (first.leased_tasks, second.leased_tasks) == (0, leased)
    assert leased > 0
    assert groups(hostile) == groups(hostile_sqlite)


def test_the_database_counts_what_a_listing_counts(hostile: TestDatabase) -> None:
    count = GroupCount()
    for run in listed(hostile, RunFilter()):
        count.add(run)
    counted = sorted(count.groups(), key=lambda group: (group.workflow_type, group.status, group.queue or ""))
    assert groups(hostile) == tuple(counted)
    assert len(counted) > 10


def test_checks_answer_as_on_sqlite(hostile: TestDatabase, hostile_sqlite: TestDatabase) -> None:
    found, there = checked(hostile), checked(hostile_sqlite)
    assert {name: (one.answer, one.said, one.count) for name, one in found.items()} == {
        name: (one.answer, one.said, one.count) for name, one in there.items()
    }
    assert set(found["compatibility_markers"].ids) == set(MARKERS)
    assert CLASS.lower() not in str(found["types_of_runs"])


def test_queues_and_keys_that_differ_by_case_are_two(hostile: TestDatabase) -> None:
    with hostile.open().snapshot() as snapshot:
        assert open_queues(snapshot).keys() >= set(QUEUES)
        for key in KEYS:
            assert {twin.business_key for twin in runs_of_business_keys(snapshot, [key])} == {key}


def test_a_text_in_capitals_is_another_word(hostile: TestDatabase) -> None:
    """The runtime writes its words in small letters: another spelling is none of its own, whatever the collation."""
    hostile.run(
        f"UPDATE kept_{VIEW} SET status = 'LEASED' WHERE status = 'leased'",
        "UPDATE workflow_runs SET payload_codec = 'AVRO' WHERE workflow_type = 'tools.metadata-tour'",
    )
    results = checked(hostile)
    assert results["leases"].answer is not Answer.FAIL
    assert results["codec_everywhere"].count == len(listed(hostile, RunFilter(types=("tools.metadata-tour",)))) > 0


def test_the_indexes_are_used_all_the_same(hostile: TestDatabase) -> None:
    """Pages, named runs, and rows of one status are found by their index."""
    if hostile.engine != "mariadb":
        pytest.skip("only the collations of MariaDB and MySQL fold")
    with hostile.open().snapshot() as snapshot:
        runs, tasks, work = (snapshot.table(name) for name in ("workflow_runs", VIEW, "activity_executions"))
        ids = [run.run_id for run in positions(snapshot)][10:13]
        keys = runs.c.business_key.in_(["order-8", "x"])
        leased = tasks.c.status == "leased"
        owner = work.c.workflow_run_id
        plans = {
            "a page": (select(runs.c.status).where(runs.c.id > ids[0]).order_by(runs.c.id).limit(10), "PRIMARY"),
            "named runs": (select(runs.c.status).where(snapshot.among(runs.c.id, ids)), "PRIMARY"),
            "business keys": (select(runs.c.id).where(keys), "workflow_runs_business_key_index"),
            "a status": (select(tasks.c.id).where(leased), "workflow_tasks_status_available_at_index"),
            "joined runs": (
                select(runs.c.status).join(tasks, tasks.c.workflow_run_id == runs.c.id).where(leased),
                "PRIMARY",
            ),
            "work of some runs": (
                select(owner).where(owner.between(ids[0], ids[1]), work.c.activity_type.not_in(["x"])),
                "activity_executions_workflow_run_id_index",
            ),
        }
    for name, (statement, index) in plans.items():
        assert index in indexes_of(hostile, statement), name


def indexes_of(database: TestDatabase, statement: Select[Any]) -> set[str]:
    """The indexes that the server would use, one a table at most."""
    written = statement.compile(dialect=mysql.dialect(), compile_kwargs={"literal_binds": True})
    return {str(row[5]) for row in database.run(f"EXPLAIN {written}")}


# --- views -------------------------------------------------------------------------------------------------


def test_the_work_of_runs_is_read_through_a_view(hostile: TestDatabase, hostile_sqlite: TestDatabase) -> None:
    found = []
    for database in (hostile, hostile_sqlite):
        with database.open().snapshot() as snapshot:
            held = {
                run_id: work.held for run_id, work in open_work(snapshot, [run.run_id for run in positions(snapshot)])
            }
            found.append(held)
    assert found[0] == found[1]
    assert sum(held or 0 for held in found[0].values()) > 0


def test_what_a_view_is_made_of_is_watched_too(hostile: TestDatabase) -> None:
    if hostile.engine == "sqlite":
        pytest.skip("SQLite is read from a copy or a WAL snapshot, which no other session can change")
    with hostile.open().snapshot() as snapshot:
        tasks = snapshot.table(VIEW)
        pages = snapshot.pages(select(tasks.c.id), tasks.c.id, size=5)
        next(pages)
        hostile.run(f"TRUNCATE TABLE kept_{VIEW}")
        with pytest.raises(ServerFailed) as raised:
            list(pages)
    assert raised.value.reason == "schema_changed"


def test_a_table_in_partitions_is_read_and_watched(embedded_scratch: TestDatabase) -> None:
    if embedded_scratch.engine != "postgresql":
        pytest.skip("only PostgreSQL keeps the partitions of a table as tables of their own")
    embedded_scratch.run(
        f"ALTER TABLE {VIEW} RENAME TO old_{VIEW}",
        f"CREATE TABLE {VIEW} (LIKE old_{VIEW}) PARTITION BY HASH (id)",
        *(f"CREATE TABLE part_{n} PARTITION OF {VIEW} FOR VALUES WITH (MODULUS 2, REMAINDER {n})" for n in range(2)),
        f"INSERT INTO {VIEW} SELECT * FROM old_{VIEW}",
    )
    with embedded_scratch.open().snapshot() as snapshot:
        tasks = snapshot.table(VIEW)
        pages = snapshot.pages(select(tasks.c.id), tasks.c.id, size=5)
        assert [next(pages) for _ in range(5)]
        embedded_scratch.run("TRUNCATE TABLE part_1")
        with pytest.raises(ServerFailed) as raised:
            list(pages)
    assert raised.value.reason == "schema_changed"
