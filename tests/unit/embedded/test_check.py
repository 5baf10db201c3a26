"""Each check of the embedded application, turned red and green by changing rows, never by changing the check."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dwctl.embedded.check_queries import Asked
from dwctl.embedded.check_results import KEPT_IDS, Answer, CheckResult, Strategy, may_go_on
from dwctl.embedded.check_rows import CHECK_ROWS
from dwctl.embedded.database import EmbeddedDatabase
from dwctl.errors import RequestNotPossible
from dwctl.secret import Secret
from dwctl.transfer.runtimes.check import Sources, run_checks
from rows_of_bundles import change, empty_database, insert

SINCE = "2026-11-23T00:00:00.000000Z"
BEFORE, AFTER = "2026-11-22 23:59:59.999999", "2026-11-23 00:00:00.000000"
LATER = "9999-01-01 00:00:00.000000"

Row = tuple[str, dict[str, Any]]
"""A table, and the values of a row."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with one sound open run, begun before the moment."""
    path = empty_database(tmp_path)
    put(path, instance("order-1"), run("run-1"))
    return path


def put(path: Path, *rows: Row) -> None:
    for table, values in rows:
        insert(path, table, **values)


def instance(identity: str, created_at: str = BEFORE, **values: Any) -> Row:
    return "workflow_instances", {"id": identity, "current_run_id": "run-1", "created_at": created_at, **values}


def run(identity: str, **values: Any) -> Row:
    return "workflow_runs", {
        "id": identity, "workflow_instance_id": "order-1", "run_number": 1, "workflow_type": "orders.process",
        "workflow_class": "App\\OrderProcess", "status": "waiting", "payload_codec": "avro", "queue": "default",
        "started_at": BEFORE, "created_at": BEFORE, **values,
    }  # fmt: skip


def asked_of(path: Path, asked: Asked | None = None, *, skip: Sequence[str] = ()) -> dict[str, CheckResult]:
    with EmbeddedDatabase.open(Secret(f"sqlite:///{path}")) as database, database.snapshot() as snapshot:
        results = run_checks(Sources(snapshot), asked or Asked(since=SINCE), skip=skip)
        return {result.row.id.removeprefix("embedded."): result for result in results}


def test_a_quiet_application_passes_everything_that_its_database_can_answer(path: Path) -> None:
    results = asked_of(path)
    answers = {name: result.answer for name, result in results.items()}
    assert list(answers) == [row.id.removeprefix("embedded.") for row in CHECK_ROWS]
    assert {name for name, answer in answers.items() if answer is not Answer.PASS} == {
        "queues_on_both_sides", "started_in_both_runtimes", "upgrade_status", "doctor",
    }  # fmt: skip
    assert answers["queues_on_both_sides"] is answers["started_in_both_runtimes"] is Answer.UNKNOWN
    assert answers["upgrade_status"] is answers["doctor"] is Answer.SKIPPED
    assert not may_go_on(list(results.values()))


def test_what_is_left_out_on_request_is_shown_as_skipped_and_does_not_stand_in_the_way(path: Path) -> None:
    names = ("embedded.queues_on_both_sides", "embedded.started_in_both_runtimes")
    results = asked_of(path, skip=names)
    assert {results[name.removeprefix("embedded.")].said for name in names} == {"left out by --skip"}
    assert may_go_on(list(results.values()))


def test_nothing_measured_is_no_pass(path: Path) -> None:
    results = asked_of(path, skip=[row.id for row in CHECK_ROWS])
    assert {result.answer for result in results.values()} == {Answer.SKIPPED}
    assert not may_go_on(list(results.values()))


LEASED = {"workflow_run_id": "run-1", "task_type": "workflow", "status": "leased", "lease_owner": "worker-9"}

