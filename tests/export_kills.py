"""Exports that are killed with -9 at random moments, and what has to hold at each of them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dwctl.bundle.verify import verify_bundle
from dwctl.transfer.files.private import UNFINISHED
from export_doubles import agree, manifest

PATIENCE = 120.0
"""Seconds after which something that has not happened will not happen."""


@dataclass
class Campaign:
    """One export that is killed and begun again until it is complete.

    `words` are the arguments of the command, `runs` how many runs it exports, `folder` is where it runs: the
    exports are in `exports` below it. `same` compares a bundle with what the source has.
    """

    words: Sequence[str]
    runs: int
    folder: Path
    chance: random.Random
    environment: dict[str, str] = field(default_factory=dict)
    kills: int = 0

    @property
    def exports(self) -> Path:
        """Where the exports are."""
        return self.folder / "exports"

    def go(self, most: int) -> None:
        """Kill it up to `most` times, and then let it end; holds the folder against what has to hold each time."""
        while self.kills < most:
            if self._ends_before_it_is_killed():
                break
            self.kills += 1
            self.hold()
        process = self._start()
        assert process.wait(PATIENCE) == 0
        self.hold()
        entries = agree(self.exports)
        assert len(entries) == self.runs
        assert list(self.exports.rglob(f"{UNFINISHED}*")) == []
        lines = (self.exports / "manifest.jsonl").read_text().splitlines()
        assert len(lines) == self.runs, "a run was exported twice"

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "dwctl", "history-export", *self.words, "--output-dir", "exports"],
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, **self.environment},
        )  # fmt: skip

    def _ends_before_it_is_killed(self) -> bool:
        """Kill it after a random number of exports more, and a moment; true where it was faster."""
        process = self._start()
        wanted = self.chance.randrange(self.runs)
        deadline = time.monotonic() + PATIENCE
        while self._saved() < wanted and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(self.chance.uniform(0, 0.03))
        children = children_of(process.pid)
        process.kill()
        code = process.wait()
        wait_until(lambda: not any(is_alive(child) for child in children))
        assert code in {0, -9}, code
        return code == 0

    def _saved(self) -> int:
        try:
            return (self.exports / "manifest.jsonl").read_bytes().count(b"\n")
        except OSError:
            return 0

    def hold(self) -> None:
        """Only whole bundles, and a file for each line of the manifest; nothing else but what is unfinished."""
        if not self.exports.exists():
            return
        entries = manifest(self.exports) if (self.exports / "manifest.jsonl").exists() else {}
        recorded = {entry["file"]: entry for entry in entries.values()}
        for path in self.exports.rglob("*"):
            name = path.relative_to(self.exports).as_posix()
            if path.is_dir() or path.name.startswith(UNFINISHED) or name in {"manifest.jsonl", ".dwctl-lock"}:
                continue
            assert name.endswith(".json"), name
            verdict = verify_bundle(path.read_bytes())
            assert verdict.integrity.checksum_matches, f"{name} is not whole"
            recorded.pop(name, None)
        assert recorded == {}, "the manifest names files that are not there"


def children_of(pid: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be counted does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for something that has to come true."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "this never came true"
        time.sleep(0.01)
