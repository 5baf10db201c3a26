"""A ledger at one moment, quickly: some columns of every row, and whether rows and log agree where that is cheap.

The whole audit (`audit.py`) plays every event again and computes every hash. This one computes none: it finds a cut or
grown log, another target, rows without events, and rows whose state or comparison no event of theirs tells.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dwctl.transfer.ledger.log import Head
from dwctl.transfer.ledger.rows import LedgerTarget
from dwctl.transfer.ledger.schema import reading, translated, unbound
from dwctl.transfer.ledger.view import LedgerView

GLIMPSED: Final = "the end of the log, the target, and each row against its own events; no hash was computed"
"""What a glimpse looks at, in words."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What was seen: `rows` hold the columns that were asked for, in the order of the plan.

    `trouble` is a sentence without a full stop on the first thing that does not agree; None where all does.
    """

    target: LedgerTarget
    head: Head
    rows: tuple[tuple[Any, ...], ...]
    trouble: str | None


def glimpse(view: LedgerView, columns: Sequence[str]) -> Glimpse:
    """Look once, in one reading transaction; `columns` are names of `rows.COLUMNS`.

    Raises `LocalStateError` for a file that cannot be read.
    """
    statement = f"SELECT {', '.join(columns)} FROM runs ORDER BY id"  # noqa: S608 - our own names
    with view.lock, translated(view.path, reading=True), reading(view.connection):
        found = view.connection.execute(statement).fetchall()
        rows = tuple(tuple([unbound(value) for value in row]) for row in found)
        return Glimpse(view.target, view.head(), rows, next(_troubles(view), None))


def _troubles(view: LedgerView) -> Iterator[str]:
    run = view.connection.execute
    noted = run("SELECT head_seq, head_hash FROM ledger").fetchone()
    last = run("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    if noted != last:
        yield "the end of its log is not the one that was noted: events are missing, were added, or were edited"
    (count,) = run("SELECT count(*) FROM events").fetchone()
    if last is not None and count != last[0]:
        yield f"its log has {count} events and ends with number {last[0]}"
    if _is_retargeted(view):
        yield "it names another server, namespace or import id than its first event"
    for what, statement in _DISAGREEMENTS:
        if (found := run(statement).fetchone()) is not None:
            yield f"{what} (run {unbound(found[0])})"


def _is_retargeted(view: LedgerView) -> bool:
    first = view.connection.execute("SELECT body FROM events WHERE seq = 1").fetchone()
    try:
        told = json.loads(first[0])
        return (told["server"], told["namespace"], told["import_id"]) != (
            view.target.server, view.target.namespace, view.target.import_id,
        )  # fmt: skip
    except (TypeError, ValueError, KeyError):
        return True


_DISAGREEMENTS: Final = (
    ("a row was edited or inserted: its last event is not the one that it names",
     """SELECT r.run_id FROM runs r
          LEFT JOIN (SELECT run_id, max(seq) AS seq FROM events WHERE run_id IS NOT NULL GROUP BY run_id) last
            ON last.run_id = r.run_id
         WHERE last.seq IS NOT r.seq LIMIT 1"""),
    ("a row is missing: its events are in the log",
     """SELECT e.run_id FROM (SELECT DISTINCT run_id FROM events WHERE run_id IS NOT NULL) e
         WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.run_id = e.run_id) LIMIT 1"""),
    ("a row says that the run is on the server, and no event of its does",
     """SELECT r.run_id FROM runs r WHERE r.state IN ('imported', 'already_imported') AND NOT EXISTS
           (SELECT 1 FROM events e WHERE e.run_id = r.run_id AND e.kind = 'settled' AND json_valid(e.body)
               AND json_extract(e.body, '$.state') = r.state) LIMIT 1"""),
    ("a row says that the run was compared, and its events say otherwise",
     """SELECT r.run_id FROM runs r WHERE r.compared_at IS NOT NULL AND NOT EXISTS
           (SELECT 1 FROM events e WHERE e.run_id = r.run_id AND e.kind = 'compared' AND json_valid(e.body)
               AND json_extract(e.body, '$.compared_at') = r.compared_at
               AND json_extract(e.body, '$.differs_at') IS r.differs_at) LIMIT 1"""),
)  # fmt: skip
