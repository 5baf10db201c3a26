"""Run a command and print the seconds that it took: `timed.py COMMAND…`. It must end with exit code 0."""

from __future__ import annotations

import subprocess
import sys
import time

begun = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(time.perf_counter() - begun)
