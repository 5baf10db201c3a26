"""The summary of the inventory, type × status × queue: grouped SQL, and no row of a single run is fetched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dwctl.embedded.filters import RunFilter, conditions
from dwctl.embedded.inventory import SETTLED_V1, require_runs, sees_v1
from dwctl.embedded.inventory_rows import NEEDED
from dwctl.embedded.inventory_runs import RUNNING_ATTEMPT, Group, InventoryRun, OldGroup, Summary

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from dwctl.embedded.snapshot import Snapshot

Key = tuple[str, str, str | None]

_HELD_IN = {"leased_tasks": "workflow_tasks", "running_attempts": "activity_attempts"}
"""What of a group is counted in another table than that of the runs."""


def summarised(snapshot: Snapshot, wanted: RunFilter) -> Summary:
    """The groups of the wanted runs, counted by the database.

    The part of the filter that asks for eligibility is not looked at: `GroupCount` counts judged runs.
    Raises NotFound where there is no table of v2 runs.
    """
    require_runs(snapshot)
    leased = _held(snapshot, wanted, "workflow_tasks", "leased")
    running = _held(snapshot, wanted, "activity_attempts", "running")
    groups = [
        Group(key[0], key[1], key[2], count, oldest, progress, leased.get(key, 0), running.get(key, 0))
        for key, count, oldest, progress in _runs(snapshot, wanted)
    ]
    return summary_of(snapshot, wanted, groups)


def summary_of(snapshot: Snapshot, wanted: RunFilter, groups: Iterable[Group]) -> Summary:
    """Groups in the order in which they are shown, with the open workflows of v1 and the gaps of the database.

    What is held in a group is not known where its table cannot be read, whoever counted it.
    """
    unread = (field for field, table in _HELD_IN.items() if not snapshot.has(table, *NEEDED[table]))
    unknown: dict[str, Any] = dict.fromkeys(unread)
    known = (group._replace(**unknown) for group in groups)
    ordered = sorted(known, key=lambda group: (group.workflow_type, group.status, group.queue or ""))
    no_v1 = None
    if not wanted.takes_v1:
        no_v1 = "left out: the filter asks for v2 runs"
    elif not sees_v1(snapshot):
        gap = snapshot.gap("workflows", "id", "status")
        no_v1 = gap.sentence if gap is not None else "the table cannot be read"
    v1 = _v1(snapshot) if no_v1 is None else None
    return Summary(snapshot.as_of, tuple(ordered), v1, no_v1, tuple(gap.sentence for gap in snapshot.gaps))


def _runs(snapshot: Snapshot, wanted: RunFilter) -> Iterable[tuple[Key, int, str | None, str | None]]:
    from sqlalchemy import func, select

    runs, key = snapshot.table("workflow_runs"), _key(snapshot)
    times = [
        func.min(snapshot.column("workflow_runs", "started_at")),
        func.max(snapshot.column("workflow_runs", "last_progress_at")),
    ]
    statement = select(*key, func.count(), *times).where(*conditions(wanted, snapshot, runs)).group_by(*key)
    for type_key, status, queue, count, oldest, progress in snapshot.all(statement):
        begun = snapshot.instant(oldest, "workflow_runs.started_at", f"runs of {type_key}")
        last = snapshot.instant(progress, "workflow_runs.last_progress_at", f"runs of {type_key}")
        yield (type_key, status, queue), count, begun, last


def _held(snapshot: Snapshot, wanted: RunFilter, table: str, status: str) -> dict[Key, int]:
    """How many leased tasks, or running attempts, the groups have."""
    from sqlalchemy import func, select

    if not snapshot.has(table, *NEEDED[table]):
        return {}
    runs, held, key = snapshot.table("workflow_runs"), snapshot.table(table), _key(snapshot)
    statement = (
        select(*key, func.count())
        .select_from(held.join(runs, runs.c.id == held.c.workflow_run_id))
        .where(held.c.status == status, *conditions(wanted, snapshot, runs))
        .group_by(*key)
    )
    return {(row[0], row[1], row[2]): row[3] for row in snapshot.all(statement)}


def _key(snapshot: Snapshot) -> list[ColumnElement[str]]:
    from dwctl.embedded.exact_text import exact

    return [exact(snapshot.column("workflow_runs", name)) for name in ("workflow_type", "status", "queue")]


def _v1(snapshot: Snapshot) -> tuple[OldGroup, ...]:
    from sqlalchemy import func, select

    from dwctl.embedded.exact_text import exact

    status = snapshot.table("workflows").c.status
    key = [exact(snapshot.column("workflows", name)) for name in ("class", "status")]
    begun = func.min(snapshot.column("workflows", "created_at"))
    statement = select(*key, func.count(), begun).where(status.not_in(SETTLED_V1)).group_by(*key)
    found = [OldGroup(row[0], row[1], row[2], snapshot.instant(row[3])) for row in snapshot.all(statement)]
    return tuple(sorted(found, key=lambda group: (group.workflow_class or "", group.status)))


class GroupCount:
    """Counts judged runs by group as they pass: for a filter that SQL cannot answer."""

    def __init__(self) -> None:
        self._groups: dict[Key, _Counted] = {}

    def add(self, run: InventoryRun) -> None:
        """Count one run."""
        row = run.row
        key = (row.workflow_type, row.status, row.queue)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Counted()
        group.runs += 1
        if row.started_at is not None and (group.oldest is None or row.started_at < group.oldest):
            group.oldest = row.started_at
        if row.last_progress_at is not None and (group.latest is None or row.last_progress_at > group.latest):
            group.latest = row.last_progress_at
        for held in run.work.held:
            group.attempts += held.kind == RUNNING_ATTEMPT
            group.leases += held.kind != RUNNING_ATTEMPT

    def groups(self) -> list[Group]:
        """What was counted."""
        return [
            Group(*key, group.runs, group.oldest, group.latest, group.leases, group.attempts)
            for key, group in self._groups.items()
        ]


@dataclass(slots=True)
class _Counted:
    runs: int = 0
    oldest: str | None = None
    latest: str | None = None
    leases: int = 0
    attempts: int = 0
