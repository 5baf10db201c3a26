"""Asking the embedded side, before each batch of an import, whether its runs still stand where they were exported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from dwctl.errors import AnswerIsNo, NotFound
from dwctl.transfer.imports.outcomes import ImportResult
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.runtimes.drift import Carried, Drift, DriftState, Expected, compare
from dwctl.transfer.runtimes.positions import EmbeddedSide


class DriftCheck:
    """What an import asks; `asked` counts the runs and `moved` those that are not as they were exported."""

    def __init__(self, side: EmbeddedSide) -> None:
        self._side = side
        self._knows_some = False
        self.asked = self.moved = 0

    @property
    def name(self) -> str:
        """Who answers."""
        return self._side.name

    def try_it(self) -> None:
        """Take one look, so that what does not work is known before anything is sent. Raises a DwctlError."""
        with self._side.look() as look:
            list(look.positions([]))

    def __call__(self, expected: Sequence[Expected]) -> Mapping[str, Drift]:
        """Those that must not be sent, by run id: they have moved, they are gone, or that cannot be told.

        Raises a DwctlError where the embedded side does not answer, and NotFound where it has not known a single run so
        far: it is another application then, and says nothing about these.
        """
        with self._side.look() as look:
            found = list(compare(expected, look.positions))
        self._knows_some = self._knows_some or any(drift.state is not DriftState.GONE for drift in found)
        if found and not self._knows_some:
            raise _another_application(self.name, len(found))
        changed = {drift.expected.run_id: drift for drift in found if drift.state is not DriftState.UNMOVED}
        self.asked += len(found)
        self.moved += len(changed)
        return changed


def note_moved(ledger: Ledger, drift: Drift, at: datetime) -> None:
    """Write down that a run is not as it was exported. Raises LocalStateError.

    One that was not sent becomes `moved` whatever the reason. One that is on the server, or may be, keeps its state,
    and only what is known goes beside it: that it has moved, or that it is gone.
    """
    run = drift.expected
    if run.carried is Carried.EXPORTED or drift.state in _MOVED:
        ledger.note_moved(run.run_id, at, error_reason="run_moved", error_text=drift.said)
    elif drift.state is DriftState.GONE:
        ledger.note_drift(run.run_id, at, drift.state.value)


def told_as_moved(result: ImportResult, drift: Drift) -> ImportResult:
    """The result of a run that is not sent for it, whether it is on the server or not."""
    what = _WHERE_IT_IS.get(drift.state, "the embedded copy is not as it was exported")
    error = AnswerIsNo(f"{what}: {drift.said}", where=result.judged.file, next_step=drift.next_step, reason="run_moved")
    return replace(result, error=error)


_MOVED: Final = frozenset({DriftState.MOVED_SINCE_IMPORT, DriftState.MOVED_IN_DOUBT})
_WHERE_IT_IS: Final = {
    DriftState.MOVED_SINCE_IMPORT: "the run is on the server, and its embedded copy has moved since, so both run it",
    DriftState.MOVED_IN_DOUBT: "the run may be on the server, and its embedded copy has moved since its export",
    DriftState.UNKNOWN: "nobody can say whether the embedded copy is as it was exported",
}


def _another_application(name: str, count: int) -> NotFound:
    what = "this run" if count == 1 else f"any of these {count:,} runs"
    return NotFound(
        f"the embedded application does not know {what}, so it cannot say whether they moved", where=name,
        next_step="Check that this is the application that they were exported from; --no-drift-check insists.",
        reason="drift_other_application",
    )  # fmt: skip
