"""Payloads that are envelopes instead of blobs: `{codec, blob}`, or a reference into external storage."""

from __future__ import annotations

from collections.abc import Iterator

from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.loose import entries, field, string

ROW_PAYLOADS = (
    ("commands", ("payload",)),
    ("signals", ("arguments",)),
    ("updates", ("arguments", "result")),
    ("activities", ("arguments", "result")),
)
"""The sections whose rows carry payloads, and the fields that hold them."""

EVENT_PAYLOADS = ("arguments", "result", "output", "value")
"""The fields of an event's payload that hold payloads of the application."""


def envelopes(bundle: JsonValue) -> Iterator[tuple[str, dict[str, JsonValue]]]:
    """Yield the path and content of every payload that is an object; a bare blob is none."""
    for name in ("arguments", "output"):
        data = field(bundle, "payloads", name, "data")
        if isinstance(data, dict):
            yield f"payloads.{name}.data", data
    for section, names in ROW_PAYLOADS:
        for key, row in entries(field(bundle, section)):
            if isinstance(row, dict):
                for name in names:
                    if isinstance(row.get(name), dict):
                        yield f"{section}.{key}.{name}", row[name]
    for key, event in entries(field(bundle, "history_events")):
        payload = field(event, "payload")
        if isinstance(payload, dict):
            for name in EVENT_PAYLOADS:
                if isinstance(payload.get(name), dict):
                    yield f"history_events.{key}.payload.{name}", payload[name]
            command = payload.get("command")
            if isinstance(command, dict) and isinstance(command.get("payload"), dict):
                yield f"history_events.{key}.payload.command.payload", command["payload"]


def external_references(bundle: JsonValue) -> Iterator[tuple[str, str]]:
    """Yield the path of every payload in external storage and the scheme of its URI; the rest may be secret."""
    for path, envelope in envelopes(bundle):
        reference = envelope.get("external_storage")
        if isinstance(reference, dict):
            uri = string(reference.get("uri")) or ""
            yield path, uri.partition("://")[0] if "://" in uri else "unknown"
