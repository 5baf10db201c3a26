"""The summary of a bundle: of real ones, and of damaged ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwctl import schema_files
from dwctl.bundle.canonical import Document, decode
from dwctl.bundle.damage import Damage
from dwctl.bundle.summary import CodecUse, SchemaProblem, summarize
from dwctl.errors import AnswerIsNo

DATA = Path(__file__).parents[2] / "data" / "bundles"


def document(number: str) -> Document:
    """A recorded bundle."""
    (path,) = DATA.glob(f"{number}-*.json")
    return decode(path.read_bytes())


def of(value: Any) -> Document:
    """A document that holds a value."""
    return Document(b"", value, None)


def test_identity_and_state_are_those_of_the_run() -> None:
    summary = summarize(document("01"))
    identity, state = summary.identity, summary.state
    assert identity.instance_id == "ship-1"
    assert identity.run_id == "01m82n0txqhnwythrqy1ets02d"
    assert (identity.run_number, identity.is_current_run) == (1, True)
    assert identity.workflow_type == "orders.ship-parcel"
    assert identity.workflow_class == "App\\Workflows\\ShipParcel"
    assert (identity.namespace, identity.queue, identity.source_runtime) == (None, "default", "embedded")
    assert identity.dedupe_key == f"{identity.run_id}:6:{state.last_progress_at}"
    assert (state.status, state.closed_reason, state.history_complete) == ("completed", "completed", True)
    assert (state.events, state.last_history_sequence, state.history_bytes) == (6, 6, 6886)
    assert summary.size == 39752


def test_the_timeline_is_the_history() -> None:
    entries = summarize(document("01")).timeline
    assert [entry.sequence for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert entries[2].type == "ActivityScheduled"
    assert entries[2].name == "orders.send-email"


def test_an_older_run_names_the_current_one() -> None:
    identity = summarize(document("28")).identity
    assert identity.is_current_run is False
    assert identity.current_run_id == "01m82n16vp00qd8z0me2xk4kz9"


def test_checksum_and_signature_are_told_as_recorded() -> None:
    signed, plain = summarize(document("64")).seal, summarize(document("01")).seal
    assert (signed.signed, signed.signature_algorithm, signed.key_id) == (True, "hmac-sha256", "corpus-key-1")
    assert (plain.signed, plain.signature_algorithm) == (False, None)
    assert plain.checksum == "c743589b1c32b3d6bbc7aa4a3494be8699127b29604f2d44033127918752ce1a"


def test_payloads_are_counted_by_codec() -> None:
    assert summarize(document("61")).codecs == (CodecUse("avro", 7, 6, 7, 0),)
    assert summarize(document("61")).redacted
    assert not summarize(document("01")).redacted
    entries = [
        {"codec": "avro", "available": True},
        {"codec": None},
        {"codec": "avro", "available": True, "diagnostic": "external_storage_reference"},
    ]
    summary = summarize(of({"payload_manifest": {"entries": entries}}))
    assert summary.codecs == (CodecUse("avro", 2, 0, 0, 1), CodecUse(None, 1, 1, 0, 0))


def test_the_schema_is_asked_only_if_it_is_given() -> None:
    assert summarize(document("01")).schema_problems is None
    assert summarize(document("01"), schema_files.load("history-export")).schema_problems == ()


def test_differences_from_the_schema_are_told_with_their_place() -> None:
    value = document("01").value
    value["workflow"]["status"] = "asleep"
    summary = summarize(of(value), {"properties": {"workflow": {"properties": {"status": {"const": "x"}}}}})
    assert summary.schema_problems == (SchemaProblem("workflow.status", 'text other than "x"', "const"),)


def test_what_is_damaged_is_said_and_the_rest_is_told() -> None:
    value = document("01").value
    del value["commands"]
    value["tasks"] = "gone"
    value["workflow"]["run_id"] = 42
    value["history_events"][1] = None
    summary = summarize(of(value))
    assert summary.identity.instance_id == "ship-1"
    assert [entry.sequence for entry in summary.timeline] == [1, 3, 4, 5, 6]
    assert summary.damage == (
        Damage("workflow.run_id", "an integer stands where text belongs"),
        Damage("history_events.1", "null stands where a row belongs"),
        Damage("commands", "the section is missing"),
        Damage("tasks", "text stands where the section belongs"),
    )


def test_a_bundle_of_which_nothing_is_left_is_still_told() -> None:
    summary = summarize(of({"workflow": "x"}))
    assert summary.identity.run_id is None
    assert summary.identity.is_current_run is None
    assert summary.state.status is None
    assert summary.state.history_complete is None
    assert summary.seal.checksum is None
    assert Damage("workflow", "text stands where the section belongs") in summary.damage


@pytest.mark.parametrize("value", [None, 5, "x", [], {}, {"x": 1}])
def test_what_is_no_bundle_has_no_summary(value: Any) -> None:
    with pytest.raises(AnswerIsNo, match="not a history-export bundle"):
        summarize(of(value))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


SECTIONS = sorted(set(schema_files.load("history-export")["properties"]) - {"schema"})


@given(st.dictionaries(st.sampled_from(SECTIONS), anything))
def test_sections_of_any_shape_never_crash_it(sections: dict[str, Any]) -> None:
    summary = summarize(of({"workflow": {}, **sections}), schema_files.load("history-export"))
    assert summary.schema_problems is not None
    assert SchemaProblem("schema", "is missing", "required") in summary.schema_problems
