"""`dwctl checklist init`: the file that it writes is read back, and says what bundles, database and server show."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from cutover_documents import as_json
from dwctl.checklist.description.described import Described, Family, described_of
from dwctl.cli.main import run
from dwctl.cutover.cutover import read_cutover
from output_schemas import is_valid, schema
from rehearsal_server import CONTROL, WORKER, on_a_socket
from rows_of_bundles import change, empty_database, insert, sample_database
from sample_bundles import EXAMPLES, RECORDED, WAITING, sealed, small_bundle
from server_cli import command

Capture = pytest.CaptureFixture[str]
DWCTL = Path(sys.executable).with_name("dwctl")
INIT = ("checklist", "init")
HOSTILE = "\x1b[2J[red]x[/red]\n\u202e\x9b1m\"'"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a cutover, without settings of anybody."""
    there = tmp_path / "orders-move"
    there.mkdir()
    monkeypatch.chdir(there)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    return there


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """A rehearsal server with the namespace `production`, named by the environment."""
    with on_a_socket() as url, httpx.Client(base_url=url) as client:
        monkeypatch.setenv("DURABLE_WORKFLOW_SERVER_URL", url)
        client.post("/api/namespaces", json={"name": "production"}, headers=CONTROL)
        yield client


def worker(client: httpx.Client, worker_id: str, queue: str, **fields: Any) -> None:
    body = {"worker_id": worker_id, "task_queue": queue, "runtime": "php", **fields}
    answer = client.post("/api/worker/register", json=body, headers=WORKER | {"X-Namespace": "production"})
    assert answer.is_success, answer.text


def written(file: str = "cutover.toml") -> Described:
    """What the file describes; it fits its schema, and is read without a complaint."""
    path = Path(file)
    Draft202012Validator(schema("cutover")).validate(as_json(tomllib.loads(path.read_text(encoding="utf-8"))))
    return described_of(read_cutover(path), folder=path.absolute().parent)


def test_with_nothing_to_read_every_key_is_there_and_the_rest_is_said(folder: Path, capsys: Capture) -> None:
    code, out, err = command(capsys, *INIT)
    assert (code, out) == (0, "")
    found = written()
    assert (found.name, found.families, found.path) == ("orders-move", (), folder / "cutover.toml")
    assert "read: nothing: no bundles, no database and no server were named" in err
    assert "to fill in for the phase deploy: [server] url: base URL of the server" in err
    assert err.splitlines()[-1] == "  next: dwctl checklist --phase prepare"
    assert command(capsys, "checklist", "--phase", "prepare")[0] == 1


def test_bundles_and_the_database_give_the_families(folder: Path, capsys: Capture) -> None:
    shutil.copytree(EXAMPLES, folder / "exports")
    shutil.copytree(RECORDED, folder / "more")
    database = sample_database(folder)
    code, _, err = command(capsys, *INIT, "--bundles", "exports", "--bundles", str(folder / "more"),
                           "--database-url", f"sqlite:///{database.name}")  # fmt: skip
    assert code == 0
    found = written()
    default, orders = found.families
    assert (default.task_queue, orders.task_queue) == ("default", "orders")
    assert {"orders.process", "orders.approval", "tools.side-effects"} <= set(default.workflow_types)
    assert {"orders.reserve-inventory", "orders.capture-payment"} <= set(default.activity_types)
    assert found.bundles == (str(folder / "exports"), str(folder / "more"))
    text = Path("cutover.toml").read_text(encoding="utf-8")
    assert 'paths = ["exports", "more"]' in text
    assert 'database_url = "sqlite:///application.sqlite"' in text
    assert "App\\Workflows\\LegacyReport" in text
    assert "left out, a PHP class name, not a type key: App\\Workflows\\LegacyReport." in err
    assert "the database has 5 open v1 workflows, of App\\WorkflowsV1\\V1Invoice: decide `v1`." in err
    assert "only closed runs show orders.fail" in err


