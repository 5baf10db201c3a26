"""The inventory as JSON: an item a run, an item a workflow of v1, and the summary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dwctl.embedded.inventory_runs import OldWorkflow, Summary
from dwctl.transfer.runtimes.inventory import InventoryTally, Standing

SCHEMA = "dwctl.embedded-inventory"
"""The document of `embedded inventory --json`, with or without `--summary`."""


def run_item(standing: Standing) -> dict[str, Any]:
    """One v2 run."""
    run = standing.run
    return {
        "engine": "v2",
        **run.row._asdict(),
        "is_current_run": run.is_current,
        "age_seconds": run.age_seconds,
        "dedupe_key": run.dedupe_key,
        **run.work._asdict(),
        "held": [held._asdict() for held in run.work.held],
        "eligible": run.eligible,
        "must_be_quiesced": run.must_be_quiesced,
        "foreseen": [one._asdict() for one in run.foreseen],
        "exported": None if standing.exported is None else standing.exported._asdict(),
        "imported": None if standing.imported is None else standing.imported._asdict(),
    }


def old_item(old: OldWorkflow) -> dict[str, Any]:
    """One open workflow of v1."""
    return {"engine": "v1", **old._asdict()}


def group_items(summary: Summary) -> Iterable[Mapping[str, Any]]:
    """The groups of both engines, as JSON lines."""
    for group in summary.groups:
        yield {"engine": "v2", **group._asdict()}
    for old in summary.v1 or ():
        yield {"engine": "v1", **old._asdict()}


def inventory_rest(summary: Summary, v1: Iterable[OldWorkflow] | None, tally: InventoryTally | None) -> dict[str, Any]:
    """What stands after the runs. `v1` and `totals` are null where they were not listed, or cannot be."""
    return {
        "v1": None if v1 is None else [old_item(old) for old in v1],
        "groups": [group._asdict() for group in summary.groups],
        "v1_groups": None if summary.v1 is None else [group._asdict() for group in summary.v1],
        "totals": None if tally is None else _totals(tally),
        "gaps": list(summary.gaps),
    }


def _totals(tally: InventoryTally) -> dict[str, Any]:
    names = (
        *("runs", "eligible", "must_be_quiesced", "lost_fractions", "later_of_link", "refused_otherwise", "exported"),
        *("moved_since_export", "imported", "moved_since_import"),
    )
    return {name: tally.known(name) for name in names} | {"foreseen": dict(sorted(tally.rules.items()))}
