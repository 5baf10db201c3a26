"""The verdict: its outcome, what it records apart, and that no document can break it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dwctl.bundle.findings import Severity
from dwctl.bundle.restoration import Cause
from dwctl.bundle.rules import RULES
from dwctl.bundle.verify import Outcome, Verdict, VerifyOptions, verify_bundle
from dwctl.render.json_dry_run import dry_run_item
from dwctl.transfer.files.verification import FileVerdict
from json_texts import documents
from sample_bundles import (
    EXAMPLES,
    LEASED,
    LOST_FRACTION,
    ORDER,
    RECORDED,
    SIGNED,
    SIGNING_KEY,
    WAITING,
    as_json,
    change,
    sealed,
    small_bundle,
    with_top_level_key,
)


def judged(changes: dict[str, Any] | None = None, options: VerifyOptions | None = None) -> Verdict:
    """The verdict on the small bundle, changed and sealed."""
    return verify_bundle(sealed(small_bundle(changes)), options)


def rules(verdict: Verdict) -> list[str]:
    """All rules that fired, in order."""
    return [finding.rule for finding in verdict.findings]


# --- the outcome -------------------------------------------------------------------------------------------


def test_a_sound_bundle_is_ok_and_nothing_is_found() -> None:
    verdict = judged()
    assert verdict.outcome is Outcome.OK
    assert rules(verdict) == []
    assert verdict.reference.status == "ok"
    assert verdict.reference.errors == verdict.reference.warnings == ()
    assert verdict.repair is None


def test_every_example_but_the_refused_one_is_ok() -> None:
    outcomes = {path.name: verify_bundle(path.read_bytes()).outcome for path in EXAMPLES.glob("*.json")}
    assert len(outcomes) == 13
    assert {name for name, outcome in outcomes.items() if outcome is not Outcome.OK} == {LEASED.name}
    assert outcomes[LEASED.name] is Outcome.REFUSED


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"exported_at": None}, Outcome.WARNING),
        ({"workflow.workflow_type": "App\\Order"}, Outcome.WARNING),
        ({"redaction.applied": 0, "redaction.paths": []}, Outcome.OK),
        ({"workflow.run_id": None}, Outcome.REFUSED),
        ({"timers.0.status": "odd"}, Outcome.REFUSED),
        ({"workflow": 5}, Outcome.REFUSED),
    ],
)
def test_the_outcome_follows_from_the_gravest_finding(changes: dict[str, Any], outcome: Outcome) -> None:
    assert judged(changes).outcome is outcome


def test_a_note_alone_does_not_weigh() -> None:
    verdict = judged({"redaction.applied": True, "redaction.paths": []})
    assert [finding.rule for finding in verdict.reference.findings] == ["redaction.empty_paths"]
    assert verdict.reference.findings[0].severity is Severity.INFO
    assert verdict.reference.status == "ok"
    assert [finding.rule for finding in verdict.own] == ["redaction.payloads_redacted"]


@pytest.mark.parametrize(
    ("document", "kind"),
    [(b"5", "number"), (b"1.5", "number"), (b"true", "boolean"), (b'"x"', "string"), (b"null", "null")],
)
def test_a_scalar_is_not_a_bundle_and_the_finding_says_what_it_is(document: bytes, kind: str) -> None:
    verdict = verify_bundle(document)
    assert verdict.outcome is Outcome.UNREADABLE
    (finding,) = verdict.findings
    assert finding.rule == "bundle.unparseable"
    assert kind in str(finding.facts["problem"])
    assert (verdict.reference.status, verdict.reference.errors, verdict.reference.warnings) == ("failed", None, None)
    assert verdict.run is None


def test_what_does_not_decode_is_unreadable_with_its_place() -> None:
    verdict = verify_bundle(b'{"a":\n "b')
    assert verdict.outcome is Outcome.UNREADABLE
    (finding,) = verdict.findings
    assert finding.facts["reason"] == "truncated"
    assert (finding.facts["line"], finding.facts["column"]) == (2, 2)
    assert (verdict.size, verdict.own) == (9, ())


@pytest.mark.parametrize("document", [b"{}", b"[]"])
def test_an_empty_document_is_refused_for_everything_it_lacks(document: bytes) -> None:
    verdict = verify_bundle(document)
    assert verdict.outcome is Outcome.REFUSED
    assert verdict.reference.errors is not None
    assert [finding.rule for finding in verdict.reference.findings][-1] == "integrity.missing"
    assert "bundle.not_an_object" not in rules(verdict)


def test_a_list_is_refused_and_called_one() -> None:
    verdict = verify_bundle(b"[" + WAITING.read_bytes() + b"]")
    assert verdict.outcome is Outcome.REFUSED
    assert [finding.rule for finding in verdict.own] == ["bundle.not_an_object"]
    assert verdict.repair is None


# --- what is recorded apart --------------------------------------------------------------------------------


def test_what_we_add_is_never_among_what_the_reference_says() -> None:
    for path in (*EXAMPLES.glob("*.json"), *RECORDED.glob("*.json")):
        verdict = verify_bundle(path.read_bytes(), VerifyOptions(strict=True, payloads=True))
        reference = verdict.reference
        said = (*reference.findings, *(reference.errors or ()), *(reference.warnings or ()))
        assert {RULES[finding.rule].origin.value for finding in said} <= {"reference"}
        assert "reference" not in {RULES[finding.rule].origin.value for finding in verdict.own}


def test_a_warning_of_the_verification_is_repeated_as_one_warning_of_the_importer() -> None:
    reference = judged({"exported_at": None}).reference
    assert (reference.status, reference.errors) == ("warning", ())
    assert reference.warnings is not None
    assert [finding.rule for finding in reference.warnings] == ["bundle.integrity_warning"]


def test_a_finding_of_ours_leaves_the_reference_s_verdict_as_it_was() -> None:
    verdict = judged({"timers.0.status": "odd"})
    assert verdict.outcome is Outcome.REFUSED
    assert (verdict.reference.status, verdict.reference.errors) == ("ok", ())


def test_a_failed_verification_is_repeated_as_one_error_of_the_importer() -> None:
    verdict = verify_bundle(LOST_FRACTION.read_bytes())
    assert verdict.reference.status == "failed"
    assert verdict.reference.errors is not None
    assert [finding.rule for finding in verdict.reference.errors] == ["bundle.integrity_failed"]


def test_an_infinite_number_leaves_the_reference_without_a_verdict() -> None:
    document = sealed(small_bundle({"workflow.memo": {"big": 0}})).replace(b'"big":0', b'"big":1e999')
    verdict = verify_bundle(document)
    assert verdict.outcome is Outcome.REFUSED
    assert (verdict.reference.status, verdict.reference.errors, verdict.reference.findings) == (None, None, ())
    assert [(finding.rule, finding.path) for finding in verdict.own] == [
        ("bundle.infinite_number", "workflow.memo.big")
    ]
    assert verdict.run is not None


def test_the_facts_are_those_that_the_importer_reads() -> None:
    verdict = judged({"workflow.run_number": "3", "workflow.namespace": "blue", "history_complete": "yes"})
    assert verdict.run is not None
    assert verdict.run._asdict() == {
        "instance_id": "order-1",
        "run_id": "run-1",
        "run_number": 3,
        "workflow_type": "orders.process",
        "namespace": "blue",
        "status": "waiting",
        "is_current_run": True,
        "history_complete": True,
        "dedupe_key": "run-1:2:2026-11-22T22:11:34.036225Z",
        "queue": "default",
    }
    assert verdict.bundle._asdict() == {
        "schema": "durable-workflow.v2.history-export",
        "schema_version": 1,
        "exported_at": "2026-11-22T22:11:34.103683Z",
        "dedupe_key": "run-1:2:2026-11-22T22:11:34.036225Z",
        "workflow_run_id": "run-1",
        "workflow_instance_id": "order-1",
        "history_event_count": 2,
    }


@pytest.mark.parametrize(
    ("changes", "fact", "value"),
    [
        ({"workflow.run_number": ...}, "run_number", 1),
        ({"workflow.run_number": 2.0}, "run_number", 1),
        ({"workflow.run_number": 0}, "run_number", 0),
        ({"workflow.workflow_type": ""}, "workflow_type", "App\\Workflows\\OrderProcess"),
        ({"workflow.workflow_type": 5, "workflow.workflow_class": None}, "workflow_type", "imported-workflow"),
        ({"workflow.status": None}, "status", "running"),
        ({"workflow.is_current_run": "false"}, "is_current_run", True),
        ({"history_complete": "0"}, "history_complete", False),
        ({"workflow.namespace": ""}, "namespace", None),
        ({"workflow.queue": 5}, "queue", None),
        ({"dedupe_key": []}, "dedupe_key", None),
    ],
)
def test_a_fact_of_the_wrong_type_is_read_as_php_reads_it(changes: dict[str, Any], fact: str, value: Any) -> None:
    run = judged(changes).run
    assert run is not None
    assert getattr(run, fact) == value


# --- options -----------------------------------------------------------------------------------------------


def test_class_names_are_errors_only_when_strict() -> None:
    changes = {"workflow.workflow_type": "App\\Order"}
    assert judged(changes).outcome is Outcome.WARNING
    assert judged(changes, VerifyOptions(strict=True)).outcome is Outcome.REFUSED


def test_a_signature_that_is_required_must_be_verified() -> None:
    required = VerifyOptions(require_signature=True)
    with_key = VerifyOptions(require_signature=True, signing_key=SIGNING_KEY.encode())
    assert "bundle.signature_required" in rules(judged(options=with_key))
    assert "bundle.signature_required" in rules(verify_bundle(SIGNED.read_bytes(), required))
    assert verify_bundle(SIGNED.read_bytes(), with_key).outcome is Outcome.OK


def test_payloads_are_decoded_only_on_request() -> None:
    changes = {"signals.0.arguments": "wwHioz3/VYAiNwwC", "signals.0.payload_codec": "avro"}
    assert judged(changes).outcome is Outcome.OK
    assert "payloads.undecodable" in rules(judged(changes, VerifyOptions(payloads=True)))


def test_a_schema_is_asked_only_on_request_and_only_warns() -> None:
    schema = {"type": "object", "properties": {"timeline": {"type": "string"}}}
    verdict = judged(options=VerifyOptions(schema=schema))
    assert [(finding.rule, finding.path) for finding in verdict.own] == [("schema.violation", "timeline")]
    assert verdict.outcome is Outcome.WARNING
    assert judged().outcome is Outcome.OK


def test_the_key_is_not_shown_with_the_options() -> None:
    assert "secret" not in repr(VerifyOptions(signing_key=b"secret"))


# --- the cause of a mismatch -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "cause"),
    [
        (LOST_FRACTION.read_bytes(), Cause.LOST_ZERO_FRACTIONS),
        (with_top_level_key(WAITING.read_bytes(), b'"namespace":"x"'), Cause.ADDED_TOP_LEVEL_KEY),
        (WAITING.read_bytes().replace(b"approval-1", b"approval-2", 1), Cause.EDITED_OR_DAMAGED),
    ],
)
def test_a_mismatch_comes_with_its_cause(document: bytes, cause: Cause) -> None:
    verdict = verify_bundle(document)
    assert "integrity.checksum_mismatch" in rules(verdict)
    assert verdict.repair is not None
    assert verdict.repair.cause is cause
    assert verdict.repair.proven is (cause is not Cause.EDITED_OR_DAMAGED)


def test_no_cause_is_sought_where_the_checksum_matches_or_is_missing() -> None:
    assert verify_bundle(ORDER.read_bytes()).repair is None
    assert verify_bundle(sealed(small_bundle(), checksum=None)).repair is None


# --- nothing breaks it -------------------------------------------------------------------------------------


def assert_borne(document: bytes) -> None:
    """A verdict is given, every rule is in the table, and both outputs can be written as strict JSON."""
    verdict = verify_bundle(document, VerifyOptions(strict=True, payloads=True, require_signature=True))
    assert verdict.size == len(document)
    for finding in verdict.findings:
        assert finding.rule in RULES
    json.dumps(dry_run_item(FileVerdict("a.json", verdict), None), allow_nan=False)


@given(documents)
@settings(max_examples=400, deadline=None)
def test_any_document_gets_a_verdict(document: bytes) -> None:
    assert_borne(document)


ODD_VALUES = st.recursive(
    st.sampled_from([None, True, False, 0, -1, 2**60, 1.5, "", "0", "x", "leased", "running", "rejected", "a" * 70]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["", "0", "id", "a.b"]), inner, max_size=3)
    ),
    max_leaves=8,
)
PLACES = [
    "schema", "schema_version", "exported_at", "dedupe_key", "history_complete", "workflow", "workflow.run_id",
    "workflow.status", "workflow.memo", "workflow.search_attributes", "workflow.closed_at", "payloads",
    "payloads.arguments", "payloads.arguments.data", "history_events", "history_events.0", "history_events.0.payload",
    "history_events.1.id", "history_events.1.sequence", "history_events.1.type", "commands", "commands.0",
    "commands.0.id", "commands.0.status", "commands.0.outcome", "signals.0.arguments", "updates", "tasks",
    "tasks.0", "tasks.0.id", "tasks.0.lease_owner", "tasks.0.status", "activities", "activities.0.attempts",
    "activities.0.activity_type", "timers.0", "links", "links.parents", "redaction", "redaction.paths",
    "codec_schemas", "codec_schemas.avro", "payload_manifest", "payload_manifest.entries",
    "payload_manifest.entries.0.writer_schema", "timeline", "summary", "integrity", "new",
]  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(PLACES), ODD_VALUES), min_size=1, max_size=4), st.booleans())
@settings(max_examples=600, deadline=None)
def test_odd_values_anywhere_in_a_bundle_get_a_verdict(odd: list[tuple[str, Any]], is_sealed: bool) -> None:
    bundle = small_bundle()
    for path, value in odd:
        try:
            change(bundle, path, value)
        except (KeyError, IndexError, TypeError, ValueError):
            continue
    assert_borne(sealed(bundle) if is_sealed else as_json(bundle))


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 400])
@pytest.mark.parametrize("place", ["commands.0.status", "tasks.0.id", "tasks.0.lease_owner", "activities.0.id"])
@pytest.mark.parametrize("integrity", [None, {}, {"canonicalization": "x"}])
def test_an_infinite_number_where_no_checksum_is_recomputed_can_be_reported(
    number: str, place: str, integrity: Any
) -> None:
    changes = {"tasks.0.status": "leased" if place.startswith("tasks") else "ready", place: "INFINITE"}
    bundle = small_bundle(changes | {"history_events.0.workflow_command_id": None, "integrity": integrity})
    bundle["activities"][0]["attempts"][0]["status"] = "running"
    assert_borne(as_json(bundle).replace(b'"INFINITE"', number.encode()))


def test_every_changed_document_of_the_corpus_can_be_reported(shared: Path) -> None:
    files = list((shared / "corpus" / "changed").glob("*.json"))
    assert len(files) > 100
    for path in files:
        assert_borne(path.read_bytes())
