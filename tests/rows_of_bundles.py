"""The rows of an embedded application that a bundle was exported from, put into an SQLite database for tests."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dwctl.bundle.canonical import decode
from dwctl.bundle.restoration import repair
from dwctl.bundle.verify import verify_bundle
from sample_bundles import ROOT

SAMPLE = ROOT / "tests" / "data" / "embedded" / "sample.db.gz"
"""A part of a real embedded application's database, small enough for the repository."""


def sample_database(folder: Path, source: Path = SAMPLE) -> Path:
    """A copy of a recorded database that a test may change."""
    path = folder / "application.sqlite"
    with gzip.open(source) as packed, path.open("wb") as out:
        shutil.copyfileobj(packed, out)
    return path


def empty_database(folder: Path) -> Path:
    """The schema of the recorded database without rows."""
    path = folder / "application.sqlite"
    path.write_bytes(_emptied())
    return path


@cache
def _emptied() -> bytes:
    with TemporaryDirectory() as folder:
        path = sample_database(Path(folder))
        database = sqlite3.connect(path, isolation_level=None)
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if not table.startswith("sqlite_"):
                database.execute(f'DELETE FROM "{table}"')  # noqa: S608 - the names of our own fixture
        database.execute("VACUUM")
        database.close()
        return path.read_bytes()


def change(path: Path, *statements: str | tuple[str, tuple[Any, ...]]) -> None:
    """Run statements on a database, and close it."""
    database = sqlite3.connect(path)
    with database:
        for statement in statements:
            text, values = (statement, ()) if isinstance(statement, str) else statement
            database.execute(text, values)
    database.close()


def insert(path: Path, table: str, **values: Any) -> None:
    """Insert a row; what must not be null and is not given gets an empty value, what has no column is left out."""
    database = sqlite3.connect(path)
    with database:
        _insert(database, table, values)
    database.close()


_EMPTY = {"integer": 0, "tinyint(1)": 0, "datetime": "2026-11-23 00:00:00.000000"}


def _insert(database: sqlite3.Connection, table: str, values: Mapping[str, Any]) -> None:
    row: dict[str, Any] = {}
    for _, name, declared, must, default, key in database.execute(f'PRAGMA table_info("{table}")'):
        kind = declared.lower()
        if values.get(name) is not None:
            row[name] = values[name]
        elif must and default is None and not (key and kind == "integer"):
            row[name] = _EMPTY.get(kind, "")
    names = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join("?" * len(row))
    database.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', tuple(row.values()))  # noqa: S608


def prove_utc(path: Path) -> None:
    """Give every run without history a first event that tells, as the library's does, that the clock showed UTC."""
    database = sqlite3.connect(path)
    with database:
        told = database.execute(
            "SELECT id, created_at FROM workflow_runs WHERE created_at IS NOT NULL"
            " AND id NOT IN (SELECT workflow_run_id FROM workflow_history_events)"
        )
        for run_id, created_at in told.fetchall():
            started = {"command": {"accepted_at": f"{created_at.replace(' ', 'T')}Z"}}
            _insert(database, "workflow_history_events", {
                "id": f"start-of-{run_id}", "workflow_run_id": run_id, "sequence": 1, "event_type": "StartAccepted",
                "payload": json.dumps(started),
            })  # fmt: skip
    database.close()


def put_bundle(path: Path, document: bytes) -> str:
    """Put the rows that this export was made from into the database; returns the run id.

    Search attributes are taken from the proven restoration where the export has lost their fractions.
    """
    lost = verify_bundle(document).repair is not None
    bundle = json.loads(repair(decode(document))[0] if lost else document)
    workflow = bundle["workflow"]
    database = sqlite3.connect(path)
    with database:
        _put_run(database, bundle, workflow)
        _put_work(database, bundle, workflow["run_id"])
        for key, value in (workflow.get("search_attributes") or {}).items():
            kind = "float" if isinstance(value, float) else "keyword"
            _insert(database, "workflow_search_attributes", {
                "workflow_run_id": workflow["run_id"], "workflow_instance_id": workflow["instance_id"], "key": key,
                "type": kind, "value_float": value if kind == "float" else None,
            })  # fmt: skip
    database.close()
    run_id: str = workflow["run_id"]
    return run_id


