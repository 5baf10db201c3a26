"""The command that schedules an activity: its execution, its task, and how it will be tried again."""

from __future__ import annotations

from datetime import datetime

from dwctl.rehearsal.activity_deadlines import TIMEOUTS, deadline_after
from dwctl.rehearsal.database import insert
from dwctl.rehearsal.history_writer import activity_snapshot, new_id, stored_json
from dwctl.rehearsal.tasks import add_task
from dwctl.rehearsal.times import stored
from dwctl.rehearsal.turn import Json, TaskCommand, Turn, blob_of, codec_of, group_of

_DEFAULT_BACKOFF = [1, 2, 5, 10, 15, 30, 60, 120]


def schedule_activity(turn: Turn, command: TaskCommand) -> None:
    """Apply `schedule_activity`: the execution waits in the command's queue, else in that of the run."""
    sequence, moment = turn.step(), stored(turn.now)
    execution_id, activity_type = new_id(), str(command["activity_type"])
    arguments, group = command.get("arguments"), group_of(command)
    queue = command.get("queue") or turn.run["queue"]
    row = {
        "id": execution_id,
        "workflow_run_id": turn.run["id"],
        "sequence": sequence,
        "activity_class": activity_type,
        "activity_type": activity_type,
        "status": "pending",
        "payload_codec": codec_of(arguments, turn.run["payload_codec"]),
        "arguments": blob_of(arguments),
        "connection": turn.run["connection"],
        "queue": queue,
        "attempt_count": 0,
        "retry_policy": stored_json(_retry_policy(command)),
        "parallel_group_path": stored_json(group.get("parallel_group_path") or []),
        **_deadlines(command, turn.now),
        "created_at": moment,
        "updated_at": moment,
    }
    insert(turn.connection, "activity_executions", [row])
    execution = turn.connection.execute("SELECT * FROM activity_executions WHERE id = ?", (execution_id,)).fetchone()
    payload = {
        "activity_execution_id": execution_id,
        "activity_class": activity_type,
        "activity_type": activity_type,
        "sequence": sequence,
        "activity": activity_snapshot(execution),
        **group,
    }
    turn.record("ActivityScheduled", payload)
    task = {"activity_execution_id": execution_id}
    turn.created_task_ids.append(add_task(turn.connection, turn.run, "activity", task, turn.now, queue=queue))


def _retry_policy(command: TaskCommand) -> Json:
    """The policy as the execution keeps it; without one, an activity has one attempt (corpus bundle 02)."""
    given = command.get("retry_policy") or {}
    return {
        "snapshot_version": 1,
        "max_attempts": given.get("max_attempts", 1),
        "backoff_seconds": given.get("backoff_seconds", _DEFAULT_BACKOFF),
        **{name: command.get(name) for name in TIMEOUTS},
        "non_retryable_error_types": given.get("non_retryable_error_types", []),
    }


def _deadlines(command: TaskCommand, now: datetime) -> dict[str, str | None]:
    columns = {
        "schedule_deadline_at": command.get("schedule_to_start_timeout"),
        "schedule_to_close_deadline_at": command.get("schedule_to_close_timeout"),
    }
    return {name: deadline_after(seconds, now) for name, seconds in columns.items()}
