"""Runs that go wrong at random, in both ways of exporting: each has its outcome, and nothing is left running.

A failure names the seed; a few seeds in the test command, `make soak` for as long as `DWCTL_SOAK_SECONDS` says.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from dwctl.embedded import batch
from dwctl.embedded.batch import BatchExporter
from dwctl.embedded.captured import Captured, Exporter, Target
from dwctl.embedded.export_one import ArtisanExporter
from dwctl.errors import DwctlError
from embedded_doubles import processes_with, standin, write_small_bundles

RUNS = 14
SECONDS = float(os.environ.get("DWCTL_SOAK_SECONDS", "60"))

WHOLE = "whole"
FAULTS: dict[str, tuple[list[str], str, str]] = {
    "noisy": (["noise 1"], WHOLE, WHOLE),
    "half": (["half 1"], "batch_died", "export_incomplete"),
    "dying": (["die 1"], "batch_died", "export_failed"),
    "dying once": (["die 1", "times 1"], WHOLE, "export_failed"),
    "interleaved": (["interleave 1"], "batch_damaged", WHOLE),
    "lying": (["wrong run-1"], "export_wrong_run", "export_wrong_run"),
    "failing behind it": (["exit 255"], WHOLE, "export_ended_badly"),
    "noisy and failing": (["noise 1", "exit 1"], WHOLE, "export_ended_badly"),
    "noisy half": (["noise 1", "half 1"], "batch_died", "export_incomplete"),
    "twice": (["two 1"], WHOLE, "export_ambiguous"),
}
"""What goes wrong with a run, and what becomes of it in batch and one by one."""


@pytest.mark.parametrize("seed", [1, 2])
def test_each_run_has_its_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    play(tmp_path, monkeypatch, seed)


@pytest.mark.soak
def test_each_run_has_its_outcome_for_a_long_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    end, seed = time.monotonic() + SECONDS, int(os.environ.get("DWCTL_SOAK_SEED", str(time.time_ns())))
    while time.monotonic() < end:
        play(tmp_path / str(seed), monkeypatch, seed)
        seed += 1


def play(folder: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """One campaign of this seed: every run's outcome is the one that its fault has."""
    monkeypatch.setattr(batch, "_FIRST_PAUSE", 0.001)
    chance = random.Random(seed)
    runs = write_small_bundles(folder / "bundles", RUNS)[1:]  # the first is what a liar gives
    # Every second run is sound, so that no number of deaths in a row ends the export.
    faults = {run: chance.choice(list(FAULTS)) for run in runs[::2]}
    (folder / "plan").write_text("".join(f"{run} {line}\n" for run, name in faults.items() for line in FAULTS[name][0]))
    for way, exporter_of in ((1, BatchExporter), (2, ArtisanExporter)):
        application = standin(folder / "bundles", plan=folder / "plan", log=folder / f"log-{way}")
        with exporter_of(application) as exporter:
            found = outcomes(exporter, runs, folder / "bundles")
        expected = {run: FAULTS[faults[run]][way] if run in faults else WHOLE for run in runs}
        assert found == expected, f"seed {seed}"
    assert processes_with(folder) == []


def outcomes(exporter: Exporter, runs: list[str], bundles: Path) -> dict[str, str]:
    """What became of each run, in a word."""
    found = {}
    for target, outcome in exporter.export_each([Target(run, True) for run in runs]):
        if isinstance(outcome, Captured):
            whole = outcome.content.rstrip() == (bundles / f"{target.id}.json").read_bytes()
            found[target.id] = WHOLE if whole and outcome.run_id == target.id else "changed"
        else:
            assert isinstance(outcome, DwctlError)
            found[target.id] = str(outcome.reason)
    return found
