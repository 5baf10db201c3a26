"""Workflow runs, for people."""

from __future__ import annotations

from typing import TextIO

from rich.text import Text

from dwctl.counted import counted
from dwctl.render.console_lines import Cell, fields, heading
from dwctl.render.console_server import moment, or_dash, title
from dwctl.render.console_table import Table, write_lines
from dwctl.render.text import one_line
from dwctl.render.wording import to_the_second
from dwctl.server.results import Run, RunRow, WorkflowView
from dwctl.server.walk import Walk

_STYLES = {"completed": "green", "failed": "red", "cancelled": "yellow", "terminated": "yellow"}


def show_workflows(namespace: str, walk: Walk, stream: TextIO) -> None:
    """Runs one a line, and whether that is all of them."""
    table = Table(
        ("workflow", "run", "type", "status", "queue", "started", "closed"),
        [
            [
                row.workflow_id,
                row.run_id,
                or_dash(row.workflow_type),
                _status(row),
                or_dash(row.task_queue),
                moment(row.started_at),
                moment(row.closed_at),
            ]
            for row in walk.rows
        ],
        may_go=("closed", "queue", "started", "type"),
    )
    lines: list[Text | Table] = [table, Text(one_line(f"{counted(len(walk.rows), 'run')} in {namespace}"))]
    if not walk.complete:
        said = "the list changed faster than it could be read: runs may be missing; run it again"
        lines.append(Text(said, style="bold red"))
    write_lines(lines, stream)


def show_workflow(view: WorkflowView, stream: TextIO) -> None:
    """One run with what it waits for, and the runs of its workflow."""
    lines: list[Text | Table] = [title(view.workflow_id)]
    if view.run is not None:
        lines += fields(_fields(view.run))
    if view.describe_error is not None:
        said = f"the server cannot show this run: {view.describe_error.message}"
        lines.append(Text(one_line(said), style="bold red"))
    lines.append(heading("runs", "" if view.runs else "none"))
    if view.runs:
        runs = [
            [
                or_dash(row.run_number),
                row.run_id,
                _status(row),
                or_dash(row.task_queue),
                moment(row.started_at),
                moment(row.closed_at),
            ]
            for row in view.runs
        ]
        headings = ("number", "run", "status", "queue", "started", "closed")
        lines.append(Table(headings, runs, may_go=("queue", "closed", "started")))
    write_lines(lines, stream)


def _fields(run: Run) -> list[tuple[str, Cell]]:
    row = run.row
    current = {True: "yes", False: "no", None: "-"}[run.is_current_run]
    return [
        ("run", row.run_id),
        ("type", or_dash(row.workflow_type)),
        ("status", _status(row)),
        ("closed because", run.closed_reason or ""),
        ("waits for", " ".join(part for part in (run.wait_kind, f"({run.wait_reason})") if run.wait_kind and part)),
        ("namespace", or_dash(run.namespace)),
        ("task queue", or_dash(row.task_queue)),
        ("run number", f"{or_dash(row.run_number)} of {or_dash(run.run_count)}"),
        ("current run", current),
        ("business key", row.business_key or ""),
        ("compatibility", run.compatibility or ""),
        ("codec", or_dash(run.payload_codec)),
        ("started", moment(row.started_at)),
        ("closed", to_the_second(row.closed_at or "")),
        ("last progress", moment(run.last_progress_at)),
        ("engine source", run.engine_source or ""),
        ("import id", run.import_id or ""),
    ]


def _status(row: RunRow) -> Cell:
    return (row.status, _STYLES.get(row.status, ""))
