"""The sample multiplied in SQL: every run, with what belongs to it, as often as it takes."""

from __future__ import annotations

# ruff: noqa: S608
from contextlib import closing

from embedded_databases import TestDatabase, connect

SCALED = (
    *("workflow_runs", "workflow_instances", "workflow_tasks", "activity_executions", "activity_attempts"),
    *("workflow_run_timers", "workflow_links", "workflow_search_attributes", "workflow_memos", "workflow_updates"),
    *("workflow_signal_records", "workflow_run_summaries", "workflow_commands"),
)
"""The tables that the measured commands read. Histories stay as they are: none of these commands reads them."""

AT_ONCE = 50
"""Copies of the sample that one statement makes."""

ULID = 26


def scale(database: TestDatabase, runs: int) -> int:
    """Add copies of the sample until there are so many runs; returns how many there are."""
    ((sample,),) = database.run("SELECT count(*) FROM workflow_runs")
    copies = max(0, -(-runs // sample) - 1)
    with closing(connect(database.url)) as connection, closing(connection.cursor()) as cursor:
        if database.engine == "mariadb":
            cursor.execute("SET SESSION foreign_key_checks = 0, SESSION unique_checks = 0")
        else:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute("SET maintenance_work_mem = '512MB'")
        # The sample itself stays apart, so that a copy is not copied again.
        for table in SCALED:
            cursor.execute(f"CREATE TABLE sample_{table} AS SELECT * FROM {table}")
        cursor.execute("CREATE TABLE numbers (n integer PRIMARY KEY)")
        for start in range(0, copies, 1000):
            values = ", ".join(f"({n})" for n in range(start + 1, min(start + 1000, copies) + 1))
            cursor.execute(f"INSERT INTO numbers VALUES {values}")
        for table in SCALED:
            columns, values = _columns(database, table)
            indexes = _indexes(database, table)
            for name, _ in indexes:
                cursor.execute(f"DROP INDEX {name}")
            for start in range(0, copies, AT_ONCE):
                cursor.execute(
                    f"INSERT INTO {table} ({columns}) SELECT {values} FROM sample_{table} s JOIN numbers "
                    f"ON n > {start} AND n <= {start + AT_ONCE}"
                )
            for _, definition in indexes:
                cursor.execute(definition)
            # So that a query finds pages as an application's database has them: seen by all, and counted.
            cursor.execute(f"{'ANALYZE TABLE' if database.engine == 'mariadb' else 'VACUUM ANALYZE'} {table}")
    total: int = int(sample) * (copies + 1)
    return total


def _indexes(database: TestDatabase, table: str) -> list[tuple[str, str]]:
    """The indexes that PostgreSQL makes faster anew than row by row, with their definitions; MariaDB keeps its own."""
    if database.engine == "mariadb":
        return []
    found = database.run(
        f"SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = '{table}' "
        "AND indexname NOT IN (SELECT conname FROM pg_constraint)"
    )
    return [(str(name), str(definition)) for name, definition in found]


def _columns(database: TestDatabase, table: str) -> tuple[str, str]:
    """The names of a table's columns, and what each is in copy `n`."""
    quote = "`" if database.engine == "mariadb" else '"'
    schema = "DATABASE()" if database.engine == "mariadb" else "'public'"
    rows = database.run(
        "SELECT column_name, character_maximum_length FROM information_schema.columns "
        f"WHERE table_schema = {schema} AND table_name = '{table}' ORDER BY ordinal_position"
    )
    names, values = [], []
    for name, length in rows:
        column = f"s.{quote}{name}{quote}"
        names.append(f"{quote}{name}{quote}")
        if length == ULID:
            values.append(f"CONCAT(LPAD(CAST(n AS char(6)), 6, '0'), SUBSTRING({column}, 7))")
        elif name == "id" and length is None:
            values.append(f"{column} + n * 100000")
        elif name.endswith("instance_id") or name == "id":
            values.append(f"CONCAT({column}, '-', n)")
        else:
            values.append(column)
    # A column without a value stays without one: CONCAT of PostgreSQL makes text of NULL.
    return ", ".join(names), ", ".join(
        value if value.startswith("s.") else f"CASE WHEN s.{name} IS NULL THEN NULL ELSE {value} END"
        for name, value in zip(names, values, strict=True)
    )
