"""The canonical form ``json-recursive-ksort-v1``, byte for byte as PHP writes it (contract/import.md §1).

Two paths lead to the same bytes:

* the *exact* path follows PHP step by step, in Python: decode with its limits, sort with its comparison,
  write with its digits;
* the *fast* path lets C code decode and write, and declines whatever it cannot prove equal: an integer that
  PHP would turn into a float, an infinite number, nesting that the writer does not follow, an object that
  PHP may print as a list. What it declines goes to the exact path.

A document is decoded into plain Python values. JSON objects are dicts in the order in which PHP's array
would hold the keys; ``{}`` and ``[]`` are both an empty array to PHP, which matters only when writing.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Any, NoReturn

import msgspec
import orjson

from dwctl.errors import UndecodableDocument

JsonValue = Any
"""A decoded JSON value. Rules read documents of any shape with PHP's loose typing, so this stays `Any`."""

MAX_DEPTH = 511
"""How many containers may be nested; PHP's decoder with a depth of 512 refuses the 512th."""

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_CHUNK = 4096  # bytes of text escaped at a time
_PIECES = 4096  # pieces of text joined at a time


class _FastPathDeclinedError(Exception):
    """The fast path cannot prove that its bytes would be PHP's."""


@dataclass(frozen=True, slots=True)
class Document:
    """A decoded document and the bytes it came from; those bytes are what is ever sent.

    `sealed_text` is the sorted UTF-8 text of the sealed part where the fast path could prove it, else None.
    """

    raw: bytes
    value: JsonValue
    sealed_text: bytes | None

    def sealed_chunks(self) -> Iterator[bytes]:
        """Yield the canonical text that checksum and signature cover: all but the `integrity` key.

        Raises `UndecodableDocument` with a JSON path for an infinite number, which PHP cannot write.
        """
        if self.sealed_text is not None:
            return _escaped_chunks(self.sealed_text)
        return _write_exactly(sealed_part(self.value))

    def canonical_text_of(self, variant: JsonValue) -> bytes:
        """The canonical text of a value derived from this document's, by the path that this document took."""
        if self.sealed_text is not None:
            text = _write_fast(variant)
            if not _PHP_MAY_WRITE_A_LIST.search(text):
                return b"".join(_escaped_chunks(text))
        return b"".join(_write_exactly(variant))


def canonical_json(document: bytes) -> bytes:
    """Return the canonical text of a whole JSON document, `integrity` included.

    Raises `UndecodableDocument` for what PHP refuses: bad syntax, invalid UTF-8, a lone surrogate, nesting
    beyond `MAX_DEPTH` and, when writing, an infinite number.
    """
    decoded = decode(document)
    return decoded.canonical_text_of(decoded.value)


def decode(document: bytes) -> Document:
    """Decode a document as PHP does; raises `UndecodableDocument` where PHP would refuse it."""
    try:
        value = _fast_decoder.decode(document)
        text = _write_fast(sealed_part(value))
        if isinstance(value, dict) and "integrity" in value:
            _write_fast(value["integrity"])
    except (_FastPathDeclinedError, msgspec.MsgspecError, ValueError, TypeError, RecursionError):
        return Document(document, _decode_exactly(document), None)
    if _PHP_MAY_WRITE_A_LIST.search(text):
        return Document(document, value, None)
    return Document(document, value, text)


def sealed_part(value: JsonValue) -> JsonValue:
    """The part of a bundle that its checksum and its signature cover."""
    if isinstance(value, dict) and "integrity" in value:
        return {key: item for key, item in value.items() if key != "integrity"}
    return value


