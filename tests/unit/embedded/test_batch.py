"""The batch process without PHP: what comes out, how deaths and lies are met, and that it is always ended."""

from __future__ import annotations

import itertools
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from artisan_doubles import SSH, executable
from dwctl.embedded import batch
from dwctl.embedded.application import EmbeddedApplication
from dwctl.embedded.batch import AHEAD, MOST_LOSSES, BatchExporter, batch_works
from dwctl.embedded.captured import Captured, Outcome, Target
from dwctl.embedded.php_process import php_command
from dwctl.embedded.positions import Position
from dwctl.errors import DwctlError, ExitCode, Interrupted, ServerFailed
from embedded_doubles import jumping_clock, processes_with, standin, standin_words, write_bundle, write_small_bundles
from sample_bundles import ORDER

RUNS = [f"run-{number}" for number in range(1, 7)]


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    """Six runs."""
    write_small_bundles(tmp_path / "bundles", len(RUNS))
    return tmp_path / "bundles"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause before a process is started again is for the application, not for tests."""
    monkeypatch.setattr(batch, "_FIRST_PAUSE", 0.001)


def targets(runs: list[str] = RUNS) -> list[Target]:
    """These runs."""
    return [Target(run, True) for run in runs]


def outcomes(application: EmbeddedApplication, runs: list[str] = RUNS) -> tuple[dict[str, str], int]:
    """What becomes of each run, in a word, and how often the application was booted."""
    with BatchExporter(application) as exporter:
        found = {target.id: outcome for target, outcome in exporter.export_each(targets(runs))}
    assert list(found) == list(dict.fromkeys(runs))
    words = {run: str(one.reason) if isinstance(one, DwctlError) else "whole" for run, one in found.items()}
    return words, exporter.boots


def whole(bundles: Path, captured: Captured) -> bool:
    """Whether it is the run's bundle, byte for byte."""
    return captured.content == (bundles / f"{captured.run_id}.json").read_bytes()


# --- what comes out -----------------------------------------------------------------------------------------------


def test_many_runs_come_out_of_one_boot(bundles: Path, tmp_path: Path) -> None:
    with BatchExporter(standin(bundles, log=tmp_path / "log")) as exporter:
        found = list(exporter.export_each(targets()))
        assert exporter.about == "workflow 2.0, Laravel 11.0, PHP 8.2.0"
    assert [target for target, _ in found] == targets()
    assert all(isinstance(one, Captured) and whole(bundles, one) for _, one in found)
    assert Counter((tmp_path / "log").read_text().split()) == {"boot": 1, "run": 6}
    assert processes_with(bundles) == []


def test_one_by_one_through_the_same_process(bundles: Path) -> None:
    with BatchExporter(standin(bundles)) as exporter:
        assert exporter.export("run-1", run=True).run_id == "run-1"
        assert exporter.export("order-2", run=False).run_id == "run-2"
        with pytest.raises(DwctlError) as caught:
            exporter.export("run-9", run=True)
        assert (caught.value.reason, caught.value.exit_code) == ("embedded_run_not_found", ExitCode.NOT_FOUND)
        assert whole(bundles, exporter.export("run-3", run=True))
        assert exporter.boots == 1


def test_a_large_bundle_comes_out_whole(bundles: Path) -> None:
    run_id = write_bundle(bundles, ORDER.read_bytes())
    with BatchExporter(standin(bundles)) as exporter:
        assert whole(bundles, exporter.export(run_id, run=True))


def test_a_run_that_is_not_there_does_not_disturb_the_others(bundles: Path) -> None:
    words, boots = outcomes(standin(bundles), ["run-1", "run-9", "run-2", "run-8"])
    assert list(words.values()) == ["whole", "embedded_run_not_found", "whole", "embedded_run_not_found"]
    assert boots == 1


def test_targets_are_taken_only_a_little_ahead(bundles: Path) -> None:
    taken: list[str] = []

    def endless() -> Iterator[Target]:
        for run in itertools.cycle(RUNS):
            taken.append(run)
            yield Target(run, True)

    with BatchExporter(standin(bundles)) as exporter:
        for seen, _ in enumerate(exporter.export_each(endless()), 1):
            assert len(taken) <= seen + AHEAD - 1
            if seen == 20:
                break
    assert processes_with(bundles) == []


