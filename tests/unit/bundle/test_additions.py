"""dwctl's own rules: where the guide or the target is stricter than the importer (contract/import.md §3)."""

from __future__ import annotations

from typing import Any

import pytest

from dwctl.bundle import vocabulary
from dwctl.bundle.additions import MEMO_VALUE_LIMIT, own_findings
from dwctl.bundle.findings import Finding, Severity
from dwctl.bundle.rules import RULES
from dwctl.bundle.view import BundleView
from sample_bundles import Bundle, small_bundle

Fired = list[tuple[str, str | None]]


def findings(bundle: Bundle, *, strict: bool = False) -> list[Finding]:
    """What is found in a bundle, in order."""
    return list(own_findings(BundleView(bundle), strict=strict))


def after(changes: dict[str, Any]) -> Fired:
    """The rules that fire once the small bundle is changed like this, each with its path."""
    return [(finding.rule, finding.path) for finding in findings(small_bundle(changes))]


def test_a_sound_bundle_has_no_finding_of_ours_even_when_strict() -> None:
    assert findings(small_bundle(), strict=True) == []


def test_no_rule_of_ours_is_counted_as_the_reference_s() -> None:
    bundle = small_bundle({"redaction.applied": True, "timers.0.status": "odd", "workflow.closed_at": 5})
    assert {RULES[finding.rule].origin.value for finding in findings(bundle)} == {"guide", "target"}


# --- redaction ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("applied", "paths", "count"),
    [
        (True, [], 0),
        (1, [], 0),
        ("true", None, 0),
        (False, ["payloads.arguments.data"], 1),
        (..., ["a", "b"], 2),
        (False, [["a"]], 1),
        (False, {"x": "a"}, 1),
    ],
)
def test_a_redacted_bundle_is_refused_however_it_says_so(applied: Any, paths: Any, count: int) -> None:
    (finding,) = findings(small_bundle({"redaction.applied": applied, "redaction.paths": paths}))
    assert (finding.rule, finding.path) == ("redaction.payloads_redacted", "redaction")
    assert finding.severity is Severity.ERROR
    assert finding.facts == {"redacted_paths": count}


@pytest.mark.parametrize(("applied", "paths"), [(False, []), (0, {}), ("0", None), (None, "a"), (..., ...), ("", 5)])
def test_a_bundle_that_is_not_redacted_is_not_refused_for_it(applied: Any, paths: Any) -> None:
    assert after({"redaction.applied": applied, "redaction.paths": paths}) == []


# --- rows that the importer drops --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("history_events.1.type", "history_events.type_unsupported"),
        ("commands.0.type", "commands.type_unsupported"),
        ("commands.0.status", "commands.status_unsupported"),
        ("tasks.0.type", "tasks.type_unsupported"),
        ("tasks.0.status", "tasks.status_unsupported"),
        ("timers.0.status", "timers.status_unsupported"),
    ],
)
class TestARowThatTheImporterWouldDrop:
    """One rule for each field whose words the importer knows."""

    @pytest.mark.parametrize("word", ["Unheard", "", "0", 5, True, 1.5, ["ready"], {"a": 1}, []])
    def test_any_other_word_is_refused_where_it_stands(self, path: str, rule: str, word: Any) -> None:
        assert after({path: word}) == [(rule, path)]

    @pytest.mark.parametrize("word", [None, ...])
    def test_no_word_at_all_is_left_to_other_rules(self, path: str, rule: str, word: Any) -> None:
        assert after({path: word}) == []

    def test_a_word_in_another_case_is_another_word(self, path: str, rule: str) -> None:
        section, index, field = path.split(".")
        word = small_bundle()[section][int(index)][field]
        assert after({path: word.swapcase()}) == [(rule, path)]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("history_events.1.type", vocabulary.EVENT_TYPES),
        ("commands.0.type", vocabulary.COMMAND_TYPES),
        ("commands.0.status", vocabulary.COMMAND_STATUSES),
        ("tasks.0.type", vocabulary.TASK_TYPES),
        ("tasks.0.status", vocabulary.TASK_STATUSES),
        ("timers.0.status", vocabulary.TIMER_STATUSES),
    ],
)
def test_every_known_word_is_accepted(path: str, words: frozenset[str]) -> None:
    assert [word for word in words if after({path: word})] == []


