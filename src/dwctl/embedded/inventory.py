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
from dwctl.embedded.database_url import POSTGRESQL
from dwctl.embedded.eligibility_foreseen import LinkForesight, foresee, is_current, is_ordinary
from dwctl.embedded.filters import RunFilter
from dwctl.embedded.inventory_rows import PAGE, LinkedRun, PageReader, PageWork, run_pages
from dwctl.embedded.inventory_runs import InventoryRun, OldWorkflow, RunColumns, RunWork, When
from dwctl.errors import NotFound

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
    Raises NotFound where there is no table of v2 runs.
    """
    require_runs(snapshot)
    reader = PageReader(snapshot, side_by_side=not wanted.looks_at_rows, deep=deep)
    links = LinkForesight(is_imported)
    now = _moment(snapshot.as_of)
    every = not wanted.looks_at_foresight
    for runs in run_pages(snapshot, wanted, size=page or _page_size(snapshot)):
        with collector_paused():
            work = reader.read(runs)
            found = [_judged(run, work, links, now) for run in runs]
        # Not kept while the next page is read: memory holds one page.
        del runs, work
        yield from found if every else filter(wanted.wants, found)
        del found


def _page_size(snapshot: Snapshot) -> int:
    return _LARGE_PAGE if snapshot.dialect == POSTGRESQL else PAGE


def require_runs(snapshot: Snapshot) -> None:
    """Raise NotFound where the database shows no table of v2 runs: a wrong prefix, database or grant."""
    if snapshot.has("workflow_runs", "id", "workflow_instance_id", "status", "workflow_type"):
        return
    said = "; ".join(gap.sentence for gap in snapshot.gaps if gap.table == "workflow_runs")
    raise NotFound(
        "this database shows no runs of Durable Workflow v2" + (f": {said}" if said else ""),
        where="workflow_runs",
        next_step="Check the database, the table prefix (--table-prefix) and what the user may read.",
        reason="not_an_embedded_database",
    )


def open_v1(snapshot: Snapshot) -> Iterator[OldWorkflow]:
    """The open workflows of v1; none where the tables of v1 are not there (`sees_v1` tells the two apart)."""
    if not sees_v1(snapshot):
        return
    from sqlalchemy import null, select

    old = snapshot.table("workflows")
    there = ("class", "created_at", "updated_at")
    optional = [(old.c[name] if snapshot.has("workflows", name) else null()).label(name) for name in there]
    statement = select(old.c.id, old.c.status, *optional).where(old.c.status.not_in(SETTLED_V1))
    now = _moment(snapshot.as_of)
    for identity, status, class_name, created, updated in snapshot.pages(statement, old.c.id):
        begun, touched = snapshot.instant(created), snapshot.instant(updated)
        yield OldWorkflow(str(identity), class_name, status, begun, touched, _age(begun, now))


def sees_v1(snapshot: Snapshot) -> bool:
    """Whether the table of v1 workflows is there and may be read."""
    return snapshot.has("workflows", "id", "status")


def _judged(run: RunColumns, work: PageWork, links: LinkForesight, now: datetime) -> InventoryRun:
    run_id = run.run_id
    age = _age(run.started_at or run.created_at, now)
    current = is_current(run, work)
    ordinary = current and run_id not in work.suspect and is_ordinary(run)
    if ordinary and run_id not in work.busy:
        return InventoryRun(run, current, _NO_WORK, (), age)
    foreseen = () if ordinary else tuple(foresee(run, work, current=current))
    if run_id in work.links:
        refused = any(one.severity is Severity.ERROR and one.when is When.ALWAYS for one in foreseen)
        shared = links.look(run_id, work, importable=not refused)
        foreseen = (*foreseen, shared) if shared else foreseen
    return InventoryRun(run, current, _work_of(run_id, work), foreseen, age)


_NO_WORK = RunWork()


def _work_of(run_id: str, work: PageWork) -> RunWork:
    if run_id not in work.busy:
        return _NO_WORK
    timers, next_fire_at = work.timers.get(run_id, (0, None))
    held = (*work.held_tasks.get(run_id, ()), *work.attempts.get(run_id, ())) if run_id in work.suspect else ()
    ready, signals, updates = work.ready.get(run_id, 0), work.signals.get(run_id, 0), work.updates.get(run_id, 0)
    floats = tuple(work.whole_floats.get(run_id, ()))
    links = work.links.get(run_id)
    if not links:
        return RunWork(held, ready, timers, next_fire_at, signals, updates, whole_floats=floats)
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


def _age(begun: str | None, now: datetime) -> int | None:
    """Whole seconds, never below zero: the clock of an application server may be ahead of the database's."""
    if begun is None:
        return None
    since = now - datetime.fromisoformat(begun)
    return since.days * _DAY + since.seconds if since.days >= 0 else 0


_DAY = 86_400
