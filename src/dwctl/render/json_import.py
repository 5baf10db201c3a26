"""Imports, and dry runs on a server, as JSON (schemas/history-import.schema.json)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dwctl.render.json_errors import error_told
from dwctl.render.json_verdicts import finding_item, repair_item, verdict_item
from dwctl.transfer.imports.outcomes import ImportResult, ImportState, ImportTally, Resealed, RunUsed
from dwctl.transfer.imports.proof import Proof

_NOT_READ = frozenset({ImportState.NOT_TRIED, ImportState.DONE, ImportState.SKIPPED})


def import_item(result: ImportResult) -> dict[str, Any]:
    """One bundle of an import, or of a dry run on the server: verdict, way, the server's report, the proof."""
    repaired = result.repaired
    unread = result.judged.verdict is None and result.judged.problem is None
    unjudged = {"verdict": None} if unread and result.state in _NOT_READ else {}
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
            "resealed": None if result.resealed is None else _resealed(result.resealed),
            "report": None if result.report is None else dict(result.report),
            "foreseen": [finding_item(finding) for finding in result.judged.foreseen],
            "proof": None if result.proof is None else _proof(result.proof),
            "left_behind": [asdict(row) for row in result.left_behind],
            "asked_and_absent": result.asked_and_absent,
            "archived": result.archived,
            "skipped_because": result.skipped_because,
            "compared_at": result.compared_at,
            "error": error_told(result.error),
        }
    )


def import_summary(tally: ImportTally, used: RunUsed | None = None) -> dict[str, Any]:
    """The counts at the end of an import, and what its run used."""
    return {
        "total": tally.total,
        **{state.value: count for state, count in tally.states.items()},
        "proven": tally.proven,
        "repaired": tally.repaired,
        "resealed": tally.resealed,
        "archived": tally.archived,
        "compared_again": tally.compared_again,
        "reasons": dict(tally.reasons.most_common()),
        "skipped_because": dict(tally.skipped),
        **({} if used is None else {"run": _used(used, tally)}),
        "exit_code": int(tally.exit_code),
    }


def _used(used: RunUsed, tally: ImportTally) -> dict[str, Any]:
    slowest = [{"file": file, "seconds": round(seconds, 3)} for seconds, file in sorted(tally.slowest, reverse=True)]
    return {
        "seconds": round(used.seconds, 3),
        "imports_per_second": None if used.rate is None else round(used.rate, 2),
        "concurrency": {
            "most": used.pace.most,
            "lowest": used.pace.lowest,
            "last": used.pace.last,
            "cuts": {cause.value: count for cause, count in used.pace.cuts.items()},
        },
        "slowest": slowest,
        "stopped_because": used.stopped_because,
        "ledger": used.ledger,
    }


def _resealed(resealed: Resealed) -> dict[str, Any]:
    resolution = resealed.resolution
    return {
        "by": "dwctl",
        "removed_links": [link._asdict() for link in resolution.removed],
        "partners": list(resolution.partners),
        "checksum_before": resolution.checksum_before,
        "checksum_after": resolution.checksum_after,
        "sent_sha256": resolution.sent_sha256,
        "reason": resolution.reason,
        "kept": resealed.file,
    }


def _proof(proof: Proof) -> dict[str, Any]:
    return {
        "state": proof.state.value,
        "error": error_told(proof.error),
        "comparisons": [
            {"name": one.name, "expected": one.expected, "found": one.found, "holds": one.holds}
            for one in proof.comparisons
        ],
    }
