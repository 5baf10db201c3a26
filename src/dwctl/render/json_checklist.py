"""The gate as JSON: every fact of its result, and the table of its checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dwctl.checklist.gate.check import Check
from dwctl.checklist.gate.comparison import Change, Comparison
from dwctl.checklist.gate.results import Attestation, GateResult, ItemResult, Result, Waiver

SCHEMA = "dwctl.checklist"
LIST_SCHEMA = "dwctl.checklist-list"
RECORD_SCHEMA = "dwctl.checklist-record"


def checklist_document(
    result: GateResult, pictures: Mapping[str, Any], comparison: Comparison | None = None
) -> dict[str, Any]:
    """The document of `checklist --json`. `pictures` are the keys of `json_gate_pictures`."""
    return {
        "schema": SCHEMA,
        "schema_version": 1,
        "name": result.name,
        "server": result.server,
        "namespace": result.namespace,
        "began_at": result.began_at,
        "seconds": round(result.seconds, 3),
        "green": result.green,
        "exit_code": int(result.exit_code),
        "strict": result.strict,
        "interrupted": result.interrupted,
        "states": {state.value: count for state, count in result.counts.items()},
        "left_out": result.left_out,
        "in_the_way": [one.check.id for one in result.in_the_way],
        "complaints": list(result.complaints),
        "notes": list(result.notes),
        "items": [_item(one) for one in result.items],
        "checks": [result_item(one) for one in result.results],
        "comparison": None if comparison is None else _comparison(comparison),
        **pictures,
    }


def result_item(result: Result) -> dict[str, Any]:
    """One check with what it found; `ids` are the first of `count`."""
    check, finding = result.check, result.finding
    return {
        **_row(check),
        "state": finding.state.value,
        "measured": result.measured.value,
        "stops": result.stops,
        "left_out": result.left_out,
        "said": finding.said,
        "ids_are": finding.ids_are if finding.ids else None,
        "ids": list(finding.ids),
        "count": finding.count,
        "evidence": [one._asdict() for one in finding.evidence],
        "next_step": finding.next_step,
        "command": finding.command,
        "began_at": result.began_at,
        "seconds": round(result.seconds, 3),
        "attested": None if result.attested is None else _attestation_item(result.attested),
        "waived": None if result.waived is None else _waiver_item(result.waived),
    }


def _row(check: Check) -> dict[str, Any]:
    return {
        "id": check.id,
        "item": check.item,
        "phase": check.phase.value,
        "category": check.category,
        "severity": check.severity.value,
        "needs": [need.value for need in check.needs],
        "after": list(check.after),
        "meaning": check.meaning,
    }


def _item(found: ItemResult) -> dict[str, Any]:
    item = found.item
    return {
        "number": item.number,
        "phase": item.phase.value,
        "name": item.name,
        "meaning": item.meaning,
        "state": found.state.value,
        "checks": [result.check.id for result in found.results],
    }


def _attestation_item(attestation: Attestation) -> dict[str, Any]:
    """A person's word for an item."""
    return {
        "item": attestation.item,
        "by": attestation.by,
        "note": attestation.note,
        "at": attestation.at,
        "evidence": attestation.file,
        "sha256": attestation.file_sha256,
        "expires": attestation.expires,
    }


def _waiver_item(waiver: Waiver) -> dict[str, Any]:
    """A person's decision to go on without a check."""
    return {
        "check": waiver.check,
        "reason": waiver.reason,
        "owner": waiver.owner,
        "at": waiver.at,
        "expires": waiver.expires,
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "file": comparison.file,
        "began_at": comparison.began_at,
        "green": comparison.green,
        "elsewhere": comparison.elsewhere,
        "changes": [_change(one) for one in comparison.changes],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind.value,
        "check": change.check,
        "state_before": None if change.before is None else change.before.value,
        "state": None if change.after is None else change.after.value,
        "said_before": change.said_before,
        "said": change.said_after,
    }


def list_document(checks: Sequence[Check]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The table of the checks, and its rows for jsonl."""
    rows = [
        {
            **_row(check),
            "why": check.why,
            "fix": check.fix,
            "evidence": check.evidence,
            "becomes_true": check.becomes_true,
        }
        for check in checks
    ]
    return {"schema": LIST_SCHEMA, "schema_version": 1, "checks": rows}, rows


def record_document(file: str, record: Attestation | Waiver) -> dict[str, Any]:
    """What `checklist attest` or `checklist waive` wrote, and where."""
    return {
        "schema": RECORD_SCHEMA,
        "schema_version": 1,
        "file": file,
        "attestation": _attestation_item(record) if isinstance(record, Attestation) else None,
        "waiver": _waiver_item(record) if isinstance(record, Waiver) else None,
    }
