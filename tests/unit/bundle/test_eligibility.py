"""The importer's eligibility rules: which fire, where and in which order (contract/import.md §2)."""

from __future__ import annotations

from typing import Any

import pytest

from dwctl.bundle.eligibility import eligibility_findings, run_status
from dwctl.bundle.integrity import IntegrityReport
from dwctl.bundle.view import BundleView
from sample_bundles import Bundle, small_bundle

Fired = list[tuple[str, str | None]]
TRUTHY: list[Any] = [True, 1, "1", "true", "false", "0.0", 0.5, [0], {"a": 1}]
FALSY: list[Any] = [False, 0, "", "0", None, ..., [], {}, 0.0]
NOTHING_VERIFIED = IntegrityReport(present=True)


def fired(
    bundle: Bundle,
    status: str = "ok",
    integrity: IntegrityReport = NOTHING_VERIFIED,
    *,
    require_signature: bool = False,
) -> Fired:
    """The rules that fire on a bundle, each with its path, in order."""
    findings = eligibility_findings(BundleView(bundle), status, integrity, require_signature=require_signature)
    return [(finding.rule, finding.path) for finding in findings]


def after(changes: dict[str, Any]) -> Fired:
    """The rules that fire once the small bundle is changed like this."""
    return fired(small_bundle(changes))


def test_a_sound_bundle_is_eligible() -> None:
    assert fired(small_bundle()) == []


@pytest.mark.parametrize(
    ("status", "expected"),
    [("ok", []), ("failed", [("bundle.integrity_failed", None)]), ("warning", [("bundle.integrity_warning", None)])],
)
def test_the_end_of_the_verification_is_repeated(status: str, expected: Fired) -> None:
    assert fired(small_bundle(), status) == expected


@pytest.mark.parametrize(("verified", "refused"), [(True, False), (False, True), (None, True)])
def test_only_a_verified_signature_satisfies_who_requires_one(verified: bool | None, refused: bool) -> None:
    report = IntegrityReport(present=True, signature_present=True, signature_verified=verified)
    expected = [("bundle.signature_required", "integrity.signature")] if refused else []
    assert fired(small_bundle(), integrity=report, require_signature=True) == expected
    assert fired(small_bundle(), integrity=report) == []


# --- the run -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["instance_id", "run_id"])
@pytest.mark.parametrize("value", [..., None, "", 5, True, []])
def test_a_run_without_identity_is_refused(key: str, value: Any) -> None:
    assert after({f"workflow.{key}": value}) == [(f"workflow.{key}_missing", f"workflow.{key}")]


@pytest.mark.parametrize("status", [..., None, "", 5, True, ["completed"]])
def test_a_missing_status_counts_as_running(status: Any) -> None:
    bundle = small_bundle({"workflow.status": status})
    assert run_status(BundleView(bundle)) == "running"
    assert fired(bundle) == []


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "terminated"])
@pytest.mark.parametrize(
    ("complete", "accepted"),
    [(True, True), (False, False), (1, False), ("true", False), (None, False), (..., False), ([True], False)],
)
def test_a_closed_run_needs_a_history_that_is_exactly_complete(status: str, complete: Any, accepted: bool) -> None:
    changes = {"workflow.status": status, "history_complete": complete, "workflow.is_current_run": False}
    expected: Fired = [] if accepted else [("workflow.terminal_history_incomplete", "history_complete")]
    assert after(changes) == expected


@pytest.mark.parametrize("status", ["pending", "running", "waiting"])
@pytest.mark.parametrize(
    ("current", "accepted"),
    [
        *((value, True) for value in TRUTHY),
        *((value, False) for value in FALSY),
    ],
)
def test_an_open_run_must_be_current_as_php_casts_it(status: str, current: Any, accepted: bool) -> None:
    changes = {"workflow.status": status, "workflow.is_current_run": current}
    expected: Fired = [] if accepted else [("workflow.non_terminal_not_current", "workflow.is_current_run")]
    assert after(changes) == expected


@pytest.mark.parametrize("status", ["Completed", "timed_out", "archived", "0", "running "])
def test_another_status_is_unsupported(status: str) -> None:
    changes = {"workflow.status": status, "workflow.is_current_run": False}
    assert after(changes) == [("workflow.status_unsupported", "workflow.status")]


@pytest.mark.parametrize("source", [..., None, "", "server", "Embedded", 5, True, ["embedded"]])
def test_only_an_embedded_run_is_imported(source: Any) -> None:
    assert after({"workflow.source_runtime": source}) == [
        ("workflow.source_runtime_unsupported", "workflow.source_runtime")
    ]


