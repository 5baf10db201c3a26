"""Workflows: histories page by page, starts that are sent once, imports that may be sent again."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest
from servers import Wire, refusal, reply

from dwctl.errors import RequestNotPossible
from dwctl.server import workflows
from dwctl.server.failures import (
    CallFailed,
    CallNotConnected,
    CallNotFound,
    CallRefused,
    ImportNotOffered,
    ServerFailure,
)

RUN = {"workflow_id": "w", "run_id": "r", "status": "pending", "workflow_type": "t"}
LOCKED = "SQLSTATE[HY000]: General error: 5 database is locked (Connection: sqlite, SQL: insert)"
UNIQUE = "SQLSTATE[23000]: Integrity constraint violation: 19 UNIQUE constraint failed: a.b (Connection: x)"


def report(status: str, *errors: dict[str, str]) -> dict[str, Any]:
    """An import report."""
    return {"status": status, "eligibility": {"eligible": not errors, "errors": list(errors)}, "dry_run": False}


def write_failed(message: str) -> httpx.Response:
    """A rejection by the database."""
    return reply(report("rejected", {"rule": "target.write_failed", "message": message}), 422)


def events(request: httpx.Request, count: int = 25) -> httpx.Response:
    """A history that pages by sequence."""
    size = int(request.url.params["page_size"])
    token = request.url.params.get("next_page_token")
    after = int(base64.b64decode(token)) if token else 0
    page: list[dict[str, Any]] = [
        {"sequence": number, "event_type": "X", "payload": []} for number in range(after + 1, count + 1)
    ][:size]
    more = bool(page) and page[-1]["sequence"] < count
    following = base64.b64encode(str(page[-1]["sequence"]).encode()).decode() if more else None
    return reply({"workflow_id": "w", "run_id": "r", "events": page, "next_page_token": following})


@pytest.mark.parametrize("size", [1, 7, 25, 100])
def test_a_history_is_read_to_its_end_and_in_order(size: int) -> None:
    with Wire(events).server() as server:
        found = list(workflows.history(server, "w", "r", page_size=size))
    assert [event.sequence for event in found] == list(range(1, 26))


def test_a_pruned_history_is_empty() -> None:
    with Wire(lambda request: events(request, 0)).server() as server:
        assert list(workflows.history(server, "w", "r")) == []


@pytest.mark.parametrize(
    "page",
    [
        {"events": [{"sequence": 1, "event_type": "X"}], "next_page_token": "same"},
        {"events": [], "next_page_token": "more"},
        {"events": [{"sequence": 2, "event_type": "X"}, {"sequence": 1, "event_type": "X"}], "next_page_token": None},
    ],
)
def test_pages_that_do_not_follow_each_other_are_a_failure_and_no_endless_loop(page: dict[str, Any]) -> None:
    with Wire(lambda request: reply(page)).server() as server, pytest.raises(CallFailed) as caught:
        list(workflows.history(server, "w", "r"))
    assert caught.value.reason == "unexpected_answer"


def test_an_export_is_the_bytes_that_came() -> None:
    body = b'{ "b" : 1.0,\n"a":"\\/"}'
    with Wire(lambda request: httpx.Response(200, content=body)).server() as server:
        assert workflows.export_history(server, "w", "r") == body


def test_a_start_is_sent_once_and_what_came_of_it_is_told() -> None:
    wire = Wire([reply(RUN | {"outcome": "started_new"}, 201)])
    with wire.server() as server:
        made = workflows.start(server, workflow_id="w", workflow_type="t", task_queue="q", arguments=[{"a": 1}])
    assert (made.run_id, made.outcome, made.asked) == ("r", "started_new", False)
    assert json.loads(wire.requests[0].content) == {
        "workflow_id": "w",
        "workflow_type": "t",
        "task_queue": "q",
        "input": [{"a": 1}],
    }


@pytest.mark.parametrize(
    "lost",
    [httpx.ReadTimeout("x"), httpx.ReadError("x"), refusal(500), refusal(502), httpx.Response(201, content=b"{")],
)
def test_a_start_whose_answer_is_lost_is_asked_after_and_never_sent_again(lost: httpx.Response | Exception) -> None:
    wire = Wire([lost, reply(RUN)])
    with wire.server() as server:
        made = workflows.start(server, workflow_id="w", workflow_type="t", task_queue="q")
    assert (made.run_id, made.asked) == ("r", True)
    assert [request.method for request in wire.requests] == ["POST", "GET"]


def test_a_start_that_left_no_run_fails_as_it_failed() -> None:
    wire = Wire([httpx.ReadError("x"), refusal(404, "instance_not_found")])
    with wire.server() as server, pytest.raises(CallNotConnected) as caught:
        workflows.start(server, workflow_id="w", workflow_type="t", task_queue="q")
    assert caught.value.exchange.unsettled


@pytest.mark.parametrize(
    "failure",
    [httpx.ConnectError("x"), refusal(409, outcome="rejected_duplicate"), refusal(429), refusal(403, "forbidden")],
)
def test_a_start_that_certainly_failed_is_neither_sent_again_nor_asked_after(
    failure: httpx.Response | Exception,
) -> None:
    wire = Wire([failure])
    with wire.server() as server, pytest.raises(ServerFailure):
        workflows.start(server, workflow_id="w", workflow_type="t", task_queue="q")
    assert len(wire.requests) == 1


def test_a_start_without_an_id_that_can_be_asked_after_is_refused() -> None:
    wire = Wire([])
    with wire.server() as server, pytest.raises(RequestNotPossible):
        workflows.start(server, workflow_id="", workflow_type="t", task_queue="q")
    assert wire.requests == []


def test_a_run_that_the_server_cannot_render_is_known_from_its_runs() -> None:
    runs = {"workflow_id": "w", "runs": [{"run_id": "r", "status": "completed"}]}
    with Wire([refusal(500), reply(runs)]).server() as server:
        view = workflows.describe_with_runs(server, "w")
    assert view.run is None
    assert view.runs[0].status == "completed"
    assert view.describe_error is not None
    assert view.describe_error.exit_code == 6


def test_a_workflow_that_is_not_there_is_not_found() -> None:
    with Wire([refusal(404, "instance_not_found")]).server() as server, pytest.raises(CallNotFound):
        workflows.describe_with_runs(server, "w")


def test_an_import_goes_out_as_given_with_the_admin_token() -> None:
    wire = Wire([reply(report("imported"), 201)])
    with wire.server() as server:
        answer = workflows.import_bundle(
            server, b'{ "a": "" }', query={"dry_run": "1", "import_id": "x y"}, content_type="application/JSON"
        )
    request = wire.requests[0]
    assert (answer.status, answer.report["status"], answer.attempts, answer.unsettled) == (201, "imported", 1, 0)
    assert request.content == b'{ "a": "" }'
    assert request.url.query == b"dry_run=1&import_id=x+y"
    assert request.headers["Authorization"] == "Bearer tok-admin"
    assert request.headers["Content-Type"] == "application/JSON"


def test_a_rejection_is_an_answer_and_not_repeated() -> None:
    wire = Wire([reply(report("rejected", {"rule": "bundle.integrity_failed", "message": "m"}), 422)])
    with wire.server() as server:
        assert workflows.import_bundle(server, b"{}").report["status"] == "rejected"
    assert len(wire.requests) == 1


def test_contention_is_tried_again_and_a_violation_is_not() -> None:
    wire = Wire([write_failed(LOCKED), write_failed(LOCKED), reply(report("imported"), 201)])
    with wire.server() as server:
        answer = workflows.import_bundle(server, b"{}")
    assert (answer.status, answer.attempts, answer.unsettled) == (201, 3, 0)
    wire = Wire([write_failed(UNIQUE)])
    with wire.server() as server:
        assert workflows.import_bundle(server, b"{}").status == 422
    assert len(wire.requests) == 1


def test_contention_that_does_not_end_is_told_as_it_came() -> None:
    wire = Wire(lambda request: write_failed(LOCKED))
    with wire.server() as server:
        answer = workflows.import_bundle(server, b"{}")
    assert (answer.status, answer.attempts) == (422, 4)


def test_a_lost_answer_is_asked_for_again_and_counted() -> None:
    wire = Wire([httpx.ReadTimeout("x"), refusal(502), reply(report("already_imported"))])
    with wire.server() as server:
        answer = workflows.import_bundle(server, b"{}")
    assert (answer.report["status"], answer.attempts, answer.unsettled) == ("already_imported", 3, 2)


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (refusal(422, "invalid_import_bundle"), CallRefused, "invalid_import_bundle"),
        (refusal(422, "validation_failed"), CallRefused, "validation_failed"),
        (refusal(413, "payload_too_large", limit=5), CallRefused, "payload_too_large"),
        (refusal(503, "embedded_v2_import_unavailable"), ImportNotOffered, "embedded_v2_import_unavailable"),
        (refusal(404, "not_found"), CallNotFound, "not_found"),
        (reply({"status": "imported"}, 201), CallFailed, "unexpected_answer"),
        (reply({}, 200), CallFailed, "unexpected_answer"),
        (httpx.Response(422, content=b"<html>"), CallFailed, "unreadable_answer"),
        (httpx.Response(201, content=b'{"status": "impor'), CallFailed, "unreadable_answer"),
    ],
)
def test_what_is_no_report_is_a_failure(answer: httpx.Response, kind: type[ServerFailure], reason: str) -> None:
    with Wire([answer]).server() as server, pytest.raises(kind) as caught:
        workflows.import_bundle(server, b"{}")
    assert caught.value.reason == reason


@pytest.mark.parametrize("body", [b"{}", b'{"status": "impor'])
def test_an_import_whose_success_cannot_be_read_is_unsettled(body: bytes) -> None:
    with (
        Wire([httpx.Response(201, content=body)]).server() as server,
        pytest.raises(CallFailed) as caught,
    ):
        workflows.import_bundle(server, b"{}")
    assert caught.value.exchange.unsettled


NO_REPORTS = {
    "validation": refusal(422, "validation_failed"),
    "too large": refusal(413, "payload_too_large", limit=5),
    "no report": reply({"status": "imported"}, 201),
    "no JSON": httpx.Response(200, content=b"<html>"),
}


@pytest.mark.parametrize("answer", NO_REPORTS.values(), ids=NO_REPORTS)
@pytest.mark.parametrize(("lost", "unfinished"), [(httpx.ReadTimeout("x"), True), (httpx.ReadError("x"), False)])
def test_what_is_no_report_remembers_the_attempts_whose_answers_were_lost(
    answer: httpx.Response, lost: Exception, unfinished: bool
) -> None:
    with Wire([lost, answer]).server() as server, pytest.raises(ServerFailure) as caught:
        workflows.import_bundle(server, b"{}")
    exchange = caught.value.exchange
    assert (exchange.earlier_unsettled, exchange.unsettled, exchange.unfinished) == (1, True, unfinished)


@pytest.mark.parametrize(
    ("lost", "unfinished"),
    [(httpx.ReadTimeout("x"), 1), (refusal(504), 1), (refusal(502), 0), (httpx.ReadError("x"), 0),
     (httpx.ConnectTimeout("x"), 0)],
)  # fmt: skip
def test_an_answer_counts_the_attempts_on_which_the_server_may_still_be_at_work(
    lost: httpx.Response | Exception, unfinished: int
) -> None:
    with Wire([lost, reply(report("imported"))]).server() as server:
        assert workflows.import_bundle(server, b"{}").unfinished == unfinished


def test_an_archive_is_not_repeated_after_a_lost_answer_since_it_is_written_into_the_history() -> None:
    wire = Wire([httpx.ReadTimeout("x")])
    with wire.server() as server, pytest.raises(ServerFailure):
        workflows.archive(server, "w", reason="kept")
    assert len(wire.requests) == 1
    with Wire([reply({"outcome": "archived", "reason": "kept"})]).server() as server:
        assert workflows.archive(server, "w", reason="kept") == "archived"
    with Wire([refusal(409, "run_not_closed")]).server() as server, pytest.raises(CallRefused):
        workflows.archive(server, "w", reason="kept")
