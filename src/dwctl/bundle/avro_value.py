"""Avro single-object frames of the Value schema, decoded through fastavro (contract/server.md §7).

A frame is the mark ``c301``, the fingerprint of its writer schema, and one value. fastavro believes every
count and length that it reads, so a few hostile bytes could cost it any amount of memory. Each frame is
therefore walked first, here: the walk believes nothing, keeps nothing, and stops at the first fault. What
it lets through, fastavro decodes.
"""

from __future__ import annotations

import binascii
import io
import json
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from dwctl.bundle.vocabulary import VALUE_FINGERPRINT, VALUE_SCHEMA_TEXT

MAX_FRAME_BYTES = 16 * 1024 * 1024
"""The longest frame that is read: eight times what a server takes in a request by default."""

MAX_VALUES = 250_000
"""How many values a frame may hold; fastavro needs some 400 bytes for each while it decodes."""

MAX_NESTING = 256
"""How deep arrays and maps may be nested; readers that recurse, as Python's do, fail not far beyond."""

_MAGIC = b"\xc3\x01"
_HEADER = _MAGIC + bytes.fromhex(VALUE_FINGERPRINT)

PythonValue = Any
"""A decoded value: None, bool, int, float, bytes, str, or a list, or a dict with string keys, of those."""


class Fault(StrEnum):
    """Why a payload cannot be decoded."""

    NOT_A_BLOB = "not_a_blob"
    NOT_BASE64 = "not_base64"
    WRONG_MAGIC = "wrong_magic"
    UNKNOWN_FINGERPRINT = "unknown_fingerprint"
    TRUNCATED = "truncated"
    TRAILING_BYTES = "trailing_bytes"
    INVALID_BRANCH = "invalid_branch"
    INVALID_BOOLEAN = "invalid_boolean"
    INVALID_LENGTH = "invalid_length"
    VARINT_OVERFLOW = "varint_overflow"
    INVALID_UTF8 = "invalid_utf8"
    NON_FINITE_DOUBLE = "non_finite_double"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"
    TOO_MANY_VALUES = "too_many_values"
    REFUSED_BY_FASTAVRO = "refused_by_fastavro"


MEANING = {
    Fault.NOT_A_BLOB: "neither a text nor an envelope with a text as its blob",
    Fault.NOT_BASE64: "the text is not base64",
    Fault.WRONG_MAGIC: "not an Avro single-object frame: it does not begin with the bytes c301",
    Fault.UNKNOWN_FINGERPRINT: f"written with another schema than Value ({VALUE_FINGERPRINT})",
    Fault.TRUNCATED: "the frame ends before its value does",
    Fault.TRAILING_BYTES: "bytes follow the end of the value",
    Fault.INVALID_BRANCH: "the Value schema has no such kind of value",
    Fault.INVALID_BOOLEAN: "a boolean is neither 0 nor 1",
    Fault.INVALID_LENGTH: "a length is negative, or is not that of the block behind it",
    Fault.VARINT_OVERFLOW: "an integer does not fit 64 bits",
    Fault.INVALID_UTF8: "a string is not valid UTF-8",
    Fault.NON_FINITE_DOUBLE: "a double is infinite or not a number, which workers refuse",
    Fault.TOO_DEEP: f"nested deeper than {MAX_NESTING} arrays and maps",
    Fault.TOO_LARGE: f"longer than {MAX_FRAME_BYTES // 1024 // 1024} MiB",
    Fault.TOO_MANY_VALUES: f"more than {MAX_VALUES} values",
    Fault.REFUSED_BY_FASTAVRO: "fastavro refuses the frame",
}
"""What each fault says to a person; never a word of the payload."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What a blob holds: a value, or the first fault and the byte of the frame where it lies.

    The value of a frame whose only fault is `NON_FINITE_DOUBLE` is there too: no worker takes it, but it
    can be shown.
    """

    value: PythonValue = None
    fault: Fault | None = None
    offset: int | None = None


def decode_blob(blob: str) -> Frame:
    """Decode the base64 text of one frame; its cost is bounded by its length, whatever it claims to hold."""
    if len(blob) > (MAX_FRAME_BYTES + 2) // 3 * 4:
        return Frame(fault=Fault.TOO_LARGE)
    try:
        frame = binascii.a2b_base64(blob, strict_mode=True)
    except ValueError:
        return Frame(fault=Fault.NOT_BASE64)
    try:
        non_finite = _walk(frame)
        value = _through_fastavro(frame)
    except _FaultFoundError as found:
        return Frame(fault=found.fault, offset=found.offset)
    if non_finite is not None:
        return Frame(value, Fault.NON_FINITE_DOUBLE, non_finite)
    return Frame(value)


# -- the walk -----------------------------------------------------------------------------------------


class _FaultFoundError(Exception):
    def __init__(self, fault: Fault, offset: int | None) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.offset = offset


# The branches of the Value schema's union, in its order.
_NULL, _BOOLEAN, _LONG, _DOUBLE, _BYTES, _STRING, _ARRAY, _MAP = range(8)

_EXPONENT = 0x7FF << 52  # a double with all of these bits is infinite or not a number


@dataclass(slots=True)
class _Open:
    """An array or map whose end has not been reached; `left` items remain in the current block."""

    is_map: bool
    left: int = 0
    block_end: int | None = None


