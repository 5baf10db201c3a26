"""Item 8: the people who run it all can see it, with the token that they will have."""

from __future__ import annotations

from dwctl.checklist.checks.server_asking import counted, refusable, seen
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Finding, State
from dwctl.server.endpoints import list_task_queues, list_workers, show_task_queue
from dwctl.server.workflows import list_page


@refusable
def list_runs(world: World) -> Finding:
    """Operators can list runs."""
    page = list_page(world.operator(), page_size=1)
    came = f"200, a page of {counted(len(page.rows), 'run')}"
    return Finding(State.PASS, "operators can list runs", evidence=(seen(world, "GET /api/workflows", came),))


@refusable
def task_queues(world: World) -> Finding:
    """Operators can list queues, and look into one."""
    server = world.operator()
    found = list_task_queues(server)
    evidence = [seen(world, "GET /api/task-queues", f"200, {counted(len(found), 'queue')}")]
    for name in (*world.described.queues, *(queue.name for queue in found))[:1]:
        shown = show_task_queue(server, name)
        came = f"200, {counted(len(shown.pollers or ()), 'poller')}, {counted(len(shown.leases or ()), 'lease')}"
        evidence.append(seen(world, f"GET /api/task-queues/{name}", came))
    return Finding(State.PASS, "operators can look into task queues", evidence=tuple(evidence))


@refusable
def workers(world: World) -> Finding:
    """Operators can see which workers are registered."""
    found = list_workers(world.operator())
    evidence = (seen(world, "GET /api/workers", f"200, {counted(len(found), 'worker')}"),)
    return Finding(State.PASS, "operators can see workers", evidence=evidence)
