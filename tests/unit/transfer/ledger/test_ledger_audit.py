"""The audit: every accidental or partial edit is a finding, and a ledger that nobody touched has none."""

# ruff: noqa: S608 - statements are made of our own names

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from dwctl.errors import LocalStateError, RequestNotPossible
from dwctl.transfer.ledger.audit import MOST_FINDINGS, AuditReport
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.log import event_hash
from dwctl.transfer.ledger.rows import COLUMNS, LedgerState
from dwctl.transfer.ledger.view import EVENT_COLUMNS
from ledgers import START, edit, opened, row, rows, run_id

S = LedgerState


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with something of everything: 8 rows, two sessions."""
    made = tmp_path_factory.mktemp("sample") / "ledger.db"
    with opened(made) as ledger:
        ledger.plan([*rows(6), row(6, state=S.REFUSED, rules=("tasks.leased_task_present",)), row(7)])
        for number, state in enumerate((S.IMPORTED, S.ALREADY_IMPORTED, S.FAILED, S.UNKNOWN)):
            ledger.sending(run_id(number))
            ledger.settle(run_id(number), state, error_reason="x" if state is S.FAILED else None)
        ledger.note_compared(run_id(0), START)
        ledger.note_compared(run_id(1), START, ["status"])
        ledger.note_archived(run_id(0), START)
        ledger.note_moved(run_id(4), START)
    with opened(made, server_version="2.0.3") as ledger:
        ledger.retry(state=[S.FAILED])
        ledger.note_server_version("2.0.4")
        ledger.sending(run_id(5))
    return made


@pytest.fixture
def path(sample: Path, tmp_path: Path) -> Path:
    """A copy of the sample, to be edited."""
    return Path(shutil.copy(sample, tmp_path))


def audit(path: Path, head: str | None = None) -> AuditReport:
    with Ledger.view(path) as view:
        return view.audit(head)


def words(report: AuditReport) -> str:
    return "\n".join(f"{one.seq} {one.run_id} {one.what}" for one in report.findings)


def test_a_ledger_that_nobody_touched_is_sound(path: Path) -> None:
    report = audit(path)
    assert report.findings == ()
    assert report.ok
    assert report.rows == 8
    with Ledger.view(path) as view:
        assert report.head == view.head()
        assert report.events == report.head.seq == len(list(view.events()))


def test_the_same_events_give_the_same_head_and_another_ledger_another(tmp_path: Path) -> None:
    heads = set()
    for name in ("a.db", "b.db"):
        with opened(tmp_path / name) as ledger:
            ledger.plan(rows(1))
            heads.add(ledger.head().hash)
    assert len(heads) == 2


EDITS: dict[str, tuple[str, str]] = {
    "a fact": ("UPDATE events SET body = replace(body, 'orders.process', 'orders.procesS') WHERE seq = 4", "4 "),
    "a time": ("UPDATE events SET at = '2026-11-23T10:00:00.000000Z' WHERE seq = 15", "15 "),
    "a kind": ("UPDATE events SET kind = 'settled' WHERE seq = 11", "11 "),
    "whose it is": (f"UPDATE events SET run_id = '{run_id(2)}' WHERE seq = 11", "11 "),
    "the session": ("UPDATE events SET session = 1 WHERE seq = 11", "11 "),
    "a hash": ("UPDATE events SET hash = upper(hash) WHERE seq = 12", "12 "),
    "the hash before": (f"UPDATE events SET previous = '{'0' * 64}' WHERE seq = 12", "12 "),
    "deleted in the middle": ("DELETE FROM events WHERE seq = 13", "14 None an event is missing"),
    "the tail cut": ("DELETE FROM events WHERE seq > 20", "the log ends with event 20"),
    "all deleted": ("DELETE FROM events", "the log ends with event 0"),
    "text as bytes": ("UPDATE events SET body = CAST(body AS BLOB) WHERE seq = 9", "9 "),
    "no utf-8": ("UPDATE events SET body = CAST(x'ff' || body AS TEXT) WHERE seq = 9", "9 "),
    "the number": ("UPDATE events SET seq = seq + 1000 WHERE seq = 18", "1018 "),
    "a row's state": (f"UPDATE runs SET state = 'imported' WHERE run_id = '{run_id(5)}'", "its row is not"),
    "a row deleted": (f"DELETE FROM runs WHERE run_id = '{run_id(5)}'", "its row is missing"),
    "the last row deleted": (f"DELETE FROM runs WHERE run_id = '{run_id(7)}'", "its row is missing"),
    "the target": ("UPDATE ledger SET namespace = 'other'", "names another server"),
    "the import id": ("UPDATE ledger SET import_id = 'other'", "names another server"),
    "when it was made": ("UPDATE ledger SET created_at = '2020-01-01'", "names another server"),
    "the noted head": ("UPDATE ledger SET head_seq = head_seq - 1", "the ledger noted"),
    "no target": ("DELETE FROM ledger", "does not say what it belongs to"),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_found(path: Path, name: str) -> None:
    statement, said = EDITS[name]
    assert edit(path, statement) > 0
    report = audit(path)
    assert not report.ok
    assert not report.sound
    assert said in words(report)


@pytest.mark.parametrize("column", [*COLUMNS[1:], "seq", "session", "at"])
def test_no_column_of_a_row_can_be_changed_unnoticed(path: Path, column: str) -> None:
    chosen = run_id(2)
    assert edit(path, f"UPDATE runs SET {column} = coalesce({column}, '') || '1' WHERE run_id = ?", chosen) == 1
    report = audit(path)
    assert [(one.run_id, column in one.what) for one in report.findings] == [(chosen, True)]


def test_a_row_and_an_event_that_were_put_in_are_found(path: Path) -> None:
    names = ", ".join(COLUMNS[1:])
    for inserted in ("00first", "01RUN00000003x", "zzlast"):
        edit(path, f"INSERT INTO runs (run_id, {names}, seq, session, at) SELECT ?, {names}, seq, session, at "
                   "FROM runs LIMIT 1", inserted)  # fmt: skip
    report = audit(path)
    assert {one.run_id for one in report.findings} == {"00first", "01RUN00000003x", "zzlast"}
    assert {one.what for one in report.findings} == {"a row without an event: inserted"}


def rewritten(path: Path, change: Callable[[list[list[object]]], None], *, note_head: bool) -> None:
    """Change the log as somebody would who knows how its hashes are made."""
    connection = sqlite3.connect(path)
    events = [list(values) for values in connection.execute(f"SELECT {EVENT_COLUMNS} FROM events ORDER BY seq")]
    change(events)
    previous = "0" * 64
    for number, event in enumerate(events, start=1):
        event[0], event[6] = number, previous
        event[7] = previous = event_hash(*event[:7])
    connection.execute("DELETE FROM events")
    connection.executemany(f"INSERT INTO events ({EVENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", events)
    if note_head:
        connection.execute("UPDATE ledger SET head_seq = ?, head_hash = ?", (len(events), previous))
    connection.commit()
    connection.close()


def test_events_in_another_order_are_found(path: Path) -> None:
    with Ledger.view(path) as view:
        one, other = list(view.events())[10:12]
    for number, event in ((99, one), (one.seq, other), (other.seq, one)):
        edit(path, "UPDATE events SET seq = ? WHERE hash = ?", number, event.hash)
    assert "does not carry the hash of the event before it" in words(audit(path))


def test_a_log_that_was_written_anew_is_found_by_its_end(path: Path) -> None:
    rewritten(path, lambda events: events.__delitem__(-1), note_head=False)
    assert "the ledger noted" in words(audit(path))


def test_a_whole_log_written_anew_with_its_rows_is_found_only_by_a_head_kept_elsewhere(path: Path) -> None:
    kept = audit(path).head.hash

    def other_person(events: list[list[object]]) -> None:
        for event in events:
            event[5] = str(event[5]).replace('"who":"ana"', '"who":"eve"')

    rewritten(path, other_person, note_head=True)
    assert audit(path).ok
    report = audit(path, kept)
    assert not report.ok
    assert report.sound
    assert report.expected is not None
    assert (report.expected.seq, report.expected.is_the_head) == (None, False)


def test_steps_that_no_table_allows_are_found_in_a_log_that_fits_together(path: Path) -> None:
    def straight_there(events: list[list[object]]) -> None:
        for event in events:
            if event[4] == run_id(5) and event[3] == "sending":
                event[3], event[5] = "settled", json.dumps({"state": "imported"})

    rewritten(path, straight_there, note_head=True)
    assert "no step leads from planned to imported" in words(audit(path))


def test_a_comparison_of_what_is_not_there_is_found(path: Path) -> None:
    def compared(events: list[list[object]]) -> None:
        for event in events:
            if event[4] == run_id(5) and event[3] == "sending":
                event[3], event[5] = "compared", json.dumps({"compared_at": "x"})

    rewritten(path, compared, note_head=True)
    assert "compared, and the run was planned" in words(audit(path))


def test_the_expected_head_is_the_head_or_an_earlier_one(path: Path) -> None:
    head = audit(path).head
    assert audit(path, head.hash.upper()).ok
    with opened(path) as ledger:
        ledger.plan([row(20)])
    report = audit(path, head.hash)
    assert report.sound
    assert not report.ok
    assert report.expected is not None
    assert (report.expected.seq, report.expected.is_the_head) == (head.seq, False)


@pytest.mark.parametrize("head", ["", "abc", "g" * 64, "a" * 65])
def test_what_is_no_head_is_a_request_that_cannot_be_made(path: Path, head: str) -> None:
    with pytest.raises(RequestNotPossible):
        audit(path, head)


def test_all_findings_are_counted_and_the_first_are_kept(path: Path) -> None:
    with opened(path) as ledger:
        ledger.plan([row(number) for number in range(1000, 1150)])
    edit(path, "UPDATE runs SET verdict = 'edited'")
    report = audit(path)
    assert report.found == 158
    assert len(report.findings) == MOST_FINDINGS


@pytest.mark.parametrize("what", ["DELETE FROM events", "UPDATE events SET hash = 'x'"])
def test_a_writer_does_not_go_on_from_another_end_than_was_left(path: Path, what: str) -> None:
    assert edit(path, f"{what} WHERE seq = (SELECT max(seq) FROM events)") == 1
    with pytest.raises(LocalStateError) as caught:
        opened(path)
    assert caught.value.reason == "ledger_log_broken"
    with Ledger.view(path) as view:
        assert view.writer() is None
