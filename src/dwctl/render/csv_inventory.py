"""The inventory as CSV for a spreadsheet: a line a run, the open workflows of v1 after them.

A cell that a spreadsheet would take for a formula begins with an apostrophe, so that nothing in it is run; line
breaks and control characters are written as escapes. Ids and type keys of ordinary shape stay as they are; the JSON
has everything exactly.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, TextIO

from dwctl.embedded.inventory_runs import OldWorkflow, Summary
from dwctl.render.json_inventory import group_items, old_item, run_item
from dwctl.render.text import one_line
from dwctl.transfer.runtimes.inventory import Standing

COLUMNS = (
    *("engine", "instance_id", "run_id", "run_number", "is_current_run", "workflow_type", "workflow_class", "status"),
    *("closed_reason", "eligible", "must_be_quiesced", "foreseen", "namespace", "business_key", "payload_codec"),
    *("compatibility", "connection", "queue", "started_at", "closed_at", "last_progress_at", "age_seconds"),
    *("history_events", "history_bytes", "last_history_sequence", "held", "ready_tasks", "pending_timers"),
    *("next_fire_at", "open_signals", "open_updates", "children", "open_children", "parent_run_id"),
    *("previous_run_id", "next_run_id", "whole_floats", "dedupe_key", "exported", "exported_at", "imported"),
)
"""The columns of the listing, in their order."""

GROUP_COLUMNS = (
    *("engine", "workflow_type", "workflow_class", "status", "queue", "runs", "workflows", "oldest_start"),
    *("last_progress", "leased_tasks", "running_attempts"),
)
"""The columns of the summary."""

_MOVED = {True: " and moved since", None: ", not known whether moved since", False: ""}

_FORMULA = ("=", "+", "-", "@", "|", "%")


def write_inventory(runs: Iterable[Standing], old: Iterable[OldWorkflow], stream: TextIO) -> None:
    """The heading, then a line a run as they come."""
    _write(COLUMNS, chain(_run_rows(runs), _old_rows(old)), stream)


def write_groups(summary: Summary, stream: TextIO) -> None:
    """The summary, a line a group."""
    _write(GROUP_COLUMNS, (dict(item) for item in group_items(summary)), stream)


def _write(columns: tuple[str, ...], rows: Iterable[dict[str, Any]], stream: TextIO) -> None:
    out = csv.writer(stream, lineterminator="\n")
    out.writerow(columns)
    for row in rows:
        out.writerow([_cell(row.get(column)) for column in columns])


def _run_rows(runs: Iterable[Standing]) -> Iterator[dict[str, Any]]:
    for standing in runs:
        row = run_item(standing)
        row["held"] = "; ".join(
            f"{held.kind} {held.id} by {held.owner or 'nobody'} until {held.expires_at or 'ever'}"
            for held in standing.run.work.held
        )
        row["foreseen"] = " ".join(dict.fromkeys(one.rule for one in standing.run.foreseen))
        row["whole_floats"] = " ".join(standing.run.work.whole_floats or ())
        exported, imported = standing.exported, standing.imported
        row["exported"] = None if exported is None else exported.state.value
        row["exported_at"] = None if exported is None else exported.exported_at
        row["imported"] = None if imported is None else imported.state + _MOVED[imported.moved]
        yield row


def _old_rows(old: Iterable[OldWorkflow]) -> Iterator[dict[str, Any]]:
    for workflow in old:
        row = old_item(workflow)
        yield row | {"run_id": row["id"], "started_at": row["created_at"], "eligible": False}


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return "'" + text if text.lstrip(" \u00a0").startswith(_FORMULA) or text.startswith("'") else text
