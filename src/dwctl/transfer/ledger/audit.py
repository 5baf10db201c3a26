"""Whether a ledger is what its writer left: the chain of the log, its end, and the rows against the log.

Found are accidental and partial edits. Somebody who recomputes every hash from a place on is found only by a copy
of the head that is kept elsewhere (docs/ledger.md).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from dwctl.errors import RequestNotPossible
from dwctl.transfer.ledger.changes import stored_value
from dwctl.transfer.ledger.log import GENESIS, EventKind, Head, LedgerEvent, body_text, event_hash
from dwctl.transfer.ledger.rows import COLUMNS, EMPTY, ONCE_TAKEN, PLANNABLE, THERE, TRANSITIONS, LedgerState
from dwctl.transfer.ledger.schema import bound, reading, translated
from dwctl.transfer.ledger.unread import STORED
from dwctl.transfer.ledger.view import EVENT_COLUMNS, LedgerView, event_of

MOST_FINDINGS: Final = 100
"""Findings that are kept one by one; all are counted."""


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One thing that is not as its writer left it: an event (`seq`) or a row (`run_id`), and what is wrong."""

    what: str
    seq: int | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class ExpectedHead:
    """A head that was kept elsewhere. `seq` is where it stands in the log, None where it stands nowhere."""

    hash: str
    seq: int | None
    is_the_head: bool


@dataclass(frozen=True, slots=True)
class AuditedReseal:
    """A bundle that dwctl resealed: the links that it went without, as the ledger keeps them, and the reason."""

    run_id: str
    removed_links: tuple[Mapping[str, Any], ...]
    reason: str | None


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found. `head` is the end of the log as it is; `found` counts all findings, not only those kept.

    `resealed` are the bundles that went without links on a person's word: no checksum of the source covers those.
    """

    head: Head
    events: int
    rows: int
    findings: tuple[AuditFinding, ...]
    found: int
    expected: ExpectedHead | None = None
    resealed: tuple[AuditedReseal, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether the ledger agrees with itself."""
        return self.found == 0

    @property
    def ok(self) -> bool:
        """Whether the ledger is sound, and its head is the expected one if one was given."""
        return self.sound and (self.expected is None or self.expected.is_the_head)


def audit(view: LedgerView, expect_head: str | None = None) -> AuditReport:
    """Audit a ledger at one moment, also while another process writes to it.

    `expect_head` is the hash of a head that was kept elsewhere. Raises `RequestNotPossible` for one that is no
    hash, `LocalStateError` for a file that cannot be read.
    """
    wanted = _checked(expect_head)
    with view.lock, translated(view.path, reading=True), reading(view.connection), _any_bytes(view.connection):
        return _Audit(view.connection, wanted).report()


@contextmanager
def _any_bytes(connection: sqlite3.Connection) -> Iterator[None]:
    """Read text that is no UTF-8, too: an edited byte is a finding, not the end of the audit."""
    connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    try:
        yield
    finally:
        connection.text_factory = str


def _checked(head: str | None) -> str | None:
    if head is None:
        return None
    word = head.strip().lower()
    if len(word) != len(GENESIS) or set(word) - set("0123456789abcdef"):
        raise RequestNotPossible(
            "a head is 64 hexadecimal digits", where="--expect-head",
            next_step="Copy it from 'dwctl ledger audit' or from the report of the transfer.", reason="not_a_head",
        )  # fmt: skip
    return word


