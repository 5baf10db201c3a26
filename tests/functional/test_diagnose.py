"""`dwctl diagnose` on a real socket: every row of the guide's troubleshooting table, made and diagnosed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from diagnose_world import Capture, Eater, Json, World, a_world, asked, bundle, ids, imported
from dwctl.cli.main import run
from rehearsal_server import CONTROL, ready_run, served
from rows_of_bundles import empty_database, put_bundle
from sample_bundles import LEASED, sealed
from server_cli import command


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with a_world(tmp_path, monkeypatch) as one:
        yield one


def test_missing_control_plane_version(world: World, capsys: Capture) -> None:
    imported(capsys, bundle())
    Path(".dwctl/ledger.db").rename("elsewhere.db")
    with served(Eater(world.app, b"x-durable-workflow-control-plane-version")) as behind:  # type: ignore[arg-type]
        code, row, found = asked(capsys, "order-1", "--server", behind)
        assert (code, row) == (1, "header_taken_out")
        assert "does not reach" in found["sentence"]
        assert found["command"] == f"dwctl doctor --server {behind} --namespace production"
    assert asked(capsys, "order-1")[1] == "nobody_polls"


def test_missing_protocol_version(world: World, capsys: Capture) -> None:
    imported(capsys, bundle())
    with served(Eater(world.app, b"x-durable-workflow-protocol-version")) as behind:  # type: ignore[arg-type]
        Path(".dwctl/ledger.db").rename("elsewhere.db")
        code, row, found = asked(capsys, "order-1", "--server", behind)
    assert (code, row) == (1, "worker_header_taken_out")
    assert "nobody_polls" in ids(found)
    assert "every worker that takes this way is refused" in found["sentence"]


def test_namespace_not_found(world: World, capsys: Capture) -> None:
    code, row, found = asked(capsys, "order-1", "--namespace", "staging")
    assert (code, row) == (1, "namespace_absent")
    assert "there is no namespace staging on this server; there are default, production" in found["sentence"]
    assert found["command"] == "dwctl namespace ensure staging"
    assert command(capsys, *found["command"].split()[1:])[0] == 0
    assert asked(capsys, "order-1", "--namespace", "staging")[:2] == (5, "nobody_knows")


def test_worker_polls_return_no_task(world: World, capsys: Capture) -> None:
    """Task queue, type key, namespace and compatibility marker, each wrong in turn, until the task is taken."""
    imported(capsys, bundle(1, {"workflow.compatibility": "b-1", "tasks.0.compatibility": "b-1"}))
    assert asked(capsys, "order-1")[:2] == (1, "nobody_polls")
    takes: Json = {"supported_workflow_types": ["orders.process"]}
    world.worker("w-queue", "orders", build_id="b-1", **takes)
    code, row, found = asked(capsys, "order-1")
    assert (code, row) == (1, "other_queue")
    assert "lies in queue default, and its type is taken on orders" in found["sentence"]
    assert found["command"] == (
        "dwctl worker coverage --namespace production --type orders.process --task-queue default"
    )
    world.client.delete("/api/workers/w-queue", headers={**CONTROL, "X-Namespace": "production"})
    world.worker("w-space", namespace="default", build_id="b-1", **takes)
    code, row, found = asked(capsys, "order-1")
    assert (code, row) == (1, "workers_in_other_namespace")
    assert "registered in namespace default" in found["sentence"]
    world.worker("w-type", supported_workflow_types=["orders.other"], build_id="b-1")
    world.client.delete("/api/workers/w-space", headers={**CONTROL, "X-Namespace": "default"})
    assert asked(capsys, "order-1")[:2] == (1, "type_missing")
    world.worker("w-type", supported_workflow_types=["App\\Workflows\\OrderProcess"], build_id="b-1")
    code, row, found = asked(capsys, "order-1")
    assert (code, row) == (1, "class_name")
    assert "list the PHP class App\\Workflows\\OrderProcess" in found["sentence"]
    world.worker("w-build", build_id="b-2", **takes)
    code, row, found = asked(capsys, "order-1")
    assert (code, row) == (1, "other_build")
    assert found["command"].endswith("--task-queue default --compatibility b-1")
    assert {one["worker_id"]: one["obstacles"] for one in found["workers"]} == {
        "w-type": ["type_missing"],
        "w-build": ["other_build"],
    }
    world.worker("w-right", build_id="b-1", **takes)
    assert asked(capsys, "order-1")[:2] == (1, "no_poll")
    assert world.poll("w-right", build_id="b-1")["workflow_id"] == "order-1"
    code, row, found = asked(capsys, "order-1")
    assert (code, row) == (0, "working")
    assert "w-right has its workflow task in hand until" in found["sentence"]


def test_payload_cannot_be_decoded_by_a_non_php_worker(world: World, capsys: Capture) -> None:
    imported(capsys, bundle())
    world.change("UPDATE workflow_runs SET payload_codec = 'workflow-serializer-y'")
    world.worker("w-py", runtime="python")
    code, row, found = asked(capsys, "order-1")
    assert (code, row) == (1, "codec")
    assert (
        "its payloads are in workflow-serializer-y, and a worker that takes it cannot decode that: w-py (python)"
        in (found["sentence"])
    )
    world.worker("w-py", "elsewhere", runtime="python")
    world.worker("w-php", runtime="php")
    assert asked(capsys, "order-1")[1] == "no_poll"


def test_a_legacy_codec_is_refused_at_the_import(world: World, capsys: Capture) -> None:
    legacy = {"payloads.codec": "workflow-serializer-y", "payloads.arguments.codec": "workflow-serializer-y"}
    file = bundle(1, legacy)
    assert asked(capsys, "order-1", "--bundle", file)[:2] == (1, "legacy_codec_refused")
    imported(capsys, file, code=1)
    code, row, found = asked(capsys, "order-1")
    assert (code, row) == (1, "legacy_codec_refused")
    assert found["command"] == "dwctl explain payload_codec.unsupported"
    assert found["ledger"]["state"] == "refused"


def test_an_old_workflow_does_not_respond_to_the_server(world: World, capsys: Capture, tmp_path: Path) -> None:
    database = empty_database(tmp_path)
    put_bundle(database, sealed(ready_run(1)))
    options = ("--database-url", f"sqlite:///{database}")
    answer = world.client.post(
        "/api/workflows/order-1/signal/go", json={}, headers={**CONTROL, "X-Namespace": "production"}
    )
    assert answer.status_code == 404
    code, row, found = asked(capsys, "order-1", *options)
    assert (code, row) == (1, "embedded_only")
    assert "what is sent to the server does not reach it" in found["sentence"]
    assert found["sides"]["server"] is None
    assert found["sides"]["embedded"]["workflow_type"] == "orders.process"
    code, row, found = asked(capsys, "order-1")
    assert (code, row) == (5, "nobody_knows")
    assert "not asked: bundle, ledger, embedded" in found["sentence"]


def test_import_rejects_a_leased_task(world: World, capsys: Capture) -> None:
    imported(capsys, str(LEASED), code=1)
    run = json.loads(LEASED.read_bytes())["workflow"]
    for wanted in (run["instance_id"], run["run_id"]):
        code, row, found = asked(capsys, wanted)
        assert (code, row) == (1, "leased_at_export")
        assert "(tasks.leased_task_present)" in found["sentence"]
        assert found["command"].startswith("dwctl history-export --source embedded --output-dir ")
        assert " --refresh --quiesce --wait-leases 5m " in found["command"]
        assert found["ledger"]["state"] == "refused"


def test_import_returns_already_imported(world: World, capsys: Capture) -> None:
    file = bundle()
    imported(capsys, file)
    imported(capsys, file, "--ledger", "second.db")
    world.worker()
    world.poll()
    code, row, found = asked(capsys, "order-1", "--ledger", "second.db")
    assert (code, row, found["ledger"]["state"]) == (0, "working", "already_imported")
    assert "already_imported" in ids(found)


def test_an_imported_run_is_visible_but_not_claimed(world: World, capsys: Capture) -> None:
    imported(capsys, bundle())
    code, out, err = command(capsys, "diagnose", "order-1")
    assert (code, "the ledger .dwctl/ledger.db is looked at too" in err) == (1, True)
    assert "Side by side" in out
    for place in ("server", "bundle", "ledger", "embedded"):
        assert place in out
    assert "nobody polls queue default" in out
    *_, sentence, next_line = out.rstrip().splitlines()
    assert sentence.startswith("CAUSE: its workflow task waits: nobody polls queue default")
    assert next_line == (
        "  next: dwctl worker coverage --namespace production --type orders.process --task-queue default"
    )
    world.worker(supported_activity_types=["orders.charge"], supported_workflow_types=["orders.process"])
    world.clock.turn(seconds=120)
    code, row, found = asked(capsys, "order-1")
    assert (code, row) == (1, "worker_stale")
    assert found["command"] == "dwctl worker show --namespace production w-1"


def test_a_narrow_terminal_shows_each_fact_with_who_has_it_and_the_command_whole(
    world: World, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(capsys, bundle())
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    wide = command(capsys, "diagnose", "order-1")[1].splitlines()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run(["diagnose", "order-1"]) == 1
    text = re.sub("\x1b\\[[0-9;]*m", "", capsys.readouterr().out)
    assert re.search("^  type +orders.process$", text, re.MULTILINE)
    assert re.search("^ +has it  .server, bundle, ledger.$", text, re.MULTILINE)
    assert re.search("^ +not asked  .embedded.$", text, re.MULTILINE)
    assert wide[-1].startswith("  next: dwctl ")
    assert wide[-1] in text.splitlines()
    assert all(len(line) <= 60 for line in text.splitlines()[:-1])
