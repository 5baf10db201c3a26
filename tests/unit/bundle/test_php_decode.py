"""What PHP refuses is refused, with the place where the fault is (contract/import.md §1)."""

from __future__ import annotations

import gzip
import math
import tracemalloc
from typing import Any

import pytest

from dwctl.bundle.php_decode import MAX_DEPTH, decode_exactly, nesting
from dwctl.errors import UndecodableDocument


def refusal(document: bytes) -> UndecodableDocument:
    """How a document is refused."""
    with pytest.raises(UndecodableDocument) as caught:
        decode_exactly(document)
    return caught.value


@pytest.mark.parametrize(
    ("document", "reason", "line", "column"),
    [
        (b"", "empty", 1, 1),
        (b" \t\r\n", "empty", 1, 1),
        (b"\xef\xbb\xbf{}", "not_json", 1, 1),
        ('{"a":1}'.encode("utf-16"), "not_json", 1, 1),
        ("{}".encode("utf-16-be"), "syntax_error", 1, 1),
        (b"\xfe\xff" + "{}".encode("utf-16-be"), "not_json", 1, 1),
        (gzip.compress(b"{}", mtime=0), "not_json", 1, 1),
        (b"\x28\xb5\x2f\xfd\x00", "not_json", 1, 1),
        (b'{"a":1', "truncated", 1, 7),
        (b'{"a":\n', "truncated", 2, 1),
        (b'{"a":"b', "truncated", 1, 6),
        (b'{\n"a":"b\\', "truncated", 2, 5),
        (b"{,}", "syntax_error", 1, 2),
        (b'{"a":1,}', "syntax_error", 1, 8),
        (b"[1,\n 2,]", "syntax_error", 2, 4),
        (b"{} x", "syntax_error", 1, 4),
        (b"{'a':1}", "syntax_error", 1, 2),
        (b'{"a":TRUE}', "syntax_error", 1, 6),
        (b'{"a":Null}', "syntax_error", 1, 6),
        (b'{"a":01}', "syntax_error", 1, 7),
        (b'{"a":+1}', "syntax_error", 1, 6),
        (b'{"a":.5}', "syntax_error", 1, 6),
        (b'{"a":0x1}', "syntax_error", 1, 7),
        (b'{"a":"\t"}', "syntax_error", 1, 7),
        (b'{"a":"\\x"}', "syntax_error", 1, 7),
        (b'{"a":"\\u12"}', "syntax_error", 1, 8),
        (b'\x0c{"a":1}', "syntax_error", 1, 1),
        (b'{"a":1}\x00', "syntax_error", 1, 8),
        (b'{"a":NaN}', "syntax_error", 1, 6),
        (b'{"a":"NaN",\n "b":NaN}', "syntax_error", 2, 6),
        (b'{"a":-Infinity}', "syntax_error", 1, 6),
        (b'{"Infinity":1,"a":Infinity}', "syntax_error", 1, 19),
        (b'{"a":"\xff"}', "invalid_utf8", 1, 7),
        ('{"é":\n"é'.encode() + b'\xc3"}', "invalid_utf8", 2, 3),
        (b'{"a":"\xed\xa0\x80"}', "invalid_utf8", 1, 7),
        (b'{"a":"\\ud800"}', "lone_surrogate", 1, 7),
        (b'{"a":\n"\\udc00"}', "lone_surrogate", 2, 2),
        (b'{"\\uD83D":1}', "lone_surrogate", 1, 3),
        (b'{"a":"\\ud83d\\ud83d\\ude00"}', "lone_surrogate", 1, 7),
        (b'{"a":"\\ud83d \\ude00"}', "lone_surrogate", 1, 7),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_reason_and_its_place(document: bytes, reason: str, line: int, column: int) -> None:
    error = refusal(document)
    assert (error.reason, error.line, error.column) == (reason, line, column)
    assert error.where == f"line {line}, column {column}"
    assert error.message[0].islower() or error.message.startswith("byte")
    assert "\n" not in error.message
    assert error.next_step is not None
    assert error.next_step.endswith(".")


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_a_constant_of_javascript_is_called_by_its_name(constant: str) -> None:
    assert constant in refusal(f'{{"a":{constant}}}'.encode()).message


def test_values_may_be_nested_to_the_limit_and_not_beyond() -> None:
    assert MAX_DEPTH == 511
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        inner = "" if opening == "[" else "1"
        text = opening * MAX_DEPTH + inner + closing * MAX_DEPTH
        assert nesting(decode_exactly(text.encode())) == MAX_DEPTH
        error = refusal((opening + text + closing).encode())
        assert (error.reason, error.line, error.column) == ("nested_too_deep", 1, MAX_DEPTH * len(opening) + 1)


@pytest.mark.parametrize("depth", [600, 2_000, 100_000])
def test_any_depth_is_refused_where_it_goes_too_deep(depth: int) -> None:
    error = refusal(b'{"x":"[[[[\\"",\n"a":' + b"[" * depth + b"]" * depth + b"}")
    assert (error.reason, error.line, error.column) == ("nested_too_deep", 2, 4 + MAX_DEPTH)


def test_looking_for_the_place_in_a_long_document_costs_no_memory_beyond_copies_of_it() -> None:
    document = b'["' + b"A" * 2_000_000 + b'",' + b"[" * 600 + b"]" * 600 + b"]"
    tracemalloc.start()
    try:
        assert refusal(document).reason == "nested_too_deep"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 * len(document)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775808", 2.0**63),
        ("-9223372036854775809", -(2.0**63)),
        ("1" * 25, float("1" * 25)),
        ("-0", 0),
        ("-0.0", -0.0),
        ("-0e1", -0.0),
        ("1e999", math.inf),
        ("-1e999", -math.inf),
        ("9" * 5_000, math.inf),
        ("1E2", 100.0),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\ud7ff\\ue000"', "\ud7ff\ue000"),
        ('"\\udbff\\udfff"', "\U0010ffff"),
        ('"\\\\ud800"', "\\ud800"),
        ('{"a":1,"b":2,"a":3}', {"a": 3, "b": 2}),
        ("{}", {}),
        ("[]", []),
    ],
)
def test_a_value_is_what_php_makes_of_it(text: str, value: Any) -> None:
    decoded = decode_exactly(text.encode())
    assert (type(decoded), repr(decoded)) == (type(value), repr(value))


@pytest.mark.parametrize(
    ("value", "depth"), [(1, 0), ("[[", 0), ([], 1), ({}, 1), ([[], {"a": [1]}], 3), ({"a": {"b": {}}}, 3)]
)
def test_nesting_counts_containers(value: Any, depth: int) -> None:
    assert nesting(value) == depth
