"""What the log of a ledger tells of a transfer's past: sessions, when bundles arrived, how long imports took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from dwctl.transfer.ledger.log import EventKind, LedgerEvent
from dwctl.transfer.ledger.rows import THERE, LedgerState
from dwctl.transfer.report.transfer_report import Bucket, Past, Session

MOST_BUCKETS: Final = 72
"""Pieces into which the time of all sessions together is cut."""

_TICK: Final = 0.1
_THERE: Final = frozenset(state.value for state in THERE)
_AGAIN: Final = LedgerState.PLANNED.value


def past_of(events: Iterable[LedgerEvent]) -> Past:
    """Read the log once; memory grows with the runs and the seconds, not with the events.

    A clock that was set back gives no negative time: such a piece has none.
    """
    log = _Log()
    for event in events:
        log.take(event)
    sessions = tuple(_told(one) for one in log.sessions)
    return _past(sessions, _buckets(log.sessions, sessions), log.durations)


def of_last_session(past: Past, run_ids: Collection[str]) -> Past:
    """What the last session alone tells, and how long the imports of these runs took."""
    last, known = len(past.sessions) - 1, past.durations
    durations = {run_id: known[run_id] for run_id in run_ids if run_id in known}
    buckets = [bucket._replace(session=0) for bucket in past.buckets if bucket.session == last]
    return _past(past.sessions[last:], buckets, durations)


def _past(sessions: Sequence[Session], buckets: Iterable[Bucket], durations: Mapping[str, float]) -> Past:
    taken = sorted(durations.values())
    return Past(
        tuple(sessions), tuple(buckets), durations, _at(taken, 0.5), _at(taken, 0.9), taken[-1] if taken else None
    )


@dataclass(slots=True)
class _Writing:
    """A session as it goes by. `ticks` counts what happened, by kind and tenth of a second since its start."""

    session: Session
    start: float | None
    last: float | None
    ticks: Counter[tuple[str, int]] = field(default_factory=Counter)


@dataclass(slots=True)
class _Log:
    sessions: list[_Writing] = field(default_factory=list)
    durations: dict[str, float] = field(default_factory=dict)
    _sent: dict[str, float] = field(default_factory=dict)

    def take(self, event: LedgerEvent) -> None:
        moment = _moment(event.at)
        if event.kind == EventKind.OPENED:
            self._open(event, moment)
            return
        if not self.sessions:
            return
        writing = self.sessions[-1]
        if moment is not None and (writing.last is None or moment >= writing.last):
            writing.last = moment
            writing.session = replace(writing.session, ended_at=event.at)
        if event.kind == EventKind.CLOSED:
            writing.session = replace(writing.session, ended=True)
        elif event.kind == EventKind.SERVER:
            writing.session = replace(writing.session, server_version=_text(event.facts.get("server_version")))
        elif event.run_id is not None:
            self._of_a_run(writing, event, event.run_id, moment)

    def _open(self, event: LedgerEvent, moment: float | None) -> None:
        facts = event.facts
        said = {
            name: _text(facts.get(name))
            for name in ("who", "host", "command", "import_id", "dwctl_version", "server_version")
        }
        self.sessions.append(_Writing(Session(started_at=event.at, ended_at=event.at, ended=False, **said),  # type: ignore[arg-type]
                                      moment, moment))  # fmt: skip

    def _of_a_run(self, writing: _Writing, event: LedgerEvent, run_id: str, moment: float | None) -> None:
        if event.kind == EventKind.SENDING and moment is not None:
            self._sent[run_id] = moment
        elif event.kind == EventKind.SETTLED:
            state = str(event.facts.get("state"))
            if state != _AGAIN:
                self._count(writing, "there" if state in _THERE else "not_there", moment)
            sent = self._sent.pop(run_id, None)
            if sent is not None and moment is not None and moment >= sent and state in _THERE:
                self.durations[run_id] = moment - sent
        elif event.kind in {EventKind.COMPARED, EventKind.ARCHIVED}:
            self._count(writing, event.kind, moment)

    def _count(self, writing: _Writing, what: str, moment: float | None) -> None:
        since = 0.0 if moment is None or writing.start is None else max(0.0, moment - writing.start)
        writing.ticks[what, int(since / _TICK)] += 1


def _told(writing: _Writing) -> Session:
    totals: Counter[str] = Counter()
    for (what, _), count in writing.ticks.items():
        totals[what] += count
    seconds = 0.0 if writing.start is None or writing.last is None else max(0.0, writing.last - writing.start)
    return replace(
        writing.session, there=totals["there"], not_there=totals["not_there"], compared=totals["compared"],
        archived=totals["archived"], seconds=round(seconds, 3),
    )  # fmt: skip


def _buckets(writings: list[_Writing], sessions: tuple[Session, ...]) -> Iterable[Bucket]:
    """The pieces of the sessions in which bundles were settled or compared, the latest where there are too many."""
    busy = [at for at, writing in enumerate(writings) if writing.ticks][-MOST_BUCKETS:]
    whole = sum(sessions[at].seconds for at in busy)
    for at in busy:
        share = sessions[at].seconds / whole if whole else 0.0
        pieces = max(1, int(share * (MOST_BUCKETS - len(busy))))
        yield from _cut(at, writings[at], sessions[at].seconds, pieces)


def _cut(session: int, writing: _Writing, seconds: float, pieces: int) -> Iterable[Bucket]:
    width = max(seconds / pieces, _TICK)
    found: Counter[tuple[str, int]] = Counter()
    for (what, tick), count in writing.ticks.items():
        found[what, min(pieces - 1, int(tick * _TICK / width))] += count
    for piece in range(pieces):
        since = round(piece * width, 3)
        yield Bucket(
            session, writing.session.started_at, since, found["there", piece], found["not_there", piece],
            found["compared", piece],
        )  # fmt: skip


def _at(ordered: list[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def _moment(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
