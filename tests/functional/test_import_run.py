"""Imports of many bundles through the command line: canary, links, deep comparison, archiving, ledger, interruption."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from dwctl.errors import ExitCode
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.rows import LedgerState
from import_faults import Faulty, faulty, import_folder, put
from ledgers import opened
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


def rows() -> dict[str, Any]:
    """The ledger's rows by file, and its audit passes."""
    with Ledger.view("ledger.db") as ledger:
        assert ledger.audit().ok
        return {Path(str(row.file)).name: row for row in ledger.rows()}


def states() -> list[str]:
    """The states of the ledger, sorted."""
    return sorted(row.state.value for row in rows().values())


# --- links -----------------------------------------------------------------------------------------------------


def test_a_chain_is_refused_in_the_plan_and_nothing_of_it_is_a_raw_error(server: Faulty, capsys: Capture) -> None:
    put(*CHAIN)
    code, found = import_folder(capsys, server)
    assert code == ExitCode.PARTLY
    # The second holds the link that the first has written, and keeps the one that the third would take from it.
    told = {Path(one["file"]).name: (one["state"], one["report"] is None) for one in found["bundles"]}
    assert [told[file.name] for file in CHAIN] == [("imported", False), ("refused", True), ("refused", True)]
    assert server.posts == 1


def test_a_chain_whose_links_are_resolved_is_imported_and_what_was_resealed_is_kept(
    server: Faulty, capsys: Capture
) -> None:
    put(*CHAIN)
    code, found = import_folder(capsys, server, "--resolve-links", "agreed with ana")
    assert (code, found["summary"]["imported"], found["summary"]["resealed"]) == (ExitCode.DONE, 3, 2)
    assert len(server.runs) == 3
    for one in found["bundles"]:
        row = rows()[Path(one["file"]).name]
        if one["resealed"] is None:
            assert row.repair is None
            continue
        assert (one["resealed"]["by"], one["resealed"]["reason"]) == ("dwctl", "agreed with ana")
        assert one["resealed"]["checksum_before"] != one["resealed"]["checksum_after"]
        kept = Path(one["resealed"]["kept"])
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
        assert hashlib.sha256(kept.read_bytes()).hexdigest() == one["resealed"]["sent_sha256"] == row.sent_sha256
        assert row.repair["resealed"]["file"] == str(kept)
        assert (row.reason, len(row.removed_links)) == ("agreed with ana", 1)
        assert command(capsys, "bundle", "verify", str(kept))[0] == ExitCode.DONE


def test_people_read_that_it_was_resealed_and_never_that_it_was_verified(server: Faulty, capsys: Capture) -> None:
    put(*CHAIN)
    words = ("bundles", "--server", server.url, "--namespace", "default", "--resolve-links", "agreed")
    code, out, _ = command(capsys, "history-import", *words)
    assert code == ExitCode.DONE
    assert out.count("resealed by dwctl, without 1 link to ") == 2
    assert "2 resealed by dwctl" in out
    assert "verified" not in out


# --- comparing and archiving -----------------------------------------------------------------------------------


def test_a_deep_comparison_looks_at_every_payload(server: Faulty, capsys: Capture) -> None:
    put(ORDER, WAITING)
    code, found = import_folder(capsys, server, "--compare", "deep")
    assert code == ExitCode.DONE
    for one in found["bundles"]:
        (compared,) = (row for row in one["proof"]["comparisons"] if row["name"] == "payloads")
        assert (compared["holds"], compared["found"]) == (True, "the same")


def test_a_payload_that_the_server_has_otherwise_is_a_difference_that_tells_no_value(
    server: Faulty, capsys: Capture
) -> None:
    put(ORDER)
    assert import_folder(capsys, server)[0] == ExitCode.DONE
    with server.app.state.rehearsal.database.write() as connection:
        event, payload = connection.execute(
            "SELECT id, payload FROM workflow_history_events WHERE sequence = 3"
        ).fetchone()
        changed = json.dumps({**json.loads(payload), "planted": "a secret value"})
        connection.execute("UPDATE workflow_history_events SET payload = ? WHERE id = ?", (changed, event))
    assert import_folder(capsys, server)[0] == ExitCode.DONE, "done before, and nobody asked for more"
    code, found = import_folder(capsys, server, "--compare", "deep")
    assert code == ExitCode.NO  # nothing was imported now
    assert (found["bundles"][0]["state"], found["bundles"][0]["proof"]["state"]) == ("done", "differs")
    (row,) = rows().values()
    assert row.differs_at is not None
    assert row.differences == ("payloads: the bundle says 16 payloads; the server: others: event 3 at payload.planted",)
    assert "a secret value" not in json.dumps(found["bundles"][0]["proof"])
    assert server.posts == 1


