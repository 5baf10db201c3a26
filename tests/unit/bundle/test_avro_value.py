"""Frames of the Value schema: what is decoded, and what hostile ones cost."""

from __future__ import annotations

import base64
import io
import json
import struct
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st

from dwctl.bundle import avro_value
from dwctl.bundle.avro_value import (
    MAX_FRAME_BYTES,
    MAX_NESTING,
    MAX_VALUES,
    MEANING,
    Fault,
    Frame,
    decode_blob,
)
from dwctl.bundle.vocabulary import VALUE_SCHEMA_TEXT

HEADER = bytes.fromhex("c301e2a33dff55802237")
SCHEMA = parse_schema(json.loads(VALUE_SCHEMA_TEXT))
BRANCHES = {
    bool: "BooleanValue",
    int: "LongValue",
    float: "DoubleValue",
    bytes: "BytesValue",
    str: "StringValue",
}
FIELDS = {bool: "boolean", int: "long", float: "double", bytes: "bytes", str: "string"}

NULL, LONG, DOUBLE, BYTES, STRING, ARRAY, MAP = (bytes([branch * 2]) for branch in (0, 2, 3, 4, 5, 6, 7))
END = b"\0"


def blob(body: bytes, header: bytes = HEADER) -> str:
    """The base64 text of a frame with this body."""
    return base64.b64encode(header + body).decode("ascii")


def varint(number: int) -> bytes:
    """An Avro long."""
    bits, text = (number << 1) ^ (number >> 63), b""
    while bits > 0x7F:
        text += bytes([bits & 0x7F | 0x80])
        bits >>= 7
    return text + bytes([bits])


def written(value: Any) -> str:
    """The blob that fastavro writes for a value."""
    stream = io.BytesIO()
    schemaless_writer(stream, SCHEMA, record(value))
    return blob(stream.getvalue())


def record(value: Any) -> dict[str, Any]:
    """A value as the records that fastavro wants."""
    if value is None:
        return {"value": None}
    if isinstance(value, list):
        return branch("ArrayValue", "items", [record(item) for item in value])
    if isinstance(value, dict):
        return branch("MapValue", "entries", {key: record(item) for key, item in value.items()})
    return branch(BRANCHES[type(value)], FIELDS[type(value)], value)


def branch(name: str, field: str, value: Any) -> dict[str, Any]:
    """One branch of the union, by name."""
    return {"value": (f"durable_workflow.protocol.{name}", {field: value})}


