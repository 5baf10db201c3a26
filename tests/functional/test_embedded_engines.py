"""Inventory and checks give the same answers on SQLite, MariaDB and PostgreSQL, and those of plain SQL."""

# ruff: noqa: S608
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dwctl.embedded.check_queries import Asked
from dwctl.embedded.check_quiet import starters_paused
from dwctl.embedded.check_results import Answer, CheckResult
from dwctl.embedded.filters import RunFilter
from dwctl.embedded.inventory import inventory, open_v1
from dwctl.embedded.inventory_summary import summarised
from dwctl.errors import RequestNotPossible
from dwctl.transfer.runtimes.check import Sources, run_checks
from embedded_databases import TestDatabase, plain, rename_with_prefix, shift_times
from server_cli import command

SINCE = "2026-11-22T00:00:00.000000Z"

FILTERS = {
    "all": RunFilter(),
    "open": RunFilter(statuses=("open",)),
    "class name": RunFilter(types=("App\\Workflows\\LegacyReport",)),
    "two types": RunFilter(types=("orders.process", "orders.fulfil"), statuses=("completed", "waiting")),
    "no queue": RunFilter(queues=("",)),
    "old": RunFilter(older_than=86400.0),
    "young": RunFilter(newer_than=86400.0 * 3650),
    "idle": RunFilter(idle_for=3600.0),
    "held": RunFilter(quiesce=True),
    "not eligible": RunFilter(eligible=False),
}


def listed(database: TestDatabase, wanted: RunFilter, **options: Any) -> list[Any]:
    """Every run without its age, which the clocks of two servers tell differently."""
    with database.open(**options).snapshot() as snapshot:
        return [run._replace(age_seconds=None) for run in inventory(snapshot, wanted, deep=True)]


def checked(database: TestDatabase, **options: Any) -> dict[str, CheckResult]:
    with database.open(**options).snapshot() as snapshot:
        results = run_checks(Sources(snapshot), Asked(since=SINCE))
        return {result.row.id.removeprefix("embedded."): result for result in results}


def said(results: dict[str, CheckResult]) -> dict[str, Any]:
    """What must be the same everywhere: the evidence holds the moment of the snapshot."""
    return {name: (one.answer, one.said, one.ids, one.count) for name, one in results.items()}


@pytest.mark.parametrize("name", FILTERS)
def test_a_listing_is_that_of_sqlite(embedded_sample: TestDatabase, embedded_sqlite: TestDatabase, name: str) -> None:
    found = listed(embedded_sample, FILTERS[name])
    assert found == listed(embedded_sqlite, FILTERS[name])
    assert bool(found) is (name != "no queue")


def test_the_summary_is_what_plain_sql_groups_there(embedded_sample: TestDatabase) -> None:
    rows = embedded_sample.run(
        "SELECT workflow_type, status, queue, count(*), min(started_at), max(last_progress_at) FROM workflow_runs "
        "GROUP BY workflow_type, status, queue"
    )
    with embedded_sample.open().snapshot() as snapshot:
        groups = summarised(snapshot, RunFilter()).groups
        found = [(group[:4], snapshot.clock.instant(row[4]), snapshot.clock.instant(row[5]))
                 for group, row in zip(groups, sorted(rows, key=lambda row: row[:3]), strict=True)]  # fmt: skip
        assert [tuple(row[:4]) for row in sorted(rows, key=lambda row: row[:3])] == [group for group, *_ in found]
        assert [(group.oldest_start, group.last_progress) for group in groups] == [tuple(one[1:]) for one in found]


