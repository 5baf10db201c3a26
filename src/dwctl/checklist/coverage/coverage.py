"""Who serves what is about to move: every need of open work against the workers that are alive now.

A worker takes a task where all of this holds (contract/server.md §4, last line): it is active, polls the task's
queue, lists its type or lists none at all, and the run asks for no build or for its build.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from dwctl.bundle.demand import Demand, DemandKind
from dwctl.checklist.coverage.rows import Demanded, Gap, Row, Standing, types_of
from dwctl.errors import DwctlError, ExitCode
from dwctl.server.endpoints import list_task_queues, list_workers
from dwctl.server.failures import CallFailed, CallNotConnected, CallTimedOut
from dwctl.server.results import TaskQueue, Worker
from dwctl.server.transport import Server

_EXAMPLES = 3
_NEAREST: Final = list(Gap)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that should be a bundle and could not be looked at: what it needs is not known."""

    file: str
    error: DwctlError


@dataclass(frozen=True, slots=True)
class Coverage:
    """Every need, in order; `workers` are those of the namespace, `bundles` how many files were looked at."""

    rows: tuple[Row, ...]
    workers: tuple[Worker, ...]
    bundles: int = 0
    unread: tuple[Unread, ...] = ()
    waited: float = 0.0
    looks: int = 1

    @property
    def served(self) -> int:
        """How many needs are served."""
        return sum(row.gap is None for row in self.rows)

    @property
    def covered(self) -> bool:
        """Whether there are needs, all of them are known, and each is served."""
        return bool(self.rows) and not self.unread and self.served == len(self.rows)

    @property
    def exit_code(self) -> ExitCode:
        """0 covered, 1 not; 2 where a file could not be read or there is nothing to cover."""
        if self.covered:
            return ExitCode.DONE
        codes = {unread.error.exit_code for unread in self.unread}
        return ExitCode.USAGE if not self.rows or ExitCode.USAGE in codes else ExitCode.NO

    @property
    def queues(self) -> Mapping[str | None, tuple[Row, ...]]:
        """The rows by queue: those that nobody polls first, then those with a gap, then the rest."""
        found: dict[str | None, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.need.demand.queue, []).append(row)
        order = sorted(found, key=lambda queue: (min(_urgency(row) for row in found[queue]), queue or ""))
        return {queue: tuple(found[queue]) for queue in order}


def _urgency(row: Row) -> int:
    return {Gap.NOBODY_POLLS: 0, None: 2}.get(row.gap, 1)


def needs_of(bundles: Iterable[tuple[str, Sequence[Demand]]], families: Iterable[Demand] = ()) -> tuple[Demanded, ...]:
    """The demands of bundles (file, demands) and of families, each once, in a stable order."""
    found: dict[Demand, Demanded] = {}
    for file, demands in bundles:
        for demand in dict.fromkeys(demands):
            known = found.get(demand, Demanded(demand))
            examples = (*known.examples, file)[:_EXAMPLES]
            found[demand] = replace(known, bundles=known.bundles + 1, examples=examples)
    for demand in families:
        found[demand] = replace(found.get(demand, Demanded(demand)), by_family=True)
    return tuple(found[demand] for demand in sorted(found, key=_place))


def _place(demand: Demand) -> tuple[str, bool, str, str]:
    is_activity = demand.kind is DemandKind.ACTIVITY
    return demand.queue or "", is_activity, demand.type_key or "", demand.compatibility or ""


def family_demands(
    queues: Sequence[str], types: Sequence[str], activity_types: Sequence[str], compatibilities: Sequence[str]
) -> tuple[Demand, ...]:
    """What a family needs: each of its types on each of its queues, of each build; of any where none is named."""
    kinds = [
        *((DemandKind.WORKFLOW, name) for name in types),
        *((DemandKind.ACTIVITY, name) for name in activity_types),
    ]
    return tuple(
        Demand(kind, queue, name, build)
        for queue in queues
        for kind, name in kinds
        for build in compatibilities or (None,)
    )


def obstacles(worker: Worker, demand: Demand) -> tuple[Gap, ...]:
    """Everything that keeps a worker of the demand's own queue from taking it."""
    found: list[Gap] = []
    if not worker.takes(demand.kind, worker.task_queue, demand.type_key):
        found.append(Gap.TYPE_MISSING)
    if demand.compatibility is not None and demand.compatibility != worker.build_id:
        found.append(Gap.OTHER_BUILD)
    if worker.status != "active":
        found.append(_BY_STATUS.get(worker.status, Gap.WORKER_STATUS_UNKNOWN))
    return tuple(found)


