"""Hundreds of kills of a ledger's writer; a failure names the seed, `DWCTL_SOAK_SEED` repeats it."""

from __future__ import annotations

import os
import time
from itertools import count
from pathlib import Path

import pytest

from ledger_kills import campaign

pytestmark = pytest.mark.soak

SEED = int(os.environ.get("DWCTL_SOAK_SEED", str(time.time_ns())))
KILLS = 300


def test_a_writer_killed_hundreds_of_times_loses_nothing(tmp_path: Path) -> None:
    killed = 0
    for round_ in count():
        killed += campaign(tmp_path / f"{round_}.db", 60, 2_000, SEED + round_)
        if killed >= KILLS:
            return
