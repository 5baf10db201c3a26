"""Items 6 and 7 of the gate turned red and green by workers that come, go and work; and unknown without a source."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from dwctl.rehearsal.app import create_app
from dwctl.rehearsal.faults import parse_fault
from dwctl.rehearsal.state import Settings
from gate_runs import describe, gate, one, run, typed
from rehearsal_server import CONTROL, WORKER, Clock, served
from sample_bundles import sealed, small_bundle

Capture = pytest.CaptureFixture[str]
Json = dict[str, Any]

EXAMPLE = Path(__file__).parents[2] / "examples" / "workers" / "orders_worker.py"
BARE = 'auth = "none"'
FAMILY = """
[[family]]
name = "orders"
task_queue = "orders"
workflow_types = ["orders.process"]
activity_types = ["orders.charge"]
"""
DRAIN = '[cutover]\nruns = "drain"\n'
ITEM_6 = ("workers.registered", "workers.queues", "workers.coverage")
TYPES: dict[str, Any] = {"supported_workflow_types": ["orders.process"], "supported_activity_types": ["orders.charge"]}


class World:
    """A server with a clock of its own, and workers that come, go stale and drain."""

    def __init__(self, client: httpx.Client, clock: Clock, folder: Path, rules: list[Any]) -> None:
        self.client, self.clock, self.folder, self.rules = client, clock, folder, rules

    def describe(self, more: str) -> None:
        describe(self.folder, str(self.client.base_url), more, server=BARE)

    def worker(self, worker_id: str = "w-1", queue: str = "orders", **fields: Any) -> None:
        body = {"worker_id": worker_id, "task_queue": queue, "runtime": "php", **fields}
        self._sent("POST", "worker/register", body, WORKER)

    def heartbeat(self, worker_id: str = "w-1") -> None:
        self._sent("POST", "worker/heartbeat", {"worker_id": worker_id}, WORKER)

    def drain(self, word: str = "drain") -> None:
        self._sent("POST", f"task-queues/orders/build-ids/{word}", {"build_id": None}, CONTROL)

    def remove(self, worker_id: str) -> None:
        self._sent("DELETE", f"workers/{worker_id}", None, CONTROL)

    def runs(self) -> list[Json]:
        """Every run of the namespace."""
        found: list[Json] = self._sent("GET", "workflows", None, CONTROL)["workflows"]
        return found

    def _sent(self, method: str, path: str, body: Json | None, headers: dict[str, str]) -> Json:
        named = headers | {"X-Namespace": "production"}
        answer = self.client.request(method, f"/api/{path}", json=body, headers=named)
        assert answer.is_success, answer.text
        found: Json = answer.json()
        return found


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    clock = Clock()
    app = create_app(settings=Settings(poll_timeout=1.0, protocol="1.20"), now=clock)
    with served(app) as url, httpx.Client(base_url=url) as client:
        client.post("/api/namespaces", json={"name": "production"}, headers=CONTROL)
        yield World(client, clock, tmp_path, app.state.rehearsal.faults.rules)


# --- item 6 -----------------------------------------------------------------------------------------------


def states(capsys: Capture) -> tuple[int, list[str]]:
    """The exit code, and the states of registered, queues, coverage."""
    code, found = gate(capsys, *ITEM_6)
    return code, [check["state"] for check in found.values()]


def test_workers_that_come_go_stale_and_drain_turn_it_green_and_red(world: World, capsys: Capture) -> None:
    world.describe(DRAIN + FAMILY)
    code, found = gate(capsys, *ITEM_6)
    assert code == 1
    assert found["workers.registered"]["said"] == "no worker is registered"
    assert {found[name]["said"] for name in ("workers.queues", "workers.coverage")} == {
        "not asked: workers.registered does not pass"
    }
    assert typed(capsys, "workers.registered") == 0
    world.worker(queue="elsewhere", **TYPES)
    assert states(capsys) == (1, ["pass", "fail", "fail"])
    world.worker(supported_workflow_types=["orders.other"])
    assert states(capsys) == (1, ["pass", "pass", "fail"])
    assert typed(capsys, "workers.coverage") == 1
    world.worker(**TYPES)
    assert states(capsys) == (0, ["pass", "pass", "pass"])
    world.worker("w-2", **TYPES)
    world.clock.turn(seconds=120)
    assert states(capsys) == (1, ["fail", "unknown", "unknown"])
    world.heartbeat()
    assert states(capsys) == (0, ["warn", "pass", "pass"])
    world.remove("w-2")
    world.drain()
    world.heartbeat()
    assert states(capsys) == (1, ["fail", "unknown", "unknown"])
    world.drain("resume")
    world.heartbeat()
    assert states(capsys) == (0, ["pass", "pass", "pass"])


def test_each_gap_of_the_coverage_has_its_reason(world: World, capsys: Capture) -> None:
    world.describe(FAMILY + '[[family]]\nname = "billing"\ntask_queue = "billing"\nworkflow_types = ["billing.run"]\n')
    world.worker(supported_workflow_types=["orders.process"], supported_activity_types=["x"])
    code, found = gate(capsys, "workers.coverage", "workers.queues")
    assert code == 1
    assert found["workers.queues"]["ids"] == ["billing"]
    assert found["workers.coverage"]["ids"] == [
        "workflow billing.run on billing: nobody polls queue billing",
        "activity orders.charge on orders: w-1 polls the queue without this type",
    ]
    assert found["workers.coverage"]["said"].startswith("2 of 3 needs not served: nobody polls queue billing")
    assert "Start a worker on queue billing" in found["workers.coverage"]["next_step"]


def test_open_bundles_say_what_they_need_and_a_torn_one_is_no_pass(world: World, capsys: Capture) -> None:
    world.describe('[bundles]\npaths = ["exports"]\n')
    (world.folder / "exports").mkdir()
    (world.folder / "exports" / "open.json").write_bytes(sealed(small_bundle({"workflow.queue": "default"})))
    world.worker()
    assert states(capsys) == (1, ["pass", "fail", "fail"])
    world.worker("w-2", "default")
    assert states(capsys) == (0, ["pass", "pass", "pass"])
    (world.folder / "exports" / "torn.json").write_bytes(b'{"schema"')
    assert states(capsys) == (1, ["pass", "pass", "unknown"])


def test_where_nobody_says_what_is_needed_or_who_is_there_it_is_unknown(world: World, capsys: Capture) -> None:
    world.describe("")
    world.worker()
    assert states(capsys) == (1, ["pass", "unknown", "unknown"])
    world.describe(FAMILY)
    assert states(capsys) == (0, ["pass", "pass", "warn"])
    world.rules.append(parse_fault("500,on=GET /api/workers"))
    code, found = gate(capsys, *ITEM_6)
    assert (code, {check["state"] for check in found.values()}) == (1, {"unknown"})
    assert "answered 500" in found["workers.registered"]["said"]


# --- item 7 -----------------------------------------------------------------------------------------------


def shadow(workflow_type: str, *lines: str, queue: str = "orders") -> str:
    """A table of `cutover.toml`."""
    return "\n".join(["[[shadow]]", f'workflow_type = "{workflow_type}"', f'task_queue = "{queue}"', *lines, ""])


@contextmanager
def working(world: World) -> Iterator[None]:
    """The example's real worker on the queue `orders`."""
    arguments = ["--url", str(world.client.base_url), "--namespace", "production", "--task-queue", "orders",
                 "--worker-id", "real-1", "--poll-timeout", "1"]  # fmt: skip
    with subprocess.Popen([sys.executable, EXAMPLE, *arguments], stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)


