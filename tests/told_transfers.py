"""Transfers to be told in tests: a ledger that has met everything, and hostile names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from dwctl.explanations import explanation
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.rows import LedgerRow, LedgerState
from dwctl.transfer.report.gathering import Explained, see, told, transfer_report
from dwctl.transfer.report.standing import Standing
from dwctl.transfer.report.transfer_report import ReportedBundle, Scope, TransferReport, Travel, TravelKind
from dwctl.transfer.report.travel import travel_untold
from ledgers import NAMESPACE, SERVER, START, opened, row, run_id, ticking

S = LedgerState
NOW = "2026-11-24T08:00:00.000000Z"
HOSTILE = (
    "</code><script>alert(1)</script>",
    "a|b`c``d",
    "[x](http://evil.example/) @everyone #1 www.evil.example",
    "\x1b[2J\x00\ud800\u202e\ufffe",
    "one\r\n::error::two%0A",
    "a,b:c=d;--><!-- ]]>",
    "<details><img src=x onerror=alert(1)>{{ 7*7 }}",
)
RESTORED = {"restored": {
    "cause": "lost_zero_fractions", "proof": "the recorded checksum", "checksum": "b" * 64, "removed_keys": [],
    "restored_paths": ["workflow.search_attributes.amount"],
}}  # fmt: skip
RESEALED = {"resealed": {"by": "dwctl", "checksum_before": "b" * 64, "checksum_after": "d" * 64, "partners": []}}


def explained(identifier: str) -> Explained | None:
    """The table of `dwctl explain`, for the ids that it surely has."""
    if identifier.startswith(("tasks.", "target.")):
        found = explanation(identifier)
        return Explained(found.meaning, found.fix)
    return None


def everything(path: Path) -> None:
    """A ledger of two sessions, with a bundle in every standing that a ledger knows."""
    link = {"parent_run_id": run_id(3), "child_run_id": run_id(4), "link_type": "continue_as_new"}
    sent = {"sent_sha256": "c" * 64}
    with opened(path, who="ana", server_version="0.2.9") as ledger:
        ledger.plan([
            *(row(number, **sent) for number in range(3)), row(3, status="completed", repair=RESTORED, **sent),
            row(4, status="completed", repair=RESEALED, removed_links=(link,), reason="cut by hand", **sent),
            *(row(number, **sent) for number in range(5, 11)),
            row(11, state=S.REFUSED, rules=("tasks.leased_task_present",), verdict="refused"),
            row(12, state=S.REFUSED, rules=("target.link_taken",), verdict="refused"),
            row(13, state=S.SKIPPED),
        ])  # fmt: skip
        for number in range(7):
            ledger.sending(run_id(number))
            ledger.settle(run_id(number), S.IMPORTED, way="byte-exact")
        for number in (0, 1, 2, 3, 4):
            ledger.note_compared(run_id(number), START)
        ledger.note_compared(run_id(5), START, ["status: the bundle says waiting; the server: completed"])
        ledger.note_archived(run_id(3), START)
        ledger.note_moved(run_id(2), START)
    with opened(path, who="jörg", server_version="0.2.9", clock=ticking(START + timedelta(hours=1))) as ledger:
        ledger.sending(run_id(7))
        ledger.settle(run_id(7), S.FAILED, error_reason="database_busy", error_text="the server's database was busy")
        ledger.sending(run_id(8))
        ledger.settle(run_id(8), S.UNKNOWN, error_reason="import_unsettled", error_text="no answer")
        ledger.settle(run_id(9), S.BLOCKED, error_reason="partner_not_compared")
        ledger.note_moved(run_id(10), START)


def reported(path: Path, named: str = "ledger.db") -> TransferReport:
    """The report of a ledger, at a fixed time, without opening bundles."""
    with Ledger.view(path) as view:
        seen = see(view, named)
    return transfer_report(seen, now=NOW, explain=explained, travelling=travel_untold)


def report_of(bundles: Sequence[ReportedBundle], scope: Scope = Scope.TRANSFER) -> TransferReport:
    """A report of these bundles, without a ledger."""
    return told(
        TransferReport(scope=scope, made_at=NOW, dwctl_version="0.1.0", server=SERVER, namespace=NAMESPACE,
                       import_id="orders-1", bundles=tuple(bundles)),
        explained,
    )  # fmt: skip


def bundle(number: int, standing: Standing, reasons: tuple[str, ...] = (), **changes: object) -> ReportedBundle:
    """A bundle that stands somewhere."""
    made = row(number)
    return ReportedBundle(replace(made, **changes), standing, reasons)  # type: ignore[arg-type]


def hostile() -> TransferReport:
    """A report whose every text from elsewhere is hostile, in turn."""
    bundles = []
    for number, text in enumerate(HOSTILE):
        name = f"{number}{text}"
        made = LedgerRow(
            run_id=f"run{name}", instance_id=name, workflow_type=text, task_queue=text, status="completed",
            file=f"dir/{name}", file_sha256=text, sent_sha256=text, checksum=text, reason=text,
            differences=(text,), repair=RESTORED | {"restored": RESTORED["restored"] | {"restored_paths": [text]}},
            removed_links=({"parent_run_id": text, "child_run_id": text, "link_type": text},), import_id=text,
            server_version=text, dwctl_version=text, state=S.REFUSED,
        )  # fmt: skip
        standing = (Standing.REFUSED, Standing.FAILED, Standing.LEFT_OUT, Standing.UNKNOWN)[number % 4]
        bundles.append(ReportedBundle(made, standing, (text,), text, text))
    report = replace(report_of(bundles), server=HOSTILE[0], namespace=HOSTILE[2], import_id=HOSTILE[3])
    travel = Travel(1, 2, (TravelKind("timeouts", "They do not travel.", 1, 1, HOSTILE[:3]),), (("gone", 1),))
    return replace(report, travel=travel)
