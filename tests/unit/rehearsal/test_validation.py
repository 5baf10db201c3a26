"""Fields of a request: read, or named with what is wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dwctl.rehearsal.answers import Refusal
from dwctl.rehearsal.validation import Fields


@pytest.mark.parametrize("value", ["7", 7])
def test_a_number_may_be_a_text(value: Any) -> None:
    assert Fields({"n": value}).integer("n", least=1) == 7


@pytest.mark.parametrize("value", [True, 1.0, "1.0", "", "x", [], "9" * 19, 0, 11])
def test_a_number_that_is_none_or_out_of_bounds_is_wrong(value: Any) -> None:
    fields = Fields({"n": value})
    assert fields.integer("n", least=1, most=10) is None
    assert list(fields.problems) == ["n"]


@pytest.mark.parametrize(
    ("value", "meant"), [(True, True), ("1", True), ("on", True), (0, False), ("false", False), ("No", False)]
)
def test_a_truth_value_has_many_spellings(value: Any, meant: bool) -> None:
    assert Fields({"b": value}).boolean("b") is meant


@pytest.mark.parametrize("value", ["maybe", 2, [], {}, 1.0])
def test_anything_else_is_no_truth_value(value: Any) -> None:
    fields = Fields({"b": value})
    assert fields.boolean("b") is None
    assert fields.problems


def test_texts_are_held_to_length_pattern_and_choice() -> None:
    fields = Fields({"a": "xxx", "b": "a b", "c": "z", "d": 1})
    fields.text("a", longest=2)
    fields.text("b", pattern=re.compile("[a-z]+"))
    fields.text("c", choices=("x", "y"))
    fields.text("d")
    fields.text("e", required=True)
    assert list(fields.problems) == ["a", "b", "c", "d", "e"]


def test_a_refusal_names_every_field_and_repeats_the_facts() -> None:
    fields = Fields({}, {"workflow_id": "w"})
    fields.wrong("a", "One.")
    fields.wrong("a", "Two.")
    fields.wrong("b", "Three.")
    with pytest.raises(Refusal) as caught:
        fields.done()
    assert caught.value.status == 422
    assert caught.value.document == {
        "message": "One. (and 2 more)",
        "reason": "validation_failed",
        "errors": {"a": ["One.", "Two."], "b": ["Three."]},
        "validation_errors": {"a": ["One.", "Two."], "b": ["Three."]},
        "workflow_id": "w",
    }


def test_what_is_absent_is_not_wrong() -> None:
    fields = Fields({"a": None})
    assert (fields.text("a"), fields.integer("a", least=0), fields.array("a"), fields.boolean("a")) == (None,) * 4
    fields.done()
