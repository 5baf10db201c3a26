"""Item 8: the people who run it all can see it, with the token that they will have."""

from __future__ import annotations

from dwctl.checklist.checks.findings import seen
from dwctl.checklist.checks.server.asking import at_server, refusable
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Finding, State
from dwctl.counted import counted
from dwctl.server.endpoints import list_task_queues, list_workers, show_task_queue
from dwctl.server.system import may_administer
from dwctl.server.workflows import list_page
from dwctl.settings import Role


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


@refusable
def role(world: World) -> Finding:
    """The operators' token is theirs: one that administrators use would see everything, whatever operators may."""
    server = world.operator()
    own, admins = server.target.credential((Role.OPERATOR,)), world.server().target.credential((Role.ADMIN,))
    if own.secret is None or own.origin == admins.origin:
        return Finding(State.SKIPPED, "operators have no token of their own: all roles come with the same one, or none")
    asked = "GET /api/system/repair, which is for administrators, with the operators' token"
    if not may_administer(server, Role.OPERATOR):
        evidence = (seen(world, asked, "403: not let in"),)
        return Finding(State.PASS, "the operators' token is no administrator's", evidence=evidence)
    return Finding(
        State.UNKNOWN, f"the token of {own.origin} is let in where only administrators are, so what operators can see "
        "was not asked", evidence=(seen(world, asked, "200: let in"),),
        next_step="Name a token of the role operator; or attest item 8, where operators are administrators.",
        command=at_server(world, "dwctl", "doctor"),
    )  # fmt: skip
