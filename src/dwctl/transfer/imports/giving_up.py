"""When a run ends before its end: what every other bundle would meet, a server that answers nobody, many failures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dwctl.errors import DwctlError, ExitCode
from dwctl.transfer.imports.outcomes import ImportResult
from dwctl.transfer.imports.passage import BUSY, UNREACHED

LEDGER_FAILED: Final = "the ledger cannot be written to"

_BUSY_IN_A_ROW: Final = 32


@dataclass(slots=True)
class GivingUp:
    """Counts what went wrong in a run with so many `jobs`, of which at most `most_failures` bundles may fail.

    What a bundle met that is taken up once more counts, too; only the failures are of bundles that have ended.
    """

    jobs: int
    most_failures: int | None = None
    failures: int = 0
    unreached_in_a_row: int = 0
    busy_in_a_row: int = 0

    def after_trouble(self, trouble: DwctlError | None) -> str | None:
        """Why to stop, where the server answers nobody, or where its database has been busy for everybody for long."""
        busy = trouble is not None and trouble.reason in BUSY
        unreached = trouble is not None and trouble.exit_code in UNREACHED and not busy
        self.unreached_in_a_row = self.unreached_in_a_row + 1 if unreached else 0
        self.busy_in_a_row = self.busy_in_a_row + 1 if busy else 0
        if self.unreached_in_a_row >= max(4, 2 * self.jobs):
            return "the server did not answer for several bundles in a row"
        if self.busy_in_a_row >= max(_BUSY_IN_A_ROW, 4 * self.jobs):
            return "the server's database was busy for every bundle, again and again"
        return None

    @property
    def too_many_failed(self) -> bool:
        """Whether more bundles failed than may."""
        return self.most_failures is not None and self.failures > self.most_failures

    def after_result(self, result: ImportResult) -> str | None:
        """Why to stop after a bundle that has ended so."""
        server = self.after_trouble(result.trouble)
        self.failures += not result.good
        if server is not None:
            return server
        if result.stops_the_run:
            local = result.trouble is not None and result.trouble.exit_code is ExitCode.LOCAL_STATE
            return LEDGER_FAILED if local else "every other bundle would meet the same"
        if self.too_many_failed:
            return f"more than {self.most_failures} bundles failed" if self.most_failures else "a bundle failed"
        return None
