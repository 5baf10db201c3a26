"""The verdict is the server's verdict: every recorded report of the corpus, replayed offline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import SHARED
from dwctl.bundle.findings import Finding
from dwctl.bundle.verify import VerifyOptions, verify_bundle

_VERIFY_KINDS = ("verify", "verify-key", "verify-wrong-key")
_DRY_RUN_KINDS = ("dry-run", "dry-run-require-signature", "dry-run-require-signature-key")


def _recorded(kinds: tuple[str, ...]) -> Iterator[Any]:
    folder = SHARED / "corpus" / "cases"
    if not folder.is_dir():
        yield pytest.param(None, None, marks=pytest.mark.skip("the recorded reference data is not on this machine"))
        return
    for path in sorted(folder.glob("*.json")):
        for kind in kinds:
            case = json.loads(path.read_bytes())["cases"].get(kind)
            if case is not None:
                yield pytest.param(path, kind, id=f"{path.stem}-{kind}")


def _judge(path: Path, kind: str) -> tuple[dict[str, Any], Any]:
    recorded = json.loads(path.read_bytes())
    case = recorded["cases"][kind]
    key = case["options"].get("signing_key")
    options = VerifyOptions(
        signing_key=None if key is None else key.encode(),
        require_signature=case["options"].get("require_signature", False),
    )
    return case, verify_bundle((SHARED / "corpus" / recorded["bundle"]).read_bytes(), options)


def _as_recorded(findings: tuple[Finding, ...]) -> list[tuple[str, str, str | None]]:
    return [(finding.rule, finding.severity.value, finding.path) for finding in findings]


@pytest.mark.parametrize(("path", "kind"), list(_recorded(_VERIFY_KINDS)))
def test_verification_gives_the_recorded_findings_in_their_order(path: Path, kind: str) -> None:
    case, verdict = _judge(path, kind)
    report = case["report"]
    assert verdict.reference.status == report["status"]
    assert _as_recorded(verdict.reference.findings) == [
        (finding["rule"], finding["severity"], finding["path"]) for finding in report["findings"]
    ]
    for name, value in report["integrity"].items():
        assert getattr(verdict.integrity, name) == value, name
    for name, value in report["bundle"].items():
        assert getattr(verdict.bundle, name) == value, name


@pytest.mark.parametrize(("path", "kind"), list(_recorded(_DRY_RUN_KINDS)))
def test_a_dry_run_gives_the_recorded_rules_rows_and_run(path: Path, kind: str) -> None:
    case, verdict = _judge(path, kind)
    report = case["report"]
    assert [finding.rule for finding in verdict.reference.errors] == case["error_rules"]
    assert [finding.rule for finding in verdict.reference.warnings] == case["warning_rules"]
    assert _as_recorded(verdict.reference.findings) == [
        (finding["rule"], finding["severity"], finding["path"]) for finding in report["integrity"]["findings"]
    ]
    assert verdict.integrity.recomputed_checksum == report["integrity"]["integrity"]["recomputed_checksum"]
    for name, value in report["workflow"].items():
        assert getattr(verdict.run, name) == value, name
    if case["status"] == "dry_run":
        assert dict(verdict.rows) == report["rows"]
