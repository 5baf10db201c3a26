"""An import of 300 bundles, whose client or server is killed with -9 at 200 random moments.

A failure names the seed; `DWCTL_SOAK_SEED` repeats it.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from import_kills import Cutover

pytestmark = pytest.mark.soak

SEED = int(os.environ.get("DWCTL_SOAK_SEED", str(time.time_ns())))
BUNDLES = 300
KILLS = int(os.environ.get("DWCTL_SOAK_KILLS", "200"))
KILLS_AT_ONCE = 12
"""Kills of one import, before it is let to its end."""


def test_every_bundle_is_imported_exactly_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chance, kills, imports = random.Random(SEED), Counter[str](), 0
    while kills.total() < KILLS:
        folder = tmp_path / f"cutover-{imports}"
        folder.mkdir()
        cutover = Cutover(folder, BUNDLES, chance)
        try:
            cutover.go(min(KILLS_AT_ONCE, KILLS - kills.total()))
        except AssertionError as error:
            raise AssertionError(
                f"seed {SEED}, after {kills.total() + cutover.kills.total()} kills, {folder}"
            ) from error
        kills += cutover.kills
        imports += 1
    with capsys.disabled():
        print(f"\n{kills.total()} kills ({dict(kills)}) in {imports} imports of {BUNDLES} bundles, seed {SEED}")
