"""The link rows that a bundle would write; each is unique on the server (contract/import.md §4.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.loose import string
from dwctl.bundle.view import BundleView, rows


class LinkRow(NamedTuple):
    """The columns that make a link unique: parent run, child run, type."""

    parent_run_id: str
    child_run_id: str
    link_type: str


def link_rows(bundle: BundleView) -> tuple[LinkRow, ...]:
    """The links of a bundle's lineage that name both runs."""
    sides = (rows(bundle.links.get(side)) for side in ("parents", "children"))
    return tuple(link for side in sides for _, row in side if (link := link_of(row)))


def link_of(row: Mapping[str, JsonValue]) -> LinkRow | None:
    """The link that a row of a lineage stands for; None where it does not name both runs."""
    parent = string(row.get("parent_workflow_run_id"))
    child = string(row.get("child_workflow_run_id"))
    return LinkRow(parent, child, string(row.get("type")) or "") if parent and child else None
