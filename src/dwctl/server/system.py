"""The routes of the server's own upkeep that dwctl uses (server.md §6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from dwctl.server.calls import Call
from dwctl.server.documents import Document
from dwctl.server.endpoints import json_body
from dwctl.server.failures import CallNotAuthorized
from dwctl.server.transport import Server
from dwctl.settings import Role


@dataclass(frozen=True, slots=True)
class RepairStatus:
    """What a repair pass would take up now: tasks that are due and were not handed on, and runs without a task.

    `by_queue` counts them by the queue that they are on, where the server names one.
    """

    candidates: int
    by_queue: Mapping[str, int]


def repair_status(server: Server) -> RepairStatus:
    """`GET /api/system/repair` (admin), which changes nothing (recording 452: a due imported timer is one)."""
    found = Document(server.call(Call("GET", "/api/system/repair", (Role.ADMIN,)))).part("candidates")
    queues: Counter[str] = Counter()
    for scope in found.items("scopes"):
        queues[scope.optional_text("queue") or "default"] += scope.number("total_candidates")
    return RepairStatus(found.number("total_candidates"), queues)


def may_administer(server: Server, role: Role) -> bool:
    """Whether the token of a role is let in where only administrators are: asked by a read that changes nothing.

    Raises CallNotAuthorized for a token that the server does not know (401).
    """
    try:
        server.call(Call("GET", "/api/system/repair", (role,)))
    except CallNotAuthorized as refusal:
        if refusal.exchange.status != HTTPStatus.FORBIDDEN:
            raise
        return False
    return True


def repair_pass(server: Server, run_ids: Sequence[str]) -> int:
    """`POST /api/system/repair/pass` (admin) for these runs of the namespace; returns how many tasks it dispatched.

    A timer that came with an import fires on today's server only after one (recordings 450 to 455). Safe to
    repeat: a task that was just dispatched is not taken up again.
    """
    body = json_body({"run_ids": list(run_ids)})
    call = Call("POST", "/api/system/repair/pass", (Role.ADMIN,), body=body)
    return Document(server.call(call)).number("dispatched_tasks")
