"""`dwctl history-export --source server` from the command line to a rehearsal server on a real socket."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dwctl.bundle.verify import verify_bundle
from dwctl.server.retries import RetryPolicy
from export_doubles import agree, bundles_in, error, export, manifest
from output_schemas import lines
from rehearsal_server import CONTROL, import_request, on_a_socket, ready_run
from sample_bundles import LEASED, LOST_FRACTION, ORDER, WAITING, sealed
from server_cli import command
from standin import Behaviour, Fault, FaultKind, ImportedRun, RunningStandIn, Store, serve

Capture = pytest.CaptureFixture[str]
RUNS = 5


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a folder of its own, without settings, and no retry takes its time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("dwctl.server.transport.RetryPolicy", lambda: RetryPolicy(first=0.001, longest=0.001))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A rehearsal server with a few runs in the namespace `default`, which no test changes."""
    with on_a_socket() as url:
        with httpx.Client(base_url=url) as client:
            for number in range(RUNS):
                answer = client.post(**import_request(ready_run(number)))
                assert answer.status_code == 201, answer.text
            for path in (ORDER, WAITING):
                headers = {**CONTROL, "Content-Type": "application/JSON"}
                target = "/api/workflows/import/embedded-v2"
                assert client.post(target, content=path.read_bytes(), headers=headers).status_code == 201
        yield url