def _walk(frame: bytes) -> int | None:
    """Check a frame from end to end; return where its first non-finite double is, or None.

    Raises `_FaultFoundError` at anything else that is wrong.
    """
    _check_header(frame)
    cursor = _Cursor(frame, len(_HEADER))
    containers: list[_Open] = []
    values = 0
    non_finite = None
    while True:
        start = cursor.at
        values += 1
        if values > MAX_VALUES:
            raise _FaultFoundError(Fault.TOO_MANY_VALUES, start)
        branch = cursor.varint()
        if branch in (_ARRAY, _MAP):
            if len(containers) == MAX_NESTING:
                raise _FaultFoundError(Fault.TOO_DEEP, start)
            containers.append(_Open(is_map=branch == _MAP))
        elif not cursor.scalar(branch) and non_finite is None:
            non_finite = start
        while containers and not cursor.next_item(containers[-1]):
            containers.pop()
        if not containers:
            break
    if cursor.at != len(frame):
        raise _FaultFoundError(Fault.TRAILING_BYTES, cursor.at)
    return non_finite


def _check_header(frame: bytes) -> None:
    if not _MAGIC.startswith(frame[: len(_MAGIC)]):
        raise _FaultFoundError(Fault.WRONG_MAGIC, 0)
    if len(frame) < len(_HEADER):
        raise _FaultFoundError(Fault.TRUNCATED, len(frame))
    if not frame.startswith(_HEADER):
        raise _FaultFoundError(Fault.UNKNOWN_FINGERPRINT, len(_MAGIC))


class _Cursor:
    """A place in a frame that moves over one piece of it at a time; raises `_FaultFoundError`."""

    __slots__ = ("at", "frame")

    def __init__(self, frame: bytes, at: int) -> None:
        self.frame = frame
        self.at = at

    def varint(self) -> int:
        start, bits, shift = self.at, 0, 0
        for byte in self.frame[start : start + 10]:
            bits |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                if bits >= 1 << 64:
                    break
                self.at = start + shift // 7
                return (bits >> 1) ^ -(bits & 1)
        fault = Fault.TRUNCATED if shift < 70 else Fault.VARINT_OVERFLOW
        raise _FaultFoundError(fault, start)

    def skip(self, count: int, start: int) -> bytes:
        end = self.at + count
        if count < 0:
            raise _FaultFoundError(Fault.INVALID_LENGTH, start)
        if end > len(self.frame):
            raise _FaultFoundError(Fault.TRUNCATED, start)
        skipped = self.frame[self.at : end]
        self.at = end
        return skipped

    def text(self) -> None:
        start = self.at
        try:
            str(self.skip(self.varint(), start), "utf-8")
        except UnicodeDecodeError:
            raise _FaultFoundError(Fault.INVALID_UTF8, start) from None

    def scalar(self, branch: int) -> bool:
        """Move over a scalar of a branch of the union; False for a double that is not finite."""
        start = self.at
        if branch == _BOOLEAN:
            if self.skip(1, start)[0] > 1:
                raise _FaultFoundError(Fault.INVALID_BOOLEAN, start)
        elif branch == _LONG:
            self.varint()
        elif branch == _DOUBLE:
            return int.from_bytes(self.skip(8, start), "little") & _EXPONENT != _EXPONENT
        elif branch == _BYTES:
            self.skip(self.varint(), start)
        elif branch == _STRING:
            self.text()
        elif branch != _NULL:
            raise _FaultFoundError(Fault.INVALID_BRANCH, start)
        return True

    def next_item(self, container: _Open) -> bool:
        """Move to the next value of an array or map, over its key; False at its end."""
        if container.left == 0:
            if container.block_end not in (None, self.at):
                raise _FaultFoundError(Fault.INVALID_LENGTH, self.at)
            container.left, container.block_end = self._block()
            if container.left == 0:
                return False
        container.left -= 1
        if container.is_map:
            self.text()
        return True

    def _block(self) -> tuple[int, int | None]:
        """The item count of a block and, where the block states its size, the offset of its end."""
        start = self.at
        count, end = self.varint(), None
        if count < 0:
            count, size = -count, self.varint()
            if not 0 <= size <= len(self.frame) - self.at:
                raise _FaultFoundError(Fault.INVALID_LENGTH, start)
            end = self.at + size
        if count > len(self.frame) - self.at:  # an item takes a byte at least
            raise _FaultFoundError(Fault.TRUNCATED, start)
        return count, end


# -- fastavro -----------------------------------------------------------------------------------------


@cache
def _parsed_schema() -> Any:
    from fastavro import parse_schema

    return parse_schema(json.loads(VALUE_SCHEMA_TEXT))


def _through_fastavro(frame: bytes) -> PythonValue:
    from fastavro import schemaless_reader

    stream = io.BytesIO(frame)
    stream.seek(len(_HEADER))
    try:
        record = schemaless_reader(stream, _parsed_schema(), None)
    except (ValueError, EOFError, ArithmeticError, LookupError, TypeError, RecursionError):
        raise _FaultFoundError(Fault.REFUSED_BY_FASTAVRO, None) from None
    return _unwrapped(record)


def _unwrapped(record: PythonValue) -> PythonValue:
    """The plain value of a Value record: each branch but null is a record of one field."""
    branch = record["value"]
    if branch is None:
        return None
    ((name, value),) = branch.items()
    if name == "items":
        return [_unwrapped(item) for item in value]
    if name == "entries":
        return {key: _unwrapped(item) for key, item in value.items()}
    return value
