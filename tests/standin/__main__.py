"""`python -m standin` (with tests/ on the path): a stand-in to look at, until interrupted."""

from __future__ import annotations

import sys
import time

from standin.running import serve

if __name__ == "__main__":
    with serve() as running:
        sys.stdout.write(running.url + "\n")
        sys.stdout.flush()
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass
