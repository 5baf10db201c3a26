"""The cause of a checksum mismatch is named where it is proven, and undone only then (contract/import.md §5)."""

from __future__ import annotations

import json
import re
from collections.abc import Set
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dwctl.bundle import restoration
from dwctl.bundle.canonical import decode, sealed_part
from dwctl.bundle.integrity import check_integrity
from dwctl.bundle.restoration import Cause, Restoration, explain_mismatch, repair
from dwctl.errors import NotRepairable, UndecodableDocument
from sample_bundles import (
    LEASED,
    LOST_FRACTION,
    ORDER,
    SIGNED,
    SIGNING_KEY,
    WAITING,
    as_json,
    checksum_of,
    recorded_checksum,
    sealed,
    small_bundle,
    with_top_level_key,
)

ZERO_FRACTION = re.compile(rb"(?<=[0-9])\.0(?=[,}\]\s])")


def as_exported_over_http(document: bytes) -> bytes:
    """The document as an encoder without PHP's zero-fraction flag writes it: 12.0 becomes 12."""
    return ZERO_FRACTION.sub(b"", document)


def explained(document: bytes) -> Restoration:
    """The explanation of a bundle that records a checksum."""
    outcome = explain_mismatch(decode(document))
    assert outcome is not None
    return outcome


def assert_restored(original: bytes, damaged: bytes, cause: Cause, *, paths: Set[str] = frozenset()) -> None:
    """The damaged bundle is explained and repaired to exactly the original bytes."""
    assert damaged != original
    restored, proof = repair(decode(damaged))
    assert restored == original
    assert (proof.cause, proof.proven, proof.gave_up) == (cause, True, False)
    assert set(proof.restored_paths) == paths
    assert proof.checksum == recorded_checksum(original) == checksum_of(restored)
    assert explained(damaged) == proof


# --- lost fractions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "lost"),
    [
        ({"amount": 12.0}, {"amount"}),
        ({"amount": -12.0, "name": "x"}, {"amount"}),
        ({"a": 1.0, "b": 2.0, "c": 3.0}, {"a", "b", "c"}),
        ({"a": 1.0, "b": 2, "c": 3.5, "d": "4.0"}, {"a"}),
        ({"a": 1, "b": 1.0, "c": 1}, {"b"}),
        ({"zero": 0.0, "other": 0}, {"zero"}),
        ({"large": 9007199254740992.0}, {"large"}),
        ({"tags": ["a", "b"], "list": [1.0, 2]}, {"list.0"}),
        ({"0": 5.0, "1": 5}, {"0"}),
    ],
)
@pytest.mark.parametrize("indent", [None, 4], ids=["compact", "pretty"])
def test_lost_fractions_of_search_attributes_are_restored(
    attributes: dict[str, Any], lost: set[str], indent: int | None
) -> None:
    changes = {"workflow.search_attributes": attributes, "summary.search_attributes": attributes}
    original = json.dumps(json.loads(sealed(small_bundle(changes))), indent=indent).encode()
    paths = {f"{section}.search_attributes.{name}" for section in ("workflow", "summary") for name in lost}
    assert_restored(original, as_exported_over_http(original), Cause.LOST_ZERO_FRACTIONS, paths=paths)


def test_a_negative_zero_is_restored_as_one() -> None:
    original = sealed(small_bundle({"workflow.memo": {"balance": -0.0, "other": 0.0, "plain": 0}}))
    damaged = as_exported_over_http(original)
    assert b'"balance":-0,"other":0,"plain":0' in damaged
    assert_restored(
        original, damaged, Cause.LOST_ZERO_FRACTIONS, paths={"workflow.memo.balance", "workflow.memo.other"}
    )


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"workflow.memo": {"total": {"net": [7.0]}}}, "workflow.memo.total.net.0"),
        ({"history_events.1.payload": {"attributes": {"n": 7.0}}}, "history_events.1.payload.attributes.n"),
        ({"history_events.1.payload": {"merged": {"n": 7.0}}}, "history_events.1.payload.merged.n"),
        ({"history_events.1.payload": {"entries": {"n": 7.0}}}, "history_events.1.payload.entries.n"),
        ({"history_events.1.payload": {"memo": {"n": 7.0}}}, "history_events.1.payload.memo.n"),
        (
            {"history_events.1.payload": {"search_attributes": {"n": 7.0}}},
            "history_events.1.payload.search_attributes.n",
        ),
        ({"history_events.1.payload": {"progress": {"done": 7.0}}}, "history_events.1.payload.progress.done"),
        ({"timeline": [{"command": {"payload": {"n": 7.0}}}]}, "timeline.0.command.payload.n"),
        ({"activities.0.last_heartbeat_progress": {"n": 7.0}}, "activities.0.last_heartbeat_progress.n"),
        (
            {"activities.0.attempts.0.last_heartbeat_progress": {"n": 7.0}},
            "activities.0.attempts.0.last_heartbeat_progress.n",
        ),
        ({"tasks.0.payload": {"n": 7.0}}, "tasks.0.payload.n"),
    ],
)
def test_lost_fractions_are_found_wherever_the_application_s_own_values_stand(
    changes: dict[str, Any], path: str
) -> None:
    original = sealed(small_bundle(changes))
    assert_restored(original, as_exported_over_http(original), Cause.LOST_ZERO_FRACTIONS, paths={path})


def test_a_value_that_stands_in_several_places_lost_its_fraction_in_all_of_them() -> None:
    merged = {"ratio": 1.0, "count": 1}
    changes = {
        "workflow.memo": merged,
        "history_events.0.payload": {"entries": merged, "merged": merged},
        "history_events.1.payload": {"entries": {"count": 1}, "merged": merged},
    }
    original = sealed(small_bundle(changes))
    _, proof = repair(decode(as_exported_over_http(original)))
    assert len(proof.restored_paths) == 4
    assert_restored(
        original, as_exported_over_http(original), Cause.LOST_ZERO_FRACTIONS, paths=set(proof.restored_paths)
    )


def test_all_values_of_a_typical_bundle_are_restored_after_an_export_over_http() -> None:
    memo = {"price": 250.0, "rate": 0.25, "count": 3, "list": [1.0, 2.5, 0.0], "note": "12.0"}
    attributes = {"amount": 12.0, "vip": True, "score": 4}
    changes = {
        "workflow.memo": memo,
        "workflow.search_attributes": attributes,
        "summary.search_attributes": attributes,
        "history_events.0.payload": {"entries": memo, "merged": memo},
        "history_events.1.payload": {"attributes": attributes, "merged": attributes},
    }
    original = sealed(small_bundle(changes))
    restored, proof = repair(decode(as_exported_over_http(original)))
    assert restored == original
    assert len(proof.restored_paths) == 3 * 3 + 4


@pytest.mark.parametrize(
    "changes",
    [
        {"workflow.memo": {"n": 1.0}, "workflow.search_attributes": {"n": 1}},
        {"workflow.memo": {"n": 1}, "workflow.search_attributes": {"n": 1.0}},
        {
            "history_events.0.payload": {"entries": {"n": 1}},
            "history_events.1.payload": {"entries": {"n": 1.0}},
            "workflow.memo": {"n": 1.0},
        },
    ],
)
def test_one_name_may_stand_for_two_values_of_which_one_lost_its_fraction(changes: dict[str, Any]) -> None:
    original = sealed(small_bundle(changes))
    assert repair(decode(as_exported_over_http(original)))[0] == original


def test_what_an_export_makes_anew_is_told_from_what_was_stored_without_its_fractions() -> None:
    """A memo lost its fractions when it was stored; the arguments beside it are decoded again at every export."""
    whole = {f"n{number}": number for number in range(2, 13)}
    anew = {name: float(number) for name, number in whole.items()}
    changes = {
        "workflow.memo": whole,
        "history_events.0.payload": {"entries": whole, "merged": whole},
        "workflow.search_attributes": {"n2": 2.0},
        "timeline": [{"command": {"payload": [anew, 1.0]}}, {"command": {"payload": [anew, 1.0]}}],
    }
    original = sealed(small_bundle(changes))
    restored, proof = repair(decode(as_exported_over_http(original)))
    assert restored == original
    assert len(proof.restored_paths) == 1 + 2 * (len(whole) + 1)
    assert not any(path.startswith(("workflow.memo", "history_events")) for path in proof.restored_paths)


