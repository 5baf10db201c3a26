"""The facts of the ledger: its rows and target as they are, whether it agrees with itself, and quickly."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from dwctl.checklist.facts.facts import LedgerFacts
from dwctl.checklist.facts.ledger import ledger_facts
from dwctl.errors import ExitCode, LocalStateError, UnreadableInput
from dwctl.transfer.ledger.glimpse import GLIMPSED
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.rows import LedgerState
from ledgers import NAMESPACE, SERVER, START, edit, opened, row, rows, run_id
from told_transfers import everything

MANY = 10_000


def facts(path: Path, *, deep: bool = False) -> LedgerFacts:
    return ledger_facts(path, server=SERVER, namespace=NAMESPACE, deep=deep)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger that has met everything."""
    everything(tmp_path / "ledger.db")
    return tmp_path / "ledger.db"


def test_the_facts_are_those_of_the_ledger(path: Path) -> None:
    found = facts(path)
    assert (found.server, found.namespace, found.import_id) == (SERVER, NAMESPACE, "orders-1")
    assert (found.sound, found.trouble, found.audited) == (True, None, GLIMPSED)
    with Ledger.view(path) as view:
        assert found.head == view.head().hash
        names = [name for name in type(found.rows[0]).__slots__ if name != "state"]
        told = list(view.rows())
    assert [[getattr(one, name) for name in names] for one in found.rows] == [
        [getattr(one, name) for name in names] for one in told
    ]
    assert [one.state for one in found.rows] == [one.state.value for one in told]
    assert len(found.rows) == 14


def test_deep_plays_the_whole_log(path: Path) -> None:
    found = facts(path, deep=True)
    assert (found.sound, found.trouble) == (True, None)
    assert found.audited != GLIMPSED


@pytest.mark.parametrize(("server", "namespace", "what"), [(SERVER + "/other", NAMESPACE, "server"),
                                                          (SERVER, "staging", "namespace")])  # fmt: skip
def test_a_ledger_of_another_target_is_not_looked_at(path: Path, server: str, namespace: str, what: str) -> None:
    with pytest.raises(LocalStateError, match=f"belongs to another {what}") as caught:
        ledger_facts(path, server=server, namespace=namespace)
    assert (caught.value.exit_code, caught.value.reason) == (ExitCode.LOCAL_STATE, "ledger_of_another_target")


def test_the_target_is_compared_as_the_server_compares_it(path: Path) -> None:
    found = ledger_facts(path, server=SERVER.replace("dw.", "DW.") + "/", namespace=NAMESPACE.upper())
    assert len(found.rows) == 14


def test_where_there_is_no_ledger_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="no ledger here"):
        facts(tmp_path / "none.db")
    (tmp_path / "note.txt").write_text("this is no database, and long enough to be one")
    with pytest.raises(LocalStateError):
        facts(tmp_path / "note.txt")


CHEAP = {
    "a row made imported": ("UPDATE runs SET state = 'imported' WHERE run_id = ?", run_id(11), "no event of its does"),
    "a row made compared": ("UPDATE runs SET compared_at = at WHERE run_id = ?", run_id(6), "its events say otherwise"),
    "a difference taken away": ("UPDATE runs SET differs_at = NULL WHERE run_id = ?", run_id(5), "say otherwise"),
    "a row inserted": (
        ("INSERT INTO runs (run_id, instance_id, state, attempts, seq, session, at) "
         "VALUES (?, 'x', 'planned', 0, 1, 1, '')"), "01RUNNEW", "edited or inserted"),
    "a row deleted": ("DELETE FROM runs WHERE run_id = ?", run_id(3), "a row is missing"),
    "an event deleted": ("DELETE FROM events WHERE kind = 'compared' AND run_id = ?", run_id(0), "and ends with"),
    "the tail cut off": ("DELETE FROM events WHERE ? <> '' AND seq = (SELECT max(seq) FROM events)", "x", "the end of"),
    "another target": ("UPDATE ledger SET import_id = ?", "trial", "another server, namespace or import id"),
    "a torn first event": ("UPDATE events SET body = ? WHERE seq = 1", "{", "another server, namespace or import id"),
}  # fmt: skip
DEEP = {
    "an event edited": ("UPDATE events SET at = 'x' WHERE kind = 'sending' AND run_id = ?", run_id(0), "event"),
    "a row edited": ("UPDATE runs SET task_queue = 'other' WHERE run_id = ?", run_id(0), "its row is not what its"),
}


