"""`dwctl workflow archive`: closed runs after their export, and no request that is not needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dwctl.server.retries import RetryPolicy
from export_doubles import export, manifest
from output_schemas import document, lines
from rehearsal_server import CONTROL, import_request, on_a_socket, ready_run
from sample_bundles import ORDER, WAITING
from server_cli import command
from standin import Fault, FaultKind, ImportedRun, RunningStandIn, serve

Capture = pytest.CaptureFixture[str]
WHY = ("--reason", "moved to the warehouse")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a folder of its own, without settings, and no retry takes its time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("dwctl.server.transport.RetryPolicy", lambda: RetryPolicy(first=0.001, longest=0.001))


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A rehearsal server with one closed run and two open ones in the namespace `default`."""
    with on_a_socket() as url:
        with httpx.Client(base_url=url) as client:
            headers = {**CONTROL, "Content-Type": "application/JSON"}
            target = "/api/workflows/import/embedded-v2"
            assert client.post(target, content=ORDER.read_bytes(), headers=headers).status_code == 201
            for number in (1, 2):
                assert client.post(**import_request(ready_run(number))).status_code == 201
        monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", url)
        monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "default")
        yield url


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningStandIn]:
    """A stand-in with one closed run."""
    with serve() as started:
        monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", started.url)
        monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "production")
        bundle = json.loads(ORDER.read_bytes())
        started.app.store.runs[bundle["workflow"]["run_id"]] = ImportedRun(
            bundle, "production", None, bundle["dedupe_key"], "completed"
        )
        yield started


def archived(capsys: Capture, *words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and document, held against its schema."""
    code, out, _ = command(capsys, "workflow", "archive", *words, *WHY, "--json")
    found = document(out, "workflow-archive")
    assert found["summary"]["exit_code"] == code
    return code, found


def refusal(capsys: Capture, *words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and error document."""
    code, out, _ = command(capsys, "workflow", "archive", *words, "--json")
    return code, document(out, "error")


def events(url: str, instance_id: str) -> list[str]:
    """The types of the events of the newest run."""
    run_id = httpx.get(f"{url}/api/workflows/{instance_id}", headers=CONTROL).json()["run_id"]
    path = f"{url}/api/workflows/{instance_id}/runs/{run_id}/history?page_size=1000"
    return [event["event_type"] for event in httpx.get(path, headers=CONTROL).json()["events"]]


def requests(running: RunningStandIn) -> int:
    """How many requests to archive arrived."""
    return sum(seen.path.endswith("/archive") for seen in running.app.received)


def test_a_closed_run_is_archived_once(url: str, capsys: Capture) -> None:
    code, found = archived(capsys, "order-1001")
    assert (code, found["runs"][0]["state"], found["summary"]["requests"]) == (0, "archived", 1)
    after = events(url, "order-1001")
    code, found = archived(capsys, "order-1001")
    assert (code, found["runs"][0]["state"], found["summary"]["requests"]) == (0, "archive_not_needed", 0)
    assert events(url, "order-1001") == after


def test_an_open_run_is_refused_before_the_request(url: str, capsys: Capture) -> None:
    before = events(url, "order-1")
    code, found = archived(capsys, "order-1")
    assert (code, found["runs"][0]["state"], found["runs"][0]["error"]["reason"]) == (1, "refused", "run_not_closed")
    assert found["summary"]["requests"] == 0
    assert events(url, "order-1") == before


def test_some_and_not_all_is_exit_code_9(url: str, capsys: Capture) -> None:
    code, found = archived(capsys, "order-1001", "order-1", "absent")
    assert code == 9
    assert [run["state"] for run in found["runs"]] == ["archived", "refused", "failed"]
    assert archived(capsys, "absent")[0] == 5
    assert archived(capsys, "order-1001/absent")[0] == 5


def test_exactly_the_runs_whose_export_is_verified_on_disk(url: str, capsys: Capture) -> None:
    assert export(capsys, "order-1001", "order-1", "--source", "server", "--output-dir", "kept")[0] == 0
    file = next(Path("kept") / entry["file"] for entry in manifest(Path("kept")).values() if "1001" in entry["file"])
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"orders", b"ordres", 1))
    code, found = archived(capsys, "--from-manifest", "kept")
    reasons = {run["workflow_id"]: run["error"]["reason"] for run in found["runs"]}
    assert (code, reasons) == (1, {"order-1001": "export_not_verified", "order-1": "run_not_closed"})
    assert found["summary"]["requests"] == 0
    file.unlink()
    assert archived(capsys, "--from-manifest", "kept")[0] == 1
    file.write_bytes(whole)
    code, found = archived(capsys, "--from-manifest", "kept")
    assert (code, found["summary"]["archived"], found["summary"]["refused"]) == (9, 1, 1)
    code, out, _ = command(capsys, "workflow", "archive", "--from-manifest", "kept", *WHY)
    assert (code, "1 archive not needed, 1 refused. NO: not all are archived" in out) == (9, True)


