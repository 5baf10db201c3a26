"""What becomes of a payload, and what `verify --payloads` says of it."""

from __future__ import annotations

import base64
import json
import math
import struct
import subprocess
import sys
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwctl.bundle.avro_value import MAX_NESTING, MEANING, Fault
from dwctl.bundle.findings import Severity
from dwctl.bundle.payloads import (
    DecodedPayload,
    ExternalReference,
    Outcome,
    PayloadSite,
    Role,
    decode_site,
    payload_findings,
    to_json,
)
from dwctl.bundle.rules import RULES


def blob(body: bytes) -> str:
    """The base64 text of a frame with this body."""
    return base64.b64encode(bytes.fromhex("c301e2a33dff55802237") + body).decode("ascii")


SEVEN = blob(b"\x04\x0e")
TRUNCATED = blob(b"\x04")
BYTES = blob(b"\x08\x04\x00\xff")
NAN = blob(b"\x06" + struct.pack("<d", math.nan))
FIELD_OF_BYTES = blob(b"\x0c\x04\x00\x0e\x02\x06raw\x08\x02\xff\x00\x00")  # [null, {"raw": bytes}]


def site(value: Any, codec: str | None = "avro", redacted: bool = False) -> PayloadSite:
    """A place where this value stands."""
    return PayloadSite("signals.0.arguments", Role.SIGNAL, codec, value, redacted)


MARK = {"redacted": True, "path": "signals.0.arguments"}
EXTERNAL = {"codec": "avro", "external_storage": {"uri": "s3://bucket/key", "size_bytes": 3}}


def undecodable(fault: Fault, offset: int | None = None, **more: Any) -> dict[str, Any]:
    """The fields of a payload that cannot be decoded."""
    return {"outcome": Outcome.UNDECODABLE, "fault": fault, "offset": offset, **more}


OUTCOMES: dict[str, tuple[PayloadSite, dict[str, Any]]] = {
    "a frame": (site(SEVEN), {"outcome": Outcome.DECODED, "value": 7}),
    "a frame in no named codec": (site(SEVEN, None), {"outcome": Outcome.DECODED, "value": 7}),
    "a frame in an envelope": (
        site({"codec": "avro", "blob": SEVEN}),
        {"outcome": Outcome.DECODED, "value": 7},
    ),
    "another codec": (site("O:8:{}", "workflow-serializer-y"), {"outcome": Outcome.OTHER_CODEC}),
    "a codec in capitals is another": (site(SEVEN, "Avro"), {"outcome": Outcome.OTHER_CODEC}),
    "a reference": (
        site(EXTERNAL),
        {"outcome": Outcome.EXTERNAL, "external": ExternalReference("s3", "s3://bucket/key", 3, None)},
    ),
    "a redactor's mark that is listed": (site(MARK, redacted=True), {"outcome": Outcome.REDACTED}),
    "a redactor's mark in another codec": (site(MARK, "json", redacted=True), {"outcome": Outcome.REDACTED}),
    "a mask that is listed": (site("*****", redacted=True), {"outcome": Outcome.REDACTED}),
    "a list that is listed": (site([], redacted=True), {"outcome": Outcome.REDACTED}),
    "a frame that is listed, but was kept": (
        site(SEVEN, redacted=True),
        {"outcome": Outcome.DECODED, "value": 7},
    ),
    "a redactor's mark that is not listed": (site(MARK), undecodable(Fault.NOT_A_BLOB)),
    "a mask that is not listed": (site("*****"), undecodable(Fault.NOT_BASE64)),
    "a damaged frame": (site(TRUNCATED), undecodable(Fault.TRUNCATED, 11)),
    "an envelope without a text": (site({"codec": "avro", "blob": 5}), undecodable(Fault.NOT_A_BLOB)),
    "an envelope with nothing": (site({"codec": "avro"}), undecodable(Fault.NOT_A_BLOB)),
    "a number": (site(7), undecodable(Fault.NOT_A_BLOB)),
}


