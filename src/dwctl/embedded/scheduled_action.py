"""What a schedule starts, by the action in its row."""

from __future__ import annotations

import json
from typing import NamedTuple


class ScheduledAction(NamedTuple):
    """The type key and the class that a schedule starts; None is not named. One of the two always is."""

    type_key: str | None
    class_name: str | None

    @property
    def names_a_class(self) -> bool:
        """Whether what is started is a PHP class: the key holds a backslash, is the class, or there is no key."""
        if self.type_key is None:
            return True
        return "\\" in self.type_key or self.type_key == self.class_name


_KINDS = frozenset({"start_workflow", "workflow"})
"""Words of `type` that say what an action is, not which workflow it starts."""


def scheduled_action(action: object) -> ScheduledAction | None:
    """The action of a row, as text of JSON or as its value; None where it does not say what is started."""
    try:
        value = json.loads(action) if isinstance(action, str) else action
    except (ValueError, RecursionError):
        return None
    if isinstance(value, str) and value:
        return ScheduledAction(value, None)
    if not isinstance(value, dict):
        return None
    type_key = next((word for name in ("workflow_type", "type") if (word := _text(value.get(name)))), None)
    class_name = _text(value.get("workflow_class")) or _text(value.get("class"))
    return ScheduledAction(type_key, class_name) if type_key or class_name else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value and value not in _KINDS else None
