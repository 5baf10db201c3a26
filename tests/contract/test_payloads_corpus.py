"""Every payload of the recorded bundles, and the golden frames of the Value schema."""

from __future__ import annotations

import base64
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dwctl.bundle.avro_value import Fault, Frame, decode_blob
from dwctl.bundle.canonical import decode
from dwctl.bundle.findings import Finding
from dwctl.bundle.payloads import (
    Outcome,
    PayloadSite,
    decode_site,
    external_references,
    payload_findings,
    payload_sites,
    to_json,
)
from dwctl.bundle.vocabulary import VALUE_FINGERPRINT, VALUE_SCHEMA_TEXT
from dwctl.errors import UndecodableDocument
from dwctl.render.json_payloads import payload_document

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "bundle-decode.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def bundles(shared: Path) -> dict[str, Any]:
    """The decoded bundles of the corpus by name."""
    files = sorted((shared / "corpus" / "bundles").glob("*.json"))
    assert len(files) > 60
    return {file.name: decode(file.read_bytes()).value for file in files}


def bundle_named(bundles: dict[str, Any], number: str) -> Any:
    """The one bundle of a number."""
    (name,) = [name for name in bundles if name.startswith(f"{number}-")]
    return bundles[name]


def values(bundle: Any) -> dict[str, Any]:
    """The decoded values of a bundle by path."""
    decoded = [decode_site(site) for site in payload_sites(bundle)]
    return {payload.site.path: payload.value for payload in decoded if payload.outcome is Outcome.DECODED}


def frames_anywhere(value: Any, path: str = "") -> dict[str, str]:
    """Every text in a document that begins as a frame does, whatever key it stands under."""
    if isinstance(value, str):
        return {path: value} if value.startswith("wwHioz3/VYAiN") else {}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: dict[str, str] = {}
    for key, item in items:
        found |= frames_anywhere(item, f"{path}.{key}".removeprefix("."))
    return found


def test_no_frame_of_the_corpus_is_overlooked(bundles: dict[str, Any]) -> None:
    for bundle in bundles.values():
        sites = {site.path: site.value for site in payload_sites(bundle)}
        frames = frames_anywhere(bundle)
        assert frames == {path: sites.get(path) for path in frames}


def test_every_payload_of_the_manifest_is_a_place(bundles: dict[str, Any]) -> None:
    for bundle in bundles.values():
        places = {site.path for site in payload_sites(bundle)}
        entries = bundle["payload_manifest"]["entries"]
        assert {entry["path"] for entry in entries if entry["available"]} <= places


def test_every_payload_of_the_corpus_is_decoded_or_named(bundles: dict[str, Any]) -> None:
    outcomes: Counter[Outcome] = Counter()
    for bundle in bundles.values():
        payloads = [decode_site(site) for site in payload_sites(bundle)]
        outcomes.update(payload.outcome for payload in payloads)
        Draft202012Validator(SCHEMA).validate(payload_document("bundle.json", payloads))
    assert outcomes == {
        Outcome.DECODED: 1934,
        Outcome.REDACTED: 7,
        Outcome.EXTERNAL: 4,
        Outcome.OTHER_CODEC: 4,
    }


def test_the_findings_of_the_corpus_are_the_legacy_codecs_and_the_bytes(bundles: dict[str, Any]) -> None:
    found = {name[:2]: Counter(finding.rule for finding in payload_findings(b)) for name, b in bundles.items()}
    assert {number: rules for number, rules in found.items() if rules} == {
        "54": {"payloads.codec_not_portable": 3},
        "55": {"payloads.codec_not_portable": 1},
        "82": {"payloads.not_portable": 7},
    }


