"""Worlds for the checks of the gate: a server whose wire is a table of answers, and facts that are handed in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

from dwctl.bundle.demand import Demand, DemandKind
from dwctl.checklist.description.described import Described
from dwctl.checklist.facts.facts import BundleFact, BundleSet, LedgerFacts
from dwctl.checklist.facts.world import Fact, Missing, World
from dwctl.checklist.gate.check import Need
from dwctl.secret import Secret
from dwctl.server.results import TaskQueue, Worker
from dwctl.server.retries import ONCE
from dwctl.server.target import Credential, Target
from dwctl.server.transport import Server
from dwctl.settings import Role
from unasked_worlds import world_of

NOW = "2026-11-23T12:00:00.000000Z"
TOKENS = {role: Credential(Secret(f"tok-{role}"), f"DW_{role.upper()}_TOKEN") for role in Role}
TARGET = Target("http://127.0.0.1:8080", "production", credentials=TOKENS)
SERVED = "--server http://127.0.0.1:8080 --namespace production"
"""What stands at the end of every command."""

Answer = httpx.Response | Exception
NONE = Missing("nobody named any")
NOT_WANTED = Missing("this cutover does without", applies=False)


def reply(document: Any = None, status: int = 200, **headers: str) -> httpx.Response:
    """A JSON answer."""
    return httpx.Response(status, content=json.dumps({} if document is None else document).encode(), headers=headers)


def refusal(status: int, reason: str, **more: Any) -> httpx.Response:
    """An error answer with a reason."""
    return reply({"message": "no", "reason": reason} | more, status)


def wire(answers: Mapping[str, Answer], target: Target = TARGET, now: float = 1_800_000_000.0) -> Server:
    """A server that gives each path its answer, at this Unix time here; another path is a mistake of the test."""

    def respond(request: httpx.Request) -> httpx.Response:
        answer = answers[request.url.path]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Server(target, transport=httpx.MockTransport(respond), policy=ONCE, now=lambda: now)


def world(
    server: Server | None = None,
    *,
    described: Described | None = None,
    operator: Server | None = None,
    workers: tuple[Worker, ...] | Exception | None = None,
    queues: tuple[TaskQueue, ...] | Exception | None = None,
    bundles: BundleSet | None = None,
    ledger: LedgerFacts | None = None,
    missing: Mapping[Need, Missing] | None = None,
) -> World:
    """A world of these sources; bundles and ledger are missing where they are not given."""
    absent = {Need.BUNDLES: NONE} if bundles is None else {}
    absent |= {Need.LEDGER: NONE} if ledger is None else {}

    given = {
        "server": server or wire({}), "operator": operator, "workers": workers, "queues": queues, "bundles": bundles,
        "ledger": ledger,
    }  # fmt: skip
    facts = {name: _fact(value) for name, value in given.items() if value is not None}
    return world_of(described or Described(None, "orders"), NOW, {**absent, **(missing or {})}, facts)


def _fact(value: Any) -> Fact[Any]:
    def answer() -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    return Fact(answer)


def worker(worker_id: str = "w-1", queue: str | None = "orders", status: str = "active", **changes: Any) -> Worker:
    """A worker that takes everything."""
    fields: dict[str, Any] = {
        "worker_id": worker_id, "namespace": "production", "task_queue": queue, "runtime": "php", "sdk_version": None,
        "build_id": None, "workflow_types": (), "activity_types": (), "max_concurrent_workflow_tasks": 1,
        "max_concurrent_activity_tasks": 1, "status": status, "last_heartbeat_at": "2026-11-23T11:59:00.000000Z",
    }  # fmt: skip
    return Worker(**(fields | changes))


def bundle(number: int = 1, **changes: Any) -> BundleFact:
    """What is known of an open run's bundle that needs a workflow worker on the queue `orders`."""
    fields: dict[str, Any] = {
        "file": f"/exports/{number}.json", "sha256": f"{number:064}", "bytes": 10, "read_at": NOW,
        "run_id": f"run-{number}", "status": "waiting",
        "demands": (Demand(DemandKind.WORKFLOW, "orders", "orders.process", None),),
    }  # fmt: skip
    return BundleFact(**(fields | changes))


def closed(number: int, closed_at: str) -> BundleFact:
    """What is known of a completed run's bundle."""
    return bundle(number, status="completed", closed_at=closed_at, demands=())


def unreadable(number: int) -> BundleFact:
    """A file that is no bundle."""
    return BundleFact(f"/exports/{number}.json", "", 0, NOW, problem="it is no JSON")


def bundles(*facts: BundleFact, missing: tuple[str, ...] = ()) -> BundleSet:
    """These, as they lie."""
    return BundleSet(facts, 0, missing)
