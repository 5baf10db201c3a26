"""Item 11 by what imported runs do: workers have claimed what they can, and due timers have fired.

No list says who has claimed a run. A run with a ready task waits in its queue, so a queue in which nothing waits has no
unclaimed run; where something waits, some of its runs are looked at. A timer that came with an import is fired on
today's server only after a repair pass (contract/server.md §6); what such a pass would take up, the server says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from dwctl.checklist.checks.findings import seen
from dwctl.checklist.checks.imports.asking import (
    answers_of,
    nothing_imported,
    of_ledger,
    of_list,
    on_target,
    runs_listed,
    sampled,
    still_open,
)
from dwctl.checklist.facts.facts import LedgerFact, LedgerFacts
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Evidence, Finding, Need, State
from dwctl.checklist.worker_events import WORKERS_EVENTS
from dwctl.counted import counted
from dwctl.embedded.instants import instant
from dwctl.server.endpoints import show_task_queue
from dwctl.server.failures import CallFailed, CallNotFound
from dwctl.server.results import HistoryEvent, Run, TaskQueue
from dwctl.server.system import repair_status
from dwctl.server.workflows import describe, history
from dwctl.typed_commands import command_line

_BY_WORKERS: Final = frozenset({"workflow-task", "activity", "update"})
"""What a run waits for that a worker brings, in the words of `wait_kind`."""
_LIMITED: Final = frozenset({"signal", "condition"})
"""Waits that a timer may limit."""
_OF_A_WAIT: Final = ("timer_kind", "signal_wait_id", "condition_wait_id")
"""What the timer of a limit names."""


def claimed(world: World) -> Finding:
    """Whether workers have claimed the open imported runs that have something to do."""
    return _of_open(world, _claimed)


def timers(world: World) -> Finding:
    """Whether the timers of imported runs that are due have fired. Asks, and never repairs."""
    return _of_open(world, _timers)


def _of_open(
    world: World, ask: Callable[[World, LedgerFacts, Sequence[LedgerFact], list[Evidence]], Finding]
) -> Finding:
    """What is found of the imported runs that are open, where there are any."""
    ledger = world.ledger()
    rows = ledger.there
    if not rows:
        return nothing_imported(world, ledger)
    still = still_open(rows, runs_listed(world))
    evidence = [of_ledger(world, ledger), of_list(world)]
    if not still:
        return _none_open(world, rows, evidence)
    return ask(world, ledger, still, evidence)


def _claimed(world: World, ledger: LedgerFacts, still: Sequence[LedgerFact], evidence: list[Evidence]) -> Finding:
    where = _where(world, still)
    used = frozenset().union(*where.values())
    queues = {queue.name: queue for queue in world.queues() if queue.name in used}
    waiting = {name: _waiting(queue) for name, queue in queues.items()}
    asked = ", ".join(f"{name}: {_said(waiting[name])}" for name in sorted(queues)) or "none of them holds a task"
    evidence.append(seen(world, f"GET /api/task-queues: {counted(len(used), 'queue')} of open runs", asked))
    busy = {name for name, count in waiting.items() if count != 0}
    if not busy:
        said = f"no task waits for a worker in the queues of {counted(len(still), 'open run')}"
        return Finding.of(State.PASS, said, evidence=evidence)
    in_busy = [row for row in still if where[row.run_id] & busy]
    return _in_queues(
        world, ledger, in_busy, {row.run_id: where[row.run_id] & busy for row in in_busy}, queues, evidence
    )


def _none_open(world: World, rows: Sequence[LedgerFact], evidence: list[Evidence]) -> Finding:
    """No imported run is listed as open: all have ended, or some are not listed at all."""
    on_server = runs_listed(world)
    missing = [row.run_id for row in rows if row.run_id not in on_server]
    if missing:
        return Finding.of(
            State.UNKNOWN, f"not listed on the server, so that nobody knows what it does: "
            f"{counted(len(missing), 'imported run')}", missing, evidence=evidence,
            next_step="See what became of them.",
        )  # fmt: skip
    return Finding.of(State.PASS, f"all have ended: {counted(len(rows), 'imported run')}", evidence=evidence)


def _where(world: World, rows: Sequence[LedgerFact]) -> dict[str, frozenset[str]]:
    """Run → the queues in which its tasks may lie: its own, and those that its bundle names for activities.

    Of a run whose bundle is not here nobody knows that, so any queue may be its.
    """
    demanded: dict[str | None, frozenset[str]] = {}
    if Need.BUNDLES not in world.missing:
        demanded = {
            bundle.run_id: frozenset(demand.queue for demand in bundle.demands if demand.queue is not None)
            for bundle in world.bundles().bundles
        }
    every = frozenset(queue.name for queue in world.queues())
    return {row.run_id: demanded.get(row.run_id, every) | {_queue(row)} for row in rows}


def _waiting(queue: TaskQueue) -> int | None:
    """Tasks that nobody holds; None where the server does not say."""
    if queue.backlog is not None:
        return queue.backlog
    ready = (queue.workflow_tasks.ready, queue.activity_tasks.ready)
    return None if None in ready else sum(count or 0 for count in ready)


def _said(count: int | None) -> str:
    return "does not say what waits" if count is None else f"{counted(count, 'task')} waiting"


def _in_queues(
    world: World,
    ledger: LedgerFacts,
    rows: Sequence[LedgerFact],
    where: Mapping[str, frozenset[str]],
    queues: Mapping[str, TaskQueue],
    evidence: list[Evidence],
) -> Finding:
    """Something waits in the queues of these runs: whether it is theirs."""
    chosen = sampled(rows, world)
    busy = sorted(frozenset().union(*where.values()))
    leases = [lease for name in busy for lease in show_task_queue(world.server(), name).leases or ()]
    held = {lease.run_id for lease in leases if not lease.is_expired}
    asked = [row for row in chosen if row.run_id not in held]
    answers = answers_of(world, asked, lambda row: _is_unclaimed(world, row))
    told = {row.run_id: (row, is_so) for row, is_so in answers}
    unclaimed = [row for row, is_so in told.values() if is_so]
    unseen = [run_id for run_id, (_, is_so) in told.items() if is_so is None]
    of = f"{len(chosen):,} of {counted(len(rows), 'open run')}"
    of_sample = f" ({of} asked)" if len(chosen) < len(rows) else ""
    evidence.append(Evidence(f"described in queues where tasks wait: {of}", f"waiting for a claim: {len(unclaimed):,}",
                             world.now()))  # fmt: skip
    if unseen and not unclaimed:
        return Finding.of(
            State.UNKNOWN, f"tasks wait in {', '.join(busy)}, and the server can describe none of "
            f"{counted(len(unseen), 'run')} there that may wait for them ({of})", unseen, evidence=evidence,
            next_step="Look at one, and at the server's log.",
            command=on_target(ledger, "workflow", "show", told[unseen[0]][0].instance_id),
        )  # fmt: skip
    if not unclaimed:
        state = State.PASS if len(chosen) == len(rows) else State.WARN
        said = f"tasks wait in {', '.join(busy)}, and no run that was asked about waits unclaimed ({of})"
        step = None if state is State.PASS else "--deep asks about each of them."
        return Finding.of(state, said, evidence=evidence, next_step=step)
    ids, their = [row.run_id for row in unclaimed], sorted(frozenset().union(*(where[row.run_id] for row in unclaimed)))
    many = f"{counted(len(ids), 'run')}{of_sample}"
    unpolled = [name for name in their if queues[name].polled is False]
    if unpolled:
        return Finding.of(
            State.FAIL, f"unclaimed: {many}, and no live worker polls {', '.join(unpolled)}", ids,
            evidence=evidence, next_step="Start workers for exactly these queues, in this namespace.",
            command=on_target(ledger, "worker", "coverage", *world.described.bundles),
        )  # fmt: skip
    return Finding.of(
        State.FAIL, f"unclaimed: {many} in {', '.join(their)}, which live workers poll", ids,
        evidence=evidence,
        next_step="Give the workers a moment; then see why none takes them: type, build, or a task that is given back.",
        command=on_target(ledger, "diagnose", unclaimed[0].instance_id),
    )  # fmt: skip


def _queue(row: LedgerFact) -> str:
    return row.task_queue or "default"


def _described(world: World, row: LedgerFact) -> Run | None:
    """A run as it is now; None where it is gone or cannot be rendered, which other checks tell."""
    try:
        return describe(world.server(), row.instance_id, row.run_id)
    except (CallFailed, CallNotFound):
        return None


def _is_unclaimed(world: World, row: LedgerFact) -> bool | None:
    """Whether it waits for a worker, and none has had it since it came; None where the server cannot render it.

    One that is gone waits for nobody, which `imports.present` tells.
    """
    try:
        run = describe(world.server(), row.instance_id, row.run_id)
    except CallNotFound:
        return False
    except CallFailed:
        return None
    if run.wait_kind not in _BY_WORKERS:
        return False
    sequence, _, progress = (row.dedupe_key or "").removeprefix(f"{row.run_id}:").partition(":")
    came, stands = instant(progress), instant(run.last_progress_at)
    # The server shows whole seconds.
    if not sequence.isdecimal() or came is None or stands is None or stands <= came.replace(microsecond=0):
        return True
    events = history(world.server(), row.instance_id, row.run_id)
    return not any(event.sequence > int(sequence) and event.event_type in WORKERS_EVENTS for event in events)


def _timers(world: World, ledger: LedgerFacts, still: Sequence[LedgerFact], evidence: list[Evidence]) -> Finding:
    status = repair_status(world.server())
    used = {_queue(row) for row in still}
    theirs = {name: count for name, count in status.by_queue.items() if name in used}
    came = f"{counted(status.candidates, 'task')} due and not handed on; in their queues: "
    came += ", ".join(f"{name} {count:,}" for name, count in sorted(theirs.items())) or "none"
    evidence.append(seen(world, "GET /api/system/repair", came))
    nameless = status.candidates - sum(status.by_queue.values())
    if nameless > 0 and not any(theirs.values()):
        return Finding.of(
            State.UNKNOWN, f"the server does not say on which queues {counted(nameless, 'overdue task')} lie",
            evidence=evidence, next_step="Have the server run its repair passes (its scheduler does), and ask again.",
            command=_repair_command(ledger),
        )  # fmt: skip
    if not any(theirs.values()):
        return Finding.of(
            State.PASS, f"nothing is overdue in the queues of {counted(len(still), 'open run')}", evidence=evidence
        )
    return _overdue(world, ledger, [row for row in still if theirs.get(_queue(row))], theirs, evidence)


def _overdue(
    world: World,
    ledger: LedgerFacts,
    rows: Sequence[LedgerFact],
    overdue: Mapping[str, int],
    evidence: list[Evidence],
) -> Finding:
    """Something is overdue where these runs are: whether it is a timer of theirs."""
    chosen = sampled(rows, world)
    answers = answers_of(world, chosen, lambda row: _unfired_since(world, row))
    due = {row.run_id: since for row, since in answers if since is not None}
    of = f"{len(chosen):,} of {counted(len(rows), 'open run')}"
    of_sample = f" ({of} asked)" if len(chosen) < len(rows) else ""
    evidence.append(Evidence(f"timers read in queues where something is overdue: {of}",
                             f"waiting for a due timer: {len(due):,}", world.now()))  # fmt: skip
    if due:
        return Finding.of(
            State.FAIL, f"waiting for a timer that is due and has not fired: {counted(len(due), 'run')}{of_sample}, "
            f"the oldest since {min(due.values())}; no repair pass has taken it up", list(due), evidence=evidence,
            next_step="Have the server run its repair passes (its scheduler does); an admin's token may ask for one.",
            command=_repair_command(ledger),
        )  # fmt: skip
    if len(chosen) == len(rows):
        return Finding.of(State.PASS, f"what is overdue is no timer of an imported run ({of})", evidence=evidence)
    for_workers = {queue.name: _waiting(queue) for queue in world.queues()}
    # Timers lie in no backlog: what is overdue beyond it can only be theirs.
    beyond = any(count > (for_workers.get(name) or 0) for name, count in overdue.items())
    return Finding.of(
        State.UNKNOWN if beyond else State.WARN,
        f"overdue in the queues of imported runs: {counted(sum(overdue.values()), 'task')}"
        f"{', more than wait for workers' if beyond else ''}; whose is not known{of_sample}", evidence=evidence,
        next_step="--deep asks about each of the runs.",
    )  # fmt: skip


def _unfired_since(world: World, row: LedgerFact) -> str | None:
    """When the first timer of a run came due that has not fired; None where none has."""
    now = instant(world.now())
    try:
        timers_left = _open_timers(history(world.server(), row.instance_id, row.run_id))
    except CallNotFound:
        return None
    due = [one for one in timers_left if now is not None and (at := instant(one.fire_at)) is not None and at <= now]
    if all(one.is_limit for one in due):
        # A limit ends with its wait, and no event says so.
        run = _described(world, row) if due else None
        due = due if run is not None and run.wait_kind in _LIMITED else []
    return min((one.fire_at for one in due), default=None)


class _Timer(NamedTuple):
    """A timer that has neither fired nor been cancelled; `is_limit` where it limits the time of another wait."""

    fire_at: str
    is_limit: bool


def _open_timers(events: Iterable[HistoryEvent]) -> list[_Timer]:
    by_id: dict[object, _Timer] = {}
    for event in events:
        payload = event.payload if isinstance(event.payload, dict) else {}
        if event.event_type == "TimerScheduled" and isinstance(payload.get("fire_at"), str):
            is_limit = any(payload.get(name) is not None for name in _OF_A_WAIT)
            by_id[payload.get("timer_id")] = _Timer(payload["fire_at"], is_limit)
        elif event.event_type in ("TimerFired", "TimerCancelled"):
            by_id.pop(payload.get("timer_id"), None)
    return list(by_id.values())


def _repair_command(ledger: LedgerFacts) -> str:
    """The server's own command line asks for a repair pass; dwctl's checks change nothing."""
    return command_line("dw", "system:repair-pass", f"--server={ledger.server}", f"--namespace={ledger.namespace}")
