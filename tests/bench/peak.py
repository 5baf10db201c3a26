"""Run a command and print the largest resident set it had, in bytes; fails when the command does.

A small process of its own: Linux counts the size of the process that starts a command as the command's.
"""

from __future__ import annotations

import os
import subprocess
import sys

if __name__ == "__main__":
    process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"exit code {os.waitstatus_to_exitcode(status)}: {' '.join(sys.argv[1:])}")
    # Kilobytes on Linux, bytes on macOS.
    print(usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
