"""What an import answers, and what the guide would have it answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ulid import ULID

from dwctl.rehearsal.database import Database
from dwctl.rehearsal.importer import import_bundle
from dwctl.rehearsal.quirks import GUIDE, MEASURED, Profile, Q
from sample_bundles import LEASED, SIGNED, SIGNING_KEY, WAITING, sealed, small_bundle

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def _import(database: Database, document: bytes, profile: Profile = MEASURED, **options: Any) -> dict[str, Any]:
    options = {"namespace": "production", **options}
    report: dict[str, Any] = import_bundle(database, document, profile=profile, now=NOW, **options)
    return report


def _errors(report: dict[str, Any]) -> list[str]:
    return [error["rule"] for error in report["eligibility"]["errors"]]


def _all(database: Database, table: str) -> list[dict[str, Any]]:
    with database.read() as connection:
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]  # noqa: S608


def test_rows_go_into_the_namespace_that_was_asked_for() -> None:
    database = Database()
    report = _import(database, sealed(small_bundle({"workflow.namespace": "elsewhere"})))
    assert report["workflow"]["namespace"] == "production"
    for table in ("workflow_instances", "workflow_runs", "workflow_tasks", "workflow_run_summaries"):
        assert {row["namespace"] for row in _all(database, table)} == {"production"}, table


def test_a_run_is_marked_as_imported() -> None:
    database = Database()
    report = _import(database, WAITING.read_bytes(), import_id="cutover-1")
    (run,) = _all(database, "workflow_runs")
    assert report["import_id"] == run["import_id"] == "cutover-1"
    assert (run["import_source"], run["import_contract_version"]) == ("embedded_v2", 1)
    assert run["import_dedupe_key"] == report["workflow"]["dedupe_key"]
    assert run["imported_at"] == "2026-11-23 00:00:00.000000"
    assert [row["engine_source"] for row in _all(database, "workflow_run_summaries")] == ["embedded_v2_import"]


def test_without_an_import_id_there_is_a_new_one() -> None:
    first, second = _import(Database(), WAITING.read_bytes()), _import(Database(), WAITING.read_bytes())
    assert ULID.from_str(first["import_id"]).datetime == NOW
    assert first["import_id"] != second["import_id"]


def test_the_same_run_in_another_namespace_is_already_imported() -> None:
    """import.md §4.5: it compares run and dedupe key, and nothing else."""
    database = Database()
    _import(database, WAITING.read_bytes())
    report = _import(database, WAITING.read_bytes(), namespace="other", dry_run=True)
    assert report["status"] == "already_imported"
    assert report["workflow"]["namespace"] == "other"
    assert "import_id" not in report


def test_a_run_that_the_server_started_itself_is_a_conflict() -> None:
    database = Database()
    document = sealed(small_bundle())
    _import(database, document)
    with database.write() as connection:
        connection.execute("UPDATE workflow_runs SET import_source = NULL")
    report = _import(database, document)
    assert (report["status"], _errors(report)) == ("rejected", ["target.run_id_conflict"])


def test_an_instance_and_run_number_that_are_taken_are_told_by_the_import_alone() -> None:
    """import.md §4.3: a clean dry run is not a promise."""
    database = Database()
    _import(database, sealed(small_bundle()))
    ids = {"tasks.0.id": "task-2", "activities.0.id": "activity-2", "timers.0.id": "timer-2"}
    other = sealed(small_bundle({"workflow.run_id": "run-2", "dedupe_key": "run-2:2:x", **ids}))
    assert _import(database, other, dry_run=True)["status"] == "dry_run"
    report = _import(database, other)
    assert (report["status"], _errors(report)) == ("rejected", ["target.write_failed"])
    message = report["eligibility"]["errors"][0]["message"]
    assert message.startswith("SQLSTATE[23000]: Integrity constraint violation: 19 UNIQUE constraint failed:")
    assert set(report["rows"].values()) == {0}


def test_a_dry_run_that_looks_for_collisions_finds_them_and_writes_nothing() -> None:
    careful = MEASURED.but(off=[Q.DRY_RUN_CHECKS_NO_CONSTRAINTS])
    database = Database()
    document = sealed(small_bundle())
    clean = _import(database, document, careful, dry_run=True)
    assert clean["status"] == "dry_run"
    assert clean["rows"]["workflow_runs"] == 1
    assert _all(database, "workflow_runs") == []
    _import(database, document)
    other = sealed(small_bundle({"workflow.run_id": "run-2", "dedupe_key": "run-2:2:x"}))
    report = _import(database, other, careful, dry_run=True)
    assert (report["status"], _errors(report)) == ("rejected", ["target.write_failed"])


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"redaction.applied": True, "redaction.paths": ["payloads.arguments.data"]}, "bundle.redacted_payloads"),
        ({"tasks.0.status": "queued"}, "tasks.status_unsupported"),
        ({"timers.0.status": "bogus"}, "timers.status_unsupported"),
    ],
)
def test_what_today_s_server_lets_pass_the_guide_refuses(changes: dict[str, Any], rule: str) -> None:
    document = sealed(small_bundle(changes))
    assert _import(Database(), document)["status"] == "imported"
    database = Database()
    report = _import(database, document, GUIDE)
    assert (report["status"], report["eligibility"]["eligible"]) == ("rejected", False)
    assert _errors(report) == [rule]
    assert _all(database, "workflow_runs") == []


def test_a_leased_bundle_is_refused_and_writes_nothing() -> None:
    database = Database()
    report = _import(database, LEASED.read_bytes())
    assert (report["status"], _errors(report)) == ("rejected", ["tasks.leased_task_present"])
    assert _all(database, "workflow_instances") == []


def test_a_signature_is_verified_with_the_key_that_is_given() -> None:
    document = SIGNED.read_bytes()
    with_key = _import(Database(), document, require_signature=True, signing_key=SIGNING_KEY.encode())
    assert with_key["status"] == "imported"
    assert with_key["integrity"]["integrity"]["signature_verified"] is True
    without = _import(Database(), document, require_signature=True)
    assert (without["status"], _errors(without)) == ("rejected", ["bundle.signature_required"])


@pytest.mark.parametrize("document", [b"[]", b'"text"', b"null", b"{", b'{"bundle":null}'])
def test_what_is_no_bundle_is_rejected(document: bytes) -> None:
    report = _import(Database(), document)
    assert report["status"] == "rejected"
    assert report["eligibility"]["eligible"] is False
    assert "bundle.integrity_failed" in _errors(report)


def test_a_database_without_import_markers_is_named_before_anything_else() -> None:
    database = Database()
    with database.write() as connection:
        connection.execute("ALTER TABLE workflow_runs DROP COLUMN import_dedupe_key")
    assert _errors(_import(database, WAITING.read_bytes())) == ["target.import_markers_missing"]
    codec = _import(database, sealed(small_bundle({"payloads.codec": "json"})), dry_run=True)
    assert _errors(codec) == ["target.import_markers_missing", "payload_codec.unsupported"]
    assert codec["eligibility"]["eligible"] is False
    assert _all(database, "workflow_runs") == []
