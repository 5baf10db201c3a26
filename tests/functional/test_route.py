"""`dwctl route` from the command line: an import on a real socket, the embedded rows beside it, and every source."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dwctl.errors import ExitCode
from dwctl.server.retries import RetryPolicy
from output_schemas import document, is_valid, lines
from rehearsal_server import ready_run
from rows_of_bundles import change, empty_database, insert, put_bundle
from sample_bundles import sealed
from server_cli import command
from standin import Behaviour, RunningStandIn, Store, serve

Capture = pytest.CaptureFixture[str]
LOST = ("--server", "http://127.0.0.1:9", "--timeout", "1s")


@pytest.fixture(scope="module")
def standing() -> Iterator[RunningStandIn]:
    with serve() as started:
        yield started


@pytest.fixture
def server(standing: RunningStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunningStandIn:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("dwctl.server.transport.RetryPolicy", lambda: RetryPolicy(first=0.001, longest=0.001))
    standing.app.behaviour, standing.app.store, standing.app.received = Behaviour(), Store(), []
    for namespace in standing.app.store.namespaces.values():
        namespace["retention_days"] = 36_500
    monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", standing.url)
    monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "production")
    return standing


@pytest.fixture
def database(server: RunningStandIn, tmp_path: Path, capsys: Capture) -> tuple[str, ...]:
    """Four runs of the application, of which order-1 and order-2 were imported; the options that name it."""
    path = empty_database(tmp_path)
    Path("exports").mkdir()
    for number in (1, 2, 3, 4):
        content = sealed(ready_run(number))
        put_bundle(path, content)
        if number < 3:
            Path("exports", f"order-{number}.json").write_bytes(content)
    options = ("--database-url", f"sqlite:///{path}")
    assert command(capsys, "history-import", "exports", *options)[0] == ExitCode.DONE
    return options


def moved(database: tuple[str, ...], instance: str) -> None:
    path = Path(database[1].removeprefix("sqlite:///"))
    statement = "UPDATE workflow_runs SET last_history_sequence = 9 WHERE workflow_instance_id = ?"
    change(path, (statement, (instance,)))


def asked(capsys: Capture, *arguments: str) -> tuple[int, dict[str, str], dict[str, Any]]:
    code, out, err = command(capsys, "route", *arguments, "--json")
    found = document(out, "route")
    assert found["summary"]["exit_code"] == code, err
    return code, {route["id"]: route["owner"] for route in found["routes"]}, found


def test_each_id_has_the_owner_that_has_it(database: tuple[str, ...], capsys: Capture) -> None:
    run = json.loads(Path("exports/order-1.json").read_bytes())["workflow"]["run_id"]
    code, owners, found = asked(capsys, "order-1", run, "order-3", *database)
    assert (code, owners) == (ExitCode.DONE, {"order-1": "server", run: "server", "order-3": "embedded"})
    assert [route["kind"] for route in found["routes"]] == ["instance", "run", "instance"]
    assert found["routes"][1]["instance_id"] == "order-1"
    assert all(one["asked"] for route in found["routes"] for one in route["evidence"])
    moved(database, "order-2")
    code, owners, _ = asked(capsys, "order-1", "order-2", "order-3", "order-99", *database)
    assert code == ExitCode.NO
    assert owners == {"order-1": "server", "order-2": "both", "order-3": "embedded", "order-99": "none"}
    code, out, _ = command(capsys, "route", "order-2", "-v", *database)
    assert (code, "BOTH      order-2" in out, "sequence 1 → 9" in out) == (ExitCode.NO, True, True)
    items = lines(command(capsys, "route", "order-1", "order-2", *database, "--output", "jsonl")[1], "route", "route")
    assert [item["owner"] for item in items] == ["server", "both"]


def test_a_new_start_of_the_embedded_copy_puts_the_instance_in_both(database: tuple[str, ...], capsys: Capture) -> None:
    path = Path(database[1].removeprefix("sqlite:///"))
    insert(path, "workflow_runs", id="successor", workflow_instance_id="order-1", run_number=2, status="waiting")
    code, owners, _ = asked(capsys, "order-1", *database)
    assert (code, owners["order-1"]) == (ExitCode.NO, "both")


def test_whoever_is_not_asked_makes_it_unknown_and_never_none(database: tuple[str, ...], capsys: Capture) -> None:
    code, owners, _ = asked(capsys, "order-1", "order-3", "order-99")  # no database
    assert (code, set(owners.values())) == (ExitCode.NO, {"unknown"})
    code, owners, _ = asked(capsys, "order-1", "--embedded-stopped")
    assert (code, owners) == (ExitCode.DONE, {"order-1": "server"})
    code, owners, _ = asked(capsys, "order-3", "order-99", *database)
    assert owners == {"order-3": "embedded", "order-99": "none"}
    Path(".dwctl/ledger.db").rename("elsewhere.db")
    code, owners, found = asked(capsys, "order-1", "order-3", "order-99", *database)
    assert owners == {"order-1": "unknown", "order-3": "embedded", "order-99": "unknown"}
    assert [one["asked"] for one in found["routes"][0]["evidence"]] == [False, True, True]


def test_without_a_server_the_ledger_is_believed(
    database: tuple[str, ...], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DURABLE_WORKFLOW_SERVER_URL")
    moved(database, "order-2")
    code, owners, _ = asked(capsys, "order-1", "order-2", "order-3", *database)
    assert (code, owners) == (ExitCode.NO, {"order-1": "server", "order-2": "both", "order-3": "unknown"})


def test_a_server_that_does_not_answer_is_said_with_its_exit_code(database: tuple[str, ...], capsys: Capture) -> None:
    Path(".dwctl/ledger.db").rename("elsewhere.db")
    code, owners, found = asked(capsys, "order-3", *database, *LOST)
    assert (code, owners) == (ExitCode.NETWORK, {"order-3": "unknown"})
    assert "it did not answer" in found["routes"][0]["evidence"][2]["said"]


def test_a_database_that_does_not_answer_is_said_with_its_exit_code(database: tuple[str, ...], capsys: Capture) -> None:
    code, owners, _ = asked(capsys, "order-1", "--database-url", "mysql://u:geheim@127.0.0.1:9/x")
    assert (code, owners) == (ExitCode.NETWORK, {"order-1": "unknown"})


def test_a_namespace_that_is_not_there_is_no_absence(database: tuple[str, ...], capsys: Capture) -> None:
    Path(".dwctl/ledger.db").rename("elsewhere.db")
    code, owners, _ = asked(capsys, "order-3", *database, "--namespace", "nowhere")
    assert (code, owners) == (ExitCode.NOT_FOUND, {"order-3": "unknown"})


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ((), ExitCode.USAGE, "nothing_selected"),
        (("x", "--ledger", "none.db"), ExitCode.USAGE, None),
        (("x", "--server", "http://127.0.0.1:9"), ExitCode.LOCAL_STATE, "ledger_of_another_target"),
        (("--ids-file", "none.txt"), ExitCode.USAGE, "unreadable"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(
    database: tuple[str, ...], capsys: Capture, arguments: tuple[str, ...], code: ExitCode, reason: str | None
) -> None:
    ended, out, _ = command(capsys, "route", *arguments, *database, "--json")
    assert (ended, reason is None or document(out, "error")["reason"] == reason) == (code, True)


def test_nobody_to_ask_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("DURABLE_WORKFLOW_SERVER_URL", raising=False)
    code, out, _ = command(capsys, "route", "x", "--json")
    assert (code, document(out, "error")["reason"]) == (ExitCode.USAGE, "nobody_to_ask")
    assert command(capsys, "route", "--all")[0] == ExitCode.USAGE


def test_the_map_is_private_whole_and_of_instances(database: tuple[str, ...], capsys: Capture) -> None:
    run = json.loads(Path("exports/order-1.json").read_bytes())["workflow"]["run_id"]
    file = Path("routes.json")
    assert command(capsys, "route", "--all", *database, "--export-map", str(file))[0] == ExitCode.DONE
    found = json.loads(file.read_bytes())
    assert is_valid("route-map", found)
    assert found["instances"] == {"order-1": "server", "order-2": "server"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    moved(database, "order-2")
    assert command(capsys, "route", "--all", *database, "--export-map", str(file))[0] == ExitCode.USAGE
    assert json.loads(file.read_bytes()) == found
    assert command(capsys, "route", "--all", *database, "--export-map", str(file), "--force")[0] == ExitCode.NO
    assert json.loads(file.read_bytes())["instances"]["order-2"] == "both"
    code, out, _ = command(capsys, "route", run, "order-3", *database, "--export-map", "-")
    assert (code, document(out, "route-map")["instances"]) == (0, {"order-3": "embedded", "order-1": "server"})


def test_many_ids_are_found_in_the_list_of_the_server(
    database: tuple[str, ...], server: RunningStandIn, capsys: Capture
) -> None:
    Path("ids.txt").write_text("# all\norder-1\norder-2\norder-3\n" + "".join(f"absent-{n}\n" for n in range(60)))
    server.app.received.clear()
    code, owners, found = asked(capsys, "--ids-file", "ids.txt", *database)
    assert (code, owners["order-1"], owners["order-3"], owners["absent-59"]) == (1, "server", "embedded", "none")
    assert found["summary"]["none"] == 60
    assert len(server.app.received) < 5
