"""The projections of the rehearsal server, rebuilt for a real application's runs, are those that its runtime wrote."""

from __future__ import annotations

import gzip
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dwctl.rehearsal.database import Database
from dwctl.rehearsal.projections import project_runs

NOW = datetime(2026, 11, 22, 22, 36, tzinfo=UTC)

_DURABLE = (
    "workflow_instances", "workflow_runs", "workflow_history_events", "workflow_commands", "workflow_signal_records",
    "workflow_updates", "workflow_tasks", "activity_executions", "activity_attempts", "workflow_run_timers",
    "workflow_failures", "workflow_links", "workflow_memos", "workflow_search_attributes",
)  # fmt: skip
_GENERATED = {"id", "created_at", "updated_at"}

# What a summary says depends on when it was written: these columns are compared where no time plays a part.
_TIMELESS = (
    "status", "status_bucket", "closed_reason", "is_current_run", "wait_kind", "open_wait_id", "resume_source_kind",
    "resume_source_id", "wait_started_at", "next_task_id", "next_task_type", "next_task_at", "duration_ms",
    "exception_count", "history_event_count", "history_fan_out", "declared_entry_mode", "sort_key", "started_at",
    "closed_at", "archived_at", "visibility_labels", "business_key",
)  # fmt: skip


@pytest.fixture(scope="module")
def both(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[sqlite3.Connection, Database]:
    """The application's database, and ours with its durable rows and projections of our own."""
    path = tmp_path_factory.mktemp("embedded") / "embedded.db"
    path.write_bytes(gzip.decompress((shared / "embedded" / "embedded-sqlite.db.gz").read_bytes()))
    source = sqlite3.connect(path)
    source.row_factory = sqlite3.Row
    database = Database()
    with database.write() as connection:
        for table in _DURABLE:
            rows = [tuple(row) for row in source.execute(f"SELECT * FROM {table}")]  # noqa: S608
            columns = [item[0] for item in source.execute(f"SELECT * FROM {table}").description]  # noqa: S608
            names, marks = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608
        project_runs(connection, [row[0] for row in source.execute("SELECT id FROM workflow_runs")], NOW)
    return source, database


def _rows(connection: sqlite3.Connection, table: str, *key: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    rows = [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]  # noqa: S608
    return {tuple(row[name] for name in key): row for row in rows}


def _facts(row: dict[str, Any]) -> dict[str, Any]:
    document = {"payload": json.loads(row["payload"])} if row["payload"] else {}
    return {name: value for name, value in row.items() if name not in _GENERATED} | document


def test_every_wait_is_the_runtime_s_own(both: tuple[sqlite3.Connection, Database]) -> None:
    source, database = both
    key = ("workflow_run_id", "wait_id")
    with database.read() as connection:
        ours = _rows(connection, "workflow_run_waits", *key)
    theirs = _rows(source, "workflow_run_waits", *key)
    assert len(theirs) > 400
    assert {place: _facts(row) for place, row in ours.items()} == {place: _facts(row) for place, row in theirs.items()}


def test_every_entry_of_the_timeline_is_the_runtime_s_own(both: tuple[sqlite3.Connection, Database]) -> None:
    source, database = both
    key = ("workflow_run_id", "history_event_id")
    with database.read() as connection:
        ours = _rows(connection, "workflow_run_timeline_entries", *key)
    theirs = _rows(source, "workflow_run_timeline_entries", *key)
    assert len(theirs) > 2000
    for place, row in theirs.items():
        assert _facts(ours[place] | {"payload": None}) == _facts(row | {"payload": None})


def test_every_timer_is_the_runtime_s_own(both: tuple[sqlite3.Connection, Database]) -> None:
    source, database = both
    key = ("workflow_run_id", "timer_id")
    with database.read() as connection:
        ours = _rows(connection, "workflow_run_timer_entries", *key)
    theirs = _rows(source, "workflow_run_timer_entries", *key)
    for place, row in theirs.items():
        assert _facts(ours[place] | {"payload": None}) == _facts(row | {"payload": None})


def test_every_summary_is_the_runtime_s_own_where_no_time_plays_a_part(
    both: tuple[sqlite3.Connection, Database],
) -> None:
    source, database = both
    with database.read() as connection:
        ours = _rows(connection, "workflow_run_summaries", "id")
    for place, row in _rows(source, "workflow_run_summaries", "id").items():
        assert {name: ours[place][name] for name in _TIMELESS} == {name: row[name] for name in _TIMELESS}
        if row["liveness_state"] == "closed":
            names = ("liveness_reason", "repair_blocked_reason", "wait_reason", "history_size_bytes")
            assert {name: ours[place][name] for name in names} == {name: row[name] for name in names}
