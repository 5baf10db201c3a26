"""What a value is, in words."""

from __future__ import annotations

from typing import Any

import pytest

from dwctl.bundle.kinds import kind_of


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "true or false"),
        (0, "an integer"),
        (0.0, "a number"),
        ("secret", "text"),
        (["secret"], "a list"),
        ({"secret": 1}, "an object"),
    ],
)
def test_a_value_is_described_without_being_told(value: Any, words: str) -> None:
    assert kind_of(value) == words
