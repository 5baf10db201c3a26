"""Writing values as PHP does: its digits, its lists, its escapes (contract/import.md §1)."""

from __future__ import annotations

import math
from typing import Any

import pytest

from dwctl.bundle.php_encode import is_php_list, php_float, php_text, write_exactly
from dwctl.errors import UndecodableDocument


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (-12.5, "-12.5"),
        (0.1, "0.1"),
        (0.0001, "0.0001"),
        (0.00001, "1.0e-5"),
        (0.000012, "1.2e-5"),
        (1e15, "1000000000000000.0"),
        (1e16, "10000000000000000.0"),
        (1.2345678901234567e16, "12345678901234568.0"),
        (-1.5e16, "-15000000000000000.0"),
        (1e17, "1.0e+17"),
        (1.5e17, "1.5e+17"),
        (1e25, "1.0e+25"),
        (5e-324, "5.0e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
    ],
)
def test_a_float_has_the_shortest_digits_and_always_a_fraction(number: float, text: str) -> None:
    assert php_float(number) == text
    assert float(text) == number


@pytest.mark.parametrize("number", [math.inf, -math.inf])
def test_an_infinite_float_has_no_text(number: float) -> None:
    with pytest.raises(OverflowError):
        php_float(number)
    with pytest.raises(OverflowError):
        php_text({"a": [number]})


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({}, True),
        ({"0": 1}, True),
        ({"0": 1, "1": 2}, True),
        ({"1": 1, "0": 2}, False),
        ({"1": 1}, False),
        ({"00": 1}, False),
        ({"a": 1}, False),
    ],
)
def test_an_object_with_the_keys_of_a_list_in_order_is_a_list(container: Any, expected: bool) -> None:
    assert is_php_list(container) is expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (5, "5"),
        ("é/\n\x7f\u2028", '"\\u00e9/\\n\x7f\\u2028"'),
        ([{}, [], {"b": None, "a": {"1": 0, "0": 1}}], '[[],[],{"a":[1,0],"b":null}]'),
        ({"é": 1, "z": 2, "Z": 3, "": 4}, '{"":4,"Z":3,"z":2,"\\u00e9":1}'),
    ],
)
def test_a_value_is_sorted_and_escaped(value: Any, text: str) -> None:
    assert php_text(value) == text
    assert b"".join(write_exactly(value)) == text.encode()


def test_a_long_text_comes_in_pieces_and_a_deep_one_without_recursion() -> None:
    assert len(list(write_exactly(list(range(10_000))))) > 1
    deep: Any = 1
    for _ in range(5_000):
        deep = [deep]
    assert php_text(deep) == "[" * 5_000 + "1" + "]" * 5_000


def test_an_infinite_number_is_named_by_its_path() -> None:
    with pytest.raises(UndecodableDocument) as refusal:
        list(write_exactly({"a": [1, {"b": math.inf}]}))
    assert refusal.value.where == "a.1.b"
