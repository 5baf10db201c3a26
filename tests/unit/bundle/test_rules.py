"""The table of rules is complete and honest: what is in it fires, what fires is in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dwctl.bundle.findings import Finding, Origin, Severity
from dwctl.bundle.foresight import Foresight
from dwctl.bundle.rules import RULES, found
from dwctl.bundle.verify import VerifyOptions, verify_bundle
from sample_bundles import SIGNED, SIGNING_KEY, WAITING, as_json, sealed, small_bundle

SOURCE = Path(__file__).parents[3] / "src" / "dwctl"

CONTRACT = """
target.import_markers_missing|run_id_conflict|write_failed
bundle.integrity_failed|integrity_warning|signature_required|redacted_payloads
workflow.instance_id_missing|run_id_missing|status_unsupported|terminal_history_incomplete|non_terminal_not_current
workflow.source_runtime_unsupported|workflow_type_missing|last_history_sequence_stale
payload_codec.unsupported
tasks.leased_task_present
activities.running_attempt_present
bundle.unparseable|schema_missing|schema_unexpected|schema_version_missing|schema_version_unsupported
bundle.exported_at_missing|section_missing|section_invalid
payload_manifest.codec_missing|payload_missing|writer_schema_fingerprint_mismatch|avro_framing_missing
codec_schemas.value_schema_missing|value_schema_drift
history_events.entry_invalid|sequence_missing|sequence_not_monotonic|type_missing|id_duplicate
commands.id_missing|history_event_missing
redaction.empty_paths
integrity.missing|canonicalization_unsupported|checksum_algorithm_unsupported|checksum_missing|checksum_mismatch
integrity.signature_algorithm_unsupported|signature_missing|signature_mismatch|signature_key_unavailable
"""
"""The rules of the reference implementation (contract/import.md §2), a group a line."""

SAID_BY_A_SERVER = {"target.import_markers_missing", "target.run_id_conflict", "target.write_failed"}
"""Rules of the reference that only its database can tell; dwctl finds them in a server's report."""

Findings = Iterator[Finding] | tuple[Finding, ...]
ENTRY = "payload_manifest.entries.0"
AVRO = "codec_schemas.avro"


def after(changes: dict[str, Any], **options: Any) -> Callable[[], Findings]:
    """Judge the small bundle, changed and sealed."""
    return lambda: verify_bundle(sealed(small_bundle(changes)), VerifyOptions(**options)).findings


def with_integrity(**integrity: Any) -> Callable[[], Findings]:
    """Judge the small signed bundle with other items in its integrity block, and its key at hand."""
    options = VerifyOptions(signing_key=b"k")
    return lambda: verify_bundle(sealed(small_bundle(), key="k", **integrity), options).findings


def of(document: bytes, **options: Any) -> Callable[[], Findings]:
    """Judge a document."""
    return lambda: verify_bundle(document, VerifyOptions(**options)).findings


def in_a_set(first: dict[str, Any], second: dict[str, Any]) -> Callable[[], Findings]:
    """Foresee the second of two small bundles."""

    def foresee() -> Findings:
        foresight = Foresight()
        foresight.foresee("first.json", verify_bundle(sealed(small_bundle(first))))
        return foresight.foresee("second.json", verify_bundle(sealed(small_bundle(second))))

    return foresee


LINK = {"type": "continue_as_new", "parent_workflow_run_id": "run-1", "child_workflow_run_id": "run-2"}
EVENT = {"id": "event-3", "sequence": 3, "type": "TimerFired"}
BYTES = "wwHioz3/VYAiNwgCAA=="

