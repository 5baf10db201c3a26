"""`dwctl history-export --source embedded` from the command line to a stand-in for the application."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from embedded_doubles import php_application, write_bundle, write_small_bundles
from export_doubles import agree, bundles_in, cutover, error, export, log_lines, manifest
from sample_bundles import LEASED, LOST_FRACTION, ORDER, sealed
from server_cli import command

Capture = pytest.CaptureFixture[str]
EMBEDDED = ("--source", "embedded", "--output-dir", "exports")
BOTH_WAYS = pytest.mark.parametrize("way", ["--batch", "--no-batch"])


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a folder of its own, without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """An application with three runs, which `cutover.toml` names."""
    folder = tmp_path / "application"
    write_small_bundles(folder, 3)
    cutover(folder)
    return folder


def marker(word: str) -> list[str]:
    """A hook that leaves its word in a file, and what it inherits beside it."""
    text = f"import os; open('hooks.txt', 'a').write('{word}\\n'); open('env.json', 'w').write(repr(dict(os.environ)))"
    return [sys.executable, "-I", "-S", "-c", text]


FAILING = [sys.executable, "-I", "-S", "-c", "import sys; sys.exit('cannot')"]


def hooks_called() -> list[str]:
    """What the hooks have left."""
    return Path("hooks.txt").read_text().split() if Path("hooks.txt").exists() else []


# --- both ways ---------------------------------------------------------------------------------------------------


@BOTH_WAYS
def test_runs_are_exported_byte_for_byte_and_verified(runs: Path, capsys: Capture, way: str) -> None:
    code, found = export(capsys, "order-1", "order-2", "order-3/run-3", *EMBEDDED, way, "--jobs", "2")
    assert (code, found["way"], found["purpose"]) == (0, {"--batch": "batch", "--no-batch": "artisan"}[way], "import")
    assert found["summary"]["verdicts"] == {"ok": 3}
    entries = agree(Path("exports"))
    for run_id, entry in entries.items():
        # Artisan ends the document with a newline.
        assert (Path("exports") / entry["file"]).read_bytes().rstrip(b"\n") == (runs / f"{run_id}.json").read_bytes()
        assert entry["verdict"] == "ok"


@BOTH_WAYS
def test_what_is_exported_imports(runs: Path, capsys: Capture, way: str) -> None:
    assert export(capsys, "order-1", "order-2", *EMBEDDED, way)[0] == 0
    code, out, _ = command(capsys, "history-import", "exports", "--dry-run", "--offline", "--namespace", "production")
    assert code == 0
    assert "2 bundles: 2" in out


def test_trouble_with_the_file_of_one_run_is_no_trouble_of_the_others(runs: Path, capsys: Capture) -> None:
    assert export(capsys, "order-1", *EMBEDDED)[0] == 0
    (entry,) = agree(Path("exports")).values()
    kept = Path("exports") / entry["file"]
    kept.write_bytes(kept.read_bytes().replace(b"{", b"[", 1))
    foreign = Path("exports/order-2/run-2.json")
    foreign.parent.mkdir()
    foreign.write_text("mine")
    code, found = export(capsys, "order-1", "order-2", "order-3", *EMBEDDED)
    assert code == 10
    reasons = {run["target"]: run["error"] and run["error"]["reason"] for run in found["runs"]}
    assert reasons == {"order-1": "kept_file_changed", "order-2": "name_taken", "order-3": None}
    assert (found["summary"]["not_tried"], foreign.read_text()) == (0, "mine")


@BOTH_WAYS
def test_the_same_command_goes_on_where_it_stopped(runs: Path, capsys: Capture, way: str) -> None:
    Path("ids.txt").write_text("order-1\norder-2\norder-3\n")
    assert export(capsys, "order-2", *EMBEDDED, way)[0] == 0
    cutover(runs, log=runs / "log")
    code, found = export(capsys, "--ids-file", "ids.txt", *EMBEDDED, way)
    assert (code, found["summary"]["already_exported"], found["summary"]["exported"]) == (0, 1, 2)
    assert (runs / "log").read_text().count("run\n") == 2
    agree(Path("exports"))


@BOTH_WAYS
def test_refreshing_exports_what_moved_and_the_run_before_a_newer_one(runs: Path, capsys: Capture, way: str) -> None:
    assert export(capsys, "order-1", "order-2", *EMBEDDED, way)[0] == 0
    bundle = json.loads((runs / "run-1.json").read_bytes())
    del bundle["integrity"]
    ended = json.loads(json.dumps(bundle))
    ended["workflow"] |= {"is_current_run": False, "last_history_sequence": 3}
    ended["dedupe_key"] = "run-1:3:2026-11-22T22:11:34.036225Z"
    ended["history_events"].append(
        {"id": "event-3", "sequence": 3, "type": "ActivityScheduled", "workflow_command_id": None, "payload": {}}
    )
    bundle["workflow"] |= {"run_id": "run-1b", "run_number": 2}
    bundle["dedupe_key"] = "run-1b:2:2026-11-22T22:11:34.036225Z"
    write_bundle(runs, sealed(ended))
    write_bundle(runs, sealed(bundle))
    code, found = export(capsys, "order-1", "order-2", *EMBEDDED, way, "--refresh")
    states = {run["run_id"]: run["state"] for run in found["runs"]}
    assert states == {"run-1": "refreshed", "run-1b": "exported", "run-2": "already_exported"}
    assert code == 9  # the run that ended is not the current one any more: no importer takes it
    assert set(agree(Path("exports"))) == {"run-1", "run-1b", "run-2"}


@BOTH_WAYS
def test_a_refused_bundle_is_kept_counted_and_not_good(runs: Path, capsys: Capture, way: str) -> None:
    write_bundle(runs, LEASED.read_bytes())
    code, found = export(capsys, "order-1", "leased-1", *EMBEDDED, way)
    leased = next(run for run in found["runs"] if run["instance_id"] == "leased-1")
    assert (code, leased["state"], leased["standing"]) == (9, "exported", "refused")
    assert leased["rules"] == ["tasks.leased_task_present"]
    assert len(agree(Path("exports"))) == 2
    assert export(capsys, "leased-1", *EMBEDDED, way)[0] == 1


@BOTH_WAYS
def test_a_lost_fraction_is_restorable_and_imports(runs: Path, capsys: Capture, way: str) -> None:
    run_id = write_bundle(runs, LOST_FRACTION.read_bytes())
    code, found = export(capsys, f"/{run_id}", *EMBEDDED, way)
    assert (code, found["runs"][0]["standing"], found["summary"]["verdicts"]) == (0, "restorable", {"restorable": 1})
    assert list(bundles_in(Path("exports")).values()) == [LOST_FRACTION.read_bytes()]


@BOTH_WAYS
def test_noise_is_cut_away_and_reported(runs: Path, capsys: Capture, way: str) -> None:
    cutover(runs, noise=True)
    code, found = export(capsys, "order-1", *EMBEDDED, way)
    assert (code, found["summary"]["noisy"]) == (0, 1)
    assert found["runs"][0]["noise_bytes"] > 50
    (content,) = bundles_in(Path("exports")).values()
    assert content.rstrip(b"\n") == (runs / "run-1.json").read_bytes()
    code, out, _ = command(capsys, "history-export", "order-2", *EMBEDDED, way)
    assert (code, "1 export came with noise around the document" in out) == (0, True)


MISBEHAVIOUR: list[tuple[str, dict[str, Any], int, str]] = [
    ("--no-batch", {"half": True}, 6, "export_incomplete"),
    ("--no-batch", {"two": True}, 6, "export_ambiguous"),
    ("--no-batch", {"exit": 255}, 6, "export_ended_badly"),
    ("--no-batch", {"wrong": "run-2"}, 6, "export_wrong_run"),
    ("--no-batch", {"die": True}, 6, "export_failed"),
    ("--no-batch", {"hang": True}, 7, "export_timeout"),
    ("--batch", {"half": True}, 6, "batch_died"),
    ("--batch", {"interleave": True}, 6, "batch_damaged"),
    ("--batch", {"wrong": "run-2"}, 6, "export_wrong_run"),
    ("--batch", {"die": True}, 6, "batch_died"),
    ("--batch", {"hang": True}, 7, "export_timeout"),
]


@pytest.mark.parametrize(("way", "behaviour", "code", "reason"), MISBEHAVIOUR)
def test_an_application_that_misbehaves_on_one_run_has_its_outcome(
    runs: Path, capsys: Capture, way: str, behaviour: Mapping[str, Any], code: int, reason: str
) -> None:
    cutover(runs, on="run-1", timeout="3s" if "hang" in behaviour else "60s", **behaviour)
    found_code, found = export(capsys, "/run-1", *EMBEDDED, way)
    assert (found_code, found["runs"][0]["state"], found["runs"][0]["error"]["reason"]) == (code, "failed", reason)
    assert bundles_in(Path("exports")) == {}
    found_code, found = export(capsys, "/run-1", "/run-3", *EMBEDDED, way)
    assert (found_code, found["summary"]["exported"], found["summary"]["failed"]) == (9, 1, 1)
    assert set(agree(Path("exports"))) == {"run-3"}


def test_a_bundle_before_a_bad_end_is_whole_in_the_batch_process(runs: Path, capsys: Capture) -> None:
    cutover(runs, exit=255, on="run-1")
    assert export(capsys, "/run-1", "/run-2", *EMBEDDED, "--batch")[0] == 0
    assert set(agree(Path("exports"))) == {"run-1", "run-2"}


@BOTH_WAYS
def test_a_run_that_is_not_there_is_exit_code_5(runs: Path, capsys: Capture, way: str) -> None:
    code, found = export(capsys, "absent", *EMBEDDED, way)
    assert (code, found["runs"][0]["error"]["reason"]) == (5, "embedded_run_not_found")


def test_what_the_child_said_is_shown(runs: Path, capsys: Capture) -> None:
    cutover(runs, die=True, error="SQLSTATE[HY000] \x1b[31mgone")
    code, out, err = command(capsys, "history-export", "order-1", *EMBEDDED, "--no-batch")
    assert code == 6
    assert "SQLSTATE[HY000]" in out + err
    assert "\x1b" not in out + err


# --- which way -----------------------------------------------------------------------------------------------------


def test_one_process_is_the_default_where_it_works(runs: Path, capsys: Capture) -> None:
    code, found = export(capsys, "order-1", *EMBEDDED)
    assert (code, found["way"], found["batch_declined"]) == (0, "batch", None)


def test_where_it_does_not_work_the_reason_is_said(runs: Path, capsys: Capture) -> None:
    cutover(runs, no_stdin=True)
    code, found = export(capsys, "order-1", *EMBEDDED)
    assert (code, found["way"], found["batch_declined"]["reason"]) == (0, "artisan", "batch_not_fed")
    code, _, err = command(capsys, "history-export", "order-2", *EMBEDDED)
    assert code == 0
    assert "one PHP process for many runs does not work here, so each run is a call of its own" in err
    code, found = error(capsys, "order-3", *EMBEDDED, "--batch")
    assert (code, found["reason"]) == (6, "batch_not_fed")


def test_a_command_that_is_not_there_is_exit_code_2(runs: Path, capsys: Capture) -> None:
    Path("cutover.toml").write_text('[embedded]\nartisan = ["no-such-command-at-all", "artisan"]\n')
    code, found = export(capsys, "order-1", "order-2", *EMBEDDED, "--no-batch")
    assert (code, found["runs"][0]["error"]["reason"]) == (2, "application_not_started")
    assert found["summary"]["not_tried"] == 1


def test_an_application_that_is_not_set_is_exit_code_2(capsys: Capture) -> None:
    code, found = error(capsys, "order-1", *EMBEDDED)
    assert (code, found["reason"]) == (2, "application_not_set")


def test_the_real_php_gives_the_same_bundles(tmp_path: Path, capsys: Capture) -> None:
    application = php_application(tmp_path / "php")
    for path in (ORDER, LEASED):
        write_bundle(application.bundles, path.read_bytes())
    Path("cutover.toml").write_text(f'[embedded]\nphp = ["php"]\npath = {json.dumps(str(application.folder))}\n')
    code, found = export(capsys, "order-1001", "leased-1", *EMBEDDED)
    assert (code, found["way"], found["summary"]["verdicts"]) == (9, "batch", {"ok": 1, "refused": 1})
    agree(Path("exports"))


# --- quiescing and the hooks ---------------------------------------------------------------------------------------


def test_the_pause_outlives_the_export(runs: Path, capsys: Capture) -> None:
    cutover(runs, pause=marker("pause"), resume=marker("resume"))
    code, found = export(capsys, "order-1", *EMBEDDED, "--quiesce")
    assert (code, found["workers_paused"], hooks_called()) == (0, True, ["pause"])
    assert [(call["hook"], call["outcome"]) for call in found["hooks"]] == [("pause", "called"), ("pause", "done")]
    assert log_lines(Path("exports")) == [("pause", "called"), ("pause", "done")]
    assert "still paused" in found["next_steps"][-1]
    assert "dwctl history-import exports" in found["next_steps"][-1]
    assert "dwctl embedded parked" in found["next_steps"][-1]
    assert "go on" not in found["next_steps"][-1]
    # Nothing is new the second time, and still what was exported must not move.
    code, _, err = command(capsys, "history-export", "order-1", *EMBEDDED, "--quiesce")
    assert (code, hooks_called()) == (0, ["pause", "pause"])
    assert "The embedded workers are still paused" in err


def test_the_hooks_are_called_only_on_request(runs: Path, capsys: Capture) -> None:
    cutover(runs, pause=marker("pause"), resume=marker("resume"))
    code, found = export(capsys, "order-1", *EMBEDDED)
    assert (code, found["workers_paused"], found["hooks"], hooks_called()) == (0, False, [], [])


def test_workers_go_on_where_nothing_was_exported(runs: Path, capsys: Capture) -> None:
    cutover(runs, pause=marker("pause"), resume=marker("resume"))
    code, found = export(capsys, "absent", *EMBEDDED, "--quiesce")
    assert (code, found["workers_paused"], hooks_called()) == (5, False, ["pause", "resume"])
    assert log_lines(Path("exports"))[-1] == ("resume", "done")


def test_nothing_exported_now_is_not_nothing_exported(runs: Path, capsys: Capture) -> None:
    """Exports of an earlier run of the command are in the folder: those runs must not wake up either."""
    cutover(runs, pause=marker("pause"), resume=marker("resume"))
    assert export(capsys, "order-1", *EMBEDDED, "--quiesce")[0] == 0
    code, found = export(capsys, "absent", *EMBEDDED, "--quiesce")
    assert (code, found["workers_paused"], hooks_called()) == (5, True, ["pause", "pause"])


def test_workers_go_on_after_the_export_on_request(runs: Path, capsys: Capture) -> None:
    cutover(runs, pause=marker("pause"), resume=marker("resume"))
    code, found = export(capsys, "order-1", *EMBEDDED, "--quiesce", "--resume-after-export")
    assert (code, found["workers_paused"], hooks_called()) == (0, False, ["pause", "resume"])


def test_a_resume_that_fails_is_said_and_is_exit_code_9(runs: Path, capsys: Capture) -> None:
    cutover(runs, pause=marker("pause"), resume=FAILING)
    code, found = export(capsys, "order-1", *EMBEDDED, "--quiesce", "--resume-after-export")
    assert (code, found["workers_paused"], found["hook_error"]["reason"]) == (9, True, "hook_failed")
    assert "cannot" in found["hook_error"]["message"]


def test_a_resume_that_is_not_set_is_said(runs: Path, capsys: Capture) -> None:
    cutover(runs, pause=marker("pause"))
    code, found = export(capsys, "order-1", *EMBEDDED, "--quiesce", "--resume-after-export")
    assert (code, found["workers_paused"], found["hook_error"]["reason"]) == (9, True, "hook_not_set")


@pytest.mark.parametrize(
    ("words", "code", "reason", "undone"),
    [
        (FAILING, 6, "hook_failed", ["resume"]),
        (["no-such-command-at-all"], 2, "hook_not_started", []),
        ([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"], 7, "hook_timed_out", ["resume"]),
    ],
)
def test_a_pause_that_fails_is_undone_and_exports_nothing(
    runs: Path, capsys: Capture, words: list[str], code: int, reason: str, undone: list[str]
) -> None:
    cutover(runs, pause=words, resume=marker("resume"), timeout="1s")
    found_code, found = error(capsys, "order-1", *EMBEDDED, "--quiesce", "--no-batch")
    assert (found_code, found["reason"], hooks_called()) == (code, reason, undone)
    assert bundles_in(Path("exports")) == {}
    assert log_lines(Path("exports"))[0] == ("pause", "called")


def test_hooks_of_one_file_are_on_record_in_the_answer_and_on_stderr(runs: Path, capsys: Capture) -> None:
    cutover(runs, pause=marker("pause"))
    code, _, err = command(capsys, "history-export", "order-1", "--source", "embedded", "-o", "one.json", "--quiesce")
    assert code == 0
    assert err.count('"hook": "pause"') == 2
    assert "run `dwctl history-import the bundle`" not in err
    assert "dwctl history-import one.json" in err


def test_no_secret_reaches_a_child(runs: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DW_ADMIN_TOKEN", "tok-planted")
    monkeypatch.setenv("DB_URL", "mysql://root:planted@db/app")
    cutover(runs, pause=marker("pause"))
    with Path("cutover.toml").open("a") as file:
        file.write('database_url_env = "DB_URL"\n')
    assert export(capsys, "order-1", *EMBEDDED, "--quiesce")[0] == 0
    assert "planted" not in Path("env.json").read_text()
    assert "PATH" in Path("env.json").read_text()


def test_the_manifest_says_how_each_was_exported(runs: Path, capsys: Capture) -> None:
    assert export(capsys, "order-1", *EMBEDDED, "--batch")[0] == 0
    assert export(capsys, "order-2", *EMBEDDED, "--no-batch")[0] == 0
    exporters = [entry["exporter"] for entry in manifest(Path("exports")).values()]
    assert [exporter.rpartition(", ")[2] for exporter in exporters] == ["batch", "artisan"]
    assert str(Path.cwd()) not in "".join(exporters)
