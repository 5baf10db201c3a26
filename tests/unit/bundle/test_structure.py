"""The reference's structural checks: which rule fires where, in PHP's loose typing (contract/import.md §2)."""

from __future__ import annotations

from typing import Any

import pytest

from dwctl.bundle.structure import schema_fingerprint, structural_findings
from dwctl.bundle.view import BundleView
from dwctl.bundle.vocabulary import VALUE_SCHEMA_TEXT
from sample_bundles import Bundle, change, small_bundle

Fired = list[tuple[str, str | None]]
SECTIONS = [
    *("workflow", "payloads", "history_events", "commands", "signals", "updates", "tasks", "activities", "timers"),
    *("failures", "links", "redaction", "codec_schemas", "payload_manifest"),
]
ENTRY = "payload_manifest.entries.0"
VALUE_SCHEMA = "codec_schemas.avro.writer_schemas.e2a33dff55802237"


def fired(bundle: Bundle) -> Fired:
    """The rules that fire on a bundle, each with its path, in order."""
    return [(finding.rule, finding.path) for finding in structural_findings(BundleView(bundle))]


def after(changes: dict[str, Any]) -> Fired:
    """The rules that fire once the small bundle is changed like this."""
    return fired(small_bundle(changes))


def test_a_sound_bundle_has_no_finding() -> None:
    assert fired(small_bundle()) == []


# --- the envelope ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [..., None, "", 1, True, [], ["durable-workflow.v2.history-export"]])
def test_a_schema_that_is_no_text_is_missing(value: Any) -> None:
    assert after({"schema": value}) == [("bundle.schema_missing", "schema")]


@pytest.mark.parametrize(
    "value", ["durable-workflow.v1.history-export", "durable-workflow.v2.history-export ", "DURABLE", "0"]
)
def test_a_schema_of_another_name_is_unexpected(value: str) -> None:
    assert after({"schema": value}) == [("bundle.schema_unexpected", "schema")]


@pytest.mark.parametrize("value", [1, "1"])
def test_the_schema_version_is_one_as_integer_or_as_php_writes_it(value: Any) -> None:
    assert after({"schema_version": value}) == []


@pytest.mark.parametrize("value", [..., None, "", "01", "1.0", 1.0, True, "one", " 1", [], [1]])
def test_a_schema_version_that_is_no_integer_to_php_is_missing(value: Any) -> None:
    assert after({"schema_version": value}) == [("bundle.schema_version_missing", "schema_version")]


@pytest.mark.parametrize("value", [0, 2, -1, "2", "-1", 10**18])
def test_another_schema_version_is_unsupported(value: Any) -> None:
    assert after({"schema_version": value}) == [("bundle.schema_version_unsupported", "schema_version")]


@pytest.mark.parametrize("value", [..., None, "", 1, False, [], {"date": "2026"}])
def test_no_export_time_is_a_warning(value: Any) -> None:
    assert after({"exported_at": value}) == [("bundle.exported_at_missing", "exported_at")]


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_that_is_not_there_is_missing(section: str) -> None:
    assert ("bundle.section_missing", section) in after({section: ...})


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("value", [None, 5, "text", True, 0.5])
def test_a_section_that_is_a_scalar_is_invalid(section: str, value: Any) -> None:
    findings = after({section: value})
    assert ("bundle.section_invalid", section) in findings
    assert ("bundle.section_missing", section) not in findings


@pytest.mark.parametrize("section", [name for name in SECTIONS if name not in {"workflow", "history_events"}])
@pytest.mark.parametrize("value", [[], {}])
def test_an_empty_section_is_sound_as_list_and_as_object(section: str, value: Any) -> None:
    assert after({section: value}) == []


def test_sections_complain_in_the_order_of_the_report() -> None:
    expected = [("bundle.section_missing", section) for section in SECTIONS]
    bundle = {key: value for key, value in small_bundle().items() if key not in SECTIONS}
    findings = fired(bundle)
    assert findings[: len(SECTIONS)] == expected
    assert findings[len(SECTIONS) :] == [
        ("workflow.run_id_missing", "workflow.run_id"),
        ("workflow.instance_id_missing", "workflow.instance_id"),
        ("workflow.workflow_type_missing", "workflow.workflow_type"),
    ]


def test_findings_come_envelope_first_and_redaction_last() -> None:
    bundle = small_bundle(
        {
            "redaction.applied": True,
            "commands.0.id": None,
            "history_events.0.type": None,
            "codec_schemas.avro.current_fingerprint": "x",
            f"{ENTRY}.codec": None,
            "workflow.run_id": None,
            "schema": None,
        }
    )
    assert [rule for rule, _ in fired(bundle)] == [
        "bundle.schema_missing",
        "workflow.run_id_missing",
        "payload_manifest.codec_missing",
        "codec_schemas.value_schema_missing",
        "history_events.type_missing",
        "commands.id_missing",
        "redaction.empty_paths",
    ]


