"""`dwctl embedded check` against the rehearsal server: queues, and what was started in both runtimes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from output_schemas import document
from rehearsal_server import CONTROL, on_a_socket
from rows_of_bundles import change, empty_database, insert, put_bundle
from sample_bundles import WAITING
from server_cli import command

Capture = pytest.CaptureFixture[str]
PLACE = json.loads(WAITING.read_bytes())["workflow"]
QUEUES, BOTH = "embedded.queues_on_both_sides", "embedded.started_in_both_runtimes"
NOW = "2026-11-23 00:00:00.000000"


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A rehearsal server with the namespace, which the environment names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    with on_a_socket() as url:
        monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", url)
        monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "production")
        monkeypatch.setenv("DW_AUTH_DRIVER", "none")
        post(url, "namespaces", name="production")
        yield url


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The embedded application out of which one run is to be imported."""
    path = empty_database(tmp_path)
    put_bundle(path, WAITING.read_bytes())
    return path


def post(url: str, where: str, **body: Any) -> Any:
    answer = httpx.post(f"{url}/api/{where}", json=body, headers=CONTROL | {"X-Namespace": "production"})
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def asked(capsys: Capture, path: Path, name: str, *options: str) -> tuple[int, dict[str, Any]]:
    code, out, err = command(
        capsys, "embedded", "check", "--database-url", f"sqlite:///{path}", "--since", "2026-11-22", "--only", name,
        "--json", *options,
    )  # fmt: skip
    found = document(out, "embedded-check")
    (one,) = [check for check in found["checks"] if check["answer"] != "skipped"]
    assert (code == 0) is (one["answer"] in ("pass", "warn")), err
    return code, one


def test_queues_turn_red_and_green_with_the_server(url: str, path: Path, capsys: Capture) -> None:
    code, found = asked(capsys, path, QUEUES)
    assert (code, found["answer"], found["ids"]) == (1, "fail", [PLACE["queue"]])
    worker = ("--worker-id", "w-1", "--task-queue", PLACE["queue"], "--runtime", "php")
    assert command(capsys, "worker", "register", *worker)[0] == 0
    assert asked(capsys, path, QUEUES)[1]["answer"] == "pass"


def test_an_import_is_in_both_by_design_and_a_second_start_is_not(url: str, path: Path, capsys: Capture) -> None:
    assert asked(capsys, path, BOTH)[1]["answer"] == "pass"
    assert command(capsys, "history-import", str(WAITING), "--namespace", "production")[0] == 0
    imported = asked(capsys, path, BOTH)[1]
    assert imported["answer"] == "pass"
    post(url, "workflows", workflow_id="order-77", workflow_type="orders.process", task_queue="orders")
    assert asked(capsys, path, BOTH)[1]["answer"] == "pass"
    insert(
        path,
        "workflow_runs",
        id="twin",
        workflow_instance_id="order-77",
        run_number=1,
        started_at=NOW,
        status="waiting",
    )
    code, found = asked(capsys, path, BOTH)
    assert (code, found["answer"], found["ids"]) == (1, "fail", ["instance order-77"])


def test_a_business_key_in_both_is_found(url: str, path: Path, capsys: Capture) -> None:
    post(url, "workflows", workflow_id="a", workflow_type="t", task_queue="orders", business_key="key-9")
    insert(
        path, "workflow_runs", id="twin", workflow_instance_id="b", run_number=1, business_key="key-9", started_at=NOW
    )
    assert asked(capsys, path, BOTH)[1]["ids"] == ["business key key-9"]


def test_a_server_that_does_not_answer_is_unknown(
    path: Path, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ("--server", "http://127.0.0.1:9", "--namespace", "production", "--timeout", "1s")
    for name in (QUEUES, BOTH):
        code, found = asked(capsys, path, name, *options)
        assert (code, found["answer"]) == (1, "unknown")
        assert found["next_step"]


def test_a_namespace_that_nobody_named_proves_nothing(
    url: str, path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DURABLE_WORKFLOW_NAMESPACE")
    for name in (QUEUES, BOTH):
        code, found = asked(capsys, path, name)
        assert (code, found["answer"], found["said"]) == (1, "unknown", "no namespace of the server is named")


def test_what_the_ledger_imported_is_named_in_the_inventory(url: str, path: Path, capsys: Capture) -> None:
    assert command(capsys, "history-import", str(WAITING), "--namespace", "production", "--ledger", "l.db")[0] == 0

    def listed() -> dict[str, Any]:
        out = command(
            capsys, "embedded", "inventory", "--database-url", f"sqlite:///{path}", "--ledger", "l.db", "--json"
        )
        found = document(out[1], "embedded-inventory")
        (run,) = found["runs"]
        return {**run["imported"], "totals": found["totals"]}

    first = listed()
    assert (first["state"], first["moved"]) == ("imported", False)
    change(path, "UPDATE workflow_runs SET last_history_sequence = last_history_sequence + 1")
    second = listed()
    assert second["moved"] is True
    assert second["totals"]["moved_since_import"] == 1
    table = command(capsys, "embedded", "inventory", "--database-url", f"sqlite:///{path}", "--ledger", "l.db")[1]
    assert "BOTH RUNTIMES RUN IT" in table
    assert table.splitlines()[1].split()[0] == "twice"
