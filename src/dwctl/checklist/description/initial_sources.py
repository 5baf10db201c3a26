"""What the embedded database and the server's workers show of types and queues, for a first `cutover.toml`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from dwctl.bundle import vocabulary
from dwctl.bundle.demand import DemandKind
from dwctl.checklist.description.initial import Seen

if TYPE_CHECKING:
    from dwctl.embedded.inventory_runs import Summary
    from dwctl.server.results import Worker


def seen_in_summary(summary: Summary) -> Iterator[Seen]:
    """The groups of the inventory; its rows are counted by the database, and name neither builds nor activities."""
    for group in summary.groups:
        is_open = group.status not in vocabulary.TERMINAL_STATUSES
        yield Seen(DemandKind.WORKFLOW, group.workflow_type or None, group.queue or None, None, is_open)


def seen_by_workers(workers: Iterable[Worker], queues: Collection[str]) -> Iterator[Seen]:
    """What workers that are alive take on these queues; on every queue where none is known.

    Whoever shares the namespace has queues of its own there, which are no part of this cutover.
    """
    for worker in workers:
        if worker.status == "active" and worker.task_queue and (not queues or worker.task_queue in queues):
            for kind, types in (
                (DemandKind.WORKFLOW, worker.workflow_types),
                (DemandKind.ACTIVITY, worker.activity_types),
            ):
                yield from (Seen(kind, one, worker.task_queue) for one in types)


def other_queues(workers: Iterable[Worker], queues: Collection[str]) -> tuple[str, ...]:
    """Queues on which workers are alive, and of which no other source has spoken."""
    alive = {worker.task_queue for worker in workers if worker.status == "active" and worker.task_queue}
    return tuple(sorted(alive - set(queues))) if queues else ()
