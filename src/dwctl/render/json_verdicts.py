"""Verdicts as JSON (schemas/bundle-verify.schema.json)."""

from __future__ import annotations

from typing import Any

from dwctl.bundle.findings import Finding
from dwctl.bundle.restoration import Restoration
from dwctl.bundle.rules import RULES
from dwctl.bundle.verify import Verdict
from dwctl.render.wording import message
from dwctl.transfer.files.verification import FileVerdict, Tally

SCHEMA = "dwctl.bundle-verify"


def verdict_item(judged: FileVerdict) -> dict[str, Any]:
    """One file: the verdict, what the reference says, what dwctl adds, and every finding."""
    verdict = judged.verdict
    item: dict[str, Any] = {"file": judged.file, "verdict": judged.outcome.value}
    if verdict is None:
        problem = judged.problem
        return item | {
            "reference": _no_reference(),
            "own_rules": [],
            "repair": None,
            "problem": None if problem is None else {"message": problem.message, "next_step": problem.next_step},
        }
    return item | {
        "reference": _reference(verdict),
        "own_rules": [finding.rule for finding in verdict.own],
        "repair": None if verdict.repair is None else repair_item(verdict.repair),
        "problem": None,
        "size": verdict.size,
        "run": _run(verdict),
        "checksum": {
            "recorded": verdict.integrity.expected_checksum,
            "recomputed": verdict.integrity.recomputed_checksum,
            "matches": verdict.integrity.checksum_matches,
        },
        "signature": {
            "present": verdict.integrity.signature_present,
            "verified": verdict.integrity.signature_verified,
            "key_id": verdict.integrity.key_id,
        },
        "findings": [finding_item(finding) for finding in verdict.findings],
    }


def verdict_summary(tally: Tally) -> dict[str, Any]:
    """The counts at the end of a JSON document."""
    return {
        "total": tally.total,
        "ok": tally.ok,
        "warning": tally.warning,
        "refused": tally.refused,
        "unreadable": tally.unreadable,
        "missing": tally.missing,
        "exit_code": int(tally.exit_code),
    }


def finding_item(finding: Finding) -> dict[str, Any]:
    """A finding with its message; the row of the rule has why and fix."""
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "origin": RULES[finding.rule].origin.value,
        "path": finding.path,
        "message": message(finding),
    }


def repair_item(repair: Restoration) -> dict[str, Any]:
    """The cause of a checksum mismatch, and the proof where there is one."""
    return {
        "cause": repair.cause.value,
        "proven": repair.proven,
        "checksum": repair.checksum,
        "removed_keys": list(repair.removed_keys),
        "restored_paths": list(repair.restored_paths),
        "tried": repair.tried,
        "gave_up": repair.gave_up,
    }


def _reference(verdict: Verdict) -> dict[str, Any]:
    reference = verdict.reference
    return {
        "integrity_status": reference.status,
        "integrity_rules": [finding.rule for finding in reference.findings],
        "error_rules": None if reference.errors is None else [finding.rule for finding in reference.errors],
        "warning_rules": [finding.rule for finding in reference.warnings or ()],
    }


def _no_reference() -> dict[str, Any]:
    return {"integrity_status": None, "integrity_rules": [], "error_rules": None, "warning_rules": []}


def _run(verdict: Verdict) -> dict[str, Any] | None:
    return None if verdict.run is None else verdict.run._asdict()
