"""Items 1, 2, 3 and 9 of `dwctl checklist` turned red and green by changing the world: rows, files, server, workers."""

# ruff: noqa: S608
from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from output_schemas import document
from rehearsal_server import CONTROL, WORKER, on_a_socket
from rows_of_bundles import change, insert, sample_database
from sample_bundles import sealed, small_bundle
from server_cli import command

Capture = pytest.CaptureFixture[str]
SINCE = "2026-11-23T00:00:00.000000Z"
BEFORE, AFTER = "2026-11-22 23:59:59.999999", "2026-11-23 00:00:00.000000"
INSTANCE, RUN = "approval-00054", "01m82nf5969pbk2jm6xvbk308q"
"""An open run of the sample."""

OF_DATABASE = (
    "v1.drained", "types.runs", "types.activities", "types.schedules", "codec.new_runs", "codec.everywhere",
    "compatibility.markers", "starters.paused", "starters.schedules", "starters.both_runtimes",
)  # fmt: skip
OF_BUNDLES = ("types.bundles", "codec.bundles")


@dataclass
class Place:
    """A cutover: its folder with the application's database and the bundles, and the server it goes to."""

    folder: Path
    url: str
    database: Path
    capsys: Capture

    def describe(self, **changes: str) -> None:
        """Write cutover.toml; a change replaces the lines of a table."""
        tables = {
            "cutover": f'avro_since = "{SINCE}"\nstarters_paused_since = "{SINCE}"',
            "server": f'url = "{self.url}"\nnamespace = "production"\nauth = "none"',
            "embedded": f'database_url = "sqlite:///{self.database}"',
            "bundles": 'paths = ["exports"]',
            **changes,
        }
        text = "\n".join(f"[{name}]\n{lines}\n" for name, lines in tables.items())
        (self.folder / "cutover.toml").write_text(text, encoding="utf-8")

    def ask(self, name: str) -> dict[str, Any]:
        """What the gate says of one check; its exit code is that of the check."""
        code, out, err = command(self.capsys, "checklist", "--only", name, "--json")
        gate = document(out, "checklist")
        (one,) = [check for check in gate["checks"] if not check["left_out"]]
        assert one["id"] == name
        assert code == gate["exit_code"] == (0 if one["state"] in ("pass", "warn") else 1), err
        return found(one)

    def state(self, name: str) -> str:
        """Its state alone."""
        return str(self.ask(name)["state"])

    def bundle(self, name: str = "order-1.json", **changes: Any) -> None:
        """Put a bundle beside the others."""
        (self.folder / "exports").mkdir(exist_ok=True)
        paths = {path.replace("__", "."): value for path, value in changes.items()}
        (self.folder / "exports" / name).write_bytes(sealed(small_bundle(paths)))

    def post(self, where: str, **body: Any) -> None:
        """Call the server as an operator, or as a worker does."""
        headers = WORKER if where.startswith("worker/") else CONTROL
        answer = httpx.post(f"{self.url}/api/{where}", json=body, headers=headers | {"X-Namespace": "production"})
        assert answer.status_code in (200, 201), answer.text

    def register(self, **fields: Any) -> None:
        """Register a worker, or register it again."""
        self.post("worker/register", worker_id="orders-php-1", task_queue="orders", runtime="php", **fields)


