"""The plan of a transfer from the command line: what it says, what it pins, and what a run of it does."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dwctl.errors import ExitCode
from dwctl.server.retries import RetryPolicy
from dwctl.transfer.files import marks as file_marks
from dwctl.transfer.files.sources import read_bundle
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.rows import LedgerRow, LedgerState
from output_schemas import document, is_valid, lines
from rehearsal_server import on_a_socket
from sample_bundles import CHAIN, EXAMPLES, LEASED, LOST_FRACTION, ORDER, SIGNING_KEY, WAITING, sealed
from server_cli import command
from standin import serve

PAIRS = [
    ("22-child-workflow-completed-parent", "23-child-workflow-completed-child"),
    ("24-child-workflow-waiting-parent", "25-child-workflow-waiting-child"),
    ("30-continue-as-new-with-memo-old", "31-continue-as-new-with-memo-current"),
]
SNAPSHOTS = Path(__file__).parents[1] / "snapshots"
UPDATE = bool(os.environ.get("DWCTL_UPDATE_SNAPSHOTS"))
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a folder of its own, without settings, and no retry takes its time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("dwctl.server.transport.RetryPolicy", lambda: RetryPolicy(first=0.001, longest=0.001))
    Path("exports").mkdir()


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty rehearsal server, named by the environment."""
    with on_a_socket() as found:
        monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", found)
        monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "default")
        yield found


@pytest.fixture
def _marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were written just now count as left alone."""
    monkeypatch.setattr(file_marks, "SETTLED_SECONDS", -3600)


def export(*sources: Path) -> list[Path]:
    """Put bundles into the folder that is planned."""
    return [Path(shutil.copy(source, Path("exports", source.name))) for source in sources]


def plan(capsys: Capture, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and plan, held against its schema."""
    code, out, _ = command(capsys, "history-import", "exports", "--plan", *arguments, "--json")
    return code, document(out, "plan")


