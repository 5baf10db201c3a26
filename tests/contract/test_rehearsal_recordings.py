"""Every recording of the real server, replayed against the rehearsal server in the order of its group.

The same status, the same `reason`, `outcome` and `status`, the same rules of a rejected import, and a body of the
same shape. What differs stands in `rehearsal_differences.toml`, each with its why.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import pytest

from rehearsal_replay import GROUPS, Outcome, differences, replay

REVIEWED = tomllib.loads((Path(__file__).parent / "rehearsal_differences.toml").read_text("utf-8"))
NOT_BUILT: dict[str, str] = REVIEWED["not_built"]
DIFFERS: dict[str, str] = REVIEWED["differs"]

HOW_MANY = 281
"""The recordings of the groups that the issue names."""


@cache
def outcomes(shared: Path, name: str) -> tuple[Outcome, ...]:
    (group,) = [group for group in GROUPS if group.name == name]
    return tuple(replay(shared, group))


def every_outcome(shared: Path) -> list[Outcome]:
    return [outcome for group in GROUPS for outcome in outcomes(shared, group.name)]


@pytest.mark.parametrize("name", [group.name for group in GROUPS])
def test_a_group_is_answered_as_recorded_but_for_what_was_reviewed(shared: Path, name: str) -> None:
    replayed = outcomes(shared, name)
    found = {outcome.recording.name: outcome.differences for outcome in replayed if outcome.differences}
    unexpected = {name: told for name, told in found.items() if name not in NOT_BUILT and name not in DIFFERS}
    assert not unexpected, "\n".join(f"{name}: {told[:5]}" for name, told in unexpected.items())


def test_every_recording_of_the_groups_is_replayed(shared: Path) -> None:
    assert len(every_outcome(shared)) == HOW_MANY


def test_no_reviewed_difference_is_out_of_date(shared: Path) -> None:
    differing = {outcome.recording.name for outcome in every_outcome(shared) if outcome.differences}
    assert sorted({*NOT_BUILT, *DIFFERS} - differing) == []


def test_at_least_ninety_five_in_a_hundred_are_without_a_difference(shared: Path) -> None:
    built = [outcome for outcome in every_outcome(shared) if outcome.recording.name not in NOT_BUILT]
    same = [outcome for outcome in built if not outcome.differences]
    assert len(same) >= 0.95 * len(built)


def test_every_reviewed_difference_says_why() -> None:
    assert all(len(why.split()) >= 2 for why in (*NOT_BUILT.values(), *DIFFERS.values()))


@pytest.mark.parametrize(
    ("theirs", "ours", "told"),
    [
        ({"a": 1}, {"a": 2.5}, []),
        ({"a": 1}, {}, ["$.a: absent"]),
        ({}, {"a": 1}, ["$.a: not in the recording"]),
        ({"a": None}, {"a": ""}, ["$.a: text instead of null"]),
        ({"a": 1}, {"a": True}, ["$.a: boolean instead of number"]),
        ([{"a": 1}], [{"a": "1"}], ["$[0].a: text instead of number"]),
        ([1, 2], [1], ["$: 1 elements instead of 2"]),
        ([], {}, ["$: object instead of list"]),
    ],
)
def test_a_difference_of_shape_is_seen(theirs: object, ours: object, told: list[str]) -> None:
    assert list(differences(theirs, ours)) == told
