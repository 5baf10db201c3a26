"""The past of a ledger: read off its columns, off its events, and counted plainly, it is the same."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path

import pytest

from dwctl.render.progress_picture import progress_of
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.rows import LedgerState
from dwctl.transfer.ledger.view import LedgerView
from dwctl.transfer.report.past import past_in, past_of
from ledgers import START, edit, opened, row, rows, run_id, ticking

S = LedgerState
THERE = {"imported", "already_imported"}


def odd_clock(draw: random.Random) -> Callable[[], datetime]:
    """A clock that goes on by anything, stands still, and is set back now and then."""

    steps = (draw.choice([0, 1, 999, 100_000, draw.randrange(3_000_000), -400_000]) for _ in range(5000))
    shown = iter([START + timedelta(microseconds=since) for since in accumulate(steps)])
    return lambda: next(shown)  # of a list: the ledger asks from a thread of its own


def random_ledger(path: Path, draw: random.Random) -> None:
    """Some sessions of an import that does anything that a ledger lets it do."""
    clock = odd_clock(draw)
    for session in range(draw.randrange(1, 5)):
        with opened(path, clock=clock, who=f"ana-{session}", server_version=draw.choice([None, "2.0.3"])) as ledger:
            ledger.plan(row(n, state=draw.choice([S.PLANNED, S.PLANNED, S.REFUSED, S.SKIPPED])) for n in range(30))
            if draw.random() < 0.5:
                ledger.note_server_version("2.0.4")
            ledger.plan([row(30, run_id="\ud800")])
            for number in draw.sample(range(31), draw.randrange(31)):
                name = run_id(number) if number < 30 else "\ud800"
                found = ledger.row(name)
                if found is not None and found.there and draw.random() < 0.5:
                    ledger.note_compared(name, clock(), wait=False)
                if found is None or found.state not in {S.PLANNED, S.SENDING, S.UNKNOWN}:
                    continue
                ledger.sending(name)
                if draw.random() < 0.9:
                    state = draw.choice([S.IMPORTED, S.ALREADY_IMPORTED, S.REFUSED, S.FAILED, S.UNKNOWN, S.PLANNED])
                    ledger.settle(name, state, wait=False)
                    if state in {S.IMPORTED, S.ALREADY_IMPORTED} and draw.random() < 0.8:
                        ledger.note_compared(name, clock(), draw.choice([[], ["status"]]), wait=False)
                        ledger.note_archived(name, clock())
            ledger.retry(state=[S.FAILED])


def plainly_counted(view: LedgerView) -> tuple[list[Counter[str]], dict[str, float]]:
    """What each session did, and how long the imports took, by reading every event whole."""
    sessions: list[Counter[str]] = []
    sent: dict[str | None, datetime] = {}
    durations: dict[str, float] = {}
    for event in view.events():
        at = datetime.fromisoformat(event.at)
        if event.kind == "opened":
            sessions.append(Counter())
        elif event.kind == "sending":
            sent[event.run_id] = at
        elif event.kind in {"compared", "archived"}:
            sessions[-1][event.kind] += 1
        elif event.kind == "settled":
            state, since = event.facts["state"], sent.pop(event.run_id, None)
            if state != "planned":
                sessions[-1]["there" if state in THERE else "not_there"] += 1
            if state in THERE and since is not None and event.run_id is not None and at >= since:
                durations[event.run_id] = (at - since).total_seconds()
    return sessions, durations


@pytest.mark.parametrize("seed", range(12))
def test_the_columns_tell_what_the_events_tell(tmp_path: Path, seed: int) -> None:
    random_ledger(tmp_path / "ledger.db", random.Random(seed))
    with Ledger.view(tmp_path / "ledger.db") as view:
        assert view.audit().ok
        past = past_in(view)
        assert past == past_of(view.events())
        first = len({event.run_id for event in view.events() if event.kind == "compared"})
        sessions, durations = plainly_counted(view)
        assert [event.seq for event in view.events()] == [seq for seq, *_ in view.moments()]
    words = ("there", "not_there", "compared", "archived")
    assert [tuple(getattr(one, word) for word in words) for one in past.sessions] == [
        tuple(one[word] for word in words) for one in sessions
    ]
    assert past.durations == pytest.approx(durations, abs=1e-6)
    assert [one.who for one in past.sessions] == [f"ana-{number}" for number in range(len(sessions))]
    for word in ("there", "not_there"):
        assert sum(getattr(piece, word) for piece in past.buckets) == sum(one[word] for one in sessions)
    assert sum(piece.compared for piece in past.buckets) == first


def test_a_comparison_of_what_was_compared_before_is_told_with_its_session_and_is_no_progress(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    for session in range(3):
        with opened(path) as ledger:
            if not session:
                ledger.plan(rows(2))
                for number in range(2):
                    ledger.sending(run_id(number))
                    ledger.settle(run_id(number), S.IMPORTED)
            for number in range(2 if session else 1):
                ledger.note_compared(run_id(number), START)
    with Ledger.view(path) as view:
        past = past_in(view)
    assert [session.compared for session in past.sessions] == [1, 2, 2]
    assert [sum(piece.compared for piece in past.buckets if piece.session == at) for at in range(3)] == [1, 1, 0]
    assert progress_of(past, 2).last_compared == 2


@pytest.mark.parametrize("jump", [timedelta(days=400), timedelta(days=-400), timedelta(hours=2)])
def test_a_clock_that_jumps_in_a_session_makes_no_import_longer(tmp_path: Path, jump: timedelta) -> None:
    path, moments, jumped = tmp_path / "ledger.db", ticking(step=1.0), [timedelta(0)]
    with opened(path, clock=lambda: moments() + jumped[0]) as ledger:
        ledger.plan(rows(3))
        for number in range(3):
            ledger.sending(run_id(number))
            jumped[0] = jump if number else timedelta(0)
            ledger.settle(run_id(number), S.IMPORTED)
    with Ledger.view(path) as view:
        past = past_in(view)
        assert past == past_of(view.events())
    assert past.slowest is not None
    assert past.slowest < 10
    assert 0 < past.sessions[0].seconds < 60


def test_an_edited_event_tells_nothing_and_stops_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with opened(path) as ledger:
        ledger.plan(rows(2))
        for number in range(2):
            ledger.sending(run_id(number))
            ledger.settle(run_id(number), S.IMPORTED)
    assert edit(path, "UPDATE events SET body = '{' WHERE kind = 'opened' OR run_id = ?", run_id(0)) > 1
    with Ledger.view(path) as view:
        (session,) = past_in(view).sessions
    assert (session.who, session.there, session.not_there) == (None, 1, 1)
