"""`dwctl rehearse --against`: another process's server, with tokens and TLS, where others have runs of their own."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from dwctl import example_files
from rehearsal_server import CONTROL, on_a_socket, ready_run
from rehearsals import GIVEN, SHADOW, cutover
from sample_bundles import Bundle, sealed
from server_cli import document
from standin.running import certificates

ORDERS = example_files.orders()
GOOD = ORDERS / "bundles" / "completed-order-1001.json"
TOKENS = {"admin": "tok-admin", "operator": "tok-operator", "worker": "tok-worker"}
Capture = pytest.CaptureFixture[str]

_AN_HOUR_AGO = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def sleeper(due: str) -> Bundle:
    """The example that waits for its timer, with another time at which it is due."""
    bundle: Bundle = json.loads((ORDERS / "bundles" / "waiting-for-timer-reminder-2.json").read_text(encoding="utf-8"))
    bundle["timers"][0]["fire_at"] = due
    for task in bundle["tasks"]:
        if task["type"] == "timer":
            task["available_at"] = due
    return bundle


PROGRAM = """
import json, socket, ssl, sys
import uvicorn
from dwctl.rehearsal import create_app
from dwctl.rehearsal.state import Settings
descriptor, chain, key, tokens = sys.argv[1:]
app = create_app(settings=Settings(auth="token", tokens=json.loads(tokens), protocol="1.20", poll_timeout=1.0))
config = uvicorn.Config(app, log_config=None, ssl_certfile=chain, ssl_keyfile=key, timeout_graceful_shutdown=1)
uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(descriptor))])
"""


@pytest.fixture(autouse=True)
def _without_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))


@contextmanager
def staging(folder: Path) -> Iterator[tuple[str, Path]]:
    """A server in a process of its own that asks for tokens over TLS: its URL and its authority's certificate."""
    files = certificates(folder, "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        arguments = [str(listener.fileno()), str(files.chain), str(files.key), json.dumps(TOKENS)]
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], pass_fds=[listener.fileno()])
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}", files.authority
        finally:
            process.terminate()
            process.wait(20)


def trusting(authority: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority)


def others(client: httpx.Client) -> list[Any]:
    """Everything that the namespace of somebody else shows, histories included."""
    paths = ("namespaces/production", "workers", "task-queues", "system/repair")
    shown = [client.get(f"/api/{path}").json() for path in paths]
    listed = client.get("/api/workflows").json()
    for row in listed["workflows"]:
        run = f"/api/workflows/{row['workflow_id']}/runs/{row['run_id']}"
        shown += [row, client.get(run).json(), client.get(f"{run}/history").json()]
    return [_without_ages(document) for document in shown]


def _without_ages(value: Any) -> Any:
    """A document without what grows while nothing happens."""
    if isinstance(value, dict):
        return {key: _without_ages(one) for key, one in value.items() if "age" not in key.split("_")}
    return [_without_ages(one) for one in value] if isinstance(value, list) else value


def due(number: int) -> Bundle:
    """A run of somebody else whose timer is due, and which waits for a repair pass."""
    moment = "2026-11-22T22:11:34.036225Z"
    timer = {"id": "01tmr", "sequence": 1, "status": "pending", "delay_seconds": 1, "fire_at": moment}
    task = {"id": "01tsk", "type": "timer", "status": "ready", "payload": {"timer_id": "01tmr"}, "queue": "default"}
    changes = {"timers": [timer], "tasks": [{**task, "available_at": moment}], "workflow.status": "waiting"}
    return ready_run(number, changes)


