"""Drift as JSON (schemas/embedded-drift.schema.json)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dwctl.transfer.runtimes.drift import Drift, DriftReport, DriftState

SCHEMA = "dwctl.embedded-drift"


def drift_document(report: DriftReport) -> dict[str, Any]:
    """The document of `embedded drift --json`."""
    return {
        "schema": SCHEMA,
        "schema_version": 1,
        "as_of": report.as_of,
        "asked": report.asked,
        "doubts": list(report.doubts),
        "runs": list(drift_items(report)),
        "summary": {
            "total": report.total,
            **{state.value: report.counts[state] for state in DriftState},
            "exit_code": int(report.exit_code),
        },
    }


def drift_items(report: DriftReport) -> Iterator[dict[str, Any]]:
    """The runs that are not as they were, the worst first; then the unmoved ones, where they were kept."""
    for drift in (*report.rows, *report.unmoved):
        yield drift_item(drift)


def drift_item(drift: Drift) -> dict[str, Any]:
    """One run: as it was exported, where it stands, and what that means."""
    expected, position = drift.expected, drift.position
    return {
        "run_id": expected.run_id or None,
        "instance_id": expected.instance_id or (position.instance_id if position else None),
        "state": drift.state.value,
        "said": drift.said,
        "next_step": drift.next_step,
        "carried": expected.carried.value,
        "known_by": expected.known_by,
        "file": expected.file,
        "recorded_at": expected.at,
        "recorded": {"dedupe_key": expected.dedupe_key, "status": expected.status},
        "now": None if position is None else {
            "dedupe_key": position.dedupe_key,
            "status": position.status,
            "last_history_sequence": position.last_history_sequence,
            "last_progress_at": position.last_progress_at,
        },
    }  # fmt: skip