def imported(capsys: Capture, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit code and what became of each bundle, by the name of its file."""
    code, out, _ = command(capsys, "history-import", *arguments, "--json")
    found = document(out, "history-import")
    return code, {Path(one["file"]).name: one for one in found["bundles"]}


def refused_before(capsys: Capture, *arguments: str) -> tuple[int, str]:
    """Exit code and reason of a command that ended before anything was planned."""
    code, out, _ = command(capsys, "history-import", *arguments, "--json")
    return code, document(out, "error")["reason"]


def run_id(file: Path) -> str:
    """The run of a bundle."""
    found: str = json.loads(file.read_bytes())["workflow"]["run_id"]
    return found


def ledger_row(file: Path) -> LedgerRow:
    """What the ledger says of the run of a bundle."""
    with Ledger.view(".dwctl/ledger.db") as view:
        row = view.row(run_id(file))
    assert row is not None
    return row


def listed(capsys: Capture) -> int:
    """How many runs the server lists."""
    code, out, _ = command(capsys, "workflow", "list", "--json")
    assert code == ExitCode.DONE
    return len(json.loads(out)["workflows"])


# --- what a plan says ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("url")
def test_a_plan_changes_nothing_and_says_what_would_happen(capsys: Capture) -> None:
    export(*CHAIN, ORDER, LEASED, LOST_FRACTION)
    code, found = plan(capsys)
    assert code == ExitCode.NO
    assert found["summary"]["actions"] == {"import": 3, "wait": 0, "refuse": 3, "skip": 0}
    by_name = {Path(one["file"]).name: one for one in found["bundles"]}
    assert by_name[CHAIN[1].name]["rules"] == ["set.link_shared"]
    assert by_name[CHAIN[2].name]["rules"] == ["set.partner_not_imported"]
    assert by_name[LEASED.name]["rules"][0] == "tasks.leased_task_present"
    repaired = by_name[LOST_FRACTION.name]
    assert repaired["repair"]["restoration"]["proven"] is True
    assert repaired["sent_sha256"] == repaired["repair"]["sent_sha256"] != repaired["file_sha256"]
    assert found["survey"]["dry_runs"] == 1
    assert listed(capsys) == 0
    assert not Path(".dwctl").exists()


@pytest.mark.usefixtures("url")
def test_lines_have_a_bundle_each(capsys: Capture) -> None:
    export(ORDER, WAITING)
    code, out, _ = command(capsys, "history-import", "exports", "--plan", "--output", "jsonl")
    assert code == ExitCode.DONE
    assert [one["action"] for one in lines(out, "plan", "bundle")] == ["import", "import"]


def test_the_screen_of_a_plan(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    export(*sorted(EXAMPLES.glob("*.json")))
    with serve() as server:
        for namespace in server.app.store.namespaces.values():
            namespace["retention_days"] = 36_500
        monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", server.url)
        monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "production")
        code, out, err = command(
            capsys, "history-import", "exports", "--plan", "--resolve-links", "reviewed by the team"
        )  # fmt: skip
    assert code == ExitCode.NO
    assert err == ""
    shown = "\n".join(line.rstrip() for line in out.replace(server.url, "http://server").splitlines()) + "\n"
    snapshot = SNAPSHOTS / "plan.txt"
    if UPDATE:
        snapshot.write_text(shown, encoding="utf-8")
    assert shown == snapshot.read_text(encoding="utf-8")


@pytest.mark.usefixtures("url")
def test_a_large_plan_shows_what_is_not_simply_imported(capsys: Capture) -> None:
    from many_bundles import SMALL, write_many

    write_many(Path("exports"), 70, SMALL)
    export(LEASED)
    code, out, _ = command(capsys, "history-import", "exports", "--plan")
    assert code == ExitCode.NO
    rows = [line for line in out.splitlines() if line.startswith(("import ", "refuse "))]
    assert len(rows) == 1
    assert "refused-leased-1.json" in rows[0]
    assert "… and 70 bundles not shown here" in out
    assert "71 bundles into default" in out
    assert "70 to import, 1 refused" in out


# --- exit codes before there is a plan -----------------------------------------------------------------------


@pytest.mark.usefixtures("url")
def test_a_folder_without_bundles_is_no_plan(capsys: Capture) -> None:
    assert refused_before(capsys, "exports", "--plan") == (ExitCode.USAGE, "no_bundles")


def test_a_server_that_is_not_there_ends_it(capsys: Capture) -> None:
    export(ORDER)
    code, _ = refused_before(
        capsys, "exports", "--plan", "--server", "http://127.0.0.1:9", "--namespace", "default"
    )  # fmt: skip
    assert code == ExitCode.NETWORK


@pytest.mark.usefixtures("url")
def test_a_namespace_that_is_not_there_ends_it(capsys: Capture) -> None:
    export(ORDER)
    assert refused_before(capsys, "exports", "--plan", "--namespace", "nowhere")[0] == ExitCode.NOT_FOUND


@pytest.mark.usefixtures("url")
def test_a_ledger_of_another_target_ends_it(capsys: Capture) -> None:
    export(WAITING)
    assert imported(capsys, "exports")[0] == ExitCode.DONE
    command(capsys, "namespace", "create", "other")
    assert refused_before(capsys, "exports", "--plan", "--namespace", "other") == (
        ExitCode.LOCAL_STATE, "ledger_of_another_target",
    )  # fmt: skip


# --- a plan as a file ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("url")
def test_a_plan_is_written_privately_and_carried_out(capsys: Capture) -> None:
    export(ORDER, WAITING, LOST_FRACTION)
    code, _, err = command(capsys, "history-import", "exports", "--plan-out", "plan.jsonl")
    assert code == ExitCode.DONE
    assert "--from-plan plan.jsonl" in err
    file = Path("plan.jsonl")
    assert file.stat().st_mode & 0o777 == 0o600
    head, *bundles, end = [json.loads(line) for line in file.read_text().splitlines()]
    assert is_valid("plan", head, "head")
    assert all(is_valid("plan", one, "bundle") for one in bundles)
    assert is_valid("plan", end, "end")
    code, found = imported(capsys, "--from-plan", "plan.jsonl")
    assert code == ExitCode.DONE
    assert {one["state"] for one in found.values()} == {"imported"}
    for planned in bundles:
        row = ledger_row(Path(planned["file"]))
        assert (row.file_sha256, row.sent_sha256) == (planned["file_sha256"], planned["sent_sha256"])
        assert row.import_id == head["import_id"]


@pytest.mark.usefixtures("url")
def test_a_plan_is_not_written_over_another(capsys: Capture) -> None:
    export(ORDER)
    Path("plan.jsonl").write_text("mine")
    code, _ = refused_before(capsys, "exports", "--plan-out", "plan.jsonl")
    assert code == ExitCode.USAGE
    assert Path("plan.jsonl").read_text() == "mine"


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize(("others", "expected"), [([WAITING], ExitCode.PARTLY), ([], ExitCode.NO)])
def test_a_file_that_changed_since_the_plan_is_refused(
    capsys: Capture, others: list[Path], expected: ExitCode
) -> None:  # fmt: skip
    file, *_ = export(ORDER, *others)
    assert command(capsys, "history-import", "exports", "--plan-out", "plan.jsonl")[0] == ExitCode.DONE
    file.write_bytes(file.read_bytes() + b"\n")
    code, found = imported(capsys, "--from-plan", "plan.jsonl")
    assert code == expected
    assert found[ORDER.name]["state"] == "refused"
    assert found[ORDER.name]["error"]["reason"] == "file_changed"
    assert all(found[one.name]["state"] == "imported" for one in others)
    assert listed(capsys) == len(others)


@pytest.mark.usefixtures("url")
def test_a_plan_for_another_target_is_refused(capsys: Capture) -> None:
    export(ORDER)
    assert command(capsys, "history-import", "exports", "--plan-out", "plan.jsonl")[0] == ExitCode.DONE
    command(capsys, "namespace", "create", "other")
    assert refused_before(capsys, "--from-plan", "plan.jsonl", "--namespace", "other") == (
        ExitCode.USAGE, "plan_of_another_target",
    )  # fmt: skip


@pytest.mark.usefixtures("url")
def test_an_edited_plan_is_refused(capsys: Capture) -> None:
    export(LEASED)
    assert command(capsys, "history-import", "exports", "--plan-out", "plan.jsonl")[0] == ExitCode.NO
    file = Path("plan.jsonl")
    file.write_text(file.read_text().replace('"action":"refuse"', '"action":"import"'))
    assert refused_before(capsys, "--from-plan", "plan.jsonl") == (ExitCode.USAGE, "unusable_plan")


@pytest.mark.usefixtures("url")
def test_a_plan_that_the_ledger_has_overtaken_imports_nothing_twice(capsys: Capture) -> None:
    export(ORDER, WAITING)
    assert command(capsys, "history-import", "exports", "--plan-out", "plan.jsonl")[0] == ExitCode.DONE
    assert imported(capsys, "exports")[0] == ExitCode.DONE
    attempts = ledger_row(ORDER).attempts
    code, found = imported(capsys, "--from-plan", "plan.jsonl")
    assert code == ExitCode.DONE
    assert {one["state"] for one in found.values()} == {"done"}
    assert ledger_row(ORDER).attempts == attempts
    assert listed(capsys) == 2


# --- chains, parents and children -----------------------------------------------------------------------------


def events_of(*kinds: str) -> list[tuple[str, str]]:
    """Kind and run of the ledger's events of these kinds, in order."""
    with Ledger.view(".dwctl/ledger.db") as view:
        return [(event.kind, str(event.run_id)) for event in view.events() if event.kind in kinds]


def assert_resolved(capsys: Capture, later: Path, partner: Path) -> None:
    """The later bundle went without one link, after its partner was compared, and the ledger says all of it."""
    row = ledger_row(later)
    resealed = (row.repair or {})["resealed"]
    assert row.state is LedgerState.IMPORTED
    assert row.compared_at is not None
    assert row.reason == "reviewed by the team"
    (link,) = row.removed_links
    assert {run_id(partner), run_id(later)} == {link["parent_run_id"], link["child_run_id"]}
    original = json.loads(later.read_bytes())["integrity"]["checksum"]
    assert row.checksum == resealed["checksum_before"] == original != resealed["checksum_after"]
    kept = Path(resealed["file"])
    assert kept.stat().st_mode & 0o777 == 0o600
    assert json.loads(kept.read_bytes())["integrity"]["checksum"] == resealed["checksum_after"]
    order = events_of("compared", "sending")
    assert order.index(("compared", run_id(partner))) < order.index(("sending", run_id(later)))
    code, out, _ = command(capsys, "ledger", "show", run_id(later))
    assert code == ExitCode.DONE
    for said in ("reviewed by the team", link["parent_run_id"], original, resealed["checksum_after"]):
        assert said in out
    code, out, _ = command(capsys, "ledger", "audit")
    assert code == ExitCode.DONE
    assert f"resealed by dwctl {run_id(later)} without" in out
    assert "reviewed by the team" in out


@pytest.mark.usefixtures("url")
def test_a_chain_goes_member_after_member_on_a_persons_word(capsys: Capture) -> None:
    export(*CHAIN)
    assert plan(capsys)[0] == ExitCode.NO
    code, found = imported(capsys, "exports", "--resolve-links", "reviewed by the team")
    assert code == ExitCode.DONE
    assert {one["state"] for one in found.values()} == {"imported"}
    assert_resolved(capsys, CHAIN[1], CHAIN[0])
    assert_resolved(capsys, CHAIN[2], CHAIN[1])


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0][:2])
def test_a_recorded_pair_is_refused_and_then_resolved(capsys: Capture, shared: Path, pair: tuple[str, str]) -> None:
    earlier, later = (shared / "corpus" / "bundles" / f"{name}.json" for name in pair)
    export(earlier, later)
    code, found = plan(capsys)
    assert (code, [one["action"] for one in found["bundles"]]) == (ExitCode.NO, ["import", "refuse"])
    assert found["bundles"][1]["rules"] == ["set.link_shared"]
    assert imported(capsys, "exports", "--resolve-links", "reviewed by the team")[0] == ExitCode.DONE
    assert_resolved(capsys, later, earlier)


