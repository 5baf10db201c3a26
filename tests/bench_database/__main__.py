"""Make a million runs on each server, measure (all, or what holds a word given), and hold it against the targets.

The rows that are measured stand in a database of their own, dropped at the end. DWCTL_BENCH_RUNS makes fewer;
DWCTL_BENCH_DATABASE names one, on both servers, that was made before: it is measured as it is, and stays.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from embedded_databases import _SERVERS, ENGINES, TestDatabase, _created, _missing, _sample_file, load

from . import readings
from .scaling import scale

ROW = "{:<44} {:>9} {:>9}  {:<7} {}"


class Target(NamedTuple):
    """A ratio that has a target; `at_least` says on which side of it the median has to be."""

    name: str
    target: float
    at_least: bool
    measure: Callable[[TestDatabase], tuple[list[float], str]]

    def is_met(self, value: float) -> bool:
        """Is this value on the right side?"""
        return value >= self.target if self.at_least else value <= self.target


TARGETS = [
    Target("listing, bare driver = 1", 0.4, True, readings.listing),
    Target("listing of positions, bare driver = 1", 0.4, True, readings.position_listing),
    Target("inventory summary, count(*) = 1", 10.0, False, readings.summary),
    Target("drift of 100,000, listing them = 1", 2.0, False, readings.drift),
    Target("memory, a tenth of the runs = 1", 1.15, False, readings.memory),
    Target("p95 of a paced writer, alone = 1", 2.0, False, readings.writer),
    Target("lock waits", 0.0, False, readings.lock_waits),
]


def main(words: list[str], folder: Path) -> int:
    """Measure on each server that is there; 1 if a target was missed or a server is not there."""
    chosen = [one for one in TARGETS if not words or any(word in one.name for word in words)]
    if not chosen:
        print(f"no measurement has one of these words in its name: {' '.join(words)}", file=sys.stderr)
        return 2
    runs = int(os.environ.get("DWCTL_BENCH_RUNS", "1000000"))
    sample, met = _sample_file(folder), []
    for engine in ENGINES[1:]:
        if missing := _missing(engine):
            print(f"{engine}: NOT MEASURED: {missing}")
            met.append(False)
            continue
        kept = os.environ.get("DWCTL_BENCH_DATABASE")
        database = TestDatabase(engine, _SERVERS[engine].set(database=kept)) if kept else _created(engine)
        try:
            start = time.perf_counter()
            count = _runs_of(database) if kept else _made(database, Path(str(sample.database)), runs)
            print(f"{engine}: {count:,} runs, there after {time.perf_counter() - start:.0f} s")
            print(ROW.format("measured", "median", "target", "verdict", "on"), flush=True)
            met += [_show(one, database) for one in chosen]
        finally:
            if not kept:
                database.drop()
    print(f"\n{sum(met)} of {len(met)} targets met")
    return 0 if met and all(met) else 1


def _made(database: TestDatabase, sample: Path, runs: int) -> int:
    load(sample, database)
    return scale(database, runs)


def _runs_of(database: TestDatabase) -> int:
    return int(database.run("SELECT count(*) FROM workflow_runs")[0][0])


def _show(one: Target, database: TestDatabase) -> bool:
    ratios, about = one.measure(database)
    value = median(ratios)
    met = one.is_met(value)
    sign = ">=" if one.at_least else "<="
    print(ROW.format(one.name, f"{value:.2f}", f"{sign} {one.target:g}", "met" if met else "MISSED", about), flush=True)
    return met


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory(prefix="dwctl-bench-") as name:
        sys.exit(main(sys.argv[1:], Path(name)))
