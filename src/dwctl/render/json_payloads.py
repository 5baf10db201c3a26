"""Decoded payloads as JSON: for programs, and as text that a person reads in a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from dwctl.bundle.avro_value import MEANING
from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.payloads import DecodedPayload


def payload_document(file: str, payloads: Iterable[DecodedPayload]) -> dict[str, Any]:
    """The document of `bundle decode --json`; its schema is schemas/bundle-decode.schema.json."""
    return {
        "schema": "dwctl.bundle-decode",
        "schema_version": 1,
        "file": file,
        "payloads": [payload_item(payload) for payload in payloads],
    }


def payload_item(payload: DecodedPayload) -> dict[str, Any]:
    """One payload: an item of the document, or a line of `--output jsonl`."""
    site = payload.site
    item: dict[str, Any] = {
        "path": site.path,
        "role": site.role.value,
        "codec": site.codec,
        "outcome": payload.outcome.value,
    }
    if payload.has_value:
        item["value"] = payload.json_value
    if payload.external is not None:
        item["external"] = {
            "scheme": payload.external.scheme,
            "uri": payload.external.uri,
            "size_bytes": payload.external.size_bytes,
            "sha256": payload.external.sha256,
        }
    if payload.fault is not None:
        item["reason"] = payload.fault.value
        item["detail"] = MEANING[payload.fault]
        item["offset"] = payload.offset
        item["inside"] = payload.inside
    return item


def readable_json(value: JsonValue) -> str:
    """A value as JSON over several lines, with letters of every script but nothing invisible raw."""
    return _visible(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False))


def one_line_json(value: JsonValue, longest: int) -> str:
    """A value as JSON on one line, cut after so many characters."""
    parts, length = [], 0
    for part in json.JSONEncoder(ensure_ascii=False, allow_nan=False).iterencode(value):
        parts.append(part[: longest + 1])
        length += len(part)
        if length > longest:
            break
    text = _visible("".join(parts))
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _visible(text: str) -> str:
    """Escape, as JSON does, what a terminal would obey or not show: controls, bidi marks, odd spaces."""
    return re.sub(r"[^\n -~]", lambda match: match[0] if match[0].isprintable() else _escape(match[0]), text)


def _escape(character: str) -> str:
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