def test_closed_runs_are_archived_also_those_of_an_earlier_run(server: Faulty, capsys: Capture) -> None:
    put(ORDER, WAITING)
    assert import_folder(capsys, server)[0] == ExitCode.DONE
    code, found = import_folder(capsys, server, "--archive-terminal")
    assert (code, found["summary"]["archived"]) == (ExitCode.DONE, 1)
    assert sorted(one["state"] for one in found["bundles"]) == ["done", "done"]
    with server.app.state.rehearsal.database.read() as connection:
        archived = connection.execute("SELECT status FROM workflow_runs WHERE archived_at IS NOT NULL").fetchall()
    assert [tuple(row) for row in archived] == [("completed",)]
    assert [bool(row.archived_at) for _, row in sorted(rows().items())] == [True, False]
    code, found = import_folder(capsys, server, "--archive-terminal")
    assert (code, found["summary"]["done"], found["summary"]["skipped_because"]) == (ExitCode.DONE, 2, {})


def cases(path: str) -> dict[str, str]:
    """What the cases of a JUnit file say, by the name of their instance."""
    found = ElementTree.fromstring(Path(path).read_bytes()).iter("testcase")  # noqa: S314 - our own
    return {str(case.get("name")).split(" ")[0]: "".join(case.itertext()) for case in found}


@pytest.mark.parametrize("options", [(), ("--compare", "deep")], ids=["left alone", "compared again"])
def test_what_an_earlier_import_did_is_never_told_as_imported(
    server: Faulty, capsys: Capture, options: tuple[str, ...]
) -> None:
    """In the table, the summary, the JSON, the JUnit file, the report and the exit code alike."""
    put(ORDER, WAITING, LEASED)
    assert import_folder(capsys, server)[0] == ExitCode.PARTLY
    sent, words = server.posts, ("bundles", "--server", server.url, "--namespace", "default", "--ledger", "ledger.db")
    code, out, _ = command(
        capsys, "history-import", *words, *options, "--report", "junit=r.xml", "--report", "markdown=r.md"
    )
    assert (code, server.posts) == (ExitCode.NO, sent)
    assert [line.split()[0] for line in out.splitlines() if ".json " in line][:3] == ["done", "refused", "done"]
    again = " (compared again)" if options else ""
    assert out.splitlines()[-1].startswith(f"3 bundles: 2 done before{again}, 1 refused. NO: ")
    assert "done before: an earlier import brought it there" in cases("r.xml")["order-1001"]
    said = "2 of 3 bundles arrived: on the server, compared, and the same; 2 of them before this import, 1 refused."
    assert said in Path("r.md").read_text("utf-8")
    code, found = import_folder(capsys, server, *options)
    summary = found["summary"]
    assert (code, summary["exit_code"]) == (ExitCode.NO, ExitCode.NO)
    assert (summary["imported"], summary["done"], summary["refused"], summary["skipped"]) == (0, 2, 1, 0)
    assert summary["compared_again"] == summary["proven"] == (2 if options else 0)
    done = [one for one in found["bundles"] if one["state"] == "done"]
    assert all(one["compared_at"] and one["way"] is None and one["skipped_because"] is None for one in done)
    assert [one["proof"] is not None for one in done] == [bool(options)] * 2


def test_a_plan_that_is_carried_out_after_its_canary_imports_only_the_rest(server: Faulty, capsys: Capture) -> None:
    write_many(Path("bundles"), 5, SMALL)
    words = ("--server", server.url, "--namespace", "default", "--ledger", "ledger.db")
    assert command(capsys, "history-import", "bundles", *words, "--plan-out", "plan.jsonl")[0] == ExitCode.DONE
    assert import_folder(capsys, server, "--limit", "2")[0] == ExitCode.DONE
    code, out, _ = command(capsys, "history-import", "--from-plan", "plan.jsonl", *words)
    assert (code, server.posts) == (ExitCode.DONE, 5)
    assert out.splitlines()[-1] == (
        "5 bundles: 3 imported, 2 done before (compared again). YES: all imported and proven."
    )


# --- choosing and stopping -------------------------------------------------------------------------------------


def test_a_canary_is_followed_by_the_rest(server: Faulty, capsys: Capture) -> None:
    write_many(Path("bundles"), 5, SMALL)
    code, found = import_folder(capsys, server, "--limit", "2")
    assert (code, found["summary"]["imported"], found["summary"]["skipped_because"]) == (0, 2, {"limit": 3})
    assert states() == ["imported"] * 2 + ["skipped"] * 3
    code, found = import_folder(capsys, server)
    summary = found["summary"]
    assert (code, summary["imported"], summary["done"], summary["skipped_because"]) == (0, 3, 2, {})
    assert (states(), server.posts) == (["imported"] * 5, 5)


