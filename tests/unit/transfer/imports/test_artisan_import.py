"""The artisan way, under the real PHP: what arrives, what is left behind, and what a failure is called."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from artisan_doubles import DOCKER, SSH, Application, application, executable
from dwctl.errors import DwctlError, ExitCode, RequestNotPossible, ServerFailed, ServerTimedOut, ServerUnreachable
from dwctl.transfer.imports.artisan import PHP_TEXT, ArtisanServer, artisan_command, find_report, import_via_artisan
from import_doubles import WOULD, report

REPORT = json.dumps(WOULD)
BUNDLE = b'{"a": "\xc3\xa9 \\u0000",\n "b": 1.0}\n'
HOSTILE = [
    "it's", 'a "b"', "$(touch x)", "`touch x`", "; touch x", "a\nb", "-rf", "--dry-run",
    "&& touch x #", "*", "~", "\\", "%s!",
    "é 漢",
]  # fmt: skip


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Application:
    """A stand-in application whose artisan prints a report."""
    monkeypatch.chdir(tmp_path)
    made = application(tmp_path)
    made.behaves(stdout=REPORT)
    return made


def command_for(server: ArtisanServer, bundle: bytes = BUNDLE, **changes: Any) -> list[str]:
    """The command for a bundle, an import unless changed."""
    wanted: dict[str, Any] = {
        "size": len(bundle), "namespace": "production", "dry_run": False, "import_id": "import-1",
        "require_signature": False,
    } | changes  # fmt: skip
    return artisan_command(server, **wanted)


def run(server: ArtisanServer, bundle: bytes = BUNDLE, **changes: Any) -> Mapping[str, Any]:
    """The report of one import."""
    return import_via_artisan(server, bundle, command_for(server, bundle, **changes))


def failure(server: ArtisanServer, bundle: bytes = BUNDLE) -> DwctlError:
    """What an import fails with."""
    with pytest.raises(DwctlError) as caught:
        run(server, bundle)
    return caught.value


def test_the_bundle_arrives_byte_for_byte_in_a_private_file_that_is_gone_afterwards(app: Application) -> None:
    assert run(app.server()) == WOULD
    assert app.received == BUNDLE
    assert (app.note["mode"], app.note["regular"]) == ("600", True)
    name, file, *options = app.note["argv"]
    assert name == "workflow:v2:history-import"
    assert Path(file).parent == app.temporary
    assert options == ["--json", "--namespace=production", "--import-id=import-1"]
    assert app.note["cwd"] == str(app.folder)
    assert app.left_over == []


def test_every_option_travels_and_the_namespace_always_does(app: Application) -> None:
    run(app.server(), dry_run=True, require_signature=True)
    assert app.note["argv"][2:] == [
        "--json", "--namespace=production", "--import-id=import-1", "--dry-run", "--require-signature",
    ]  # fmt: skip


def test_a_large_bundle_arrives_whole(app: Application) -> None:
    large = b'{"x":"' + os.urandom(2_000_000).hex().encode() + b'"}'
    run(app.server(), large)
    assert app.received == large


def test_noise_around_the_report_is_passed_over(app: Application) -> None:
    noise = 'PHP Deprecated: {"status": 1} in {x\n{"status":"boot","dump":[{"a":{}}]}\n'
    app.behaves(stdout=f"{noise}{REPORT}\nbye {{", stderr="{" * 10_000, exit=1)
    assert run(app.server()) == WOULD
    assert app.left_over == []


@pytest.mark.parametrize(
    "behaviour",
    [
        {},
        {"stdout": "All good.", "exit": 0},
        {"stdout": "No.", "exit": 1},
        {"stdout": "Fatal error: Allowed memory size exhausted", "stderr": "PHP Fatal error", "exit": 255},
        {"exit": 127},
        {"stdout": REPORT[:-10]},
        {"stdout": "x", "signal": int(signal.SIGKILL)},
        {"stdout": "x", "signal": int(signal.SIGSEGV)},
    ],
    ids=["silent", "prose", "no", "255", "127", "truncated", "killed", "crashed"],
)
def test_artisan_without_a_report_is_a_failure_of_the_server_and_its_output_stays_its_own(
    app: Application, behaviour: dict[str, Any]
) -> None:
    app.behaves(**{"stderr": "customer 4711"} | behaviour)
    error = failure(app.server())
    assert (type(error), error.exit_code, error.reason) == (ServerFailed, ExitCode.SERVER, "artisan_without_report")
    assert "4711" not in f"{error.message}{error.next_step}"
    assert error.next_step
    assert app.note
    assert app.left_over == []


def alive(pid: int) -> bool:
    """Whether the process is there; one that only waits to be buried is not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def ended(pid: int, within: float = 3.0) -> bool:
    """Whether the process ends soon."""
    deadline = time.monotonic() + within
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(pid)