def test_builds_of_bundles_are_families_of_their_own(folder: Path, capsys: Capture) -> None:
    folder.joinpath("b.json").write_bytes(sealed(small_bundle({"workflow.compatibility": "b-1"})))
    database = empty_database(folder)
    insert(database, "workflow_runs", id="r", workflow_instance_id="i", run_number=1, workflow_type="orders.process",
           status="waiting", queue="default")  # fmt: skip
    assert command(capsys, *INIT, "--bundles", "b.json", "--database-url", f"sqlite:///{database.name}")[0] == 0
    assert written().families == (
        Family("default b-1", "default", ("orders.process",), ("orders.charge",), "b-1"),
    )  # fmt: skip


def test_a_build_that_the_description_names_is_not_named_again_without_it(folder: Path, capsys: Capture) -> None:
    database = empty_database(folder)
    insert(database, "workflow_runs", id="r", workflow_instance_id="i", run_number=1, workflow_type="orders.process",
           status="waiting", queue="q")  # fmt: skip
    row = '[[family]]\nname = "mine"\ntask_queue = "q"\nworkflow_types = ["orders.process"]\ncompatibility = "b-1"\n'
    folder.joinpath("cutover.toml").write_text(row, encoding="utf-8")
    assert command(capsys, *INIT, "--force", "--database-url", f"sqlite:///{database.name}")[0] == 0
    assert written().families == (Family("mine", "q", ("orders.process",), (), "b-1"),)


def test_workers_add_to_the_queues_that_move_and_others_are_told(
    folder: Path, server: httpx.Client, capsys: Capture
) -> None:
    worker(server, "w-1", "default", supported_workflow_types=["orders.approval", "orders.new"],
           supported_activity_types=["orders.charge"])  # fmt: skip
    worker(server, "w-2", "billing", supported_workflow_types=["billing.run"])
    code, _, err = command(capsys, *INIT, "--bundles", str(WAITING), "--namespace", "Production")
    assert code == 0
    found = written()
    assert found.families == (
        Family("default", "default", ("orders.approval", "orders.new"), ("orders.charge",)),
    )  # fmt: skip
    assert "only live workers show orders.charge, orders.new: take out what is no part of this cutover." in err
    assert "workers are alive on other queues too: billing." in err
    assert "the server has the namespaces default, production." in err
    server_table = tomllib.loads(Path("cutover.toml").read_text())["server"]
    assert server_table == {"url": os.environ["DURABLE_WORKFLOW_SERVER_URL"], "namespace": "production"}


def test_workers_alone_are_families_where_nothing_else_is_known(server: httpx.Client, capsys: Capture) -> None:
    worker(server, "w-1", "orders", supported_workflow_types=["orders.process", "App\\Workflows\\X"])
    worker(server, "w-2", "billing", supported_activity_types=["billing.run"])
    assert command(capsys, *INIT, "--namespace", "production")[0] == 0
    assert written().families == (
        Family("billing", "billing", (), ("billing.run",)),
        Family("orders", "orders", ("orders.process",)),
    )


def test_without_a_namespace_workers_are_not_asked_for(server: httpx.Client, capsys: Capture) -> None:
    worker(server, "w-1", "orders", supported_workflow_types=["orders.process"])
    code, _, err = command(capsys, *INIT)
    assert (code, written().families) == (0, ())
    assert "to fill in for the phase deploy: [server] namespace" in err


def test_a_server_that_is_not_there_yet_is_told_and_no_error(capsys: Capture) -> None:
    code, _, err = command(capsys, *INIT, "--server", "http://127.0.0.1:9", "--namespace", "production")
    assert code == 0
    assert "http://127.0.0.1:9 could not be asked:" in err
    assert "could not be asked" in Path("cutover.toml").read_text(encoding="utf-8")
    written()


def test_a_namespace_that_is_not_there_yet_is_told(server: httpx.Client, capsys: Capture) -> None:
    code, _, err = command(capsys, *INIT, "--namespace", "later")
    assert code == 0
    assert "the workers of later could not be asked for:" in err
    written()


