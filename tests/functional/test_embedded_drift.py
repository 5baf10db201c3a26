# ruff: noqa: S608 - the statements of our own fixtures
"""`dwctl embedded drift` and `parked` on each engine: rows that a writer advances are found, and none is invented."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from dwctl.bundle.verify import Outcome
from dwctl.embedded.positions import positions
from dwctl.errors import ExitCode
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.rows import LedgerRow, LedgerState
from dwctl.transfer.runtimes.drift import DriftState, look_for_drift
from dwctl.transfer.runtimes.drift_sources import exported_runs
from dwctl.transfer.runtimes.positions import ByDatabase
from dwctl.transfer.storage.manifest import MANIFEST, ManifestEntry
from embedded_databases import (  # noqa: F401 - fixtures
    TestDatabase,
    _samples,
    connect,
    database_engine,
    embedded_sample,
    embedded_scratch,
    embedded_sqlite,
)
from ledgers import opened
from ledgers import row as ledger_row
from output_schemas import document, lines
from sample_bundles import RECORDED
from server_cli import command

Capture = pytest.CaptureFixture[str]
BUNDLES = RECORDED
LATER = "2026-11-23 09:08:07.000006"
NOW = "2026-11-23T00:00:00.000000Z"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a folder of its own, without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))


def keys(sample: TestDatabase) -> dict[str, tuple[str, str, str]]:
    """Run → instance, status and dedupe key, by SQLite's own text: what a bundle of the run would have."""
    with closing(sqlite3.connect(sample.name)) as database:
        return {
            run: (instance, status, f"{run}:{sequence}:{str(at).replace(' ', 'T')}Z")
            for run, instance, status, sequence, at in database.execute(
                "SELECT id, workflow_instance_id, status, last_history_sequence, "
                "coalesce(last_progress_at, updated_at) FROM workflow_runs ORDER BY id"
            )
        }


def in_ledger(path: Path, runs: dict[str, tuple[str, str, str]], state: LedgerState = LedgerState.IMPORTED) -> None:
    """A ledger that has imported these runs."""
    rows: list[LedgerRow] = [
        ledger_row(number, run_id=run, instance_id=instance, status=status, dedupe_key=key)
        for number, (run, (instance, status, key)) in enumerate(runs.items())
    ]
    with opened(path) as ledger:
        ledger.plan(rows)
        for run in runs:
            ledger.sending(run)
            if state is not LedgerState.SENDING:
                ledger.settle(run, state, wait=False)


def in_manifest(folder: Path, runs: dict[str, tuple[str, str, str]]) -> None:
    """A manifest that has exported these runs."""
    folder.mkdir()
    entries = [
        ManifestEntry(
            instance,
            run,
            "orders.process",
            status,
            key,
            f"{run}.json",
            1,
            "a" * 64,
            None,
            Outcome.OK,
            (),
            "a test",
            NOW,
        )
        for run, (instance, status, key) in runs.items()
    ]
    (folder / MANIFEST).write_text("".join(json.dumps(entry.as_item()) + "\n" for entry in entries))


def advance(database: TestDatabase, *runs: str) -> None:
    """What a worker does to the row of a run."""
    for run in runs:
        database.run(
            f"UPDATE workflow_runs SET last_history_sequence = last_history_sequence + 1, last_progress_at = '{LATER}' "
            f"WHERE id = '{run}'"
        )


def asked(capsys: Capture, word: str, database: TestDatabase, *options: str) -> tuple[int, dict[str, Any]]:
    code, out, err = command(capsys, "embedded", word, "--database-url", database.text, "--json", *options)
    assert out.startswith("{"), err
    return code, document(out, f"embedded-{word}")


# --- the same on every engine ----------------------------------------------------------------------------------


def test_every_recorded_run_has_the_key_that_its_bundle_has(
    embedded_sample: TestDatabase, embedded_sqlite: TestDatabase  # noqa: F811 - fixtures
) -> None:  # fmt: skip
    wanted = keys(embedded_sqlite)
    with embedded_sample.open().snapshot() as snapshot:
        found = {one.run_id: (one.instance_id, one.status, one.dedupe_key) for one in positions(snapshot)}
    assert len(wanted) > 20
    assert found == wanted


