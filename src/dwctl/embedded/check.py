"""The checks that the application's database answers: grouped queries, and the ids behind each answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dwctl.embedded import check_rows as rows
from dwctl.embedded.check_queries import (
    SAY_SINCE,
    Asked,
    count_of,
    distinct_values,
    foreign_runs,
    is_open,
    no_schedules,
    open_or_new,
    or_null,
    runs_where,
    runs_with,
    since_of_runs,
    unread,
)
from dwctl.embedded.check_results import KEPT_IDS, Answer, CheckResult, Evidence, Strategy, passed, unknown
from dwctl.embedded.gaps import GapKind
from dwctl.embedded.inventory import SETTLED_V1
from dwctl.embedded.inventory_rows import is_foreign, looks_like_class

if TYPE_CHECKING:
    from dwctl.embedded.snapshot import Snapshot


def v1_drained(snapshot: Snapshot, asked: Asked) -> CheckResult:
    """Open workflows of v1, by the strategy."""
    from sqlalchemy import select

    row = rows.V1
    if not snapshot.has("workflows", "id", "status"):
        gap = next((gap for gap in snapshot.gaps if gap.table == "workflows"), None)
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
    class_name = or_null(snapshot, "workflow_runs", "workflow_class")
    named = looks_like_class(runs.c.workflow_type, class_name)
    count, ids = runs_where(snapshot, named)
    if count == 0:
        return passed(row, "every run has a type key", Evidence("workflow_runs.workflow_type", "no class name"))
    pressing, pressing_ids = runs_where(snapshot, named, open_or_new(snapshot, asked))
    kinds = distinct_values(snapshot, runs, runs.c.workflow_type, named)
    evidence = Evidence("workflow_runs.workflow_type", f"{count:,} runs of {', '.join(kinds)}")
    if pressing:
        said = f"{pressing:,} open or new runs have a PHP class name for a type key"
        return CheckResult(row, Answer.FAIL, said, pressing_ids, "runs", pressing, (evidence,), row.fix)
    said = f"{count:,} closed runs have a PHP class name for a type key, and no open one"
    return CheckResult(row, Answer.WARN, said, ids, "runs", count, (evidence,), row.fix)


def types_of_activities(snapshot: Snapshot, asked: Asked) -> CheckResult:
    """Activities whose type is a class name, in the same way."""
    row = rows.TYPES_OF_ACTIVITIES
    if not snapshot.has("activity_executions", "workflow_run_id", "activity_type"):
        return unread(snapshot, row, "activity_executions")
    table = snapshot.table("activity_executions")
    named = looks_like_class(table.c.activity_type, or_null(snapshot, "activity_executions", "activity_class"))
    count, ids = runs_with(snapshot, table, named)
    if count == 0:
        return passed(
            row, "every activity has a type key", Evidence("activity_executions.activity_type", "no class name")
        )
    pressing, pressing_ids = runs_with(snapshot, table, named, open_or_new(snapshot, asked))
    kinds = ", ".join(distinct_values(snapshot, table, table.c.activity_type, named))
    evidence = Evidence("activity_executions.activity_type", f"{kinds}, in {count:,} runs")
    if pressing:
        said = f"{pressing:,} open or new runs have activities with a PHP class name for a type key"
        return CheckResult(row, Answer.FAIL, said, pressing_ids, "runs", pressing, (evidence,), row.fix)
    said = f"activities of {count:,} closed runs have a PHP class name for a type key"
    return CheckResult(row, Answer.WARN, said, ids, "runs", count, (evidence,), row.fix)


def types_of_schedules(snapshot: Snapshot, _asked: Asked) -> CheckResult:
    """Schedules whose action names a class."""
    row = rows.TYPES_OF_SCHEDULES
    if not snapshot.has("workflow_schedules"):
        return no_schedules(snapshot, row)
    if not snapshot.has("workflow_schedules", "schedule_id", "action"):
        return unknown(row, "the table workflow_schedules has no column action that may be read")
    table = snapshot.table("workflow_schedules")
    from sqlalchemy import select

    alive = [table.c.deleted_at.is_(None)] if snapshot.has("workflow_schedules", "deleted_at") else []
    found = snapshot.all(select(table.c.schedule_id, table.c.action).where(*alive).order_by(table.c.schedule_id))
    wrong = [str(schedule) for schedule, action in found if _names_a_class(action)]
    evidence = Evidence("workflow_schedules.action", f"{len(found):,} schedules, {len(wrong):,} name a class")
    if not wrong:
        return passed(row, "no schedule names a PHP class" if found else "there is no schedule", evidence)
    said = f"{len(wrong):,} schedules start a PHP class name"
    return CheckResult(row, Answer.FAIL, said, tuple(wrong[:KEPT_IDS]), "schedules", len(wrong), (evidence,), row.fix)


def _names_a_class(action: object) -> bool:
    """Whether the action starts a class: its type holds a backslash, or it has a class and no type at all."""
    try:
        value = json.loads(action) if isinstance(action, str) else action
    except ValueError:
        return isinstance(action, str) and "\\\\" in action
    if not isinstance(value, dict):
        return isinstance(value, str) and "\\" in value
    type_key = value.get("workflow_type") or value.get("type")
    class_name = value.get("workflow_class") or value.get("class")
    if isinstance(type_key, str) and type_key not in ("", "start_workflow", "workflow"):
        return "\\" in type_key or type_key == class_name
    return bool(class_name)


def codec_of_new_runs(snapshot: Snapshot, asked: Asked) -> CheckResult:
    """Runs since the moment that are in another codec."""
    row = rows.CODEC_NEW
    if not snapshot.has("workflow_runs", "payload_codec"):
        return unknown(row, "the table workflow_runs has no column payload_codec that may be read")
    foreign = foreign_runs(snapshot)
    if asked.since is None:
        count, _ = runs_where(snapshot, foreign)
        if count == 0:
            return passed(row, "no run of any age uses another codec", Evidence("workflow_runs.payload_codec", "avro"))
        return unknown(row, f"{count:,} runs use another codec, and nobody said which runs are new", SAY_SINCE)
    new = since_of_runs(snapshot, asked.since)
    count, ids = runs_where(snapshot, foreign, new)
    total, _ = runs_where(snapshot, new)
    evidence = Evidence(f"workflow_runs.payload_codec since {asked.since}", f"{count:,} of {total:,} in another codec")
    if count:
        said = f"{count:,} of {total:,} runs started since {asked.since} use another codec than avro"
        return CheckResult(row, Answer.FAIL, said, ids, "runs", count, (evidence,), row.fix)
    if total:
        return passed(row, f"all {total:,} runs started since {asked.since} use avro", evidence)
    everywhere, _ = runs_where(snapshot, foreign)
    if everywhere == 0:
        return passed(row, f"no run was started since {asked.since}, and no older one uses another codec", evidence)
    said = f"no run was started since {asked.since}, so none shows which codec new ones use"
    return CheckResult(row, Answer.WARN, said, evidence=(evidence,), next_step="Give an earlier --since.")


def codec_everywhere(snapshot: Snapshot, _asked: Asked) -> CheckResult:
    """Runs of any age in another codec; open ones have to finish where they are."""
    row = rows.CODEC_ALL
    if not snapshot.has("workflow_runs", "payload_codec"):
        return unknown(row, "the table workflow_runs has no column payload_codec that may be read")
    runs = snapshot.table("workflow_runs")
    foreign = foreign_runs(snapshot)
    count, ids = runs_where(snapshot, foreign)
    if count == 0:
        return passed(row, "every run uses avro", Evidence("workflow_runs.payload_codec", "no other codec"))
    still, _ = runs_where(snapshot, foreign, is_open(snapshot))
    codecs = ", ".join(distinct_values(snapshot, runs, runs.c.payload_codec, is_foreign(runs.c.payload_codec)))
    evidence = Evidence("workflow_runs.payload_codec", f"{count:,} runs: {codecs or 'in the result alone'}")
    said = f"{count:,} runs use a legacy codec, {still:,} of them open: they cannot be imported"
    return CheckResult(row, Answer.WARN, said, ids, "runs", count, (evidence,), row.fix)


def compatibility_markers(snapshot: Snapshot, _asked: Asked) -> CheckResult:
    """The markers of open runs."""
    from sqlalchemy import func, select

    row = rows.COMPATIBILITY
    if not snapshot.has("workflow_runs", "compatibility"):
        return unknown(row, "the table workflow_runs has no column compatibility that may be read")
    runs = snapshot.table("workflow_runs")
    marker = runs.c.compatibility
    marked = (is_open(snapshot), marker.is_not(None), marker != "")
    found = snapshot.all(select(marker, func.count()).where(*marked).group_by(marker).order_by(marker))
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


def open_queues(snapshot: Snapshot) -> dict[str, int]:
    """The queues of open runs and of their open tasks, with how many open runs name each (0: only tasks)."""
    from sqlalchemy import func, select

    found: dict[str, int] = {}
    runs = snapshot.table("workflow_runs")
    if snapshot.has("workflow_runs", "queue"):
        open_ = is_open(snapshot)
        statement = select(runs.c.queue, func.count()).where(open_, runs.c.queue.is_not(None)).group_by(runs.c.queue)
        found.update({queue: count for queue, count in snapshot.all(statement) if queue})
    if snapshot.has("workflow_tasks", "queue", "status"):
        tasks = snapshot.table("workflow_tasks")
        named = tasks.c.queue.is_not(None), tasks.c.status.in_(["ready", "leased"])
        for (queue,) in snapshot.all(select(tasks.c.queue).where(*named).distinct()):
            if queue:
                found.setdefault(queue, 0)
    return dict(sorted(found.items()))
