"""Whatever happens to a ledger: its log played again is its rows, and no byte of an event changes unnoticed."""

# ruff: noqa: S608 - statements are made of our own names

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dwctl.transfer.ledger.changes import facts_of
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.rows import COLUMNS, PLANNABLE, IllegalTransition, LedgerState
from ledgers import START, opened, row, run_id

RUNS = st.integers(0, 4)
TEXTS = st.text(max_size=20)
STEPS = st.one_of(
    st.tuples(st.just("plan"), RUNS, st.sampled_from(sorted(PLANNABLE)), TEXTS),
    st.tuples(st.just("sending"), RUNS),
    st.tuples(st.just("settle"), RUNS, st.sampled_from(list(LedgerState)), TEXTS),
    st.tuples(st.just("compared"), RUNS, st.lists(TEXTS, max_size=2)),
    st.tuples(st.just("archived"), RUNS),
    st.tuples(st.just("moved"), RUNS),
    st.tuples(st.just("drift"), RUNS, TEXTS),
    st.tuples(st.just("retry"), RUNS),
    st.tuples(st.just("version"), TEXTS),
    st.tuples(st.just("reopen")),
)


def take(ledger: Ledger, step: tuple[Any, ...]) -> None:
    """One step; those that are not allowed leave nothing behind."""
    kind, *given_ = step
    run = run_id(given_[0]) if given_ and isinstance(given_[0], int) else ""
    with suppress(IllegalTransition):
        if kind == "plan":
            ledger.plan([row(given_[0], state=given_[1], instance_id=given_[2], rules=(given_[2],))])
        elif kind == "sending":
            ledger.sending(run)
        elif kind == "settle":
            ledger.settle(run, given_[1], error_text=given_[2], repair={"why": given_[2]})
        elif kind == "compared":
            ledger.note_compared(run, START, given_[1])
        elif kind == "archived":
            ledger.note_archived(run, START)
        elif kind == "moved":
            ledger.note_moved(run, START)
        elif kind == "drift":
            ledger.note_drift(run, START, given_[1])
        elif kind == "retry":
            ledger.retry([run])
        elif kind == "version":
            ledger.note_server_version(given_[0])


def written(path: Path, steps: list[tuple[Any, ...]]) -> None:
    ledger = opened(path)
    for step in steps:
        if step[0] == "reopen":
            ledger.close()
            ledger = opened(path)
        take(ledger, step)
    ledger.close()


@settings(max_examples=40, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_the_log_played_again_is_the_table_of_rows(steps: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ledger.db")
        written(path, steps)
        with Ledger.view(path) as view:
            assert view.audit().ok
            played: dict[str, dict[str, Any]] = {}
            for event in view.events():
                if event.run_id is not None:
                    empty = facts_of("planned" if name == "state" else None for name in COLUMNS)
                    facts = played.setdefault(event.run_id, empty)
                    facts.update(event.facts, run_id=event.run_id)
            assert {found.run_id for found in view.rows()} == set(played)
            for found in view.rows():
                for name, value in played[found.run_id].items():
                    shown = getattr(found, name)
                    if name in {"rules", "differences", "removed_links"}:
                        assert list(shown) == list(value)
                    elif name == "instance_id" or name == "attempts":
                        assert shown == (value or shown)
                    else:
                        assert shown == value, name


EDITED = ("session", "at", "kind", "run_id", "body", "previous", "hash")


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_byte_of_an_event_that_is_changed_is_found(data: st.DataObject) -> None:
    path = _sample()
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        (last,) = connection.execute("SELECT max(seq) FROM events").fetchone()
        seq = data.draw(st.integers(1, last))
        column = data.draw(st.sampled_from(EDITED))
        (before,) = connection.execute(f"SELECT {column} FROM events WHERE seq = ?", (seq,)).fetchone()
        stored = b"" if before is None else str(before).encode()
        at = data.draw(st.integers(0, len(stored)))
        other = data.draw(st.binary(min_size=1, max_size=1).filter(lambda byte: byte != stored[at : at + 1]))
        changed = stored[:at] + other + stored[at + 1 :]
        connection.execute(f"UPDATE events SET {column} = CAST(? AS TEXT) WHERE seq = ?", (changed, seq))
        (after,) = connection.execute(f"SELECT CAST({column} AS BLOB) FROM events WHERE seq = ?", (seq,)).fetchone()
        if column == "session" and after == stored:
            return  # SQLite keeps a number as a number: "+3" and "03" are what was there before
        with Ledger.view(path) as view:
            assert not view.audit().sound
        connection.execute(f"UPDATE events SET {column} = ? WHERE seq = ?", (before, seq))
        with Ledger.view(path) as view:
            assert view.audit().sound
    finally:
        connection.close()


_MADE: list[tuple[tempfile.TemporaryDirectory[str], Path]] = []


def _sample() -> Path:
    """One ledger for all examples: each puts back what it has changed."""
    if not _MADE:
        folder = tempfile.TemporaryDirectory()
        path = Path(folder.name, "ledger.db")
        written(path, [("plan", 1, LedgerState.PLANNED, "é"), ("sending", 1), ("settle", 1, LedgerState.IMPORTED, "x"),
                       ("compared", 1, ["a"]), ("plan", 2, LedgerState.BLOCKED, ""), ("version", "2")])  # fmt: skip
        _MADE.append((folder, path))
    return _MADE[0][1]
