"""How far an export is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dwctl.cli.output import say

if TYPE_CHECKING:
    from dwctl.render.console_export_progress import ExportBar
    from dwctl.transfer.exports.exporting import Exporting
    from dwctl.transfer.exports.outcomes import ExportTally

_BETWEEN_LINES = 10.0
_WORTH_A_BAR = 2


class ExportProgress:
    """Shown on stderr. `quiet` leaves the bar out where a stream of data goes to the same terminal."""

    def __init__(self, tally: ExportTally, *, quiet: bool) -> None:
        self._tally = tally
        self._begun = self._last = time.monotonic()
        self._bar: ExportBar | None = None
        worth_it = tally.selected >= _WORTH_A_BAR
        if worth_it and sys.stderr.isatty() and not (quiet and sys.stdout.isatty()):
            from dwctl.render.console_export_progress import ExportBar

            self._bar = ExportBar(tally.selected, sys.stderr)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, exporting: Exporting) -> None:
        """Show how far it is now."""
        tally, now = self._tally, time.monotonic()
        total = tally.selected + exporting.added
        if self._bar is not None:
            self._bar.show(tally.finished, total, tally.bytes, exporting.current, exporting.waiting)
        elif now - self._last >= _BETWEEN_LINES and tally.selected >= _WORTH_A_BAR:
            self._last = now
            say(_line(tally, total, now - self._begun, exporting))


def _line(tally: ExportTally, total: int, seconds: float, exporting: Exporting) -> str:
    from dwctl.render.wording import size

    rate = tally.finished / seconds
    parts = [f"{tally.finished:,} of {total:,} runs", size(tally.bytes), f"{rate:.1f} runs/s"]
    if rate:
        parts.append(f"about {(total - tally.finished) / rate:.0f} s left")
    if exporting.waiting:
        parts.append(f"waiting for workers to let go of {exporting.waiting:,}")
    return f"dwctl: {', '.join(parts)}; now {exporting.current}"
