"""Parked runs as JSON (schemas/embedded-parked.schema.json)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dwctl.embedded.open_work import Queue
from dwctl.transfer.runtimes.parked import Parked, ParkedReport, ParkedState

SCHEMA = "dwctl.embedded-parked"


def parked_document(report: ParkedReport) -> dict[str, Any]:
    """The document of `embedded parked --json`."""
    return {
        "schema": SCHEMA,
        "schema_version": 1,
        "as_of": report.as_of,
        "asked": report.asked,
        "doubts": list(report.doubts),
        "unread": list(report.unread),
        "runs": list(parked_items(report)),
        "queues": [queue_item(queue, report) for queue in report.sorted_queues],
        "summary": {
            "total": report.total,
            **{state.value: report.counts[state] for state in ParkedState},
            "exit_code": int(report.exit_code),
        },
    }


def parked_items(report: ParkedReport) -> Iterator[dict[str, Any]]:
    """The runs that are neither quiet nor closed, the worst first."""
    return map(parked_item, report.rows)


def parked_item(parked: Parked) -> dict[str, Any]:
    """The embedded copy of one imported run."""
    run, work, position = parked.run, parked.work, parked.drift.position
    return {
        "run_id": run.run_id,
        "instance_id": run.instance_id or (position.instance_id if position else None),
        "state": parked.state.value,
        "said": parked.said,
        "ready_tasks": work.ready_tasks,
        "due_timers": work.due_timers,
        "held": work.held,
        "wakes_at": work.next_at,
        "queues": [_queue(queue) for queue in parked.queues],
        "status": None if position is None else position.status,
        "dedupe_key": None if position is None else position.dedupe_key,
        "imported_dedupe_key": run.dedupe_key,
    }


def queue_item(queue: Queue, report: ParkedReport) -> dict[str, Any]:
    """A queue whose workers must stay paused: how many runs hang on it, and how many moved or could wake."""
    return {**_queue(queue), "runs": report.queues[queue], "moved_or_could_wake": report.waking_queues[queue]}


def _queue(queue: Queue) -> dict[str, Any]:
    return {"connection": queue.connection, "queue": queue.name}
