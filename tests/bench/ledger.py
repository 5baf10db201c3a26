"""What the ledger costs an import: its throughput at eight jobs, opening it, and its memory."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.pending import Pending
from dwctl.transfer.ledger.rows import LedgerRow, LedgerState

from .measurement import Reading, Workplace
from .peak import peak_of

ANSWER = 0.020
"""Seconds that the server takes for an import."""

JOBS, BUNDLES, ROUNDS = 8, 150, 3
"""A round is long beside the fifth of a second for which its last outcomes wait for company."""

TEN_THOUSAND, HUNDRED_THOUSAND = 10_000, 100_000


def row(number: int) -> LedgerRow:
    """A planned bundle with facts of an ordinary length."""
    run = f"01RUN{number:021d}"
    return LedgerRow(
        run_id=run, instance_id=f"order-{number}", run_number=1, workflow_type="orders.process", task_queue="orders",
        status="waiting", dedupe_key=f"{run}:12:2026-01-01T00:00:00.000000Z", file=f"exports/order-{number}/{run}.json",
        file_sha256="a" * 64, checksum="b" * 64, bytes=60_000, verdict="ok",
    )  # fmt: skip


def opened(path: Path) -> Ledger:
    """A ledger to write to."""
    return Ledger.open(
        path, server="https://dw.example.com", namespace="production", who="bench", clock=lambda: datetime.now(UTC)
    )


def eight_jobs(place: Workplace) -> Reading:
    """Jobs that wait for an answer, with a ledger as an import keeps it, and without."""
    ratios = []
    with opened(place.folder / "jobs.db") as ledger:
        ledger.plan(row(number) for number in range(JOBS * BUNDLES * ROUNDS))
        numbers: Iterator[LedgerRow] = ledger.rows()
        for _ in range(ROUNDS):
            run_ids = [next(numbers).run_id for _ in range(JOBS * BUNDLES)]
            bare = _seconds(partial(_together, [partial(_bare, lot) for lot in _lots(run_ids, JOBS)]))
            ratios.append(bare / _seconds(partial(_kept, ledger, run_ids)))
    return Reading(tuple(ratios), f"{JOBS} jobs, {ANSWER * 1000:.0f} ms an answer, {JOBS * BUNDLES} bundles a round")


def _bare(run_ids: Sequence[str]) -> None:
    for _ in run_ids:
        time.sleep(ANSWER)


def _kept(ledger: Ledger, run_ids: Sequence[str]) -> None:
    """The same as an import does it: twice as many lanes as there are places on the wire, and others that compare."""
    wire, sent = threading.Semaphore(JOBS), SimpleQueue[tuple[str, Pending[None]]]()

    def send(lot: Sequence[str]) -> None:
        for run_id in lot:
            ledger.sending(run_id)
            with wire:
                time.sleep(ANSWER)
            settled = ledger.settle(run_id, LedgerState.IMPORTED, way="byte-exact", wait=False, along=True)
            sent.put((run_id, settled))

    def compare(count: int) -> None:
        for _ in range(count):
            run_id, settled = sent.get()
            settled.result()
            ledger.note_compared(run_id, datetime.now(UTC), wait=False)

    senders = [partial(send, lot) for lot in _lots(run_ids, 2 * JOBS)]
    _together([*senders, *([partial(compare, len(run_ids) // JOBS)] * JOBS)])
    ledger.flush()


def _lots(run_ids: Sequence[str], count: int) -> list[Sequence[str]]:
    return [run_ids[first::count] for first in range(count)]


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _together(jobs: Sequence[Callable[[], object]]) -> None:
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def carry_out(ledger: Ledger, run_ids: Sequence[str], *, compared: bool) -> None:
    """Mark and settle these runs as an import does, by so many threads that a commit is shared by many."""

    def job(lot: Sequence[str]) -> None:
        for run_id in lot:
            ledger.sending(run_id)
            ledger.settle(run_id, LedgerState.IMPORTED, wait=False, along=True)
            if compared:
                ledger.note_compared(run_id, datetime.now(UTC), wait=False)

    _together([partial(job, lot) for lot in _lots(run_ids, _THREADS)])
    ledger.flush()


_THREADS = 64


def resuming(place: Workplace) -> Reading:
    """Seconds to open a ledger of 10,000 rows, take the same plan up again, read every row and count."""
    path = place.folder / "resume.db"
    with opened(path) as ledger:
        ledger.plan(row(number) for number in range(TEN_THOUSAND))
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        with opened(path) as ledger:
            assert ledger.plan(row(number) for number in range(TEN_THOUSAND)).kept == TEN_THOUSAND
            assert sum(1 for _ in ledger.rows()) == sum(ledger.counts().values()) == TEN_THOUSAND
        seconds.append(time.perf_counter() - start)
    return Reading(tuple(seconds), "seconds: opened, planned again, read, counted, closed")


def memory(place: Workplace) -> Reading:
    """Megabytes at the peak of a process that plans 100,000 bundles and sends them all."""
    program = "import sys; from pathlib import Path; from tests.bench.ledger import fill; fill(Path(sys.argv[1]))"
    command: list[str | Path] = [sys.executable, "-c", program, place.folder / "memory.db"]
    peak = peak_of(command, cwd=Path(__file__).parents[2]) / 1e6
    size = (place.folder / "memory.db").stat().st_size / 1e6
    return Reading((peak,), f"MB: {HUNDRED_THOUSAND:,} rows planned, sent, settled and read; a file of {size:.0f} MB")


def fill(path: Path) -> None:
    """The whole way of 100,000 bundles."""
    with opened(path) as ledger:
        ledger.plan(row(number) for number in range(HUNDRED_THOUSAND))
        carry_out(ledger, [row(number).run_id for number in range(HUNDRED_THOUSAND)], compared=False)
        assert ledger.counts()[LedgerState.IMPORTED] == HUNDRED_THOUSAND
