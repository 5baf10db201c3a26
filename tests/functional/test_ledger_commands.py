"""`dwctl ledger`, from the command line: what it says, its JSON, its exit codes."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dwctl.cli.ledger_options import DEFAULT_LEDGER, ExportFormat, State
from dwctl.explanations import explanation
from dwctl.transfer.ledger import export as ledger_export
from dwctl.transfer.ledger import ledger
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.rows import LedgerState
from ledger_kills import wait_ready, writer
from ledgers import START, edit, opened, row, rows, run_id
from output_schemas import lines as jsonl
from server_cli import command, document

S = LedgerState
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger in the usual place of the folder that we stand in."""
    monkeypatch.chdir(tmp_path)
    made = Path(DEFAULT_LEDGER)
    with opened(made, server_version="2.0.3") as written:
        written.plan([*rows(6), row(6, state=S.REFUSED, rules=("tasks.leased_task_present",))])
        for number, state in enumerate((S.IMPORTED, S.IMPORTED, S.FAILED, S.UNKNOWN)):
            written.sending(run_id(number))
            written.settle(run_id(number), state, error_reason=None if state is S.IMPORTED else "database_busy",
                           error_text="\x1b[2Jbusy\nbusy" if state is S.FAILED else None)  # fmt: skip
        written.note_compared(run_id(0), START)
        written.note_compared(run_id(1), START, ["status: the bundle says waiting; the server: completed"])
        written.note_archived(run_id(0), START)
        written.note_moved(run_id(1), START)
    return made.absolute()


def test_the_words_of_the_command_line_are_those_of_the_ledger() -> None:
    assert ledger.DEFAULT_LEDGER == DEFAULT_LEDGER
    assert [one.value for one in State] == [one.value for one in LedgerState]
    assert [one.value for one in ExportFormat] == [one.value for one in ledger_export.ExportFormat]


# --- status ---


def test_status_says_whose_it_is_how_far_and_what_is_wrong(path: Path, capsys: Capture) -> None:
    code, out, err = command(capsys, "ledger", "status")
    assert (code, err) == (0, "")
    for said in (
        "https://dw.example.com", "production", "orders-1", "nobody is writing",
        "7 bundles: 2 on the server, 2 compared, 1 archived; 3 to be sent or asked after.",
        "1 run on the server not as in the bundle", "1 run moved since the import: both runtimes have",
    ):  # fmt: skip
        assert said in out
    assert re.search(r"imported +2\n", out)
    code, found = document(capsys, "ledger", "status")
    assert code == 0
    assert found["states"]["failed"] == found["states"]["unknown"] == found["differs"] == 1
    assert found["total"] == 7
    assert found["writer"] is None
    with Ledger.view(path) as view:
        assert found["head"]["hash"] == view.head().hash


def test_status_counts_why_bundles_were_left_out_and_does_not_guess(path: Path, capsys: Capture) -> None:
    left = [row(number, state=S.SKIPPED, error_reason=why) for number, why in ((7, "limit"), (8, "limit"), (9, None))]
    with opened(path) as written:
        written.plan(left)
    assert document(capsys, "ledger", "status")[1]["skipped_because"] == {"limit": 2, "unknown": 1}
    assert "Left out by choice: 2 limit, 1 unknown" in command(capsys, "ledger", "status")[1]
    # The next plan of a ledger that an older dwctl has written says it, and nothing else changes.
    with opened(path) as written:
        assert written.plan([row(9, state=S.SKIPPED, error_reason="not_chosen")]).changed == 1
        assert written.audit().ok
    assert document(capsys, "ledger", "status")[1]["skipped_because"] == {"limit": 2, "not_chosen": 1}
    code, _, _ = command(capsys, "ledger", "retry", run_id(7))
    assert (code, document(capsys, "ledger", "status")[1]["skipped_because"]) == (0, {"limit": 1, "not_chosen": 1})