def test_what_a_writer_advances_beside_it_is_found_and_nothing_else(
    embedded_scratch: TestDatabase, embedded_sqlite: TestDatabase, tmp_path: Path, capsys: Capture  # noqa: F811
) -> None:  # fmt: skip
    runs = keys(embedded_sqlite)
    ids = list(runs)
    third = len(ids) // 3
    exported, imported, others = ids[:third], ids[third : 2 * third], ids[2 * third :]
    in_manifest(tmp_path / "exports", {run: runs[run] for run in exported + imported})
    in_ledger(tmp_path / "ledger.db", {run: runs[run] for run in imported})
    to_move = [*exported[::4], *imported[::3], *others[::5]]
    begun, done = set[str](), set[str]()

    def write() -> None:
        with closing(connect(embedded_scratch.url)) as connection, closing(connection.cursor()) as cursor:
            for run in to_move:
                begun.add(run)
                cursor.execute(
                    "UPDATE workflow_runs SET last_history_sequence = last_history_sequence + 1, "
                    f"last_progress_at = '{LATER}' WHERE id = '{run}'"
                )
                done.add(run)

    writer = threading.Thread(target=write)
    expected = set(exported + imported)
    side = ByDatabase(embedded_scratch.open())
    with Ledger.view(tmp_path / "ledger.db") as view:
        both = exported_runs([str(tmp_path / "exports")], view)
        assert look_for_drift(both.expected, side).exit_code is ExitCode.DONE
        writer.start()
        while True:
            running, before = writer.is_alive(), set(done)
            report = look_for_drift(both.expected, side)
            after = set(begun)
            found = {row.expected.run_id for row in report.rows}
            assert before & expected <= found <= after & expected
            if not running:
                break
    writer.join()
    options = ("--ledger", str(tmp_path / "ledger.db"))
    code, told = asked(capsys, "drift", embedded_scratch, str(tmp_path / "exports"), *options)
    assert code == ExitCode.NO
    assert [run["state"] for run in told["runs"]] == sorted((run["state"] for run in told["runs"]), reverse=True)
    moved = {state: {run["run_id"] for run in told["runs"] if run["state"] == state} for state in DriftState}
    assert moved[DriftState.MOVED_SINCE_IMPORT] == set(imported) & set(to_move)
    assert moved[DriftState.MOVED_SINCE_EXPORT] == set(exported) & set(to_move)
    assert told["summary"]["total"] == len(expected)
    assert told["summary"]["unmoved"] == len(expected) - len(told["runs"])


def test_parked_tells_what_could_wake_from_what_has_moved(
    embedded_scratch: TestDatabase,  # noqa: F811
    embedded_sqlite: TestDatabase,  # noqa: F811
    ledger_of_all: Path,
    capsys: Capture,
) -> None:
    database = embedded_scratch
    # Nothing is due, by nobody's clock; then one of each kind.
    database.run(
        "UPDATE workflow_tasks SET available_at = '2037-01-01 00:00:00' WHERE status = 'ready'",
        "UPDATE workflow_tasks SET status = 'completed' WHERE status = 'leased'",
        "UPDATE workflow_run_timers SET fire_at = '2037-01-01 00:00:00.000001'",
        "UPDATE activity_attempts SET status = 'completed'",
    )
    timers = [row[0] for row in database.run(
        "SELECT workflow_run_id FROM workflow_run_timers WHERE status = 'pending' ORDER BY workflow_run_id"
    )]  # fmt: skip
    tasks = [row[0] for row in database.run(
        "SELECT workflow_run_id FROM workflow_tasks WHERE status = 'ready' AND task_type <> 'timer' "
        "ORDER BY workflow_run_id"
    )]  # fmt: skip
    due, ready, moved, leased = timers[0], tasks[0], timers[1], tasks[1]
    options = ("--ledger", str(ledger_of_all))
    code, before = asked(capsys, "parked", database, *options)
    assert (code, before["summary"]["could_wake"]) == (ExitCode.DONE, 0)
    assert before["summary"]["wakes_later"] >= len(timers)
    assert {run["wakes_at"] for run in before["runs"]} <= {"2037-01-01T00:00:00.000000Z", "2037-01-01T00:00:00.000001Z"}
    database.run(
        f"UPDATE workflow_run_timers SET fire_at = '2020-01-01 00:00:00' WHERE workflow_run_id = '{due}'",
        f"UPDATE workflow_tasks SET available_at = '2020-01-01 00:00:00', queue = 'billing', connection = 'redis' "
        f"WHERE workflow_run_id = '{ready}' AND status = 'ready'",
        f"UPDATE workflow_tasks SET status = 'leased' WHERE workflow_run_id = '{leased}' AND status = 'ready'",
    )
    code, found = asked(capsys, "parked", database, *options)
    assert code == ExitCode.DONE, "could wake is no movement"
    waking = {run["run_id"]: run for run in found["runs"] if run["state"] == "could_wake"}
    assert set(waking) == {due, ready, leased}
    assert waking[due]["due_timers"] == 1
    assert waking[ready]["queues"] == [{"connection": "redis", "queue": "billing"}]
    assert waking[leased]["held"] == 1
    assert {"connection": "redis", "queue": "billing", "runs": 1, "moved_or_could_wake": 1} in found["queues"]
    advance(database, moved)
    code, found = asked(capsys, "parked", database, *options)
    assert (code, found["runs"][0]["run_id"], found["runs"][0]["state"]) == (ExitCode.NO, moved, "moved")
    table = command(capsys, "embedded", "parked", "--database-url", database.text, *options)[1]
    assert table.startswith("moved: BOTH RUNTIMES RUN IT: 1 run")
    assert "workers must stay paused on:" in table


