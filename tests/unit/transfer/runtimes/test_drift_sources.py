"""The runs that drift is asked about: manifests, bundles, a ledger, and all of them together."""

from __future__ import annotations

from pathlib import Path

import pytest

from dwctl.errors import RequestNotPossible
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.rows import LedgerState
from dwctl.transfer.runtimes.drift import Carried
from dwctl.transfer.runtimes.drift_sources import exported_runs, of_bundle
from dwctl.transfer.storage.bundle_folder import BundleFolder
from dwctl.transfer.storage.folder_store import FolderStore
from kept_exports import NOW, export, keep
from ledgers import opened, row
from sample_bundles import ORDER


def keep_in(folder: Path, *contents: bytes) -> None:
    kept = BundleFolder(FolderStore.open(str(folder), create=True))
    with kept.writing("a test", lambda: NOW):
        for content in contents:
            keep(kept, content)


def test_the_newest_export_of_a_run_counts(tmp_path: Path) -> None:
    keep_in(tmp_path, export(1), export(2))
    keep_in(tmp_path, export(1, sequence=7))
    runs = {run.run_id: run for run in exported_runs([str(tmp_path)], None).expected()}
    assert list(runs) == ["run-1", "run-2"]
    assert str(runs["run-1"].dedupe_key).startswith("run-1:7:")
    assert (runs["run-2"].carried, runs["run-2"].known_by, runs["run-2"].at) == (Carried.EXPORTED, "manifest", NOW)


def test_a_damaged_line_of_a_manifest_is_not_passed_over(tmp_path: Path) -> None:
    keep_in(tmp_path, export(1))
    with (tmp_path / "manifest.jsonl").open("a") as file:
        file.write("{nonsense\n")
    good, bad = exported_runs([str(tmp_path)], None).expected()
    assert good.problem is None
    assert bad.problem is not None
    assert str(bad.file).endswith("manifest.jsonl, line 2")


def test_a_bundle_says_where_its_run_stood(tmp_path: Path) -> None:
    run = of_bundle(str(ORDER))
    assert run.problem is None
    assert str(run.dedupe_key).startswith(f"{run.run_id}:")
    assert run.status == "completed"
    (tmp_path / "a.json").write_bytes(export(3))
    (tmp_path / "b.json").write_text('{"schema": "something else", "workflow": {"run_id": "1", "instance_id": "2"}}')
    (tmp_path / "c.json").write_text("no JSON")
    a, b, c = exported_runs([str(tmp_path)], None).expected()
    assert a.run_id == "run-3"
    assert [one.problem for one in (b, c)] == ["the file is no history export"] * 2


def test_what_the_ledger_imported_comes_before_its_export(tmp_path: Path) -> None:
    keep_in(tmp_path / "exports", export(1), export(2), export(3, instance="order-3"))
    ledger = tmp_path / "ledger.db"
    with opened(ledger) as writer:
        writer.plan([row(number, run_id=f"run-{number}") for number in (1, 2, 4)])
        writer.sending("run-1")
        writer.settle("run-1", LedgerState.IMPORTED)
        writer.sending("run-4")
    with Ledger.view(ledger) as view:
        runs = list(exported_runs([str(tmp_path / "exports")], view).expected())
        imported = [run.run_id for run in exported_runs((), view).imported()]
    assert [(run.run_id, run.carried.value, run.known_by) for run in runs] == [
        ("run-1", "imported", "ledger"),
        ("run-4", "in_doubt", "ledger"),
        ("run-2", "exported", "manifest"),
        ("run-3", "exported", "manifest"),
    ]
    assert imported == ["run-1", "run-4"]


def test_nothing_to_compare_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestNotPossible) as none:
        exported_runs((), None)
    assert none.value.reason == "no_exported_runs"
    with pytest.raises(RequestNotPossible) as empty:
        exported_runs([str(tmp_path)], None)
    assert empty.value.reason == "no_bundles"