def test_status_names_the_writer_and_watching_ends_with_it(
    path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = writer(path, "hold")

    def writer_ends(_: float) -> None:
        process.kill()
        process.wait()

    try:
        wait_ready(process)
        _, out, _ = command(capsys, "ledger", "status")
        assert f"process {process.pid} on " in out
        _, found = document(capsys, "ledger", "status")
        assert found["writer"]["pid"] == process.pid
        monkeypatch.setattr("dwctl.cli.ledger.time.sleep", writer_ends)
        code, out, _ = command(capsys, "ledger", "status", "--watch", "--interval", "0.1")
    finally:
        process.kill()
        process.communicate()
    assert code == 0
    first, *_, last = out.splitlines()
    assert f"writer={process.pid}" in first
    assert last.endswith("writer=none")
    assert "imported=2" in last


def test_watching_as_json_lines_gives_a_document_a_line(path: Path, capsys: Capture) -> None:
    code, out, _ = command(capsys, "ledger", "status", "--watch", "--output", "jsonl")
    assert code == 0
    (line,) = out.splitlines()
    assert json.loads(line)["schema"] == "dwctl.ledger-status"
    code, out, _ = command(capsys, "ledger", "status", "--watch", "--json")
    assert code == 2
    assert json.loads(out)["schema"] == "dwctl.error"


def test_watching_on_a_terminal_draws_it_and_ends(path: Path) -> None:
    master, slave = pty.openpty()
    program = "import sys; from dwctl.cli.main import run; sys.exit(run(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "ledger", "status", "--watch"], stdout=slave, stderr=slave,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
    )  # fmt: skip
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # Linux ends a closed terminal so
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    assert process.wait() == 0
    assert b"7 bundles" in shown
    assert shown.rstrip().endswith(b"\x1b[?25h")


# --- list, show, export ---


def test_list_shows_what_was_asked_for(path: Path, capsys: Capture) -> None:
    code, out, _ = command(capsys, "ledger", "list")
    assert code == 0
    assert out.splitlines()[0].split()[:4] == ["state", "run", "instance", "type"]
    assert out.splitlines()[-1] == "7 bundles"
    assert "differs" in out
    _, out, _ = command(capsys, "ledger", "list", "--state", "failed", "--state", "refused")
    assert [line.split()[0] for line in out.splitlines()[1:-1]] == ["failed", "refused"]
    _, out, _ = command(capsys, "ledger", "list", "--rule", "tasks.leased_task_present", "--output", "jsonl")
    assert [item["run_id"] for item in jsonl(out, "ledger-list", "run")] == [run_id(6)]
    _, out, _ = command(capsys, "ledger", "list", "--rule", "database_busy", "--output", "jsonl")
    assert [item["run_id"] for item in jsonl(out, "ledger-list", "run")] == [run_id(2), run_id(3)]
    code, found = document(capsys, "ledger", "list", "--differs")
    assert [item["run_id"] for item in found["runs"]] == [run_id(1)]
    code, found = document(capsys, "ledger", "list", "--instance", "order-3")
    assert [item["state"] for item in found["runs"]] == ["unknown"]
    code, out, _ = command(capsys, "ledger", "list", "--state", "blocked")
    assert (code, out.splitlines()[-1]) == (0, "0 bundles")


def test_show_tells_a_run_and_every_event_of_it(path: Path, capsys: Capture) -> None:
    code, out, _ = command(capsys, "ledger", "show", run_id(2))
    assert code == 0
    assert "database_busy" in out
    assert "\x1b" not in out
    assert [line.split()[2] for line in out.split("events")[1].splitlines()[2:]] == ["planned", "sending", "settled"]
    _, found = document(capsys, "ledger", "show", "order-1")
    assert found["run"]["run_id"] == run_id(1)
    assert found["run"]["differences"] == ["status: the bundle says waiting; the server: completed"]
    assert [event["kind"] for event in found["events"]] == ["planned", "sending", "settled", "compared", "drift"]
    code, out, _ = command(capsys, "ledger", "show", "order-1", "--output", "jsonl")
    assert json.loads(out) == found


def test_show_of_what_is_not_there_is_5_and_of_several_2(path: Path, capsys: Capture) -> None:
    code, _, err = command(capsys, "ledger", "show", "nobody")
    assert code == 5
    assert "does not know this run" in err
    with opened(path) as written:
        written.plan([row(50, instance_id="order-1")])
    code, _, err = command(capsys, "ledger", "show", "order-1")
    assert code == 2
    assert run_id(1) in err
    assert run_id(50) in err


def test_export_writes_csv_and_lines(path: Path, tmp_path: Path, capsys: Capture) -> None:
    with opened(path) as written:
        written.plan([row(60, instance_id="=cmd()", workflow_type='a,"b"')])
    code, out, _ = command(capsys, "ledger", "export", "--format", "csv")
    assert code == 0
    found = list(csv.DictReader(io.StringIO(out)))
    assert len(found) == 8
    assert list(found[0]) == list(ledger_export.FIELDS)
    assert (found[7]["instance_id"], found[7]["workflow_type"]) == ("'=cmd()", 'a,"b"')
    assert json.loads(found[6]["rules"]) == ["tasks.leased_task_present"]
    target = tmp_path / "rows.jsonl"
    code, out, err = command(capsys, "ledger", "export", "--format", "jsonl", "-o", str(target), "--state", "imported")
    assert (code, out) == (0, "")
    assert "2 rows in" in err
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [item["state"] for item in jsonl(target.read_text(), "ledger-list", "run")] == ["imported", "imported"]