@pytest.mark.parametrize(("place", "expected"), OUTCOMES.values(), ids=OUTCOMES)
def test_a_payload_is_decoded_or_named(place: PayloadSite, expected: dict[str, Any]) -> None:
    assert decode_site(place) == DecodedPayload(place, **expected)


def test_a_number_that_is_not_finite_is_undecodable_but_shown() -> None:
    payload = decode_site(site(NAN))
    assert (payload.outcome, payload.fault) == (Outcome.UNDECODABLE, Fault.NON_FINITE_DOUBLE)
    assert (payload.inside, payload.offset) == ("$", 10)
    assert payload.has_value
    assert payload.json_value == {"$double": "NaN"}


def test_only_a_decoded_payload_and_one_with_an_infinite_number_have_a_value() -> None:
    having = {name for name, (place, _) in OUTCOMES.items() if decode_site(place).has_value}
    assert having == {name for name, (_, fields) in OUTCOMES.items() if fields["outcome"] is Outcome.DECODED}


def test_values_are_written_as_json() -> None:
    value = {"b": b"\x00\xff", "l": [math.inf, -math.inf, math.nan, 2**63 - 1, 7.0, True, None, "é"]}
    written = to_json(value)
    assert written == {
        "b": {"$bytes_base64": "AP8="},
        "l": [
            {"$double": "Infinity"},
            {"$double": "-Infinity"},
            {"$double": "NaN"},
            9223372036854775807,
            7.0,
            True,
            None,
            "é",
        ],
    }
    assert json.loads(json.dumps(written, allow_nan=False)) == written


def test_values_as_deep_as_a_frame_allows_are_written_as_json() -> None:
    payload = decode_site(site(blob(b"\x0c\x02" * MAX_NESTING + b"\x00" + b"\x00" * MAX_NESTING)))
    text = json.dumps({"payloads": [{"value": payload.json_value}]}, indent=2)
    assert text.count("[") == MAX_NESTING + 1


def findings(*places: Any, codec: str = "avro", redaction: Any = None) -> list[tuple[str, str | None, Any]]:
    """The findings of a bundle whose signals hold these payloads."""
    rows = [{"payload_codec": codec, "arguments": place} for place in places]
    return [
        (finding.rule, finding.path, finding.facts)
        for finding in payload_findings({"signals": rows, "redaction": redaction})
    ]


def test_what_every_worker_can_read_is_no_finding() -> None:
    assert findings(SEVEN, {"codec": "avro", "blob": SEVEN}, None) == []


def test_references_and_redaction_are_left_to_their_own_rules() -> None:
    assert findings(EXTERNAL, MARK, redaction={"applied": True, "paths": ["signals.1"]}) == []


def test_an_undecodable_payload_is_an_error_with_its_reason() -> None:
    facts = {"reason": "truncated", "detail": MEANING[Fault.TRUNCATED], "offset": 11, "inside": None}
    assert findings(SEVEN, TRUNCATED) == [("payloads.undecodable", "signals.1.arguments", facts)]


def test_a_mark_of_redaction_that_the_bundle_does_not_list_is_no_way_past_the_check() -> None:
    (finding,) = findings(MARK)
    assert finding[0] == "payloads.undecodable"


def test_a_number_that_is_not_finite_is_an_error_with_its_place() -> None:
    ((rule, _, facts),) = findings(blob(b"\x0e\x02\x0atotal\x06" + struct.pack("<d", math.inf) + b"\x00"))
    assert (rule, facts["reason"], facts["inside"]) == ("payloads.undecodable", "non_finite_double", "total")


def test_bytes_are_a_warning_with_their_place() -> None:
    assert findings(FIELD_OF_BYTES, BYTES) == [
        ("payloads.not_portable", "signals.0.arguments", {"inside": "1.raw", "kind": "bytes"}),
        ("payloads.not_portable", "signals.1.arguments", {"inside": "$", "kind": "bytes"}),
    ]


@pytest.mark.parametrize("value", ["O:8:{}", EXTERNAL["external_storage"], {"blob": SEVEN}, 7])
def test_another_codec_is_a_warning_that_names_it(value: Any) -> None:
    facts = {"codec": "workflow-serializer-y"}
    expected = [("payloads.codec_not_portable", "signals.0.arguments", facts)]
    assert findings(value, codec="workflow-serializer-y") == expected


