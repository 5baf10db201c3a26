"""A seeded sample of the soak campaign: exports killed with -9, and interrupted, in each of the three ways."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from embedded_doubles import write_small_bundles
from export_doubles import agree, bundles_in, cutover, log_lines
from export_kills import PATIENCE, Campaign, wait_until
from rehearsal_server import import_request, on_a_socket, ready_run

RUNS = 30
KILLS = 2
IDS = [f"order-{number}" for number in range(1, RUNS + 1)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an embedded application of `RUNS` runs, in which each takes a moment."""
    monkeypatch.chdir(tmp_path)
    write_small_bundles(tmp_path / "application", RUNS)
    cutover(tmp_path / "application", run=0.01, timeout="60s")
    (tmp_path / "ids.txt").write_text("\n".join(IDS))
    return tmp_path


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server with as many runs."""
    with on_a_socket() as url, httpx.Client(base_url=url) as client:
        for number in range(1, RUNS + 1):
            assert client.post(**import_request(ready_run(number))).status_code == 201
        yield url


@pytest.mark.parametrize("way", ["--batch", "--no-batch"])
def test_a_killed_export_of_the_application_goes_on(folder: Path, way: str) -> None:
    words = ("--source", "embedded", "--ids-file", "ids.txt", way, "--jobs", "2")
    Campaign(words, RUNS, folder, random.Random(f"1:{way}")).go(KILLS)


def test_a_killed_export_of_a_server_goes_on(folder: Path, url: str) -> None:
    words = ("--source", "server", "--all", "--server", url, "--jobs", "2")
    Campaign(words, RUNS, folder, random.Random(1)).go(KILLS)


def start(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """An export of the application as a process of its own."""
    command = [sys.executable, "-m", "dwctl", "history-export", "--source", "embedded", "--ids-file", "ids.txt"]
    return subprocess.Popen(
        [*command, "--output-dir", "exports", *words], cwd=folder, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def lines_of(folder: Path) -> int:
    """How many exports are recorded."""
    file = folder / "exports" / "manifest.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_interrupt_finishes_what_is_in_flight_and_says_how_to_go_on(folder: Path, number: int) -> None:
    cutover(folder / "application", run=0.1, timeout="60s")
    process = start(folder, "--json", "--batch")
    wait_until(lambda: lines_of(folder) > 1)
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    found = json.loads(out)
    assert process.returncode == 130, err
    assert b"interrupted: finishing what is in flight" in err
    assert b"next: Run the same command again: it goes on where it stopped." in err
    summary = found["summary"]
    assert summary["interrupted"] is True
    assert summary["exported"] == len(agree(folder / "exports")) == lines_of(folder)
    assert summary["not_tried"] == RUNS - summary["exported"] > 0
    assert summary["failed"] == 0
    cutover(folder / "application", timeout="60s")
    process = start(folder, "--json")
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert json.loads(out)["summary"]["already_exported"] == summary["exported"]
    assert len(agree(folder / "exports")) == RUNS


def test_the_second_interrupt_stops_at_once(folder: Path) -> None:
    hook = [sys.executable, "-I", "-S", "-c", "pass"]
    cutover(folder / "application", hang=True, on="order-5", timeout="600s", pause=hook, resume=hook)
    process = start(folder, "--json", "--quiesce", "--batch")
    wait_until(lambda: lines_of(folder) == 4)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    for line in process.stderr:
        if b"finishing what is in flight" in line:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    found = json.loads(out)
    assert process.returncode == 130, err
    assert b"stopping now" in err
    assert found["workers_paused"] is True
    assert b"The embedded workers are still paused" in err
    assert len(agree(folder / "exports")) == 4
    assert log_lines(folder / "exports") == [("pause", "called"), ("pause", "done")]


def test_a_hook_that_was_interrupted_is_on_record(folder: Path) -> None:
    cutover(folder / "application", pause=[sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"],
            timeout="600s")  # fmt: skip
    process = start(folder, "--quiesce", "--no-batch")
    log = folder / "exports" / "export-log.jsonl"
    wait_until(lambda: log.exists() and b"called" in log.read_bytes())
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        try:
            process.wait(0.5)
        except subprocess.TimeoutExpired:
            continue
        break
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert log_lines(folder / "exports") == [("pause", "called"), ("pause", "interrupted")]
    assert b"the embedded workers may be paused" in err
    assert bundles_in(folder / "exports") == {}