def test_export_replaces_no_file_unasked(path: Path, tmp_path: Path, capsys: Capture) -> None:
    target = tmp_path / "rows.csv"
    target.write_text("mine")
    code, _, err = command(capsys, "ledger", "export", "--format", "csv", "-o", str(target))
    assert code == 2
    assert "--force" in err
    assert target.read_text() == "mine"
    code, _, _ = command(capsys, "ledger", "export", "--format", "csv", "-o", str(target), "--force")
    assert code == 0
    assert target.read_text().startswith("run_id,")
    code, _, _ = command(capsys, "ledger", "export", "--format", "csv", "-o", str(tmp_path / "none" / "x.csv"))
    assert code == 2


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", ".lock"])
def test_an_export_never_takes_the_place_of_the_ledger(path: Path, capsys: Capture, suffix: str) -> None:
    before = path.read_bytes()
    Path("link").symlink_to(f"{path}{suffix}")
    for name in (f"{path}{suffix}", "link", f".dwctl/../.dwctl/ledger.db{suffix}"):
        code, _, err = command(capsys, "ledger", "export", "--format", "csv", "-o", name, "--force")
        assert code == 2
        assert "never written over" in err
    assert path.read_bytes() == before
    code, _, err = command(capsys, "transfer", "report", "--report", f"html={path}{suffix}")
    assert code == 2


def test_an_export_replaces_no_file_that_was_made_meanwhile(
    path: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.csv"

    def lines_while_another_is_at_work(*_: object) -> Iterator[str]:
        yield "run_id\n"
        target.write_text("mine")

    monkeypatch.setattr(ledger_export, "lines", lines_while_another_is_at_work)
    code, _, err = command(capsys, "ledger", "export", "--format", "csv", "-o", str(target))
    assert (code, target.read_text()) == (2, "mine")
    assert "there already" in err
    assert sorted(file.name for file in tmp_path.iterdir()) == [".dwctl", "out.csv"]


# --- edited by hand ---


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE runs SET state = 'bogus' WHERE run_id = '{run}'",
        "UPDATE runs SET rules = 'notjson' WHERE run_id = '{run}'",
        "UPDATE runs SET rules = '[5]' WHERE run_id = '{run}'",
        "UPDATE runs SET differences = '5' WHERE run_id = '{run}'",
        "UPDATE runs SET removed_links = '[\"a\"]' WHERE run_id = '{run}'",
        "UPDATE runs SET repair = '[]' WHERE run_id = '{run}'",
        "UPDATE runs SET file = x'ff00ff' WHERE run_id = '{run}'",
        "UPDATE runs SET file = 5 WHERE run_id = '{run}'",
        "UPDATE runs SET attempts = 'many' WHERE run_id = '{run}'",
        "DELETE FROM ledger",
        "UPDATE events SET body = '[' WHERE run_id = '{run}'",
        "UPDATE events SET body = '[]' WHERE seq = (SELECT session FROM runs WHERE run_id = '{run}')",
    ],
)
def test_a_ledger_that_was_edited_by_hand_is_said_and_is_no_bug_of_dwctl(
    path: Path, capsys: Capture, statement: str
) -> None:
    edit(path, statement.format(run=run_id(3)))
    assert command(capsys, "ledger", "audit")[0] == 1
    codes = set()
    for words in (
        ("ledger", "status"), ("ledger", "list", "--output", "jsonl"), ("ledger", "export", "--format", "csv"),
        ("ledger", "show", run_id(3)), ("ledger", "retry", run_id(3)),
    ):  # fmt: skip
        code, out, err = command(capsys, *words)
        assert "bug" not in out + err
        codes.add(code)
        assert code != 10 or "ledger audit" in out + err
    assert 10 in codes, "one of them meets what was edited"
    code, _, err = command(capsys, "transfer", "report")
    assert code in {1, 10}
    assert "bug" not in err


def test_a_reading_command_says_that_it_cannot_read(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "folder").mkdir()
    for words in (("status",), ("list",), ("audit",), ("show", "x")):
        code, _, err = command(capsys, "ledger", *words, "--ledger", str(tmp_path / "folder"))
        assert code == 10
        assert "cannot be read" in err
        assert "written" not in err


# --- retry ---


