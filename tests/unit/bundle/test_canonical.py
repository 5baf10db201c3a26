"""The canonical form and the two paths that lead to it; all recorded vectors are in tests/contract."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import pytest

from dwctl.bundle.canonical import canonical_json, decode, sealed_part, sha256_hex
from dwctl.errors import UndecodableDocument
from sample_bundles import EXAMPLES, ORDER, RECORDED, as_json, recorded_checksum


def numbered(keys: Iterable[int]) -> str:
    """An object with these keys in this order."""
    return "{" + ",".join(f'"{key}":0' for key in keys) + "}"


@pytest.mark.parametrize(
    ("document", "canonical"),
    [
        ("{}", "[]"),
        ("[]", "[]"),
        ('{"a":{},"b":[]}', '{"a":[],"b":[]}'),
        ('{"b":1,"a":2}', '{"a":2,"b":1}'),
        ('{"1":"b","0":"a"}', '["a","b"]'),
        ('{"01":"b","0":"a"}', '{"0":"a","01":"b"}'),
        ('{"b":1,"b":2,"a":3}', '{"a":3,"b":2}'),
        ('{"10":1,"9":2}', '{"10":1,"9":2}'),
        (numbered(range(11)), "[0,0,0,0,0,0,0,0,0,0,0]"),
        (numbered(range(9, -1, -1)), "[0,0,0,0,0,0,0,0,0,0]"),
        (numbered(range(10, -1, -1)), numbered([0, 1, 10, 2, 3, 4, 5, 6, 7, 8, 9])),
        ("[3,1,2]", "[3,1,2]"),
        ("9223372036854775808", "9.223372036854776e+18"),
        ("-0", "0"),
        ("-0.0", "-0.0"),
        ("1e16", "10000000000000000.0"),
        ("1e17", "1.0e+17"),
        ("0.00001", "1.0e-5"),
        ("12.50", "12.5"),
        ('"é😀/\\/"', '"\\u00e9\\ud83d\\ude00//"'),
        ('"\x7f\\u007f"', '"\x7f\x7f"'),
        (" [ 1 , 2 ] ", "[1,2]"),
    ],
)  # fmt: skip
def test_a_document_has_one_canonical_text(document: str, canonical: str) -> None:
    assert canonical_json(document.encode()) == canonical.encode()


@pytest.mark.parametrize(
    "path", sorted([*EXAMPLES.glob("*.json"), *RECORDED.glob("*.json")]), ids=lambda path: path.stem
)
def test_the_sealed_text_of_a_real_bundle_is_the_same_by_both_paths(path: Any) -> None:
    document = path.read_bytes()
    fast = decode(document)
    exact = decode(document[:-1].rstrip().removesuffix(b"}") + b',"integrity":{"x":' + b"1" * 20 + b"}}")
    assert exact.sealed_text is None
    assert b"".join(fast.sealed_chunks()) == b"".join(exact.sealed_chunks())


def test_a_real_bundle_takes_the_fast_path_and_gets_its_recorded_checksum() -> None:
    document = ORDER.read_bytes()
    decoded = decode(document)
    assert decoded.sealed_text is not None
    assert sha256_hex(decoded.sealed_chunks()) == recorded_checksum(document)


def test_the_bytes_that_were_read_are_kept() -> None:
    document = b' { "b" : 1.50 , "a" : [ ] }\n'
    assert decode(document).raw is document


@pytest.mark.parametrize(
    ("value", "sealed"),
    [
        ({"a": 1, "integrity": {"b": 2}}, {"a": 1}),
        ({"a": 1}, {"a": 1}),
        ([{"integrity": 1}], [{"integrity": 1}]),
        (5, 5),
    ],
)
def test_the_sealed_part_is_all_but_the_integrity_of_an_object(value: Any, sealed: Any) -> None:
    assert sealed_part(value) == sealed
    assert b"".join(decode(as_json(value)).sealed_chunks()) == canonical_json(as_json(sealed))


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ('{"a":1e999}', "a"),
        ('{"a":[0,{"b.c":-1e999}]}', "a.1.b.c"),
        ("[1e400]", "0"),
        ("1e999", "$"),
        ('{"n":' + "9" * 400 + "}", "n"),
    ],
)
def test_an_infinite_number_is_decoded_but_not_written(document: str, where: str) -> None:
    decoded = decode(document.encode())
    with pytest.raises(UndecodableDocument) as refusal:
        decoded.canonical_text_of(decoded.value)
    assert (refusal.value.where, refusal.value.reason) == (where, "infinite_number")
    assert (refusal.value.line, refusal.value.column) == (None, None)


def test_the_text_of_a_variant_is_that_of_the_variant_by_either_path() -> None:
    for document in (b'{"b":{"x":1},"a":1.5}', b'{"b":{},"a":1.5}'):
        decoded = decode(document)
        variant = {**decoded.value, "c": {"0": "é"}}
        expected = canonical_json(json.dumps(variant).encode())
        assert decoded.canonical_text_of(variant) == expected


@pytest.mark.parametrize("length", [4095, 4096, 4097, 20_000])
def test_text_above_ascii_is_escaped_across_the_borders_of_pieces(length: int) -> None:
    words = ["é" * (length // 3), "x" * length, "😀", "\\", '"é"', ""]
    document = json.dumps({"a": words}, ensure_ascii=False).encode()
    assert canonical_json(document) == json.dumps({"a": words}, separators=(",", ":")).encode()


def test_a_checksum_of_pieces_is_that_of_the_whole() -> None:
    assert sha256_hex(iter([b"a", b"", b"bc"])) == hashlib.sha256(b"abc").hexdigest()
