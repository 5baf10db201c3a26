"""How long a command takes from the shell, against an interpreter that does nothing."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from .bundles import ORDER
from .measurement import Reading, Workplace

ROUNDS = 15


def version(place: Workplace) -> Reading:
    """`dwctl --version`."""
    return _against_nothing(place, "--version")


def help_text(place: Workplace) -> Reading:
    """`dwctl --help`."""
    return _against_nothing(place, "--help")


def dry_run(place: Workplace) -> Reading:
    """`dwctl history-import --dry-run --offline` of one bundle of about 145 kB."""
    return _against_nothing(place, "history-import", str(ORDER), "--dry-run", "--offline", "--namespace", "production")


def _against_nothing(place: Workplace, *arguments: str) -> Reading:
    nothing: list[str | Path] = [place.python, "-c", "pass"]
    command: list[str | Path] = [place.dwctl, *arguments]
    pairs = [(_seconds(nothing), _seconds(command)) for _ in range(ROUNDS + 1)]
    # The first round fills the disk cache and writes the bytecode; it is not counted.
    ratios = tuple(spent / bare for bare, spent in pairs[1:])
    return Reading(ratios, f"{min(p[1] for p in pairs) * 1e3:.0f} ms beside {min(p[0] for p in pairs) * 1e3:.0f} ms")


def _seconds(command: Sequence[str | Path]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    return time.perf_counter() - start
