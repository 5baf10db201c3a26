"""`dwctl shadow` against the rehearsal server: real workers, and workers that stop wherever a run can hang."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from ulid import ULID

from dwctl.checklist.shadow.shadow import Shadow, ShadowPlan, ShadowState
from dwctl.server.retries import ONCE
from dwctl.server.target import Target
from dwctl.server.transport import Server
from dwctl.settings import Auth
from rehearsal_server import CONTROL, WORKER, activity_authority, authority, on_a_socket, payload
from server_cli import command, document

Capture = pytest.CaptureFixture[str]
Json = dict[str, Any]

EXAMPLE = Path(__file__).parents[2] / "examples" / "workers" / "orders_worker.py"
TYPE = "orders.process"
SHORT = "500ms"
"""Long enough for whatever is to happen first, and waited out by every run that hangs."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """One server for all: every run has an id of its own, and every test its queue."""
    with on_a_socket(protocol="1.20") as address:
        httpx.post(f"{address}/api/namespaces", json={"name": "production"}, headers=CONTROL)
        yield address


@pytest.fixture(scope="module")
def orders(url: str) -> Iterator[str]:
    """A queue that the example's real worker polls."""
    arguments = ["--url", url, "--namespace", "production", "--task-queue", "orders", "--worker-id", "real-1",
                 "--poll-timeout", "1"]  # fmt: skip
    with subprocess.Popen([sys.executable, EXAMPLE, *arguments], stderr=subprocess.DEVNULL) as worker:
        yield "orders"
        worker.send_signal(signal.SIGTERM)


@pytest.fixture(autouse=True)
def _environment(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", url)
    monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "production")


class Hands:
    """A worker that does what a test says, over the real wire."""

    def __init__(self, client: httpx.Client, queue: str) -> None:
        self.client, self.queue, self.stopped = client, queue, threading.Event()

    def post(self, path: str, body: Json) -> Json:
        answer = self.client.post(f"/api/worker/{path}", json=body, headers=WORKER | {"X-Namespace": "production"})
        assert answer.is_success, answer.text
        found: Json = answer.json()
        return found

    def register(self, **fields: Any) -> None:
        self.post("register", {"worker_id": "hands-1", "task_queue": self.queue, "runtime": "python", **fields})

    def take(self, kind: str = "workflow") -> Json | None:
        """The next task, or None once the test is over."""
        while not self.stopped.is_set():
            body = {"worker_id": "hands-1", "task_queue": self.queue, "timeout_seconds": 1}
            task: Json | None = self.post(f"{kind}-tasks/poll", body)["task"]
            if task is not None:
                return task
        return None

    def complete(self, task: Json, *commands: Json) -> None:
        path = f"workflow-tasks/{task['task_id']}/complete"
        self.post(path, {**authority(task), "commands": list(commands)})


@contextmanager
def hands(url: str, queue: str, work: Callable[[Hands, Json], None], **fields: Any) -> Iterator[None]:
    """A worker that takes one workflow task and does this with it, while the block runs."""
    with httpx.Client(base_url=url, timeout=30) as client:
        worker = Hands(client, queue)
        worker.register(**fields)
        failed: list[BaseException] = []

        def run() -> None:
            try:
                task = worker.take()
                if task is not None:
                    work(worker, task)
            except BaseException as error:  # told in the test's own thread
                failed.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            worker.stopped.set()
            thread.join()
        assert failed == []


def shadow(capsys: Capture, queue: str, *arguments: str) -> tuple[int, Json]:
    code, found = document(capsys, "shadow", TYPE, "--task-queue", queue, *arguments)
    assert code == found["exit_code"]
    return code, found


def described(url: str, workflow_id: str) -> Json:
    answer = httpx.get(f"{url}/api/workflows/{workflow_id}", headers=CONTROL | {"X-Namespace": "production"})
    found: Json = answer.json()
    return found


