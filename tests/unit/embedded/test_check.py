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
from dwctl.embedded.inventory import inventory
from dwctl.errors import RequestNotPossible
from dwctl.secret import Secret
from dwctl.transfer.runtimes.check import Sources, run_checks
from rows_of_bundles import change, empty_database, insert, prove_utc

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
    prove_utc(path)
    return path


def put(path: Path, *rows: Row) -> None:
    for table, values in rows:
        insert(path, table, **values)


def instance(identity: str, created_at: str | None = BEFORE, **values: Any) -> Row:
    return "workflow_instances", {"id": identity, "current_run_id": "run-1", "created_at": created_at, **values}


def run(identity: str, **values: Any) -> Row:
    return "workflow_runs", {
        "id": identity, "workflow_instance_id": "order-1", "run_number": 1, "workflow_type": "orders.process",
        "workflow_class": "App\\OrderProcess", "status": "waiting", "payload_codec": "avro", "queue": "default",
        "started_at": BEFORE, "created_at": BEFORE, **values,
    }  # fmt: skip


def asked_of(
    path: Path, asked: Asked | None = None, *, skip: Sequence[str] = (), zone: str | None = None
) -> dict[str, CheckResult]:
    with EmbeddedDatabase.open(Secret(f"sqlite:///{path}"), zone=zone).snapshot() as snapshot:
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
    ("codec_of_new_runs", [run("run-2", run_number=2, payload_codec="y", started_at=BEFORE)], Answer.UNKNOWN, []),
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
      "paused_at": BEFORE})], Answer.FAIL, ["nightly"]),
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


@pytest.mark.parametrize("action", [None, "", "[]", "{}", "no json", '{"workflow_type": 7}'])
def test_a_schedule_that_does_not_say_what_it_starts_is_unknown(path: Path, action: str | None) -> None:
    put(path, ("workflow_schedules", {"id": "s", "schedule_id": "nightly", "status": "paused", "action": action}))
    result = asked_of(path)["types_of_schedules"]
    assert (result.answer, result.ids, result.count) == (Answer.UNKNOWN, ("nightly",), 1)
    assert result.next_step
    wrong = {"id": "t", "schedule_id": "yearly", "status": "paused", "action": '{"type": "App\\\\Yearly"}'}
    put(path, ("workflow_schedules", wrong))
    assert asked_of(path)["types_of_schedules"].ids == ("yearly",)


def test_both_checks_of_a_schedule_read_its_action_alike(path: Path) -> None:
    """What names its type under another key starts that type, and no other."""
    values = {"id": "s", "schedule_id": "nightly", "status": "active", "action": '{"type": "orders.nightly"}'}
    put(path, ("workflow_schedules", values))
    assert asked_of(path)["types_of_schedules"].answer is Answer.PASS
    others = Asked(since=SINCE, types=frozenset({"orders.process"}))
    assert asked_of(path, others)["schedules_paused"].answer is Answer.PASS
    itself = Asked(since=SINCE, types=frozenset({"orders.nightly"}))
    assert asked_of(path, itself)["schedules_paused"].answer is Answer.FAIL


RESERVED = {"current_run_id": "run-2"}
FIRST = {"workflow_instance_id": "order-2", "run_number": 1}
AS_CHILD: Row = ("workflow_links", {"id": "l", "link_type": "child_workflow", "child_workflow_instance_id": "order-2"})
STARTS: list[tuple[list[Row], Answer]] = [
    ([instance("order-2", **RESERVED), run("run-2", **FIRST, started_at=AFTER)], Answer.FAIL),
    ([instance("order-2", **RESERVED), run("run-2", **FIRST, started_at=None, created_at=AFTER)], Answer.FAIL),
    ([instance("order-2", **RESERVED), run("run-2", **FIRST, started_at=AFTER), AS_CHILD], Answer.WARN),
    ([instance("order-2", **RESERVED)], Answer.PASS),  # reserved, and never started
    ([run("run-2", run_number=2, started_at=AFTER)], Answer.PASS),  # it continued as new
    ([instance("order-2", None), run("run-2", **FIRST, started_at=AFTER)], Answer.FAIL),
    ([instance("order-2", None), run("run-2", **FIRST, started_at=BEFORE)], Answer.PASS),
    ([instance("order-2", None)], Answer.UNKNOWN),
    ([instance("order-2", None), run("run-2", **FIRST, started_at=None, created_at=None)], Answer.UNKNOWN),
    ([instance("order-2"), run("run-2", **FIRST, started_at=None, created_at=None)], Answer.UNKNOWN),
    ([instance("order-2", AFTER), run("run-2", **FIRST, started_at=None, created_at=None)], Answer.FAIL),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "answer"), STARTS, ids=[f"{i}-{row[1]}" for i, row in enumerate(STARTS)])