def test_a_server_with_tokens_and_tls_is_played_on_and_nobody_else_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role, token in TOKENS.items():
        monkeypatch.setenv(f"DW_{role.upper()}_TOKEN", token)
    headers = {**CONTROL, "Authorization": "Bearer tok-admin", "X-Namespace": "production"}
    with (
        staging(tmp_path) as (url, authority),
        httpx.Client(base_url=url, headers=headers, verify=trusting(authority), trust_env=False) as client,
    ):
        assert client.post("/api/namespaces", json={"name": "production"}).status_code == 201
        for bundle in (ready_run(1), due(2)):
            sent = client.post(
                "/api/workflows/import/embedded-v2",
                content=sealed(bundle), headers={"Content-Type": "application/JSON"},
            )  # fmt: skip
            assert sent.status_code == 201, sent.text
        before = others(client)
        spaces = [one["name"] for one in client.get("/api/namespaces").json()["namespaces"]]

        refused = _run("rehearse", "--against", url, "--json")
        assert (refused[0], refused[1]["steps"][0]["state"]) == (3, "failed"), refused

        code, found = _run("rehearse", "--against", url, "--ca-file", authority.name, "--timeout", "20s", "--json")
        assert (code, found["server"]) == (0, url), found
        assert {step["state"] for step in found["steps"]} == {"ok"}
        assert {"order-2001", "order-2002", "order-2003"} <= {*found["finished"]}
        assert others(client) == before
        now = [one["name"] for one in client.get("/api/namespaces").json()["namespaces"]]
        assert {*now} - {*spaces} == {found["namespace"]}
    assert "tok-" not in json.dumps(found)


def _run(*arguments: str) -> tuple[int, dict[str, Any]]:
    """The command as a process, since the worker reads the environment of one."""
    done = subprocess.run([sys.executable, "-m", "dwctl", *arguments], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "tok-" not in done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout)


def test_the_worker_says_that_it_always_verifies_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DURABLE_WORKFLOW_AUTH_TOKEN", "tok-any")
    monkeypatch.setitem(TOKENS, "any", "tok-any")
    with staging(tmp_path) as (url, _):
        code, found = _run("rehearse", "--against", url, "--tls-verify", "false", "--json")
    states = {step["id"]: step["state"] for step in found["steps"]}
    assert (code, states["namespace"], states["worker"]) == (1, "ok", "failed")
    (worker,) = (step for step in found["steps"] if step["id"] == "worker")
    assert "name the authority in SSL_CERT_FILE instead" in worker["error"]["message"]


@pytest.mark.parametrize(
    ("missing", "step"), [("admin", "namespace"), ("worker", "worker")], ids=["no admin", "no worker"]
)
def test_a_role_without_a_token_ends_the_play_where_it_is_needed(
    missing: str, step: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role, token in TOKENS.items():
        if role != missing:
            monkeypatch.setenv(f"DW_{role.upper()}_TOKEN", token)
    with on_a_socket(auth="token", tokens=TOKENS, protocol="1.20") as url:
        code, found = document(capsys, "rehearse", "--against", url)
    failed = [one["id"] for one in found["steps"] if one["state"] == "failed"]
    assert failed == [step], found
    assert code == (4 if missing == "admin" else 1)
    assert found["next_step"]


FAULTS = [
    ("500,on=GET /api/cluster/info", "server", 6),
    ("500,on=POST /api/namespaces", "namespace", 6),
    ("429=0,on=/api/worker/register", "worker", 1),
    ("503,on=POST /api/workflows,times=1", "shadow", 6),
    ("reset-before,on=/import/", "dry-run", 3),
    ("500,on=/import/,after=4", "import", 6),
    ("500,on=/history", "compare", 6),
    ("500,on=/archive", "archive", 6),
]


def faulty(url: str, rules: Sequence[str]) -> None:
    answer = httpx.put(f"{url}/_rehearsal/faults", json={"faults": list(rules)}, trust_env=False)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("rule", "step", "expected"), FAULTS, ids=[step for _, step, _ in FAULTS])
