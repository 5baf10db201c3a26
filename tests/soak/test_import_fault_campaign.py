"""1,000 bundles through each fault of the rehearsal server, and through their mixture, at a tenth of all requests.

A failure names the seed; `DWCTL_SOAK_SEED` repeats it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from import_faults import KINDS, play

pytestmark = pytest.mark.soak

SEED = int(os.environ.get("DWCTL_SOAK_SEED", str(time.time_ns())))
BUNDLES = int(os.environ.get("DWCTL_SOAK_BUNDLES", "1000"))


@pytest.mark.parametrize("kinds", [*((kind,) for kind in KINDS), KINDS], ids=[*KINDS, "all of them"])
def test_everything_is_imported_and_there_is_no_storm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kinds: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    begun = time.monotonic()
    requests = play(capsys, kinds, BUNDLES, SEED)
    with capsys.disabled():
        seconds = time.monotonic() - begun
        print(f"\n{', '.join(kinds)}: {BUNDLES} bundles in {seconds:.0f} s, {requests:.2f} import requests a bundle")