def test_a_real_export_that_lost_a_fraction_is_restored_and_only_there() -> None:
    damaged = LOST_FRACTION.read_bytes()
    restored, proof = repair(decode(damaged))
    assert proof.restored_paths == ("workflow.search_attributes.whole_float",)
    assert checksum_of(restored) == recorded_checksum(damaged)
    assert ZERO_FRACTION.sub(b"", restored) == damaged


@pytest.mark.parametrize(
    "name",
    [
        "33-memo-integral-and-extreme-floats",
        "37-search-attribute-datetime",
        "84-search-attribute-whole-float-only",
        "85-signed-whole-float",
    ],
)
def test_every_recorded_export_that_fails_its_checksum_is_restored(name: str, shared: Path) -> None:
    damaged = (shared / "corpus" / "bundles" / f"{name}.json").read_bytes()
    restored, proof = repair(decode(damaged))
    assert proof.cause is Cause.LOST_ZERO_FRACTIONS
    assert checksum_of(restored) == recorded_checksum(damaged)
    assert len(restored) == len(damaged) + 2 * len(proof.restored_paths)


# --- an added key ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [ORDER, WAITING, LEASED, SIGNED], ids=lambda path: path.stem)
@pytest.mark.parametrize(
    "member",
    [b'"namespace":"default"', b'"namespace" : null', b'"\\u006eamespace":{"a":[1]}', b'"":""', '"é":1'.encode()],
)
def test_an_added_top_level_key_is_removed(path: Path, member: bytes) -> None:
    original = path.read_bytes()
    damaged = with_top_level_key(original, member)
    restored, proof = repair(decode(damaged))
    assert (proof.cause, len(proof.removed_keys), proof.restored_paths) == (Cause.ADDED_TOP_LEVEL_KEY, 1, ())
    assert restored == original


def test_a_key_at_the_end_and_a_key_written_twice_are_removed() -> None:
    original = sealed(small_bundle())
    for damaged in (
        original[:-1] + b',"namespace":"x"}',
        with_top_level_key(original, b'"namespace":1')[:-1] + b',"namespace":"x"}',
    ):
        assert_restored(original, damaged, Cause.ADDED_TOP_LEVEL_KEY)


def test_one_of_several_unknown_keys_or_all_of_them_are_removed() -> None:
    bundle = small_bundle({"extra": 1})
    original = sealed(bundle)
    one = with_top_level_key(original, b'"namespace":"x"')
    assert explained(one).removed_keys == ("namespace",)
    assert_restored(original, one, Cause.ADDED_TOP_LEVEL_KEY)
    both = with_top_level_key(with_top_level_key(sealed(small_bundle()), b'"a":1'), b'"b":2')
    assert set(explained(both).removed_keys) == {"a", "b"}
    assert repair(decode(both))[0] == sealed(small_bundle())


def test_a_key_that_every_bundle_has_is_never_taken_away() -> None:
    original = sealed(small_bundle())
    for key in ("failures", "timeline", "summary"):
        damaged = json.loads(original)
        damaged[key] = [{"added": True}]
        assert explained(as_json(damaged)).cause is Cause.EDITED_OR_DAMAGED


def test_an_added_key_and_lost_fractions_are_undone_together() -> None:
    attributes = {"amount": 12.0, "count": 3}
    original = sealed(small_bundle({"workflow.search_attributes": attributes}))
    damaged = with_top_level_key(as_exported_over_http(original), b'"namespace":"default"')
    assert_restored(original, damaged, Cause.ADDED_KEY_AND_LOST_FRACTIONS, paths={"workflow.search_attributes.amount"})


@pytest.mark.parametrize("numbers", [13, 16, 40])
def test_an_added_key_is_found_however_many_numbers_a_large_bundle_has(numbers: int) -> None:
    memo = {f"n{at}": at for at in range(numbers)}
    original = sealed(small_bundle({"workflow.memo": memo, "failures": ["x" * 200_000]}))
    assert_restored(original, with_top_level_key(original, b'"namespace":"default"'), Cause.ADDED_TOP_LEVEL_KEY)