def test_a_reference_to_a_payload_in_another_codec_is_a_warning() -> None:
    ((rule, _, facts),) = findings({"external_storage": {"uri": "s3://x", "codec": "json"}})
    assert (rule, facts) == ("payloads.codec_not_portable", {"codec": "json"})


def test_severities_are_those_of_the_table_of_rules() -> None:
    rows = [{"arguments": TRUNCATED}, {"arguments": BYTES}, {"arguments": "x", "payload_codec": "json"}]
    severities = {finding.rule: finding.severity for finding in payload_findings({"signals": rows})}
    assert severities == {
        "payloads.undecodable": Severity.ERROR,
        "payloads.not_portable": Severity.WARNING,
        "payloads.codec_not_portable": Severity.WARNING,
    }
    assert severities == {rule: RULES[rule].severity for rule in severities}


SECRET_KEYS = ["anna@example.org", "4111111111111111", "key with spaces", "x" * 41, "", "é"]


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_a_map_key_that_may_be_data_is_not_in_a_finding(key: str) -> None:
    name = key.encode()
    size = len(name) * 2
    length = bytes([size]) if size < 128 else bytes([size & 0x7F | 0x80, size >> 7])
    ((_, _, facts),) = findings(blob(b"\x0e\x04\x02a\x00" + length + name + b"\x08\x02\xff\x00"))
    assert facts == {"inside": "{1}", "kind": "bytes"}


def test_the_place_of_bytes_far_inside_is_cut_short() -> None:
    deep = MAX_NESTING
    ((_, _, facts),) = findings(blob(b"\x0e\x02\x0etwelve_" * deep + b"\x08\x02\xff" + b"\x00" * deep))
    assert facts["inside"] == ("twelve_." * deep)[:200]


def test_many_values_far_inside_cost_bounded_memory() -> None:
    deep = MAX_NESTING - 1
    many = b"\x0c\x80\x88\x7a" + b"\x00" * 1_000_000  # claims 1,000,000 nulls, within the length of the frame
    text = blob(b"\x0e\x02\x50" + b"k" * 40 + many)
    wide = blob((b"\x0e\x02\x50" + b"k" * 40) * deep + b"\x0c\xc0\x9a\x0c" + b"\x00" * 100_001 + b"\x00" * deep)
    assert findings(wide) == []
    tracemalloc.start()
    try:
        (finding,) = findings(text)
        assert finding[2]["reason"] == "too_many_values"
        assert findings(wide) == []
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_no_finding_holds_a_word_of_the_payload() -> None:
    secret = b"hunter2-hunter2"
    bodies = [
        b"\x0a\x1e" + secret + b"\x00",  # trailing byte
        b"\x0a\x1e" + secret[:-1] + b"\xff",  # invalid UTF-8
        b"\x0a\x1e" + secret[:-1],  # truncated
        b"\x0e\x02\x1e" + secret + b"\x08\x02\xff\x00",  # bytes under a secret key
    ]
    shown = str(findings(*(blob(body) for body in bodies), secret.decode(), {"blob": secret.decode() + "!"}))
    assert len(findings(*(blob(body) for body in bodies))) == 4
    assert "hunter2" not in shown
    assert base64.b64encode(secret).decode()[:8] not in shown


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_a_place_where_anything_stands_is_decoded_or_named(value: Any) -> None:
    for codec, redacted in ((None, False), ("avro", True), ("json", False)):
        payload = decode_site(site(value, codec, redacted))
        assert payload.outcome in Outcome
        assert (payload.fault is not None) == (payload.outcome is Outcome.UNDECODABLE)


def test_fastavro_is_not_loaded_before_a_frame_is_decoded() -> None:
    code = (
        "import sys; from dwctl.bundle.payloads import external_references, payload_findings;"
        "bundle = {'signals': [{'arguments': {'external_storage': {'uri': 's3://b/k'}}}]};"
        "assert list(external_references(bundle)); assert not list(payload_findings(bundle));"
        "assert 'fastavro' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
