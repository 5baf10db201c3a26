"""What each event does to the ledger: the row's change and the log's entry, in the transaction that is open."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dwctl.transfer.ledger.log import EventKind, Head, LedgerEvent, next_event
from dwctl.transfer.ledger.rows import (
    AS_JSON,
    COLUMNS,
    EMPTY,
    MAY_BE_THERE,
    PLAN_FACTS,
    PLANNABLE,
    RETRYABLE,
    THERE,
    TRANSITIONS,
    IllegalTransition,
    LedgerRow,
    LedgerState,
    Planned,
)
from dwctl.transfer.ledger.schema import bound, unbound
from dwctl.transfer.ledger.unread import STORED, UnreadFile

_S = LedgerState
_MOST_AT_HAND: Final = 10_000

MOVED_SINCE_EXPORT: Final = "moved_since_export"
MOVED_SINCE_IMPORT: Final = "moved_since_import"
"""What a run's `drift` says of one that went on in the embedded application. After the import, both have it."""

UNMOVED: Final = "unmoved"
"""What it says of one that stands where its export, or its import, left it."""


@dataclass(slots=True)
class Pen:
    """Writes events and rows through one connection, inside the caller's transaction.

    `head` is the end of the log as this transaction sees it: whoever rolls back puts the old one back.
    """

    connection: sqlite3.Connection
    head: Head
    session: int | None
    at: str
    import_id: str
    _states: dict[str, tuple[LedgerState, int]] = field(default_factory=dict)

    def log(
        self, kind: EventKind, run_id: str | None, facts: Mapping[str, Any], *, new_session: bool = False
    ) -> LedgerEvent:
        """Append an event to the log."""
        event = next_event(self.head, None if new_session else self.session, self.at, kind, run_id, facts)
        self.connection.execute(
            "INSERT INTO events (seq, session, at, kind, run_id, body, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (event.seq, event.session, event.at, event.kind, bound(run_id), event.body, event.previous, event.hash),
        )
        self.head = Head(event.seq, event.hash)
        self.session = event.session
        return event

    def note_head(self) -> None:
        """Keep the end of the log beside it, so that a missing tail is noticed. Once, before the commit."""
        self.connection.execute("UPDATE ledger SET head_seq = ?, head_hash = ?", (self.head.seq, self.head.hash))

    def forget(self) -> None:
        """Forget what a transaction that was rolled back had written."""
        self._states.clear()

    # --- what may happen to a run ---

    def plan(self, rows: Iterable[LedgerRow]) -> Planned:
        """Take up the rows of a plan; what is on the server, or on its way there, is left as it is."""
        new = changed = kept = 0
        conflicting: list[str] = []
        for row in rows:
            if row.state not in PLANNABLE:
                raise IllegalTransition(f"a plan cannot say {row.state.value}")
            facts = {name: getattr(row, name) for name in PLAN_FACTS}
            found = self._found(row.run_id)
            if found is None:
                self._insert(row.run_id, facts)
                new += 1
                continue
            state = LedgerState(found["state"])
            if state in THERE or state in MAY_BE_THERE:
                kept += 1
                if found["dedupe_key"] != row.dedupe_key:
                    conflicting.append(row.run_id)
                continue
            if row.state is _S.SKIPPED and _S.SKIPPED not in TRANSITIONS[state]:
                # Left out this time, by choice: what became of it before is no less true for that.
                kept += 1
                continue
            stored = {name: stored_value(name, value) for name, value in facts.items()}
            differing = {name: facts[name] for name, value in stored.items() if found[name] != value}
            if "dedupe_key" in differing and found["drift"] is not None:
                # Exported again: what the embedded side said of the export before says nothing of this one.
                differing |= {"drift": None, "drift_at": None}
            if not differing:
                kept += 1
                continue
            self._check(row.run_id, state, row.state)
            self._update(EventKind.PLANNED, row.run_id, differing)
            changed += 1
        return Planned(new, changed, kept, tuple(conflicting))

    def sending(self, run_id: str, facts: Mapping[str, Any]) -> None:
        """The first byte is about to leave: one attempt more, under this session's import id."""
        state, attempts = self._known(run_id)
        self._check(run_id, state, _S.SENDING)
        self._update(
            EventKind.SENDING, run_id,
            {**facts, "state": _S.SENDING, "attempts": attempts + 1, "import_id": self.import_id},
        )  # fmt: skip

    def settle(self, run_id: str, state: LedgerState, facts: Mapping[str, Any]) -> None:
        """What became of a run. An error that is not told again is over."""
        self._check(run_id, self._known(run_id)[0], state)
        self._update(EventKind.SETTLED, run_id, {"error_reason": None, "error_text": None, **facts, "state": state})

    def compared(self, run_id: str, at: str, differences: tuple[str, ...]) -> None:
        """A run on the server was compared with its bundle; no differences: the same."""
        self._must_be_there(run_id, "compared")
        differs = at if differences else None
        self._update(
            EventKind.COMPARED, run_id, {"compared_at": at, "differs_at": differs, "differences": differences}
        )  # fmt: skip

    def archived(self, run_id: str, at: str) -> None:
        """A run on the server was archived there."""
        self._must_be_there(run_id, "archived")
        self._update(EventKind.ARCHIVED, run_id, {"archived_at": at})

    def drift(self, run_id: str, at: str, drift: str, since: int | None) -> bool:
        """What the embedded side said of a run; false where that is not written down.

        That is so where something was written of the run after event `since`: the question is older than that. And
        one that is `moved` stays so until it is exported again, whatever is said of it.
        """
        state = self._known(run_id)[0]
        if (drift == UNMOVED and state is _S.MOVED) or (since is not None and self._last_event(run_id) > since):
            return False
        self._update(EventKind.DRIFT, run_id, {"drift": drift, "drift_at": at})
        return True

    def moved(self, run_id: str, at: str, facts: Mapping[str, Any]) -> LedgerState:
        """A run went on in the embedded application: not to be sent; if it is on the server, both have it."""
        state = self._known(run_id)[0]
        if state in THERE or state in MAY_BE_THERE:
            drift = MOVED_SINCE_IMPORT if state in THERE else MOVED_SINCE_EXPORT
            self._update(EventKind.DRIFT, run_id, {"drift": drift, "drift_at": at})
            return state
        self._check(run_id, state, _S.MOVED)
        self._update(
            EventKind.DRIFT, run_id, {**facts, "state": _S.MOVED, "drift": MOVED_SINCE_EXPORT, "drift_at": at}
        )  # fmt: skip
        return _S.MOVED

    def retry(self, run_ids: Iterable[str], reason: str | None) -> int:
        """Put rows back to `planned`, as a person wants it."""
        count = 0
        for run_id in run_ids:
            state = self._known(run_id)[0]
            if state not in RETRYABLE:
                raise IllegalTransition(f"{run_id} is {state.value}: not to be retried")
            facts: dict[str, Any] = {"state": _S.PLANNED, "error_reason": None, "error_text": None}
            self._update(EventKind.RETRIED, run_id, facts if reason is None else facts | {"reason": reason})
            count += 1
        return count

    # --- files without a run ---

    def note_files(self, unread: Iterable[UnreadFile], read: Iterable[str]) -> None:
        """Which files gave no run, and which of those (their places) do by now."""
        for file in unread:
            facts = {name: getattr(file, name) for name in STORED}
            values = [bound(value) for value in facts.values()]
            if self.connection.execute(_UNREAD_AS, (values[0],)).fetchone() != tuple(values):
                event = self.log(EventKind.FILE_UNREAD, None, facts)
                self.connection.execute(_NOTE_UNREAD, (*values, event.seq, event.session, event.at))
        for place in sorted(read):
            self._forget_file(EventKind.FILE_READ, {"place": place})

    def let_go(self, places: Iterable[str], reason: str) -> None:
        """Files are no trouble any more, on a person's word."""
        for place in places:
            self._forget_file(EventKind.FILE_LET_GO, {"place": place, "reason": reason})

    def _forget_file(self, kind: EventKind, facts: Mapping[str, Any]) -> None:
        if self.connection.execute("DELETE FROM unread WHERE place = ?", (bound(facts["place"]),)).rowcount:
            self.log(kind, None, facts)

    # --- rows ---

    def _found(self, run_id: str) -> dict[str, Any] | None:
        row = self.connection.execute(_SELECT, (bound(run_id),)).fetchone()
        return None if row is None else dict(zip(COLUMNS, row, strict=True))

    def _known(self, run_id: str) -> tuple[LedgerState, int]:
        """State and attempts of a run. Kept at hand: the same run comes three times in a row."""
        if (known := self._states.get(run_id)) is not None:
            return known
        row = self.connection.execute("SELECT state, attempts FROM runs WHERE run_id = ?", (bound(run_id),)).fetchone()
        if row is None:
            raise IllegalTransition(f"the ledger does not know the run {run_id}")
        if len(self._states) >= _MOST_AT_HAND:
            self._states.clear()
        known = self._states[run_id] = LedgerState(row[0]), row[1]
        return known

    def _last_event(self, run_id: str) -> int:
        found = self.connection.execute("SELECT seq FROM runs WHERE run_id = ?", (bound(run_id),)).fetchone()
        return int(found[0])

    def _must_be_there(self, run_id: str, what: str) -> None:
        if (state := self._known(run_id)[0]) not in THERE:
            raise IllegalTransition(f"{run_id} is {state.value}: it cannot be {what}")

    def _check(self, run_id: str, old: LedgerState, new: LedgerState) -> None:
        if new not in TRANSITIONS[old] and not (old is new and old in PLANNABLE):
            raise IllegalTransition(f"{run_id} is {old.value}: it cannot become {new.value}")

    def _insert(self, run_id: str, facts: Mapping[str, Any]) -> None:
        told = {name: value for name, value in facts.items() if value != EMPTY.get(name) or name == "state"}
        event = self.log(EventKind.PLANNED, run_id, jsonable(told))
        values = [stored_value(name, facts.get(name, EMPTY.get(name))) for name in COLUMNS[1:]]
        self.connection.execute(_INSERT, (bound(run_id), *values, event.seq, event.session, event.at))

    def _update(self, kind: EventKind, run_id: str, facts: Mapping[str, Any]) -> None:
        event = self.log(kind, run_id, jsonable(facts))
        if "state" in facts:
            attempts = facts.get("attempts")
            known = self._states.pop(run_id, None)
            if known is not None:
                self._states[run_id] = facts["state"], known[1] if attempts is None else attempts
        names = ", ".join([f"{name} = ?" for name in facts])
        self.connection.execute(
            f"UPDATE runs SET {names}, seq = ?, session = ?, at = ? WHERE run_id = ?",  # noqa: S608 - our own names
            (*[stored_value(name, value) for name, value in facts.items()],
             event.seq, event.session, event.at, bound(run_id)),
        )  # fmt: skip