def test_the_ledger_keeps_why_a_bundle_was_left_out(server: Faulty, capsys: Capture) -> None:
    write_many(Path("bundles"), 3, SMALL)
    put(ORDER)
    only = json.loads(WAITING.read_text("utf-8"))["workflow"]["workflow_type"]
    assert import_folder(capsys, server, "--only", only, "--limit", "2")[0] == ExitCode.DONE
    why = {row.run_id: row.error_reason for row in rows().values() if row.state is LedgerState.SKIPPED}
    assert sorted(map(str, why.values())) == ["limit", "not_chosen"]
    beyond = next(run for run, word in why.items() if word == "limit")
    _, out, _ = command(capsys, "ledger", "status", "--ledger", "ledger.db")
    assert "Left out by choice: 1 limit, 1 not_chosen (dwctl explain WORD)." in out
    found = json.loads(command(capsys, "ledger", "status", "--ledger", "ledger.db", "--json")[1])
    assert found["skipped_because"] == {"limit": 1, "not_chosen": 1}
    _, out, _ = command(capsys, "ledger", "list", "--ledger", "ledger.db", "--rule", "limit")
    (line,) = (line for line in out.splitlines() if line.startswith("skipped"))
    assert (line.split()[1], line.split()[-1]) == (beyond, "limit")
    _, out, _ = command(capsys, "ledger", "show", beyond, "--ledger", "ledger.db")
    assert re.search(r"left out by +limit\n", out)
    found = json.loads(command(capsys, "transfer", "report", "--ledger", "ledger.db", "--json")[1])
    groups = {one["reason"]: one for one in found["reasons"] if one["standing"] == "left_out"}
    assert {word: one["count"] for word, one in groups.items()} == {"limit": 1, "not_chosen": 1}
    assert "--limit" in groups["limit"]["meaning"]
    # What comes after it is sent, and says nothing of it any more.
    assert import_folder(capsys, server)[0] == ExitCode.DONE
    assert {(row.state, row.error_reason) for row in rows().values()} == {(LedgerState.IMPORTED, None)}
    found = json.loads(command(capsys, "ledger", "status", "--ledger", "ledger.db", "--json")[1])
    assert found["skipped_because"] == {}


def test_a_choice_of_nothing_is_no_pass(server: Faulty, capsys: Capture) -> None:
    put(ORDER, WAITING)
    code, found = import_folder(capsys, server, "--only", "orders.proces")
    assert (code, found["reason"]) == (ExitCode.USAGE, "nothing_chosen")
    assert "orders.process" in found["next_step"]
    assert not Path("ledger.db").exists()
    code, found = import_folder(capsys, server, "--only", "orders.process")
    assert (code, found["summary"]["imported"], found["summary"]["skipped_because"]) == (0, 1, {"not_chosen": 1})


@pytest.mark.parametrize("text", ["many", "-1", "2.5", "101%", ""])
def test_what_is_no_number_of_failures_is_said_before_anything_is_done(capsys: Capture, text: str) -> None:
    code, _, err = command(capsys, "history-import", str(ORDER), f"--max-failures={text}")
    assert code == ExitCode.USAGE
    assert "number of failures" in err


@pytest.mark.parametrize("option", [("--fail-fast",), ("--max-failures", "0"), ("--max-failures", "1%")])
def test_a_failure_too_many_stops_the_run_with_9_and_the_next_goes_on(capsys: Capture, option: tuple[str, ...]) -> None:
    write_many(Path("bundles"), 24, SMALL)
    with faulty(()) as server:
        target = ("--server", server.url, "--namespace", "default", "--ledger", "ledger.db")
        assert import_folder(capsys, server, "--limit", "3")[0] == ExitCode.DONE
        assert command(capsys, "history-import", "bundles", *target, "--plan-out", "plan.jsonl")[0] == ExitCode.DONE
        for number in (5, 7, 9):
            Path(f"bundles/run-{number:06}.json").write_text("{}")
        words = ("--from-plan", "plan.jsonl", *target, "--jobs", "1", *option, "--json")
        code, out, err = command(capsys, "history-import", *words)
        summary = json.loads(out)["summary"]
        assert code == ExitCode.PARTLY
        # What was being read when the first one failed may fail, too.
        assert summary["reasons"]["file_changed"] in {1, 2}
        assert summary["not_tried"] > 10
        assert summary["run"]["stopped_because"] == "a bundle failed"
        assert "a bundle failed; run the same command again to go on" in err
        assert states().count("planned") == summary["not_tried"]


