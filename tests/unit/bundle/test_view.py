"""The sections of a bundle, whatever the document holds."""

from __future__ import annotations

from typing import Any

import pytest

from dwctl.bundle.view import BundleView, as_object, rows
from sample_bundles import small_bundle

LISTS = ("events", "commands", "signals", "updates", "tasks", "activities", "timers")
OBJECTS = ("workflow", "payloads", "redaction", "links")


@pytest.mark.parametrize("document", [{}, [], None, 5, "text", True, [{"workflow": {"run_id": "r"}}]])
def test_a_document_that_is_no_bundle_has_only_empty_sections(document: Any) -> None:
    view = BundleView(document)
    assert [getattr(view, name) for name in LISTS] == [[]] * len(LISTS)
    assert [getattr(view, name) for name in OBJECTS] == [{}] * len(OBJECTS)
    assert view.manifest == []
    assert view.value == {}


@pytest.mark.parametrize("section", [None, 5, "text", True, 1.5])
def test_a_section_that_is_a_scalar_is_empty(section: Any) -> None:
    names = [*OBJECTS, *LISTS[1:], "history_events", "payload_manifest"]
    view = BundleView(dict.fromkeys(names, section))
    assert [getattr(view, name) for name in LISTS] == [[]] * len(LISTS)
    assert [getattr(view, name) for name in OBJECTS] == [{}] * len(OBJECTS)
    assert view.manifest == []


def test_a_section_that_should_be_an_object_but_is_a_list_is_empty() -> None:
    assert BundleView({"workflow": [{"run_id": "r"}]}).workflow == {}
    assert BundleView({"payload_manifest": [{"entries": [{}]}]}).manifest == []


def test_the_rows_of_an_object_keep_its_keys_and_those_of_a_list_their_indexes() -> None:
    assert rows([{"a": 1}, {"a": 2}]) == [(0, {"a": 1}), (1, {"a": 2})]
    odd = {"7": {"a": 1}, "": {"a": 2}, "x.y": {"a": 3}}
    assert rows(odd) == [("7", {"a": 1}), ("", {"a": 2}), ("x.y", {"a": 3})]


def test_a_row_that_is_a_list_is_an_empty_object_and_a_scalar_is_no_row() -> None:
    assert rows([["a"], {}, [], "text", None, 3, {"a": 1}]) == [(0, {}), (1, {}), (2, {}), (6, {"a": 1})]


def test_every_section_of_a_sound_bundle_is_read() -> None:
    bundle = small_bundle()
    view = BundleView(bundle)
    assert view.workflow is bundle["workflow"]
    assert [row for _, row in view.events] == bundle["history_events"]
    assert [row for _, row in view.manifest] == bundle["payload_manifest"]["entries"]
    for name in LISTS[1:]:
        assert [row for _, row in getattr(view, name)] == bundle[name]


@pytest.mark.parametrize(("value", "expected"), [({"a": 1}, {"a": 1}), ([], {}), (None, {}), ("x", {})])
def test_only_an_object_is_taken_as_one(value: Any, expected: Any) -> None:
    assert as_object(value) == expected
