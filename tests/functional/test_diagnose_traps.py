"""`dwctl diagnose` on a real socket: the traps of the contract, and whoever does not answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from diagnose_world import Capture, World, a_world, asked, bundle, ids, imported
from dwctl.errors import ExitCode
from dwctl.rehearsal.app import create_app
from output_schemas import lines
from rehearsal_server import CONTROL, WORKER, payload, ready_run, served
from rows_of_bundles import change, empty_database, put_bundle
from sample_bundles import WAITING, sealed
from server_cli import command


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with a_world(tmp_path, monkeypatch) as one:
        yield one


# --- traps of the contract ----------------------------------------------------------------------------------


def test_another_namespace_is_found_and_named(world: World, capsys: Capture) -> None:
    imported(capsys, bundle())
    code, row, found = asked(capsys, "order-1", "--namespace", "default")
    assert (code, row) == (1, "other_namespace")
    assert found["command"] == "dwctl diagnose --namespace production order-1"
    assert found["ledger"]["same_target"] is False
    assert found["command"].split()[1:] == ["diagnose", "--namespace", "production", "order-1"]
    assert asked(capsys, "order-1", "--namespace", "PRODUCTION")[:2] == (1, "nobody_polls")


def test_a_namespace_that_nobody_named_is_said(
    world: World, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    imported(capsys, bundle())
    monkeypatch.delenv("DURABLE_WORKFLOW_NAMESPACE")
    code, row, found = asked(capsys, "order-1")
    assert (code, row) == (1, "other_namespace")
    assert "was looked for in default (since none was named)" in found["sentence"]
    assert "namespace_defaulted" in ids(found)


def test_both_runtimes_run_it(world: World, capsys: Capture, tmp_path: Path) -> None:
    file = bundle()
    database = empty_database(tmp_path)
    put_bundle(database, Path(file).read_bytes())
    options = ("--database-url", f"sqlite:///{database}")
    imported(capsys, file, *options)
    world.worker()
    world.poll()
    code, row, found = asked(capsys, "order-1", *options)
    assert (code, row) == (0, "working")
    assert found["differs"].keys() <= {"status", "last_event", "last_sequence", "dedupe_key", "namespace", "codec"}
    change(database, "UPDATE workflow_runs SET last_history_sequence = 9")
    code, row, found = asked(capsys, "order-1", *options)
    assert (code, row) == (1, "both_runtimes")
    assert "sequence 1 → 9" in found["sentence"]
    assert found["differs"]["last_sequence"] == ["embedded"]
    out = command(capsys, "diagnose", "order-1", *options)[1]
    (line,) = [line for line in out.splitlines() if line.startswith("  last sequence")]
    assert line.split() == ["last", "sequence", "1", "1", "-", "9", "differs:", "embedded"]


def test_waits_are_right_and_said(world: World, capsys: Capture) -> None:
    imported(capsys, str(WAITING))
    code, row, found = asked(capsys, "approval-1")
    assert (code, row) == (0, "waits_for_signal")
    assert "it waits for signal approved-by" in found["sentence"]
    assert {"nobody_for_later", "declared_signals"} <= ids(found)
    assert found["command"] == "dw workflow:signal --namespace=production approval-1 approved-by"


def test_a_timer_that_is_due_waits_for_the_repair_pass(world: World, capsys: Capture) -> None:
    timer = {
        "workflow.status": "waiting",
        "tasks.0.type": "timer",
        "tasks.0.payload": {"timer_id": "01tmr000000000000000000001"},
        "tasks.0.available_at": "2026-11-22T23:30:00.000000Z",
        "timers": [{"id": "01tmr000000000000000000001", "status": "pending", "sequence": 1, "delay_seconds": 3600,
                    "fire_at": "2026-11-22T23:30:00.000000Z"}],
    }  # fmt: skip
    imported(capsys, bundle(1, timer))
    code, row, found = asked(capsys, "order-1")
    assert (code, row) == (0, "waits_for_timer")
    assert "2026-11-22T23:30:00.000000Z" in found["sentence"]
    world.clock.turn(hours=2)
    code, row, found = asked(capsys, "order-1")
    assert (code, row) == (1, "timer_due")
    assert found["command"] == "dw system:repair-pass --namespace=production"


def test_a_lease_of_a_worker_that_is_gone(world: World, capsys: Capture) -> None:
    imported(capsys, bundle())
    world.worker()
    world.poll()
    world.clock.turn(seconds=90)
    code, row, found = asked(capsys, "order-1")
    assert (code, row) == (1, "worker_gone_with_task")
    assert "the lease ends at" in found["sentence"]
    world.clock.turn(minutes=5)
    assert asked(capsys, "order-1")[:2] == (1, "lease_over")


def test_a_task_that_is_given_back_again_and_again(world: World, capsys: Capture) -> None:
    imported(capsys, bundle())
    world.worker()
    for attempt in (1, 2):
        task = world.poll()
        body = {"lease_owner": "w-1", "workflow_task_attempt": attempt, "failure": {"message": "boom"}}
        world.post(f"worker/workflow-tasks/{task['task_id']}/fail", body, WORKER)
        if attempt == 1:
            assert asked(capsys, "order-1")[:2] == (0, "tried_again")
            world.clock.turn(seconds=3)
    code, row, found = asked(capsys, "order-1")
    assert (code, row) == (1, "failing")
    assert "was taken 2 times and given back" in found["sentence"]


def test_slots_and_other_tasks_in_front_of_it(world: World, capsys: Capture) -> None:
    for number in (1, 2, 3):
        imported(capsys, bundle(number), "--ledger", f"{number}.db")
    world.worker(max_concurrent_workflow_tasks=1)
    code, row, found = asked(capsys, "order-3")
    assert (code, row) == (1, "behind_others")
    assert "one of 3 that wait in queue default" in found["sentence"]
    world.poll()
    code, row, found = asked(capsys, "order-3")
    assert (code, row) == (1, "no_slots")
    assert "saturated" in found["sentence"]


def test_how_it_ended(world: World, capsys: Capture) -> None:
    for number, status in ((1, "completed"), (2, "terminated")):
        world.post(
            "workflows", {"workflow_id": f"order-{number}", "workflow_type": "t", "task_queue": "q", "input": []}
        )
        world.change("UPDATE workflow_runs SET status = ? WHERE workflow_instance_id = ?", status, f"order-{number}")
    assert asked(capsys, "order-1")[:2] == (0, "completed")
    code, row, found = asked(capsys, "order-2")
    assert (code, row) == (1, "ended_otherwise")
    assert "it ended as terminated" in found["sentence"]


def test_an_open_run_without_a_task_and_one_without_a_history(world: World, capsys: Capture) -> None:
    imported(capsys, bundle())
    world.change("DELETE FROM workflow_tasks")
    assert asked(capsys, "order-1")[:2] == (1, "no_open_task")
    world.change("DELETE FROM workflow_history_events")
    assert asked(capsys, "order-1")[:2] == (1, "history_pruned")


def test_an_instance_split_over_two_namespaces(world: World, capsys: Capture) -> None:
    world.import_raw(sealed(ready_run(1)))
    world.import_raw(sealed(ready_run(2, {"workflow.instance_id": "order-1", "workflow.run_number": 2})), "default")
    assert asked(capsys, "order-1")[:2] == (1, "nobody_polls")
    code, row, found = asked(capsys, "order-1", "--namespace", "default")
    assert (code, row) == (1, "split_instance")
    assert "the list of namespace default has run" in found["sentence"]
    assert "other_namespace" in ids(found)


def test_a_run_id_is_enough(world: World, capsys: Capture) -> None:
    file = bundle()
    run = json.loads(Path(file).read_bytes())["workflow"]["run_id"]
    imported(capsys, file)
    for ledger in (".dwctl/ledger.db", "elsewhere.db"):
        code, row, found = asked(capsys, run)
        assert (code, row, found["instance_id"], found["run_id"]) == (1, "nobody_polls", "order-1", run), ledger
        if ledger.startswith("."):
            Path(ledger).rename("elsewhere.db")
    assert asked(capsys, "order-1", "--run-id", run)[2]["run_id"] == run
    assert asked(capsys, "order-1", "--run-id", "01nosuchrun")[:2] == (5, "nobody_knows")


def test_workers_that_poll_the_connection(world: World, capsys: Capture) -> None:
    imported(capsys, bundle(1, {"workflow.connection": "redis", "tasks.0.connection": "redis"}))
    world.worker(queue="redis", supported_workflow_types=["orders.other"])
    code, row, found = asked(capsys, "order-1")
    assert (code, row) == (1, "queue_is_connection")
    assert "workers poll redis, which is its Laravel connection" in found["sentence"]


def test_an_activity_that_nobody_takes(world: World, capsys: Capture) -> None:
    imported(capsys, bundle())
    world.worker()
    schedule = {"type": "schedule_activity", "activity_type": "orders.charge", "arguments": payload([1])}
    world.complete(world.poll(), schedule | {"queue": "payments"})
    code, row, found = asked(capsys, "order-1")
    assert (code, row) == (1, "nobody_polls")
    assert "its activity orders.charge waits: nobody polls queue payments" in found["sentence"]
    assert found["command"].endswith("--activity-type orders.charge --task-queue payments")
    world.worker("w-pay", "payments", supported_activity_types=["orders.refund"])
    assert asked(capsys, "order-1")[:2] == (1, "type_missing")
    world.worker("w-pay", "payments", supported_activity_types=["orders.charge"])
    assert asked(capsys, "order-1")[:2] == (0, "just_ready")
    world.clock.turn(seconds=30)
    assert asked(capsys, "order-1")[:2] == (1, "no_poll")


def test_a_child_that_runs_is_missing_or_has_ended(world: World, capsys: Capture) -> None:
    imported(capsys, bundle())
    world.worker()
    world.complete(world.poll(), {"type": "start_child_workflow", "workflow_type": "child", "queue": "other"})
    code, row, found = asked(capsys, "order-1")
    assert (code, row) == (0, "waits_for_child")
    child, child_run = found["waits"][0]["child_id"], found["waits"][0]["child_run_id"]
    assert found["command"] == f"dwctl diagnose --namespace production {child}"
    assert asked(capsys, child)[:2] == asked(capsys, child_run)[:2] == (1, "nobody_polls")
    world.change("UPDATE workflow_runs SET status = 'completed' WHERE id = ?", child_run)
    assert asked(capsys, "order-1")[:2] == (1, "child_closed")
    world.change("UPDATE workflow_runs SET namespace = 'elsewhere' WHERE id = ?", child_run)
    code, row, found = asked(capsys, "order-1")
    assert (code, row) == (1, "child_missing")
    assert child_run in found["sentence"]


def test_a_run_that_was_followed_by_another(world: World, capsys: Capture) -> None:
    imported(capsys, bundle())
    world.worker()
    world.complete(world.poll(), {"type": "continue_as_new"})
    run = asked(capsys, "order-1")[2]["run_id"]
    first = json.loads(Path("order-1.json").read_bytes())["workflow"]["run_id"]
    assert run != first
    code, row, found = asked(capsys, "order-1", "--run-id", first)
    assert (code, row) == (0, "historical")
    assert found["command"] == f"dwctl diagnose --namespace production --run-id {run} order-1"
    world.change("UPDATE workflow_runs SET namespace = 'elsewhere' WHERE id = ?", run)
    code, row, found = asked(capsys, "order-1")
    assert (code, row) == (1, "successor_missing")
    assert run in found["sentence"]


def test_a_run_that_the_server_cannot_show(world: World, capsys: Capture) -> None:
    world.import_raw(WAITING.read_bytes())
    world.change("UPDATE workflow_runs SET arguments = 'AAAA'")
    code, row, found = asked(capsys, "approval-1")
    assert (code, row) == (1, "cannot_be_shown")
    assert "waits_for_signal" in ids(found)
    assert found["sides"]["server"]["workflow_type"] == "orders.approval"


def test_a_redacted_bundle_that_was_imported(world: World, capsys: Capture) -> None:
    content = sealed(
        ready_run(1, {"redaction": {"applied": True, "policy": "p", "paths": ["payloads.arguments.data"]}})
    )
    Path("order-1.json").write_bytes(content)
    world.import_raw(content)
    code, row, _ = asked(capsys, "order-1", "--bundle", "order-1.json")
    assert (code, row) == (1, "redacted")


def test_a_deadline_that_nobody_enforces(world: World, capsys: Capture) -> None:
    start = {"workflow_id": "late-1", "workflow_type": "t", "task_queue": "q", "input": [], "run_timeout_seconds": 60}
    world.post("workflows", start)
    assert "deadline_over" not in ids(asked(capsys, "late-1")[2])
    world.clock.turn(seconds=120)
    assert "deadline_over" in ids(asked(capsys, "late-1")[2])


def test_a_closed_run_that_retention_will_take(world: World, capsys: Capture) -> None:
    start = {"workflow_id": "old-1", "workflow_type": "t", "task_queue": "default", "input": []}
    world.post("workflows", start)
    world.worker()
    world.complete(world.poll(), {"type": "complete_workflow", "result": payload(1)})
    assert "retention_over" not in ids(asked(capsys, "old-1")[2])
    world.clock.turn(days=31)
    code, row, found = asked(capsys, "old-1")
    assert (code, row, "retention_over" in ids(found)) == (0, "completed", True)


def test_an_import_that_was_kept_back(world: World, capsys: Capture, tmp_path: Path) -> None:
    file = bundle()
    database = empty_database(tmp_path)
    put_bundle(database, Path(file).read_bytes())
    change(database, "UPDATE workflow_runs SET last_history_sequence = 9")
    options = ("--database-url", f"sqlite:///{database}")
    imported(capsys, file, *options, code=1)
    code, row, found = asked(capsys, "order-1", *options)
    assert (code, row, found["ledger"]["state"]) == (1, "moved", "moved")
    assert "embedded_only" in ids(found)


def test_a_server_that_lost_what_was_imported(world: World, capsys: Capture) -> None:
    imported(capsys, bundle())
    world.change("DELETE FROM workflow_runs")
    world.change("DELETE FROM workflow_run_summaries")
    world.change("DELETE FROM workflow_instances")
    assert asked(capsys, "order-1")[:2] == (1, "gone_from_server")


# --- whoever does not answer --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code", "row"),
    [
        ("500,on=GET /api/workflows", ExitCode.SERVER, "server_failed"),
        ("reset-before,on=GET /api", ExitCode.NETWORK, "not_reached"),
    ],
)
def test_a_server_that_fails_is_said_and_nothing_is_assumed(
    world: World, capsys: Capture, fault: str, code: int, row: str
) -> None:
    imported(capsys, bundle())
    world.client.put("/_rehearsal/faults", json={"faults": [fault]})
    ended, decided, found = asked(capsys, "order-1")
    assert (ended, decided) == (code, row)
    assert any(one["failed"] for one in found["asked"])
    assert found["ledger"]["state"] == "imported"


def test_a_part_that_fails_keeps_the_rest_from_being_called_right(world: World, capsys: Capture) -> None:
    imported(capsys, str(WAITING))
    world.client.put("/_rehearsal/faults", json={"faults": ["500,on=/api/workers"]})
    code, row, found = asked(capsys, "approval-1")
    assert (code, row) == (ExitCode.SERVER, "waits_for_signal")
    world.client.put("/_rehearsal/faults", json={"faults": ["500,on=history/export"]})
    code, row, found = asked(capsys, "approval-1")
    assert (code, row) == (ExitCode.SERVER, "not_known")
    assert "history export" in found["sentence"]


def test_roles_that_may_not_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    with served(create_app(auth="token", tokens={"operator": "op", "admin": "ad", "worker": "wo"})) as url:
        arguments = ("order-1", "--server", url, "--namespace", "default")
        code, row, _ = asked(capsys, *arguments, "--token", "wrong")
        assert (code, row) == (ExitCode.AUTH, "not_authorized")
        code, row, found = asked(capsys, *arguments, "--token", "op")
        assert (code, row) == (ExitCode.NOT_FOUND, "nobody_knows")
        start = {"workflow_id": "order-1", "workflow_type": "t", "task_queue": "q", "input": []}
        headers = {**CONTROL, "Authorization": "Bearer op"}
        assert httpx.post(f"{url}/api/workflows", json=start, headers=headers).status_code == 201
        code, row, found = asked(capsys, *arguments, "--token", "op")
        assert (code, row) == (1, "nobody_polls")
        told = next(one for one in found["asked"] if one["what"] == "worker plane")
        assert (told["asked"], "needed is worker" in told["told"]) == (False, True)


def test_a_source_that_is_damaged_or_away(world: World, capsys: Capture) -> None:
    imported(capsys, str(WAITING))
    code, row, _ = asked(capsys, "approval-1", "--database-url", "mysql://u:geheim@127.0.0.1:9/x")
    assert (code, row) == (ExitCode.NETWORK, "waits_for_signal")
    Path(".dwctl/ledger.db").write_bytes(b"no ledger at all, but long enough to be read as one" * 10)
    code, row, found = asked(capsys, "approval-1")
    assert (code, row) == (0, "waits_for_signal")
    assert any(
        one["place"] == "ledger" and not one["asked"] and "cannot be read" in one["told"] for one in found["asked"]
    )
    assert command(capsys, "diagnose", "approval-1", "--ledger", ".dwctl/ledger.db")[0] == ExitCode.LOCAL_STATE


def test_nobody_to_ask_and_a_bundle_of_another_run(
    world: World, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    file = bundle()
    assert command(capsys, "diagnose", "order-2", "--bundle", file)[0] == ExitCode.USAGE
    assert command(capsys, "diagnose", "")[0] == ExitCode.USAGE
    assert asked(capsys, "order-1", "--bundle", file)[:2] == (1, "not_imported")
    monkeypatch.delenv("DURABLE_WORKFLOW_SERVER_URL")
    code, out, _ = command(capsys, "diagnose", "order-1", "--json")
    assert (code, json.loads(out)["reason"]) == (ExitCode.USAGE, "nobody_to_ask")
    code, row, found = asked(capsys, "order-1", "--bundle", file)
    assert (code, row) == (1, "not_known")
    assert "not asked: server, ledger, embedded" in found["sentence"]


def test_what_a_server_says_steers_no_terminal(world: World, capsys: Capture) -> None:
    imported(capsys, bundle())
    world.change("UPDATE workflow_runs SET queue = ?", "q[bold]\x1b[31m\n\u202e")
    world.change("UPDATE workflow_tasks SET queue = ?", "q[bold]\x1b[31m\n\u202e")
    world.worker("w[red]\x1b[0m", "q[bold]\x1b[31m\n\u202e", supported_workflow_types=["x[/]\x07"])
    code, out, err = command(capsys, "diagnose", "order-1", "-v")
    assert code == 1
    assert not [one for one in out + err if not one.isprintable() and one != "\n"]
    assert "q[bold]\\x1b[31m\\n\\u202e" in out
    assert out.rstrip().splitlines()[-1].startswith("  next: ")


def test_names_that_no_call_can_carry_are_not_asked_for(world: World, capsys: Capture) -> None:
    imported(capsys, bundle())
    world.change("UPDATE workflow_namespaces SET name = ? WHERE name = 'default'", "a\r\nX-Evil: ä")
    code, row, found = asked(capsys, "order-1")
    assert (code, row) == (1, "nobody_polls")
    assert "1 more were not looked at" in [one["told"] for one in found["asked"]]
    for wanted in ("..", "a/b?c", "\ud800"):
        assert command(capsys, "diagnose", wanted)[0] in (ExitCode.USAGE, ExitCode.NOT_FOUND)


def test_jsonl_prints_the_matches(world: World, capsys: Capture) -> None:
    imported(capsys, bundle())
    _, out, _ = command(capsys, "diagnose", "order-1", "--output", "jsonl")
    assert [item["id"] for item in lines(out, "diagnose", "match")] == ["diagnose.nobody_polls"]
