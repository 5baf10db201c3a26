"""Item 6: who is alive in the namespace, and whether everything that moves has somebody who takes it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from dwctl.bundle.demand import Demand, DemandKind
from dwctl.checklist.checks.findings import listed, seen
from dwctl.checklist.checks.server.asking import at_server
from dwctl.checklist.coverage.coverage import Coverage, cover, with_waiting
from dwctl.checklist.coverage.demanded import cutover_needs
from dwctl.checklist.coverage.rows import Gap, Row, names
from dwctl.checklist.facts.facts import BundleFact
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Evidence, Finding, Need, State
from dwctl.counted import counted
from dwctl.errors import DwctlError
from dwctl.server.results import Worker

_ASKED: Final = "GET /api/workers"
_SHOWN: Final = 20
"""Workers and needs that the evidence names one by one."""
_NOTHING: Final = "nothing says what workers must serve"
_DESCRIBE: Final = "Describe the workflow families in cutover.toml: queue, workflow types and activity types."


def registered(world: World) -> Finding:
    """Somebody is alive; who is registered and is not, is told."""
    workers = world.workers()
    alive = [worker for worker in workers if worker.status == "active"]
    gone = tuple(worker.worker_id for worker in workers if worker.status != "active")
    evidence = tuple(seen(world, _ASKED, _told(worker)) for worker in workers[:_SHOWN])
    evidence = evidence or (seen(world, _ASKED, "200, no worker"),)
    command = at_server(world, "dwctl", "worker", "list")
    strays = tuple(one for one in workers if one.namespace not in (None, world.namespace.lower()))
    if strays:
        return Finding.of(
            State.FAIL, f"asked for the workers of {world.namespace}, the server gives those of {strays[0].namespace}",
            tuple(one.worker_id for one in strays), "workers", evidence=evidence, command=command,
            next_step="Something on the way drops or changes the header X-Namespace: let it through, and ask again.",
        )  # fmt: skip
    if not alive:
        said = f"none of {counted(len(workers), 'worker')} is alive" if workers else "no worker is registered"
        step = "Start the workers for this namespace: each registers before it polls."
        return Finding.of(State.FAIL, said, gone, "workers", evidence=evidence, next_step=step, command=command)
    queues = {worker.task_queue for worker in alive}
    said = f"{counted(len(alive), 'worker')} alive on {counted(len(queues), 'queue')}"
    if not gone:
        return Finding(State.PASS, said, evidence=evidence)
    words = sorted({worker.status for worker in workers if worker.status != "active"})
    step = "Start them again, or remove them if others have taken their place."
    said = f"{said}, and {len(gone):,} {' or '.join(words)}"
    return Finding.of(State.WARN, said, gone, "workers", evidence=evidence, next_step=step, command=command)


def queues(world: World) -> Finding:
    """Every expected queue is polled by somebody who is alive."""
    expected = _expected(world)
    if not expected:
        return Finding(State.UNKNOWN, _NOTHING.replace("what", "which queues"), next_step=_DESCRIBE)
    polling = {name: [worker for worker in world.workers() if worker.task_queue == name] for name in expected}
    evidence = tuple(seen(world, f"{_ASKED}, queue {name}", _polled(polling[name])) for name in expected[:_SHOWN])
    bare = [name for name in expected if all(worker.status != "active" for worker in polling[name])]
    if not bare:
        said = f"{counted(len(expected), 'expected queue')}, each polled by a live worker"
        return Finding(State.PASS, said, evidence=evidence)
    return Finding.of(
        State.FAIL, f"nobody who is alive polls {listed(bare)}", bare, "queues", evidence=evidence,
        next_step=f"Start a worker on queue {bare[0]} in this namespace: imported tasks keep these names.",
        command=at_server(world, "dwctl", "task-queue", "show", bare[0]),
    )  # fmt: skip


def coverage(world: World) -> Finding:
    """Every need of open bundles, families and shadows is taken by somebody who is alive."""
    bundles, unread, without = _bundles(world)
    needs = cutover_needs(world.described, bundles)
    found = cover(needs, world.workers())
    if found.served < len(needs):
        return _uncovered(world, found)
    evidence = _evidence(world, found, found.rows)
    if unread:
        return Finding.of(
            State.UNKNOWN, f"what {counted(len(unread), 'bundle')} would need is not known", unread, "files",
            evidence=evidence, next_step="Mend what `dwctl bundle verify` says of them.",
        )  # fmt: skip
    if not needs:
        said = _NOTHING if without is None else f"{_NOTHING}: {without}"
        return Finding(State.UNKNOWN, said, evidence=evidence, next_step=_DESCRIBE)
    open_handed = sum(row.every_type for row in found.rows)
    said = f"{counted(len(needs), 'need')} served"
    said += f", {open_handed:,} of them only by workers that list no type and so take every one" if open_handed else ""
    if without is not None:
        return Finding(State.WARN, f"{said}; what bundles need was not looked at: {without}", evidence=evidence,
                       next_step="Run this again when the bundles are exported.")  # fmt: skip
    return Finding(State.PASS, said, evidence=evidence)


def _uncovered(world: World, found: Coverage) -> Finding:
    with suppress(DwctlError):  # how much waits is told where it is known, and decides nothing
        found = with_waiting(found, world.queues())
    gaps = [row for rows in found.queues.values() for row in rows if row.gap is not None]
    first = gaps[0]
    return Finding.of(
        State.FAIL, f"{len(gaps):,} of {counted(len(found.rows), 'need')} not served: {first.told}",
        [f"{_need(row.need.demand)}: {row.told}" for row in gaps], "needs", evidence=_evidence(world, found, gaps),
        next_step=first.next_step, command=_command(world, first),
    )  # fmt: skip


def _command(world: World, row: Row) -> str:
    demand, examples = row.need.demand, row.need.examples
    if row.gap is Gap.NEED_NOT_NAMED:
        return at_server(world, "dwctl", "worker", "coverage", *examples[:1])
    option = "--type" if demand.kind is DemandKind.WORKFLOW else "--activity-type"
    build = () if demand.compatibility is None else ("--compatibility", demand.compatibility)
    words = (option, str(demand.type_key), "--task-queue", str(demand.queue), *build)
    return at_server(world, "dwctl", "worker", "coverage", *words)


def _bundles(world: World) -> tuple[Sequence[BundleFact], tuple[str, ...], str | None]:
    """The bundles that could be read, the files that could not, and why there are not those that there should be."""
    missing = world.missing.get(Need.BUNDLES)
    if missing is not None:
        return (), (), missing.why if missing.applies else None
    found = world.bundles()
    sound = [one for one in found.bundles if one.problem is None]
    unread = tuple(one.file for one in found.bundles if one.problem is not None)
    return sound, unread, f"nothing lies at {listed(found.missing)}" if found.missing else None


def _expected(world: World) -> tuple[str, ...]:
    """Queues that the description names, and those of open work in the bundles."""
    described = world.described
    bundles, _, _ = _bundles(world)
    named = {
        *described.queues,
        *(family.task_queue for family in described.families),
        *(shadow.task_queue for shadow in described.shadows),
        *(demand.queue for one in bundles for demand in one.demands if demand.queue is not None),
    }
    return tuple(sorted(named))


def _evidence(world: World, found: Coverage, rows: Sequence[Row]) -> tuple[Evidence, ...]:
    """Whom the needs were held against, and how the first of these rows stand."""
    active = sum(worker.status == "active" for worker in found.workers)
    there = f"{counted(len(found.workers), 'worker')}, {active:,} active"
    came = f"{there}; {found.served:,} of {counted(len(found.rows), 'need')} served"
    each = (seen(world, _need(row.need.demand), row.told) for row in rows[:_SHOWN])
    return seen(world, f"{_ASKED}, against what is needed", came), *each


def _need(demand: Demand) -> str:
    build = f", build {demand.compatibility}" if demand.compatibility is not None else ""
    return f"{demand.kind.value} {demand.type_key or 'of no type'} on {demand.queue or 'no queue'}{build}"


def _told(worker: Worker) -> str:
    heard = f", heard of at {worker.last_heartbeat_at}" if worker.last_heartbeat_at else ""
    return f"{worker.worker_id} on {worker.task_queue or 'no queue'}: {worker.status}{heard}"


def _polled(workers: Sequence[Worker]) -> str:
    alive = tuple(worker for worker in workers if worker.status == "active")
    if alive:
        return f"polled by {names(alive)}"
    return f"not active: {names(tuple(workers))}" if workers else "nobody"
