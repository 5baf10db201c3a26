"""What the ledger costs an import: its throughput at eight jobs, opening it, and its memory."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.rows import LedgerRow, LedgerState

from .measurement import Reading, Workplace
from .peak import peak_of

ANSWER = 0.020
"""Seconds that the server takes for an import."""

JOBS, BUNDLES, ROUNDS = 8, 60, 5
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
    """Jobs that wait for an answer, with a ledger that is durable before each request and after it, and without."""
    ratios = []
    with opened(place.folder / "jobs.db") as ledger:
        ledger.plan(row(number) for number in range(JOBS * BUNDLES * ROUNDS))
        numbers: Iterator[LedgerRow] = ledger.rows()
        for _ in range(ROUNDS):
            lots = [[next(numbers).run_id for _ in range(BUNDLES)] for _ in range(JOBS)]
            bare = _seconds(lots, _bare)
            ratios.append(bare / _seconds(lots, lambda lot: _job(ledger, lot)))
    return Reading(tuple(ratios), f"{JOBS} jobs, {ANSWER * 1000:.0f} ms an answer, {JOBS * BUNDLES} bundles a round")


def _bare(run_ids: Sequence[str]) -> None:
    for _ in run_ids:
        time.sleep(ANSWER)


def _job(ledger: Ledger, run_ids: Sequence[str]) -> None:
    """As an import does it: the next run is marked while this one is under way."""
    marked = ledger.sending(run_ids[0], wait=False)
    for run_id, following in zip(run_ids, [*run_ids[1:], None], strict=True):
        marked.result()
        if following is not None:
            marked = ledger.sending(following, wait=False)
        time.sleep(ANSWER)
        ledger.settle(run_id, LedgerState.IMPORTED, sent_sha256="c" * 64, way="byte-exact", wait=False)
        ledger.note_compared(run_id, datetime.now(UTC), wait=False)


def _seconds(lots: Sequence[Sequence[str]], job: Callable[[Sequence[str]], object]) -> float:
    threads = [threading.Thread(target=job, args=(lot,)) for lot in lots]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


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
        for found in ledger.rows():
            ledger.sending(found.run_id, wait=False)
            ledger.settle(found.run_id, LedgerState.IMPORTED, wait=False)
        ledger.flush()
        assert ledger.counts()[LedgerState.IMPORTED] == HUNDRED_THOUSAND
