"""The commands on a server, from the command line to the socket and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from server_cli import command, document
from standin import Behaviour, Fault, FaultKind, ImportedRun, RunningStandIn, serve

NOWHERE = "http://127.0.0.1:1"
TOKENS = {"admin": "tok-admin", "operator": "tok-operator", "worker": "tok-worker"}
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningStandIn]:
    """A stand-in that the environment names, from a folder without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    with serve() as started:
        monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", started.url)
        monkeypatch.setenv("DURABLE_WORKFLOW_NAMESPACE", "production")
        yield started


def imported(running: RunningStandIn, workflow_id: str, run_id: str, status: str = "completed") -> ImportedRun:
    """A run on the stand-in."""
    workflow = {"instance_id": workflow_id, "run_id": run_id, "run_number": 1, "workflow_type": "t", "queue": "q"}
    made = ImportedRun({"workflow": workflow, "history_events": []}, "production", None, None, status)
    running.app.store.runs[run_id] = made
    return made


def registered(running: RunningStandIn, worker_id: str, status: str, queue: str = "orders") -> None:
    """A worker on the stand-in."""
    running.app.store.workers[worker_id, "production"] = {
        "worker_id": worker_id,
        "namespace": "production",
        "task_queue": queue,
        "runtime": "php",
        "status": status,
        "supported_workflow_types": ["orders.process"],
        "supported_activity_types": [],
        "last_heartbeat_at": "2026-11-22T22:16:11.000000Z",
    }


def test_health_of_a_ready_server(running: RunningStandIn, capsys: Capture) -> None:
    code, out, err = command(capsys, "health")
    assert code == 0
    assert err == ""
    assert out.splitlines()[-1] == "ready"
    assert "database" in out
    code, found = document(capsys, "health")
    assert code == 0
    assert found["is_ready"] is True
    assert found["errors"] == []


def test_health_of_a_server_that_is_not_ready_is_6_and_shows_the_check(
    running: RunningStandIn, capsys: Capture
) -> None:
    running.app.behaviour.ready = False
    code, out, _ = command(capsys, "health")
    assert code == 6
    assert out.splitlines()[-1] == "not ready"
    assert "migrations" in out
    assert "Run server-bootstrap." in out
    code, found = document(capsys, "health")
    assert (code, found["is_ready"]) == (6, False)
    assert found["ready"]["checks"][0]["remediation"] == "Run server-bootstrap."


def test_health_waits_until_the_time_is_over(running: RunningStandIn, capsys: Capture) -> None:
    running.app.behaviour.ready = False
    code, _, err = command(capsys, "health", "--wait", "300ms")
    assert code == 6
    assert "not ready after" in err
    assert len(running.app.received) >= 4


def test_health_waits_for_a_server_that_becomes_ready(running: RunningStandIn, capsys: Capture) -> None:
    running.app.behaviour.faults = [Fault(FaultKind.ANSWER, "/ready", status=503, body=b"starting")]
    code, found = document(capsys, "health", "--wait", "10s")
    assert (code, found["attempts"]) == (0, 2)


def test_health_of_no_server_is_3_and_of_a_stalling_one_7(running: RunningStandIn, capsys: Capture) -> None:
    code, out, err = command(capsys, "health", "--server", NOWHERE)
    assert (code, out) == (3, "")
    assert "connection refused" in err
    assert "next:" in err
    running.app.behaviour.faults = [Fault(FaultKind.STALL, "/health")]
    assert command(capsys, "health", "--timeout", "200ms")[0] == 7


def test_health_whose_ready_is_missing_shows_both(running: RunningStandIn, capsys: Capture) -> None:
    missing = Fault(FaultKind.ANSWER, "/ready", status=404, body=b'{"message": "no route", "reason": "not_found"}')
    running.app.behaviour.faults = [missing, missing]
    code, out, _ = command(capsys, "health")
    assert code == 5
    assert "the server has no such route" in out
    code, found = document(capsys, "health")
    assert (code, found["ready"], found["errors"][0]["reason"]) == (5, None, "not_found")


@pytest.mark.parametrize("wait", ["soon", "0", "-1s", ""])
def test_a_wait_that_is_no_duration_is_2(running: RunningStandIn, capsys: Capture, wait: str) -> None:
    code, _, err = command(capsys, "health", f"--wait={wait}")
    assert code == 2
    assert "--wait" in err
    assert running.app.received == []


