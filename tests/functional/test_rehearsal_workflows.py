"""Workflows over HTTP: started, listed, described, commanded; what the recordings do not show."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from rehearsal_server import CONTROL, InProcess, client_of, imported, in_process, payload, ready_run
from sample_bundles import sealed

DECLARED = {"workflow_type": "orders.process", "declared_signals": ["note"]}


@pytest.fixture
def server() -> InProcess:
    return in_process()


# --- starting -------------------------------------------------------------------------------------------------------


def test_a_start_without_an_id_gets_one(server: InProcess) -> None:
    started = server.post("workflows", {"workflow_type": "t"}, status=201)
    assert len(started["workflow_id"]) == 26
    assert server.get(f"workflows/{started['workflow_id']}")["input"] == []


def test_an_envelope_is_kept_as_it_is(server: InProcess) -> None:
    server.start(input=payload(["a", {"b": 1}]))
    described = server.get("workflows/order-1")
    assert described["input"] == ["a", {"b": 1}]
    assert described["input_envelope"] == payload(["a", {"b": 1}])


def test_memo_attributes_and_timeouts_are_shown(server: InProcess) -> None:
    server.start(
        memo={"note": {"a": [1]}},
        search_attributes={"amount": 1.5, "vip": True, "tags": ["x", "y"]},
        business_key="b-1",
        execution_timeout_seconds=60,
        run_timeout_seconds="30",
    )
    described = server.get("workflows/order-1")
    assert described["memo"] == {"note": {"a": [1]}}
    assert described["search_attributes"] == {"amount": 1.5, "vip": True, "tags": ["x", "y"]}
    assert (described["execution_timeout_seconds"], described["run_timeout_seconds"]) == (60, 30)
    assert described["execution_deadline_at"].startswith("2026-11-22T22:31:00")
    assert server.get("workflows")["workflows"][0]["search_attributes"]["vip"] is True


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "workflow_type"),
        ({"workflow_type": 7}, "workflow_type"),
        ({"workflow_type": "t", "workflow_id": "a b"}, "workflow_id"),
        ({"workflow_type": "t", "input": "text"}, "input"),
        ({"workflow_type": "t", "duplicate_policy": "use_existing"}, "duplicate_policy"),
        ({"workflow_type": "t", "run_timeout_seconds": 0}, "run_timeout_seconds"),
        ({"workflow_type": "t", "run_timeout_seconds": "soon"}, "run_timeout_seconds"),
        ({"workflow_type": "t", "request_id": "x"}, "request_id"),
        ({"workflow_type": "t", "input": {"codec": "json", "blob": "[]"}}, "input.codec"),
        ({"workflow_type": "t", "memo": {"a": "x" * 262_144}}, "memo"),
    ],
)
def test_a_start_that_is_wrong_names_the_field(server: InProcess, body: dict[str, Any], field: str) -> None:
    answer = server.post("workflows", body, status=422)
    assert answer["reason"] == "validation_failed"
    assert list(answer["errors"]) == [field]
    assert server.get("workflows")["workflows"] == []


def test_a_search_attribute_that_is_an_object_is_refused_and_nothing_is_stored(server: InProcess) -> None:
    answer = server.post("workflows", {"workflow_type": "t", "search_attributes": {"a": {"b": 1}}}, status=422)
    assert answer["reason"] == "validation_failed"
    assert server.rows("SELECT * FROM workflow_instances") == []


def test_a_duplicate_start_is_in_the_history_and_makes_no_task(server: InProcess) -> None:
    run_id = server.start()["run_id"]
    server.post("workflows", {"workflow_id": "order-1", "workflow_type": "t"}, status=409)
    assert [event["event_type"] for event in server.events("order-1", run_id)][-1] == "StartRejected"
    assert server.rows("SELECT count(*) AS tasks FROM workflow_tasks") == [{"tasks": 1}]


# --- reading --------------------------------------------------------------------------------------------------------


def test_pages_follow_each_other_to_the_end(server: InProcess) -> None:
    for number in range(5):
        server.start(f"order-{number}")
        server.clock.turn(seconds=1)
    seen: list[str] = []
    token: str | None = ""
    while token is not None:
        page = server.get(f"workflows?page_size=2&next_page_token={token}")
        seen += [row["workflow_id"] for row in page["workflows"]]
        token = page["next_page_token"]
    assert seen == ["order-4", "order-3", "order-2", "order-1", "order-0"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("query=rder-1", ["order-1"]),
        ("query=key-2", ["order-2"]),
        ("query=%25", []),
        ("workflow_type=billing", ["order-2"]),
        ("status=completed", []),
        ("status=running", ["order-2", "order-1"]),
    ],
)
def test_a_list_can_be_narrowed(server: InProcess, query: str, found: list[str]) -> None:
    server.start("order-1")
    server.clock.turn(seconds=1)
    server.start("order-2", "billing", business_key="key-2")
    assert [row["workflow_id"] for row in server.get(f"workflows?{query}")["workflows"]] == found


def test_a_history_can_be_waited_for() -> None:
    server = in_process(poll_timeout=5)
    run_id = server.start()["run_id"]

    async def wait_and_signal() -> Any:
        async with client_of(server.app) as client:
            path = f"/api/workflows/order-1/runs/{run_id}/history?wait_new_event=1&next_page_token=Mg=="
            waiting = asyncio.create_task(client.get(path, headers=CONTROL))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            assert (await client.post("/api/workflows/order-1/signal/go", json={}, headers=CONTROL)).status_code == 202
            return (await waiting).json()["events"]

    assert [event["event_type"] for event in asyncio.run(wait_and_signal())] == ["SignalReceived"]


@pytest.mark.parametrize("bad", ["external", "bytes"])
def test_a_payload_that_cannot_be_shown_is_500_while_history_and_export_answer(server: InProcess, bad: str) -> None:
    outside = {"codec": "avro", "external_storage": {"uri": "s3://bucket/key", "sha256": "0" * 64, "size_bytes": 5}}
    blob: Any = outside if bad == "external" else payload([b"\xff"])["blob"]
    report = imported(server, ready_run(1, {"payloads.arguments": {"available": True, "data": blob}}))
    run = f"workflows/order-1/runs/{report['workflow']['run_id']}"
    assert server.send("GET", "/api/workflows/order-1").json() == {"message": "Server Error"}
    assert server.get(f"{run}/history")["events"]
    assert server.get(f"{run}/history/export")["schema"] == "durable-workflow.v2.history-export"


# --- commands -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("command", "status"), [("cancel", "cancelled"), ("terminate", "terminated")])
def test_a_run_that_is_ended_is_closed_with_everything_that_it_had_open(
    server: InProcess, command: str, status: str
) -> None:
    run_id = server.start()["run_id"]
    answer = server.post(f"workflows/order-1/{command}", {"reason": "enough"})
    assert (answer["outcome"], answer["command_status"], answer["reason"]) == (status, "accepted", "enough")
    described = server.get("workflows/order-1")
    assert (described["status"], described["status_bucket"], described["is_terminal"]) == (status, "failed", True)
    events = [event["event_type"] for event in server.events("order-1", run_id)]
    assert events[-2:] == [f"{command.capitalize()}Requested", f"Workflow{status.capitalize()}"]
    assert server.rows("SELECT status FROM workflow_tasks") == [{"status": "cancelled"}]
    assert server.rows("SELECT propagation_kind, message FROM workflow_failures") == [
        {"propagation_kind": status, "message": f"Workflow {status}: enough"}
    ]
    server.register()
    assert server.poll() is None


@pytest.mark.parametrize("command", ["cancel", "terminate", "signal/go"])
def test_a_closed_run_takes_no_command(server: InProcess, command: str) -> None:
    server.start()
    server.post("workflows/order-1/cancel", {})
    answer = server.post(f"workflows/order-1/{command}", {}, status=409)
    assert answer["reason"] == answer["rejection_reason"] == "run_not_active"
    assert answer["outcome"] == "rejected_run_not_active"
    assert answer["command_status"] == "rejected"


def test_a_cancelled_run_tells_of_its_timers(server: InProcess) -> None:
    fire_at = "2026-11-23T00:00:00.000000Z"
    timer = {"id": "01tmr", "sequence": 1, "status": "pending", "delay_seconds": 60, "fire_at": fire_at}
    report = imported(server, ready_run(1, {"timers": [timer]}))
    server.post("workflows/order-1/cancel", {})
    events = [event["event_type"] for event in server.events("order-1", report["workflow"]["run_id"])]
    assert events[-3:] == ["CancelRequested", "TimerCancelled", "WorkflowCancelled"]
    assert server.rows("SELECT status FROM workflow_run_timers") == [{"status": "cancelled"}]


def test_a_signal_makes_one_task_and_is_in_the_history(server: InProcess) -> None:
    run_id = server.start()["run_id"]
    server.register()
    task = server.poll()
    first = server.post("workflows/order-1/signal/note", {"input": ["n1"]}, status=202)
    server.post("workflows/order-1/signal/note", {"input": {"a": "n2"}}, status=202)
    assert first["outcome"] == "signal_received"
    received = [
        event["payload"] for event in server.events("order-1", run_id) if event["event_type"] == "SignalReceived"
    ]
    assert [event["arguments"] for event in received] == [payload(["n1"])["blob"], payload(["n2"])["blob"]]
    assert [event["command"]["message_sequence"] for event in received] == [1, 2]
    assert server.rows("SELECT count(*) AS ready FROM workflow_tasks WHERE status = 'ready'") == [{"ready": 1}]
    assert task["workflow_id"] == "order-1"


def test_an_imported_run_takes_only_signals_that_its_type_declares(server: InProcess) -> None:
    bundle = ready_run(1, {"history_events.0.payload": DECLARED})
    imported(server, bundle)
    refused = server.post("workflows/order-1/signal/other", {}, status=404)
    assert (refused["outcome"], refused["declared_signals"]) == ("rejected_unknown_signal", ["note"])
    accepted = server.post("workflows/order-1/signal/note", {}, status=202)
    assert accepted["command_sequence"] == refused["command_sequence"] + 1


def test_a_command_may_name_the_current_run_and_no_unknown_one(server: InProcess) -> None:
    run_id = server.start()["run_id"]
    server.post("workflows/order-1/runs/01arz3ndektsv4rrffq69g5fav/cancel", {}, status=404)
    answer = server.post(f"workflows/order-1/runs/{run_id}/cancel", {})
    assert (answer["target_scope"], answer["requested_run_id"]) == ("run", run_id)


def test_an_archived_run_is_kept_by_retention(server: InProcess) -> None:
    for workflow_id in ("kept", "lost"):
        server.start(workflow_id)
        server.post(f"workflows/{workflow_id}/cancel", {})
    server.post("workflows/kept/archive", {"reason": "audit"})
    server.clock.turn(days=31)
    assert server.get("system/retention")["expired_run_count"] == 1
    assert server.post("system/retention/pass", {})["pruned"] == 1
    assert [row["workflow_id"] for row in server.get("workflows")["workflows"]] == ["kept"]
    assert server.get("workflows/lost")["status"] == "cancelled"


def test_a_reason_that_is_too_long_is_refused(server: InProcess) -> None:
    server.start()
    answer = server.post("workflows/order-1/cancel", {"reason": "x" * 1001}, status=422)
    assert list(answer["errors"]) == ["reason"]
    assert answer["workflow_id"] == "order-1"


# --- importing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "status", "reason"), [("measured", 422, None), ("guide", 503, "backend_lock_pressure")]
)
def test_contention_looks_like_a_rejection_or_asks_to_try_again(profile: str, status: int, reason: str | None) -> None:
    server = in_process(profile)
    server.send("PUT", "/_rehearsal/faults", {"faults": ["locked=5"]})
    answer = server.send("POST", "/api/workflows/import/embedded-v2", {"bundle": _plain(ready_run(1))})
    assert (answer.status_code, answer.json().get("reason")) == (status, reason)
    assert (answer.headers.get("Retry-After") == "1") == (status == 503)
    server.send("PUT", "/_rehearsal/faults", {"faults": []})
    assert server.send("POST", "/api/workflows/import/embedded-v2", {"bundle": _plain(ready_run(1))}).status_code == 201


def _plain(bundle: dict[str, Any]) -> Any:
    return json.loads(sealed(bundle))


def test_options_of_the_query_count_and_those_of_the_envelope_before_them(server: InProcess) -> None:
    path = "/api/workflows/import/embedded-v2?dry_run=1&import_id=from-query"
    assert server.send("POST", path, {"bundle": _plain(ready_run(1))}).json()["status"] == "dry_run"
    report = server.send("POST", path, {"bundle": _plain(ready_run(1)), "dry_run": False, "import_id": "mine"}).json()
    assert (report["status"], report["import_id"]) == ("imported", "mine")


@pytest.mark.parametrize("option", [{"dry_run": "maybe"}, {"import_id": "x" * 256}, {"import_id": 7}])
def test_an_option_that_is_wrong_imports_nothing(server: InProcess, option: dict[str, Any]) -> None:
    answer = server.send("POST", "/api/workflows/import/embedded-v2", {"bundle": _plain(ready_run(1)), **option})
    assert (answer.status_code, answer.json()["reason"]) == (422, "validation_failed")
    assert server.get("workflows")["workflows"] == []
