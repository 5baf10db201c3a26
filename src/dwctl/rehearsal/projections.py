"""The projections: what lists, describe and exports show, rebuilt from the durable rows whenever they change.

Projection rows are never the authority (migration guide, Phase E).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from dwctl.rehearsal.columns import json_text
from dwctl.rehearsal.database import Connection, insert
from dwctl.rehearsal.lineage import lineage_of
from dwctl.rehearsal.run_view import Columns, RunView
from dwctl.rehearsal.summary import summary_of
from dwctl.rehearsal.timeline import entry_of
from dwctl.rehearsal.timer_entries import Timer, timers_of
from dwctl.rehearsal.times import stored
from dwctl.rehearsal.wait_shape import Wait
from dwctl.rehearsal.waits import waits_of

IMPORTED_ENGINE_SOURCE = "embedded_v2_import"


def project_runs(connection: Connection, run_ids: Iterable[str], now: datetime) -> None:
    """Rebuild the projections of some runs inside the transaction that changed them."""
    for run_id in dict.fromkeys(run_ids):
        view = RunView(connection, run_id)
        waits = waits_of(view)
        summary = summary_of(view, waits, now, imported=IMPORTED_ENGINE_SOURCE)
        _replace(connection, view, "workflow_run_summaries", [summary], column="id")
        _replace(connection, view, "workflow_run_waits", [_wait_row(view, *item, now) for item in enumerate(waits)])
        timers = [_timer_row(view, *item, now) for item in enumerate(timers_of(view))]
        _replace(connection, view, "workflow_run_timer_entries", timers)
        _replace(connection, view, "workflow_run_lineage_entries", _lineage_rows(view, now))
        _append_timeline(connection, view, now)


def _replace(
    connection: Connection, view: RunView, table: str, rows: list[Columns], *, column: str = "workflow_run_id"
) -> None:
    connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (view.run_id,))  # noqa: S608
    insert(connection, table, rows)


def _projected(view: RunView, key: str, now: datetime) -> Columns:
    """The columns that every projection of a part of a run has."""
    return {
        "id": hashlib.sha256(f"{view.run_id}|{key}".encode()).hexdigest(),
        "workflow_run_id": view.run_id,
        "workflow_instance_id": view.run["workflow_instance_id"],
        "created_at": stored(now),
        "updated_at": stored(now),
    }


def _as_column(text: str | None) -> str | None:
    """A time of a document as a column holds it."""
    return None if text is None else text.replace("T", " ")[:26]


_WAIT_COLUMNS = (
    "kind", "sequence", "status", "source_status", "summary", "target_name", "target_type", "resume_source_kind",
    "resume_source_id", "task_id", "task_type", "task_status", "command_id", "command_sequence", "command_status",
    "command_outcome", "history_authority", "history_unsupported_reason",
)  # fmt: skip
_WAIT_TIMES = ("opened_at", "deadline_at", "resolved_at")


def _wait_row(view: RunView, position: int, wait: Wait, now: datetime) -> Columns:
    return {
        **_projected(view, wait["id"], now),
        "wait_id": wait["id"],
        "position": position,
        **{name: wait.get(name) for name in _WAIT_COLUMNS},
        **{name: _as_column(wait[name]) for name in _WAIT_TIMES},
        "task_backed": int(wait["task_backed"]),
        "external_only": int(wait["external_only"]),
        "payload": json_text(wait),
    }


_TIMER_COLUMNS = (
    "sequence", "status", "source_status", "delay_seconds", "timer_kind", "condition_wait_id", "condition_key",
    "condition_definition_fingerprint", "history_authority", "history_unsupported_reason",
)  # fmt: skip


def _timer_row(view: RunView, position: int, timer: Timer, now: datetime) -> Columns:
    return {
        **_projected(view, f"timer:{timer['id']}", now),
        "timer_id": timer["id"],
        "position": position,
        **{name: timer[name] for name in _TIMER_COLUMNS},
        **{name: _as_column(timer[name]) for name in ("fire_at", "fired_at", "cancelled_at")},
        "payload": json_text(timer),
    }


def _lineage_rows(view: RunView, now: datetime) -> list[Columns]:
    rows: list[Columns] = []
    for direction, links in zip(("parent", "child"), lineage_of(view), strict=True):
        for position, link in enumerate(links):
            rows.append(
                {
                    **_projected(view, f"{direction}:{link['id']}", now),
                    "direction": direction,
                    "lineage_id": link["id"],
                    "position": position,
                    "link_type": link["type"],
                    "child_call_id": link["child_call_id"],
                    "sequence": link["sequence"],
                    "is_primary_parent": int(link["is_primary_parent"]),
                    "related_workflow_instance_id": link[f"{direction}_workflow_instance_id"],
                    "related_workflow_run_id": link[f"{direction}_workflow_run_id"],
                    "related_run_number": link["run_number"],
                    "related_workflow_type": link["workflow_type"],
                    "related_workflow_class": link["class"],
                    "status": link["status"],
                    "status_bucket": link["status_bucket"],
                    "closed_reason": link["closed_reason"],
                    "linked_at": _as_column(link["created_at"]),
                    "payload": json_text(link),
                }
            )
    return rows


_ENTRY_COLUMNS = (
    "sequence", "type", "kind", "entry_kind", "source_kind", "source_id", "summary", "command_id", "command_sequence",
    "task_id", "activity_execution_id", "timer_id", "failure_id",
)  # fmt: skip


def _append_timeline(connection: Connection, view: RunView, now: datetime) -> None:
    """Add the entries of new events; an event never changes. The document of an entry is made when it is asked for."""
    row = connection.execute(
        "SELECT coalesce(max(sequence), 0) FROM workflow_run_timeline_entries WHERE workflow_run_id = ?",
        (view.run_id,),
    ).fetchone()
    new = [entry_of(view, event) for event in view.events if event["sequence"] > row[0]]
    insert(
        connection,
        "workflow_run_timeline_entries",
        [
            {
                **_projected(view, entry["id"], now),
                "history_event_id": entry["id"],
                **{name: entry[name] for name in _ENTRY_COLUMNS},
                "recorded_at": _as_column(entry["recorded_at"]),
            }
            for entry in new
        ],
    )