def test_arguments_and_results_read_as_the_application_wrote_them(bundles: dict[str, Any]) -> None:
    order = values(bundle_named(bundles, "02"))
    items = [{"sku": "A/1", "qty": 2}, {"sku": 'B<2>&"', "qty": 1}]
    assert repr(order["payloads.arguments.data"]) == repr(["o-1001", items, 129.0, 0])
    assert order["activities.0.result"]["reservation"] == "rsv-7466d467"
    assert order["commands.0.payload"] == order["payloads.arguments.data"]
    assert order["history_events.0.payload.command.payload"] == order["payloads.arguments.data"]


def test_the_timeline_of_a_start_repeats_what_its_payload_decodes_to(bundles: dict[str, Any]) -> None:
    """The export decodes commands for its timeline: PHP's own reading of the same frames."""
    pairs = []
    for bundle in bundles.values():
        decoded = values(bundle)
        for index, command in enumerate(bundle["commands"]):
            path = f"commands.{index}.payload"
            shown = [
                entry["command"]["payload"]
                for entry in bundle["timeline"]
                if entry["command"] and entry["command"]["id"] == command["id"]
            ]
            if command["type"] == "start" and path in decoded and shown:
                pairs.append((as_php_shows(to_json(decoded[path])), as_php_shows(shown[0])))
    assert len(pairs) > 40
    assert [ours for ours, _ in pairs] == [theirs for _, theirs in pairs]


def as_php_shows(value: Any) -> Any:
    """JSON as the export's timeline writes it: no empty object, no zero fraction, its own form of bytes."""
    if isinstance(value, dict) and value.keys() == {"$bytes_base64"}:
        return {"$type": "bytes", "base64": value["$bytes_base64"]}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: as_php_shows(item) for key, item in value.items()} or []
    return [as_php_shows(item) for item in value] if isinstance(value, list) else value


def test_a_failure_is_decoded_from_the_snapshot_of_its_activity(bundles: dict[str, Any]) -> None:
    failed = values(bundle_named(bundles, "42"))
    snapshots = [value for path, value in failed.items() if path.endswith(".activity.exception")]
    assert snapshots
    assert {value["class"] for value in snapshots} == {"RuntimeException"}


def test_the_arguments_of_a_failed_update_are_decoded(bundles: dict[str, Any]) -> None:
    failed = values(bundle_named(bundles, "21"))
    assert failed["updates.0.arguments"] == ['kaputt \\ "quoted" / slash']


def test_binary_strings_come_out_as_bytes_and_long_ones_whole(bundles: dict[str, Any]) -> None:
    decoded = values(bundle_named(bundles, "82"))
    assert decoded["history_events.3.payload.result"] == b"\x00\xff\x80raw"
    assert len(decoded["payloads.arguments.data"][0]["long"]) > 1000
    findings = list(payload_findings(bundle_named(bundles, "82")))
    assert findings[0].facts == {"inside": "2", "kind": "bytes"}


def test_references_of_the_corpus_are_named_with_their_scheme(bundles: dict[str, Any]) -> None:
    references = {name[:2]: list(external_references(bundle)) for name, bundle in bundles.items()}
    assert {number for number, found in references.items() if found} == {"51"}
    assert [(path, scheme) for path, scheme, _ in references["51"]] == [
        ("payloads.arguments.data", "corpus-payloads"),
        ("commands.0.payload", "corpus-payloads"),
        ("history_events.0.payload.command.payload", "corpus-payloads"),
        ("history_events.1.payload.command.payload", "corpus-payloads"),
    ]


CHANGED = {
    "m097": {"payloads.arguments.data": "json"},
    "m102": {"payloads.output.data": "workflow-serializer-y"},
    "m103": {"payloads.arguments.data": "json"},
    "m106": {},
    "m108": {"signals.0.arguments": "workflow-serializer-base64"},
    "m109": {"updates.1.arguments": "json", "updates.1.result": "json"},
    "m115": {"history_events.3.payload.result": "json"},
    "m117": {"history_events.7.payload.exception.details": "json"},
    "m120": {},
}


