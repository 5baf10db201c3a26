"""The checks that the application's database answers: grouped queries, and the ids behind each answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dwctl.embedded import check_rows as rows
from dwctl.embedded.check_queries import (
    Asked,
    count_of,
    distinct_values,
    no_schedules,
    open_or_new,
    runs_where,
    runs_with,
    undated,
)
from dwctl.embedded.check_results import KEPT_IDS, Answer, CheckResult, Evidence, Strategy, passed, unknown
from dwctl.embedded.gaps import GapKind
from dwctl.embedded.inventory import SETTLED_V1
from dwctl.embedded.row_conditions import has_no_begin, is_open, looks_like_class
from dwctl.embedded.scheduled_action import scheduled_action

if TYPE_CHECKING:
    from dwctl.embedded.snapshot import Snapshot


def v1_drained(snapshot: Snapshot, asked: Asked) -> CheckResult:
    """Open workflows of v1, by the strategy."""
    from sqlalchemy import select

    row = rows.V1
    if not snapshot.has("workflows", "id", "status"):
        gap = snapshot.gap("workflows", "id", "status")
        if gap is not None and gap.kind is GapKind.MISSING_TABLE and snapshot.has("workflow_runs"):
            return passed(row, "there is no v1 table in this database", Evidence("the table workflows", gap.sentence))
        return unknown(
            row, gap.sentence if gap else "the table workflows lacks its status", gap.next_step if gap else None
        )
    old = snapshot.table("workflows")
    open_ = old.c.status.not_in(SETTLED_V1)
    count = count_of(snapshot, old, open_)
    statement = select(old.c.id).where(open_).order_by(old.c.id).limit(KEPT_IDS)
    return v1_answer(count, [str(found[0]) for found in snapshot.all(statement)], asked.v1, "table workflows, status")


def v1_answer(count: int, ids: Sequence[str], strategy: Strategy, source: str) -> CheckResult:
    """The answer for so many open v1 workflows, whoever counted them."""
    row = rows.V1
    evidence = Evidence(source, f"{count:,} open")
    if count == 0:
        return passed(row, "no v1 workflow is open", evidence)
    if strategy is Strategy.COEXIST:
        said = f"{count:,} open v1 workflows are left on the v1 engine on purpose"
        return CheckResult(row, Answer.PASS, said, tuple(ids), "v1 workflows", count, (evidence,))
    said = f"{count:,} v1 workflows are open"
    return CheckResult(row, Answer.FAIL, said, tuple(ids), "v1 workflows", count, (evidence,), row.fix)


def types_of_runs(snapshot: Snapshot, asked: Asked) -> CheckResult:
    """Runs whose type key is a class name: a fail where they are open, or new; a warning where they are closed."""
    row = rows.TYPES_OF_RUNS
    runs = snapshot.table("workflow_runs")
    named = looks_like_class(runs.c.workflow_type, runs.c.workflow_class)
    count, ids = runs_where(snapshot, named)
    if count == 0:
        return passed(row, "every run has a type key", Evidence("workflow_runs.workflow_type", "no class name"))
    condition, untold = open_or_new(snapshot, row, asked)
    pressing, pressing_ids = runs_where(snapshot, named, condition)
    kinds = distinct_values(snapshot, runs, runs.c.workflow_type, named)
    evidence = Evidence("workflow_runs.workflow_type", f"{count:,} runs of {', '.join(kinds)}")
    if pressing:
        said = f"{pressing:,} open or new runs have a PHP class name for a type key"
        return CheckResult(row, Answer.FAIL, said, pressing_ids, "runs", pressing, (evidence,), row.fix)
    if untold is not None:
        return untold
    if asked.since is not None:
        found = runs_where(snapshot, named, has_no_begin(snapshot))
        doubt = undated(row, "have a PHP class name for a type key", *found)
        if doubt is not None:
            return doubt
    said = f"{count:,} closed runs have a PHP class name for a type key, and no open one"
    return CheckResult(row, Answer.WARN, said, ids, "runs", count, (evidence,), row.fix)


def types_of_activities(snapshot: Snapshot, asked: Asked) -> CheckResult:
    """Activities whose type is a class name, in the same way."""
    row = rows.TYPES_OF_ACTIVITIES
    table = snapshot.table("activity_executions")
    named = looks_like_class(table.c.activity_type, table.c.activity_class)
    count, ids = runs_with(snapshot, table, named)
    if count == 0:
        return passed(
            row, "every activity has a type key", Evidence("activity_executions.activity_type", "no class name")
        )
    condition, untold = open_or_new(snapshot, row, asked)
    pressing, pressing_ids = runs_with(snapshot, table, named, condition)
    kinds = ", ".join(distinct_values(snapshot, table, table.c.activity_type, named))
    evidence = Evidence("activity_executions.activity_type", f"{kinds}, in {count:,} runs")
    if pressing:
        said = f"{pressing:,} open or new runs have activities with a PHP class name for a type key"
        return CheckResult(row, Answer.FAIL, said, pressing_ids, "runs", pressing, (evidence,), row.fix)
    if untold is not None:
        return untold
    if asked.since is not None:
        found = runs_with(snapshot, table, named, has_no_begin(snapshot))
        doubt = undated(row, "have activities with a PHP class name for a type key", *found)
        if doubt is not None:
            return doubt
    said = f"activities of {count:,} closed runs have a PHP class name for a type key"
    return CheckResult(row, Answer.WARN, said, ids, "runs", count, (evidence,), row.fix)


def types_of_schedules(snapshot: Snapshot, _asked: Asked) -> CheckResult:
    """Schedules whose action names a class; unknown where an action does not say what it starts."""
    row = rows.TYPES_OF_SCHEDULES
    if not snapshot.has("workflow_schedules"):
        return no_schedules(snapshot, row)
    from sqlalchemy import select

    table = snapshot.table("workflow_schedules")
    alive = snapshot.column("workflow_schedules", "deleted_at").is_(None)
    statement = select(table.c.schedule_id, table.c.action).where(alive).order_by(table.c.schedule_id)
    found = [(str(schedule), scheduled_action(action)) for schedule, action in snapshot.all(statement)]
    wrong = [schedule for schedule, action in found if action is not None and action.names_a_class]
    unread = [schedule for schedule, action in found if action is None]
    came = f"{len(found):,} schedules, {len(wrong):,} name a class"
    evidence = (Evidence("workflow_schedules.action", f"{came}, {len(unread):,} cannot be read"),)
    if wrong:
        said = f"{len(wrong):,} schedules start a PHP class name"
        return CheckResult(row, Answer.FAIL, said, tuple(wrong[:KEPT_IDS]), "schedules", len(wrong), evidence, row.fix)
    if unread:
        said = f"{len(unread):,} schedules do not say what they start"
        step = "See in the application what they start; delete those that start nothing."
        return CheckResult(
            row, Answer.UNKNOWN, said, tuple(unread[:KEPT_IDS]), "schedules", len(unread), evidence, step
        )
    return passed(row, "no schedule names a PHP class" if found else "there is no schedule", *evidence)


def compatibility_markers(snapshot: Snapshot, _asked: Asked) -> CheckResult:
    """The markers of open runs."""
    from sqlalchemy import func, select

    from dwctl.embedded.exact_text import exact

    row = rows.COMPATIBILITY
    marker = snapshot.table("workflow_runs").c.compatibility
    marked, name = (is_open(snapshot), marker.is_not(None), marker != ""), exact(marker)
    found = snapshot.all(select(name, func.count()).where(*marked).group_by(name).order_by(name))
    if not found:
        return passed(row, "no open run carries a marker", Evidence("workflow_runs.compatibility", "none in open runs"))
    said = ", ".join(f"{name} ({count:,} runs)" for name, count in found)
    evidence = Evidence("workflow_runs.compatibility of open runs", said)
    names = tuple(str(name) for name, _ in found)
    return CheckResult(
        row,
        Answer.WARN,
        f"open runs carry markers: {said}",
        names[:KEPT_IDS],
        "markers",
        len(names),
        (evidence,),
        row.fix,
    )