FIRES: dict[str, Callable[[], Findings]] = {
    "bundle.unparseable": of(b"{"),
    "bundle.schema_missing": after({"schema": None}),
    "bundle.schema_unexpected": after({"schema": "other"}),
    "bundle.schema_version_missing": after({"schema_version": 1.0}),
    "bundle.schema_version_unsupported": after({"schema_version": 2}),
    "bundle.exported_at_missing": after({"exported_at": None}),
    "bundle.section_missing": after({"failures": ...}),
    "bundle.section_invalid": after({"failures": "none"}),
    "workflow.run_id_missing": after({"workflow.run_id": None}),
    "workflow.instance_id_missing": after({"workflow.instance_id": None}),
    "workflow.workflow_type_missing": after({"workflow.workflow_type": None}),
    "workflow.last_history_sequence_stale": after({"workflow.last_history_sequence": 1}),
    "workflow.status_unsupported": after({"workflow.status": "odd"}),
    "workflow.terminal_history_incomplete": after({"workflow.status": "completed"}),
    "workflow.non_terminal_not_current": after({"workflow.is_current_run": False}),
    "workflow.source_runtime_unsupported": after({"workflow.source_runtime": "server"}),
    "payload_manifest.codec_missing": after({f"{ENTRY}.codec": None}),
    "payload_manifest.payload_missing": after({f"{ENTRY}.diagnostic": "payload_missing"}),
    "payload_manifest.writer_schema_fingerprint_mismatch": after({f"{ENTRY}.writer_schema_fingerprint": "x"}),
    "payload_manifest.avro_framing_missing": after({f"{ENTRY}.avro_framing": None}),
    "codec_schemas.value_schema_missing": after({f"{AVRO}.current_fingerprint": "x"}),
    "codec_schemas.value_schema_drift": after({f"{AVRO}.writer_schemas.e2a33dff55802237.schema": "x"}),
    "payload_codec.unsupported": after({"payloads.codec": "json"}),
    "history_events.entry_invalid": after({"history_events.2": "text"}),
    "history_events.sequence_missing": after({"history_events.2": {**EVENT, "sequence": None}}),
    "history_events.sequence_not_monotonic": after({"history_events.2": {**EVENT, "sequence": 2}}),
    "history_events.type_missing": after({"history_events.2": {**EVENT, "type": None}}),
    "history_events.id_duplicate": after({"history_events.2": {**EVENT, "id": "event-1"}}),
    "commands.id_missing": after({"commands.0.id": None}),
    "commands.history_event_missing": after({"commands.0.id": "other"}),
    "redaction.empty_paths": after({"redaction.applied": True}),
    "integrity.missing": of(as_json(small_bundle())),
    "integrity.canonicalization_unsupported": with_integrity(canonicalization="x"),
    "integrity.checksum_algorithm_unsupported": with_integrity(checksum_algorithm="md5"),
    "integrity.checksum_missing": with_integrity(checksum=None),
    "integrity.checksum_mismatch": with_integrity(checksum="0" * 64),
    "integrity.signature_algorithm_unsupported": with_integrity(signature_algorithm="x"),
    "integrity.signature_missing": with_integrity(signature=None),
    "integrity.signature_mismatch": with_integrity(signature="0" * 64),
    "integrity.signature_key_unavailable": of(SIGNED.read_bytes()),
    "bundle.integrity_failed": after({"schema": None}),
    "bundle.integrity_warning": after({"exported_at": None}),
    "bundle.signature_required": after({}, require_signature=True),
    "bundle.redacted_payloads": after({"redaction.paths": [["a"]]}),
    "tasks.leased_task_present": after({"tasks.0.status": "leased"}),
    "activities.running_attempt_present": after({"activities.0.attempts.0.status": "running"}),
    "redaction.payloads_redacted": after({"redaction.applied": True, "redaction.paths": ["a"]}),
    "workflow.type_is_class_name": after({"workflow.workflow_type": "App\\Order"}),
    "activities.type_is_class_name": after({"activities.0.activity_type": "App\\Charge"}),
    "bundle.not_an_object": of(b"[1]"),
    "bundle.infinite_number": of(sealed(small_bundle()).replace(b'"run_number":1', b'"run_number":1e999')),
    "history_events.type_unsupported": after({"history_events.1.type": "Odd"}),
    "commands.type_unsupported": after({"commands.0.type": "odd"}),
    "commands.status_unsupported": after({"commands.0.status": "odd"}),
    "tasks.type_unsupported": after({"tasks.0.type": "odd"}),
    "tasks.status_unsupported": after({"tasks.0.status": "odd"}),
    "timers.status_unsupported": after({"timers.0.status": "odd"}),
    "payloads.external_storage": after({"signals.0.arguments": {"external_storage": {"uri": "s3://b/k"}}}),
    "target.id_duplicate": after({"timers.1": {"id": "timer-1", "status": "fired"}}),
    "target.timestamp_unreadable": after({"workflow.started_at": "yesterday"}),
    "target.memo_value_too_large": after({"workflow.memo": {"a": "x" * 20_000}}),
    "target.search_attribute_unsupported": after({"workflow.search_attributes": {"a": [1]}}),
    "set.same_run_twice": in_a_set({}, {"dedupe_key": "later"}),
    "set.duplicate_file": in_a_set({}, {}),
    "set.link_shared": in_a_set({"links.children": [LINK]}, {"links.parents": [LINK], "workflow.run_id": "run-2"}),
    "set.instance_in_two_namespaces": in_a_set({}, {"workflow.namespace": "blue", "workflow.run_id": "run-2"}),
    "schema.violation": of(WAITING.read_bytes(), schema={"required": ["nothing"]}),
    "payloads.undecodable": after({"signals.0.arguments": "wwHioz3/VYAiNwwC"}, payloads=True),
    "payloads.not_portable": after({"signals.0.arguments": BYTES}, payloads=True),
    "payloads.codec_not_portable": after(
        {"signals.0.arguments": "O:1:{}", "signals.0.payload_codec": "workflow-serializer-y"}, payloads=True
    ),
}
"""What makes each rule fire that can be judged offline."""


