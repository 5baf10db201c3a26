"""What is measured: each function gives the ratio of every round, and what it was taken on."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any

from bench.peak import peak_of
from dwctl.bundle.verify import Outcome
from dwctl.embedded.filters import RunFilter
from dwctl.embedded.inventory import inventory
from dwctl.embedded.inventory_summary import summarised
from dwctl.embedded.positions import positions
from dwctl.transfer.runtimes.drift import look_for_drift
from dwctl.transfer.runtimes.drift_sources import exported_runs
from dwctl.transfer.runtimes.positions import ByDatabase
from dwctl.transfer.storage.manifest import MANIFEST, ManifestEntry
from embedded_databases import TestDatabase, connect

from .bare import INVENTORY, POSITIONS, fetch

ROUNDS = int(os.environ.get("DWCTL_BENCH_ROUNDS", "3"))
EXPORTED = 100_000
LISTED_BESIDE = 200_000
"""Runs that are listed beside the paced writer, in each turn."""
WRITER_TURNS = 7
"""Of the paced writer, alone and beside: a turn's p95 stands on some 500 writes, and swings."""


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def listing(database: TestDatabase) -> tuple[list[float], str]:
    """The bare driver's time over that of the inventory's listing, for the same columns of every run."""
    return _against_bare(lambda: fetch(database, *INVENTORY), lambda: _inventory(database))


def position_listing(database: TestDatabase) -> tuple[list[float], str]:
    """The same for the few columns that tell where a run stands."""
    return _against_bare(lambda: fetch(database, POSITIONS), lambda: _positions(database))


def _against_bare(bare: Callable[[], object], ours: Callable[[], object]) -> tuple[list[float], str]:
    ratios = []
    for _ in range(ROUNDS):
        least = seconds(bare)
        ratios.append(least / (own := seconds(ours)))
    return ratios, f"bare driver {least:.2f} s, dwctl {own:.2f} s"


def summary(database: TestDatabase) -> tuple[list[float], str]:
    """The time of the inventory's summary over that of the count grouped the same way."""
    counted = "SELECT workflow_type, status, queue, count(*) FROM workflow_runs GROUP BY workflow_type, status, queue"
    ratios = []
    for _ in range(ROUNDS):
        plain = seconds(lambda: database.run(counted))
        ratios.append((ours := seconds(lambda: _summary(database))) / plain)
    return ratios, f"count(*) {plain:.2f} s, summary {ours:.2f} s"


def drift(database: TestDatabase) -> tuple[list[float], str]:
    """The time of asking whether 100,000 exported runs moved, by their manifest, over that of listing as many."""
    with TemporaryDirectory(prefix="dwctl-bench-") as name:
        exported = _exported(database, Path(name))
        ratios = []
        for _ in range(ROUNDS):
            once = seconds(lambda: _inventory(database, limit=exported))
            ratios.append((ours := seconds(lambda: _drift(database, name, exported))) / once)
    return ratios, f"{exported:,} runs: listed in {once:.2f} s, compared in {ours:.2f} s"


