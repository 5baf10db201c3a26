"""What the pictures of a gate's report show, as JSON: parts of the document of `checklist --json`.

Every claim that only a picture makes stands here, so that no format says what the JSON does not.
"""

from __future__ import annotations

from typing import Any, Final

from dwctl.checklist.gate.report import Absent, CoverageSeen, GateReport, Stretch, TransferSeen
from dwctl.render.json_coverage import coverage_document
from dwctl.render.json_transfer import past_items
from dwctl.transfer.report.standing import STANDINGS

_OF_COVERAGE: Final = ("covered", "needs", "served", "bundles", "rows", "workers", "unread")


def gate_pictures(report: GateReport) -> dict[str, Any]:
    """The keys `dwctl_version`, `coverage`, `transfer` and `timeline`; what cannot be shown says why in `absent`."""
    return {
        "dwctl_version": report.dwctl_version,
        "coverage": _coverage(report.coverage),
        "transfer": _transfer(report.transfer),
        "timeline": {
            "began_at": report.result.began_at,
            "seconds": _seconds(report.length),
            "checks": [_stretch(one) for one in report.timeline],
        },
    }


def _coverage(seen: CoverageSeen | Absent) -> dict[str, Any]:
    if isinstance(seen, Absent):
        return {"absent": seen.why}
    document, _ = coverage_document("", "", seen.coverage)
    return {"absent": None, "without_bundles": seen.without_bundles} | {name: document[name] for name in _OF_COVERAGE}


def _transfer(seen: TransferSeen | Absent) -> dict[str, Any]:
    if isinstance(seen, Absent):
        return {"absent": seen.why}
    return {
        "absent": None,
        "ledger": seen.ledger,
        "server": seen.server,
        "namespace": seen.namespace,
        "import_id": seen.import_id,
        "head": seen.head,
        "sound": seen.sound,
        "trouble": seen.trouble,
        "total": seen.total,
        "imported": seen.imported,
        "compared": seen.compared,
        "archived": seen.archived,
        "standings": [
            {"standing": standing.value, "title": row.title, "kind": row.kind.value,
             "count": seen.standings.get(standing, 0), "meaning": row.meaning}
            for standing, row in STANDINGS.items()
        ],
        **past_items(seen.past),
    }  # fmt: skip


def _stretch(stretch: Stretch) -> dict[str, Any]:
    result = stretch.result
    return {
        "check": result.check.id,
        "item": result.check.item,
        "state": result.finding.state.value,
        "began_at": result.began_at,
        "offset_seconds": _seconds(stretch.offset),
        "seconds": _seconds(stretch.seconds),
    }


def _seconds(seconds: float) -> float:
    return round(seconds, 3)
