"""PHP's loose typing, at the edges that the contract names (contract/import.md §2)."""

from __future__ import annotations

from typing import Any

import pytest

from dwctl.bundle import loose

NO_INTEGERS: list[Any] = [True, False, None, 1.0, 0.0, -0.0, [], {}, [1]]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a", "a"), ("0", "0"), (" ", " "), ("", None), (None, None), (1, None), (True, None), ([], None), ({}, None)],
)
def test_a_string_is_one_only_if_it_is_not_empty(value: Any, expected: str | None) -> None:
    assert loose.string(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((number, number) for number in (0, 1, -1, 2**63 - 1, -(2**63))),
        *((str(number), number) for number in (0, 1, -1, 10, 2**63 - 1, -(2**63))),
        *((text, None) for text in ("", "01", "-0", "-01", "+1", "1.0", "1e0", " 1", "1 ", "1\n", "0x1", "one", "１")),
        *((text, None) for text in (str(2**63), str(-(2**63) - 1), "9" * 30)),
        *((value, None) for value in NO_INTEGERS),
    ],
)
def test_an_integer_is_an_integer_or_a_string_as_php_writes_one(value: Any, expected: int | None) -> None:
    assert loose.integer(value) == expected
    assert loose.integer(value) is not True


@pytest.mark.parametrize("value", [None, False, 0, 0.0, -0.0, "", "0", [], {}])
def test_what_php_casts_to_false_is_not_truthy(value: Any) -> None:
    assert not loose.truthy(value)


@pytest.mark.parametrize("value", [True, 1, -1, 0.1, "false", "0.0", "00", " ", [0], {"a": None}, [[]]])
def test_everything_else_is_truthy(value: Any) -> None:
    assert loose.truthy(value)


@pytest.mark.parametrize(
    ("value", "is_array", "count", "entries"),
    [
        ([], True, 0, []),
        ({}, True, 0, []),
        (["a", None], True, 2, [(0, "a"), (1, None)]),
        ({"x": 1, "0": 2}, True, 2, [("x", 1), ("0", 2)]),
        ("ab", False, 0, []),
        (None, False, 0, []),
        (3, False, 0, []),
        (True, False, 0, []),
    ],
)
def test_objects_and_lists_are_arrays_and_scalars_are_empty(
    value: Any, is_array: bool, count: int, entries: list[Any]
) -> None:
    assert loose.is_array(value) is is_array
    assert loose.count(value) == count
    assert list(loose.entries(value)) == entries


@pytest.mark.parametrize(
    ("value", "keys", "expected"),
    [
        ({"a": {"b": 1}}, ("a", "b"), 1),
        ({"a": {"b": 1}}, (), {"a": {"b": 1}}),
        ({"a": {"b": 1}}, ("a", "c"), None),
        ({"a": [1]}, ("a", "0"), None),
        ({"a": "text"}, ("a", "b"), None),
        ([1], ("a",), None),
        (None, ("a",), None),
    ],
)
def test_a_field_under_a_missing_or_foreign_container_is_none(value: Any, keys: tuple[str, ...], expected: Any) -> None:
    assert loose.field(value, *keys) == expected
