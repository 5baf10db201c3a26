"""One file has one writer: by whatever name it is opened, and only as long as the file and its lock are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from dwctl.errors import LocalStateError
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.rows import LedgerState
from ledgers import opened, rows, run_id

S = LedgerState
FIRST = run_id(0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a ledger may be made."""
    return tmp_path / "cutover" / "ledger.db"


def test_a_ledger_has_one_writer_by_whatever_name(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    with opened(path):
        link.symlink_to(path)
        with pytest.raises(LocalStateError) as caught:
            opened(link)
        assert caught.value.reason == "ledger_locked"
        with Ledger.view(link) as view:
            assert view.status().writer is not None
    with opened(link) as ledger:
        ledger.plan(rows(1))
    assert {file.name for file in tmp_path.iterdir()} == {"link.db", "cutover"}
    with Ledger.view(path) as view:
        assert view.audit().ok


def test_nothing_is_written_any_more_when_the_file_of_the_lock_is_gone(path: Path) -> None:
    ledger = opened(path)
    ledger.plan(rows(1))
    path.with_name("ledger.db.lock").unlink()
    with pytest.raises(LocalStateError) as caught:
        ledger.sending(FIRST)
    assert caught.value.reason == "ledger_locked"
    ledger.close()
    with Ledger.view(path) as view:
        assert view.counts()[S.PLANNED] == 1


@pytest.mark.parametrize("replaced", [False, True])
def test_a_ledger_that_was_removed_is_no_place_to_write_to(path: Path, replaced: bool) -> None:
    ledger = opened(path)
    ledger.plan(rows(1))
    path.unlink()
    if replaced:
        path.touch()
    with pytest.raises(LocalStateError) as caught:
        ledger.sending(FIRST)
    assert (caught.value.reason, caught.value.exit_code) == ("ledger_gone", 10)
    ledger.close()


def test_a_ledger_that_was_removed_after_the_last_change_is_said_at_the_end(path: Path) -> None:
    ledger = opened(path)
    ledger.plan(rows(1))
    path.unlink()
    with pytest.raises(LocalStateError) as caught, ledger:
        pass
    assert caught.value.reason == "ledger_gone"