@pytest.mark.parametrize(
    ("statement", "count"),
    [
        ("SELECT workflow_run_id, count(*) FROM workflow_tasks WHERE status = 'ready' GROUP BY workflow_run_id",
         lambda work: work.ready_tasks),
        ("SELECT workflow_run_id, count(*) FROM workflow_run_timers WHERE status = 'pending' GROUP BY workflow_run_id",
         lambda work: work.pending_timers),
        (("SELECT workflow_run_id, count(*) FROM workflow_search_attributes WHERE value_float IS NOT NULL AND "
         "floor(value_float) = value_float GROUP BY workflow_run_id"), lambda work: len(work.whole_floats)),
        (("SELECT parent_workflow_run_id, count(*) FROM workflow_links WHERE link_type = 'child_workflow' "
         "GROUP BY parent_workflow_run_id"), lambda work: work.children),
        ("SELECT workflow_run_id, count(*) FROM workflow_tasks WHERE status = 'leased' GROUP BY workflow_run_id",
         lambda work: sum(held.kind != "running attempt" for held in work.held)),
        ("SELECT workflow_run_id, count(*) FROM activity_attempts WHERE status = 'running' GROUP BY workflow_run_id",
         lambda work: sum(held.kind == "running attempt" for held in work.held)),
    ],
)  # fmt: skip
def test_what_hangs_on_a_run_is_what_plain_sql_counts_there(
    embedded_sample: TestDatabase, statement: str, count: Any
) -> None:
    expected = {run_id: plain(value) for run_id, value in embedded_sample.run(statement)}
    found = {run.row.run_id: count(run.work) for run in listed(embedded_sample, RunFilter())}
    assert {run_id: value for run_id, value in found.items() if value} == expected != {}


def test_v1_is_that_of_sqlite(embedded_sample: TestDatabase, embedded_sqlite: TestDatabase) -> None:
    def found(database: TestDatabase) -> list[Any]:
        with database.open().snapshot() as snapshot:
            return [old._replace(age_seconds=None) for old in open_v1(snapshot)]

    assert len(found(embedded_sample)) == 5
    assert found(embedded_sample) == found(embedded_sqlite)


def test_checks_answer_as_on_sqlite(embedded_sample: TestDatabase, embedded_sqlite: TestDatabase) -> None:
    assert said(checked(embedded_sample)) == said(checked(embedded_sqlite))


def test_checks_turn_with_the_rows_on_every_engine(embedded_scratch: TestDatabase) -> None:
    before = checked(embedded_scratch)
    red = ("v1_drained", "leases", "running_attempts", "starters_paused")
    assert {before[name].answer for name in red} == {Answer.FAIL}
    embedded_scratch.run(
        "UPDATE workflows SET status = 'completed'",
        "UPDATE workflow_tasks SET status = 'ready' WHERE status = 'leased'",
        "UPDATE activity_attempts SET status = 'failed' WHERE status = 'running'",
        "UPDATE workflow_instances SET created_at = '2026-11-21 23:59:59.999999'",
        "UPDATE workflow_runs SET started_at = '2026-11-21 23:59:59.999999'",
        "UPDATE workflow_runs SET workflow_type = 'reports.legacy' WHERE workflow_type LIKE 'App%'",
        "UPDATE activity_executions SET activity_type = 'reports.render' WHERE activity_type LIKE 'App%'",
    )
    after = checked(embedded_scratch)
    assert {after[name].answer for name in (*red, "types_of_runs", "types_of_activities")} == {Answer.PASS}
    embedded_scratch.run(
        "UPDATE workflow_instances SET created_at = '2026-11-22 00:00:00.000000' WHERE id LIKE '%1'",
        "UPDATE workflow_runs SET payload_codec = 'serializer-y', compatibility = 'b7' WHERE status = 'waiting'",
    )
    again = checked(embedded_scratch)
    assert again["starters_paused"].answer is Answer.FAIL
    embedded_scratch.run(
        "UPDATE workflow_instances SET created_at = '2026-11-21 23:59:59.999999'",
        "UPDATE workflow_runs SET started_at = '2026-11-22 00:00:00.000000' WHERE workflow_instance_id = 'order-00205'",
    )
    assert checked(embedded_scratch)["starters_paused"].ids == ("order-00205",)
    assert again["codec_everywhere"].answer is again["compatibility_markers"].answer is Answer.WARN
    assert again["compatibility_markers"].ids == ("b7",)


