"""Embedded applications for tests: the stand-in without PHP, and one that the real PHP runs."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dwctl.embedded.application import EmbeddedApplication
from sample_bundles import sealed, small_bundle

STANDIN = Path(__file__).parent / "artisan_standin.py"
PHP_APPLICATION = Path(__file__).parent / "php" / "application"
_REQUIRED = bool(os.environ.get("DWCTL_REQUIRE_PHP"))  # read before a test's environment is cleaned


def write_bundle(folder: Path, content: bytes) -> str:
    """Keep a bundle where the stand-ins find it, and return its run id."""
    workflow = json.loads(content)["workflow"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{workflow['run_id']}.json").write_bytes(content)
    if workflow["is_current_run"]:
        (folder / f"{workflow['instance_id']}.current").write_text(workflow["run_id"])
    run_id: str = workflow["run_id"]
    return run_id


def write_small_bundles(folder: Path, count: int) -> list[str]:
    """So many small sound bundles, `run-1` of `order-1` and so on; their run ids."""
    return [
        write_bundle(
            folder,
            sealed(
                small_bundle(
                    {
                        "workflow.run_id": f"run-{number}",
                        "workflow.instance_id": f"order-{number}",
                        "dedupe_key": f"run-{number}:2:2026-11-22T22:11:34.036225Z",
                    }
                )
            ),
        )
        for number in range(1, count + 1)
    ]


def standin_words(role: str, bundles: Path, **options: Any) -> tuple[str, ...]:
    """The words of the stand-in as `artisan` or `php`; an option is its value, or True."""
    given = [
        f"--{name.replace('_', '-')}" if value is True else f"--{name.replace('_', '-')}={value}"
        for name, value in options.items()
        if value is not False
    ]
    return (sys.executable, "-I", "-S", str(STANDIN), f"--bundles={bundles}", *given, role)


def standin(bundles: Path, *, timeout: float = 20.0, **options: Any) -> EmbeddedApplication:
    """An application that the stand-in serves, one by one and in batch."""
    return EmbeddedApplication(
        artisan=standin_words("artisan", bundles, **options),
        php=standin_words("php", bundles, **options),
        path="/app",
        timeout=timeout,
    )


@dataclass(frozen=True)
class PhpApplication:
    """A copy of the stand-in application that the real PHP runs."""

    folder: Path

    @property
    def bundles(self) -> Path:
        """Where its runs are; see `write_bundle`."""
        return self.folder / "bundles"

    def behaves(self, runs: Mapping[str, Any] | None = None, **behaviour: Any) -> None:
        """What it does beside its work; `runs` by run id. See vendor/autoload.php of the application."""
        (self.folder / "behaviour.json").write_text(json.dumps(behaviour | {"runs": dict(runs or {})}))

    def has_rows(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """The rows of its `workflow_runs`."""
        (self.folder / "rows.json").write_text(json.dumps(list(rows)))

    def reached(self, *php: str, timeout: float = 20.0, **changes: Any) -> EmbeddedApplication:
        """How to reach it; its folder stands in the environment, for `processes_with`."""
        given: dict[str, Any] = {
            "php": php or ("php",),
            "path": str(self.folder),
            "timeout": timeout,
            "environment": {**os.environ, "STANDIN": str(self.folder)},
        } | changes
        return EmbeddedApplication(**given)


def php_application(folder: Path) -> PhpApplication:
    """A fresh one. Skips without php, unless DWCTL_REQUIRE_PHP forbids that."""
    if shutil.which("php") is None:
        if _REQUIRED:
            pytest.fail("DWCTL_REQUIRE_PHP is set and there is no php")
        pytest.skip("there is no php on this machine")
    made = PhpApplication(Path(shutil.copytree(PHP_APPLICATION, folder / "application")))
    made.bundles.mkdir()
    made.behaves()
    return made


def jumping_clock(file: Path, word: str) -> Callable[[], float]:
    """A clock that goes on by a day each time that the word is written into the file: nobody waits for a timeout.

    Whoever writes it must print something afterwards, so that it is noticed.
    """

    def clock() -> float:
        written = file.read_text().count(word) if file.exists() else 0
        return time.monotonic() + 86_400 * written

    return clock


def processes_with(mark: str | Path, within: float = 5.0) -> list[int]:
    """The processes that have this text in their command line or environment, without this one and the dead.

    Those that are about to end have `within` seconds to do so.
    """
    deadline = time.monotonic() + within
    while (found := list(_living(os.fsencode(str(mark))))) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def _living(mark: bytes) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            named = mark in (entry / "cmdline").read_bytes() or mark in (entry / "environ").read_bytes()
            dead = "Z" in (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if named and not dead:
            yield int(entry.name)