def test_an_artisan_that_hangs_is_stopped_and_its_file_removed(app: Application) -> None:
    app.behaves(stdout="working", seconds=30)
    error = failure(app.server(timeout=0.6))
    assert (type(error), error.exit_code, error.reason) == (ServerTimedOut, ExitCode.TIMEOUT, "artisan_timeout")
    assert error.next_step is not None
    assert "already_imported" in error.next_step
    assert ended(app.note["pid"])
    assert app.left_over == []


def started(app: Application, server: ArtisanServer) -> subprocess.Popen[bytes]:
    """The command running, with artisan at work."""
    process = subprocess.Popen(
        command_for(server), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=dict(server.environment or {}),
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(BUNDLE)
    process.stdin.close()
    deadline = time.monotonic() + 10
    while not app.note and time.monotonic() < deadline:
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_php_that_is_told_to_stop_removes_its_file_and_stops_artisan(app: Application, number: int) -> None:
    if "pcntl" not in subprocess.run(["php", "-m"], capture_output=True, text=True, check=True).stdout:
        pytest.skip("this php cannot handle signals")
    app.behaves(seconds=30)
    process = started(app, app.server())
    assert len(app.left_over) == 1
    process.send_signal(number)
    assert process.wait(5) == 71
    assert app.left_over == []
    assert ended(app.note["pid"])


def test_a_php_without_signals_works_all_the_same(app: Application) -> None:
    server = app.server("php", "-d", "disable_functions=pcntl_async_signals,pcntl_signal")
    assert run(server) == WOULD
    assert app.left_over == []


def test_the_memory_that_php_was_given_is_artisan_s_too(app: Application) -> None:
    run(app.server("php", "-d", "memory_limit=77M"))
    assert app.note["memory_limit"] == "77M"


def test_a_relative_path_is_that_of_php_s_folder(app: Application) -> None:
    assert run(app.server(path="app")) == WOULD


def test_the_environment_is_the_one_that_is_handed_in(app: Application) -> None:
    run(app.server(HANDED_IN="yes"))
    assert app.note["environment"]["HANDED_IN"] == "yes"
    assert run(ArtisanServer(("php",), str(app.folder))) == WOULD
    assert "HANDED_IN" not in app.note["environment"]


def test_stdin_that_does_not_arrive_is_no_refusal_of_the_bundle(app: Application, tmp_path: Path) -> None:
    for text in ('exec "$@" </dev/null', 'head -c 10 | "$@"'):
        error = failure(app.server(executable(tmp_path / "bin", "cut", f"#!/bin/sh\n{text}\n"), "php"))
        assert (error.reason, error.exit_code) == ("artisan_without_report", ExitCode.SERVER)
        assert "did not arrive whole" in error.message
    assert app.note == {}
    assert app.left_over == []


def test_a_path_without_artisan_is_said(app: Application, tmp_path: Path) -> None:
    for path in (str(tmp_path), str(tmp_path / "nowhere")):
        error = failure(app.server(path=path))
        assert (error.reason, error.where, error.exit_code) == ("artisan_missing", "server.path", ExitCode.SERVER)
    assert app.left_over == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo 'x' >&2; echo 'No such container: web' >&2; exit 1", "(exit code 1): No such container: web"),
        ("echo 'ssh: connect to host h: refused' >&2; exit 255", "(exit code 255): ssh: connect to host h: refused"),
        ("exit 126", "(exit code 126)"),
        ("kill -9 $$", "(exit code -9)"),
    ],
)
def test_a_php_that_is_not_reached_is_told_from_one_that_fails(tmp_path: Path, text: str, said: str) -> None:
    server = ArtisanServer((executable(tmp_path, "docker", f"#!/bin/sh\n{text}\n"),), "/app", 20)
    error = failure(server)
    assert isinstance(error, ServerUnreachable)
    assert (error.reason, error.exit_code) == ("php_not_reached", ExitCode.NETWORK)
    assert error.message.endswith(said)


def test_a_command_that_succeeds_at_something_else_is_not_called_unreached() -> None:
    assert failure(ArtisanServer(("true",), "/app", 20)).reason == "artisan_without_report"


def test_a_command_that_does_not_read_its_stdin_is_no_crash(tmp_path: Path) -> None:
    server = ArtisanServer((executable(tmp_path, "docker", "#!/bin/sh\nexec 0<&-\nexit 1\n"),), "/app", 20)
    assert failure(server, b"x" * 5_000_000).reason == "php_not_reached"