def test_questions_may_be_asked_between_two_outcomes(bundles: Path) -> None:
    with BatchExporter(standin(bundles)) as exporter:
        for target, outcome in exporter.export_each(targets()):
            assert isinstance(outcome, Captured)
            assert outcome.run_id == target.id
            assert exporter.export("run-1", run=True).run_id == "run-1"
            assert set(exporter.positions([target.id])) == {target.id}
        assert exporter.boots == 1


def test_positions_tell_where_runs_stand(bundles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "_IDS_AT_ONCE", 2)
    at = "2026-11-22T22:11:34.036225Z"
    with BatchExporter(standin(bundles)) as exporter:
        found = exporter.positions([*RUNS, "run-9", "run-1"])
        assert exporter.positions([]) == {}
    assert list(found) == RUNS
    assert found["run-2"] == Position("run-2", "order-2", "waiting", 2, at, None)
    assert found["run-2"].dedupe_key == f"run-2:2:{at}"


# --- misbehaviour ---------------------------------------------------------------------------------------------------


def test_noise_is_no_data_and_is_counted(bundles: Path) -> None:
    with BatchExporter(standin(bundles, noise=True, on="run-2", error="PHP Warning:  x")) as exporter:
        found = {target.id: outcome for target, outcome in exporter.export_each(targets())}
    noisy = [one for one in found.values() if isinstance(one, Captured) and one.noise]
    assert all(isinstance(one, Captured) and whole(bundles, one) for one in found.values())
    assert [one.run_id for one in noisy] == ["run-2", "run-3"]  # what stood behind a bundle comes with the next
    assert noisy[0].noise.startswith(b"PHP Deprecated")
    assert noisy[0].noise_bytes == len(noisy[0].noise)
    assert any(isinstance(one, Captured) and b"PHP Warning:  x" in one.errors for one in found.values())
    assert not any(isinstance(one, Captured) and b"dwctl" in one.errors for one in found.values())


ONCE: list[dict[str, Any]] = [{"die": True}, {"half": True}, {"interleave": True}]


