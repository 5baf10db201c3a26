"""The bare driver fetching what the inventory's listing fetches: the same columns, joins and conditions, as a stream.

One query a table instead of one a page and table, no snapshot, and nothing done with a row: the least that any
program has to do that shows these columns.
"""

from __future__ import annotations

# ruff: noqa: S608
from contextlib import closing
from typing import Any

from dwctl.embedded.inventory_rows import SETTLED_SIGNALS, SETTLED_TASKS, SETTLED_TIMERS, SETTLED_UPDATES
from embedded_databases import TestDatabase, connect

_AT_ONCE = 2000

_RUN_COLUMNS = """
    run_number workflow_type workflow_class namespace business_key status closed_reason compatibility payload_codec
    output_payload_codec connection queue last_history_sequence started_at closed_at archived_at last_progress_at
    created_at updated_at import_source import_id
"""


def _words(values: frozenset[str]) -> str:
    return ", ".join(f"'{value}'" for value in sorted(values))


RUNS = f"""
    SELECT r.id, r.workflow_instance_id, {", ".join(f"r.{name}" for name in _RUN_COLUMNS.split())},
           i.current_run_id, i.run_count, s.history_event_count, s.history_size_bytes
    FROM workflow_runs r LEFT JOIN workflow_instances i ON i.id = r.workflow_instance_id
    LEFT JOIN workflow_run_summaries s ON s.id = r.id ORDER BY r.id
"""

POSITIONS = """
    SELECT id, workflow_instance_id, status, last_history_sequence, last_progress_at, updated_at
    FROM workflow_runs ORDER BY id
"""

_LEASE = "lease_owner, lease_expires_at"

INVENTORY = (
    RUNS,
    f"""SELECT workflow_run_id, id, task_type, status, {_LEASE} FROM workflow_tasks
        WHERE status NOT IN ({_words(SETTLED_TASKS)})""",
    f"SELECT workflow_run_id, id, {_LEASE} FROM activity_attempts WHERE status = 'running'",
    f"""SELECT workflow_run_id, status, count(*), min(fire_at) FROM workflow_run_timers
        WHERE status NOT IN ({_words(SETTLED_TIMERS)}) GROUP BY workflow_run_id, status""",
    f"""SELECT workflow_run_id, status, payload_codec, count(*) FROM workflow_signal_records
        WHERE status NOT IN ({_words(SETTLED_SIGNALS)}) OR payload_codec NOT IN ('', 'avro')
        GROUP BY workflow_run_id, status, payload_codec""",
    f"""SELECT workflow_run_id, status, payload_codec, count(*) FROM workflow_updates
        WHERE status NOT IN ({_words(SETTLED_UPDATES)}) OR payload_codec NOT IN ('', 'avro')
        GROUP BY workflow_run_id, status, payload_codec""",
    """SELECT l.link_type, l.parent_workflow_run_id, l.child_workflow_run_id, c.status
       FROM workflow_links l LEFT JOIN workflow_runs c ON c.id = l.child_workflow_run_id""",
    """SELECT workflow_run_id, "key" FROM workflow_search_attributes
       WHERE value_float IS NOT NULL AND round(value_float) = value_float AND abs(value_float) < 1e17""",
    """SELECT DISTINCT workflow_run_id, command_type, status, payload_codec FROM workflow_commands
       WHERE payload_codec NOT IN ('', 'avro')""",
    """SELECT DISTINCT workflow_run_id, activity_type, status, payload_codec, activity_class FROM activity_executions
       WHERE activity_type LIKE '%!\\%' ESCAPE '!' OR activity_type = activity_class
          OR payload_codec NOT IN ('', 'avro')""",
)
"""What the listing shows of runs, with everything that hangs on them."""


def fetch(database: TestDatabase, *statements: str, limit: int | None = None) -> int:
    """Read every row of the statements (of the first, so many) by a streaming cursor; how many there were."""
    count = 0
    with closing(connect(database.url)) as connection:
        if database.engine == "postgresql":
            connection.autocommit = False
        for place, statement in enumerate(statements):
            text = statement.replace('"key"', "`key`") if database.engine == "mariadb" else statement
            if database.engine == "mariadb":
                text = text.replace("\\", "\\\\")
            if limit is not None and place == 0:
                text += f" LIMIT {limit}"
            with closing(_cursor(database, connection)) as cursor:
                cursor.execute(text)
                while rows := cursor.fetchmany(_AT_ONCE):
                    count += len(rows)
    return count


def _cursor(database: TestDatabase, connection: Any) -> Any:
    if database.engine == "mariadb":
        from pymysql.cursors import SSCursor

        return connection.cursor(SSCursor)
    return connection.cursor(name="bare")
