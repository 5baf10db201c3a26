"""Whether the embedded application is quiet: nothing leased, nothing running, nothing started any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dwctl.embedded import check_rows as rows
from dwctl.embedded.check_queries import Asked, clock_evidence, count_of, no_moment, no_schedules, unread
from dwctl.embedded.check_results import KEPT_IDS, Answer, CheckResult, CheckRow, Evidence, passed
from dwctl.embedded.instants import bound, parsed
from dwctl.embedded.row_conditions import begun, has_no_begin
from dwctl.embedded.scheduled_action import scheduled_action

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from dwctl.embedded.snapshot import Snapshot

_SHOWN = 5
"""Leases that the evidence names one by one."""


def leases(snapshot: Snapshot, _asked: Asked) -> CheckResult:
    """Leased tasks: whose, and whether the lease has expired."""
    return _held(snapshot, rows.LEASES, "workflow_tasks", "leased", "leased task")


def running_attempts(snapshot: Snapshot, _asked: Asked) -> CheckResult:
    """Running attempts of activities, in the same way."""
    return _held(snapshot, rows.ATTEMPTS, "activity_attempts", "running", "running attempt")


def _held(snapshot: Snapshot, row: CheckRow, name: str, status: str, what: str) -> CheckResult:
    from sqlalchemy import select

    if not snapshot.has(name, "id", "workflow_run_id", "status"):
        return unread(snapshot, row, name, "id", "workflow_run_id", "status")
    table = snapshot.table(name)
    held = table.c.status == status
    count = count_of(snapshot, table, held)
    asked = f"{name} whose status is {status}"
    if count == 0:
        return passed(row, f"no {what}", Evidence(asked, "none"))
    owner, expires = snapshot.column(name, "lease_owner"), snapshot.column(name, "lease_expires_at")
    statement = select(table.c.workflow_run_id, table.c.id, owner, expires).where(held)
    found = snapshot.all(statement.order_by(table.c.workflow_run_id, table.c.id).limit(KEPT_IDS))
    expired = _expired(snapshot, name, held)
    said = f"{count:,} {what}s" if count > 1 else f"1 {what}"
    if expired:
        said += ", expired" if count == expired else f", {expired:,} of them expired"
    evidence = [
        Evidence(f"{what} {identity} of run {run}", f"held by {by or 'nobody known'}, {_until(snapshot, until)}")
        for run, identity, by, until in found[:_SHOWN]
    ]
    ids = tuple(dict.fromkeys(run for run, *_ in found))
    return CheckResult(row, Answer.FAIL, said, ids, "runs", count, (Evidence(asked, said), *evidence), row.fix)


def _until(snapshot: Snapshot, expires: object) -> str:
    until = snapshot.instant(expires)
    if until is None:
        return "without an end"
    return f"expired {until}" if until < snapshot.as_of else f"until {until}"


def _expired(snapshot: Snapshot, name: str, held: ColumnElement[bool]) -> int:
    if not snapshot.has(name, "lease_expires_at"):
        return 0
    table = snapshot.table(name)
    return count_of(snapshot, table, held, table.c.lease_expires_at < bound(snapshot, parsed(snapshot.as_of)))


def starters_paused(snapshot: Snapshot, asked: Asked) -> CheckResult:
    """Instances that are new since the moment; children of running parents are told apart from fresh starts."""
    row = rows.STARTERS
    if not snapshot.has("workflow_instances", "id", "created_at"):
        return unread(snapshot, row, "workflow_instances", "id", "created_at")
    if (refusal := no_moment(snapshot, row, asked)) is not None:
        return refusal
    if asked.types and not snapshot.has("workflow_instances", "workflow_type"):
        return unread(snapshot, row, "workflow_instances", "workflow_type")
    new, by_parent = _is_new(snapshot, str(asked.since)), _is_child(snapshot)
    fresh, fresh_ids = _instances(snapshot, asked, new, ~by_parent)
    children, child_ids = _instances(snapshot, asked, new, by_parent)
    came = Evidence(
        f"workflow_instances{_of_types(asked)} and their first runs since {asked.since}, read at {snapshot.as_of}",
        f"{fresh:,} started from outside, {children:,} by a parent",
    )
    evidence = (came, clock_evidence(snapshot))
    if fresh:
        said = f"{fresh:,} workflows were started in the embedded application since {asked.since}"
        return CheckResult(row, Answer.FAIL, said, fresh_ids, "instances", fresh, evidence, row.fix)
    undated, undated_ids = _instances(snapshot, asked, _may_be_new(snapshot, str(asked.since)))
    if undated:
        said = f"{undated:,} workflows do not say when they were started: their rows have no time"
        step = "See in the application when these were started."
        return CheckResult(row, Answer.UNKNOWN, said, undated_ids, "instances", undated, evidence, step)
    if children:
        said = f"no starter ran since {asked.since}, but running parents started {children:,} children"
        step = "Pause the embedded workers before the export: a parent that is imported starts its children there."
        return CheckResult(row, Answer.WARN, said, child_ids, "instances", children, evidence, step)
    return passed(row, f"no workflow{_of_types(asked)} was started since {asked.since}", *evidence)


def _of_types(asked: Asked) -> str:
    return f" of the types {', '.join(sorted(asked.types))}" if asked.types else ""


def _instances(snapshot: Snapshot, asked: Asked, *conditions: ColumnElement[bool]) -> tuple[int, tuple[str, ...]]:
    """How many instances of the wanted types fit, each beside its first run, and the first of their ids.

    Later runs are no starts: a workflow that continues as new goes on.
    """
    from sqlalchemy import and_, select

    instances, runs = snapshot.table("workflow_instances"), snapshot.table("workflow_runs")
    first = and_(runs.c.workflow_instance_id == instances.c.id, runs.c.run_number == 1)
    source, wanted = instances.outerjoin(runs, first), list(conditions)
    if asked.types:
        wanted.append(instances.c.workflow_type.in_(sorted(asked.types)))
    if (count := count_of(snapshot, source, *wanted)) == 0:
        return 0, ()
    statement = select(instances.c.id).select_from(source).where(*wanted).order_by(instances.c.id).limit(KEPT_IDS)
    return count, tuple(found[0] for found in snapshot.all(statement))


def _is_new(snapshot: Snapshot, since: str) -> ColumnElement[bool]:
    """Whether an instance was created since a moment, or its first run begun: an instance may be reserved before."""
    from sqlalchemy import or_

    moment = bound(snapshot, parsed(since))
    return or_(snapshot.table("workflow_instances").c.created_at >= moment, begun(snapshot) >= moment)


def _may_be_new(snapshot: Snapshot, since: str) -> ColumnElement[bool]:
    """Whether nothing says if an instance is new: its first run has no time, or it has neither a run nor a time."""
    from sqlalchemy import and_, or_

    created, run_id = snapshot.table("workflow_instances").c.created_at, snapshot.table("workflow_runs").c.id
    reserved_before = created < bound(snapshot, parsed(since))
    return and_(has_no_begin(snapshot), or_(created.is_(None), and_(run_id.is_not(None), reserved_before)))


def _is_child(snapshot: Snapshot) -> ColumnElement[bool]:
    """Whether a parent started an instance; no where links cannot be read."""
    from sqlalchemy import exists, false

    if not snapshot.has("workflow_links", "link_type", "child_workflow_instance_id"):
        return false()
    instances, links = snapshot.table("workflow_instances"), snapshot.table("workflow_links")
    # Correlated, so that each of the few new instances is looked up by its index, however many links there are.
    return exists().where(links.c.child_workflow_instance_id == instances.c.id, links.c.link_type == "child_workflow")


def schedules_paused(snapshot: Snapshot, asked: Asked) -> CheckResult:
    """Schedules that would still fire; one whose type is not known counts whatever types are asked about."""
    from sqlalchemy import select

    row, name = rows.SCHEDULES, "workflow_schedules"
    if not snapshot.has(name):
        return no_schedules(snapshot, row)
    table = snapshot.table(name)
    fires, action = snapshot.column(name, "next_fire_at"), snapshot.column(name, "action")
    statement = select(table.c.schedule_id, fires, action).where(*_firing(snapshot)).order_by(table.c.schedule_id)
    every = snapshot.all(statement)
    found = [one for one in every if not asked.types or _type_key(one[2]) in {None, *asked.types}]
    count = len(found)
    question = "workflow_schedules that are neither paused nor deleted"
    others = f"; {len(every) - count:,} start other types" if len(every) > count else ""
    if count == 0:
        said = f"no schedule starts embedded runs{_of_types(asked)}"
        return passed(row, said, Evidence(question, f"none{_of_types(asked)}{others}"))
    evidence = [
        Evidence(f"schedule {identity}", f"fires next {snapshot.instant(at) or 'at an unknown time'}")
        for identity, at, _ in found[:_SHOWN]
    ]
    said = f"{count:,} schedules still start embedded runs" if count > 1 else "1 schedule still starts embedded runs"
    ids = tuple(str(identity) for identity, *_ in found[:KEPT_IDS])
    first = Evidence(question, said + others)
    return CheckResult(row, Answer.FAIL, said, ids, "schedules", count, (first, *evidence), row.fix)


def _firing(snapshot: Snapshot) -> list[ColumnElement[bool]]:
    """What holds for a schedule that may fire: one of an unknown status too. When it was paused does not stop it."""
    from sqlalchemy import or_

    name = "workflow_schedules"
    table = snapshot.table(name)
    firing = [
        or_(table.c.status.is_(None), table.c.status.not_in(["paused", "deleted", "completed"])),
        snapshot.column(name, "deleted_at").is_(None),
    ]
    if snapshot.has(name, "remaining_actions"):
        firing.append(or_(table.c.remaining_actions.is_(None), table.c.remaining_actions > 0))
    return firing


def _type_key(action: object) -> str | None:
    found = scheduled_action(action)
    return None if found is None else found.type_key
