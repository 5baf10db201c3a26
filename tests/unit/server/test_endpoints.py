"""The routes: what each asks for, what it makes of the answer, how far it may be repeated."""

from __future__ import annotations

import json

import httpx
import pytest
from servers import Wire, refusal, reply

from dwctl.errors import ExitCode, RequestNotPossible
from dwctl.server import endpoints
from dwctl.server.failures import CallFailed, CallNotFound, CallRefused, ServerFailure
from dwctl.server.results import EnsureOutcome

SPACE = {"name": "production", "retention_days": 30, "status": "active"}
MISSING = refusal(404, "namespace_not_found")


def test_a_namespace_is_asked_for_and_created_in_lower_case() -> None:
    wire = Wire([reply(SPACE), reply(SPACE, 201)])
    with wire.server() as server:
        assert endpoints.show_namespace(server, "Production").name == "production"
        endpoints.create_namespace(server, "Production", retention_days=90)
    assert wire.requests[0].url.path == "/api/namespaces/production"
    assert json.loads(wire.requests[1].content) == {"name": "production", "retention_days": 90}
    assert [request.headers["Authorization"] for request in wire.requests] == [
        "Bearer tok-operator",
        "Bearer tok-admin",
    ]
    assert not any("x-namespace" in request.headers for request in wire.requests)


def test_a_creation_whose_answer_is_lost_is_not_sent_again() -> None:
    wire = Wire([httpx.ReadTimeout("x")])
    with wire.server() as server, pytest.raises(ServerFailure) as caught:
        endpoints.create_namespace(server, "x")
    assert caught.value.exchange.unsettled
    assert len(wire.requests) == 1


def test_ensure_creates_what_is_missing_and_leaves_what_is_there() -> None:
    with Wire([MISSING, reply(SPACE, 201)]).server() as server:
        assert endpoints.ensure_namespace(server, "Production")[0] is EnsureOutcome.CREATED
    wire = Wire([reply(SPACE)])
    with wire.server() as server:
        assert endpoints.ensure_namespace(server, "Production")[0] is EnsureOutcome.EXISTS
    assert len(wire.requests) == 1


@pytest.mark.parametrize("lost", [refusal(409, "namespace_already_exists"), httpx.ReadTimeout("x"), refusal(500)])
def test_ensure_asks_again_where_the_creation_is_not_certain(lost: httpx.Response | Exception) -> None:
    with Wire([MISSING, lost, reply(SPACE)]).server() as server:
        assert endpoints.ensure_namespace(server, "production")[0] is EnsureOutcome.EXISTS


def test_ensure_fails_with_the_first_failure_where_the_namespace_is_still_missing() -> None:
    with (
        Wire([MISSING, refusal(500), MISSING]).server() as server,
        pytest.raises(CallFailed, match="500"),
    ):
        endpoints.ensure_namespace(server, "production")


@pytest.mark.parametrize("refused", [refusal(403, "forbidden"), refusal(422, "validation_failed")])
def test_ensure_does_not_hide_a_refusal(refused: httpx.Response) -> None:
    wire = Wire([MISSING, refused])
    with wire.server() as server, pytest.raises(ServerFailure):
        endpoints.ensure_namespace(server, "production")
    assert len(wire.requests) == 2


def test_ensure_does_not_take_a_missing_route_for_a_missing_namespace() -> None:
    wire = Wire([refusal(404, "not_found")])
    with wire.server() as server, pytest.raises(CallNotFound):
        endpoints.ensure_namespace(server, "production")
    assert len(wire.requests) == 1


def test_workers_are_asked_for_with_and_without_the_stale_ones() -> None:
    def workers(request: httpx.Request) -> httpx.Response:
        fresh = {"worker_id": "a", "status": "active", "last_heartbeat_at": "2026-11-22T22:20:49.000000Z"}
        stale = {"worker_id": "b", "status": "stale", "last_heartbeat_at": "2026-11-22T22:20:45.000000Z"}
        return reply({"workers": [stale] if request.url.params.get("status") == "stale" else [fresh]})

    wire = Wire(workers)
    with wire.server() as server:
        found = endpoints.list_workers(server, task_queue="orders")
    assert [(worker.worker_id, worker.status) for worker in found] == [("a", "active"), ("b", "stale")]
    assert {request.url.params["task_queue"] for request in wire.requests} == {"orders"}


def test_a_worker_that_comes_in_both_lists_is_one() -> None:
    stale = {"worker_id": "b", "status": "stale"}
    with Wire(lambda request: reply({"workers": [stale]})).server() as server:
        assert len(endpoints.list_workers(server)) == 1


def test_an_answer_without_the_list_is_not_an_empty_list() -> None:
    with Wire(lambda request: reply({})).server() as server:
        for ask in (endpoints.list_workers, endpoints.list_namespaces, endpoints.list_task_queues):
            with pytest.raises(CallFailed) as caught:
                ask(server)
            assert caught.value.reason == "unexpected_answer"


def test_a_registration_is_that_of_the_guide() -> None:
    wire = Wire([reply({"worker_id": "orders-php-1", "registered": True}, 201)])
    with wire.server() as server:
        made = endpoints.register_worker(
            server,
            worker_id="orders-php-1",
            task_queue="orders",
            runtime="php",
            sdk_version="2.0.0-alpha",
            workflow_types=["orders.process"],
            activity_types=["orders.reserve-inventory"],
            max_concurrent_workflow_tasks=10,
        )
    assert made == "orders-php-1"
    assert wire.requests[0].url.path == "/api/worker/register"
    assert wire.requests[0].headers["Authorization"] == "Bearer tok-worker"
    assert json.loads(wire.requests[0].content) == {
        "worker_id": "orders-php-1",
        "task_queue": "orders",
        "runtime": "php",
        "sdk_version": "2.0.0-alpha",
        "supported_workflow_types": ["orders.process"],
        "supported_activity_types": ["orders.reserve-inventory"],
        "max_concurrent_workflow_tasks": 10,
    }


def test_a_registration_is_repeated_only_where_it_names_its_worker() -> None:
    made = reply({"worker_id": "w"}, 201)
    with Wire([httpx.ReadTimeout("x"), made]).server() as server:
        endpoints.register_worker(server, worker_id="w", task_queue="q", runtime="php")
    with Wire([httpx.ReadTimeout("x"), made]).server() as server, pytest.raises(ServerFailure):
        endpoints.register_worker(server, task_queue="q", runtime="php")


def test_cluster_info_is_asked_without_a_version_so_that_any_server_answers() -> None:
    wire = Wire([reply({"version": "9", "capabilities": {"embedded_v2_import": True}})])
    with wire.server() as server:
        assert endpoints.cluster_info(server).version == "9"
    assert "x-durable-workflow-control-plane-version" not in wire.requests[0].headers


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_no_address_can_hold_is_refused_before_anything_is_sent(name: str) -> None:
    wire = Wire([])
    with wire.server() as server:
        for ask in (endpoints.show_worker, endpoints.show_task_queue, endpoints.show_namespace):
            with pytest.raises(RequestNotPossible):
                ask(server, name)
    assert wire.requests == []


def test_an_existing_namespace_is_a_refusal_of_create() -> None:
    with (
        Wire([refusal(409, "namespace_already_exists")]).server() as server,
        pytest.raises(CallRefused) as caught,
    ):
        endpoints.create_namespace(server, "production")
    assert caught.value.exit_code is ExitCode.USAGE