_UNREAD_AS: Final = f"SELECT {', '.join(STORED)} FROM unread WHERE place = ?"  # noqa: S608 - our own names
_NOTE_UNREAD: Final = (
    f"INSERT OR REPLACE INTO unread ({', '.join(STORED)}, seq, session, at) "  # noqa: S608 - our own names
    f"VALUES ({', '.join('?' * (len(STORED) + 3))})"
)
_SELECT: Final = f"SELECT {', '.join(COLUMNS)} FROM runs WHERE run_id = ?"  # noqa: S608 - our own names
_INSERT: Final = (
    f"INSERT INTO runs ({', '.join(COLUMNS)}, seq, session, at) "  # noqa: S608 - our own names
    f"VALUES ({', '.join('?' * (len(COLUMNS) + 3))})"
)


def jsonable(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as the log keeps them: empty lists stay lists."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in facts.items()}


def stored_value(name: str, value: Any) -> Any:
    """A fact as its column keeps it; the same for a value out of the log."""
    if name in AS_JSON:
        return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":")) if value else None
    if isinstance(value, LedgerState):
        return value.value
    return bound(value)


def facts_of(stored: Iterable[Any]) -> dict[str, Any]:
    """The facts that the columns of a row keep. Raises ValueError or TypeError for what no writer put there."""
    facts = {name: unbound(value) for name, value in zip(COLUMNS, stored, strict=True)}
    for name in AS_JSON:
        facts[name] = _structured(name, facts[name])
    facts["state"] = LedgerState(facts["state"])
    return facts


def require_types(stored: Iterable[Any]) -> None:
    """Raise TypeError for columns of a row that hold what no writer put there.

    Rows have few patterns of types, and each is looked at once.
    """
    types = tuple(map(type, stored))
    if types in _TYPES_SEEN:
        return
    for name, found in zip(COLUMNS, types, strict=True):
        allowed = {int} if name in _NUMBERS else {str, bytes}
        if found not in allowed and (found is not _NONE or name in EMPTY.keys() - AS_JSON or name == "run_id"):
            raise TypeError(f"{name} is of the type {found.__name__}")
    _TYPES_SEEN.add(types)


_NONE: Final = type(None)
_NUMBERS: Final = frozenset({"run_number", "bytes", "attempts"})
_TYPES_SEEN: Final[set[tuple[type, ...]]] = set()


def _structured(name: str, text: str | None) -> Any:
    value = None if text is None else json.loads(text)
    if name == "repair":
        if not isinstance(value, dict | None):
            raise TypeError("repair is no object")
        return value
    part = dict if name == "removed_links" else str
    if not isinstance(value, list | None) or not all(isinstance(one, part) for one in value or ()):
        raise TypeError(f"{name} is no list of what it should hold")
    return tuple(value or ())
