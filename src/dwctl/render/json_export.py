"""Exports as JSON (schemas/export.schema.json)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dwctl.render.json_errors import error_told
from dwctl.transfer.exports.outcomes import ExportResult, ExportState
from dwctl.transfer.exports.report import ExportReport

SCHEMA = "dwctl.export"


def export_head(report: ExportReport) -> dict[str, Any]:
    """What is known before the first run."""
    return {
        "source": report.source,
        "way": report.way,
        "batch_declined": error_told(report.batch_declined),
        "purpose": report.purpose.value,
        "location": report.location,
    }


def export_item(result: ExportResult) -> dict[str, Any]:
    """One run: what became of it, its file, and what the verification found."""
    entry = result.entry
    return {
        "target": str(result.target),
        "state": result.state.value,
        "good": result.good,
        "standing": None if result.standing is None else result.standing.value,
        "instance_id": result.target.instance_id if entry is None else entry.instance_id,
        "run_id": result.target.run_id if entry is None else entry.run_id,
        "workflow_type": None if entry is None else entry.workflow_type,
        "status": None if entry is None else entry.status,
        "dedupe_key": None if entry is None else entry.dedupe_key,
        "file": None if entry is None else entry.file,
        "bytes": None if entry is None else entry.bytes,
        "sha256": None if entry is None else entry.sha256,
        "checksum": None if entry is None else entry.checksum,
        "verdict": None if entry is None else str(entry.verdict),
        "rules": [] if entry is None else list(entry.rules),
        "exported_at": None if entry is None else entry.exported_at,
        "held_by": list(result.held_by),
        "restored_paths": list(result.restored_paths),
        "removed_keys": list(result.removed_keys),
        "noise_bytes": result.noise,
        "seconds": None if result.seconds is None else round(result.seconds, 3),
        "error": error_told(result.error),
    }


def export_rest(report: ExportReport) -> dict[str, Any]:
    """What is known after the last run."""
    tally = report.tally
    return {
        "hooks": [asdict(call) for call in report.hooks],
        "workers_paused": report.paused,
        "hook_error": error_told(report.hook_error),
        "next_steps": report.next_steps,
        "summary": {
            "selected": tally.selected,
            "selection_complete": tally.complete,
            **{state.value: tally.states[state] for state in ExportState},
            "not_tried": tally.not_tried,
            "interrupted": tally.interrupted,
            "verdicts": dict(sorted(tally.verdicts.items())),
            "noisy": tally.noisy,
            "bytes": tally.bytes,
            "seconds": round(report.seconds, 3),
            "runs_per_second": report.rate,
            "jobs": report.jobs,
            "slowest": [{"target": name, "seconds": round(seconds, 3)} for name, seconds in tally.slowest],
            "exit_code": int(report.exit_code),
        },
    }
