"""After a change: the projections of the runs that changed, and the queues that have something to do."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.projections import project_runs
from dwctl.rehearsal.state import Rehearsal

Queue = tuple[str, str]


def changed_runs(connection: Connection, run_ids: Iterable[str], now: datetime) -> set[Queue]:
    """Project the runs anew; returns the namespaces and queues in which they have ready tasks."""
    changed = sorted(run_ids)
    project_runs(connection, changed, now)
    queues: set[Queue] = set()
    for run_id in changed:
        rows = connection.execute(
            "SELECT DISTINCT namespace, queue FROM workflow_tasks WHERE workflow_run_id = ? AND status = 'ready'",
            (run_id,),
        ).fetchall()
        queues |= {(row["namespace"] or "", row["queue"] or "") for row in rows}
    return queues


def wake_queues(state: Rehearsal, queues: Iterable[Queue]) -> None:
    """Let the polls of these queues look again; call it after the commit."""
    for namespace, queue in queues:
        state.wakeups.wake(namespace, queue)
