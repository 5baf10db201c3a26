"""JSON as the server writes it: PHP's escapes, empty objects, and numbers without zero fractions."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwctl.rehearsal.answers import to_json

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def as_php(value: Any) -> Any:
    """What PHP's reader finds in PHP's text: an empty object is a list, a whole float an integer."""
    if isinstance(value, dict):
        return {key: as_php(inner) for key, inner in value.items()} or []
    if isinstance(value, list):
        return [as_php(inner) for inner in value]
    return value


@given(JSON)
def test_the_text_says_the_same_in_ascii_and_has_no_empty_object(value: Any) -> None:
    text = to_json(value)
    assert text.isascii()
    assert json.loads(text) == as_php(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a/b": "c/d"}, rb'{"a\/b":"c\/d"}'),
        ({"a": {}, "b": [{}], "c": "{}"}, b'{"a":[],"b":[[]],"c":"{}"}'),
        ([1.0, -0.0, 12.50, 1e15], b"[1,0,12.5,1000000000000000]"),
        ("é\u2028", rb'"\u00e9\u2028"'),
        ((1, 2), b"[1,2]"),
    ],
)
def test_it_is_written_as_php_writes_it(value: Any, text: bytes) -> None:
    assert to_json(value) == text


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_a_number_that_json_does_not_have_is_an_error(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_json({"a": number})
