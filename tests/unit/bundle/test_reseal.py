"""Leaving a link out of a bundle, and the new seal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwctl.bundle.canonical import decode
from dwctl.bundle.links import LinkRow, link_rows
from dwctl.bundle.reseal import Resealed, without_links
from dwctl.bundle.verify import Outcome, VerifyOptions, verify_bundle
from dwctl.bundle.view import BundleView
from dwctl.errors import NotRepairable, RequestNotPossible
from sample_bundles import EXAMPLES, SIGNED, SIGNING_KEY, sealed, small_bundle

FIRST, SECOND, THIRD = (EXAMPLES / f"chain-sub-1-run-{run}.json" for run in (1, 2, 3))
KEY = SIGNING_KEY.encode()


def links_of(content: bytes) -> list[LinkRow]:
    return list(link_rows(BundleView(decode(content).value)))


def link(parent: str, child: str, kind: str = "continue_as_new") -> dict[str, Any]:
    return {"type": kind, "parent_workflow_run_id": parent, "child_workflow_run_id": child, "note": [{"a": "},]"}]}


def resealed(bundle: dict[str, Any], *links: LinkRow, indent: int | None = None) -> Resealed:
    text = sealed(bundle)
    if indent is not None:
        text = json.dumps(json.loads(text), indent=indent).encode()
    return without_links(decode(text), links)


@pytest.mark.parametrize("file", [SECOND, THIRD])
def test_a_member_of_a_real_chain_goes_without_the_link_to_the_one_before(file: Any) -> None:
    content = file.read_bytes()
    shared = set(links_of(content)) & set(links_of((FIRST if file == SECOND else SECOND).read_bytes()))
    changed = without_links(decode(content), shared)
    assert set(changed.removed) == shared
    assert set(links_of(changed.content)) == set(links_of(content)) - shared
    assert verify_bundle(changed.content).outcome is Outcome.OK
    assert changed.checksum_before.encode() in content
    assert changed.checksum_after.encode() in changed.content
    assert changed.checksum_before.encode() not in changed.content
    assert not changed.signed


def test_every_other_byte_stays() -> None:
    content = THIRD.read_bytes()
    changed = without_links(decode(content), links_of(content))
    before, after = json.loads(content), json.loads(changed.content)
    del before["integrity"]["checksum"], after["integrity"]["checksum"]
    assert before.pop("links")["parents"]
    assert after.pop("links")["parents"] == []
    assert before == after
    assert len(content) - len(changed.content) > 400


def test_a_signed_bundle_is_signed_again_with_its_key() -> None:
    bundle = small_bundle({"links.parents": [link("a", "run-1")]})
    content = sealed(bundle, key=SIGNING_KEY)
    changed = without_links(decode(content), [LinkRow("a", "run-1", "continue_as_new")], KEY)
    assert changed.signed
    options = VerifyOptions(signing_key=KEY, require_signature=True)
    assert verify_bundle(changed.content, options).outcome is Outcome.OK


def test_a_signed_bundle_without_its_key_is_not_touched() -> None:
    with pytest.raises(RequestNotPossible) as caught:
        without_links(decode(SIGNED.read_bytes()), [])
    assert caught.value.reason == "reseal_needs_key"


def test_another_key_signs_nothing() -> None:
    with pytest.raises(NotRepairable) as caught:
        without_links(decode(SIGNED.read_bytes()), [], b"another key")
    assert caught.value.reason == "reseal_unsound"


def test_a_broken_seal_is_not_covered_by_a_new_one() -> None:
    content = SECOND.read_bytes().replace(b"sub-1", b"sub-2", 1)
    with pytest.raises(NotRepairable) as caught:
        without_links(decode(content), links_of(content))
    assert caught.value.reason == "reseal_unsound"


def test_a_link_that_is_not_there_is_said() -> None:
    with pytest.raises(NotRepairable) as caught:
        resealed(small_bundle({"links.parents": [link("a", "b")]}), LinkRow("a", "c", "continue_as_new"))
    assert caught.value.reason == "reseal_link_absent"


def test_a_section_that_is_an_object_loses_the_member() -> None:
    bundle = small_bundle({"links.children": {"x": link("a", "b"), "y": link("a", "c")}})
    changed = resealed(bundle, LinkRow("a", "b", "continue_as_new"))
    assert links_of(changed.content) == [LinkRow("a", "c", "continue_as_new")]


def test_a_text_that_names_a_section_twice_is_cut_only_where_that_is_right() -> None:
    """PHP reads the last of two members of one name, so only the last may be cut."""
    text = sealed(small_bundle({"links.parents": [link("a", "b")]}))
    twice = text.replace(b'"links":{', b'"links":{"parents":[{},{},{},{}],"children":[]},"links":{', 1)
    changed = without_links(decode(twice), [LinkRow("a", "b", "continue_as_new")])
    assert links_of(changed.content) == []
    assert verify_bundle(changed.content).outcome is Outcome.OK


pairs = st.tuples(
    st.sampled_from("abc"), st.sampled_from("xyz"), st.sampled_from(["child_workflow", "continue_as_new"])
)


@given(st.lists(pairs, max_size=5), st.lists(pairs, max_size=5), st.data(), st.sampled_from([None, 4]))
def test_whatever_is_removed_is_gone_and_the_rest_is_as_it_was(
    parents: list[tuple[str, str, str]], children: list[tuple[str, str, str]], data: st.DataObject, indent: int | None
) -> None:
    bundle = small_bundle({"links.parents": [link(*one) for one in parents],
                           "links.children": [link(*one) for one in children]})  # fmt: skip
    every = [LinkRow(*one) for one in (*parents, *children)]
    chosen = set(data.draw(st.lists(st.sampled_from(every), max_size=4))) if every else set()
    changed = resealed(bundle, *chosen, indent=indent)
    assert links_of(changed.content) == [one for one in every if one not in chosen]
    assert verify_bundle(changed.content).outcome is Outcome.OK
