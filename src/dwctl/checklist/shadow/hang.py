"""Why a run goes no further: whom it waits for, and what the coverage says of that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dwctl.bundle.demand import Demand, DemandKind
from dwctl.checklist.coverage.coverage import look, needs_of
from dwctl.checklist.coverage.rows import Row, names
from dwctl.checklist.failures import failure_text
from dwctl.server.endpoints import show_task_queue
from dwctl.server.failures import ServerFailure
from dwctl.server.results import HistoryEvent, Lease, Run, TaskQueue
from dwctl.server.transport import Server
from dwctl.server.workflows import history

_ENDS = frozenset({"ActivityCompleted", "ActivityFailed", "ActivityCancelled", "ActivityTimedOut"})
_FAILURES = frozenset({"WorkflowFailed", "WorkflowTimedOut", "WorkflowTerminated", "WorkflowCancelled"})


@dataclass(frozen=True, slots=True)
class Hang:
    """Where a run hangs, in a sentence, and what to do; `row` is the coverage of what it waits for, where asked."""

    told: str
    next_step: str
    row: Row | None = None


def hang_of(server: Server, run: Run, queue: str, workflow_type: str, claimed_by: str | None, *, claimed: bool) -> Hang:
    """Why an open run goes no further. Never raises a ServerFailure: what cannot be asked is not known."""
    try:
        name = run.row.task_queue or queue
        if not claimed:
            return _unclaimed(server, Demand(DemandKind.WORKFLOW, name, workflow_type, run.compatibility))
        open_activity = _open_activity(history(server, run.row.workflow_id, run.row.run_id))
        if open_activity is not None:
            return _activity(server, run, name, open_activity)
        if run.wait_kind == "workflow-task":
            return _workflow_task(server, run, name, workflow_type, claimed_by)
        return _at_rest(run)
    except ServerFailure as failure:
        return Hang(f"why is not known: {failure.message}", f"`dwctl workflow show {run.row.workflow_id}` asks again.")


def failure_of(server: Server, run: Run) -> str | None:
    """What the history says of how a run ended; None where it says nothing, or cannot be asked."""
    try:
        events = list(history(server, run.row.workflow_id, run.row.run_id))
    except ServerFailure:
        return None
    last = next((event for event in reversed(events) if event.event_type in _FAILURES), None)
    return None if last is None else failure_text(last.payload)


def _covered(server: Server, demand: Demand) -> Row:
    return look(server, needs_of((), [demand])).rows[0]


def _unclaimed(server: Server, demand: Demand) -> Hang:
    """Nobody has claimed it: nobody can, or those who can do not."""
    row = _covered(server, demand)
    if row.gap is not None:
        return Hang(row.told, row.next_step or "", row)
    queue = show_task_queue(server, str(demand.queue))
    counts = queue.workflow_tasks if demand.kind is DemandKind.WORKFLOW else queue.activity_tasks
    who = names(row.served_by)
    if counts.admission not in (None, "accepting"):
        return Hang(
            f"{who} would take it, and queue {demand.queue} gives nothing out: {counts.admission}",
            f"`dwctl task-queue show {demand.queue}` shows what the workers hold.", row,
        )  # fmt: skip
    return Hang(
        f"{who} would take it, and nobody has: no poll is under way, or the task is given back at once",
        "Read the log of the worker: does it poll, and does it fail the task?", row,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _OpenActivity:
    type: str
    queue: str | None
    attempts: int
    started: bool
    retry: str | None


def _open_activity(events: Iterable[HistoryEvent]) -> _OpenActivity | None:
    """The first activity that was scheduled and has no end."""
    found: dict[str, _OpenActivity] = {}
    for event in events:
        payload = event.payload if isinstance(event.payload, dict) else {}
        identity = str(payload.get("activity_execution_id"))
        if event.event_type == "ActivityScheduled":
            shown = payload.get("activity")
            queue = shown.get("queue") if isinstance(shown, dict) else None
            name = str(payload.get("activity_type") or payload.get("activity_class") or "of no name")
            found[identity] = _OpenActivity(name, queue if isinstance(queue, str) else None, 0, False, None)
        elif identity in found:
            one = found[identity]
            if event.event_type in _ENDS:
                del found[identity]
            elif event.event_type == "ActivityStarted":
                found[identity] = _OpenActivity(one.type, one.queue, one.attempts + 1, True, None)
            elif event.event_type == "ActivityRetryScheduled":
                said = failure_text(payload) or "it failed"
                at = payload.get("retry_available_at")
                retry = f"{said}; it is tried again{f' at {at}' if isinstance(at, str) else ''}"
                found[identity] = _OpenActivity(one.type, one.queue, one.attempts, False, retry)
    return next(iter(found.values()), None)


def _activity(server: Server, run: Run, queue: str, activity: _OpenActivity) -> Hang:
    name = f"activity {activity.type}"
    if activity.retry is not None:
        return Hang(
            f"{name} failed at attempt {activity.attempts}: {activity.retry}", "Mend what the activity reports."
        )
    at = activity.queue or queue
    if activity.started:
        held = _lease_of(show_task_queue(server, at), run)
        by = f" by {held.lease_owner}" if held is not None else ""
        return Hang(f"{name} is being executed{by}", "Read the log of that worker, or give the run more time.")
    hang = _unclaimed(server, Demand(DemandKind.ACTIVITY, at, activity.type, run.compatibility))
    return Hang(f"{name} waits for a worker: {hang.told}", hang.next_step, hang.row)


def _workflow_task(server: Server, run: Run, queue: str, workflow_type: str, claimed_by: str | None) -> Hang:
    held = _lease_of(show_task_queue(server, queue), run)
    if held is not None:
        until = f" until {held.lease_expires_at}" if held.lease_expires_at else ""
        over = "; the lease is over" if held.is_expired else ""
        return Hang(
            f"{held.lease_owner} holds its workflow task{until}, and has not answered{over}",
            "Read the log of that worker: its code may block, or it ended with the task in hand.",
        )
    row = _covered(server, Demand(DemandKind.WORKFLOW, queue, workflow_type, run.compatibility))
    if row.gap is not None:
        return Hang(f"its workflow task waits: {row.told}", row.next_step or "", row)
    by = claimed_by or names(row.served_by)
    return Hang(
        f"its workflow task was claimed by {by} and given back", "Read the log of the worker: it fails the task.", row
    )


def _lease_of(queue: TaskQueue, run: Run) -> Lease | None:
    return next((lease for lease in queue.leases or () if lease.run_id == run.row.run_id), None)


def _at_rest(run: Run) -> Hang:
    """It waits for something that no worker brings."""
    kind = run.wait_kind or "something that the server does not name"
    says_more = run.wait_reason is not None and run.wait_reason.lower() != f"waiting for {kind}"
    said = f" ({run.wait_reason})" if says_more else ""
    return Hang(
        f"it waits for {kind}{said}",
        "Start it with an input that needs none of that, or expect it: --expect-status waiting.",
    )
