"""What the framework does to a body, and that the quick look at its bytes never misses it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwctl.bundle.canonical import decode
from dwctl.bundle.transit import rewritten_at
from dwctl.rehearsal.bodies import may_change, rewritten, written

EDGES = st.sampled_from([" ", "\t", "\n", "\u00a0", "\u200b", "\u2028", "\ufeff", "\u3164", "a", "é", "\\", '"'])
TEXTS = st.text(EDGES, max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_a_second_rewriting_changes_nothing(value: Any) -> None:
    once = rewritten(value)
    assert rewritten(once) == once


@given(JSON)
def test_what_the_offline_check_calls_safe_is_not_rewritten(value: Any) -> None:
    if rewritten_at(value) is None:
        assert rewritten(value) == value


@given(JSON, st.booleans(), st.sampled_from([None, 1]))
def test_the_quick_look_misses_nothing(value: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    if rewritten(value) != value:
        assert may_change(text)


def test_the_quick_look_spares_a_compact_plain_bundle() -> None:
    assert not may_change(b'{"a":"b c","d":[1,null,"e"],"f":{"g":"h"}}')


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", None),
        (" \u200b", None),
        (" a b ", "a b"),
        ({"password": " a ", "x": " a "}, {"password": " a ", "x": "a"}),
        ({"password": ""}, {"password": None}),
        ([" ", [" a"]], [None, ["a"]]),
        (7, 7),
    ],
)
def test_texts_are_trimmed_and_empty_ones_are_null(value: Any, expected: Any) -> None:
    assert rewritten(value) == expected


@pytest.mark.parametrize("text", [b'{"a":1.0,"b":-0.0,"c":1e25,"d":"\\u00e9"}', b"[9007199254740993,12.5]"])
def test_a_value_that_is_written_decodes_to_the_same(text: bytes) -> None:
    value = decode(text).value
    assert repr(decode(written(value)).value) == repr(value)
