"""What the gate knows of the ledger: its rows, whom it is bound to, and whether it agrees with itself."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dwctl.checklist.facts.facts import LedgerFact, LedgerFacts
from dwctl.errors import LocalStateError
from dwctl.transfer.ledger.audit import AuditReport
from dwctl.transfer.ledger.glimpse import GLIMPSED, glimpse
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.start import check_target, same_target

_COLUMNS: Final = (
    "run_id", "instance_id", "workflow_type", "task_queue", "status", "state", "import_id", "compared_at", "differs_at",
    "drift", "drift_at", "archived_at", "dedupe_key",
)  # fmt: skip
_ANOTHER: Final = (
    "Name the server and namespace that it belongs to, or another file as ledger under [cutover] of cutover.toml."
)
_WHOLE: Final = "every event by its hash, and each row against all of its events"


def ledger_facts(path: str | Path, *, server: str, namespace: str, deep: bool = False) -> LedgerFacts:
    """Read the ledger at one moment; `deep` also plays its whole log again, which takes its time.

    Raises `UnreadableInput` where there is no ledger, `LocalStateError` for one that cannot be read or is bound to
    another server or namespace.
    """
    with Ledger.view(path) as view:
        try:
            check_target(view.target, same_target(server, namespace), view.path)
        except LocalStateError as error:
            error.next_step = _ANOTHER
            raise
        seen = glimpse(view, _COLUMNS)
        trouble, audited = seen.trouble, GLIMPSED
        if deep:
            trouble, audited = _trouble(view.audit()) or seen.trouble, _WHOLE
    return LedgerFacts(
        path=str(path), server=seen.target.server, namespace=seen.target.namespace, import_id=seen.target.import_id,
        rows=tuple(LedgerFact(*row) for row in seen.rows), head=seen.head.hash, sound=trouble is None, trouble=trouble,
        audited=audited,
    )  # fmt: skip


def _trouble(report: AuditReport) -> str | None:
    """The first finding of an audit, and how many there are."""
    if report.sound:
        return None
    first = report.findings[0]
    at = f"event {first.seq}" if first.seq is not None else f"run {first.run_id}" if first.run_id else "the file"
    more = f", and {report.found - 1} more findings" if report.found > 1 else ""
    return f"{at}: {first.what}{more}"
