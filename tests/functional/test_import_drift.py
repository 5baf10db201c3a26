"""`dwctl history-import` asks the embedded application what moved, before it sends: the real CLI against a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dwctl.errors import ExitCode
from dwctl.transfer.ledger.ledger import Ledger
from embedded_doubles import php_application
from output_schemas import document
from rehearsal_server import ready_run
from rows_of_bundles import change, empty_database, put_bundle
from sample_bundles import sealed
from server_cli import command
from standin import Behaviour, RunningStandIn, Store, serve

Capture = pytest.CaptureFixture[str]
MOVE = "UPDATE workflow_runs SET last_history_sequence = last_history_sequence + 1 WHERE workflow_instance_id = ?"


@pytest.fixture(scope="module")
def standing() -> Iterator[RunningStandIn]:
    with serve() as started:
        yield started


@pytest.fixture
def server(standing: RunningStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunningStandIn:
    """The stand-in as new, named by the environment, and a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    standing.app.behaviour, standing.app.store, standing.app.received = Behaviour(), Store(), []
    for namespace in standing.app.store.namespaces.values():
        namespace["retention_days"] = 36_500
    monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", standing.url)
    monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "production")
    return standing


@pytest.fixture
def database(server: RunningStandIn, tmp_path: Path) -> Path:
    """Three exports in `exports/`, and the database that they were exported from."""
    path = empty_database(tmp_path)
    Path("exports").mkdir()
    for number in (1, 2, 3):
        content = sealed(ready_run(number))
        Path("exports", f"order-{number}.json").write_bytes(content)
        put_bundle(path, content)
    return path


def imported(capsys: Capture, *options: str) -> tuple[int, dict[str, Any], str]:
    code, out, err = command(capsys, "history-import", "exports", "--json", *options)
    return code, document(out, "history-import"), err


def states(found: dict[str, Any]) -> dict[str, str]:
    return {Path(bundle["file"]).stem: bundle["state"] for bundle in found["bundles"]}


def on_server(server: RunningStandIn) -> set[str]:
    return {run.bundle["workflow"]["instance_id"] for run in server.app.store.runs.values()}


def test_a_run_that_moved_after_its_export_is_marked_and_not_sent(
    server: RunningStandIn, database: Path, capsys: Capture
) -> None:
    change(database, (MOVE, ("order-2",)))
    code, found, err = imported(capsys, "--database-url", f"sqlite:///{database}")
    assert code == ExitCode.PARTLY
    assert states(found) == {"order-1": "imported", "order-2": "moved", "order-3": "imported"}
    assert on_server(server) == {"order-1", "order-3"}
    (moved,) = (bundle for bundle in found["bundles"] if bundle["state"] == "moved")
    assert moved["error"]["reason"] == "run_moved"
    assert "sequence 1 → 2" in moved["error"]["message"]
    assert found["drift"]["state"] == "checked"
    assert "was asked about 3 runs; moved since the export: 1." in err
    with Ledger.view(".dwctl/ledger.db") as view:
        rows = {row.instance_id: row for row in view.rows()}
    assert (rows["order-2"].state, rows["order-2"].drift) == ("moved", "moved_since_export")
    assert rows["order-1"].drift is None


def test_it_is_imported_after_it_was_exported_again(server: RunningStandIn, database: Path, capsys: Capture) -> None:
    url = f"sqlite:///{database}"
    change(database, (MOVE, ("order-2",)))
    assert imported(capsys, "--database-url", url)[0] == ExitCode.PARTLY
    again = ready_run(2)
    again["workflow"]["last_history_sequence"] = 2
    again["dedupe_key"] = again["dedupe_key"].replace(":1:", ":2:")
    again["history_events"].append({**again["history_events"][0], "id": "01evt-2", "sequence": 2, "type": "TimerFired"})
    Path("exports/order-2.json").write_bytes(sealed(again))
    code, found, _ = imported(capsys, "--database-url", url)
    assert states(found)["order-2"] == "imported", found
    assert code == ExitCode.DONE