def test_retry_puts_back_and_is_recorded(path: Path, capsys: Capture) -> None:
    code, out, _ = command(capsys, "ledger", "retry", "--state", "failed", "--reason", "server is back")
    assert (code, out.splitlines()) == (0, [run_id(2), "1 bundle is planned again."])
    code, out, _ = command(capsys, "ledger", "retry", "--state", "failed")
    assert (code, out) == (0, "Nothing to put back.\n")
    code, found = document(capsys, "ledger", "retry", run_id(6), run_id(6))
    assert (code, found["run_ids"], found["files"]) == (0, [run_id(6)], [])
    with Ledger.view(path) as view:
        assert view.counts()[S.PLANNED] == 4
        assert view.row(run_id(2)).reason == "server is back"  # type: ignore[union-attr]
        assert list(view.events(run_id(2)))[-1].kind == "retried"
        assert view.audit().ok


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 2),
        (("--state", "imported"), 2),
        (("--state", "sending"), 2),
        (("--state", "unknown"), 2),
        ((run_id(3),), 2),
        ((run_id(0),), 2),
        ((run_id(2), "--state", "failed"), 2),
        ((run_id(2), "--rule", "database_busy"), 2),
        (("nobody",), 5),
        ((run_id(2), "nobody"), 5),
    ],
)
def test_retry_of_what_cannot_be_retried_changes_nothing(
    path: Path, capsys: Capture, words: tuple[str, ...], code: int
) -> None:
    with Ledger.view(path) as view:
        before = view.counts()
    assert command(capsys, "ledger", "retry", *words)[0] == code
    with Ledger.view(path) as view:
        assert view.counts() == before


def test_retry_while_an_import_writes_is_10_and_says_who(path: Path, capsys: Capture) -> None:
    process = writer(path, "hold")
    try:
        wait_ready(process)
        code, _, err = command(capsys, "ledger", "retry", "--state", "failed")
        assert code == 10
        assert f"process {process.pid} on " in err
        assert command(capsys, "ledger", "audit")[0] == 0
        assert command(capsys, "ledger", "list", "--json")[0] == 0
    finally:
        process.kill()
        process.communicate()


# --- audit ---


def test_audit_prints_the_head_and_compares_it(path: Path, capsys: Capture) -> None:
    code, found = document(capsys, "ledger", "audit")
    assert code == 0
    assert found["ok"] is True
    head = found["head"]["hash"]
    code, out, _ = command(capsys, "ledger", "audit", "--expect-head", head)
    assert code == 0
    assert head in out
    assert "its head is the expected one" in out
    command(capsys, "ledger", "retry", "--state", "failed")
    code, out, _ = command(capsys, "ledger", "audit", "--expect-head", head)
    assert code == 1
    assert "the ledger has grown by 3 events since" in out
    code, out, _ = command(capsys, "ledger", "audit", "--expect-head", "0" * 64)
    assert code == 1
    assert "nowhere in the log" in out
    code, _, err = command(capsys, "ledger", "audit", "--expect-head", "abc")
    assert code == 2
    assert "64 hexadecimal digits" in err


def test_audit_of_an_edited_ledger_is_1_and_says_where(path: Path, capsys: Capture) -> None:
    edit(path, "UPDATE runs SET state = 'imported' WHERE run_id = ?", run_id(3))
    code, out, _ = command(capsys, "ledger", "audit")
    assert code == 1
    assert f"row (run {run_id(3)}): its row is not what its events say: state" in out
    code, found = document(capsys, "ledger", "audit")
    assert code == 1
    assert found["findings"][0]["run_id"] == run_id(3)


# --- where there is none, or none that can be read ---


@pytest.mark.parametrize(
    "words",
    ["status", "status --watch", "list", "show x", "retry x", "audit", "export --format csv"],
)
def test_no_ledger_is_2_a_damaged_one_10(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = command(capsys, "ledger", *words.split())
    assert (code, out) == (2, "")
    assert "there is no ledger here" in err
    assert list(tmp_path.iterdir()) == []
    Path("mine.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    code, out, err = command(capsys, "ledger", *words.split(), "--ledger", "mine.db")
    assert (code, out) == (10, "")
    assert "is damaged" in err
    assert Path("mine.db").read_bytes().endswith(b"\xff" * 5000)


def test_what_a_ledger_complains_of_can_be_explained() -> None:
    for reason in ("ledger_locked", "ledger_of_another_target", "ledger_disk_full", "no_ledger", "not_a_head"):
        assert explanation(reason).fix


@pytest.mark.parametrize("interval", ["nan", "inf"])
def test_an_interval_is_a_number(capsys: pytest.CaptureFixture[str], interval: str) -> None:
    code, out, _ = command(capsys, "ledger", "status", "--watch", "--interval", interval, "--json")
    assert (code, interval in json.loads(out)["error"]) == (2, True)
