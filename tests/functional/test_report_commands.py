"""`dwctl transfer report` and `--report` of an import, from the command line: JSON, exit codes, files."""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from dwctl.cli.ledger_options import DEFAULT_LEDGER
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.rows import LedgerState
from ledger_kills import wait_ready, writer
from ledgers import START, edit, opened, rows, run_id
from output_schemas import document as one_document
from output_schemas import lines
from sample_bundles import EXAMPLES, LEASED, ORDER, WAITING
from server_cli import command, document
from standin import Behaviour, Fault, FaultKind, RunningStandIn, Store, serve
from told_transfers import everything

Capture = pytest.CaptureFixture[str]
S = LedgerState


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))


@pytest.fixture(scope="module")
def standing() -> Iterator[RunningStandIn]:
    """One stand-in for all tests of this module."""
    with serve() as started:
        yield started


@pytest.fixture
def running(standing: RunningStandIn, monkeypatch: pytest.MonkeyPatch) -> RunningStandIn:
    """The stand-in as new, named by the environment; its namespaces prune nothing."""
    standing.app.behaviour, standing.app.store, standing.app.received = Behaviour(), Store(), []
    for namespace in standing.app.store.namespaces.values():
        namespace["retention_days"] = 36_500
    monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", standing.url)
    monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "production")
    return standing


def complete(path: str = DEFAULT_LEDGER) -> None:
    """A ledger in which everything arrived."""
    with opened(Path(path)) as ledger:
        ledger.plan(rows(2))
        for number in range(2):
            ledger.sending(run_id(number))
            ledger.settle(run_id(number), S.IMPORTED)
            ledger.note_compared(run_id(number), START)


def states(path: str) -> dict[str, str]:
    """Test case → passed, failure, error or skipped."""
    cases = ElementTree.fromstring(Path(path).read_bytes()).iter("testcase")  # noqa: S314 - our own
    found = {}
    for case in cases:
        verdicts = [child.tag for child in case if child.tag in {"failure", "error", "skipped"}]
        found[str(case.get("name")).split(" ")[0]] = verdicts[0] if verdicts else "passed"
    return found


# --- transfer report ---


def test_a_complete_transfer_is_exit_code_0_and_every_format_is_written(capsys: Capture) -> None:
    complete()
    code, out, err = command(
        capsys, "transfer", "report", "--report", "html=r.html", "--report", "markdown=r.md",
        "--report", "junit=r.xml", "--report", "github=r.txt",
    )  # fmt: skip
    assert code == 0
    assert out.splitlines()[-1] == "Complete. All 2 bundles arrived: on the server, compared, and the same."
    assert "dwctl: html report: r.html" in err
    assert Path("r.html").read_text().startswith("<!doctype html>")
    assert Path("r.md").read_text().startswith("<!-- dwctl report -->")
    assert states("r.xml") == {"the": "passed", "order-0": "passed", "order-1": "passed"}
    assert Path("r.txt").read_text().startswith("::notice ")


def test_one_that_met_everything_is_1_and_its_json_keeps_to_the_schema(capsys: Capture) -> None:
    everything(Path(DEFAULT_LEDGER))
    code, found = document(capsys, "transfer", "report")
    assert code == found["exit_code"] == 1
    assert (found["answer"], found["total"]) == ("not_complete", 14)
    assert {one["standing"]: one["count"] for one in found["standings"]}["in_both"] == 1
    assert [one["reason"] for one in found["reasons"] if one["standing"] == "refused"] == [
        "tasks.leased_task_present", "target.link_taken",
    ]  # fmt: skip
    resealed = [one["resealed"] for one in found["bundles"] if one["resealed"]]
    assert resealed == [{
        "by": "dwctl", "reason": "cut by hand", "checksum_before": "b" * 64, "checksum_after": "d" * 64,
        "removed_links": [{"parent_run_id": run_id(3), "child_run_id": run_id(4), "link_type": "continue_as_new"}],
    }]  # fmt: skip
    assert found["travel"]["not_looked"] == [{"why": "the file was not found, or could not be read", "count": 7}]
    code, out, _ = command(capsys, "transfer", "report", "--output", "jsonl", "--no-bundles")
    assert code == 1
    assert len(lines(out, "transfer-report", "bundle")) == 14
    code, out, _ = command(capsys, "transfer", "report")
    for said in ("4        arrived", "1 refused  tasks.leased_task_present", "resealed by dwctl, without links",
                 "$ dwctl ledger show 01RUN00000002 --ledger .dwctl/ledger.db"):  # fmt: skip
        assert said in out


