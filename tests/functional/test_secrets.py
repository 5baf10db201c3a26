"""No token, key or password in anything that dwctl writes, at the highest verbosity; no terminal control either."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from dwctl.server.retries import RetryPolicy
from server_cli import command
from standin import Behaviour, Fault, FaultKind, RunningStandIn, serve

PLANTED = "planted-7f3a9c"
READS = [
    ("health",),
    ("cluster", "info"),
    ("cluster", "check"),
    ("namespace", "list"),
    ("namespace", "show", "production"),
    ("worker", "list"),
    ("worker", "show", "w"),
    ("task-queue", "list"),
    ("task-queue", "show", "q"),
    ("workflow", "list"),
    ("workflow", "show", "w"),
    ("doctor",),
]
CHANGES = [
    ("namespace", "create", "orders"),
    ("namespace", "ensure", "orders"),
    ("worker", "register", "--worker-id", "w", "--task-queue", "q", "--runtime", "php"),
]
FORMATS = [("-vv",), ("-vv", "--json"), ("-vv", "--output", "jsonl")]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningStandIn]:
    """A stand-in, with a secret planted in every place where one may stand."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "production")
    monkeypatch.setenv("DWCTL_TRACEBACK", "1")
    for role in ("ADMIN", "OPERATOR", "WORKER"):
        monkeypatch.setenv(f"DW_{role}_TOKEN", f"{PLANTED}-{role}")
    monkeypatch.setenv("DURABLE_WORKFLOW_AUTH_TOKEN", f"{PLANTED}-general")
    monkeypatch.setenv("DWCTL_SIGNING_KEY", f"{PLANTED}-key")
    monkeypatch.setenv("HTTP_PROXY", f"http://user:{PLANTED}-proxy@127.0.0.1:1")
    monkeypatch.setenv("FILE_TOKEN", f"{PLANTED}-file")
    (tmp_path / "cutover.toml").write_text('[server]\ntoken_env = "FILE_TOKEN"\n')
    profile = {"token_source": {"type": "literal", "value": f"{PLANTED}-literal"}}
    config = {"schema": "durable-workflow.cli.config", "version": 1, "envs": {"p": profile}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with serve() as started:
        monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", started.url)
        yield started


def echoing(request_headers: Mapping[str, str]) -> bytes:
    """An error body in which a server repeats what it was sent."""
    return json.dumps({"message": str(dict(request_headers)), "errors": {"x": [str(dict(request_headers))]}}).encode()


def clean(code: int, out: str, err: str, log: pytest.LogCaptureFixture) -> None:
    """Nothing planted, and nothing that steers a terminal."""
    for text in (out, err, log.text):
        assert PLANTED not in text
        assert "Traceback" not in text
        assert not {character for character in text if ord(character) < 32 and character not in "\n\t"}
        assert "\x7f" not in text
        assert "\u202e" not in text
    assert code in range(10)


@pytest.mark.parametrize("more", FORMATS, ids=" ".join)
@pytest.mark.parametrize("token", [(), ("--token", f"{PLANTED}-flag"), ("--env", "p")], ids=["env", "flag", "profile"])
def test_no_output_and_no_log_holds_a_secret(
    running: RunningStandIn,
    capsys: Capture,
    caplog: pytest.LogCaptureFixture,
    more: tuple[str, ...],
    token: tuple[str, ...],
) -> None:
    caplog.set_level(logging.DEBUG)
    for arguments in READS + CHANGES:
        clean(*command(capsys, *arguments, *token, *more), caplog)
    assert all(PLANTED not in f"{seen.path}{seen.query}{seen.body!r}" for seen in running.app.received)
    sent = {seen.headers.get("authorization", "") for seen in running.app.received}
    assert any(PLANTED in value for value in sent)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 503, 302, 200])
