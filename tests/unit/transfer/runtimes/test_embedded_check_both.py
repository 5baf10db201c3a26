"""What was started in both runtimes, and the queues that both must have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dwctl.embedded.check_results import Answer, CheckResult
from dwctl.embedded.database import EmbeddedDatabase
from dwctl.embedded.snapshot import Snapshot
from dwctl.errors import NotFound
from dwctl.secret import Secret
from dwctl.server.results import RunRow, TaskCounts, TaskQueue
from dwctl.server.walk import Walk
from dwctl.transfer.runtimes.check_both import queues, started_in_both
from dwctl.transfer.runtimes.inventory import LedgerLookup
from rows_of_bundles import change, empty_database, insert

SINCE = "2026-11-23T00:00:00.000000Z"
OLD, NEW = "2026-11-22 10:00:00.000000", "2026-11-23 10:00:00.000000"
OLD_THERE, NEW_THERE = "2026-11-22T10:00:00.000000Z", "2026-11-23T10:00:00+00:00"


@contextmanager
def snapshot_of(path: Path) -> Iterator[Snapshot]:
    with EmbeddedDatabase.open(Secret(f"sqlite:///{path}")).snapshot() as snapshot:
        yield snapshot


class Ledger(LedgerLookup):
    """A ledger that has imported these runs."""

    def __init__(self, *runs: str) -> None:
        self._runs = runs

    def is_there(self, run_id: str) -> bool:
        return run_id in self._runs


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return empty_database(tmp_path)


def here(path: Path, run_id: str, instance: str, begun: str, key: str | None = None, number: int = 1) -> None:
    insert(path, "workflow_runs", id=run_id, workflow_instance_id=instance, run_number=number, workflow_type="t",
           status="waiting", started_at=begun, created_at=begun, business_key=key)  # fmt: skip


def there(run_id: str, instance: str, begun: str | None, key: str | None = None) -> RunRow:
    return RunRow(instance, run_id, "t", key, "waiting", None, "default", False, begun, None)


def both(path: Path, rows: Sequence[RunRow], ledger: Ledger | None = None, *, complete: bool = True) -> CheckResult:
    with snapshot_of(path) as snapshot:
        return started_in_both(snapshot, Walk(tuple(rows), complete, 1), since=SINCE, ledger=ledger)


def test_nothing_in_both_passes(path: Path) -> None:
    here(path, "e1", "a", NEW, "key-a")
    result = both(path, [there("s1", "b", NEW_THERE, "key-b")])
    assert result.answer is Answer.PASS
    assert [one.found for one in result.evidence] == [
        "1 runs", "0, by their run id, since no ledger is given",
        "the application's times are taken as UTC, Laravel's default",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "theirs", "answer"),
    [
        (NEW, NEW_THERE, Answer.FAIL),
        (OLD, NEW_THERE, Answer.FAIL),
        (NEW, OLD_THERE, Answer.FAIL),
        (OLD, OLD_THERE, Answer.PASS),
        (OLD, None, Answer.FAIL),  # a start whose time nobody knows may be new
    ],
)  # fmt: skip
@pytest.mark.parametrize("by_key", [False, True])
def test_a_start_since_the_moment_in_either_counts(
    path: Path, ours: str, theirs: str | None, answer: Answer, by_key: bool
) -> None:
    here(path, "e1", "a", ours, "the-key")
    result = both(path, [there("s1", "b" if by_key else "a", theirs, "the-key" if by_key else None)])
    assert result.answer is answer
    if answer is Answer.FAIL:
        assert result.ids == (("business key the-key",) if by_key else ("instance a",))


@pytest.mark.parametrize("ledger", [Ledger("run"), None])
def test_what_was_imported_is_in_both_by_design(path: Path, ledger: Ledger | None) -> None:
    here(path, "run", "a", OLD, "key-a")
    assert both(path, [there("run", "a", NEW_THERE, "key-a")], ledger).answer is Answer.PASS
    continued = [there("run", "a", OLD_THERE, "key-a"), there("next", "a", NEW_THERE, "key-a")]
    assert both(path, continued, ledger).answer is Answer.PASS


@pytest.mark.parametrize("ledger", [Ledger("run"), None])
def test_an_imported_instance_that_starts_anew_here_is_in_both(path: Path, ledger: Ledger | None) -> None:
    here(path, "run", "a", OLD)
    here(path, "again", "a", NEW, number=2)
    result = both(path, [there("run", "a", OLD_THERE)], ledger)
    assert (result.answer, result.ids) == (Answer.FAIL, ("instance a",))
    assert "again" in result.evidence[3].found


def test_a_run_in_both_that_the_ledger_did_not_import_counts(path: Path) -> None:
    here(path, "run", "a", OLD)
    assert both(path, [there("run", "a", NEW_THERE)], Ledger()).answer is Answer.FAIL


def test_the_key_of_an_imported_run_started_anew_on_the_server_counts(path: Path) -> None:
    here(path, "run", "a", OLD, "the-key")
    rows = [there("run", "a", OLD_THERE, "the-key"), there("new", "b", NEW_THERE, "the-key")]
    assert both(path, rows, Ledger("run")).ids == ("business key the-key",)


def test_business_keys_that_cannot_be_read_are_not_said_to_differ(path: Path) -> None:
    here(path, "e1", "a", NEW, "the-key")
    imported = [there("e1", "a", NEW_THERE, "the-key")]
    rows = [*imported, there("s1", "b", NEW_THERE, "the-key")]
    assert both(path, rows).ids == ("business key the-key",)
    change(path, "ALTER TABLE workflow_runs RENAME COLUMN business_key TO elsewhere")
    result = both(path, rows)
    assert result.answer is Answer.UNKNOWN
    assert "business_key" in result.said
    assert both(path, [there("s1", "b", NEW_THERE)]).answer is Answer.PASS  # there is no key to compare
    change(path, "UPDATE workflow_runs SET started_at = '2026-11-22 10:00:00'")
    assert both(path, imported, Ledger("e1")).answer is Answer.PASS
    assert both(path, rows, Ledger()).ids == ("instance a",)


def test_a_list_that_changed_too_fast_is_no_pass(path: Path) -> None:
    assert both(path, [], complete=False).answer is Answer.UNKNOWN


def test_more_keys_than_one_query_takes(path: Path) -> None:
    here(path, "e1", "a-0700", NEW)
    rows = [there(f"s{number}", f"a-{number:04}", OLD_THERE, f"k-{number}") for number in range(1200)]
    assert both(path, rows).ids == ("instance a-0700",)


def queue(name: str, pollers: int | None) -> TaskQueue:
    counts = TaskCounts(*[None] * len(TaskCounts.__dataclass_fields__))
    return TaskQueue(name, pollers, None, None, None, None, counts, counts, None)


ON_DEFAULT = queue("default", 1)
"""Where a run is that names no queue."""


def ask_queues(path: Path, *found: TaskQueue) -> CheckResult:
    with snapshot_of(path) as snapshot:
        return queues(snapshot, found)


@pytest.mark.parametrize(
    ("found", "answer", "ids"),
    [
        ([ON_DEFAULT, queue("orders", 1), queue("mail", 2)], Answer.PASS, ()),
        ([ON_DEFAULT, queue("orders", 1)], Answer.FAIL, ("mail",)),
        ([ON_DEFAULT, queue("orders", 1), queue("mail", 0)], Answer.FAIL, ("mail",)),
        ([ON_DEFAULT, queue("orders", 1), queue("mail", None)], Answer.UNKNOWN, ("mail",)),
        ([queue("orders", 1), queue("mail", 2)], Answer.FAIL, ("default",)),
        ([], Answer.FAIL, ("default", "mail", "orders")),
    ],
)
def test_queues_of_open_runs_must_exist_and_be_polled(
    path: Path, found: list[TaskQueue], answer: Answer, ids: tuple[str, ...]
) -> None:
    rows: list[dict[str, Any]] = [
        {"queue": "orders", "status": "waiting"},
        {"queue": "old", "status": "completed"},
        {"queue": None, "status": "waiting"},
    ]
    for number, values in enumerate(rows, 1):
        insert(path, "workflow_runs", id=f"r{number}", workflow_instance_id="a", run_number=number, **values)
    insert(path, "workflow_tasks", id="t", workflow_run_id="r1", task_type="activity", status="ready", queue="mail")
    result = ask_queues(path, *found)
    assert (result.answer, result.ids) == (answer, ids)


def test_no_open_run_needs_no_queue(path: Path) -> None:
    assert ask_queues(path).answer is Answer.PASS


@pytest.mark.parametrize("none", [None, ""])
def test_a_run_or_a_task_without_a_queue_is_on_the_default_one(path: Path, none: str | None) -> None:
    insert(path, "workflow_runs", id="r1", workflow_instance_id="a", run_number=1, status="waiting", queue=none)
    result = ask_queues(path)
    assert (result.answer, result.ids, result.evidence[0].found) == (Answer.FAIL, ("default",), "default (1 runs)")
    change(path, "UPDATE workflow_runs SET queue = 'orders'")
    insert(path, "workflow_tasks", id="t", workflow_run_id="r1", task_type="activity", status="ready", queue=none)
    assert ask_queues(path, queue("orders", 1)).ids == ("default",)


@pytest.mark.parametrize(("table", "column"), [("workflow_runs", "queue"), ("workflow_tasks", "queue")])
def test_queues_that_cannot_be_read_are_unknown(path: Path, table: str, column: str) -> None:
    insert(path, "workflow_runs", id="r1", workflow_instance_id="a", run_number=1, status="waiting", queue="orders")
    change(path, f"ALTER TABLE {table} RENAME COLUMN {column} TO line")
    with pytest.raises(NotFound) as raised:
        ask_queues(path, queue("orders", 1))
    assert table in raised.value.message
