"""dwctl's own commands against the rehearsal server, over a real socket: the cutover's first steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal_server import on_a_socket
from server_cli import command, document

EXAMPLES = Path(__file__).parents[2] / "examples" / "orders" / "bundles"
COMPLETED = str(EXAMPLES / "completed-order-1001.json")
TOKENS = {"admin": "tok-admin", "operator": "tok-operator", "worker": "tok-worker"}
WORKER = ("--worker-id", "w-1", "--task-queue", "orders", "--runtime", "php")
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A rehearsal server with tokens, which the environment names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    with on_a_socket(auth="token", tokens=TOKENS) as url:
        monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", url)
        monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "production")
        for role, token in TOKENS.items():
            monkeypatch.setenv(f"DW_{role.upper()}_TOKEN", token)
        yield url


def test_the_first_steps_of_a_cutover(url: str, capsys: Capture) -> None:
    assert document(capsys, "health")[1]["is_ready"] is True
    assert document(capsys, "namespace", "ensure", "Production")[0] == 0
    code, checked = document(capsys, "cluster", "check")
    assert (code, [row["id"] for row in checked["requirements"] if row["fit"] == "failed"]) == (0, [])
    code, _, err = command(capsys, "worker", "register", *WORKER)
    assert code == 0, err
    code, listed = document(capsys, "worker", "list")
    assert [worker["worker_id"] for worker in listed["workers"]] == ["w-1"]


def test_a_bundle_is_tried_imported_and_recognised(url: str, capsys: Capture) -> None:
    assert document(capsys, "namespace", "create", "production")[0] == 0
    code, tried = document(capsys, "history-import", COMPLETED, "--dry-run", "--namespace", "production")
    assert code == 0, tried
    code, imported = document(capsys, "history-import", COMPLETED, "--namespace", "production")
    assert code == 0, imported
    code, shown = document(capsys, "workflow", "show", "order-1001")
    assert (code, shown["run"]["status"]) == (0, "completed")
    code, again = document(capsys, "history-import", COMPLETED, "--namespace", "production")
    assert code == 0, again


def test_a_namespace_that_does_not_exist_imports_nothing(url: str, capsys: Capture) -> None:
    code, _ = document(capsys, "history-import", COMPLETED, "--namespace", "absent")
    assert code == 5
