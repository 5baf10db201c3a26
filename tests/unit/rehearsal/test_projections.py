"""Projections follow the rows that they are made from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dwctl.bundle.vocabulary import EVENT_TYPES
from dwctl.rehearsal.database import Database, insert
from dwctl.rehearsal.importer import import_bundle
from dwctl.rehearsal.projections import project_runs
from dwctl.rehearsal.quirks import MEASURED
from dwctl.rehearsal.run_view import RunView, plain_size
from dwctl.rehearsal.timeline import entry_of
from dwctl.rehearsal.times import stored
from sample_bundles import WAITING

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def imported() -> tuple[Database, str]:
    """A database with one open run in it."""
    database = Database()
    report = import_bundle(database, WAITING.read_bytes(), namespace="production", profile=MEASURED, now=NOW)
    return database, report["workflow"]["run_id"]


def _all(database: Database, table: str) -> list[dict[str, Any]]:
    with database.read() as connection:
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY id")]  # noqa: S608


_TABLES = (
    "workflow_run_summaries", "workflow_run_waits", "workflow_run_timer_entries", "workflow_run_lineage_entries",
    "workflow_run_timeline_entries",
)  # fmt: skip


def test_projecting_again_changes_nothing(imported: tuple[Database, str]) -> None:
    database, run_id = imported
    before = {table: _all(database, table) for table in _TABLES}
    with database.write() as connection:
        project_runs(connection, [run_id, run_id], NOW)
    assert {table: _all(database, table) for table in _TABLES} == before
    assert before["workflow_run_waits"]
    assert before["workflow_run_timeline_entries"]


def test_a_new_event_is_one_entry_more(imported: tuple[Database, str]) -> None:
    database, run_id = imported
    before = _all(database, "workflow_run_timeline_entries")
    event = {
        "id": "event-new", "workflow_run_id": run_id, "sequence": 99, "event_type": "MemoUpserted",
        "payload": '{"sequence":2}', "recorded_at": stored(NOW),
    }  # fmt: skip
    with database.write() as connection:
        insert(connection, "workflow_history_events", [event])
        project_runs(connection, [run_id], NOW)
    after = _all(database, "workflow_run_timeline_entries")
    assert [row["summary"] for row in after if row not in before] == ["Memo upserted."]
    assert len(after) == len(before) + 1


def test_a_run_that_is_not_there_has_no_view() -> None:
    with Database().read() as connection, pytest.raises(KeyError):
        _ = RunView(connection, "nowhere").run


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_every_type_of_event_has_an_entry_even_without_a_payload(
    imported: tuple[Database, str], event_type: str
) -> None:
    database, run_id = imported
    event = {
        "id": "e", "sequence": 1, "event_type": event_type, "payload": {}, "recorded_at": stored(NOW),
        "workflow_task_id": None, "workflow_command_id": None,
    }  # fmt: skip
    with database.read() as connection:
        entry = entry_of(RunView(connection, run_id), event)
    assert entry["type"] == event_type
    assert entry["summary"].endswith(".")
    assert entry["kind"]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ('{"a":"b"}', 9),
        (r'{"a":"b\/c"}', len('{"a":"b/c"}')),
        (r'{"a":"\u00fc"}', len('{"a":"ü"}'.encode())),
        (r'{"a":"\ud83d\udcb3"}', len('{"a":"💳"}'.encode())),
        (r'{"a":"\u20ac"}', len('{"a":"€"}'.encode())),
        (r'{"a":"App\\upper\n\u001f\u2028"}', len(r'{"a":"App\\upper\n\u001f\u2028"}')),
    ],
)
def test_the_size_of_a_history_is_that_of_plain_json(text: str, size: int) -> None:
    assert plain_size(text) == size
