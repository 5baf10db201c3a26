"""Everything that dwctl reads of an embedded application, asked at once: what each command's answer rests on.

The rows are the sample's, made so that every check finds something, and every rule that is foreseen fits a run: an
answer that is better without a column than with it has taken the unknown for good.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from sqlite3 import connect
from typing import Any, NamedTuple

from dwctl.embedded.both_runtimes import open_queues, runs_of_business_keys, runs_of_instances
from dwctl.embedded.check_queries import Asked
from dwctl.embedded.check_results import Answer
from dwctl.embedded.database import EmbeddedDatabase
from dwctl.embedded.filters import RunFilter
from dwctl.embedded.inventory import inventory, open_v1
from dwctl.embedded.inventory_summary import summarised
from dwctl.embedded.open_runs import closed_runs, open_runs
from dwctl.embedded.open_work import open_work, run_queues, unread_work
from dwctl.embedded.positions import positions
from dwctl.embedded.snapshot import Snapshot
from dwctl.errors import DwctlError
from dwctl.render.json_inventory import run_item
from dwctl.secret import Secret
from dwctl.transfer.runtimes.check import Sources, run_checks
from dwctl.transfer.runtimes.drift import Carried, Expected, look_for_drift
from dwctl.transfer.runtimes.inventory import Standing
from dwctl.transfer.runtimes.parked import look_at_parked
from dwctl.transfer.runtimes.positions import ByDatabase
from rows_of_bundles import change, insert, sample_database

SINCE = "2026-10-24T00:00:00.000000Z"
"""A moment before some runs of the sample began."""


class Refused(NamedTuple):
    """A reading that ended in an error that a person can read."""

    said: str


def hostile_database(folder: Path) -> Path:
    """The sample with what it lacks of things that must not be overlooked."""
    path = sample_database(folder)
    for name, action in (
        ("nightly", '{"workflow_class": "App\\\\Nightly"}'),
        ("hourly", '{"workflow_type": "hourly"}'),
    ):
        insert(path, "workflow_schedules", id=name, schedule_id=name, action=action, status="active")
    first, second, third, fourth = (
        row[0] for row in _rows(path, "SELECT id FROM workflow_runs WHERE status = 'waiting' ORDER BY id LIMIT 4")
    )
    change(
        path,
        ("UPDATE workflow_runs SET payload_codec = 'json', compatibility = 'b7', business_key = 'k1' WHERE id = ?",
         (first,)),
        ("UPDATE workflow_runs SET output_payload_codec = 'json' WHERE id = ?", (second,)),
        ("UPDATE workflow_history_events SET event_type = 'SomethingNew' WHERE sequence = 2 AND workflow_run_id = ?",
         (third,)),
    )  # fmt: skip
    odd: tuple[tuple[str, dict[str, Any]], ...] = (
        ("workflow_commands", {"command_type": "dance", "status": "accepted", "payload_codec": "avro"}),
        ("workflow_commands", {"command_type": "start", "status": "lost", "payload_codec": "json"}),
        ("workflow_updates", {"workflow_command_id": "c", "status": "accepted", "payload_codec": "json"}),
        ("workflow_signal_records", {"workflow_command_id": "c", "status": "received", "payload_codec": "json"}),
        ("activity_executions", {"activity_type": "App\\Charge", "status": "pending", "payload_codec": "json"}),
        ("workflow_run_timers", {"sequence": 900, "status": "melted", "fire_at": "2026-11-01 00:00:00.000000"}),
    )  # fmt: skip
    for number, (table, values) in enumerate(odd):
        insert(path, table, id=f"odd-{number}", workflow_run_id=fourth, workflow_instance_id="odd", **values)
    return path


def opened(path: Path) -> EmbeddedDatabase:
    """An SQLite file as dwctl opens it."""
    return EmbeddedDatabase.open(Secret(f"sqlite:///{path}"))


def _rows(path: Path, statement: str) -> list[Any]:
    with closing(connect(path)) as database:
        return database.execute(statement).fetchall()


def read_everything(database: EmbeddedDatabase, imported: Sequence[Expected] = ()) -> dict[str, Any]:
    """Name → what was answered, or `Refused`. Any other failure than one that dwctl explains is raised.

    `imported` are the runs that are held against where they stand now.
    """
    with database.snapshot() as snapshot:
        found = {name: _asked(partial(read, snapshot)) for name, read in _READINGS.items()}
    found["parked"] = _asked(lambda: look_at_parked(lambda: imported, database))
    found["drift"] = _asked(lambda: look_for_drift(lambda: imported, ByDatabase(database)))
    return found


def as_imported(database: EmbeddedDatabase) -> list[Expected]:
    """The runs of a database as if they had been imported where they stand now."""
    with database.snapshot() as snapshot:
        return [
            Expected(one.run_id, one.instance_id, one.dedupe_key, one.status, Carried.IMPORTED, "ledger")
            for one in positions(snapshot)
        ]


def _asked(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except DwctlError as error:
        if not error.message or not error.next_step:
            raise
        return Refused(error.message)


def _listed(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    return {run.row.run_id: run_item(Standing(run)) for run in inventory(snapshot, deep=True)}


def _ids(**wanted: Any) -> Callable[[Snapshot], list[str]]:
    return lambda snapshot: [run.row.run_id for run in inventory(snapshot, RunFilter(**wanted))]


def _count(**wanted: Any) -> Callable[[Snapshot], int]:
    return lambda snapshot: sum(group.runs for group in summarised(snapshot, RunFilter(**wanted)).groups)


def _checked(since: str | None) -> Callable[[Snapshot], dict[str, Answer]]:
    def checks(snapshot: Snapshot) -> dict[str, Answer]:
        types = frozenset({"orders.process", "hourly"}) if since else frozenset()
        found = run_checks(Sources(snapshot=snapshot), Asked(since=since, types=types))
        return {result.row.id.removeprefix("embedded."): result.answer for result in found}

    return checks


def _work(snapshot: Snapshot) -> tuple[Any, ...]:
    ids = [row[0] for row in snapshot.all(_all_ids(snapshot))]
    found = {run_id: (work.ready_tasks, work.held, work.due_timers) for run_id, work in open_work(snapshot, ids)}
    return found, dict(run_queues(snapshot, ids)), unread_work(snapshot)


def _all_ids(snapshot: Snapshot) -> Any:
    from sqlalchemy import select

    return select(snapshot.table("workflow_runs").c.id)


_READINGS: dict[str, Callable[[Snapshot], Any]] = {
    "inventory": _listed,
    "eligible": _ids(eligible=True),
    "held": _ids(quiesce=True),
    "older": _count(older_than=60.0),
    "idle": _count(idle_for=60.0),
    "of a queue": _count(queues=("default", "")),
    "of a marker": _count(compatibilities=("b7",)),
    "summary": lambda snapshot: summarised(snapshot, RunFilter()),
    "v1": lambda snapshot: list(open_v1(snapshot)),
    "positions": lambda snapshot: {one.run_id: one for one in positions(snapshot)},
    "open runs": lambda snapshot: list(open_runs(snapshot)),
    "closed runs": lambda snapshot: list(closed_runs(snapshot)),
    "work": _work,
    "checks": _checked(None),
    "checks since": _checked(SINCE),
    "queues": open_queues,
    "twins": lambda snapshot: list(runs_of_instances(snapshot, ["order-1"])),
    "twins by key": lambda snapshot: list(runs_of_business_keys(snapshot, ["k1"])),
}
