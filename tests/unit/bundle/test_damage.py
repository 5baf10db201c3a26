"""Damage: what is not there, or not what it should be."""

from __future__ import annotations

from typing import Any

import pytest

from dwctl.bundle.damage import Damage, read_integer, read_text, require_bundle, section_damage
from dwctl.errors import AnswerIsNo, ExitCode

OBJECTS = ("workflow", "payloads", "links", "redaction", "codec_schemas", "payload_manifest", "integrity")
LISTS = (
    *("history_events", "waits", "commands", "signals", "updates"),
    *("tasks", "activities", "timers", "failures"),
)
WHOLE: dict[str, Any] = {**{name: {} for name in OBJECTS}, **{name: [] for name in LISTS}}


@pytest.mark.parametrize(
    ("value", "says"),
    [(None, "null"), ([], "a list"), ("x", "text"), (1, "an integer"), ({"a": 1}, "without any section")],
)
def test_what_has_no_section_is_no_bundle(value: Any, says: str) -> None:
    with pytest.raises(AnswerIsNo, match=says) as caught:
        require_bundle(value)
    assert caught.value.exit_code is ExitCode.NO
    assert caught.value.reason == "not_a_bundle"
    assert caught.value.next_step


@pytest.mark.parametrize("section", WHOLE)
def test_one_section_makes_a_bundle(section: str) -> None:
    require_bundle({section: None})


def test_a_whole_document_has_no_damage() -> None:
    assert list(section_damage(WHOLE)) == []


@pytest.mark.parametrize("section", WHOLE)
def test_a_missing_section_is_damage(section: str) -> None:
    rest = {key: value for key, value in WHOLE.items() if key != section}
    assert list(section_damage(rest)) == [Damage(section, "the section is missing")]


@pytest.mark.parametrize("section", WHOLE)
def test_a_section_that_is_no_array_is_damage(section: str) -> None:
    damage = list(section_damage({**WHOLE, section: "x"}))
    assert damage == [Damage(section, "text stands where the section belongs")]


def test_rows_that_are_no_objects_are_told_once_a_section() -> None:
    damage = list(section_damage({**WHOLE, "tasks": [{}, None, 5, "x"], "timers": {"k": 1}}))
    assert damage == [
        Damage("tasks.1", "null stands where a row belongs, as in 2 more rows of this section"),
        Damage("timers.k", "an integer stands where a row belongs"),
    ]


def test_a_value_of_another_type_is_not_told_but_noted() -> None:
    damage: list[Damage] = []
    bundle = {"workflow": {"run_id": 4111, "run_number": "three", "queue": ""}}
    assert read_text(bundle, "workflow.run_id", damage) is None
    assert read_integer(bundle, "workflow.run_number", damage) is None
    assert read_text(bundle, "workflow.queue", damage) is None
    assert read_text(bundle, "workflow.nothing", damage) is None
    assert damage == [
        Damage("workflow.run_id", "an integer stands where text belongs"),
        Damage("workflow.run_number", "text stands where an integer belongs"),
    ]


def test_an_integer_in_text_is_read_as_php_reads_it() -> None:
    damage: list[Damage] = []
    assert read_integer({"a": "7"}, "a", damage) == 7
    assert damage == []
