"""The projections: what lists, describe and exports show, rebuilt from the durable rows whenever they change.

Projection rows are never the authority (migration guide, Phase E).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from dwctl.rehearsal.columns import json_text
from dwctl.rehearsal.database import Connection, insert
from dwctl.rehearsal.run_view import RunView
from dwctl.rehearsal.summary import summary_of
from dwctl.rehearsal.times import stored
from dwctl.rehearsal.waits import Wait, waits_of

IMPORTED_ENGINE_SOURCE = "embedded_v2_import"


def project_runs(connection: Connection, run_ids: Iterable[str], now: datetime) -> None:
    """Rebuild the projections of some runs inside the transaction that changed them."""
    for run_id in dict.fromkeys(run_ids):
        view = RunView(connection, run_id)
        waits = waits_of(view)
        _replace(connection, view, "workflow_run_waits", [_wait_row(view, *item, now) for item in enumerate(waits)])
        _replace(
            connection, view, "workflow_run_summaries",
            [summary_of(view, waits, now, imported=IMPORTED_ENGINE_SOURCE)], column="id",
        )  # fmt: skip


def _replace(
    connection: Connection, view: RunView, table: str, rows: list[dict[str, Any]], *, column: str = "workflow_run_id"
) -> None:
    connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (view.run_id,))  # noqa: S608
    insert(connection, table, rows)


_WAIT_COLUMNS = (
    "kind", "sequence", "status", "source_status", "summary", "target_name", "target_type", "resume_source_kind",
    "resume_source_id", "task_id", "task_type", "task_status", "command_id", "command_sequence", "command_status",
    "command_outcome", "history_authority", "history_unsupported_reason",
)  # fmt: skip
_WAIT_TIMES = ("opened_at", "deadline_at", "resolved_at")


def _wait_row(view: RunView, position: int, wait: Wait, now: datetime) -> dict[str, Any]:
    times = {name: None if wait[name] is None else wait[name].replace("T", " ")[:26] for name in _WAIT_TIMES}
    return {
        "id": hashlib.sha256(f"{view.run_id}|{wait['id']}".encode()).hexdigest(),
        "workflow_run_id": view.run_id,
        "workflow_instance_id": view.run["workflow_instance_id"],
        "wait_id": wait["id"],
        "position": position,
        **{name: wait[name] for name in _WAIT_COLUMNS},
        **times,
        "task_backed": int(wait["task_backed"]),
        "external_only": int(wait["external_only"]),
        "payload": json_text(wait),
        "created_at": stored(now),
        "updated_at": stored(now),
    }
