"""What a schedule starts, by what stands in its row."""

from __future__ import annotations

import pytest

from dwctl.embedded.scheduled_action import ScheduledAction, scheduled_action


@pytest.mark.parametrize(
    ("action", "found", "names_a_class"),
    [
        ('{"workflow_type": "orders.a", "workflow_class": "App\\\\A"}', ScheduledAction("orders.a", "App\\A"), False),
        ('{"type": "start_workflow", "workflow_type": "orders.a"}', ScheduledAction("orders.a", None), False),
        ('{"type": "orders.a"}', ScheduledAction("orders.a", None), False),
        ('{"type": "workflow", "class": "A"}', ScheduledAction(None, "A"), True),
        ({"workflow_type": "A", "class": "A"}, ScheduledAction("A", "A"), True),
        ({"workflow_type": "App\\A"}, ScheduledAction("App\\A", None), True),
        ('"App\\\\A"', ScheduledAction("App\\A", None), True),
    ],
)
def test_a_type_key_a_class_or_both(action: object, found: ScheduledAction, names_a_class: bool) -> None:
    assert scheduled_action(action) == found
    assert found.names_a_class is names_a_class


@pytest.mark.parametrize("action", [None, "", "no json", "[]", "{}", '""', "7", '{"type": "workflow"}', "[" * 100_000])
def test_what_names_neither_says_nothing(action: object) -> None:
    assert scheduled_action(action) is None
