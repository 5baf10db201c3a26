"""A plan as one JSON document (schemas/plan.schema.json); the plan file has the same rows, a line each."""

from __future__ import annotations

from typing import Any

from dwctl.transfer.plans.plan import Plan

SCHEMA = "dwctl.plan"


def plan_summary(plan: Plan) -> dict[str, Any]:
    """The counts by action, and whether anything is refused."""
    return {"bundles": len(plan.bundles), "actions": {action.value: count for action, count in plan.actions.items()}}
