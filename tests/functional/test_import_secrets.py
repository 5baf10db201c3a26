"""Secrets of an import, planted in every place where one may stand, and text of the server that steers a terminal."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from artisan_doubles import application, executable
from dwctl.errors import ExitCode
from dwctl.server.retries import RetryPolicy
from fresh_ledgers import command
from import_doubles import report
from sample_bundles import LEASED, ORDER, SIGNED, sealed, small_bundle
from standin import Behaviour, Fault, FaultKind, ImportedRun, RunningStandIn, Store, serve

PLANTED = "planted-7f3a9c"
IMPORT = "/import/embedded-v2"
FORMATS = [("-vv",), ("-vv", "--json"), ("-vv", "--output", "jsonl")]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def standing() -> Iterator[RunningStandIn]:
    """One stand-in for all tests of this module."""
    with serve() as started:
        yield started


@pytest.fixture
def running(standing: RunningStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunningStandIn:
    """The stand-in as new, and a secret in every place where one may stand."""
    standing.app.behaviour, standing.app.store, standing.app.received = Behaviour(), Store(), []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", standing.url)
    monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "production")
    monkeypatch.setenv("DWCTL_TRACEBACK", "1")
    for name in ("DW_ADMIN_TOKEN", "DW_OPERATOR_TOKEN", "DURABLE_WORKFLOW_AUTH_TOKEN", "DWCTL_SIGNING_KEY"):
        monkeypatch.setenv(name, f"{PLANTED}-{name}")
    Path("key").write_text(f"{PLANTED}-file")
    monkeypatch.setattr("dwctl.server.transport.RetryPolicy", lambda: RetryPolicy(first=0.001, longest=0.001))
    return standing


def clean(out: str, err: str, log: pytest.LogCaptureFixture) -> None:
    """Nothing planted, and nothing that steers a terminal."""
    for text in (out, err, log.text):
        assert PLANTED not in text
        assert "Traceback" not in text
        assert not {character for character in text if ord(character) < 32 and character not in "\n\t"}
        assert not set("\x7f\x85\x9b\u202e\u2066\u200b") & set(text)


KEYS = {
    "environment": (),
    "file": ("--signing-key-file", "key"),
    "option": ("--signing-key", f"{PLANTED}-option"),
    "sent": ("--signing-key-file", "key", "--send-signing-key"),
    "token option": ("--token", f"{PLANTED}-token"),
}


@pytest.mark.parametrize("more", FORMATS, ids=" ".join)
@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_no_secret_in_any_output_url_or_log(
    running: RunningStandIn,
    capsys: Capture,
    caplog: pytest.LogCaptureFixture,
    key: tuple[str, ...],
    more: tuple[str, ...],
) -> None:
    caplog.set_level(logging.DEBUG)
    running.app.behaviour.faults = [Fault(FaultKind.RESET_BEFORE, IMPORT, dry_run=False)]
    Path("small.json").write_bytes(sealed(small_bundle()))
    for files in (("small.json", str(ORDER), str(SIGNED), str(LEASED), "nowhere.json"), ("small.json", "--dry-run")):
        code, out, err = command(capsys, "history-import", *files, *key, *more)
        clean(out, err, caplog)
        assert code in (ExitCode.PARTLY, ExitCode.DONE)
    assert "trying again" in err or running.app.behaviour.faults == []
    seen = running.app.received
    assert all(PLANTED not in f"{one.path}{one.query}" for one in seen)
    assert all(PLANTED not in value for one in seen for name, value in one.headers.items() if name != "authorization")
    carried = [one for one in seen if PLANTED.encode() in one.body]
    assert bool(carried) == ("--send-signing-key" in key)
    assert all(json.loads(one.body)["signing_key"] == f"{PLANTED}-file" for one in carried)


@pytest.mark.parametrize("more", FORMATS, ids=" ".join)
@pytest.mark.parametrize("status", [200, 201, 400, 401, 403, 409, 413, 415, 422, 429, 500, 503, 307])
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_server_that_repeats_what_it_was_sent_does_not_make_us_say_it(
    running: RunningStandIn,
    capsys: Capture,
    caplog: pytest.LogCaptureFixture,
    more: tuple[str, ...],
    status: int,
    dry_run: bool,
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = f"Bearer {PLANTED}-DW_ADMIN_TOKEN with {PLANTED}-file"
    said = report("rejected", "x.y", echo, errors={"signing_key": [echo]}, remediation=echo, extra=[echo])
    said["message"] = echo
    headers = {"location": f"http://elsewhere/{PLANTED}-file", "content-type": "application/json"}
    fault = Fault(FaultKind.ANSWER, IMPORT, dry_run, status, json.dumps(said).encode(), headers)
    running.app.behaviour.faults = [fault] * 50
    Path("small.json").write_bytes(sealed(small_bundle()))
    code, out, err = command(
        capsys, "history-import", "small.json", "--signing-key-file", "key", "--send-signing-key", *more
    )
    clean(out, err, caplog)
    assert code != ExitCode.DONE


def test_no_secret_reaches_a_child_not_even_in_its_environment(
    running: RunningStandIn,
    capsys: Capture,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = application(tmp_path)
    app.behaves(stdout=json.dumps(report("imported")), dry_run_stdout=json.dumps(report("dry_run")))
    spy = executable(tmp_path / "bin", "spy", '#!/bin/sh\n{ env; printf "%s\\n" "$@"; } >> spied\nexec php "$@"\n')
    Path("cutover.toml").write_text(f'[server]\nphp = ["{spy}"]\npath = "{app.folder}"\ntoken_env = "MINE"\n')
    monkeypatch.delenv("DURABLE_WORKFLOW_AUTH_TOKEN")
    monkeypatch.setenv("MINE", f"{PLANTED}-mine")
    monkeypatch.setenv("STAYS", "yes")
    for key in (("--signing-key-file", "key"), ("--signing-key", f"{PLANTED}-option"), ()):
        arguments = (str(ORDER), "--via", "artisan", *key, "--token", f"{PLANTED}-token", "-vv", "--json")
        _, out, err = command(capsys, "history-import", *arguments)
        clean(out, err, caplog)
    spied = Path("spied").read_text()
    assert "STAYS=yes" in spied
    assert "--namespace=production" in spied
    assert PLANTED not in spied


EVIL = "a\x1b[2Jb\x07c\x9bd\u202ee\u2066f\x7fg\rh\nk"


def test_text_of_the_server_does_not_steer_the_terminal(
    running: RunningStandIn, capsys: Capture, caplog: pytest.LogCaptureFixture
) -> None:
    Path("small.json").write_bytes(sealed(small_bundle()))
    refusing = report("rejected", EVIL, EVIL, dry_run=True)
    strange: list[dict[str, Any]] = [refusing, report(EVIL), report("rejected", "target.write_failed", EVIL)]
    for said in strange:
        fault = Fault(FaultKind.ANSWER, IMPORT, True, 422, json.dumps(said).encode())
        running.app.behaviour.faults = [fault] * 50
        for more in ((), ("--dry-run",), ("-vv",)):
            code, out, err = command(capsys, "history-import", "small.json", *more)
            clean(out, err, caplog)
            assert code != ExitCode.DONE
            assert "\nk" not in out
    for status in (400, 404, 409, 422, 500, 503):
        body = json.dumps({"message": EVIL, "reason": EVIL, "errors": {EVIL: [EVIL]}, "namespace": EVIL}).encode()
        for path in (IMPORT, "/runs", "/cluster/info", "/namespaces/"):
            running.app.behaviour.faults = [Fault(FaultKind.ANSWER, path, None, status, body)] * 50
            clean(*command(capsys, "history-import", "small.json")[1:], caplog)


def test_a_run_that_the_server_shows_in_evil_words_does_not_steer_the_terminal(
    running: RunningStandIn, capsys: Capture, caplog: pytest.LogCaptureFixture
) -> None:
    Path("small.json").write_bytes(sealed(small_bundle()))
    shown = small_bundle({
        "workflow.workflow_type": EVIL, "workflow.queue": EVIL, "history_events.0.type": EVIL,
    })  # fmt: skip
    running.app.store.runs["run-1"] = ImportedRun(shown, "production", EVIL, small_bundle()["dedupe_key"], EVIL)
    running.app.behaviour.shows_import_markers = True
    code, out, err = command(capsys, "history-import", "small.json")
    assert code == ExitCode.NO
    assert "the bundle says orders.process; the server: a\\x1b[2Jb" in out
    clean(out, err, caplog)
    running.app.store.runs.clear()
    taken = small_bundle({"workflow.run_id": EVIL})
    running.app.store.runs["x"] = ImportedRun(taken, "production", None, "k", "waiting")
    code, out, err = command(capsys, "history-import", "small.json")
    assert "target.instance_id_taken" in out
    clean(out, err, caplog)


def test_names_and_ids_of_the_person_do_not_steer_the_terminal_either(
    running: RunningStandIn, capsys: Capture, caplog: pytest.LogCaptureFixture
) -> None:
    name = "a\x1b[2J\u202e.json"
    Path(name).write_bytes(sealed(small_bundle({"workflow.instance_id": EVIL, "workflow.workflow_type": EVIL})))
    code, out, err = command(capsys, "history-import", name, "--import-id", "i\x1b[2J\u202e")
    assert code == ExitCode.DONE
    clean(out, err, caplog)