@pytest.mark.parametrize("options", ONCE)
def test_a_run_that_the_process_dies_on_once_is_exported_at_the_second_try(
    bundles: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    application = standin(bundles, on="run-3", times=1, log=tmp_path / "log", **options)
    assert outcomes(application) == (dict.fromkeys(RUNS, "whole"), 2)
    assert processes_with(bundles) == []


ALWAYS: list[tuple[dict[str, Any], str, int, str]] = [
    ({"die": True}, "batch_died", 3, "PHP Fatal error:  Allowed memory size exhausted"),
    ({"half": True}, "batch_died", 3, "PHP ended with exit code 0"),
    ({"interleave": True}, "batch_damaged", 3, "damaged"),
    ({"wrong": "run-5"}, "export_wrong_run", 1, "gave run run-5 for run run-3"),
]


@pytest.mark.parametrize(("options", "reason", "boots", "said"), ALWAYS)
def test_a_run_that_it_always_fails_on_fails_and_the_others_do_not(
    bundles: Path, options: dict[str, Any], reason: str, boots: int, said: str
) -> None:
    application = standin(bundles, on="run-3", **options)
    assert outcomes(application) == (dict.fromkeys(RUNS, "whole") | {"run-3": reason}, boots)
    with BatchExporter(application) as exporter, pytest.raises(ServerFailed) as caught:
        exporter.export("run-3", run=True)
    assert said in caught.value.message
    assert caught.value.next_step
    assert processes_with(bundles) == []


def test_a_process_that_dies_behind_an_answer_loses_nothing(bundles: Path) -> None:
    words, boots = outcomes(standin(bundles, exit=255, on="run-3"))
    assert words == dict.fromkeys(RUNS, "whole")
    assert boots == 2


def test_a_run_that_hangs_times_out_is_not_tried_again_and_the_others_go_on(bundles: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    application = standin(bundles, hang=True, timeout=10, on="run-3", log=log, error="waiting for a lock")
    with BatchExporter(application, clock=jumping_clock(log, "hangs")) as exporter:
        assert exporter.export("run-1", run=True).run_id == "run-1"
        with pytest.raises(DwctlError) as caught:
            exporter.export("run-3", run=True)
        assert exporter.export("run-2", run=True).run_id == "run-2"
    assert (caught.value.reason, caught.value.exit_code) == ("export_timeout", ExitCode.TIMEOUT)
    assert caught.value.message.endswith("within 10 seconds: waiting for a lock")
    assert (exporter.boots, log.read_text().count("hangs")) == (2, 1)
    assert processes_with(bundles) == []


def test_a_process_that_dies_on_every_run_is_not_started_for_ever(bundles: Path) -> None:
    with BatchExporter(standin(bundles, die=True)) as exporter:
        outcome_of = exporter.export_each(targets(RUNS * 10))
        failed: list[Outcome] = []
        with pytest.raises(ServerFailed) as caught:
            failed.extend(outcome_of)
        assert exporter.boots == MOST_LOSSES
        assert {one.reason for _, one in failed if isinstance(one, DwctlError)} == {"batch_died"}
        assert len(failed) == MOST_LOSSES // 2
        with pytest.raises(ServerFailed) as again:
            exporter.export("run-1", run=True)
        assert exporter.boots == MOST_LOSSES
    assert again.value is caught.value
    assert caught.value.reason == "batch_keeps_dying"
    assert "6 times in a row" in caught.value.message


def test_deaths_with_answers_in_between_are_no_reason_to_stop(bundles: Path) -> None:
    words, boots = outcomes(standin(bundles, die=True, on="run-3"), ["run-1", "run-3"] * 5)
    assert words == {"run-1": "whole", "run-3": "batch_died"}
    assert boots > MOST_LOSSES


def test_a_boot_that_fails_later_is_a_loss_like_any_other(bundles: Path, tmp_path: Path) -> None:
    script = tmp_path / "php"
    words = " ".join(f"'{word}'" for word in standin_words("php", bundles, exit=255, on="run-2"))
    executable(tmp_path, "php", f'#!/bin/sh\nexec {words} "$@"\n')
    with BatchExporter(EmbeddedApplication(php=(str(script),), path="/app", timeout=20)) as exporter:
        found = exporter.export_each(targets())
        assert [next(found)[0].id, next(found)[0].id] == ["run-1", "run-2"]
        script.write_text("#!/bin/sh\necho 'service \"app\" is not running' >&2\nexit 1\n")
        (_, outcome) = next(found)
        assert isinstance(outcome, DwctlError)
        assert outcome.reason == "application_not_reached"
        executable(tmp_path, "php", f'#!/bin/sh\nexec {words} "$@"\n')
        assert all(isinstance(one, Captured) for _, one in found)


# --- what does not boot ---------------------------------------------------------------------------------------------


def unbooted(application: EmbeddedApplication) -> DwctlError:
    """Why the batch process does not work; it is not tried a second time."""
    found = batch_works(application)
    assert found is not None
    assert found.next_step
    with BatchExporter(application) as exporter:
        for _ in range(2):
            with pytest.raises(type(found)) as caught:
                exporter.export("run-1", run=True)
            assert caught.value.reason == found.reason
        assert exporter.boots == 0
    return found


def test_the_batch_process_works(bundles: Path) -> None:
    assert batch_works(standin(bundles)) is None
    assert processes_with(bundles) == []


SCRIPTS = [
    ("echo 'Error: No such container: app' >&2; exit 1", "application_not_reached", 3),
    ("echo 'ssh: connect to host h: refused' >&2; exit 255", "application_not_reached", 3),
    ("exit 127", "application_not_reached", 3),
    ("exit 0", "batch_not_fed", 6),
    ("exit 1", "batch_not_fed", 6),
    ("echo 'dwctl: PHP runs' >&2", "batch_not_fed", 6),
    ("echo 'dwctl: PHP runs' >&2; echo 'PHP Parse error: x' >&2; exit 255", "batch_not_fed", 6),
]


@pytest.mark.parametrize(("script", "reason", "code"), SCRIPTS)
def test_a_php_that_is_not_reached_or_not_fed_is_said(tmp_path: Path, script: str, reason: str, code: int) -> None:
    php = executable(tmp_path / "bin", "docker", f"#!/bin/sh\n{script}\n")
    error = unbooted(EmbeddedApplication(php=(php,), path="/app", timeout=20))
    assert (error.reason, int(error.exit_code), error.where) == (reason, code, "embedded.php")


def test_a_boot_that_fails_or_hangs_is_said(bundles: Path) -> None:
    error = unbooted(standin(bundles, no_stdin=True))
    assert error.reason == "batch_not_fed"
    assert "-i" in str(error.next_step)
    error = unbooted(standin(bundles, boot=60, timeout=0.7))
    assert (error.reason, error.exit_code) == ("export_timeout", ExitCode.TIMEOUT)
    assert "boot within 0.7 seconds" in error.message
    assert processes_with(bundles) == []


def test_words_that_are_not_set_or_cannot_be_run_are_a_usage_error(tmp_path: Path) -> None:
    assert unbooted(EmbeddedApplication()).reason == "application_not_set"
    for word in ("no-such-command", str(tmp_path), "a\0b"):
        error = unbooted(EmbeddedApplication(php=(word,), path="/app"))
        assert (error.reason, error.where) == ("application_not_started", "embedded.php")


# --- ends -----------------------------------------------------------------------------------------------------------


def test_stop_from_another_thread_ends_what_is_in_flight(bundles: Path) -> None:
    with BatchExporter(standin(bundles, hang=True, on="run-2")) as exporter:
        found = exporter.export_each(targets())
        assert isinstance(next(found)[1], Captured)
        stopper = threading.Thread(target=exporter.stop)
        stopper.start()
        with pytest.raises(Interrupted) as caught:
            next(found)
        stopper.join()
        assert caught.value.reason == "export_stopped"
        for again in (exporter.start, lambda: exporter.export("run-1", run=True)):
            with pytest.raises(Interrupted):
                again()
    assert processes_with(bundles) == []


def test_stop_while_it_boots(bundles: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    os.mkfifo(log)
    exporter = BatchExporter(standin(bundles, boot=60, log=log))

    def stop_it_at_work() -> None:
        log.read_text()  # returns once the child has said that it has begun
        exporter.stop()

    stopper = threading.Thread(target=stop_it_at_work)
    stopper.start()
    with pytest.raises(Interrupted):
        exporter.start()
    stopper.join()
    assert processes_with(bundles) == []


def test_an_exporter_that_is_left_in_the_middle_leaves_nothing(bundles: Path) -> None:
    with BatchExporter(standin(bundles, hang=True, on="run-3")) as exporter:
        found = exporter.export_each(targets())
        assert next(found)[0].id == "run-1"
    assert processes_with(bundles) == []


def test_what_was_asked_ahead_and_is_not_wanted_any_more_is_passed_over(bundles: Path) -> None:
    with BatchExporter(standin(bundles)) as exporter:
        for _ in range(3):
            with closing(exporter.export_each(targets())) as found:  # type: ignore[type-var] # it is a generator
                assert next(found)[0].id == "run-1"
        assert exporter.export("run-6", run=True).run_id == "run-6"
        assert exporter._early == {}
        assert exporter.boots == 1


def test_several_threads_each_with_an_exporter(bundles: Path) -> None:
    application = standin(bundles)
    shared, lock = iter(targets(RUNS * 8)), threading.Lock()
    done: list[str] = []

    def source() -> Iterator[Target]:
        while True:
            with lock:
                target = next(shared, None)
            if target is None:
                return
            yield target

    def work() -> None:
        with BatchExporter(application) as exporter:
            done.extend(one.run_id for _, one in exporter.export_each(source()) if isinstance(one, Captured))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(done) == dict.fromkeys(RUNS, 8)
    assert processes_with(bundles) == []


# --- words ----------------------------------------------------------------------------------------------------------


def test_nothing_in_the_command_is_a_secret_an_id_or_a_path() -> None:
    application = EmbeddedApplication(php=("docker", "exec", "-i", "app", "php"), path="/srv/secret", timeout=20)
    words = php_command(application)
    assert words[:5] == ["docker", "exec", "-i", "app", "php"]
    assert words[5] == "-r"
    assert words[7] == "--"
    assert int(words[8]) > 1000
    assert "/srv/secret" not in " ".join(words)
    assert "\n" not in words[6]


def test_behind_ssh_it_works_the_same(bundles: Path, tmp_path: Path) -> None:
    ssh = executable(tmp_path / "bin", "ssh", SSH)
    php = (ssh, "-T", "-o", "BatchMode=yes", "host", *standin_words("php", bundles))
    assert outcomes(EmbeddedApplication(php=php, path="/a b'c", timeout=20)) == (dict.fromkeys(RUNS, "whole"), 1)
