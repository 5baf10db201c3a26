"""One completed workflow task: what the worker's commands are applied to, and what came of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.history_writer import append_event, task_snapshot

Json = dict[str, Any]
TaskCommand = Mapping[str, Any]

_GROUP_KEYS = (
    "parallel_group_id",
    "parallel_group_kind",
    "parallel_group_base_sequence",
    "parallel_group_size",
    "parallel_group_index",
    "parallel_group_path",
)


@dataclass(slots=True)
class Turn:
    """The run and the task as they were when the worker completed the task.

    `sequence` is the workflow sequence of the next step; `touched` names the other runs that were changed.
    """

    connection: Connection
    run: sqlite3.Row
    task: sqlite3.Row
    now: datetime
    sequence: int
    created_task_ids: list[str] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    task_status: str = "completed"

    def step(self) -> int:
        """The workflow sequence of the next step."""
        sequence = self.sequence
        self.sequence += 1
        return sequence

    def record(self, event_type: str, payload: Mapping[str, Any]) -> str:
        """Append an event of this task, with the task as it is while it runs."""
        document = {**payload, "task": task_snapshot(self.task)}
        return append_event(self.connection, self.run["id"], event_type, document, self.now, task_id=self.task["id"])


def blob_of(payload: object) -> str | None:
    """The blob of an envelope `{codec, blob}`, or of a bare text."""
    value = payload.get("blob") if isinstance(payload, Mapping) else payload
    return value if isinstance(value, str) else None


def codec_of(payload: object, default: str | None) -> str | None:
    """The codec of an envelope."""
    value = payload.get("codec") if isinstance(payload, Mapping) else None
    return value if isinstance(value, str) else default


def group_of(command: TaskCommand) -> Json:
    """The place of a command in a parallel group, as its events repeat it; empty where it is in none."""
    return {key: command[key] for key in _GROUP_KEYS if key in command}
