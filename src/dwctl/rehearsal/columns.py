"""How a value of a bundle becomes the value of a column, with the reference's own conversions."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime

from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.loose import is_array, string
from dwctl.bundle.php_encode import is_php_list, php_float
from dwctl.rehearsal.times import stored

EXTERNAL_PREFIX = "dw-external-payload:v1:"
"""Leads a payload column that refers to external storage; base64 of the envelope's JSON follows."""


class WriteFailedError(Exception):
    """A value that the database of the reference would not take; the message is shown to whoever imports."""


_USUAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z")


def moment(value: JsonValue) -> str | None:
    """A time as a column holds it; None where the bundle has none.

    Raises `WriteFailedError` for a text that is no ISO 8601 time.
    """
    text = string(value)
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
        if _USUAL_TIME.match(text):
            return f"{text[:10]} {text[11:26]}"
        return stored(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise WriteFailedError(f"The time {text!r} cannot be read.") from None


def payload(value: JsonValue) -> str | None:
    """A payload: a blob as it is, an external reference as the reference packs it, None for anything else.

    A masked payload of a redacted bundle is such a thing, which is how a run loses its arguments.
    """
    if isinstance(value, dict):
        if is_array(value.get("external_storage")):
            text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
            return EXTERNAL_PREFIX + b64encode(text.encode()).decode()
        return string(value.get("blob"))
    return string(value)


def unpacked(text: str | None) -> JsonValue:
    """A payload column as a bundle shows it: the blob, or the envelope of a reference to external storage."""
    if text is None or not text.startswith(EXTERNAL_PREFIX):
        return text
    envelope: JsonValue = json.loads(b64decode(text.removeprefix(EXTERNAL_PREFIX)))
    return envelope


_UNLIKE_PHP = re.compile(r'\{\}|\{"0":|[0-9]\.0(?![0-9])|[0-9]e[+-][0-9]|\\u007f')


def json_array(value: JsonValue) -> str:
    """The JSON of an array column, `[]` where the bundle holds no array."""
    return json_text(value) if is_array(value) and value else "[]"


def json_text(value: JsonValue) -> str:
    """The JSON that PHP writes into a column: escaped slashes, `[]` for empty objects, 1 for 1.0."""
    text = json.dumps(value, separators=(",", ":"))
    return (_written(value) if _UNLIKE_PHP.search(text) else text).replace("/", "\\/")


def _written(value: JsonValue) -> str:
    if isinstance(value, list) or (isinstance(value, dict) and is_php_list(value)):
        items = value if isinstance(value, list) else value.values()
        return f"[{','.join([_written(item) for item in items])}]"
    if isinstance(value, dict):
        return "{" + ",".join([f"{_quoted(key)}:{_written(item)}" for key, item in value.items()]) + "}"
    if isinstance(value, float):
        return php_float(value).removesuffix(".0")
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    return json.dumps(text).replace("\\u007f", "\x7f") if "\x7f" in text else json.dumps(text)
