"""The routes of the server's own upkeep that dwctl uses (server.md §6)."""

from __future__ import annotations

from collections.abc import Sequence

from dwctl.server.calls import Call
from dwctl.server.documents import Document
from dwctl.server.endpoints import json_body
from dwctl.server.transport import Server
from dwctl.settings import Role


def repair_pass(server: Server, run_ids: Sequence[str]) -> int:
    """`POST /api/system/repair/pass` (admin) for these runs of the namespace; returns how many tasks it dispatched.

    A timer that came with an import fires on today's server only after one (recordings 450 to 455). Safe to
    repeat: a task that was just dispatched is not taken up again.
    """
    body = json_body({"run_ids": list(run_ids)})
    call = Call("POST", "/api/system/repair/pass", (Role.ADMIN,), body=body)
    return Document(server.call(call)).number("dispatched_tasks")
