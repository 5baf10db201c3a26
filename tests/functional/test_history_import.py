"""`dwctl history-import` from the command line to a server on a real socket: every outcome and every exit code."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from artisan_doubles import application
from dwctl import __version__
from dwctl.errors import ExitCode
from dwctl.server.retries import RetryPolicy
from fresh_ledgers import command
from import_doubles import report
from output_schemas import document, lines
from sample_bundles import (
    EXAMPLES,
    LEASED,
    LOST_FRACTION,
    ORDER,
    RECORDED,
    SIGNED,
    SIGNING_KEY,
    WAITING,
    Bundle,
    sealed,
    small_bundle,
)
from standin import Behaviour, Fault, FaultKind, ImportedRun, RunningStandIn, Store, serve

CANCELLED = RECORDED / "06-cancelled.json"
IMPORT = "/import/embedded-v2"
FOREVER = 20
UPDATE = bool(os.environ.get("DWCTL_UPDATE_SNAPSHOTS"))
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a folder of its own, without settings, and no retry takes its time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("dwctl.server.transport.RetryPolicy", lambda: RetryPolicy(first=0.001, longest=0.001))


@pytest.fixture(scope="module")
def standing() -> Iterator[RunningStandIn]:
    """One stand-in for all tests of this module."""
    with serve() as started:
        yield started


@pytest.fixture
def running(standing: RunningStandIn, monkeypatch: pytest.MonkeyPatch) -> RunningStandIn:
    """The stand-in as new, named by the environment; its namespaces prune nothing, whatever the clock says."""
    standing.app.behaviour, standing.app.store, standing.app.received = Behaviour(), Store(), []
    for namespace in standing.app.store.namespaces.values():
        namespace["retention_days"] = 36_500
    monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", standing.url)
    monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "production")
    return standing


def imported(capsys: Capture, *arguments: object) -> tuple[int, dict[str, Any]]:
    """Exit code and document of one import, held against its schema."""
    code, out, _ = command(capsys, "history-import", *map(str, arguments), "--json")
    found = document(out, "history-import")
    assert found["summary"]["exit_code"] == code
    return code, found


def import_one(capsys: Capture, *arguments: object) -> tuple[int, dict[str, Any]]:
    """Exit code and the one bundle of an import."""
    code, found = imported(capsys, *arguments)
    (bundle,) = found["bundles"]
    return code, bundle


def ended_before(capsys: Capture, *arguments: object) -> tuple[int, dict[str, Any]]:
    """Exit code and error of an import that ended before anything was sent."""
    code, out, _ = command(capsys, "history-import", *map(str, arguments), "--json")
    return code, document(out, "error")


def states(found: dict[str, Any]) -> list[str]:
    """The states of ORDER, LEASED, a missing file and WAITING, which end in whatever order."""
    by_name = {Path(bundle["file"]).name: bundle["state"] for bundle in found["bundles"]}
    return [by_name[name] for name in (ORDER.name, LEASED.name, "nowhere.json", WAITING.name)]


def write(bundle: Bundle, name: str = "bundle.json") -> Path:
    """A sealed bundle as a file."""
    file = Path(name)
    file.write_bytes(sealed(bundle))
    return file


def posts(running: RunningStandIn) -> list[Any]:
    """The requests to the importer."""
    return [seen for seen in running.app.received if seen.path.endswith(IMPORT)]


# --- done ------------------------------------------------------------------------------------------------------


def test_a_bundle_is_imported_and_proven(running: RunningStandIn, capsys: Capture) -> None:
    code, out, err = command(capsys, "history-import", str(ORDER))
    assert code == ExitCode.DONE
    assert "1 bundle: 1 imported. YES: all imported and proven." in out
    assert "proof: proven: workflow_id, run_id, workflow_type, task_queue, namespace, status, history" in out
    assert re.search(r"import id dwctl-[0-9a-z]{26}, namespace production", err)
    assert running.app.store.commits == 1
    probe, asked, sent = posts(running)
    assert sent.body == ORDER.read_bytes()
    assert {seen.headers["content-type"] for seen in (probe, asked, sent)} == {"application/JSON"}
    assert [seen.query.get("dry_run") for seen in (probe, asked, sent)] == ["1", "1", None]


def test_the_document_has_verdict_report_and_proof_of_each_bundle(running: RunningStandIn, capsys: Capture) -> None:
    code, found = imported(capsys, ORDER, WAITING, "--import-id", "orders-1")
    assert code == ExitCode.DONE
    assert {key: found[key] for key in ("dry_run", "offline", "server", "namespace", "import_id")} == {
        "dry_run": False, "offline": False, "server": running.url, "namespace": "production", "import_id": "orders-1",
    }  # fmt: skip
    used = found["summary"].pop("run")
    assert used["concurrency"] == {"most": 4, "lowest": 4, "last": 4, "cuts": {}}
    assert [one["file"] for one in used["slowest"]]
    assert found["summary"] == {
        "total": 2, "would_import": 0, "imported": 2, "already_imported": 0, "done": 0, "refused": 0, "failed": 0,
        "unknown": 0, "not_tried": 0, "blocked": 0, "moved": 0, "skipped": 0, "proven": 2, "repaired": 0, "resealed": 0,
        "archived": 0, "compared_again": 0, "reasons": {}, "skipped_because": {}, "exit_code": 0,
    }  # fmt: skip
    (first,) = (bundle for bundle in found["bundles"] if bundle["file"] == str(ORDER))
    assert (first["file"], first["verdict"], first["state"], first["way"]) == (
        str(ORDER),
        "ok",
        "imported",
        "byte-exact",
    )
    assert (first["report"]["status"], first["report"]["import_id"]) == ("imported", "orders-1")
    assert first["proof"]["state"] == "proven"
    assert {one["name"] for one in first["proof"]["comparisons"] if one["holds"]} >= {"run_id", "namespace", "history"}
    assert (first["error"], first["repaired"], first["foreseen"]) == (None, None, [])
    assert {run.import_id for run in running.app.store.runs.values()} == {"orders-1"}


def test_the_lines_are_the_bundles_of_the_document(running: RunningStandIn, capsys: Capture) -> None:
    command(capsys, "history-import", str(EXAMPLES))
    code, found = imported(capsys, EXAMPLES, "--import-id", "x")
    ended, out, _ = command(capsys, "history-import", str(EXAMPLES), "--import-id", "x", "--output", "jsonl")
    assert ended == code == ExitCode.PARTLY
    by_file = {bundle["file"]: bundle for bundle in found["bundles"]}
    assert {bundle["file"]: bundle for bundle in lines(out, "history-import", "bundle")} == by_file
    assert len(by_file) == len(found["bundles"])


def test_an_import_id_is_made_once_for_all_bundles(running: RunningStandIn, capsys: Capture) -> None:
    _, found = imported(capsys, ORDER, WAITING)
    assert re.fullmatch(r"dwctl-[0-9a-z]{26}", found["import_id"])
    assert {run.import_id for run in running.app.store.runs.values()} == {found["import_id"]}
    _, again = imported(capsys, ORDER)
    assert again["import_id"] != found["import_id"]


def test_repeating_it_compares_and_changes_nothing(running: RunningStandIn, capsys: Capture) -> None:
    running.app.behaviour.shows_import_markers = True
    assert imported(capsys, ORDER, "--import-id", "first")[0] == ExitCode.DONE
    code, bundle = import_one(capsys, ORDER, "--import-id", "second")
    assert (code, bundle["state"], bundle["proof"]["state"]) == (ExitCode.DONE, "already_imported", "proven")
    assert running.app.store.commits == 1
    assert len(posts(running)) == 3 + 3


def test_the_namespace_is_folded_as_the_server_folds_it(running: RunningStandIn, capsys: Capture) -> None:
    code, found = imported(capsys, ORDER, "--namespace", "Production")
    assert (code, found["namespace"]) == (ExitCode.DONE, "production")


def test_a_worker_that_is_faster_than_we_are_is_no_difference(running: RunningStandIn, capsys: Capture) -> None:
    imported(capsys, WAITING)
    (run,) = running.app.store.runs.values()
    last = run.bundle["history_events"][-1]["sequence"]
    run.status = "completed"
    run.further = [{"sequence": last + 1, "event_type": "WorkflowCompleted", "timestamp": None, "payload": []}]
    code, bundle = import_one(capsys, WAITING)
    assert (code, bundle["proof"]["state"]) == (ExitCode.DONE, "proven")


def test_where_describe_fails_the_runs_and_the_history_prove_it(running: RunningStandIn, capsys: Capture) -> None:
    imported(capsys, ORDER)
    next(iter(running.app.store.runs.values())).describe_fails = True
    code, bundle = import_one(capsys, ORDER)
    assert (code, bundle["proof"]["state"]) == (ExitCode.DONE, "proven")


def test_a_lost_fraction_is_restored_on_the_fly(running: RunningStandIn, capsys: Capture) -> None:
    code, bundle = import_one(capsys, LOST_FRACTION)
    assert (code, bundle["state"], bundle["verdict"]) == (ExitCode.DONE, "imported", "warning")
    assert {one["rule"] for one in bundle["foreseen"]} == {"target.nobody_serves"}
    assert bundle["reference"]["integrity_status"] == "ok"
    repaired = bundle["repaired"]
    assert repaired["file_sha256"] == hashlib.sha256(LOST_FRACTION.read_bytes()).hexdigest()
    assert repaired["sent_sha256"] == hashlib.sha256(posts(running)[-1].body).hexdigest() != repaired["file_sha256"]
    _, out, _ = command(capsys, "history-import", str(LOST_FRACTION))
    assert repaired["file_sha256"] in out
    assert repaired["sent_sha256"] in out
    assert all(f"the fraction at {path} was restored" in out for path in repaired["restored_paths"])


def test_what_does_not_travel_is_said(running: RunningStandIn, capsys: Capture) -> None:
    file = write(small_bundle({"workflow.run_timeout_seconds": 60}))
    code, out, _ = command(capsys, "history-import", str(file))
    assert code == ExitCode.DONE
    assert "does not travel: timeouts" in out
    _, bundle = import_one(capsys, file)
    assert [row["what"] for row in bundle["left_behind"]] == ["timeouts", "open_timers"]


# --- asked, and not done ---------------------------------------------------------------------------------------

WAYS = {
    "nothing in between": {},
    "the query dropped": {"drops_query": True},
    "the media type normalised": {"normalises_media_type": True},
    "the media type refused": {"refuses_exact_media_type": True},
}


@pytest.mark.parametrize("behaviour", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("more", [(), ("--require-signature", "--signing-key", "x"), ("--no-repair",)], ids=" ".join)
def test_a_dry_run_changes_nothing_whatever_stands_in_between(
    running: RunningStandIn, capsys: Capture, behaviour: dict[str, bool], more: tuple[str, ...]
) -> None:
    for name, value in behaviour.items():
        setattr(running.app.behaviour, name, value)
    code, found = imported(capsys, EXAMPLES, CANCELLED, LOST_FRACTION, "--dry-run", *more)
    assert code == ExitCode.NO
    assert {bundle["state"] for bundle in found["bundles"]} <= {"would_import", "refused"}
    assert (running.app.store.commits, running.app.store.runs) == (0, {})


def test_a_dry_run_says_what_would_be(running: RunningStandIn, capsys: Capture) -> None:
    code, out, err = command(capsys, "history-import", str(ORDER), "--dry-run")
    assert code == ExitCode.DONE
    assert "would_import" in out
    assert "YES: all would be imported." in out
    assert err == ""
    code, bundle = import_one(capsys, ORDER, "--dry-run")
    assert (bundle["state"], bundle["report"]["dry_run"], bundle["proof"]) == ("would_import", True, None)


def test_a_dry_run_of_what_is_there_says_that_nothing_is_left(running: RunningStandIn, capsys: Capture) -> None:
    assert imported(capsys, ORDER)[0] == ExitCode.DONE
    code, out, _ = command(capsys, "history-import", str(ORDER), "--dry-run", "--report", "markdown=r.md")
    last = out.splitlines()[-1]
    assert (code, last) == (ExitCode.DONE, "1 bundle: 1 already imported. YES: nothing is left to import.")
    text = Path("r.md").read_text("utf-8")
    assert "**Yes.** 1 bundle is on the server already, compared, and the same: nothing is left to import." in text
    assert "Next steps" not in text
    code, out, _ = command(capsys, "history-import", str(ORDER), str(WAITING), "--dry-run", "--report", "markdown=s.md")
    assert (code, out.splitlines()[-1]) == (
        ExitCode.DONE, "2 bundles: 1 would import, 1 already imported. YES: all the others would be imported.",
    )  # fmt: skip
    text = Path("s.md").read_text("utf-8")
    assert "**Yes.** 1 of 2 bundles would be imported; 1 on the server already." in text
    assert f"dwctl history-import {WAITING}" in text


def test_a_dry_run_of_what_is_there_and_differs_is_no_yes_in_its_report_either(
    running: RunningStandIn, capsys: Capture
) -> None:
    assert imported(capsys, ORDER)[0] == ExitCode.DONE
    next(iter(running.app.store.runs.values())).pruned = True
    code, _, _ = command(capsys, "history-import", str(ORDER), "--dry-run", "--report", "markdown=r.md")
    text = Path("r.md").read_text("utf-8")
    assert code == ExitCode.NO
    assert "**No.** 0 of 1 bundles would be imported; 1 different there." in text
    assert "gone, pruned by retention" in text


def test_a_dry_run_without_a_server_says_that_none_was_asked(capsys: Capture) -> None:
    code, out, err = command(capsys, "history-import", str(ORDER), "--dry-run")
    assert code == ExitCode.DONE
    assert "no server is configured" in err
    assert "as far as can be known offline" in out


# --- no --------------------------------------------------------------------------------------------------------


def test_a_bundle_that_we_refuse_is_not_sent(running: RunningStandIn, capsys: Capture) -> None:
    code, bundle = import_one(capsys, LEASED)
    assert (code, bundle["state"], bundle["report"]) == (ExitCode.NO, "refused", None)
    assert posts(running) == []


def test_without_repair_a_lost_fraction_is_refused(running: RunningStandIn, capsys: Capture) -> None:
    code, bundle = import_one(capsys, LOST_FRACTION, "--no-repair")
    assert (code, bundle["state"], bundle["repaired"]) == (ExitCode.NO, "refused", None)
    assert posts(running) == []


def test_a_run_that_moved_on_is_refused_by_the_server(running: RunningStandIn, capsys: Capture) -> None:
    imported(capsys, write(small_bundle()))
    code, bundle = import_one(capsys, write(small_bundle({"dedupe_key": "run-1:9:later"})))
    assert (code, bundle["state"]) == (ExitCode.NO, "refused")
    _, out, _ = command(capsys, "history-import", "bundle.json")
    assert "target.run_id_conflict" in out
    assert "fix: Compare both: `dwctl workflow show` and `dwctl bundle show`." in out


def test_a_link_row_that_is_taken_is_told_without_the_values_of_the_sql(
    running: RunningStandIn, capsys: Capture
) -> None:
    assert imported(capsys, EXAMPLES / "chain-sub-1-run-1.json")[0] == ExitCode.DONE
    next(iter(running.app.store.runs.values())).pruned = True  # so no list shows it, and its link row is still there
    code, bundle = import_one(capsys, EXAMPLES / "chain-sub-1-run-2.json")
    assert (code, bundle["state"], bundle["report"]["status"]) == (ExitCode.NO, "refused", "rejected")
    (error,) = bundle["report"]["eligibility"]["errors"]
    assert error["rule"] == "target.write_failed"
    assert "UNIQUE constraint failed: workflow_links" in error["message"]
    assert "insert into" not in json.dumps(bundle)
    _, out, _ = command(capsys, "history-import", str(EXAMPLES / "chain-sub-1-run-2.json"))
    assert "it says: SQLSTATE[23000]" in out
    assert "insert into" not in out


def test_an_instance_id_that_is_taken_is_foreseen(running: RunningStandIn, capsys: Capture) -> None:
    other = small_bundle({"workflow.run_id": "run-9"})
    running.app.store.runs["run-9"] = ImportedRun(other, "production", None, "k", "waiting")
    code, bundle = import_one(capsys, write(small_bundle()))
    assert (code, bundle["state"]) == (ExitCode.NO, "refused")
    assert "target.instance_id_taken" in {finding["rule"] for finding in bundle["foreseen"]}
    assert running.app.store.commits == 0


def test_a_bundle_over_the_limit_is_foreseen_with_the_way_out(running: RunningStandIn, capsys: Capture) -> None:
    running.app.behaviour.max_payload_bytes = 10_000
    code, out, _ = command(capsys, "history-import", str(ORDER))
    assert code == ExitCode.NO
    assert "transit.too_large" in out
    assert "--via artisan" in out
    assert posts(running) == []


@pytest.mark.parametrize("behaviour", list(WAYS.values())[1:], ids=list(WAYS)[1:])
def test_a_bundle_that_would_be_damaged_on_the_way_is_refused_with_the_reason(
    running: RunningStandIn, capsys: Capture, behaviour: dict[str, bool]
) -> None:
    for name, value in behaviour.items():
        setattr(running.app.behaviour, name, value)
    code, bundle = import_one(capsys, CANCELLED)
    assert (code, bundle["state"]) == (ExitCode.NO, "refused")
    assert [finding["rule"] for finding in bundle["foreseen"]] == ["transit.would_be_rewritten"]
    assert len(posts(running)) == 1
    code, bundle = import_one(capsys, ORDER)
    assert (code, bundle["way"], bundle["proof"]["state"]) == (ExitCode.DONE, "json-envelope", "proven")
    assert ORDER.read_bytes() in posts(running)[-1].body


def test_a_run_that_closed_before_the_retention_is_warned_of_and_imported(
    running: RunningStandIn, capsys: Capture
) -> None:
    running.app.store.namespaces["production"]["retention_days"] = 30
    changes = {"workflow.status": "completed", "history_complete": True, "workflow.closed_at": "2020-01-01T00:00:00Z"}
    file = write(small_bundle(changes))
    code, out, _ = command(capsys, "history-import", str(file))
    assert code == ExitCode.DONE
    assert "target.retention_would_prune" in out
    running.app.store.namespaces["production"]["retention_mode"] = "forever"
    _, bundle = import_one(capsys, file)
    assert [finding["rule"] for finding in bundle["foreseen"]] == ["target.run_present"]


def test_an_empty_history_is_pruned_and_not_0(running: RunningStandIn, capsys: Capture) -> None:
    imported(capsys, ORDER)
    next(iter(running.app.store.runs.values())).pruned = True
    code, bundle = import_one(capsys, ORDER)
    assert (code, bundle["state"], bundle["proof"]["state"]) == (ExitCode.NO, "already_imported", "pruned")
    _, out, _ = command(capsys, "history-import", str(ORDER))
    assert "its history is gone (retention)" in out
    assert "1 not proven" in out
    assert "NO: not all imported and proven" in out


def test_already_imported_into_another_namespace_is_not_0(running: RunningStandIn, capsys: Capture) -> None:
    assert imported(capsys, ORDER, "--namespace", "default")[0] == ExitCode.DONE
    code, bundle = import_one(capsys, ORDER)
    assert (code, bundle["state"], bundle["proof"]) == (ExitCode.NO, "refused", None)
    assert "target.run_elsewhere" in [one["rule"] for one in bundle["foreseen"]]


@pytest.mark.parametrize(("name", "value"), [("status", "failed"), ("bundle", small_bundle())])
def test_a_run_that_is_not_as_the_bundle_says_is_not_0(
    running: RunningStandIn, capsys: Capture, name: str, value: Any
) -> None:
    imported(capsys, ORDER)
    (run,) = running.app.store.runs.values()
    if name == "bundle":
        value = run.bundle | {"history_events": value["history_events"]}
    setattr(run, name, value)
    code, bundle = import_one(capsys, ORDER)
    assert (code, bundle["proof"]["state"]) == (ExitCode.NO, "differs")


# --- signatures ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "server_key", "code", "state"),
    [
        (SIGNING_KEY, SIGNING_KEY, ExitCode.DONE, "imported"),
        (SIGNING_KEY, None, ExitCode.NO, "refused"),
        ("wrong", SIGNING_KEY, ExitCode.NO, "refused"),
        (None, SIGNING_KEY, ExitCode.NO, "refused"),
    ],
)
def test_a_required_signature_is_verified_here_and_there(
    running: RunningStandIn, capsys: Capture, key: str | None, server_key: str | None, code: ExitCode, state: str
) -> None:
    running.app.store.signing_key = None if server_key is None else server_key.encode()
    arguments: list[object] = [SIGNED, "--require-signature"]
    if key is not None:
        Path("key").write_text(key + "\n")
        arguments += ["--signing-key-file", "key"]
    ended, bundle = import_one(capsys, *arguments)
    assert (ended, bundle["state"]) == (code, state)


def test_a_key_is_sent_only_on_request_and_only_in_the_body(running: RunningStandIn, capsys: Capture) -> None:
    Path("key").write_text(SIGNING_KEY)
    file = write(small_bundle())
    assert imported(capsys, file, "--signing-key-file", "key")[0] == ExitCode.DONE
    assert all(SIGNING_KEY.encode() not in seen.body for seen in running.app.received)
    running.app.store.runs.clear()
    code, bundle = import_one(capsys, file, "--signing-key-file", "key", "--send-signing-key")
    assert (code, bundle["way"]) == (ExitCode.DONE, "json-envelope")
    assert json.loads(posts(running)[-1].body)["signing_key"] == SIGNING_KEY
    assert all(SIGNING_KEY not in f"{seen.path}{seen.query}{seen.headers}" for seen in running.app.received)


def test_a_key_is_not_sent_where_the_body_would_be_rewritten(running: RunningStandIn, capsys: Capture) -> None:
    Path("key").write_text(SIGNING_KEY)
    code, bundle = import_one(capsys, CANCELLED, "--signing-key-file", "key", "--send-signing-key")
    assert (code, bundle["state"]) == (ExitCode.NO, "refused")
    assert posts(running) == []


# --- what cannot be asked --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--offline",), "--offline imports nothing"),
        (("--send-signing-key",), "--send-signing-key needs a key"),
        (("--send-signing-key", "--signing-key", "k", "--via", "artisan"), "goes over HTTP"),
        (("--send-signing-key", "--signing-key", " k"), "cannot be sent"),
        (("--import-id", ""), "an import id is"),
        (("--import-id", "  "), "an import id is"),
        (("--import-id", "x" * 65), "an import id is"),
        (("--import-id", "\udcff"), "an import id is"),
        (("--via", "artisan"), "how to run PHP"),
        (("--via", "pigeon"), "pigeon"),
        (("--max-bundle-size", "big"), "not a size"),
    ],
)
def test_a_request_that_cannot_be_made_is_2(
    running: RunningStandIn, capsys: Capture, arguments: tuple[str, ...], said: str
) -> None:
    code, out, err = command(capsys, "history-import", str(ORDER), *arguments)
    assert (code, out) == (ExitCode.USAGE, "")
    assert said in err
    assert posts(running) == []


@pytest.mark.parametrize("missing", ["DURABLE_WORKFLOW_SERVER_URL", "DURABLE_WORKFLOW_NAMESPACE"])
def test_server_and_namespace_have_no_default_for_an_import(
    running: RunningStandIn, capsys: Capture, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.delenv(missing)
    code, out, err = command(capsys, "history-import", str(ORDER))
    assert (code, out) == (ExitCode.USAGE, "")
    assert "nobody said which one" in err
    assert running.app.received == []


def test_nothing_to_import_is_2(running: RunningStandIn, capsys: Capture) -> None:
    Path("empty").mkdir()
    assert command(capsys, "history-import", "empty")[0] == ExitCode.USAGE
    assert command(capsys, "history-import")[0] == ExitCode.USAGE
    code, bundle = import_one(capsys, "nowhere.json")
    assert (code, bundle["state"], bundle["error"]["exit_code"]) == (ExitCode.USAGE, "failed", 2)


def test_an_unreachable_server_is_3(capsys: Capture) -> None:
    arguments = (str(ORDER), "--server", "http://127.0.0.1:1", "--namespace", "production")
    code, out, err = command(capsys, "history-import", *arguments)
    assert (code, out) == (ExitCode.NETWORK, "")
    assert "127.0.0.1:1 was not reached: connection refused" in err
    code, out, _ = command(capsys, "history-import", *arguments, "--json")
    assert document(out, "error")["exit_code"] == code == ExitCode.NETWORK


TOKENS = {"admin": "tok-admin", "operator": "tok-operator", "worker": "tok-worker"}


@pytest.mark.parametrize(
    ("role", "reason", "said"),
    [("operator", "forbidden", "needed is admin"), ("worker", "forbidden", "admin"), (None, "unauthorized", "token")],
)
def test_a_token_without_the_right_is_4_and_no_stronger_one_is_tried(
    running: RunningStandIn, capsys: Capture, monkeypatch: pytest.MonkeyPatch, role: str | None, reason: str, said: str
) -> None:
    running.app.behaviour.auth, running.app.behaviour.tokens = "token", TOKENS
    monkeypatch.setenv("DW_ADMIN_TOKEN", TOKENS["admin"])
    token = TOKENS[role] if role is not None else "wrong"
    code, out, err = command(capsys, "history-import", str(ORDER), str(WAITING), "--token", token)
    assert code == ExitCode.AUTH
    assert reason in out + err
    assert said in out + err
    assert {seen.headers["authorization"] for seen in running.app.received} == {f"Bearer {token}"}
    assert len(posts(running)) <= 1


def test_each_call_uses_the_least_role(
    running: RunningStandIn, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.app.behaviour.auth, running.app.behaviour.tokens = "token", TOKENS
    monkeypatch.setenv("DW_ADMIN_TOKEN", TOKENS["admin"])
    monkeypatch.setenv("DW_OPERATOR_TOKEN", TOKENS["operator"])
    assert imported(capsys, ORDER)[0] == ExitCode.DONE
    used = {(seen.method, seen.headers["authorization"]) for seen in running.app.received}
    assert used == {("GET", "Bearer tok-operator"), ("POST", "Bearer tok-admin")}


def test_a_namespace_that_is_not_there_is_5(running: RunningStandIn, capsys: Capture) -> None:
    code, out, err = command(capsys, "history-import", str(ORDER), "--namespace", "orders")
    assert (code, out) == (ExitCode.NOT_FOUND, "")
    assert "dwctl namespace ensure" in err
    assert posts(running) == []


def test_a_server_in_trouble_is_6(running: RunningStandIn, capsys: Capture) -> None:
    running.app.behaviour.faults = [Fault(FaultKind.ANSWER, IMPORT, status=500, body=b'{"message":"Server Error"}')]
    code, error = ended_before(capsys, ORDER)
    assert (code, error["exit_code"]) == (ExitCode.SERVER, 6)
    assert running.app.store.commits == 0


def test_a_server_that_does_not_answer_in_time_is_7(running: RunningStandIn, capsys: Capture) -> None:
    running.app.behaviour.faults = [Fault(FaultKind.STALL, "/workflows")] * FOREVER
    code, error = ended_before(capsys, ORDER, "--timeout", "100ms")
    assert (code, error["exit_code"]) == (ExitCode.TIMEOUT, 7)
    assert running.app.store.commits == 0


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ({"has_importer": False}, "embedded_v2_import_unavailable"),
        ({"cluster": {"control_plane": {"version": "3"}}}, "needed is 2, the server has 3"),
        ({"cluster": {"control_plane": {"version": "2"}}}, "request_contract"),
    ],
)
def test_a_server_that_does_not_fit_is_8_before_anything_is_sent(
    running: RunningStandIn, capsys: Capture, behaviour: dict[str, Any], said: str
) -> None:
    for name, value in behaviour.items():
        setattr(running.app.behaviour, name, value)
    code, out, err = command(capsys, "history-import", str(ORDER))
    assert (code, out) == (ExitCode.INCOMPATIBLE, "")
    assert said in err
    assert [seen.path for seen in running.app.received] == ["/api/cluster/info"]


def test_an_importer_that_is_missing_all_the_same_is_8_and_ends_the_run(
    running: RunningStandIn, capsys: Capture
) -> None:
    running.app.behaviour.has_importer = False
    capabilities = {"embedded_v2_import": True, "payload_codecs": ["avro"]}
    running.app.behaviour.cluster = {"capabilities": capabilities}
    code, error = ended_before(capsys, ORDER, WAITING)
    assert code == ExitCode.INCOMPATIBLE
    assert error["reason"] == "embedded_v2_import_unavailable"
    assert len(posts(running)) == 1


# --- several ---------------------------------------------------------------------------------------------------


def test_some_imported_and_some_not_is_9(running: RunningStandIn, capsys: Capture) -> None:
    code, found = imported(capsys, ORDER, LEASED, "nowhere.json", WAITING)
    assert code == ExitCode.PARTLY
    assert states(found) == ["imported", "refused", "failed", "imported"]
    again, found = imported(capsys, ORDER, LEASED, "nowhere.json", WAITING)
    assert again == ExitCode.PARTLY
    assert states(found) == ["already_imported", "refused", "failed", "already_imported"]


def test_a_token_that_expires_half_way_names_what_was_done_and_what_was_not(
    running: RunningStandIn, capsys: Capture
) -> None:
    refusal = Fault(FaultKind.ANSWER, IMPORT, dry_run=False, status=401, body=b'{"reason":"unauthorized"}')
    running.app.behaviour.faults = [refusal]
    code, out, _ = command(capsys, "history-import", *map(str, many(4)), str(LEASED), "--jobs", "1")
    assert code == ExitCode.AUTH
    found = re.search(r"5 bundles: (\d) imported, 1 refused, 1 failed, (\d) not tried. NO: not all imported", out)
    assert found is not None
    assert int(found[1]) + int(found[2]) == 3
    assert int(found[2]) >= 1
    assert "reason: unauthorized" in out


def test_a_whole_folder_is_summed_up(running: RunningStandIn, capsys: Capture) -> None:
    code, out, _ = command(capsys, "history-import", str(EXAMPLES))
    assert code == ExitCode.PARTLY
    assert "10 runs proven by workflow_id, run_id, workflow_type, task_queue, namespace, status, history" in out
    assert "does not travel: open_timers" in out
    assert out.count("proof:") == 0


# --- the process -----------------------------------------------------------------------------------------------


def started(running: RunningStandIn, *arguments: object) -> subprocess.Popen[str]:
    """dwctl as a process of its own."""
    environment = os.environ | {
        "DURABLE_WORKFLOW_SERVER_URL": running.url,
        "DURABLE_WORKFLOW_NAMESPACE": "production",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "dwctl", "history-import", *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip


def test_a_process_imports_what_is_piped_into_it(running: RunningStandIn) -> None:
    process = started(running, "-", "--json", "--import-id", "piped")
    out, err = process.communicate(WAITING.read_text(), timeout=20)
    assert process.returncode == 0, err
    (bundle,) = document(out, "history-import")["bundles"]
    assert (bundle["file"], bundle["state"]) == ("-", "imported")
    assert posts(running)[-1].body == WAITING.read_bytes()


def many(count: int) -> list[Path]:
    """So many bundles of different runs."""
    return [
        write(small_bundle({"workflow.run_id": f"r-{at}", "workflow.instance_id": f"i-{at}"}), f"{at}.json")
        for at in range(count)
    ]


def interrupted(running: RunningStandIn, *arguments: object, times: int) -> tuple[int, dict[str, Any], str]:
    """Exit code, document and stderr of an import that is interrupted while its first request is under way."""
    process = started(running, *arguments, "--json", "--jobs", "1")
    deadline = time.monotonic() + 20
    while running.app.behaviour.faults and time.monotonic() < deadline:
        time.sleep(0.005)
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
    out, err = process.communicate(timeout=20)
    assert "Traceback" not in err
    return process.returncode, document(out, "history-import"), err


def test_an_interruption_finishes_what_is_in_flight(running: RunningStandIn) -> None:
    running.app.behaviour.faults = [Fault(FaultKind.STALL, IMPORT, dry_run=False)]
    code, found, err = interrupted(running, *many(6), "--timeout", "1s", times=1)
    assert code == found["summary"]["exit_code"] == ExitCode.INTERRUPTED
    states = [bundle["state"] for bundle in found["bundles"]]
    assert set(states) == {"imported", "not_tried"}
    assert running.app.store.commits == states.count("imported") < 6
    assert "it goes on where this one stopped" in err


def test_a_second_interruption_waits_for_nothing_and_the_next_run_asks(
    running: RunningStandIn, capsys: Capture
) -> None:
    running.app.behaviour.faults = [Fault(FaultKind.STALL, IMPORT, dry_run=False)]
    files = many(4)
    code, found, _ = interrupted(running, *files, "--timeout", "20s", "--ledger", "one.db", times=2)
    assert code == ExitCode.INTERRUPTED
    assert {bundle["state"] for bundle in found["bundles"]} == {"unknown", "not_tried"}
    code, found = imported(capsys, *files, "--ledger", "one.db")
    assert code == ExitCode.DONE
    assert [bundle["state"] for bundle in found["bundles"]] == ["imported"] * 4
    assert running.app.store.commits == 4


def test_with_its_ledger_a_repetition_sends_nothing(running: RunningStandIn, capsys: Capture) -> None:
    files = many(3)
    assert imported(capsys, *files, "--ledger", "one.db")[0] == ExitCode.DONE
    running.app.received.clear()
    code, found = imported(capsys, *files, "--ledger", "one.db")
    assert (code, [bundle["state"] for bundle in found["bundles"]]) == (ExitCode.DONE, ["done"] * 3)
    assert [seen for seen in posts(running) if not seen.asks_for_a_dry_run] == []


# --- artisan ---------------------------------------------------------------------------------------------------


def test_by_artisan_what_http_cannot_carry_is_imported_and_proven_over_http(
    running: RunningStandIn, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = application(tmp_path)
    app.behaves(stdout=json.dumps(report("imported")), dry_run_stdout=json.dumps(report("dry_run", dry_run=True)))
    Path("cutover.toml").write_text(f'[server]\nphp = ["php"]\npath = "{app.folder}"\n')
    monkeypatch.setenv("TMPDIR", str(app.temporary))
    monkeypatch.setenv("DURABLE_WORKFLOW_AUTH_TOKEN", "planted-token")
    monkeypatch.setenv("DWCTL_SIGNING_KEY", "planted-key")
    running.app.behaviour.max_payload_bytes = 10_000
    content = json.loads(CANCELLED.read_bytes())
    running.app.store.runs["x"] = ImportedRun(content, "production", None, content["dedupe_key"], "cancelled")
    code, bundle = import_one(capsys, CANCELLED, "--via", "artisan", "--import-id", "a b")
    assert (code, bundle["state"], bundle["way"]) == (ExitCode.DONE, "imported", "artisan")
    assert bundle["proof"]["state"] == "proven"
    assert app.received == CANCELLED.read_bytes()
    assert app.note["argv"][2:] == ["--json", "--namespace=production", "--import-id=a b"]
    assert app.left_over == []
    assert "planted" not in json.dumps(app.note)
    assert posts(running) == []


def test_an_artisan_that_fails_is_asked_again_before_anything_is_said(
    running: RunningStandIn, capsys: Capture, tmp_path: Path
) -> None:
    app = application(tmp_path)
    app.behaves(exit=255, stderr="customer 4711", dry_run_stdout=json.dumps(report("dry_run", dry_run=True)))
    Path("cutover.toml").write_text(f'[server]\nphp = ["php"]\npath = "{app.folder}"\n')
    code, out, err = command(capsys, "history-import", str(ORDER), "--via", "artisan")
    assert code == ExitCode.SERVER
    assert "artisan died on the server without an import report" in out
    assert "not imported: asked afterwards with a dry run" in out
    assert "4711" not in out + err
    app.behaves(exit=255)
    code, error = ended_before(capsys, ORDER, "--via", "artisan")
    assert (code, error["reason"]) == (ExitCode.SERVER, "artisan_without_report")


def test_a_php_that_is_not_there_is_2_and_said_once(running: RunningStandIn, capsys: Capture) -> None:
    Path("cutover.toml").write_text('[server]\nphp = ["no-such-php"]\npath = "/app"\n')
    code, error = ended_before(capsys, ORDER, WAITING, "--via", "artisan")
    assert (code, error["reason"]) == (ExitCode.USAGE, "php_not_started")


# --- what people see -------------------------------------------------------------------------------------------

SNAPSHOTS = Path(__file__).parents[1] / "snapshots"


def assert_screen(name: str, printed: str) -> None:
    """What was printed is what the snapshot shows; DWCTL_UPDATE_SNAPSHOTS=1 writes it anew."""
    shown = (
        "\n".join(line.rstrip() for line in printed.replace(f"dwctl {__version__}", "dwctl VERSION").splitlines())
        + "\n"
    )
    if UPDATE:
        (SNAPSHOTS / f"{name}.txt").write_text(shown, encoding="utf-8")
    assert shown == (SNAPSHOTS / f"{name}.txt").read_text(encoding="utf-8")


def exports(*bundles: Path) -> str:
    """A folder with these bundles."""
    Path("exports").mkdir(exist_ok=True)
    for bundle in bundles:
        shutil.copy(bundle, Path("exports", bundle.name))
    return "exports"


def test_the_screen_of_an_import_with_its_proof(running: RunningStandIn, capsys: Capture) -> None:
    folder = exports(ORDER, LOST_FRACTION)
    code, out, err = command(capsys, "history-import", folder, "--import-id", "orders-cutover-1")
    assert code == ExitCode.DONE
    assert_screen("import-with-proof", err + out)


def test_the_screen_of_an_import_that_is_partly_done(running: RunningStandIn, capsys: Capture) -> None:
    folder = exports(ORDER, LEASED, EXAMPLES / "waiting-for-timer-reminder-2.json")
    imported(capsys, ORDER)
    next(iter(running.app.store.runs.values())).pruned = True
    code, out, err = command(capsys, "history-import", folder, "--import-id", "orders-cutover-1")
    assert code == ExitCode.PARTLY
    assert_screen("import-partly-done", err + out)


def test_the_screen_of_a_server_that_does_not_fit(running: RunningStandIn, capsys: Capture) -> None:
    running.app.behaviour.has_importer = False
    code, out, err = command(capsys, "history-import", exports(ORDER))
    assert code == ExitCode.INCOMPATIBLE
    assert_screen("import-server-does-not-fit", err + out)
