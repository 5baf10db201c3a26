"""The checks on workers: who is alive, which queue is polled, and whether every need is served."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from asked_worlds import NONE, NOT_WANTED, NOW, SERVED, bundle, bundles, closed, unreadable, worker, world
from dwctl.bundle.demand import Demand, DemandKind
from dwctl.checklist.checks.workers.rows import CHECKS
from dwctl.checklist.description.described import Described, Family, ShadowWorkflow
from dwctl.checklist.facts.facts import BundleSet
from dwctl.checklist.gate.check import KEPT_IDS, Finding, Need, State
from dwctl.errors import ServerTimedOut
from dwctl.server.results import TaskCounts, TaskQueue, Worker

PASS, WARN, FAIL, UNKNOWN = State.PASS, State.WARN, State.FAIL, State.UNKNOWN
ROWS = {check.id: check for check in CHECKS}
EMPTY = Described(None, "o")
FAMILY = Family("orders", "orders", ("orders.process",), ("orders.charge",))
DESCRIBED = Described(None, "o", families=(FAMILY,))
COUNTS = TaskCounts(None, None, None, None)


def asked(check_id: str, *workers: Worker, **sources: Any) -> Finding:
    """The finding of one check in a world with these workers."""
    finding = ROWS[check_id].ask(world(workers=workers, **sources))
    assert finding.count >= len(finding.ids)
    if finding.state in (FAIL, UNKNOWN, WARN):
        assert finding.next_step
    assert all(one.at == NOW and one.asked and one.came for one in finding.evidence)
    return finding


@pytest.mark.parametrize(
    ("workers", "state", "said", "ids"),
    [
        ([], FAIL, "no worker is registered", ()),
        ([worker()], PASS, "1 worker alive on 1 queue", ()),
        ([worker(), worker("w-2", "billing"), worker("w-3")], PASS, "3 workers alive on 2 queues", ()),
        ([worker(status="stale")], FAIL, "none of 1 worker is alive", ("w-1",)),
        ([worker(status="unknown"), worker("w-2", status="draining")], FAIL, "none of 2 workers", ("w-1", "w-2")),
        ([worker(), worker("w-2", status="stale")], WARN, "1 worker alive on 1 queue, and 1 stale", ("w-2",)),
        ([worker(), worker("w-2", status="stale"), worker("w-3", status="draining")], WARN,
         "and 2 draining or stale", ("w-2", "w-3")),
    ],
)  # fmt: skip
def test_only_who_is_active_is_alive(workers: list[Worker], state: State, said: str, ids: tuple[str, ...]) -> None:
    finding = asked("workers.registered", *workers)
    assert (finding.state, finding.ids) == (state, ids)
    assert said in finding.said
    assert finding.evidence
    if state is not PASS:
        assert finding.command == f"dwctl worker list {SERVED}"


def test_workers_of_another_namespace_show_that_the_header_was_lost() -> None:
    """A proxy that drops X-Namespace makes every answer one of the namespace default."""
    finding = asked("workers.registered", worker(namespace="default"))
    assert (finding.state, finding.ids) == (FAIL, ("w-1",))
    assert "the server gives those of default" in finding.said


def test_a_crowd_is_counted_and_shown_by_its_first() -> None:
    finding = asked("workers.registered", *(worker(f"w-{number}", status="stale") for number in range(300)))
    assert (finding.count, len(finding.ids), len(finding.evidence)) == (300, KEPT_IDS, 20)


@pytest.mark.parametrize(
    ("described", "found", "missing"),
    [
        (Described(None, "o", queues=("orders",)), None, NONE),
        (DESCRIBED, None, NONE),
        (Described(None, "o", shadows=(ShadowWorkflow("orders.process", "orders"),)), None, NONE),
        (EMPTY, bundles(bundle(), unreadable(2)), None),
    ],
)
def test_every_queue_that_is_named_anywhere_is_to_be_polled(
    described: Described, found: BundleSet | None, missing: Any
) -> None:  # fmt: skip
    sources: dict[str, Any] = {"described": described, "bundles": found}
    assert asked("workers.queues", worker(), **sources).state is PASS
    for others in ([worker(queue="Orders")], [worker(status="stale")], [worker(status="draining")]):
        finding = asked("workers.queues", *others, **sources)
        assert (finding.state, finding.ids, finding.ids_are) == (FAIL, ("orders",), "queues")
        assert finding.command == f"dwctl task-queue show orders {SERVED}"


def test_queues_that_nobody_polls_are_all_named() -> None:
    described = Described(None, "o", queues=("a", "b c", "d", "e", "orders"))
    finding = asked("workers.queues", worker(), described=described)
    assert (finding.ids, finding.count) == (("a", "b c", "d", "e"), 4)
    assert "a, b c, d and 1 more" in finding.said
    assert [one.came for one in finding.evidence] == ["nobody"] * 4 + ["polled by w-1"]
    assert "--task-queue" not in str(finding.command)


@pytest.mark.parametrize(
    ("found", "missing"),
    [(None, NONE), (None, NOT_WANTED), (bundles(closed(1, NOW)), None), (bundles(), None)],
)
@pytest.mark.parametrize("check_id", ["workers.queues", "workers.coverage"])
def test_where_nothing_says_what_workers_must_serve_it_is_unknown(
    check_id: str, found: BundleSet | None, missing: Any
) -> None:  # fmt: skip
    absent = {Need.BUNDLES: missing} if missing else {}
    finding = asked(check_id, worker(), described=EMPTY, bundles=found, missing=absent)
    assert finding.state is UNKNOWN
    assert "workers must serve" in finding.said


def test_needs_are_those_of_bundles_families_and_shadows() -> None:
    shadow = ShadowWorkflow("orders.shadow", "shadows")
    described = replace(DESCRIBED, shadows=(shadow, shadow))
    finding = asked("workers.coverage", worker(), worker("w-2", "shadows"), described=described, bundles=bundles(
        bundle(), bundle(2), closed(3, NOW)))  # fmt: skip
    assert (finding.state, finding.count) == (PASS, 0)
    assert finding.said == "3 needs served, 3 of them only by workers that list no type and so take every one"
    assert "3 of 3 needs served" in finding.evidence[0].came
    typed = worker(workflow_types=("orders.process",), activity_types=("orders.charge",))
    finding = asked("workers.coverage", typed, described=DESCRIBED, bundles=bundles(bundle()))
    assert finding.said == "2 needs served"


@pytest.mark.parametrize(
    ("changes", "family", "said", "command"),
    [
        ({"queue": "Orders"}, FAMILY, "nobody polls queue orders",
         "--type orders.process --task-queue orders"),
        ({"workflow_types": ("x",)}, FAMILY, "w-1 polls the queue without this type", "--type orders.process"),
        ({"activity_types": ("x",)}, FAMILY, "w-1 polls the queue without this type", "--activity-type orders.charge"),
        ({"status": "stale"}, FAMILY, "stale: w-1", "--type"),
        ({"status": "draining"}, FAMILY, "draining: w-1", "--type"),
        ({"build_id": "b-1"}, replace(FAMILY, compatibility="b 2"), "asks for build b 2", "--compatibility 'b 2'"),
    ],
)  # fmt: skip
def test_each_gap_is_named_with_its_reason(changes: dict[str, Any], family: Family, said: str, command: str) -> None:
    counts = TaskQueue("orders", None, None, None, 3, None, COUNTS, COUNTS, None)
    sources: dict[str, Any] = {"described": Described(None, "o", families=(family,)), "queues": (counts,)}
    finding = asked("workers.coverage", worker(**changes), **sources)
    assert (finding.state, finding.ids_are) == (FAIL, "needs")
    assert said in finding.said
    assert said in finding.ids[0]
    assert "3 tasks wait there" in finding.ids[0]
    assert "on orders" in finding.ids[0]
    assert str(finding.command).startswith("dwctl worker coverage ")
    assert command in str(finding.command)
    assert str(finding.command).endswith(SERVED)
    unasked = asked("workers.coverage", worker(**changes), **sources | {"queues": ServerTimedOut("no answer")})
    assert (unasked.state, unasked.count) == (FAIL, finding.count)
    assert "wait there" not in unasked.ids[0]


def test_a_need_without_a_name_is_a_gap_of_its_bundle() -> None:
    nameless = bundle(7, demands=(Demand(DemandKind.ACTIVITY, "orders", None, None),))
    finding = asked("workers.coverage", worker(), described=DESCRIBED, bundles=bundles(nameless), queues=())
    assert (finding.state, finding.count) == (FAIL, 1)
    assert finding.command == f"dwctl worker coverage /exports/7.json {SERVED}"


def test_a_gap_comes_before_what_is_not_known_and_what_is_not_known_is_no_pass() -> None:
    partly = bundles(bundle(), unreadable(2), missing=("/exports/absent",))
    finding = asked("workers.coverage", worker(), described=DESCRIBED, bundles=partly)
    assert (finding.state, finding.ids) == (UNKNOWN, ("/exports/2.json",))
    assert asked("workers.coverage", described=DESCRIBED, bundles=partly, queues=()).state is FAIL


def test_bundles_that_are_not_there_yet_are_a_warning_unless_none_are_wanted() -> None:
    finding = asked("workers.coverage", worker(), described=DESCRIBED)
    assert finding.state is WARN
    assert finding.said.endswith("what bundles need was not looked at: nobody named any")
    empty = bundles(missing=("/exports",))
    finding = asked("workers.coverage", worker(), described=DESCRIBED, bundles=empty)
    assert (finding.state, "nothing lies at /exports" in finding.said) == (WARN, True)
    assert asked("workers.coverage", worker(), described=EMPTY, bundles=empty).state is UNKNOWN
    finding = asked("workers.coverage", worker(), described=DESCRIBED, missing={Need.BUNDLES: NOT_WANTED})
    assert finding.state is PASS


def test_a_server_that_does_not_list_its_workers_leaves_all_three_unknown() -> None:
    for check_id in ("workers.registered", "workers.queues", "workers.coverage"):
        with pytest.raises(ServerTimedOut):
            ROWS[check_id].ask(world(workers=ServerTimedOut("no answer"), described=DESCRIBED))


def test_every_row_says_what_why_and_how() -> None:
    assert [row.id for row in CHECKS if row.item == 7] == ["shadow.reached"]
    for row in CHECKS:
        assert all(text.endswith(".") for text in (row.meaning, row.why, row.fix, row.evidence)), row.id
    assert not ROWS["shadow.reached"].becomes_true
    assert {"server.fits", "workers.coverage"} <= set(ROWS["shadow.reached"].after)
