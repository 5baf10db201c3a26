"""`batch.php` under the real PHP, against an application with the library's class and method names."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from artisan_doubles import SSH, executable
from dwctl.bundle.canonical import decode
from dwctl.bundle.restoration import repair
from dwctl.embedded import batch
from dwctl.embedded.batch import BatchExporter, batch_works
from dwctl.embedded.captured import Captured, Target
from dwctl.embedded.export_one import export_one
from dwctl.embedded.positions import Position
from dwctl.errors import DwctlError, ExitCode
from embedded_doubles import (
    PhpApplication,
    jumping_clock,
    php_application,
    processes_with,
    write_bundle,
    write_small_bundles,
)
from sample_bundles import EXAMPLES, LOST_FRACTION, checksum_of, recorded_checksum, sealed, small_bundle

RUNS = ["run-1", "run-2", "run-3"]


@pytest.fixture
def app(tmp_path: Path) -> PhpApplication:
    """A fresh application with three runs."""
    made = php_application(tmp_path)
    write_small_bundles(made.bundles, len(RUNS))
    return made


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause before a process is started again is for the application, not for tests."""
    monkeypatch.setattr(batch, "_FIRST_PAUSE", 0.001)


def outcomes(app: PhpApplication, *php: str, **changes: Any) -> tuple[dict[str, Captured | DwctlError], int]:
    """What becomes of each run, and how often the application was booted."""
    with BatchExporter(app.reached(*php, **changes)) as exporter:
        found = {target.id: one for target, one in exporter.export_each([Target(run, True) for run in RUNS])}
    assert list(found) == RUNS
    return found, exporter.boots


def words(found: Mapping[str, Captured | DwctlError]) -> dict[str, str]:
    """The outcome of each run in a word."""
    return {run: str(one.reason) if isinstance(one, DwctlError) else "whole" for run, one in found.items()}


# --- the checksum stays true ----------------------------------------------------------------------------------------


def restored(content: bytes) -> bytes:
    """The bundle as it was before artisan's own command lost its zero fractions."""
    return content if checksum_of(content) == recorded_checksum(content) else repair(decode(content))[0]


def come_out_true(app: PhpApplication, paths: list[Path]) -> None:
    """Export every one of these bundles, and hold it against its file."""
    sources = {write_bundle(app.bundles, restored(path.read_bytes())): path for path in paths}
    assert len(sources) == len(paths)
    with BatchExporter(app.reached()) as exporter:
        for target, found in exporter.export_each([Target(run, True) for run in sources]):
            assert isinstance(found, Captured), (sources[target.id], found)
            source = (app.bundles / f"{target.id}.json").read_bytes()
            assert b"".join(decode(found.content).sealed_chunks()) == b"".join(decode(source).sealed_chunks())
            assert checksum_of(found.content) == recorded_checksum(found.content) == recorded_checksum(source)
        assert exporter.boots == 1


def test_every_example_comes_out_with_a_true_checksum(app: PhpApplication) -> None:
    come_out_true(app, [*EXAMPLES.glob("*.json"), LOST_FRACTION])


def test_every_bundle_of_the_corpus_comes_out_with_a_true_checksum(app: PhpApplication, shared: Path) -> None:
    paths = sorted((shared / "corpus" / "bundles").glob("*.json"))
    assert len(paths) == 65
    come_out_true(app, paths)


def test_an_application_that_prints_floats_otherwise_does_not_spoil_the_checksum(app: PhpApplication) -> None:
    app.behaves(serialize_precision="17")
    content = sealed(small_bundle({"workflow.search_attributes": {"amount": 0.1, "whole": 12.0}}))
    write_bundle(app.bundles, content)
    with BatchExporter(app.reached()) as exporter:
        found = exporter.export("run-1", run=True)
    assert b'"amount":0.1,"whole":12.0' in found.content
    assert checksum_of(found.content) == recorded_checksum(found.content)


def test_one_by_one_gives_what_the_command_prints(app: PhpApplication) -> None:
    content = sealed(small_bundle({"workflow.search_attributes": {"whole": 12.0}}))
    write_bundle(app.bundles, content)
    application = app.reached(artisan=("php", str(app.folder / "artisan")))
    found = export_one(application, "order-1", run=False)
    printed = subprocess.run(
        ["php", app.folder / "artisan", "workflow:v2:history-export", "order-1"], capture_output=True, check=True
    ).stdout
    assert found.content == printed
    assert b'"whole":12}' in printed
    with pytest.raises(DwctlError) as caught:
        export_one(application, "--version", run=True)
    assert caught.value.reason == "embedded_run_not_found"


