"""What the embedded application knows of workflows that the server has too, and of the queues that both must have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from dwctl.embedded.row_conditions import is_open

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from dwctl.embedded.snapshot import Snapshot

_TOGETHER = 500
"""Ids, or business keys, that one query asks for."""

_DEFAULT_QUEUE = "default"
"""Where a run or a task is that names no queue."""


class EmbeddedTwin(NamedTuple):
    """A run of the embedded application; `begun_at` is UTC."""

    run_id: str
    instance_id: str
    business_key: str | None
    status: str
    begun_at: str | None


def runs_of_instances(snapshot: Snapshot, instance_ids: Iterable[str]) -> Iterator[EmbeddedTwin]:
    """The embedded runs of these instances."""
    yield from _runs(snapshot, "workflow_instance_id", instance_ids)


def runs_of_business_keys(snapshot: Snapshot, keys: Iterable[str]) -> Iterator[EmbeddedTwin]:
    """The embedded runs with these business keys. Raises where keys cannot be read."""
    yield from _runs(snapshot, "business_key", keys)


def _runs(snapshot: Snapshot, column: str, values: Iterable[str]) -> Iterator[EmbeddedTwin]:
    from sqlalchemy import func, select

    runs = snapshot.table("workflow_runs")
    started, created = (snapshot.column("workflow_runs", name) for name in ("started_at", "created_at"))
    key = snapshot.column("workflow_runs", "business_key")
    wanted = [runs.c.id, runs.c.workflow_instance_id, key, runs.c.status, func.coalesce(started, created)]
    there: ColumnElement[str] = runs.c[column]
    left = iter(values)
    while some := _some(left):
        for run_id, instance, business_key, status, begun in snapshot.all(
            select(*wanted).where(there.in_(some)).order_by(runs.c.id)
        ):
            at = snapshot.instant(begun, "workflow_runs.started_at", run_id)
            yield EmbeddedTwin(run_id, instance, business_key, status, at)


def _some(values: Iterator[str]) -> Sequence[str]:
    return list(islice(values, _TOGETHER))


def open_queues(snapshot: Snapshot) -> dict[str, int]:
    """The queues of open runs and of open tasks, with how many open runs are on each (0: only tasks).

    Raises where the queues, or which runs and tasks are open, cannot be read.
    """
    from sqlalchemy import func, select

    from dwctl.embedded.exact_text import exact

    runs, tasks = snapshot.table("workflow_runs"), snapshot.table("workflow_tasks")
    found: Counter[str] = Counter()
    on = exact(runs.c.queue)
    of_runs = select(on, func.count()).where(is_open(snapshot)).group_by(on)
    for queue, count in snapshot.all(of_runs):
        found[queue or _DEFAULT_QUEUE] += count
    of_tasks = select(exact(tasks.c.queue)).where(tasks.c.status.in_(["ready", "leased"])).distinct()
    for (queue,) in snapshot.all(of_tasks):
        found[queue or _DEFAULT_QUEUE] += 0
    return dict(sorted(found.items()))