# --- with a real worker -----------------------------------------------------------------------------------


def test_a_real_worker_brings_it_to_its_end(url: str, orders: str, capsys: Capture) -> None:
    code, found = shadow(capsys, orders, "--input", '["shadow-1", [], 12.5]')
    assert (code, found["state"], found["status"], found["claimed"]) == (0, "reached", "completed", True)
    assert (found["left"], found["reason"], found["error"]) == (None, None, None)
    assert "output" not in found
    assert found["workflow_id"].startswith("shadow-01")
    assert described(url, found["workflow_id"])["run_id"] == found["run_id"]
    again = shadow(capsys, orders, "--input", '["shadow-1", [], 12.5]')[1]
    assert again["workflow_id"] != found["workflow_id"]


@pytest.mark.parametrize(
    ("wanted", "code", "told"),
    [
        ('{"mail": "sent:lager@example.org:o/1", "parcel": 1.0}', 0, "is completed, as expected"),
        ('{"mail": "sent:lager@example.org:o/1", "parcel": 2}', 1, "$.parcel is another number"),
        ("null", 1, "$ is object, not null"),
    ],
)
def test_outputs_are_compared_as_json(wanted: str, code: int, told: str, orders: str, capsys: Capture) -> None:
    arguments = ("shadow", "orders.ship-parcel", "--task-queue", orders, "--input", '["o", 1]')
    found_code, found = document(capsys, *arguments, "--expect-output", wanted, "--show-output")
    assert (found_code, found["state"]) == (code, "reached" if code == 0 else "other_output")
    assert told in found["told"]
    assert found["output"] == {"mail": "sent:lager@example.org:o/1", "parcel": 1}


def test_at_rest_is_a_state_that_can_be_expected(url: str, orders: str, capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "input.json").write_text('["o", 600]')
    arguments = ("shadow", "orders.reminder", "--task-queue", orders, "--input-file", str(tmp_path / "input.json"))
    code, found = document(capsys, *arguments, "--expect-status", "waiting")
    assert (code, found["state"], found["left"]) == (0, "reached", "it is open, waiting for timer")
    assert described(url, found["workflow_id"])["status"] == "waiting"
    code, found = document(capsys, *arguments, "--expect-status", "waiting", "--cleanup")
    assert (code, found["left"]) == (0, "terminated, and retention removes it")
    assert described(url, found["workflow_id"])["status"] == "terminated"
    code, found = document(capsys, *arguments, "--timeout", SHORT, "--cleanup")
    assert (code, found["state"]) == (7, "stuck")
    assert "it waits for timer" in found["told"]
    assert described(url, found["workflow_id"])["status"] == "terminated"


def test_a_failure_is_told_with_its_message(url: str, capsys: Capture) -> None:
    failure = {"type": "fail_workflow", "message": "card \x1b[31mdeclined", "exception_type": "Declined"}

    def fail(worker: Hands, task: Json) -> None:
        worker.complete(task, failure)

    with hands(url, "q-fails", fail):
        code, found = shadow(capsys, "q-fails")
    assert (code, found["state"], found["reason"]) == (1, "ended_otherwise", "shadow_ended_otherwise")
    assert "it ended as failed, not completed: " in found["told"]
    assert "card \x1b[31mdeclined" in found["told"]
    with hands(url, "q-fails", fail):
        assert shadow(capsys, "q-fails", "--expect-status", "failed")[0] == 0
    with hands(url, "q-fails", fail):
        code, out, err = command(capsys, "shadow", TYPE, "--task-queue", "q-fails")
    assert code == 1
    assert "card \\x1b[31mdeclined" in out
    assert "\x1b" not in out + err


