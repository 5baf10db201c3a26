"""Needs against workers: every way of being served, and of not being served."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwctl.bundle.demand import Demand, DemandKind
from dwctl.checklist.coverage.coverage import Coverage, Unread, Wait, cover, family_demands, needs_of
from dwctl.checklist.coverage.rows import Gap, Row
from dwctl.errors import AnswerIsNo, DwctlError, ExitCode, UnreadableInput
from dwctl.server.failures import CallNotAuthorized, CallNotConnected, Delivery, Exchange
from dwctl.server.results import Worker

WORKFLOW, ACTIVITY = DemandKind.WORKFLOW, DemandKind.ACTIVITY
PROCESS = Demand(WORKFLOW, "orders", "orders.process", None)
CHARGE = Demand(ACTIVITY, "orders", "orders.charge", None)
OF_BUILD = PROCESS._replace(compatibility="b-2")
SEEN = "2026-11-22T22:20:45.000000Z"


def worker(worker_id: str = "w-1", **changes: Any) -> Worker:
    fields = {
        "worker_id": worker_id, "namespace": "production", "task_queue": "orders", "runtime": "php",
        "sdk_version": None, "build_id": None, "workflow_types": ("orders.process",),
        "activity_types": ("orders.charge",), "max_concurrent_workflow_tasks": 1,
        "max_concurrent_activity_tasks": 1, "status": "active", "last_heartbeat_at": SEEN, "registered_at": SEEN,
    }  # fmt: skip
    return Worker(**{**fields, **changes})


def row_of(demand: Demand, *workers: Worker) -> Row:
    (row,) = cover(needs_of([], [demand]), workers).rows
    return row


@pytest.mark.parametrize(
    ("demand", "workers", "gap", "said"),
    [
        (PROCESS, [worker()], None, f"served by w-1 since {SEEN}"),
        (CHARGE, [worker()], None, "served by w-1"),
        (PROCESS, [worker(workflow_types=())], None, "take every type"),
        (PROCESS, [worker(workflow_types=()), worker("w-2")], None, "served by w-1 and w-2"),
        (OF_BUILD, [worker(build_id="b-2")], None, "served by w-1"),
        (PROCESS, [worker(build_id="b-7")], None, "served by w-1"),
        (PROCESS, [worker(status="stale"), worker("w-2")], None, "served by w-2"),
        (PROCESS, [], Gap.NOBODY_POLLS, "nobody polls queue orders"),
        (PROCESS, [worker(task_queue="default")], Gap.NOBODY_POLLS, "it is taken on queue default"),
        (PROCESS, [worker(task_queue="Orders")], Gap.NOBODY_POLLS, "it is taken on queue Orders"),
        (PROCESS, [worker(status="stale", workflow_types=("x",))], Gap.NOBODY_POLLS, "not active: w-1"),
        (PROCESS, [worker(workflow_types=("orders.Process",))], Gap.TYPE_MISSING, "w-1 polls the queue without"),
        (PROCESS, [worker(workflow_types=("App\\Workflows\\OrderProcess",))], Gap.TYPE_MISSING, "without this type"),
        (CHARGE, [worker(activity_types=("orders.process",))], Gap.TYPE_MISSING, "without this type"),
        (OF_BUILD, [worker()], Gap.OTHER_BUILD, "the workers are of no build"),
        (OF_BUILD, [worker(build_id="b-1")], Gap.OTHER_BUILD, "asks for build b-2, and the workers are of b-1"),
        (OF_BUILD, [worker(workflow_types=("x",))], Gap.TYPE_MISSING, "without this type"),
        (PROCESS, [worker(status="stale")], Gap.WORKER_STALE, f"stale: w-1, last heard of at {SEEN}"),
        (PROCESS, [worker(status="draining")], Gap.WORKER_DRAINING, "draining: w-1, of no build"),
        (PROCESS, [worker(status="unknown")], Gap.WORKER_STATUS_UNKNOWN, "does not say whether w-1"),
        (PROCESS, [worker(status="paused")], Gap.WORKER_STATUS_UNKNOWN, "does not say whether w-1"),
        (PROCESS, [worker(status="stale"), worker("w-2", workflow_types=("x",))], Gap.WORKER_STALE, "stale: w-1"),
        (PROCESS._replace(queue=None), [worker()], Gap.NEED_NOT_NAMED, "names no queue"),
        (PROCESS._replace(type_key=None), [worker()], Gap.NEED_NOT_NAMED, "names no type"),
        (PROCESS._replace(queue=None), [worker(task_queue=None)], Gap.NEED_NOT_NAMED, "names no queue"),
    ],
)
def test_a_need_is_served_or_says_why_not(
    demand: Demand, workers: list[Worker], gap: Gap | None, said: str
) -> None:  # fmt: skip
    row = row_of(demand, *workers)
    assert row.gap is gap
    assert said in row.told
    assert (row.next_step is None) is (gap is None)


def test_a_crowd_is_named_by_its_first() -> None:
    row = row_of(PROCESS, *(worker(f"w-{number:03}") for number in range(200)))
    assert row.told.startswith("served by w-000, w-001, w-002 and 197 more since")


def test_since_is_the_earliest_moment_whatever_its_shape() -> None:
    early = worker("w-2", registered_at="2026-11-22T23:20:44+01:00")
    assert row_of(PROCESS, worker(), early, worker("w-3", registered_at="soon")).since == "2026-11-22T23:20:44+01:00"
    assert row_of(PROCESS, worker(registered_at=None)).since is None


def test_needs_are_counted_and_stand_once() -> None:
    found = needs_of([("a", [PROCESS, PROCESS, CHARGE]), ("b", [PROCESS]), ("c", [])], [CHARGE, OF_BUILD])
    assert [(need.demand, need.bundles, need.examples, need.by_family) for need in found] == [
        (PROCESS, 2, ("a", "b"), False),
        (OF_BUILD, 0, (), True),
        (CHARGE, 1, ("a",), True),
    ]


def test_a_family_is_each_type_on_each_queue_of_each_build() -> None:
    assert len(family_demands(["q", "r"], ["t", "u"], ["a"], ["b-1", "b-2"])) == 12
    assert family_demands(["q"], ["t"], [], []) == (Demand(WORKFLOW, "q", "t", None),)
    assert family_demands([], ["t"], ["a"], ["b"]) == ()


def test_the_queue_that_nobody_polls_comes_first() -> None:
    family = [PROCESS, PROCESS._replace(queue="a"), PROCESS._replace(queue="z"), CHARGE._replace(queue="b")]
    found = cover(needs_of([], family), [worker(), worker("w-2", task_queue="a"), worker("w-3", task_queue="b",
                  activity_types=("x",))])  # fmt: skip
    assert list(found.queues) == ["z", "b", "a", "orders"]


def test_the_exit_code_says_what_is_known() -> None:
    full = cover(needs_of([], [PROCESS]), [worker()])
    unread, no_bundle = UnreadableInput("gone"), AnswerIsNo("no bundle")
    assert (full.exit_code, full.covered) == (ExitCode.DONE, True)
    assert cover(needs_of([], [PROCESS]), []).exit_code is ExitCode.NO
    assert Coverage((), ()).exit_code is ExitCode.USAGE
    for error, code in ((unread, ExitCode.USAGE), (no_bundle, ExitCode.NO)):
        partly = Coverage(full.rows, full.workers, unread=(Unread("x.json", error),))
        assert (partly.exit_code, partly.covered) == (code, False)


# --- what holds of any workers and any needs --------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c"])
WORKERS = st.lists(
    st.builds(
        worker,
        worker_id=st.uuids().map(str),
        task_queue=st.none() | NAMES,
        build_id=st.none() | NAMES,
        workflow_types=st.lists(NAMES, max_size=2).map(tuple),
        activity_types=st.lists(NAMES, max_size=2).map(tuple),
        status=st.sampled_from(["active", "stale", "draining", "unknown", ""]),
        registered_at=st.none() | st.just(SEEN) | st.text(max_size=3),
    ),
    max_size=6,
)
DEMANDS = st.builds(Demand, st.sampled_from(DemandKind), st.none() | NAMES, st.none() | NAMES, st.none() | NAMES)


def takes(one: Worker, demand: Demand) -> bool:
    """The last line of contract/server.md §4, written down again."""
    types = one.workflow_types if demand.kind is WORKFLOW else one.activity_types
    return (
        one.status == "active" and demand.queue is not None and one.task_queue == demand.queue
        and demand.type_key is not None and (not types or demand.type_key in types)
        and (demand.compatibility is None or demand.compatibility == one.build_id)
    )  # fmt: skip


@given(WORKERS, DEMANDS, st.randoms())
def test_a_need_is_served_exactly_by_those_who_would_be_given_its_task(
    workers: list[Worker], demand: Demand, chance: Any
) -> None:  # fmt: skip
    row = row_of(demand, *workers)
    assert {one.worker_id for one in row.served_by} == {one.worker_id for one in workers if takes(one, demand)}
    assert (row.gap is None) is bool(row.served_by)
    assert row.told
    shuffled = list(workers)
    chance.shuffle(shuffled)
    assert row_of(demand, *shuffled).told == row.told


@given(WORKERS, DEMANDS)
def test_what_a_step_asks_for_closes_the_gap(workers: list[Worker], demand: Demand) -> None:
    if demand.queue is None or demand.type_key is None:
        assert row_of(demand, *workers).gap is Gap.NEED_NOT_NAMED
        return
    takes_it = worker("new", task_queue=demand.queue, build_id=demand.compatibility, workflow_types=(demand.type_key,),
                      activity_types=(demand.type_key,))  # fmt: skip
    assert row_of(demand, *workers, takes_it).gap is None


# --- waiting ----------------------------------------------------------------------------------------------


def failure(kind: type[Any]) -> Any:
    return kind("no", Exchange("GET", "http://x", Delivery.UNKNOWN, reason="connection_refused"))


class Looks:
    """A world that changes from look to look, and its clock."""

    def __init__(self, *seen: Coverage | DwctlError) -> None:
        self.seen, self.time, self.told = list(seen), 0.0, list[Coverage | DwctlError]()

    def __call__(self) -> Coverage:
        one = self.seen.pop(0) if len(self.seen) > 1 else self.seen[0]
        if isinstance(one, DwctlError):
            raise one
        return one

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.time += seconds

    def waited(self, seconds: float) -> Coverage:
        return Wait(seconds, lambda: self.time, self.sleep, self.told.append).covered(self)


GOOD, BAD = cover(needs_of([], [PROCESS]), [worker()]), cover(needs_of([], [PROCESS]), [])


@pytest.mark.parametrize(
    ("seen", "seconds", "covered", "looks"),
    [
        ([BAD], 0.0, False, 1),
        ([GOOD], 0.0, True, 1),
        ([BAD, BAD, GOOD], 60.0, True, 3),
        ([BAD, failure(CallNotConnected), GOOD], 60.0, True, 3),
        ([BAD], 1.0, False, 4),
    ],
)
def test_a_wait_ends_with_the_answer_or_its_time(
    seen: Sequence[Coverage | DwctlError], seconds: float, covered: bool, looks: int
) -> None:  # fmt: skip
    world = Looks(*seen)
    found = world.waited(seconds)
    assert (found.covered, found.looks, len(world.told)) == (covered, looks, looks)
    assert found.waited == world.time <= seconds


@pytest.mark.parametrize(
    ("seen", "raised"),
    [
        ([failure(CallNotConnected), GOOD], CallNotConnected),
        ([BAD, failure(CallNotConnected)], CallNotConnected),
        ([BAD, failure(CallNotAuthorized), GOOD], CallNotAuthorized),
    ],
)
def test_a_failure_at_either_end_and_a_refusal_at_once_are_raised(seen: list[Any], raised: type[DwctlError]) -> None:
    with pytest.raises(raised):
        Looks(*seen).waited(3.0)
