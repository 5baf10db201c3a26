"""An export onto a disk that fills up in the middle: a clear error, nothing damaged, and it goes on later."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dwctl.bundle.verify import verify_bundle
from embedded_doubles import write_small_bundles
from export_doubles import agree, bundles_in, cutover, export

RUNS = 40


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 150 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=150k", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("a tmpfs cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("way", ["--batch", "--no-batch"])
def test_a_full_disk_ends_the_export_and_damages_nothing(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    write_small_bundles(tmp_path / "application", RUNS)
    cutover(tmp_path / "application")
    Path("ids.txt").write_text("\n".join(f"order-{number}" for number in range(1, RUNS + 1)))
    words = ("--ids-file", "ids.txt", "--source", "embedded", "--output-dir", disk / "exports", way, "--jobs", "2")
    code, found = export(capsys, *words)
    summary = found["summary"]
    assert code == 10
    assert {run["error"]["reason"] for run in found["runs"] if run["error"]} == {"disk_full"}
    assert 0 < summary["exported"] < RUNS
    assert summary["not_tried"] > 0
    for content in bundles_in(disk / "exports").values():
        assert verify_bundle(content).integrity.checksum_matches
    subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
    code, found = export(capsys, *words)
    assert (code, found["summary"]["already_exported"] >= summary["exported"]) == (0, True)
    assert len(agree(disk / "exports")) == RUNS
