"""How far an import is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dwctl.cli.output import say

if TYPE_CHECKING:
    from dwctl.render.console_import_progress import ImportBar
    from dwctl.transfer.imports.execution import Execution
    from dwctl.transfer.imports.outcomes import ImportResult, ImportTally

_BETWEEN_LINES = 10.0
_BETWEEN_MOVES = 0.1
_WORTH_A_BAR = 2
_NOT_THERE = ("refused", "failed", "not_tried", "blocked", "moved")


class ImportProgress:
    """Shown on stderr. `quiet` leaves the bar out where a stream of data goes to the same terminal.

    `already` bundles need nothing and count for no rate.
    """

    def __init__(self, execution: Execution, tally: ImportTally, total: int, *, already: int, quiet: bool) -> None:
        self._execution, self._tally = execution, tally
        self._total, self._already = total - already, already
        self._begun = self._last = time.monotonic()
        self._bar: ImportBar | None = None
        if self._total >= _WORTH_A_BAR and sys.stderr.isatty() and not (quiet and sys.stdout.isatty()):
            from dwctl.render.console_import_progress import ImportBar

            self._bar = ImportBar(self._total, sys.stderr)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the bar away; a second call does nothing."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def watching(self, results: Iterable[ImportResult]) -> Iterator[ImportResult]:
        """Yield the results, and show how far it is as they pass."""
        for result in results:
            self._show()
            yield result

    def _show(self) -> None:
        now = time.monotonic()
        finished = max(0, self._tally.total - self._already)
        if self._bar is not None:
            if now - self._last >= _BETWEEN_MOVES:
                self._last = now
                self._bar.show(finished, ", ".join(self._facts(finished, now - self._begun)))
        elif now - self._last >= _BETWEEN_LINES and self._total >= _WORTH_A_BAR:
            self._last = now
            facts = [f"{finished:,} of {self._total:,} bundles", *self._facts(finished, now - self._begun)]
            say(f"dwctl: {', '.join(facts)}")

    def _facts(self, finished: int, seconds: float) -> Iterator[str]:
        from dwctl.transfer.imports.outcomes import ImportState

        rate = finished / seconds if seconds else 0.0
        yield f"{rate:.1f}/s"
        # Those that are read, or wait for a lane, are among them: more than the requests that --jobs allows.
        yield f"{self._execution.in_flight} under way"
        states = self._tally.states
        troubles = {
            "not imported": sum(states[ImportState(word)] for word in _NOT_THERE),
            "unknown": states[ImportState.UNKNOWN], "not proven": self._tally.unproven,
        }  # fmt: skip
        yield from (f"{count:,} {what}" for what, count in troubles.items() if count)
        if rate and self._bar is None:
            yield f"about {(self._total - finished) / rate:.0f} s left"