ORDER = ('input = ["shadow-1", [], 12.5]',)
PARCEL = ('input = ["o", 1]',)


def test_shadows_reach_what_is_expected_at_once_or_say_what_came(world: World, capsys: Capture) -> None:
    world.describe(
        shadow("orders.process", *ORDER)
        + shadow("orders.reminder", 'input = ["o", 600]', 'expect_status = "waiting"', "cleanup = true")
        + shadow("orders.ship-parcel", *PARCEL, "[shadow.expect_output]", 'mail = "sent:lager@example.org:o/1"',
                 "parcel = 1")
    )  # fmt: skip
    with working(world):
        code, found = gate(capsys, "7")
        check = found["shadow.reached"]
        assert (code, check["state"], len(check["evidence"])) == (0, "pass", 3)
        assert check["said"].startswith("3 shadow runs claimed and where expected")
        assert all("claimed by " in one["came"] for one in check["evidence"])
        assert sorted(run["status"] for run in world.runs()) == ["completed", "completed", "terminated"]
        assert len({run["workflow_id"] for run in world.runs()}) == 3
        world.describe(shadow("orders.process", *ORDER) + shadow(
            "orders.ship-parcel", *PARCEL, "[shadow.expect_output]", 'mail = "x"', "parcel = 1"))  # fmt: skip
        code, found = gate(capsys, "7")
        check = found["shadow.reached"]
        assert (code, check["state"], check["count"], check["ids_are"]) == (1, "fail", 1, "workflows")
        assert "its output is another: $.mail" in check["said"]
        assert "sent:lager" not in str(check)
        assert run(capsys, check["command"]) == 0
        world.describe(shadow("orders.process", *ORDER, 'expect_status = "failed"'))
        assert "ended as completed, not failed" in one(capsys, "shadow.reached")[2]


