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
        id workflow_instance_id run_number workflow_class workflow_type namespace business_key status
        closed_reason compatibility payload_codec connection queue last_history_sequence last_progress_at
        started_at closed_at archived_at created_at updated_at import_source import_id import_dedupe_key imported_at
        """
    ),
    "workflow_instances": _columns(
        """
        id workflow_class workflow_type namespace business_key current_run_id run_count started_at created_at updated_at
        """
    ),
    "workflow_tasks": _columns(
        """
        id workflow_run_id task_type status compatibility connection queue available_at leased_at lease_owner
        lease_expires_at attempt_count created_at updated_at
        """
    ),
    "activity_executions": _columns(
        """
        id workflow_run_id sequence activity_class activity_type status connection queue attempt_count
        current_attempt_id started_at closed_at created_at updated_at
        """
    ),
    "activity_attempts": _columns(
        """
        id workflow_run_id activity_execution_id attempt_number status lease_owner started_at lease_expires_at closed_at
        """
    ),
    "workflow_run_timers": _columns("id workflow_run_id sequence status delay_seconds fire_at fired_at"),
    "workflow_links": _columns(
        """
        id link_type sequence parent_workflow_instance_id parent_workflow_run_id child_workflow_instance_id
        child_workflow_run_id is_primary_parent parent_close_policy created_at
        """
    ),
    "workflow_search_attributes": _columns(
        """
        id workflow_run_id workflow_instance_id key type value_string value_keyword value_keyword_list value_int
        value_float value_bool value_datetime
        """
    ),
    "workflow_memos": _columns("id workflow_run_id workflow_instance_id key"),
    "workflow_updates": _columns("id workflow_instance_id workflow_run_id update_name status accepted_at closed_at"),
    "workflow_signal_records": _columns(
        "id workflow_instance_id workflow_run_id signal_name status received_at closed_at"
    ),
    "workflow_history_events": _columns("id workflow_run_id sequence event_type payload recorded_at"),
    "workflow_run_summaries": _columns(
        "id workflow_instance_id is_current_run engine_source sort_key history_event_count history_size_bytes"
    ),
    "workflow_schedules": frozenset(),
    "workflow_child_calls": frozenset(),
    "workflow_commands": frozenset(),
    "workflow_failures": frozenset(),
    "workflow_messages": frozenset(),
    "workflow_run_waits": frozenset(),
    "workflow_worker_compatibility_heartbeats": frozenset(),
    "workflows": _columns("id class status created_at updated_at"),
    "migrations": _columns("migration"),
}
"""Table → the columns that some command reads; a table with none is looked at whole, where it is there."""

MISSING: Final[Mapping[tuple[str, str | None], str]] = {
    ("workflows", None): "there are no v1 tables here: no v1 workflow ran on this database connection",
    ("workflow_runs", "import_source"): "this version of the library has no import markers: whether a run was "
    "imported into this application is not known",
    ("workflow_search_attributes", None): "this version of the library keeps no search attributes in rows",
    ("workflow_memos", None): "this version of the library keeps no memos in rows",
    ("workflow_schedules", None): "this version of the library has no schedules",
}
"""(table, column or None) → what its absence means, where more can be said than that it is not there."""
