"""The report of a transfer as JSON (schemas/transfer-report.schema.json): every claim of the other formats is in it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from dwctl.render import transfer_wording as wording
from dwctl.transfer.report.standing import STANDINGS
from dwctl.transfer.report.transfer_report import LedgerSeen, Past, ReportedBundle, Session, TransferReport, Travel

SCHEMA: Final = "dwctl.transfer-report"


def report_head(report: TransferReport) -> dict[str, Any]:
    """Everything but the bundles."""
    return {
        "scope": report.scope.value,
        "made_at": report.made_at,
        "dwctl_version": report.dwctl_version,
        "answer": report.answer.value,
        "exit_code": int(report.exit_code),
        "headline": f"{wording.answer_word(report)}: {wording.answer_sentence(report)}",
        "of_a_moment": report.of_a_moment,
        "server": report.server,
        "namespace": report.namespace,
        "import_id": report.import_id,
        "import_ids": dict(report.versions("import_id")),
        "dwctl_versions": dict(report.versions("dwctl_version")),
        "server_versions": dict(report.versions("server_version")),
        "ledger": None if report.ledger is None else _ledger(report.ledger),
        "total": len(report.bundles),
        "kinds": {kind.value: count for kind, count in report.kinds.items()},
        "standings": [
            {"standing": standing.value, "title": row.title, "kind": row.kind.value, "count": report.counts[standing],
             "meaning": row.meaning, "fix": row.fix}
            for standing, row in STANDINGS.items()
        ],
        "reasons": [asdict(group) | {"standing": group.standing.value} for group in report.reasons],
        "restored": len(report.restored),
        "resealed": len(report.resealed),
        "archived": report.archived,
        "not_archived": len(report.not_archived),
        "drift_unknown": report.drift_unknown,
        "unmoved": {
            "count": len(report.unmoved_at),
            "oldest": report.unmoved_at[0] if report.unmoved_at else None,
            "newest": report.unmoved_at[-1] if report.unmoved_at else None,
        },
        "archiving_is_open": report.archiving_is_open,
        "travel": None if report.travel is None else _travel(report.travel),
        "digest": None if report.digest is None
        else {"sha256": report.digest, "command": wording.digest_command(report)},
        "notes": wording.notes(report),
        "steps": [{"why": step.why, "command": step.command} for step in report.steps],
        **past_items(report.past),
    }  # fmt: skip


def bundle_item(bundle: ReportedBundle) -> dict[str, Any]:
    """One bundle: where it stands and why, and the digests of what lies, was recorded and was sent."""
    row = bundle.row
    return {
        "standing": bundle.standing.value,
        "kind": bundle.kind.value,
        "reasons": list(bundle.reasons),
        "text": bundle.text,
        "next_step": bundle.next_step,
        "run_id": row.run_id or None,
        "instance_id": row.instance_id or None,
        "run_number": row.run_number,
        "workflow_type": row.workflow_type,
        "task_queue": row.task_queue,
        "status": row.status,
        "file": row.file,
        "file_sha256": row.file_sha256,
        "checksum": row.checksum,
        "sent_sha256": row.sent_sha256,
        "bytes": row.bytes,
        "way": row.way,
        "import_id": row.import_id,
        "attempts": row.attempts,
        "seconds": None if bundle.seconds is None else round(bundle.seconds, 6),
        "compared_at": row.compared_at,
        "differences": list(row.differences),
        "archived_at": row.archived_at,
        "drift": row.drift,
        "drift_at": row.drift_at,
        "restored": None if bundle.restored is None else dict(bundle.restored),
        "resealed": _resealed(bundle) if bundle.went_without_links else None,
    }


def _resealed(bundle: ReportedBundle) -> dict[str, Any]:
    before, after = wording.seals_of(bundle)
    return {
        "by": "dwctl", "reason": bundle.row.reason, "checksum_before": before, "checksum_after": after,
        "removed_links": [dict(link) for link in bundle.row.removed_links],
    }  # fmt: skip


def _ledger(ledger: LedgerSeen) -> dict[str, Any]:
    audit = ledger.audit
    return {
        "path": ledger.path,
        "created_at": ledger.created_at,
        "head": asdict(ledger.head),
        "writer": None if ledger.writer is None else asdict(ledger.writer),
        "unreadable": ledger.unreadable,
        "audit": {
            "ok": audit.ok, "events": audit.events, "rows": audit.rows, "found": audit.found,
            "findings": [asdict(finding) for finding in audit.findings],
        },
    }  # fmt: skip


def _travel(travel: Travel) -> dict[str, Any]:
    return {
        "looked_at": travel.looked_at,
        "of": travel.of,
        "not_looked": [{"why": why, "count": count} for why, count in travel.not_looked],
        "kinds": [
            {"what": kind.what, "meaning": kind.meaning, "runs": kind.runs, "places": kind.places,
             "first": list(kind.first)}
            for kind in travel.kinds
        ],
    }  # fmt: skip


def past_items(past: Past) -> dict[str, Any]:
    """Sessions, pieces of time, and how long the imports took."""
    return {
        "seconds_an_import": {
            "median": _rounded(past.median), "slowest_tenth": _rounded(past.slowest_tenth),
            "slowest": _rounded(past.slowest),
        },
        "sessions": [_session(one) for one in past.sessions],
        "timeline": [
            {"session": one.session + 1, "since": one.seconds, "there": one.there, "not_there": one.not_there,
             "compared": one.compared}
            for one in past.buckets
        ],
    }  # fmt: skip


def _session(session: Session) -> dict[str, Any]:
    return asdict(session) | {"bundles_per_second": None if session.rate is None else round(session.rate, 2)}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
