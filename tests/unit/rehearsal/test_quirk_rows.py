"""Every quirk is a switch: with it the server answers one way, without it another.

A quirk without a case here, or with a case that answers the same both ways, is noticed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from dwctl.rehearsal.quirks import MEASURED, Q
from rehearsal_server import CONTROL, InProcess, client_of, import_request, imported, in_process, payload, ready_run
from sample_bundles import Bundle

LIMIT = 2_097_152
TIMER_DUE = "2026-11-22T23:00:00.000000Z"
UNREADABLE = {"codec": "avro", "blob": "AAQCW10="}


def _json_body(server: InProcess) -> Any:
    server.start(business_key=" b-1 ")
    return server.get("workflows/order-1")["business_key"]


def _import(server: InProcess, bundle: Bundle, query: str = "") -> httpx.Response:
    async def send() -> httpx.Response:
        async with client_of(server.app) as client:
            request = import_request(bundle)
            return await client.post(**{**request, "url": request["url"] + query})

    return asyncio.run(send())


def _body_limit(server: InProcess) -> Any:
    return _import(server, ready_run(1, {"padding": "x" * LIMIT})).status_code


def _empty_map(server: InProcess) -> Any:
    server.start()
    return server.get("workflows/order-1")["memo"]


def _zero_fraction(server: InProcess) -> Any:
    run_id = server.start(search_attributes={"amount": 12.0})["run_id"]
    described = server.get("workflows/order-1")["search_attributes"]["amount"]
    exported = server.get(f"workflows/order-1/runs/{run_id}/history/export")["workflow"]["search_attributes"]["amount"]
    return type(described), type(exported)


def _case_folded(server: InProcess) -> Any:
    return server.post("namespaces", {"name": "Production"}, status=201)["name"]


def _defaulted(server: InProcess) -> Any:
    async def send(headers: dict[str, str]) -> httpx.Response:
        async with client_of(server.app) as client:
            return await client.get("/api/workflows", headers=headers)

    assert asyncio.run(send({**CONTROL, "X-Namespace": "default"})).status_code == 200
    answer = asyncio.run(send(CONTROL))
    return answer.status_code, answer.json().get("reason")


def _stale_workers(server: InProcess) -> Any:
    server.register()
    server.clock.turn(hours=1)
    return len(server.get("workers")["workers"])


def _duplicate_start(server: InProcess) -> Any:
    run_id = server.start()["run_id"]
    body = {"workflow_id": "order-1", "workflow_type": "orders.process"}
    assert server.post("workflows", body, status=409)["outcome"] == "rejected_duplicate"
    return server.events("order-1", run_id)[-1]["event_type"]


def _contention(server: InProcess) -> Any:
    server.send("PUT", "/_rehearsal/faults", {"faults": ["locked=5"]})
    return _import(server, ready_run(1)).status_code


def _dry_run(server: InProcess) -> Any:
    server.start("order-1")
    return _import(server, ready_run(1), "?dry_run=1").json()["status"]


def _markers(server: InProcess) -> Any:
    imported(server, ready_run(1))
    listed = server.get("workflows")["workflows"][0]
    return server.get("workflows/order-1").get("engine_source"), listed.get("engine_source")


def _redacted(server: InProcess) -> Any:
    redaction = {"applied": True, "policy": None, "paths": ["payloads.arguments.data"]}
    return _import(server, ready_run(1, {"redaction": redaction})).json()["status"]


def _unknown_rows(server: InProcess) -> Any:
    return _import(server, ready_run(1, {"tasks.0.type": "nexus"})).json()["status"]


def _timers(server: InProcess) -> Any:
    timer = {"id": "01timer", "sequence": 1, "status": "pending", "delay_seconds": 3600, "fire_at": TIMER_DUE}
    dispatched = "2026-11-22T22:00:00.000000Z"
    task = {"id": "01tsktimer", "type": "timer", "status": "ready", "payload": {"timer_id": "01timer"}}
    task |= {"queue": "default", "available_at": TIMER_DUE, "last_dispatched_at": dispatched}
    imported(server, ready_run(1, {"timers": [timer], "tasks": [task]}))
    server.register()
    server.clock.turn(hours=1)
    claimed = server.poll()
    return claimed and claimed["workflow_event_type"]


def _signals(server: InProcess) -> Any:
    started = {"workflow_type": "orders.process", "declared_signals": ["note"]}
    imported(server, ready_run(1, {"history_events.0.payload": started}))
    assert server.post("workflows/order-1/signal/note", {}, status=202)["outcome"] == "signal_received"
    return server.send("POST", "/api/workflows/order-1/signal/other", {}).status_code


def _old_runs(server: InProcess) -> Any:
    server.register()
    server.start()
    server.complete(server.poll(), {"type": "complete_workflow", "result": payload(1)})
    server.clock.turn(days=31)
    return server.worker("heartbeat", {"worker_id": "w"})["retention"]["pruned"]


def _unreadable(server: InProcess) -> Any:
    body = {"workflow_id": "order-2", "workflow_type": "orders.process", "input": UNREADABLE}
    refused = server.send("POST", "/api/workflows", body)
    assert server.get("workflows")["workflows"] == []  # either way nothing is stored (recording 433)
    imported(server, ready_run(1, {"payloads.arguments.data": UNREADABLE["blob"]}))
    described = server.send("GET", "/api/workflows/order-1")
    shown = [described.json().get(key) for key in ("input", "input_envelope")] if described.status_code == 200 else None
    return refused.status_code, refused.json().get("reason"), described.status_code, shown


def _metadata(server: InProcess) -> Any:
    imported(server, ready_run(1, {"workflow.memo": {"a": 1}, "workflow.search_attributes": {"b": "c"}}))
    described = server.get("workflows/order-1")
    listed = server.get("workflows")["workflows"][0]
    return described["memo"], described["search_attributes"], listed["search_attributes"]


def _memos(server: InProcess) -> Any:
    event = {"id": "01evtmemo", "sequence": 2, "type": "MemoUpserted", "recorded_at": TIMER_DUE}
    event["payload"] = {"sequence": 1, "entries": {"a": 1}, "merged": {"a": 1}}
    imported(server, ready_run(1, {"history_events.1": event, "workflow.last_history_sequence": 2}))
    server.register()
    return server.poll()["history_events"][1]["payload"]["entries"]


def _timeouts(server: InProcess) -> Any:
    server.start(run_timeout_seconds=30)
    server.register()
    server.clock.turn(seconds=31)
    claimed = server.poll()
    return claimed is not None, server.get("workflows/order-1")["closed_reason"]


@dataclass(frozen=True)
class Case:
    """What is asked of a fresh server, and the answers with the quirk and without it."""

    ask: Callable[[InProcess], Any]
    on: Any
    off: Any


CASES: dict[Q, Case] = {
    Q.JSON_BODY_REWRITTEN: Case(_json_body, "b-1", " b-1 "),
    Q.BODY_LIMIT_FOR_IMPORTS: Case(_body_limit, 413, 201),
    Q.EMPTY_MAP_IS_LIST: Case(_empty_map, [], {}),
    Q.ZERO_FRACTION_LOST: Case(_zero_fraction, (int, int), (float, float)),
    Q.NAMESPACE_CASE_FOLDED: Case(_case_folded, "production", "Production"),
    Q.NAMESPACE_DEFAULTED: Case(_defaulted, (200, None), (400, "missing_namespace")),
    Q.STALE_WORKERS_LISTED: Case(_stale_workers, 1, 0),
    Q.DUPLICATE_START_RECORDED: Case(_duplicate_start, "StartRejected", "WorkflowStarted"),
    Q.CONTENTION_IS_REJECTION: Case(_contention, 422, 503),
    Q.DRY_RUN_CHECKS_NO_CONSTRAINTS: Case(_dry_run, "dry_run", "rejected"),
    Q.IMPORT_MARKERS_HIDDEN: Case(_markers, (None, None), ("embedded_v2_import", "embedded_v2_import")),
    Q.REDACTED_BUNDLES_IMPORTED: Case(_redacted, "imported", "rejected"),
    Q.UNKNOWN_ROWS_DROPPED: Case(_unknown_rows, "imported", "rejected"),
    Q.TIMERS_WAIT_FOR_REPAIR: Case(_timers, None, "TimerFired"),
    Q.SIGNALS_NEED_A_DECLARATION: Case(_signals, 404, 202),
    Q.OLD_RUNS_PRUNED: Case(_old_runs, 1, 0),
    Q.UNREADABLE_PAYLOAD_IS_500: Case(
        _unreadable, (500, None, 500, None), (422, "validation_failed", 200, [None, UNREADABLE])
    ),
    Q.IMPORTED_METADATA_HIDDEN: Case(_metadata, ([], [], []), ({"a": 1}, {"b": "c"}, {"b": "c"})),
    Q.RECORDED_MEMOS_WRAPPED: Case(_memos, payload({"a": 1}), {"a": 1}),
    Q.TIMEOUTS_WAIT_FOR_REPAIR: Case(_timeouts, (True, None), (False, "timed_out")),
}


def test_every_quirk_has_a_case() -> None:
    assert list(CASES) == list(Q)


@pytest.mark.parametrize("quirk", CASES, ids=lambda quirk: quirk.value)
def test_a_quirk_changes_an_answer(quirk: Q) -> None:
    case = CASES[quirk]
    assert case.on != case.off
    assert case.ask(in_process(MEASURED, protocol="1.20")) == case.on
    assert case.ask(in_process(MEASURED.but(off=[quirk]), protocol="1.20")) == case.off
