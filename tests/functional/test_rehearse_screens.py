"""What a rehearsal looks like, kept as text under tests/snapshots: the narration, its end, a failure, and the JSON.

Ids, ports and times are replaced. After a change that is meant: DWCTL_UPDATE_SNAPSHOTS=1 pytest
tests/functional/test_rehearse_screens.py, and read the diff.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from dwctl import example_files
from rehearsal_server import on_a_socket
from server_cli import command, document

SNAPSHOTS = Path(__file__).parents[1] / "snapshots" / "rehearse"
UPDATE = bool(os.environ.get("DWCTL_UPDATE_SNAPSHOTS"))
BUNDLES = example_files.orders() / "bundles"
SET = (
    "completed-order-1001",
    "refused-leased-1",
    "running-mid-history-order-2003",
    "running-ready-activity-task-order-2002",
    "running-ready-workflow-task-order-2001",
    "waiting-for-signal-approval-1",
)
"""Bundles whose fate does not depend on the time of day."""
Capture = pytest.CaptureFixture[str]

_VARYING = (
    (r"01[0-9a-z]{24}", "<id>"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:<port>"),
    (r"[ \d]{2}\d\.\d\d s", "  0.00 s"),
    (r"\b\d+\.\d s\b", "0.0 s"),
    (r'"seconds": [0-9.]+', '"seconds": 0.0'),
)


@pytest.fixture(autouse=True)
def _cutover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs beside a folder of bundles, without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    Path("cutover").mkdir()
    for name in SET:
        shutil.copy(BUNDLES / f"{name}.json", "cutover")
    Path("cutover/rehearsal.toml").write_text('[refused]\n"refused-leased-1.json" = "tasks.leased_task_present"\n')


def assert_screen(name: str, printed: str) -> None:
    """What was printed is what the snapshot shows, but for what is different in every rehearsal."""
    for varying, shown in _VARYING:
        printed = re.sub(varying, shown, printed)
    seen = "\n".join(line.rstrip() for line in printed.splitlines()) + "\n"
    snapshot = SNAPSHOTS / name
    if UPDATE:
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(seen, encoding="utf-8")
    assert seen == snapshot.read_text(encoding="utf-8")


def test_a_rehearsal_as_an_operator_reads_it(capsys: Capture) -> None:
    code, out, err = command(capsys, "rehearse", "cutover")
    assert (code, err) == (0, "")
    assert_screen("passed.txt", out)


def test_a_rehearsal_as_a_program_reads_it(capsys: Capture) -> None:
    code, found = document(capsys, "rehearse", "cutover")
    assert code == 0
    assert_screen("passed.json", json.dumps(found, indent=2))


def test_a_rehearsal_that_fails_on_somebody_elses_server(capsys: Capture) -> None:
    Path("cutover/rehearsal.toml").unlink()
    with on_a_socket(protocol="1.20") as url:
        code, out, err = command(capsys, "rehearse", "cutover", "--against", url)
    assert code == 1
    assert_screen("failed.txt", err + out)
