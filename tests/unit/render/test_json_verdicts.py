"""Verdicts as JSON: the line that a CI gate reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dwctl.bundle.restoration import Cause, Restoration
from dwctl.bundle.rules import found
from dwctl.bundle.verify import VerifyOptions, verify_bundle
from dwctl.errors import UnreadableInput
from dwctl.render.json_verdicts import finding_item, repair_item, verdict_item, verdict_summary
from dwctl.transfer.files.verification import FileVerdict, Tally
from sample_bundles import LEASED, LOST_FRACTION, SIGNED, SIGNING_KEY, WAITING, sealed, small_bundle, with_top_level_key

KEYS = [
    *("file", "verdict", "reference", "own_rules", "repair", "problem"),
    *("size", "run", "checksum", "signature", "findings"),
]


def item(document: bytes, **options: Any) -> dict[str, Any]:
    """The item of a document."""
    return verdict_item(FileVerdict("a.json", verify_bundle(document, VerifyOptions(**options))))


def test_a_sound_bundle_has_an_item_with_nothing_found() -> None:
    document = WAITING.read_bytes()
    one = item(document)
    assert list(one) == KEYS
    assert (one["file"], one["verdict"], one["size"]) == ("a.json", "ok", len(document))
    assert one["reference"] == {"integrity_status": "ok", "integrity_rules": [], "error_rules": [], "warning_rules": []}
    assert (one["own_rules"], one["repair"], one["problem"], one["findings"]) == ([], None, None, [])
    assert one["checksum"]["matches"] is True
    assert one["checksum"]["recorded"] == one["checksum"]["recomputed"]
    assert one["signature"] == {"present": False, "verified": None, "key_id": None}
    assert one["run"]["instance_id"] == "approval-1"


def test_the_rules_of_the_reference_come_one_a_finding_and_in_order() -> None:
    one = item(sealed(small_bundle({"commands.0.id": None, "history_events.2": "x", "history_events.3": "y",
                                    "exported_at": None, "tasks.0.status": "leased"})))  # fmt: skip
    assert one["reference"] == {
        "integrity_status": "failed",
        "integrity_rules": [
            "bundle.exported_at_missing",
            "history_events.entry_invalid",
            "history_events.entry_invalid",
            "commands.id_missing",
        ],
        "error_rules": ["bundle.integrity_failed", "tasks.leased_task_present"],
        "warning_rules": [],
    }
    assert [finding["rule"] for finding in one["findings"]] == [
        *one["reference"]["integrity_rules"], *one["reference"]["error_rules"],
    ]  # fmt: skip


def test_warnings_of_the_importer_and_rules_of_ours_stand_apart() -> None:
    one = item(sealed(small_bundle({"exported_at": None, "timers.0.status": "odd"})))
    assert one["reference"]["error_rules"] == []
    assert one["reference"]["warning_rules"] == ["bundle.integrity_warning"]
    assert one["own_rules"] == ["timers.status_unsupported"]
    assert one["verdict"] == "refused"
    assert [finding["origin"] for finding in one["findings"]] == ["reference", "reference", "target"]


@pytest.mark.parametrize("document", [b"", b"{", b"5", b"null", b"\x1f\x8b"])
def test_what_does_not_decode_has_no_error_rules_and_no_run(document: bytes) -> None:
    one = item(document)
    assert list(one) == KEYS
    assert one["verdict"] == "unreadable"
    assert one["reference"] == {
        "integrity_status": "failed", "integrity_rules": ["bundle.unparseable"], "error_rules": None,
        "warning_rules": [],
    }  # fmt: skip
    assert (one["run"], one["size"]) == (None, len(document))


def test_an_infinite_number_leaves_the_reference_without_a_word() -> None:
    one = item(sealed(small_bundle()).replace(b'"run_number":1', b'"run_number":1e999'))
    assert one["reference"] == {
        "integrity_status": None, "integrity_rules": [], "error_rules": None, "warning_rules": [],
    }  # fmt: skip
    assert (one["verdict"], one["own_rules"]) == ("refused", ["bundle.infinite_number"])


def test_a_file_that_cannot_be_read_has_the_problem_in_place_of_a_verdict() -> None:
    problem = UnreadableInput("there is no such file", next_step="Check the name.")
    one = verdict_item(FileVerdict("a.json", problem=problem))
    assert one == {
        "file": "a.json",
        "verdict": "unreadable",
        "reference": {"integrity_status": None, "integrity_rules": [], "error_rules": None, "warning_rules": []},
        "own_rules": [],
        "repair": None,
        "problem": {"message": "there is no such file", "next_step": "Check the name."},
    }


def test_a_signature_is_told() -> None:
    assert item(SIGNED.read_bytes())["signature"] == {"present": True, "verified": None, "key_id": "corpus-key-1"}
    verified = item(SIGNED.read_bytes(), signing_key=SIGNING_KEY.encode())
    assert verified["signature"]["verified"] is True
    assert SIGNING_KEY not in json.dumps(verified)


def test_a_cause_comes_with_its_proof() -> None:
    repair = item(LOST_FRACTION.read_bytes())["repair"]
    assert (repair["cause"], repair["proven"], repair["gave_up"]) == ("lost_zero_fractions", True, False)
    assert repair["restored_paths"] == ["workflow.search_attributes.whole_float"]
    assert (repair["removed_keys"], repair["checksum"]) == (
        [],
        item(LOST_FRACTION.read_bytes())["checksum"]["recorded"],
    )
    added = item(with_top_level_key(LEASED.read_bytes(), b'"namespace":"x"'))["repair"]
    assert (added["cause"], added["removed_keys"]) == ("added_top_level_key", ["namespace"])


def test_a_search_without_a_proof_is_told_too() -> None:
    edited = item(LEASED.read_bytes().replace(b"leased-1", b"leased-2", 1))["repair"]
    assert (edited["cause"], edited["proven"]) == ("edited_or_damaged", False)
    assert edited["tried"] > 0


def test_the_item_of_a_repair_has_every_fact_of_it() -> None:
    proof = Restoration(Cause.LOST_ZERO_FRACTIONS, True, "c", ("a",), ("b.c",), 7, False)
    assert repair_item(proof) == {
        "cause": "lost_zero_fractions", "proven": True, "checksum": "c", "removed_keys": ["a"],
        "restored_paths": ["b.c"], "tried": 7, "gave_up": False,
    }  # fmt: skip


def test_a_finding_has_its_severity_origin_path_and_sentence() -> None:
    assert finding_item(found("bundle.section_missing", "tasks")) == {
        "rule": "bundle.section_missing",
        "severity": "error",
        "origin": "reference",
        "path": "tasks",
        "message": "A section that every bundle has is missing.",
    }


def test_a_summary_has_every_count_and_the_exit_code() -> None:
    tally = Tally(ok=3, warning=2, refused=1, unreadable=4, missing=5)
    assert verdict_summary(tally) == {
        "total": 15, "ok": 3, "warning": 2, "refused": 1, "unreadable": 4, "missing": 5, "exit_code": 1,
    }  # fmt: skip
