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


PLACE = ("parallel_group_base_sequence", "parallel_group_size", "parallel_group_index")
"""The numbers that say where in its group a step is."""


def groups_in(path: object) -> list[Mapping[str, Any]]:
    """The groups in a path that came from outside: the entries that have their place in whole numbers."""
    entries = path if isinstance(path, list) else []
    return [
        entry for entry in entries if isinstance(entry, Mapping) and all(is_place(entry.get(name)) for name in PLACE)
    ]


def is_place(number: object) -> bool:
    """Whether a value is a whole number that a column holds."""
    return type(number) is int and 0 <= number < 2**31


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