def test_an_added_key_on_any_recorded_bundle_is_found(shared: Path) -> None:
    unexplained = []
    for path in sorted((shared / "corpus" / "bundles").glob("*.json")):
        original = path.read_bytes()
        if len(original) < 2_000_000 and checksum_of(original) == recorded_checksum(original):
            outcome = explained(with_top_level_key(original, b'"namespace":"default"'))
            if outcome.removed_keys != ("namespace",):
                unexplained.append(path.name)
    assert unexplained == []


# --- signatures --------------------------------------------------------------------------------------------


def test_a_restored_signed_bundle_verifies_with_its_key() -> None:
    original = sealed(small_bundle({"workflow.memo": {"n": 4.0}}), key="a key")
    damaged = with_top_level_key(as_exported_over_http(original), b'"namespace":"default"')
    assert check_integrity(decode(damaged), b"a key")[0].signature_verified is False
    restored, _ = repair(decode(damaged))
    assert check_integrity(decode(restored), b"a key")[0].signature_verified is True


def test_a_real_signed_bundle_is_restored_with_its_signature() -> None:
    restored, _ = repair(decode(with_top_level_key(SIGNED.read_bytes(), b'"namespace":"default"')))
    assert check_integrity(decode(restored), SIGNING_KEY.encode())[0].signature_verified is True


# --- what is not proven is not mended ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (ORDER.read_bytes(), "checksum_matches"),
        (b"[]", "no_checksum"),
        (b"5", "no_checksum"),
        (b"{}", "no_checksum"),
        (sealed(small_bundle(), checksum=None), "no_checksum"),
        (sealed(small_bundle(), checksum="abc"), "no_checksum"),
        (sealed(small_bundle(), checksum=recorded_checksum(sealed(small_bundle())).upper()), "no_checksum"),
        (sealed(small_bundle(), checksum=recorded_checksum(sealed(small_bundle())) + "\n"), "no_checksum"),
        (sealed(small_bundle(), checksum="0" * 64), "edited_or_damaged"),
    ],
)
def test_a_bundle_without_a_proof_is_not_repaired_and_the_reason_is_told(document: bytes, reason: str) -> None:
    with pytest.raises(NotRepairable) as refusal:
        repair(decode(document))
    assert refusal.value.reason == reason
    assert refusal.value.message


def test_an_infinite_number_is_not_repaired_but_named() -> None:
    document = sealed(small_bundle()).replace(b'"queue":"default"', b'"queue":1e999')
    with pytest.raises(UndecodableDocument, match="infinity"):
        repair(decode(document))


@pytest.mark.parametrize(
    "edit",
    [
        (b'"amount":12', b'"amount":13'),
        (b'"amount":12', b'"amount":12.5'),
        (b'"amount":12', b'"amount":"12.0"'),
        (b'"queue":"default"', b'"queue":"Default"'),
        (b'"closed_at":null', b'"closed_at":""'),
        (b'"status":"waiting"', b'"status":"running"'),
    ],
)
def test_an_edit_beside_a_lost_fraction_is_not_repaired(edit: tuple[bytes, bytes]) -> None:
    original = sealed(small_bundle({"workflow.search_attributes": {"amount": 12.0}}))
    damaged = as_exported_over_http(original).replace(*edit, 1)
    assert damaged != as_exported_over_http(original)
    outcome = explained(damaged)
    assert (outcome.cause, outcome.proven, outcome.gave_up) == (Cause.EDITED_OR_DAMAGED, False, False)
    assert (outcome.removed_keys, outcome.restored_paths, outcome.fractions) == ((), (), ())
    with pytest.raises(NotRepairable):
        repair(decode(damaged))


