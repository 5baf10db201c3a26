"""Checksum and signature of a bundle (contract/import.md §1, §2, §6)."""

from __future__ import annotations

import hashlib
import hmac
from typing import NamedTuple

from dwctl.bundle import vocabulary
from dwctl.bundle.canonical import Document
from dwctl.bundle.findings import Finding
from dwctl.bundle.loose import field, is_array, string
from dwctl.bundle.rules import found


class IntegrityReport(NamedTuple):
    """What a bundle says of its own integrity, and what was recomputed.

    Checksums are lower-case hex sha256; `checksum_matches` and `signature_verified` are None where nothing
    was compared.
    """

    present: bool = False
    canonicalization: str | None = None
    checksum_algorithm: str | None = None
    expected_checksum: str | None = None
    recomputed_checksum: str | None = None
    checksum_matches: bool | None = None
    signature_algorithm: str | None = None
    signature_present: bool = False
    signature_verified: bool | None = None
    key_id: str | None = None


def check_integrity(document: Document, signing_key: bytes | None) -> tuple[IntegrityReport, list[Finding]]:
    """Recompute checksum and signature, and compare them exactly, as the reference does.

    An unsigned bundle passes; a signed one without a key is a warning. Raises `UndecodableDocument` with a
    JSON path for an infinite number, over which the reference crashes.
    """
    block = field(document.value, "integrity")
    if not is_array(block):
        return IntegrityReport(), [found("integrity.missing", "integrity")]
    canonicalization = string(field(block, "canonicalization"))
    checksum_algorithm = string(field(block, "checksum_algorithm"))
    checksum = string(field(block, "checksum"))
    signature_algorithm = string(field(block, "signature_algorithm"))
    signature = string(field(block, "signature"))
    key_id = string(field(block, "key_id"))

    findings: list[Finding] = []
    recomputed: str | None = None
    matches: bool | None = None
    verified: bool | None = None
    if canonicalization != vocabulary.CANONICALIZATION:
        findings.append(
            found(
                "integrity.canonicalization_unsupported",
                "integrity.canonicalization",
                expected=vocabulary.CANONICALIZATION,
                found=canonicalization,
            )
        )
    elif checksum_algorithm != vocabulary.CHECKSUM_ALGORITHM:
        findings.append(
            found(
                "integrity.checksum_algorithm_unsupported",
                "integrity.checksum_algorithm",
                expected=vocabulary.CHECKSUM_ALGORITHM,
                found=checksum_algorithm,
            )
        )
    else:
        wants_signature = signing_key is not None and signature is not None
        recomputed, expected_signature = _digests(document, signing_key if wants_signature else None)
        matches = checksum == recomputed
        if checksum is None:
            findings.append(found("integrity.checksum_missing", "integrity.checksum"))
        elif not matches:
            findings.append(
                found("integrity.checksum_mismatch", "integrity.checksum", expected=checksum, found=recomputed)
            )
        verified, complaint = _check_signature(signature_algorithm, signature, expected_signature, key_id)
        findings.extend(complaint)
    report = IntegrityReport(
        True,
        canonicalization,
        checksum_algorithm,
        checksum,
        recomputed,
        matches,
        signature_algorithm,
        signature is not None,
        verified,
        key_id,
    )
    return report, findings


def _digests(document: Document, signing_key: bytes | None) -> tuple[str, str | None]:
    checksum = hashlib.sha256()
    signature = None if signing_key is None else hmac.new(signing_key, digestmod=hashlib.sha256)
    for chunk in document.sealed_chunks():
        checksum.update(chunk)
        if signature is not None:
            signature.update(chunk)
    return checksum.hexdigest(), None if signature is None else signature.hexdigest()


def _check_signature(
    algorithm: str | None, signature: str | None, expected: str | None, key_id: str | None
) -> tuple[bool | None, list[Finding]]:
    """Whether the signature was verified (None: not compared), and what is to be said of it."""
    if algorithm is None and signature is None:
        return None, []
    if algorithm != vocabulary.SIGNATURE_ALGORITHM:
        return None, [
            found(
                "integrity.signature_algorithm_unsupported",
                "integrity.signature_algorithm",
                expected=vocabulary.SIGNATURE_ALGORITHM,
                found=algorithm,
            )
        ]
    if signature is None:
        return None, [found("integrity.signature_missing", "integrity.signature")]
    if expected is None:
        return None, [found("integrity.signature_key_unavailable", "integrity.signature")]
    if hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogatepass")):
        return True, []
    return False, [found("integrity.signature_mismatch", "integrity.signature", key_id=key_id)]
