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
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import msgspec
import orjson

from dwctl.bundle.php_decode import INT64_MAX, decode_exactly
from dwctl.bundle.php_decode import JsonValue as JsonValue
from dwctl.bundle.php_encode import php_float, write_exactly

_CHUNK = 4096  # bytes of text escaped at a time


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
        return write_exactly(sealed_part(self.value))

    def canonical_text_of(self, variant: JsonValue) -> bytes:
        """The canonical text of a value derived from this document's, by the path that this document took."""
        if self.sealed_text is not None:
            text = _write_fast(variant)
            if not _PHP_MAY_WRITE_A_LIST.search(text):
                return b"".join(_escaped_chunks(text))
        return b"".join(write_exactly(variant))


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
        return Document(document, decode_exactly(document), None)
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


# An integer that fits 64 bits without a sign but not with one has 19 digits from 9, or 20 from 1. One pattern each:
# a pattern that begins with a letter of its own is searched several times as fast.
_NEAR_INT64 = (re.compile(rb"9[0-9]{18}"), re.compile(rb"1[0-9]{19}"))


def _write_fast(value: JsonValue) -> bytes:
    """Sorted, compact UTF-8 text of a value that the fast decoder made.

    Also the proof that PHP would hold the same value: msgspec has no limit for integers and nesting, orjson
    raises for nesting beyond 254 and for integers beyond 53 or 64 bits; PHP makes floats beyond int64.
    """
    try:
        return orjson.dumps(value, _as_php, orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)
    except TypeError:
        text = orjson.dumps(value, _as_php, orjson.OPT_SORT_KEYS)
        if any(int(digits) > INT64_MAX for pattern in _NEAR_INT64 for digits in pattern.findall(text)):
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