@pytest.mark.parametrize("rule", FIRES)
def test_a_rule_fires_with_the_severity_of_its_row(rule: str) -> None:
    fired = [finding for finding in FIRES[rule]() if finding.rule == rule]
    assert fired, "the rule did not fire"
    assert {finding.severity for finding in fired} == {RULES[rule].severity}


def test_a_sound_bundle_and_a_verified_one_fire_no_rule() -> None:
    strict = VerifyOptions(strict=True, payloads=True, signing_key=SIGNING_KEY.encode(), require_signature=True)
    assert list(verify_bundle(SIGNED.read_bytes(), strict).findings) == []
    assert list(after({}, strict=True, payloads=True)()) == []


def test_every_rule_fires_offline_or_is_emitted_on_the_way_or_is_said_by_a_server() -> None:
    assert set(FIRES) <= set(RULES)
    emitted = {rule for path in SOURCE.rglob("*.py") for rule in emitted_by(path)}
    assert set(RULES) - set(FIRES) - SAID_BY_A_SERVER <= emitted
    assert not SAID_BY_A_SERVER & set(FIRES)


def test_every_rule_that_the_source_emits_is_in_the_table() -> None:
    emitted = [(path.name, rule) for path in sorted(SOURCE.rglob("*.py")) for rule in emitted_by(path)]
    assert len(emitted) > 40
    assert [(name, rule) for name, rule in emitted if rule not in RULES] == []


def test_a_rule_that_is_not_in_the_table_cannot_be_found() -> None:
    with pytest.raises(KeyError):
        found("bundle.invented")


def emitted_by(path: Path) -> Iterator[str]:
    """The ids that a module hands to `found` as they stand."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "found" and node.args:
            yield from (
                text
                for text in (str(part.value) for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant))
                if re.fullmatch(r"\w+\.\w+", text)
            )


def ids(groups: str) -> set[str]:
    """`a.b|c` → `a.b`, `a.c`."""
    pairs = (group.split(".") for group in groups.split())
    return {f"{prefix}.{name}" for prefix, names in pairs for name in names.split("|")}


def test_the_rules_of_origin_reference_are_those_of_the_contract() -> None:
    assert {rule.id for rule in RULES.values() if rule.origin is Origin.REFERENCE} == ids(CONTRACT)


def test_the_contract_s_own_text_lists_the_same_rules(shared: Path) -> None:
    text = (shared / "contract" / "import.md").read_text(encoding="utf-8")
    section = text.split("\n## 2.", 1)[1].split("\n## ", 1)[0]
    quoted = (re.sub(r"\s", "", words) for words in re.findall(r"`([^`]+)`", section))
    groups = [words for words in quoted if re.fullmatch(r"[a-z_]+\.[a-z_|]+", words)]
    assert {rule for group in groups for rule in written_out(group)} == ids(CONTRACT)


def written_out(group: str) -> Iterator[str]:
    """`bundle.schema_missing|unexpected` → `bundle.schema_missing`, `bundle.schema_unexpected`."""
    first, *others = group.split("|")
    yield first
    stem = first.rpartition("_")[0]
    for name in others:
        (rule,) = {f"{stem}_{name}", f"{first.split('.')[0]}.{name}"} & ids(CONTRACT)
        yield rule


def test_every_rule_of_a_recorded_report_is_in_the_table(shared: Path) -> None:
    pattern = re.compile(r'"rule": ?"([^"]+)"')
    recorded = {
        rule
        for path in (shared / "corpus" / "cases").glob("*.json")
        for rule in pattern.findall(path.read_text("utf-8"))
    }
    assert len(recorded) > 30
    assert recorded <= {rule.id for rule in RULES.values() if rule.origin is Origin.REFERENCE}


# --- the rows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_row_has_whole_sentences_that_can_be_printed(rule: Any) -> None:
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", rule.id)
    for text in (rule.meaning, rule.why, rule.fix):
        assert len(text) > 15
        assert text[0].isupper()
        assert text.endswith(".")
        assert text.isprintable()
        assert text == " ".join(text.split())
    assert isinstance(rule.severity, Severity)
    assert isinstance(rule.origin, Origin)


def test_the_ids_are_unique_and_the_keys_of_the_table() -> None:
    assert [rule.id for rule in RULES.values()] == list(RULES)


def test_a_finding_takes_the_severity_of_its_row_unless_told_otherwise() -> None:
    assert found("workflow.type_is_class_name").severity is Severity.WARNING
    strict = found("workflow.type_is_class_name", "a.b", severity=Severity.ERROR, found="X")
    assert strict == Finding("workflow.type_is_class_name", Severity.ERROR, "a.b", {"found": "X"})


def test_commands_that_a_fix_names_exist() -> None:
    from dwctl.cli.main import run

    named = {
        match
        for rule in RULES.values()
        for match in re.findall(r"`dwctl ([a-z-]+(?: [a-z-]+)?)", f"{rule.why} {rule.fix}")
    }
    assert named
    for words in named:
        assert run([*words.split(), "--help"]) == 0, words