def found(check: dict[str, Any]) -> dict[str, Any]:
    """A check, which says what was asked and what to do wherever there is something to do."""
    assert check["stops"] is (check["severity"] == "required" and check["state"] in ("fail", "unknown"))
    if check["state"] in ("warn", "fail", "unknown"):
        assert check["next_step"]
        assert check["command"].startswith("dwctl ")
    return check


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Iterator[Place]:
    """A cutover that items 1, 2, 3 and 9 have nothing against."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    path = sample_database(tmp_path)
    change(
        path,
        "UPDATE workflows SET status = 'completed'",
        "UPDATE workflow_runs SET workflow_type = 'reports.legacy' WHERE workflow_type LIKE '%\\%'",
        "UPDATE activity_executions SET activity_type = 'reports.build' WHERE activity_type LIKE '%\\%'",
    )
    with on_a_socket() as url:
        made = Place(tmp_path, url, path, capsys)
        made.post("namespaces", name="production")
        made.describe()
        made.bundle()
        made.register(supported_workflow_types=["orders.process"])
        yield made


def test_a_cutover_that_is_ready_passes_every_check_of_these_items(place: Place) -> None:
    code, out, _ = command(place.capsys, "checklist", "--only", "1", "--only", "2", "--only", "3", "--only", "9",
                           "--json")  # fmt: skip
    states = {check["id"]: check["state"] for check in document(out, "checklist")["checks"] if not check["left_out"]}
    assert code == 0
    assert {name for name, state in states.items() if state != "pass"} == {"v1.upgrade_status", "codec.doctor"}
    assert {states["v1.upgrade_status"], states["codec.doctor"]} == {"skipped"}
    assert place.state("compatibility.markers") == "pass"


V1 = "UPDATE workflows SET status = '{}' WHERE id IN (5, 9)"
RUNS = f"UPDATE workflow_runs SET {{}} WHERE id = '{RUN}'"
ACTIVITY = "UPDATE activity_executions SET activity_type = '{}' WHERE id = (SELECT min(id) FROM activity_executions)"
SCHEDULES = "UPDATE workflow_schedules SET {}"

TURNS: list[tuple[str, str, str, list[str] | None, str]] = [
    ("v1.drained", V1.format("waiting"), "fail", ["5", "9"], V1.format("completed")),
    ("types.runs", RUNS.format("workflow_type = 'App\\Workflows\\Approval'"), "fail", [RUN],
     RUNS.format("workflow_type = 'orders.approval'")),
    ("types.activities", ACTIVITY.format("App\\Activities\\Charge"), "warn", None, ACTIVITY.format("orders.charge")),
    ("types.schedules", SCHEDULES.format("""action = '{"workflow_class":"Nightly"}'"""), "fail", ["nightly"],
     SCHEDULES.format("""action = '{"workflow_type":"orders.nightly"}'""")),
    ("codec.new_runs", RUNS.format(f"payload_codec = 'y', started_at = '{AFTER}'"), "fail", [RUN],
     RUNS.format("payload_codec = 'avro'")),
    ("codec.everywhere", RUNS.format("payload_codec = 'y'"), "warn", [RUN], RUNS.format("payload_codec = 'avro'")),
    ("compatibility.markers", RUNS.format("compatibility = 'build-7'"), "warn", ["build-7"],
     RUNS.format("compatibility = NULL")),
    ("starters.paused", f"UPDATE workflow_instances SET created_at = '{AFTER}' WHERE id = '{INSTANCE}'", "fail",
     [INSTANCE], f"UPDATE workflow_instances SET created_at = '{BEFORE}' WHERE id = '{INSTANCE}'"),
    ("starters.schedules", SCHEDULES.format("status = 'active', paused_at = NULL"), "fail", ["nightly"],
     SCHEDULES.format("status = 'paused'")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "red", "state", "ids", "green"), TURNS, ids=[row[0] for row in TURNS])
def test_rows_turn_a_check(place: Place, name: str, red: str, state: str, ids: list[str] | None, green: str) -> None:
    insert(place.database, "workflow_schedules", id="s", schedule_id="nightly", status="paused",
           action='{"workflow_type":"orders.nightly"}')  # fmt: skip
    assert place.state(name) == "pass"
    change(place.database, red)
    turned = place.ask(name)
    assert (turned["state"], turned["stops"]) == (state, state == "fail")
    assert turned["evidence"]
    assert ids is None or turned["ids"] == ids
    assert turned["count"] == len(turned["ids"])
    change(place.database, green)
    assert place.state(name) == "pass"


def test_only_starters_of_the_described_families_must_be_paused(place: Place) -> None:
    insert(place.database, "workflow_schedules", id="s", schedule_id="nightly", status="active",
           action='{"workflow_type":"reports.nightly"}')  # fmt: skip
    change(place.database, f"UPDATE workflow_instances SET created_at = '{AFTER}', workflow_type = 'reports.build' "
                           f"WHERE id = '{INSTANCE}'")  # fmt: skip
    assert (place.state("starters.paused"), place.state("starters.schedules")) == ("fail", "fail")
    place.describe(**{"[family]": 'name = "orders"\ntask_queue = "orders"\nworkflow_types = ["orders.process"]'})
    paused, schedules = place.ask("starters.paused"), place.ask("starters.schedules")
    assert (paused["state"], schedules["state"]) == ("pass", "pass")
    assert paused["said"] == f"no workflow of the types orders.process was started since {SINCE}"
    assert schedules["evidence"][0]["came"] == "none of the types orders.process; 1 start other types"
    change(
        place.database,
        f"UPDATE workflow_instances SET workflow_type = 'orders.process' WHERE id = '{INSTANCE}'",
        SCHEDULES.format("""action = '{"workflow_type":"orders.process"}'"""),
    )
    for name, state in (("starters.paused", "fail"), ("starters.schedules", "fail")):
        turned = place.ask(name)
        assert turned["state"] == state
        code, out, _ = command(place.capsys, *turned["command"].split()[1:], "--json")
        (answer,) = [check for check in document(out, "embedded-check")["checks"] if check["answer"] != "skipped"]
        assert (code, answer["answer"], "--type orders.process" in turned["command"]) == (1, state, True)
    change(place.database, SCHEDULES.format("action = '[]'"))
    assert place.state("starters.schedules") == "fail"


def test_the_command_of_a_finding_says_the_same(place: Place) -> None:
    for name, red, state, _, _ in TURNS:
        if name in ("types.schedules", "starters.schedules"):
            continue
        change(place.database, red)
        words = place.ask(name)["command"].split()
        code, out, _ = command(place.capsys, *words[1:], "--json")
        (answer,) = [check for check in document(out, "embedded-check")["checks"] if check["answer"] != "skipped"]
        assert (code, answer["answer"]) == (int(state == "fail"), state)


def test_open_v1_workflows_may_be_left_on_purpose(place: Place) -> None:
    change(place.database, V1.format("waiting"))
    assert place.state("v1.drained") == "fail"
    place.describe(cutover='v1 = "coexist"')
    left = place.ask("v1.drained")
    assert (left["state"], left["ids"], left["next_step"]) == ("pass", ["5", "9"], None)
    assert left["said"] == "2 open v1 workflows are left on the v1 engine on purpose"


def test_an_activity_of_an_open_run_that_is_a_class_fails(place: Place) -> None:
    insert(place.database, "activity_executions", id="x", workflow_run_id=RUN, activity_type="App\\Activities\\Charge")
    turned = place.ask("types.activities")
    assert (turned["state"], turned["ids"]) == ("fail", [RUN])


def test_where_no_run_is_new_none_shows_the_codec_of_new_ones(place: Place) -> None:
    change(place.database, RUNS.format("payload_codec = 'y'"))
    turned = place.ask("codec.new_runs")
    assert (turned["state"], turned["stops"]) == ("unknown", True)
    assert turned["next_step"] == "Give an earlier avro_since in cutover.toml."
    place.describe(cutover='avro_since = "2026-11-22T00:00:00Z"')
    assert place.ask("codec.new_runs")["said"].startswith("all ")


def test_what_was_started_on_the_server_too(place: Place) -> None:
    name = "starters.both_runtimes"
    assert place.state(name) == "pass"
    place.post("workflows", workflow_id=INSTANCE, workflow_type="orders.approval", task_queue="orders")
    turned = place.ask(name)
    assert (turned["state"], turned["ids"], turned["stops"]) == ("fail", [f"instance {INSTANCE}"], True)
    change(place.database, f"DELETE FROM workflow_runs WHERE workflow_instance_id = '{INSTANCE}'")
    assert place.state(name) == "pass"


def test_a_bundle_with_a_class_name_or_another_codec(place: Place) -> None:
    assert [place.state(name) for name in OF_BUNDLES] == ["pass", "pass"]
    place.bundle("order-2.json", workflow__workflow_type="App\\Workflows\\OrderProcess")
    turned = place.ask("types.bundles")
    file = str(place.folder / "exports" / "order-2.json")
    assert (turned["state"], turned["ids"], turned["stops"]) == ("fail", [file], True)
    assert turned["command"] == f"dwctl bundle verify {file} --strict"
    assert command(place.capsys, *turned["command"].split()[1:])[0] == 1
    assert place.state("codec.bundles") == "pass"
    place.bundle("order-2.json", payloads__codec="workflow-serializer-y")
    assert [place.state(name) for name in OF_BUNDLES] == ["pass", "fail"]
    place.bundle("order-2.json")
    assert [place.state(name) for name in OF_BUNDLES] == ["pass", "pass"]


def test_a_worker_that_registered_a_class_name(place: Place) -> None:
    assert place.state("types.workers") == "pass"
    place.register(supported_workflow_types=["App\\Workflows\\OrderProcess"])
    turned = place.ask("types.workers")
    assert (turned["state"], turned["ids"], turned["stops"]) == ("fail", ["orders-php-1"], True)
    assert command(place.capsys, *turned["command"].split()[1:])[0] == 0
    place.register(supported_workflow_types=["orders.process"])
    assert place.state("types.workers") == "pass"


ARTISAN = """
import json, sys
said = {"workflow:v2:upgrade-status": {"ready": READY, "findings": []}, "workflow:v2:doctor": {"healthy": READY}}
print(json.dumps(said[sys.argv[1]]))
"""


def test_what_the_application_says_of_itself_is_told_and_shuts_nothing(place: Place) -> None:
    words = json.dumps([sys.executable, str(place.folder / "artisan.py")])
    place.describe(embedded=f'database_url = "sqlite:///{place.database}"\nartisan = {words}')
    for ready, state in ((False, "fail"), (True, "pass")):
        (place.folder / "artisan.py").write_text(ARTISAN.replace("READY", str(ready)), encoding="utf-8")
        for name in ("v1.upgrade_status", "codec.doctor"):
            told = place.ask(name)
            assert (told["state"], told["severity"], told["stops"]) == (state, "advice", False)
        item = ("--only", "v1.drained", "--only", "v1.upgrade_status")
        assert command(place.capsys, "checklist", *item)[0] == 0


def test_without_the_database_every_check_of_it_is_unknown(place: Place) -> None:
    place.database.rename(place.folder / "elsewhere.sqlite")
    for name in OF_DATABASE:
        turned = place.ask(name)
        assert (turned["state"], turned["ids"]) == ("unknown", [])
        assert "application.sqlite" in turned["said"]
    (place.folder / "elsewhere.sqlite").rename(place.database)
    assert place.state("v1.drained") == "pass"


def test_where_no_database_is_configured_every_check_of_it_is_unknown(place: Place) -> None:
    place.describe(embedded="")
    for name in (*OF_DATABASE, "v1.upgrade_status", "codec.doctor"):
        turned = place.ask(name)
        assert (turned["state"], "neither a database nor an artisan" in turned["said"]) == ("unknown", True)


def test_a_table_that_is_gone_leaves_the_checks_of_the_others(place: Place) -> None:
    change(place.database, "DROP TABLE activity_executions")
    assert place.state("types.activities") == "unknown"
    assert place.state("types.runs") == "pass"


def test_without_the_server_what_needs_it_is_unknown(place: Place) -> None:
    place.describe(server='url = "http://127.0.0.1:9"\nnamespace = "production"\nauth = "none"\ntimeout = "1s"')
    for name in ("types.workers", "starters.both_runtimes"):
        assert place.state(name) == "unknown"
    assert place.state("starters.paused") == "pass"
    place.describe(server='auth = "none"')
    for name in ("types.workers", "starters.both_runtimes"):
        assert place.ask(name)["said"] == "no server is named, and none is taken for granted"


def test_without_a_worker_that_is_alive_and_without_bundles_nothing_passes(place: Place) -> None:
    place.post("namespaces", name="empty")
    place.describe(
        server=f'url = "{place.url}"\nnamespace = "empty"\nauth = "none"', bundles='paths = ["none-yet"]'
    )  # fmt: skip
    assert place.state("types.workers") == "unknown"
    assert [place.state(name) for name in OF_BUNDLES] == ["unknown", "unknown"]
    place.describe(bundles="")
    assert [place.state(name) for name in OF_BUNDLES] == ["unknown", "unknown"]


def test_where_runs_drain_no_bundle_is_asked_for(place: Place) -> None:
    place.describe(cutover='runs = "drain"', bundles="")
    assert [place.state(name) for name in OF_BUNDLES] == ["skipped", "skipped"]


def test_a_file_that_is_no_bundle_leaves_it_unknown(place: Place) -> None:
    (place.folder / "exports" / "order-9.json").write_text("[]", encoding="utf-8")
    for name in OF_BUNDLES:
        turned = place.ask(name)
        assert (turned["state"], turned["ids"]) == ("unknown", [str(place.folder / "exports" / "order-9.json")])


def test_a_moment_that_nobody_wrote_or_that_has_not_come_is_unknown(place: Place) -> None:
    change(place.database, RUNS.format("payload_codec = 'y'"))
    place.describe(cutover='name = "orders"')
    for name, key in (("codec.new_runs", "avro_since"), ("starters.paused", "starters_paused_since"),
                      ("starters.both_runtimes", "starters_paused_since")):  # fmt: skip
        turned = place.ask(name)
        assert turned["state"] == "unknown"
        assert f"{key} under [cutover] of cutover.toml" in turned["next_step"]
        assert turned["command"] == f"dwctl checklist --only {name}"
    place.describe(cutover='starters_paused_since = "9999-01-01T00:00:00Z"')
    assert "has not come yet" in place.ask("starters.paused")["said"]


def test_a_ledger_that_is_damaged_leaves_it_unknown_what_is_in_both(place: Place) -> None:
    folder = place.folder / ".dwctl"
    folder.mkdir()
    sqlite3.connect(folder / "ledger.db").close()
    (folder / "ledger.db").write_bytes(b"no ledger" * 1000)
    assert place.ask("starters.both_runtimes")["said"].startswith("the ledger cannot be looked at: ")
    assert place.state("starters.paused") == "pass"


def test_a_database_whose_variable_is_not_set_here_is_unknown_and_keeps_nothing_else_from_being_asked(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHOP_DATABASE_URL", raising=False)
    place.describe(embedded='database_url_env = "SHOP_DATABASE_URL"')
    asked = place.ask("v1.drained")
    assert asked["state"] == "unknown"
    assert "SHOP_DATABASE_URL" in asked["said"]
    assert place.state("types.bundles") == "pass"
