"""A decoded bundle as the rules look at it: sections by name, each row an object, whatever the document holds."""

from __future__ import annotations

from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.loose import entries

Key = str | int
"""A key of a row: the index in a list, or the key where a section is an object."""

Row = tuple[Key, dict[str, JsonValue]]


class BundleView:
    """The sections of a decoded document, each read once.

    A section that is missing or a scalar is empty. A row that PHP holds as an array is an object here (an
    empty one where it is a list); a row that is a scalar is left out.
    """

    __slots__ = (
        "activities", "commands", "events", "links", "manifest", "payloads", "redaction", "signals", "tasks",
        "timers", "updates", "value", "workflow",
    )  # fmt: skip

    def __init__(self, value: JsonValue) -> None:
        self.value: dict[str, JsonValue] = value if isinstance(value, dict) else {}
        self.workflow = self.section("workflow")
        self.payloads = self.section("payloads")
        self.redaction = self.section("redaction")
        self.links = self.section("links")
        self.events = rows(self.value.get("history_events"))
        self.commands = rows(self.value.get("commands"))
        self.signals = rows(self.value.get("signals"))
        self.updates = rows(self.value.get("updates"))
        self.tasks = rows(self.value.get("tasks"))
        self.activities = rows(self.value.get("activities"))
        self.timers = rows(self.value.get("timers"))
        self.manifest = rows(self.section("payload_manifest").get("entries"))

    def section(self, name: str) -> dict[str, JsonValue]:
        """A section that should be an object; an empty one where it is not."""
        return as_object(self.value.get(name))


def as_object(value: JsonValue) -> dict[str, JsonValue]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def rows(value: JsonValue) -> list[Row]:
    """The rows of a section that should be a list of objects."""
    return [(key, row if isinstance(row, dict) else {}) for key, row in entries(value) if isinstance(row, (dict, list))]