def test_a_worker_that_gives_the_task_back_is_sent_to_its_log(orders: str, capsys: Capture) -> None:
    arguments = ("shadow", "orders.ship-parcel", "--task-queue", orders, "--input", '["only one"]', "--cleanup")
    code, found = document(capsys, *arguments, "--timeout", "2s")
    assert (code, found["exit_code"]) == (7, 7)
    assert "given back" in found["told"]
    assert "Read the log of the worker" in found["next_step"]


def test_the_terminal_sees_a_table_and_the_pipe_lines(orders: str, capsys: Capture) -> None:
    code, out, err = command(capsys, "shadow", TYPE, "--task-queue", orders, "--input", '["s", [], 1]', "--cleanup")
    assert code == 0
    assert out.splitlines()[-1].startswith("REACHED in ")
    assert "left     it is closed, and retention removes it" in out
    assert "started shadow-" in err


# --- where it hangs ---------------------------------------------------------------------------------------


def test_nobody_polls_and_then_somebody_does(url: str, capsys: Capture) -> None:
    code, found = shadow(capsys, "q-nobody", "--timeout", SHORT)
    assert (code, found["state"], found["coverage"]["gap"]) == (7, "not_claimed", "nobody_polls")
    assert "nobody polls queue q-nobody; 1 task waits there" in found["told"]
    assert found["left"] == "it is open"
    assert found["next_step"]
    done = {"type": "complete_workflow", "result": payload(1)}
    with hands(url, "q-nobody", lambda worker, task: worker.complete(task, done)):
        pass
    with hands(url, "q-somebody", lambda worker, task: worker.complete(task, done)):
        assert shadow(capsys, "q-somebody")[0] == 0


def test_a_worker_of_other_types_does_not_claim_it(url: str, capsys: Capture) -> None:
    with hands(url, "q-type", lambda worker, task: None, supported_workflow_types=["orders.other"]):
        code, found = shadow(capsys, "q-type", "--timeout", SHORT)
    assert (code, found["state"], found["coverage"]["gap"]) == (7, "not_claimed", "type_missing")


def test_a_worker_that_is_there_and_does_not_poll(url: str, capsys: Capture) -> None:
    with httpx.Client(base_url=url) as client:
        Hands(client, "q-idle").register()
    code, found = shadow(capsys, "q-idle", "--timeout", SHORT)
    assert (code, found["state"], found["coverage"]["gap"]) == (7, "not_claimed", None)
    assert "hands-1 would take it, and nobody has" in found["told"]


def test_a_worker_that_holds_the_task_is_named(url: str, capsys: Capture) -> None:
    with hands(url, "q-held", lambda worker, task: None):
        code, found = shadow(capsys, "q-held", "--timeout", "2s")
    assert (code, found["state"], found["claimed_by"]) == (7, "stuck", "hands-1")
    assert "hands-1 holds its workflow task until" in found["told"]
    assert found["status"] == "pending"


SCHEDULE = {"type": "schedule_activity", "activity_type": "orders.charge", "arguments": payload([1])}


def test_an_activity_that_nobody_takes(url: str, capsys: Capture) -> None:
    command_ = SCHEDULE | {"queue": "q-payments"}
    with hands(url, "q-activity", lambda worker, task: worker.complete(task, command_)):
        code, found = shadow(capsys, "q-activity", "--timeout", "2s")
    assert (code, found["state"], found["coverage"]["kind"]) == (7, "stuck", "activity")
    assert "activity orders.charge waits for a worker: nobody polls queue q-payments" in found["told"]