def wall(time: str | None) -> str | None:
    """A time of a bundle as Laravel writes it into SQLite."""
    return None if time is None else time.replace("T", " ").removesuffix("Z")


def _put_run(database: sqlite3.Connection, bundle: Mapping[str, Any], workflow: Mapping[str, Any]) -> None:
    times = {name: wall(workflow.get(name)) for name in ("started_at", "closed_at", "archived_at", "last_progress_at")}
    number = workflow.get("run_number", 1)
    current = workflow.get("current_run_id") or workflow["run_id"]
    if not database.execute("SELECT 1 FROM workflow_instances WHERE id = ?", (workflow["instance_id"],)).fetchone():
        _insert(database, "workflow_instances", {
            "id": workflow["instance_id"], "workflow_type": workflow["workflow_type"], "current_run_id": current,
            "run_count": number if workflow.get("is_current_run") else number + 1,
        })  # fmt: skip
    _insert(database, "workflow_runs", {
        **{name: value for name, value in workflow.items() if isinstance(value, (str, int, type(None)))}, **times,
        "id": workflow["run_id"], "workflow_instance_id": workflow["instance_id"], "run_number": number,
        "payload_codec": bundle["payloads"].get("codec"), "created_at": times["started_at"],
        "output_payload_codec": (bundle["payloads"].get("output") or {}).get("codec"),
        "updated_at": times["last_progress_at"],
    })  # fmt: skip
    there = database.execute("SELECT 1 FROM workflow_runs WHERE id = ?", (current,)).fetchone()
    if not there:  # the newer run, of which this bundle only tells the id
        _insert(database, "workflow_runs", {
            "id": current, "workflow_instance_id": workflow["instance_id"], "run_number": number + 1,
            "workflow_type": workflow["workflow_type"], "status": "completed", "payload_codec": "avro",
        })  # fmt: skip


def _put_work(database: sqlite3.Connection, bundle: Mapping[str, Any], run_id: str) -> None:
    for task in bundle["tasks"]:
        _insert(database, "workflow_tasks", {
            **_plain(task), "workflow_run_id": run_id, "task_type": task["type"],
            "lease_expires_at": wall(task.get("lease_expires_at")),
        })  # fmt: skip
    for activity in bundle["activities"]:
        _insert(database, "activity_executions", _plain(activity) | {"workflow_run_id": run_id})
        for number, attempt in enumerate(activity.get("attempts") or (), 1):
            _insert(database, "activity_attempts", _plain(attempt) | {
                "workflow_run_id": run_id, "activity_execution_id": activity["id"], "attempt_number": number,
            })  # fmt: skip
    for timer in bundle["timers"]:
        _insert(database, "workflow_run_timers", {
            **_plain(timer), "workflow_run_id": run_id, "fire_at": wall(timer.get("fire_at")),
        })  # fmt: skip
    for command in bundle["commands"]:
        row = _plain(command) | {"workflow_run_id": run_id, "command_type": command["type"]}
        _insert(database, "workflow_commands", row)
    for table, section, name in (
        ("workflow_signal_records", "signals", "signal_name"), ("workflow_updates", "updates", "update_name"),
    ):  # fmt: skip
        for record in bundle[section]:
            row = {"workflow_command_id": record.get("id"), **_plain(record), "workflow_run_id": run_id}
            _insert(database, table, row | {name: record.get("name") or ""})
    for event in bundle["history_events"]:
        _insert(database, "workflow_history_events", {
            "id": event["id"], "workflow_run_id": run_id, "sequence": event["sequence"], "event_type": event["type"],
            "payload": _of_the_start(event),
        })  # fmt: skip


def _of_the_start(event: Mapping[str, Any]) -> str | None:
    """What the first event tells of the application's clock, and nothing else of its payload."""
    command = (event.get("payload") or {}).get("command") or {}
    accepted = command.get("accepted_at") if event["sequence"] == 1 else None
    return json.dumps({"command": {"accepted_at": accepted}}) if accepted else None


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if isinstance(value, (str, int, float, type(None)))}
