"""Bare httpx: the same exports with keep-alive at the same concurrency, written to files and not verified.

Prints the seconds it took. A process of its own, as the command that it is compared with is one.
"""

from __future__ import annotations

import sys
import threading
import time
from itertools import count
from pathlib import Path

import httpx

HEADERS = {"X-Durable-Workflow-Control-Plane-Version": "2", "Accept": "application/json", "Accept-Encoding": "gzip"}


def main(url: str, namespace: str, ids: Path, folder: Path, jobs: int) -> None:
    """GET the export of every `INSTANCE/RUN` line and write it; print the seconds."""
    paths = [line.split("/") for line in ids.read_text().split()]
    folder.mkdir()
    number = count()
    with httpx.Client(headers=HEADERS | {"X-Namespace": namespace}, trust_env=False) as client:

        def work() -> None:
            while (at := next(number)) < len(paths):
                instance, run = paths[at]
                answer = client.get(f"{url}/api/workflows/{instance}/runs/{run}/history/export")
                assert answer.status_code == 200, answer.text[:300]
                (folder / f"{at}.json").write_bytes(answer.content)

        begun = time.perf_counter()
        threads = [threading.Thread(target=work) for _ in range(jobs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(time.perf_counter() - begun)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]))
