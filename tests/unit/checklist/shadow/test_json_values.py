"""Outputs compared as JSON values."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwctl.checklist.shadow.json_values import first_difference

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from([0.5, 1.0, -2.0]) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [(1, 1.0), (12.0, 12), ({}, []), ([], {}), ({"a": 1, "b": {}}, {"b": [], "a": 1.0}), ("ä", "ä"), (None, None)],
)
def test_what_a_php_server_changes_is_no_difference(wanted: Any, found: Any) -> None:
    assert first_difference(wanted, found) is None


@pytest.mark.parametrize(
    ("wanted", "found", "difference"),
    [
        (True, 1, "$ is number, not true or false"),
        (0, False, "$ is true or false, not number"),
        ("1", 1, "$ is number, not text"),
        (None, [], "$ is list, not null"),
        ([], None, "$ is null, not list"),
        ([1], {"0": 1}, "$ is object, not list"),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, "$.a.b[1] is another number"),
        ({"a": [1]}, {"a": [1, 2]}, "$.a has 2 items, not 1"),
        ({"a": 1}, {}, "$.a is missing"),
        ({}, {"a": 1}, "$.a is there and was not expected"),
        ("secret", "other", "$ is another text"),
    ],
)
def test_a_difference_is_named_by_its_place_and_without_the_values(wanted: Any, found: Any, difference: str) -> None:
    assert first_difference(wanted, found) == difference


@given(VALUES)
def test_a_value_is_like_its_copy(value: Any) -> None:
    assert first_difference(value, copy.deepcopy(value)) is None


@given(VALUES, VALUES)
def test_a_difference_is_seen_from_both_sides(one: Any, other: Any) -> None:
    assert (first_difference(one, other) is None) is (first_difference(other, one) is None)