def test_each_dropped_row_is_named() -> None:
    timers = {"a": {"status": "odd"}, "b": {"status": "fired"}, "c": {"status": "even"}}
    assert after({"timers": timers}) == [
        ("timers.status_unsupported", "timers.a.status"),
        ("timers.status_unsupported", "timers.c.status"),
    ]


# --- class names as type keys ------------------------------------------------------------------------------


@pytest.mark.parametrize("type_key", ["App\\Workflows\\OrderProcess", "OrderProcess\\", "\\"])
@pytest.mark.parametrize(("strict", "severity"), [(False, Severity.WARNING), (True, Severity.ERROR)])
def test_a_class_name_as_workflow_type_is_a_warning_and_an_error_when_strict(
    type_key: str, strict: bool, severity: Severity
) -> None:
    (finding,) = findings(small_bundle({"workflow.workflow_type": type_key}), strict=strict)
    assert (finding.rule, finding.path) == ("workflow.type_is_class_name", "workflow.workflow_type")
    assert finding.severity is severity
    assert finding.facts == {"found": type_key}


def test_a_type_that_equals_its_class_is_a_class_name_without_a_namespace() -> None:
    changes = {"workflow.workflow_type": "OrderProcess", "workflow.workflow_class": "OrderProcess"}
    assert after(changes) == [("workflow.type_is_class_name", "workflow.workflow_type")]


@pytest.mark.parametrize("type_key", ["orders.process", "", None, 5, ..., []])
def test_a_type_key_is_no_class_name(type_key: Any) -> None:
    assert after({"workflow.workflow_type": type_key, "workflow.workflow_class": type_key}) == (
        [("workflow.type_is_class_name", "workflow.workflow_type")] if type_key == "orders.process" else []
    )


def test_an_activity_type_that_is_a_class_name_is_named_once_however_often_it_ran() -> None:
    charge = {"activity_type": "App\\Charge", "activity_class": "App\\Charge"}
    ship = {"activity_type": "Ship", "activity_class": "Ship"}
    bundle = small_bundle({"activities": [charge, {"activity_type": "orders.pay"}, charge, ship, charge]})
    for strict, severity in ((False, Severity.WARNING), (True, Severity.ERROR)):
        found = findings(bundle, strict=strict)
        assert [(finding.rule, finding.path, finding.severity) for finding in found] == [
            ("activities.type_is_class_name", "activities.0.activity_type", severity),
            ("activities.type_is_class_name", "activities.3.activity_type", severity),
        ]


