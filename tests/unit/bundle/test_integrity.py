"""Checksum and signature: what is compared, what is said, and what an attacker cannot pass (import.md §1, §2, §6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dwctl.bundle.canonical import decode
from dwctl.bundle.integrity import IntegrityReport, check_integrity
from dwctl.errors import UndecodableDocument
from sample_bundles import (
    LOST_FRACTION,
    ORDER,
    SIGNED,
    SIGNING_KEY,
    as_json,
    recorded_checksum,
    sealed,
    small_bundle,
)

KEY = b"a key"


def check(document: bytes, key: bytes | None = None) -> tuple[IntegrityReport, list[str]]:
    """The report, and the rules that fired."""
    report, findings = check_integrity(decode(document), key)
    return report, [finding.rule for finding in findings]


def test_a_real_bundle_has_the_checksum_that_it_records() -> None:
    report, rules = check(ORDER.read_bytes())
    assert rules == []
    assert report.checksum_matches is True
    assert report.recomputed_checksum == report.expected_checksum == recorded_checksum(ORDER.read_bytes())
    assert (report.signature_present, report.signature_verified) == (False, None)


def test_an_export_that_lost_a_fraction_does_not() -> None:
    report, rules = check(LOST_FRACTION.read_bytes())
    assert rules == ["integrity.checksum_mismatch"]
    assert report.checksum_matches is False
    assert report.recomputed_checksum != report.expected_checksum


@pytest.mark.parametrize("block", [..., None, "", "text", 5, True])
def test_a_bundle_without_an_integrity_block_is_not_checked(block: Any) -> None:
    bundle = small_bundle()
    if block is not ...:
        bundle["integrity"] = block
    report, rules = check(as_json(bundle))
    assert rules == ["integrity.missing"]
    assert report.present is False
    assert report.signature_present is False
    assert report.checksum_matches is None


@pytest.mark.parametrize("document", [b"[]", b"[1]", b"{}"])
def test_an_empty_document_has_no_integrity(document: bytes) -> None:
    assert check(document) == (IntegrityReport(), ["integrity.missing"])


@pytest.mark.parametrize(
    ("block", "rule"),
    [
        ({}, "integrity.canonicalization_unsupported"),
        ([], "integrity.canonicalization_unsupported"),
        (["json-recursive-ksort-v1"], "integrity.canonicalization_unsupported"),
        ({"canonicalization": "json-recursive-ksort-v2"}, "integrity.canonicalization_unsupported"),
        ({"canonicalization": "json-recursive-ksort-v1"}, "integrity.checksum_algorithm_unsupported"),
        (
            {"canonicalization": "json-recursive-ksort-v1", "checksum_algorithm": "SHA256"},
            "integrity.checksum_algorithm_unsupported",
        ),
        (
            {"canonicalization": "json-recursive-ksort-v1", "checksum_algorithm": 256},
            "integrity.checksum_algorithm_unsupported",
        ),
    ],
)
def test_what_cannot_be_recomputed_is_refused_and_nothing_is_compared(block: Any, rule: str) -> None:
    report, rules = check(as_json(small_bundle() | {"integrity": block}))
    assert rules == [rule]
    assert report.present is True
    assert (report.recomputed_checksum, report.checksum_matches, report.signature_verified) == (None, None, None)


@pytest.mark.parametrize("checksum", [None, "", 5, True, []])
def test_a_missing_checksum_is_refused_and_does_not_match(checksum: Any) -> None:
    report, rules = check(sealed(small_bundle(), checksum=checksum))
    assert rules == ["integrity.checksum_missing"]
    assert report.checksum_matches is False
    assert report.recomputed_checksum is not None


@pytest.mark.parametrize(
    "change", [str.upper, lambda text: text[:-1], lambda text: text + "0", lambda text: f" {text}"]
)
def test_a_checksum_is_compared_exactly(change: Any) -> None:
    checksum = recorded_checksum(sealed(small_bundle()))
    report, rules = check(sealed(small_bundle(), checksum=change(checksum)))
    assert rules == ["integrity.checksum_mismatch"]
    assert report.checksum_matches is False


def test_the_integrity_block_is_outside_the_checksum() -> None:
    report, rules = check(sealed(small_bundle(), note="anything", key_id="other"))
    assert rules == []
    assert report.checksum_matches is True


# --- signatures --------------------------------------------------------------------------------------------


def test_a_real_signature_is_verified_by_its_key_alone() -> None:
    document = SIGNED.read_bytes()
    report, rules = check(document, SIGNING_KEY.encode())
    assert (rules, report.signature_verified, report.key_id) == ([], True, "corpus-key-1")
    report, rules = check(document, b"another key")
    assert (rules, report.signature_verified) == (["integrity.signature_mismatch"], False)
    report, rules = check(document)
    assert (rules, report.signature_verified) == (["integrity.signature_key_unavailable"], None)


def test_an_unsigned_bundle_is_not_verified_by_any_key() -> None:
    report, rules = check(sealed(small_bundle()), KEY)
    assert rules == []
    assert (report.signature_present, report.signature_verified) == (False, None)


def test_stripping_the_signature_leaves_a_bundle_that_verifies_but_is_not_verified_as_signed() -> None:
    signed = json.loads(SIGNED.read_bytes())
    for name in ("signature_algorithm", "signature", "key_id"):
        del signed["integrity"][name]
    report, rules = check(as_json(signed), SIGNING_KEY.encode())
    assert rules == []
    assert report.signature_verified is None


@pytest.mark.parametrize("algorithm", [None, "", "hmac-sha512", "HMAC-SHA256", 5])
def test_a_signature_of_an_unknown_algorithm_is_refused_with_and_without_a_key(algorithm: Any) -> None:
    document = sealed(small_bundle(), key="a key", signature_algorithm=algorithm)
    for key in (None, KEY):
        report, rules = check(document, key)
        assert rules == ["integrity.signature_algorithm_unsupported"]
        assert report.signature_verified is None


def test_an_algorithm_without_a_signature_is_refused() -> None:
    report, rules = check(sealed(small_bundle(), key="a key", signature=None), KEY)
    assert rules == ["integrity.signature_missing"]
    assert (report.signature_present, report.signature_verified) == (False, None)


@pytest.mark.parametrize("change", [str.upper, lambda text: text[:-1], lambda text: "é" + text[1:]])
def test_a_signature_is_compared_exactly(change: Any) -> None:
    signature = json.loads(sealed(small_bundle(), key="a key"))["integrity"]["signature"]
    report, rules = check(sealed(small_bundle(), key="a key", signature=change(signature)), KEY)
    assert rules == ["integrity.signature_mismatch"]
    assert report.signature_verified is False


def test_a_signature_proves_the_content_and_not_the_checksum_beside_it() -> None:
    bundle = small_bundle()
    signature = json.loads(sealed(bundle, key="a key"))["integrity"]["signature"]
    bundle["workflow"]["queue"] = "other"
    report, rules = check(sealed(bundle, key="a key", signature=signature), KEY)
    assert report.checksum_matches is True
    assert rules == ["integrity.signature_mismatch"]


def test_a_wrong_checksum_and_a_wrong_signature_are_both_named() -> None:
    _, rules = check(sealed(small_bundle(), key="a key", checksum="0" * 64), b"another")
    assert rules == ["integrity.checksum_mismatch", "integrity.signature_mismatch"]


def test_a_key_of_any_bytes_is_a_key() -> None:
    report, rules = check(SIGNED.read_bytes(), b"\x00\xff")
    assert (rules, report.signature_verified) == (["integrity.signature_mismatch"], False)


def test_an_infinite_number_has_no_checksum_and_is_named_by_its_path() -> None:
    document = sealed(small_bundle()).replace(b'"queue":"default"', b'"queue":[1,{"a":1e999}]')
    with pytest.raises(UndecodableDocument) as refusal:
        check(document)
    assert refusal.value.where == "workflow.queue.1.a"
    assert refusal.value.reason == "infinite_number"


def test_an_infinite_number_within_integrity_is_outside_the_checksum() -> None:
    document = sealed(small_bundle(), note="INF").replace(b'"INF"', b"-1e999")
    assert check(document)[1] == []
