"""The link rows that a bundle would write; each is unique on the server (contract/import.md §4.3)."""

from __future__ import annotations

from typing import NamedTuple

from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.loose import entries, field, string


class LinkRow(NamedTuple):
    """The columns that make a link unique: parent run, child run, type."""

    parent_run_id: str
    child_run_id: str
    link_type: str


def link_rows(bundle: JsonValue) -> tuple[LinkRow, ...]:
    """The links of a bundle's lineage that name both runs."""
    links = field(bundle, "links")
    rows: list[LinkRow] = []
    for side in ("parents", "children"):
        for _, link in entries(field(links, side)):
            parent = string(field(link, "parent_workflow_run_id"))
            child = string(field(link, "child_workflow_run_id"))
            if parent and child:
                rows.append(LinkRow(parent, child, string(field(link, "type")) or ""))
    return tuple(rows)
