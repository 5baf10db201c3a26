"""`dwctl rehearse`: the whole guide with real processes, and every way in which it must not end green."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dwctl import example_files
from dwctl.cli import rehearse
from dwctl.transfer.rehearsal_steps import STEPS
from rehearsal_server import on_a_socket
from server_cli import command, document

ORDERS = example_files.orders()
GOOD = ORDERS / "bundles" / "completed-order-1001.json"
REFUSED = {"refused-leased-1.json": "tasks.leased_task_present", "chain-sub-1-run-2.json": "set.link_shared"}
TOKENS = {"admin": "tok-admin", "operator": "tok-operator", "worker": "tok-worker"}
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def no_process_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test begins without settings; after it, every process that was started has ended."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    started: list[subprocess.Popen[bytes]] = []
    begin = subprocess.Popen.__init__

    def noted(process: Any, *given: Any, **named: Any) -> None:
        begin(process, *given, **named)
        started.append(process)

    monkeypatch.setattr(subprocess.Popen, "__init__", noted)
    yield
    assert [process.args for process in started if process.returncode is None] == []


def worker_of(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> None:
    """Play with this program as the worker."""
    program = folder / "worker.py"
    program.write_text(text, encoding="utf-8")
    monkeypatch.setattr(example_files, "orders_worker", lambda: program)


def states(found: dict[str, Any]) -> dict[str, str]:
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


def test_the_orders_example_is_played_to_its_end(capsys: Capture) -> None:
    code, found = document(capsys, "rehearse")
    assert (code, found["passed"], found["exit_code"]) == (0, True, 0), found
    assert states(found) == {step.id: "ok" for step in STEPS}
    assert found["refused"] == REFUSED
    assert found["seconds"] < 20
    told = {step["id"]: " ".join(step["told"]) for step in found["steps"]}
    assert "order-2001" in told["finish"]
    assert "order-2002" in told["finish"]
    assert "10 were imported" in told["import"]
    assert "order-1001" in told["archive"]


def test_people_get_a_narration_and_a_table(capsys: Capture) -> None:
    code, out, err = command(capsys, "rehearse")
    assert (code, err) == (0, "")
    assert "refused, as expected: refused-leased-1.json (tasks.leased_task_present)" in out
    assert out.splitlines()[-1].startswith("Rehearsal passed in ")
    assert "exit code 0" in out.splitlines()[-1]


def test_each_step_is_a_json_line(capsys: Capture) -> None:
    code, out, _ = command(capsys, "rehearse", "--output", "jsonl")
    assert code == 0
    assert [json.loads(line)["id"] for line in out.splitlines()] == [step.id for step in STEPS]


def test_a_worker_that_ends_at_once_fails_its_step(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker_of(monkeypatch, tmp_path, "raise SystemExit('no work today')")
    code, found = document(capsys, "rehearse")
    assert (code, found["exit_code"]) == (1, 1)
    message = ended_at(found, "worker")
    assert "has ended with code 1: no work today" in message


def test_a_worker_that_dies_before_it_has_claimed_anything_fails_the_shadow_run(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = """
import os, signal, sys, time
from dwctl.server.endpoints import register_worker
from dwctl.server.target import Target
from dwctl.server.transport import Server
from dwctl.settings import Auth
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
with Server(Target(given["--url"], given["--namespace"], auth=Auth.NONE)) as server:
    register_worker(
        server, task_queue=given["--task-queue"], runtime="python", worker_id=given["--worker-id"], protocol="1.20"
    )
