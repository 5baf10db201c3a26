"""`dwctl embedded check` as its user runs it: exit codes, JSON, the rehearsal server, artisan, the ledger."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from output_schemas import document, lines
from rows_of_bundles import change, empty_database, insert, prove_utc, sample_database
from server_cli import command

Capture = pytest.CaptureFixture[str]
NO_SERVER = ("--skip", "embedded.queues_on_both_sides", "--skip", "embedded.started_in_both_runtimes")
SINCE = ("--since", "2026-11-23T00:00:00Z")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def quiet(tmp_path: Path) -> Path:
    """A database in which nothing stands in the way."""
    path = empty_database(tmp_path)
    old = "2026-11-01 00:00:00.000000"
    insert(path, "workflow_instances", id="order-1", current_run_id="run-1", run_count=1, created_at=old)
    insert(path, "workflow_runs", id="run-1", workflow_instance_id="order-1", run_number=1, workflow_type="orders.a",
           status="waiting", payload_codec="avro", queue="default", started_at=old, created_at=old)  # fmt: skip
    prove_utc(path)
    return path


def check(capsys: Capture, path: Path, *options: str) -> tuple[int, str, str]:
    return command(capsys, "embedded", "check", "--database-url", f"sqlite:///{path}", *options)


def answers(out: str) -> dict[str, str]:
    found = document(out, "embedded-check")
    return {one["id"].removeprefix("embedded."): one["answer"] for one in found["checks"]}


def test_a_quiet_application_may_go_on(capsys: Capture, quiet: Path) -> None:
    code, out, _ = check(capsys, quiet, *SINCE, *NO_SERVER, "--json")
    assert code == 0
    assert set(answers(out).values()) == {"pass", "skipped"}
    found = json.loads(out)
    assert found["summary"]["may_go_on"] is True
    assert found["since"] == "2026-11-23T00:00:00.000000Z"
    assert found["server"] is None
    items = lines(check(capsys, quiet, *SINCE, *NO_SERVER, "--output", "jsonl")[1], "embedded-check", "check")
    assert [item["id"] for item in items] == [one["id"] for one in found["checks"]]
    code, out, _ = check(capsys, quiet, *SINCE, *NO_SERVER)
    assert code == 0
    assert "nothing stands in the way" in out


def test_what_nobody_can_answer_stands_in_the_way(capsys: Capture, quiet: Path) -> None:
    code, out, _ = check(capsys, quiet, *SINCE)
    assert code == 1
    assert "in the way: embedded.queues_on_both_sides, embedded.started_in_both_runtimes" in out
    assert check(capsys, quiet, *NO_SERVER)[0] == 1  # nobody said since when


def test_one_fail_stands_in_the_way(capsys: Capture, quiet: Path) -> None:
    insert(quiet, "workflow_tasks", id="t", workflow_run_id="run-1", task_type="workflow", status="leased")
    code, out, _ = check(capsys, quiet, *SINCE, *NO_SERVER, "--json")
    assert code == 1
    assert json.loads(out)["summary"]["in_the_way"] == ["embedded.leases"]
    change(quiet, "UPDATE workflow_tasks SET status = 'ready', queue = NULL")
    assert check(capsys, quiet, *SINCE, *NO_SERVER)[0] == 0


def test_warnings_do_not_stand_in_the_way(capsys: Capture, quiet: Path) -> None:
    change(quiet, "UPDATE workflow_runs SET compatibility = 'build-7'")
    code, out, _ = check(capsys, quiet, *SINCE, *NO_SERVER)
    assert code == 0
    assert "1 warn" in out


def test_only_some_checks(capsys: Capture, quiet: Path) -> None:
    code, out, _ = check(capsys, quiet, "--only", "embedded.leases", "--json")
    assert code == 0
    found = answers(out)
    assert found["leases"] == "pass"
    assert set(found.values()) == {"pass", "skipped"}
    assert list(found.values()).count("pass") == 1


def test_leaving_everything_out_is_no_pass(capsys: Capture, quiet: Path) -> None:
    from dwctl.embedded.check_rows import CHECK_ROWS

    skipped = [word for row in CHECK_ROWS for word in ("--skip", row.id)]
    code, out, _ = check(capsys, quiet, *skipped)
    assert code == 1
    assert "nothing was measured" in out


def test_v1_drains_or_stays_on_purpose(capsys: Capture, quiet: Path) -> None:
    insert(quiet, "workflows", id=7, status="waiting")
    assert check(capsys, quiet, *SINCE, *NO_SERVER)[0] == 1
    code, out, _ = check(capsys, quiet, *SINCE, *NO_SERVER, "--v1", "coexist", "-v")
    assert code == 0
    assert "1 open v1 workflows are left on the v1 engine on purpose" in out
    assert "v1 workflows: 7" in out


def test_the_recorded_application_is_not_ready(capsys: Capture, tmp_path: Path) -> None:
    code, out, _ = check(capsys, sample_database(tmp_path), "--since", "2026-11-22", "-v")
    assert code == 1
    for said in ("embedded.v1_drained", "held by embedded-worker", "expired", "next: "):
        assert said in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--since", "yesterday"), "--since must be a moment"),
        (("--since", "2026-11-23T08:00:00"), "--since must be a moment"),
        (("--only", "leases"), "there is no check 'leases'"),
        (("--skip", "embedded.leses"), "there is no check"),
        (("--ledger", "nowhere.db"), "ledger"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(capsys: Capture, quiet: Path, options: tuple[str, ...], said: str) -> None:
    code, out, err = check(capsys, quiet, *options)
    assert code == 2
    assert said in out + err


def test_nobody_to_ask_is_no_answer(capsys: Capture) -> None:
    code, _, err = command(capsys, "embedded", "check")
    assert code == 2
    assert "--database-url" in err


def artisan(tmp_path: Path, v1: str) -> None:
    script = tmp_path / "artisan.py"
    script.write_text(
        "import sys\n"
        f"answers = {{'workflow:v1:list': '{v1}', 'workflow:v2:upgrade-status': '{{\"ready\": true}}', "
        "'workflow:v2:doctor': '{\"healthy\": true}'}\n"
        "print('Deprecated: something')\nprint(answers[sys.argv[1]])\n"
    )
    words = json.dumps([sys.executable, str(script)])
    (tmp_path / "cutover.toml").write_text(f"[embedded]\nartisan = {words}\n")


def test_without_a_database_artisan_answers(capsys: Capture, tmp_path: Path) -> None:
    artisan(tmp_path, "[]")
    code, out, _ = command(capsys, "embedded", "check", "--json")
    found = answers(out)
    assert code == 1
    assert {name for name, answer in found.items() if answer == "pass"} == {"v1_drained", "upgrade_status", "doctor"}
    assert {answer for answer in found.values() if answer != "pass"} == {"unknown"}
    only = ("--only", "embedded.v1_drained")
    assert command(capsys, "embedded", "check", *only)[0] == 0
    artisan(tmp_path, '[{"id": 5}]')
    assert command(capsys, "embedded", "check", *only)[0] == 1


def test_hostile_names_do_not_reach_the_terminal(capsys: Capture, quiet: Path) -> None:
    hostile = "\x1b[2J[red]x[/red]\n\u202e"
    insert(quiet, "workflow_instances", id=hostile, created_at="2026-11-23 01:00:00.000000")
    insert(quiet, "workflow_tasks", id="t", workflow_run_id="run-1", task_type=hostile, status="leased",
           lease_owner=hostile, queue=hostile)  # fmt: skip
    insert(quiet, "workflow_schedules", id="s", schedule_id=hostile, status="active", action=hostile)
    change(quiet, ("UPDATE workflow_runs SET workflow_type = ?, compatibility = ?", ("App\\" + hostile, hostile)))
    for options in ((), ("-v",), ("--json",), ("--output", "jsonl")):
        code, out, err = check(capsys, quiet, *SINCE, *options)
        assert code == 1
        assert not {"\x1b", "\u202e"} & set(out + err)


def test_a_check_is_explained(capsys: Capture) -> None:
    code, out, _ = command(capsys, "explain", "embedded.started_in_both_runtimes")
    assert code == 0
    assert "both runtimes" in out


@pytest.mark.parametrize("words", [("embedded", "check"), ("embedded", "inventory")])
@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("mysql://root@127.0.0.1:9/app", 3),
        ("sqlite:///nowhere.sqlite", 2),
        ("oracle://x/y", 2),
    ],
)
def test_a_database_that_is_not_reached_has_its_exit_code(
    capsys: Capture, words: tuple[str, ...], url: str, code: int
) -> None:
    found, out, err = command(capsys, *words, "--database-url", url, "--json")
    assert found == code, err
    assert document(out, "error")["exit_code"] == code
