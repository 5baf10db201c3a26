"""Facts of the wrong type in an event's payload: left out of what is told from it, kept in what is shown of it."""

from __future__ import annotations

from typing import Any

import pytest

from dwctl.rehearsal.groups import groups_in
from dwctl.rehearsal.payload_types import well_typed
from rehearsal_server import imported, in_process, ready_run

PLACE = {"parallel_group_base_sequence": 1, "parallel_group_size": 2, "parallel_group_index": 0}


def test_a_payload_as_the_reference_writes_it_is_left_alone() -> None:
    payload = {"sequence": 1, "delay_seconds": 1.5, "task": {"id": "t"}, "message": None, "result": [1], "other": 7}
    assert well_typed(payload) is payload


@pytest.mark.parametrize(
    "wrong", [{"task": 1}, {"command": "x"}, {"activity": [1]}, {"sequence": "1"}, {"fire_at": []}, {"timer_id": {}}]
)
def test_a_fact_of_another_type_is_absent(wrong: dict[str, Any]) -> None:
    payload = {"activity_type": "t", **wrong}
    assert well_typed(payload) == {"activity_type": "t"}
    assert payload == {"activity_type": "t", **wrong}


@pytest.mark.parametrize("wrong", [{"command": "x"}, {"task": 12.0}, {"activity": "a"}, {"parallel_group_size": {}}])
def test_an_import_shows_its_payloads_as_they_came(wrong: dict[str, Any]) -> None:
    server = in_process("guide")
    payload = {"workflow_type": "orders.process", **wrong}
    run_id = imported(server, ready_run(1, {"history_events.0.payload": payload}))["workflow"]["run_id"]
    assert server.events("order-1", run_id)[0]["payload"] == payload | {
        key: value or [] for key, value in wrong.items()
    }
    exported = server.get(f"workflows/order-1/runs/{run_id}/history/export")
    assert exported["history_events"][0]["payload"].keys() == payload.keys()
    assert exported["timeline"][0]["command_sequence"] is None


@pytest.mark.parametrize(
    ("path", "groups"),
    [
        ([PLACE], [PLACE]),
        ([None, PLACE, {}, {**PLACE, "parallel_group_size": "2"}, {**PLACE, "parallel_group_index": -1}], [PLACE]),
        ("x", []),
        (None, []),
        ([{**PLACE, "parallel_group_size": 2**70}], []),
    ],
)
def test_a_path_of_groups_holds_what_has_a_place(path: object, groups: list[dict[str, int]]) -> None:
    assert groups_in(path) == groups
