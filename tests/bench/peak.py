"""The largest resident set that a command has. Run as a script, it starts the command; fails when the command does.

A small process of its own in between: Linux counts the size of the process that starts a command as the command's,
and a bench that has listed a million rows itself would find the same peak for every command.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def peak_of(command: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> int:
    """Its peak, in bytes. Raises CalledProcessError where it fails."""
    between: list[str | Path] = [sys.executable, "-I", "-S", Path(__file__).absolute(), *command]
    return int(subprocess.run(between, check=True, capture_output=True, text=True, cwd=cwd, env=env).stdout)


def _main(command: list[str]) -> None:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"exit code {os.waitstatus_to_exitcode(status)}: {' '.join(command)}")
    # Kilobytes on Linux, bytes on macOS.
    print(usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


if __name__ == "__main__":
    _main(sys.argv[1:])
