"""An export of 300 runs, killed with -9 at 100 random moments: in one PHP process, one by one, and of a server.

A failure names the seed; `DWCTL_SOAK_SEED` repeats it.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from embedded_doubles import write_small_bundles
from export_doubles import cutover
from export_kills import Campaign
from rehearsal_server import import_request, on_a_socket, ready_run

pytestmark = pytest.mark.soak

SEED = int(os.environ.get("DWCTL_SOAK_SEED", str(time.time_ns())))
RUNS = 300
KILLS = 100
KILLS_AT_ONCE = 6
"""Kills of one folder, before its export is let to its end."""


def campaigns(tmp_path: Path, words: Callable[[], tuple[str, ...]]) -> None:
    """Kill exports of one kind until there were enough kills."""
    chance, kills, number = random.Random(SEED), 0, 0
    while kills < KILLS:
        folder = tmp_path / f"folder-{number}"
        folder.mkdir()
        (folder / "ids.txt").write_text("\n".join(f"order-{one}" for one in range(1, RUNS + 1)))
        if (tmp_path / "cutover.toml").exists():
            (folder / "cutover.toml").write_text((tmp_path / "cutover.toml").read_text())
        campaign = Campaign(words(), RUNS, folder, chance)
        try:
            campaign.go(min(KILLS_AT_ONCE, KILLS - kills))
        except AssertionError as error:
            raise AssertionError(f"seed {SEED}, after {kills + campaign.kills} kills in {folder}") from error
        kills, number = kills + campaign.kills, number + 1


@pytest.mark.parametrize("way", ["--batch", "--no-batch"])
def test_an_export_of_the_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.chdir(tmp_path)
    write_small_bundles(tmp_path / "application", RUNS)
    cutover(tmp_path / "application", timeout="60s")
    campaigns(tmp_path, lambda: ("--source", "embedded", "--ids-file", "ids.txt", way, "--jobs", "2"))


def test_an_export_of_a_server(tmp_path: Path) -> None:
    with on_a_socket() as url:
        with httpx.Client(base_url=url) as client:
            for number in range(1, RUNS + 1):
                assert client.post(**import_request(ready_run(number))).status_code == 201
        campaigns(tmp_path, lambda: ("--source", "server", "--all", "--server", url, "--jobs", "4"))
