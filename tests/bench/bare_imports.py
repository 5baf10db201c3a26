"""Bare httpx: the same imports with keep-alive at the same concurrency, from bodies that are in memory already.

`bare_imports.py URL FOLDER JOBS compare|alone` prints the seconds it took; with `compare` each import is followed by
the two requests that compare it. A process of its own, as the command that it is compared with is one.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from itertools import count
from pathlib import Path

import httpx

HEADERS = {
    "X-Durable-Workflow-Control-Plane-Version": "2", "Accept": "application/json", "Accept-Encoding": "gzip",
    "X-Namespace": "default",
}  # fmt: skip


def main(url: str, folder: Path, jobs: int, *, compare: bool) -> None:
    """Import every bundle of the folder; print the seconds."""
    bodies = [file.read_bytes() for file in sorted(folder.glob("*.json"))]
    runs = [json.loads(body)["workflow"] for body in bodies]
    number = count()
    with httpx.Client(headers=HEADERS, trust_env=False, timeout=30) as client:

        def work() -> None:
            while (at := next(number)) < len(bodies):
                answer = client.post(
                    f"{url}/api/workflows/import/embedded-v2?import_id=bare",
                    content=bodies[at],
                    headers={"Content-Type": "application/JSON"},
                )
                assert answer.status_code == 201, answer.text[:300]
                if compare:
                    where = f"{url}/api/workflows/{runs[at]['instance_id']}/runs/{runs[at]['run_id']}"
                    assert client.get(where).status_code == 200
                    assert client.get(f"{where}/history?page_size=1000").status_code == 200

        begun = time.perf_counter()
        threads = [threading.Thread(target=work) for _ in range(jobs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(time.perf_counter() - begun)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), compare=sys.argv[4] == "compare")
