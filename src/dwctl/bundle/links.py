"""The link rows that a bundle would write; each is unique on the server (contract/import.md §4.3)."""

from __future__ import annotations

from typing import NamedTuple

from dwctl.bundle.loose import string
from dwctl.bundle.view import BundleView, rows


class LinkRow(NamedTuple):
    """The columns that make a link unique: parent run, child run, type."""

    parent_run_id: str
    child_run_id: str
    link_type: str


def link_rows(bundle: BundleView) -> tuple[LinkRow, ...]:
    """The links of a bundle's lineage that name both runs."""
    found: list[LinkRow] = []
    for side in ("parents", "children"):
        for _, link in rows(bundle.links.get(side)):
            parent = string(link.get("parent_workflow_run_id"))
            child = string(link.get("child_workflow_run_id"))
            if parent and child:
                found.append(LinkRow(parent, child, string(link.get("type")) or ""))
    return tuple(found)