@pytest.mark.parametrize("number", CHANGED)
def test_a_changed_codec_is_named_at_the_payload_that_it_governs(number: str, shared: Path) -> None:
    (file,) = (shared / "corpus" / "changed").glob(f"{number}-*.json")
    findings = payload_findings(decode(file.read_bytes()).value)
    named = {str(f.path): f.facts["codec"] for f in findings if f.rule == "payloads.codec_not_portable"}
    assert CHANGED[number].items() <= named.items()


def test_no_changed_bundle_of_any_shape_makes_the_search_fail(shared: Path) -> None:
    looked_at = 0
    for file in sorted((shared / "corpus" / "changed").glob("*.json")):
        try:
            bundle = decode(file.read_bytes()).value
        except UndecodableDocument:
            continue
        looked_at += 1
        assert all(isinstance(site, PayloadSite) for site in payload_sites(bundle))
        assert all(isinstance(finding, Finding) for finding in payload_findings(bundle))
    assert looked_at > 100


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, Any]:
    """The golden frames of the protocol."""
    document: dict[str, Any] = json.loads((shared / "specs" / "avro-value-v1-golden.json").read_bytes())
    return document


def test_the_value_schema_is_that_of_the_protocol(shared: Path, golden: dict[str, Any]) -> None:
    schema = (shared / "specs" / "durable_workflow.protocol.Value.v1.avsc").read_text(encoding="utf-8")
    assert json.loads(VALUE_SCHEMA_TEXT) == json.loads(schema)
    assert golden["fingerprint"] == VALUE_FINGERPRINT


CONTAINERS = {
    "array": [None, True, 7, 7.0, b"\x00\xff", "text"],
    "map": {"a": 1, "b": [False]},
    "map_empty": {},
    "map_key_0": {"0": "zero"},
    "map_keys_0_1": {"0": "zero", "1": "one"},
    "nested": {"items": [{"enabled": True}, b"bytes", -2.5]},
}


def expected(case: dict[str, Any]) -> Any:
    """The value of a golden case: scalars stand in the file, containers here."""
    kind = case["kind"]
    if kind in {"array", "map"}:
        return CONTAINERS[case["name"]]
    if kind == "bytes":
        return base64.b64decode(case["value_base64"])
    casts = {"long": int, "double": float}
    return casts.get(kind, lambda value: value)(case.get("value"))


def test_golden_frames_decode_to_their_values(golden: dict[str, Any]) -> None:
    assert len(golden["cases"]) == 16
    for case in golden["cases"]:
        frame = decode_blob(case["wire_base64"])
        assert frame == Frame(expected(case))
        assert repr(frame.value) == repr(expected(case))


def test_the_order_of_a_map_on_the_wire_does_not_matter(golden: dict[str, Any]) -> None:
    for case in golden["alternate_map_orders"]:
        first, *others = [decode_blob(blob) for blob in case["wire_base64"]]
        assert first.fault is None
        assert others == [first] * len(others)


def test_golden_malformed_frames_are_undecodable(golden: dict[str, Any]) -> None:
    assert len(golden["malformed_frames"]) == 18
    faults = {case["name"]: decode_blob(case["wire_base64"]).fault for case in golden["malformed_frames"]}
    cut_short = {"empty_blob", "short_frame", "no_datum"}
    assert {name for name, fault in faults.items() if fault is Fault.TRUNCATED} == cut_short | {
        name for name in faults if name.startswith("truncated_")
    }
    assert {name: fault for name, fault in faults.items() if fault is not Fault.TRUNCATED} == {
        "decoded_non_magic_bytes": Fault.WRONG_MAGIC,
        "trailing_bytes": Fault.TRAILING_BYTES,
        "invalid_union_branch": Fault.INVALID_BRANCH,
        "nan_double": Fault.NON_FINITE_DOUBLE,
        "positive_infinity_double": Fault.NON_FINITE_DOUBLE,
        "negative_infinity_double": Fault.NON_FINITE_DOUBLE,
        "invalid_utf8_string": Fault.INVALID_UTF8,
        "unknown_fingerprint": Fault.UNKNOWN_FINGERPRINT,
    }
