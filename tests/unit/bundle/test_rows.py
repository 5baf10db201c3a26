"""How many rows an import would write, as the reference's dry run counts them."""

from __future__ import annotations

from typing import Any

import pytest

from dwctl.bundle.rows import estimated_rows
from dwctl.bundle.view import BundleView
from sample_bundles import small_bundle

SMALL = {
    "workflow_instances": 1,
    "workflow_runs": 1,
    "workflow_history_events": 2,
    "workflow_commands": 1,
    "workflow_signal_records": 1,
    "workflow_updates": 1,
    "workflow_tasks": 1,
    "activity_executions": 1,
    "activity_attempts": 1,
    "workflow_run_timers": 1,
    "workflow_failures": 0,
    "workflow_links": 0,
    "workflow_memos": 0,
    "workflow_search_attributes": 0,
    "workflow_run_summaries": 1,
}


def estimate(changes: dict[str, Any]) -> dict[str, int]:
    """What differs from the small bundle's estimate after changes."""
    rows = estimated_rows(BundleView(small_bundle(changes)))
    return {table: count for table, count in rows.items() if count != SMALL[table]}


def test_every_table_is_estimated_in_the_order_of_the_report() -> None:
    assert list(estimated_rows(BundleView(small_bundle())).items()) == list(SMALL.items())


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"history_events": [1, "a", None, {}]}, {"workflow_history_events": 4}),
        ({"commands": {"a": 1, "b": {}}}, {"workflow_commands": 2}),
        ({"tasks": "text"}, {"workflow_tasks": 0}),
        ({"timers": ...}, {"workflow_run_timers": 0}),
        ({"failures": [{}, {}]}, {"workflow_failures": 2}),
        ({"links": {"parents": [{}, "x"], "children": {"a": {}}}}, {"workflow_links": 3}),
        ({"links": []}, {}),
        ({"activities": [{"attempts": [{}, 1]}, ["x"], {"attempts": {"a": {}}}]},
         {"activity_executions": 3, "activity_attempts": 3}),
        ({"activities": ["text"]}, {"activity_attempts": 0}),
        ({"workflow.memo": {"a": 1}, "workflow.search_attributes": {"a": "b"}}, {}),
    ],
)  # fmt: skip
def test_rows_are_counted_in_sections_of_any_shape(changes: dict[str, Any], difference: dict[str, int]) -> None:
    assert estimate(changes) == difference
