"""`dwctl rehearse`: the whole guide with real processes, and every way in which it must not end green."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from dwctl.cli import rehearse
from dwctl.transfer.rehearsals.steps import STEPS
from rehearsal_server import on_a_socket
from rehearsals import GIVEN, GOOD, ORDERS, WAITING, cutover, ended_at, nothing_is_left_running, states
from server_cli import command, document

REFUSED = {"refused-leased-1.json": "tasks.leased_task_present", "chain-sub-1-run-2.json": "set.link_shared"}
TOKENS = {"admin": "tok-admin", "operator": "tok-operator", "worker": "tok-worker"}
LATER = {} if datetime.now(UTC) > datetime(2026, 11, 23, 1, tzinfo=UTC) else {"reminder-2": "", "sub-1": ""}
"""The runs of the example that still sleep where a clock is before the day of their export."""
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with nothing_is_left_running(tmp_path, monkeypatch):
        yield


def test_the_orders_example_is_played_to_its_end(capsys: Capture) -> None:
    code, found = document(capsys, "rehearse")
    assert (code, found["passed"], found["exit_code"]) == (0, True, 0), found
    assert states(found) == {step.id: "ok" for step in STEPS}
    assert found["refused"] == REFUSED
    assert found["seconds"] < 20
    told = {step["id"]: " ".join(step["told"]) for step in found["steps"]}
    assert (
        found["finished"] | LATER
        == {
            "order-2001": "it had just started",
            "order-2002": "its activity orders.reserve-inventory was ready",
            "order-2003": "it stood in the middle of its history, after 6 events",
            "reminder-2": "its timer was due at 2026-11-22 23:11:33 UTC",
            "sub-1": "its timer was due at 2026-11-23 00:11:39 UTC",
        }
        | LATER
    )
    assert found["left_open"].pop("approval-1") == "it waits for the signal approved-by"
    assert {*found["left_open"]} == {*LATER}
    assert "left open: approval-1" in told["finish"]
    assert (found["imported"], "11 were imported" in told["import"]) == (11, True)
    assert "order-1001" in told["archive"]


def test_each_step_is_a_json_line(capsys: Capture, tmp_path: Path) -> None:
    worker = GIVEN + "register()\ntime.sleep(600)\n"
    code, out, _ = command(capsys, "rehearse", cutover(tmp_path, worker), "--output", "jsonl")
    assert code == 0
    assert [json.loads(line)["id"] for line in out.splitlines()] == [step.id for step in STEPS]


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
    shutil.copy(WAITING, tmp_path)
    code, found = document(capsys, "rehearse", str(tmp_path))
    assert code == 0
    assert states(found) == {step.id: "skipped" if step.id == "finish" else "ok" for step in STEPS}
    (finish,) = (step for step in found["steps"] if step["id"] == "finish")
    waits = "it waits for the signal approved-by"
    assert finish["told"] == [
        "no imported run has anything to do for a worker", f"left open: approval-1, {waits}"
    ]  # fmt: skip
    assert (found["finished"], found["left_open"]) == ({}, {"approval-1": waits})


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_leaves_no_process_and_no_folder(number: signal.Signals, tmp_path: Path) -> None:
    """As Ctrl-C in a terminal: the signal goes to the whole group. The worker has started a process of its own."""
    pids, temporary = tmp_path / "pids", tmp_path / "temporary"
    temporary.mkdir()
    worker = f"""
import os, pathlib, signal, subprocess, sys, time
if {number == signal.SIGINT}:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # has to be killed
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path({str(pids)!r} + ".new").write_text(f"{{os.getpid()}} {{child.pid}}")
os.rename({str(pids)!r} + ".new", {str(pids)!r})
time.sleep(600)
"""
    command = [sys.executable, "-m", "dwctl", "rehearse", cutover(tmp_path, worker), "--output", "jsonl"]
    play = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )  # fmt: skip
    assert play.stdout is not None
    server, _ = (json.loads(play.stdout.readline()) for _ in range(2))
    while not pids.exists():
        assert play.poll() is None
    assert [*temporary.iterdir()] != []
    os.killpg(play.pid, number)
    rest, _ = play.communicate(timeout=20)
    assert play.returncode == 130
    assert [json.loads(line)["state"] for line in rest.splitlines()] == ["failed", *["skipped"] * 7]
    for pid in map(int, pids.read_text().split()):
        assert is_gone(pid)
    assert [*temporary.iterdir()] == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(server["told"][0].split()[0] + "/api/health", trust_env=False)


def is_gone(pid: int) -> bool:
    """Whether a process has ended: a grandchild whose parent died may wait for init to bury it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        with suppress(ProcessLookupError):
            os.kill(pid, 0)
            return False
        return True
    return state == "Z"
