"""The routes of workflows: list, describe, runs, history, export, archive, start, import (server.md §5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dwctl.server.calls import JSON, Answer, Call, segment
from dwctl.server.decode import event_from, row_from, run_from
from dwctl.server.documents import Document
from dwctl.server.endpoints import json_body
from dwctl.server.failures import CallFailed, CallNotFound, Delivery, ServerFailure, own_failure
from dwctl.server.results import HistoryEvent, ImportAnswer, Page, Run, RunRow, Started, WorkflowView
from dwctl.server.retries import Repeat
from dwctl.server.transport import Server
from dwctl.server.write_failures import WriteFailure, write_fault_of
from dwctl.settings import Role

LARGEST_LIST_PAGE = 200
LARGEST_HISTORY_PAGE = 1000
IMPORT_PATH = "/api/workflows/import/embedded-v2"
_READ = (Role.OPERATOR, Role.ADMIN)


def list_page(
    server: Server,
    *,
    workflow_type: str | None = None,
    status: str | None = None,
    query: str | None = None,
    page_size: int = LARGEST_LIST_PAGE,
    token: str | None = None,
) -> Page:
    """One page of `GET /api/workflows`; for all of them see `walk.walk_runs`."""
    wanted = {
        "workflow_type": workflow_type,
        "status": status,
        "query": query,
        "page_size": str(page_size),
        "next_page_token": token,
    }
    asked = {key: value for key, value in wanted.items() if value is not None}
    found = Document(server.call(Call("GET", "/api/workflows", _READ, query=asked)))
    rows = tuple(row_from(item) for item in found.items("workflows"))
    return Page(rows, found.optional_text("next_page_token"))


def describe(server: Server, workflow_id: str, run_id: str | None = None) -> Run:
    """The newest run of a workflow, or one run.

    May be CallFailed (500) for payloads that the server cannot render, while runs, history and export answer
    (server.md §5).
    """
    path = _path(workflow_id) if run_id is None else _path(workflow_id, "runs", run_id)
    return run_from(Document(server.call(Call("GET", path, _READ))))


def describe_with_runs(server: Server, workflow_id: str, run_id: str | None = None) -> WorkflowView:
    """A run and all runs of its workflow. Where the server fails to render the run, its runs answer for it."""
    try:
        run, failed = describe(server, workflow_id, run_id), None
    except CallFailed as error:
        run, failed = None, error
    return WorkflowView(workflow_id, run, list_runs(server, workflow_id), failed)


def list_runs(server: Server, workflow_id: str) -> tuple[RunRow, ...]:
    """`GET /api/workflows/{id}/runs`; an empty tuple is possible."""
    found = Document(server.call(Call("GET", _path(workflow_id, "runs"), _READ)))
    return tuple(row_from(item, workflow_id) for item in found.items("runs"))


def history(
    server: Server, workflow_id: str, run_id: str, *, page_size: int = LARGEST_HISTORY_PAGE
) -> Iterator[HistoryEvent]:
    """Every event of a run in order, page by page. None at all means that retention pruned it (server.md §6).

    Raises CallFailed where pages repeat or go back: a token that a server does not know is silently page one.
    """
    path = _path(workflow_id, "runs", run_id, "history")
    query = {"page_size": str(page_size)}
    last: int | None = None
    while True:
        answer = server.call(Call("GET", path, _READ, query=query))
        page = Document(answer)
        events = page.items("events")
        for event in map(event_from, events):
            if last is not None and event.sequence <= last:
                raise _repeats(answer)
            last = event.sequence
            yield event
        token = page.optional_text("next_page_token")
        if token is None:
            return
        if not events:
            raise _repeats(answer)
        query = query | {"next_page_token": token}


def _repeats(answer: Answer) -> ServerFailure:
    message = "the pages of this history do not follow each other"
    return own_failure("unexpected_answer", message, answer.method, answer.url, Delivery.ANSWERED, status=answer.status)


def export_history(server: Server, workflow_id: str, run_id: str) -> bytes:
    """The bundle of a run, byte for byte as it came: its checksum covers every key."""
    return server.call(Call("GET", _path(workflow_id, "runs", run_id, "history", "export"), _READ)).body


def archive(server: Server, workflow_id: str, *, reason: str, run_id: str | None = None) -> str:
    """`POST …/archive`: `archived` or `archive_not_needed`. An open run is CallRefused `run_not_closed`.

    `run_id` needs a later server. Each request is written into the run's history, so a lost answer is not
    followed by another request.
    """
    path = _path(workflow_id, "archive") if run_id is None else _path(workflow_id, "runs", run_id, "archive")
    call = Call("POST", path, _READ, body=json_body({"reason": reason}), repeat=Repeat.UNSENT)
    return Document(server.call(call)).text("outcome")


def terminate(server: Server, workflow_id: str, *, reason: str) -> str:
    """`POST …/terminate` ends the current run at once: `terminated`. A closed one is CallRefused `run_not_active`.

    It is written into the run's history, so a lost answer is not followed by another request.
    """
    call = Call(
        "POST", _path(workflow_id, "terminate"), _READ, body=json_body({"reason": reason}), repeat=Repeat.UNSENT
    )
    return Document(server.call(call)).text("outcome")


def start(
    server: Server, *, workflow_id: str, workflow_type: str, task_queue: str, arguments: Sequence[Any] = ()
) -> Started:
    """`POST /api/workflows`, sent once and never again: a second start is written into the run's history.

    Where the answer is lost, the run is asked for instead; `asked` then says so.
    """
    body = {
        "workflow_id": workflow_id,
        "workflow_type": workflow_type,
        "task_queue": task_queue,
        "input": list(arguments),
    }
    segment(workflow_id)
    call = Call("POST", "/api/workflows", _READ, body=json_body(body), repeat=Repeat.NEVER)
    try:
        found = Document(server.call(call))
        return Started(found.text("workflow_id"), found.text("run_id"), found.text("outcome"))
    except ServerFailure as lost:
        if not lost.exchange.unsettled:
            raise
        try:
            run = describe(server, workflow_id)
        except CallNotFound:
            raise lost from None
        return Started(run.row.workflow_id, run.row.run_id, run.row.status, asked=True)


def import_bundle(
    server: Server, body: bytes, *, query: Mapping[str, str] | None = None, content_type: str = JSON
) -> ImportAnswer:
    """`POST /api/workflows/import/embedded-v2` (admin) with exactly these bytes, media type and query.

    Safe to repeat by run_id and dedupe_key, so lost answers and contention are repeated here. A report,
    also a rejected one, is an answer; everything else is a ServerFailure (ImportNotOffered where there is
    no importer).
    """
    call = Call(
        "POST",
        IMPORT_PATH,
        (Role.ADMIN,),
        query=query or {},
        body=body,
        content_type=content_type,
        accepted=frozenset({422}),
        busy=_is_contention,
    )
    answer = server.call(call)
    report = Document(answer).fields
    if not isinstance(report.get("status"), str) or not isinstance(report.get("eligibility"), dict):
        if answer.status == 422:
            raise server.failure(call, answer)
        Document(answer).part("eligibility")
        Document(answer).text("status")
    return ImportAnswer(answer.status, report, answer.attempts, answer.unsettled, answer.unfinished)


def _is_contention(answer: Answer) -> bool:
    """A 422 that only says that the database was busy (contract/import.md §4.4)."""
    if answer.status != 422:
        return False
    fault = write_fault_of(Document(answer).fields)
    return fault is not None and fault.failure is WriteFailure.CONTENTION


def _path(workflow_id: str, *rest: str) -> str:
    return "/".join(("/api/workflows", segment(workflow_id), *(segment(part) for part in rest)))