def test_what_was_started_at_the_very_moment_counts_on_every_engine(embedded_scratch: TestDatabase) -> None:
    """Laravel leaves the fraction of a whole second out where the database keeps times as text."""
    whole, part = "2026-11-21 00:00:00", "2026-11-21 00:00:00.5"
    ((first,), (second,)) = embedded_scratch.run("SELECT id FROM workflow_instances ORDER BY id LIMIT 2")
    embedded_scratch.run(
        "UPDATE workflow_instances SET created_at = '2026-11-20 00:00:00'",
        "UPDATE workflow_runs SET started_at = '2026-11-20 00:00:00'",
        "DELETE FROM workflow_links",
        f"UPDATE workflow_instances SET created_at = '{whole}' WHERE id = '{first}'",
        f"UPDATE workflow_instances SET created_at = '{part}' WHERE id = '{second}'",
    )
    for since, expected in (
        ("2026-11-21T00:00:00.000000Z", (first, second)),
        ("2026-11-21T00:00:00.000001Z", (second,)),
        ("2026-11-21T00:00:00.500000Z", (second,)),
        ("2026-11-21T00:00:00.500001Z", ()),
    ):
        with embedded_scratch.open().snapshot() as snapshot:
            assert starters_paused(snapshot, Asked(since=since)).ids == expected, since


def test_a_prefix_changes_no_answer(embedded_scratch: TestDatabase) -> None:
    runs, checks = listed(embedded_scratch, RunFilter()), said(checked(embedded_scratch))
    rename_with_prefix(embedded_scratch, "app_")
    assert listed(embedded_scratch, RunFilter(), prefix="app_") == runs
    assert said(checked(embedded_scratch, prefix="app_")) == checks


def test_an_application_in_another_zone_changes_no_answer(embedded_scratch: TestDatabase) -> None:
    wanted = RunFilter(older_than=3600.0)
    runs, checks = listed(embedded_scratch, wanted), said(checked(embedded_scratch))
    shift_times(embedded_scratch, 9)
    assert listed(embedded_scratch, wanted, zone="Asia/Tokyo") == runs
    assert said(checked(embedded_scratch, zone="Asia/Tokyo")) == checks


@pytest.fixture
def without_leases(embedded_scratch: TestDatabase) -> TestDatabase:
    """The database as a user sees it who may read everything but tasks."""
    from dwctl.embedded.expected_schema import EXPECTED

    if embedded_scratch.engine == "sqlite":
        pytest.skip("SQLite knows no users")
    url = embedded_scratch.reader(*(table for table in EXPECTED if table != "workflow_tasks"))
    return TestDatabase(embedded_scratch.engine, url)


def test_a_table_that_is_not_granted_is_unknown_and_named(without_leases: TestDatabase) -> None:
    results = checked(without_leases)
    assert results["leases"].answer is Answer.UNKNOWN
    assert "workflow_tasks" in results["leases"].said
    assert results["running_attempts"].answer is Answer.FAIL
    with without_leases.open().snapshot() as snapshot:
        assert any("workflow_tasks" in gap for gap in summarised(snapshot, RunFilter()).gaps)
        found = list(inventory(snapshot))
        assert {run.work.ready_tasks for run in found} == {None}
        assert {run.eligible for run in found} == {None, False}
        with pytest.raises(RequestNotPossible, match="workflow_tasks"):
            inventory(snapshot, RunFilter(eligible=True))


def test_the_command_reads_every_engine(
    embedded_sample: TestDatabase, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = command(capsys, "embedded", "inventory", "--database-url", embedded_sample.text, "--summary")
    assert code == 0, err
    assert "V1Invoice" in out
    code, out, _ = command(capsys, "embedded", "check", "--database-url", embedded_sample.text)
    assert code == 1
    assert "embedded.leases" in out