@pytest.mark.usefixtures("url")
def test_a_signed_member_needs_its_key(capsys: Capture) -> None:
    first, second = export(*CHAIN[:2])
    second.write_bytes(sealed(json.loads(second.read_bytes()), key=SIGNING_KEY))
    code, found = plan(capsys, "--resolve-links", "reviewed by the team")
    assert code == ExitCode.NO
    assert found["bundles"][1]["action"] == "refuse"
    assert "without the key it cannot be signed again" in found["bundles"][1]["problem"]
    Path("key").write_text(SIGNING_KEY)
    key = ("--signing-key-file", "key")
    assert imported(capsys, "exports", "--resolve-links", "reviewed by the team", *key)[0] == ExitCode.DONE
    assert_resolved(capsys, second, first)
    kept = json.loads(Path((ledger_row(second).repair or {})["resealed"]["file"]).read_bytes())
    assert kept["integrity"]["signature"] != json.loads(second.read_bytes())["integrity"]["signature"]


@pytest.mark.usefixtures("url")
def test_a_member_whose_partner_did_not_come_is_blocked_and_never_sent(capsys: Capture) -> None:
    first, *_ = export(*CHAIN)
    why = ("--resolve-links", "reviewed by the team")
    assert command(capsys, "history-import", "exports", "--plan-out", "plan.jsonl", *why)[0] == ExitCode.DONE
    whole = first.read_bytes()
    first.write_bytes(whole + b"\n")
    code, found = imported(capsys, "--from-plan", "plan.jsonl")
    assert code == ExitCode.NO
    assert [found[one.name]["state"] for one in CHAIN] == ["refused", "blocked", "blocked"]
    assert events_of("sending") == []
    first.write_bytes(whole)
    assert imported(capsys, "exports", *why)[0] == ExitCode.DONE


