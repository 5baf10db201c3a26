"""The queries that the checks are made of: counts with the first ids, and why a table cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dwctl.embedded.check_results import KEPT_IDS, Answer, CheckResult, CheckRow, Evidence, Strategy, passed, unknown
from dwctl.embedded.gaps import GapKind
from dwctl.embedded.instants import bound, parsed
from dwctl.embedded.row_conditions import begun, is_open

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, FromClause, Table

    from dwctl.embedded.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person wants to know. `since` is a moment as dwctl writes it, or None where nobody said.

    `types` are the workflow types that must not be started any more; empty, all of them: families are cut over one at
    a time (guide, Phase D), and those that come later go on starting where they are.
    """

    v1: Strategy = Strategy.DRAIN
    since: str | None = None
    types: frozenset[str] = frozenset()


SAY_SINCE = "Give --since with the moment at which the embedded starters were paused."


def no_moment(snapshot: Snapshot, row: CheckRow, asked: Asked) -> CheckResult | None:
    """Unknown where the moment is not named, has not come, or cannot be compared with the times of the rows."""
    if asked.since is None:
        return unknown(row, "nobody said since when", SAY_SINCE)
    if asked.since > snapshot.as_of:
        said = f"the moment {asked.since} has not come yet: the database's clock says {snapshot.as_of}"
        return unknown(row, said, "Wait until then, or correct --since.")
    doubt = next((gap for gap in snapshot.gaps if gap.kind is GapKind.CLOCK), None)
    if doubt is not None:  # an hour off, and what was started since looks older
        return unknown(row, f"what happened since cannot be told: {doubt.sentence}", doubt.next_step)
    if not snapshot.clock.shows_once(parsed(asked.since)):
        said = f"the application's clock showed the hour of {asked.since} twice: what happened since cannot be told"
        return unknown(row, said, "Give --since with a moment before that hour.")
    return None


def clock_evidence(snapshot: Snapshot) -> Evidence:
    """How the moments of the rows are known: what goes with every answer that compares them."""
    return Evidence("the application's clock", snapshot.clock.sentence)


def open_or_new(snapshot: Snapshot, row: CheckRow, asked: Asked) -> tuple[ColumnElement[bool], CheckResult | None]:
    """Whether a run is open, or was begun since the moment, where one is named.

    Where the moment cannot be compared, whether it is open; with the answer that is left for those that have ended.
    """
    from sqlalchemy import or_

    open_ = is_open(snapshot)
    if asked.since is None:
        return open_, None
    untold = no_moment(snapshot, row, asked)
    return (open_, untold) if untold is not None else (or_(open_, since_of_runs(snapshot, asked.since)), None)


def since_of_runs(snapshot: Snapshot, since: str) -> ColumnElement[bool]:
    """Whether a run began at a moment, or later. Raises where nothing says when it did."""
    return begun(snapshot) >= bound(snapshot, parsed(since))


def undated(row: CheckRow, what: str, count: int, ids: tuple[str, ...]) -> CheckResult | None:
    """Unknown where there are runs of which `what` is said and nothing tells when they began: they may be new."""
    if count == 0:
        return None
    said = f"{count:,} runs {what}, and neither started_at nor created_at says when they began"
    evidence = Evidence("workflow_runs without started_at and created_at", f"{count:,} of those")
    step = "See in the application when these began."
    return CheckResult(row, Answer.UNKNOWN, said, ids, "runs", count, (evidence,), step)


def count_of(snapshot: Snapshot, table: FromClause, *conditions: Any) -> int:
    """How many rows of a table, or of tables that are joined, fit."""
    from sqlalchemy import func, select

    return int(snapshot.all(select(func.count()).select_from(table).where(*conditions))[0][0])


def runs_where(snapshot: Snapshot, *conditions: Any) -> tuple[int, tuple[str, ...]]:
    """How many runs, and the first of their ids."""
    from sqlalchemy import select

    runs = snapshot.table("workflow_runs")
    count = count_of(snapshot, runs, *conditions)
    if count == 0:
        return 0, ()
    statement = select(runs.c.id).where(*conditions).order_by(runs.c.id).limit(KEPT_IDS)
    return count, tuple(found[0] for found in snapshot.all(statement))


def runs_with(snapshot: Snapshot, table: Table, condition: Any, *of_run: Any) -> tuple[int, tuple[str, ...]]:
    """How many runs have such a row, and the first of their ids."""
    from sqlalchemy import func, select

    runs = snapshot.table("workflow_runs")
    joined = table.join(runs, runs.c.id == table.c.workflow_run_id)
    count = snapshot.all(select(func.count(runs.c.id.distinct())).select_from(joined).where(condition, *of_run))[0][0]
    if not count:
        return 0, ()
    statement = select(runs.c.id).distinct().select_from(joined).where(condition, *of_run).order_by(runs.c.id)
    return count, tuple(found[0] for found in snapshot.all(statement.limit(KEPT_IDS)))


def distinct_values(snapshot: Snapshot, table: Table, column: Any, condition: Any, most: int = 10) -> list[str]:
    """The first values of a column among the rows that fit, as text."""
    from sqlalchemy import select

    from dwctl.embedded.exact_text import exact

    value = exact(column)
    found = snapshot.all(select(value).select_from(table).where(condition).distinct().order_by(value).limit(most))
    return [str(value) for (value,) in found]


def has_runs(snapshot: Snapshot) -> bool:
    """Whether there is any run at all. Raises where that cannot be read."""
    return _any_row(snapshot, "workflow_runs")


def has_v1(snapshot: Snapshot) -> bool:
    """Whether there is any v1 workflow, of any status; no where that cannot be read."""
    return snapshot.has("workflows", "id") and _any_row(snapshot, "workflows")


def _any_row(snapshot: Snapshot, name: str) -> bool:
    from sqlalchemy import select

    return bool(snapshot.all(select(snapshot.table(name).c.id).limit(1)))


def unread(snapshot: Snapshot, row: CheckRow, table: str, *columns: str) -> CheckResult:
    """Unknown, with the gap that is in the way."""
    gap = snapshot.gap(table, *columns)
    return unknown(row, gap.sentence if gap else f"the table {table} cannot be read", gap.next_step if gap else None)


def no_schedules(snapshot: Snapshot, row: CheckRow) -> CheckResult:
    """A version of the library without schedules has none; a table that may not be read is unknown."""
    gap = snapshot.gap("workflow_schedules")
    if gap is not None and gap.kind is GapKind.MISSING_TABLE:
        return passed(row, gap.sentence, Evidence("the table workflow_schedules", "not there"))
    return unread(snapshot, row, "workflow_schedules")