@pytest.mark.parametrize(("statement", "value", "said"), CHEAP.values(), ids=CHEAP)
def test_what_is_found_without_a_hash(path: Path, statement: str, value: str, said: str) -> None:
    assert edit(path, statement, value) > 0
    found = facts(path)
    assert not found.sound
    assert said in str(found.trouble)
    assert not facts(path, deep=True).sound


@pytest.mark.parametrize(("statement", "value", "said"), DEEP.values(), ids=DEEP)
def test_what_only_the_whole_audit_finds(path: Path, statement: str, value: str, said: str) -> None:
    assert edit(path, statement, value) > 0
    assert facts(path).sound
    found = facts(path, deep=True)
    assert not found.sound
    assert said in str(found.trouble)


def test_many_findings_are_counted(path: Path) -> None:
    edit(path, "UPDATE runs SET task_queue = 'other'")
    assert "and 13 more findings" in str(facts(path, deep=True).trouble)


def test_a_damaged_row_is_trouble_and_no_crash(path: Path) -> None:
    edit(path, "UPDATE events SET body = x'ff' WHERE kind = 'settled'")
    assert not facts(path, deep=True).sound
    assert not facts(path).sound


def test_an_import_that_goes_on_meanwhile_is_one_moment(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with opened(path) as writer:
        writer.plan(rows(3))
        writer.sending(run_id(0))
        before = facts(path)
        writer.settle(run_id(0), LedgerState.IMPORTED)
        after = facts(path)
    assert [one.state for one in before.rows] == ["sending", "planned", "planned"]
    assert [one.state for one in after.rows] == ["imported", "planned", "planned"]
    assert before.sound
    assert after.sound
    assert before.head != after.head


def test_ids_that_are_no_utf8_come_back_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with opened(path) as writer:
        writer.plan([row(1, instance_id="order-\udcff", run_id="01RUN\udcff")])
    (one,) = facts(path).rows
    assert (one.run_id, one.instance_id) == ("01RUN\udcff", "order-\udcff")
    assert facts(path).sound


def test_ten_thousand_rows_take_well_under_a_second(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    _imported(path, MANY)
    taken, found = _best_of(3, lambda: facts(path))
    assert len(found.rows) == MANY
    assert found.sound
    assert taken < 1.0


def _imported(path: Path, count: int) -> None:
    """A ledger of so many imported runs: the events and the row of one, as often. Their hashes are of the one."""
    with opened(path) as ledger:
        ledger.plan(rows(1))
        ledger.sending(run_id(0))
        ledger.settle(run_id(0), LedgerState.IMPORTED)
        ledger.note_compared(run_id(0), START)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM events WHERE run_id IS NULL AND seq > 2")  # the orderly end
        events = database.execute("SELECT * FROM events WHERE run_id IS NOT NULL ORDER BY seq").fetchall()
        (_, _, *one) = database.execute("SELECT * FROM runs").fetchone()
        for number in range(1, count):
            last = 2 + (number + 1) * len(events)
            copies = [(last - len(events) + place, *event[1:4], run_id(number), *event[5:])
                      for place, event in enumerate(events, 1)]  # fmt: skip
            database.executemany(f"INSERT INTO events VALUES ({_marks(events[0])})", copies)  # noqa: S608 - marks only
            copy = (number + 1, run_id(number), *one[:-3], last, *one[-2:])
            database.execute(f"INSERT INTO runs VALUES ({_marks(copy)})", copy)  # noqa: S608 - marks only
        database.execute("UPDATE ledger SET (head_seq, head_hash) = "
                         "(SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1)")  # fmt: skip


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _best_of(count: int, ask: Callable[[], LedgerFacts]) -> tuple[float, LedgerFacts]:
    """The shortest of some times in seconds of this process, which others on the machine do not lengthen."""
    times = []
    for _ in range(count):
        begun = time.process_time()
        found = ask()
        times.append(time.process_time() - begun)
    return min(times), found