# --- what comes out -------------------------------------------------------------------------------------------------


def test_the_application_is_booted_once_and_says_what_it_is(app: PhpApplication) -> None:
    with BatchExporter(app.reached()) as exporter:
        exporter.start()
        assert exporter.about is not None
        assert exporter.about.startswith("workflow 2.0.0-standin, Laravel 11.0.0-standin, PHP ")
        for run in RUNS:
            assert exporter.export(run, run=True).run_id == run
        assert exporter.boots == 1
    assert (app.folder / "scopes").read_text() == "..."  # let go of between two runs, as a queue worker does
    assert batch_works(app.reached()) is None


@pytest.mark.parametrize("behaviour", [{}, {"load": False}, {"load": False, "models": False}])
def test_an_instance_gives_its_current_run_whatever_the_library_has(
    app: PhpApplication, behaviour: dict[str, Any]
) -> None:
    app.behaves(**behaviour)
    with BatchExporter(app.reached()) as exporter:
        assert exporter.export("order-2", run=False).run_id == "run-2"
        for target, run in (("order-9", False), ("run-9", True), ("run-1", False)):
            with pytest.raises(DwctlError) as caught:
                exporter.export(target, run=run)
            assert (caught.value.reason, caught.value.exit_code) == ("embedded_run_not_found", ExitCode.NOT_FOUND)
        assert exporter.boots == 1


def test_a_run_id_that_is_given_for_an_instance_is_recognised(app: PhpApplication) -> None:
    app.has_rows([{"id": "run-2", "workflow_instance_id": "order-2"}])
    with BatchExporter(app.reached()) as exporter, pytest.raises(DwctlError) as caught:
        exporter.export("run-2", run=False)
    assert caught.value.reason == "embedded_run_not_found"
    assert caught.value.next_step == "run-2 is a run of instance order-2: name it as that run."


@pytest.mark.parametrize("hostile", ["--run", "it's", "$(touch x)", "a\nb", "é 漢", '"', "\\", "01 '; DROP TABLE x"])
def test_an_id_is_data_on_the_whole_way(app: PhpApplication, hostile: str) -> None:
    write_bundle(app.bundles, sealed(small_bundle({"workflow.run_id": hostile})))
    with BatchExporter(app.reached()) as exporter:
        assert exporter.export(hostile, run=True).run_id == hostile


@pytest.mark.parametrize("models", [True, False])
@pytest.mark.parametrize(
    ("zone", "stored", "told"),
    [
        ("UTC", "2026-11-22 22:11:34.036225", "2026-11-22T22:11:34.036225Z"),
        ("UTC", "2026-11-22 22:11:34", "2026-11-22T22:11:34.000000Z"),
        ("Europe/Berlin", "2026-11-22 23:11:34.036225", "2026-11-22T22:11:34.036225Z"),
        ("Asia/Tokyo", "2026-11-22 22:11:34.036225+00", "2026-11-22T22:11:34.036225Z"),
    ],
)
def test_positions_are_told_in_utc_whatever_the_application_s_zone(
    app: PhpApplication, models: bool, zone: str, stored: str, told: str
) -> None:
    app.behaves(time_zone=zone, models=models)
    rows = [
        {"id": f"run-{number}", "workflow_instance_id": f"order-{number}", "status": "waiting",
         "last_history_sequence": number, "last_progress_at": stored if number == 1 else None, "updated_at": stored}
        for number in (1, 2, 3)
    ]  # fmt: skip
    app.has_rows(rows)
    with BatchExporter(app.reached()) as exporter:
        found = exporter.positions(["run-1", "run-2", "run-9"])
    assert found == {
        "run-1": Position("run-1", "order-1", "waiting", 1, told, told),
        "run-2": Position("run-2", "order-2", "waiting", 2, None, told),
    }
    assert found["run-2"].dedupe_key == f"run-2:2:{told}"


