"""A run that was imported into the rehearsal server comes out of it as it went in, but for a reviewed few facts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from conftest import SHARED
from dwctl.bundle.verify import Outcome, verify_bundle
from dwctl.rehearsal.database import Database
from dwctl.rehearsal.export import export_bundle
from dwctl.rehearsal.importer import import_bundle
from dwctl.rehearsal.quirks import MEASURED

NOW = datetime(2026, 11, 23, tzinfo=UTC)

_EVERYWHERE = {
    r"\.exported_at": "the export is made now",
    r"\.integrity\..*": "another document has another checksum; the server signs nothing",
    r"\.workflow\.source_(runtime|process_class)": "the exporter names itself",
    r"\.commands\[\d+\]\.(caller_label|auth_status|auth_method)": "who called does not travel (import.md §4.9)",
    r"\.tasks\[\d+\]\.created_at": "the importer takes the time at which the task became available",
    r"\.selected_run\..*|\.links\.projection_source": "says how the exporter got its projections",
    r"\.summary\.(liveness_state|liveness_reason|wait_reason|task_problem)": "hours have passed since the export",
}
_OF_SOME: dict[str, dict[str, str]] = {
    "10-": {r"\.summary\.history_size_bytes": "the original has a projection from before its history"},
    "23-": {r"\.links\.parents\[\d\]\..*": "the run at the other end is not on this server"},
    "25-": {r"\.links\.parents\[\d\]\..*": "the run at the other end is not on this server"},
    "27-": {
        r"\.links\.children\[\d\]\..*": "the run at the other end is not on this server",
        r"\.(workflow|summary)\.(is_current_run|current_run_id)": "the only run of its instance here",
    },
    "28-": {
        r"\.links\.(parents|children)\[\d\]\..*": "the runs at the other ends are not on this server",
        r"\.(workflow|summary)\.(is_current_run|current_run_id)": "the only run of its instance here",
    },
    "29-": {r"\.links\.parents\[\d\]\..*": "the run at the other end is not on this server"},
    "30-": {
        r"\.links\.children\[\d\]\..*": "the run at the other end is not on this server",
        r"\.(workflow|summary)\.(is_current_run|current_run_id)": "the only run of its instance here",
    },
    "31-": {r"\.links\.parents\[\d\]\..*": "the run at the other end is not on this server"},
    "35-": {
        r"\.workflow\.memo\.\d": "memos under integer keys do not travel (import.md §4.9)",
        r"\.summary": "the original was exported without a summary",
    },
    "46-": {r"\.summary\.history_budget_pressure": "the budget's thresholds are not recorded"},
    "61-": {r".*": "a redacted bundle is imported with its payloads masked (import.md §3)"},
    "63-": {
        r"\.redaction\..*": "the server redacts nothing",
        r"\.payload_manifest\.entries\[\d+\]\..*": "the server redacts nothing",
    },
    "73-": {r"\.summary\.task_problem_badge": "a badge of the application's own view"},
    "76-": {r"\.summary": "the original was exported without a summary"},
    "79-": {r"\.summary": "the original was exported without a summary"},
    "81-": {r"\.summary": "the original was exported without a summary"},
    "88-": {r"\.summary": "the original was exported without a summary"},
    "82-": {r"\.timeline\[\d+\]\.command\.payload\[\d+\].*": "bytes are shown in dwctl's own JSON"},
    "87-": {r"\.linked_intakes": "intakes are no rows that travel"},
}
"""By the number of the bundle: path → why it differs. Whatever is not here comes out as it went in."""


def _bundles() -> Iterator[Any]:
    paths = sorted((SHARED / "corpus" / "bundles").glob("*.json"))
    if not paths:
        yield pytest.param(None, marks=pytest.mark.skip("the recorded reference data is not on this machine"))
    for path in paths:
        if verify_bundle(path.read_bytes()).reference.errors == ():
            yield pytest.param(path, id=path.stem)


def _differences(ours: Any, original: Any, path: str = "") -> Iterator[str]:
    if ours in ([], {}) and original in ([], {}):
        return
    if isinstance(ours, dict) and isinstance(original, dict):
        for key in ours.keys() | original.keys():
            if key in ours and key in original:
                yield from _differences(ours[key], original[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}"
    elif isinstance(ours, list) and isinstance(original, list) and len(ours) == len(original):
        for index, (mine, theirs) in enumerate(zip(ours, original, strict=True)):
            yield from _differences(mine, theirs, f"{path}[{index}]")
    elif ours != original:
        yield path


def _exported(document: bytes) -> dict[str, Any]:
    database = Database()
    report = import_bundle(database, document, namespace="production", profile=MEASURED, now=NOW)
    assert report["status"] == "imported"
    with database.read() as connection:
        return export_bundle(connection, report["workflow"]["run_id"], now=NOW)


@pytest.mark.parametrize("path", list(_bundles()))
def test_an_imported_run_is_exported_as_it_came(path: Path) -> None:
    original = json.loads(path.read_bytes())
    allowed = [*_EVERYWHERE, *_OF_SOME.get(path.name[:3], {})]
    found = set(_differences(_exported(path.read_bytes()), original))
    unexplained = {place for place in found if not any(re.fullmatch(pattern, place) for pattern in allowed)}
    assert unexplained == set()


@pytest.mark.parametrize("path", list(_bundles()))
def test_an_export_verifies_and_may_not_be_imported_again(path: Path) -> None:
    """`source_runtime` is the server's: not re-importable (contract/server.md §5)."""
    document = json.dumps(_exported(path.read_bytes())).encode()
    verdict = verify_bundle(document)
    assert verdict.reference.status in {"ok", "warning"}
    assert verdict.integrity.checksum_matches is True
    assert [finding.rule for finding in verdict.reference.errors or ()] == ["workflow.source_runtime_unsupported"]
    assert verdict.outcome is Outcome.REFUSED


def test_every_excuse_is_needed() -> None:
    """An excuse that no longer excuses anything is taken out."""
    paths = sorted((SHARED / "corpus" / "bundles").glob("*.json"))
    if not paths:
        pytest.skip("the recorded reference data is not on this machine")
    for path in paths:
        excuses = _OF_SOME.get(path.name[:3], {})
        found = list(_differences(_exported(path.read_bytes()), json.loads(path.read_bytes()))) if excuses else []
        for pattern in excuses:
            assert any(re.fullmatch(pattern, place) for place in found), f"{path.name}: {pattern}"


def test_a_whole_number_float_stays_a_float_in_the_checksum(shared: Path) -> None:
    name = "m204-preserved-fraction-search-attribute-whole-float-only.json"
    bundle = _exported((shared / "corpus" / "changed" / name).read_bytes())
    amount = bundle["workflow"]["search_attributes"]["amount"]
    assert isinstance(amount, float)
    # As the server writes it, the fraction is gone, and the checksum does not fit any more (import.md §5).
    rewritten = json.dumps(bundle).replace(": 12.0", ": 12").encode()
    assert verify_bundle(json.dumps(bundle).encode()).integrity.checksum_matches is True
    assert verify_bundle(rewritten).integrity.checksum_matches is False
