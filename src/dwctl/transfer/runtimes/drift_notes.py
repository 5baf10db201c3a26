"""What a look at the embedded side is noted as in the ledger, so that its status and its audit tell it."""

from __future__ import annotations

from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.runtimes.drift import DriftReport, DriftState

_MOVED = frozenset({DriftState.MOVED_SINCE_IMPORT, DriftState.MOVED_IN_DOUBT, DriftState.MOVED_SINCE_EXPORT})


def note_drift(report: DriftReport, ledger: Ledger) -> int:
    """Note every run of the ledger that moved or is gone, where that is news there; returns how many."""
    noted = 0
    for drift in report.rows:
        run = drift.expected
        if run.known_by != "ledger" or run.noted == drift.state.value:
            continue
        if drift.state in _MOVED:
            ledger.note_moved(run.run_id, report.as_of, error_reason="run_moved", error_text=drift.said)
        elif drift.state is DriftState.GONE:
            ledger.note_drift(run.run_id, report.as_of, drift.state.value)
        else:
            continue
        noted += 1
    return noted