RED: list[tuple[str, list[Row], Answer, list[str]]] = [
    ("v1_drained", [("workflows", {"id": 7, "status": "waiting"})], Answer.FAIL, ["7"]),
    ("v1_drained", [("workflows", {"id": 7, "status": "created"})], Answer.FAIL, ["7"]),
    ("v1_drained", [("workflows", {"id": 7, "status": "completed"})], Answer.PASS, []),
    ("types_of_runs", [run("run-2", run_number=2, workflow_type="App\\W")], Answer.FAIL, ["run-2"]),
    ("types_of_runs", [run("run-2", run_number=2, workflow_type="W", workflow_class="W")], Answer.FAIL, ["run-2"]),
    ("types_of_runs", [run("run-2", run_number=2, workflow_type="App\\W", status="failed")], Answer.WARN, ["run-2"]),
    ("types_of_runs", [run("run-2", run_number=2, workflow_type="App\\W", status="failed", started_at=AFTER)],
     Answer.FAIL, ["run-2"]),
    ("types_of_activities", [("activity_executions", {"id": "a", "workflow_run_id": "run-1", "activity_type": "A\\B"})],
     Answer.FAIL, ["run-1"]),
    ("types_of_activities", [run("run-2", run_number=2, status="failed"),
     ("activity_executions", {"id": "a", "workflow_run_id": "run-2", "activity_type": "A\\B"})],
     Answer.WARN, ["run-2"]),
    ("types_of_schedules", [("workflow_schedules", {"id": "s", "schedule_id": "nightly", "status": "paused",
      "action": '{"workflow_type":"App\\\\Nightly"}'})], Answer.FAIL, ["nightly"]),
    ("types_of_schedules", [("workflow_schedules", {"id": "s", "schedule_id": "nightly", "status": "paused",
      "action": '{"workflow_class":"Nightly"}'})], Answer.FAIL, ["nightly"]),
    ("types_of_schedules", [("workflow_schedules", {"id": "s", "schedule_id": "nightly", "status": "paused",
      "action": '{"workflow_type":"orders.nightly","workflow_class":"App\\\\Nightly"}'})], Answer.PASS, []),
    ("types_of_schedules", [("workflow_schedules", {"id": "s", "schedule_id": "old", "status": "deleted",
      "action": '{"workflow_type":"App\\\\N"}', "deleted_at": BEFORE})], Answer.PASS, []),
    ("codec_of_new_runs", [run("run-2", run_number=2, payload_codec="y", started_at=AFTER)], Answer.FAIL, ["run-2"]),
    ("codec_of_new_runs", [run("run-2", run_number=2, started_at=AFTER)], Answer.PASS, []),
    ("codec_of_new_runs", [run("run-2", run_number=2, payload_codec="y", started_at=BEFORE)], Answer.WARN, []),
    ("codec_everywhere", [run("run-2", run_number=2, payload_codec="y", status="completed")], Answer.WARN, ["run-2"]),
    ("codec_everywhere", [run("run-2", run_number=2, output_payload_codec="y")], Answer.WARN, ["run-2"]),
    ("compatibility_markers", [run("run-2", run_number=2, compatibility="build-7")], Answer.WARN, ["build-7"]),
    ("compatibility_markers", [run("run-2", run_number=2, compatibility="build-7", status="failed")], Answer.PASS, []),
    ("leases", [("workflow_tasks", {"id": "t", **LEASED, "lease_expires_at": LATER})], Answer.FAIL, ["run-1"]),
    ("leases", [("workflow_tasks", {"id": "t", **LEASED, "status": "ready"})], Answer.PASS, []),
    ("running_attempts", [("activity_attempts", {"id": "x", "workflow_run_id": "run-1", "status": "running"})],
     Answer.FAIL, ["run-1"]),
    ("running_attempts", [("activity_attempts", {"id": "x", "workflow_run_id": "run-1", "status": "failed"})],
     Answer.PASS, []),
    ("starters_paused", [instance("order-2", AFTER)], Answer.FAIL, ["order-2"]),
    ("starters_paused", [instance("order-2", BEFORE)], Answer.PASS, []),
    ("starters_paused", [instance("order-2", AFTER), ("workflow_links", {"id": "l", "link_type": "child_workflow",
      "child_workflow_instance_id": "order-2"})], Answer.WARN, ["order-2"]),
    ("schedules_paused", [("workflow_schedules", {"id": "s", "schedule_id": "nightly", "status": "active"})],
     Answer.FAIL, ["nightly"]),
    ("schedules_paused", [("workflow_schedules", {"id": "s", "schedule_id": "nightly", "status": "paused"})],
     Answer.PASS, []),
    ("schedules_paused", [("workflow_schedules", {"id": "s", "schedule_id": "nightly", "status": "active",
      "paused_at": BEFORE})], Answer.PASS, []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "rows", "answer", "ids"), RED, ids=[f"{i}-{row[0]}-{row[2]}" for i, row in enumerate(RED)]
)
def test_rows_turn_a_check(path: Path, name: str, rows: list[Row], answer: Answer, ids: list[str]) -> None:
    put(path, *rows)
    result = asked_of(path)[name]
    assert result.answer is answer, result.said
    assert list(result.ids) == ids
    assert result.count == len(ids)
    assert result.evidence
    assert bool(result.next_step) is (answer is not Answer.PASS)


def test_open_v1_workflows_may_be_left_on_purpose(path: Path) -> None:
    put(path, ("workflows", {"id": 7, "status": "waiting"}))
    result = asked_of(path, Asked(v1=Strategy.COEXIST))["v1_drained"]
    assert (result.answer, result.ids, result.count) == (Answer.PASS, ("7",), 1)
    assert "on purpose" in result.said