def test_a_fault_ends_the_play_with_its_code_and_the_next_step(
    rule: str, step: str, expected: int, capsys: Capture, tmp_path: Path
) -> None:
    cutover(tmp_path, GIVEN + "register()\ntime.sleep(600)\n", more=SHADOW if step == "shadow" else "")
    with on_a_socket(protocol="1.20") as url:
        faulty(url, [rule])
        code, found = document(capsys, "rehearse", "cutover", "--against", url, "--timeout", "5s")
    (failed,) = (one for one in found["steps"] if one["state"] == "failed")
    assert (failed["id"], code, found["exit_code"], found["passed"]) == (step, expected, expected, False)
    assert found["next_step"] == failed["error"]["next_step"]
    assert found["next_step"]


def test_only_a_server_that_runs_already_has_a_connection(capsys: Capture) -> None:
    for option in (["--token", "tok"], ["--ca-file", "ca.pem"], ["--timeout", "3s"], ["--allow-insecure"], ["-v"]):
        code, found = document(capsys, "rehearse", *option)
        assert (code, found["where"]) == (2, "--verbose" if option == ["-v"] else option[0])
        assert "tok" not in found["error"].replace("--token", "")


def test_one_token_for_every_call_is_the_workers_too(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DW_WORKER_TOKEN", "tok-of-another-server")
    Path("cutover").mkdir()
    shutil.copy(GOOD, "cutover")
    with on_a_socket(auth="token", tokens={"any": "tok-any"}, protocol="1.20") as url:
        code, found = document(capsys, "rehearse", "cutover", "--against", url, "--token", "tok-any")
    assert code == 0, found


def test_an_address_that_is_none_is_refused_before_anything_starts(capsys: Capture) -> None:
    code, found = document(capsys, "rehearse", "--against", "staging")
    assert (code, found["schema"], found["error"].split()[0]) == (2, "dwctl.error", "--against")


def test_a_worker_that_repeats_its_token_does_not_give_it_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for role, token in TOKENS.items():
        monkeypatch.setenv(f"DW_{role.upper()}_TOKEN", token)
    shutil.copy(GOOD, tmp_path)
    Path("rehearsal.toml").write_text(
        '[worker]\ncommand = ["sh", "-c", "echo \\"I have $DW_WORKER_TOKEN\\"; exit 3"]\n'
    )
    with on_a_socket(auth="token", tokens=TOKENS, protocol="1.20") as url:
        code, found = _run("rehearse", ".", "--against", url, "--json")
    (failed,) = (one for one in found["steps"] if one["state"] == "failed")
    assert (code, failed["id"]) == (1, "worker")
    assert "has ended with code 3: I have " in failed["error"]["message"]


def test_a_server_whose_timers_fire_by_themselves_needs_no_repair_pass(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "sleeper.json").write_bytes(sealed(sleeper(_AN_HOUR_AGO)))
    with on_a_socket("guide", protocol="1.20") as url:
        code, found = document(capsys, "rehearse", str(tmp_path), "--against", url)
    assert (code, {*found["finished"]}, found["left_open"]) == (0, {"reminder-2"}, {}), found


def test_a_timer_that_is_due_after_the_play_leaves_its_run_open(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "sleeper.json").write_bytes(sealed(sleeper("2999-01-01T00:00:00.000000Z")))
    with on_a_socket(protocol="1.20") as url:
        code, found = document(capsys, "rehearse", str(tmp_path), "--against", url)
    why = "it sleeps until 2999-01-01 00:00:00 UTC"
    assert (code, found["finished"], found["left_open"]) == (0, {}, {"reminder-2": why}), found


def test_a_repair_pass_that_is_refused_is_said_to_be(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sleeper.json").write_bytes(sealed(sleeper(_AN_HOUR_AGO)))
    with on_a_socket(protocol="1.20") as url:
        faulty(url, ["500,on=/system/repair/pass"])
        code, found = document(capsys, "rehearse", str(tmp_path), "--against", url)
    assert (code, [one["id"] for one in found["steps"] if one["state"] == "failed"]) == (6, ["finish"]), found
