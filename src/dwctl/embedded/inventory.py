"""The inventory of the embedded application: every v2 run and every open workflow of v1, read from its database.

Read-only, in one snapshot, page by page: memory does not grow with the number of runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dwctl.bundle import vocabulary
from dwctl.bundle.findings import Severity
from dwctl.embedded.collector import collector_paused
from dwctl.embedded.database_reasons import failure
from dwctl.embedded.database_url import POSTGRESQL
from dwctl.embedded.eligibility_foreseen import LinkForesight, foresee, is_current, is_ordinary
from dwctl.embedded.filters import RunFilter, conditions
from dwctl.embedded.gaps import GapKind
from dwctl.embedded.inventory_known import known_of, no_work, require_answers
from dwctl.embedded.inventory_rows import PAGE, LinkedRun, PageReader, PageWork, run_pages
from dwctl.embedded.inventory_runs import InventoryRun, Known, OldWorkflow, RunColumns, RunWork, When
from dwctl.embedded.wall_clock import unreadable_time

if TYPE_CHECKING:
    from dwctl.embedded.snapshot import Snapshot

SETTLED_V1 = ("completed", "failed", "cancelled")
"""The statuses of v1 that are final; every other one is open (contract/embedded.md)."""

_EVERYTHING = RunFilter()
_LARGE_PAGE = 60_000
"""Runs a page on PostgreSQL, which keeps to its indexes over a longer reach than MariaDB and MySQL do.