@pytest.mark.usefixtures("url")
def test_a_partner_that_is_there_from_before_is_waited_for_by_the_ledger(capsys: Capture) -> None:
    export(CHAIN[0])
    assert imported(capsys, "exports")[0] == ExitCode.DONE
    export(CHAIN[1])
    code, found = plan(capsys)
    assert (code, found["bundles"][1]["rules"]) == (ExitCode.NO, ["target.link_taken"])
    assert imported(capsys, "exports", "--resolve-links", "reviewed by the team")[0] == ExitCode.DONE
    assert_resolved(capsys, CHAIN[1], CHAIN[0])


# --- taking a transfer up again --------------------------------------------------------------------------------


def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that a plan reads from now on."""
    seen: list[str] = []

    def noted(name: str, *arguments: Any) -> bytes:
        seen.append(Path(name).name)
        return read_bundle(name, *arguments)

    monkeypatch.setattr("dwctl.transfer.plans.verdicts.read_bundle", noted)
    return seen


@pytest.mark.usefixtures("url", "_marks")
def test_what_the_ledger_knows_as_done_is_not_read_again(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    export(ORDER, WAITING)
    assert imported(capsys, "exports")[0] == ExitCode.DONE
    seen = readings(monkeypatch)
    code, found = imported(capsys, "exports")
    assert (code, seen) == (ExitCode.DONE, [])
    assert {one["state"] for one in found.values()} == {"done"}
    code, planned = plan(capsys)
    assert (code, seen) == (ExitCode.DONE, [])
    assert {(one["action"], one["skip"]) for one in planned["bundles"]} == {("skip", "done")}
    assert planned["survey"]["runs"] == 0
    _, out, _ = command(capsys, "history-import", "exports", "--plan")
    assert [line.split()[0] for line in out.splitlines() if ".json " in line] == ["done", "done"]
    assert ": 2 done before (" in out.splitlines()[-1]
    assert imported(capsys, "exports", "--rehash")[0] == ExitCode.DONE
    assert seen == [ORDER.name, WAITING.name]


@pytest.mark.usefixtures("url", "_marks")
def test_a_file_that_was_touched_is_read_again(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    file, _ = export(ORDER, WAITING)
    assert imported(capsys, "exports")[0] == ExitCode.DONE
    before = file.stat()
    content = file.read_bytes()
    damaged = content.replace(b"order-1001", b"order-1002", 1)
    assert len(damaged) == len(content)
    file.write_bytes(damaged)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    seen = readings(monkeypatch)
    code, found = plan(capsys)
    assert (code, seen) == (ExitCode.NO, [ORDER.name])
    assert [one["action"] for one in found["bundles"]] in (["skip", "refuse"], ["refuse", "skip"])


@pytest.mark.usefixtures("url")
def test_a_file_that_was_written_just_now_is_not_trusted(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    export(ORDER)
    monkeypatch.setattr(file_marks, "SETTLED_SECONDS", 3600)
    assert imported(capsys, "exports")[0] == ExitCode.DONE
    assert ledger_row(ORDER).file_mark is None
    seen = readings(monkeypatch)
    code, found = imported(capsys, "exports")
    assert (code, seen, found[ORDER.name]["state"]) == (ExitCode.DONE, [ORDER.name], "done")


@pytest.mark.usefixtures("url")
def test_a_ledger_of_the_first_schema_is_brought_up_to_date(capsys: Capture) -> None:
    export(ORDER)
    assert imported(capsys, "exports")[0] == ExitCode.DONE
    with sqlite3.connect(".dwctl/ledger.db") as connection:
        connection.execute("ALTER TABLE runs DROP COLUMN file_mark")
        connection.execute("DROP TABLE unread")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    assert command(capsys, "ledger", "status")[0] == ExitCode.LOCAL_STATE
    code, found = imported(capsys, "exports")
    assert (code, found[ORDER.name]["state"]) == (ExitCode.DONE, "done")
    assert command(capsys, "ledger", "audit")[0] == ExitCode.DONE
