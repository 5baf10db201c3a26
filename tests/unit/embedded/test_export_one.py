"""One call of artisan a run: what comes out, and what every misbehaviour is called."""

from __future__ import annotations

import json
import os
import shlex
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from artisan_doubles import DOCKER, SSH, executable
from dwctl.embedded.application import EmbeddedApplication
from dwctl.embedded.captured import Captured, Target
from dwctl.embedded.export_one import ArtisanExporter, export_command, export_one
from dwctl.errors import DwctlError, ExitCode, Interrupted
from embedded_doubles import jumping_clock, processes_with, standin, standin_words, write_bundle, write_small_bundles
from sample_bundles import ORDER, sealed, small_bundle


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    """Three runs."""
    write_small_bundles(tmp_path / "bundles", 3)
    return tmp_path / "bundles"


def failure(application: EmbeddedApplication, target: str = "run-2", *, run: bool = True) -> DwctlError:
    """What an export fails with; nothing of it is left running."""
    with pytest.raises(DwctlError) as caught:
        export_one(application, target, run=run)
    assert caught.value.next_step
    return caught.value


def says(tmp_path: Path, script: str, *, timeout: float = 20.0) -> EmbeddedApplication:
    """An application whose artisan is this shell script."""
    return EmbeddedApplication((executable(tmp_path / "bin", "docker", f"#!/bin/sh\n{script}\n"),), timeout=timeout)


def test_a_run_comes_out_byte_for_byte(bundles: Path) -> None:
    found = export_one(standin(bundles), "run-2", run=True)
    assert found.content == (bundles / "run-2.json").read_bytes() + b"\n"
    assert (found.noise, found.noise_bytes, found.errors) == (b"", 0, b"")
    assert (found.run_id, found.instance_id) == ("run-2", "order-2")
    assert 0 < found.seconds < 20


def test_an_instance_gives_its_current_run(bundles: Path) -> None:
    assert export_one(standin(bundles), "order-3", run=False).run_id == "run-3"


def test_a_large_bundle_comes_out_whole(bundles: Path) -> None:
    run_id = write_bundle(bundles, ORDER.read_bytes())
    assert export_one(standin(bundles), run_id, run=True).content.rstrip() == ORDER.read_bytes().rstrip()


def test_noise_is_cut_away_and_reported(bundles: Path) -> None:
    found = export_one(standin(bundles, noise=True, error="PHP Warning:  x"), "run-2", run=True)
    assert found.content == (bundles / "run-2.json").read_bytes() + b"\n"
    assert found.noise.startswith(b"PHP Deprecated")
    assert found.noise.endswith(b'bye {"x": 1} }\n')
    assert found.noise_bytes == len(found.noise)
    assert found.errors == b"PHP Warning:  x\n"


MISBEHAVIOURS: list[tuple[dict[str, Any], str, ExitCode, str]] = [
    ({"half": True}, "export_incomplete", ExitCode.SERVER, "a part of a bundle"),
    ({"half": True, "noise": True}, "export_incomplete", ExitCode.SERVER, "a part of a bundle"),
    ({"two": True}, "export_ambiguous", ExitCode.SERVER, "more than one bundle"),
    ({"exit": 255}, "export_ended_badly", ExitCode.SERVER, "exit code 255"),
    ({"exit": 1, "error": "it broke at the end"}, "export_ended_badly", ExitCode.SERVER, "it broke at the end"),
    ({"wrong": "run-3"}, "export_wrong_run", ExitCode.SERVER, "gave run run-3 for run run-2"),
    ({"die": True}, "export_failed", ExitCode.SERVER, "PHP Fatal error:  Allowed memory size exhausted"),
    ({"boot_dies": True}, "export_failed", ExitCode.SERVER, "PHP Fatal error:  Uncaught Error: no boot"),
]


