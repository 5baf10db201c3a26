"""Routes as JSON, and as a map for an application's router (schemas/route.schema.json, route-map.schema.json)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dwctl.transfer.runtimes.routing import MAP_SCHEMA, Owner, Route, RouteTally, RunRoute

SCHEMA = "dwctl.route"


def route_item(route: Route) -> dict[str, Any]:
    """The answer for one id, and what it rests on."""
    return {
        "id": route.id,
        "kind": route.kind,
        "instance_id": route.instance_id,
        "owner": route.owner.value,
        "why": route.why,
        "evidence": [{"source": one.source.value, "asked": one.asked, "said": one.said} for one in route.evidence],
        "runs": [_run(routed) for routed in route.decided_by],
    }


def _run(routed: RunRoute) -> dict[str, Any]:
    facts = routed.facts
    return {
        "run_id": facts.run_id,
        "owner": routed.owner.value,
        "why": routed.why,
        "open": facts.is_open,
        "embedded": None if facts.position is None else {
            "status": facts.position.status, "dedupe_key": facts.position.dedupe_key,
        },
        "server": None if facts.there is None else {"status": facts.there.status},
        "ledger": None if facts.ledger is None else {
            "state": facts.ledger.state.value, "dedupe_key": facts.ledger.dedupe_key,
        },
    }  # fmt: skip


def route_summary(tally: RouteTally) -> dict[str, Any]:
    """How many ids each runtime owns."""
    return {**{owner.value: tally.counts[owner] for owner in Owner}, "exit_code": int(tally.exit_code)}


def route_map(owners: Mapping[str, Owner], head: Mapping[str, Any]) -> dict[str, Any]:
    """Instance → owner, for an application's router."""
    return {
        "schema": MAP_SCHEMA,
        "schema_version": 1,
        **head,
        "instances": {instance: owner.value for instance, owner in owners.items()},
    }
