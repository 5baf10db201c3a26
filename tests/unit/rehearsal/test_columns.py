"""Values of a bundle as columns hold them."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given

from dwctl.bundle.canonical import JsonValue, canonical_json, decode
from dwctl.bundle.php_encode import php_float
from dwctl.errors import UndecodableDocument
from dwctl.rehearsal.columns import WriteFailedError, json_array, json_text, moment, payload, unpacked
from json_texts import valid_texts


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("2026-11-22T22:11:31.546085Z", "2026-11-22 22:11:31.546085"),
        ("2026-11-22T22:11:31Z", "2026-11-22 22:11:31.000000"),
        ("2026-11-22T23:11:31.5+01:00", "2026-11-22 22:11:31.500000"),
        ("2026-11-22 22:11:31", "2026-11-22 22:11:31.000000"),
        ("2026-11-22", "2026-11-22 00:00:00.000000"),
        ("", None),
        (None, None),
        (1700000000, None),
    ],
)
def test_a_time_is_utc_text_with_microseconds(text: JsonValue, column: str | None) -> None:
    assert moment(text) == column


@pytest.mark.parametrize("text", ["99/99/9999", "soon", "2026-13-01T00:00:00.000000Z", "9999-12-31T23:59:59-14:00"])
def test_a_text_that_is_no_time_cannot_be_written(text: str) -> None:
    with pytest.raises(WriteFailedError, match="cannot be read"):
        moment(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": "b/c", "ü": "💳"}, r'{"a":"b\/c","\u00fc":"\ud83d\udcb3"}'),
        ({"a": {}, "b": []}, '{"a":[],"b":[]}'),
        ({"a": 1.0, "b": -0.0, "c": 1e25, "d": 1.5e-7}, '{"a":1,"b":-0,"c":1.0e+25,"d":1.5e-7}'),
        ({"0": "a", "1": "b"}, '["a","b"]'),
        ({"0": "a", "7": "b"}, '{"0":"a","7":"b"}'),
        ({"a": "\x7f"}, '{"a":"\x7f"}'),
        ([True, None, 9007199254740993], "[true,null,9007199254740993]"),
    ],
)
def test_json_is_written_as_php_writes_a_column(value: JsonValue, text: str) -> None:
    assert json_text(value) == text


@given(valid_texts)
def test_a_column_holds_the_same_value_but_for_zero_fractions(text: str) -> None:
    try:
        value = decode(text.encode()).value
        expected = canonical_json(json.dumps(_without_zero_fractions(value)).encode())
    except (UndecodableDocument, OverflowError):
        return  # an infinite number: such a document never reaches a column
    assert canonical_json(json_text(value).encode()) == expected


def _without_zero_fractions(value: JsonValue) -> JsonValue:
    if isinstance(value, float):
        text = php_float(value)
        return int(text[:-2]) if text.endswith(".0") else float(value)
    if isinstance(value, dict):
        return {key: _without_zero_fractions(item) for key, item in value.items()}
    return [_without_zero_fractions(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("value", [None, "text", 7, [], {}])
def test_an_array_column_without_an_array_is_an_empty_list(value: JsonValue) -> None:
    assert json_array(value) == "[]"


def test_a_payload_is_its_blob() -> None:
    assert payload("wwH=") == "wwH="
    assert payload({"codec": "avro", "blob": "wwH="}) == "wwH="


@pytest.mark.parametrize("value", [None, "", {"redacted": True, "path": "payloads.arguments.data"}, 7, []])
def test_what_is_no_payload_becomes_none(value: JsonValue) -> None:
    assert payload(value) is None


def test_a_reference_to_external_storage_is_packed_and_unpacked() -> None:
    envelope: JsonValue = {"codec": "avro", "external_storage": {"uri": "s3://bucket/a/b", "size_bytes": 7}}
    column = payload(envelope)
    assert column is not None
    packed = column.removeprefix("dw-external-payload:v1:")
    assert json.loads(base64.b64decode(packed)) == envelope
    assert unpacked(column) == envelope
    assert unpacked("wwH=") == "wwH="
    assert unpacked(None) is None
