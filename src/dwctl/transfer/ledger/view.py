"""Reading a ledger: from another shell while the import runs, or years later."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from dwctl.transfer.ledger.changes import facts_of, require_types, stored_value
from dwctl.transfer.ledger.differences import NOT_SHOWN
from dwctl.transfer.ledger.lock import Holder, holder_of
from dwctl.transfer.ledger.log import Head, LedgerEvent, Moment
from dwctl.transfer.ledger.rows import COLUMNS, THERE, LedgerRow, LedgerState, LedgerTarget
from dwctl.transfer.ledger.schema import NOT_OURS, as_written, bound, edited, reading, translated, unbound
from dwctl.transfer.ledger.unread import STORED, UnreadFile

if TYPE_CHECKING:
    from dwctl.transfer.ledger.audit import AuditReport

_PAGE: Final = 500
_RECENT: Final = 500
_MOMENTS_PAGE: Final = 5000
_ROW: Final = (*COLUMNS, "session", "at")


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """How many of the runs that are on the server were compared, differ, and were archived; how many drifted.

    `not_shown` of those that differ were imported, as their importer said, and the server does not show them here.
    """

    compared: int = 0
    differs: int = 0
    archived: int = 0
    moved_since_import: int = 0
    not_shown: int = 0


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """A ledger at one moment. `rate` is settled bundles a second over the last settled ones (None: cannot be said).

    `skipped_because` counts the skipped bundles by the word of the plan that left them out (`unknown`: none is kept).
    `unread` are the files that gave no run: they are in no count of bundles, and are trouble all the same.
    """

    target: LedgerTarget
    counts: Mapping[LedgerState, int]
    facts: LedgerFacts
    head: Head
    last_event_at: str | None
    rate: float | None
    writer: Holder | None
    skipped_because: Mapping[str, int] = field(default_factory=dict)
    unread: tuple[UnreadFile, ...] = ()

    @property
    def total(self) -> int:
        """How many bundles the ledger knows."""
        return sum(self.counts.values())

    @property
    def there(self) -> int:
        """Bundles whose runs are on the server; those that it does not show in this namespace are not counted."""
        return sum(self.counts[state] for state in THERE) - self.facts.not_shown

    @property
    def open(self) -> int:
        """Bundles that still have to be sent, or asked after."""
        return sum(self.counts[state] for state in (LedgerState.PLANNED, LedgerState.SENDING, LedgerState.UNKNOWN))


class LedgerView:
    """A ledger to read; close it, or use it in a `with` block. Safe for several threads.

    What reads raises `LocalStateError` for a file that cannot be read, or holds what no writer of a ledger wrote.
    `connection` and `lock` are for the modules of the ledger.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self.connection = connection
        self.lock = threading.RLock()
        self._sessions: dict[int, Mapping[str, Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def audit(self, expect_head: str | None = None) -> AuditReport:
        """Hold the log against its hashes and the rows against the log; see `audit.audit`."""
        from dwctl.transfer.ledger.audit import audit

        return audit(self, expect_head)

    @property
    def target(self) -> LedgerTarget:
        """The server, namespace and import id that the ledger is bound to."""
        names = "server, namespace, import_id, ledger_id, created_at"
        with as_written(self.path):
            ((*found,),) = self._all(f"SELECT {names} FROM ledger")  # noqa: S608 - our own names
            return LedgerTarget(*[str(unbound(value)) for value in found])

    def head(self) -> Head:
        """The end of the log. A copy of its hash kept elsewhere pins everything before it."""
        with as_written(self.path):
            ((seq, digest),) = self._all("SELECT head_seq, head_hash FROM ledger")
            return Head(int(seq), str(digest))

    def counts(self) -> dict[LedgerState, int]:
        """How many runs are in each state, every state named."""
        counted = self._all("SELECT state, count(*) FROM runs GROUP BY 1")
        with as_written(self.path):
            found = {LedgerState(state): count for state, count in counted}
        return {state: found.get(state, 0) for state in LedgerState}

    def unread(self) -> tuple[UnreadFile, ...]:
        """The files that gave no run, in the order in which they were met."""
        found = self._all(f"SELECT {', '.join(STORED)}, at FROM unread ORDER BY seq")  # noqa: S608 - our own names
        with as_written(self.path):
            return tuple(_unread_file(*map(unbound, values)) for values in found)

    def rows(
        self,
        *,
        state: LedgerState | Collection[LedgerState] | None = None,
        rule: str | None = None,
        instance_id: str | None = None,
    ) -> Iterator[LedgerRow]:
        """The rows in the order in which they were planned.

        `rule` is the id of a finding, or an error's reason. Read page by page: what changes meanwhile may show
        either way, and the writer is never held up.
        """
        conditions, parameters = _conditions(state, rule, instance_id)
        last = 0
        while True:
            page = self._all(
                f"SELECT id, {', '.join(_ROW)} FROM runs WHERE {' AND '.join(['id > ?', *conditions])} "  # noqa: S608
                "ORDER BY id LIMIT ?",
                (last, *parameters, _PAGE),
            )
            for _, *values in page:
                yield self._row(values)
            if len(page) < _PAGE:
                return
            last = page[-1][0]

    def row(self, run_id: str) -> LedgerRow | None:
        """The row of a run; None where the ledger does not know it."""
        statement = f"SELECT {', '.join(_ROW)} FROM runs WHERE run_id = ?"  # noqa: S608 - our own names
        found = self._all(statement, (bound(run_id),))
        return self._row(list(found[0])) if found else None

    def events(self, run_id: str | None = None) -> Iterator[LedgerEvent]:
        """The events of a run in order, or those of the whole log."""
        condition, parameters = ("run_id = ? AND ", [bound(run_id)]) if run_id is not None else ("", [])
        last = 0
        while True:
            page = self._all(
                f"SELECT {EVENT_COLUMNS} FROM events WHERE {condition}seq > ? ORDER BY seq LIMIT ?",  # noqa: S608
                (*parameters, last, _PAGE),
            )
            for values in page:
                with as_written(self.path):
                    event = event_of(values)
                    if not isinstance(event.facts, dict):
                        raise TypeError(f"event {event.seq} holds no facts")
                yield event
            if len(page) < _PAGE:
                return
            last = page[-1][0]

    def moments(self) -> Iterator[Moment]:
        """The whole log in order, of each event only what tells of the past: a third of the time of `events`."""
        last = 0
        while True:
            page: list[Moment] = self._all(_MOMENTS, (last, _MOMENTS_PAGE))
            yield from page
            if len(page) < _MOMENTS_PAGE:
                return
            last = page[-1][0]

    def status(self) -> LedgerStatus:
        """Counts, facts, head and rate of one moment, and who is writing."""
        with self.lock, translated(self.path, reading=True), reading(self.connection):
            ((*facts,),) = self._all(
                "SELECT count(compared_at), count(differs_at), count(archived_at), "
                "coalesce(sum(drift = 'moved_since_import'), 0), coalesce(sum(differences = ?), 0) FROM runs",
                (stored_value("differences", (NOT_SHOWN,)),),
            )
            last = self._all("SELECT at FROM events ORDER BY seq DESC LIMIT 1")
            skipped = self._all(
                "SELECT coalesce(error_reason, 'unknown'), count(*) FROM runs WHERE state = 'skipped' "
                "GROUP BY 1 ORDER BY 1"
            )
            with as_written(self.path):
                because = {str(unbound(word)): count for word, count in skipped}
            return LedgerStatus(
                self.target, self.counts(), LedgerFacts(*facts), self.head(), str(last[0][0]) if last else None,
                self._rate(), holder_of(self.path), because, self.unread(),
            )  # fmt: skip

    def writer(self) -> Holder | None:
        """Who writes to the ledger now."""
        return holder_of(self.path)

    def _rate(self) -> float | None:
        recent = self._all(
            "SELECT at FROM (SELECT seq, at, kind FROM events ORDER BY seq DESC LIMIT ?) WHERE kind = 'settled'",
            (_RECENT,),
        )
        if len(recent) < 2:
            return None
        try:
            newest, oldest = (datetime.fromisoformat(recent[at][0]) for at in (0, -1))
        except (ValueError, TypeError):
            return None
        seconds = (newest - oldest).total_seconds()
        return (len(recent) - 1) / seconds if seconds > 0 else None

    def _row(self, values: list[Any]) -> LedgerRow:
        *facts, session, at = values
        try:
            require_types(facts)
            told = self._session(session)
            return LedgerRow(
                **facts_of(facts),
                when=str(at), who=told.get("who"), dwctl_version=told.get("dwctl_version"),
                server_version=told.get("server_version"),
            )  # fmt: skip
        except NOT_OURS as error:
            raise edited(error, self.path) from error

    def _session(self, session: int) -> Mapping[str, Any]:
        if session not in self._sessions:
            found = self._all("SELECT body FROM events WHERE seq = ?", (session,))
            told: Mapping[str, Any] = json.loads(found[0][0]) if found else {}
            facts = {name: value for name, value in told.items() if isinstance(value, str)}
            # A session that asked no server changes nothing of what is known about it.
            self._sessions[session] = self._version_before(session) | facts
        return self._sessions[session]

    def _version_before(self, session: int) -> dict[str, Any]:
        found = self._all(_VERSION_BEFORE, (session,))
        return {"server_version": str(found[0][0])} if found else {}

    def _all(self, statement: str, parameters: Collection[Any] = ()) -> list[Any]:
        with self.lock, translated(self.path, reading=True):
            return self.connection.execute(statement, tuple(parameters)).fetchall()


_VERSION_BEFORE: Final = """
    SELECT CASE WHEN json_valid(body) THEN json_extract(body, '$.server_version') END AS version
    FROM events WHERE run_id IS NULL AND seq < ? AND version IS NOT NULL ORDER BY seq DESC LIMIT 1"""

_MOMENTS: Final = """
    SELECT seq, at, kind, run_id,
           CASE WHEN run_id IS NULL THEN body
                WHEN kind = 'settled' AND json_valid(body) THEN json_extract(body, '$.state') END
    FROM events WHERE seq > ? ORDER BY seq LIMIT ?"""

EVENT_COLUMNS: Final = "seq, session, at, kind, run_id, body, previous, hash"


def _unread_file(place: str, file: str, file_sha256: str | None, reason: str, text: str | None, at: str) -> UnreadFile:
    if not all(isinstance(value, str) for value in (place, file, reason, at)):
        raise TypeError("a file without a run is not told in texts")
    return UnreadFile(place=place, file=file, reason=reason, text=text, file_sha256=file_sha256, when=at)


def event_of(values: Any) -> LedgerEvent:
    """An event out of its columns."""
    seq, session, at, kind, run_id, body, previous, digest = values
    return LedgerEvent(seq, session, at, kind, unbound(run_id), body, previous, digest)


def _conditions(
    state: LedgerState | Collection[LedgerState] | None, rule: str | None, instance_id: str | None
) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    parameters: list[Any] = []
    if state is not None:
        states = [state] if isinstance(state, LedgerState) else list(state)
        conditions.append(f"state IN ({', '.join('?' * len(states))})")
        parameters += [one.value for one in states]
    if rule is not None:
        conditions.append("(error_reason = ? OR instr(rules, ?) > 0)")
        parameters += [bound(rule), json.dumps(rule)]
    if instance_id is not None:
        conditions.append("instance_id = ?")
        parameters.append(bound(instance_id))
    return conditions, parameters
