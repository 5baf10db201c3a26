"""Two hundred workers long-polling over real sockets while a thousand bundles import, again and again.

A failure names the seed; `DWCTL_SOAK_SEED` repeats it.
"""

from __future__ import annotations

import asyncio
import os
import time

import pytest

from many_workers import check, play, served

pytestmark = pytest.mark.soak

SECONDS = float(os.environ.get("DWCTL_SOAK_SECONDS", "60"))
SEED = int(os.environ.get("DWCTL_SOAK_SEED", str(time.time_ns())))
WORKERS, BUNDLES = 200, 1000


def test_no_task_is_claimed_twice_and_none_is_lost() -> None:
    until, seed = time.monotonic() + SECONDS, SEED
    while True:
        with served() as url:
            crowd, runs = asyncio.run(play(url, seed, WORKERS, BUNDLES, seconds=600))
        check(crowd, runs, seed)
        assert len(crowd.busy) > WORKERS / 2, f"seed {seed}: {len(crowd.busy)} workers had something to do"
        seed += 1
        if time.monotonic() > until:
            return
