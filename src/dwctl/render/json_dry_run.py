"""Offline dry runs as JSON (schemas/history-import.schema.json); a report has the reference's shape."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dwctl.bundle.findings import Finding, Severity
from dwctl.bundle.verify import Outcome, Verdict
from dwctl.render.json_verdicts import finding_item, verdict_item
from dwctl.render.wording import message
from dwctl.transfer.files.verification import FileVerdict

SCHEMA = "dwctl.history-import"


def dry_run_item(judged: FileVerdict, namespace: str | None) -> dict[str, Any]:
    """One bundle of an offline dry run: our verdict, the report that the server would give, what is foreseen."""
    verdict = judged.verdict
    return verdict_item(judged) | {
        "state": _offline_state(judged),
        "way": None,
        "repaired": None,
        "report": None if verdict is None else import_report(verdict, namespace),
        "foreseen": [finding_item(finding) for finding in judged.foreseen],
        "proof": None,
        "error": None,
    }


def _offline_state(judged: FileVerdict) -> str:
    if judged.problem is not None:
        return "failed"
    return "would_import" if judged.outcome in {Outcome.OK, Outcome.WARNING} else "refused"


def import_report(verdict: Verdict, namespace: str | None) -> dict[str, Any] | None:
    """The report of the reference's dry run, without the namespace's own checks; None where it gives none."""
    reference, run = verdict.reference, verdict.run
    if reference.errors is None or run is None:
        return None
    accepted = not reference.errors
    facts = run._asdict()
    facts.pop("queue")
    return {
        "schema": "durable-workflow.v2.embedded-v2-import.report",
        "schema_version": 1,
        "contract_version": 1,
        "source": "embedded_v2",
        "dry_run": True,
        "workflow": facts | {"namespace": namespace or run.namespace},
        "eligibility": {
            "eligible": accepted,
            "errors": _rules(reference.errors),
            "warnings": _rules(reference.warnings or ()),
        },
        "integrity": _verification(verdict),
        "rollback": {
            "mode": "database_transaction",
            "partial_import_behavior": "no_rows_committed_on_failure",
        },
        "status": "dry_run" if accepted else "rejected",
        "rows": dict(verdict.rows) if accepted else dict.fromkeys(verdict.rows, 0),
    }


def _rules(findings: Iterable[Finding]) -> list[dict[str, str]]:
    return [{"rule": finding.rule, "message": message(finding)} for finding in findings]


def _verification(verdict: Verdict) -> dict[str, Any]:
    findings = verdict.reference.findings
    by_rule: dict[str, int] = {}
    for finding in findings:
        by_rule[finding.rule] = by_rule.get(finding.rule, 0) + 1
    severities = [finding.severity for finding in findings]
    return {
        "schema": "durable-workflow.v2.history-bundle-verification",
        "schema_version": 1,
        "status": verdict.reference.status,
        "bundle": verdict.bundle._asdict(),
        "integrity": verdict.integrity._asdict(),
        "summary": {
            "errors": severities.count(Severity.ERROR),
            "warnings": severities.count(Severity.WARNING),
            "info": severities.count(Severity.INFO),
            "findings_by_rule": dict(sorted(by_rule.items())),
        },
        "findings": [
            {
                "rule": finding.rule,
                "severity": finding.severity.value,
                "message": message(finding),
                "path": finding.path,
                "context": dict(finding.facts),
            }
            for finding in findings
        ],
    }