# --- what it says, and its exit codes --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ledger_of_all(_samples: dict[str, TestDatabase], tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """A ledger that has imported every run, to be copied: durable steps take their time."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    in_ledger(path, keys(_samples[""]))
    return path


@pytest.fixture
def here(embedded_sqlite: TestDatabase, ledger_of_all: Path, tmp_path: Path) -> TestDatabase:  # noqa: F811
    """A copy of the application on SQLite, and a ledger in its usual place that has imported every run."""
    path = tmp_path / "app.sqlite"
    path.write_bytes(Path(embedded_sqlite.name).read_bytes())
    Path(".dwctl").mkdir()
    shutil.copy(ledger_of_all, ".dwctl/ledger.db")
    return TestDatabase("sqlite", embedded_sqlite.url.set(database=str(path)))


def test_moved_since_the_import_is_named_first_in_the_table(here: TestDatabase, capsys: Capture) -> None:
    first, second, *_ = keys(here)
    code, out, err = command(capsys, "embedded", "drift", "--database-url", here.text)
    assert (code, "YES: every run stands where its bundle says." in out) == (ExitCode.DONE, True)
    assert ".dwctl/ledger.db is looked at too" in err
    advance(here, first)
    here.run(f"DELETE FROM workflow_runs WHERE id = '{second}'")
    code, out, _ = command(capsys, "embedded", "drift", "--database-url", here.text)
    assert code == ExitCode.NO
    assert out.startswith("moved since the import: BOTH RUNTIMES RUN IT: 1 run")
    assert "gone from the embedded application: 1 run" in out
    assert "both runtimes run 1 run." in out
    out = command(capsys, "embedded", "drift", "--database-url", here.text, "--output", "jsonl", "--all")[1]
    items = lines(out, "embedded-drift", "run")
    assert [item["state"] for item in items[:3]] == ["moved_since_import", "gone", "unmoved"]
    assert len(items) == len(keys(here)) + 1


def test_gone_alone_is_no_pass_and_all_gone_asks_for_the_application(here: TestDatabase, capsys: Capture) -> None:
    here.run("DELETE FROM workflow_runs")
    for word in ("drift", "parked"):
        code, out, _ = command(capsys, "embedded", word, "--database-url", here.text)
        assert (code, "NOT KNOWN" in out) == (ExitCode.NO, True)
    assert "is this the application" in command(capsys, "embedded", "drift", "--database-url", here.text)[1]


