"""How two histories differ."""

from __future__ import annotations

from typing import Any

import pytest

from dwctl.bundle.history_diff import Change, FieldDiff, change_of, diff_histories


def event(sequence: Any, **more: Any) -> dict[str, Any]:
    """A history event."""
    return {"id": f"E{sequence}", "sequence": sequence, "type": "TimerFired", **more}


def history(*events: Any) -> dict[str, Any]:
    """A bundle with these events."""
    return {"history_events": list(events)}


def sequences(*groups: Any) -> list[list[int | None]]:
    """The sequences of several groups of events."""
    return [[entry.sequence for entry in group] for group in groups]


def test_a_history_that_is_the_same_does_not_differ() -> None:
    same = history(event(1, payload=[]), event(2))
    other = history({"payload": {}, **event("1", payload={})}, event(2))
    assert not diff_histories(same, same, payloads=True)
    assert diff_histories(same, other, payloads=True).rewritten  # "1" is not 1 in the canonical form


def test_new_events_are_added() -> None:
    diff = diff_histories(history(event(1)), history(event(1), event(2), event(3)), payloads=True)
    assert sequences(diff.added, diff.lost, diff.rewritten) == [[2, 3], [], []]
    assert [entry.path for entry in diff.added] == ["history_events.1", "history_events.2"]


def test_events_that_are_gone_are_lost() -> None:
    diff = diff_histories(history(event(1), event(2)), history(event(2), event(3)), payloads=True)
    assert sequences(diff.added, diff.lost, diff.rewritten) == [[3], [1], []]


@pytest.mark.parametrize(
    "change",
    [{"payload": {"result": "other"}}, {"type": "TimerCancelled"}, {"id": "X"}, {"recorded_at": "2027"}, {"x": 1}],
)
def test_an_event_with_another_content_is_rewritten(change: dict[str, Any]) -> None:
    before = event(2, payload={"result": "r"}, recorded_at="2026")
    diff = diff_histories(history(event(1), before), history(event(1), {**before, **change}), payloads=True)
    assert sequences(diff.rewritten) == [[2]]
    assert diff.rewritten[0].path == "history_events.1"


def test_a_second_event_with_the_same_sequence_is_a_rewrite() -> None:
    diff = diff_histories(history(event(1)), history(event(1), event(1, id="Z")), payloads=True)
    assert sequences(diff.rewritten, diff.added) == [[1], []]


def test_events_without_a_sequence_are_compared_together() -> None:
    old = history(event(None), event(None))
    assert not diff_histories(old, old, payloads=True)
    assert diff_histories(old, history(event(None)), payloads=True).rewritten


def test_the_order_of_the_document_does_not_matter() -> None:
    assert not diff_histories(history(event(1), event(2)), history(event(2), event(1)), payloads=True)


def test_a_history_as_an_object_is_the_same_history() -> None:
    assert not diff_histories(history(event(1)), {"history_events": {"5": event(1)}}, payloads=True)


def test_without_payloads_only_what_a_redactor_leaves_alone_is_compared() -> None:
    before = event(1, payload={"result": "r"}, recorded_at="t")
    masked = event(1, payload={"redacted": True}, recorded_at="t")
    assert diff_histories(history(before), history(masked), payloads=True).rewritten
    assert not diff_histories(history(before), history(masked), payloads=False)
    assert diff_histories(history(before), history({**masked, "type": "Other"}), payloads=False).rewritten


def test_a_number_written_differently_is_not_a_rewrite() -> None:
    old, new = history(event(1, payload={"amount": 12.0})), history(event(1, payload={"amount": 12}))
    diff = diff_histories(old, new, payloads=True)
    assert diff.notation == (FieldDiff("history_events.0", Change.NOTATION, None, None),)
    assert sequences(diff.rewritten, diff.lost, diff.added) == [[], [], []]


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ({}, [], None),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, None),
        ([1, 2], [2, 1], Change.CHANGED),
        (1, True, Change.CHANGED),
        (0, False, Change.CHANGED),
        (0, None, Change.CHANGED),
        ("1", 1, Change.CHANGED),
        (1, 1.0, Change.NOTATION),
        (0, -0.0, Change.NOTATION),
        ([{"x": 2.0}], [{"x": 2}], Change.NOTATION),
        (1e25, 1.0e25, None),
        ("12.0", "12", Change.CHANGED),
        (1.5, 1, Change.CHANGED),
        ("é", "e\u0301", Change.CHANGED),
    ],
)
def test_values_are_compared_in_their_canonical_form(before: Any, after: Any, change: Change | None) -> None:
    assert change_of(before, after) is change
    assert change_of(after, before) is change
