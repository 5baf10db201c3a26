"""The ledger as JSON (schemas/ledger-*.schema.json)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from dwctl.transfer.ledger.audit import AuditReport
from dwctl.transfer.ledger.log import LedgerEvent
from dwctl.transfer.ledger.view import LedgerStatus


def status_document(path: str, status: LedgerStatus, age: float | None) -> dict[str, Any]:
    """A ledger at one moment; `age` is that of its last event in seconds."""
    target = status.target
    return {
        "schema": "dwctl.ledger-status",
        "schema_version": 1,
        "ledger": path,
        "server": target.server,
        "namespace": target.namespace,
        "import_id": target.import_id,
        "created_at": target.created_at,
        "writer": None if status.writer is None else asdict(status.writer),
        "head": asdict(status.head),
        "last_event_at": status.last_event_at,
        "last_event_age_seconds": age,
        "bundles_per_second": None if status.rate is None else round(status.rate, 2),
        "total": status.total,
        "states": {state.value: count for state, count in status.counts.items()},
        "skipped_because": dict(status.skipped_because),
        "unread": [{"file": one.file, "reason": one.reason, "text": one.text, "at": one.when} for one in status.unread],
        **asdict(status.facts),
    }


def event_item(event: LedgerEvent) -> dict[str, Any]:
    """One event of the log."""
    return {
        "seq": event.seq, "session": event.session, "at": event.at, "kind": event.kind, "run_id": event.run_id,
        "facts": dict(event.facts), "previous": event.previous, "hash": event.hash,
    }  # fmt: skip


def show_document(path: str, run: dict[str, Any], events: Iterable[LedgerEvent]) -> dict[str, Any]:
    """A run with its events."""
    return {
        "schema": "dwctl.ledger-show", "schema_version": 1, "ledger": path, "run": run,
        "events": [event_item(event) for event in events],
    }  # fmt: skip


def retry_document(path: str, run_ids: Iterable[str], files: Iterable[str]) -> dict[str, Any]:
    """The runs that were put back to `planned`, and the files without a run that were let go of."""
    found = list(run_ids)
    return {
        "schema": "dwctl.ledger-retry", "schema_version": 1, "ledger": path, "total": len(found), "run_ids": found,
        "files": list(files),
    }  # fmt: skip


def audit_document(path: str, report: AuditReport) -> dict[str, Any]:
    """What an audit found."""
    return {
        "schema": "dwctl.ledger-audit", "schema_version": 1, "ledger": path, "ok": report.ok, "sound": report.sound,
        "head": asdict(report.head), "events": report.events, "rows": report.rows, "found": report.found,
        "findings": [asdict(finding) for finding in report.findings],
        "expected": None if report.expected is None else asdict(report.expected),
        "resealed": [asdict(one) for one in report.resealed],
    }  # fmt: skip
