"""What differs from a schema: found, put in order, told without values, and bounded."""

from __future__ import annotations

import copy
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from referencing.exceptions import Unresolvable

from dwctl import schema_files
from dwctl.bundle.canonical import decode
from dwctl.bundle.conformance import LIMIT, schema_findings
from dwctl.bundle.findings import Finding, Severity

DATA = Path(__file__).parents[2] / "data" / "bundles"
BUNDLES = sorted(DATA.glob("*.json"))
SCHEMA = schema_files.load("history-export")


def bundle(number: str) -> Any:
    """A fresh copy of a recorded bundle."""
    (path,) = DATA.glob(f"{number}-*.json")
    return decode(path.read_bytes()).value


def told(value: Any, schema: dict[str, Any]) -> list[tuple[str | None, object]]:
    """Paths and problems of a value."""
    return [(finding.path, finding.facts["problem"]) for finding in schema_findings(value, schema)]


@pytest.mark.parametrize("path", BUNDLES, ids=lambda path: path.name)
def test_a_real_bundle_differs_in_nothing(path: Path) -> None:
    assert list(schema_findings(decode(path.read_bytes()).value, SCHEMA)) == []


def test_a_finding_is_a_warning_of_one_rule() -> None:
    (finding,) = schema_findings({"a": 1}, {"properties": {"a": {"type": "string"}}})
    assert finding == Finding(
        "schema.violation",
        Severity.WARNING,
        "a",
        {"problem": "an integer stands where text belongs", "keyword": "type"},
    )


# where, what is put there, the place that is named, and what is said of it
CHANGES: list[tuple[str, Any, str, str]] = [
    ("schema", "other", "schema", 'text other than "durable-workflow.v2.history-export"'),
    ("schema_version", 2, "schema_version", "an integer other than 1"),
    ("exported_at", "yesterday", "exported_at", "text of another form than expected: UTC with microseconds"),
    ("exported_at", "2026-13-22T22:11:26.249071Z", "exported_at", "text of another form"),
    ("dedupe_key", "x", "dedupe_key", "text of another form"),
    ("history_complete", 1, "history_complete", "an integer stands where true or false belongs"),
    ("workflow.status", "sleeping", "workflow.status", "text that is none of"),
    ("workflow.run_id", "42", "workflow.run_id", "text of another form"),
    ("workflow.run_id", 42, "workflow.run_id", "an integer stands where text belongs"),
    ("workflow.run_number", 0, "workflow.run_number", "a number below 1"),
    ("workflow.instance_id", "", "workflow.instance_id", "empty text"),
    ("workflow.instance_id", "i" * 192, "workflow.instance_id", "text of more than 191 characters"),
    ("workflow.memo", ["x"], "workflow.memo", "a list with items stands where a map belongs"),
    ("workflow.started_at", "garbage", "workflow.started_at", "text of another form"),
    ("history_events", {}, "history_events", "an object stands where a list belongs"),
    ("history_events.0.type", "Bogus", "history_events.0.type", "none of the 56 known values"),
    ("history_events.0.sequence", "1", "history_events.0.sequence", "text stands where an integer belongs"),
    ("history_events.0.id", "1", "history_events.0.id", "text of another form"),
    ("history_events.0.recorded_at", "1", "history_events.0.recorded_at", "text of another form"),
    ("history_events.0.payload", "x", "history_events.0.payload", "text stands where an object or a list"),
    ("history_events.0.payload.sequence", "x", "history_events.0.payload.sequence", "text stands where"),
    ("tasks.0.status", "queued", "tasks.0.status", 'text that is none of "ready", "leased"'),
    ("tasks.0.type", "poll", "tasks.0.type", 'text that is none of "workflow", "activity", "timer"'),
    ("timers.0.fire_at", None, "timers.0.fire_at", "null stands where text belongs"),
    ("timers.0.status", "lost", "timers.0.status", "text that is none of"),
    ("activities.0.status", "lost", "activities.0.status", "text that is none of"),
    ("waits.0.status", "lost", "waits.0.status", "text that is none of"),
    ("payloads.codec", 1, "payloads.codec", "an integer stands where text or null belongs"),
    ("payloads.arguments.data", {"x": 1}, "payloads.arguments.data", "an object that has none of the shapes"),
    ("links.parents", None, "links.parents", "null stands where a list belongs"),
    ("redaction.paths", [{}], "redaction.paths.0", "an object stands where text belongs"),
    ("integrity.checksum", "ABC", "integrity.checksum", "text of another form"),
    ("integrity.checksum_algorithm", "md5", "integrity.checksum_algorithm", 'text other than "sha256"'),
]


@pytest.mark.parametrize(("where", "value", "path", "says"), CHANGES)
def test_a_change_of_a_real_bundle_is_noticed(where: str, value: Any, path: str, says: str) -> None:
    changed = bundle("76")
    *parents, last = where.split(".")
    place = changed
    for step in parents:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[int(last) if isinstance(place, list) else last] = value
    problems = told(changed, SCHEMA)
    assert problems
    assert problems[0][0] == path
    assert says in str(problems[0][1])


@pytest.mark.parametrize("section", SCHEMA["required"])
def test_a_missing_section_is_noticed_under_its_name(section: str) -> None:
    changed = bundle("76")
    del changed[section]
    assert told(changed, SCHEMA) == [(section, "is missing")]