def test_no_secret_gets_into_the_file(server: httpx.Client, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DW_ADMIN_TOKEN", "tok-planted")
    code, out, err = command(capsys, *INIT, "--token", "tok-planted", "--namespace", "production")
    assert code == 0
    assert "tok-planted" not in out + err + Path("cutover.toml").read_text(encoding="utf-8")


def test_a_file_that_is_there_is_never_written_over_without_force(folder: Path, capsys: Capture) -> None:
    mine = '# mine\n[cutover]\nname = "mine"\n'
    folder.joinpath("cutover.toml").write_text(mine, encoding="utf-8")
    code, _, err = command(capsys, *INIT, "--bundles", "absent")
    assert code == 2
    assert "the file is there already" in err
    assert "--force" in err
    assert folder.joinpath("cutover.toml").read_text(encoding="utf-8") == mine
    folder.joinpath("link.toml").symlink_to("nowhere")
    assert command(capsys, *INIT, "-o", "link.toml")[0] == 2
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_with_force_what_the_file_set_is_taken_along(folder: Path, capsys: Capture) -> None:
    folder.joinpath("cutover.toml").write_text(
        """
        [cutover]
        name = "mine"
        avro_since = 2026-11-01
        [embedded]
        database_url_env = "THE_DATABASE"
        [retention]
        closed_runs = "none"
        [bundles]
        paths = ["old"]
        [[family]]
        name = "my family"
        task_queue = "default"
        workflow_types = ["orders.mine"]
        [[shadow]]
        workflow_type = "orders.mine"
        input = [{ a = [1, 2.5, true] }]
        expect_output = ""
        """,
        encoding="utf-8",
    )
    before = written()
    code, _, err = command(capsys, *INIT, "--force", "--bundles", str(WAITING))
    assert code == 0
    assert "read: cutover.toml, which was there" in err
    assert "note on [embedded]: the database was not read: the variable with the database's URL is empty" in err
    after = written()
    assert (after.name, after.avro_since, after.closed_runs) == ("mine", before.avro_since, False)
    assert after.shadows == before.shadows
    assert after.bundles == (*before.bundles, str(WAITING))
    assert after.families == (Family("my family", "default", ("orders.mine", "orders.approval")),)
    again = Path("cutover.toml").read_bytes()
    assert command(capsys, *INIT, "--force", "--bundles", str(WAITING))[0] == 0
    assert Path("cutover.toml").read_bytes() == again


def test_a_description_with_a_mistake_is_not_written_over_blindly(folder: Path, capsys: Capture) -> None:
    folder.joinpath("cutover.toml").write_text('[cutover]\nnmae = "x"\n', encoding="utf-8")
    code, _, err = command(capsys, *INIT, "--force")
    assert code == 2
    assert "Did you mean `name`?" in err
    assert "nmae" in folder.joinpath("cutover.toml").read_text(encoding="utf-8")


def test_standard_output_and_another_file(folder: Path, capsys: Capture) -> None:
    code, out, err = command(capsys, *INIT, "-o", "-", "--bundles", str(WAITING))
    assert code == 0
    assert "wrote standard output, with 1 family" in err
    assert not Path("cutover.toml").exists()
    folder.joinpath("sub dir").mkdir()
    code, _, err = command(capsys, *INIT, "-o", "sub dir/other.toml", "--bundles", str(WAITING))
    assert code == 0
    assert written("sub dir/other.toml").families == (Family("default", "default", ("orders.approval",)),)
    where = folder / "sub dir"
    assert (
        err.splitlines()[-1] == f"  next: cd '{where}' && mv other.toml cutover.toml && dwctl checklist --phase prepare"
    )
    assert tomllib.loads(out)["family"] == tomllib.loads(where.joinpath("other.toml").read_text())["family"]


def test_the_json_says_the_same(folder: Path, capsys: Capture) -> None:
    code, out, _ = command(capsys, *INIT, "--bundles", str(WAITING), "--json")
    found = json.loads(out)
    assert code == found["exit_code"] == 0
    assert is_valid("checklist-init", found)
    assert found["path"] == "cutover.toml"
    assert found["families"] == [{"name": "default", "task_queue": "default", "workflow_types": ["orders.approval"]}]
    assert {row["where"] for row in found["to_fill"]} >= {"[server] url", "[[shadow]]"}
    assert command(capsys, *INIT, "-o", "-", "--json")[0] == 2


@pytest.mark.parametrize("bundles", ["absent", "-", "bad\udcff", "*.none"])
def test_bundles_that_cannot_be_read_are_refused_and_nothing_is_written(bundles: str, capsys: Capture) -> None:
    code, _, err = command(capsys, *INIT, "--bundles", bundles)
    assert code == 2
    assert "next:" in err
    assert not Path("cutover.toml").exists()


def test_files_that_are_no_bundles_are_told_beside_those_that_are(folder: Path, capsys: Capture) -> None:
    shutil.copytree(EXAMPLES, folder / "exports")
    folder.joinpath("exports", "notes.json").write_text("{}", encoding="utf-8")
    code, _, err = command(capsys, *INIT, "--bundles", "exports")
    assert code == 0
    assert "1 file could not be read as a bundle: exports/notes.json." in err
    folder.joinpath("only").mkdir()
    folder.joinpath("only", "notes.json").write_text("{}", encoding="utf-8")
    code, _, err = command(capsys, *INIT, "--bundles", "only", "--force")
    assert code == 1
    assert "this is not an export bundle" in err


def test_a_database_that_cannot_be_read_is_an_error(folder: Path, capsys: Capture) -> None:
    assert command(capsys, *INIT, "--database-url", "sqlite:///absent.sqlite")[0] in (2, 3, 5)
    assert not Path("cutover.toml").exists()


def test_hostile_names_reach_neither_the_terminal_nor_the_file(folder: Path, capsys: Capture) -> None:
    database = empty_database(folder)
    insert(database, "workflow_runs", id="r", workflow_instance_id="i", run_number=1, workflow_type=HOSTILE,
           status="waiting", queue=HOSTILE)  # fmt: skip
    insert(database, "workflow_runs", id="r2", workflow_instance_id="i2", run_number=1, workflow_type=f"A\\{HOSTILE}",
           status="completed", queue=HOSTILE)  # fmt: skip
    insert(database, "workflows", id=1, status="waiting", **{"class": HOSTILE})
    change(database, "UPDATE workflow_runs SET workflow_type = workflow_type")
    code, out, err = command(capsys, *INIT, "--database-url", f"sqlite:///{database.name}")
    assert code == 0
    assert not {"\x1b", "\u202e", "\x9b"} & set(out + err + Path("cutover.toml").read_text(encoding="utf-8"))
    assert [(one.task_queue, one.workflow_types) for one in written().families] == [(HOSTILE, (HOSTILE,))]


def test_on_a_terminal_it_asks_for_what_is_left(folder: Path, server: httpx.Client) -> None:
    said = _typed(b"Orders\n" + b"x" * 65 + b"\n" + b"orders-1\n" + b"Bad/\n" + b"Production\n", "checklist", "init")
    assert "What is this cutover called? [orders-move]" in said
    assert "`import_id` must be an id of 1 to 64 characters" in said
    assert "(default, production)?" in said
    found = written()
    assert (found.name, found.import_id) == ("Orders", "orders-1")
    assert "`namespace` must be 1 to 128 letters" in said
    assert tomllib.loads(folder.joinpath("cutover.toml").read_text())["server"]["namespace"] == "production"


def test_on_a_terminal_it_asks_nothing_where_that_is_not_wanted(folder: Path) -> None:
    assert "?" not in _typed(b"", "checklist", "init", "--no-input")
    assert written().name == "orders-move"
    assert "?" not in _typed(b"", "checklist", "init", "--force", "--json")


def _typed(keys: bytes, *arguments: str) -> str:
    """What a terminal shows when this is typed into a command, which must end well."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([DWCTL, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True) as process:
        os.close(theirs)
        os.write(ours, keys)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            shown += piece
        assert process.wait(timeout=30) == 0, shown
    os.close(ours)
    return shown.decode("utf-8").replace("\r\n", "\n")


def test_help_has_the_options(capsys: Capture) -> None:
    assert run([*INIT, "--help"]) == 0
    assert "--bundles" in capsys.readouterr().out
