"""A program that imports nothing and writes a ledger as an import would: to be held, killed and looked at.

`python ledger_jobs.py LEDGER hold|work|fork [BUNDLES]`: prints `ready` when it has the ledger. `work` says on stdout
what it has been told is on the disk, a line `RUN STATE` each, so that a test knows what must not be lost.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.pending import Pending
from dwctl.transfer.ledger.rows import LedgerState
from ledgers import NAMESPACE, SERVER, row

JOBS = 4
_OUT = threading.Lock()


def main(path: str, what: str, bundles: int) -> None:
    """Hold the ledger, or write all bundles from where an earlier process left off."""
    ledger = Ledger.open(
        Path(path), server=SERVER, namespace=NAMESPACE, who="ana", clock=lambda: datetime.now(UTC),
        command="history-import",
    )  # fmt: skip
    if what == "fork" and os.fork() == 0:
        os.write(1, f"child {os.getpid()}\n".encode())
        time.sleep(600)
    if what != "work":
        os.write(1, b"ready\n")
        time.sleep(600)
    os.write(1, b"ready\n")
    with ledger:
        ledger.plan(row(number) for number in range(bundles))
        todo = [found.run_id for found in ledger.rows() if not found.there]
        threads = [threading.Thread(target=_job, args=(ledger, todo[job::JOBS])) for job in range(JOBS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    os.write(1, b"done\n")


def _job(ledger: Ledger, run_ids: Iterable[str]) -> None:
    """As a lane of an import: an outcome goes along with the next run's mark, and is told when the disk has it."""
    before: tuple[str, Pending[None]] | None = None
    for run_id in run_ids:
        ledger.sending(run_id)
        _told(run_id, LedgerState.SENDING)
        if before is not None:
            _compared(ledger, *before)
        before = run_id, ledger.settle(run_id, LedgerState.IMPORTED, wait=False, along=True)
    if before is not None:
        _compared(ledger, *before)


def _compared(ledger: Ledger, run_id: str, settled: Pending[None]) -> None:
    settled.result()
    _told(run_id, LedgerState.IMPORTED)
    ledger.note_compared(run_id, datetime.now(UTC), wait=False)


def _told(run_id: str, state: LedgerState) -> None:
    with _OUT:
        os.write(1, f"{run_id} {state.value}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int((sys.argv[3:] or ["0"])[0]))
