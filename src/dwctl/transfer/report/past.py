"""What the log of a ledger tells of a transfer's past: sessions, when bundles arrived, how long imports took."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from dwctl.transfer.ledger.log import EventKind, LedgerEvent, Moment
from dwctl.transfer.ledger.rows import THERE, LedgerState
from dwctl.transfer.ledger.schema import unbound
from dwctl.transfer.ledger.view import LedgerView
from dwctl.transfer.report.transfer_report import Bucket, Past, Session

MOST_BUCKETS: Final = 72
"""Pieces into which the time of all sessions together is cut."""

_TICK: Final = 0.1
_A_JUMP: Final = 3600.0
"""Seconds that no import takes: between two events of a session, a clock was set, or the machine was asleep."""

_THERE: Final = frozenset(state.value for state in THERE)
_AGAIN: Final = LedgerState.PLANNED.value
# As plain text: the member of an enum takes longer to look up than all the rest that is done with most events.
_OPENED, _SERVER, _CLOSED, _SENDING, _SETTLED = (
    kind.value for kind in (EventKind.OPENED, EventKind.SERVER, EventKind.CLOSED, EventKind.SENDING, EventKind.SETTLED)
)
_COMPARED, _ARCHIVED = EventKind.COMPARED.value, EventKind.ARCHIVED.value
_SAID: Final = ("who", "host", "command", "import_id", "dwctl_version", "server_version")


def past_in(view: LedgerView) -> Past:
    """Read the log of a ledger once; memory grows with the runs and the seconds, not with the events.

    A clock that was set back gives no negative time: such a piece has none; where it jumped by more than an hour, the
    jump is left out of every span. Raises `LocalStateError` for a file that
    cannot be read.
    """
    return _past_of(view.moments())


def past_of(events: Iterable[LedgerEvent]) -> Past:
    """The same of events at hand."""
    return _past_of(_moment_of(event) for event in events)


def _moment_of(event: LedgerEvent) -> Moment:
    said = event.body if event.run_id is None else None
    if event.kind == _SETTLED:
        said = str(event.facts.get("state"))
    return event.seq, event.at, event.kind, event.run_id, said


def _past_of(moments: Iterable[Moment]) -> Past:
    log = _Log()
    for _, at, kind, run_id, said in moments:
        log.take(at, kind, run_id, said)
    sessions = tuple(_told(one) for one in log.sessions)
    durations = {unbound(run_id): taken for run_id, taken in log.durations.items()}
    return _past(sessions, _buckets(log.sessions, sessions), durations)


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
    """A session as it goes by. `ticks` counts what happened, by kind and tenth of a second since its start.

    A run that was compared before is no progress when it is compared again: that is counted in `again` alone.
    """

    started_at: str
    facts: Mapping[str, Any]
    start: float | None
    last: float | None
    ended_at: str
    ended: bool = False
    again: int = 0
    ticks: Counter[tuple[str, int]] = field(default_factory=Counter)


@dataclass(slots=True)
class _Log:
    sessions: list[_Writing] = field(default_factory=list)
    durations: dict[str | bytes, float] = field(default_factory=dict)
    _sent: dict[str | bytes, float] = field(default_factory=dict)
    _compared: set[str | bytes] = field(default_factory=set)
    _shown: float | None = None
    _jumped: float = 0.0

    def take(self, at: str, kind: str, run_id: str | bytes | None, said: str | None) -> None:
        moment = self._without_jumps(_seconds(at), begins=kind == _OPENED)
        if kind == _OPENED:
            self.sessions.append(_Writing(at, _facts(said), moment, moment, at))
            return
        if not self.sessions:
            return
        writing = self.sessions[-1]
        if moment is not None and (writing.last is None or moment >= writing.last):
            writing.last, writing.ended_at = moment, at
        if run_id is not None:
            self._of_a_run(writing, kind, run_id, said, moment)
        elif kind == _CLOSED:
            writing.ended = True
        elif kind == _SERVER:
            writing.facts = {**writing.facts, "server_version": _facts(said).get("server_version")}

    def _without_jumps(self, shown: float | None, *, begins: bool) -> float | None:
        """What a clock would show that nobody set within a session."""
        if shown is None:
            return None
        before, self._shown = self._shown, shown
        if before is not None and not begins and abs(shown - before) > _A_JUMP:
            self._jumped += shown - before
        return shown - self._jumped

    def _of_a_run(
        self, writing: _Writing, kind: str, run_id: str | bytes, state: str | None, moment: float | None
    ) -> None:
        if kind == _SENDING:
            if moment is not None:
                self._sent[run_id] = moment
        elif kind == _SETTLED:
            if state != _AGAIN:
                _count(writing, "there" if state in _THERE else "not_there", moment)
            sent = self._sent.pop(run_id, None)
            if sent is not None and moment is not None and moment >= sent and state in _THERE:
                self.durations[run_id] = moment - sent
        elif kind == _COMPARED and run_id in self._compared:
            writing.again += 1
        elif kind == _COMPARED:
            self._compared.add(run_id)
            _count(writing, kind, moment)
        elif kind == _ARCHIVED:
            _count(writing, kind, moment)


def _count(writing: _Writing, what: str, moment: float | None) -> None:
    since = 0.0 if moment is None or writing.start is None else max(0.0, moment - writing.start)
    writing.ticks[what, int(since / _TICK)] += 1


def _told(writing: _Writing) -> Session:
    totals: Counter[str] = Counter()
    for (what, _), count in writing.ticks.items():
        totals[what] += count
    seconds = 0.0 if writing.start is None or writing.last is None else max(0.0, writing.last - writing.start)
    who, host, command, import_id, dwctl_version, server_version = (_text(writing.facts.get(name)) for name in _SAID)
    return Session(
        started_at=writing.started_at, ended_at=writing.ended_at, ended=writing.ended, who=who, host=host,
        command=command, import_id=import_id, dwctl_version=dwctl_version, server_version=server_version,
        there=totals["there"], not_there=totals["not_there"],
        compared=totals[_COMPARED] + writing.again, archived=totals[_ARCHIVED], seconds=round(seconds, 3),
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
            session, writing.started_at, since, found["there", piece], found["not_there", piece],
            found[_COMPARED, piece],
        )  # fmt: skip


def _at(ordered: list[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def _seconds(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def _facts(body: str | None) -> Mapping[str, Any]:
    """The facts of an event of the ledger itself; none where its body was edited into something else."""
    try:
        facts = json.loads(body or "")
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