def test_a_server_that_repeats_what_it_was_sent_does_not_make_dwctl_say_it(
    running: RunningStandIn,
    capsys: Capture,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("dwctl.server.transport.RetryPolicy", lambda: RetryPolicy(first=0.001, longest=0.001))
    headers = {"authorization": f"Bearer {PLANTED}-OPERATOR", "x": f"{PLANTED}-ADMIN"}
    fault = Fault(
        FaultKind.ANSWER,
        status=status,
        body=echoing(headers),
        headers={"location": f"http://elsewhere/{PLANTED}-OPERATOR", "content-type": "application/json"},
    )
    running.app.behaviour.faults = [fault] * 500
    for arguments in READS + CHANGES:
        for more in FORMATS:
            code, out, err = command(capsys, *arguments, *more, "--timeout", "5s")
            clean(code, out, err, caplog)
            assert code != 0


def test_a_signing_driver_shows_no_key(
    running: RunningStandIn, capsys: Capture, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("DW_AUTH_DRIVER", "signature")
    keys = {"operator": f"{PLANTED}-OPERATOR", "admin": f"{PLANTED}-ADMIN"}
    running.app.behaviour = Behaviour(auth="signature", tokens=keys)
    code, out, err = command(capsys, "namespace", "ensure", "orders", "-vv")
    assert code == 0
    clean(code, out, err, caplog)
    assert not any(PLANTED in str(seen.headers) for seen in running.app.received)


@pytest.mark.parametrize("more", FORMATS, ids=" ".join)
def test_a_usage_error_does_not_repeat_a_token(
    running: RunningStandIn, capsys: Capture, caplog: pytest.LogCaptureFixture, more: tuple[str, ...]
) -> None:
    for arguments in (
        ("doctor", "--token", f"{PLANTED}-flag", "--no-such-option"),
        ("doctor", "--token", f"{PLANTED}-flag x"),
        ("health", "--server", f"http://user:{PLANTED}@localhost"),
        ("doctor", "--token", f"{PLANTED}-flag", "--env", "absent"),
    ):
        code, out, err = command(capsys, *arguments, *more)
        assert code == 2
        clean(code, out, err, caplog)


EVIL = "\x1b[2J\x1b]0;owned\x07\r\x00\x7f\u202e[bold red]x[/bold red][link=http://evil]y[/link]"


def test_no_control_byte_of_the_server_reaches_the_terminal(
    running: RunningStandIn, capsys: Capture, caplog: pytest.LogCaptureFixture
) -> None:
    store = running.app.store
    store.add_namespace({"name": "evil", "description": EVIL})
    store.workers["w", "production"] = {
        "worker_id": "w",
        "namespace": EVIL,
        "task_queue": "q",
        "runtime": EVIL,
        "build_id": EVIL,
        "status": EVIL,
        "supported_workflow_types": [EVIL],
        "supported_activity_types": [EVIL],
        "last_heartbeat_at": EVIL,
    }
    running.app.behaviour.cluster = {"version": EVIL, "server_id": EVIL, "worker_protocol": {"version": EVIL}}
    for arguments in [*READS, ("namespace", "show", "evil")]:
        for more in FORMATS:
            clean(*command(capsys, *arguments, *more), caplog)
    assert "[bold red]" in command(capsys, "namespace", "show", "evil")[1]


@pytest.mark.parametrize("status", [404, 418, 422, 500, 302])
def test_no_control_byte_of_an_error_reaches_the_terminal(
    running: RunningStandIn, capsys: Capture, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    body = json.dumps({"message": EVIL, "reason": EVIL, "errors": {EVIL: [EVIL]}, "namespace": EVIL}).encode()
    running.app.behaviour.faults = [Fault(FaultKind.ANSWER, "workers", status=status, body=body)] * 50
    for more in FORMATS:
        code, out, err = command(capsys, "worker", "list", *more)
        clean(code, out, err, caplog)
        assert code != 0


def test_the_test_would_notice(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(AssertionError):
        clean(0, f"x {PLANTED}", "", caplog)
    with pytest.raises(AssertionError):
        clean(0, "", "\x1b[2J", caplog)