# --- the run -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["run_id", "instance_id", "workflow_type"])
@pytest.mark.parametrize("value", [..., None, "", 7, True, []])
def test_an_identity_that_is_no_text_is_missing(key: str, value: Any) -> None:
    assert after({f"workflow.{key}": value}) == [(f"workflow.{key}_missing", f"workflow.{key}")]


@pytest.mark.parametrize("last", [1, "1", 0, -5])
def test_a_last_sequence_below_the_highest_of_the_events_is_stale(last: Any) -> None:
    assert after({"workflow.last_history_sequence": last}) == [
        ("workflow.last_history_sequence_stale", "workflow.last_history_sequence")
    ]


@pytest.mark.parametrize("last", [2, "2", 3, ..., None, 1.0, "01", True, [], ""])
def test_a_last_sequence_that_is_high_enough_or_no_integer_is_not_stale(last: Any) -> None:
    assert after({"workflow.last_history_sequence": last}) == []


def test_the_last_sequence_of_a_run_without_events_is_not_stale() -> None:
    assert after({"history_events": [], "commands": [], "workflow.last_history_sequence": 0}) == []


# --- the payload manifest ----------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", [..., None, "", 5, [], False])
def test_an_entry_without_a_codec_is_named_by_its_own_path(codec: Any) -> None:
    assert after({f"{ENTRY}.codec": codec}) == [("payload_manifest.codec_missing", "payloads.arguments.data")]


@pytest.mark.parametrize("path", [..., None, "", 5, []])
def test_an_entry_without_a_path_is_named_by_its_place(path: Any) -> None:
    changes = {f"{ENTRY}.path": path, f"{ENTRY}.codec": None}
    assert after(changes) == [("payload_manifest.codec_missing", "payload_manifest.entries[0]")]


def test_the_place_in_an_object_of_entries_is_its_key() -> None:
    entries = {"first": {"codec": None}}
    assert after({"payload_manifest.entries": entries}) == [
        ("payload_manifest.codec_missing", "payload_manifest.entries[first]")
    ]


def test_an_entry_that_is_a_list_has_no_codec_and_a_scalar_is_no_entry() -> None:
    assert after({"payload_manifest.entries": [["avro"], "avro", None]}) == [
        ("payload_manifest.codec_missing", "payload_manifest.entries[0]")
    ]


def test_a_promised_payload_that_is_missing_is_an_error() -> None:
    changes = {f"{ENTRY}.diagnostic": "payload_missing"}
    assert after(changes) == [("payload_manifest.payload_missing", "payloads.arguments.data")]


@pytest.mark.parametrize(
    ("available", "redacted"), [(False, False), (0, False), ("0", False), (..., False), (True, True), (True, "yes")]
)
def test_what_is_not_available_or_is_redacted_is_not_looked_at(available: Any, redacted: Any) -> None:
    changes = {
        f"{ENTRY}.available": available,
        f"{ENTRY}.redacted": redacted,
        f"{ENTRY}.diagnostic": "payload_missing",
        f"{ENTRY}.avro_framing": None,
    }
    assert after(changes) == []


@pytest.mark.parametrize("available", [1, "false", "yes", [0]])
def test_availability_is_what_php_casts_to_true(available: Any) -> None:
    changes = {f"{ENTRY}.available": available, f"{ENTRY}.diagnostic": "payload_missing"}
    assert after(changes) == [("payload_manifest.payload_missing", "payloads.arguments.data")]


@pytest.mark.parametrize("framing", [..., None, "", 5])
def test_an_avro_payload_without_framing_is_a_warning(framing: Any) -> None:
    assert after({f"{ENTRY}.avro_framing": framing}) == [
        ("payload_manifest.avro_framing_missing", "payloads.arguments.data")
    ]


@pytest.mark.parametrize(
    "changes",
    [{f"{ENTRY}.codec": "workflow-serializer-y"}, {f"{ENTRY}.diagnostic": "external_storage_reference"}],
    ids=["another codec", "external storage"],
)
def test_only_avro_in_the_bundle_itself_has_framing_and_schema(changes: dict[str, Any]) -> None:
    wrong = {f"{ENTRY}.avro_framing": None, f"{ENTRY}.writer_schema_fingerprint": "crc64-avro:0"}
    assert after(changes | wrong) == []


