"""An export as a whole, for those who render it: where from, where to, what became of it, and what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dwctl.errors import DwctlError, ExitCode
from dwctl.transfer.exports.hooks import HookCall
from dwctl.transfer.exports.outcomes import ExportState, ExportTally, Purpose


@dataclass
class ExportReport:
    """What is known of an export, filled in as it goes on.

    `source` and `way` say how runs were got, `batch_declined` why not in the batch process where that was tried.
    `location` is where they are kept: a folder, a URL, a file, `-`. `refreshing` and `quiesced` repeat what was
    asked. `paused`: the embedded workers are still paused, because of this export. `hook_error` is a resume that
    did not end well; `seconds` how long the export took.
    """

    source: str
    way: str
    purpose: Purpose
    location: str
    is_archive: bool
    jobs: int
    tally: ExportTally
    batch_declined: DwctlError | None = None
    refreshing: bool = False
    quiesced: bool = False
    hooks: Sequence[HookCall] = ()
    paused: bool = False
    hook_error: DwctlError | None = None
    seconds: float = 0.0

    @property
    def rate(self) -> float | None:
        """Runs a second that this export settled, None where nothing was measured."""
        return round(self.tally.finished / self.seconds, 2) if self.seconds and self.tally.finished else None

    @property
    def exit_code(self) -> ExitCode:
        """That of the runs; a resume that failed makes a good one partly done."""
        found = self.tally.exit_code
        return ExitCode.PARTLY if found is ExitCode.DONE and self.hook_error is not None else found

    @property
    def next_steps(self) -> list[str]:
        """What a person does now, in order."""
        tally, steps = self.tally, []
        if tally.interrupted or tally.not_tried:
            again = "it goes on where it stopped" if self.is_archive else "nothing was written"
            steps.append(f"Run the same command again: {again}.")
        elif not tally.complete:
            steps.append("The list changed faster than it could be read: run the same command again for what is new.")
        elif self.is_archive and tally.states[ExportState.FAILED] + tally.states[ExportState.HELD]:
            steps.append("Run the same command again for what is missing: what is there is not exported twice.")
        if self.is_archive and tally.refused and self.purpose is Purpose.IMPORT:
            steps.append("Once what refuses the others is mended, --refresh exports them again.")
        if self.paused:
            kept = "BUNDLE" if self.location == "-" else self.location
            steps.append(
                f"The embedded workers are still paused, and stay so: import with `dwctl history-import {kept}`; "
                "afterwards `dwctl embedded parked` names the queues whose workers must stay paused."
                if tally.kept
                else "The embedded workers may still be paused: let them go on (embedded.resume)."
            )
        return steps
