"""An offline dry run as JSON: the report that the importer would give, in its shape."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dwctl.bundle.rules import found
from dwctl.bundle.verify import Verdict, verify_bundle
from dwctl.errors import UnreadableInput
from dwctl.render.json_dry_run import dry_run_item, import_report
from dwctl.render.json_verdicts import verdict_item
from dwctl.transfer.files.verification import FileVerdict
from sample_bundles import LEASED, WAITING, sealed, small_bundle


def report(verdict: Verdict, namespace: str | None = None) -> dict[str, Any]:
    """The report of a verdict that has one."""
    document = import_report(verdict, namespace)
    assert document is not None
    return document


def test_an_accepted_bundle_is_reported_with_its_rows() -> None:
    verdict = verify_bundle(WAITING.read_bytes())
    document = report(verdict, "production")
    assert (document["status"], document["dry_run"], document["eligibility"]["eligible"]) == ("dry_run", True, True)
    assert [document[name] for name in ("schema", "schema_version", "contract_version", "source")] == [
        "durable-workflow.v2.embedded-v2-import.report", 1, 1, "embedded_v2",
    ]  # fmt: skip
    assert document["integrity"]["schema_version"] == 1
    assert document["rows"]["workflow_history_events"] == 3
    assert document["workflow"]["namespace"] == "production"
    assert document["workflow"]["instance_id"] == "approval-1"
    assert "queue" not in document["workflow"]
    assert document["integrity"]["status"] == "ok"
    assert document["integrity"]["integrity"]["checksum_matches"] is True


def test_a_rejected_bundle_is_reported_with_its_rules_and_no_rows() -> None:
    document = report(verify_bundle(LEASED.read_bytes()))
    assert (document["status"], document["eligibility"]["eligible"]) == ("rejected", False)
    (error,) = document["eligibility"]["errors"]
    assert error["rule"] == "tasks.leased_task_present"
    assert "embedded-worker-1" in error["message"]
    assert set(document["rows"].values()) == {0}


def test_without_a_namespace_it_is_the_run_s_own() -> None:
    verdict = verify_bundle(sealed(small_bundle({"workflow.namespace": "blue"})))
    assert report(verdict)["workflow"]["namespace"] == "blue"
    assert report(verdict, "green")["workflow"]["namespace"] == "green"
    assert report(verify_bundle(sealed(small_bundle())))["workflow"]["namespace"] is None


def test_the_findings_of_the_verification_are_counted_by_severity_and_rule() -> None:
    changes = {"exported_at": None, "redaction.applied": True, "history_events.2": "x", "history_events.3": "y"}
    verification = report(verify_bundle(sealed(small_bundle(changes))))["integrity"]
    assert verification["status"] == "failed"
    assert verification["summary"] == {
        "errors": 2,
        "warnings": 1,
        "info": 1,
        "findings_by_rule": {
            "bundle.exported_at_missing": 1,
            "history_events.entry_invalid": 2,
            "redaction.empty_paths": 1,
        },
    }
    assert list(verification["findings"][0]) == ["rule", "severity", "message", "path", "context"]


@pytest.mark.parametrize(
    "document", [b"{", b"5", sealed(small_bundle()).replace(b'"run_number":1', b'"run_number":1e999')]
)
def test_where_the_importer_gives_no_report_there_is_none(document: bytes) -> None:
    verdict = verify_bundle(document)
    assert import_report(verdict, None) is None
    assert dry_run_item(FileVerdict("a.json", verdict), None)["report"] is None


@pytest.mark.parametrize(
    ("judged", "state"),
    [
        (FileVerdict("a", verify_bundle(WAITING.read_bytes())), "would_import"),
        (FileVerdict("a", verify_bundle(sealed(small_bundle({"exported_at": None})))), "would_import"),
        (
            FileVerdict("a", verify_bundle(WAITING.read_bytes()), foreseen=(found("set.duplicate_file"),)),
            "would_import",
        ),
        (FileVerdict("a", verify_bundle(WAITING.read_bytes()), foreseen=(found("set.link_shared"),)), "refused"),
        (FileVerdict("a", verify_bundle(LEASED.read_bytes())), "refused"),
        (FileVerdict("a", verify_bundle(b"{")), "refused"),
        (FileVerdict("a", problem=UnreadableInput("there is no such file")), "failed"),
    ],
)
def test_the_state_says_what_would_become_of_the_bundle(judged: FileVerdict, state: str) -> None:
    item = dry_run_item(judged, None)
    assert item["state"] == state
    assert [item[name] for name in ("way", "repaired", "proof", "error")] == [None] * 4


def test_an_item_is_the_verdict_with_the_report_and_what_is_foreseen() -> None:
    judged = FileVerdict("a", verify_bundle(WAITING.read_bytes()), foreseen=(found("set.link_shared", other="b.json"),))
    item = dry_run_item(judged, "production")
    assert item | verdict_item(judged) == item
    assert item["verdict"] == "refused"
    assert item["report"]["status"] == "dry_run"
    assert [finding["rule"] for finding in item["foreseen"]] == ["set.link_shared"]
    assert "b.json" in item["foreseen"][0]["message"]
    json.dumps(item, allow_nan=False)