@pytest.mark.parametrize(
    ("schema", "fingerprint"),
    [
        (VALUE_SCHEMA_TEXT, "crc64-avro:0000000000000000"),
        (VALUE_SCHEMA_TEXT, "e2a33dff55802237"),
        ('"string"', "crc64-avro:e2a33dff55802237"),
        ("not a schema", "crc64-avro:e2a33dff55802237"),
        ('{"type":"record"}', "x"),
    ],
)
def test_a_fingerprint_that_is_not_of_the_schema_beside_it_is_an_error(schema: str, fingerprint: str) -> None:
    changes = {f"{ENTRY}.writer_schema": schema, f"{ENTRY}.writer_schema_fingerprint": fingerprint}
    assert after(changes) == [("payload_manifest.writer_schema_fingerprint_mismatch", "payloads.arguments.data")]


@pytest.mark.parametrize("field", ["writer_schema", "writer_schema_fingerprint"])
@pytest.mark.parametrize("value", [..., None, "", 5, {}])
def test_without_a_schema_or_a_fingerprint_there_is_nothing_to_compare(field: str, value: Any) -> None:
    other = "writer_schema_fingerprint" if field == "writer_schema" else "writer_schema"
    assert after({f"{ENTRY}.{field}": value, f"{ENTRY}.{other}": "anything"}) == []


def test_the_fingerprint_of_a_schema_is_its_crc_and_none_for_what_is_no_schema() -> None:
    assert schema_fingerprint(VALUE_SCHEMA_TEXT) == "crc64-avro:e2a33dff55802237"
    assert schema_fingerprint(VALUE_SCHEMA_TEXT + " ") == "crc64-avro:e2a33dff55802237"
    # The specification's own example, 8f014872634503c7, in the order of the bytes of a frame.
    assert schema_fingerprint('"string"') == "crc64-avro:c70345637248018f"
    assert schema_fingerprint("no schema") is None


@pytest.mark.parametrize("text", ["", "[" * 100_000, "{" * 600, '{"type":' * 600, "NaN", "5", "null", "\x00", "é" * 99])
def test_a_hostile_schema_text_is_no_schema(text: str) -> None:
    assert schema_fingerprint(text) is None


# --- codec schemas -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("avro", [..., None, "", 5, True])
def test_codec_schemas_without_avro_are_not_checked(avro: Any) -> None:
    assert after({"codec_schemas.avro": avro}) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"codec_schemas.avro": []},
        {"codec_schemas.avro": {}},
        {"codec_schemas.avro.current_fingerprint": ...},
        {"codec_schemas.avro.current_fingerprint": "E2A33DFF55802237"},
        {"codec_schemas.avro.writer_schemas": ...},
        {"codec_schemas.avro.writer_schemas": []},
        {VALUE_SCHEMA: ...},
        {VALUE_SCHEMA: VALUE_SCHEMA_TEXT},
    ],
)
def test_without_the_value_schema_the_bundle_is_incomplete(changes: dict[str, Any]) -> None:
    assert after(changes) == [("codec_schemas.value_schema_missing", "codec_schemas.avro.writer_schemas")]


@pytest.mark.parametrize(
    "changes",
    [
        {f"{VALUE_SCHEMA}.schema": VALUE_SCHEMA_TEXT + " "},
        {f"{VALUE_SCHEMA}.schema": None},
        {f"{VALUE_SCHEMA}.fingerprint": "e2a33dff55802237"},
        {f"{VALUE_SCHEMA}.fingerprint": ...},
        {VALUE_SCHEMA: []},
    ],
)
def test_another_value_schema_is_drift(changes: dict[str, Any]) -> None:
    assert after(changes) == [("codec_schemas.value_schema_drift", VALUE_SCHEMA)]


# --- history and commands ----------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["text", None, 5, False, 1.5])
def test_an_event_that_is_a_scalar_is_invalid_and_no_more_is_said_of_it(event: Any) -> None:
    assert after({"history_events.2": event}) == [("history_events.entry_invalid", "history_events[2]")]


def test_an_event_that_is_a_list_lacks_sequence_and_type() -> None:
    assert after({"history_events.2": ["a"]}) == [
        ("history_events.sequence_missing", "history_events[2]"),
        ("history_events.type_missing", "history_events[2]"),
    ]


@pytest.mark.parametrize("sequence", [..., None, "", 3.0, "3.0", "03", True, []])
def test_a_sequence_that_is_no_integer_to_php_is_missing(sequence: Any) -> None:
    event = {"id": "event-3", "sequence": sequence, "type": "TimerFired"}
    if sequence is ...:
        del event["sequence"]
    assert after({"history_events.2": event}) == [("history_events.sequence_missing", "history_events[2]")]


