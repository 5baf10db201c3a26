"""How many rows an import would write, as the reference's dry run estimates them (contract/server.md §6)."""

from __future__ import annotations

from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.loose import count, entries, field

_SECTION_TABLES = {
    "workflow_history_events": "history_events",
    "workflow_commands": "commands",
    "workflow_signal_records": "signals",
    "workflow_updates": "updates",
    "workflow_tasks": "tasks",
    "activity_executions": "activities",
    "workflow_run_timers": "timers",
    "workflow_failures": "failures",
}


def estimated_rows(bundle: JsonValue) -> dict[str, int]:
    """Rows by table, in the order of the report; memos and search attributes are always estimated as 0."""
    counted = {table: count(field(bundle, section)) for table, section in _SECTION_TABLES.items()}
    return {
        "workflow_instances": 1,
        "workflow_runs": 1,
        **{table: counted[table] for table in list(_SECTION_TABLES)[:6]},
        "activity_attempts": sum(
            count(field(activity, "attempts")) for _, activity in entries(field(bundle, "activities"))
        ),
        **{table: counted[table] for table in list(_SECTION_TABLES)[6:]},
        "workflow_links": count(field(bundle, "links", "parents")) + count(field(bundle, "links", "children")),
        "workflow_memos": 0,
        "workflow_search_attributes": 0,
        "workflow_run_summaries": 1,
    }