@pytest.mark.skipif(shutil.which("jq") is None, reason="the command of the digest needs jq")
def test_the_digest_comes_out_again_by_the_command_that_is_named(capsys: Capture) -> None:
    everything(Path(DEFAULT_LEDGER))
    _, found = document(capsys, "transfer", "report")
    _, exported, _ = command(capsys, "ledger", "export", "--format", "jsonl")
    piped = found["digest"]["command"].split(" | ", 1)
    assert piped[0] == "dwctl ledger export --format jsonl --ledger .dwctl/ledger.db"
    done = subprocess.run(["sh", "-c", piped[1]], input=exported, capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == found["digest"]["sha256"]
    assert found["digest"]["sha256"] != hashlib.sha256(b"").hexdigest()


def test_a_damaged_ledger_is_1_and_said_first(capsys: Capture) -> None:
    complete()
    edit(Path(DEFAULT_LEDGER), "UPDATE runs SET file_sha256 = 'x'")
    code, out, _ = command(capsys, "transfer", "report", "--report", "junit=r.xml", "--report", "markdown=r.md")
    assert code == 1
    assert "its row is not what its events say: file_sha256" in out.splitlines()[0]
    assert "The ledger is damaged." in out.splitlines()[-1]
    assert states("r.xml")["the"] == "failure"
    assert "**The ledger is damaged.**" in Path("r.md").read_text().splitlines()[3]
    code, found = document(capsys, "transfer", "report")
    assert (code, found["answer"], found["ledger"]["audit"]["ok"]) == (1, "damaged", False)


def test_no_ledger_is_2_and_no_database_10(capsys: Capture) -> None:
    code, out, err = command(capsys, "transfer", "report", "--report", "html=r.html")
    assert (code, out) == (2, "")
    assert "next:" in err
    assert not Path("r.html").exists()
    Path("other.db").write_bytes(b"SQLite format 3\0" + bytes(4096))
    code, _, err = command(capsys, "transfer", "report", "--ledger", "other.db")
    assert code == 10
    assert "other.db" in err


def test_an_unusable_report_is_refused_before_the_ledger_is_looked_at(capsys: Capture) -> None:
    code, out, _ = command(capsys, "transfer", "report", "--report", "pdf=x", "--json")
    assert (code, json.loads(out)["reason"]) == (2, "report_format")
    Path("notes.md").write_text("mine")
    code, out, _ = command(capsys, "transfer", "report", "--report", "markdown=notes.md", "--json")
    assert (code, json.loads(out)["reason"]) == (2, "report_path_taken")
    assert Path("notes.md").read_text() == "mine"


def test_while_an_import_runs_it_is_a_moment_s_picture_and_no_yes(capsys: Capture, tmp_path: Path) -> None:
    complete()
    process = writer(tmp_path / DEFAULT_LEDGER, "hold")
    try:
        wait_ready(process)
        code, found = document(capsys, "transfer", "report")
        assert (code, found["of_a_moment"], found["ledger"]["writer"]["pid"]) == (1, True, process.pid)
        _, out, _ = command(capsys, "transfer", "report")
        assert out.startswith("A moment's picture")
    finally:
        process.kill()
        process.communicate()
    assert command(capsys, "transfer", "report")[0] == 0


# --- history-import --report ---


def reports(*names: str) -> list[str]:
    """Options for one report of each format, `r.<format>`."""
    return [word for name in names for word in ("--report", f"{name}=r.{name}")]


def test_an_import_tells_its_bundles_and_the_files_that_never_came_into_the_ledger(
    running: RunningStandIn, capsys: Capture
) -> None:
    Path("exports").mkdir()
    for source in (ORDER, WAITING, LEASED):
        shutil.copy(source, "exports")
    Path("exports/list.json").write_text("[1]")
    Path("exports/gone.json").symlink_to("nowhere")
    code, _, err = command(
        capsys, "history-import", "exports", "--json", *reports("junit", "html", "markdown"), "--report", "github=-"
    )
    assert code == 9
    found = states("r.junit")
    assert found.pop("the") == "passed"
    assert {name: state for name, state in found.items() if "exports" not in name} == {
        "order-1001": "passed", "approval-1": "passed", "leased-1": "failure",
    }  # fmt: skip
    assert {found["exports/list.json"], found["exports/gone.json"]} == {"failure", "error"}
    assert "2 of 5 bundles arrived" in Path("r.markdown").read_text()
    assert "\n| unreadable | 1 |" in Path("r.markdown").read_text()
    assert "2 of 5 bundles arrived" in Path("r.html").read_text()
    assert "::error file=exports/refused-leased-1.json" in err
    for name in ("junit", "html", "markdown"):
        assert "lease_owner" not in Path(f"r.{name}").read_text()
    code, found_again = document(capsys, "transfer", "report")
    assert (code, found_again["total"], found_again["kinds"]["good"]) == (1, 5, 2)
    assert [one["file"] for one in found_again["bundles"] if one["standing"] == "unreadable"] == [
        "exports/gone.json", "exports/list.json",
    ]  # fmt: skip
    assert found_again["travel"]["looked_at"] == 2


def test_a_second_import_passes_what_the_first_one_brought(running: RunningStandIn, capsys: Capture) -> None:
    for _ in range(2):
        code, _, _ = command(capsys, "history-import", str(ORDER), str(WAITING), *reports("junit", "markdown"))
        assert code == 0
        assert set(states("r.junit").values()) == {"passed"}
        assert "All 2 bundles arrived" in Path("r.markdown").read_text()


def test_a_dry_run_with_and_without_a_server_and_a_plan_are_told_too(running: RunningStandIn, capsys: Capture) -> None:
    for options in (["--dry-run"], ["--dry-run", "--offline"], ["--plan"]):
        code, _, _ = command(
            capsys, "history-import", str(ORDER), str(LEASED), *options, *reports("junit", "markdown", "html")
        )
        assert code == 1
        assert states("r.junit") == {"order-1001": "passed", "leased-1": "failure"}
        assert "**No.** 1 of 2 bundles would be imported" in Path("r.markdown").read_text()
        Path("r.markdown").unlink()
    assert not Path(DEFAULT_LEDGER).exists()


def test_links_that_were_left_out_are_told_as_resealed(running: RunningStandIn, capsys: Capture) -> None:
    chain = [str(EXAMPLES / f"chain-sub-1-run-{number}.json") for number in (1, 2)]
    code, _, _ = command(capsys, "history-import", *chain, "--resolve-links", "cut by hand", *reports("markdown"))
    assert code == 0
    text = Path("r.markdown").read_text()
    assert "## Resealed by dwctl" in text
    assert "`cut by hand`" in text
    assert "erified" not in text


def chain_states() -> list[str]:
    """The states of the ledger, in the order of its files."""
    with Ledger.view(DEFAULT_LEDGER) as ledger:
        return [row.state.value for row in sorted(ledger.rows(), key=lambda row: str(row.file))]


def test_the_step_after_a_chain_that_is_blocked_makes_nothing_worse(running: RunningStandIn, capsys: Capture) -> None:
    """The partner is on the server otherwise than its bundle says; what waits for it goes on waiting."""
    Path("chain").mkdir()
    for number in (1, 2, 3):
        shutil.copy(EXAMPLES / f"chain-sub-1-run-{number}.json", "chain")
    assert command(capsys, "history-import", "chain/chain-sub-1-run-1.json")[0] == 0
    Path(DEFAULT_LEDGER).unlink()
    for run in running.app.store.runs.values():
        run.workflow["workflow_type"] = "another.type"
    assert command(capsys, "history-import", "chain", "--resolve-links", "agreed")[0] != 0
    before = chain_states()
    sent = len(running.app.store.runs)
    _, out, _ = command(capsys, "transfer", "report", "--json")
    steps = one_document(out, "transfer-report")["steps"]
    (again,) = [str(one["command"]) for one in steps if "history-import" in str(one["command"])]
    assert again.endswith("--resolve-links WHY")
    command(capsys, *shlex.split(again)[1:])
    assert chain_states() == before == ["already_imported", "blocked", "blocked"]
    assert len(running.app.store.runs) == sent == 1


def test_a_run_that_lives_in_another_namespace_is_never_called_on_the_server(
    running: RunningStandIn, capsys: Capture
) -> None:
    assert command(capsys, "history-import", str(ORDER), "--plan-out", "plan.jsonl")[0] == 0
    assert command(capsys, "history-import", str(ORDER), "--namespace", "default", "--ledger", "other.db")[0] == 0
    code, out, _ = command(capsys, "history-import", "--from-plan", "plan.jsonl")
    assert (code, "does not show it in this namespace" in out) == (1, True)
    code, out, _ = command(capsys, "transfer", "report")
    assert code == 1
    assert "1 not shown there  run_not_shown" in out
    assert "On the server" not in out
    assert "retention may take" not in out
    assert "0 on the server" in command(capsys, "ledger", "status")[1]
    assert "run_not_shown" in command(capsys, "ledger", "list")[1]
    assert command(capsys, "explain", "run_not_shown")[0] == 0


@pytest.mark.parametrize("status", [413, 422])
def test_an_answer_without_a_reason_keeps_its_status(running: RunningStandIn, capsys: Capture, status: int) -> None:
    running.app.behaviour.faults = [Fault(FaultKind.ANSWER, "/import", dry_run=False, status=status, body=b"{}")] * 9
    assert command(capsys, "history-import", str(ORDER))[0] != 0
    assert f"http_{status}" in command(capsys, "ledger", "list")[1]
    out = command(capsys, "transfer", "report")[1]
    assert f"1 failed  http_{status}" in out
    assert "There was no answer" not in out
    assert ("--via artisan" in out) == (status == 413)
    assert command(capsys, "ledger", "list", "--rule", f"http_{status}")[1].endswith("1 bundle\n")
    assert command(capsys, "explain", f"http_{status}")[0] == 0


def test_a_report_that_cannot_be_written_spoils_a_good_import_s_exit_code_only(
    running: RunningStandIn, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dwctl.transfer.files.private.place_private", full)
    code, out, err = command(capsys, "history-import", str(ORDER), "--json", *reports("html"))
    assert code == 2
    assert one_document(out, "history-import")["summary"]["imported"] == 1
    assert "the html report cannot be written: No space left on device" in err
    code, _, _ = command(capsys, "history-import", str(LEASED), *reports("html"))
    assert code == 1


def test_an_unusable_report_is_refused_before_anything_is_sent(running: RunningStandIn, capsys: Capture) -> None:
    code, _, err = command(capsys, "history-import", str(ORDER), "--report", "html=none/r.html")
    assert code == 2
    assert "the folder is not there" in err
    assert running.app.received == []
