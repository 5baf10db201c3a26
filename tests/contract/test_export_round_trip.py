"""Runs that are imported, exported with the real command, and imported into a second server: the same rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from dwctl.bundle.canonical import decode
from dwctl.bundle.restoration import repair
from dwctl.bundle.verify import verify_bundle
from dwctl.rehearsal.app import create_app
from dwctl.rehearsal.database import Database
from dwctl.rehearsal.state import Settings
from export_doubles import agree, export
from rehearsal_server import CONTROL, served
from sample_bundles import sealed

TABLES = [
    "workflow_instances",
    "workflow_runs",
    "workflow_history_events",
    "workflow_commands",
    "workflow_signal_records",
    "workflow_updates",
    "workflow_tasks",
    "activity_executions",
    "activity_attempts",
    "workflow_run_timers",
    "workflow_failures",
    "workflow_links",
    "workflow_memos",
    "workflow_search_attributes",
]
"""What an import writes; projections are made from it."""

_ITS_OWN = {"created_at", "updated_at", "imported_at", "import_id"}
_GENERATED = {"workflow_memos": {"id"}, "workflow_search_attributes": {"id"}}
_KEYS = {"workflow_memos": ("workflow_run_id", "key"), "workflow_search_attributes": ("workflow_run_id", "key")}
_EXPLAINED = {("workflow_instances", "memo"): ["meta-4"]}
"""Where a row may differ: memos under integer keys do not travel (contract/import.md §4.9)."""


class Server:
    """A rehearsal server whose rows a test can see."""

    def __init__(self) -> None:
        self.app = create_app(settings=Settings())
        self.database: Database = self.app.state.rehearsal.database

    def rows(self, table: str) -> dict[str, dict[str, Any]]:
        """The rows of a table by their key, without what each server makes itself."""
        with self.database.read() as connection:
            found = [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]  # noqa: S608
        key = _KEYS.get(table, ("id",))
        left_out = _ITS_OWN | _GENERATED.get(table, set())
        return {
            "/".join(str(row[part]) for part in key): {name: row[name] for name in row if name not in left_out}
            for row in found
        }


def bring(url: str, documents: list[bytes]) -> list[bytes]:
    """Import documents byte for byte, and return those that were imported."""
    headers = {**CONTROL, "Content-Type": "application/JSON", "X-Namespace": "default"}
    with httpx.Client(base_url=url) as client:
        return [
            document
            for document in documents
            if client.post("/api/workflows/import/embedded-v2", content=document, headers=headers).status_code == 201
        ]


def as_from_the_application(document: bytes) -> bytes:
    """An export of a server as one that an importer takes: what was lost is back, and it names the embedded runtime."""
    bundle = json.loads(restored(document))
    bundle["workflow"]["source_runtime"] = "embedded"
    return sealed({name: value for name, value in bundle.items() if name != "integrity"})


@pytest.fixture
def corpus(shared: Path) -> list[bytes]:
    """Every bundle of the corpus that HTTP takes, restored where its export had lost a fraction."""
    documents = [path.read_bytes() for path in sorted((shared / "corpus" / "bundles").glob("*.json"))]
    return [restored(document) for document in documents if len(document) < 2_000_000]


def restored(document: bytes) -> bytes:
    """The document as it was exported, where its checksum proves that."""
    found = verify_bundle(document).repair
    return document if found is None or not found.proven else repair(decode(document))[0]


def test_every_run_goes_round(
    corpus: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    first, second = Server(), Server()
    with served(first.app) as url:
        imported = bring(url, corpus)
        assert len(imported) > 40
        monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", url)
        code, found = export(capsys, "--all", "--source", "server", "--output-dir", "archive")
    assert found["summary"]["exported"] == found["summary"]["selected"] == len(imported)
    assert code == 0
    assert all(run["good"] for run in found["runs"])
    entries = agree(Path("archive"))
    wanted = [verify_bundle(document).bundle.workflow_run_id for document in imported]
    files = {entry["run_id"]: Path("archive") / entry["file"] for entry in entries.values()}
    assert set(files) == set(wanted)

    returned = [as_from_the_application(files[str(run)].read_bytes()) for run in wanted]
    with served(second.app) as url:
        assert bring(url, returned) == returned
    found_differences = {
        (table, column): sorted(rows)
        for table in TABLES
        for column, rows in differences(first.rows(table), second.rows(table)).items()
    }
    assert found_differences == _EXPLAINED


def differences(ours: dict[str, dict[str, Any]], theirs: dict[str, dict[str, Any]]) -> dict[str, set[str]]:
    """By column, the rows in which it differs; under `row` those that only one server has."""
    found: dict[str, set[str]] = {}
    for key in ours.keys() | theirs.keys():
        if key not in ours or key not in theirs:
            found.setdefault("row", set()).add(key)
            continue
        for column in ours[key]:
            if ours[key][column] != theirs[key][column]:
                found.setdefault(column, set()).add(key)
    return found