# --- the ledger ------------------------------------------------------------------------------------------------


def test_two_imports_with_one_ledger_are_one_too_many(server: Faulty, capsys: Capture) -> None:
    put(WAITING)
    target = {"server": server.url, "namespace": "default"}
    with opened(Path("ledger.db"), **target, command="dwctl history-import"):
        code, found = import_folder(capsys, server)
    assert (code, found["reason"]) == (ExitCode.LOCAL_STATE, "ledger_locked")
    assert f"process {os.getpid()}" in found["error"]
    assert server.posts == 0
    assert import_folder(capsys, server)[0] == ExitCode.DONE


def test_a_ledger_of_another_namespace_is_refused_and_says_which(server: Faulty, capsys: Capture) -> None:
    put(WAITING)
    opened(Path("ledger.db"), server=server.url, namespace="production").close()
    code, found = import_folder(capsys, server)
    assert (code, found["reason"]) == (ExitCode.LOCAL_STATE, "ledger_of_another_target")
    assert "namespace production" in found["error"]
    assert (server.posts, server.asked) == (0, 0)


def test_a_folder_that_cannot_take_the_ledger_is_told_before_anything_is_sent(server: Faulty, capsys: Capture) -> None:
    put(WAITING)
    Path("file").write_text("no folder")
    words = ("bundles", "--server", server.url, "--namespace", "default", "--ledger", "file/ledger.db", "--json")
    code, out, _ = command(capsys, "history-import", *words)
    assert (code, json.loads(out)["reason"]) == (ExitCode.LOCAL_STATE, "ledger_unwritable")
    assert (server.posts, server.runs) == (0, [])


def test_a_disk_that_fills_up_under_the_ledger_ends_the_run_in_order(
    server: Faulty, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_many(Path("bundles"), 40, SMALL)
    original = Ledger.plan

    def planned(ledger: Ledger, *arguments: Any) -> Any:
        taken = original(ledger, *arguments)
        pages = ledger._writer._connection.execute("PRAGMA page_count").fetchone()[0]
        ledger._writer._connection.execute(f"PRAGMA max_page_count = {pages + 5}")
        return taken

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "plan", planned)
        code, found = import_folder(capsys, server)
    assert code == ExitCode.LOCAL_STATE
    assert found["summary"]["reasons"]["ledger_disk_full"] >= 1
    assert found["summary"]["not_tried"] > 0
    code, found = import_folder(capsys, server)
    assert (code, states(), len(server.runs)) == (ExitCode.DONE, ["imported"] * 40, 40)


class JumpingClock:
    """A clock that goes back a day and forth again."""

    calls = 0

    @classmethod
    def now(cls, zone: tzinfo) -> datetime:
        """The time, or a day before it or after it."""
        cls.calls += 1
        return datetime.now(zone) - timedelta(days=cls.calls % 3 - 1)


def test_a_clock_that_jumps_changes_no_outcome(
    server: Faulty, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_many(Path("bundles"), 12, SMALL)
    with monkeypatch.context() as patched:
        patched.setattr("dwctl.cli.import_run.datetime", JumpingClock)
        assert import_folder(capsys, server)[0] == ExitCode.DONE
    assert states() == ["imported"] * 12
    with sqlite3.connect("ledger.db") as ledger:
        times = [at for (at,) in ledger.execute("SELECT at FROM events ORDER BY seq")]
    assert times != sorted(times), "the clock did not jump"


# --- interruption ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interruption_ends_it_in_order_and_the_next_run_goes_on(
    server: Faulty, capsys: Capture, tmp_path: Path, name: str
) -> None:
    write_many(Path("bundles"), 30, SMALL)
    words = ["bundles", "--server", server.url, "--namespace", "default", "--ledger", "ledger.db", "--rate", "5"]
    process = subprocess.Popen(
        [sys.executable, "-m", "dwctl", "history-import", *words, "--json"], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "DW_CONFIG_HOME": str(tmp_path)},
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while len(server.runs) < 3:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED
    summary = json.loads(out)["summary"]
    assert summary["exit_code"] == ExitCode.INTERRUPTED
    assert summary["imported"] == len(server.runs) < 30
    assert b"finishing what is in flight" in err
    assert b"run the same command again" in err
    assert {row.state for row in rows().values()} == {LedgerState.IMPORTED, LedgerState.PLANNED}
    code, found = import_folder(capsys, server)
    assert (code, found["summary"]["done"]) == (ExitCode.DONE, summary["imported"])
    assert len(server.runs) == server.posts == 30
