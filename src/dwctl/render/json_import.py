"""Imports, and dry runs on a server, as JSON (schemas/history-import.schema.json)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dwctl.errors import DwctlError
from dwctl.render.json_verdicts import finding_item, repair_item, verdict_item
from dwctl.transfer.outcomes import ImportResult, ImportState, ImportTally
from dwctl.transfer.proof import Proof


def import_item(result: ImportResult) -> dict[str, Any]:
    """One bundle of an import, or of a dry run on the server: verdict, way, the server's report, the proof."""
    repaired = result.repaired
    unjudged = {"verdict": None} if result.state is ImportState.NOT_TRIED and result.judged.verdict is None else {}
    return (
        verdict_item(result.judged)
        | unjudged
        | {
            "state": result.state.value,
            "way": result.way,
            "repaired": None
            if repaired is None
            else repair_item(repaired.restoration)
            | {"file_sha256": repaired.file_sha256, "sent_sha256": repaired.sent_sha256},
            "report": None if result.report is None else dict(result.report),
            "foreseen": [finding_item(finding) for finding in result.judged.foreseen],
            "proof": None if result.proof is None else _proof(result.proof),
            "left_behind": [asdict(row) for row in result.left_behind],
            "asked_and_absent": result.asked_and_absent,
            "error": _error(result.error),
        }
    )


def import_summary(tally: ImportTally) -> dict[str, Any]:
    """The counts at the end of an import."""
    results = tally.results
    return {
        "total": len(results),
        **{state.value: count for state, count in tally.states.items()},
        "proven": sum(result.proven for result in results),
        "repaired": sum(result.repaired is not None for result in results),
        "exit_code": int(tally.exit_code),
    }


def _proof(proof: Proof) -> dict[str, Any]:
    return {
        "state": proof.state.value,
        "error": _error(proof.error),
        "comparisons": [
            {"name": one.name, "expected": one.expected, "found": one.found, "holds": one.holds}
            for one in proof.comparisons
        ],
    }


def _error(error: DwctlError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {
        "message": error.message,
        "where": error.where,
        "reason": error.reason,
        "next_step": error.next_step,
        "exit_code": int(error.exit_code),
    }
