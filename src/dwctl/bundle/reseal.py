"""Leaving link rows out of a bundle and sealing it anew: the one change that no checksum of the source can prove.

Two members of a chain, or a parent and its child, hold the same link row, and the server takes it once
(contract/import.md §4.3). The later bundle goes without it. Such a bundle is no longer what the embedded runtime
sealed: it is "resealed by dwctl", and only ever on a person's explicit word.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Collection
from copy import deepcopy
from dataclasses import dataclass

from dwctl.bundle.canonical import Document, JsonValue, decode
from dwctl.bundle.integrity import check_integrity
from dwctl.bundle.links import LinkRow, link_of
from dwctl.bundle.splice import Step, remove_items, replace_values
from dwctl.bundle.view import as_object, rows
from dwctl.errors import NotRepairable, RequestNotPossible

_SIDES = ("parents", "children")


@dataclass(frozen=True, slots=True)
class Resealed:
    """A bundle without some of its link rows: the new bytes, what was removed, and both checksums (hex sha256)."""

    content: bytes
    removed: tuple[LinkRow, ...]
    checksum_before: str
    checksum_after: str
    signed: bool

    @property
    def sha256(self) -> str:
        """The digest of the new bytes, hex."""
        return hashlib.sha256(self.content).hexdigest()


def without_links(document: Document, links: Collection[LinkRow], signing_key: bytes | None = None) -> Resealed:
    """Remove these link rows, and write the new checksum, and signature where there was one, in place of the old.

    Every other byte stays. Raises `NotRepairable` for a bundle that does not hold each of the links, or whose own
    checksum or signature does not hold: a broken seal is never covered by a new one. Raises `RequestNotPossible`
    for a signed bundle without its key.
    """
    before, signed = _sound_seal(document, signing_key)
    found = _find(document, set(links))
    expected = _expected(document, list(found))
    text = remove_items(document.raw, list(found))
    sealed = document.canonical_text_of(_sealed(expected))
    after = hashlib.sha256(sealed).hexdigest()
    values: dict[tuple[Step, ...], str] = {("integrity", "checksum"): json.dumps(after)}
    as_object(expected.get("integrity"))["checksum"] = after
    if signed and signing_key is not None:
        signature = hmac.new(signing_key, sealed, hashlib.sha256).hexdigest()
        values["integrity", "signature"] = json.dumps(signature)
        as_object(expected.get("integrity"))["signature"] = signature
    content = replace_values(text, values)
    _prove(content, expected, signing_key if signed else None)
    return Resealed(content, tuple(found.values()), before, after, signed)


def _sound_seal(document: Document, signing_key: bytes | None) -> tuple[str, bool]:
    """The recorded checksum, and whether the bundle is signed. Raises for a seal that does not hold."""
    report, _ = check_integrity(document, signing_key)
    if report.checksum_matches is not True or report.expected_checksum is None:
        raise NotRepairable(
            "the bundle's own checksum does not hold, so it is not sealed anew", where="integrity.checksum",
            next_step="Export the run again, or see what `dwctl bundle repair` can prove.", reason="reseal_unsound",
        )  # fmt: skip
    if not report.signature_present:
        return report.expected_checksum, False
    if signing_key is None:
        raise RequestNotPossible(
            "the bundle is signed, and without the key it cannot be signed again", where="integrity.signature",
            next_step="Give the key with --signing-key-file.", reason="reseal_needs_key",
        )  # fmt: skip
    if report.signature_verified is not True:
        raise NotRepairable(
            "the bundle's signature does not hold under this key, so it is not signed anew",
            where="integrity.signature", next_step="Give the key that signed it.", reason="reseal_unsound",
        )  # fmt: skip
    return report.expected_checksum, True


def _find(document: Document, wanted: set[LinkRow]) -> dict[tuple[Step, ...], LinkRow]:
    """The paths of the wanted links, in the order of the bundle. Raises where one of them is not there."""
    lineage = as_object(as_object(document.value).get("links"))
    found: dict[tuple[Step, ...], LinkRow] = {}
    for side in _SIDES:
        for key, row in rows(lineage.get(side)):
            link = link_of(row)
            if link in wanted:
                found["links", side, key] = link
    absent = wanted - set(found.values())
    if absent:
        raise NotRepairable(
            "the bundle does not hold the link that is to be left out", where="links",
            next_step="Make a new plan: the bundle is not the one that was planned.", reason="reseal_link_absent",
        )  # fmt: skip
    return found


def _expected(document: Document, paths: list[tuple[Step, ...]]) -> dict[str, JsonValue]:
    """The document as it shall be, but for the seal."""
    value = deepcopy(as_object(document.value))
    lineage = as_object(value.get("links"))
    for _, side, key in sorted(paths, key=lambda path: (str(path[1]), _position(path[2])), reverse=True):
        section = lineage[str(side)]
        if isinstance(section, list) and isinstance(key, int):
            del section[key]
        elif isinstance(section, dict):
            del section[str(key)]
    return value


def _position(key: Step) -> int:
    return key if isinstance(key, int) else 0


def _sealed(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {key: item for key, item in value.items() if key != "integrity"}


def _prove(content: bytes, expected: dict[str, JsonValue], signing_key: bytes | None) -> None:
    """The new bytes decode to just what they should, and their seal holds. Anything else is not let out."""
    document = decode(content)
    report, _ = check_integrity(document, signing_key)
    holds = report.checksum_matches is True and (signing_key is None or report.signature_verified is True)
    if document.value != expected or not holds:
        raise NotRepairable(
            "the link cannot be cut out of this document cleanly", where="links",
            next_step="Import this run by hand, or leave it in the embedded application.", reason="reseal_unsound",
        )  # fmt: skip