def test_an_activity_that_takes_too_long_and_one_that_is_tried_again(url: str, capsys: Capture) -> None:
    def begin(worker: Hands, task: Json) -> None:
        worker.complete(task, SCHEDULE)
        worker.take("activity")

    with hands(url, "q-slow", begin):
        code, found = shadow(capsys, "q-slow", "--timeout", "2s")
    assert code == 7
    assert "activity orders.charge is being executed by hands-1" in found["told"]

    def fail(worker: Hands, task: Json) -> None:
        worker.complete(task, SCHEDULE | {"retry_policy": {"max_attempts": 3, "backoff_seconds": [600]}})
        activity = worker.take("activity")
        if activity is not None:
            body = {**activity_authority(activity), "failure": {"message": "card \x1b[31mdeclined", "type": "Declined"}}
            worker.post(f"activity-tasks/{activity['task_id']}/fail", body)

    with hands(url, "q-again", fail):
        code, out, _ = command(capsys, "shadow", TYPE, "--task-queue", "q-again", "--timeout", "2s")
    assert code == 7
    assert "activity orders.charge failed at attempt 1: Declined: card \\x1b[31mdeclined; it is tried again at" in out


# --- what goes wrong on the way ---------------------------------------------------------------------------


@contextmanager
def fault(url: str, *rules: str) -> Iterator[None]:
    httpx.put(f"{url}/_rehearsal/faults", json={"faults": list(rules)})
    try:
        yield
    finally:
        httpx.put(f"{url}/_rehearsal/faults", json={"faults": []})


def starts(url: str, queue: str) -> int:
    headers = CONTROL | {"X-Namespace": "production"}
    rows = httpx.get(f"{url}/api/workflows?page_size=200", headers=headers).json()["workflows"]
    return sum(row["task_queue"] == queue for row in rows)


def test_a_start_whose_answer_is_lost_is_asked_after_and_not_sent_again(url: str, capsys: Capture) -> None:
    with fault(url, "reset-after,on=POST /api/workflows,times=1"):
        code, found = shadow(capsys, "q-lost", "--timeout", SHORT)
    assert (code, found["state"], found["start_answer_lost"]) == (7, "not_claimed", True)
    assert found["run_id"]
    assert starts(url, "q-lost") == 1


def test_a_start_that_did_not_arrive_is_not_sent_again_either(url: str, capsys: Capture) -> None:
    with fault(url, "reset-before,on=POST /api/workflows,times=1"):
        code, out, err = command(capsys, "shadow", TYPE, "--task-queue", "q-never")
    assert (code, out, starts(url, "q-never")) == (3, "", 0)
    assert "next: Whether shadow-01" in err
    assert "`dwctl workflow show shadow-01" in err


def test_a_server_that_stays_away_leaves_the_answer_unknown(url: str, capsys: Capture) -> None:
    with fault(url, "500,on=GET /api/workflows"):
        code, found = shadow(capsys, "q-away", "--timeout", SHORT)
    assert (code, found["state"], found["error"]["exit_code"]) == (6, "unknown", 6)
    assert found["run_id"]
    assert found["left"] == "it may be open"


def test_a_server_that_comes_back_is_asked_again(url: str, capsys: Capture) -> None:
    done = {"type": "complete_workflow", "result": payload(1)}
    with (
        fault(url, "500,on=GET /api/workflows,times=2"),
        hands(url, "q-back", lambda worker, task: worker.complete(task, done)),
    ):
        assert shadow(capsys, "q-back")[0] == 0


def test_what_was_closed_by_others_or_cannot_be_reached_is_told_after_a_clean_up(url: str) -> None:
    plan = ShadowPlan(f"shadow-{ULID()}".lower(), TYPE, "q-closed", timeout=0.2, cleanup=True)
    with Server(Target(url, "production", auth=Auth.NONE), policy=ONCE) as server:
        run = Shadow(server, plan, time.monotonic, time.sleep)
        assert run.play().state is ShadowState.NOT_CLAIMED
        with fault(url, "500,on=/terminate"):
            run.clean_up()
        assert run.result.left.startswith("it is open, and was not terminated: ")
        headers = CONTROL | {"X-Namespace": "production"}
        httpx.post(f"{url}/api/workflows/{plan.workflow_id}/cancel", json={}, headers=headers)
        run.clean_up()
    assert run.result.left == "it was closed by then, and retention removes it"


