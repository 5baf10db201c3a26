"""The coverage of one queue as a matrix: its needs, and its workers by how they stand to each of them.

Workers of one queue that have the same types, build and status stand to every need alike, so they share a column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dwctl.checklist.coverage.rows import Gap, Row
from dwctl.server.results import Worker


@dataclass(frozen=True, slots=True)
class WorkerKind:
    """Workers that stand alike; `obstacles` are theirs, one entry a row: empty where they take it."""

    workers: tuple[Worker, ...]
    obstacles: tuple[tuple[Gap, ...], ...]

    @property
    def serves(self) -> int:
        """How many of the rows they take."""
        return sum(not one for one in self.obstacles)


def kinds_of(rows: Sequence[Row]) -> list[WorkerKind]:
    """The workers of one queue by how they stand to each of its needs, those that serve most first."""
    standing: dict[str, tuple[Worker, list[tuple[Gap, ...]]]] = {}
    for row in rows:
        for one in row.standings:
            standing.setdefault(one.worker.worker_id, (one.worker, []))[1].append(one.obstacles)
    alike: dict[tuple[object, ...], list[Worker]] = {}
    obstacles: dict[tuple[object, ...], tuple[tuple[Gap, ...], ...]] = {}
    for worker, stands in standing.values():
        key = (worker.status, worker.build_id, worker.workflow_types, worker.activity_types)
        alike.setdefault(key, []).append(worker)
        obstacles[key] = tuple(stands)
    made = [WorkerKind(tuple(workers), obstacles[key]) for key, workers in alike.items()]
    return sorted(made, key=lambda kind: (-kind.serves, kind.workers[0].status, kind.workers[0].worker_id))
