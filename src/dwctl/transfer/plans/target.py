"""The target of an import: the ways into it, a survey of it, and whether a plan of before is for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime

from dwctl.errors import RequestNotPossible
from dwctl.server.compatibility import Need, require
from dwctl.server.endpoints import cluster_info, show_namespace
from dwctl.server.transport import Server
from dwctl.transfer.imports.artisan import ArtisanServer
from dwctl.transfer.imports.carrier import ArtisanCarrier, Carrier, HttpCarrier, TargetFacts
from dwctl.transfer.imports.importing import ImportOptions
from dwctl.transfer.imports.way import Way
from dwctl.transfer.ledger.start import same_target
from dwctl.transfer.plans.plan import Plan, PlanAction, PlannedBundle
from dwctl.transfer.plans.survey import Survey


def ways_into(
    server: Server,
    options: ImportOptions,
    *,
    artisan: ArtisanServer | None,
    over_http: bool,
    send_key: bool,
    now: datetime,
) -> tuple[Mapping[Way, Carrier], Survey]:
    """A carrier for each way into this target, and its survey, which has not looked yet.

    `artisan` says how to run the server's PHP, None where nobody knows; `over_http` false leaves that way alone;
    `send_key` lets the signing key travel. Raises a ServerFailure, or IncompatibleServer, before anything is sent.
    """
    info = cluster_info(server)
    fit = require(info, Need.IMPORT)
    namespace = show_namespace(server, options.namespace)
    days = None if namespace.retention_mode == "forever" else namespace.retention_days
    facts = TargetFacts(fit.max_payload_bytes, days)
    carriers: dict[Way, Carrier] = {}
    if artisan is not None:
        carriers[Way.ARTISAN] = ArtisanCarrier(artisan, server, facts)
    way = Way.ARTISAN
    if over_http:
        key = options.verify.signing_key if send_key else None
        carriers[Way.BYTE_EXACT] = carriers[Way.ENVELOPE] = HttpCarrier(server, facts, signing_key=key)
        way = Way.BYTE_EXACT
    survey = Survey(server, options.namespace, info.version, facts, way, artisan is not None, now)
    survey.requests += _ASKED_ALREADY
    return carriers, survey


_ASKED_ALREADY = 3
"""Requests that it takes to know the target: its cluster info, its namespace, and the probe of the way into it."""


def require_same_target(plan: Plan, server: str | None, namespace: str, file: str) -> None:
    """Raise RequestNotPossible if the plan of this file was made for another server or namespace."""
    if same_target(plan.server, plan.options.namespace) != same_target(server, namespace):
        raise RequestNotPossible(
            f"the plan is for namespace {plan.options.namespace} of {plan.server}", where=file,
            next_step="Name that server and namespace, or make a plan for this one.",
            reason="plan_of_another_target",
        )  # fmt: skip


def require_ways(plan: Plan, ways: Collection[Way], file: str) -> None:
    """Raise RequestNotPossible if the plan of this file sends a bundle a way that is not open now."""
    closed = next((one for one in _sent(plan) if one.way is not None and one.way not in ways), None)
    if closed is None:
        return
    step = "Set php and path of [server] in cutover.toml" if closed.way is Way.ARTISAN else "Leave --via artisan out"
    raise RequestNotPossible(
        f"the plan sends {closed.file} by {closed.way}, and that way is not open now", where=file,
        next_step=f"{step}, or make a plan for the way that is open.", reason="plan_of_another_way",
    )  # fmt: skip


def require_links_free(plan: Plan, unresolved: Callable[[str], object], file: str) -> None:
    """Raise RequestNotPossible if a bundle of the plan would take a link of a run that comes first and did not arrive.

    `unresolved` asks the ledger, which may know more than it did when the plan was made: run id → truthy for a run that
    was to be brought there and is not.
    """
    coming = {one.run.run_id for one in _sent(plan) if one.run is not None}
    for bundle in _sent(plan):
        removed = () if bundle.resolution is None else bundle.resolution.removed
        for link in () if bundle.verdict is None else bundle.verdict.links:
            if link not in removed and link.parent_run_id not in coming and unresolved(link.parent_run_id):
                raise RequestNotPossible(
                    f"the plan sends {bundle.file}, and by now the ledger has the run at the other end of its link, "
                    f"{link.parent_run_id}, as not arrived", where=file,
                    next_step="Make a new plan, with the bundle of that run.", reason="plan_overtaken",
                )  # fmt: skip


def _sent(plan: Plan) -> Iterator[PlannedBundle]:
    return (one for one in plan.bundles if one.action in {PlanAction.IMPORT, PlanAction.WAIT})
