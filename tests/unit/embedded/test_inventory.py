"""The inventory against plain SQL on the same rows, its filters, its summary, and old schemas."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dwctl.embedded.database import EmbeddedDatabase
from dwctl.embedded.filters import RunFilter
from dwctl.embedded.inventory import inventory, open_v1
from dwctl.embedded.inventory_runs import InventoryRun
from dwctl.embedded.inventory_summary import GroupCount, summarised, summary_of
from dwctl.embedded.snapshot import Snapshot
from dwctl.errors import NotFound, RequestNotPossible, ServerFailed
from dwctl.secret import Secret
from dwctl.transfer.runtimes.inventory import InventoryTally, Standing
from rows_of_bundles import change, empty_database, insert, sample_database

JOINED = ("workflow_instances", "workflow_run_summaries")


@contextmanager
def snapshot_of(path: Path) -> Iterator[Snapshot]:
    with EmbeddedDatabase.open(Secret(f"sqlite:///{path}")).snapshot() as snapshot:
        yield snapshot


def runs_of(path: Path, wanted: RunFilter | None = None, **options: Any) -> dict[str, InventoryRun]:
    with snapshot_of(path) as snapshot:
        return {run.row.run_id: run for run in inventory(snapshot, wanted or RunFilter(), **options)}


def asked(path: Path, statement: str) -> list[tuple[Any, ...]]:
    database = sqlite3.connect(path)
    try:
        return database.execute(statement).fetchall()
    finally:
        database.close()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_database(tmp_path_factory.mktemp("sample"))


def utc(wall: str | None) -> str | None:
    return None if wall is None else f"{wall.replace(' ', 'T')}Z"


def test_the_columns_are_those_of_the_rows(sample: Path) -> None:
    found = runs_of(sample)
    plain = asked(
        sample,
        "SELECT r.id, r.workflow_instance_id, r.run_number, r.workflow_type, r.workflow_class, r.status, r.queue, "
        "r.payload_codec, r.started_at, r.closed_at, r.last_progress_at, i.current_run_id, i.run_count, "
        "s.history_event_count, s.history_size_bytes FROM workflow_runs r "
        "LEFT JOIN workflow_instances i ON i.id = r.workflow_instance_id "
        "LEFT JOIN workflow_run_summaries s ON s.id = r.id ORDER BY r.id",
    )
    assert [row[0] for row in plain] == list(found)
    for values in plain:
        row = found[values[0]].row
        assert values == (
            row.run_id, row.instance_id, row.run_number, row.workflow_type, row.workflow_class, row.status, row.queue,
            row.payload_codec, *values[8:11], row.current_run_id, row.run_count, row.history_events, row.history_bytes,
        )  # fmt: skip
        assert [utc(time) for time in values[8:11]] == [row.started_at, row.closed_at, row.last_progress_at]


@pytest.mark.parametrize(
    ("statement", "count"),
    [
        ("SELECT workflow_run_id, count(*) FROM workflow_tasks WHERE status = 'ready' GROUP BY 1",
         lambda work: work.ready_tasks),
        ("SELECT workflow_run_id, count(*) FROM workflow_run_timers WHERE status = 'pending' GROUP BY 1",
         lambda work: work.pending_timers),
        (("SELECT workflow_run_id, count(*) FROM workflow_signal_records WHERE status NOT IN ('applied', 'rejected') "
         "GROUP BY 1"), lambda work: work.open_signals),
        (("SELECT workflow_run_id, count(*) FROM workflow_updates WHERE status NOT IN ('completed', 'failed', "
         "'rejected') GROUP BY 1"), lambda work: work.open_updates),
        ("SELECT parent_workflow_run_id, count(*) FROM workflow_links WHERE link_type = 'child_workflow' GROUP BY 1",
         lambda work: work.children),
        (("SELECT parent_workflow_run_id, count(*) FROM workflow_links l JOIN workflow_runs c "
         "ON c.id = l.child_workflow_run_id WHERE link_type = 'child_workflow' AND c.status NOT IN ('completed', "
         "'failed', 'cancelled', 'terminated') GROUP BY 1"), lambda work: work.open_children),
        (("SELECT parent_workflow_run_id, child_workflow_run_id FROM workflow_links "
         "WHERE link_type = 'continue_as_new'"), lambda work: work.next_run_id),
        (("SELECT child_workflow_run_id, parent_workflow_run_id FROM workflow_links "
         "WHERE link_type = 'child_workflow'"), lambda work: work.parent_run_id),
        (("SELECT workflow_run_id, strftime('%Y-%m-%dT%H:%M:', min(fire_at)) || substr(min(fire_at), 18) || 'Z' "
         "FROM workflow_run_timers WHERE status = 'pending' GROUP BY 1"), lambda work: work.next_fire_at),
        (("SELECT workflow_run_id, count(*) FROM (SELECT workflow_run_id FROM workflow_tasks WHERE status = 'leased' "
         "UNION ALL SELECT workflow_run_id FROM activity_attempts WHERE status = 'running') GROUP BY 1"),
         lambda work: len(work.held)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("page", [2000, 7])
def test_what_hangs_on_a_run_is_what_plain_sql_counts(sample: Path, statement: str, count: Any, page: int) -> None:
    plain = dict(asked(sample, statement))
    found = {run_id: count(run.work) for run_id, run in runs_of(sample, page=page).items()}
    assert {run_id: value for run_id, value in found.items() if value} == plain


def test_open_work_of_every_kind_is_seen(tmp_path: Path) -> None:
    path = empty_database(tmp_path)
    insert(path, "workflow_instances", id="i", current_run_id="r", run_count=1)
    insert(path, "workflow_runs", id="r", workflow_instance_id="i", run_number=1, workflow_type="t", status="waiting")
    insert(path, "workflow_signal_records", id="s1", workflow_command_id="c1", workflow_run_id="r", status="received")
    insert(path, "workflow_signal_records", id="s2", workflow_command_id="c2", workflow_run_id="r", status="applied")
    insert(path, "workflow_updates", id="u1", workflow_command_id="c3", workflow_run_id="r", status="accepted")
    for number, when in enumerate(("2027-01-02 00:00:00.000000", "2027-01-01 00:00:00.000000"), 1):
        insert(path, "workflow_run_timers", id=f"t{number}", workflow_run_id="r", sequence=number, status="pending",
               fire_at=when)  # fmt: skip
    insert(path, "workflow_tasks", id="k", workflow_run_id="r", task_type="workflow", status="leased", lease_owner="w",
           lease_expires_at="2026-11-23 01:00:00.000000")  # fmt: skip
    insert(path, "activity_attempts", id="a", workflow_run_id="r", status="running", lease_owner="w2")
    work = runs_of(path)["r"].work
    assert (work.open_signals, work.open_updates, work.pending_timers) == (1, 1, 2)
    assert work.next_fire_at == "2027-01-01T00:00:00.000000Z"
    assert [(held.kind, held.id, held.owner, held.expires_at) for held in work.held] == [
        ("workflow task", "k", "w", "2026-11-23T01:00:00.000000Z"),
        ("running attempt", "a", "w2", None),
    ]


@pytest.mark.parametrize(
    ("wanted", "condition"),
    [
        (RunFilter(statuses=("waiting",)), "status = 'waiting'"),
        (RunFilter(statuses=("open",)), "status NOT IN ('completed', 'failed', 'cancelled', 'terminated')"),
        (RunFilter(statuses=("closed",)), "status IN ('completed', 'failed', 'cancelled', 'terminated')"),
        (RunFilter(statuses=("open", "failed")), "status NOT IN ('completed', 'cancelled', 'terminated')"),
        (RunFilter(types=("orders.process", "orders.flaky")), "workflow_type IN ('orders.process', 'orders.flaky')"),
        (RunFilter(types=("App\\Workflows\\LegacyReport",)), "workflow_type = 'App\\Workflows\\LegacyReport'"),
        (RunFilter(queues=("default",)), "queue = 'default'"),
        (RunFilter(queues=("",)), "queue IS NULL"),
        (RunFilter(compatibilities=("",)), "compatibility IS NULL"),
        (RunFilter(older_than=3600.0), "started_at < datetime('now', '-1 hour')"),
        (RunFilter(newer_than=3600.0), "started_at >= datetime('now', '-1 hour')"),
        (RunFilter(idle_for=3600.0), "last_progress_at < datetime('now', '-1 hour')"),
        (RunFilter(types=("orders.process",), statuses=("pending",)),
         "workflow_type = 'orders.process' AND status = 'pending'"),
        (RunFilter(runs=("nobody",)), "0"),
    ],
)  # fmt: skip
def test_a_filter_is_a_condition(sample: Path, wanted: RunFilter, condition: str) -> None:
    plain = asked(sample, f"SELECT id FROM workflow_runs WHERE {condition} ORDER BY id")  # noqa: S608
    whole = runs_of(sample)
    found = runs_of(sample, wanted)
    assert list(found) == [row[0] for row in plain]
    for run_id, run in found.items():
        assert run.work == whole[run_id].work
    with snapshot_of(sample) as snapshot:
        assert sum(group.runs for group in summarised(snapshot, wanted).groups) == len(plain)


def test_ages_are_measured_by_the_database_clock(tmp_path: Path) -> None:
    path = empty_database(tmp_path)
    insert(path, "workflow_runs", id="old", workflow_instance_id="a", run_number=1, workflow_type="t", status="waiting")
    change(path, "UPDATE workflow_runs SET started_at = strftime('%Y-%m-%d %H:%M:%f000', 'now', '-2 days')")
    insert(path, "workflow_runs", id="new", workflow_instance_id="b", run_number=1, workflow_type="t", status="waiting")
    change(path, "UPDATE workflow_runs SET started_at = NULL, created_at = strftime('%Y-%m-%d %H:%M:%f000', 'now') "
           "WHERE id = 'new'")  # fmt: skip
    assert list(runs_of(path, RunFilter(older_than=86400.0))) == ["old"]
    assert list(runs_of(path, RunFilter(newer_than=86400.0))) == ["new"]
    ages = {run_id: run.age_seconds for run_id, run in runs_of(path).items()}
    assert 2 * 86400 <= (ages["old"] or 0) < 2 * 86400 + 3600
    assert 0 <= (ages["new"] or 0) < 3600


def test_eligibility_and_holding_are_filters_too(sample: Path) -> None:
    whole = runs_of(sample)
    held = [run_id for run_id, run in whole.items() if run.must_be_quiesced]
    assert held
    assert list(runs_of(sample, RunFilter(quiesce=True))) == held
    assert list(runs_of(sample, RunFilter(quiesce=False))) == [run_id for run_id in whole if run_id not in held]
    eligible = {run_id for run_id, run in whole.items() if run.eligible}
    assert set(runs_of(sample, RunFilter(eligible=True))) == eligible
    assert set(runs_of(sample, RunFilter(eligible=False))) == set(whole) - eligible


def test_the_summary_is_what_plain_sql_groups(sample: Path) -> None:
    plain = asked(
        sample,
        "SELECT workflow_type, status, queue, count(*), min(started_at), max(last_progress_at) FROM workflow_runs "
        "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    )
    with snapshot_of(sample) as snapshot:
        summary = summarised(snapshot, RunFilter())
        count = GroupCount()
        for run in inventory(snapshot):
            count.add(run)
        assert summary_of(snapshot, RunFilter(), count.groups()) == summary
    assert [tuple(group[:6]) for group in summary.groups] == [(*row[:4], utc(row[4]), utc(row[5])) for row in plain]
    leases = asked(sample, "SELECT count(*) FROM workflow_tasks WHERE status = 'leased'")[0][0]
    attempts = asked(sample, "SELECT count(*) FROM activity_attempts WHERE status = 'running'")[0][0]
    assert sum(group.leased_tasks or 0 for group in summary.groups) == leases > 0
    assert sum(group.running_attempts or 0 for group in summary.groups) == attempts > 0


def test_the_open_workflows_of_v1(sample: Path) -> None:
    plain = asked(
        sample, "SELECT id, class, status, created_at FROM workflows WHERE status NOT IN "
        "('completed', 'failed', 'cancelled') ORDER BY id"
    )  # fmt: skip
    with snapshot_of(sample) as snapshot:
        found = list(open_v1(snapshot))
        groups = summarised(snapshot, RunFilter()).v1
    assert [(one.id, one.workflow_class, one.status, one.created_at) for one in found] == [
        (str(row[0]), row[1], row[2], utc(row[3])) for row in plain
    ]
    assert len(found) == 5
    assert groups is not None
    assert Counter({(one.workflow_class, one.status): one.workflows for one in groups}) == Counter(
        (one.workflow_class, one.status) for one in found
    )


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE workflow_run_summaries",
        "DROP TABLE workflow_search_attributes",
        "DROP TABLE workflow_links",
        "DROP TABLE workflow_updates",
        "DROP TABLE workflow_signal_records",
        "DROP TABLE workflow_run_timers",
        "DROP TABLE workflow_commands",
        "DROP TABLE activity_attempts",
        "DROP TABLE activity_executions",
        "DROP TABLE workflow_tasks",
        "DROP TABLE workflow_instances",
        "DROP TABLE workflows",
        "ALTER TABLE workflow_runs RENAME COLUMN import_source TO x",
        "ALTER TABLE workflow_runs RENAME COLUMN queue TO x",
        "ALTER TABLE workflow_runs RENAME COLUMN started_at TO x",
        "ALTER TABLE workflow_runs RENAME COLUMN last_progress_at TO x",
        "ALTER TABLE workflow_runs RENAME COLUMN payload_codec TO x",
        "ALTER TABLE workflow_tasks RENAME COLUMN lease_owner TO x",
        "ALTER TABLE activity_executions RENAME COLUMN activity_class TO x",
        "ALTER TABLE workflow_runs RENAME COLUMN run_number TO x",
        "ALTER TABLE workflow_runs RENAME COLUMN last_history_sequence TO x",
        "ALTER TABLE workflow_instances RENAME COLUMN id TO x",
        "ALTER TABLE workflow_run_summaries RENAME COLUMN id TO x",
    ],
)
def test_an_older_schema_still_has_an_inventory(tmp_path: Path, statement: str) -> None:
    path = sample_database(tmp_path)
    whole = runs_of(path)
    change(path, statement)
    found = runs_of(path, deep=True)
    assert list(found) == list(whole)
    with snapshot_of(path) as snapshot:
        summary = summarised(snapshot, RunFilter())
    assert sum(group.runs for group in summary.groups) == len(whole)
    assert summary.gaps
    if statement == "DROP TABLE workflows":
        assert summary.v1 is None
        assert summary.no_v1


def test_a_filter_on_a_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = sample_database(tmp_path)
    change(path, "ALTER TABLE workflow_runs RENAME COLUMN queue TO x")
    with pytest.raises(RequestNotPossible, match="no column queue"):
        runs_of(path, RunFilter(queues=("default",)))


@pytest.mark.parametrize("table", ["workflow_tasks", "activity_attempts"])
def test_who_holds_a_run_is_not_known_where_it_cannot_be_read(tmp_path: Path, table: str) -> None:
    path = sample_database(tmp_path)
    whole = runs_of(path)
    change(path, f"DROP TABLE {table}")
    found = runs_of(path)
    assert {run.eligible for run in found.values()} == {None, False}
    assert {run.must_be_quiesced for run in found.values()} <= {None, True}
    assert all(run.eligible is not False for run_id, run in found.items() if whole[run_id].eligible)
    for answer in (True, False):
        for wanted in (RunFilter(eligible=answer), RunFilter(quiesce=answer)):
            with pytest.raises(RequestNotPossible, match=table), snapshot_of(path) as snapshot:
                inventory(snapshot, wanted)
    field = "leased_tasks" if table == "workflow_tasks" else "running_attempts"
    with snapshot_of(path) as snapshot:
        summary = summarised(snapshot, RunFilter())
        count = GroupCount()
        for run in inventory(snapshot):
            count.add(run)
        assert summary_of(snapshot, RunFilter(), count.groups()) == summary
    assert {getattr(group, field) for group in summary.groups} == {None}
    tally = InventoryTally()
    for run in found.values():
        tally.add(Standing(run))
    assert (tally.known("eligible"), tally.known("must_be_quiesced")) == (None, None)
    assert tally.known("lost_fractions") == sum(bool(run.work.whole_floats) for run in whole.values())


def test_the_deep_look_needs_the_events_and_the_other_does_not(tmp_path: Path) -> None:
    path = sample_database(tmp_path)
    whole = runs_of(path, RunFilter(eligible=True))
    change(path, "ALTER TABLE workflow_history_events RENAME COLUMN event_type TO x")
    assert whole.keys() == runs_of(path, RunFilter(eligible=True)).keys()
    assert True not in {run.eligible for run in runs_of(path, deep=True).values()}
    with pytest.raises(RequestNotPossible, match="event_type"):
        runs_of(path, RunFilter(eligible=True), deep=True)


def test_an_id_that_cannot_be_read_joins_nothing(tmp_path: Path) -> None:
    """Without it each run would be listed beside every row of the other table."""
    path = sample_database(tmp_path)
    whole = runs_of(path)
    change(path, *(f"ALTER TABLE {table} RENAME COLUMN id TO x" for table in JOINED))
    found = runs_of(path)
    assert list(found) == list(whole)
    assert {(run.row.run_count, run.row.history_events) for run in found.values()} == {(None, None)}
    assert [run.is_current for run in found.values()] == [run.is_current for run in whole.values()]


def test_without_a_number_no_run_is_called_current(tmp_path: Path) -> None:
    path = sample_database(tmp_path)
    change(path, "ALTER TABLE workflow_runs RENAME COLUMN run_number TO x")
    found = runs_of(path)
    assert {run.is_current for run in found.values()} == {None}
    assert "workflow.non_terminal_not_current" not in {one.rule for run in found.values() for one in run.foreseen}


@pytest.mark.parametrize("column", ["last_history_sequence", "last_progress_at"])
def test_without_its_parts_there_is_no_dedupe_key(tmp_path: Path, column: str) -> None:
    path = sample_database(tmp_path)
    change(path, f"ALTER TABLE workflow_runs RENAME COLUMN {column} TO x")
    assert {run.dedupe_key for run in runs_of(path).values()} == {None}


def test_an_age_is_told_by_the_creation_where_the_start_cannot_be_read(tmp_path: Path) -> None:
    path = sample_database(tmp_path)
    whole = list(runs_of(path, RunFilter(older_than=60.0)))
    change(path, "ALTER TABLE workflow_runs RENAME COLUMN started_at TO x")
    assert list(runs_of(path, RunFilter(older_than=60.0))) == whole
    change(path, "ALTER TABLE workflow_runs RENAME COLUMN created_at TO y")
    with pytest.raises(RequestNotPossible, match="no column created_at"):
        runs_of(path, RunFilter(older_than=60.0))


def test_a_database_without_runs_is_refused(tmp_path: Path) -> None:
    path = sample_database(tmp_path)
    change(path, "DROP TABLE workflow_runs")
    with pytest.raises(NotFound) as raised, snapshot_of(path) as snapshot:
        list(inventory(snapshot))
    assert raised.value.reason == "not_an_embedded_database"


@pytest.mark.parametrize("wrong", ["''", "'infinity'", "'12026-01-01 00:00:00'", "x'ff'", "'2026-02-30 00:00:00'"])
def test_a_time_that_cannot_be_read_is_named_with_its_row(tmp_path: Path, wrong: str) -> None:
    path = sample_database(tmp_path)
    run = list(runs_of(path))[7]
    change(path, f"UPDATE workflow_runs SET started_at = {wrong} WHERE id = '{run}'")  # noqa: S608
    with pytest.raises(ServerFailed) as raised:
        runs_of(path)
    where = "the start" if "02-30" in wrong else "workflow_runs.started_at"
    assert (raised.value.reason, raised.value.where) == ("unreadable_time", f"{where} of {run}")


def test_a_lease_that_cannot_be_read_is_named_with_its_row(tmp_path: Path) -> None:
    path = sample_database(tmp_path)
    change(path, "UPDATE workflow_tasks SET lease_expires_at = 'soon' WHERE status = 'leased'")
    with pytest.raises(ServerFailed) as raised:
        runs_of(path)
    assert str(raised.value.where).startswith("workflow_tasks.lease_expires_at of ")


def test_text_that_is_stored_as_bytes_is_text(tmp_path: Path) -> None:
    """SQLite keeps in any column what it is given; the application reads such a value as text, too."""
    path = sample_database(tmp_path)
    before = [run._replace(age_seconds=None) for run in runs_of(path).values()]
    change(path, "UPDATE workflow_runs SET status = CAST(status AS BLOB), workflow_type = CAST(workflow_type AS BLOB)")
    assert [run._replace(age_seconds=None) for run in runs_of(path).values()] == before


def test_the_newest_run_is_the_current_one_whatever_the_instance_says(tmp_path: Path) -> None:
    path = empty_database(tmp_path)
    insert(path, "workflow_instances", id="i", current_run_id="r1", run_count=2)
    for number in (1, 2):
        insert(path, "workflow_runs", id=f"r{number}", workflow_instance_id="i", run_number=number, workflow_type="t",
               status="waiting", payload_codec="avro")  # fmt: skip
    found = runs_of(path, page=1)
    assert [run.is_current for run in found.values()] == [False, True]
    assert [one.rule for one in found["r1"].foreseen] == ["workflow.non_terminal_not_current"]
    assert found["r2"].eligible


def test_the_dedupe_key_is_that_of_an_export(sample: Path) -> None:
    run = next(iter(runs_of(sample).values()))
    row = run.row
    assert run.dedupe_key == f"{row.run_id}:{row.last_history_sequence}:{row.last_progress_at}"
    without = run._replace(row=row._replace(last_progress_at=None))
    assert without.dedupe_key == f"{row.run_id}:{row.last_history_sequence}:{row.updated_at}"
