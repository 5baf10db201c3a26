"""Payloads held against what a server's HTTP answers show: what counts as the same, and how a difference is told."""

from __future__ import annotations

from typing import Any

import pytest

from dwctl.transfer.imports.payload_comparison import Differing, differing_payloads, first_difference


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, []),
        (None, {}),
        ({"a": {}}, {"a": []}),
        ({"a": 12.0}, {"a": 12}),
        ({"a": 1.5, "b": 2}, {"b": 2, "a": 1.5}),
        ({"0": "x", "1": "y"}, ["x", "y"]),
        ({"a": 10**25}, {"a": 1e25}),
        ({"a": [None, True, ""]}, {"a": [None, True, ""]}),
    ],
)
def test_what_php_writes_differently_is_the_same(ours: Any, theirs: Any) -> None:
    assert first_difference(ours, theirs) is None
    assert first_difference(theirs, ours) is None


@pytest.mark.parametrize(
    ("ours", "theirs", "path"),
    [
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, "payload.a.b.1"),
        ({"a": [1, 2]}, {"a": [1]}, "payload.a (2 items, not 1)"),
        ({"a": 1}, {"a": True}, "payload.a"),
        ({"a": 0}, {"a": False}, "payload.a"),
        ({"a": ""}, {"a": None}, "payload.a"),
        ({"a": "1"}, {"a": 1}, "payload.a"),
        ({"a": 1.5}, {"a": 1}, "payload.a"),
        ({"a": 1}, {}, "payload"),
        ({"a": 1}, {"a": 1, "b": 2}, "payload.b"),
        ({"x": {"1": "y", "0": "x"}}, {"x": ["x", "y"]}, "payload.x"),
        ({"an id of a customer": 1}, {"an id of a customer": 2}, "payload.*"),
    ],
)
def test_a_difference_is_told_by_its_place_and_no_value(ours: Any, theirs: Any, path: str) -> None:
    assert first_difference(ours, theirs) == path


def test_a_payload_may_be_nested_deeply() -> None:
    deep: Any = "x"
    for _ in range(5_000):
        deep = [deep]
    assert first_difference([deep], [[deep]]) is not None


def test_an_event_that_is_not_shown_differs() -> None:
    found = differing_payloads([(1, {"a": 1}), (2, {}), (None, {})], {1: {"a": 2}, 3: {}})
    assert found == [
        Differing(1, "payload.a"),
        Differing(2, "payload (there is no such event)"),
        Differing(None, "payload (there is no such event)"),
    ]
