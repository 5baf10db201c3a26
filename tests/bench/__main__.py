"""Run the measurements (all, or those whose name holds a word given) and hold them against their targets."""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from . import export, gate, ledger, memory, rehearsal, speed, startup, transfer
from .bundles import CORPUS, measured_bundles
from .measurement import Measurement, NotMeasurableError, Reading, Workplace

MEASUREMENTS = [
    Measurement("verify: all bundles, decode+hash = 1", 0.45, True, speed.verify_all, wish=0.60),
    Measurement("verify: files < 300 kB, decode+hash = 1", 0.35, True, speed.verify_small, wish=0.60),
    Measurement("verify: two processes, one = 1", 1.7, True, speed.two_processes),
    Measurement("memory: one bundle > 1 MB, its size = 1", 12.0, False, memory.one_large_bundle),
    Measurement("memory: 10,000 bundles as lines, 1,000 = 1", 1.15, False, memory.a_folder_as_lines),
    Measurement("memory: 10,000 bundles as a table, 1,000 = 1", 1.15, False, memory.a_folder_as_table),
    Measurement("start: --version, python -c pass = 1", 10.0, False, startup.version),
    Measurement("start: --help, python -c pass = 1", 20.0, False, startup.help_text),
    Measurement("start: dry run of 145 kB, python -c pass = 1", 25.0, False, startup.dry_run),
    Measurement("export: batch, one by one = 1", 6.5, True, export.batch),
    Measurement("export: batch with --jobs 4, one by one = 1", 20.0, True, export.jobs_with_batch),
    Measurement("export: --jobs 4 without batch, one by one = 1", 3.5, True, export.jobs_without_batch),
    Measurement("export: from a server, bare httpx = 1", 0.70, True, export.from_a_server),
    Measurement("export: memory, 10,000 runs, 1,000 = 1", 1.15, False, export.memory),
    Measurement("ledger: 8 jobs at 20 ms, without it = 1", 0.90, True, ledger.eight_jobs),
    Measurement("ledger: resume 10,000 rows, seconds", 3.0, False, ledger.resuming),
    Measurement("ledger: 100,000 rows, MB", 300.0, False, ledger.memory),
    Measurement("transfer: imports at 20 ms, bare httpx = 1", 0.90, True, transfer.imports_at_20_ms),
    Measurement("transfer: whole run at 20 ms, bare httpx = 1", 0.80, True, transfer.whole_run_at_20_ms),
    Measurement("transfer: imports, rehearsal, bare httpx = 1", 0.90, True, transfer.imports_rehearsal),
    Measurement("transfer: whole run, rehearsal, bare = 1", 0.80, True, transfer.whole_run_rehearsal),
    Measurement("transfer: plan offline, bundle verify = 1", 1.5, False, transfer.planning),
    Measurement("transfer: resume 10,000 bundles, seconds", 3.0, False, transfer.resuming),
    Measurement("transfer: 100,000 rows, MB", 300.0, False, transfer.memory),
    Measurement("gate: 10,000 runs and bundles, seconds", 5.0, False, gate.whole_gate),
    Measurement("rehearsal: import, verify + 20 answers = 1", 1.0, False, rehearsal.import_in_memory),
    Measurement("rehearsal: describe, bare framework = 1", 5.0, False, rehearsal.describe_a_run),
    Measurement("rehearsal: 100,000 runs, 100 = 1", 3.0, False, rehearsal.with_many_runs),
    Measurement("rehearsal: repair status, reading rows = 1", 0.6, False, rehearsal.repair_status),
]
"""Every measurement with its target. A row more is a measurement more."""

ROW = "{:<46} {:>7} {:>7} {:>8}  {:<7} {}"


def main(words: list[str]) -> int:
    """Measure, print a line for each, and return 1 if a target was missed or could not be measured."""
    chosen = [one for one in MEASUREMENTS if not words or any(word in one.name for word in words)]
    if not chosen:
        print(f"no measurement has one of these words in its name: {' '.join(words)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="dwctl-bench-") as folder:
        python = Path(sys.executable)
        place = Workplace(measured_bundles(), Path(folder), python, python.with_name("dwctl"))
        data = "the recorded corpus" if CORPUS.is_dir() else "the examples (the recorded corpus is not here)"
        print(f"Python {platform.python_version()}; {len(place.bundles)} bundles of {data}\n")
        print(ROW.format("measured", "median", "best", "target", "verdict", "on"))
        met = [_show(one, place) for one in chosen]
    print(f"\n{sum(met)} of {len(met)} targets met")
    return 0 if all(met) else 1


def _show(one: Measurement, place: Workplace) -> bool:
    target = f"{'>=' if one.at_least else '<='} {one.target:g}"
    try:
        reading = one.measure(place)
    except NotMeasurableError as reason:
        print(ROW.format(one.name, "-", "-", target, "unknown", reason), flush=True)
        return False
    except subprocess.CalledProcessError as error:
        said = (error.stderr or "").strip() or f"exit code {error.returncode}: {' '.join(map(str, error.cmd))}"
        print(ROW.format(one.name, "-", "-", target, "FAILED", said), flush=True)
        return False
    met = one.is_met(reading.value)
    best = f"{one.best(reading.rounds):.2f}"
    about = reading.about + _wish(one, reading)
    print(
        ROW.format(one.name, f"{reading.value:.2f}", best, target, "met" if met else "MISSED", about),
        flush=True,
    )
    return met


def _wish(one: Measurement, reading: Reading) -> str:
    if one.wish is None:
        return ""
    return f"; the wish of {one.wish:g} is {'met' if reading.value >= one.wish else 'not met'}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
