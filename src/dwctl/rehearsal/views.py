"""Workflows and runs as they are listed and described, and their history (contract/server.md §5)."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dwctl.rehearsal.answers import (
    CONTROL_HEADER,
    CONTROL_VERSION,
    Refusal,
    answer,
    json_of,
    namespace_of,
    query_of,
    raw_answer,
    state_of,
)
from dwctl.rehearsal.claims import page_start, page_token
from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.descriptions import described, shown_attributes
from dwctl.rehearsal.export import export_bundle
from dwctl.rehearsal.quirks import Q
from dwctl.rehearsal.runs import current_run, instance_or_404, newest_run_here, run_or_404
from dwctl.rehearsal.times import stored_as_micros
from dwctl.rehearsal.validation import Fields
from dwctl.rehearsal.vocabulary import is_terminal

Json = dict[str, Any]

_LIST = "SELECT * FROM workflow_run_summaries WHERE {conditions} ORDER BY sort_timestamp DESC, id DESC LIMIT ? OFFSET ?"


def list_workflows(request: Request) -> Response:
    """`GET /api/workflows`: one row a run, newest first; the page token is an offset, as the server's is."""
    fields = Fields(query_of(request))
    workflow_type, text = fields.text("workflow_type"), fields.text("query", longest=1000)
    status = fields.text("status", choices=("running", "completed", "failed"))
    size = fields.integer("page_size", least=1, most=200) or 50
    token = fields.text("next_page_token", longest=1000)
    fields.done()
    offset = page_start(token or "") or 0
    conditions, values = ["namespace = ?"], [namespace_of(request)]
    for column, value in (("workflow_type", workflow_type), ("status_bucket", status)):
        if value is not None:
            conditions.append(f"{column} = ?")
            values.append(value)
    if text is not None:
        conditions.append("(instr(workflow_instance_id, ?) OR instr(COALESCE(business_key, ''), ?))")
        values += [text, text]
    statement = _LIST.format(conditions=" AND ".join(conditions))
    with state_of(request).database.read() as connection:
        found = connection.execute(statement, (*values, size + 1, offset)).fetchall()
        rows = [_listed(connection, request, row) for row in found[:size]]
    document = {
        "workflows": rows,
        "workflow_count": len(rows),
        "next_page_token": page_token(offset + size) if len(found) > size else None,
    }
    return answer(request, document)


def _listed(connection: Connection, request: Request, summary: sqlite3.Row) -> Json:
    row = {
        "workflow_id": summary["workflow_instance_id"],
        "run_id": summary["id"],
        "workflow_type": summary["workflow_type"],
        "business_key": summary["business_key"],
        "status": summary["status"],
        "status_bucket": summary["status_bucket"],
        "task_queue": summary["queue"],
        "is_terminal": is_terminal(summary["status"]),
        "started_at": stored_as_micros(summary["started_at"]),
        "closed_at": stored_as_micros(summary["closed_at"]),
        "search_attributes": shown_attributes(connection, state_of(request).profile, summary["id"], summary),
    }
    if not state_of(request).profile.has(Q.IMPORT_MARKERS_HIDDEN):
        row["engine_source"] = summary["engine_source"]
    return row


def describe(request: Request) -> Response:
    """`GET /api/workflows/{id}`: the newest run of the namespace, in the light of the instance's current run."""
    with state_of(request).database.read() as connection:
        instance = instance_or_404(connection, request)
        run, current = newest_run_here(connection, request), current_run(connection, instance)
        if run is None or current is None:
            facts = {"reason": "instance_not_found", "workflow_id": instance["id"]}
            raise Refusal(404, {"message": "The workflow has no run here.", **facts})
        document = described(connection, state_of(request).profile, instance, run, current)
    return answer(request, document)


def describe_run(request: Request) -> Response:
    """`GET /api/workflows/{id}/runs/{run}`."""
    with state_of(request).database.read() as connection:
        instance, run = instance_or_404(connection, request), run_or_404(connection, request)
        document = described(connection, state_of(request).profile, instance, run, run)
    return answer(request, document)


def list_runs(request: Request) -> Response:
    """`GET /api/workflows/{id}/runs`: the runs of the namespace, oldest first."""
    with state_of(request).database.read() as connection:
        instance = instance_or_404(connection, request)
        rows = connection.execute(
            "SELECT * FROM workflow_runs WHERE workflow_instance_id = ? AND namespace = ? ORDER BY run_number",
            (instance["id"], namespace_of(request)),
        ).fetchall()
    runs = [
        {
            "run_id": row["id"],
            "run_number": row["run_number"],
            "workflow_type": row["workflow_type"],
            "business_key": row["business_key"],
            "status": row["status"],
            "task_queue": row["queue"],
            "started_at": stored_as_micros(row["started_at"]),
            "closed_at": stored_as_micros(row["closed_at"]),
        }
        for row in rows
    ]
    return answer(request, {"workflow_id": instance["id"], "run_count": len(runs), "runs": runs})


async def history(request: Request) -> Response:
    """`GET /api/workflows/{id}/runs/{run}/history`; the page token is the last sequence that was seen."""
    facts = {"workflow_id": request.path_params["workflow_id"], "run_id": request.path_params["run_id"]}
    query = query_of(request)
    fields = Fields(query, facts)
    size = fields.integer("page_size", least=1, most=1000) or 100
    waits = fields.boolean("wait_new_event")
    fields.done()
    after = page_start(query.get("next_page_token", "")) or 0
    state = state_of(request)
    with state.database.read() as connection:
        run_or_404(connection, request)
    rows = _events(request, after, size)
    if not rows and waits:
        rows = await _next_events(request, after, size)
    page = rows[:size]
    events = [
        {
            "sequence": row["sequence"],
            "event_type": row["event_type"],
            "timestamp": stored_as_micros(row["recorded_at"]),
            "payload": json.loads(row["payload"] or "{}") or {},
        }
        for row in page
    ]
    token = page_token(page[-1]["sequence"]) if len(rows) > size else None
    return answer(request, {**facts, "events": events, "next_page_token": token})


def _events(request: Request, after: int, size: int) -> list[sqlite3.Row]:
    """The events of a page, and one more where there are more."""
    with state_of(request).database.read() as connection:
        return connection.execute(
            "SELECT * FROM workflow_history_events WHERE workflow_run_id = ? AND sequence > ?"
            " ORDER BY sequence LIMIT ?",
            (request.path_params["run_id"], after, size + 1),
        ).fetchall()


_GLANCE = 0.1  # seconds between two looks at a history that somebody waits for


async def _next_events(request: Request, after: int, size: int) -> list[sqlite3.Row]:
    """Wait for the next event, at most as long as a poll of a worker waits."""
    for _ in range(int(state_of(request).settings.poll_timeout / _GLANCE)):
        await asyncio.sleep(_GLANCE)
        rows = _events(request, after, size)
        if rows or await request.is_disconnected():
            return rows
    return []


def export(request: Request) -> Response:
    """`GET /api/workflows/{id}/runs/{run}/history/export`: the bundle is the whole body."""
    state = state_of(request)
    with state.database.read() as connection:
        run = run_or_404(connection, request)
        bundle = export_bundle(connection, run["id"], now=state.now())
    return raw_answer(request, json_of(request, bundle), 200, {CONTROL_HEADER: CONTROL_VERSION})
