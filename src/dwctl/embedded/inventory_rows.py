"""The rows behind the inventory: one page of runs, then one query a related table for the whole page.

No query is made for a single run, so a million runs cost a thousand pages, and memory holds one page.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from dwctl.bundle import vocabulary
from dwctl.embedded.columns import made_pages
from dwctl.embedded.filters import RunFilter, conditions
from dwctl.embedded.inventory_runs import RUNNING_ATTEMPT, TIME_COLUMNS, Held, RunColumns
from dwctl.embedded.row_conditions import is_foreign, looks_like_class

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, FromClause, Select, Table

    from dwctl.embedded.snapshot import Snapshot

PAGE = 5000
"""Runs a page: the keyset step, and the reach of each grouped query."""

SETTLED_TASKS = frozenset({"completed", "cancelled", "failed"})
SETTLED_TIMERS = frozenset({"fired", "cancelled"})
SETTLED_SIGNALS = frozenset({"applied", "rejected"})
SETTLED_UPDATES = frozenset({"completed", "failed", "rejected"})

_FRACTION_IS_KEPT_FROM = 1e17
"""PHP writes whole numbers from here on as `1.0e+17`, with their fraction (contract/import.md §1)."""

_OTHER_NAMES = {
    "run_id": ("workflow_runs", "id"),
    "instance_id": ("workflow_runs", "workflow_instance_id"),
    "current_run_id": ("workflow_instances", "current_run_id"),
    "run_count": ("workflow_instances", "run_count"),
    "history_events": ("workflow_run_summaries", "history_event_count"),
    "history_bytes": ("workflow_run_summaries", "history_size_bytes"),
}
"""The fields of `RunColumns` that are not a column of workflow_runs under the same name."""

NEEDED = {
    "workflow_tasks": ("id", "workflow_run_id", "task_type", "status"),
    "activity_attempts": ("id", "workflow_run_id", "status"),
    "workflow_run_timers": ("workflow_run_id", "status"),
    "workflow_signal_records": ("workflow_run_id", "status"),
    "workflow_updates": ("workflow_run_id", "status"),
    "workflow_links": ("link_type", "parent_workflow_run_id", "child_workflow_run_id"),
    "workflow_search_attributes": ("workflow_run_id", "key", "value_float"),
    "workflow_commands": ("workflow_run_id", "command_type", "status"),
    "activity_executions": ("workflow_run_id", "activity_type"),
    "workflow_history_events": ("workflow_run_id", "event_type"),
}
"""Related table → the columns without which it is not looked at."""

_TIMES = {RunColumns._fields.index(name): f"workflow_runs.{name}" for name in TIME_COLUMNS}


class LinkedRun(NamedTuple):
    """A link row seen from one of its ends; `child_status` is None where the child has no row here."""

    link_type: str
    parent_run_id: str
    child_run_id: str
    child_status: str | None


class OddRow(NamedTuple):
    """A row that the importer would refuse or drop: which table, and the words in question."""

    table: str
    type: str | None
    status: str | None
    codec: str | None
    class_name: str | None = None


@dataclass(slots=True)
class PageWork:
    """What hangs on the runs of a page, by run id."""

    held_tasks: dict[str, list[Held]] = field(default_factory=lambda: defaultdict(list))
    attempts: dict[str, list[Held]] = field(default_factory=lambda: defaultdict(list))
    ready: dict[str, int] = field(default_factory=dict)
    timers: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    signals: dict[str, int] = field(default_factory=dict)
    updates: dict[str, int] = field(default_factory=dict)
    links: dict[str, list[LinkedRun]] = field(default_factory=lambda: defaultdict(list))
    whole_floats: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    odd: dict[str, list[OddRow]] = field(default_factory=lambda: defaultdict(list))
    highest_run: dict[str, int] = field(default_factory=dict)
    suspect: set[str] = field(default_factory=set)
    busy: set[str] = field(default_factory=set)

    def note_busy(self) -> None:
        """Note which runs have anything at all, and which have what a rule names: the others cost nothing."""
        self.suspect = set().union(self.held_tasks, self.attempts, self.whole_floats, self.odd)
        self.busy = self.suspect.union(self.ready, self.timers, self.signals, self.updates, self.links)


def run_pages(snapshot: Snapshot, wanted: RunFilter, *, size: int = PAGE) -> Iterator[list[RunColumns]]:
    """The runs that rows let through, in the order of their ids, a page at a time."""
    statement, key = _run_select(snapshot, wanted)
    found = snapshot.page_lists(statement, key, size=size, again=lambda last: _run_select(snapshot, wanted, last)[0])
    return made_pages(found, RunColumns._make, _TIMES, snapshot.clock)


def _run_select(snapshot: Snapshot, wanted: RunFilter, beyond: str | None = None) -> tuple[Select[Any], Column[Any]]:
    """The runs with what stands beside them, of those beyond a run id where one is given.

    The table of summaries is bounded too: PostgreSQL merges it by its index, from the first row on where nobody says
    otherwise, and then the last page of a million costs as much as all before it.
    """
    from sqlalchemy import and_, select

    from dwctl.embedded.schema import no_column

    runs = snapshot.table("workflow_runs")
    source: FromClause = runs
    sources = {"workflow_runs"}
    for name, on in (("workflow_instances", "workflow_instance_id"), ("workflow_run_summaries", "id")):
        if snapshot.has(name, "id"):
            joined = snapshot.table(name)
            same = joined.c.id == runs.c[on]
            bounded = on == "id" and beyond is not None
            source = source.outerjoin(joined, and_(same, joined.c.id > beyond) if bounded else same)
            sources.add(name)
    places = (_OTHER_NAMES.get(name, ("workflow_runs", name)) for name in RunColumns._fields)
    columns = [
        snapshot.column(table, name) if table in sources else no_column(name, snapshot.dialect)
        for table, name in places
    ]
    return select(*columns).select_from(source).where(*conditions(wanted, snapshot, runs)), runs.c.id


class PageReader:
    """Asks the related tables about one page after another.

    `side_by_side` says that a page holds every run between its first and its last, so that a range of the
    index will do. What the database has no table or column for stays empty: the gaps of the snapshot say so.
    """

    def __init__(self, snapshot: Snapshot, *, side_by_side: bool, deep: bool = False) -> None:
        self._snapshot = snapshot
        self._side_by_side = side_by_side
        self._deep = deep

    def read(self, page: Sequence[RunColumns]) -> PageWork:
        """Everything about the runs of this page."""
        work = PageWork()
        ids = [run.run_id for run in page]
        for query in (
            self._tasks, self._attempts, self._timers, self._signals, self._updates, self._whole_floats,
            self._odd_commands, self._odd_activities,
        ):  # fmt: skip
            query(ids, work)
        self._links(page, ids, work)
        if self._deep:
            self._odd_events(ids, work)
        self._highest_runs(page, work)
        work.note_busy()
        return work

    def _within(self, column: ColumnElement[str], ids: Sequence[str]) -> ColumnElement[bool]:
        return column.between(ids[0], ids[-1]) if self._side_by_side else self._snapshot.among(column, ids)

    def _rows(self, statement: Select[Any]) -> Iterable[Any]:
        return self._snapshot.all(statement)

    def _table(self, name: str) -> Table | None:
        return self._snapshot.table(name) if self._snapshot.has(name, *NEEDED[name]) else None

    def _tasks(self, ids: Sequence[str], work: PageWork) -> None:
        from sqlalchemy import or_, select

        tasks = self._table("workflow_tasks")
        if tasks is None:
            return
        owner = self._snapshot.column("workflow_tasks", "lease_owner")
        expires = self._snapshot.column("workflow_tasks", "lease_expires_at")
        statement = select(
            tasks.c.workflow_run_id, tasks.c.id, tasks.c.task_type, tasks.c.status, owner, expires
        ).where(
            self._within(tasks.c.workflow_run_id, ids),
            or_(
                tasks.c.status.not_in(sorted(SETTLED_TASKS)), tasks.c.task_type.not_in(sorted(vocabulary.TASK_TYPES))
            ),
        )  # fmt: skip
        for run_id, task_id, kind, status, lease_owner, expires_at in self._rows(
            statement.order_by(tasks.c.workflow_run_id, tasks.c.id)
        ):
            if status == "leased":
                until = self._snapshot.instant(expires_at, "workflow_tasks.lease_expires_at", task_id)
                work.held_tasks[run_id].append(Held(f"{kind} task", task_id, lease_owner, until))
            elif status == "ready":
                work.ready[run_id] = work.ready.get(run_id, 0) + 1
            if kind not in vocabulary.TASK_TYPES or status not in vocabulary.TASK_STATUSES:
                work.odd[run_id].append(OddRow("tasks", kind, status, None))

    def _attempts(self, ids: Sequence[str], work: PageWork) -> None:
        from sqlalchemy import select

        attempts = self._table("activity_attempts")
        if attempts is None:
            return
        owner = self._snapshot.column("activity_attempts", "lease_owner")
        expires = self._snapshot.column("activity_attempts", "lease_expires_at")
        statement = select(attempts.c.workflow_run_id, attempts.c.id, owner, expires).where(
            self._within(attempts.c.workflow_run_id, ids), attempts.c.status == "running"
        )
        for run_id, attempt_id, lease_owner, expires_at in self._rows(
            statement.order_by(attempts.c.workflow_run_id, attempts.c.id)
        ):
            until = self._snapshot.instant(expires_at, "activity_attempts.lease_expires_at", attempt_id)
            work.attempts[run_id].append(Held(RUNNING_ATTEMPT, attempt_id, lease_owner, until))

    def _timers(self, ids: Sequence[str], work: PageWork) -> None:
        from sqlalchemy import func, select

        from dwctl.embedded.exact_text import exact

        timers = self._table("workflow_run_timers")
        if timers is None:
            return
        fires = self._snapshot.column("workflow_run_timers", "fire_at")
        key = timers.c.workflow_run_id, exact(timers.c.status)
        statement = (
            select(*key, func.count(), func.min(fires))
            .where(self._within(timers.c.workflow_run_id, ids), timers.c.status.not_in(sorted(SETTLED_TIMERS)))
            .group_by(*key)
        )
        for run_id, status, count, fire_at in self._rows(statement):
            if status == "pending":
                work.timers[run_id] = (count, self._snapshot.instant(fire_at, "workflow_run_timers.fire_at", run_id))
            else:
                work.odd[run_id].append(OddRow("timers", None, status, None))

    def _signals(self, ids: Sequence[str], work: PageWork) -> None:
        self._requests("workflow_signal_records", "signals", SETTLED_SIGNALS, work.signals, ids, work)

    def _updates(self, ids: Sequence[str], work: PageWork) -> None:
        self._requests("workflow_updates", "updates", SETTLED_UPDATES, work.updates, ids, work)

    def _requests(
        self,
        name: str,
        section: str,
        settled: frozenset[str],
        open_: dict[str, int],
        ids: Sequence[str],
        work: PageWork,
    ) -> None:
        from sqlalchemy import func, or_, select

        from dwctl.embedded.exact_text import exact

        table = self._table(name)
        if table is None:
            return
        codec = self._snapshot.column(name, "payload_codec")
        key = table.c.workflow_run_id, exact(table.c.status), exact(codec)
        statement = (
            select(*key, func.count())
            .where(
                self._within(table.c.workflow_run_id, ids),
                or_(table.c.status.not_in(sorted(settled)), is_foreign(codec)),
            )
            .group_by(*key)
        )
        for run_id, status, found, count in self._rows(statement):
            if status not in settled:
                open_[run_id] = open_.get(run_id, 0) + count
            if found and found != vocabulary.CODEC:
                work.odd[run_id].append(OddRow(section, None, status, found))

    def _links(self, page: Sequence[RunColumns], ids: Sequence[str], work: PageWork) -> None:
        from sqlalchemy import select

        links = self._table("workflow_links")
        if links is None:
            return
        parent, child = links.c.parent_workflow_run_id, links.c.child_workflow_run_id
        statement = select(links.c.link_type, parent, child).order_by(parent, child, links.c.link_type)
        ends = [(end, list(self._rows(statement.where(self._within(column, ids)))))
                for end, column in ((1, parent), (2, child))]  # fmt: skip
        statuses = self._statuses({row[2] for _, rows in ends for row in rows}, page)
        for end, rows in ends:
            for row in rows:
                work.links[row[end]].append(LinkedRun(row[0], row[1], row[2], statuses.get(row[2])))

    def _statuses(self, run_ids: set[str], page: Sequence[RunColumns]) -> dict[str, str]:
        """The statuses of runs, of which most stand on the page itself; a run that is not there has none."""
        from sqlalchemy import select

        found = {run.run_id: run.status for run in page if run.run_id in run_ids}
        runs, others = self._snapshot.table("workflow_runs"), sorted(run_ids - found.keys())
        for start in range(0, len(others), PAGE):
            asked = self._snapshot.among(runs.c.id, others[start : start + PAGE])
            found.update((row[0], row[1]) for row in self._rows(select(runs.c.id, runs.c.status).where(asked)))
        return found

    def _whole_floats(self, ids: Sequence[str], work: PageWork) -> None:
        from sqlalchemy import func, select

        name = "workflow_search_attributes"
        attributes = self._table(name)
        if attributes is None:
            return
        value = attributes.c.value_float
        statement = select(attributes.c.workflow_run_id, attributes.c.key).where(
            self._within(attributes.c.workflow_run_id, ids),
            value.is_not(None),
            func.round(value) == value,
            func.abs(value) < _FRACTION_IS_KEPT_FROM,
        )
        for run_id, key in self._rows(statement.order_by(attributes.c.workflow_run_id, attributes.c.key)):
            work.whole_floats[run_id].append(key)

    def _odd_commands(self, ids: Sequence[str], work: PageWork) -> None:
        from sqlalchemy import or_

        name = "workflow_commands"
        commands = self._table(name)
        if commands is None:
            return
        codec = self._snapshot.column(name, "payload_codec")
        words = (commands.c.command_type, commands.c.status, codec)
        odd = or_(
            commands.c.command_type.not_in(sorted(vocabulary.COMMAND_TYPES)),
            commands.c.status.not_in(sorted(vocabulary.COMMAND_STATUSES)),
            is_foreign(codec),
        )
        within = self._within(commands.c.workflow_run_id, ids)
        self._note_odd("commands", commands.c.workflow_run_id, words, (within, odd), work)

    def _odd_activities(self, ids: Sequence[str], work: PageWork) -> None:
        from sqlalchemy import or_

        name = "activity_executions"
        activities = self._table(name)
        if activities is None:
            return
        codec = self._snapshot.column(name, "payload_codec")
        class_name = self._snapshot.column(name, "activity_class")
        status = self._snapshot.column(name, "status")
        words = (activities.c.activity_type, status, codec, class_name)
        odd = or_(looks_like_class(activities.c.activity_type, class_name), is_foreign(codec))
        within = self._within(activities.c.workflow_run_id, ids)
        self._note_odd("activities", activities.c.workflow_run_id, words, (within, odd), work)

    def _odd_events(self, ids: Sequence[str], work: PageWork) -> None:
        from sqlalchemy import literal, null

        events = self._table("workflow_history_events")
        if events is None:
            return
        words = (events.c.event_type, literal(""), null())
        odd = events.c.event_type.not_in(sorted(vocabulary.EVENT_TYPES))
        within = self._within(events.c.workflow_run_id, ids)
        self._note_odd("history_events", events.c.workflow_run_id, words, (within, odd), work)

    def _note_odd(
        self, section: str, run_id: Column[Any], words: Sequence[ColumnElement[Any]],
        conditions: Sequence[ColumnElement[bool]], work: PageWork,
    ) -> None:  # fmt: skip
        from sqlalchemy import select

        from dwctl.embedded.exact_text import exact

        for row in self._rows(select(run_id, *map(exact, words)).where(*conditions).distinct()):
            work.odd[row[0]].append(OddRow(section, *row[1:]))

    def _highest_runs(self, page: Sequence[RunColumns], work: PageWork) -> None:
        """The newest run of each instance, where the page does not tell: an export calls that the current one."""
        from sqlalchemy import func, select

        asked = sorted({run.instance_id for run in page if not is_only_run(run)})
        if not asked or not self._snapshot.has("workflow_runs", "run_number"):
            return
        runs = self._snapshot.table("workflow_runs")
        instance = runs.c.workflow_instance_id
        statement = (
            select(instance, func.max(runs.c.run_number))
            .where(self._snapshot.among(instance, asked))
            .group_by(instance)
        )
        for instance_id, highest in self._rows(statement):
            work.highest_run[instance_id] = highest


def is_only_run(run: RunColumns) -> bool:
    """Whether the row alone says that the run is the newest of its instance."""
    return run.current_run_id == run.run_id and run.run_number == run.run_count
