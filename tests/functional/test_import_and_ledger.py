"""What an import leaves in its ledger, from the command line: files that give no run, choices, and its own files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dwctl.transfer.ledger.ledger import Ledger
from sample_bundles import LEASED, ORDER, WAITING
from server_cli import command, document
from standin import Behaviour, RunningStandIn, Store, serve

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def standing() -> Iterator[RunningStandIn]:
    """One stand-in for all tests of this module."""
    with serve() as started:
        yield started


@pytest.fixture(autouse=True)
def running(standing: RunningStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunningStandIn:
    """The stand-in as new, named by the environment, and a folder with a good bundle and one that was cut short."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", standing.url)
    monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "default")
    standing.app.behaviour, standing.app.store, standing.app.received = Behaviour(), Store(), []
    for namespace in standing.app.store.namespaces.values():
        namespace["retention_days"] = 36_500
    Path("exports").mkdir()
    shutil.copy(WAITING, "exports/good.json")
    Path("exports/cut.json").write_bytes(ORDER.read_bytes()[:500])
    return standing


def test_a_cut_file_keeps_the_transfer_from_being_complete_until_a_run_is_read_from_it(capsys: Capture) -> None:
    assert command(capsys, "history-import", "exports")[0] == 9
    code, found = document(capsys, "transfer", "report")
    assert (code, found["answer"], found["kinds"]["trouble"], found["kinds"]["good"]) == (1, "not_complete", 1, 1)
    (cut,) = (one for one in found["bundles"] if one["standing"] == "unreadable")
    assert (cut["file"], cut["run_id"], cut["kind"]) == ("exports/cut.json", None, "trouble")
    commands = [step["command"] for step in found["steps"] if step["command"] is not None]
    assert "dwctl bundle verify exports/cut.json" in commands
    assert any(one.startswith("dwctl ledger retry exports/cut.json --reason WHY") for one in commands)

    _, out, _ = command(capsys, "ledger", "status")
    assert "1 file gave no run" in out
    assert "exports/cut.json" in out
    _, status = document(capsys, "ledger", "status")
    assert [one["file"] for one in status["unread"]] == ["exports/cut.json"]
    assert status["total"] == 1
    assert "unread=1" in command(capsys, "ledger", "status", "--watch")[1]

    # A plan alone writes nothing, and another import that does not name the file says nothing of it.
    shutil.copy(ORDER, "exports/cut.json")
    assert command(capsys, "history-import", "exports", "--plan")[0] == 0
    assert command(capsys, "history-import", "exports/good.json")[0] == 0
    assert command(capsys, "transfer", "report")[0] == 1
    assert command(capsys, "history-import", str(Path("exports").absolute()))[0] == 0
    code, found = document(capsys, "transfer", "report")
    assert (code, found["answer"], found["total"]) == (0, "complete", 2)
    assert document(capsys, "ledger", "status")[1]["unread"] == []
    assert command(capsys, "ledger", "audit")[0] == 0


def test_a_person_lets_go_of_a_file_with_a_reason_and_of_nothing_else(capsys: Capture) -> None:
    Path("exports/list.json").write_text("[1]")
    assert command(capsys, "history-import", "exports")[0] == 9
    for words, code in (
        (("exports/cut.json",), 2),
        (("exports/cut.json", "--reason", " "), 2),
        (("exports/other.json", "--reason", "x"), 5),
    ):
        assert command(capsys, "ledger", "retry", *words)[0] == code
    assert len(document(capsys, "ledger", "status")[1]["unread"]) == 2
    code, out, _ = command(capsys, "ledger", "retry", "exports/cut.json", "--reason", "a copy")
    assert (code, out) == (0, "exports/cut.json: gave no run, and is trouble no longer\n")
    code, found = document(
        capsys, "ledger", "retry", str(Path("exports/list.json").absolute()), "--reason", "no bundle"
    )
    assert (code, found["files"], found["run_ids"]) == (0, ["exports/list.json"], [])
    assert document(capsys, "transfer", "report")[1]["answer"] == "complete"
    assert command(capsys, "ledger", "audit")[0] == 0
    # Met again, it is trouble again.
    assert command(capsys, "history-import", "exports")[0] != 0
    assert command(capsys, "transfer", "report")[0] == 1


def test_an_import_that_chooses_others_turns_nothing_green_that_was_refused(capsys: Capture) -> None:
    Path("exports/cut.json").unlink()
    shutil.copy(LEASED, "exports")
    assert command(capsys, "history-import", "exports")[0] == 9
    before = document(capsys, "ledger", "list")[1]["runs"]
    kind = next(one["workflow_type"] for one in before if one["state"] == "imported")
    command(capsys, "history-import", "exports", "--only", kind)
    after = {one["run_id"]: (one["state"], one["rules"]) for one in document(capsys, "ledger", "list")[1]["runs"]}
    assert after == {one["run_id"]: (one["state"], one["rules"]) for one in before}
    assert command(capsys, "transfer", "report")[0] == 1


def test_what_dwctl_resealed_is_no_export(capsys: Capture) -> None:
    kept = Path("exports/.resealed/order-1/run.json")
    kept.parent.mkdir(parents=True)
    shutil.copy(ORDER, kept)
    Path("exports/cut.json").unlink()
    code, found = document(capsys, "history-import", "exports")
    assert (code, len(found["bundles"])) == (0, 1), "a folder that is searched hides it"
    for name in (str(kept), "exports/.resealed"):
        code, _, err = command(capsys, "history-import", name)
        assert code == 2
        assert "dwctl resealed" in err


def test_a_report_or_a_plan_never_takes_the_place_of_the_ledger(capsys: Capture) -> None:
    Path("exports/cut.json").unlink()
    for words in (("--report", "junit=l.db"), ("--report", "html=l.db-wal"), ("--plan-out", "l.db")):
        code, _, err = command(capsys, "history-import", "exports", "--ledger", "l.db", *words)
        assert code == 2
        assert "never written over" in err
    assert not Path("l.db").exists()


def test_an_import_whose_ledger_is_removed_meanwhile_is_no_success(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("exports/cut.json").unlink()
    shutil.copy(ORDER, "exports")
    kept = Ledger.note_compared

    def removed_then_compared(*words: Any, **options: Any) -> Any:
        Path(".dwctl/ledger.db").unlink(missing_ok=True)
        return kept(*words, **options)

    monkeypatch.setattr(Ledger, "note_compared", removed_then_compared)
    code, out, err = command(capsys, "history-import", "exports", "--jobs", "1")
    assert code == 10
    assert "removed or replaced" in out + err
    assert not Path(".dwctl/ledger.db").exists()