# --- external storage --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "scheme"),
    [
        ({"uri": "s3://bucket/key"}, "s3"),
        ({"uri": "S3://bucket/key"}, "s3"),
        ({"uri": "no scheme"}, "unknown"),
        ({"uri": ""}, "unknown"),
        ({"uri": 5}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_a_payload_in_external_storage_is_a_warning_that_names_the_scheme(reference: Any, scheme: str) -> None:
    envelope = {"codec": "avro", "external_storage": reference}
    (finding,) = findings(small_bundle({"signals.0.arguments": envelope}))
    assert (finding.rule, finding.path) == ("payloads.external_storage", "signals.0.arguments")
    assert finding.severity is Severity.WARNING
    assert finding.facts["uri_scheme"] == scheme


def test_credentials_in_a_reference_are_not_repeated() -> None:
    envelope = {"external_storage": {"uri": "s3://user:secret@bucket/key?X-Signature=secret#secret"}}
    (finding,) = findings(small_bundle({"payloads.arguments.data": envelope}))
    assert "secret" not in str(finding.facts)


@pytest.mark.parametrize("value", ["s3://bucket/key", {"external_storage": "s3://b/k"}, {"external_storage": []}, None])
def test_what_is_no_reference_is_not_taken_for_one(value: Any) -> None:
    assert after({"signals.0.arguments": value}) == []


# --- what the target's database refuses --------------------------------------------------------------------


@pytest.mark.parametrize("section", ["commands", "signals", "updates", "tasks", "activities", "timers"])
def test_two_rows_of_one_id_are_refused_and_the_first_is_named(section: str) -> None:
    bundle = small_bundle()
    bundle[section].append(dict(bundle[section][0]))
    (finding,) = findings(bundle)
    assert (finding.rule, finding.path) == ("target.id_duplicate", f"{section}.1.id")
    assert finding.facts == {"id": f"{section[:-1] if section != 'activities' else 'activity'}-1",
                             "first_seen_at": f"{section}.0"}  # fmt: skip


@pytest.mark.parametrize("identity", [None, 5, True, [], ...])
def test_rows_without_a_text_as_id_are_no_duplicates(identity: Any) -> None:
    row = {} if identity is ... else {"id": identity}
    assert after({"timers": [row, row]}) == []


def test_rows_of_different_sections_may_share_an_id() -> None:
    assert after({"timers.0.id": "same", "tasks.0.id": "same", "signals.0.id": "same"}) == []


@pytest.mark.parametrize("key", ["started_at", "closed_at", "archived_at", "last_progress_at"])
class TestATimeOfTheRun:
    """The four columns of the run that are timestamps."""

    @pytest.mark.parametrize(
        "value",
        [
            "2026-11-22T22:11:34.103683Z", "2026-11-22T22:11:34Z", "2026-11-22 22:11:34", "2026-11-22",
            "2026-11-22T22:11:34+01:00", "2026-11-22T22:11:34-0500", "2026-11-22T22:11", "", None, ...,
        ],
    )  # fmt: skip
    def test_a_timestamp_or_none_is_stored(self, key: str, value: Any) -> None:
        assert after({f"workflow.{key}": value}) == []

    @pytest.mark.parametrize(
        "value",
        ["yesterday", "22.11.2026", "2026-11-22T22:11:34Z\n", " 2026-11-22", "２０２６-11-22", 1764, 1.5, True, [], {}],
    )
    def test_anything_else_is_refused(self, key: str, value: Any) -> None:
        assert after({f"workflow.{key}": value}) == [("target.timestamp_unreadable", f"workflow.{key}")]


def test_a_memo_value_of_the_limit_is_stored_and_one_byte_more_is_not() -> None:
    fits, larger = "x" * (MEMO_VALUE_LIMIT - 2), "x" * (MEMO_VALUE_LIMIT - 1)
    assert after({"workflow.memo": {"note": fits}}) == []
    (finding,) = findings(small_bundle({"workflow.memo": {"a": 1, "note": larger}}))
    assert (finding.rule, finding.path) == ("target.memo_value_too_large", "workflow.memo.note")
    assert finding.facts == {"bytes": MEMO_VALUE_LIMIT + 1, "limit": MEMO_VALUE_LIMIT}


def test_a_memo_value_is_measured_as_json_and_each_value_alone() -> None:
    half = "x" * (MEMO_VALUE_LIMIT // 2)
    assert after({"workflow.memo": {"a": half, "b": half, "c": half}}) == []
    assert after({"workflow.memo": {"a": [half, half]}}) == [("target.memo_value_too_large", "workflow.memo.a")]
    assert after({"workflow.memo": [0, "é" * (MEMO_VALUE_LIMIT // 6 + 1)]}) == [
        ("target.memo_value_too_large", "workflow.memo.1")
    ]


@pytest.mark.parametrize("memo", [None, "x" * 20_000, 5, [], {}, {"infinite": float("inf")}])
def test_a_memo_that_is_no_array_or_holds_an_infinite_number_is_not_measured(memo: Any) -> None:
    assert after({"workflow.memo": memo}) == []


@pytest.mark.parametrize("value", [{"a": 1}, [1], ["a", None], [["a"]], {"a": {"b": "c"}}, [True]])
def test_a_search_attribute_that_holds_more_than_texts_is_refused(value: Any) -> None:
    assert after({"workflow.search_attributes": {"ok": "x", "tags": value}}) == [
        ("target.search_attribute_unsupported", "workflow.search_attributes.tags")
    ]


@pytest.mark.parametrize("value", ["x", 5, 1.5, True, None, [], {}, ["a", "b"], {"a": "b"}])
def test_a_scalar_or_a_list_of_texts_is_a_search_attribute(value: Any) -> None:
    assert after({"workflow.search_attributes": {"tags": value}}) == []


def test_sections_of_any_shape_are_borne() -> None:
    odd: list[Any] = [None, 5, "text", True, [], {}, ["x"], [[["x"]]], {"": {"": []}}]
    for value in odd:
        names = ["workflow", "payloads", "history_events", "commands", "tasks", "timers", "activities", "redaction"]
        assert isinstance(findings(small_bundle(dict.fromkeys(names, value)), strict=True), list)
