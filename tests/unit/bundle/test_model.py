"""The models: lenient in what they take, exact about what they refuse, and never pydantic's own error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwctl.bundle.canonical import decode
from dwctl.bundle.model import Bundle, ImportReport, read_bundle_model, read_import_report
from dwctl.errors import AnswerIsNo, DwctlError, ExitCode, ServerFailed

BUNDLES = sorted((Path(__file__).parents[2] / "data" / "bundles").glob("*.json"))

REPORT: dict[str, Any] = {
    "schema": "durable-workflow.v2.embedded-v2-import.report",
    "schema_version": 1,
    "dry_run": False,
    "workflow": {"run_id": "01M82N3ZSQBWN83179CJ54R78B", "run_number": 1},
    "eligibility": {"eligible": False, "errors": [{"rule": "bundle.integrity_failed", "message": "no"}]},
    "integrity": {"status": "failed", "findings": [{"rule": "r", "severity": "error", "context": []}]},
    "status": "rejected",
    "rows": {"workflow_runs": 0},
    "control_plane": {"operation": "import_embedded_v2"},
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("path", BUNDLES, ids=lambda path: path.name)
def test_a_real_bundle_is_read(path: Path) -> None:
    value = decode(path.read_bytes()).value
    bundle = read_bundle_model(value)
    assert bundle.workflow.run_id == value["workflow"]["run_id"]
    assert len(bundle.history_events) == len(value["history_events"])
    assert len(bundle.tasks) == len(value["tasks"])
    assert bundle.integrity is not None
    assert bundle.integrity.checksum == value["integrity"]["checksum"]


def test_there_are_bundles_to_read() -> None:
    assert len(BUNDLES) >= 10


def test_an_empty_list_is_an_empty_map_and_an_empty_object_an_empty_list() -> None:
    bundle = read_bundle_model({"workflow": {"memo": [], "search_attributes": {}}, "tasks": {}, "integrity": []})
    assert bundle.workflow.memo == {}
    assert bundle.workflow.search_attributes == {}
    assert bundle.tasks == {}
    assert bundle.integrity is not None


def test_rows_may_come_as_an_object_and_keep_its_keys() -> None:
    bundle = read_bundle_model({"workflow": {}, "tasks": {"a": {"id": "1"}, "7": {"id": "2"}}})
    assert {key: row.id for key, row in bundle.tasks.items()} == {"a": "1", "7": "2"}


def test_unknown_keys_are_kept() -> None:
    bundle = read_bundle_model({"workflow": {"new_key": [1]}, "new_section": {"x": 2}})
    assert bundle.workflow.model_extra == {"new_key": [1]}
    assert bundle.model_extra == {"new_section": {"x": 2}}


def test_a_number_in_text_is_taken_as_php_takes_it() -> None:
    assert read_bundle_model({"workflow": {"run_number": "3"}}).workflow.run_number == 3


@pytest.mark.parametrize(
    ("value", "where", "says"),
    [
        (None, "$", "an object belongs here"),
        ("text", "$", "an object belongs here"),
        ([1], "$", "an object belongs here"),
        ({}, "workflow", "missing"),
        ({"workflow": 1}, "workflow", "an object belongs here"),
        ({"workflow": {"run_id": 7}}, "workflow.run_id", "text belongs here"),
        ({"workflow": {"run_number": "x"}}, "workflow.run_number", "an integer belongs here"),
        ({"workflow": {"run_number": 1e30}}, "workflow.run_number", "an integer belongs here"),
        ({"workflow": {"is_current_run": "maybe"}}, "workflow.is_current_run", "true or false belongs here"),
        ({"workflow": {}, "tasks": 5}, "tasks", "an object or a list belongs here"),
        ({"workflow": {}, "tasks": [{}, 3]}, "tasks.1", "an object belongs here"),
        ({"workflow": {}, "tasks": {"k": {"status": []}}}, "tasks.k.status", "text belongs here"),
    ],
)
def test_garbage_is_refused_with_its_place(value: Any, where: str, says: str) -> None:
    with pytest.raises(AnswerIsNo) as caught:
        read_bundle_model(value)
    assert caught.value.where == where
    assert says in caught.value.message
    assert caught.value.exit_code is ExitCode.NO
    assert caught.value.reason == "unexpected_shape"


def test_a_refusal_never_repeats_the_value() -> None:
    with pytest.raises(AnswerIsNo) as caught:
        read_bundle_model({"workflow": {"run_number": "4111-1111"}})
    assert "4111" not in f"{caught.value.message}{caught.value.next_step}{caught.value!r}"


def test_an_import_report_is_read() -> None:
    report = read_import_report(REPORT)
    assert report.status == "rejected"
    assert [error.rule for error in report.eligibility.errors.values()] == ["bundle.integrity_failed"]
    assert report.integrity is not None
    assert report.integrity.findings["0"].context == {}
    assert report.import_id is None


def test_a_status_that_is_new_is_kept_as_it_is() -> None:
    assert read_import_report({**REPORT, "status": "deferred"}).status == "deferred"


@pytest.mark.parametrize("missing", ["status", "workflow", "eligibility", "dry_run", "schema"])
def test_a_report_that_lacks_what_decides_is_no_report(missing: str) -> None:
    with pytest.raises(ServerFailed) as caught:
        read_import_report({key: value for key, value in REPORT.items() if key != missing})
    assert caught.value.where == missing
    assert caught.value.exit_code is ExitCode.SERVER


@pytest.mark.parametrize("value", [None, [], "<html>", {"error": "x"}])
def test_what_a_proxy_answers_is_no_report(value: Any) -> None:
    with pytest.raises(ServerFailed, match="not an import report"):
        read_import_report(value)


@given(json_values)
def test_any_document_is_read_or_refused_by_us(value: Any) -> None:
    assert isinstance(outcome(read_bundle_model, value), (Bundle, AnswerIsNo))
    assert isinstance(outcome(read_import_report, value), (ImportReport, ServerFailed))


def outcome(read: Callable[[Any], object], value: Any) -> object:
    """What reading a value gives: a model, or one of our errors with its place."""
    try:
        return read(value)
    except DwctlError as error:
        return error if error.where else None