def test_a_cluster_that_fits(running: RunningStandIn, capsys: Capture) -> None:
    code, out, _ = command(capsys, "cluster", "check")
    assert code == 0
    assert out.splitlines()[-1] == "they fit together"
    code, found = document(capsys, "cluster", "check")
    assert (code, found["fits"], {row["fit"] for row in found["requirements"]}) == (0, True, {"ok"})
    code, found = document(capsys, "cluster", "info")
    assert code == 0
    assert found["cluster"]["version"] == found["document"]["version"] == "0.2.9"
    assert command(capsys, "cluster", "info")[0] == 0


@pytest.mark.parametrize(
    ("cluster", "importer", "said"),
    [
        ({"control_plane": {"version": "3"}}, True, "control_plane.version"),
        ({}, False, "embedded_v2_import"),
    ],
)
def test_a_cluster_that_does_not_fit_is_8_with_the_next_step(
    running: RunningStandIn, capsys: Capture, cluster: dict[str, object], importer: bool, said: str
) -> None:
    running.app.behaviour.cluster = cluster
    running.app.behaviour.has_importer = importer
    code, out, _ = command(capsys, "cluster", "check")
    assert code == 8
    assert out.splitlines()[-1] == "they do not fit together"
    assert said in out
    assert "Upgrade" in out
    code, found = document(capsys, "cluster", "check")
    assert (code, found["fits"], found["imports_embedded_v2"]) == (8, False, importer)


def test_what_changes_a_server_that_does_not_fit_is_refused_before_the_change(
    running: RunningStandIn, capsys: Capture
) -> None:
    running.app.behaviour.cluster = {"control_plane": {"version": "3"}}
    for arguments in (
        ("namespace", "create", "orders"),
        ("namespace", "ensure", "orders"),
        ("worker", "register", "--task-queue", "q", "--runtime", "php"),
    ):
        code, _, err = command(capsys, *arguments)
        assert code == 8
        assert "control_plane.version" in err
        assert "0.2.9" in err
    assert {received.method for received in running.app.received} == {"GET"}