def test_a_question_that_it_does_not_know_is_refused(app: PhpApplication) -> None:
    with BatchExporter(app.reached()) as exporter:
        with pytest.raises(DwctlError) as caught:
            exporter.ask({"ask": "weather"})
        assert caught.value.reason == "question_failed"
        assert exporter.export("run-1", run=True).run_id == "run-1"


# --- what goes wrong ------------------------------------------------------------------------------------------------


def test_what_the_application_prints_is_noise(app: PhpApplication) -> None:
    noise = 'Deprecated: {"x"} in {\n{"schema":"boot"}\n'
    app.behaves({"run-2": {"print": noise, "stderr": "to stderr\n"}}, boot={"print": "booting\n"})
    found, boots = outcomes(app)
    assert words(found) == dict.fromkeys(RUNS, "whole")
    assert boots == 1
    two = found["run-2"]
    assert isinstance(two, Captured)
    assert (two.noise, two.noise_bytes) == (noise.encode(), len(noise))


FAULTS: list[tuple[dict[str, Any], str, int, str]] = [
    ({"throw": "no such thing"}, "export_failed", 1, "RuntimeException: no such thing (autoload.php:"),
    ({"warn": "careful"}, "export_failed", 1, "ErrorException: careful"),
    ({"query": "select * from t where customer = 4711"}, "export_failed", 1, "PDOException: SQLSTATE[42S02]: no table"),
    ({"answer": "run-3"}, "export_wrong_run", 1, "gave run run-3 for run run-2"),
    ({"memory": True}, "batch_died", 3, "Allowed memory size of 33554432 bytes exhausted"),
    ({"exit": 0}, "batch_died", 3, "the application ended the process (exit or die)"),
    ({"signal": int(signal.SIGKILL)}, "batch_died", 3, "PHP ended by signal 9"),
    ({"signal": int(signal.SIGSEGV)}, "batch_died", 3, "PHP ended by signal 11"),
]


@pytest.mark.parametrize(("behaviour", "reason", "boots", "said"), FAULTS)
def test_a_run_that_fails_fails_alone_and_says_why(
    app: PhpApplication, behaviour: dict[str, Any], reason: str, boots: int, said: str
) -> None:
    app.behaves({"run-2": behaviour})
    found, booted = outcomes(app)
    assert (words(found), booted) == ({"run-1": "whole", "run-2": reason, "run-3": "whole"}, boots)
    error = found["run-2"]
    assert isinstance(error, DwctlError)
    assert said in error.message
    assert "4711" not in error.message
    assert processes_with(app.folder) == []


def test_a_death_that_does_not_come_again_costs_a_boot_and_no_run(app: PhpApplication) -> None:
    app.behaves({"run-2": {"memory": True, "once": "died"}})
    found, boots = outcomes(app)
    assert (words(found), boots) == (dict.fromkeys(RUNS, "whole"), 2)


def test_a_run_that_hangs_is_ended(app: PhpApplication) -> None:
    app.behaves({"run-2": {"hangs": "log", "stderr": "waiting\n", "seconds": 60}})
    clock = jumping_clock(app.folder / "log", "hangs")
    with BatchExporter(app.reached(timeout=10), clock=clock) as exporter:
        assert exporter.export("run-1", run=True).run_id == "run-1"
        with pytest.raises(DwctlError) as caught:
            exporter.export("run-2", run=True)
        assert exporter.export("run-3", run=True).run_id == "run-3"
    assert (caught.value.reason, caught.value.exit_code) == ("export_timeout", ExitCode.TIMEOUT)
    assert exporter.boots == 2
    assert processes_with(app.folder) == []


def test_a_process_whose_memory_fills_up_is_replaced_before_it_dies(app: PhpApplication) -> None:
    app.behaves(leak=20_000_000)
    found, boots = outcomes(app, "php", "-d", "memory_limit=64M")
    assert (words(found), boots) == (dict.fromkeys(RUNS, "whole"), 2)


UNBOOTED: list[tuple[dict[str, Any], str, int, str]] = [
    ({"boot": {"throw": "no key"}}, "embedded_boot_failed", 6, "RuntimeException: no key"),
    ({"boot": {"exit": 1}}, "embedded_boot_failed", 6, "ended the process"),
    ({"boot": {"memory": True}}, "embedded_boot_failed", 6, "Allowed memory size"),
    ({"library": False}, "export_command_missing", 8, "Workflow\\V2\\WorkflowStub::loadRun is not there"),
    ({"boot": {"seconds": 60}}, "export_timeout", 7, "did not boot within"),
]