def peak_memory(work: Callable[[], object]) -> int:
    """The most bytes that were allocated at once while the work was done."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.binary(max_size=20)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=30,
)


@given(values)
def test_what_fastavro_writes_is_decoded_to_the_same_value(value: Any) -> None:
    frame = decode_blob(written(value))
    assert frame == Frame(value)
    assert repr(frame.value) == repr(value)  # True is not 1, and -0.0 is not 0.0


@given(values, st.data())
def test_a_frame_cut_short_anywhere_is_truncated(value: Any, data: st.DataObject) -> None:
    whole = base64.b64decode(written(value))
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert decode_blob(blob(b"", whole[:cut])).fault is Fault.TRUNCATED


@given(values, st.binary(min_size=1, max_size=8))
def test_bytes_behind_the_value_are_named(value: Any, extra: bytes) -> None:
    whole = base64.b64decode(written(value))
    assert decode_blob(blob(extra, whole)) == Frame(fault=Fault.TRAILING_BYTES, offset=len(whole))


@given(st.binary(max_size=60) | st.lists(st.sampled_from([*range(0, 18, 2), 1, 0x80, 0xFF])).map(bytes))
@settings(max_examples=500)
def test_fastavro_agrees_with_the_walk_on_any_bytes(body: bytes) -> None:
    frame = decode_blob(blob(body))
    assert frame.fault is not Fault.REFUSED_BY_FASTAVRO
    assert frame.fault is not None or isinstance(
        frame.value, type(None) | bool | int | float | bytes | str | list | dict
    )


@given(st.text(max_size=40))
def test_any_text_is_decoded_or_named(text: str) -> None:
    assert isinstance(decode_blob(text).fault, Fault)


def blocks(count: int, size: int, items: bytes) -> bytes:
    """One block of a count that is negated, its size, and its items."""
    return varint(-count) + varint(size) + items


def test_a_block_that_states_its_size_is_decoded() -> None:
    body = ARRAY + blocks(2, 2, NULL + NULL) + varint(1) + NULL + END
    assert decode_blob(blob(body)) == Frame([None, None, None])


def test_a_map_in_several_blocks_is_decoded() -> None:
    body = MAP + varint(1) + b"\x02a" + NULL + blocks(1, 5, b"\x02b" + STRING + b"\x02x") + END
    assert decode_blob(blob(body)) == Frame({"a": None, "b": "x"})


HUGE = varint(2**60)
FAULTS = {
    "an empty text": ("", Fault.TRUNCATED, 0),
    "not base64": ("O:47:{}", Fault.NOT_BASE64, None),
    "base64 over two lines": (written(1)[:8] + "\n" + written(1)[8:], Fault.NOT_BASE64, None),
    "letters beyond ASCII": ("wwHioz3/VYAiNwAé", Fault.NOT_BASE64, None),
    "another mark": (blob(b"", b"\x00\x04\x02[]"), Fault.WRONG_MAGIC, 0),
    "another schema": (blob(NULL, HEADER[:9] + b"\x38"), Fault.UNKNOWN_FINGERPRINT, 2),
    "no value": (blob(b""), Fault.TRUNCATED, 10),
    "a branch beyond the union": (blob(b"\x10"), Fault.INVALID_BRANCH, 11),
    "a negative branch": (blob(b"\x01"), Fault.INVALID_BRANCH, 11),
    "a boolean of 2": (blob(b"\x02\x02"), Fault.INVALID_BOOLEAN, 11),
    "a long of 65 bits": (blob(LONG + b"\xff" * 9 + b"\x02"), Fault.VARINT_OVERFLOW, 11),
    "a long without end": (blob(LONG + b"\x80" * 40), Fault.VARINT_OVERFLOW, 11),
    "a string of 2^62 bytes": (blob(STRING + varint(2**62)), Fault.TRUNCATED, 11),
    "bytes of 2^62 bytes": (blob(BYTES + varint(2**62) + b"x"), Fault.TRUNCATED, 11),
    "a string of -1 bytes": (blob(STRING + varint(-1)), Fault.INVALID_LENGTH, 11),
    "a string of half a letter": (blob(STRING + b"\x02\xc3"), Fault.INVALID_UTF8, 11),
    "a string of a surrogate": (blob(STRING + b"\x06\xed\xa0\x80"), Fault.INVALID_UTF8, 11),
    "a map key of bytes": (blob(MAP + b"\x02" + b"\x02\xff" + NULL + END), Fault.INVALID_UTF8, 12),
    "an array of 2^60 nulls": (blob(ARRAY + HUGE + NULL * 99), Fault.TRUNCATED, 11),
    "a map of 2^60 nulls": (blob(MAP + HUGE + b"\x02a" + NULL), Fault.TRUNCATED, 11),
    "a negated count of 2^63": (blob(ARRAY + varint(-(2**63)) + END + NULL), Fault.TRUNCATED, 11),
    "a negated count and 2^60 bytes": (blob(ARRAY + blocks(1, 2**60, NULL) + END), Fault.INVALID_LENGTH, 11),
    "a negated count and -1 bytes": (blob(ARRAY + blocks(1, -1, NULL) + END), Fault.INVALID_LENGTH, 11),
    "a block shorter than it says": (blob(ARRAY + blocks(1, 2, NULL) + END), Fault.INVALID_LENGTH, 14),
    "a negated count of 2^60": (blob(ARRAY + blocks(2**60, 1, NULL) + END), Fault.TRUNCATED, 11),
    "100,000 arrays in each other": (blob((ARRAY + b"\x02") * 100_000), Fault.TOO_DEEP, 10 + 2 * MAX_NESTING),
    "100,000 maps in each other": (blob((MAP + b"\x02\x00") * 100_000), Fault.TOO_DEEP, 10 + 3 * MAX_NESTING),
    "an array of a null too many": (
        blob(ARRAY + varint(MAX_VALUES) + NULL * MAX_VALUES + END),
        Fault.TOO_MANY_VALUES,
        10 + 1 + 3 + MAX_VALUES - 1,
    ),
}


@pytest.mark.parametrize(("text", "fault", "offset"), FAULTS.values(), ids=FAULTS)
def test_a_bad_frame_is_named_with_its_place(text: str, fault: Fault, offset: int | None) -> None:
    assert decode_blob(text) == Frame(fault=fault, offset=offset)


@pytest.mark.parametrize("text", [text for text, _, _ in FAULTS.values()], ids=FAULTS)
def test_a_bad_frame_costs_no_more_than_its_own_length(text: str) -> None:
    decode_blob(written([1]))  # fastavro itself is loaded before anything is measured
    assert peak_memory(lambda: decode_blob(text)) < 2 * len(text) + 64 * 1024


def test_a_blob_of_100_megabytes_is_refused_unread() -> None:
    text = "A" * 100_000_000
    assert peak_memory(lambda: decode_blob(text)) < 10_000
    assert decode_blob(text) == Frame(fault=Fault.TOO_LARGE)


def test_the_longest_frame_is_read() -> None:
    size = MAX_FRAME_BYTES - len(HEADER) - 1 - 4
    assert len(varint(size)) == 4
    text = blob(BYTES + varint(size) + bytes(size))
    assert len(decode_blob(text).value) == size
    assert decode_blob(text + "AAAA").fault is Fault.TOO_LARGE


def test_as_many_values_as_are_allowed_are_decoded_in_bounded_memory() -> None:
    text = blob(ARRAY + varint(MAX_VALUES - 1) + (LONG + b"\x0e") * (MAX_VALUES - 1) + END)
    frames: list[Frame] = []
    assert peak_memory(lambda: frames.append(decode_blob(text))) < 160 * 1024 * 1024
    assert frames == [Frame([7] * (MAX_VALUES - 1))]


def test_values_nested_as_deep_as_is_allowed_are_decoded() -> None:
    value = decode_blob(blob((ARRAY + b"\x02") * MAX_NESTING + NULL + END * MAX_NESTING)).value
    depth = 0
    while value is not None:
        (value,) = value
        depth += 1
    assert depth == MAX_NESTING


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_a_double_that_is_not_finite_is_a_fault_and_still_shown(number: float) -> None:
    frame = decode_blob(blob(ARRAY + b"\x04" + NULL + DOUBLE + struct.pack("<d", number) + END))
    assert frame.fault is Fault.NON_FINITE_DOUBLE
    assert frame.offset == 13
    assert repr(frame.value) == repr([None, number])


def test_another_fault_outweighs_a_double_that_is_not_finite() -> None:
    body = DOUBLE + struct.pack("<d", float("nan"))
    assert decode_blob(blob(body + NULL)).fault is Fault.TRAILING_BYTES


def test_a_refusal_by_fastavro_is_a_fault_and_no_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    name = {"name": "value", "type": "double"}
    other = parse_schema({"type": "record", "name": "Other", "fields": [name]})
    monkeypatch.setattr(avro_value, "_parsed_schema", lambda: other)
    assert decode_blob(written(True)) == Frame(fault=Fault.REFUSED_BY_FASTAVRO)


def test_every_fault_has_a_meaning() -> None:
    assert set(MEANING) == set(Fault)
    assert all(MEANING.values())