@pytest.mark.parametrize(("options", "reason", "code", "said"), MISBEHAVIOURS)
def test_every_misbehaviour_has_its_name(
    bundles: Path, options: dict[str, Any], reason: str, code: ExitCode, said: str
) -> None:
    error = failure(standin(bundles, **options))
    assert (error.reason, error.exit_code) == (reason, code)
    assert said in error.message
    assert processes_with(bundles) == []


def test_an_artisan_that_hangs_is_ended_with_all_that_it_started(bundles: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    application = standin(bundles, hang=True, error="waiting for the database", timeout=60, log=log)
    exporter = ArtisanExporter(application, clock=jumping_clock(log, "hangs"))
    with exporter, pytest.raises(DwctlError) as caught:
        exporter.export("run-2", run=True)
    error = caught.value
    assert (error.reason, error.exit_code) == ("export_timeout", ExitCode.TIMEOUT)
    assert "within 60 seconds" in error.message
    assert "waiting for the database" in error.message
    assert processes_with(bundles) == []


def test_a_run_that_is_not_there_is_not_found(bundles: Path) -> None:
    for target, run in (("run-9", True), ("order-9", False), ("run-1", False)):
        error = failure(standin(bundles), target, run=run)
        assert (error.reason, error.exit_code) == ("embedded_run_not_found", ExitCode.NOT_FOUND)
        assert target in error.message


@pytest.mark.parametrize(
    ("script", "reason", "code"),
    [
        ("echo 'No query results for model [WorkflowRun] x' >&2; exit 1", "embedded_run_not_found", 5),
        ("echo 'service \"app\" is not running' >&2; exit 1", "application_not_reached", 3),
        ("echo 'ssh: connect to host h port 22: Connection refused' >&2; exit 255", "application_not_reached", 3),
        ("exit 127", "application_not_reached", 3),
        ("echo 'Could not open input file: artisan'; exit 1", "embedded_artisan_missing", 6),
        ("echo 'Command \"workflow:v2:history-export\" is not defined.' >&2; exit 1", "export_command_missing", 8),
        ("echo 'There are no commands defined in the \"workflow:v2\" namespace.'; exit 1", "export_command_missing", 8),
        ("echo 'SQLSTATE[HY000] [2002] Connection refused' >&2; exit 1", "export_failed", 6),
        ("exit 1", "export_failed", 6),
        ("kill -9 $$", "export_failed", 6),
        ("echo All good.", "export_without_bundle", 6),
        ("", "export_without_bundle", 6),
    ],
)  # fmt: skip
def test_who_failed_is_told_by_what_is_said(tmp_path: Path, script: str, reason: str, code: int) -> None:
    error = failure(says(tmp_path, script))
    assert (error.reason, int(error.exit_code)) == (reason, code)


def test_business_data_on_stdout_is_not_shown(tmp_path: Path) -> None:
    error = failure(says(tmp_path, """echo '{"error": "customer 4711"}'; echo 'dump: [4711] failed'; exit 1"""))
    assert "4711" not in error.message


def test_words_that_cannot_be_run_are_a_wrong_setting(tmp_path: Path) -> None:
    for word in ("no-such-command", str(tmp_path), "a\0b"):
        error = failure(EmbeddedApplication((word, "artisan")))
        assert (error.reason, error.where, error.exit_code) == (
            "application_not_started", "embedded.artisan", ExitCode.USAGE,
        )  # fmt: skip
    assert failure(EmbeddedApplication(php=("no-such-command",), path="/app")).where == "embedded.php"


def test_the_environment_is_the_one_that_is_handed_in(tmp_path: Path) -> None:
    note = tmp_path / "note"
    script = executable(tmp_path / "bin", "artisan", f"#!/bin/sh\n/usr/bin/env > {note}\n")
    failure(EmbeddedApplication((script,), environment={"ONLY": "this"}))
    assert "ONLY=this" in note.read_text()
    assert "PATH" not in note.read_text().replace("PWD", "")


# --- many ------------------------------------------------------------------------------------------------------


def test_each_of_many_has_its_outcome_in_order(bundles: Path) -> None:
    targets = [Target("run-1", True), Target("run-9", True), Target("order-2", False)]
    with ArtisanExporter(standin(bundles)) as exporter:
        outcomes = list(exporter.export_each(targets))
    assert [target for target, _ in outcomes] == targets
    first, second, third = (outcome for _, outcome in outcomes)
    assert isinstance(first, Captured)
    assert isinstance(second, DwctlError)
    assert isinstance(third, Captured)
    assert third.run_id == "run-2"


def test_stop_ends_the_call_in_flight_and_what_comes_after(bundles: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    os.mkfifo(log)
    exporter = ArtisanExporter(standin(bundles, hang=True, log=log))

    def stop_it_at_work() -> None:
        log.read_text()  # returns once the child has said that it has begun
        exporter.stop()

    stopper = threading.Thread(target=stop_it_at_work)
    stopper.start()
    with pytest.raises(Interrupted) as caught:
        list(exporter.export_each([Target("run-1", True), Target("run-2", True)]))
    stopper.join()
    assert caught.value.reason == "export_stopped"
    with pytest.raises(Interrupted):
        exporter.export("run-1", run=True)
    assert processes_with(bundles) == []


# --- words that must stay words ----------------------------------------------------------------------------------

HOSTILE = ["--version", "-n", "--", "it's", "$(touch x)", "; touch x", "a\nb", "*", "~", "é 漢", "a b", '"', "\\"]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("through", ["plain", "docker", "ssh"])
def test_an_id_is_never_an_option_nor_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hostile: str, through: str
) -> None:
    monkeypatch.chdir(tmp_path)
    bundles = tmp_path / "bundles"
    write_bundle(bundles, sealed(small_bundle({"workflow.run_id": hostile})))
    words = standin_words("artisan", bundles)
    if through == "docker":
        words = (executable(tmp_path / "bin", "docker", DOCKER), "compose", "exec", "-T", "app", *words)
        monkeypatch.setenv("DOCKER_NOTE", str(tmp_path / "note"))
    if through == "ssh":
        words = (executable(tmp_path / "bin", "ssh", SSH), "-T", "-o", "BatchMode=yes", "host", *words)
    found = export_one(EmbeddedApplication(words), hostile, run=True)
    assert found.run_id == hostile
    assert found.content == (bundles / f"{hostile}.json").read_bytes() + b"\n"
    assert not list(tmp_path.rglob("x"))


def test_the_command_has_the_id_behind_two_dashes_and_is_quoted_only_behind_ssh() -> None:
    plain = EmbeddedApplication(("docker", "exec", "app", "php", "artisan"))
    assert export_command(plain, Target("--help", True)) == [
        "docker", "exec", "app", "php", "artisan", "workflow:v2:history-export", "--run", "--", "--help",
    ]  # fmt: skip
    assert export_command(plain, Target("a b", False))[-2:] == ["--", "a b"]
    remote = EmbeddedApplication(("ssh", "-o", "User=a b", "host", "php", "/a b/artisan"))
    assert export_command(remote, Target("a b", False)) == [
        "ssh", "-o", "User=a b", "host", "php", shlex.quote("/a b/artisan"), "workflow:v2:history-export",
        "--", "'a b'",
    ]  # fmt: skip


def test_the_stand_in_s_own_words_are_sound(bundles: Path) -> None:
    assert standin_words("php", bundles, boot=0.5, noise=True, half=False) == (
        sys.executable, "-I", "-S", str(Path(__file__).parents[2] / "artisan_standin.py"), f"--bundles={bundles}",
        "--boot=0.5", "--noise", "php",
    )  # fmt: skip
    assert json.loads((bundles / "run-1.json").read_bytes())["workflow"]["instance_id"] == "order-1"
