"""`dwctl checklist` as it is typed: against the rehearsal server on a real socket, with every way to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import junitparser
import pytest

from dwctl.checklist.facts.world import World
from dwctl.checklist.gate import table
from dwctl.checklist.gate.check import Finding, State
from dwctl.checklist.gate.items import Phase
from dwctl.cli.checklist_options import PhaseName
from dwctl.cli.main import run
from gate_doubles import check
from output_schemas import document, lines
from pauses import in_the_first_pause
from rehearsal_server import CONTROL, WORKER, on_a_socket
from sample_bundles import ORDER, ROOT
from server_cli import command

Capture = pytest.CaptureFixture[str]
TOML = '[cutover]\nname = "orders"\n[server]\nurl = "{url}"\nnamespace = "production"\n[retention]\ndays = 30\n'
SERVER = ("--only", "4", "--only", "5")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with on_a_socket() as address:
        httpx.post(f"{address}/api/namespaces", json={"name": "production"}, headers=CONTROL)
        yield address


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a folder of its own, with the settings of nobody."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))


@pytest.fixture
def described(url: str) -> Path:
    path = Path("cutover.toml")
    path.write_text(TOML.format(url=url), encoding="utf-8")
    return path


def gate(capsys: Capture, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """The exit code, the document as its schema describes it, and stderr."""
    code, out, err = command(capsys, "checklist", *arguments, "--json")
    found = document(out, "checklist")
    assert code == found["exit_code"]
    assert found["green"] is (code == 0)
    return code, found, err


def states(found: dict[str, Any]) -> dict[str, str]:
    return {one["id"]: one["state"] for one in found["checks"]}


# --- the answers ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("described")
def test_a_gate_that_is_open(capsys: Capture) -> None:
    code, found, err = gate(capsys, *SERVER)
    assert code == 0
    assert [one["id"] for one in found["checks"]] == [one.id for one in table.CHECKS]
    assert states(found)["server.health"] == states(found)["namespace.exists"] == "pass"
    assert found["left_out"] == sum(one["said"] == "left out by --only" for one in found["checks"])
    assert found["name"] == "orders"
    assert "pass     server.health: " in err
    assert all(one["evidence"] for one in found["checks"] if one["state"] == "pass")
    code, out, _ = command(capsys, "checklist", *SERVER)
    assert code == 0
    assert "The gate is open" in out


@pytest.mark.usefixtures("described")
def test_the_whole_gate_is_shut_while_nearly_everything_is_unknown(capsys: Capture) -> None:
    code, found, _ = gate(capsys)
    assert code == 1
    assert found["left_out"] == 0
    assert states(found)["v1.drained"] == "unknown"
    assert "v1.drained" in found["in_the_way"]
    for one in found["checks"]:
        if one["state"] in ("fail", "unknown"):
            assert one["said"]
            assert one["next_step"] or one["command"]


@pytest.mark.usefixtures("described")
def test_a_source_that_ends_in_a_bug_spoils_no_report(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(world: World) -> Finding:
        return Finding(State.PASS, str(replace(world, workers=world.workers).workers()))

    def no_workers(*arguments: object) -> None:
        raise ValueError("oh")

    monkeypatch.setattr("dwctl.checklist.facts.gathering.list_workers", no_workers)
    only_these(monkeypatch, check(ask=broken), check("server.fine"))
    code, found, _ = gate(capsys, "--report", "html=gate.html")
    assert code == 1
    assert states(found) == {"server.health": "unknown", "server.fine": "pass"}


@pytest.mark.usefixtures("described")
def test_a_line_a_check(capsys: Capture) -> None:
    code, out, _ = command(capsys, "checklist", *SERVER, "--output", "jsonl")
    assert code == 0
    assert [one["id"] for one in lines(out, "checklist", "check")] == [one.id for one in table.CHECKS]


@pytest.mark.usefixtures("described")
def test_phases_only_and_skip_by_every_kind_of_word(capsys: Capture) -> None:
    _, found, _ = gate(capsys, "--phase", "deploy", "--skip", "operators.workers", "--skip", "5")
    chosen = {one["id"] for one in found["checks"] if not one["left_out"]}
    assert chosen == {
        one.id for one in table.CHECKS if one.phase is Phase.DEPLOY and one.item != 5 and one.id != "operators.workers"
    }
    assert [phase.value for phase in PhaseName] == [phase.value for phase in Phase]


@pytest.mark.usefixtures("described")
def test_strict_takes_nothing_that_was_left_out(capsys: Capture) -> None:
    assert gate(capsys, *SERVER)[0] == 0
    code, found, _ = gate(capsys, *SERVER, "--strict")
    assert (code, found["strict"]) == (1, True)
    assert "v1.drained" in found["in_the_way"]


@pytest.mark.usefixtures("described")
def test_a_namespace_that_is_missing_shuts_it_and_making_it_opens_it(capsys: Capture, url: str) -> None:
    code, found, _ = gate(capsys, *SERVER, "--namespace", "later")
    assert code == 1
    assert states(found)["namespace.exists"] == "fail"
    httpx.post(f"{url}/api/namespaces", json={"name": "later"}, headers=CONTROL)
    assert gate(capsys, *SERVER, "--namespace", "later")[0] == 0


def test_a_server_that_is_not_there_is_unknown_or_failing_and_no_pass(capsys: Capture, described: Path) -> None:
    described.write_text(TOML.format(url="http://127.0.0.1:1"))
    code, found, _ = gate(capsys, *SERVER)
    assert code == 1
    assert "pass" not in {one["state"] for one in found["checks"]}


# --- why it could not run ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence", "hint"),
    [
        (("--only", "server.helth"), "there is no check, item or category 'server.helth'", "server.health"),
        (("--only", "type-keys"), "there is no check, item or category 'type-keys'", "named by its number: 2"),
        (("--skip", "99"), "there is no check, item or category '99'", "checklist list"),
        (("--phase", "close", "--only", "1"), "nothing is left to check", "--only"),
        (("--phase", "later"), "'later' is not one of", "--help"),
        (("--wait", "soon"), "--wait must be a duration", "--wait"),
        (("--report", "pdf=x"), "there is no report format 'pdf'", "junit"),
        (("--compare", "nowhere.json"), "the earlier result cannot be read", "Name a file"),
        (("--strict", "list"), "--strict stands before 'list'", "after it"),
    ],
)
@pytest.mark.usefixtures("described")
def test_a_request_that_cannot_be_made(arguments: tuple[str, ...], sentence: str, hint: str, capsys: Capture) -> None:
    code, out, err = command(capsys, "checklist", *arguments)
    assert (code, out) == (2, "")
    assert sentence in " ".join(err.split())
    assert hint in err


def test_no_cutover_and_nothing_to_ask_names_the_way_to_begin(capsys: Capture) -> None:
    code, out, err = command(capsys, "checklist")
    assert (code, out) == (2, "")
    assert "dwctl checklist init" in err
    code, out, _ = command(capsys, "checklist", "--json")
    assert document(out, "error")["reason"] == "nothing_to_check"


def test_a_server_alone_is_something_to_ask(capsys: Capture, url: str) -> None:
    code, found, _ = gate(capsys, "--only", "4", "--server", url, "--namespace", "production")
    assert (code, found["server"]) == (0, url)


def test_a_mistake_in_cutover_toml_is_one_of_usage(capsys: Capture, described: Path) -> None:
    described.write_text(described.read_text() + '[[famly]]\nname = "x"\n')
    code, out, err = command(capsys, "checklist")
    assert (code, out) == (2, "")
    assert "famly" in err
    assert "family" in err
    assert command(capsys, "checklist", "list")[0] == 0


@pytest.mark.usefixtures("described")
def test_the_ledger_of_another_cutover_is_local_state(capsys: Capture, url: str) -> None:
    httpx.post(f"{url}/api/namespaces", json={"name": "other"}, headers=CONTROL)
    assert run(["history-import", str(ORDER), "--namespace", "other"]) == 0
    code, found, _ = gate(capsys, "--only", "11", "--only", "4")
    assert code == 10
    assert states(found)["server.health"] == "pass"
    assert states(found)["imports.ledger_sound"] == "unknown"


# --- bugs and interruptions ----------------------------------------------------------------------------------


def only_these(monkeypatch: pytest.MonkeyPatch, *checks: Any) -> None:
    monkeypatch.setattr(table, "CHECKS", checks)
    monkeypatch.setattr(table, "CHECK", {one.id: one for one in checks})


@pytest.mark.usefixtures("described")
def test_a_bug_in_a_check_is_unknown_and_shown_on_request_only(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(world: World) -> Finding:
        raise ValueError("secret of Mrs Miller")

    only_these(monkeypatch, check(ask=broken), check("server.fine"))
    code, out, err = command(capsys, "checklist", "-v")
    assert code == 1
    assert "this is a bug in dwctl: ValueError" in out
    assert "Miller" not in out + err
    monkeypatch.setenv("DWCTL_TRACEBACK", "1")
    assert "secret of Mrs Miller" in command(capsys, "checklist")[2]


@pytest.mark.usefixtures("described")
def test_ctrl_c_ends_in_order_with_what_is_known(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = threading.Event()

    def hanging(world: World) -> Finding:
        time.sleep(0.05)  # so that the other check has answered
        os.kill(os.getpid(), signal.SIGINT)
        hold.wait(30)
        return Finding(State.PASS, "too late")

    only_these(monkeypatch, check("a.a"), check("b.b", hanging), check("c.c", after=("b.b",)))
    try:
        code, found, _ = gate(capsys)
    finally:
        hold.set()
    assert (code, found["interrupted"]) == (130, True)
    assert states(found) == {"a.a": "pass", "b.b": "unknown", "c.c": "unknown"}


@pytest.mark.usefixtures("described")
def test_a_terminated_wait_of_the_real_program_tells_what_it_knows() -> None:
    arguments = [sys.executable, "-m", "dwctl", "checklist", "--only", "workers.registered", "--wait", "5m", "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdout=pipe, stderr=pipe, text=True, env=os.environ.copy()) as waiting:
        assert waiting.stderr is not None
        assert any("waiting, 300 s at most, for workers.registered" in line for line in waiting.stderr)
        waiting.send_signal(signal.SIGTERM)
        out, _ = waiting.communicate(timeout=30)
    assert waiting.returncode == 130
    found = document(out, "checklist")
    assert (found["interrupted"], states(found)["workers.registered"]) == (True, "fail")


# --- waiting, comparing, reporting ---------------------------------------------------------------------------


@pytest.mark.usefixtures("described")
def test_a_wait_ends_when_a_worker_comes(capsys: Capture, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    httpx.post(f"{url}/api/namespaces", json={"name": "waited"}, headers=CONTROL)
    body = {"worker_id": "w-1", "task_queue": "orders", "runtime": "php"}
    arguments = ("--only", "workers.registered", "--namespace", "waited")
    assert gate(capsys, *arguments)[0] == 1

    def come() -> None:
        httpx.post(f"{url}/api/worker/register", json=body, headers=WORKER | {"X-Namespace": "waited"})

    in_the_first_pause(monkeypatch, come)
    code, found, err = gate(capsys, *arguments, "--wait", "60s")
    assert code == 0
    assert states(found)["workers.registered"] == "pass"
    assert "(was fail)" in err
    assert found["coverage"]["absent"] != "No check of this run asked for the workers."


@pytest.mark.usefixtures("described")
def test_what_changed_since_an_earlier_result(capsys: Capture, url: str) -> None:
    arguments = ("--only", "namespace.exists", "--only", "server.health", "--namespace", "compared")
    code, out, _ = command(capsys, "checklist", *arguments, "--json")
    assert code == 1
    Path("last.json").write_text(out)
    httpx.post(f"{url}/api/namespaces", json={"name": "compared"}, headers=CONTROL)
    _, found, _ = gate(capsys, *arguments, "--compare", "last.json")
    assert [(one["kind"], one["check"]) for one in found["comparison"]["changes"]] == [
        ("newly passing", "namespace.exists")
    ]
    assert found["comparison"]["green"] is False
    _, out, _ = command(capsys, "checklist", *arguments, "--compare", "last.json")
    assert "newly passing   namespace.exists  fail -> pass" in out
    Path("wrong.json").write_text('{"schema": "dwctl.shadow"}')
    code, out, err = command(capsys, "checklist", *arguments, "--compare", "wrong.json")
    assert (code, out) == (2, "")
    assert "this is no earlier result of the gate" in err


@pytest.mark.usefixtures("described")
def test_reports_beside_the_answer(capsys: Capture) -> None:
    code, out, _ = command(capsys, "checklist", *SERVER, "--report", "junit=gate.xml", "--report", "markdown=gate.md")
    assert code == 0
    assert "The gate is open" in out
    cases = [case.name for suite in junitparser.JUnitXml.fromfile("gate.xml") for case in suite]
    assert "server.health" in " ".join(cases)
    assert "**The gate is open as far as it was asked.**" in Path("gate.md").read_text()


@pytest.mark.usefixtures("described")
def test_tokens_are_in_no_output(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DURABLE_WORKFLOW_AUTH_TOKEN", "token-of-nobody")
    code, out, err = command(capsys, "checklist", "-vv", "--report", "html=gate.html")
    assert code == 1
    assert "token-of-nobody" not in out + err + Path("gate.html").read_text()


# --- the table -----------------------------------------------------------------------------------------------


def test_the_table_in_every_format(capsys: Capture) -> None:
    ids = [one.id for one in table.CHECKS]
    code, out, _ = command(capsys, "checklist", "list")
    assert (code, [line.split()[0] for line in out.splitlines()[1:]]) == (0, ids)
    _, out, _ = command(capsys, "checklist", "list", "--json")
    assert [one["id"] for one in document(out, "checklist-list")["checks"]] == ids
    _, out, _ = command(capsys, "checklist", "list", "--output", "jsonl")
    assert [one["id"] for one in lines(out, "checklist-list", "check")] == ids


def test_the_page_of_the_docs_is_what_the_command_prints(capsys: Capture) -> None:
    """To renew it: dwctl checklist list --output markdown > docs/checklist.md."""
    code, out, _ = command(capsys, "checklist", "list", "--output", "markdown")
    assert code == 0
    assert (ROOT / "docs" / "checklist.md").read_text(encoding="utf-8") == out


def test_every_check_is_explained(capsys: Capture) -> None:
    for one in table.CHECKS:
        code, out, _ = command(capsys, "explain", one.id)
        assert (code, out.splitlines()[0].split()[0]) == (0, one.id)


def test_the_schema_of_the_pictures_is_that_of_their_own_commands() -> None:
    own = json.loads((ROOT / "schemas" / "checklist.schema.json").read_bytes())
    coverage = json.loads((ROOT / "schemas" / "worker-coverage.schema.json").read_bytes())
    transfer = json.loads((ROOT / "schemas" / "transfer-report.schema.json").read_bytes())
    assert own["$defs"]["coverage_row"] == coverage["$defs"]["row"]
    assert own["$defs"]["worker"] == coverage["$defs"]["worker"]
    seen = own["properties"]["transfer"]["oneOf"][1]["properties"]
    for key in ("sessions", "timeline", "seconds_an_import"):
        assert seen[key] == transfer["properties"][key]


def test_a_look_of_a_wait_keeps_what_earlier_ones_saw() -> None:
    from dwctl.checklist.facts.world import Fact
    from dwctl.cli.checklist import _Looks
    from gate_doubles import world

    queues: Fact[Any] = Fact(lambda: ("first",))
    runs: Fact[Any] = Fact(lambda: "second")
    worlds = iter([replace(world(), queues=queues), replace(world(), runs=runs)])
    looks = _Looks(lambda: next(worlds))
    looks().queues()
    looks().runs()
    seen = looks.seen()
    assert (seen.queues, seen.runs) == (queues, runs)
    assert not seen.bundles.asked
