"""Killing a writer of a ledger with -9 again and again, and what must be true each time."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.rows import LedgerState
from ledgers import run_id

TESTS = Path(__file__).parent
LONGEST = 120
"""Seconds after which a writer that is not killed has hung."""


def writer(path: Path, what: str, bundles: int = 0) -> subprocess.Popen[bytes]:
    """A process that has the ledger open."""
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    command = [sys.executable, str(TESTS / "ledger_jobs.py"), str(path), what, str(bundles)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)


def wait_ready(process: subprocess.Popen[bytes]) -> list[bytes]:
    """The lines up to `ready`."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line == b"ready\n":
            return lines
    raise AssertionError(f"the writer ended with {process.wait()}")


def campaign(path: Path, kills: int, bundles: int, seed: int) -> int:
    """Kill and start again, then let it finish; returns how many kills came before all was written.

    Each time the ledger opens, its audit passes, and everything that the writer was told is on the disk is there.
    """
    chance = random.Random(seed)
    told: dict[str, str] = {}
    for killed in range(kills + 1):
        process = writer(path, "work", bundles)
        try:
            out = b"" if killed == kills else _until_some_moment(process, chance, 2 * bundles // kills)
            if killed < kills:
                process.kill()
            out += process.communicate(timeout=LONGEST)[0]
        finally:
            process.kill()
        for line in out.decode().splitlines():
            run, _, state = line.partition(" ")
            if state:
                told[run] = state
        if path.exists() and path.stat().st_size:
            check(path, told, f"seed {seed}, kill {killed}")
        if out.endswith(b"done\n"):
            finished(path, bundles)
            return killed
    raise AssertionError(f"not done after {kills} kills: {process.returncode}")


def _until_some_moment(process: subprocess.Popen[bytes], chance: random.Random, most: int) -> bytes:
    """Let a writer go until it was told so much, or, now and then, only for a moment; returns what it was told."""
    assert process.stdout is not None
    if chance.random() < 0.2:
        time.sleep(chance.uniform(0.0, 0.3))
        return b""
    out = b""
    for _ in range(chance.randrange(1, most)):
        line = process.stdout.readline()
        out += line
        if not line:
            break
    time.sleep(chance.uniform(0.0, 0.002))
    return out


def check(path: Path, told: dict[str, str], when: str) -> None:
    """The ledger is sound, and knows at least what its writer was told."""
    with Ledger.view(path) as view:
        assert view.writer() is None, when
        report = view.audit()
        assert report.ok, f"{when}: {report.findings}"
        for run, state in told.items():
            found = view.row(run)
            assert found is not None, when
            if state == LedgerState.IMPORTED:
                assert found.state is LedgerState.IMPORTED, f"{when}: {run}"
            else:
                assert found.state in {LedgerState.SENDING, LedgerState.IMPORTED}, f"{when}: {run}"


def finished(path: Path, bundles: int) -> None:
    """Every bundle is imported, and once."""
    with Ledger.view(path) as view:
        assert view.counts()[LedgerState.IMPORTED] == bundles
        for number in range(bundles):
            kinds = [event.facts.get("state") for event in view.events(run_id(number))]
            assert kinds.count("imported") == 1
