"""Finding runs by what a path names: the instance in its namespace, its current run, one of its runs."""

from __future__ import annotations

import sqlite3

from starlette.requests import Request

from dwctl.rehearsal.answers import Refusal, namespace_of
from dwctl.rehearsal.database import Connection

Row = sqlite3.Row


def instance_or_404(connection: Connection, request: Request) -> Row:
    """The instance that the path names; 404 also where it lives in another namespace (recordings 073, 425)."""
    workflow_id = request.path_params["workflow_id"]
    found: Row | None = connection.execute(
        "SELECT * FROM workflow_instances WHERE id = ? AND namespace = ?", (workflow_id, namespace_of(request))
    ).fetchone()
    if found is None:
        document = {"message": "There is no such workflow.", "reason": "instance_not_found", "workflow_id": workflow_id}
        raise Refusal(404, document)
    return found


def run_or_404(connection: Connection, request: Request) -> Row:
    """The run that the path names, of the instance that it names."""
    instance_or_404(connection, request)
    workflow_id, run_id = request.path_params["workflow_id"], request.path_params["run_id"]
    found: Row | None = connection.execute(
        "SELECT * FROM workflow_runs WHERE id = ? AND workflow_instance_id = ? AND namespace = ?",
        (run_id, workflow_id, namespace_of(request)),
    ).fetchone()
    if found is None:
        facts = {"workflow_id": workflow_id, "run_id": run_id}
        raise Refusal(404, {"message": "There is no such run.", "reason": "run_not_found", **facts})
    return found


def current_run(connection: Connection, instance: Row) -> Row | None:
    """The instance's current run, in whatever namespace; the newest where the instance does not say."""
    found: Row | None = connection.execute(
        "SELECT * FROM workflow_runs WHERE workflow_instance_id = ? ORDER BY id = ? DESC, run_number DESC LIMIT 1",
        (instance["id"], instance["current_run_id"]),
    ).fetchone()
    return found


def newest_run_here(connection: Connection, request: Request) -> Row | None:
    """The newest run of the instance that lives in the request's namespace."""
    found: Row | None = connection.execute(
        "SELECT * FROM workflow_runs WHERE workflow_instance_id = ? AND namespace = ? ORDER BY run_number DESC LIMIT 1",
        (request.path_params["workflow_id"], namespace_of(request)),
    ).fetchone()
    return found
