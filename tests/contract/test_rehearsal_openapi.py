"""The official OpenAPI files, fuzzed with schemathesis against the rehearsal server: no answer is a server error.

Runs where the files and the program `schemathesis` are; `make soak` sees to the program. Ids in paths are those of
things that exist. The measured server does answer 500 to a payload that does not decode (recording 433): that one
quirk is off here, and the profile `guide` is fuzzed as it is.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from dwctl.rehearsal.quirks import GUIDE, MEASURED, Q
from rehearsal_server import CONTROL, WORKER, on_a_socket

CASES = "50"  # for each operation, beyond those that cover the file
SEED = os.environ.get("DWCTL_SOAK_SEED", "20261123")

PROFILES = {"guide": GUIDE, "measured": MEASURED.but(off=[Q.UNREADABLE_PAYLOAD_IS_500])}

BUILT = {
    "control-plane-api.openapi.yaml": "^/(health|ready|cluster|namespaces|workflows|workers|task-queues|system/re)",
    "worker-protocol-api.openapi.yaml": "^/worker/(register|heartbeat|registrations|workflow-tasks|activity-tasks)",
}
"""An official file → the paths of it that the rehearsal server has."""

LEAST = 1000
"""Requests that a run makes at least; fewer would mean that the pattern no longer meets the file."""

_COUNTED = re.compile(r"(\d+) generated, \1 passed")


@pytest.fixture
def program() -> str:
    """Where schemathesis is: beside this Python, or on the path."""
    beside = Path(sys.executable).with_name("schemathesis")
    found = str(beside) if beside.exists() else shutil.which("schemathesis")
    if found is None:
        pytest.skip("schemathesis is not installed")
    return found


@pytest.mark.soak
@pytest.mark.parametrize("name", BUILT)
@pytest.mark.parametrize("profile", PROFILES)
def test_no_request_that_the_file_allows_is_answered_with_a_server_error(
    shared: Path, tmp_path: Path, program: str, name: str, profile: str
) -> None:
    specification = shared / "specs" / name
    with on_a_socket(PROFILES[profile], poll_timeout=0.05) as url:
        ids = things_that_exist(url)
        (tmp_path / "schemathesis.toml").write_text(
            "[parameters]\n" + "".join(f'"path.{parameter}" = "{value}"\n' for parameter, value in ids.items())
        )
        headers = [f"{header}: {value}" for header, value in (CONTROL | WORKER).items()]
        done = subprocess.run(
            [
                *(program, "run", str(specification), "--url", f"{url}/api", "--checks", "not_a_server_error"),
                *("-n", CASES, "--seed", SEED, "--include-path-regex", BUILT[name], "--phases", "coverage,fuzzing"),
                *(part for header in headers for part in ("-H", header)),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=600,
        )
    assert done.returncode == 0, f"seed {SEED}\n{done.stdout[-4000:]}"
    counted = _COUNTED.search(done.stdout)
    assert counted, done.stdout[-4000:]
    assert int(counted[1]) >= LEAST, counted[0]
    print(f"{name}, {profile}: {counted[0]}")


def things_that_exist(url: str) -> dict[str, str]:
    """A run, a worker and a task in its hands, by the names of the files' path parameters."""
    with httpx.Client(base_url=url, headers=CONTROL | WORKER) as client:
        body = {"workflow_id": "order-1", "workflow_type": "orders.process", "task_queue": "default"}
        run_id = client.post("/api/workflows", json=body).json()["run_id"]
        worker = {"worker_id": "w", "task_queue": "default", "runtime": "python"}
        assert client.post("/api/worker/register", json=worker).status_code == 201
        task = client.post("/api/worker/workflow-tasks/poll", json=worker).json()["task"]
    return {
        "workflowId": "order-1",
        "runId": run_id,
        "namespace": "default",
        "taskQueue": "default",
        "workerId": "w",
        "taskId": task["task_id"],
    }