def test_a_workflow_section_that_is_a_list_has_no_run() -> None:
    assert after({"workflow": [{"run_id": "r"}]}) == [
        ("workflow.instance_id_missing", "workflow.instance_id"),
        ("workflow.run_id_missing", "workflow.run_id"),
        ("workflow.non_terminal_not_current", "workflow.is_current_run"),
        ("workflow.source_runtime_unsupported", "workflow.source_runtime"),
    ]


# --- redaction and codecs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paths", "refused"),
    [
        ([["a"]], True),
        ([{"path": "a"}], True),
        ({"x": []}, True),
        (["a"], False),
        ("a", False),
        ([], False),
        ([5], False),
    ],
)
def test_only_array_entries_of_the_redacted_paths_count(paths: Any, refused: bool) -> None:
    expected: Fired = [("bundle.redacted_payloads", "redaction.paths")] if refused else []
    assert after({"redaction.paths": paths}) == expected


ENVELOPE = {"codec": "json", "blob": "x"}
EXTERNAL = {"codec": "avro", "external_storage": {"codec": "json", "uri": "s3://b/k"}}


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"payloads.codec": "json"}, "payloads.codec"),
        ({"payloads.arguments.codec": "json"}, "payloads.arguments.codec"),
        ({"payloads.output.codec": "json"}, "payloads.output.codec"),
        ({"payloads.arguments.data": ENVELOPE}, "payloads.arguments.data.codec"),
        ({"payloads.output.data": EXTERNAL}, "payloads.output.data.external_storage.codec"),
        ({"commands.0.payload_codec": "json"}, "commands.0.payload_codec"),
        ({"commands.0.payload": ENVELOPE}, "commands.0.payload.codec"),
        ({"signals.0.payload_codec": "json"}, "signals.0.payload_codec"),
        ({"signals.0.arguments": EXTERNAL}, "signals.0.arguments.external_storage.codec"),
        ({"updates.0.payload_codec": "json"}, "updates.0.payload_codec"),
        ({"updates.0.arguments": ENVELOPE}, "updates.0.arguments.codec"),
        ({"updates.0.result": ENVELOPE}, "updates.0.result.codec"),
        ({"activities.0.payload_codec": "json"}, "activities.0.payload_codec"),
        ({"activities.0.result": ENVELOPE}, "activities.0.result.codec"),
        ({"history_events.1.payload": {"payload_codec": "json"}}, "history_events.1.payload.payload_codec"),
        ({"history_events.1.payload": {"arguments": ENVELOPE}}, "history_events.1.payload.arguments.codec"),
        ({"history_events.1.payload": {"result": ENVELOPE}}, "history_events.1.payload.result.codec"),
        ({"history_events.1.payload": {"output": ENVELOPE}}, "history_events.1.payload.output.codec"),
        ({"history_events.1.payload": {"value": ENVELOPE}}, "history_events.1.payload.value.codec"),
        (
            {"history_events.1.payload": {"exception": {"details_payload_codec": "json"}}},
            "history_events.1.payload.exception.details_payload_codec",
        ),
        (
            {"history_events.1.payload": {"exception": {"details": ENVELOPE}}},
            "history_events.1.payload.exception.details.codec",
        ),
        ({"payload_manifest.entries.0.codec": "json"}, "payload_manifest.entries.0.codec"),
        (
            {"activities": {"x": {"payload_codec": "workflow-serializer-y"}}},
            "activities.x.payload_codec",
        ),
    ],
)
def test_a_payload_in_another_codec_is_refused_by_its_path(changes: dict[str, Any], path: str) -> None:
    assert after(changes) == [("payload_codec.unsupported", path)]


@pytest.mark.parametrize("codec", [None, "", "avro", 5, True, [], ["json"], ...])
def test_a_codec_that_is_avro_or_no_name_is_accepted(codec: Any) -> None:
    bundle = small_bundle({"payloads.codec": codec, "payloads.arguments.codec": codec})
    if codec is not ...:
        bundle["commands"][0]["payload_codec"] = codec
        bundle["history_events"][1]["payload"] = {"payload_codec": codec, "result": {"codec": codec}}
    assert fired(bundle) == []


@pytest.mark.parametrize("codec", ["AVRO", "Avro", "avro ", "0"])
def test_the_name_of_a_codec_is_compared_exactly(codec: str) -> None:
    assert after({"payloads.codec": codec}) == [("payload_codec.unsupported", "payloads.codec")]