def test_a_shadow_that_nobody_claims_fails_with_the_reason_in_its_time(world: World, capsys: Capture) -> None:
    world.describe(shadow("orders.process", 'timeout = "300ms"') * 2)
    begun = time.monotonic()
    code, state, said = one(capsys, "shadow.reached")
    assert time.monotonic() - begun < 5
    assert (code, state) == (1, "fail")
    assert "2 of 2 shadow runs did not get there" in said
    assert "nobody polls queue orders" in said
    assert [run["status"] for run in world.runs()] == ["pending", "pending"]
    world.describe(shadow("orders.process", 'timeout = "300ms"', "cleanup = true"))
    assert one(capsys, "shadow.reached")[1] == "fail"
    assert sorted(run["status"] for run in world.runs()) == ["pending", "pending", "terminated"]


def test_nothing_is_started_while_the_coverage_has_a_gap(world: World, capsys: Capture) -> None:
    world.describe(shadow("orders.process"))
    code, found = gate(capsys, *ITEM_6, "7")
    assert code == 1
    assert found["shadow.reached"]["said"] == "not asked: workers.coverage does not pass"
    assert world.runs() == []


def test_without_a_described_shadow_or_a_server_it_is_unknown(world: World, capsys: Capture) -> None:
    world.describe(FAMILY)
    code, state, said = one(capsys, "shadow.reached")
    assert (code, state) == (1, "unknown")
    assert "shadow" in said
    world.describe(shadow("orders.process", 'timeout = "300ms"'))
    world.rules.append(parse_fault("500,on=POST /api/workflows"))
    code, state, said = one(capsys, "shadow.reached")
    assert (code, state) == (1, "unknown")
    assert "it was not started" in said
    assert world.runs() == []


def test_a_start_whose_answer_is_lost_is_asked_after_and_not_sent_again(world: World, capsys: Capture) -> None:
    world.describe(shadow("orders.process", *ORDER))
    world.rules.append(parse_fault("reset-after,on=POST /api/workflows,times=1"))
    with working(world):
        assert one(capsys, "shadow.reached")[:2] == (0, "pass")
    (run,) = world.runs()
    assert run["status"] == "completed"


def test_an_interruption_ends_a_shadow_in_order_and_names_what_it_leaves(world: World, capsys: Capture) -> None:
    world.describe(shadow("orders.process", *ORDER, 'timeout = "60s"', "cleanup = true"))

    def interrupt() -> None:
        while not world.runs():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    code, found = gate(capsys, "shadow.reached")
    (check,) = found.values()
    (run,) = world.runs()
    assert (code, check["state"]) == (130, "unknown")
    assert "interrupted" in check["said"]
    assert run["workflow_id"] in check["ids"]
    assert run["status"] == "terminated"
