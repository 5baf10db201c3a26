"""Bundles damaged at random, for as long as `DWCTL_SOAK_SECONDS` says: no damage passes, none is "repaired".

A failure names the seed; `DWCTL_SOAK_SEED` repeats it.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dwctl.bundle.canonical import canonical_json, decode, sealed_part
from dwctl.bundle.verify import Outcome, verify_bundle
from dwctl.errors import UndecodableDocument

pytestmark = pytest.mark.soak

SECONDS = float(os.environ.get("DWCTL_SOAK_SECONDS", "60"))
SEED = int(os.environ.get("DWCTL_SOAK_SEED", str(time.time_ns())))
LONGEST = 10.0
"""Seconds that one verdict on a damaged bundle of these sizes may take, the search for a repair included."""

EXAMPLES = Path(__file__).parents[2] / "examples" / "orders" / "bundles"
PIECES = [b"{}", b"[]", b"null", b"1e999", b"-0.0", b'"', b"\\ud800", b"\xff", b",", b"[" * 600, b'"0":', b"12.0"]


def test_a_damaged_bundle_never_passes_as_something_else_than_it_was() -> None:
    chance = random.Random(SEED)
    originals = [path.read_bytes() for path in sorted(EXAMPLES.glob("*.json"))]
    sealed = {original: sealed_text(original) for original in originals}
    tried = 0
    for original in rounds(chance, originals):
        damaged = damage(chance, original)
        start = time.monotonic()
        verdict = verify_bundle(damaged)
        assert time.monotonic() - start < LONGEST, f"seed {SEED}"
        tried += 1
        if verdict.integrity.checksum_matches:
            assert sealed_text(damaged) == sealed[original], f"seed {SEED}, document {tried}"
        else:
            assert verdict.outcome in {Outcome.REFUSED, Outcome.UNREADABLE}, f"seed {SEED}, document {tried}"
    assert tried > 0


def test_a_bundle_edited_by_one_digit_is_never_repaired(shared: Path) -> None:
    chance = random.Random(SEED)
    names = ("33", "37", "84", "85")
    originals = [next((shared / "corpus" / "bundles").glob(f"{name}-*.json")).read_bytes() for name in names]
    for original in originals:
        repair = verify_bundle(original).repair
        assert repair is not None
        assert repair.proven
    tried = 0
    for original in rounds(chance, originals):
        edited = edit_a_digit(chance, original)
        if sealed_text(edited) == sealed_text(original):
            continue  # 0.30000000000000003 is the same number as 0.30000000000000004
        tried += 1
        repair = verify_bundle(edited).repair
        assert repair is None or not repair.proven, f"seed {SEED}, document {tried}"
    assert tried > 0


def rounds(chance: random.Random, originals: list[bytes]) -> Iterator[bytes]:
    """One of the originals again and again, until the time is over."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        yield chance.choice(originals)


def damage(chance: random.Random, document: bytes) -> bytes:
    """Change a byte, cut the end or a piece away, repeat a piece, or put something hostile in."""
    at = chance.randrange(len(document))
    length = chance.randrange(1, 40)
    kind = chance.randrange(5)
    if kind == 0:
        return document[:at] + bytes([chance.randrange(256)]) + document[at + 1 :]
    if kind == 1:
        return document[:at]
    if kind == 2:
        return document[:at] + document[at + length :]
    if kind == 3:
        return document[: at + length] + document[at:]
    return document[:at] + chance.choice(PIECES) + document[at:]


def edit_a_digit(chance: random.Random, document: bytes) -> bytes:
    """Another digit in place of one before the `integrity` block."""
    end = document.rindex(b'"integrity"')
    at = chance.choice([place for place in range(end) if document[place : place + 1].isdigit()])
    other = chance.choice([digit for digit in b"0123456789" if digit != document[at]])
    return document[:at] + bytes([other]) + document[at + 1 :]


def sealed_text(document: bytes) -> bytes | None:
    """The canonical text under the checksum; None where PHP has none."""
    try:
        decoded = decode(document)
        return decoded.canonical_text_of(sealed_part(decoded.value))
    except UndecodableDocument:
        return None


def test_the_documents_that_the_campaign_starts_from_are_sound() -> None:
    for path in EXAMPLES.glob("*.json"):
        assert canonical_json(path.read_bytes())
        assert verify_bundle(path.read_bytes()).integrity.checksum_matches
