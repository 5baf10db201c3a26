"""Asking the embedded side, before each batch of an import, whether its runs still stand where they were exported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dwctl.errors import NotFound
from dwctl.transfer.plans.plan import PlannedBundle
from dwctl.transfer.runtimes.drift import DriftState, compare
from dwctl.transfer.runtimes.drift_sources import of_planned
from dwctl.transfer.runtimes.positions import EmbeddedSide


class DriftCheck:
    """What an import asks; `asked` counts the runs and `moved` those that are not as they were exported."""

    def __init__(self, side: EmbeddedSide) -> None:
        self._side = side
        self.asked = self.moved = 0

    @property
    def name(self) -> str:
        """Who answers."""
        return self._side.name

    def try_it(self) -> None:
        """Take one look, so that what does not work is known before anything is sent. Raises a DwctlError."""
        with self._side.look() as look:
            list(look.positions([]))

    def __call__(self, bundles: Sequence[PlannedBundle]) -> Mapping[str, str]:
        """Run id → why it must not be sent: it has moved, it is gone, or that cannot be told.

        Raises a DwctlError where the embedded side does not answer, and NotFound where it knows none of the runs: it
        is another application then, and says nothing about these.
        """
        expected = [of_planned(bundle.run, bundle.file) for bundle in bundles if bundle.run is not None]
        with self._side.look() as look:
            found = list(compare(expected, look.positions))
        if found and all(drift.state is DriftState.GONE for drift in found):
            raise _another_application(self.name, len(found))
        changed = {drift.expected.run_id: drift.said for drift in found if drift.state is not DriftState.UNMOVED}
        self.asked += len(found)
        self.moved += len(changed)
        return changed


def _another_application(name: str, count: int) -> NotFound:
    what = "this run" if count == 1 else f"any of these {count:,} runs"
    return NotFound(
        f"the embedded application does not know {what}, so it cannot say whether they moved", where=name,
        next_step="Check that this is the application that they were exported from; --no-drift-check insists.",
        reason="drift_other_application",
    )  # fmt: skip