def sha256_hex(chunks: Iterator[bytes]) -> str:
    """The sha256 of a canonical text that comes in pieces, lower-case hex."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


# -- the fast path ------------------------------------------------------------------------------------


class _UnlikePhp(float):
    """A float that orjson prints in another notation than PHP (`1e17` for `1.0e+17`), or cannot print."""


def _float(text: str) -> float:
    # Between 1e-4 and 1e16 both print the shortest digits as a plain decimal.
    number = float(text)
    return number if not number or 1e-4 <= abs(number) < 1e16 else _UnlikePhp(number)


def _as_php(value: object) -> orjson.Fragment:
    if isinstance(value, _UnlikePhp):
        return orjson.Fragment(php_float(value))
    raise TypeError


_fast_decoder = msgspec.json.Decoder(float_hook=_float)

# An empty object, which PHP writes `[]`, or an object whose first sorted key is "0", which PHP may write as
# a list. Inside a string the quotes would be escaped; `{}` inside a string merely costs the exact path.
_PHP_MAY_WRITE_A_LIST = re.compile(rb'\{(?:\}|"0":)')


_LONG_DIGITS = re.compile(rb"[0-9]{19,}")


def _write_fast(value: JsonValue) -> bytes:
    """Sorted, compact UTF-8 text of a value that the fast decoder made.

    Also the proof that PHP would hold the same value: msgspec has no limit for integers and nesting, orjson
    raises for nesting beyond 254 and for integers beyond 53 or 64 bits; PHP makes floats beyond int64.
    """
    try:
        return orjson.dumps(value, _as_php, orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)
    except TypeError:
        text = orjson.dumps(value, _as_php, orjson.OPT_SORT_KEYS)
        if any(int(digits) > _INT64_MAX for digits in _LONG_DIGITS.findall(text)):
            raise _FastPathDeclinedError from None
        return text


@lru_cache(maxsize=4096)
def _escaped(run: str) -> str:
    """A run of characters above ASCII as JSON escapes: UTF-16 units, lower-case hex."""
    units = run.encode("utf-16-be").hex()
    return "".join([f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)])


def _escape_run(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return _escaped(error.object[error.start : error.end]), error.end


codecs.register_error("dwctl-json-escape", _escape_run)


def _escaped_chunks(text: bytes) -> Iterator[bytes]:
    """Escape what is above ASCII; most pieces of a text have none, and a quote never stands inside a character."""
    if text.isascii():
        yield text
        return
    start = 0
    while start < len(text):
        end = text.find(b'"', start + _CHUNK)
        piece = text[start : end if end >= 0 else len(text)]
        yield piece if piece.isascii() else piece.decode("utf-8").encode("ascii", "dwctl-json-escape")
        start += len(piece)


# -- the exact path: decoding -------------------------------------------------------------------------


def _php_int(text: str) -> int | float:
    """An integer where it fits int64, else the float that PHP makes of it."""
    if len(text) < 19:
        return int(text)
    if len(text) <= 20:
        number = int(text)
        if _INT64_MIN <= number <= _INT64_MAX:
            return number
    return float(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _decode_exactly(document: bytes) -> JsonValue:
    text = _utf8(document)
    try:
        value = json.loads(text, parse_int=_php_int, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise _syntax_error(text, error.pos, error.msg) from None
    except ValueError as error:
        # Only the hook for NaN and the infinities raises a bare ValueError.
        raise _syntax_error(text, text.find(str(error)), f"{error} is not a JSON value") from None
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


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{\]}]', re.DOTALL)


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


# -- the exact path: writing --------------------------------------------------------------------------


def _write_exactly(value: JsonValue) -> Iterator[bytes]:
    pieces: list[str] = []
    try:
        for piece in _pieces(value):
            pieces.append(piece)
            if len(pieces) == _PIECES:
                yield "".join(pieces).encode("ascii")
                pieces.clear()
    except OverflowError:
        raise UndecodableDocument(
            "a number is too large for PHP, which reads it as infinity and cannot write it",
            where=infinite_number(value),
            reason="infinite_number",
            next_step="Find out how the number came into the run; a bundle that holds it cannot be imported.",
        ) from None
    yield "".join(pieces).encode("ascii")


def php_text(value: JsonValue) -> str:
    """The canonical text of a part of a document; raises OverflowError for an infinite number."""
    return "".join(_pieces(value))


def _pieces(value: JsonValue) -> Iterator[str]:
    """The canonical text in pieces; a stack instead of recursion, since nesting may be 512 deep."""
    open_containers: list[tuple[Iterator[tuple[str, JsonValue]], str]] = [(iter([("", value)]), "")]
    while open_containers:
        entries, closing = open_containers[-1]
        for lead, item in entries:
            if not isinstance(item, (dict, list)):
                yield lead + _scalar(item)
            elif not item:
                yield lead + "[]"
            else:
                yield lead
                open_containers.append(_entries(item))
                break
        else:
            open_containers.pop()
            yield closing


def _entries(container: dict[str, JsonValue] | list[JsonValue]) -> tuple[Iterator[tuple[str, JsonValue]], str]:
    """What stands in a container, each item with the text that leads to it, and the closing bracket."""
    if isinstance(container, list):
        return _list_entries(container), "]"
    if is_php_list(container):
        return _list_entries(list(container.values())), "]"
    # Code points sort as UTF-8 bytes do, which is how PHP compares keys as strings.
    ordered = {key: container[key] for key in sorted(container)}
    if is_php_list(ordered):
        return _list_entries(list(ordered.values())), "]"
    return _object_entries(ordered), "}"


def _list_entries(items: list[JsonValue]) -> Iterator[tuple[str, JsonValue]]:
    lead = "["
    for item in items:
        yield lead, item
        lead = ","


def _object_entries(ordered: dict[str, JsonValue]) -> Iterator[tuple[str, JsonValue]]:
    lead = "{"
    for key, item in ordered.items():
        yield f"{lead}{_php_string(key)}:", item
        lead = ","


def is_php_list(container: dict[str, JsonValue]) -> bool:
    """Whether an object with these keys, in this order, is a list to PHP: 0, 1, 2… as integers."""
    return all(key == str(index) for index, key in enumerate(container))


def _scalar(value: JsonValue) -> str:
    if isinstance(value, str):
        return _php_string(value)
    if isinstance(value, float):
        return php_float(value)
    return json.dumps(value)


def _php_string(text: str) -> str:
    # The encoder escapes all but printable ASCII; PHP leaves DEL as it is.
    if "\x7f" in text:
        return '"' + "\x7f".join(encode_basestring_ascii(part)[1:-1] for part in text.split("\x7f")) + '"'
    return encode_basestring_ascii(text)


def php_float(number: float) -> str:
    """The text that PHP writes for a float: shortest digits that round-trip, always with a fraction.

    Plain notation for decimal exponents from -4 to 16, else `1.0e+17`. Raises OverflowError for infinity.
    """
    text = repr(number)
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        if math.isinf(number):
            raise OverflowError
        return text
    if exponent == "+16":
        sign, digits = ("-", mantissa[1:]) if mantissa[0] == "-" else ("", mantissa)
        return f"{sign}{digits.replace('.', ''):0<17}.0"
    if "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}e{int(exponent):+d}"


def infinite_number(value: JsonValue) -> str | None:
    """The JSON path of an infinite number in a value, or None."""
    pending: list[tuple[str, JsonValue]] = [("$", value)]
    while pending:
        path, item = pending.pop()
        if isinstance(item, float) and math.isinf(item):
            return path.removeprefix("$.")
        if isinstance(item, (dict, list)):
            entries = item.items() if isinstance(item, dict) else enumerate(item)
            pending.extend((f"{path}.{key}", inner) for key, inner in entries)
    return None
