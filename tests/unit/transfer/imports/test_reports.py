"""What an import report means, and what of it may be shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dwctl.bundle.verify import verify_bundle
from dwctl.errors import ExitCode
from dwctl.transfer.files.verification import FileVerdict
from dwctl.transfer.imports.outcomes import ImportState
from dwctl.transfer.imports.reports import checksum_matches, is_contention, meaning, reported_run, shown
from import_doubles import BUSY, COLLISION, CONFLICT, DAMAGED, DONE, THERE, WOULD, report
from sample_bundles import sealed, small_bundle

SOUND = FileVerdict("a.json", verify_bundle(sealed(small_bundle())))
BROKEN = FileVerdict("a.json", verify_bundle(sealed(small_bundle(), checksum="0" * 64)))


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (WOULD, ImportState.WOULD_IMPORT),
        (DONE, ImportState.IMPORTED),
        (THERE, ImportState.ALREADY_IMPORTED),
        (CONFLICT, ImportState.REFUSED),
        (COLLISION, ImportState.REFUSED),
        (report("rejected", workflow={"run_id": "run-1"}), ImportState.REFUSED),
    ],
)
def test_a_verdict_of_the_server_has_no_error(said: dict[str, Any], state: ImportState) -> None:
    assert meaning(said, SOUND) == (state, None)


def test_a_busy_database_is_no_refusal() -> None:
    state, error = meaning(BUSY, SOUND)
    assert state is ImportState.FAILED
    assert error is not None
    assert (error.exit_code, error.reason) == (ExitCode.SERVER, "database_busy")
    assert is_contention(BUSY)
    assert not is_contention(COLLISION)


def test_a_checksum_that_holds_here_and_not_there_is_a_matter_of_the_way() -> None:
    state, error = meaning(DAMAGED, SOUND)
    assert state is ImportState.FAILED
    assert error is not None
    assert (error.exit_code, error.reason, error.where) == (ExitCode.NETWORK, "rewritten_in_transit", "a.json")


def test_a_checksum_that_holds_nowhere_is_a_refusal() -> None:
    assert meaning(DAMAGED, BROKEN) == (ImportState.REFUSED, None)


@pytest.mark.parametrize(
    "said",
    [
        report("imported", workflow={"run_id": "run-2"}),
        report("dry_run", workflow={"run_id": "run-2"}),
        report("rejected", "bundle.integrity_failed", workflow={"run_id": "run-2"}),
        report("almost"),
        report(""),
        report("rejectedd"),
        {"status": None},
        {},
    ],
)
def test_what_is_about_another_run_or_means_nothing_is_unknown(said: dict[str, Any]) -> None:
    state, error = meaning(said, SOUND)
    assert state is ImportState.UNKNOWN
    assert error is not None
    assert (error.exit_code, error.reason) == (ExitCode.SERVER, "unexpected_answer")


@pytest.mark.parametrize("run", [{}, {"run_id": None}, {"run_id": ""}, {"run_id": 7}, []])
def test_a_report_that_names_no_run_is_taken_for_ours(run: Any) -> None:
    assert reported_run(report("imported", workflow=run)) is None
    assert meaning(report("imported", workflow=run), SOUND)[0] is ImportState.IMPORTED


@pytest.mark.parametrize("integrity", [None, [], {}, {"integrity": None}, {"integrity": {"checksum_matches": 1}}])
def test_a_checksum_that_the_server_does_not_speak_of_is_unknown(integrity: Any) -> None:
    assert checksum_matches({"integrity": integrity}) is None


def test_the_values_of_the_run_are_cut_out_of_a_write_failure() -> None:
    found = shown(COLLISION, lambda text: text)
    message = found["eligibility"]["errors"][0]["message"]
    assert "UNIQUE constraint failed: workflow_links.id" in message
    assert "business value" not in json.dumps(found)
    assert "business value" in json.dumps(COLLISION)
    assert found == COLLISION | {"eligibility": found["eligibility"]}


def test_secrets_are_masked_wherever_the_server_repeats_them() -> None:
    said = report("rejected", "x", "key s3cret", extra=[{"s3cret": ["as3cretb", 1, None, True]}])
    found = shown(said, lambda text: text.replace("s3cret", "***"))
    assert "s3cret" not in json.dumps(found)
    assert found["extra"] == [{"***": ["a***b", 1, None, True]}]


@pytest.mark.parametrize("errors", [None, "x", [None], ["x"], [{}], [{"rule": "target.write_failed"}], {"a": {}}])
def test_a_report_of_any_shape_can_be_shown(errors: Any) -> None:
    shown({"eligibility": {"errors": errors}}, str)
    shown({"eligibility": errors}, str)
