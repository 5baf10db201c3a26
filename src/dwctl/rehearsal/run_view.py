"""A run as its rows tell it: what the projections and the export are made from."""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import Any

import orjson

from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.payload_types import well_typed

Columns = dict[str, Any]
"""A row by column name."""


class RunView:
    """The rows of one run, read from the database table by table and only when asked for.

    Event payloads are decoded once; an empty list, which is what PHP writes for an empty object, becomes one.
    """

    def __init__(self, connection: Connection, run_id: str) -> None:
        self.connection = connection
        self.run_id = run_id

    @cached_property
    def run(self) -> Columns:
        """The row of the run; raises `KeyError` where there is none."""
        rows = self._rows("workflow_runs", "", column="id")
        if not rows:
            raise KeyError(self.run_id)
        return rows[0]

    @cached_property
    def instance(self) -> Columns:
        """The row of the run's instance."""
        row = self.connection.execute(
            "SELECT * FROM workflow_instances WHERE id = ?", (self.run["workflow_instance_id"],)
        ).fetchone()
        return dict(row)

    @cached_property
    def events(self) -> list[Columns]:
        """History events in their order, with the bytes that each adds to the history's `size`.

        `payload` is what projections read, `recorded` the payload as it stands (`payload_types`).
        """
        events = self._rows("workflow_history_events", "ORDER BY sequence")
        for event in events:
            event["size"] = len(event["event_type"]) + plain_size(event["payload"])
            event["recorded"] = decoded(event["payload"])
            event["payload"] = well_typed(event["recorded"])
        return events

    @cached_property
    def commands(self) -> list[Columns]:
        """Commands in their order."""
        return self._rows("workflow_commands", "ORDER BY command_sequence, created_at, id")

    @cached_property
    def signals(self) -> list[Columns]:
        """Signals in the order of their commands."""
        return self._rows("workflow_signal_records", "ORDER BY command_sequence, created_at, id")

    @cached_property
    def updates(self) -> list[Columns]:
        """Updates in the order of their commands."""
        return self._rows("workflow_updates", "ORDER BY command_sequence, created_at, id")

    @cached_property
    def tasks(self) -> list[Columns]:
        """Tasks as they became available, payloads decoded."""
        tasks = self._rows("workflow_tasks", "ORDER BY available_at, id")
        for task in tasks:
            task["payload"] = decoded(task["payload"])
        return tasks

    @cached_property
    def activities(self) -> list[Columns]:
        """Activity executions in their order."""
        return self._rows("activity_executions", "ORDER BY sequence, id")

    @cached_property
    def attempts(self) -> list[Columns]:
        """Attempts at activities, by execution and number."""
        return self._rows("activity_attempts", "ORDER BY activity_execution_id, attempt_number")

    @cached_property
    def timers(self) -> list[Columns]:
        """Timers in their order."""
        return self._rows("workflow_run_timers", "ORDER BY sequence, id")

    @cached_property
    def failures(self) -> list[Columns]:
        """Failures as they happened."""
        return self._rows("workflow_failures", "ORDER BY created_at, id")

    @cached_property
    def parents(self) -> list[Columns]:
        """Links in which the run is the child."""
        return self._rows("workflow_links", "ORDER BY created_at, id", column="child_workflow_run_id")

    @cached_property
    def children(self) -> list[Columns]:
        """Links in which the run is the parent."""
        return self._rows("workflow_links", "ORDER BY created_at, id", column="parent_workflow_run_id")

    def events_of(self, *types: str) -> list[Columns]:
        """The history events of some types, in their order."""
        return [event for event in self.events if event["event_type"] in types]

    def other_run(self, run_id: str) -> Columns | None:
        """The row of another run, where this server has it."""
        row = self.connection.execute("SELECT * FROM workflow_runs WHERE id = ?", (run_id,)).fetchone()
        return None if row is None else dict(row)

    def _rows(self, table: str, order: str, *, column: str = "workflow_run_id") -> list[Columns]:
        statement = f"SELECT * FROM {table} WHERE {column} = ? {order}"  # noqa: S608
        return [dict(row) for row in self.connection.execute(statement, (self.run_id,))]


def json_value(text: str | None) -> Any:
    """The value in a JSON column; None for an empty column."""
    if not text:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:  # nested more deeply than orjson follows
        return json.loads(text)


def decoded(text: str | None) -> Columns:
    """The object in a JSON column; an empty one for anything else."""
    value = json_value(text)
    return value if isinstance(value, dict) else {}


_ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|.)")


def plain_size(text: str) -> int:
    """Bytes of a JSON column if PHP had written slashes and characters above ASCII without escapes."""
    return len(text) - sum([_saved(escape) for escape in _ESCAPE.finditer(text)])


def _saved(escape: re.Match[str]) -> int:
    unit = escape[1]
    if unit is None:
        return int(escape[0] == "\\/")
    code = int(unit, 16)
    if code < 0x80 or code in {0x2028, 0x2029}:
        return 0
    # Half of a surrogate pair stands for two of its four bytes.
    return 4 if code < 0x800 or 0xD800 <= code < 0xE000 else 3
