"""What would let a run go on as soon as a worker looks: ready tasks, due timers, leases, and the queues of all that.

Read from rows, for many runs at once. A task that is `ready` for a later moment is not ready yet: timers are kept so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from dwctl.embedded.instants import bound, parsed

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from dwctl.embedded.snapshot import Snapshot

AT_ONCE: Final = 1000
"""How many runs one query asks for."""


class Queue(NamedTuple):
    """A queue of the embedded application's workers; `connection` is None for the default one."""

    connection: str | None
    name: str | None

    @property
    def text(self) -> str:
        """As a person names it: the queue, and its connection where the row has one."""
        name = self.name or "default"
        return f"{name} (connection {self.connection})" if self.connection else name


@dataclass(slots=True)
class OpenWork:
    """The work of one run. Counts are of now; `next_at` is when the first later task or timer comes due (UTC)."""

    ready_tasks: int = 0
    held: int = 0
    due_timers: int = 0
    next_at: str | None = None
    queues: set[Queue] = field(default_factory=set)

    @property
    def could_wake(self) -> bool:
        """Whether only the pause of the workers keeps the run where it is."""
        return bool(self.ready_tasks or self.held or self.due_timers)

    def later(self, at: str | None) -> None:
        """Note when something else comes due."""
        if at is not None and (self.next_at is None or at < self.next_at):
            self.next_at = at


_NEEDED: Final = {
    "workflow_tasks": ("workflow_run_id", "status", "available_at"),
    "workflow_run_timers": ("workflow_run_id", "status", "fire_at"),
    "activity_attempts": ("workflow_run_id", "status"),
}


def unread_work(snapshot: Snapshot) -> tuple[str, ...]:
    """Sentences about what cannot be read, so that the work of a run is not wholly known."""
    gaps = (snapshot.gap(table, *columns) for table, columns in _NEEDED.items())
    return tuple(gap.sentence for gap in gaps if gap is not None)


def unread_places(snapshot: Snapshot) -> tuple[str, ...]:
    """Sentences about what cannot be read of the queues that work waits on: those named may be wrong."""
    gaps = (snapshot.gap(table, "connection", "queue") for table in ("workflow_runs", "workflow_tasks"))
    return tuple(gap.sentence for gap in gaps if gap is not None and gap.column is not None)


def open_work(snapshot: Snapshot, run_ids: Iterable[str]) -> Iterator[tuple[str, OpenWork]]:
    """Each run that has open work, with it; asked for in batches. What cannot be read is in `unread_work`."""
    left = iter(run_ids)
    while batch := sorted(set(islice(left, AT_ONCE))):
        yield from _of_batch(snapshot, batch).items()


def _of_batch(snapshot: Snapshot, batch: list[str]) -> Mapping[str, OpenWork]:
    found: defaultdict[str, OpenWork] = defaultdict(OpenWork)
    later = bound(snapshot, parsed(snapshot.as_of) + timedelta(microseconds=1))
    if snapshot.has("workflow_tasks", *_NEEDED["workflow_tasks"]):
        _tasks(snapshot, batch, later, found)
    if snapshot.has("workflow_run_timers", *_NEEDED["workflow_run_timers"]):
        _timers(snapshot, batch, later, found)
    if snapshot.has("activity_attempts", *_NEEDED["activity_attempts"]):
        _attempts(snapshot, batch, found)
    return found


def _tasks(snapshot: Snapshot, batch: list[str], later: Any, found: defaultdict[str, OpenWork]) -> None:
    from sqlalchemy import func, select

    from dwctl.embedded.exact_text import exact

    tasks = snapshot.table("workflow_tasks")
    place = [exact(snapshot.column("workflow_tasks", name)) for name in ("connection", "queue")]
    due = _due(tasks.c.available_at, later)
    statement = (
        select(tasks.c.workflow_run_id, tasks.c.status, due, *place, func.count(), func.min(tasks.c.available_at))
        .where(tasks.c.workflow_run_id.in_(batch), tasks.c.status.in_(("ready", "leased")))
        .group_by(tasks.c.workflow_run_id, tasks.c.status, due, *place)
    )
    for run_id, status, is_due, connection, queue, count, first in snapshot.all(statement):
        work = found[run_id]
        work.queues.add(Queue(connection, queue))
        if status == "leased":
            work.held += count
        elif is_due:
            work.ready_tasks += count
        else:
            work.later(snapshot.instant(first, "workflow_tasks.available_at", run_id))


def _timers(snapshot: Snapshot, batch: list[str], later: Any, found: defaultdict[str, OpenWork]) -> None:
    from sqlalchemy import func, select

    timers = snapshot.table("workflow_run_timers")
    due = _due(timers.c.fire_at, later)
    statement = (
        select(timers.c.workflow_run_id, due, func.count(), func.min(timers.c.fire_at))
        .where(timers.c.workflow_run_id.in_(batch), timers.c.status == "pending")
        .group_by(timers.c.workflow_run_id, due)
    )
    for run_id, is_due, count, first in snapshot.all(statement):
        if is_due:
            found[run_id].due_timers += count
        else:
            found[run_id].later(snapshot.instant(first, "workflow_run_timers.fire_at", run_id))


def _attempts(snapshot: Snapshot, batch: list[str], found: defaultdict[str, OpenWork]) -> None:
    """Running attempts; where the lease of their task is there too, both are the same work, counted once."""
    from sqlalchemy import func, select

    attempts = snapshot.table("activity_attempts")
    statement = (
        select(attempts.c.workflow_run_id, func.count())
        .where(attempts.c.workflow_run_id.in_(batch), attempts.c.status == "running")
        .group_by(attempts.c.workflow_run_id)
    )
    for run_id, count in snapshot.all(statement):
        found[run_id].held = max(found[run_id].held, count)


def _due(column: Any, later: Any) -> ColumnElement[int]:
    """1 where a moment has come, and is not a `later` one, or none is named; else 0."""
    from sqlalchemy import case, literal_column, or_

    return case((or_(column.is_(None), column < later), literal_column("1")), else_=literal_column("0"))


def run_queues(snapshot: Snapshot, run_ids: Iterable[str]) -> Iterator[tuple[str, Queue]]:
    """The queue that each run itself names: what would wake it from outside goes there."""
    from sqlalchemy import select

    runs = snapshot.table("workflow_runs")
    place = [snapshot.column("workflow_runs", name) for name in ("connection", "queue")]
    left = iter(run_ids)
    while batch := sorted(set(islice(left, AT_ONCE))):
        for run_id, connection, queue in snapshot.all(select(runs.c.id, *place).where(runs.c.id.in_(batch))):
            yield run_id, Queue(connection, queue)