def test_a_run_that_may_be_on_the_server_is_in_doubt(here: TestDatabase, capsys: Capture) -> None:
    run = next(iter(keys(here)))
    in_ledger(Path("sending.db"), {run: keys(here)[run]}, LedgerState.SENDING)
    advance(here, run)
    for word, state in (("drift", "moved_in_doubt"), ("parked", "moved_in_doubt")):
        code, found = asked(capsys, word, here, "--ledger", "sending.db")
        assert (code, [one["state"] for one in found["runs"]]) == (ExitCode.NO, [state])


def test_bundles_are_compared_without_a_manifest(tmp_path: Path, here: TestDatabase, capsys: Capture) -> None:
    Path(".dwctl/ledger.db").unlink()
    folder = str(BUNDLES)
    code, found = asked(capsys, "drift", here, folder)
    assert code == ExitCode.NO
    assert {run["state"] for run in found["runs"]} == {"gone"}
    code, found = asked(capsys, "drift", here, str(tmp_path / "nowhere.json"))
    assert (code, found["runs"][0]["state"], found["runs"][0]["said"]) == (1, "unknown", "there is no such file")


def test_the_ledger_is_told_what_moved(here: TestDatabase, capsys: Capture) -> None:
    first, second, *_ = keys(here)
    advance(here, first)
    here.run(f"DELETE FROM workflow_runs WHERE id = '{second}'")
    with Ledger.view(".dwctl/ledger.db") as view:
        rest = len(list(view.rows())) - 2
    assert rest
    times = []
    for noted in (rest + 2, rest):  # that one moved is no news twice; that one has not holds for the moment alone
        code, _, err = command(capsys, "embedded", "drift", "--database-url", here.text, "--note")
        assert (code, f"{noted} answers noted" in err) == (ExitCode.NO, True)
        with Ledger.view(".dwctl/ledger.db") as view:
            found = {row.run_id: row for row in view.rows()}
            assert view.audit().ok
        assert [found.pop(run).drift for run in (first, second)] == ["moved_since_import", "gone"]
        assert {row.drift for row in found.values()} == {"unmoved"}
        times.append({str(row.drift_at) for row in found.values()})
    assert max(times[0]) <= min(times[1])


def told_report(capsys: Capture) -> dict[str, Any]:
    """The report of the transfer, held against its schema."""
    return document(command(capsys, "transfer", "report", "--no-bundles", "--json")[1], "transfer-report")


def test_a_report_asks_whether_runs_moved_until_that_was_answered_and_says_as_of_when(
    here: TestDatabase, capsys: Capture
) -> None:
    said = "nobody has said whether the embedded copy has moved since"
    found = told_report(capsys)
    assert found["drift_unknown"] > 0
    assert any(said in note for note in found["notes"])
    assert any("embedded drift" in str(step["command"]) for step in found["steps"])
    assert command(capsys, "embedded", "drift", "--database-url", here.text, "--note")[0] == ExitCode.DONE
    told = told_report(capsys)
    assert (told["drift_unknown"], told["unmoved"]["count"]) == (0, found["drift_unknown"])
    assert not any("embedded drift" in str(step["command"]) for step in told["steps"])
    (note,) = (note for note in told["notes"] if "the embedded copy had not moved" in note)
    assert f"as of {told['unmoved']['oldest'][:19].replace('T', ' ')} UTC" in note
    assert told["unmoved"]["oldest"] == told["unmoved"]["newest"]
    advance(here, next(iter(keys(here))))
    assert command(capsys, "embedded", "drift", "--database-url", here.text, "--note")[0] == ExitCode.NO
    moved = told_report(capsys)
    assert {one["standing"]: one["count"] for one in moved["standings"]}["in_both"] == 1


