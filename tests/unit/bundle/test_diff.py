"""What moved between two exports: every answer, and what it is made of."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwctl.bundle.canonical import Document, decode
from dwctl.bundle.diff import BundleDiff, DiffVerdict, diff_bundles, require_comparable
from dwctl.bundle.history_diff import Change
from dwctl.errors import AnswerIsNo, UndecodableDocument

DATA = Path(__file__).parents[2] / "data" / "bundles"
RUN = "01m82n0txqhnwythrqy1ets02d"


def raw(number: str) -> bytes:
    """The bytes of a recorded bundle."""
    (path,) = DATA.glob(f"{number}-*.json")
    return path.read_bytes()


def changed(number: str, **changes: Any) -> Document:
    """A recorded bundle with other values at some paths (`workflow__status`); `...` removes a key."""
    value = json.loads(raw(number))
    for path, new in changes.items():
        *parents, last = path.split("__")
        place = value
        for step in parents:
            place = place[int(step)] if isinstance(place, list) else place[step]
        if new is ...:
            del place[last]
        else:
            place[int(last) if isinstance(place, list) else last] = new
    return decode(json.dumps(value).encode())


def diff(first: Document, second: Document) -> BundleDiff:
    """The difference of two documents."""
    for document in (first, second):
        require_comparable(document)
    return diff_bundles(first, second)


def test_the_same_bytes_are_the_same() -> None:
    result = diff(decode(raw("01")), decode(raw("01")))
    assert result.verdict is DiffVerdict.SAME_BYTES
    assert not result.moved
    assert (result.later, result.fields, result.added) == (None, (), ())


def test_formatting_never_counts() -> None:
    pretty = json.dumps(json.loads(raw("01")), indent=4, sort_keys=True).encode()
    result = diff(decode(raw("01")), decode(pretty))
    assert result.verdict is DiffVerdict.SAME_CONTENT
    assert not result.moved
    assert result.fields == ()


def test_an_export_made_again_did_not_move() -> None:
    again = changed("64", exported_at="2027-01-01T00:00:00.000000Z", integrity__checksum="0" * 64)
    result = diff(decode(raw("64")), again)
    assert result.verdict is DiffVerdict.EXPORTED_AGAIN
    assert not result.moved
    assert result.later == "second"
    assert {row.path for row in result.fields} == {"exported_at", "integrity.checksum"}


def test_exports_of_two_runs_are_no_comparison() -> None:
    result = diff(decode(raw("01")), decode(raw("06")))
    assert result.verdict is DiffVerdict.ANOTHER_RUN
    assert result.moved
    assert (result.first.run_id, result.second.status) == (RUN, "cancelled")
    assert result.fields == ()


@pytest.mark.parametrize("path", ["workflow__run_id", "workflow__instance_id"])
def test_another_id_makes_another_run(path: str) -> None:
    assert diff(decode(raw("01")), changed("01", **{path: "x"})).verdict is DiffVerdict.ANOTHER_RUN


def test_exports_that_do_not_say_their_run_are_not_taken_for_one_run() -> None:
    first = changed("01", workflow__run_id=...)
    second = changed("01", workflow__run_id=..., workflow__status="failed")
    assert diff(first, second).verdict is DiffVerdict.ANOTHER_RUN


def test_a_run_that_went_on_has_moved() -> None:
    earlier = json.loads(raw("01"))
    last = earlier["history_events"].pop()
    earlier["workflow"].update(
        status="waiting", last_history_sequence=5, last_progress_at="2026-11-22T22:11:27.000000Z"
    )
    earlier["dedupe_key"] = f"{RUN}:5:2026-11-22T22:11:27.000000Z"
    earlier["tasks"][2].update(status="ready")
    before = decode(json.dumps(earlier).encode())
    after = decode(raw("01"))

    result = diff(before, after)
    assert result.verdict is DiffVerdict.MOVED
    assert result.moved
    assert result.later == "second"
    assert [(entry.sequence, entry.type) for entry in result.added] == [(6, last["type"])]
    assert [item.path for item in result.closed] == ["tasks.2"]
    assert (result.first.status, result.second.status) == ("waiting", "completed")
    assert result.first.dedupe_key != result.second.dedupe_key

    swapped = diff(after, before)
    assert swapped.verdict is DiffVerdict.MOVED
    assert swapped.later == "first"
    assert [entry.sequence for entry in swapped.added] == [6]
    assert [item.path for item in swapped.closed] == ["tasks.2"]


@pytest.mark.parametrize(
    "changes",
    [
        {"workflow__status": "failed"},
        {"dedupe_key": f"{RUN}:7:2026-11-22T22:11:27.220838Z"},
        {"workflow__last_progress_at": "2027-01-01T00:00:00.000000Z"},
    ],
)
def test_progress_without_events_is_a_move_too(changes: dict[str, Any]) -> None:
    assert diff(decode(raw("01")), changed("01", **changes)).verdict is DiffVerdict.MOVED


def test_a_rewritten_event_is_an_alarm_before_everything_else() -> None:
    other = changed("01", history_events__2__payload__activity_type="orders.other", workflow__status="failed")
    result = diff(decode(raw("01")), other)
    assert result.verdict is DiffVerdict.HISTORY_CHANGED
    assert result.moved
    assert [(entry.sequence, entry.name) for entry in result.rewritten] == [(3, "orders.other")]
    assert "workflow.status" in {row.path for row in result.fields}


def test_a_history_that_was_pruned_is_an_alarm() -> None:
    result = diff(decode(raw("01")), changed("01", history_events=[], exported_at="2027-01-01T00:00:00.000000Z"))
    assert result.verdict is DiffVerdict.HISTORY_CHANGED
    assert [entry.sequence for entry in result.lost] == [1, 2, 3, 4, 5, 6]


def test_a_sequence_that_went_back_since_the_earlier_export_is_lost_history() -> None:
    value = json.loads(raw("01"))
    value["history_events"] = value["history_events"][:4]
    value["workflow"]["last_history_sequence"] = 4
    value["exported_at"] = "2027-01-01T00:00:00.000000Z"
    result = diff(decode(json.dumps(value).encode()), decode(raw("01")))
    assert result.verdict is DiffVerdict.HISTORY_CHANGED
    assert result.later == "first"
    assert [entry.sequence for entry in result.lost] == [5, 6]


def test_a_lease_is_open_work_that_stands_differently() -> None:
    leased = changed("76", tasks__0__status="leased", tasks__0__lease_owner="w1")
    result = diff(decode(raw("76")), leased)
    assert result.verdict is DiffVerdict.CHANGED
    assert result.moved
    ((pair),) = result.work_changed
    assert (pair.before.status, pair.after.status, pair.after.lease_owner) == ("ready", "leased", "w1")
    assert [(row.path, row.rows_before, row.rows_after) for row in result.fields] == [("tasks", 2, 2)]


def test_a_row_that_only_stands_elsewhere_is_not_changed_work() -> None:
    value = json.loads(raw("76"))
    value["tasks"].reverse()
    result = diff(decode(raw("76")), decode(json.dumps(value).encode()))
    assert (result.opened, result.closed, result.work_changed) == ((), (), ())
    assert [row.path for row in result.fields] == ["tasks"]


def test_new_open_work_is_opened() -> None:
    value = json.loads(raw("76"))
    value["timers"].append({**value["timers"][0], "id": "01M82N3ZVH9WQ0PHEJ7CK1KEWZ"})
    result = diff(decode(raw("76")), decode(json.dumps(value).encode()))
    assert [(item.kind, item.path) for item in result.opened] == [("timer", "timers.1")]


@pytest.mark.parametrize(
    ("changes", "path", "change"),
    [
        ({"namespace": "x"}, "namespace", Change.ADDED),
        ({"workflow__queue": "other"}, "workflow.queue", Change.CHANGED),
        ({"workflow__memo": ...}, "workflow.memo", Change.REMOVED),
        ({"payloads__codec": "json"}, "payloads.codec", Change.CHANGED),
        ({"payloads": "x"}, "payloads", Change.CHANGED),
        ({"waits": ...}, "waits", Change.REMOVED),
        ({"timeline": [1]}, "timeline", Change.CHANGED),
    ],
)
def test_other_fields_that_differ_are_named(changes: dict[str, Any], path: str, change: Change) -> None:
    result = diff(decode(raw("01")), changed("01", **changes))
    assert result.verdict is DiffVerdict.CHANGED
    assert [(row.path, row.change) for row in result.fields] == [(path, change)]


def test_entries_of_the_history_that_are_no_events_are_compared_as_a_field() -> None:
    value = json.loads(raw("01"))
    value["history_events"].append("x")
    result = diff(decode(raw("01")), decode(json.dumps(value).encode()))
    assert result.verdict is DiffVerdict.CHANGED
    assert [(row.path, row.rows_before, row.rows_after) for row in result.fields] == [("history_events", 6, 7)]


@pytest.mark.parametrize(
    "changes",
    [
        {"integrity__key_id": "other"},
        {"integrity__signature": ..., "integrity__signature_algorithm": ..., "integrity__key_id": ...},
        {"integrity": ...},
        {"integrity": None},
        {"exported_at": "2027", "integrity__key_id": "other"},
    ],
)
def test_another_seal_is_its_own_answer(changes: dict[str, Any]) -> None:
    result = diff(decode(raw("64")), changed("64", **changes))
    assert result.verdict is DiffVerdict.SEAL_CHANGED
    assert result.moved


def test_a_number_written_differently_is_named_as_that() -> None:
    value = json.loads(raw("37"))
    assert value["workflow"]["search_attributes"]["whole_float"] == 12
    value["workflow"]["search_attributes"]["whole_float"] = 12.0
    result = diff(decode(raw("37")), decode(json.dumps(value).encode()))
    assert result.verdict is DiffVerdict.CHANGED
    assert [(row.path, row.change) for row in result.fields] == [("workflow.search_attributes", Change.NOTATION)]


def test_payloads_of_a_redacted_export_are_not_compared_with_those_of_a_plain_one() -> None:
    value = json.loads(raw("01"))
    value["redaction"]["applied"] = True
    for event in value["history_events"]:
        event["payload"] = {"redacted": True}
    result = diff(decode(raw("01")), decode(json.dumps(value).encode()))
    assert not result.payloads_compared
    assert result.verdict is DiffVerdict.CHANGED
    assert result.rewritten == ()
    assert {"redaction.applied", "history_events"} == {row.path for row in result.fields}


def test_a_document_that_is_no_bundle_cannot_be_compared() -> None:
    with pytest.raises(AnswerIsNo, match="not a history-export bundle"):
        require_comparable(decode(b"[]"))


def test_an_infinite_number_cannot_be_compared() -> None:
    with pytest.raises(UndecodableDocument) as caught:
        require_comparable(decode(b'{"workflow": {"memo": {"x": 1e999}}}'))
    assert caught.value.where == "workflow.memo.x"


@given(st.data())
def test_a_change_anywhere_is_never_called_the_same(data: st.DataObject) -> None:
    value = json.loads(raw("76"))
    place: Any = value
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(place[key], (dict, list)) and place[key]:
            place = place[key]
            continue
        old = copy.deepcopy(place[key])
        place[key] = data.draw(st.sampled_from(["other", 4711, {"k": 1}, [0, 0]]))
        break
    result = diff(decode(raw("76")), decode(json.dumps(value).encode()))
    assert old != place[key]
    assert result.verdict not in {DiffVerdict.SAME_BYTES, DiffVerdict.SAME_CONTENT}
    if result.verdict is DiffVerdict.EXPORTED_AGAIN:
        assert {row.path for row in result.fields} <= {"exported_at", "integrity.checksum", "integrity.signature"}
    if result.verdict is not DiffVerdict.ANOTHER_RUN:
        assert result.fields or result.rewritten or result.lost or result.added
