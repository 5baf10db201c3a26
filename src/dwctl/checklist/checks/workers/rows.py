"""Items 6 and 7 as rows: workers that take what moves, and a shadow workflow that proves it."""

from __future__ import annotations

from functools import partial
from typing import Final

from dwctl.checklist.checks.workers import serving, shadow
from dwctl.checklist.gate.check import Check, Need

_workers = partial(Check, item=6, category="workers", needs=(Need.SERVER,))

CHECKS: Final[tuple[Check, ...]] = (
    _workers(
        id="workers.registered", ask=serving.registered, after=("namespace.exists",),
        meaning="Workers are registered in the namespace, and alive.",
        why="A worker of another namespace is given nothing here, and a stale one is gone.",
        fix="Start the workers with the server's address, this namespace and a worker token.",
        evidence="GET /api/workers, each by its own status: stale and draining ones are told, and count for nothing.",
    ),
    _workers(
        id="workers.queues", ask=serving.queues, after=("workers.registered",),
        meaning="Every expected queue is polled by a live worker.",
        why="The queue names of the embedded application stay on imported tasks, and a server knows no queue but those "
            "that somebody polls or that hold a task.",
        fix="Start a worker for exactly this queue, or describe the queue that is really meant.",
        evidence="The queues of cutover.toml, of its families and shadows, and of open work in the bundles, against "
                 "the workers that are active.",
    ),
    _workers(
        id="workers.coverage", ask=serving.coverage, after=("workers.registered",),
        meaning="Whatever open runs, families and shadows need is taken by a live worker: queue, type and build.",
        why="A task without a worker of its queue, type key and build waits for ever, and nothing says so.",
        fix="Start a worker that registers what is named; `dwctl worker coverage` shows the whole table.",
        evidence="The open work of the bundles and the types of families and shadows against GET /api/workers; bundles "
                 "that are not there yet are a warning, and what unreadable ones need is unknown.",
    ),
    Check(
        id="shadow.reached", item=7, category="workers", ask=shadow.reached,
        needs=(Need.SERVER, Need.SHADOWS), after=("server.fits", "workers.coverage"), becomes_true=False, acts=True,
        meaning="A shadow workflow is started, claimed by a worker, and reaches its expected state in time.",
        why="It is the only proof that the server, a worker and its code go together before real work depends on them.",
        fix="Mend what it hangs at; `dwctl shadow` plays it again, and `dwctl diagnose` explains one that is open. "
            "Those of an interrupted gate stay on the server: `dwctl workflow list --query shadow-` finds them.",
        evidence="Every [[shadow]] of cutover.toml, at once, each started a single time under an id of its own, and "
                 "watched until its status and output are there or its timeout is over.",
    ),
)  # fmt: skip
"""In the order in which workers come."""
