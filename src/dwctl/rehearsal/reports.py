"""The import report, in the shape of the reference (contract/server.md §6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dwctl.bundle.findings import Finding, Severity
from dwctl.bundle.rules import RULES
from dwctl.bundle.verify import ReferenceVerdict, RunFacts, Verdict

Report = dict[str, Any]

REPORT_SCHEMA = "durable-workflow.v2.embedded-v2-import.report"
VERIFICATION_SCHEMA = "durable-workflow.v2.history-bundle-verification"

TARGET_MESSAGES = {
    "target.run_id_conflict": "This server has a run with this id that does not come from this bundle.",
}
"""The sentences of the rules that only a target can know; `target.write_failed` says what the database said."""

TABLES = (
    "workflow_instances", "workflow_runs", "workflow_history_events", "workflow_commands", "workflow_signal_records",
    "workflow_updates", "workflow_tasks", "activity_executions", "activity_attempts", "workflow_run_timers",
    "workflow_failures", "workflow_links", "workflow_memos", "workflow_search_attributes", "workflow_run_summaries",
)  # fmt: skip
"""The tables whose rows a report counts, in its order."""

NO_ROWS: Mapping[str, int] = dict.fromkeys(TABLES, 0)

# Facts of a finding that the reference shows as its context, under the name that it gives them.
_CONTEXT = {
    "expected": "expected",
    "found": "actual",
    "command_id": "command_id",
    "status": "status",
    "outcome": "outcome",
    "last_history_sequence": "last_history_sequence",
    "highest_sequence": "highest_history_sequence",
    "sequence": "sequence",
    "previous_sequence": "previous_sequence",
    "id": "id",
    "first_seen_at": "first_seen_at",
    "key_id": "key_id",
}
_WITHOUT_CONTEXT = frozenset(
    {
        "bundle.section_invalid",
        "integrity.canonicalization_unsupported",
        "integrity.checksum_algorithm_unsupported",
        "integrity.signature_algorithm_unsupported",
    }
)


def blank_report(verdict: Verdict, run: RunFacts, *, namespace: str | None, dry_run: bool) -> Report:
    """A report with the verdict in it; its status and its rows are still those of a rejection."""
    reference = verdict.reference
    return {
        "schema": REPORT_SCHEMA,
        "schema_version": 1,
        "contract_version": 1,
        "source": "embedded_v2",
        "dry_run": dry_run,
        "workflow": {
            "instance_id": run.instance_id,
            "run_id": run.run_id,
            "run_number": run.run_number,
            "workflow_type": run.workflow_type,
            "namespace": namespace,
            "status": run.status,
            "is_current_run": run.is_current_run,
            "history_complete": run.history_complete,
            "dedupe_key": run.dedupe_key,
        },
        "eligibility": {
            "eligible": not reference.errors,
            "errors": [_rule(finding) for finding in reference.errors or ()],
            "warnings": [_rule(finding) for finding in reference.warnings or ()],
        },
        "integrity": _verification(verdict, reference),
        "rollback": {
            "mode": "database_transaction",
            "partial_import_behavior": "no_rows_committed_on_failure",
        },
        "status": "rejected",
        "rows": dict(NO_ROWS),
    }


def reject(report: Report, errors: Sequence[tuple[str, str]]) -> Report:
    """Add errors to a report and make it a rejection."""
    report["eligibility"]["errors"] += [{"rule": rule, "message": message} for rule, message in errors]
    report["eligibility"]["eligible"] = False
    report["status"] = "rejected"
    return report


def reject_for_lack_of_markers(report: Report) -> Report:
    """Reject for a database that cannot mark a run as imported; the reference names this before anything else."""
    rule = "target.import_markers_missing"
    report["eligibility"]["errors"].insert(0, {"rule": rule, "message": RULES[rule].meaning})
    return reject(report, [])


def _verification(verdict: Verdict, reference: ReferenceVerdict) -> Report:
    severities = Counter(finding.severity for finding in reference.findings)
    counted = Counter(finding.rule for finding in reference.findings)
    return {
        "schema": VERIFICATION_SCHEMA,
        "schema_version": 1,
        "status": reference.status,
        "bundle": verdict.bundle._asdict(),
        "integrity": verdict.integrity._asdict(),
        "summary": {
            "errors": severities[Severity.ERROR],
            "warnings": severities[Severity.WARNING],
            "info": severities[Severity.INFO],
            "findings_by_rule": dict(sorted(counted.items())),
        },
        "findings": [
            {
                "rule": finding.rule,
                "severity": finding.severity.value,
                "message": RULES[finding.rule].meaning,
                "path": finding.path,
                "context": _context(finding),
            }
            for finding in reference.findings
        ],
    }


def _context(finding: Finding) -> Report:
    if finding.rule in _WITHOUT_CONTEXT:
        return {}
    return {_CONTEXT[name]: value for name, value in finding.facts.items() if name in _CONTEXT}


def _rule(finding: Finding) -> Report:
    message = RULES[finding.rule].meaning
    return {"rule": finding.rule, "message": f"{message} ({finding.path})" if finding.path else message}
