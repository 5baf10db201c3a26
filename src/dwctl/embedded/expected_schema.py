"""The tables and columns of the embedded application that dwctl reads (contract/embedded.md, "Database").

Library versions differ: what is not there becomes a gap of the snapshot, with the sentence below where one
says more than "not there". Names are without the connection's prefix.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def _columns(text: str) -> frozenset[str]:
    return frozenset(text.split())


EXPECTED: Final[Mapping[str, frozenset[str]]] = {
    "workflow_runs": _columns(
        """
        id workflow_instance_id run_number workflow_class workflow_type namespace business_key status closed_reason
        compatibility payload_codec output_payload_codec connection queue last_history_sequence last_progress_at
        started_at closed_at archived_at created_at updated_at import_source import_id
        """
    ),
    "workflow_instances": _columns("id workflow_type current_run_id run_count created_at"),
    "workflow_tasks": _columns(
        "id workflow_run_id task_type status connection queue available_at lease_owner lease_expires_at"
    ),
    "activity_executions": _columns("workflow_run_id activity_class activity_type status payload_codec"),
    "activity_attempts": _columns("id workflow_run_id status lease_owner lease_expires_at"),
    "workflow_run_timers": _columns("workflow_run_id status fire_at"),
    "workflow_links": _columns("link_type parent_workflow_run_id child_workflow_instance_id child_workflow_run_id"),
    "workflow_search_attributes": _columns("workflow_run_id key value_float"),
    "workflow_commands": _columns("workflow_run_id command_type status payload_codec"),
    "workflow_updates": _columns("workflow_run_id status payload_codec"),
    "workflow_signal_records": _columns("workflow_run_id status payload_codec"),
    "workflow_history_events": _columns("workflow_run_id sequence event_type payload"),
    "workflow_run_summaries": _columns("id history_event_count history_size_bytes"),
    "workflow_schedules": _columns("schedule_id action status deleted_at remaining_actions next_fire_at"),
    "workflows": _columns("id class status created_at updated_at"),
}
"""Table → the columns that some command reads. No other one is read, so no right on it is needed."""

MISSING: Final[Mapping[tuple[str, str | None], str]] = {
    ("workflows", None): "there are no v1 tables here: no v1 workflow ran on this database connection",
    ("workflow_runs", "import_source"): "this version of the library has no import markers",
    ("workflow_search_attributes", None): "this version of the library keeps no search attributes in rows",
    ("workflow_schedules", None): "this version of the library has no schedules",
}
"""(table, column or None) → what it means that it is not there, where that is sure and more can be said."""

LOST: Final[Mapping[tuple[str, str], str]] = {
    ("workflow_runs", "import_source"): "whether a run was imported into this application is not known",
    **dict.fromkeys(
        (("workflow_runs", "last_history_sequence"), ("workflow_runs", "last_progress_at")),
        "whether a run has moved since its export is not known",
    ),
}
"""(table, column) → what is not known without it, where its name does not tell."""
