"""The JSON documents of `bundle show` and `bundle diff` match their schemas."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from dwctl import schema_files
from dwctl.bundle.canonical import decode
from dwctl.bundle.diff import diff_bundles
from dwctl.bundle.summary import summarize
from dwctl.render.json_bundle import diff_document, show_document

BUNDLES = sorted((Path(__file__).parents[2] / "data" / "bundles").glob("*.json"))
SHOW = Draft202012Validator(schema_files.load("bundle-show"))
DIFF = Draft202012Validator(schema_files.load("bundle-diff"))


@pytest.mark.parametrize("path", BUNDLES, ids=lambda path: path.name)
def test_a_summary_matches_its_schema(path: Path) -> None:
    document = show_document(path.name, summarize(decode(path.read_bytes()), {"type": "array"}))
    decoded = json.loads(json.dumps(document))
    SHOW.validate(decoded)
    assert decoded["schema_problems"] == [
        {"path": "$", "problem": "an object stands where a list belongs", "keyword": "type"}
    ]


@pytest.mark.parametrize("pair", list(pairwise(BUNDLES)), ids=lambda pair: pair[0].name)
def test_a_difference_matches_its_schema(pair: tuple[Path, Path]) -> None:
    first, second = (decode(path.read_bytes()) for path in pair)
    decoded = json.loads(json.dumps(diff_document("a", "b", diff_bundles(first, second))))
    DIFF.validate(decoded)
    assert (decoded["first"]["file"], decoded["second"]["file"]) == ("a", "b")
    assert decoded["moved"]


def test_a_difference_with_everything_in_it_matches_its_schema() -> None:
    value = json.loads(BUNDLES[-1].read_bytes())
    before = decode(json.dumps(value).encode())
    value["history_events"][0]["type"] = "TimerFired"
    value["history_events"].append({"sequence": 9, "type": "TimerFired"})
    value["tasks"][0].update(status="leased", lease_owner="w")
    value["tasks"][1]["id"] = "other"
    value["workflow"]["status"] = "completed"
    document = diff_document("a", "b", diff_bundles(before, decode(json.dumps(value).encode())))
    decoded = json.loads(json.dumps(document))
    DIFF.validate(decoded)
    for key in ("rewritten", "added", "opened", "closed", "work_changed", "fields"):
        assert decoded[key], key


def test_a_schema_that_is_closed_notices_a_key_that_it_does_not_know() -> None:
    document = json.loads(json.dumps(show_document("x", summarize(decode(BUNDLES[0].read_bytes())))))
    document["identity"]["surprise"] = 1
    assert [error.validator for error in SHOW.iter_errors(document)] == ["additionalProperties"]
