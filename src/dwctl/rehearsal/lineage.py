"""The lineage of a run: its parents and its children, as an export's `links` shows them."""

from __future__ import annotations

from typing import Any

from dwctl.rehearsal.run_view import Columns, RunView
from dwctl.rehearsal.times import stored_as_micros
from dwctl.rehearsal.vocabulary import status_bucket

Link = dict[str, Any]


def lineage_of(view: RunView) -> tuple[list[Link], list[Link]]:
    """The links to the parents and to the children of a run, from its link rows."""
    told = {
        event["payload"].get("workflow_link_id"): event["payload"]
        for event in view.events
        if "workflow_link_id" in event["payload"]
    }
    parents = [_link(view, row, "parent", told) for row in view.parents]
    children = [_link(view, row, "child", told) for row in view.children]
    return parents, children


def _link(view: RunView, row: Columns, side: str, told: dict[str, Columns]) -> Link:
    """A link with what is known of the run at its other end: its own row where the server has it, else history."""
    payload = told.get(row["id"], {})
    other = view.other_run(row[f"{side}_workflow_run_id"])
    is_call = row["link_type"] == "child_workflow"
    told_status = payload.get("child_status") or ("waiting" if side == "child" and is_call else None)
    status = other["status"] if other else told_status
    return {
        "id": row["id"],
        "type": row["link_type"],
        "parent_workflow_instance_id": row["parent_workflow_instance_id"],
        "parent_workflow_run_id": row["parent_workflow_run_id"],
        "child_workflow_instance_id": row["child_workflow_instance_id"],
        "child_workflow_run_id": row["child_workflow_run_id"],
        "child_call_id": payload.get("child_call_id") or (row["id"] if is_call else None),
        "sequence": row["sequence"],
        "is_primary_parent": bool(row["is_primary_parent"]),
        "run_number": other["run_number"] if other else payload.get("child_run_number"),
        "workflow_type": other["workflow_type"] if other else payload.get("child_workflow_type"),
        "class": other["workflow_class"] if other else payload.get("child_workflow_class"),
        "status": status,
        "status_bucket": None if status is None else status_bucket(status),
        "closed_reason": other["closed_reason"] if other else payload.get("closed_reason") if status else None,
        "created_at": stored_as_micros(row["created_at"]),
        "history_authority": "typed_history" if payload else "mutable_open_fallback",
        "diagnostic_only": False,
    }