def test_a_workflow_is_started_when_its_instance_is_made_or_its_first_run_begins(
    path: Path, rows: list[Row], answer: Answer
) -> None:
    """An instance may be reserved long before; what has no time at all may be new."""
    put(path, *rows)
    result = asked_of(path)["starters_paused"]
    assert (result.answer, result.ids) == (answer, () if answer is Answer.PASS else ("order-2",)), result.said
    of_another = asked_of(path, Asked(since=SINCE, types=frozenset({"another"})))["starters_paused"]
    assert of_another.answer is Answer.PASS


NO_TIME = {"run_number": 2, "status": "failed", "started_at": None, "created_at": None}


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("types_of_runs", run("run-2", **NO_TIME, workflow_type="App\\W")),
        ("types_of_activities", run("run-2", **NO_TIME)),
        ("codec_of_new_runs", run("run-2", **NO_TIME, payload_codec="y")),
    ],
)
def test_a_run_without_a_time_may_be_new(path: Path, name: str, row: Row) -> None:
    activity: Row = ("activity_executions", {"id": "a", "workflow_run_id": "run-2", "activity_type": "A\\B"})
    put(path, row, activity, run("run-3", run_number=3, started_at=AFTER))
    result = asked_of(path)[name]
    assert (result.answer, result.ids, result.count) == (Answer.UNKNOWN, ("run-2",), 1), result.said
    assert "neither started_at nor created_at" in result.said
    assert result.next_step
    change(path, "UPDATE workflow_runs SET created_at = '2026-11-23 10:00:00' WHERE id = 'run-2'")
    assert asked_of(path)[name].answer is Answer.FAIL


HANGING = {
    "activities": ("activity_executions", {"activity_type": "orders.charge"}),
    "commands": ("workflow_commands", {"command_type": "start", "status": "accepted"}),
    "updates": ("workflow_updates", {"workflow_command_id": "c", "status": "accepted"}),
    "signals": ("workflow_signal_records", {"workflow_command_id": "c", "status": "received"}),
}


@pytest.mark.parametrize("what", HANGING)
def test_the_codec_of_what_hangs_on_a_run_counts(path: Path, what: str) -> None:
    """An export is refused for it (payload_codec.unsupported), as the inventory foresees."""
    table, values = HANGING[what]
    put(path, run("run-2", run_number=2, started_at=AFTER))
    put(path, (table, {"id": "x", "workflow_run_id": "run-2", "payload_codec": "workflow-serializer-y", **values}))
    results = asked_of(path)
    assert (results["codec_of_new_runs"].answer, results["codec_of_new_runs"].ids) == (Answer.FAIL, ("run-2",))
    assert (results["codec_everywhere"].answer, results["codec_everywhere"].ids) == (Answer.WARN, ("run-2",))
    assert results["codec_everywhere"].evidence[0].found == f"1 runs: workflow-serializer-y of {what}"
    with EmbeddedDatabase.open(Secret(f"sqlite:///{path}")).snapshot() as snapshot:
        foreseen = {one.row.run_id: [rule.rule for rule in one.foreseen] for one in inventory(snapshot)}
    assert "payload_codec.unsupported" in foreseen["run-2"]
    assert "payload_codec.unsupported" not in foreseen["run-1"]


@pytest.mark.parametrize(
    ("table", "column"),
    [("workflow_runs", "output_payload_codec"), *[(table, "payload_codec") for table, _ in HANGING.values()]],
)
def test_a_codec_that_cannot_be_read_is_not_said_to_be_avro(path: Path, table: str, column: str) -> None:
    put(path, run("run-2", run_number=2, started_at=AFTER))
    change(path, f"ALTER TABLE {table} RENAME COLUMN {column} TO elsewhere")
    for asked in (Asked(since=SINCE), Asked()):
        results = asked_of(path, asked)
        for name in ("codec_of_new_runs", "codec_everywhere"):
            assert results[name].answer is Answer.UNKNOWN, name
            assert f"{table}" in results[name].said
    put(path, run("run-3", run_number=3, started_at=AFTER, payload_codec="y"))
    results = asked_of(path)
    assert (results["codec_of_new_runs"].answer, results["codec_everywhere"].answer) == (Answer.FAIL, Answer.WARN)


def test_a_schedule_without_a_status_may_fire(path: Path) -> None:
    change(path, "CREATE TABLE other AS SELECT * FROM workflow_schedules", "DROP TABLE workflow_schedules",
           "ALTER TABLE other RENAME TO workflow_schedules",
           "INSERT INTO workflow_schedules (id, schedule_id, paused_at) VALUES ('s', 'nightly', '2026-01-01 00:00:00')",
           )  # fmt: skip
    assert asked_of(path)["schedules_paused"].ids == ("nightly",)