@pytest.mark.parametrize("kind", ["MemoUpserted", "SearchAttributesUpserted"])
def test_memo_and_search_attribute_events_are_not_looked_at(kind: str) -> None:
    payload = {"payload_codec": "json", "value": ENVELOPE, "exception": {"details": ENVELOPE}}
    assert after({"history_events.1.type": kind, "history_events.1.payload": payload}) == []


@pytest.mark.parametrize("kind", [..., None, 5, True, [], {}, ["MemoUpserted"], {"a": 1}])
def test_an_event_whose_type_is_no_text_is_looked_at(kind: Any) -> None:
    changes = {"history_events.1.type": kind, "history_events.1.payload": {"payload_codec": "json"}}
    assert after(changes) == [("payload_codec.unsupported", "history_events.1.payload.payload_codec")]


@pytest.mark.parametrize("value", ["wwHioz3/", ["json"], None, 5, []])
def test_a_payload_that_is_no_envelope_names_no_codec(value: Any) -> None:
    changes = {
        "payloads.arguments.data": value,
        "commands.0.payload": value,
        "history_events.0.payload": value,
        "history_events.1.payload": {"result": value, "exception": value},
    }
    assert after(changes) == []


def test_each_path_is_named_once_and_in_the_order_of_the_sections() -> None:
    bundle = small_bundle(
        {
            "payload_manifest.entries.0.codec": "json",
            "history_events.0.payload": {"result": ENVELOPE},
            "activities.0.payload_codec": "json",
            "commands.0.payload": ENVELOPE,
            "payloads.codec": "json",
        }
    )
    assert [path for _, path in fired(bundle)] == [
        "payloads.codec",
        "commands.0.payload.codec",
        "activities.0.payload_codec",
        "history_events.0.payload.result.codec",
        "payload_manifest.entries.0.codec",
    ]


# --- leases ------------------------------------------------------------------------------------------------


def test_the_first_leased_task_is_named_and_no_other() -> None:
    leased = {"id": "task-2", "status": "leased", "lease_owner": "worker-1", "lease_expires_at": "2026-11-22"}
    bundle = small_bundle({"tasks.1": leased, "tasks.2": {**leased, "id": "task-3"}})
    bundle["activities"][0]["attempts"][0]["status"] = "running"
    (finding,) = eligibility_findings(BundleView(bundle), "ok", NOTHING_VERIFIED, require_signature=False)
    assert (finding.rule, finding.path) == ("tasks.leased_task_present", "tasks.1.status")
    assert finding.facts == {"task_id": "task-2", "lease_owner": "worker-1", "lease_expires_at": "2026-11-22"}


def test_without_a_leased_task_the_first_running_attempt_is_named() -> None:
    bundle = small_bundle()
    attempts = {"first": {"status": "failed"}, "second": {"id": "a-2", "status": "running"}}
    bundle["activities"] += [{"id": "activity-2", "attempts": attempts}, {"attempts": [{"status": "running"}]}]
    (finding,) = eligibility_findings(BundleView(bundle), "ok", NOTHING_VERIFIED, require_signature=False)
    assert finding.rule == "activities.running_attempt_present"
    assert finding.path == "activities.1.attempts.second.status"
    assert finding.facts == {"activity_id": "activity-2", "attempt_id": "a-2"}


@pytest.mark.parametrize("status", ["ready", "Leased", None, 5, True, ["leased"], ...])
def test_a_task_that_is_not_exactly_leased_holds_nothing_up(status: Any) -> None:
    assert after({"tasks.0.status": status, "tasks.0.lease_owner": "worker-1"}) == []


@pytest.mark.parametrize("attempts", [None, "running", ["running"], [["running"]], {}, [{"status": "Running"}]])
def test_an_attempt_that_is_not_exactly_running_holds_nothing_up(attempts: Any) -> None:
    assert after({"activities.0.attempts": attempts, "activities.0.status": "running"}) == []


def test_the_order_is_that_of_the_importer() -> None:
    bundle = small_bundle(
        {
            "workflow.instance_id": "",
            "workflow.run_id": "",
            "workflow.status": "odd",
            "workflow.source_runtime": "server",
            "redaction.paths": [[]],
            "payloads.codec": "json",
            "tasks.0.status": "leased",
        }
    )
    assert [rule for rule, _ in fired(bundle, "failed", require_signature=True)] == [
        "bundle.integrity_failed",
        "bundle.signature_required",
        "workflow.instance_id_missing",
        "workflow.run_id_missing",
        "workflow.status_unsupported",
        "workflow.source_runtime_unsupported",
        "bundle.redacted_payloads",
        "payload_codec.unsupported",
        "tasks.leased_task_present",
    ]
