"""Whether a plan of before is for this target, and for the ways that are open."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dwctl.bundle.verify import VerifyOptions
from dwctl.errors import RequestNotPossible
from dwctl.transfer.imports.way import Way
from dwctl.transfer.plans.plan import Plan, PlanAction, PlannedBundle, PlanOptions, Skip
from dwctl.transfer.plans.planning import Sources, plan_bundles
from dwctl.transfer.plans.target import require_links_free, require_same_target, require_ways
from dwctl.transfer.plans.verdicts import JudgeOptions, judge_file
from sample_bundles import EXAMPLES

SERVER = "https://dw.example.com"


def bundle(way: Way | None, action: PlanAction = PlanAction.IMPORT, skip: Skip | None = None) -> PlannedBundle:
    """A bundle that goes this way."""
    return PlannedBundle(0, "a.json", 1, "a" * 64, "a" * 64, action, way=way, skip=skip)


def chained(number: int) -> PlannedBundle:
    """A member of a chain that is to be sent."""
    file = str(EXAMPLES / f"chain-sub-1-run-{number}.json")
    (planned,) = plan_bundles([judge_file(file, JudgeOptions(VerifyOptions()))], PlanOptions(), Sources())
    return planned


def plan(*bundles: PlannedBundle) -> Plan:
    """A plan of these bundles."""
    options = PlanOptions("production")
    return Plan("2026-11-23T00:00:00Z", "0.1.0", SERVER, "0.2.9", "id", options, bundles)


def test_a_plan_is_for_its_target_however_that_is_spelt() -> None:
    require_same_target(plan(), "https://DW.example.com/", "Production", "p")


@pytest.mark.parametrize(("server", "namespace"), [(SERVER, "default"), ("https://other", "production")])
def test_a_plan_is_for_no_other_target(server: str, namespace: str) -> None:
    with pytest.raises(RequestNotPossible) as caught:
        require_same_target(plan(), server, namespace, "p")
    assert (caught.value.reason, caught.value.where) == ("plan_of_another_target", "p")


@pytest.mark.parametrize("way", [Way.BYTE_EXACT, Way.ENVELOPE, Way.ARTISAN])
@pytest.mark.parametrize("action", [PlanAction.IMPORT, PlanAction.WAIT])
def test_a_way_that_is_not_open_ends_the_plan(way: Way, action: PlanAction) -> None:
    require_ways(plan(bundle(way, action)), [way], "p")
    with pytest.raises(RequestNotPossible) as caught:
        require_ways(plan(bundle(None), bundle(way, action)), set(Way) - {way}, "p")
    assert (caught.value.reason, way.value in caught.value.message) == ("plan_of_another_way", True)


def test_a_plan_that_takes_a_link_of_a_run_that_did_not_arrive_since_is_overtaken() -> None:
    first, second = (chained(number) for number in (1, 2))
    ids = [str(one.run and one.run.run_id) for one in (first, second)]
    require_links_free(plan(second), lambda run: False, "p")
    require_links_free(plan(first), lambda run: run == ids[1], "p")
    require_links_free(plan(first, second), lambda run: True, "p")
    require_links_free(plan(replace(second, action=PlanAction.SKIP, skip=Skip.LIMIT)), lambda run: True, "p")
    with pytest.raises(RequestNotPossible) as caught:
        require_links_free(plan(second), lambda run: run == ids[0], "p")
    assert (caught.value.reason, ids[0] in caught.value.message) == ("plan_overtaken", True)


def test_what_is_not_sent_needs_no_way() -> None:
    kept = (bundle(Way.ARTISAN, PlanAction.REFUSE), bundle(Way.ARTISAN, PlanAction.SKIP, Skip.LIMIT), bundle(None))
    require_ways(plan(*kept), [Way.BYTE_EXACT], "p")