class _Audit:
    """One walk over a ledger in one reading transaction; memory grows with the files that gave no run, and no more."""

    def __init__(self, connection: sqlite3.Connection, wanted: str | None) -> None:
        self._connection = connection
        self._wanted = wanted
        self._wanted_at: int | None = None
        self._findings: list[AuditFinding] = []
        self._found = 0
        self._sessions: set[int] = set()
        self._unread: dict[Any, tuple[Any, ...]] = {}

    def report(self) -> AuditReport:
        self._file()
        head, events = self._chain()
        self._end(head)
        rows = self._rows()
        self._files()
        expected = None
        if self._wanted is not None:
            expected = ExpectedHead(self._wanted, self._wanted_at, self._wanted == head.hash)
        return AuditReport(head, events, rows, tuple(self._findings), self._found, expected, tuple(self._resealed()))

    def _note(self, what: str, seq: int | None = None, run_id: str | None = None) -> None:
        self._found += 1
        if len(self._findings) < MOST_FINDINGS:
            self._findings.append(AuditFinding(what, seq, run_id))

    def _file(self) -> None:
        """Pages and indexes of the file itself, before anything in it is believed."""
        for (said,) in self._connection.execute(f"PRAGMA integrity_check({MOST_FINDINGS})"):
            if said != "ok":
                self._note(f"the file is damaged: {str(said).splitlines()[0]}")

    # --- the log by itself ---

    def _chain(self) -> tuple[Head, int]:
        previous, last, count = GENESIS, 0, 0
        for values in self._connection.execute(f"SELECT {EVENT_COLUMNS} FROM events ORDER BY seq"):  # noqa: S608
            event = event_of(values)
            count += 1
            if event.seq != last + 1:
                self._note(_gap(last, event.seq), event.seq)
            if event.previous != previous:
                self._note("it does not carry the hash of the event before it: inserted, moved, or that one edited",
                           event.seq, event.run_id)  # fmt: skip
            if not _is_itself(event):
                self._note("it is not what its own hash covers: edited", event.seq, event.run_id)
            self._session(event)
            self._play_file(event)
            if event.hash == self._wanted:
                self._wanted_at = event.seq
            previous, last = event.hash, event.seq
        return Head(last, str(previous)), count

    def _session(self, event: LedgerEvent) -> None:
        if event.run_id is None and event.session == event.seq:
            self._sessions.add(event.seq)
        elif event.session not in self._sessions:
            self._note("it names a session that did not begin before it", event.seq, event.run_id)
        if event.seq == 1 and event.kind != EventKind.CREATED.value:
            self._note("the log does not begin with the ledger's creation", event.seq)

    def _play_file(self, event: LedgerEvent) -> None:
        """What an event says of a file without a run; one that was edited is found by its hash."""
        if event.kind not in _OF_FILES:
            return
        try:
            facts = json.loads(event.body)
            place = bound(facts["place"])
            if event.kind == EventKind.FILE_UNREAD.value:
                said = tuple(bound(facts[name]) for name in STORED)
                self._unread[place] = (*said, event.seq, event.session, event.at)
            else:
                self._unread.pop(place, None)
        except (ValueError, TypeError, KeyError):
            return

    def _files(self) -> None:
        """The table of the files without a run against the log."""
        names = ", ".join((*STORED, "seq", "session", "at"))
        stored = self._connection.execute(f"SELECT {names} FROM unread").fetchall()  # noqa: S608 - our own names
        if {one[0]: one for one in stored} != self._unread:
            self._note("the files that gave no run are not those that its events say")

    def _end(self, head: Head) -> None:
        """The noted end, and what the ledger says of itself, against the log."""
        noted = self._connection.execute("SELECT head_seq, head_hash FROM ledger").fetchone()
        if noted is None:
            self._note("the ledger does not say what it belongs to")
        elif noted != (head.seq, head.hash):
            self._note(f"the log ends with event {head.seq}, and the ledger noted {noted[0]} as its end: "
                       "events are missing, were added, or were edited", head.seq)  # fmt: skip
        first = self._connection.execute("SELECT at, body FROM events WHERE seq = 1").fetchone()
        names = ("server", "namespace", "import_id", "ledger_id")
        target = self._connection.execute(
            f"SELECT created_at, {', '.join(names)} FROM ledger"  # noqa: S608 - our own names
        ).fetchone()
        if first is None or target is None:
            return
        created_at, *rest = target
        if (created_at, _body(dict(zip(names, rest, strict=True)))) != first:
            self._note("the ledger names another server, namespace, import id or time than its first event", 1)

    def _resealed(self) -> Iterator[AuditedReseal]:
        """What a person's word stands for, not a checksum. A row that cannot be read is a finding already."""
        rows = self._connection.execute(
            "SELECT run_id, removed_links, reason FROM runs "
            "WHERE removed_links IS NOT NULL AND attempts > 0 ORDER BY id"  # the others were not sent
        )
        for run_id, links, reason in rows:
            try:
                removed = tuple(link for link in json.loads(links) if isinstance(link, dict))
            except (TypeError, ValueError):
                continue
            yield AuditedReseal(_name(run_id), removed, None if reason is None else str(reason))

    # --- the rows against the log ---

    def _rows(self) -> int:
        """Play the log, run by run, and hold each row against what comes out. Two walks side by side, no copy."""
        stored = self._stored()
        row, count = next(stored, None), 0
        for run_id, expected in self._played():
            while row is not None and _before(row["run_id"], run_id):
                self._note("a row without an event: inserted", None, _name(row["run_id"]))
                row, count = next(stored, None), count + 1
            if row is None or row["run_id"] != run_id:
                self._note("its events are in the log, and its row is missing", None, _name(run_id))
                continue
            differing = [name for name, value in expected.items() if not _same(row[name], value)]
            if differing:
                self._note(f"its row is not what its events say: {', '.join(differing)}", None, _name(run_id))
            row, count = next(stored, None), count + 1
        while row is not None:
            self._note("a row without an event: inserted", None, _name(row["run_id"]))
            row, count = next(stored, None), count + 1
        return count

    def _stored(self) -> Iterator[dict[str, Any]]:
        names = (*COLUMNS, "seq", "session", "at")
        statement = f"SELECT {', '.join(names)} FROM runs ORDER BY run_id"  # noqa: S608 - our own names
        for values in self._connection.execute(statement):
            yield dict(zip(names, values, strict=True))

    def _played(self) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Run by run, the row that its events make."""
        current: Any = None
        row: dict[str, Any] = {}
        statement = "SELECT run_id, seq, session, at, kind, body FROM events WHERE run_id IS NOT NULL ORDER BY 1, 2"
        for run_id, seq, session, at, kind, body in self._connection.execute(statement):
            if row and run_id != current:
                yield current, row
                row = {}
            if not row:
                row = dict(_BLANK)
                if kind != EventKind.PLANNED.value:
                    self._note("the first event of its run does not plan it", seq, _name(run_id))
            current = run_id
            row.update(run_id=run_id, seq=seq, session=session, at=at)
            self._play(row, seq, kind, body)
        if row:
            yield current, row

    def _play(self, row: dict[str, Any], seq: int, kind: str, body: str) -> None:
        try:
            facts = json.loads(body)
            stored = {name: stored_value(name, value) for name, value in facts.items()}
            before, after = LedgerState(row["state"]), LedgerState(stored.get("state", row["state"]))
        except (ValueError, TypeError, AttributeError):
            return  # an edited event, found by its hash
        if kind in _NEEDS_THE_RUN and before not in THERE:
            self._note(f"{kind}, and the run was {before.value}", seq, _name(row["run_id"]))
        again = before is after and (before in PLANNABLE or "state" not in facts)
        if not again and after not in TRANSITIONS[before] | ONCE_TAKEN.get(before, frozenset()):
            self._note(f"no step leads from {before.value} to {after.value}", seq, _name(row["run_id"]))
        row.update({name: value for name, value in stored.items() if name in row})


_BLANK: Final = {name: stored_value(name, EMPTY.get(name)) for name in COLUMNS}
_OF_FILES: Final = {EventKind.FILE_UNREAD.value, EventKind.FILE_READ.value, EventKind.FILE_LET_GO.value}
_NEEDS_THE_RUN: Final = {EventKind.COMPARED.value, EventKind.ARCHIVED.value}


def _gap(last: int, seq: int) -> str:
    missing = seq - last - 1
    if missing < 1:
        return "its number is out of order"
    return "an event is missing before it" if missing == 1 else f"{missing} events are missing before it"


def _is_itself(event: LedgerEvent) -> bool:
    texts = (event.at, event.kind, event.body, event.previous, event.hash)
    if not all(isinstance(text, str) for text in texts) or not isinstance(event.session, int):
        return False
    return event.hash == event_hash(
        event.seq, event.session, event.at, event.kind, event.run_id, event.body, event.previous
    )  # fmt: skip


def _body(facts: dict[str, Any]) -> str | None:
    try:
        return body_text(facts)
    except TypeError:  # bytes in place of text
        return None


def _same(found: Any, expected: Any) -> bool:
    return type(found) is type(expected) and found == expected


def _before(one: Any, other: Any) -> bool:
    """SQLite's order: text before bytes, each by its bytes."""
    if isinstance(one, str) and isinstance(other, str):
        return one.encode("utf-8", "surrogateescape") < other.encode("utf-8", "surrogateescape")
    return isinstance(one, str) or (isinstance(other, bytes) and isinstance(one, bytes) and one < other)


def _name(run_id: Any) -> str:
    return run_id.decode("utf-8", "replace") if isinstance(run_id, bytes) else str(run_id)
