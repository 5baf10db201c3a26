"""What the position of a run means: unmoved, moved since when, gone, unknown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dwctl.embedded.positions import PartOfPosition, Position
from dwctl.errors import ExitCode
from dwctl.transfer.runtimes.drift import (
    AT_ONCE,
    NEXT_STEPS,
    SEE_THE_DATABASE,
    Carried,
    Drift,
    DriftState,
    Expected,
    compare,
    judge,
    look_for_drift,
)
from dwctl.transfer.runtimes.positions import Look

AT = "2026-11-22T22:11:34.036225Z"
STANDS = Position("run-1", "order-1", "waiting", 12, AT, AT)


def expected(run_id: str = "run-1", carried: Carried = Carried.EXPORTED, **changes: Any) -> Expected:
    given = Expected(run_id, "order-1", f"{run_id}:12:{AT}", "waiting", carried, "ledger")
    return given._replace(**changes)


@pytest.mark.parametrize("carried", Carried)
def test_a_run_that_stands_where_it_stood_is_unmoved(carried: Carried) -> None:
    assert judge(expected(carried=carried), STANDS).state is DriftState.UNMOVED


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"last_history_sequence": 14}, "sequence 12 → 14"),
        ({"status": "running"}, "status waiting → running"),
        ({"last_progress_at": "2026-11-22T22:11:34.036226Z"}, f"progress {AT} → 2026-11-22T22:11:34.036226Z"),
        ({"last_progress_at": None, "updated_at": None}, f"progress {AT} → none"),
    ],
)
@pytest.mark.parametrize(
    ("carried", "state"),
    [
        (Carried.EXPORTED, DriftState.MOVED_SINCE_EXPORT),
        (Carried.IN_DOUBT, DriftState.MOVED_IN_DOUBT),
        (Carried.IMPORTED, DriftState.MOVED_SINCE_IMPORT),
    ],
)
def test_each_part_of_a_position_moves_it(
    change: dict[str, Any], said: str, carried: Carried, state: DriftState
) -> None:
    drift = judge(expected(carried=carried), STANDS._replace(**change))
    assert (drift.state, drift.said) == (state, said)
    assert drift.next_step == NEXT_STEPS[state]


def test_the_time_of_the_last_update_stands_in_for_one_without_progress() -> None:
    row = STANDS._replace(last_progress_at=None)
    assert judge(expected(), row).state is DriftState.UNMOVED


@pytest.mark.parametrize("carried", Carried)
@pytest.mark.parametrize("unread", ["last_progress_at", "last_history_sequence"])
def test_what_is_not_read_invents_no_drift_and_hides_none(unread: str, carried: Carried) -> None:
    """A column that is missing says nothing; what is seen beside it may tell that the run moved, never the contrary."""
    hidden: dict[str, Any] = {unread: None}
    seen = PartOfPosition(*STANDS)._replace(**hidden)
    drift = judge(expected(carried=carried), seen)
    assert drift.state is DriftState.UNKNOWN
    assert {"last_progress_at": "last progress", "last_history_sequence": "last sequence"}[unread] in drift.said
    assert drift.next_step == SEE_THE_DATABASE
    for change in ({"status": "completed"}, {"last_history_sequence": 13}):
        if unread not in change:
            changed: dict[str, Any] = dict(change)
            moved = judge(expected(carried=carried), seen._replace(**changed))
            assert moved.state is judge(expected(carried=carried), STANDS._replace(**changed)).state


def test_the_time_of_the_last_update_is_only_missed_where_it_stands_in() -> None:
    assert judge(expected(), PartOfPosition(*STANDS)._replace(updated_at=None)).state is DriftState.UNMOVED
    seen = PartOfPosition(*STANDS)._replace(last_progress_at=None, updated_at=None)
    assert judge(expected(), seen).state is DriftState.UNKNOWN


def test_without_a_row_it_is_gone_and_without_a_key_unknown() -> None:
    assert judge(expected(), None).state is DriftState.GONE
    assert judge(expected(dedupe_key=None), STANDS).state is DriftState.UNKNOWN
    assert judge(expected(problem="there is no such file"), None).said == "there is no such file"


@pytest.mark.parametrize(
    ("progress", "state"),
    [
        ("2026-11-22T23:11:34.036225Z", DriftState.UNKNOWN),
        ("2026-11-22T16:41:34.036225Z", DriftState.UNKNOWN),
        ("2026-11-22T23:11:34.036226Z", DriftState.MOVED_SINCE_EXPORT),
        ("2026-11-23T22:11:34.036225Z", DriftState.MOVED_SINCE_EXPORT),
    ],
)
def test_a_clock_of_another_zone_is_no_progress_and_is_not_called_unmoved(progress: str, state: DriftState) -> None:
    drift = judge(expected(), STANDS._replace(last_progress_at=progress))
    assert drift.state is state
    assert ("--database-timezone" in drift.said) is (state is DriftState.UNKNOWN)


class Side:
    """An embedded side that has these positions, and counts the questions."""

    name = "a test"

    def __init__(self, *positions: Position) -> None:
        self._positions = {one.run_id: one for one in positions}
        self.questions: list[list[str]] = []

    @contextmanager
    def look(self) -> Iterator[Look]:
        yield Look(AT, self.positions, ("a doubt",))

    def positions(self, run_ids: Iterable[str]) -> Iterator[Position]:
        self.questions.append(list(run_ids))
        return iter([self._positions[one] for one in self.questions[-1] if one in self._positions])


def test_many_are_asked_about_together_and_the_worst_come_first() -> None:
    rows = [STANDS._replace(run_id=f"run-{number}") for number in range(AT_ONCE + 500)]
    rows[7] = rows[7]._replace(last_history_sequence=13)
    rows[-100] = rows[-100]._replace(status="completed")
    runs = [expected(f"run-{number}") for number in range(AT_ONCE + 501)]
    runs[-101] = runs[-101]._replace(carried=Carried.IMPORTED)
    side = Side(*rows)
    report = look_for_drift(lambda: iter(runs), side)
    assert [len(question) for question in side.questions] == [AT_ONCE, 501]
    assert [(row.expected.run_id, row.state.value) for row in report.rows] == [
        (rows[-100].run_id, "moved_since_import"), ("run-7", "moved_since_export"), (runs[-1].run_id, "gone"),
    ]  # fmt: skip
    assert (report.total, report.moved, report.exit_code, report.unmoved) == (len(runs), 2, ExitCode.NO, [])
    assert report.doubts == ("a doubt",)


def test_what_cannot_be_read_is_not_asked_about() -> None:
    side = Side(STANDS)
    found = list(compare([expected(problem="damaged"), expected()], side.positions))
    assert side.questions == [["run-1"]]
    assert [drift.state.value for drift in found] == ["unknown", "unmoved"]


def test_nothing_to_look_at_is_no_pass() -> None:
    report = look_for_drift(lambda: iter(()), Side())
    assert (report.exit_code, report.every_one_is_gone) == (ExitCode.USAGE, False)
    assert look_for_drift(lambda: iter([expected()]), Side()).every_one_is_gone
    saw: list[Drift] = []
    good = look_for_drift(lambda: iter([expected()]), Side(STANDS), keep_unmoved=True, saw_unmoved=saw.append)
    assert saw == good.unmoved
    assert (good.exit_code, len(good.unmoved)) == (ExitCode.DONE, 1)
