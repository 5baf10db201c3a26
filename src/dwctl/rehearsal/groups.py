"""Parallel groups: a run goes on when its whole group is settled, or as soon as a member of it has failed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dwctl.rehearsal.database import Connection

_SETTLED = json.dumps(
    "ActivityCompleted ActivityFailed ActivityTimedOut ActivityCancelled ChildRunCompleted ChildRunFailed"
    " ChildRunCancelled ChildRunTerminated TimerFired TimerCancelled".split()
)


def is_settled(connection: Connection, run_id: str, path: Sequence[Mapping[str, Any]]) -> bool:
    """Whether every member of the outermost group of a path has its end in the history (corpus bundle 43).

    True for a step that is in no group.
    """
    if not path:
        return True
    first, size = int(path[0]["parallel_group_base_sequence"]), int(path[0]["parallel_group_size"])
    (settled,) = connection.execute(
        "SELECT COUNT(DISTINCT json_extract(payload, '$.sequence')) FROM workflow_history_events"
        " WHERE workflow_run_id = ? AND event_type IN (SELECT value FROM json_each(?))"
        " AND json_extract(payload, '$.sequence') BETWEEN ? AND ?",
        (run_id, _SETTLED, first, first + size - 1),
    ).fetchone()
    return bool(settled >= size)
