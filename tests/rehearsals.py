"""Rehearsals for tests: folders with workers of their own, what their answers hold, and that everything is stopped."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dwctl import example_files
from dwctl.transfer.rehearsals.steps import STEPS
from rehearsal_server import ready_run
from sample_bundles import sealed

ORDERS = example_files.orders()
GOOD = ORDERS / "bundles" / "completed-order-1001.json"
WAITING = ORDERS / "bundles" / "waiting-for-signal-approval-1.json"


@contextmanager
def nothing_is_left_running(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test begins without settings; after it, every process that was started has ended."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DW_CONFIG_HOME", str(folder))
    started: list[subprocess.Popen[bytes]] = []
    begin = subprocess.Popen.__init__

    def noted(process: Any, *given: Any, **named: Any) -> None:
        begin(process, *given, **named)
        started.append(process)

    monkeypatch.setattr(subprocess.Popen, "__init__", noted)
    yield
    assert [process.args for process in started if process.returncode is None] == []


GIVEN = """
import os, signal, sys, time
from dwctl.server.endpoints import register_worker
from dwctl.server.target import Target
from dwctl.server.transport import Server
from dwctl.settings import Auth
url, namespace, queue, worker_id = sys.argv[1:]
def register(**fields):
    with Server(Target(url, namespace, auth=Auth.NONE)) as server:
        register_worker(server, task_queue=queue, runtime="python", worker_id=worker_id, protocol="1.20", **fields)
"""
"""How a worker of a test begins: its arguments, and a function that registers it."""


def cutover(folder: Path, worker: str, *bundles: Path, more: str = "") -> str:
    """A folder with these bundles and a program as its worker."""
    made = folder / "cutover"
    (made / "bundles").mkdir(parents=True)
    for bundle in bundles or (GOOD,):
        shutil.copy(bundle, made / "bundles")
    (made / "worker.py").write_text(worker, encoding="utf-8")
    command = '["{python}", "worker.py", "{url}", "{namespace}", "{task_queue}", "{worker_id}"]'
    (made / "rehearsal.toml").write_text(f"[worker]\ncommand = {command}\n{more}", encoding="utf-8")
    return str(made)


SHADOW = '[shadow]\ntype = "orders.process"\ninput = ["shadow-1", [], 12.5]\n'


def states(found: dict[str, Any]) -> dict[str, str]:
    """What became of each step."""
    return {step["id"]: step["state"] for step in found["steps"]}


def ended_at(found: dict[str, Any], failed: str) -> str:
    """The message of the step that failed; those before it are good, those after it skipped with the reason."""
    ids = [step.id for step in STEPS]
    place = ids.index(failed)
    expected = ["ok"] * place + ["failed"] + ["skipped"] * (len(ids) - place - 1)
    assert list(states(found).values()) == expected, found
    assert all(step["told"] == [f"not reached: {failed} failed"] for step in found["steps"][place + 1 :])
    assert found["passed"] is False
    message: str = found["steps"][place]["error"]["message"]
    return message


OWN_TYPE = """
import asyncio, os, sys
from durable_workflow import Client, Worker, activity, workflow
@activity.defn(name="parcels.weigh")
def weigh(number): return 2 * number
@workflow.defn(name="parcels.send")
class Send:
    def run(self, ctx, *given):
        return (yield ctx.schedule_activity("parcels.weigh", [21]))
async def work():
    url, namespace, queue = (
        os.environ[f"DURABLE_WORKFLOW_{name}"] for name in ("SERVER_URL", "NAMESPACE", "TASK_QUEUE")
    )
    async with Client(url, namespace=namespace) as client:
        await Worker(client, task_queue=queue, workflows=[Send], activities=[weigh], poll_timeout=1).run()
asyncio.run(work())
"""
"""A worker of types of its own, which takes where to work from the environment and chooses its id itself."""

PARCEL = ready_run(
    7, {"workflow.workflow_type": "parcels.send", "workflow.queue": "parcels", "tasks.0.queue": "parcels"}
)


def parcels(folder: Path, more: str) -> str:
    """A folder with one fresh run of that type, its worker, and more tables in the plan."""
    made = Path(cutover(folder, OWN_TYPE))
    (made / "bundles" / GOOD.name).unlink()
    (made / "bundles" / "parcel.json").write_bytes(sealed(PARCEL))
    (made / "rehearsal.toml").write_text(f'[worker]\ncommand = ["{{python}}", "worker.py"]\n{more}', encoding="utf-8")
    return str(made)