time.sleep(0.5)
os.kill(os.getpid(), signal.SIGKILL)
"""
    worker_of(monkeypatch, tmp_path, text)
    code, found = document(capsys, "rehearse")
    assert code == 1
    assert "has ended with code -9" in ended_at(found, "shadow")


def test_a_refusal_that_nobody_expected_fails_the_play(capsys: Capture, tmp_path: Path) -> None:
    shutil.copytree(ORDERS / "bundles", tmp_path / "cutover" / "bundles")
    code, found = document(capsys, "rehearse", str(tmp_path / "cutover"))
    assert code == 1
    message = ended_at(found, "verify")
    assert all(f"{file} was refused ({rule})" in message for file, rule in REFUSED.items())


def test_an_expected_refusal_that_does_not_come_fails_the_play(capsys: Capture, tmp_path: Path) -> None:
    shutil.copy(GOOD, tmp_path)
    (tmp_path / "rehearsal.toml").write_text(f'[refused]\n"{GOOD.name}" = "set.link_shared"\n', encoding="utf-8")
    code, found = document(capsys, "rehearse", str(tmp_path))
    assert code == 1
    assert ended_at(found, "verify") == f"{GOOD.name} was not refused, and set.link_shared was expected"


def test_a_step_with_nothing_to_do_is_skipped_and_says_why(capsys: Capture, tmp_path: Path) -> None:
    shutil.copy(GOOD, tmp_path)
    code, found = document(capsys, "rehearse", str(tmp_path))
    assert code == 0
    assert states(found) == {step.id: "skipped" if step.id == "finish" else "ok" for step in STEPS}
    (finish,) = (step for step in found["steps"] if step["id"] == "finish")
    assert finish["told"] == ["no imported run has a task that is ready for a worker"]


@pytest.mark.parametrize("plan", ["refused = 3", "[refused]\nx = 1", "[refuse]\n", "no toml"])
def test_a_plan_that_makes_no_sense_is_refused_before_anything_starts(
    plan: str, capsys: Capture, tmp_path: Path
) -> None:
    shutil.copy(GOOD, tmp_path)
    (tmp_path / "rehearsal.toml").write_text(plan, encoding="utf-8")
    code, found = document(capsys, "rehearse", str(tmp_path))
    assert (code, found["schema"]) == (2, "dwctl.error")
    assert found["where"].endswith("rehearsal.toml")


@pytest.mark.parametrize("folder", ["absent", "."])
def test_a_folder_without_a_bundle_is_no_pass(folder: str, capsys: Capture) -> None:
    code, found = document(capsys, "rehearse", folder)
    assert (code, found["schema"]) == (2, "dwctl.error")


def test_a_missing_extra_gets_a_sentence(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearse, "find_spec", lambda name: None if name == "durable_workflow" else name)
    code, found = document(capsys, "rehearse")
    assert (code, found["reason"]) == (2, "extra_missing")
    assert found["next_step"] == "pip install 'dwctl[rehearsal]'"


def test_it_plays_against_a_server_that_runs_already(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    for role, token in TOKENS.items():
        monkeypatch.setenv(f"DW_{role.upper()}_TOKEN", token)
    with on_a_socket(auth="token", tokens=TOKENS, protocol="1.20") as url:
        first = document(capsys, "rehearse", "--against", url)
        assert (first[0], first[1]["server"], states(first[1])) == (0, url, {step.id: "ok" for step in STEPS}), first
        code, second = document(capsys, "rehearse", "--against", url)
    assert second["namespace"] != first[1]["namespace"]
    # Ids are unique on a server: it does not take the same bundles again, and the play must not end green.
    assert code == 1
    assert "is already_imported, not would_import" in ended_at(second, "dry-run")


def test_a_server_that_is_not_there_fails_the_first_step(capsys: Capture) -> None:
    with on_a_socket() as url:
        pass
    code, found = document(capsys, "rehearse", "--against", url)
    assert (code, found["exit_code"]) == (3, 3)
    ended_at(found, "server")


INTERRUPTED = """
import pathlib, sys
from dwctl import example_files
example_files.orders_worker = lambda: pathlib.Path(sys.argv[1])
from dwctl.cli.main import run
sys.exit(run(["rehearse", "--output", "jsonl"]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_stops_the_server_and_the_worker(number: signal.Signals, tmp_path: Path) -> None:
    worker, pid_file = tmp_path / "worker.py", tmp_path / "pid"
    worker.write_text(
        f"import os, pathlib, time\npathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))\n"
        "print('started', flush=True)\ntime.sleep(600)\n",
        encoding="utf-8",
    )
    play = subprocess.Popen([sys.executable, "-c", INTERRUPTED, str(worker)], stdout=subprocess.PIPE, text=True)
    assert play.stdout is not None
    server, _ = (json.loads(play.stdout.readline()) for _ in range(2))
    while not (pid_file.exists() and pid_file.read_text()):
        assert play.poll() is None
    play.send_signal(number)
    rest, _ = play.communicate(timeout=20)
    assert play.returncode == 130
    assert [json.loads(line)["state"] for line in rest.splitlines()] == ["failed", *["skipped"] * 7]
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
    with pytest.raises(httpx.ConnectError):
        httpx.get(server["told"][0].split()[0] + "/api/health", trust_env=False)
