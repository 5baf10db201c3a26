"""Item 11 of `dwctl checklist` turned red and green by changing the world: the server, the application, the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from dwctl.errors import ExitCode
from dwctl.rehearsal.app import create_app
from dwctl.rehearsal.state import Settings
from gate_runs import describe, gate, one
from ledgers import edit
from rehearsal_server import CONTROL, WORKER, authority, payload, served
from rows_of_bundles import change, empty_database, put_bundle
from sample_bundles import EXAMPLES, ORDER, WAITING, sealed
from server_cli import command

Capture = pytest.CaptureFixture[str]

READY = EXAMPLES / "running-ready-workflow-task-order-2001.json"
SLEEPING = EXAMPLES / "waiting-for-timer-reminder-2.json"
OPEN = (READY, WAITING, SLEEPING)
ITEM = ("once", "ledger_sound", "import_id", "settled", "present", "compared", "claimed", "ended", "timers")
LEDGER = Path(".dwctl/ledger.db")


def long_ago(file: Path) -> bytes:
    """An example as if it had been exported years ago: whatever the clock says here, its timers are due."""
    return sealed(json.loads(file.read_text(encoding="utf-8").replace("2026-11-2", "2020-11-2")))


@dataclass
class Place:
    """A cutover of three open runs: one ready for a worker, one waiting for a signal, one for a timer that is due."""

    folder: Path
    server: httpx.Client
    app: Any
    database: Path
    capsys: Capture

    def put(self, *files: Path) -> None:
        """Export runs of the application."""
        for file in files:
            put_bundle(self.database, long_ago(file))
            Path("exports", file.name).write_bytes(long_ago(file))

    def import_all(self, *options: str) -> None:
        """Import what was exported."""
        code, _, err = command(self.capsys, "history-import", "exports", "--no-drift-check", *options)
        assert code == ExitCode.DONE, err

    def describe(self, more: str = "", *, embedded: bool = True) -> None:
        """Write cutover.toml."""
        tables = [more, '[bundles]\npaths = ["exports"]']
        tables += [f'[embedded]\ndatabase_url = "sqlite:///{self.database}"'] if embedded else []
        describe(self.folder, str(self.server.base_url).rstrip("/"), "\n".join(tables), server='auth = "none"')

    def state(self, name: str) -> tuple[int, str]:
        """Exit code and state of one check together with the ledger's, on which it rests."""
        code, found = gate(self.capsys, "imports.ledger_sound", f"imports.{name}")
        return code, found[f"imports.{name}"]["state"]

    def said(self, name: str) -> str:
        """What a check says, with the command to type and the ids."""
        return json.dumps(gate(self.capsys, "imports.ledger_sound", f"imports.{name}")[1][f"imports.{name}"])

    def states(self) -> tuple[int, dict[str, str]]:
        """All of item 11."""
        code, found = gate(self.capsys, "11")
        assert set(found) == {f"imports.{name}" for name in ITEM}
        return code, {name.removeprefix("imports."): check["state"] for name, check in found.items()}

    def post(self, where: str, **body: Any) -> Any:
        """Call the server as an operator, or as a worker, does."""
        headers = (WORKER if where.startswith("worker/") else CONTROL) | {"X-Namespace": "production"}
        answer = self.server.post(f"/api/{where}", json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    def sql(self, statement: str, *values: object) -> None:
        """Change what the server has."""
        with self.app.state.rehearsal.database.write() as connection:
            assert connection.execute(statement, values).rowcount > 0

    def work(self) -> str | None:
        """Be a worker that takes a task of the queue and completes its run; which one, None where there is none."""
        self.post("worker/register", worker_id="w", task_queue="default", runtime="python")
        task = self.post("worker/workflow-tasks/poll", worker_id="w", task_queue="default", timeout_seconds=0)["task"]
        if task is None:
            return None
        result = {"type": "complete_workflow", "result": payload("done")}
        self.post(f"worker/workflow-tasks/{task['task_id']}/complete", **authority(task), commands=[result])
        return str(task["workflow_id"])

    def park(self) -> None:
        """Take everything away that could wake the embedded copies."""
        change(self.database, "DELETE FROM workflow_tasks", "DELETE FROM workflow_run_timers")

    def settle(self) -> None:
        """Bring every run where item 11 has nothing against it: claimed, its timer fired, its copy parked."""
        self.park()
        self.post("system/repair/pass")
        while self.work() is not None:
            pass


@pytest.fixture
def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> Iterator[Place]:
    """The cutover with its bundles and its application, before the import."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    app = create_app(profile=getattr(request, "param", "measured"), settings=Settings(poll_timeout=0.1))
    with served(app) as url, httpx.Client(base_url=url) as client:
        made = Place(tmp_path, client, app, empty_database(tmp_path), capsys)
        made.post("namespaces", name="production", retention_days=30)
        Path("exports").mkdir()
        made.put(*OPEN)
        made.describe()
        yield made


def test_before_the_import_nothing_of_it_passes(place: Place) -> None:
    code, states = place.states()
    assert (code, set(states.values())) == (1, {"unknown"})


def test_after_the_import_what_is_still_to_be_done_is_red_and_then_all_is_green(place: Place) -> None:
    place.import_all()
    code, states = place.states()
    assert (code, states) == (1, {
        "once": "warn", "ledger_sound": "pass", "import_id": "pass", "settled": "pass", "present": "pass",
        "compared": "pass", "claimed": "fail", "ended": "pass", "timers": "fail",
    })  # fmt: skip
    place.settle()
    assert place.states() == (0, dict.fromkeys(ITEM, "pass"))
    code, found = gate(place.capsys, "11")
    assert all(one["asked"] and one["came"] and one["at"] for check in found.values() for one in check["evidence"])


def test_deep_asks_everything_and_says_so(place: Place) -> None:
    place.import_all()
    place.settle()
    code, out, _ = command(place.capsys, "checklist", "--only", "11", "--deep", "-v")
    assert code == 0
    assert "every event by its hash" in out


# --- one thing at a time ------------------------------------------------------------------------------------


def test_a_bundle_that_came_later_is_not_there_until_it_is_imported(place: Place) -> None:
    place.import_all()
    assert place.state("settled") == (0, "pass")
    place.put(EXAMPLES / "running-mid-history-order-2003.json")
    assert place.state("settled") == (1, "fail")
    assert "1 without a row" in place.said("settled")
    place.import_all()
    assert place.state("settled") == (0, "pass")


def test_a_run_that_retention_prunes_is_missing(place: Place) -> None:
    place.put(ORDER)
    place.import_all()
    assert place.state("present") == (0, "pass")
    place.post("system/retention/pass")
    assert place.state("present") == (1, "fail")
    assert "retention prunes" in place.said("present")
    assert "there, and not in the list" in place.said("present")


def test_a_run_that_the_server_lost_is_missing(place: Place) -> None:
    place.import_all()
    names = ("workflow_run_summaries", "workflow_runs", "workflow_instances")
    for name, column in zip(names, ("workflow_instance_id", "workflow_instance_id", "id"), strict=True):
        place.sql(f"DELETE FROM {name} WHERE {column} = ?", "approval-1")  # noqa: S608 - our own names
    assert place.state("present") == (1, "fail")
    assert "instance_not_found" in place.said("present")
    assert place.state("compared") == (1, "fail")


@pytest.mark.parametrize("place", ["guide"], indirect=True)
def test_where_the_server_shows_the_marks_another_import_id_is_seen(place: Place) -> None:
    place.import_all("--import-id", "orders-1")
    assert place.state("present") == (0, "pass")
    assert "shows them as embedded_v2_import" in place.said("present")
    place.sql("UPDATE workflow_runs SET import_id = 'trial' WHERE workflow_instance_id = 'order-2001'")
    assert place.state("present") == (1, "fail")
    assert "embedded_v2_import, trial" in place.said("present")
    place.sql("UPDATE workflow_runs SET import_id = 'orders-1' WHERE workflow_instance_id = 'order-2001'")
    assert place.state("present") == (0, "pass")
    place.sql("UPDATE workflow_run_summaries SET engine_source = 'v2' WHERE workflow_instance_id = 'order-2001'")
    assert place.state("present") == (1, "fail")


def test_a_run_that_became_another_differs(place: Place) -> None:
    place.import_all()
    assert place.state("compared") == (0, "pass")
    place.sql("UPDATE workflow_runs SET queue = 'elsewhere' WHERE workflow_instance_id = 'approval-1'")
    assert place.state("compared") == (1, "fail")
    assert "has the queue elsewhere, not default" in place.said("compared")


def test_a_run_is_claimed_when_a_worker_has_taken_it(place: Place) -> None:
    place.import_all()
    assert place.state("claimed") == (1, "fail")
    assert "no live worker polls default" in place.said("claimed")
    place.post("worker/register", worker_id="w", task_queue="default", runtime="python")
    assert place.state("claimed") == (1, "fail")
    assert "dwctl diagnose order-2001" in place.said("claimed")
    task = place.post("worker/workflow-tasks/poll", worker_id="w", task_queue="default", timeout_seconds=0)["task"]
    assert task["workflow_id"] == "order-2001"
    assert place.state("claimed") == (0, "pass")


def test_a_signal_alone_is_no_claim(place: Place) -> None:
    place.import_all()
    place.work()
    assert place.state("claimed") == (0, "pass")
    place.post("workflows/approval-1/signal/approved-by", input=["ana"])
    assert place.state("claimed") == (1, "fail")
    assert "approval-1" in place.said("claimed")
    assert place.work() == "approval-1"
    assert place.state("claimed") == (0, "pass")


def test_a_due_timer_fires_after_a_repair_pass_and_no_check_asks_for_one(place: Place) -> None:
    place.import_all()
    for _ in range(2):
        assert place.state("timers") == (1, "fail")
    assert "dw system:repair-pass" in place.said("timers")
    place.settle()
    assert place.state("timers") == (0, "pass")


def test_what_moves_in_the_application_runs_twice(place: Place) -> None:
    place.import_all()
    moving = (
        "UPDATE workflow_runs SET last_history_sequence = last_history_sequence + {} WHERE workflow_instance_id = ?"
    )
    assert one(place.capsys, "imports.once")[:2] == (0, "warn")
    change(place.database, (moving.format(1), ("approval-1",)))
    code, state, said = one(place.capsys, "imports.once")
    assert (code, state) == (1, "fail")
    assert said.startswith("both runtimes run it")
    change(place.database, (moving.format(-1), ("approval-1",)))
    assert one(place.capsys, "imports.once")[:2] == (0, "warn")
    place.park()
    assert one(place.capsys, "imports.once")[:2] == (0, "pass")
    change(place.database, "DELETE FROM workflow_runs WHERE workflow_instance_id = 'approval-1'")
    assert one(place.capsys, "imports.once")[:2] == (1, "unknown")


def test_an_edited_ledger_proves_nothing(place: Place) -> None:
    place.import_all()
    place.settle()
    edit(LEDGER, "UPDATE runs SET differs_at = compared_at WHERE instance_id = 'approval-1'")
    code, states = place.states()
    assert (code, states["ledger_sound"], states["once"]) == (1, "fail", "pass")
    assert {states[name] for name in ITEM if name not in ("ledger_sound", "once")} == {"unknown"}
    edit(LEDGER, "UPDATE runs SET differs_at = NULL")
    assert place.states()[0] == 0


def test_the_import_id_of_another_cutover(place: Place) -> None:
    place.import_all("--import-id", "orders-1")
    place.describe('[cutover]\nimport_id = "orders-1"')
    assert place.state("import_id") == (0, "pass")
    place.describe('[cutover]\nimport_id = "orders-2"')
    assert place.state("import_id") == (1, "fail")
    assert "the ledger's import id is orders-1, and the cutover's is orders-2" in place.said("import_id")


# --- whoever would have to be asked is taken away -----------------------------------------------------------


def test_without_the_application_nobody_knows_whether_a_run_runs_twice(place: Place) -> None:
    place.import_all()
    place.settle()
    place.describe(embedded=False)
    code, states = place.states()
    assert (code, states) == (1, dict.fromkeys(ITEM, "pass") | {"once": "unknown"})


def test_without_the_ledger_nothing_is_known(place: Place) -> None:
    place.import_all()
    LEDGER.rename("elsewhere.db")
    code, states = place.states()
    assert (code, set(states.values())) == (1, {"unknown"})


def test_where_open_runs_drain_nothing_is_imported(place: Place) -> None:
    place.describe('[cutover]\nruns = "drain"')
    code, found = gate(place.capsys, "11")
    assert code == 1  # nothing was measured
    assert {check["state"] for check in found.values()} == {"skipped"}


def test_a_ledger_of_another_server_is_not_this_cutover_s(place: Place) -> None:
    place.import_all()
    edit(LEDGER, "UPDATE ledger SET server = 'http://127.0.0.1:1'")
    code, found = gate(place.capsys, "11")
    assert code == ExitCode.LOCAL_STATE
    assert {check["state"] for check in found.values()} == {"unknown"}
    assert "the ledger belongs to another server" in found["imports.ledger_sound"]["said"]
