"""Imports through kills, faults and contention: seeded samples of the long campaigns (tests/soak)."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.rows import LedgerRow
from import_faults import IMPORT, KINDS, by_chance, faulty, hold, import_folder, play
from import_kills import Cutover
from ledgers import opened
from many_bundles import SMALL, write_many


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a folder of its own, without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))


def test_whatever_is_killed_every_bundle_is_imported_exactly_once(tmp_path: Path) -> None:
    cutover = Cutover(tmp_path, 40, random.Random(6))
    cutover.go(3)
    assert cutover.kills.total() >= 1


def test_faults_lose_nothing_refuse_nothing_and_make_no_storm(capsys: pytest.CaptureFixture[str]) -> None:
    play(capsys, KINDS, 50, seed=6)


def test_a_server_whose_database_is_locked_for_most_at_first_gets_fewer_at_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_many(Path("bundles"), 40, SMALL)
    # The first request is the probe; a dry run writes nothing, so it meets no lock.
    rules = by_chance(["locked=0"], 40, 0.7, random.Random(6), on=IMPORT)
    with faulty(rules) as server:
        code, found = import_folder(capsys, server, "--jobs", "8")
        assert code == 0, found["summary"]
        hold(server, 40)
    concurrency = found["summary"]["run"]["concurrency"]
    assert concurrency["most"] == 8
    # The first crowded moment halves it; how far it goes from there is a matter of who comes when.
    assert concurrency["lowest"] <= 4
    assert concurrency["cuts"]["busy"] >= 2


def test_what_was_sent_and_not_settled_is_asked_again_and_ours(capsys: pytest.CaptureFixture[str]) -> None:
    """The ledger has `sending`, as a killed import leaves it; the server may have the run or not."""
    files = write_many(Path("bundles"), 2, SMALL)
    with faulty(()) as server:
        files[1].rename("other.json")
        assert import_folder(capsys, server)[0] == 0
        Path("other.json").rename(files[1])
        with Ledger.view("ledger.db") as ledger:
            (row,) = ledger.rows()
        Path("ledger.db").unlink()
        begun = {"server": server.url, "namespace": "default", "import_id": row.import_id}
        with opened(Path("ledger.db"), **begun) as ledger:
            ledger.plan([LedgerRow(run_id=row.run_id, dedupe_key=row.dedupe_key)])
            ledger.sending(row.run_id)
        code, found = import_folder(capsys, server)
        assert (code, found["summary"]["imported"]) == (0, 2)
        hold(server, 2)