@pytest.mark.parametrize(
    "path",
    [
        "workflow.memo",
        "workflow.search_attributes",
        "workflow.visibility_labels",
        "codec_schemas",
        "history_events.0.payload",
        "tasks.0.payload",
        "selected_run",
    ],
)
@pytest.mark.parametrize("empty", [[], {}])
def test_an_empty_list_stands_for_an_empty_map(path: str, empty: Any) -> None:
    changed = bundle("76")
    *parents, last = path.split(".")
    place = changed
    for step in parents:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[last] = empty
    assert told(changed, SCHEMA) == []


def test_unknown_keys_are_welcome() -> None:
    changed = bundle("76")
    changed["namespace"] = "production"
    changed["workflow"]["new"] = changed["tasks"][0]["new"] = {"deep": [1]}
    assert told(changed, SCHEMA) == []


def test_what_is_wrong_near_the_top_comes_first() -> None:
    changed = bundle("76")
    changed["history_events"][0]["id"] = 1
    changed["workflow"]["status"] = "x"
    del changed["tasks"]
    assert [path for path, _ in told(changed, SCHEMA)] == ["tasks", "workflow.status", "history_events.0.id"]


def test_the_alternative_that_came_closest_is_told() -> None:
    shape = {
        "anyOf": [
            {"type": "string"},
            {"type": "object", "properties": {"a": {"properties": {"b": {"type": "integer"}}}}},
        ]
    }
    assert told({"a": {"b": "secret"}}, shape) == [("a.b", "text stands where an integer belongs")]


@pytest.mark.parametrize(
    ("schema", "value", "says"),
    [
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 1, "an integer that has none of the shapes"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, 1, "has not exactly one of the shapes"),
        ({"not": {"type": "integer"}}, 1, "an integer of a shape that is not allowed here"),
        ({"minItems": 2}, [1], "a list of fewer than 2 items"),
        ({"maxItems": 2}, [1, 2, 3], "a list of more than 2 items"),
        ({"minLength": 3}, "a", "text of fewer than 3 characters"),
        ({"maximum": 3}, 4, "a number above 3"),
        ({"additionalProperties": False}, {"secret": 1}, "holds a key that is not allowed here"),
        ({"uniqueItems": True}, [1, 1], "does not satisfy `uniqueItems`"),
        ({"pattern": "^a$"}, "b", "text of another form than expected: ^a$"),
    ],
)
def test_every_keyword_has_its_sentence(schema: Any, value: Any, says: str) -> None:
    wrapped = {"properties": {"x": schema}}
    ((path, problem),) = told({"x": value}, wrapped)
    assert path == "x"
    assert says in str(problem)


def test_the_document_itself_is_named_by_a_dollar_sign() -> None:
    assert told([], {"type": "object"}) == [("$", "a list stands where an object belongs")]


SECRET = "4111-secret-1111"


@given(st.data())
def test_no_value_of_the_document_is_ever_told(data: st.DataObject) -> None:
    changed = bundle("76")
    poison = data.draw(st.sampled_from([SECRET, [SECRET], {SECRET + "-inside": SECRET}, [[SECRET]]]))
    _put(changed, data, poison)
    for finding in schema_findings(changed, SCHEMA):
        assert SECRET not in str(finding.facts)


def _put(place: Any, data: st.DataObject, poison: Any) -> None:
    """Put something at a random place of a document."""
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], (dict, list)) or not place[key] or data.draw(st.booleans()):
            place[key] = poison
            return
        place = place[key]


def test_ten_thousand_problems_are_told_apart() -> None:
    findings = list(schema_findings([1] * LIMIT, {"items": {"type": "string"}}))
    assert len(findings) == LIMIT
    assert {finding.facts["keyword"] for finding in findings} == {"type"}


def test_that_there_are_more_is_said_at_the_end() -> None:
    findings = list(schema_findings([1] * 50, {"items": {"type": "string"}}, limit=10))
    assert len(findings) == 11
    assert findings[-1].facts == {"problem": "more than 10 problems; the rest is not listed", "keyword": None}


@pytest.mark.parametrize(
    "hostile",
    [
        {"history_events": [{}] * 200_000},
        {"history_events": [{"payload": {"x" * 1000: i}} for i in range(2000)]},
        {"history_events": {str(index): "x" * 500 for index in range(5000)}},
        {"workflow": {"run_id": "0" * 5_000_000}, "dedupe_key": "0:" * 1_000_000},
        {"tasks": [["x" * 100] * 100] * 200},
    ],
    ids=["many rows", "many keys", "rows as an object", "long text", "lists of lists"],
)
def test_a_hostile_document_costs_bounded_time(hostile: Any) -> None:
    started = time.perf_counter()
    findings = list(schema_findings(hostile, SCHEMA))
    assert findings
    assert len(findings) <= LIMIT + 1
    assert time.perf_counter() - started < 20


def test_deep_nesting_is_no_trouble() -> None:
    changed = bundle("76")
    deep: Any = 1
    for _ in range(480):
        deep = [deep]
    changed["workflow"]["memo"] = {"deep": deep}
    changed["tasks"] = deep
    assert told(changed, SCHEMA) == [("tasks.0", "a list stands where an object belongs")]


def test_a_reference_to_another_document_is_not_fetched() -> None:
    with pytest.raises(Unresolvable):
        list(schema_findings(1, {"$ref": "https://example.invalid/schema.json"}))


@pytest.mark.parametrize("name", schema_files.names())
def test_our_schemas_refer_only_to_themselves(name: str) -> None:
    references = re.findall(r'"\$ref": "([^"]*)"', schema_files.text(name))
    assert all(reference.startswith("#/$defs/") for reference in references)


def test_the_document_is_not_changed() -> None:
    value = bundle("76")
    before = copy.deepcopy(value)
    list(schema_findings(value, {"type": "string"}))
    assert json.dumps(value) == json.dumps(before)
