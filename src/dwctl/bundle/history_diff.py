"""How the histories of two exports differ.

A history only ever grows: an event that changed or went missing is told apart from a new one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.loose import entries, field, integer, is_array
from dwctl.bundle.php_encode import php_text
from dwctl.bundle.timeline import TimelineEntry, timeline_entry


class Change(StrEnum):
    """What happened to a place; `notation` is a number written differently: 12 and 12.0."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    NOTATION = "notation"


@dataclass(frozen=True, slots=True)
class FieldDiff:
    """A field or a section that differs; rows are counted where it is one of rows."""

    path: str
    change: Change
    rows_before: int | None
    rows_after: int | None


@dataclass(frozen=True, slots=True)
class HistoryDiff:
    """How two histories differ; true where they do.

    `rewritten` events have one sequence and two contents, and are told as the later history has them; `lost`
    ones are only in the earlier history, `added` ones only in the later.
    """

    rewritten: tuple[TimelineEntry, ...]
    lost: tuple[TimelineEntry, ...]
    added: tuple[TimelineEntry, ...]
    notation: tuple[FieldDiff, ...]

    def __bool__(self) -> bool:
        return bool(self.rewritten or self.lost or self.added or self.notation)


_Events = dict[int | None, list[tuple[str, JsonValue]]]


def diff_histories(before: JsonValue, after: JsonValue, *, payloads: bool) -> HistoryDiff:
    """Compare the events of two decoded bundles, with or without what their payloads hold."""
    old, new = _by_sequence(before), _by_sequence(after)
    rewritten, notation = [], []
    for sequence, events in old.items():
        if sequence not in new:
            continue
        change = change_of(_contents(events, payloads=payloads), _contents(new[sequence], payloads=payloads))
        if change is Change.NOTATION:
            notation.append(FieldDiff(events[0][0], change, None, None))
        elif change is not None:
            rewritten.append(timeline_entry(*new[sequence][0]))
    return HistoryDiff(tuple(rewritten), _missing_from(new, old), _missing_from(old, new), tuple(notation))


def _missing_from(history: _Events, other: _Events) -> tuple[TimelineEntry, ...]:
    missing = (events for sequence, events in other.items() if sequence not in history)
    return tuple(timeline_entry(path, event) for events in missing for path, event in events)


def _by_sequence(bundle: JsonValue) -> _Events:
    """The events by sequence; those without a readable one, and those that share one, stand together."""
    events: _Events = {}
    for key, event in entries(field(bundle, "history_events")):
        if is_array(event):
            events.setdefault(integer(field(event, "sequence")), []).append((f"history_events.{key}", event))
    return events


def _contents(events: list[tuple[str, JsonValue]], *, payloads: bool) -> list[JsonValue]:
    if payloads:
        return [event for _, event in events]
    return [{key: field(event, key) for key in ("id", "type", "recorded_at")} for _, event in events]


def change_of(before: JsonValue, after: JsonValue) -> Change | None:
    """How two decoded values differ; None where their canonical text is the same."""
    texts = php_text(before), php_text(after)
    if texts[0] == texts[1]:
        return None
    whole = [php_text(json.loads(text, parse_float=_without_zero_fraction)) for text in texts]
    return Change.NOTATION if whole[0] == whole[1] else Change.CHANGED


def _without_zero_fraction(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number
