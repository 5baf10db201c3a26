"""Whether the embedded application is quiet: nothing leased, nothing running, nothing started any more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dwctl.embedded import check_rows as rows
from dwctl.embedded.check_queries import SAY_SINCE, Asked, count_of, no_schedules, or_null, unread
from dwctl.embedded.check_results import KEPT_IDS, Answer, CheckResult, CheckRow, Evidence, passed, unknown
from dwctl.embedded.gaps import GapKind
from dwctl.embedded.instants import bound, parsed

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
        return unread(snapshot, row, name)
    table = snapshot.table(name)
    held = table.c.status == status
    count = count_of(snapshot, table, held)
    asked = f"{name} whose status is {status}"
    if count == 0:
        return passed(row, f"no {what}", Evidence(asked, "none"))
    owner, expires = or_null(snapshot, name, "lease_owner"), or_null(snapshot, name, "lease_expires_at")
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
        return unread(snapshot, row, "workflow_instances")
    if (refusal := no_moment(snapshot, row, asked)) is not None:
        return refusal
    if asked.types and not snapshot.has("workflow_instances", "workflow_type"):
        return unread(snapshot, row, "workflow_instances")
    fresh, fresh_ids = _instances(snapshot, asked, children=False)
    children, child_ids = _instances(snapshot, asked, children=True)
    evidence = Evidence(
        f"workflow_instances{_of_types(asked)} since {asked.since}, read at {snapshot.as_of}",
        f"{fresh:,} started from outside, {children:,} by a parent",
    )
    if fresh:
        said = f"{fresh:,} workflows were started in the embedded application since {asked.since}"
        return CheckResult(row, Answer.FAIL, said, fresh_ids, "instances", fresh, (evidence,), row.fix)
    if children:
        said = f"no starter ran since {asked.since}, but running parents started {children:,} children"
        step = "Pause the embedded workers before the export: a parent that is imported starts its children there."
        return CheckResult(row, Answer.WARN, said, child_ids, "instances", children, (evidence,), step)
    return passed(row, f"no workflow{_of_types(asked)} was started since {asked.since}", evidence)


def _of_types(asked: Asked) -> str:
    return f" of the types {', '.join(sorted(asked.types))}" if asked.types else ""


def no_moment(snapshot: Snapshot, row: CheckRow, asked: Asked) -> CheckResult | None:
    """Unknown where the moment is not named, has not come, or cannot be compared with a clock that is in doubt."""
    if asked.since is None:
        return unknown(row, "nobody said since when", SAY_SINCE)
    if asked.since > snapshot.as_of:
        said = f"the moment {asked.since} has not come yet: the database's clock says {snapshot.as_of}"
        return unknown(row, said, "Wait until then, or correct --since.")
    doubt = next((gap for gap in snapshot.gaps if gap.kind is GapKind.CLOCK), None)
    if doubt is not None:  # an hour off, and what was started since looks older
        return unknown(row, f"what happened since cannot be told: {doubt.sentence}", doubt.next_step)
    return None


def _instances(snapshot: Snapshot, asked: Asked, *, children: bool) -> tuple[int, tuple[str, ...]]:
    """Instances that are new since the moment: those that a parent started, or the others."""
    from sqlalchemy import exists, select

    instances = snapshot.table("workflow_instances")
    wanted: list[Any] = [new_instance(snapshot, str(asked.since))]
    if asked.types:
        wanted.append(instances.c.workflow_type.in_(sorted(asked.types)))
    if snapshot.has("workflow_links", "link_type", "child_workflow_instance_id"):
        links = snapshot.table("workflow_links")
        # Correlated, so that each of the few new instances is looked up by its index, however many links there are.
        started_by_parent = exists().where(
            links.c.child_workflow_instance_id == instances.c.id, links.c.link_type == "child_workflow"
        )
        wanted.append(started_by_parent if children else ~started_by_parent)
    elif children:
        return 0, ()
    count = count_of(snapshot, instances, *wanted)
    statement = select(instances.c.id).where(*wanted).order_by(instances.c.id).limit(KEPT_IDS)
    return count, tuple(found[0] for found in snapshot.all(statement)) if count else ()


def new_instance(snapshot: Snapshot, since: str) -> ColumnElement[bool]:
    """Whether an instance was created since a moment."""
    instances = snapshot.table("workflow_instances")
    return instances.c.created_at >= bound(snapshot, parsed(since))


def schedules_paused(snapshot: Snapshot, asked: Asked) -> CheckResult:
    """Schedules that would still fire; one whose type is not known counts whatever types are asked about."""
    from sqlalchemy import select

    row, name = rows.SCHEDULES, "workflow_schedules"
    if not snapshot.has(name):
        return no_schedules(snapshot, row)
    if not snapshot.has(name, "schedule_id", "status"):
        return unknown(row, "the table workflow_schedules has no column status that may be read")
    table = snapshot.table(name)
    still: list[ColumnElement[bool]] = [table.c.status.not_in(["paused", "deleted", "completed"])]
    still += [table.c[column].is_(None) for column in ("paused_at", "deleted_at") if snapshot.has(name, column)]
    if snapshot.has(name, "remaining_actions"):
        still.append(table.c.remaining_actions.is_(None) | (table.c.remaining_actions > 0))
    fires, action = or_null(snapshot, name, "next_fire_at"), or_null(snapshot, name, "action")
    statement = select(table.c.schedule_id, fires, action).where(*still).order_by(table.c.schedule_id)
    every = snapshot.all(statement)
    found = [one for one in every if not asked.types or type_of_action(one[2]) in {None, *asked.types}]
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


def type_of_action(action: object) -> str | None:
    """The type key that a schedule's action starts, as far as it says one; text of JSON or its value."""
    try:
        value = json.loads(action) if isinstance(action, str) else action
    except ValueError:
        return None
    type_key = value.get("workflow_type") if isinstance(value, dict) else None
    return type_key if isinstance(type_key, str) and type_key else None
