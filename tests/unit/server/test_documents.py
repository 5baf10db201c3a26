"""Reading answers: shapes that are promised, and what happens where they are not there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from servers import answer

from dwctl.errors import ExitCode
from dwctl.server.decode import cluster_info_from, event_from, queue_from, run_from, worker_from
from dwctl.server.documents import Document, moment
from dwctl.server.failures import CallFailed


def document(value: Any) -> Document:
    """A decoded answer."""
    return Document(answer(value))


@pytest.mark.parametrize(
    ("value", "read", "path"),
    [
        ([], lambda d: d, "the answer is not an object"),
        ("x", lambda d: d, "the answer is not an object"),
        ({}, lambda d: d.text("a"), r"\$\.a that is a string"),
        ({"a": 1}, lambda d: d.text("a"), r"\$\.a"),
        ({"a": 1}, lambda d: d.optional_text("a"), r"\$\.a"),
        ({"a": "1"}, lambda d: d.number("a"), "an integer"),
        ({"a": True}, lambda d: d.number("a"), "an integer"),
        ({"a": 1.0}, lambda d: d.optional_number("a"), "an integer"),
        ({"a": 0}, lambda d: d.optional_flag("a"), "true or false"),
        ({"a": {}}, lambda d: d.items("a"), "a list"),
        ({}, lambda d: d.items("a"), "a list"),
        ({"a": [{"b": 1}, 2]}, lambda d: d.items("a"), r"\$\.a\[1\]"),
        ({"a": [1]}, lambda d: d.texts("a"), "a list of strings"),
        ({"a": "x"}, lambda d: d.mapping("a"), "an object"),
        ({"a": {"b": {}}}, lambda d: d.part("a").text("b"), r"\$\.a\.b"),
        ({"a": None}, lambda d: d.part("a"), r"\$\.a that is an object"),
    ],
)
def test_another_shape_is_a_failure_that_names_the_place(
    value: Any, read: Callable[[Document], Any], path: str
) -> None:
    with pytest.raises(CallFailed, match=path) as caught:
        read(document(value))
    assert caught.value.exit_code is ExitCode.SERVER
    assert caught.value.reason == "unexpected_answer"


@pytest.mark.parametrize(
    ("value", "mapping"),
    [({}, {}), ([], {}), (None, {}), ({"a": 1}, {"a": 1}), (["x", "y"], {"0": "x", "1": "y"})],
)
def test_a_map_of_php_may_be_a_list(value: Any, mapping: dict[str, Any]) -> None:
    assert document({"memo": value}).mapping("memo") == mapping
    assert document({}).mapping("memo") == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-11-22T22:16:11.547001Z", datetime(2026, 11, 22, 22, 16, 11, 547001, UTC)),
        ("2026-11-22T22:16:11+00:00", datetime(2026, 11, 22, 22, 16, 11, 0, UTC)),
        ("2026-11-22T22:16:11.000000Z", datetime(2026, 11, 22, 22, 16, 11, 0, UTC)),
        ("2026-11-22T22:16:11", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_all_three_shapes_of_a_time_are_read(text: str | None, found: datetime | None) -> None:
    assert moment(text) == found


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"status": "active"}, "active"),
        ({"status": "active", "is_stale": False}, "active"),
        ({"status": "active", "is_stale": True}, "stale"),
        ({"status": "stale"}, "stale"),
        ({"status": "draining"}, "draining"),
        ({}, "unknown"),
        ({"status": None}, "unknown"),
    ],
)
def test_a_stale_worker_is_never_active_and_a_missing_status_is_unknown(fields: dict[str, Any], status: str) -> None:
    assert worker_from(document({"worker_id": "w"} | fields)).status == status


def test_an_old_server_without_the_key_imports_nothing() -> None:
    info = cluster_info_from(document({"capabilities": {}, "control_plane": [], "limits": []}))
    assert not info.imports_embedded_v2
    assert (info.control_plane_version, info.max_payload_bytes, info.payload_codecs) == (None, None, ())


@pytest.mark.parametrize("value", ["true", 1, None, [], {}])
def test_only_true_is_an_import_capability(value: Any) -> None:
    assert not cluster_info_from(
        document({"version": "1", "capabilities": {"embedded_v2_import": value}})
    ).imports_embedded_v2


@pytest.mark.parametrize("limit", [0, -1, "2097152", None, 1.5])
def test_a_limit_that_is_no_positive_integer_is_not_known(limit: Any) -> None:
    assert (
        cluster_info_from(document({"version": "1", "limits": {"max_payload_bytes": limit}})).max_payload_bytes is None
    )


def test_a_queue_that_does_not_say_is_unknown_and_not_zero() -> None:
    queue = queue_from(document({"name": "q", "stats": {}}), listed=True)
    assert queue.polled is None
    assert queue.active_pollers is None
    assert queue.workflow_tasks.ready is None


def test_a_queue_with_stale_pollers_only_is_polled_by_nobody() -> None:
    stale = {"worker_id": "w", "status": "active", "is_stale": True}
    found = {"name": "q", "stats": {"pollers": {"active_count": 1}}, "pollers": [stale], "current_leases": []}
    assert queue_from(document(found), listed=False).polled is False


def test_import_markers_are_read_where_a_server_shows_them() -> None:
    base = {"workflow_id": "w", "run_id": "r", "status": "completed"}
    assert run_from(document(base)).import_id is None
    shown = run_from(document(base | {"engine_source": "embedded_v2_import", "import_id": "i"}))
    assert (shown.engine_source, shown.import_id) == ("embedded_v2_import", "i")


def test_an_events_empty_payload_is_an_empty_map() -> None:
    assert event_from(document({"sequence": 1, "event_type": "X", "payload": []})).payload == {}


@pytest.mark.parametrize("value", [{}, {"message": "hello"}, {"version": 3}])
def test_a_document_of_something_else_is_not_cluster_info(value: Any) -> None:
    with pytest.raises(CallFailed, match="version"):
        cluster_info_from(document(value))
