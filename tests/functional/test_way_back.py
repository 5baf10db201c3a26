"""What docs/runbook.md says of the way back is so: tried out with dwctl, a server and an embedded database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gate_runs import describe, one
from rehearsal_server import CONTROL, on_a_socket
from rows_of_bundles import change, empty_database, put_bundle
from sample_bundles import EXAMPLES, WAITING, sealed
from server_cli import command, document

Capture = pytest.CaptureFixture[str]
READY = EXAMPLES / "running-ready-workflow-task-order-2001.json"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """A server and an application, each with its copy of two runs that nobody has claimed since their import."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    database = empty_database(tmp_path)
    Path("exports").mkdir()
    for file in (READY, WAITING):
        Path("exports", file.name).write_bytes(file.read_bytes())
        put_bundle(database, file.read_bytes())
    headers = CONTROL | {"X-Namespace": "production"}
    with on_a_socket() as url, httpx.Client(base_url=url, headers=headers) as client:
        client.post("/api/namespaces", json={"name": "production"})
        embedded = f'[bundles]\npaths = ["exports"]\n[embedded]\ndatabase_url = "sqlite:///{database}"'
        describe(tmp_path, url, embedded, server='auth = "none"')
        yield client


def imported(capsys: Capture) -> None:
    code, _, err = command(capsys, "history-import", "exports")
    assert code == 0, err


def terminated(server: httpx.Client, workflow_id: str) -> None:
    answer = server.post(f"/api/workflows/{workflow_id}/terminate", json={"reason": "cutover undone"})
    assert answer.status_code == 200, answer.text


def running(capsys: Capture) -> set[str]:
    """The open runs of the server, as step 5 asks for them."""
    return {run["workflow_id"] for run in document(capsys, "workflow", "list", "--status", "running")[1]["workflows"]}


def goes_on(sql: str = "last_history_sequence = last_history_sequence + 1") -> None:
    """The embedded copy of order-2001 does something."""
    where = "id = (SELECT current_run_id FROM workflow_instances WHERE id = 'order-2001')"
    change(Path("application.sqlite"), f"UPDATE workflow_runs SET {sql} WHERE {where}")  # noqa: S608 - our own


def later_export() -> None:
    """An export of order-2001 as it stands after it has gone on."""
    bundle = json.loads(READY.read_text(encoding="utf-8"))
    bundle["dedupe_key"] = bundle["dedupe_key"].replace(":2:", ":3:")
    Path("later.json").write_bytes(sealed(bundle))


@pytest.mark.usefixtures("server")
def test_before_the_import_a_dry_run_and_a_plan_leave_nothing_behind(capsys: Capture) -> None:
    assert command(capsys, "history-import", "exports", "--dry-run")[0] == 0
    assert command(capsys, "history-import", "exports", "--plan")[0] == 0
    assert running(capsys) == set()
    assert command(capsys, "ledger", "status")[0] == 2
    goes_on()
    assert command(capsys, "embedded", "drift", "exports")[0] == 1, "then the exports are of the past"


def test_imported_and_not_claimed_it_is_terminated_there_and_goes_on_here(
    server: httpx.Client, capsys: Capture
) -> None:
    imported(capsys)
    assert command(capsys, "embedded", "parked")[0] == 0
    assert running(capsys) == {"order-2001", "approval-1"}
    for workflow_id in ("order-2001", "approval-1"):
        terminated(server, workflow_id)
    assert running(capsys) == set()
    goes_on()
    assert document(capsys, "route", "order-2001")[1]["routes"][0]["owner"] == "both"
    assert one(capsys, "imports.once")[:2] == (1, "fail")


def test_an_id_is_used_up_once(server: httpx.Client, capsys: Capture) -> None:
    imported(capsys)
    terminated(server, "order-2001")
    Path(".dwctl").rename("evidence-of-the-ledger")
    code, found = document(capsys, "history-import", "exports", "--only", "orders.process")
    assert code == 0
    assert [bundle["state"] for bundle in found["bundles"] if bundle["state"] != "skipped"] == ["already_imported"]
    later_export()
    code, out, _ = command(capsys, "history-import", "later.json", "--dry-run")
    assert code == 1
    assert "target.run_id_conflict" in out
    body = {"workflow_id": "order-2001", "workflow_type": "orders.process", "task_queue": "default"}
    assert server.post("/api/workflows", json=body).status_code == 409


def test_an_embedded_copy_that_is_terminated_on_purpose_counts_as_moved_until_it_is_waived(
    server: httpx.Client, capsys: Capture
) -> None:
    imported(capsys)
    assert one(capsys, "imports.once")[:2] == (0, "warn"), "only the pause keeps it"
    goes_on("status = 'terminated', last_history_sequence = last_history_sequence + 2")
    assert command(capsys, "embedded", "parked")[0] == 1
    assert one(capsys, "imports.once")[:2] == (1, "fail")
    assert running(capsys) == {"order-2001", "approval-1"}, "the server's own run does not mind"
    words = ("--owner", "ops", "--reason", "on purpose", "--expires", "30d")
    assert command(capsys, "checklist", "waive", "imports.once", *words)[0] == 0
    assert one(capsys, "imports.once")[:2] == (0, "waived")
