"""Task queues, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich.text import Text

from dwctl.counted import counted
from dwctl.render.console_lines import Cell, fields, heading, line
from dwctl.render.console_server import moment, or_dash, status, title, types
from dwctl.render.console_table import Table, write_lines
from dwctl.render.text import one_line
from dwctl.server.results import Lease, TaskCounts, TaskQueue, Worker

_NOBODY = "nobody polls this queue"


def show_task_queues(namespace: str, found: Sequence[TaskQueue], stream: TextIO) -> None:
    """Queues one a line, each with whether somebody polls it."""
    table = Table(
        ("queue", "polled", "active", "stale", "ready", "leased", "expired leases", "admission"),
        [
            [
                queue.name,
                _polled(queue),
                or_dash(queue.active_pollers),
                or_dash(queue.stale_pollers),
                _both(queue, "ready"),
                _both(queue, "leased"),
                _both(queue, "expired_leases"),
                status(queue.workflow_tasks.admission),
            ]
            for queue in found
        ],
        may_go=("expired leases", "stale", "leased"),
    )
    unpolled = [queue.name for queue in found if queue.polled is False]
    lines: list[Text | Table] = [table, Text(one_line(f"{counted(len(found), 'task queue')} in {namespace}"))]
    if unpolled:
        lines.append(Text(one_line(f"nobody polls: {', '.join(unpolled)}"), style="bold yellow"))
    write_lines(lines, stream)


def show_task_queue(namespace: str, queue: TaskQueue, stream: TextIO) -> None:
    """One queue: what waits, who polls, who holds a lease."""
    lines: list[Text | Table] = [title(queue.name, f"in {namespace}")]
    if queue.polled is False:
        known = "the server knows neither a worker nor a task of it" if not queue.backlog else "tasks wait there"
        lines.append(Text.assemble((f"{_NOBODY}; ", "bold yellow"), known))
    lines += fields(
        [
            ("workflow tasks", _counts(queue.workflow_tasks)),
            ("activity tasks", _counts(queue.activity_tasks)),
            ("backlog", or_dash(queue.backlog)),
            ("oldest waits", f"{queue.backlog_age_seconds} s" if queue.backlog_age_seconds else ""),
            ("needs the repair pass", "yes" if queue.repair_needed else ""),
        ]
    )
    lines += _pollers(queue.pollers or ())
    lines += _leases(queue.leases or ())
    write_lines(lines, stream)


def _polled(queue: TaskQueue) -> Cell:
    if queue.polled is None:
        return ("unknown", "yellow")
    return ("yes", "green") if queue.polled else ("no", "red")


def _both(queue: TaskQueue, count: str) -> str:
    """Workflow and activity tasks together; unknown where one of them is."""
    parts = [getattr(queue.workflow_tasks, count), getattr(queue.activity_tasks, count)]
    return "-" if None in parts else str(sum(parts))


def _counts(counts: TaskCounts) -> str:
    return (
        f"{or_dash(counts.ready)} ready, {or_dash(counts.leased)} leased, "
        f"{or_dash(counts.expired_leases)} expired leases; {or_dash(counts.admission)}"
    )


def _pollers(pollers: Sequence[Worker]) -> list[Text | Table]:
    if not pollers:
        return []
    return [
        heading("pollers"),
        Table(
            ("worker", "status", "runtime", "build", "heartbeat ends", "workflow types"),
            [
                [
                    poller.worker_id,
                    status(poller.status),
                    or_dash(poller.runtime),
                    or_dash(poller.build_id),
                    moment(poller.heartbeat_expires_at),
                    types(poller.workflow_types),
                ]
                for poller in pollers
            ],
            may_go=("runtime", "build", "heartbeat ends"),
        ),
    ]


def _leases(leases: Sequence[Lease]) -> list[Text]:
    if not leases:
        return []
    return [
        heading("leases"),
        *(
            line(
                lease.task_id,
                or_dash(lease.workflow_id),
                f"held by {or_dash(lease.lease_owner)}",
                ("expired", "red") if lease.is_expired else f"until {moment(lease.lease_expires_at)}",
            )
            for lease in leases
        ),
    ]
