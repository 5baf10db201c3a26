"""A whole transfer end to end: planned, imported, compared, taken up again, audited; in the campaign ten thousand.

Both sides are processes of their own. The numbers are printed: `pytest -m soak -s -k ten_thousand`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from many_bundles import write_many

DWCTL = str(Path(sys.executable).with_name("dwctl"))


@contextmanager
def rehearsal() -> Iterator[str]:
    """A rehearsal server in a process of its own; its URL."""
    command = [DWCTL, "rehearsal", "serve", "--port", "0", "--output", "jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield str(json.loads(process.stdout.readline())["url"])
        finally:
            process.terminate()


def summary(folder: Path, url: str, *words: str) -> dict[str, Any]:
    """The document of one command, which must end well; what it took is printed."""
    begun = time.perf_counter()
    target = [] if words[0] == "ledger" else ["--server", url, "--namespace", "default"]
    done = subprocess.run(
        [DWCTL, *words, *target, "--json"], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "DW_CONFIG_HOME": str(folder), "NO_PROXY": "127.0.0.1"},
    )  # fmt: skip
    print(f"{' '.join(words)}: {time.perf_counter() - begun:.1f} s")
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("count", [40, pytest.param(10_000, marks=pytest.mark.soak)])
def test_a_transfer_from_the_plan_to_the_audit(tmp_path: Path, count: int) -> None:
    write_many(tmp_path / "exports", count)
    with rehearsal() as url:
        planned = summary(tmp_path, url, "history-import", "exports", "--plan-out", "plan.jsonl")
        assert planned["summary"]["actions"]["import"] == count
        assert planned["survey"]["dry_runs"] == -(-count // 100)
        run = summary(tmp_path, url, "history-import", "--from-plan", "plan.jsonl")["summary"]
        assert (run["imported"], run["proven"]) == (count, count)
        again = summary(tmp_path, url, "history-import", "exports")["summary"]
        assert (again["done"], again["imported"]) == (count, 0)
        status = summary(tmp_path, url, "ledger", "status")
        assert (status["states"]["imported"], status["compared"], status["differs"]) == (count, count, 0)
        assert summary(tmp_path, url, "ledger", "audit")["ok"] is True