def test_a_run_that_was_terminated_before_any_worker_had_it_is_not_claimed(url: str) -> None:
    """The state that was expected, by the hand of somebody else: it proves no worker."""
    plan = ShadowPlan(f"shadow-{ULID()}".lower(), TYPE, "q-ended", expect="terminated", timeout=5.0)
    headers = CONTROL | {"X-Namespace": "production"}

    def end(seconds: float) -> None:
        httpx.post(f"{url}/api/workflows/{plan.workflow_id}/terminate", json={"reason": "no"}, headers=headers)

    with Server(Target(url, "production", auth=Auth.NONE), policy=ONCE) as server:
        result = Shadow(server, plan, time.monotonic, end).play()
    assert (result.state, result.status, result.claimed_after) == (ShadowState.NOT_CLAIMED, "terminated", None)


@pytest.mark.parametrize("extra", [(), ("--cleanup",)])
def test_an_interruption_says_what_is_left(extra: tuple[str, ...], url: str) -> None:
    arguments = [sys.executable, "-m", "dwctl", "shadow", TYPE, "--task-queue", "q-stop", "--json", *extra]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdout=pipe, stderr=pipe, text=True, env=os.environ.copy()) as waiting:
        assert waiting.stderr is not None
        assert "started shadow-" in waiting.stderr.readline()
        waiting.send_signal(signal.SIGINT)
        out, _ = waiting.communicate()
    found = json.loads(out)
    assert (waiting.returncode, found["state"], found["exit_code"]) == (130, "interrupted", 130)
    left = "terminated, and retention removes it" if extra else "it is open, and goes on without dwctl"
    assert found["left"] == left
    assert described(url, found["workflow_id"])["status"] == ("terminated" if extra else "pending")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((TYPE,), "on which queue"),
        ((TYPE, "--task-queue", ""), "a name is UTF-8 text"),
        (("", "--task-queue", "q"), "a name is UTF-8 text"),
        (("t" * 256, "--task-queue", "q"), "a name is UTF-8 text"),
        ((" t", "--task-queue", "q"), "a name is UTF-8 text"),
        ((TYPE, "--task-queue", "q", "--input", '{"a": 1}'), "no JSON array"),
        ((TYPE, "--task-queue", "q", "--input", "[secret"), "this is not JSON"),
        ((TYPE, "--task-queue", "q", "--input", "[NaN]"), "a number that JSON has not"),
        ((TYPE, "--task-queue", "q", "--input", "[" * 100_000), "this is not JSON"),
        ((TYPE, "--task-queue", "q", "--input", "[]", "--input-file", "x"), "cannot both be given"),
        ((TYPE, "--task-queue", "q", "--input-file", "absent.json"), "there is no such file"),
        ((TYPE, "--task-queue", "q", "--expect-status", "running"), "it may be expected to be completed"),
        ((TYPE, "--task-queue", "q", "--expect-output", "secret"), "this is not JSON"),
        ((TYPE, "--task-queue", "q", "--expect-output", "1", "--expect-status", "failed"), "only a completed run"),
        ((TYPE, "--task-queue", "q", "--timeout", "soon"), "--timeout"),
    ],
)
def test_what_cannot_be_asked_is_2_and_starts_nothing(
    arguments: tuple[str, ...], said: str, url: str, capsys: Capture
) -> None:  # fmt: skip
    code, out, err = command(capsys, "shadow", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert "secret" not in err
    assert starts(url, "q") == 0


def test_a_server_or_namespace_that_nobody_named_is_2_and_an_absent_one_3_or_5(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    arguments = ("shadow", TYPE, "--task-queue", "q")
    assert command(capsys, *arguments, "--namespace", "absent")[0] == 5
    assert command(capsys, *arguments, "--server", "http://127.0.0.1:1")[0] == 3
    monkeypatch.delenv("DURABLE_WORKFLOW_NAMESPACE")
    assert command(capsys, *arguments)[0] == 2