The application beside it feels how often a page is asked for more than how long one takes: with a third of this, a
paced writer on the same two processors waits twice as often (make bench-database).
"""


def inventory(
    snapshot: Snapshot,
    wanted: RunFilter = _EVERYTHING,
    *,
    deep: bool = False,
    is_imported: Callable[[str], bool] | None = None,
    page: int | None = None,
) -> Iterator[InventoryRun]:
    """The wanted runs in the order of their ids, which is the order of their creation.

    Links are foreseen among the runs that the rows let through: those are what an export of this selection
    holds. `is_imported` tells which are on the server already; `deep` also reads the types of all events.
    Raises as `require_runs` does where there is no table of v2 runs, and RequestNotPossible where these rows cannot
    answer the filter.
    """
    require_list(snapshot, wanted, deep=deep)
    return _inventory(snapshot, wanted, LinkForesight(is_imported), deep=deep, page=page or _page_size(snapshot))


def require_list(snapshot: Snapshot, wanted: RunFilter, *, deep: bool = False) -> None:
    """Raise what `inventory` of this filter would: to be asked before anything is printed."""
    require_runs(snapshot)
    conditions(wanted, snapshot, snapshot.table("workflow_runs"))
    require_answers(snapshot, wanted, deep=deep)


def _inventory(
    snapshot: Snapshot, wanted: RunFilter, links: LinkForesight, *, deep: bool, page: int
) -> Iterator[InventoryRun]:
    reader = PageReader(snapshot, side_by_side=not wanted.looks_at_rows, deep=deep)
    now, known, none = _moment(snapshot.as_of), known_of(snapshot, deep=deep), no_work(snapshot)
    every = not wanted.looks_at_foresight
    for runs in run_pages(snapshot, wanted, size=page):
        with collector_paused():
            work = reader.read(runs)
            found = [_judged(run, work, links, now, known, none) for run in runs]
        # Not kept while the next page is read: memory holds one page.
        del runs, work
        yield from found if every else filter(wanted.wants, found)
        del found


def _page_size(snapshot: Snapshot) -> int:
    return _LARGE_PAGE if snapshot.dialect == POSTGRESQL else PAGE


def require_runs(snapshot: Snapshot) -> None:
    """Raise where the database shows no table of v2 runs: NotAuthorized where it is not granted, else NotFound."""
    gap = snapshot.gap("workflow_runs", "id", "workflow_instance_id", "status", "workflow_type")
    if gap is None:
        return
    said = f"this database shows no runs of Durable Workflow v2: {gap.sentence}"
    if gap.kind is GapKind.NOT_GRANTED:
        raise failure("database_not_granted", said, where="workflow_runs", next_step=gap.next_step)
    step = "Check the database, the table prefix (--table-prefix) and what the user may read."
    raise failure("not_an_embedded_database", said, where="workflow_runs", next_step=step)


def open_v1(snapshot: Snapshot) -> Iterator[OldWorkflow]:
    """The open workflows of v1; none where the tables of v1 are not there (`sees_v1` tells the two apart)."""
    if not sees_v1(snapshot):
        return
    from sqlalchemy import select

    old = snapshot.table("workflows")
    optional = [snapshot.column("workflows", name) for name in ("class", "created_at", "updated_at")]
    statement = select(old.c.id, old.c.status, *optional).where(old.c.status.not_in(SETTLED_V1))
    now = _moment(snapshot.as_of)
    for identity, status, class_name, created, updated in snapshot.pages(statement, old.c.id):
        begun = snapshot.instant(created, "workflows.created_at", identity)
        touched = snapshot.instant(updated, "workflows.updated_at", identity)
        yield OldWorkflow(str(identity), class_name, status, begun, touched, _age(begun, now, identity))


def sees_v1(snapshot: Snapshot) -> bool:
    """Whether the table of v1 workflows is there and may be read."""
    return snapshot.has("workflows", "id", "status")


def _judged(
    run: RunColumns, work: PageWork, links: LinkForesight, now: datetime, known: Known, none: RunWork
) -> InventoryRun:
    """The run with all that is known of it; `none` is the work of one on which nothing is seen to hang."""
    run_id = run.run_id
    age = _age(run.started_at or run.created_at, now, run_id)
    current = is_current(run, work)
    ordinary = current and run_id not in work.suspect and is_ordinary(run)
    if ordinary and run_id not in work.busy:
        return InventoryRun(run, current, none, (), age, known)
    foreseen = () if ordinary else tuple(foresee(run, work, current=current))
    if run_id in work.links:
        refused = any(one.severity is Severity.ERROR and one.when is When.ALWAYS for one in foreseen)
        shared = links.look(run_id, work, importable=not refused)
        foreseen = (*foreseen, shared) if shared else foreseen
    return InventoryRun(run, current, _work_of(run_id, work, none), foreseen, age, known)


def _work_of(run_id: str, work: PageWork, none: RunWork) -> RunWork:
    if run_id not in work.busy:
        return none
    timers, next_fire_at = work.timers.get(run_id, (none.pending_timers, None))
    held = (*work.held_tasks.get(run_id, ()), *work.attempts.get(run_id, ())) if run_id in work.suspect else ()
    ready = work.ready.get(run_id, none.ready_tasks)
    signals, updates = work.signals.get(run_id, none.open_signals), work.updates.get(run_id, none.open_updates)
    floats = tuple(work.whole_floats[run_id]) if run_id in work.whole_floats else none.whole_floats
    links = work.links.get(run_id)
    if not links:
        return RunWork(
            held, ready, timers, next_fire_at, signals, updates, none.children, none.open_children, whole_floats=floats
        )
    children = [link for link in links if link.link_type == "child_workflow" and link.parent_run_id == run_id]
    return RunWork(
        held, ready, timers, next_fire_at, signals, updates,
        len(children),
        sum(link.child_status not in vocabulary.TERMINAL_STATUSES for link in children),
        _other_end(links, run_id, "child_workflow"),
        _other_end(links, run_id, "continue_as_new"),
        next((row.child_run_id for row in links if _continues(row) and row.parent_run_id == run_id), None),
        floats,
    )  # fmt: skip


def _continues(link: LinkedRun) -> bool:
    return link.link_type == "continue_as_new"


def _other_end(links: list[LinkedRun], run_id: str, kind: str) -> str | None:
    """The run at the parent's end of a link whose child this run is."""
    return next((row.parent_run_id for row in links if row.link_type == kind and row.child_run_id == run_id), None)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _age(begun: str | None, now: datetime, whose: object) -> int | None:
    """Whole seconds, never below zero: the clock of an application server may be ahead of the database's.

    Raises ServerFailed, with the id of the row, for a day that no month has.
    """
    if begun is None:
        return None
    try:
        since = now - datetime.fromisoformat(begun)
    except ValueError:
        raise unreadable_time("the start", whose) from None
    return since.days * _DAY + since.seconds if since.days >= 0 else 0


_DAY = 86_400
