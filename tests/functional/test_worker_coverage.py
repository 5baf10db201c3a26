"""`dwctl worker coverage` against the rehearsal server: each gap opened and closed by changing the world."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dwctl.rehearsal.app import create_app
from dwctl.rehearsal.state import Settings
from output_schemas import is_valid
from pauses import in_the_first_pause
from rehearsal_server import CONTROL, WORKER, Clock, ready_run, served
from sample_bundles import EXAMPLES, ORDER, WAITING, sealed
from server_cli import command, document

Capture = pytest.CaptureFixture[str]
FAMILY = ("--type", "orders.process", "--task-queue", "orders")


class World:
    """A server with a clock of its own, and workers that come, go stale and drain."""

    def __init__(self, client: httpx.Client, clock: Clock) -> None:
        self.client, self.clock = client, clock

    def worker(self, worker_id: str = "w-1", queue: str = "orders", **fields: Any) -> None:
        body = {"worker_id": worker_id, "task_queue": queue, "runtime": "php", **fields}
        self._post("worker/register", body, WORKER)

    def heartbeat(self, worker_id: str = "w-1") -> None:
        self._post("worker/heartbeat", {"worker_id": worker_id}, WORKER)

    def drain(self, build: str | None, word: str = "drain") -> None:
        self._post(f"task-queues/orders/build-ids/{word}", {"build_id": build}, CONTROL)

    def remove(self, worker_id: str) -> None:
        assert self.client.delete(f"/api/workers/{worker_id}", headers=self._named(CONTROL)).status_code == 200

    def _post(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> None:
        answer = self.client.post(f"/api/{path}", json=body, headers=self._named(headers))
        assert answer.is_success, answer.text

    @staticmethod
    def _named(headers: dict[str, str]) -> dict[str, str]:
        return headers | {"X-Namespace": "production"}


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A server that lists stale workers; with the profile `guide` one that hides them unless it is asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    clock = Clock()
    profile = getattr(request, "param", "measured")
    app = create_app(profile=profile, settings=Settings(poll_timeout=1.0), now=clock)
    with served(app) as url, httpx.Client(base_url=url) as client:
        monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", url)
        monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "production")
        client.post("/api/namespaces", json={"name": "production"}, headers=CONTROL)
        yield World(client, clock)


def asked(capsys: Capture, *arguments: str) -> tuple[int, list[str | None]]:
    """The exit code and the gap of each need."""
    code, found = document(capsys, "worker", "coverage", *arguments)
    assert code == found["exit_code"]
    assert found["covered"] is (code == 0)
    return code, [row["gap"] for row in found["rows"]]


@pytest.mark.parametrize("world", ["measured", "guide"], indirect=True)
def test_each_gap_opens_and_closes_with_the_world(world: World, capsys: Capture) -> None:
    assert asked(capsys, *FAMILY) == (1, ["nobody_polls"])
    world.worker("elsewhere", "default")
    assert asked(capsys, *FAMILY) == (1, ["nobody_polls"])
    world.worker(supported_workflow_types=["orders.other"])
    assert asked(capsys, *FAMILY) == (1, ["type_missing"])
    world.worker(supported_workflow_types=["orders.process"], build_id="b-1")
    assert asked(capsys, *FAMILY) == (0, [None])
    of_build = (*FAMILY, "--compatibility", "b-2")
    assert asked(capsys, *of_build) == (1, ["other_build"])
    world.clock.turn(seconds=120)
    assert asked(capsys, *FAMILY) == (1, ["worker_stale"])
    world.heartbeat()
    assert asked(capsys, *FAMILY) == (0, [None])
    world.drain("b-1")
    world.heartbeat()
    assert asked(capsys, *FAMILY) == (1, ["worker_draining"])
    world.worker("w-2", build_id="b-2")
    assert asked(capsys, *FAMILY, "--compatibility", "b-1") == (1, ["worker_draining"])
    assert asked(capsys, *of_build) == (0, [None])
    world.remove("w-2")
    world.drain("b-1", "resume")
    world.heartbeat()
    assert asked(capsys, *FAMILY) == (0, [None])
    world.remove("w-1")
    assert asked(capsys, *FAMILY) == (1, ["nobody_polls"])


def test_a_worker_of_another_namespace_does_not_count(
    world: World, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    world.worker()
    assert asked(capsys, *FAMILY)[0] == 0
    monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "default")
    assert asked(capsys, *FAMILY) == (1, ["nobody_polls"])
    monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "absent")
    assert command(capsys, "worker", "coverage", *FAMILY)[0] == 5


def test_bundles_tell_what_they_need(world: World, capsys: Capture, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "waiting.json").write_bytes(WAITING.read_bytes())
    (folder / "closed.json").write_bytes(ORDER.read_bytes())
    (folder / "ready.json.gz").write_bytes(gzip.compress(sealed(ready_run(1, {"tasks.0.queue": "parcels"}))))
    code, found = document(capsys, "worker", "coverage", str(folder))
    needs = {(row["queue"], row["type"]): (row["bundles"], row["waiting_tasks"]) for row in found["rows"]}
    assert (code, found["bundles"], found["served"]) == (1, 3, 0)
    assert needs == {
        ("default", "orders.approval"): (1, 0),
        ("default", "orders.process"): (1, 0),
        ("parcels", "orders.process"): (1, 0),
    }
    assert command(capsys, "history-import", str(folder / "ready.json.gz"), "--namespace", "production")[0] == 0
    _, found = document(capsys, "worker", "coverage", str(folder))
    assert {row["queue"]: row["waiting_tasks"] for row in found["rows"]} == {"default": 0, "parcels": 1}
    code, out, _ = command(capsys, "worker", "coverage", str(folder))
    assert code == 1
    assert "parcels  nobody polls it" in out
    assert "nobody polls queue parcels; 1 task waits there" in out
    world.worker("w-1", "default")
    world.worker("w-2", "parcels", supported_workflow_types=["orders.process"])
    assert asked(capsys, str(folder))[0] == 0
    code, out, _ = command(capsys, "worker", "coverage", str(folder))
    assert (code, out.splitlines()[-1]) == (0, "COVERED: 3 of 3 needs of 3 bundles served in namespace production.")
    assert "(by workers that take every type)" in out


def test_a_line_of_jsonl_is_a_row(world: World, capsys: Capture) -> None:
    world.worker()
    code, out, _ = command(capsys, "worker", "coverage", *FAMILY, "--activity-type", "a", "--output", "jsonl")
    rows = [json.loads(line) for line in out.splitlines()]
    assert (code, [row["kind"] for row in rows]) == (0, ["workflow", "activity"])
    assert all(is_valid("worker-coverage", row, "row") for row in rows)


def test_the_queue_of_the_environment_is_that_of_the_types(
    world: World, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setenv("DURABLE_WORKFLOW_TASK_QUEUE", "orders and more")
    _, found = document(capsys, "worker", "coverage", "--type", "t")
    assert [row["queue"] for row in found["rows"]] == ["orders and more"]
    assert command(capsys, "worker", "coverage")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing was named that could need a worker"),
        ((str(ORDER),), "nothing to cover: 1 bundle"),
        (("--type", "t"), "nobody said on which queue"),
        (("--task-queue", "q"), "no type was named"),
        (("--compatibility", "b"), "no type was named"),
        (("--type", "", "--task-queue", "q"), "the name is empty"),
        (("absent.json",), "there is no such file"),
        ((*FAMILY, "--wait", "soon"), "--wait"),
    ],
)
def test_a_question_that_cannot_be_asked_is_2(
    world: World, capsys: Capture, arguments: tuple[str, ...], said: str
) -> None:  # fmt: skip
    code, out, err = command(capsys, "worker", "coverage", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert "next:" in err


def test_a_file_that_is_not_known_is_never_covered(world: World, capsys: Capture, tmp_path: Path) -> None:
    world.worker("w-1", "default")
    (tmp_path / "list.json").write_text("[1]")
    assert asked(capsys, str(WAITING))[0] == 0
    code, found = document(capsys, "worker", "coverage", str(WAITING), str(tmp_path / "list.json"))
    assert (code, found["covered"], found["served"]) == (1, False, 1)
    assert [one["reason"] for one in found["unread"]] == ["not_a_bundle"]
    code, found = document(capsys, "worker", "coverage", str(WAITING), "absent.json")
    assert (code, found["covered"]) == (2, False)
    code, out, _ = command(capsys, "worker", "coverage", str(WAITING), str(tmp_path / "list.json"))
    assert code == 1
    assert "1 file not looked at" in out
    assert command(capsys, "worker", "coverage", str(tmp_path / "list.json"))[0] == 1


def test_a_wait_ends_when_the_worker_comes(world: World, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    in_the_first_pause(monkeypatch, world.worker)
    code, out, err = command(capsys, "worker", "coverage", *FAMILY, "--wait", "60s")
    assert code == 0
    assert "COVERED" in out
    assert "0 of 1 served; nobody polls queue orders" in err
    assert err.splitlines()[-1] == "dwctl: 1 of 1 served"


def test_a_wait_that_is_over_is_1(world: World, capsys: Capture) -> None:
    code, found = document(capsys, "worker", "coverage", *FAMILY, "--wait", "300ms")
    assert (code, found["looks"] > 1, found["waited_seconds"] >= 0.3) == (1, True, True)


def test_an_interrupted_wait_says_how_far_it_was(world: World) -> None:
    arguments = [sys.executable, "-m", "dwctl", "worker", "coverage", *FAMILY, "--wait", "10m"]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, env=os.environ.copy()) as waiting:
        assert waiting.stderr is not None
        first = waiting.stderr.readline()
        waiting.send_signal(signal.SIGINT)
        rest = waiting.stderr.read()
    assert "0 of 1 served" in first
    assert waiting.returncode == 130
    assert "interrupted; when last seen, 0 of 1 needs were served" in rest


def test_a_server_that_is_not_there_is_3(world: World, capsys: Capture) -> None:
    assert command(capsys, "worker", "coverage", *FAMILY, "--server", "http://127.0.0.1:1")[0] == 3


def test_names_of_any_kind_stay_text(world: World, capsys: Capture) -> None:
    queue, hostile = "q\x1b[31m[bold]", "t\u202e\n[red]x[/red]"
    world.worker("w\x1b]0;x\x07", queue, supported_workflow_types=["[link=x]y"])
    code, out, _ = command(capsys, "worker", "coverage", "--type", hostile, "--task-queue", queue)
    assert code == 1
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "t\\u202e\\n[red]x[/red]" in out
    assert "q\\x1b[31m[bold]" in out
    assert "w\\x1b]0;x\\x07" in out


def test_the_examples_are_covered_by_the_types_that_they_need(world: World, capsys: Capture) -> None:
    _, found = document(capsys, "worker", "coverage", str(EXAMPLES))
    for number, row in enumerate(found["rows"]):
        key = "supported_workflow_types" if row["kind"] == "workflow" else "supported_activity_types"
        others = {"supported_workflow_types": ["-"], "supported_activity_types": ["-"]}
        world.worker(f"w-{number}", row["queue"], **(others | {key: [row["type"]]}))
        code, gaps = asked(capsys, str(EXAMPLES))
        assert gaps.count(None) == number + 1
    assert code == 0
