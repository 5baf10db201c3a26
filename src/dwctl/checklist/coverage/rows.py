"""One need of a worker, how the workers of its queue stand to it, and the sentences on that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dwctl.bundle.demand import Demand, DemandKind
from dwctl.server.documents import moment
from dwctl.server.results import Worker

_NAMED = 3


class Gap(StrEnum):
    """Why a need is not served; each is an id of `dwctl explain`. In the order in which one is nearest to served."""

    WORKER_DRAINING = "worker_draining"
    WORKER_STALE = "worker_stale"
    WORKER_STATUS_UNKNOWN = "worker_status_unknown"
    OTHER_BUILD = "other_build"
    TYPE_MISSING = "type_missing"
    NOBODY_POLLS = "nobody_polls"
    NEED_NOT_NAMED = "need_not_named"


@dataclass(frozen=True, slots=True)
class Demanded:
    """A demand, by how many bundles it is made, and some of them; `by_family` where a family names it itself."""

    demand: Demand
    bundles: int = 0
    examples: tuple[str, ...] = ()
    by_family: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """What keeps one worker of the queue from taking a need; nothing at all where it takes it."""

    worker: Worker
    obstacles: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One need and how each worker of its queue stands to it.

    `gap` is None where somebody serves it; `elsewhere` are other queues on which a live worker takes the type.
    """

    need: Demanded
    standings: tuple[Standing, ...]
    gap: Gap | None
    elsewhere: tuple[str, ...] = ()
    waiting: int | None = None

    @property
    def served_by(self) -> tuple[Worker, ...]:
        """The workers that take it."""
        return tuple(standing.worker for standing in self.standings if not standing.obstacles)

    @property
    def since(self) -> str | None:
        """When the first of these workers registered, in the server's own text; None where it does not say."""
        known = [worker.registered_at for worker in self.served_by if moment(worker.registered_at) is not None]
        return min(known, key=lambda text: (moment(text), text), default=None)

    @property
    def every_type(self) -> bool:
        """Whether it is served only by workers that list no type, and so take what they may not know."""
        kind = self.need.demand.kind
        return bool(self.served_by) and not any(types_of(one, kind) for one in self.served_by)

    @property
    def told(self) -> str:
        """One sentence on whether the need is served, by whom, or why not. Not yet safe for a terminal."""
        if self.gap is None:
            since = f" since {self.since}" if self.since else ""
            listed = ", which take every type" if self.every_type else ""
            return f"served by {names(self.served_by)}{since}{listed}"
        said = _WHY[self.gap](self, self.need.demand)
        if self.waiting:
            said += f"; {self.waiting} {'task waits' if self.waiting == 1 else 'tasks wait'} there"
        return f"{said}; it is taken on {_queues(self.elsewhere)}" if self.elsewhere else said

    @property
    def next_step(self) -> str | None:
        """What to do so that it is served; None where it is."""
        return None if self.gap is None else _step(self, self.gap)


def types_of(worker: Worker, kind: DemandKind) -> tuple[str, ...]:
    """The types of this kind that a worker lists; none at all means every type (contract/server.md §4)."""
    return worker.workflow_types if kind is DemandKind.WORKFLOW else worker.activity_types


def names(workers: tuple[Worker, ...]) -> str:
    """`w-1`, `w-1 and w-2`, `w-1, w-2, w-3 and 9 more`."""
    ids = sorted(worker.worker_id for worker in workers)
    if len(ids) <= _NAMED:
        return " and ".join(filter(None, (", ".join(ids[:-1]), *ids[-1:])))
    return f"{', '.join(ids[:_NAMED])} and {len(ids) - _NAMED} more"


def _queues(queues: tuple[str, ...]) -> str:
    more = f" and {len(queues) - _NAMED} more" if len(queues) > _NAMED else ""
    return f"{'queue' if len(queues) == 1 else 'queues'} {', '.join(queues[:_NAMED])}{more}"


def _standing_at(row: Row, gap: Gap) -> tuple[Worker, ...]:
    """The workers that only this keeps from taking it."""
    return tuple(one.worker for one in row.standings if one.obstacles == (gap,))


def _step(row: Row, gap: Gap) -> str:
    demand = row.need.demand
    build = f" with build id {demand.compatibility}" if demand.compatibility is not None else ""
    kind = f"{demand.kind.value} type {demand.type_key}"
    match gap:
        case Gap.NOBODY_POLLS:
            return f"Start a worker{build} on queue {demand.queue}, in this namespace, that takes the {kind}."
        case Gap.TYPE_MISSING:
            return f"Register the {kind} with a worker{build} of queue {demand.queue}."
        case Gap.OTHER_BUILD:
            return f"Start a worker{build} on queue {demand.queue} that takes the {kind}."
        case Gap.WORKER_STALE:
            return f"Start {names(_standing_at(row, gap))} again: its process or its network is gone."
        case Gap.WORKER_DRAINING:
            return f"Start a worker of another build on queue {demand.queue}, or resume the drained build."
        case Gap.WORKER_STATUS_UNKNOWN:
            return f"Look at {names(_standing_at(row, gap))}: the server does not know it as alive."
        case Gap.NEED_NOT_NAMED:
            return "Look at these runs with `dwctl bundle show`: a task without queue or type is given to nobody."


def _nobody(row: Row, demand: Demand) -> str:
    gone = len(row.standings)
    kept = f" (registered there, and not active: {names(tuple(one.worker for one in row.standings))})" if gone else ""
    return f"nobody polls queue {demand.queue}{kept}"


def _type(row: Row, demand: Demand) -> str:
    alive = tuple(one.worker for one in row.standings if one.worker.status == "active")
    return f"{names(alive)} poll{'s' if len(alive) == 1 else ''} the queue without this type"


def _build(row: Row, demand: Demand) -> str:
    builds = sorted({one.worker.build_id or "no build" for one in row.standings if one.obstacles == (Gap.OTHER_BUILD,)})
    return f"it asks for build {demand.compatibility}, and the workers are of {', '.join(builds[:_NAMED])}"


def _stale(row: Row, demand: Demand) -> str:
    gone = _standing_at(row, Gap.WORKER_STALE)
    last = max((worker.last_heartbeat_at or "" for worker in gone), default="")
    return f"stale: {names(gone)}" + (f", last heard of at {last}" if last else "")


def _draining(row: Row, demand: Demand) -> str:
    gone = _standing_at(row, Gap.WORKER_DRAINING)
    builds = sorted({worker.build_id or "no build" for worker in gone})
    return f"draining: {names(gone)}, of {', '.join(builds[:_NAMED])}"


def _unknown(row: Row, demand: Demand) -> str:
    return f"the server does not say whether {names(_standing_at(row, Gap.WORKER_STATUS_UNKNOWN))} is alive"


def _not_named(row: Row, demand: Demand) -> str:
    missing = [word for word, value in (("queue", demand.queue), ("type", demand.type_key)) if value is None]
    return f"the bundle names no {' and no '.join(missing)}, so nobody can be said to serve it"


_WHY: Final[Mapping[Gap, Callable[[Row, Demand], str]]] = {
    Gap.NOBODY_POLLS: _nobody,
    Gap.TYPE_MISSING: _type,
    Gap.OTHER_BUILD: _build,
    Gap.WORKER_STALE: _stale,
    Gap.WORKER_DRAINING: _draining,
    Gap.WORKER_STATUS_UNKNOWN: _unknown,
    Gap.NEED_NOT_NAMED: _not_named,
}
