"""The queries that the checks are made of: counts with the first ids, and why a table cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dwctl.bundle import vocabulary
from dwctl.embedded.check_results import KEPT_IDS, CheckResult, CheckRow, Evidence, Strategy, passed, unknown
from dwctl.embedded.gaps import GapKind
from dwctl.embedded.instants import bound, parsed
from dwctl.embedded.inventory_rows import is_foreign

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Table

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


def is_open(snapshot: Snapshot) -> ColumnElement[bool]:
    """Whether a run is not finished; an unknown status counts as open."""
    return snapshot.table("workflow_runs").c.status.not_in(sorted(vocabulary.TERMINAL_STATUSES))


def open_or_new(snapshot: Snapshot, asked: Asked) -> ColumnElement[bool]:
    """Whether a run is open, or was created since the moment that was named."""
    from sqlalchemy import or_

    open_ = is_open(snapshot)
    return open_ if asked.since is None else or_(open_, since_of_runs(snapshot, asked.since))


def foreign_runs(snapshot: Snapshot) -> ColumnElement[bool]:
    """Whether a run, or its result, is in another codec than Avro."""
    from sqlalchemy import or_

    codecs = ("payload_codec", "output_payload_codec")
    there = [
        is_foreign(snapshot.table("workflow_runs").c[name]) for name in codecs if snapshot.has("workflow_runs", name)
    ]
    return or_(*there)


def since_of_runs(snapshot: Snapshot, since: str) -> ColumnElement[bool]:
    """Whether a run was created since a moment."""
    from sqlalchemy import func

    runs = snapshot.table("workflow_runs")
    names = [name for name in ("started_at", "created_at") if snapshot.has("workflow_runs", name)]
    begun = func.coalesce(*(runs.c[name] for name in names)) if len(names) > 1 else runs.c[names[0]]
    return begun >= bound(snapshot, parsed(since))


def or_null(snapshot: Snapshot, table: str, name: str) -> Any:
    """A column, or NULL where this database has none."""
    from sqlalchemy import null

    return snapshot.table(table).c[name] if snapshot.has(table, name) else null()


def count_of(snapshot: Snapshot, table: Table, *conditions: Any) -> int:
    """How many rows of a table fit."""
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

    found = snapshot.all(select(column).select_from(table).where(condition).distinct().order_by(column).limit(most))
    return [str(value) for (value,) in found]


def unread(snapshot: Snapshot, row: CheckRow, table: str) -> CheckResult:
    """Unknown, with the gap that is in the way."""
    gap = next((gap for gap in snapshot.gaps if gap.table == table), None)
    return unknown(row, gap.sentence if gap else f"the table {table} cannot be read", gap.next_step if gap else None)


def no_schedules(snapshot: Snapshot, row: CheckRow) -> CheckResult:
    """A version of the library without schedules has none; a table that may not be read is unknown."""
    gap = next((gap for gap in snapshot.gaps if gap.table == "workflow_schedules"), None)
    if gap is not None and gap.kind is GapKind.MISSING_TABLE:
        return passed(row, gap.sentence, Evidence("the table workflow_schedules", "not there"))
    return unread(snapshot, row, "workflow_schedules")