def memory(database: TestDatabase) -> tuple[list[float], str]:
    """Peak memory of listing everything over that of listing a tenth."""
    ((count,),) = database.run("SELECT count(*) FROM workflow_runs")
    few, many = (_peak(database, limit) for limit in (count // 10, count))
    return [many / few], f"{few / 1e6:.0f} MB for {count // 10:,} runs, {many / 1e6:.0f} MB for {count:,}"


def writer(database: TestDatabase) -> tuple[list[float], str]:
    """The p95 of a paced writer beside a listing, over its p95 alone, in turns: the disk's own speed comes and goes."""
    ratios = []
    for _ in range(WRITER_TURNS):
        alone, _ = _paced(database, lambda: time.sleep(5))
        beside, _ = _paced(database, lambda: _list_in_child(database, LISTED_BESIDE))
        ratios.append(beside / alone)
    return ratios, f"p95 alone {alone * 1000:.2f} ms, beside {beside * 1000:.2f} ms"


def lock_waits(database: TestDatabase) -> tuple[list[float], str]:
    """How often the writer waited for a lock while everything was listed."""
    _, waits = _paced(database, lambda: _list_in_child(database))
    return [float(waits)], "innodb_row_lock_waits" if database.engine == "mariadb" else "pg_stat_activity, sampled"


def _inventory(database: TestDatabase, limit: int | None = None) -> None:
    with database.open(statement_timeout=600).snapshot() as snapshot:
        deque(islice(inventory(snapshot), limit), maxlen=0)


def _positions(database: TestDatabase) -> None:
    with database.open(statement_timeout=600).snapshot() as snapshot:
        deque(positions(snapshot), maxlen=0)


def _exported(database: TestDatabase, folder: Path) -> int:
    """A manifest of the first runs as they stand, in the order of their ids; how many there are."""
    template = ManifestEntry("", "", "orders", "", None, "x.json", 1, "0" * 64, None, Outcome.OK, (), "bench", "")
    count = 0
    with (
        database.open(statement_timeout=600).snapshot() as snapshot,
        (folder / MANIFEST).open("w", encoding="utf-8") as file,
    ):
        for one in islice(positions(snapshot), EXPORTED):
            entry = replace(
                template, run_id=one.run_id, instance_id=one.instance_id, status=one.status, dedupe_key=one.dedupe_key
            )
            file.write(json.dumps(entry.as_item()) + "\n")
            count += 1
    return count


def _drift(database: TestDatabase, folder: str, exported: int) -> None:
    report = look_for_drift(exported_runs([folder], None).expected, ByDatabase(database.open(statement_timeout=600)))
    if (report.total, report.moved) != (exported, 0):
        raise RuntimeError(f"of {exported} runs that stand still, {report.counts}")


def _summary(database: TestDatabase) -> None:
    with database.open(statement_timeout=600).snapshot() as snapshot:
        summarised(snapshot, RunFilter())


CHILD = """
import sys
from collections import deque
from itertools import islice
from dwctl.embedded.database import EmbeddedDatabase
from dwctl.embedded.inventory import inventory
from dwctl.secret import Secret
with EmbeddedDatabase.open(Secret(sys.argv[1]), statement_timeout=600).snapshot() as snapshot:
    deque(islice(inventory(snapshot), int(sys.argv[2])), maxlen=0)
"""


def _peak(database: TestDatabase, limit: int) -> int:
    command = [sys.executable, "-c", CHILD, database.text, str(limit)]
    path = os.pathsep.join([str(Path("src").absolute()), str(Path("tests").absolute())])
    return peak_of(command, env={**os.environ, "PYTHONPATH": path})


def _list_in_child(database: TestDatabase, limit: int = 10**9) -> None:
    _peak(database, limit)


def _paced(database: TestDatabase, beside: Callable[[], object]) -> tuple[float, int]:
    """The p95 (seconds) of an update every 10 ms while `beside` runs, and how often anybody waited for a lock."""
    done, times, waits = threading.Event(), list[float](), 0

    def write() -> None:
        rows = database.run("SELECT id FROM workflow_runs ORDER BY id LIMIT 500")
        with closing(connect(database.url)) as connection, closing(connection.cursor()) as cursor:
            while not done.is_set():
                (run_id,) = rows[len(times) % len(rows)]
                start = time.perf_counter()
                cursor.execute(
                    "UPDATE workflow_runs SET last_history_sequence = last_history_sequence + 1 WHERE id = %s", [run_id]
                )
                times.append(time.perf_counter() - start)
                time.sleep(max(0.0, 0.01 - times[-1]))

    def watch() -> None:
        nonlocal waits
        # One connection for all: making one ten times a second would itself be felt by the writer.
        with closing(connect(database.url)) as connection, closing(connection.cursor()) as cursor:
            before = _waits(database.engine, cursor)
            while not done.wait(0.1):
                waits += _waits(database.engine, cursor) if database.engine == "postgresql" else 0
            if database.engine == "mariadb":
                waits = _waits(database.engine, cursor) - before

    threads = [threading.Thread(target=target) for target in (write, watch)]
    for thread in threads:
        thread.start()
    try:
        beside()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    return quantiles(times, n=20)[-1], waits


def _waits(engine: str, cursor: Any) -> int:
    """MariaDB counts every wait since it started; PostgreSQL shows those of the moment."""
    if engine == "mariadb":
        cursor.execute("SHOW GLOBAL STATUS LIKE 'innodb_row_lock_waits'")
        return int(cursor.fetchone()[1])
    cursor.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return int(cursor.fetchone()[0])
