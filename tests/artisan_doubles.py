"""A stand-in application for the artisan way, run by the real PHP; and fake docker and ssh commands."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dwctl.transfer.imports.artisan import ArtisanServer

ARTISAN = Path(__file__).parent / "php" / "artisan.php"
_REQUIRED = bool(os.environ.get("DWCTL_REQUIRE_PHP"))  # read before a test's environment is cleaned

SSH = """#!/bin/sh
# As ssh does it: options, the host, and the rest joined for a shell on the other side.
while [ $# -gt 0 ]; do
  case "$1" in
    -[po]) shift 2 ;;
    -*) shift ;;
    *) break ;;
  esac
done
shift
exec sh -c "$*"
"""
DOCKER = """#!/bin/sh
# As docker does it: what follows the container's name is an argument list, and no shell reads it.
printf '%s\\n' "$1" "$2" "$3" "$4" > "$DOCKER_NOTE"
shift 4
exec "$@"
"""


@dataclass(frozen=True)
class Application:
    """The folder of a stand-in application, and a private temporary folder for the PHP that serves it."""

    folder: Path
    temporary: Path

    def behaves(self, **behaviour: Any) -> None:
        """What its artisan does: stdout (dry_run_stdout of a dry run), stderr, exit, seconds, signal."""
        (self.folder / "behaviour.json").write_text(json.dumps(behaviour))

    def server(self, *php: str, path: str | None = None, timeout: float = 20.0, **environment: str) -> ArtisanServer:
        """How to reach it."""
        return ArtisanServer(
            php or ("php",),
            str(self.folder) if path is None else path,
            timeout,
            {**os.environ, "TMPDIR": str(self.temporary), **environment},
        )

    @property
    def note(self) -> dict[str, Any]:
        """How artisan was called; empty where it was not."""
        file = self.folder / "note.json"
        found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return found

    @property
    def received(self) -> bytes:
        """The bundle as artisan read it."""
        return (self.folder / "received.bundle").read_bytes()

    @property
    def left_over(self) -> list[str]:
        """What is left in the temporary folder."""
        return sorted(path.name for path in self.temporary.iterdir())


def application(folder: Path, name: str = "app") -> Application:
    """A fresh one. Skips without php, unless DWCTL_REQUIRE_PHP forbids that."""
    if shutil.which("php") is None:
        if _REQUIRED:
            pytest.fail("DWCTL_REQUIRE_PHP is set and there is no php")
        pytest.skip("there is no php on this machine")
    made = Application(folder / name, folder / "temporary")
    made.folder.mkdir(parents=True)
    made.temporary.mkdir(exist_ok=True)
    shutil.copy(ARTISAN, made.folder / "artisan")
    made.behaves()
    return made


def executable(folder: Path, name: str, text: str) -> str:
    """A script of this text, and its path."""
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(text)
    file.chmod(0o755)
    return str(file)
