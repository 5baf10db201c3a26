"""Payloads that are envelopes instead of blobs: `{codec, blob}`, or a reference into external storage."""

from __future__ import annotations

from collections.abc import Iterator

from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.loose import string
from dwctl.bundle.view import BundleView, as_object

ROW_PAYLOADS = (
    ("commands", ("payload",)),
    ("signals", ("arguments",)),
    ("updates", ("arguments", "result")),
    ("activities", ("arguments", "result")),
)
"""The sections whose rows carry payloads, and the fields that hold them."""

EVENT_PAYLOADS = ("arguments", "result", "output", "value")
"""The fields of an event's payload that hold payloads of the application."""


def envelopes(bundle: BundleView) -> Iterator[tuple[str, dict[str, JsonValue]]]:
    """Yield the path and content of every payload that is an object; a bare blob is none."""
    for name in ("arguments", "output"):
        data = as_object(bundle.payloads.get(name)).get("data")
        if isinstance(data, dict):
            yield f"payloads.{name}.data", data
    for section, names in ROW_PAYLOADS:
        for key, row in getattr(bundle, section):
            for name in names:
                if isinstance(row.get(name), dict):
                    yield f"{section}.{key}.{name}", row[name]
    for key, event in bundle.events:
        payload = as_object(event.get("payload"))
        for name in EVENT_PAYLOADS:
            if isinstance(payload.get(name), dict):
                yield f"history_events.{key}.payload.{name}", payload[name]
        command_payload = as_object(payload.get("command")).get("payload")
        if isinstance(command_payload, dict):
            yield f"history_events.{key}.payload.command.payload", command_payload


def external_references(bundle: BundleView) -> Iterator[tuple[str, str]]:
    """Yield the path of every payload in external storage and the scheme of its URI; the rest may be secret."""
    for path, envelope in envelopes(bundle):
        reference = envelope.get("external_storage")
        if isinstance(reference, dict):
            uri = string(reference.get("uri")) or ""
            yield path, uri.partition("://")[0] if "://" in uri else "unknown"
