"""Workflow tasks: polled, read further, kept, completed and failed by workers (contract/server.md §7)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dwctl.rehearsal.answers import Refusal, answer, body_of, namespace_of, state_of
from dwctl.rehearsal.claims import DEFAULT_PAGE, LARGEST_PAGE, history_page, page_start
from dwctl.rehearsal.envelopes import server_capabilities
from dwctl.rehearsal.history_writer import next_step_sequence
from dwctl.rehearsal.leases import held_workflow_task
from dwctl.rehearsal.progress import changed_runs, wake_queues
from dwctl.rehearsal.task_commands import TASK_COMMANDS, UPDATE_COMMANDS, command_problems
from dwctl.rehearsal.tasks import close_task, release_task, renew_lease, run_row, task_row
from dwctl.rehearsal.timers import cancel_wait_timers
from dwctl.rehearsal.times import stored, stored_as_micros
from dwctl.rehearsal.turn import Turn
from dwctl.rehearsal.validation import Fields
from dwctl.rehearsal.worker_protocol import wraps_memos

Json = dict[str, Any]

_LONGEST_BACKOFF = 60
_WAITING_FOR_HISTORY = "WorkflowTaskWaitingForHistory"


def complete(request: Request) -> Response:
    """`POST /api/worker/workflow-tasks/{id}/complete`: apply the commands, all or none (recordings 086 to 091)."""
    state, task_id = state_of(request), request.path_params["task_id"]
    now = state.now()
    fields = Fields(body_of(request))
    owner, attempt = _authority(fields)
    commands = _commands(request, fields)
    fields.done()
    with state.database.write() as connection:
        task, run = held_workflow_task(connection, namespace_of(request), task_id, owner, attempt, now)
        turn = Turn(connection, run, task, now, next_step_sequence(connection, run["id"]))
        if any(command["type"] not in UPDATE_COMMANDS for command in commands):
            cancel_wait_timers(connection, run, task, now)
        for command in commands:
            TASK_COMMANDS[command["type"]][0](turn, command)
        close_task(connection, task_id, turn.task_status, now)
        connection.execute(
            "UPDATE workflow_runs SET status = 'waiting', updated_at = ?"
            " WHERE id = ? AND status IN ('pending', 'running', 'waiting')",
            (stored(now), run["id"]),
        )
        queues = changed_runs(connection, turn.touched | {run["id"]}, now)
        status = run_row(connection, run["id"])["status"]
    wake_queues(state, queues)
    document = {
        "task_id": task_id,
        "workflow_task_attempt": attempt,
        "outcome": "completed",
        "recorded": True,
        "run_id": run["id"],
        "run_status": status,
        "created_task_ids": turn.created_task_ids,
        "reason": None,
    }
    return answer(request, document)


def _authority(fields: Fields) -> tuple[str, int]:
    """Whose lease and which attempt a request speaks of; what is wrong is noted in the fields."""
    owner = fields.text("lease_owner", required=True)
    attempt = fields.integer("workflow_task_attempt", least=1)
    if attempt is None and "workflow_task_attempt" not in fields.problems:
        fields.wrong("workflow_task_attempt", "The field workflow_task_attempt is required.")
    return owner or "", attempt or 0


def _commands(request: Request, fields: Fields) -> list[Any]:
    given = fields.array("commands")
    if not given:
        fields.wrong("commands", "The field commands is required.")
        return []
    commands = list(given.values()) if isinstance(given, dict) else given
    supported = frozenset(server_capabilities(request)["supported_workflow_task_commands"])
    for field, sentences in command_problems(commands, supported).items():
        for sentence in sentences:
            fields.wrong(field, sentence)
    return commands


def fail(request: Request) -> Response:
    """`POST /api/worker/workflow-tasks/{id}/fail`: the run stays open, and the task is tried again later.

    A worker that only waits for what is scheduled already says so with a failure of its own type; its task is
    done, and the run goes on when something happens to it.
    """
    state, task_id = state_of(request), request.path_params["task_id"]
    now = state.now()
    fields = Fields(body_of(request))
    owner, attempt = _authority(fields)
    failure = failure_of(fields)
    fields.done()
    is_waiting = failure.get("type") == _WAITING_FOR_HISTORY
    with state.database.write() as connection:
        _, run = held_workflow_task(connection, namespace_of(request), task_id, owner, attempt, now)
        if is_waiting:
            close_task(connection, task_id, "completed", now)
        else:
            backoff = timedelta(seconds=min(2**attempt, _LONGEST_BACKOFF))
            release_task(connection, task_id, now, available_at=now + backoff, error=str(failure["message"]))
        queues = changed_runs(connection, {run["id"]}, now)
    wake_queues(state, queues)
    document = {
        "task_id": task_id,
        "workflow_task_attempt": attempt,
        "outcome": "waiting" if is_waiting else "failed",
        "recorded": True,
        "run_id": run["id"],
        "run_status": run["status"],
        "reason": None,
    }
    return answer(request, document)


def failure_of(fields: Fields) -> Json:
    """The failure in a request: an object with a message."""
    failure = fields.array("failure")
    if not isinstance(failure, dict):
        fields.wrong("failure", "The field failure must be an object with a message.")
        return {}
    message = failure.get("message")
    if not isinstance(message, str):
        fields.wrong("failure.message", "The field failure.message is required.")
    return failure


def heartbeat(request: Request) -> Response:
    """`POST /api/worker/workflow-tasks/{id}/heartbeat`: the lease begins anew (recording 085)."""
    state, task_id = state_of(request), request.path_params["task_id"]
    now = state.now()
    fields = Fields(body_of(request))
    owner, attempt = _authority(fields)
    fields.done()
    with state.database.write() as connection:
        _, run = held_workflow_task(connection, namespace_of(request), task_id, owner, attempt, now)
        renew_lease(connection, task_id, now)
        task = task_row(connection, task_id)
    document = {
        "task_id": task_id,
        "workflow_task_attempt": attempt,
        "lease_owner": owner,
        "renewed": True,
        "lease_expires_at": stored_as_micros(task["lease_expires_at"] if task else None),
        "run_status": run["status"],
        "task_status": "leased",
        "reason": None,
    }
    return answer(request, document)


def history(request: Request) -> Response:
    """`POST /api/worker/workflow-tasks/{id}/history`: the page of history that a token names."""
    state, task_id = state_of(request), request.path_params["task_id"]
    fields = Fields(body_of(request))
    owner, attempt = _authority(fields)
    token = fields.text("next_history_page_token", required=True)
    size = page_size(fields)
    fields.done()
    start = page_start(token or "")
    if start is None:
        raise Refusal(400, {"task_id": task_id, "error": "The page token is unknown.", "reason": "invalid_page_token"})
    with state.database.read() as connection:
        _, run = held_workflow_task(connection, namespace_of(request), task_id, owner, attempt, state.now())
        memos = wraps_memos(state)
        events, next_token = history_page(connection, run, start, size, memo_envelopes=memos)
    document = {
        "task_id": task_id,
        "workflow_task_attempt": attempt,
        "history_events": events,
        "next_history_page_token": next_token,
    }
    return answer(request, document)


def page_size(fields: Fields) -> int:
    """How many events a worker wants with a claim, or on a page."""
    return fields.integer("history_page_size", least=1, most=LARGEST_PAGE) or DEFAULT_PAGE
