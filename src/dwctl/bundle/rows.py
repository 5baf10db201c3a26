"""How many rows an import would write, as the reference's dry run estimates them (contract/server.md §6)."""

from __future__ import annotations

from dwctl.bundle.loose import count
from dwctl.bundle.view import BundleView


def estimated_rows(bundle: BundleView) -> dict[str, int]:
    """Rows by table, in the order of the report; memos and search attributes are always estimated as 0."""
    document = bundle.value
    return {
        "workflow_instances": 1,
        "workflow_runs": 1,
        "workflow_history_events": count(document.get("history_events")),
        "workflow_commands": count(document.get("commands")),
        "workflow_signal_records": count(document.get("signals")),
        "workflow_updates": count(document.get("updates")),
        "workflow_tasks": count(document.get("tasks")),
        "activity_executions": count(document.get("activities")),
        "activity_attempts": sum([count(activity.get("attempts")) for _, activity in bundle.activities]),
        "workflow_run_timers": count(document.get("timers")),
        "workflow_failures": count(document.get("failures")),
        "workflow_links": count(bundle.links.get("parents")) + count(bundle.links.get("children")),
        "workflow_memos": 0,
        "workflow_search_attributes": 0,
        "workflow_run_summaries": 1,
    }
