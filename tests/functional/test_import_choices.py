"""What is chosen on the command line of an import: options that exclude each other, filters, and plans of before."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dwctl.errors import ExitCode
from dwctl.transfer.files import marks as file_marks
from dwctl.transfer.ledger.ledger import Ledger
from import_faults import Faulty, faulty, import_folder, put
from many_bundles import SMALL, write_many
from sample_bundles import CHAIN, LEASED, ORDER, WAITING
from server_cli import command

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a folder of its own, without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))


@pytest.fixture
def server() -> Iterator[Faulty]:
    """A rehearsal server without faults."""
    with faulty(()) as running:
        yield running


def words(server: Faulty) -> tuple[str, ...]:
    """Where everything goes."""
    return ("--server", server.url, "--namespace", "default", "--ledger", "ledger.db")


def planned(capsys: Capture, server: Faulty, *more: str) -> ExitCode:
    """Write the plan of the folder."""
    return ExitCode(command(capsys, "history-import", "bundles", *words(server), "--plan-out", "plan.jsonl", *more)[0])


def states() -> dict[str, str]:
    """The states of the ledger by file, and its audit passes."""
    with Ledger.view("ledger.db") as ledger:
        assert ledger.audit().ok
        return {Path(str(row.file)).name: row.state.value for row in ledger.rows()}


def refused(capsys: Capture, *arguments: str) -> dict[str, Any]:
    """The error of a command line that cannot be carried out as it stands."""
    code, out, _ = command(capsys, "history-import", *arguments, "--json")
    error: dict[str, Any] = json.loads(out)
    assert (code, error["schema"]) == (ExitCode.USAGE, "dwctl.error")
    return error


# --- options that leave each other no meaning ------------------------------------------------------------------


@pytest.mark.parametrize(
    "option",
    [("--limit", "1"), ("--only", "a.type"), ("--resolve-links", "x"), ("--strict",), ("--no-repair",), ("--rehash",),
     ("--dry-run",), ("bundles",)],
    ids=lambda option: option[0],
)  # fmt: skip
def test_a_plan_of_before_takes_no_option_that_shapes_a_plan(capsys: Capture, option: tuple[str, ...]) -> None:
    error = refused(capsys, "--from-plan", "plan.jsonl", *option)
    assert error["where"] == "--from-plan"
    assert (option[0] if option[0].startswith("-") else "a path") in error["error"]


@pytest.mark.parametrize(
    "option",
    [("--limit", "1"), ("--only", "a.type"), ("--resolve-links", "x"), ("--rehash",), ("--plan",), ("--plan-out", "p"),
     ("--rate", "2"), ("--max-failures", "2"), ("--fail-fast",), ("--archive-terminal",)],
    ids=lambda option: option[0],
)  # fmt: skip
def test_a_dry_run_takes_no_option_of_a_plan_or_a_run(capsys: Capture, option: tuple[str, ...]) -> None:
    put(ORDER)
    error = refused(capsys, "bundles", "--dry-run", "--offline", *option)
    assert (error["where"], option[0] in error["error"]) == ("--dry-run", True)


@pytest.mark.parametrize("reason", ["", "  "])
def test_links_are_resolved_for_a_reason_or_not_at_all(capsys: Capture, reason: str) -> None:
    assert refused(capsys, "bundles", "--resolve-links", reason)["where"] == "--resolve-links"


@pytest.mark.parametrize("rate", ["nan", "inf"])
def test_a_rate_is_a_number(capsys: Capture, rate: str) -> None:
    assert rate in refused(capsys, "bundles", "--rate", rate)["error"]


def test_what_comes_from_standard_input_is_no_bundle_of_a_plan_file(capsys: Capture) -> None:
    assert refused(capsys, "-", "--plan-out", "plan.jsonl")["where"] == "--plan-out"
    assert not Path("plan.jsonl").exists()


# --- plans of before -------------------------------------------------------------------------------------------


def test_a_plan_for_a_way_that_is_not_open_is_refused_before_the_ledger(server: Faulty, capsys: Capture) -> None:
    put(ORDER, WAITING)
    assert planned(capsys, server) is ExitCode.DONE
    Path("cutover.toml").write_text('[server]\nphp = ["php"]\npath = "/app"\n')
    error = refused(capsys, "--from-plan", "plan.jsonl", "--via", "artisan", *words(server))
    assert error["reason"] == "plan_of_another_way"
    assert "byte-exact" in error["error"]
    assert not Path("ledger.db").exists()


@pytest.mark.parametrize("again", [("--archive-terminal",), ("--compare", "deep")], ids=["archived", "compared"])
def test_a_plan_that_says_done_is_archived_and_compared_again(
    server: Faulty, capsys: Capture, monkeypatch: pytest.MonkeyPatch, again: tuple[str, ...]
) -> None:
    """Its files were not read when it was made: it pins them by what the ledger knows."""
    monkeypatch.setattr(file_marks, "SETTLED_SECONDS", -3600)
    put(ORDER)
    assert import_folder(capsys, server)[0] == ExitCode.DONE
    assert planned(capsys, server) is ExitCode.DONE
    code, out, _ = command(capsys, "history-import", "--from-plan", "plan.jsonl", *words(server), *again)
    assert code == ExitCode.DONE, out
    Path("bundles", ORDER.name).write_bytes(WAITING.read_bytes())
    code, out, _ = command(
        capsys, "history-import", "--from-plan", "plan.jsonl", *words(server), "--compare", "deep", "--json"
    )
    assert (code == ExitCode.DONE, json.loads(out)["bundles"][0]["error"]["reason"]) == (False, "file_changed")


# --- filters ---------------------------------------------------------------------------------------------------


def test_a_filter_hides_nothing_that_did_not_arrive_and_says_so(server: Faulty, capsys: Capture) -> None:
    put(ORDER, LEASED)
    assert import_folder(capsys, server)[0] == ExitCode.PARTLY
    assert states()[LEASED.name] == "refused"
    leased = json.loads(LEASED.read_text("utf-8"))["workflow"]["workflow_type"]
    other = json.loads(WAITING.read_text("utf-8"))["workflow"]["workflow_type"]
    assert other != leased
    put(WAITING)
    for more in (("--plan",), ()):
        code, _, err = command(capsys, "history-import", "bundles", *words(server), "--only", other, *more)
        assert code == ExitCode.DONE
        assert "of the bundles that are left out, 1 did not arrive before, as far as is known (1 refused)" in err
    assert states()[LEASED.name] == "refused"
    assert command(capsys, "transfer", "report", "--ledger", "ledger.db")[0] == ExitCode.NO


def test_a_chain_whose_middle_is_blocked_is_not_torn_by_an_import_without_a_reason(
    server: Faulty, capsys: Capture
) -> None:
    """Blocked at first, since its partner did not come; the same bundles without --resolve-links must not be sent."""
    put(*CHAIN)
    assert planned(capsys, server, "--resolve-links", "agreed") is ExitCode.DONE
    first = Path("bundles", CHAIN[0].name)
    first.write_bytes(CHAIN[0].read_bytes() + b"\n")
    assert command(capsys, "history-import", "--from-plan", "plan.jsonl", *words(server))[0] == ExitCode.NO
    assert [states()[file.name] for file in CHAIN] == ["refused", "blocked", "blocked"]
    code, out, _ = command(capsys, "history-import", f"bundles/{CHAIN[2].name}", *words(server))
    assert (code, "set.partner_not_imported" in out, server.posts) == (ExitCode.NO, True, 0)
    first.write_bytes(CHAIN[0].read_bytes())
    assert import_folder(capsys, server)[0] == ExitCode.PARTLY
    assert ([states()[file.name] for file in CHAIN], server.posts) == (["imported", "refused", "refused"], 1)
    assert import_folder(capsys, server, "--resolve-links", "agreed")[0] == ExitCode.DONE
    assert [states()[file.name] for file in CHAIN] == ["imported"] * 3


# --- how a run ends --------------------------------------------------------------------------------------------


def test_a_run_that_gave_up_before_its_end_is_partly_done_whatever_was_imported(
    server: Faulty, capsys: Capture
) -> None:
    write_many(Path("bundles"), 12, SMALL)
    assert planned(capsys, server) is ExitCode.DONE
    for file in Path("bundles").iterdir():
        file.write_bytes(file.read_bytes() + b"\n")
    code, out, _ = command(
        capsys, "history-import", "--from-plan", "plan.jsonl", *words(server), "--fail-fast", "--jobs", "1", "--json"
    )
    summary = json.loads(out)["summary"]
    assert summary["refused"] + summary["not_tried"] == 12
    assert summary["not_tried"] > 0
    assert (code, summary["exit_code"]) == (ExitCode.PARTLY, ExitCode.PARTLY)


def test_a_reader_that_goes_away_leaves_a_ledger_that_knows_everything(server: Faulty) -> None:
    write_many(Path("bundles"), 60, SMALL)
    process = subprocess.Popen(
        [sys.executable, "-m", "dwctl", "history-import", "bundles", *words(server), "--output", "jsonl"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == ExitCode.NO, err
    assert 0 < len(server.runs) < 60, "it stopped on the way"
    assert list(states().values()).count("imported") == len(server.runs)
    assert "sending" not in states().values()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_an_output_that_cannot_be_written_is_said_and_the_ledger_knows_everything(server: Faulty) -> None:
    write_many(Path("bundles"), 3, SMALL)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "dwctl", "history-import", "bundles", *words(server)],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == ExitCode.LOCAL_STATE, done.stderr
    assert "the output cannot be written: No space left on device" in done.stderr
    assert "bug" not in done.stderr
    assert "Traceback" not in done.stderr
    assert set(states().values()) == {"imported"}