@pytest.mark.parametrize(("behaviour", "reason", "code", "said"), UNBOOTED)
def test_an_application_that_does_not_boot_says_why(
    app: PhpApplication, behaviour: dict[str, Any], reason: str, code: int, said: str
) -> None:
    app.behaves(**behaviour)
    error = batch_works(app.reached(timeout=1.5 if code == 7 else 20))
    assert error is not None
    assert (error.reason, int(error.exit_code)) == (reason, code)
    assert said in error.message
    assert processes_with(app.folder) == []


def test_a_path_without_an_application_is_said(app: PhpApplication, tmp_path: Path) -> None:
    for path in (str(tmp_path), str(tmp_path / "nowhere")):
        error = batch_works(app.reached(path=path))
        assert error is not None
        assert (error.reason, error.where) == ("embedded_artisan_missing", "embedded.path")


def test_stdin_that_does_not_arrive_is_said(app: PhpApplication, tmp_path: Path) -> None:
    for text in ('exec "$@" </dev/null', 'head -c 100 | "$@"'):
        error = batch_works(app.reached(executable(tmp_path / "bin", "cut", f"#!/bin/sh\n{text}\n"), "php"))
        assert error is not None
        assert error.reason == "batch_not_fed", text


# --- ends -----------------------------------------------------------------------------------------------------------


def test_behind_ssh_everything_works_and_nothing_is_left(app: PhpApplication, tmp_path: Path) -> None:
    ssh = executable(tmp_path / "bin", "ssh", SSH)
    found, boots = outcomes(app, ssh, "-T", "-o", "BatchMode=yes", "host", "php")
    assert (words(found), boots) == (dict.fromkeys(RUNS, "whole"), 1)
    assert processes_with(app.folder) == []


def test_the_text_leaves_no_file_and_is_one_that_php_accepts(app: PhpApplication, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "TMPDIR": str(temporary)}
    found, _ = outcomes(app, environment=environment)
    assert words(found) == dict.fromkeys(RUNS, "whole")
    assert list(temporary.iterdir()) == []
    text = Path(batch.__file__).with_name("batch.php")
    assert subprocess.run(["php", "-l", text], capture_output=True, check=False).returncode == 0


HOLDS_IT_OPEN = """
import sys, time
from dwctl.embedded.application import EmbeddedApplication
from dwctl.embedded.batch import BatchExporter
exporter = BatchExporter(EmbeddedApplication(php=("php",), path=sys.argv[1]))
exporter.start()
print("booted", flush=True)
time.sleep(60)
"""


def test_a_php_whose_dwctl_was_killed_ends_by_itself(app: PhpApplication) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDS_IT_OPEN, app.folder], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"booted\n"
    (php,) = children_of(holder.pid)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    deadline = time.monotonic() + 10
    while is_alive(php) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_alive(php)


def children_of(pid: int) -> list[int]:
    """The processes that this one has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    """Whether the process is there; one that only waits to be buried is not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_without_signals_and_alarms_it_works_all_the_same(app: PhpApplication) -> None:
    found, boots = outcomes(app, "php", "-d", "disable_functions=pcntl_alarm,pcntl_signal")
    assert (words(found), boots) == (dict.fromkeys(RUNS, "whole"), 1)


def test_a_php_that_nobody_waits_for_any_more_ends_itself(app: PhpApplication) -> None:
    if "pcntl" not in subprocess.run(["php", "-m"], capture_output=True, text=True, check=True).stdout:
        pytest.skip("this php has no alarm")
    app.behaves({"run-1": {"seconds": 60}})
    text = Path(batch.__file__).with_name("batch.php").read_bytes()
    session = json.dumps({"token": "t", "path": str(app.folder), "alarm": 2}).encode()
    question = json.dumps({"number": 1, "ask": "run", "id": "run-1"}).encode()
    loader = "eval('?>'.stream_get_contents(STDIN, (int) $argv[1]));"
    ended = subprocess.run(
        ["php", "-r", loader, "--", str(len(text))], input=text + session + b"\n" + question + b"\n",
        capture_output=True, timeout=30, check=False,
    )  # fmt: skip
    assert ended.returncode == -signal.SIGALRM
    assert b"t ready 0 " in ended.stdout
