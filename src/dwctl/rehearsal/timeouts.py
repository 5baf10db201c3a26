"""Timeouts: activities that were not started, ended or heard of in time, and runs that are past their deadline.

No recording shows one fire. What is known: the repair pass enforces them, for its document counts them
(`activity_timeouts_enforced`, `deadline_expired_tasks_created`: recording 453), and the history has the events
ActivityTimedOut and WorkflowTimedOut. Chosen here is what a durable engine does: an attempt that ran too long or fell
silent is tried again while its retry policy allows it; an activity that nobody started, or that is past its
schedule_to_close, has failed; a run that is past its deadline has failed with the closed_reason `timed_out`
(terminal statuses are completed, failed, cancelled and terminated: contract/import.md §2).
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dwctl.rehearsal.activity_ends import backoff_of, record_failure, schedule_retry
from dwctl.rehearsal.claims import execution_row
from dwctl.rehearsal.closing import add_failure, close_run
from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.history_writer import append_event
from dwctl.rehearsal.narrowing import EVERYTHING, IS_MEANT, Narrowing
from dwctl.rehearsal.tasks import run_row, task_row
from dwctl.rehearsal.times import stored, stored_as_micros

Row = sqlite3.Row
Json = dict[str, Any]

AT_ONCE = 25
"""How many timeouts of each kind one look enforces, as many as a repair pass takes up."""

# Column → kind; of two deadlines at the same moment the first counts.
_ACTIVITY_KINDS = {
    "schedule_to_close_deadline_at": "schedule_to_close",
    "schedule_deadline_at": "schedule_to_start",
    "close_deadline_at": "start_to_close",
    "heartbeat_deadline_at": "heartbeat",
}
_RETRIED = frozenset({"start_to_close", "heartbeat"})
_RUN_KINDS = {"execution_deadline_at": "execution_timeout", "run_deadline_at": "run_timeout"}

# The earliest deadline of a row, word for word as schema.sql indexes it.
_ACTIVITY_DEADLINE = (
    "min(coalesce(a.schedule_deadline_at, '9'), coalesce(a.close_deadline_at, '9'),"
    " coalesce(a.schedule_to_close_deadline_at, '9'), coalesce(a.heartbeat_deadline_at, '9'))"
)
_RUN_DEADLINE = "min(coalesce(r.run_deadline_at, '9'), coalesce(r.execution_deadline_at, '9'))"

_LATE_ACTIVITIES = f"""
    SELECT a.id, t.id AS task_id FROM activity_executions a INDEXED BY activity_executions_deadline_idx
      JOIN workflow_runs r ON r.id = a.workflow_run_id
      JOIN workflow_tasks t ON t.workflow_run_id = a.workflow_run_id AND t.task_type = 'activity'
       AND t.status IN ('ready', 'leased') AND json_extract(t.payload, '$.activity_execution_id') = a.id
     WHERE a.status IN ('pending', 'running') AND {_ACTIVITY_DEADLINE} <= :now
       AND r.status IN ('pending', 'running', 'waiting') AND (:namespace IS NULL OR r.namespace = :namespace)
       AND {IS_MEANT}
     ORDER BY {_ACTIVITY_DEADLINE} LIMIT :limit
"""  # noqa: S608 - our own names

_LATE_RUNS = f"""
    SELECT r.id FROM workflow_runs r INDEXED BY workflow_runs_deadline_idx
     WHERE (r.run_deadline_at IS NOT NULL OR r.execution_deadline_at IS NOT NULL) AND {_RUN_DEADLINE} <= :now
       AND r.status IN ('pending', 'running', 'waiting') AND (:namespace IS NULL OR r.namespace = :namespace)
       AND {IS_MEANT}
     ORDER BY {_RUN_DEADLINE} LIMIT :limit
"""  # noqa: S608 - our own names


@dataclass(slots=True)
class Enforced:
    """What a look at the deadlines did: how many of each kind, and the ids of the runs that it touched."""

    activities: int = 0
    runs: int = 0
    touched: set[str] = field(default_factory=set)


def is_anything_late(connection: Connection, now: datetime) -> bool:
    """Whether any deadline of any namespace has passed."""
    values = {"namespace": None, "now": stored(now), "limit": 1, **EVERYTHING.values()}
    return any(connection.execute(late, values).fetchone() is not None for late in (_LATE_RUNS, _LATE_ACTIVITIES))


def enforce_timeouts(
    connection: Connection, namespace: str | None, now: datetime, only: Narrowing = EVERYTHING
) -> Enforced:
    """Enforce the deadlines that have passed in a namespace, or in all of them; the earliest first.

    Runs come first: an activity of a run that ends with this look has nobody to tell. Whoever calls it projects
    the touched runs anew.
    """
    values = {"namespace": namespace, "now": stored(now), "limit": AT_ONCE, **only.values()}
    done = Enforced()
    for row in connection.execute(_LATE_RUNS, values).fetchall():
        done.touched |= _time_out_run(connection, row["id"], now)
        done.runs += 1
    for row in connection.execute(_LATE_ACTIVITIES, values).fetchall():
        done.touched.add(_time_out_activity(connection, row["id"], row["task_id"], now))
        done.activities += 1
    return done


def _passed(row: Row, kinds: dict[str, str]) -> tuple[str, str]:
    """The kind of a row's earliest deadline, and the deadline."""
    column = min((name for name in kinds if row[name] is not None), key=lambda name: str(row[name]))
    return kinds[column], row[column]


def _time_out_activity(connection: Connection, execution_id: str, task_id: str, now: datetime) -> str:
    execution, task = execution_row(connection, execution_id), task_row(connection, task_id)
    assert task is not None  # noqa: S101 - it was selected in this transaction
    run = run_row(connection, execution["workflow_run_id"])
    kind, _ = _passed(execution, _ACTIVITY_KINDS)
    failure = {"message": f"Activity {execution['activity_type']} timed out ({kind}).", "type": "timeout"}
    backoff = backoff_of(execution, failure) if kind in _RETRIED else None
    if backoff is None:
        record_failure(connection, run, task, execution, failure, now, timeout=kind)
    else:
        schedule_retry(connection, run, task, execution, failure, backoff, now, timeout=kind)
    return str(run["id"])


def _time_out_run(connection: Connection, run_id: str, now: datetime) -> set[str]:
    run = run_row(connection, run_id)
    kind, deadline = _passed(run, _RUN_KINDS)
    message = f"The workflow did not end before its deadline ({kind})."
    failure = {
        "failure_id": add_failure(connection, run_id, now, category="timeout", propagation="terminal", message=message),
        "failure_category": "timeout",
        "timeout_kind": kind,
        "message": message,
    }
    payload = {
        "workflow_instance_id": run["workflow_instance_id"],
        "workflow_run_id": run_id,
        **failure,
        "deadline_at": stored_as_micros(deadline),
        "closed_reason": "timed_out",
    }
    append_event(connection, run_id, "WorkflowTimedOut", payload, now)
    return close_run(connection, run_id, "failed", now, reason="timed_out", failure=failure)