def test_the_person_may_insist_and_is_told(server: RunningStandIn, database: Path, capsys: Capture) -> None:
    change(database, (MOVE, ("order-2",)))
    code, found, err = imported(capsys, "--database-url", f"sqlite:///{database}", "--no-drift-check")
    assert (code, set(states(found).values())) == (ExitCode.DONE, {"imported"})
    assert found["drift"] == {"state": "not_checked", "asked": None}
    assert "drift is not checked" in err


def test_without_anybody_to_ask_drift_is_unknown_and_said(
    server: RunningStandIn, database: Path, capsys: Capture
) -> None:
    code, found, err = imported(capsys)
    assert (code, found["drift"]["state"]) == (ExitCode.DONE, "unknown")
    assert "drift is unknown" in err
    assert "--database-url" in err


@pytest.mark.parametrize("url", ["sqlite:///nowhere.sqlite", "mysql://u:geheim@127.0.0.1:9/x"])
def test_somebody_who_is_configured_and_does_not_answer_stops_it_before_the_first_byte(
    server: RunningStandIn, database: Path, capsys: Capture, url: str
) -> None:
    code, out, err = command(capsys, "history-import", "exports", "--database-url", url, "--json")
    assert code in (ExitCode.USAGE, ExitCode.NETWORK)
    assert document(out, "error")["exit_code"] == code
    assert "geheim" not in out + err
    assert on_server(server) == set()
    assert not Path(".dwctl/ledger.db").exists()


def test_another_application_says_nothing_about_these_runs(
    server: RunningStandIn, database: Path, capsys: Capture
) -> None:
    change(database, "DELETE FROM workflow_runs")
    code, found, _ = imported(capsys, "--database-url", f"sqlite:///{database}")
    assert code == ExitCode.NOT_FOUND
    assert on_server(server) == set()
    assert "drift_other_application" in {(bundle["error"] or {}).get("reason") for bundle in found["bundles"]}


def test_a_run_that_is_gone_is_not_sent(server: RunningStandIn, database: Path, capsys: Capture) -> None:
    change(database, "DELETE FROM workflow_runs WHERE workflow_instance_id = 'order-3'")
    code, found, _ = imported(capsys, "--database-url", f"sqlite:///{database}")
    assert (code, states(found)["order-3"]) == (ExitCode.PARTLY, "moved")
    assert on_server(server) == {"order-1", "order-2"}


def test_the_batch_process_answers_where_no_database_is_named(
    server: RunningStandIn, database: Path, tmp_path: Path, capsys: Capture
) -> None:
    application = php_application(tmp_path)
    rows = []
    for number in (1, 2, 3):
        workflow = json.loads(Path(f"exports/order-{number}.json").read_bytes())["workflow"]
        rows.append({
            "id": workflow["run_id"], "workflow_instance_id": workflow["instance_id"], "status": workflow["status"],
            "last_history_sequence": workflow["last_history_sequence"] + (number == 3),
            "last_progress_at": workflow["last_progress_at"].replace("T", " ").removesuffix("Z"), "updated_at": None,
        })  # fmt: skip
    application.has_rows(rows)
    Path("cutover.toml").write_text(f'[embedded]\nphp = ["php"]\npath = "{application.folder}"\n')
    code, found, _ = imported(capsys)
    assert (code, states(found)) == (
        ExitCode.PARTLY,
        {"order-1": "imported", "order-2": "imported", "order-3": "moved"},
    )
    assert found["drift"]["asked"] == "batch PHP process of the embedded application"


def test_a_batch_process_that_does_not_start_stops_it(server: RunningStandIn, database: Path, capsys: Capture) -> None:
    Path("cutover.toml").write_text('[embedded]\nphp = ["/nowhere/php"]\npath = "/app"\n')
    code, out, _ = command(capsys, "history-import", "exports", "--json")
    assert code != ExitCode.DONE
    assert document(out, "error")["exit_code"] == code
    assert on_server(server) == set()
