"""Faults on demand: each kind on a real socket, met by an ordinary client; and what rules are refused."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import httpx
import pytest

from dwctl.errors import RequestNotPossible
from dwctl.rehearsal.app import create_app
from dwctl.rehearsal.faults import KINDS, FaultBox, parse_fault
from dwctl.rehearsal.importer import import_bundle
from dwctl.rehearsal.quirks import MEASURED
from rehearsal_server import CONTROL, import_request, in_process, on_a_socket, ready_run


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with on_a_socket() as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, headers=CONTROL, timeout=5) as client:
        yield client
        break_nothing(client)


def break_with(client: httpx.Client, *rules: str) -> None:
    assert client.put("/_rehearsal/faults", json={"faults": rules}).is_success


def break_nothing(client: httpx.Client) -> None:
    assert client.put("/_rehearsal/faults", json={"faults": []}).json() == {"faults": []}


def test_latency_comes_before_the_answer(client: httpx.Client) -> None:
    break_with(client, "latency=0.2,times=1")
    began = time.monotonic()
    assert client.get("/api/health").is_success
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize(
    ("rule", "status", "reason", "wait"),
    [
        ("429=7", 429, "namespace_request_rate_exhausted", "7"),
        ("500", 500, None, None),
        ("503", 503, "backend_lock_pressure", "1"),
        ("503=workflow_v2_blocked", 503, "workflow_v2_blocked", None),
    ],
)
def test_a_refusal_comes_in_the_servers_place(
    client: httpx.Client, rule: str, status: int, reason: str | None, wait: str | None
) -> None:
    break_with(client, rule)
    answer = client.get("/api/workflows")
    assert (answer.status_code, answer.json().get("reason"), answer.headers.get("Retry-After")) == (
        status,
        reason,
        wait,
    )


def test_a_rule_strikes_what_it_names_as_often_as_it_says_and_after_as_many(client: httpx.Client) -> None:
    break_with(client, "500,on=GET /api/workers,after=1,times=2")
    statuses = [client.get("/api/workers").status_code for _ in range(5)]
    assert statuses == [200, 500, 500, 200, 200]
    assert client.get("/api/workflows").status_code == 200
    (rule,) = client.get("/_rehearsal/faults").json()["faults"]
    assert (rule["rule"], rule["struck"]) == ("500,on=GET /api/workers,after=1,times=2", 2)


def started(client: httpx.Client, workflow_id: str) -> bool:
    return client.get(f"/api/workflows/{workflow_id}").status_code == 200


@pytest.mark.parametrize(("rule", "is_done"), [("reset-before", False), ("reset-after", True), ("truncate", True)])
def test_a_broken_connection_leaves_the_work_undone_or_done(client: httpx.Client, rule: str, is_done: bool) -> None:
    break_with(client, f"{rule},on=POST,times=1")
    workflow_id = f"order-{rule}"
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        client.post("/api/workflows", json={"workflow_id": workflow_id, "workflow_type": "t"})
    assert started(client, workflow_id) is is_done


def test_a_locked_database_refuses_writes_until_its_time_is_over() -> None:
    now = [0.0]
    server = in_process()
    server.app = create_app(faults=FaultBox([parse_fault("locked=5,on=import")], clock=lambda: now[0]))
    body = {"bundle": json.loads(import_request(ready_run(1))["content"])}

    def attempt() -> tuple[int, list[str]]:
        answer = server.send("POST", "/api/workflows/import/embedded-v2", body)
        return answer.status_code, [error["message"] for error in answer.json()["eligibility"]["errors"]]

    first = attempt()
    now[0] = 4.9
    assert attempt() == first
    assert first[0] == 422
    assert "database is locked" in first[1][0]
    now[0] = 5.1
    assert attempt() == (201, [])


class KilledError(Exception):
    """The process would be gone."""


@pytest.mark.parametrize("row", [0, 1, 3])
def test_a_kill_at_any_row_leaves_nothing_and_the_retry_succeeds(row: int) -> None:
    def kill() -> None:
        raise KilledError

    box = FaultBox([parse_fault(f"kill={row},on=import,times=1")], kill=kill)
    server = in_process()
    server.app = create_app(faults=box, now=server.clock)
    bundle = json.loads(import_request(ready_run(1))["content"])
    path = "/api/workflows/import/embedded-v2"
    assert server.send("POST", path, {"bundle": bundle}).status_code == 500
    for table in ("workflow_instances", "workflow_runs", "workflow_history_events", "workflow_tasks"):
        assert server.rows(f"SELECT * FROM {table}") == []  # noqa: S608 - our own names
    assert server.send("POST", path, {"bundle": bundle}).json()["status"] == "imported"


def test_a_fault_of_one_request_does_not_strike_another() -> None:
    box = FaultBox([parse_fault("kill,on=nothing")])
    app = create_app(faults=box)
    database = app.state.rehearsal.database
    database.watch = box.watch
    content = import_request(ready_run(1))["content"]
    now = app.state.rehearsal.now()
    assert import_bundle(database, content, namespace="default", profile=MEASURED, now=now)["status"] == "imported"


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("explode", "there is no fault 'explode'"),
        ("latency=soon", "takes a number"),
        ("500,often=2", "no option"),
        ("500,times=x", "no option"),
        ("500,on=", "no option"),
        ("", "there is no fault ''"),
    ],
)
def test_a_rule_that_cannot_be_read_is_refused(rule: str, told: str) -> None:
    with pytest.raises(RequestNotPossible, match=told) as caught:
        parse_fault(rule)
    assert caught.value.next_step


def test_rules_that_cannot_be_read_leave_those_in_force(client: httpx.Client) -> None:
    break_with(client, "500,on=/api/workers")
    assert client.put("/_rehearsal/faults", json={"faults": ["explode"]}).status_code == 422
    assert client.put("/_rehearsal/faults", json={}).status_code == 422
    assert client.get("/api/workers").status_code == 500


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_asked_for_by_its_name(kind: str) -> None:
    assert parse_fault(f"{kind},times=1").times == 1


def test_only_an_admin_may_break_a_server_with_tokens() -> None:
    server = in_process(auth="token", tokens={"operator": "o", "admin": "a"})
    assert server.send("PUT", "/_rehearsal/faults", {"faults": []}).status_code == 401