@pytest.mark.parametrize("path", [LOST_FRACTION, LEASED, WAITING], ids=lambda path: path.stem)
@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_changed_digit_never_survives_as_repaired(path: Path, data: st.DataObject) -> None:
    recorded = path.read_bytes()
    original = repair(decode(recorded))[0] if path is LOST_FRACTION else recorded
    places = [match.start() for match in re.finditer(rb"[0-9]", recorded)]
    at = data.draw(st.sampled_from(places))
    digit = data.draw(st.sampled_from([b"%d" % value for value in range(10)]))
    edited = recorded[:at] + digit + recorded[at + 1 :]
    assume(edited != recorded)
    try:
        restored, proof = repair(decode(edited))
    except (NotRepairable, UndecodableDocument):
        return
    assert checksum_of(restored) == proof.checksum == recorded_checksum(original)
    assert sealed_part(decode(restored).value) == sealed_part(decode(original).value)


# --- the bound ---------------------------------------------------------------------------------------------


def test_a_search_that_tried_everything_did_not_give_up() -> None:
    outcome = explained(sealed(small_bundle({"workflow.memo": {"a": 1, "b": 2}}), checksum="0" * 64))
    assert outcome.gave_up is False
    assert outcome.tried >= 4


def test_a_search_stops_at_its_bound_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    memo = {f"n{at}": at + 1 for at in range(12)}
    document = sealed(small_bundle({"workflow.memo": memo}), checksum="0" * 64)
    everything = explained(document)
    assert (everything.tried >= 2**12, everything.gave_up) == (True, False)
    monkeypatch.setattr(restoration, "MOST_HASHED", 100 * len(document))
    outcome = explained(document)
    assert (outcome.proven, outcome.gave_up) == (False, True)
    assert 50 < outcome.tried < 200
    with pytest.raises(NotRepairable, match="given up"):
        repair(decode(document))


def test_with_too_many_numbers_only_the_likely_combinations_are_tried_and_that_is_said() -> None:
    memo = {f"n{at}": float(at + 1) for at in range(20)}
    likely = sealed(small_bundle({"workflow.memo": memo}))
    assert explained(as_exported_over_http(likely)).proven is True
    assert repair(decode(as_exported_over_http(likely)))[0] == likely
    unlikely = sealed(small_bundle({"workflow.memo": memo | {f"n{at}": at + 1 for at in range(10)}}))
    outcome = explained(as_exported_over_http(unlikely))
    assert (outcome.proven, outcome.gave_up, outcome.cause) == (False, True, Cause.EDITED_OR_DAMAGED)


# --- hostile documents -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["dwctl-cut:0", "dwctl\\u002dcut:0", "dwctl\\u002dcut:99", "\\u0064wctl-cut-:7"])
def test_a_document_that_holds_the_search_s_own_marks_is_searched_all_the_same(text: str) -> None:
    original = sealed(small_bundle({"workflow.memo": {"a": 1.0, "mark": "MARK"}}))
    written = original.replace(b"MARK", text.encode())
    written = written.replace(recorded_checksum(original).encode(), checksum_of(written).encode())
    assert_restored(written, as_exported_over_http(written), Cause.LOST_ZERO_FRACTIONS, paths={"workflow.memo.a"})


@pytest.mark.parametrize(
    "changes",
    [
        {"workflow": [1, 2], "summary": 5, "history_events": {"a": [1], "b": 3}},
        {
            "history_events": [[1], {"payload": [5]}, {"payload": {"merged": [[[0]]]}}],
            "timeline": {"x": {"command": []}},
        },
        {"activities": [{"attempts": {"a": [1]}, "last_heartbeat_progress": 5}], "tasks": {"": {"payload": 3}}},
        {"workflow.memo": {"": {"": [0, {"a.b": 1}]}}, "workflow.search_attributes": [7]},
    ],
)
def test_sections_of_any_shape_are_searched(changes: dict[str, Any]) -> None:
    outcome = explained(sealed(small_bundle(changes), checksum="0" * 64))
    assert outcome.cause is Cause.EDITED_OR_DAMAGED


def test_a_number_where_a_path_has_odd_keys_is_restored() -> None:
    memo = {"a.b": 1.0, "": {"0": 2.0}, 'q"': [3.0], "é": 4.0, "back\\slash": 5.0}
    original = sealed(small_bundle({"workflow.memo": memo}))
    restored, _ = repair(decode(as_exported_over_http(original)))
    assert restored == original
