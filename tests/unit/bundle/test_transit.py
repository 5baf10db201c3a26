"""What an ordinary JSON body would lose on its way in, and the envelope that loses nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dwctl.bundle.canonical import decode, sha256_hex
from dwctl.bundle.php_decode import MAX_DEPTH
from dwctl.bundle.transit import envelope, fits_an_envelope, rewritten_at
from sample_bundles import ORDER, RECORDED, as_json

# The characters of the framework's own list, as its sources name them.
INVISIBLE = (
    "\t\n\x0b\x0c\r \x00\u00a0\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u2000\u200b\u200e\u200f\u2028\u202f"
    "\u205f\u2060\u206a\u3000\u2800\u3164\ufeff\uffa0\U0001d159\U0001d173\U0001d17a\U000e0020"
)


@pytest.mark.parametrize("character", INVISIBLE, ids=lambda character: f"U+{ord(character):04X}")
def test_what_the_framework_trims_counts_at_either_end_and_nowhere_else(character: str) -> None:
    assert rewritten_at({"a": f"{character}x"}) == "a"
    assert rewritten_at({"a": f"x{character}"}) == "a"
    assert rewritten_at({"a": f"x{character}x"}) is None


@pytest.mark.parametrize("text", ["x", "é", "ß", "漢", "٣", "🙂", "«»", "a\u0301", "0", "~!", "\\", "/"])
def test_a_letter_a_mark_a_number_a_punctuation_and_a_symbol_stay(text: str) -> None:
    assert rewritten_at({"a": text}) is None


@pytest.mark.parametrize("value", [None, True, 0, 1.5, [], {}, [[], {}], "x", {"": "x", " k ": 1}])
def test_what_holds_no_such_string_survives(value: Any) -> None:
    assert rewritten_at(value) is None


def test_the_path_is_that_of_the_first_such_string_of_the_document() -> None:
    value = decode(b'{"a":"x","b":{"c":["x",{"d":""}]},"e":" x"}').value
    assert rewritten_at(value) == "b.c.1.d"
    assert rewritten_at([["x", ""], ""]) == "0.1"
    assert rewritten_at("") == ""


@pytest.mark.parametrize("key", ["password", "current_password", "password_confirmation"])
def test_the_framework_s_exemption_by_key_is_not_relied_on(key: str) -> None:
    assert rewritten_at({"workflow": {"memo": {key: " x"}}}) == f"workflow.memo.{key}"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet="ab \t\u00a0\u200b\u2028\ufeff", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(JSON_VALUES)
def test_a_value_that_survives_is_one_that_the_framework_leaves_alone(value: Any) -> None:
    assert (rewritten_at(value) is None) == (framework(value) == value)


def framework(value: Any) -> Any:
    """TrimStrings and ConvertEmptyStringsToNull, over the alphabet of the test."""
    if isinstance(value, str):
        return value.strip(" \t\u00a0\u200b\u2028\ufeff") or None
    if isinstance(value, list):
        return [framework(item) for item in value]
    return {key: framework(item) for key, item in value.items()} if isinstance(value, dict) else value


def test_a_cancelled_run_would_be_rewritten_and_a_completed_one_not() -> None:
    cancelled = decode((RECORDED / "06-cancelled.json").read_bytes()).value
    assert rewritten_at(cancelled) == "failures.0.file"
    assert rewritten_at(decode(ORDER.read_bytes()).value) is None


def test_it_foretells_what_the_real_server_did_to_every_recorded_bundle(shared: Path) -> None:
    matrix = json.loads((shared / "recordings" / "import-matrix.json").read_bytes())
    told = 0
    for name, ways in matrix.items():
        file = shared / "corpus" / "bundles" / name
        if not file.exists() or ways["artisan_import"]["status"] != "imported":
            continue
        if ways["http_dry_run"]["http"] == 413:
            continue
        damaged = ways["http_dry_run"]["errors"] == ["bundle.integrity_failed"]
        assert (rewritten_at(decode(file.read_bytes()).value) is not None) == damaged, name
        told += 1
    assert told >= 40


def test_an_envelope_holds_the_bundle_s_own_bytes_and_the_options_beside_it() -> None:
    bundle = b' {"b": 1.0,\n "a":"\xc3\xa9\\u00e9", "a": 1e2 }\n'
    body = envelope(bundle, {"import_id": 'x"é', "dry_run": True})
    assert bundle in body
    whole = json.loads(body)
    assert whole == {"bundle": {"b": 1.0, "a": 100.0}, "import_id": 'x"é', "dry_run": True}
    assert body.isascii() is False
    assert envelope(b"{}", {}) == b'{"bundle":{}}'
    assert json.loads(envelope(b"{}", {"a": "b"})) == {"bundle": {}, "a": "b"}


def test_a_bundle_in_an_envelope_keeps_its_checksum() -> None:
    content = ORDER.read_bytes()
    inner = decode(envelope(content, {"dry_run": True})).value["bundle"]
    recorded = inner["integrity"]["checksum"]
    assert sha256_hex(decode(as_json(inner)).sealed_chunks()) == recorded


@pytest.mark.parametrize(("depth", "fits"), [(1, True), (MAX_DEPTH - 1, True), (MAX_DEPTH, False)])
def test_an_envelope_adds_one_level_to_what_php_will_nest(depth: int, fits: bool) -> None:
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    assert fits_an_envelope(value) is fits
