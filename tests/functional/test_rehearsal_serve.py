"""`dwctl rehearsal serve` as a process: where it listens, what it prints, how it ends, and what it refuses."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from dwctl import schema_files
from dwctl.cli import rehearsal
from dwctl.errors import ExitCode, RequestNotPossible

EXAMPLES = Path(__file__).parents[2] / "examples" / "orders" / "bundles"
CONTROL = {"X-Durable-Workflow-Control-Plane-Version": "2", "Accept": "application/json"}

COMMAND = (sys.executable, "-m", "dwctl", "rehearsal", "serve")


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[tuple[Any, subprocess.Popen[str]]]:
    """The command, once it answers: the document that it printed, and its process."""
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", "--output", "jsonl", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()
        yield json.loads(line), process
    finally:
        process.kill()
        process.communicate()


def refused(*arguments: str, **environment: str) -> tuple[int, str]:
    """The exit code and the complaint of a command that does not serve."""
    done = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=30, env={**os.environ, **environment}
    )
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_it_serves_on_loopback_and_its_document_fits_the_schema() -> None:
    with serving() as (document, _):
        jsonschema.validate(document, schema_files.load("rehearsal-server"))
        assert document["url"].startswith("http://127.0.0.1:")
        assert document["is_loopback"] is True
        assert httpx.get(f"{document['url']}/api/ready").json()["status"] == "ready"


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_well(stop: signal.Signals) -> None:
    with serving() as (_, process):
        process.send_signal(stop)
        _, told = process.communicate(timeout=15)
        assert process.returncode == ExitCode.DONE
        assert "has stopped" in told
        assert "Production is the standalone server" in told


def test_a_file_keeps_what_was_done(tmp_path: Path) -> None:
    database = str(tmp_path / "rehearsal.db")
    with serving("--db", database) as (document, process):
        answer = httpx.post(f"{document['url']}/api/namespaces", json={"name": "kept"}, headers=CONTROL)
        assert answer.status_code == 201
        process.kill()
    with serving("--db", database) as (document, _):
        assert httpx.get(f"{document['url']}/api/namespaces/kept", headers=CONTROL).is_success


def test_tokens_come_from_the_environment_and_are_never_printed() -> None:
    tokens = {"DW_ADMIN_TOKEN": "very-secret-a", "DW_OPERATOR_TOKEN": "very-secret-o"}
    with serving("--auth", "token", **tokens) as (document, process):
        url = f"{document['url']}/api/namespaces"
        assert httpx.get(url, headers=CONTROL).status_code == 401
        assert httpx.get(url, headers={**CONTROL, "Authorization": "Bearer very-secret-o"}).status_code == 200
        process.terminate()
        out, told = process.communicate(timeout=15)
        assert "very-secret" not in json.dumps(document) + out + told


def test_a_seed_is_planted_before_the_first_answer(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES, tmp_path / "bundles")
    seed = tmp_path / "seed.toml"
    seed.write_text(
        '[[namespace]]\nname = "Production"\nretention_days = 90\n'
        '[[bundle]]\npath = "bundles/completed-*.json"\nnamespace = "production"\n'
    )
    with serving("--seed", str(seed)) as (document, _):
        assert document["seeded"] == {"namespaces": 1, "bundles": 1}
        found = httpx.get(
            f"{document['url']}/api/workflows/order-1001", headers={**CONTROL, "X-Namespace": "production"}
        )
        assert found.json()["status"] == "completed"
        namespace = httpx.get(f"{document['url']}/api/namespaces/production", headers=CONTROL).json()
        assert namespace["retention_days"] == 90


def test_faults_are_in_force_from_the_first_request_on() -> None:
    with serving("--fault", "503=backend_lock_pressure,on=workers,times=1") as (document, _):
        assert document["faults"] == ["503=backend_lock_pressure,on=workers,times=1"]
        answers = [httpx.get(f"{document['url']}/api/workers", headers=CONTROL).status_code for _ in range(2)]
        assert answers == [503, 200]


def test_a_kill_is_a_kill(tmp_path: Path) -> None:
    database = str(tmp_path / "rehearsal.db")
    bundle = (EXAMPLES / "completed-order-1001.json").read_bytes()
    headers = {**CONTROL, "Content-Type": "application/JSON"}
    with serving("--db", database, "--fault", "kill=3,on=import") as (document, process):
        with pytest.raises(httpx.TransportError):
            httpx.post(f"{document['url']}/api/workflows/import/embedded-v2", content=bundle, headers=headers)
        assert process.wait(timeout=10) == -signal.SIGKILL
    with serving("--db", database) as (document, _):
        url = document["url"]
        assert httpx.get(f"{url}/api/workflows", headers=CONTROL).json()["workflows"] == []
        again = httpx.post(f"{url}/api/workflows/import/embedded-v2", content=bundle, headers=headers)
        assert again.json()["status"] == "imported"


# --- refused --------------------------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, told = refused("--port", str(taken.getsockname()[1]))
    assert code == ExitCode.USAGE
    assert "--port 0" in told


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("--fault", "explode"), ExitCode.USAGE, "there is no fault"),
        (("--protocol", "2.0"), ExitCode.USAGE, "there is no worker protocol"),
        (("--auth", "token"), ExitCode.USAGE, "DW_AUTH_TOKEN"),
        (("--profile", "dream"), ExitCode.USAGE, "measured"),
        (("--seed", "/nowhere/seed.toml"), ExitCode.USAGE, "seed"),
        (("--host", "192.0.2.1"), ExitCode.USAGE, "192.0.2.1"),
    ],
)
def test_what_cannot_be_served_is_refused(arguments: tuple[str, ...], code: ExitCode, word: str) -> None:
    found, told = refused("--port", "0", *arguments)
    assert (found, word in told) == (code, True), told


def test_a_file_that_is_no_database_is_local_state(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, and no database at all" * 10)
    code, told = refused("--port", "0", "--db", str(path))
    assert code == ExitCode.LOCAL_STATE
    assert str(path) in told


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ("this is = not [toml", ExitCode.USAGE, "TOML"),
        ("[[worker]]\nname='x'", ExitCode.USAGE, "worker"),
        ("[[namespace]]\nretention_days=3", ExitCode.USAGE, "name"),
        ("[[namespace]]\nname='x'\nretention_days=0", ExitCode.USAGE, "retention_days"),
        ("[[bundle]]\npath='absent-*.json'", ExitCode.USAGE, "absent-"),
        ("[[bundle]]\npath='broken.json'\nnamespace='nowhere'", ExitCode.USAGE, "nowhere"),
        ("[[bundle]]\npath='broken.json'", ExitCode.NO, "bundle.integrity_failed"),
    ],
)
def test_a_seed_that_cannot_be_planted_is_refused(tmp_path: Path, text: str, code: ExitCode, word: str) -> None:
    (tmp_path / "broken.json").write_text('{"schema": "x"}')
    seed = tmp_path / "seed.toml"
    seed.write_text(text)
    found, told = refused("--port", "0", "--seed", str(seed))
    assert (found, word in told) == (code, True), told


def test_without_the_extra_the_next_step_is_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "find_spec", lambda name: None)
    with pytest.raises(RequestNotPossible) as caught:
        rehearsal.serve(port=0)
    assert "pip install 'dwctl[rehearsal]'" in str(caught.value.next_step)


def test_help_loads_no_framework() -> None:
    code = (
        "import sys; sys.argv = ['dwctl', '--help']\n"
        "from dwctl.cli import rehearsal\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('starlette', 'uvicorn', 'httpx')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
