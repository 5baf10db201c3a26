"""Which runs of the embedded application are open, and which have ended: a cutover must lose none of either."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from dwctl.embedded.positions import PAGE
from dwctl.embedded.row_conditions import is_open

if TYPE_CHECKING:
    from dwctl.embedded.snapshot import Snapshot


class OpenRun(NamedTuple):
    """A run that has not ended; `workflow_type` is its key, or the class where it has none."""

    run_id: str
    instance_id: str
    workflow_type: str | None
    queue: str


def closed_runs(snapshot: Snapshot) -> Iterator[str]:
    """The ids of those that have ended."""
    from sqlalchemy import not_, select

    runs = snapshot.table("workflow_runs")
    yield from (found[0] for found in snapshot.pages(select(runs.c.id).where(not_(is_open(snapshot))), runs.c.id,
                                                    size=PAGE))  # fmt: skip


def open_runs(snapshot: Snapshot) -> Iterator[OpenRun]:
    """All of them, by run id; a run without a queue is on `default`. Raises where types or queues cannot be read."""
    from sqlalchemy import select

    runs = snapshot.table("workflow_runs")
    class_name = snapshot.column("workflow_runs", "workflow_class")
    wanted = select(runs.c.id, runs.c.workflow_instance_id, runs.c.workflow_type, class_name, runs.c.queue)
    statement = wanted.where(is_open(snapshot))
    for run_id, instance_id, type_key, class_name, queue in snapshot.pages(statement, runs.c.id, size=PAGE):
        yield OpenRun(run_id, instance_id, type_key or class_name, queue or "default")