def test_a_lease_says_whose_it_is_and_that_it_has_expired(path: Path) -> None:
    put(
        path,
        ("workflow_tasks", {"id": "t1", **LEASED, "lease_expires_at": BEFORE}),
        ("workflow_tasks", {"id": "t2", **LEASED, "lease_expires_at": LATER}),
        ("workflow_tasks", {"id": "t3", **LEASED, "lease_owner": None}),
    )
    result = asked_of(path)["leases"]
    assert result.said == "3 leased tasks, 1 of them expired"
    found = [one.found for one in result.evidence[1:]]
    assert found == [
        "held by worker-9, expired 2026-11-22T23:59:59.999999Z",
        "held by worker-9, until 9999-01-01T00:00:00.000000Z",
        "held by nobody known, without an end",
    ]


def test_without_a_moment_what_needs_one_is_unknown_and_says_so(path: Path) -> None:
    put(path, run("run-2", run_number=2, payload_codec="y"))
    results = asked_of(path, Asked())
    assert results["starters_paused"].answer is Answer.UNKNOWN
    assert results["codec_of_new_runs"].answer is Answer.UNKNOWN
    assert "--since" in str(results["starters_paused"].next_step)


def test_a_moment_that_has_not_come_proves_nothing(path: Path) -> None:
    result = asked_of(path, Asked(since="9999-01-01T00:00:00.000000Z"))["starters_paused"]
    assert result.answer is Answer.UNKNOWN
    assert "not come yet" in result.said


def test_many_ids_are_counted_and_the_first_are_kept(path: Path) -> None:
    put(path, *[instance(f"new-{number:04}", AFTER) for number in range(KEPT_IDS + 5)])
    result = asked_of(path)["starters_paused"]
    assert (len(result.ids), result.count, result.ids[0]) == (KEPT_IDS, KEPT_IDS + 5, "new-0000")


@pytest.mark.parametrize(
    ("statement", "name", "answer"),
    [
        ("DROP TABLE workflows", "v1_drained", Answer.PASS),
        ("DROP TABLE workflow_schedules", "schedules_paused", Answer.PASS),
        ("DROP TABLE workflow_schedules", "types_of_schedules", Answer.PASS),
        ("DROP TABLE workflow_tasks", "leases", Answer.UNKNOWN),
        ("DROP TABLE activity_attempts", "running_attempts", Answer.UNKNOWN),
        ("DROP TABLE activity_executions", "types_of_activities", Answer.UNKNOWN),
        ("DROP TABLE workflow_instances", "starters_paused", Answer.UNKNOWN),
        ("ALTER TABLE workflow_runs DROP COLUMN payload_codec", "codec_of_new_runs", Answer.UNKNOWN),
        ("ALTER TABLE workflow_runs DROP COLUMN payload_codec", "codec_everywhere", Answer.UNKNOWN),
        ("ALTER TABLE workflow_runs DROP COLUMN compatibility", "compatibility_markers", Answer.UNKNOWN),
        ("ALTER TABLE workflow_schedules DROP COLUMN action", "types_of_schedules", Answer.UNKNOWN),
        ("ALTER TABLE workflows RENAME COLUMN status TO state", "v1_drained", Answer.UNKNOWN),
    ],
)
def test_an_old_schema_is_a_gap_that_is_named(path: Path, statement: str, name: str, answer: Answer) -> None:
    change(path, statement)
    result = asked_of(path)[name]
    assert result.answer is answer
    assert len(result.said) > len("there is no")


def test_a_database_without_v2_tables_answers_nothing_about_them(path: Path) -> None:
    change(path, "DROP TABLE workflow_runs")
    results = asked_of(path)
    for name in ("types_of_runs", "codec_of_new_runs", "compatibility_markers"):
        assert results[name].answer is Answer.UNKNOWN
    change(path, "DROP TABLE workflows")
    assert asked_of(path)["v1_drained"].answer is Answer.UNKNOWN  # a wrong prefix, not a drained application


def test_a_check_that_does_not_exist_is_refused(path: Path) -> None:
    with pytest.raises(RequestNotPossible, match=r"there is no check 'embedded\.leses'"):
        asked_of(path, skip=["embedded.leses"])


def test_every_row_says_what_to_do() -> None:
    assert len({row.id for row in CHECK_ROWS}) == len(CHECK_ROWS)
    for row in CHECK_ROWS:
        assert 1 <= row.item <= 12
        assert all(text.endswith(".") for text in (row.meaning, row.why, row.fix)), row.id