def test_a_command_that_cannot_be_started_has_done_nothing(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("x")
    no_program = executable(tmp_path, "noprogram", "\x00\x01")
    for php in ("no-such-command", str(plain), str(tmp_path), no_program, "a\x00b"):
        error = failure(ArtisanServer((php,), "/app", 20))
        assert isinstance(error, RequestNotPossible), php
        assert (error.reason, error.where) == ("php_not_started", "server.php")


# --- words that must stay words --------------------------------------------------------------------------------


@pytest.mark.parametrize("hostile", HOSTILE)
def test_behind_ssh_a_hostile_word_arrives_as_one_word_and_is_not_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hostile: str
) -> None:
    monkeypatch.chdir(tmp_path)
    executable(tmp_path / "bin", "ssh", SSH)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)
    app = application(tmp_path, f"app {hostile}")
    app.behaves(stdout=REPORT)
    server = app.server("ssh", "-T", "-p", "22", "-o", "ProxyCommand=nc %h 1", "deploy@host", "php", PATH=path)
    assert run(server, import_id=hostile, namespace=hostile) == WOULD
    assert app.note["argv"][2:] == ["--json", f"--namespace={hostile}", f"--import-id={hostile}"]
    assert app.received == BUNDLE
    assert not list(tmp_path.rglob("x"))
    assert app.left_over == []


def test_without_a_shell_in_between_nothing_is_quoted(
    app: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker, note = executable(tmp_path / "bin", "docker", DOCKER), tmp_path / "docker-note"
    server = app.server(docker, "compose", "exec", "-T", "server", "php", DOCKER_NOTE=str(note))
    hostile = "a 'b' $(touch x)\n--c"
    assert run(server, import_id=hostile) == WOULD
    assert app.note["argv"][-1] == f"--import-id={hostile}"
    assert note.read_text().splitlines() == ["compose", "exec", "-T", "server"]
    assert PHP_TEXT in command_for(server)


@pytest.mark.parametrize(
    ("php", "untouched"),
    [
        (("ssh", "host", "php"), 2),
        (("/usr/bin/ssh", "host", "php"), 2),
        (("ssh", "-i", "~/.ssh/id key", "host", "php"), 4),
        (("ssh", "-vTi", "~/.ssh/id", "-p2222", "host", "php"), 5),
        (("ssh", "-o", "A=b c", "host", "-p", "22", "php"), 6),
        (("ssh", "--", "host", "php"), 3),
        (("ssh", "-Jbastion", "host", "docker", "exec", "-i", "a b", "php"), 3),
    ],
)
def test_ssh_s_own_words_stay_and_all_of_the_remote_command_is_quoted(php: tuple[str, ...], untouched: int) -> None:
    plain = [*php, "-r", PHP_TEXT, "--", "/a b", "3", "--json", "--namespace=$n", "--import-id=i d"]
    words = artisan_command(
        ArtisanServer(php, "/a b"), size=3, namespace="$n", dry_run=False, import_id="i d", require_signature=False
    )
    assert words[:untouched] == list(php[:untouched])
    assert words[untouched:] == [shlex.quote(word) for word in plain[untouched:]]
    assert shlex.split(" ".join(words[untouched:])) == plain[untouched:]


def test_the_text_is_one_line_that_php_accepts() -> None:
    assert "\n" not in PHP_TEXT
    if shutil.which("php") is not None:
        checked = subprocess.run(["php", "-l"], input=b"<?php " + PHP_TEXT.encode(), capture_output=True, check=False)
        assert checked.returncode == 0, checked.stdout


# --- the report among the noise --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "output",
    [
        b"", b"{", b"}", b"{}" * 100, b'{"status":"ok"}', b'{"eligibility":{}}', b'{"status":1,"eligibility":{}}',
        b"[" * 100_000, b'{"a":' * 10_000, b"\xff\xfe{", b'{"status":"x","eligibility":' + b"[" * 5000,
        b'{"n":' + b"9" * 10_000 + b"}",
    ],
)  # fmt: skip
def test_output_without_a_report_has_none(output: bytes) -> None:
    assert find_report(output) is None


@pytest.mark.parametrize("noise", [b"", b"{", b'{"x":', b"\xff", b"Notice: {a} ", b'{"status":"boot"}', b"{" * 500])
def test_a_report_is_found_in_noise(noise: bytes) -> None:
    wanted = report("imported", note="{}")
    assert find_report(noise + b"\n" + json.dumps(wanted, indent=4).encode() + b"\n" + noise) == wanted
