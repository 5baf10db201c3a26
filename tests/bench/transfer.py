"""A transfer: its imports against bare httpx, its plan against verifying, taking it up again, and its memory."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from many_bundles import MODELS, SMALL, write_many

from .measurement import Reading, Workplace
from .peak import peak_of

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ANSWER = 0.020
"""Seconds that the stand-in takes for any answer."""

JOBS, SERVED, PLANNED, TEN_THOUSAND, ROUNDS = 4, 1_000, 2_500, 10_000, 5
Words = Sequence[str | Path]
Serving = Callable[[Workplace, Path], AbstractContextManager[str]]


def imports_at_20_ms(place: Workplace) -> Reading:
    """Imports alone, against a server that takes 20 ms for each."""
    return _against(place, _answering, "alone")


def whole_run_at_20_ms(place: Workplace) -> Reading:
    """With the ledger and the comparing, against a server that takes 20 ms for each answer."""
    return _against(place, _answering, "compare")


def imports_rehearsal(place: Workplace) -> Reading:
    """Imports alone, into a rehearsal server."""
    return _against(place, _rehearsal, "alone")


def whole_run_rehearsal(place: Workplace) -> Reading:
    """With the ledger and the comparing, into a rehearsal server."""
    return _against(place, _rehearsal, "compare")


def _against(place: Workplace, server: Serving, what: str) -> Reading:
    folder = _bundles(place, SERVED)
    ratios, seconds = [], 0.0
    for _ in range(ROUNDS):
        # A server of its own each: an import that is there already is another one.
        with server(place, folder) as url:
            bare = _seconds(place, ["tests.bench.bare_imports", url, folder, str(JOBS), what])
        with server(place, folder) as url:
            seconds = _seconds(place, ["tests.bench.planned_imports", url, folder, str(JOBS), what])
        ratios.append(bare / seconds)
    return Reading(tuple(ratios), f"{SERVED} bundles of 62 kB, {JOBS} at once; {SERVED / seconds:.0f} imports/s")


def planning(place: Workplace) -> Reading:
    """The offline part of a plan; `bundle verify` of the same files with as many processes is 1."""
    folder = _bundles(place, PLANNED)
    ratios, seconds = [], 0.0
    for _ in range(ROUNDS):
        verified = _seconds(place, ["tests.bench.planned_files", folder, "verify"])
        seconds = _seconds(place, ["tests.bench.planned_files", folder, "plan"])
        ratios.append(seconds / verified)
    megabytes = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    return Reading(tuple(ratios), f"{PLANNED:,} bundles, {megabytes:.0f} MB; {megabytes / seconds:.0f} MB/s")


def resuming(place: Workplace) -> Reading:
    """Seconds of the whole command over 10,000 bundles that are imported and compared already."""
    folder = place.folder / "done"
    if not folder.is_dir():
        write_many(folder, TEN_THOUSAND, SMALL)
    ledger = place.folder / "done.db"
    with _answering(place, _bundles(place, 8)) as url:
        _run(place, [place.python, "-m", "tests.bench.planned_files", folder, "settle", ledger, url])
        words: Words = [place.dwctl, "history-import", folder, "--ledger", ledger, "--output", "table"]
        command: Words = [place.python, HERE / "timed.py", *words, "--server", url, "--namespace", "default"]
        seconds = [float(_run(place, command).rsplit(maxsplit=1)[-1]) for _ in range(ROUNDS)]
    return Reading(tuple(seconds), f"seconds: {TEN_THOUSAND:,} bundles, start of the program included")


def memory(place: Workplace) -> Reading:
    """Megabytes at the peak of a process that takes up a transfer of 100,000 runs that are done."""
    command: Words = [place.python, "-m", "tests.bench.planned_files", place.folder / "lakh", "remember"]
    peak = peak_of(command, cwd=place.folder, env=_environment())
    return Reading((peak / 1e6,), "MB: 100,000 rows read, planned and told again")


def _bundles(place: Workplace, count: int) -> Path:
    folder = place.folder / f"many-{count}"
    if not folder.is_dir():
        write_many(folder, count, MODELS)
    return folder


@contextmanager
def _answering(place: Workplace, bundles: Path) -> Iterator[str]:
    """The stand-in, in a process of its own."""
    with _started([place.python, HERE / "answering.py", bundles, str(ANSWER)]) as line:
        yield line.strip()


@contextmanager
def _rehearsal(place: Workplace, bundles: Path) -> Iterator[str]:
    """A rehearsal server, in a process of its own."""
    with _started([place.dwctl, "rehearsal", "serve", "--port", "0", "--output", "jsonl"]) as line:
        yield str(json.loads(line)["url"])


@contextmanager
def _started(command: Words) -> Iterator[str]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline()
        finally:
            process.terminate()


def _seconds(place: Workplace, words: Words) -> float:
    return float(_run(place, [place.python, "-m", *words]))


def _run(place: Workplace, words: Words) -> str:
    done = subprocess.run(words, check=True, capture_output=True, text=True, cwd=place.folder, env=_environment())
    return done.stdout


def _environment() -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = {**os.environ, "NO_PROXY": "127.0.0.1", "PYTHONPATH": path}
    return {name: value for name, value in environment.items() if not name.startswith(("DW_", "DURABLE_"))}
