"""The manifest of a bundle's payloads, and the schemas that they are written in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dwctl.bundle.vocabulary import CODEC, VALUE_FINGERPRINT, VALUE_SCHEMA_TEXT

_FINGERPRINT = f"crc64-avro:{VALUE_FINGERPRINT}"
_ENCODING = "base64-avro-single-object"

CODEC_SCHEMAS = {
    "avro": {
        "encoding": _ENCODING,
        "framing": "single_object",
        "magic_hex": "c301",
        "current_fingerprint": VALUE_FINGERPRINT,
        "writer_schemas": {VALUE_FINGERPRINT: {"schema": VALUE_SCHEMA_TEXT, "fingerprint": _FINGERPRINT}},
    }
}

_EVENT_PAYLOADS = {"WorkflowCompleted": ("output",), "ChildRunCompleted": ("output", "result")}
_SECTIONS = (
    ("commands", ("payload",)),
    ("signals", ("arguments",)),
    ("updates", ("arguments", "result")),
    ("activities", ("arguments", "result")),
)


def manifest_of(bundle: dict[str, Any]) -> dict[str, Any]:
    """The manifest of a bundle that has all its sections."""
    return {"version": 1, "entries": [_entry(*site) for site in _sites(bundle)]}


def _sites(bundle: dict[str, Any]) -> Iterator[tuple[str, Any, str | None]]:
    """Path, payload and codec of every place that the manifest lists."""
    codec = bundle["payloads"]["codec"]
    for name in ("arguments", "output"):
        yield f"payloads.{name}.data", bundle["payloads"][name]["data"], codec
    for index, event in enumerate(bundle["history_events"]):
        payload = event["payload"]
        if payload.get("payload_codec") is not None:
            for name in _EVENT_PAYLOADS.get(event["type"], ()):
                yield f"history_events.{index}.payload.{name}", payload.get(name), payload["payload_codec"]
    for section, names in _SECTIONS:
        for index, row in enumerate(bundle[section]):
            for name in names:
                if row["payload_codec"] is not None:
                    yield f"{section}.{index}.{name}", row[name], row["payload_codec"]


def _entry(path: str, value: Any, codec: str | None) -> dict[str, Any]:
    external = isinstance(value, dict)
    avro = codec == CODEC and isinstance(value, str)
    diagnostic = "external_storage_reference" if external else "payload_unavailable" if value is None else None
    return {
        "path": path,
        "codec": codec,
        "available": value is not None,
        "redacted": False,
        "encoding": "external-storage-reference" if external else _ENCODING if codec == CODEC else None,
        "avro_framing": "single_object" if avro else None,
        "avro_prefix_hex": "c301" if avro else None,
        "writer_schema": VALUE_SCHEMA_TEXT if avro else None,
        "writer_schema_fingerprint": _FINGERPRINT if avro else None,
        "diagnostic": diagnostic,
    }
