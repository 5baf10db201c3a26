"""Bundles that wait for their partners: who goes, who never will, and nobody twice."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from dwctl.bundle.verify import RunFacts
from dwctl.transfer.imports.passage import run_id
from dwctl.transfer.imports.waiting import Waiting
from dwctl.transfer.plans.plan import PlanAction, PlannedBundle

NOBODY = frozenset[str]()


def bundles(partners: dict[int, tuple[int, ...]]) -> list[PlannedBundle]:
    """As many as are named, each with the partners that it goes after."""
    return [
        PlannedBundle(
            number, f"{number}.json", 1, "0" * 64, "0" * 64, PlanAction.WAIT, after=tuple(f"r{one}" for one in after),
            settled=RunFacts("orders", f"r{number}", number, "orders.ship", None, "waiting", True, False, None, None),
        )
        for number, after in partners.items()
    ]  # fmt: skip


def waiting(found: list[PlannedBundle]) -> Waiting:
    """They wait, and nothing is there yet."""
    held = Waiting({run_id(bundle): bundle for bundle in found})
    assert held.let_go(compared=NOBODY.__contains__, goes_now=NOBODY.__contains__) == []
    return held


def names(found: Iterable[PlannedBundle]) -> list[str]:
    """Their runs."""
    return [run_id(bundle) for bundle in found]


def test_one_goes_when_its_last_partner_is_compared_and_only_once() -> None:
    held = waiting(bundles({2: (0, 1)}))
    assert names(held.after("r0")) == []
    assert names(held.after("r1")) == ["r2"]
    assert (names(held.after("r1")), held.bundles) == ([], {})


def test_one_whose_partners_are_compared_or_that_is_there_itself_does_not_wait() -> None:
    found = bundles({1: (0,), 3: (2,), 5: (4,)})
    held = Waiting({run_id(bundle): bundle for bundle in found})
    assert names(held.let_go(compared={"r0"}.__contains__, goes_now={"r3"}.__contains__)) == ["r1", "r3"]
    assert list(held.bundles) == ["r5"]


def test_all_behind_a_run_that_does_not_come_are_told_the_nearest_first() -> None:
    held = waiting(bundles({1: (0,), 2: (1,), 3: (2,), 9: (8,)}))
    assert names(held.behind("r0")) == ["r1", "r2", "r3"]
    assert list(held.bundles) == ["r9"]


def test_who_waits_for_nobody_that_comes_is_hopeless_and_so_are_those_behind() -> None:
    held = waiting(bundles({1: (0,), 2: (1,), 9: (8,)}))
    assert names(held.hopeless({"r8"})) == ["r1", "r2"]
    assert list(held.bundles) == ["r9"]


PARTNERS = st.dictionaries(st.integers(0, 12), st.lists(st.integers(0, 12), min_size=1, max_size=3), max_size=10)


@given(PARTNERS, st.lists(st.booleans(), min_size=13, max_size=13))
def test_whatever_comes_or_not_each_leaves_once(partners: dict[int, list[int]], comes: list[bool]) -> None:
    held = waiting(bundles({number: tuple(after) for number, after in partners.items()}))
    left = []
    for number, there in enumerate(comes):
        left += names(held.after(f"r{number}") if there else held.behind(f"r{number}"))
    assert sorted(left) == sorted(f"r{number}" for number in partners)
    assert held.bundles == {}