def test_a_worker_protocol_that_does_not_fit_stops_only_what_needs_it(running: RunningStandIn, capsys: Capture) -> None:
    running.app.behaviour.cluster = {"worker_protocol": {"version": "2.0"}}
    assert command(capsys, "worker", "register", "--task-queue", "q", "--runtime", "php")[0] == 8
    assert command(capsys, "namespace", "ensure", "orders")[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("namespace", "create", "orders"),
        ("namespace", "ensure", "orders"),
        ("worker", "register", "--task-queue", "q", "--runtime", "php"),
    ],
)
def test_what_changes_something_needs_a_server_that_somebody_named(
    running: RunningStandIn, capsys: Capture, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.delenv("DURABLE_WORKFLOW_SERVER_URL")
    code, _, err = command(capsys, *arguments)
    assert code == 2
    assert "nobody said which one" in err
    assert running.app.received == []


def test_a_registration_needs_a_namespace_that_somebody_named(
    running: RunningStandIn, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DURABLE_WORKFLOW_NAMESPACE")
    code, _, err = command(capsys, "worker", "register", "--task-queue", "q", "--runtime", "php")
    assert code == 2
    assert "namespace" in err
    assert running.app.received == []


def test_a_namespace_is_created_once_in_lower_case(running: RunningStandIn, capsys: Capture) -> None:
    code, out, err = command(capsys, "namespace", "create", "Orders", "--retention-days", "90")
    assert code == 0
    assert "orders  created" in out
    assert "lower case: orders" in err
    code, _, err = command(capsys, "namespace", "create", "ORDERS")
    assert code == 2
    assert "namespace_already_exists" in err
    code, found = document(capsys, "namespace", "show", "Orders")
    assert (code, found["namespace"]["name"], found["namespace"]["retention_days"]) == (0, "orders", 90)
    assert found["outcome"] is None


def test_ensure_may_be_repeated_and_says_what_it_found(running: RunningStandIn, capsys: Capture) -> None:
    assert document(capsys, "namespace", "ensure", "orders", "--retention-days", "90")[1]["outcome"] == "created"
    assert document(capsys, "namespace", "ensure", "Orders", "--retention-days", "90")[1]["outcome"] == "exists"
    assert document(capsys, "namespace", "ensure", "orders")[1]["outcome"] == "exists"
    code, out, err = command(capsys, "namespace", "ensure", "orders", "--retention-days", "30")
    assert (code, out) == (1, "")
    assert "90 days, not 30" in err


@pytest.mark.parametrize("name", ["a/b", "", "ä", "x" * 129])
def test_a_name_that_the_server_cannot_have_is_2_and_not_sent(
    running: RunningStandIn, capsys: Capture, name: str
) -> None:
    assert command(capsys, "namespace", "create", name)[0] == 2
    assert running.app.received == []


def test_namespaces_are_listed_and_a_missing_one_is_5(running: RunningStandIn, capsys: Capture) -> None:
    code, found = document(capsys, "namespace", "list")
    assert (code, [space["name"] for space in found["namespaces"]]) == (0, ["default", "production"])
    code, out, _ = command(capsys, "namespace", "list", "--output", "jsonl")
    assert [json.loads(line)["name"] for line in out.splitlines()] == ["default", "production"]
    assert "2 namespaces" in command(capsys, "namespace", "list")[1]
    code, _, err = command(capsys, "namespace", "show", "absent")
    assert code == 5
    assert "namespace ensure" in err


def test_an_unknown_namespace_is_5_with_the_way_out(running: RunningStandIn, capsys: Capture) -> None:
    code, _, err = command(capsys, "workflow", "list", "--namespace", "absent")
    assert code == 5
    assert "namespace_not_found" in err
    assert "namespace ensure" in err


def test_a_stale_worker_is_shown_as_stale_and_not_counted_as_active(running: RunningStandIn, capsys: Capture) -> None:
    registered(running, "fresh-1", "active")
    registered(running, "stale-1", "stale")
    code, out, _ = command(capsys, "worker", "list")
    assert code == 0
    assert "2 workers in production, 1 active" in out
    assert next(line for line in out.splitlines() if "stale-1" in line).split()[1] == "stale"
    _, found = document(capsys, "worker", "list")
    assert {worker["worker_id"]: worker["status"] for worker in found["workers"]} == {
        "fresh-1": "active",
        "stale-1": "stale",
    }
    _, found = document(capsys, "worker", "list", "--status", "active")
    assert [worker["worker_id"] for worker in found["workers"]] == ["fresh-1"]
    code, found = document(capsys, "worker", "show", "stale-1")
    assert (code, found["worker"]["status"]) == (0, "stale")
    assert command(capsys, "worker", "show", "stale-1")[0] == 0
    assert command(capsys, "worker", "show", "ghost")[0] == 5


def test_a_registration_reaches_the_server_and_says_that_nobody_polls(
    running: RunningStandIn, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DURABLE_WORKFLOW_TASK_QUEUE", "orders")
    arguments = ("worker", "register", "--worker-id", "w-1", "--runtime", "php", "--workflow-type", "orders.process")
    code, out, err = command(capsys, *arguments)
    assert code == 0
    assert "w-1  registered" in out
    assert "nobody polls" in err
    worker = running.app.store.workers["w-1", "production"]
    assert (worker["task_queue"], worker["supported_workflow_types"]) == ("orders", ["orders.process"])
    code, found = document(capsys, *arguments)
    assert (code, found["registered"]) == (0, True)


def test_a_queue_that_nobody_polls_is_said(running: RunningStandIn, capsys: Capture) -> None:
    registered(running, "fresh-1", "active")
    registered(running, "stale-1", "stale", queue="reports")
    code, out, _ = command(capsys, "task-queue", "list")
    assert code == 0
    assert "nobody polls: reports" in out
    _, found = document(capsys, "task-queue", "list")
    assert {queue["name"]: queue["polled"] for queue in found["task_queues"]} == {"orders": True, "reports": False}
    for name in ("reports", "unheard-of"):
        code, out, _ = command(capsys, "task-queue", "show", name)
        assert code == 0
        assert "nobody polls this queue" in out
        _, found = document(capsys, "task-queue", "show", name)
        assert found["task_queue"]["polled"] is False
    assert "nobody" not in command(capsys, "task-queue", "show", "orders")[1]


def test_every_page_of_runs_is_listed(running: RunningStandIn, capsys: Capture) -> None:
    for number in range(450):
        imported(running, f"w-{number}", f"r-{number:04d}")
    code, found = document(capsys, "workflow", "list")
    assert (code, found["workflow_count"], found["complete"]) == (0, 450, True)
    assert "450 runs in production" in command(capsys, "workflow", "list")[1]
    _, out, _ = command(capsys, "workflow", "list", "--limit", "7", "--output", "jsonl")
    assert len(out.splitlines()) == 7


def test_a_list_that_may_lack_rows_is_printed_and_is_not_a_success(running: RunningStandIn, capsys: Capture) -> None:
    imported(running, "w", "r")
    row = {"workflow_id": "w", "run_id": "r", "status": "completed"}
    page = json.dumps({"workflows": [row], "next_page_token": "same"}).encode()
    running.app.behaviour.faults = [Fault(FaultKind.ANSWER, "/workflows", status=200, body=page)] * 30
    code, found = document(capsys, "workflow", "list")
    assert (code, found["complete"], found["workflow_count"]) == (6, False, 1)
    code, out, _ = command(capsys, "workflow", "list")
    assert code == 6
    assert "runs may be missing" in out


def test_a_workflow_is_shown_with_its_runs(running: RunningStandIn, capsys: Capture) -> None:
    imported(running, "order/1 2", "r-1")
    code, found = document(capsys, "workflow", "show", "order/1 2")
    assert (code, found["run"]["run_id"], [run["run_id"] for run in found["runs"]]) == (0, "r-1", ["r-1"])
    assert "input" not in found["run"]
    code, out, _ = command(capsys, "workflow", "show", "order/1 2", "--run-id", "r-1")
    assert code == 0
    assert "completed" in out
    assert command(capsys, "workflow", "show", "absent")[0] == 5
    assert command(capsys, "workflow", "show", "order/1 2", "--run-id", "absent")[0] == 5
    assert command(capsys, "workflow", "show", "..")[0] == 2


def test_a_run_that_the_server_cannot_render_is_shown_by_its_runs_and_is_6(
    running: RunningStandIn, capsys: Capture
) -> None:
    imported(running, "w", "r-1").describe_fails = True
    code, found = document(capsys, "workflow", "show", "w")
    assert (code, found["run"], found["describe_error"]["exit_code"]) == (6, None, 6)
    assert found["runs"][0]["run_id"] == "r-1"
    code, out, _ = command(capsys, "workflow", "show", "w")
    assert code == 6
    assert "cannot show this run" in out


def test_doctor_shows_every_setting_and_who_set_it(
    running: RunningStandIn, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DW_ADMIN_TOKEN", "tok-planted")
    code, found = document(capsys, "doctor", "--timeout", "5s")
    assert code == 0
    settings = {row["name"]: row for row in found["settings"]}
    assert settings["server"]["origin"] == "DURABLE_WORKFLOW_SERVER_URL"
    assert settings["timeout"] == {"name": "timeout", "value": 5.0, "source": "flag", "origin": "--timeout"}
    assert settings["admin token"] == {
        "name": "admin token",
        "value": "********",
        "source": "environment",
        "origin": "DW_ADMIN_TOKEN",
    }
    assert {check["id"]: check["outcome"] for check in found["checks"]}["tls"] == "skipped"
    code, out, _ = command(capsys, "doctor")
    assert code == 0
    assert "no check failed" in out
    assert "tok-planted" not in out


@pytest.mark.parametrize("arguments", [("--server", NOWHERE), ("--namespace", "absent")])
def test_doctor_fails_with_what_it_found(running: RunningStandIn, capsys: Capture, arguments: tuple[str, ...]) -> None:
    code, found = document(capsys, "doctor", *arguments)
    assert code == found["exit_code"] == (3 if NOWHERE in arguments else 5)
    code, out, _ = command(capsys, "doctor", *arguments)
    assert out.splitlines()[-1] == "a check failed"


def test_tokens_go_by_role_and_a_wrong_one_is_4(
    running: RunningStandIn, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.app.behaviour = Behaviour(auth="token", tokens=TOKENS)
    code, _, err = command(capsys, "namespace", "list")
    assert code == 4
    assert "none was sent" in err
    assert "DW_OPERATOR_TOKEN" in err
    for role, token in TOKENS.items():
        monkeypatch.setenv(f"DW_{role.upper()}_TOKEN", token)
    assert command(capsys, "namespace", "ensure", "orders")[0] == 0
    assert command(capsys, "worker", "register", "--task-queue", "q", "--runtime", "php")[0] == 0
    assert command(capsys, "workflow", "list")[0] == 0
    used = {(seen.method, seen.path): seen.headers.get("authorization") for seen in running.app.received}
    assert used["POST", "/api/namespaces"] == "Bearer tok-admin"
    assert used["POST", "/api/worker/register"] == "Bearer tok-worker"
    assert used["GET", "/api/workflows"] == "Bearer tok-operator"
    code, _, err = command(capsys, "namespace", "create", "more", "--token", "tok-operator")
    assert code == 4
    assert "needed is admin" in err
    assert command(capsys, "namespace", "list", "--token", "wrong")[0] == 4


def test_settings_that_cannot_be_are_2_before_anything_is_sent(
    running: RunningStandIn, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments in (
        ("--env", "absent"),
        ("--tls-verify", "maybe"),
        ("--server", "localhost:8080"),
        ("--namespace", "a/b"),
        ("--timeout", "never"),
        ("--output", "xml"),
    ):
        assert command(capsys, "workflow", "list", *arguments)[0] == 2
    monkeypatch.setenv("DW_ENV", "absent")
    assert command(capsys, "workflow", "list")[0] == 2
    assert running.app.received == []


def test_a_token_does_not_leave_over_http_to_another_machine(running: RunningStandIn, capsys: Capture) -> None:
    code, _, err = command(capsys, "workflow", "list", "--server", "http://far.invalid", "--token", "tok")
    assert code == 2
    assert "--allow-insecure" in err


def test_a_profile_may_set_the_output_and_a_flag_wins(running: RunningStandIn, capsys: Capture, tmp_path: Path) -> None:
    document_of = {"schema": "durable-workflow.cli.config", "version": 1, "envs": {"p": {"output": "jsonl"}}}
    (tmp_path / "config.json").write_text(json.dumps(document_of))
    _, out, _ = command(capsys, "namespace", "list", "--env", "p")
    assert [json.loads(line)["name"] for line in out.splitlines()] == ["default", "production"]
    assert "2 namespaces" in command(capsys, "namespace", "list", "--env", "p", "--output", "table")[1]
    assert json.loads(command(capsys, "namespace", "list", "--env", "p", "--json")[1])["schema"] == "dwctl.namespaces"


def test_a_contradiction_is_noted_for_a_read_and_stops_a_change(
    running: RunningStandIn, capsys: Capture, tmp_path: Path
) -> None:
    profile = {"server": "http://other.example.com"}
    config = {"schema": "durable-workflow.cli.config", "version": 1, "envs": {"p": profile}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "cutover.toml").write_text(f'[server]\nurl = "{running.url}"\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DURABLE_WORKFLOW_SERVER_URL")
        code, _, err = command(capsys, "namespace", "list", "--env", "p")
        assert code == 0
        assert "comes first" in err
        assert command(capsys, "namespace", "ensure", "x", "--env", "p")[0] == 2
    assert "x" not in running.app.store.namespaces


def test_retries_are_told_and_calls_with_more_verbosity(running: RunningStandIn, capsys: Capture) -> None:
    running.app.behaviour.faults = [Fault(FaultKind.RESET_BEFORE, "/workers")]
    code, _, err = command(capsys, "worker", "list")
    assert code == 0
    assert "trying again in" in err
    _, _, err = command(capsys, "worker", "list", "-vv")
    assert "server from DURABLE_WORKFLOW_SERVER_URL" in err
    assert "GET" in err
    assert " ms" in err


def test_an_error_in_json_mode_is_a_document_on_stdout(running: RunningStandIn, capsys: Capture) -> None:
    code, out, err = command(capsys, "worker", "show", "ghost", "--json")
    found = json.loads(out)
    assert (code, found["exit_code"], found["reason"]) == (5, 5, "worker_not_found")
    assert found["next_step"]
    assert err == ""
