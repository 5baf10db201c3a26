"""`history-import` and the commands on a ledger take import id and ledger from cutover.toml, as the gate does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from diagnose_world import Capture, World, a_world, bundle
from server_cli import command, document

DESCRIBED = '[cutover]\nimport_id = "orders-cutover"\nledger = "kept/ledger.db"\n'


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with a_world(tmp_path, monkeypatch) as one:
        Path("cutover.toml").write_text(DESCRIBED, encoding="utf-8")
        yield one


@pytest.mark.usefixtures("world")
def test_an_import_without_options_is_the_one_that_is_described(capsys: Capture) -> None:
    assert command(capsys, "history-import", bundle())[0] == 0
    assert not Path(".dwctl").exists()
    code, found = document(capsys, "ledger", "status")
    assert (code, found["import_id"]) == (0, "orders-cutover")
    assert command(capsys, "transfer", "report")[0] == 0
    assert "kept/ledger.db is looked at too" in command(capsys, "diagnose", "order-1")[2]
    code, _, err = command(capsys, "ledger", "status", "--ledger", ".dwctl/ledger.db")
    assert (code, "there is no ledger here" in err) == (2, True)


@pytest.mark.usefixtures("world")
def test_what_is_typed_goes_before_what_is_described(capsys: Capture) -> None:
    code, _, err = command(capsys, "history-import", bundle(), "--import-id", "typed", "--ledger", "own.db")
    assert (code, "import id typed" in err) == (0, True)
    assert Path("own.db").is_file()
    assert not Path("kept").exists()
    Path("cutover.toml").write_text("[cutover]\nledgr = 1\n", encoding="utf-8")
    code, _, err = command(capsys, "ledger", "status")
    assert (code, "ledgr" in err) == (2, True)