@pytest.fixture
def url(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same, named by the environment."""
    monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", server)
    monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "default")
    return server


def body(url: str, instance_id: str, run_id: str) -> dict[str, object]:
    """What the server answers, without what changes from one export to the next."""
    path = f"{url}/api/workflows/{instance_id}/runs/{run_id}/history/export"
    found: dict[str, object] = httpx.get(path, headers=CONTROL).json()
    return {name: value for name, value in found.items() if name not in {"exported_at", "integrity"}}


# --- one run ---------------------------------------------------------------------------------------------------


def test_one_run_goes_to_standard_output_byte_for_byte(url: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    from dwctl.cli.main import run

    assert run(["history-export", "order-1001", "--source", "server"]) == 0
    captured = capfdbinary.readouterr()
    assert verify_bundle(captured.out).bundle.workflow_instance_id == "order-1001"
    # The document and nothing else: the summary is on the other stream.
    assert captured.out.startswith(b'{"schema"')
    assert captured.out.endswith(b"}")
    assert b"1 run: 1 exported. YES" in captured.err


def test_one_run_goes_into_a_private_file(url: str, capsys: Capture) -> None:
    code, found = export(capsys, "order-1001", "--source", "server", "-o", "one.json")
    content = Path("one.json").read_bytes()
    assert code == 0
    assert found["runs"][0]["bytes"] == len(content)
    assert stat.S_IMODE(Path("one.json").stat().st_mode) == 0o600
    said = json.loads(content)
    assert {name: value for name, value in said.items() if name not in {"exported_at", "integrity"}} == body(
        url, "order-1001", said["workflow"]["run_id"]
    )


def test_a_file_that_is_there_is_replaced_only_on_request(url: str, capsys: Capture) -> None:
    Path("one.json").write_text("mine")
    code, found = export(capsys, "order-1", "--source", "server", "-o", "one.json")
    assert (code, found["runs"][0]["error"]["reason"]) == (2, "file_exists")
    assert Path("one.json").read_text() == "mine"
    assert export(capsys, "order-1", "--source", "server", "-o", "one.json", "--force")[0] == 0
    assert verify_bundle(Path("one.json").read_bytes()).bundle.workflow_instance_id == "order-1"


def test_a_run_can_be_named(url: str, capsys: Capture) -> None:
    run_id = f"01run{1:021}"
    for words in (("order-1", "--run-id", run_id), (f"order-1/{run_id}",)):
        code, found = export(capsys, *words, "--source", "server", "-o", "one.json", "--force")
        assert (code, found["runs"][0]["run_id"]) == (0, run_id)


@pytest.mark.parametrize(("target", "reason"), [("absent", "instance_not_found"), ("order-1/absent", "run_not_found")])
def test_what_is_not_there_is_exit_code_5(url: str, capsys: Capture, target: str, reason: str) -> None:
    code, found = export(capsys, target, "--source", "server", "-o", "one.json")
    assert (code, found["runs"][0]["state"], found["runs"][0]["error"]["reason"]) == (5, "failed", reason)
    assert not Path("one.json").exists()


# --- many runs -------------------------------------------------------------------------------------------------


def test_every_run_goes_into_a_folder_with_its_manifest(url: str, capsys: Capture) -> None:
    code, found = export(capsys, "--all", "--source", "server", "--output-dir", "archive")
    assert (code, found["summary"]["exported"], found["purpose"]) == (0, RUNS + 2, "archive")
    entries = agree(Path("archive"))
    assert len(entries) == RUNS + 2
    for entry in entries.values():
        content = (Path("archive") / entry["file"]).read_bytes()
        assert verify_bundle(content).bundle.dedupe_key == entry["dedupe_key"]
        # A server's runs cannot be imported again; an archive is good all the same, and the verdict is not hidden.
        assert "workflow.source_runtime_unsupported" in entry["rules"]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in Path("archive").rglob("*") if path.is_dir()}
    assert modes == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in Path("archive").rglob("*") if path.is_file()} == {0o600}


def test_the_same_command_goes_on_where_it_stopped(url: str, capsys: Capture) -> None:
    words = ("--source", "server", "--output-dir", "archive")
    assert export(capsys, "order-1", "order-2", *words)[0] == 0
    before = {name: Path("archive", name).stat().st_mtime_ns for name in bundles_in(Path("archive"))}
    code, found = export(capsys, "--all", *words)
    assert (code, found["summary"]["already_exported"], found["summary"]["exported"]) == (0, 2, RUNS)
    assert {name: Path("archive", name).stat().st_mtime_ns for name in before} == before
    Path("archive", next(iter(before))).unlink()
    code, found = export(capsys, "--all", *words)
    assert (code, found["summary"]["already_exported"], found["summary"]["exported"]) == (0, RUNS + 1, 1)
    agree(Path("archive"))


def test_the_list_is_chosen_from(url: str, capsys: Capture) -> None:
    words = ("--all", "--source", "server", "--output-dir", "archive")
    assert export(capsys, *words, "--status", "completed")[1]["summary"]["selected"] == 1
    assert export(capsys, *words, "--query", "order-3")[1]["summary"]["selected"] == 1
    assert export(capsys, *words, "--type", "orders.process")[1]["summary"]["selected"] >= RUNS
    code, found = error(capsys, *words, "--type", "nothing.such")
    assert (code, found["reason"]) == (2, "nothing_selected")


def test_ids_come_from_a_file_and_from_standard_input(
    url: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("ids.txt").write_text(f"# two runs\norder-1\n\n  order-2/01run{2:021}\norder-1\n")
    code, found = export(capsys, "--ids-file", "ids.txt", "--source", "server", "--output-dir", "archive")
    assert (code, [run["state"] for run in found["runs"]]) == (0, ["exported", "exported"])
    read_end, write_end = os.pipe()
    os.write(write_end, b"order-3\n")
    os.close(write_end)
    with os.fdopen(read_end) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        code, found = export(capsys, "--ids-file", "-", "--source", "server", "--output-dir", "archive")
    assert (code, found["runs"][0]["instance_id"]) == (0, "order-3")


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_compressed_exports_are_read_by_every_command(url: str, capsys: Capture, kind: str) -> None:
    words = ("order-1", "--source", "server", "--output-dir", "archive")
    code, _ = export(capsys, *words, *(("--compress",) if kind == "gzip" else ("--compress", kind)))
    assert code == 0
    (entry,) = manifest(Path("archive")).values()
    assert entry["file"].endswith({"gzip": ".json.gz", "zstd": ".json.zst"}[kind])
    assert command(capsys, "bundle", "show", f"archive/{entry['file']}")[0] == 0
    assert export(capsys, *words, "--compress", kind)[1]["summary"]["already_exported"] == 1


def test_a_line_for_each_run(url: str, capsys: Capture) -> None:
    code, out, _ = command(
        capsys, "history-export", "order-1", "order-2", "--source", "server", "--output-dir", "x", "--output", "jsonl"
    )
    found = lines(out, "export", "run")
    assert (code, sorted(item["instance_id"] for item in found)) == (0, ["order-1", "order-2"])


def test_refreshing_takes_what_moved(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    with on_a_socket() as url, httpx.Client(base_url=url) as client:
        monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", url)
        for number in range(3):
            assert client.post(**import_request(ready_run(number))).status_code == 201
        words = ("--all", "--source", "server", "--output-dir", "archive")
        assert export(capsys, *words)[0] == 0
        before = manifest(Path("archive"))
        moved = client.post("/api/workflows/order-1/cancel", json={}, headers=CONTROL)
        assert moved.status_code in {200, 202}, moved.text
        assert export(capsys, *words)[1]["summary"]["already_exported"] == 3
        code, found = export(capsys, *words, "--refresh")
        assert (code, found["summary"]["refreshed"], found["summary"]["already_exported"]) == (0, 1, 2)
        after = agree(Path("archive"))
        changed = {run for run in after if after[run]["dedupe_key"] != before[run]["dedupe_key"]}
        assert changed == {f"01run{1:021}"}
        (run_id,) = changed
        assert after[run_id]["replaced"]["sha256"] == before[run_id]["sha256"]


# --- what is said of an export -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def standing() -> Iterator[RunningStandIn]:
    """One stand-in for all tests of this module."""
    with serve() as started:
        yield started


@pytest.fixture
def running(standing: RunningStandIn, monkeypatch: pytest.MonkeyPatch) -> RunningStandIn:
    """The stand-in as new, named by the environment."""
    standing.app.behaviour, standing.app.store, standing.app.received = Behaviour(), Store(), []
    monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", standing.url)
    monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "production")
    return standing


def held_there(running: RunningStandIn, path: Path, **changes: object) -> dict[str, Any]:
    """A run on the stand-in, whose export is the bundle of a file."""
    bundle: dict[str, Any] = json.loads(path.read_bytes())
    bundle["workflow"] |= changes
    workflow = bundle["workflow"]
    running.app.store.runs[workflow["run_id"]] = ImportedRun(
        bundle, "production", None, bundle["dedupe_key"], workflow["status"]
    )
    return bundle


def answers(running: RunningStandIn, body: bytes, *, times: int = 1, status: int = 200) -> None:
    """What the next exports are answered with."""
    fault = Fault(FaultKind.ANSWER, "history/export", status=status, body=body)
    running.app.behaviour.faults = [fault] * times


def test_a_lost_fraction_is_proven_and_never_restored_silently(running: RunningStandIn, capsys: Capture) -> None:
    held_there(running, LOST_FRACTION)
    instance = json.loads(LOST_FRACTION.read_bytes())["workflow"]["instance_id"]
    answers(running, LOST_FRACTION.read_bytes())
    code, found = export(capsys, instance, "--source", "server", "--output-dir", "archive")
    (run,) = found["runs"]
    assert (code, run["standing"], run["verdict"]) == (0, "restorable", "refused")
    assert run["restored_paths"]
    assert list(bundles_in(Path("archive")).values()) == [LOST_FRACTION.read_bytes()]
    code, out, _ = command(capsys, "history-export", instance, "--source", "server", "--output-dir", "archive")
    assert code == 0
    assert "the checksum proves what is different: the fraction at workflow.search_attributes" in out
    assert "1 restorable" in out


def test_a_document_that_is_not_what_was_exported_is_kept_and_no_good(running: RunningStandIn, capsys: Capture) -> None:
    bundle = held_there(running, WAITING)
    edited = WAITING.read_bytes().replace(b'"orders', b'"ardors', 1)
    answers(running, edited)
    code, found = export(capsys, "approval-1", "--source", "server", "--output-dir", "archive")
    assert (code, found["runs"][0]["standing"], found["runs"][0]["good"]) == (1, "refused", False)
    assert "integrity.checksum_mismatch" in found["runs"][0]["rules"]
    assert list(bundles_in(Path("archive")).values()) == [edited]
    # It stays no good until it is exported again, and a new good one takes its place.
    assert export(capsys, "approval-1", "--source", "server", "--output-dir", "archive")[0] == 1
    answers(running, WAITING.read_bytes())
    code, found = export(capsys, "approval-1", "--source", "server", "--output-dir", "archive", "--refresh")
    assert (code, found["runs"][0]["state"]) == (0, "refreshed")
    assert bundle["dedupe_key"] == found["runs"][0]["dedupe_key"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>maintenance</html>", "not_an_export"),
        (b"{}", "not_an_export"),
        (b'{"schema": "durable-workflow.v2.history-export"', "not_an_export"),
        (ORDER.read_bytes(), "other_run_exported"),
    ],
)
def test_what_is_no_export_of_the_run_is_not_kept(
    running: RunningStandIn, capsys: Capture, body: bytes, reason: str
) -> None:
    held_there(running, WAITING)
    answers(running, body)
    code, found = export(capsys, "approval-1", "--source", "server", "--output-dir", "archive")
    assert (code, found["runs"][0]["state"], found["runs"][0]["error"]["reason"]) == (6, "failed", reason)
    assert bundles_in_or_none(Path("archive")) == {}


def bundles_in_or_none(folder: Path) -> dict[str, bytes]:
    """The bundles of a folder that has no manifest either, where it has none."""
    found = bundles_in(folder)
    assert (folder / "manifest.jsonl").exists() is bool(found)
    return found


def test_a_pruned_run_does_not_take_the_place_of_its_export(running: RunningStandIn, capsys: Capture) -> None:
    bundle = held_there(running, ORDER)
    answers(running, ORDER.read_bytes())
    words = ("order-1001", "--source", "server", "--output-dir", "archive")
    assert export(capsys, *words)[0] == 0
    empty = bundle | {"history_events": [], "dedupe_key": "another"}
    answers(running, json.dumps(empty).encode())
    code, found = export(capsys, *words, "--refresh")
    assert (code, found["runs"][0]["error"]["reason"]) == (1, "history_gone")
    assert list(bundles_in(Path("archive")).values()) == [ORDER.read_bytes()]


def test_some_good_and_some_not_is_exit_code_9(running: RunningStandIn, capsys: Capture) -> None:
    held_there(running, WAITING)
    answers(running, WAITING.read_bytes())
    code, found = export(capsys, "approval-1", "absent", "--source", "server", "--output-dir", "a", "--jobs", "1")
    assert (code, found["summary"]["exported"], found["summary"]["failed"]) == (9, 1, 1)


@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [
        (Fault(FaultKind.ANSWER, "history/export", status=500), 6, None),
        (Fault(FaultKind.ANSWER, "history/export", status=401, body=b'{"reason": "unauthorized"}'), 4, "unauthorized"),
        (Fault(FaultKind.RESET_BEFORE, "history/export"), 3, "connection_lost"),
    ],
)
def test_a_server_that_fails_has_its_exit_code(
    running: RunningStandIn, capsys: Capture, fault: Fault, code: int, reason: str | None
) -> None:
    held_there(running, WAITING)
    running.app.behaviour.faults = [fault] * 20
    found_code, found = export(capsys, "approval-1", "--source", "server", "--output-dir", "archive")
    assert found_code == code
    assert found["runs"][0]["state"] == "failed"
    if reason:
        assert found["runs"][0]["error"]["reason"] == reason
    assert "Run the same command again" in found["next_steps"][0]


def test_a_token_that_may_not_export_ends_the_export(running: RunningStandIn, capsys: Capture) -> None:
    for number in range(12):
        held_there(running, WAITING, instance_id=f"a-{number}", run_id=f"r-{number}")
    answers(running, b'{"reason": "forbidden", "role": "worker"}', times=20, status=403)
    code, found = export(
        capsys, *(f"a-{number}" for number in range(12)), "--source", "server", "--output-dir", "x", "--jobs", "1"
    )
    assert code == 4
    assert found["summary"]["not_tried"] >= 9
    assert found["summary"]["failed"] + found["summary"]["not_tried"] == 12


def test_a_server_that_has_gone_is_not_asked_for_every_run(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve() as gone:
        url = gone.url
    monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", url)
    ids = [f"a-{number}" for number in range(50)]
    code, found = export(capsys, *ids, "--source", "server", "--output-dir", "x", "--jobs", "1")
    assert code == 3
    assert found["summary"]["failed"] < 10
    assert found["summary"]["not_tried"] > 40


# --- runs that a worker holds ------------------------------------------------------------------------------------


def test_a_held_run_is_kept_or_refused_as_asked(running: RunningStandIn, capsys: Capture) -> None:
    held_there(running, LEASED)
    words = ("leased-1", "--source", "server", "--output-dir", "archive")
    answers(running, LEASED.read_bytes(), times=3)
    code, found = export(capsys, *words, "--quiesce")
    assert (code, found["runs"][0]["state"]) == (1, "held")
    assert found["runs"][0]["held_by"] == ["tasks.leased_task_present"]
    assert bundles_in_or_none(Path("archive")) == {}
    assert export(capsys, *words, "--quiesce", "--allow-leased")[1]["summary"]["exported"] == 1
    # A later --quiesce does not take the export of a held run for a good one.
    code, found = export(capsys, *words, "--quiesce")
    assert (code, found["runs"][0]["state"]) == (1, "held")


def test_a_held_run_is_waited_for(running: RunningStandIn, capsys: Capture) -> None:
    bundle = held_there(running, LEASED)
    free = json.loads(json.dumps(bundle))
    for task in free["tasks"]:
        task["status"] = "ready"

    content = sealed({name: value for name, value in free.items() if name != "integrity"})
    faults = [LEASED.read_bytes(), LEASED.read_bytes(), content]
    running.app.behaviour.faults = [Fault(FaultKind.ANSWER, "history/export", status=200, body=body) for body in faults]
    code, found = export(capsys, "leased-1", "--source", "server", "--output-dir", "archive", "--wait-leases", "1m")
    assert (code, found["runs"][0]["state"], found["runs"][0]["held_by"]) == (0, "exported", [])
    assert list(bundles_in(Path("archive")).values()) == [content]


# --- what cannot be asked ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("a",),
        ("a", "--source", "server", "--json"),
        ("a", "b", "--source", "server"),
        ("a", "b", "--source", "server", "-o", "x.json"),
        ("--source", "server", "--output-dir", "x"),
        ("a", "--source", "server", "--output-dir", "x", "-o", "y"),
        ("a", "--all", "--source", "server", "--output-dir", "x"),
        ("--all", "--source", "embedded", "--output-dir", "x"),
        ("a", "--status", "completed", "--source", "server", "--output-dir", "x"),
        ("a", "b", "--run-id", "r", "--source", "server", "--output-dir", "x"),
        ("--run-id", "r", "--source", "server", "-o", "x"),
        ("a", "--refresh", "--source", "server", "-o", "x"),
        ("a", "--compress", "--source", "server"),
        ("a", "--compress", "--source", "server", "-o", "x.json"),
        ("a", "--force", "--source", "server", "--output-dir", "x"),
        ("a", "--batch", "--source", "server", "--output-dir", "x"),
        ("a", "--allow-leased", "--source", "server", "--output-dir", "x"),
        ("a", "--resume-after-export", "--source", "embedded", "--output-dir", "x"),
        ("a", "--wait-leases", "soon", "--source", "server", "--output-dir", "x"),
        ("a", "--jobs", "0", "--source", "server", "--output-dir", "x"),
        ("/", "--source", "server", "--output-dir", "x"),
        ("a\x1b[2J", "--source", "server", "--output-dir", "x"),
        ("--ids-file", "absent.txt", "--source", "server", "--output-dir", "x"),
        ("a", "--source", "elsewhere", "--output-dir", "x"),
        ("a", "--source", "embedded", "--output-dir", "x"),
    ],
)
def test_what_cannot_be_asked_is_exit_code_2_and_changes_nothing(url: str, capsys: Capture, words: tuple[str]) -> None:
    code, out, err = command(capsys, "history-export", *words)
    assert code == 2, out + err
    assert "dwctl: " in err or '"dwctl.error"' in out
    assert "\x1b" not in out + err
    assert "Traceback" not in err
    assert [path for path in Path().rglob("*") if path.is_file()] == []


def test_a_folder_that_another_export_writes_is_left_alone(url: str, capsys: Capture) -> None:
    from dwctl.transfer.storage.folder_store import FolderStore

    with FolderStore.open("archive", create=True).lock():
        code, found = error(capsys, "order-1", "--source", "server", "--output-dir", "archive")
    assert (code, found["reason"]) == (10, "store_locked")
    assert str(os.getpid()) in found["error"]


def test_a_file_in_the_way_ends_the_export_and_stays(url: str, capsys: Capture) -> None:
    Path("archive/order-1").mkdir(parents=True)
    mine = Path(f"archive/order-1/01run{1:021}.json")
    mine.write_text("mine")
    code, found = export(capsys, "order-1", "--source", "server", "--output-dir", "archive")
    assert (code, found["runs"][0]["error"]["reason"]) == (10, "name_taken")
    assert mine.read_text() == "mine"


def test_an_object_store_holds_the_same_and_is_gone_on_with(url: str, capsys: Capture) -> None:
    words = ("--source", "server", "--to", "memory://history-export/archive")
    code, found = export(capsys, "order-1", *words)
    assert (code, found["location"], found["summary"]["exported"]) == (0, "memory://history-export/archive", 1)
    code, found = export(capsys, "order-1", "order-2", *words)
    assert (code, found["summary"]["already_exported"], found["summary"]["exported"]) == (0, 1, 1)
    assert command(capsys, "archive", "check", "memory://history-export/archive")[0] == 0


@pytest.mark.parametrize(
    ("module", "words", "extra"),
    [
        ("fsspec", ("--to", "s3://bucket/prefix"), "dwctl[objects]"),
        ("zstandard", ("--output-dir", "x", "--compress", "zstd"), "dwctl[zstd]"),
    ],
)
def test_a_missing_extra_is_named(
    url: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch, module: str, words: tuple[str, ...], extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    code, found = error(capsys, "order-1", "--source", "server", *words)
    assert (code, found["reason"]) == (2, "extra_missing")
    assert extra in found["next_step"]
    assert [path for path in Path().rglob("*") if path.is_file()] == []


def test_a_list_that_shifts_faster_than_it_is_read_is_not_called_whole(
    url: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dwctl.server import walk

    read = walk.walk_runs
    monkeypatch.setattr(
        "dwctl.transfer.exports.selection.walk_runs",
        lambda fetch: walk.Walk(read(fetch).rows, complete=False, pages=1),
    )
    code, found = export(capsys, "--all", "--source", "server", "--output-dir", "archive")
    assert (code, found["summary"]["selection_complete"], found["summary"]["failed"]) == (9, False, 0)
    assert "The list changed faster than it could be read" in found["next_steps"][0]
