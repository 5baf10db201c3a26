"""Memos and search attributes that a running workflow sets: merged over what the run has."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dwctl.rehearsal.attributes import VALUE_COLUMNS, typed
from dwctl.rehearsal.database import Connection
from dwctl.rehearsal.history_writer import stored_json
from dwctl.rehearsal.times import stored

Row = sqlite3.Row
Json = dict[str, Any]

_COLUMNS = {**VALUE_COLUMNS, "datetime": "value_datetime"}


def upsert_memo_entries(
    connection: Connection, run: Row, entries: Mapping[str, Any], sequence: int, now: datetime
) -> Json:
    """Merge entries into a run's memo; null deletes a key. Returns the memo that results."""
    moment = stored(now)
    for key, value in entries.items():
        if value is None:
            connection.execute("DELETE FROM workflow_memos WHERE workflow_run_id = ? AND key = ?", (run["id"], key))
            continue
        connection.execute(
            "INSERT INTO workflow_memos (workflow_run_id, workflow_instance_id, key, value, upserted_at_sequence,"
            " created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (workflow_run_id, key) DO UPDATE SET value = excluded.value,"
            " upserted_at_sequence = excluded.upserted_at_sequence, updated_at = excluded.updated_at",
            (run["id"], run["workflow_instance_id"], key, stored_json(value), sequence, moment, moment),
        )
    rows = connection.execute(
        "SELECT key, value FROM workflow_memos WHERE workflow_run_id = ? ORDER BY key", (run["id"],)
    )
    return {row["key"]: json.loads(row["value"]) for row in rows.fetchall()}


def upsert_search_attributes(
    connection: Connection, run: Row, attributes: Mapping[str, Any], sequence: int, now: datetime
) -> Json:
    """Merge attributes into a run's search attributes; null deletes one. Returns those that result.

    Raises `WriteFailedError` for a value that is neither a scalar nor a list of texts.
    """
    for key, value in attributes.items():
        connection.execute(
            "DELETE FROM workflow_search_attributes WHERE workflow_run_id = ? AND key = ?", (run["id"], key)
        )
        if value is not None:
            _add_attribute(connection, run, key, value, sequence, stored(now))
    rows = connection.execute(
        "SELECT * FROM workflow_search_attributes WHERE workflow_run_id = ? ORDER BY key", (run["id"],)
    )
    return {row["key"]: _value_of(row) for row in rows.fetchall()}


def _add_attribute(connection: Connection, run: Row, key: str, value: Any, sequence: int, moment: str) -> None:
    kind, held = typed(key, value)
    connection.execute(
        f"INSERT INTO workflow_search_attributes (workflow_run_id, workflow_instance_id, key, type, {_COLUMNS[kind]},"  # noqa: S608
        " upserted_at_sequence, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (run["id"], run["workflow_instance_id"], key, kind, held, sequence, moment, moment),
    )


def _value_of(row: Row) -> Any:
    value = row[_COLUMNS.get(row["type"], "value_keyword")]
    if row["type"] == "bool":
        return bool(value)
    return json.loads(value) if row["type"] == "keyword_list" and value else value
