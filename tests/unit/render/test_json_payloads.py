"""Decoded payloads as JSON text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwctl.bundle.avro_value import Fault
from dwctl.bundle.payloads import DecodedPayload, ExternalReference, Outcome, PayloadSite, Role
from dwctl.render.json_payloads import one_line_json, payload_document, payload_item, readable_json

SITE = PayloadSite("signals.0.arguments", Role.SIGNAL, "avro", "blob")
HEAD = {"path": "signals.0.arguments", "role": "signal", "codec": "avro"}

ITEMS: list[tuple[DecodedPayload, dict[str, Any]]] = [
    (DecodedPayload(SITE, Outcome.DECODED, None), {"outcome": "decoded", "value": None}),
    (
        DecodedPayload(SITE, Outcome.DECODED, [b"\xff"]),
        {"outcome": "decoded", "value": [{"$bytes_base64": "/w=="}]},
    ),
    (DecodedPayload(SITE, Outcome.REDACTED), {"outcome": "redacted"}),
    (DecodedPayload(SITE, Outcome.OTHER_CODEC), {"outcome": "other_codec"}),
    (
        DecodedPayload(SITE, Outcome.EXTERNAL, external=ExternalReference("s3", "s3://b/k", 3, None)),
        {
            "outcome": "external",
            "external": {"scheme": "s3", "uri": "s3://b/k", "size_bytes": 3, "sha256": None},
        },
    ),
    (
        DecodedPayload(SITE, Outcome.UNDECODABLE, fault=Fault.TRUNCATED, offset=11),
        {
            "outcome": "undecodable",
            "reason": "truncated",
            "detail": "the frame ends before its value does",
            "offset": 11,
            "inside": None,
        },
    ),
]


@pytest.mark.parametrize(("payload", "fields"), ITEMS, ids=[str(fields["outcome"]) for _, fields in ITEMS])
def test_an_item_tells_what_became_of_the_payload(payload: DecodedPayload, fields: dict[str, Any]) -> None:
    assert payload_item(payload) == HEAD | fields


def test_the_document_names_its_schema_and_the_file() -> None:
    assert payload_document("a.json", [ITEMS[2][0]]) == {
        "schema": "dwctl.bundle-decode",
        "schema_version": 1,
        "file": "a.json",
        "payloads": [HEAD | {"outcome": "redacted"}],
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values)
def test_readable_json_is_the_same_value_and_safe_for_a_terminal(value: Any) -> None:
    text = readable_json(value)
    assert json.loads(text) == value
    assert all(character == "\n" or character.isprintable() for character in text)


def test_letters_stay_and_what_cannot_be_seen_is_escaped() -> None:
    text = readable_json("é 🎉 \x1b[31m \x7f \x9b \u202e \u200b \u2028 \U000e0041")
    assert text == '"é 🎉 \\u001b[31m \\u007f \\u009b \\u202e \\u200b \\u2028 \\udb40\\udc41"'


@given(json_values, st.integers(5, 40))
def test_one_line_is_never_longer_than_asked(value: Any, longest: int) -> None:
    text = one_line_json(value, longest)
    assert len(text) <= longest
    assert text.isprintable()


def test_one_line_holds_the_whole_value_where_it_fits() -> None:
    assert one_line_json({"a": [1, "é"]}, 15) == '{"a": [1, "é"]}'
    assert one_line_json({"a": [1, "é"]}, 14) == '{"a": [1, "é"…'
