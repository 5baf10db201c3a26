"""The link rows that a bundle would write."""

from __future__ import annotations

from typing import Any

import pytest

from dwctl.bundle.canonical import decode
from dwctl.bundle.links import LinkRow, link_rows
from dwctl.bundle.view import BundleView
from sample_bundles import EXAMPLES, small_bundle


def rows_of(links: Any) -> tuple[LinkRow, ...]:
    """The link rows of the small bundle with this section."""
    return link_rows(BundleView(small_bundle({"links": links})))


def link(parent: Any, child: Any, kind: Any = "continue_as_new") -> dict[str, Any]:
    """A link as it stands in a bundle."""
    return {"type": kind, "parent_workflow_run_id": parent, "child_workflow_run_id": child}


def test_links_to_parents_and_to_children_are_rows() -> None:
    links = {"parents": [link("a", "b")], "children": [link("b", "c"), link("b", "d", "child_workflow")]}
    assert rows_of(links) == (
        LinkRow("a", "b", "continue_as_new"),
        LinkRow("b", "c", "continue_as_new"),
        LinkRow("b", "d", "child_workflow"),
    )


@pytest.mark.parametrize(
    "links",
    [
        None, [], {}, "text", {"parents": None, "children": "x"}, {"parents": [None, "x", ["a"]]},
        {"parents": [link(None, "b"), link("a", ""), link(5, "b"), link("a", ["b"])]},
    ],
)  # fmt: skip
def test_a_link_that_does_not_name_both_runs_is_no_row(links: Any) -> None:
    assert rows_of(links) == ()


@pytest.mark.parametrize("kind", [None, 5, "", []])
def test_a_link_without_a_type_is_a_row_all_the_same(kind: Any) -> None:
    assert rows_of({"parents": {"x": link("a", "b", kind)}}) == (LinkRow("a", "b", ""),)


def test_two_members_of_a_real_chain_share_a_row() -> None:
    first, second, third = (
        set(link_rows(BundleView(decode((EXAMPLES / f"chain-sub-1-run-{run}.json").read_bytes()).value)))
        for run in (1, 2, 3)
    )
    assert len(first & second) == 1
    assert len(second & third) == 1
    assert not first & third
