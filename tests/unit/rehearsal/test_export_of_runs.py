"""What an export says of a run that this server knows more of than a bundle told."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from dwctl.bundle.verify import verify_bundle
from dwctl.rehearsal.database import Database
from dwctl.rehearsal.export import export_bundle
from dwctl.rehearsal.importer import import_bundle
from dwctl.rehearsal.quirks import MEASURED
from sample_bundles import sealed, small_bundle

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def database() -> Database:
    """A database with one open run in it."""
    database = Database()
    document = sealed(small_bundle({"workflow.memo": {"a": [1.5, {}], "ü": None}}))
    report = import_bundle(database, document, namespace="production", profile=MEASURED, now=NOW)
    assert report["status"] == "imported"
    return database


def test_a_run_that_is_not_there_cannot_be_exported(database: Database) -> None:
    with database.read() as connection, pytest.raises(KeyError):
        export_bundle(connection, "nowhere", now=NOW)


def test_an_open_run_is_exported_as_incomplete(database: Database) -> None:
    with database.read() as connection:
        bundle = export_bundle(connection, "run-1", now=NOW)
    assert bundle["history_complete"] is False
    assert bundle["dedupe_key"] == "run-1:2:2026-11-22T22:11:34.036225Z"
    assert bundle["exported_at"] == "2026-11-23T00:00:00.000000Z"
    assert bundle["workflow"]["memo"] == {"a": [1.5, []], "ü": None}
    assert verify_bundle(json.dumps(bundle).encode()).integrity.checksum_matches is True


def test_the_caller_of_a_command_is_told_by_its_context(database: Database) -> None:
    context = {
        "caller": {"type": "control_plane", "label": "Standalone Server"},
        "auth": {"status": "authorized", "method": "token"},
        "request": {"method": "POST", "path": "/api/workflows"},
        "intake": "nightly",
    }
    with database.write() as connection:
        connection.execute("UPDATE workflow_commands SET context = ?", (json.dumps(context),))
    with database.read() as connection:
        (command,) = export_bundle(connection, "run-1", now=NOW)["commands"]
    assert command["caller_label"] == "Standalone Server"
    assert (command["auth_status"], command["auth_method"]) == ("authorized", "token")
    assert (command["request_method"], command["request_path"]) == ("POST", "/api/workflows")
    assert command["context"] == {"intake": "nightly"}


def test_a_pruned_run_is_an_empty_bundle(database: Database) -> None:
    """import.md §4.6: describe still answers, the history is empty."""
    with database.write() as connection:
        for table in ("workflow_history_events", "workflow_tasks", "workflow_commands", "workflow_run_summaries"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608
    with database.read() as connection:
        bundle = export_bundle(connection, "run-1", now=NOW)
    assert (bundle["history_events"], bundle["timeline"], bundle["commands"]) == ([], [], [])
    assert bundle["summary"] is None