def test_while_somebody_imports_nothing_can_be_noted(here: TestDatabase, capsys: Capture) -> None:
    with opened(Path(".dwctl/ledger.db")):
        assert command(capsys, "embedded", "drift", "--database-url", here.text, "--note")[0] == ExitCode.LOCAL_STATE


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["drift", "--ledger", "l.db"], ExitCode.USAGE, "database_not_set"),
        (["parked", "--ledger", "l.db"], ExitCode.USAGE, "database_not_set"),
        (["drift", "--database-url", "sqlite:///app.sqlite"], ExitCode.USAGE, "no_exported_runs"),
        (["drift", "--database-url", "sqlite:///app.sqlite", "--ledger", "none.db"], ExitCode.USAGE, None),
        (["parked", "--database-url", "sqlite:///app.sqlite"], ExitCode.USAGE, None),
        (["drift", "empty", "--database-url", "sqlite:///app.sqlite"], ExitCode.USAGE, "no_bundles"),
        (["drift", "--ledger", "l.db", "--database-url", "sqlite:///none.sqlite"], ExitCode.USAGE, None),
        (["drift", "--ledger", "l.db", "--database-url", "mysql://u:geheim@127.0.0.1:9/x"], ExitCode.NETWORK, None),
        (["parked", "--ledger", "l.db", "--database-url", "mysql://u:geheim@127.0.0.1:9/x"], ExitCode.NETWORK, None),
        (["drift", "--ledger", "l.db", "--database-url", "sqlite:///app.sqlite", "--for=1s"], ExitCode.USAGE, "usage"),
        (["drift", "--ledger", "l.db", "--database-url", "sqlite:///app.sqlite", "--watch"], ExitCode.USAGE, "usage"),
        (["drift", "--database-url", "sqlite:///app.sqlite", "--note", "x"], ExitCode.USAGE, "usage"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_a_sentence(
    here: TestDatabase, arguments: list[str], code: ExitCode, reason: str | None, capsys: Capture
) -> None:
    Path(".dwctl/ledger.db").rename("l.db")
    Path("empty").mkdir()
    ended, out, err = command(capsys, "embedded", *arguments, "--json")
    found = document(out, "error")
    assert (ended, found["next_step"] is not None) == (code, True)
    assert reason is None or found["reason"] == reason
    assert "geheim" not in out + err


def test_nothing_exported_yet_is_no_pass(here: TestDatabase, capsys: Capture) -> None:
    with opened(Path("empty.db")):
        pass
    for word in ("drift", "parked"):
        code, out, _ = command(capsys, "embedded", word, "--database-url", here.text, "--ledger", "empty.db")
        assert (code, "NOTHING TO LOOK AT" in out) == (ExitCode.USAGE, True)


def test_a_table_that_may_not_be_read_makes_parked_unknown(here: TestDatabase, capsys: Capture) -> None:
    here.run("DROP TABLE workflow_run_timers")
    code, found = asked(capsys, "parked", here)
    assert (code, len(found["unread"])) == (ExitCode.NO, 1)
    assert asked(capsys, "drift", here)[0] == ExitCode.DONE


def test_an_application_in_another_zone_is_read_by_its_own_rows_or_not_called_unmoved(
    here: TestDatabase, capsys: Capture
) -> None:
    assert asked(capsys, "drift", here, "--database-timezone", "Asia/Tokyo")[0] == ExitCode.NO
    found = asked(capsys, "drift", here, "--database-timezone", "Asia/Tokyo")[1]
    assert {run["state"] for run in found["runs"]} == {"unknown"}


@pytest.mark.parametrize(
    ("state", "drifted", "both", "said"),
    [
        (LedgerState.IMPORTED, "moved_since_import", 2, "ledger: imported, moved since: BOTH RUNTIMES RUN IT"),
        (LedgerState.SENDING, "moved_in_doubt", 0, "ledger: sending, moved since, and may be on the server too"),
        (LedgerState.REFUSED, "moved_since_export", 0, "ledger: refused, moved since: export it again"),
    ],
)
def test_the_inventory_says_of_a_moved_run_what_drift_says(
    here: TestDatabase, tmp_path: Path, capsys: Capture, state: LedgerState, drifted: str, both: int, said: str
) -> None:
    """A status alone moves a run, and one that never arrived is in no other runtime."""
    runs = dict(list(keys(here).items())[:3])
    in_ledger(tmp_path / "some.db", runs, state)
    ledger, (first, second, still) = ("--ledger", str(tmp_path / "some.db")), runs
    advance(here, first)
    here.run(f"UPDATE workflow_runs SET status = 'odd' WHERE id = '{second}'")
    found = asked(capsys, "drift", here, *ledger)[1]["runs"]
    assert {run["run_id"]: run["state"] for run in found} == {first: drifted, second: drifted}
    listed = asked(capsys, "inventory", here, *ledger)[1]
    moved = {run["run_id"]: run["imported"]["moved"] for run in listed["runs"] if run["imported"]}
    assert moved == {first: True, second: True, still: False}
    assert listed["totals"]["moved_since_import"] == both
    out = command(capsys, "embedded", "inventory", "--database-url", here.text, *ledger)[1]
    assert {run for run in runs for line in out.splitlines() if f" {run} " in line and said in line} == {first, second}
    assert sum(line.split()[0] == "twice" for line in out.splitlines() if line.split()) == both


# --- watching --------------------------------------------------------------------------------------------------


@contextmanager
def watching(word: str, database: TestDatabase, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A watch as a process of its own, in a pipe."""
    words = [sys.executable, "-m", "dwctl", "embedded", word, "--database-url", database.text, "--watch"]
    child = subprocess.Popen(
        [*words, "--interval", "50ms", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        for stream in (child.stdout, child.stderr):
            assert stream is not None
            stream.close()


def line_with(stream: Any, text: str) -> str:
    """The next line that has this text."""
    for line in stream:
        if text in line:
            return str(line)
    pytest.fail(f"it ended without {text!r}")


@pytest.mark.parametrize("word", ["drift", "parked"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_watch_tells_what_changes_and_ends_in_order(here: TestDatabase, word: str, number: int) -> None:
    with watching(word, here) as child:
        assert " 0 moved" not in line_with(child.stdout, "runs: ")
        run = next(iter(keys(here)))
        advance(here, run)
        assert f" {run}:" in line_with(child.stdout, "BOTH RUNTIMES RUN IT")
        line_with(child.stdout, "runs: 1 moved")
        child.send_signal(number)
        out, err = child.communicate(timeout=60)
    assert child.returncode == ExitCode.NO
    assert out.startswith("moved")
    assert "both runtimes run 1 run." in out
    assert "stopped watching" in err


@pytest.mark.parametrize(("word", "rests"), [("drift", "unmoved"), ("parked", "closed")])
def test_a_watch_tells_of_a_run_that_returns(here: TestDatabase, word: str, rests: str) -> None:
    """Also where another one moves in the same look: the counts alone would not tell."""
    first, second, *_ = (run for run, (_, status, _) in keys(here).items() if status == "completed")
    step = "UPDATE workflow_runs SET last_history_sequence = last_history_sequence"
    with watching(word, here) as child:
        line_with(child.stdout, "runs: ")
        here.run(f"{step} + 1 WHERE id = '{first}'")
        line_with(child.stdout, f" {first}:")
        here.run(f"{step} + CASE id WHEN '{first}' THEN -1 ELSE 1 END WHERE id IN ('{first}', '{second}')")
        assert "moved" in line_with(child.stdout, f" {second}:")
        assert f" {rests} " in line_with(child.stdout, f" {first}:")


def test_a_watch_of_what_stands_still_ends_well(here: TestDatabase) -> None:
    with watching("drift", here) as child:
        line_with(child.stdout, "unmoved")
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=60)
    assert (child.returncode, "YES" in out) == (ExitCode.DONE, True)


def test_a_watch_may_have_an_end_of_its_own_and_speak_json(here: TestDatabase) -> None:
    advance(here, next(iter(keys(here))))
    with watching("drift", here, "--for", "200ms", "--output", "jsonl") as child:
        out, _ = child.communicate(timeout=60)
    (item,) = lines(out, "embedded-drift", "run")
    assert (child.returncode, item["state"], "at" in item) == (ExitCode.NO, "moved_since_import", True)


def test_a_database_that_goes_away_is_said_and_is_not_a_yes(here: TestDatabase) -> None:
    with watching("drift", here) as child:
        line_with(child.stdout, "unmoved")
        away = Path(here.name).rename("away.sqlite")
        line_with(child.stderr, "this look failed")
        away.rename(here.name)
        line_with(child.stderr, "looking again")
        Path(here.name).rename("away.sqlite")
        line_with(child.stderr, "this look failed")
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
    assert child.returncode not in (ExitCode.DONE, ExitCode.INTERRUPTED)
    assert "the last look failed" in err
