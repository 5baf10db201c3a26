"""Decoding JSON exactly as PHP does: its numbers, its limits, and what it refuses (contract/import.md §1)."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from dwctl.errors import UndecodableDocument

JsonValue = Any
"""A decoded JSON value. Rules read documents of any shape with PHP's loose typing, so this stays `Any`."""

MAX_DEPTH = 511
"""How many containers may be nested; PHP's decoder with a depth of 512 refuses the 512th."""

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


def _php_int(text: str) -> int | float:
    """An integer where it fits int64, else the float that PHP makes of it."""
    if len(text) < 19:
        return int(text)
    if len(text) <= 20:
        number = int(text)
        if INT64_MIN <= number <= INT64_MAX:
            return number
    return float(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def decode_exactly(document: bytes) -> JsonValue:
    """Decode a document; raises `UndecodableDocument` with line and column where PHP would refuse it."""
    text = _utf8(document)
    try:
        value = json.loads(text, parse_int=_php_int, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise _syntax_error(text, error.pos, error.msg) from None
    except ValueError as error:
        # Only the hook for NaN and the infinities raises a bare ValueError.
        at = next(token.start() for token in _TEXT_OR_CONSTANT.finditer(text) if token[0][0] != '"')
        raise _undecodable(text, at, f"the document is not JSON: {error} is not a JSON value", "syntax_error") from None
    except RecursionError:
        _refuse_nesting(text)
        raise
    if nesting(value) > MAX_DEPTH:
        _refuse_nesting(text)
    lone = _lone_surrogate(text)
    if lone is not None:
        raise _undecodable(text, lone, "half of a surrogate pair stands alone in a \\u escape", "lone_surrogate")
    return value


def _utf8(document: bytes) -> str:
    if not document.strip(b" \t\r\n"):
        raise UndecodableDocument("the document is empty", line=1, column=1, reason="empty", next_step=_EXPORT_AGAIN)
    for magic, what in _FOREIGN_STARTS:
        if document.startswith(magic):
            raise UndecodableDocument(
                f"the document starts with {what}", line=1, column=1, reason="not_json", next_step=_PLAIN_UTF8
            )
    try:
        return document.decode("utf-8")
    except UnicodeDecodeError as error:
        before = document[: error.start]
        raise UndecodableDocument(
            f"byte 0x{document[error.start]:02x} is not valid UTF-8",
            line=before.count(b"\n") + 1,
            column=len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1,
            reason="invalid_utf8",
            next_step=_EXPORT_AGAIN,
        ) from None


_EXPORT_AGAIN = "Export the run again, and copy the file without opening it in an editor."
_PLAIN_UTF8 = "Save the bundle as plain UTF-8 JSON, as the export command writes it; PHP refuses anything else."
_FOREIGN_STARTS = (
    (b"\xef\xbb\xbf", "a UTF-8 byte order mark"),
    (b"\xff\xfe", "a UTF-16 byte order mark"),
    (b"\xfe\xff", "a UTF-16 byte order mark"),
    (b"\x1f\x8b", "the mark of a gzip archive"),
    (b"\x28\xb5\x2f\xfd", "the mark of a zstd archive"),
)


def _undecodable(text: str, at: int, message: str, reason: str) -> UndecodableDocument:
    return UndecodableDocument(
        message,
        line=text.count("\n", 0, at) + 1,
        column=at - text.rfind("\n", 0, at),
        reason=reason,
        next_step=_EXPORT_AGAIN,
    )


def _syntax_error(text: str, at: int, detail: str) -> UndecodableDocument:
    at = min(max(at, 0), len(text))
    # The decoder points at the quote that opens the string; at the end of the text that means truncation.
    if at >= len(text.rstrip()) or detail.startswith("Unterminated string"):
        return _undecodable(text, at, "the document ends in the middle: it is truncated", "truncated")
    return _undecodable(text, at, f"the document is not JSON: {detail[0].lower()}{detail[1:]}", "syntax_error")


_TEXT_OR_CONSTANT = re.compile(r'"(?:[^"\\]++|\\.)*+"|NaN|-?Infinity', re.DOTALL)
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[{\]}]', re.DOTALL)


def _refuse_nesting(text: str) -> None:
    """Raise at the bracket that goes beyond `MAX_DEPTH`; returns if there is none."""
    depth = 0
    for token in _TOKEN.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise _undecodable(
                    text, token.start(), f"values are nested more than {MAX_DEPTH} levels deep", "nested_too_deep"
                )
        elif token[0] in "]}":
            depth -= 1


def nesting(value: JsonValue) -> int:
    """How many containers are nested in a value; 0 for a scalar."""
    depth, level = 0, [value]
    while containers := [item for item in level if isinstance(item, (dict, list))]:
        depth += 1
        level = [item for holder in containers for item in (holder.values() if isinstance(holder, dict) else holder)]
    return depth


_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)


def _lone_surrogate(text: str) -> int | None:
    """Where a `\\ud800`..`\\udfff` escape stands without its other half, or None."""
    if "\\ud" not in text and "\\uD" not in text:
        return None
    high_at: int | None = None
    for escape in _ESCAPE.finditer(text):
        if high_at is not None and escape.start() != high_at + 6:
            return high_at
        unit = int(escape[1], 16) if escape[1] else 0
        if 0xDC00 <= unit <= 0xDFFF:
            if high_at is None:
                return escape.start()
            high_at = None
        elif high_at is not None:
            return high_at
        elif 0xD800 <= unit <= 0xDBFF:
            high_at = escape.start()
    return high_at
