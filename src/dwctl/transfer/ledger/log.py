"""The log of the ledger: every event, in order, each with the hash of the one before (docs/ledger.md says why)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class EventKind(StrEnum):
    """What happened. The first three, `closed` and those of a file are of the ledger, the others of one run."""

    CREATED = "created"
    OPENED = "opened"
    SERVER = "server"
    CLOSED = "closed"
    PLANNED = "planned"
    SENDING = "sending"
    SETTLED = "settled"
    COMPARED = "compared"
    ARCHIVED = "archived"
    DRIFT = "drift"
    RETRIED = "retried"
    FILE_UNREAD = "file_unread"
    FILE_READ = "file_read"
    FILE_LET_GO = "file_let_go"


GENESIS: Final = "0" * 64
"""What the first event carries in place of a hash before it."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the log: how many events there are, and the hash of the last. A copy of it pins all before it."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class LedgerEvent:
    """One row of the log. `body` holds the facts that the event set, as canonical JSON text.

    `session` is the sequence of the event that told who was writing; `at` is the time that the clock showed,
    which says nothing about order: `seq` does.
    """

    seq: int
    session: int
    at: str
    kind: str
    run_id: str | None
    body: str
    previous: str
    hash: str

    @property
    def facts(self) -> Mapping[str, Any]:
        """The facts that the event set."""
        facts: dict[str, Any] = json.loads(self.body)
        return facts


Moment = tuple[int, str, str, str | bytes | None, str | None]
"""What the past needs of an event, as it is stored: seq, at, kind, run id, and what it said.

That is the state of a `settled` event, and the body of an event of the ledger itself; None for others. A plain
tuple: there are some for every run, and nothing else is as cheap.
"""


def body_text(facts: Mapping[str, Any]) -> str:
    """The canonical text of an event's facts: sorted keys, no spaces, ASCII."""
    return json.dumps(facts, ensure_ascii=True, sort_keys=True, separators=(",", ":"))


def event_hash(seq: int, session: int, at: str, kind: str, run_id: str | None, body: str, previous: str) -> str:
    """The SHA-256 over all stored fields of an event, as one canonical JSON list."""
    fields = [previous, seq, session, at, kind, run_id, body]
    return hashlib.sha256(json.dumps(fields, ensure_ascii=True, separators=(",", ":")).encode("ascii")).hexdigest()


def next_event(
    head: Head, session: int | None, at: str, kind: EventKind, run_id: str | None, facts: Mapping[str, Any]
) -> LedgerEvent:
    """The event that follows a head; without a session it begins one itself."""
    seq = head.seq + 1
    session = seq if session is None else session
    body = body_text(facts)
    previous = head.hash if head.seq else GENESIS
    return LedgerEvent(
        seq, session, at, kind.value, run_id, body, previous,
        event_hash(seq, session, at, kind.value, run_id, body, previous),
    )  # fmt: skip