def test_a_manifest_does_not_make_a_false_export_true(url: str, capsys: Capture) -> None:
    """The sha256 of a file that was edited together with its line holds, and its own checksum does not."""
    import hashlib

    assert export(capsys, "order-1001", "--source", "server", "--output-dir", "kept")[0] == 0
    (entry,) = manifest(Path("kept")).values()
    file = Path("kept") / entry["file"]
    edited = file.read_bytes().replace(b"orders", b"ordres", 1)
    file.write_bytes(edited)
    entry |= {"sha256": hashlib.sha256(edited).hexdigest(), "bytes": len(edited)}
    Path("kept/manifest.jsonl").write_text(json.dumps(entry) + "\n")
    code, found = archived(capsys, "--from-manifest", "kept")
    assert (code, found["runs"][0]["error"]["reason"]) == (1, "export_not_verified")


def test_a_later_run_makes_a_run_unarchivable(running: RunningStandIn, capsys: Capture) -> None:
    bundle = json.loads(ORDER.read_bytes())
    bundle["workflow"] |= {"run_id": "later", "run_number": 2}
    running.app.store.runs["later"] = ImportedRun(bundle, "production", None, "later", "completed")
    first = json.loads(ORDER.read_bytes())["workflow"]["run_id"]
    code, found = archived(capsys, f"order-1001/{first}")
    assert (code, found["runs"][0]["state"]) == (1, "refused")
    assert found["runs"][0]["error"]["reason"] == "historical_run_command_rejected"
    assert requests(running) == 0
    assert archived(capsys, "order-1001")[1]["runs"][0]["run_id"] == "later"


def test_a_lost_answer_is_asked_after_and_the_request_is_not_repeated(running: RunningStandIn, capsys: Capture) -> None:
    running.app.behaviour.faults = [Fault(FaultKind.RESET_AFTER, "/archive")]
    code, found = archived(capsys, "order-1001")
    run = found["runs"][0]
    assert (code, run["state"], run["asked"], requests(running)) == (0, "archived", True, 1)


def test_a_request_that_was_not_carried_out_is_not_called_archived(running: RunningStandIn, capsys: Capture) -> None:
    running.app.behaviour.faults = [Fault(FaultKind.RESET_BEFORE, "/archive")]
    code, found = archived(capsys, "order-1001")
    assert (code, found["runs"][0]["state"], found["runs"][0]["asked"]) == (3, "failed", True)
    assert requests(running) == 1


def test_what_nobody_could_tell_is_unknown(running: RunningStandIn, capsys: Capture) -> None:
    lost = [Fault(FaultKind.RESET_BEFORE, "/archive")]
    blind = [Fault(FaultKind.ANSWER, "history/export", status=500)] * 20
    exported = running.app.store.runs[next(iter(running.app.store.runs))].bundle
    seen = [Fault(FaultKind.ANSWER, "history/export", status=200, body=json.dumps(exported).encode())]
    running.app.behaviour.faults = [*lost, *seen, *blind]
    code, found = archived(capsys, "order-1001")
    assert (code, found["runs"][0]["state"], requests(running)) == (3, "unknown", 1)


def test_an_outcome_that_nobody_knows_is_unknown(running: RunningStandIn, capsys: Capture) -> None:
    running.app.behaviour.faults = [Fault(FaultKind.ANSWER, "/archive", status=200, body=b'{"outcome": "perhaps"}')]
    code, found = archived(capsys, "order-1001")
    assert (code, found["runs"][0]["state"]) == (6, "unknown")


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [(403, b'{"reason": "forbidden"}', 4), (409, b'{"reason": "run_not_closed"}', 1), (500, b"", 6)],
)
def test_a_refusal_of_the_server_has_its_exit_code(
    running: RunningStandIn, capsys: Capture, status: int, body: bytes, code: int
) -> None:
    running.app.behaviour.faults = [Fault(FaultKind.ANSWER, "/archive", status=status, body=body)] * 9
    found_code, found = archived(capsys, "order-1001")
    assert (found_code, found["summary"]["archived"]) == (code, 0)


@pytest.mark.parametrize(
    "words",
    [
        ("a",),
        (*WHY,),
        ("a", "--reason", " "),
        ("a", "--reason", "x" * 1001),
        ("a", "--from-manifest", ".", *WHY),
        ("--from-manifest", "absent", *WHY),
        ("--from-manifest", ".", *WHY),
        ("/", *WHY),
    ],
)
def test_what_cannot_be_asked_is_exit_code_2(running: RunningStandIn, capsys: Capture, words: tuple[str, ...]) -> None:
    code, found = refusal(capsys, *words)
    assert (code, requests(running)) == (2, 0), found


def test_a_server_that_nobody_named_is_not_changed(capsys: Capture) -> None:
    code, found = refusal(capsys, "order-1001", *WHY)
    assert (code, found["reason"]) == (2, "server_not_set")


def test_a_line_for_each_run(url: str, capsys: Capture) -> None:
    code, out, _ = command(capsys, "workflow", "archive", "order-1001", "order-1", *WHY, "--output", "jsonl")
    assert (code, [item["state"] for item in lines(out, "workflow-archive", "run")]) == (9, ["archived", "refused"])


def test_a_waiting_run_has_its_status_in_the_table(url: str, capsys: Capture) -> None:
    headers = {**CONTROL, "Content-Type": "application/JSON"}
    httpx.post(f"{url}/api/workflows/import/embedded-v2", content=WAITING.read_bytes(), headers=headers)
    code, out, _ = command(capsys, "workflow", "archive", "approval-1", *WHY)
    assert code == 1
    assert "the run is waiting: only a closed run can be archived" in out
    assert "1 run: 1 refused. NO: not all are archived (exit code 1: dwctl explain 1)." in out