_BY_STATUS: Final = {"stale": Gap.WORKER_STALE, "draining": Gap.WORKER_DRAINING}


def cover(needs: Sequence[Demanded], workers: Sequence[Worker]) -> Coverage:
    """Each need against these workers of its namespace."""
    by_queue: dict[str | None, list[Worker]] = {}
    for worker in workers:
        by_queue.setdefault(worker.task_queue, []).append(worker)
    rows = tuple(_row(need, by_queue.get(need.demand.queue, []), workers) for need in needs)
    return Coverage(rows, tuple(workers))


def _row(need: Demanded, polling: Sequence[Worker], workers: Sequence[Worker]) -> Row:
    demand = need.demand
    if demand.queue is None or demand.type_key is None:
        return Row(need, (), Gap.NEED_NOT_NAMED)
    standings = tuple(Standing(worker, obstacles(worker, demand)) for worker in polling)
    gap = _gap(standings)
    return Row(need, standings, gap, () if gap is None else _elsewhere(demand, workers))


def _gap(standings: Sequence[Standing]) -> Gap | None:
    """The obstacle of the worker that is nearest to taking it: a single one, and the easiest to remove."""
    if any(not standing.obstacles for standing in standings):
        return None
    single = [standing.obstacles[0] for standing in standings if len(standing.obstacles) == 1]
    if single:
        return min(single, key=_NEAREST.index)
    alive = [standing for standing in standings if standing.worker.status == "active"]
    return max((max(one.obstacles, key=_NEAREST.index) for one in alive), key=_NEAREST.index, default=Gap.NOBODY_POLLS)


def _elsewhere(demand: Demand, workers: Sequence[Worker]) -> tuple[str, ...]:
    """Other queues on which a live worker lists the type: the name of one of the two is often a mistake."""
    return tuple(
        sorted(
            {
                worker.task_queue
                for worker in workers
                if worker.task_queue is not None
                and worker.task_queue != demand.queue
                and demand.type_key in types_of(worker, demand.kind)
                and not obstacles(worker, demand)
            }
        )
    )


def look(server: Server, needs: Sequence[Demanded]) -> Coverage:
    """Ask the server for its workers now, and for what waits on the queues with a gap. Raises a ServerFailure."""
    found = cover(needs, list_workers(server))
    return found if found.served == len(found.rows) else with_waiting(found, list_task_queues(server))


def with_waiting(found: Coverage, queues: Sequence[TaskQueue]) -> Coverage:
    """The same, with how many tasks wait on the queue of each need that is not served."""
    waiting = {queue.name: queue.backlog for queue in queues}
    rows = tuple(
        row if row.gap is None else replace(row, waiting=waiting.get(row.need.demand.queue or "", 0))
        for row in found.rows
    )
    return replace(found, rows=rows)


@dataclass(slots=True)
class Wait:
    """Looking again until everything is served or the time is over.

    `on_look` gets each coverage, or the failure of a look that had no answer: a server that is just starting may
    come back, so only the failure of the first and of the last look is raised.
    """

    seconds: float
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    on_look: Callable[[Coverage | DwctlError], None] = field(default=lambda seen: None)

    def covered(self, ask: Callable[[], Coverage]) -> Coverage:
        """The last coverage that was seen; its `waited` is in seconds."""
        started, pause, looks = self.clock(), _FIRST_PAUSE, 0
        while True:
            looks += 1
            seen = self._one(ask, first=looks == 1)
            self.on_look(seen)
            left = self.seconds - (self.clock() - started)
            if isinstance(seen, Coverage) and (seen.covered or left <= 0):
                return replace(seen, waited=self.clock() - started, looks=looks)
            if isinstance(seen, DwctlError) and left <= 0:
                raise seen
            self.sleep(min(pause, left))
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _one(self, ask: Callable[[], Coverage], *, first: bool) -> Coverage | DwctlError:
        try:
            return ask()
        except (CallNotConnected, CallTimedOut, CallFailed) as failure:
            if first:
                raise
            return failure
