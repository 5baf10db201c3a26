"""The server is its own queue worker: in the guide's profile a timer fires although nobody polls."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

_BUNDLE = Path(__file__).parents[2] / "examples" / "orders" / "bundles" / "waiting-for-timer-reminder-2.json"
_HEADERS = {"X-Durable-Workflow-Control-Plane-Version": "2", "Accept": "application/json"}


@pytest.mark.parametrize(("profile", "fires"), [("guide", True), ("measured", False)])
def test_a_due_timer_fires_without_a_poll_only_as_the_guide_promises(profile: str, fires: bool) -> None:
    command = [sys.executable, "-m", "dwctl", "rehearsal", "serve", "--port", "0", "--profile", profile]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            imported = httpx.post(
                f"{url}/api/workflows/import/embedded-v2",
                content=_BUNDLE.read_bytes(),
                headers={**_HEADERS, "Content-Type": "application/JSON"},
            )
            assert imported.status_code == 201, imported.text
            assert ("TimerFired" in _events(url, imported.json(), 6.0 if fires else 2.5)) is fires
        finally:
            server.terminate()


def _events(url: str, report: dict[str, dict[str, str]], seconds: float) -> list[str]:
    run = report["workflow"]
    path = f"{url}/api/workflows/{run['instance_id']}/runs/{run['run_id']}/history"
    until = time.monotonic() + seconds
    while True:
        types = [event["event_type"] for event in httpx.get(path, headers=_HEADERS).json()["events"]]
        if "TimerFired" in types or time.monotonic() > until:
            return types
        time.sleep(0.1)