def test_runs_that_name_no_codec_are_not_said_to_use_avro(path: Path) -> None:
    change(path, "UPDATE workflow_runs SET payload_codec = NULL")
    put(path, run("run-2", run_number=2, started_at=AFTER, payload_codec=""))
    results = asked_of(path)
    assert results["codec_everywhere"].said == "no run uses another codec than avro; 2 without a codec"
    assert results["codec_of_new_runs"].said == (
        f"none of 1 runs started since {SINCE} uses another codec than avro; 1 without a codec"
    )
    assert results["codec_everywhere"].answer is results["codec_of_new_runs"].answer is Answer.PASS
    assert asked_of(path, Asked())["codec_of_new_runs"].evidence[0].found == "no other codec; 2 without a codec"


def test_a_moment_of_whole_seconds_is_met_by_times_without_fractions(path: Path) -> None:
    """Laravel leaves the fraction of a whole second out, and SQLite compares text."""
    whole = AFTER.removesuffix(".000000")
    put(path, instance("order-2", whole), run("run-2", run_number=2, payload_codec="y", started_at=whole))
    results = asked_of(path)
    assert results["starters_paused"].ids == ("order-2",)
    assert results["codec_of_new_runs"].ids == ("run-2",)
    late = Asked(since="2026-11-23T00:00:00.000001Z")
    assert asked_of(path, late)["starters_paused"].answer is Answer.PASS


ENDED = [run("run-2", run_number=2, workflow_type="App\\W", status="failed", payload_codec="y"),
         run("run-3", run_number=3, status="failed"),
         ("activity_executions", {"id": "a", "workflow_run_id": "run-3", "activity_type": "A\\B"})]  # fmt: skip
BY_MOMENT = ("types_of_runs", "types_of_activities", "codec_of_new_runs", "starters_paused")


@pytest.mark.parametrize(
    ("since", "statement", "said"),
    [
        ("9999-01-01T00:00:00.000000Z", "SELECT 1", "not come yet"),
        (SINCE, "DELETE FROM workflow_history_events", "no row of its own tells"),
    ],
)
def test_what_ended_is_not_said_to_be_old_where_the_moment_cannot_be_compared(
    path: Path, since: str, statement: str, said: str
) -> None:
    put(path, *ENDED)
    change(path, statement)
    results = asked_of(path, Asked(since=since))
    assert {name: results[name].answer for name in BY_MOMENT} == dict.fromkeys(BY_MOMENT, Answer.UNKNOWN)
    assert all(said in results[name].said and results[name].next_step for name in BY_MOMENT)
    change(path, "UPDATE workflow_runs SET status = 'waiting'")
    results = asked_of(path, Asked(since=since))
    assert results["types_of_runs"].answer is results["types_of_activities"].answer is Answer.FAIL


@pytest.mark.parametrize(
    ("since", "answer"),
    [
        ("2026-10-24T23:59:59.000000Z", Answer.FAIL),
        ("2026-10-25T00:30:00.000000Z", Answer.UNKNOWN),
        ("2026-10-25T01:05:00.000000Z", Answer.UNKNOWN),
        ("2026-10-25T02:00:00.000000Z", Answer.PASS),
    ],
)
def test_a_moment_in_the_hour_that_a_clock_showed_twice_is_unknown(path: Path, since: str, answer: Answer) -> None:
    """Berlin puts its clocks back at 01:00 UTC: ten past two was there at 00:10 UTC and at 01:10."""
    change(path, "DELETE FROM workflow_history_events")
    put(path, instance("order-2", "2026-10-25 02:10:00.000000"))
    change(path, "UPDATE workflow_instances SET created_at = '2026-10-01 00:00:00' WHERE id = 'order-1'",
           "UPDATE workflow_runs SET started_at = '2026-10-01 00:00:00'")  # fmt: skip
    result = asked_of(path, Asked(since=since), zone="Europe/Berlin")["starters_paused"]
    assert result.answer is answer
    if answer is Answer.UNKNOWN:
        assert "twice" in result.said
    else:
        assert "Europe/Berlin" in result.evidence[1].found


def test_a_database_without_runs_passes_nothing(tmp_path: Path) -> None:
    results = asked_of(empty_database(tmp_path))
    assert {result.answer for result in results.values()} == {Answer.UNKNOWN, Answer.SKIPPED}
    assert not may_go_on(list(results.values()))
    for name in ("v1_drained", "types_of_runs", "leases", "starters_paused", "schedules_paused"):
        assert results[name].said.endswith("the database has no run at all: it may be another application's"), name
        assert results[name].next_step


def test_v1_workflows_that_have_all_ended_show_that_v1_is_drained(tmp_path: Path) -> None:
    path = empty_database(tmp_path)
    put(path, ("workflows", {"id": 7, "status": "completed"}))
    results = asked_of(path)
    assert results["v1_drained"].answer is Answer.PASS
    assert results["leases"].answer is Answer.UNKNOWN


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