def test_a_sequence_as_text_is_a_sequence() -> None:
    event = {"id": "event-3", "sequence": "3", "type": "TimerFired"}
    assert after({"history_events.2": event, "workflow.last_history_sequence": "3"}) == []


@pytest.mark.parametrize("sequence", [2, "2", 1, 0, -1])
def test_a_sequence_that_does_not_grow_is_an_error(sequence: Any) -> None:
    event = {"id": "event-3", "sequence": sequence, "type": "TimerFired"}
    assert after({"history_events.2": event}) == [("history_events.sequence_not_monotonic", "history_events[2]")]


def test_sequences_may_have_gaps_and_are_compared_across_events_without_one() -> None:
    gap = {"id": "event-9", "sequence": 9, "type": "TimerFired"}
    nameless = {"id": "event-3", "type": "TimerFired"}
    assert after({"history_events.2": gap, "workflow.last_history_sequence": 9}) == []
    assert after({"history_events.2": nameless, "history_events.3": {**gap, "sequence": 2}}) == [
        ("history_events.sequence_missing", "history_events[2]"),
        ("history_events.sequence_not_monotonic", "history_events[3]"),
    ]


@pytest.mark.parametrize("kind", [..., None, "", 5, []])
def test_an_event_without_a_type_is_an_error(kind: Any) -> None:
    assert after({"history_events.1.type": kind}) == [("history_events.type_missing", "history_events[1]")]


def test_a_second_event_of_an_id_is_a_duplicate_and_the_finding_names_the_first() -> None:
    bundle = small_bundle({"history_events.1.id": "event-1"})
    (finding,) = structural_findings(BundleView(bundle))
    assert (finding.rule, finding.path) == ("history_events.id_duplicate", "history_events[1]")
    assert finding.facts == {"id": "event-1", "first_seen_at": "history_events[0]"}


@pytest.mark.parametrize("identity", [..., None, "", 5, []])
def test_events_without_an_id_are_no_duplicates(identity: Any) -> None:
    assert after({"history_events.0.id": identity, "history_events.1.id": identity}) == []


def test_events_under_keys_are_named_by_their_keys() -> None:
    bundle = small_bundle({"workflow.last_history_sequence": 9, "commands": []})
    bundle["history_events"] = {
        "b": {"id": "1", "sequence": 5, "type": "A"},
        "7": {"id": "1", "sequence": 4, "type": ""},
        "": "text",
    }
    assert fired(bundle) == [
        ("history_events.sequence_not_monotonic", "history_events[7]"),
        ("history_events.type_missing", "history_events[7]"),
        ("history_events.id_duplicate", "history_events[7]"),
        ("history_events.entry_invalid", "history_events[]"),
    ]


@pytest.mark.parametrize("identity", [..., None, "", 5, []])
def test_a_command_without_an_id_is_an_error(identity: Any) -> None:
    assert after({"commands.0.id": identity}) == [("commands.id_missing", "commands[0]")]


def test_a_command_that_is_a_list_has_no_id_and_a_scalar_is_no_command() -> None:
    assert after({"commands": [["x"], "x", None]}) == [("commands.id_missing", "commands[0]")]


@pytest.mark.parametrize(
    ("outcome", "status", "settled"),
    [
        ("started_new", "accepted", True),
        (None, "rejected", True),
        (None, "accepted", False),
        ("", "accepted", False),
        (5, "accepted", False),
        (None, ["rejected"], False),
    ],
)
def test_only_a_settled_command_must_be_in_the_history(outcome: Any, status: Any, settled: bool) -> None:
    bundle = small_bundle({"commands.0.outcome": outcome, "commands.0.status": status})
    change(bundle, "history_events.0.workflow_command_id", None)
    expected = [("commands.history_event_missing", "commands[0]")] if settled else []
    assert fired(bundle) == expected


# --- redaction ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("paths", [..., None, [], {}, "", 5])
def test_a_redaction_that_names_no_path_is_noted(paths: Any) -> None:
    assert after({"redaction.applied": True, "redaction.paths": paths}) == [
        ("redaction.empty_paths", "redaction.paths")
    ]


@pytest.mark.parametrize(("applied", "paths"), [(1, []), ("true", []), (False, []), (..., []), (True, ["a"])])
def test_only_a_redaction_that_is_exactly_true_and_names_no_path_is_noted(applied: Any, paths: Any) -> None:
    assert after({"redaction.applied": applied, "redaction.paths": paths}) == []
