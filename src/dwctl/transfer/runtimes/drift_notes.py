"""What a look at the embedded side is noted as in the ledger, so that its status, report and audit tell it."""

from __future__ import annotations

from collections.abc import Iterable

from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.runtimes.drift import Drift, DriftReport, DriftState

_MOVED = frozenset({DriftState.MOVED_SINCE_IMPORT, DriftState.MOVED_IN_DOUBT, DriftState.MOVED_SINCE_EXPORT})


class UnmovedRuns:
    """The runs of the ledger that have not moved, noted as a look goes by: their ids alone, since they may be many."""

    def __init__(self) -> None:
        self.run_ids: list[str] = []

    def __call__(self, drift: Drift) -> None:
        """Take one that has not moved."""
        if drift.expected.known_by == "ledger":
            self.run_ids.append(drift.expected.run_id)


def note_drift(report: DriftReport, unmoved: Iterable[str], ledger: Ledger, *, since: int) -> int:
    """Note what became of the ledger's runs; returns how many answers were written down.

    That a run moved, or is gone, is noted once. That one has not moved holds for the moment of the look alone, so it
    is noted with each. `since` is the ledger's last event before the look: what was written of a run after it is newer
    than an answer that it has not moved, and stays.
    """
    answers = [
        ledger.note_drift(run_id, report.as_of, DriftState.UNMOVED.value, since=since, wait=False)
        for run_id in unmoved
    ]  # fmt: skip
    return _note_the_others(report, ledger, since) + sum(answer.result() for answer in answers)


def _note_the_others(report: DriftReport, ledger: Ledger, since: int) -> int:
    noted = 0
    for drift in report.rows:
        run = drift.expected
        if run.known_by != "ledger" or run.noted == drift.state.value:
            continue
        if drift.state in _MOVED:
            ledger.note_moved(run.run_id, report.as_of, error_reason="run_moved", error_text=drift.said)
            noted += 1
        elif drift.state is DriftState.GONE:
            noted += ledger.note_drift(run.run_id, report.as_of, drift.state.value, since=since).result()
    return noted
