"""Worlds for the checks of item 11: a ledger's rows, a server's list and details, and what the embedded side says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from application_worlds import cutover, world
from asked_worlds import Answer, bundle, reply, wire
from dwctl.bundle.demand import Demand, DemandKind
from dwctl.checklist.checks.imports.rows import CHECKS
from dwctl.checklist.facts.facts import BundleFact, BundleSet, DriftFacts, LedgerFact, LedgerFacts
from dwctl.checklist.facts.world import World
from dwctl.checklist.gate.check import Finding
from dwctl.server.results import RunRow, TaskCounts, TaskQueue
from dwctl.server.walk import Walk

URL = "http://127.0.0.1:8080"
COMPARED = "2026-11-22T20:00:00.000000Z"
CAME = "2026-11-22T10:00:00.500000Z"
DATABASE = "database app at db:3306"


def run_id(number: int) -> str:
    """The run of this number."""
    return f"run-{number}"


def fact(number: int = 1, **changes: Any) -> LedgerFact:
    """A row of a run that was imported while it waited, and compared."""
    given: dict[str, Any] = {
        "run_id": run_id(number), "instance_id": f"order-{number}", "workflow_type": "orders.process",
        "task_queue": "orders", "status": "waiting", "state": "imported", "import_id": "orders-1",
        "compared_at": COMPARED, "differs_at": None, "drift": None, "drift_at": None, "archived_at": None,
        "dedupe_key": f"{run_id(number)}:3:{CAME}",
    }  # fmt: skip
    return LedgerFact(**(given | changes))


def ledger(*rows: LedgerFact, **changes: Any) -> LedgerFacts:
    """The ledger of the cutover with these rows."""
    given: dict[str, Any] = {
        "path": "/srv/ledger.db", "server": URL, "namespace": "production", "import_id": "orders-1", "rows": rows,
        "head": "ab" * 32, "sound": True, "audited": "the end of its log",
    }  # fmt: skip
    return LedgerFacts(**(given | changes))


def listed(number: int = 1, status: str = "waiting", **changes: Any) -> RunRow:
    """The run of this number as the server lists it."""
    given: dict[str, Any] = {
        "workflow_id": f"order-{number}", "run_id": run_id(number), "workflow_type": "orders.process",
        "business_key": None, "status": status, "status_bucket": None, "task_queue": "orders",
        "is_terminal": status in ("completed", "failed"), "started_at": None, "closed_at": None,
    }  # fmt: skip
    return RunRow(**(given | changes))


def path(number: int) -> str:
    """Where the run of this number is described."""
    return f"/api/workflows/order-{number}/runs/{run_id(number)}"


def described(number: int = 1, **changes: Any) -> dict[str, Answer]:
    """The answer that describes the run of this number."""
    document = {
        "workflow_id": f"order-{number}", "run_id": run_id(number), "workflow_type": "orders.process",
        "status": "waiting", "task_queue": "orders", "wait_kind": "signal", "last_progress_at": CAME[:19] + "+00:00",
        "memo": [], "search_attributes": [],
    }  # fmt: skip
    return {path(number): reply(document | changes)}


def history(number: int, *events: Mapping[str, Any]) -> dict[str, Answer]:
    """The answer with the history of the run of this number: these events from the first on."""
    rows = [
        {"sequence": place, "timestamp": CAME, "payload": {}} | dict(event) for place, event in enumerate(events, 1)
    ]
    document = {"workflow_id": f"order-{number}", "run_id": run_id(number), "events": rows, "next_page_token": None}
    return {f"{path(number)}/history": reply(document)}


def queue(name: str = "orders", waiting: int | None = 0, *, polled: int | None = 1) -> TaskQueue:
    """A queue in which so many tasks wait."""
    counts = TaskCounts(waiting, 0, 0, "accepting")
    none = TaskCounts(None if waiting is None else 0, 0, 0, "accepting")
    return TaskQueue(name, polled, 0, 60, waiting, None, counts, none, None)


def queue_shown(name: str = "orders", *holders: str, expired: bool = False) -> dict[str, Answer]:
    """The answer that shows a queue; `holders` are runs whose task a worker holds."""
    leases = [{"task_id": f"t-{run}", "run_id": run, "lease_owner": "w-1", "is_expired": expired} for run in holders]
    document = {"name": name, "stats": {}, "pollers": [], "current_leases": leases}
    return {f"/api/task-queues/{name}": reply(document)}


def overdue(**by_queue: int) -> dict[str, Answer]:
    """The answer of the repair status: so many overdue tasks by queue."""
    scopes = [{"queue": name, "total_candidates": count} for name, count in by_queue.items()]
    return {"/api/system/repair": reply({"candidates": {"total_candidates": sum(by_queue.values()), "scopes": scopes}})}


def gate(
    known: LedgerFacts,
    *,
    runs: Sequence[RunRow] = (),
    complete: bool = True,
    queues: Sequence[TaskQueue] = (),
    bundles: Sequence[BundleFact] = (),
    drift: DriftFacts | None = None,
    answers: Mapping[str, Answer] | None = None,
    deep: bool = False,
    **changes: Any,
) -> World:
    """A world of these; another answer than those named is a mistake of the test."""
    about = {"bundles": ("exports",), "ledger": Path("/srv/ledger.db"), **changes}
    server = wire(answers or {})
    made = world(
        cutover(**about), server=lambda: server, ledger=lambda: known, runs=lambda: Walk(tuple(runs), complete, 1),
        queues=lambda: tuple(queues), bundles=lambda: BundleSet(tuple(bundles), 0),
        drift=lambda: drift or DriftFacts(DATABASE, COMPARED),
    )  # fmt: skip
    return replace(made, deep=deep)


def ask(check_id: str, seen: World) -> Finding:
    """What a check of item 11 finds."""
    (check,) = (one for one in CHECKS if one.id == check_id)
    return check.ask(seen)


def demanding(number: int, queue_name: str) -> BundleFact:
    """A bundle whose activity waits in another queue than its run's."""
    return bundle(number, demands=(Demand(DemandKind.ACTIVITY, queue_name, "orders.charge", None),))
