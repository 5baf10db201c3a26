"""The rows of the diagnosis on facts that are made here: which one decides, its sentence, command and exit code."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from typer.main import get_command

from dwctl.bundle.demand import Demand, DemandKind
from dwctl.checklist.coverage.coverage import cover
from dwctl.checklist.coverage.rows import Demanded, Row
from dwctl.checklist.diagnosis.diagnosis import (
    NOBODY_KNOWS,
    NOT_KNOWN,
    Diagnosis,
    DiagnosisResult,
    Says,
    Seen,
    Symptom,
    diagnose,
)
from dwctl.checklist.diagnosis.documents import side_of, work_of
from dwctl.checklist.diagnosis.facts import (
    Claim,
    Elsewhere,
    Facts,
    InBundle,
    InEmbedded,
    InLedger,
    OnServer,
    Place,
    Question,
    Side,
    Task,
    Wait,
    Work,
)
from dwctl.checklist.diagnosis.table import DIAGNOSES
from dwctl.cli.app import app
from dwctl.errors import DwctlError, ExitCode, IncompatibleServer, NotAuthorized, RequestNotPossible, ServerUnreachable
from dwctl.explanations import explanation
from dwctl.server.results import Namespace, RunRow, TaskCounts, TaskQueue, Worker
from dwctl.transfer.ledger.rows import LedgerRow, LedgerState
from sample_bundles import ROOT

NOW = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
ASKED = Question(Place.SERVER, "run", "does not have it")


def facts(**given: Any) -> Facts:
    known: dict[str, Any] = {
        "wanted": "order-1", "instance_id": "order-1", "run_id": "r-1", "server": "http://server",
        "namespace": "production", "server_now": NOW, "questions": [ASKED],
    }  # fmt: skip
    return Facts(**{**known, **given})


def here(status: str = "waiting", work: Work | None = None, **given: Any) -> OnServer:
    row = RunRow("order-1", "r-1", "orders.process", None, status, None, "orders", None, None,
                 given.pop("closed_at", None), 1)  # fmt: skip
    side = Side(run_id="r-1", workflow_type="orders.process", queue="orders", status=status, codec="avro")
    return OnServer(row, side, work=work or Work(events=3), **given)


def in_ledger(state: LedgerState, *, same_target: bool = True, **given: Any) -> InLedger:
    row = LedgerRow(run_id="r-1", instance_id="order-1", file="exports/order-1.json", state=state, when="then", **given)
    return InLedger(row, Side(run_id="r-1"), "http://server", "production", same_target)


def worker(worker_id: str = "w-1", status: str = "active", **given: Any) -> Worker:
    known: dict[str, Any] = {
        "namespace": "production", "task_queue": "orders", "runtime": "php", "sdk_version": None, "build_id": None,
        "workflow_types": (), "activity_types": (), "max_concurrent_workflow_tasks": 10,
        "max_concurrent_activity_tasks": 10, "last_heartbeat_at": "2026-11-22T22:00:00Z",
    }  # fmt: skip
    return Worker(worker_id, status=status, **{**known, **given})


def stand(*workers: Worker, type_key: str = "orders.process", build: str | None = None) -> Row:
    return cover([Demanded(Demand(DemandKind.WORKFLOW, "orders", type_key, build))], workers).rows[0]


def task(status: str = "ready", **given: Any) -> Task:
    known: dict[str, Any] = {"attempts": 0, "available_at": "2026-11-22T22:00:00Z"}
    return Task("t-1", "workflow", status, "orders.process", "orders", None, **{**known, **given})


def claimed(*workers: Worker, of: Task | None = None, **given: Any) -> Facts:
    one = of or task()
    return facts(here=here(work=Work(tasks=(one,), events=3)), workers=workers,
                 claims=(Claim(one, stand(*workers)),), **given)  # fmt: skip


def found(given: Facts) -> DiagnosisResult:
    return diagnose(given, DIAGNOSES)


def decided(given: Facts) -> tuple[str, ExitCode]:
    result = found(given)
    return result.decided.row.id.removeprefix("diagnose."), result.exit_code


# --- the table ----------------------------------------------------------------------------------------------


def test_the_ids_are_unique_and_explained() -> None:
    assert len({row.id for row in DIAGNOSES}) == len(DIAGNOSES)
    for row in DIAGNOSES:
        assert explanation(row.id).fix == row.fix


def test_every_symptom_of_the_guide_has_a_cause() -> None:
    causes = {row.symptom for row in DIAGNOSES if row.says is Says.CAUSE}
    assert causes >= set(Symptom) - {Symptom.ALREADY, Symptom.UNREACHED}
    assert {row.symptom for row in DIAGNOSES} == set(Symptom)


def test_every_row_stands_in_the_docs() -> None:
    page = (ROOT / "docs" / "diagnose.md").read_text(encoding="utf-8")
    ids = [row.id for row in DIAGNOSES]
    assert [row for row in ids if f"| `{row}` |" not in page] == []
    assert set(re.findall(r"`(diagnose\.\w+)`", page)) == set(ids)


# --- where it is --------------------------------------------------------------------------------------------


STATES = [
    (LedgerState.PLANNED, {}, "planned"),
    (LedgerState.SENDING, {}, "in_doubt"),
    (LedgerState.UNKNOWN, {}, "in_doubt"),
    (LedgerState.FAILED, {"error_text": "no answer"}, "import_failed"),
    (LedgerState.BLOCKED, {}, "blocked"),
    (LedgerState.MOVED, {}, "moved"),
    (LedgerState.SKIPPED, {"reason": "not now"}, "skipped"),
    (LedgerState.REFUSED, {"error_reason": "payload_too_large"}, "too_large"),
    (LedgerState.REFUSED, {"error_reason": "target.write_failed"}, "row_taken"),
    (LedgerState.REFUSED, {"rules": ("tasks.leased_task_present",)}, "leased_at_export"),
    (LedgerState.REFUSED, {"rules": ("activities.running_attempt_present",)}, "leased_at_export"),
    (LedgerState.REFUSED, {"rules": ("payload_codec.unsupported",)}, "legacy_codec_refused"),
    (LedgerState.REFUSED, {"rules": ("workflow.non_terminal_not_current",)}, "refused"),
    (LedgerState.REFUSED, {"error_text": "somehow"}, "refused"),
    (LedgerState.IMPORTED, {}, "gone_from_server"),
    (LedgerState.ALREADY_IMPORTED, {}, "gone_from_server"),
]


@pytest.mark.parametrize(("state", "given", "row"), STATES)
def test_what_the_ledger_says(state: LedgerState, given: dict[str, Any], row: str) -> None:
    assert decided(facts(ledger=in_ledger(state, **given))) == (row, ExitCode.NO)


@pytest.mark.parametrize("state", list(LedgerState))
def test_a_ledger_of_another_target_says_nothing_of_this_one(state: LedgerState) -> None:
    given = facts(ledger=in_ledger(state, same_target=False))
    there = state in (LedgerState.IMPORTED, LedgerState.ALREADY_IMPORTED)
    assert decided(given) == ("other_namespace" if there else "not_known", ExitCode.NO)


def test_what_the_ledger_says_ends_where_the_run_is_on_the_server() -> None:
    given = claimed(worker(), ledger=in_ledger(LedgerState.REFUSED, rules=("tasks.leased_task_present",)))
    assert {match.row.id for match in found(given).matches} == {"diagnose.no_poll"}


def test_bundles_that_cannot_be_imported() -> None:
    side = Side(run_id="r-1")
    mended = InBundle("a b.json", side, refused=True, rules=("integrity.checksum_mismatch",), restorable=True)
    assert found(facts(bundle=mended)).decided.command == "dwctl bundle repair 'a b.json' 'a b.repaired.json'"
    sound = InBundle("a.json", side, refused=False)
    refused = in_ledger(LedgerState.REFUSED, rules=("bundle.integrity_failed",))
    assert decided(facts(bundle=sound, ledger=refused)) == ("rewritten_on_the_way", ExitCode.NO)
    assert decided(facts(bundle=sound)) == ("not_imported", ExitCode.NO)


def test_both_runtimes_come_before_all_else_and_a_doubt_is_only_noted() -> None:
    moved = InEmbedded(Side(run_id="r-1", status="waiting"), is_open=True, moved="sequence 1 → 2")
    assert decided(claimed(embedded=moved)) == ("both_runtimes", ExitCode.NO)
    doubt = InEmbedded(Side(run_id="r-1", status="waiting"), is_open=True, doubt="nobody says")
    result = found(claimed(worker(), embedded=doubt))
    assert [match.row.says for match in result.matches if match.row.id.endswith("embedded_copy_unknown")] == [Says.NOTE]
    assert decided(facts(embedded=doubt)) == ("embedded_only", ExitCode.NO)


def test_another_namespace() -> None:
    row = here().row
    given = facts(elsewhere=(Elsewhere("staging", row), Elsewhere("test", row)))
    result = found(given)
    assert result.decided.told == "it is in namespace staging, test of this server, and was looked for in production"
    assert result.decided.command == "dwctl diagnose --namespace staging order-1"


def test_nobody_knows_it() -> None:
    given = facts(instance_id=None, run_id=None, questions=[ASKED])
    result = found(given)
    assert (result.decided.row.id, result.exit_code) == (NOBODY_KNOWS, ExitCode.NOT_FOUND)
    assert "not asked: bundle, ledger, embedded" in result.decided.told
    lost = ServerUnreachable("the database is away")
    given.questions.append(Question(Place.EMBEDDED, "database", "away", error=lost))
    assert decided(given) == ("nobody_knows", ExitCode.NETWORK)


# --- whoever does not answer --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "row"),
    [
        ("missing_protocol_version", "worker_header_taken_out"),
        ("unsupported_protocol_version", "worker_version_refused"),
    ],
)
def test_how_a_workers_call_is_refused(reason: str, row: str) -> None:
    refused = RequestNotPossible("refused", reason=reason)
    assert decided(claimed(worker_plane=refused)) == (row, ExitCode.NO)


def test_a_header_that_does_not_arrive() -> None:
    refused = RequestNotPossible("refused", reason="missing_control_plane_version")
    questions = [Question(Place.SERVER, "run", "refused", error=refused)]
    assert decided(facts(questions=questions, failure=refused)) == ("header_taken_out", ExitCode.NO)


@pytest.mark.parametrize(
    ("error", "row", "code"),
    [
        (NotAuthorized("no token"), "not_authorized", ExitCode.AUTH),
        (ServerUnreachable("refused"), "not_reached", ExitCode.NETWORK),
        (IncompatibleServer("version 3"), "other_version", ExitCode.INCOMPATIBLE),
    ],
)
def test_a_server_that_cannot_be_asked(error: DwctlError, row: str, code: ExitCode) -> None:
    questions = [Question(Place.SERVER, "run", error.message, error=error)]
    assert decided(facts(questions=questions, failure=error)) == (row, code)
    planned = in_ledger(LedgerState.PLANNED)
    assert decided(facts(questions=questions, failure=error, ledger=planned)) == ("planned", ExitCode.NO)
    imported = in_ledger(LedgerState.IMPORTED)
    assert decided(facts(questions=questions, failure=error, ledger=imported)) == (row, code)


def test_what_is_right_is_not_said_alone_where_a_source_failed() -> None:
    waits = facts(here=here(work=Work(waits=(Wait("signal", "go"),), events=3)))
    assert decided(waits) == ("waits_for_signal", ExitCode.DONE)
    lost = ServerUnreachable("away")
    waits.questions.append(Question(Place.SERVER, "namespaces", "away", error=lost, matters=False))
    assert decided(waits)[1] == ExitCode.DONE
    waits.questions.append(Question(Place.EMBEDDED, "database", "away", error=lost))
    assert decided(waits)[1] == ExitCode.NETWORK


def test_what_nothing_explains_is_not_called_right() -> None:
    shown = here()
    result = found(facts(here=replace(shown, work=None)))
    assert (result.decided.row.id, result.exit_code) == (NOT_KNOWN, ExitCode.NO)
    assert result.decided.told.startswith("why run r-1 (waiting) does not go on is not known")


# --- who takes its tasks ------------------------------------------------------------------------------------


def test_the_workers_of_the_queue() -> None:
    assert decided(claimed()) == ("nobody_polls", ExitCode.NO)
    assert decided(claimed(worker(workflow_types=("a",)))) == ("type_missing", ExitCode.NO)
    assert decided(claimed(worker(status="stale"))) == ("worker_stale", ExitCode.NO)
    assert decided(claimed(worker(status="draining"))) == ("worker_draining", ExitCode.NO)
    assert decided(claimed(worker(status="odd"))) == ("worker_unknown", ExitCode.NO)
    assert decided(claimed(worker())) == ("no_poll", ExitCode.NO)
    assert decided(claimed(worker(task_queue="parcels"))) == ("nobody_polls", ExitCode.NO)
    listed = worker(task_queue="parcels", workflow_types=("orders.process",))
    assert decided(claimed(listed)) == ("other_queue", ExitCode.NO)
    away = worker(namespace="default")
    assert decided(claimed(workers_elsewhere=(away,))) == ("workers_in_other_namespace", ExitCode.NO)


def test_a_task_that_names_nothing_is_given_to_nobody() -> None:
    one = task()._replace(queue=None)
    row = cover([Demanded(Demand(DemandKind.WORKFLOW, None, "orders.process", None))], ()).rows[0]
    given = facts(here=here(work=Work(tasks=(one,), events=1)), workers=(), claims=(Claim(one, row),))
    assert decided(given) == ("task_not_named", ExitCode.NO)


def test_a_class_for_a_type_in_either_direction() -> None:
    one, listed = task()._replace(type_key="App\\Process"), worker(workflow_types=("orders.process",))
    given = facts(here=here(work=Work(tasks=(one,), events=1)), workers=(worker(),),
                  claims=(Claim(one, stand(listed, type_key="App\\Process")),))  # fmt: skip
    assert decided(given) == ("class_name", ExitCode.NO)
    assert decided(claimed(worker(workflow_types=("App\\Process",)))) == ("class_name", ExitCode.NO)


def test_leases() -> None:
    held = task("leased", lease_owner="w-1", lease_expires_at="2026-11-22T23:04:00Z")
    assert decided(claimed(worker(), of=held)) == ("working", ExitCode.DONE)
    assert decided(claimed(worker(status="stale"), of=held)) == ("worker_gone_with_task", ExitCode.NO)
    assert decided(claimed(of=held)) == ("worker_gone_with_task", ExitCode.NO)
    over = held._replace(lease_expires_at="2026-11-22T22:59:00Z")
    assert decided(claimed(worker(), of=over)) == ("lease_over", ExitCode.NO)


def test_attempts() -> None:
    later = "2026-11-22T23:01:00Z"
    assert decided(claimed(worker(), of=task(attempts=1, available_at=later))) == ("tried_again", ExitCode.DONE)
    assert decided(claimed(worker(), of=task(attempts=2, available_at=later))) == ("failing", ExitCode.NO)
    said = found(claimed(worker(), of=task(attempts=4, said="boom"))).decided.told
    assert said == "its workflow task was taken 4 times and given back: boom"


def queue(admission: str = "accepting", ready: int = 1) -> dict[str, TaskQueue]:
    counts = TaskCounts(ready, 0, 0, admission)
    return {"orders": TaskQueue("orders", 1, 0, 60, ready, 0, counts, counts, False, (), ())}


def test_a_queue_that_gives_nothing_out_and_one_that_is_long() -> None:
    assert decided(claimed(worker(), queues=queue("throttled"))) == ("no_slots", ExitCode.NO)
    assert decided(claimed(worker(), queues=queue(ready=7))) == ("behind_others", ExitCode.NO)
    fresh = task(available_at="2026-11-22T22:59:57Z")
    assert decided(claimed(worker(), of=fresh, queues=queue(ready=7))) == ("just_ready", ExitCode.DONE)


def test_without_the_servers_clock_no_time_is_called_future() -> None:
    given = claimed(worker(), of=task(available_at="2030-01-01T00:00:00Z"), server_now=None)
    assert decided(given) == ("no_poll", ExitCode.NO)


def test_a_clock_of_whole_seconds_does_not_hide_a_task_of_this_second() -> None:
    fresh = task(available_at="2026-11-22T23:00:00.700000Z")
    assert decided(claimed(of=fresh)) == ("nobody_polls", ExitCode.NO)
    assert decided(claimed(worker(), of=fresh)) == ("just_ready", ExitCode.DONE)


def test_a_codec_that_a_worker_of_another_runtime_cannot_read() -> None:
    def with_codec(*workers: Worker) -> Facts:
        given = claimed(*workers)
        assert given.here is not None
        given.here = replace(given.here, side=given.here.side._replace(codec="workflow-serializer-y"))
        return given

    assert decided(with_codec(worker(runtime="python"))) == ("codec", ExitCode.NO)
    assert decided(with_codec(worker(runtime="php"))) == ("no_poll", ExitCode.NO)


# --- waits and ends -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wait", "row", "code"),
    [
        (Wait("timer", None, "2026-11-22T23:30:00Z"), "waits_for_timer", ExitCode.DONE),
        (Wait("timer", None, "2026-11-22T22:30:00Z"), "timer_due", ExitCode.NO),
        (Wait("timer", None, "2026-11-22T22:59:55Z"), "waits_for_timer", ExitCode.DONE),
        (Wait("timer", None, None), "not_known", ExitCode.NO),
        (Wait("signal", "go"), "waits_for_signal", ExitCode.DONE),
        (Wait("update", "set"), "no_open_task", ExitCode.NO),
        (Wait("condition", None), "waits_for_condition", ExitCode.DONE),
        (Wait("child", "c", child_run_id="c-1"), "waits_for_child", ExitCode.DONE),
    ],
)
def test_waits(wait: Wait, row: str, code: ExitCode) -> None:
    assert decided(facts(here=here(work=Work(waits=(wait,), events=3)))) == (row, code)


@pytest.mark.parametrize("due", ["2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z"])
def test_without_the_servers_clock_nobody_knows_whether_a_timer_is_due(due: str) -> None:
    given = facts(here=here(work=Work(waits=(Wait("timer", None, due),), events=3)), server_now=None)
    assert decided(given) == ("not_known", ExitCode.NO)
    assert "the server's clock is not known" in found(given).decided.told


@pytest.mark.parametrize(("now", "row"), [(NOW, "waits_for_signal"), (None, "not_known")], ids=["a clock", "no clock"])
def test_a_run_with_a_deadline_waits_rightly_only_by_a_clock(now: datetime | None, row: str) -> None:
    waiting = here(work=Work(waits=(Wait("signal", "go"),), events=3))
    run = SimpleNamespace(document={"run_deadline_at": "2026-11-23T23:00:00Z"})
    assert decided(facts(here=replace(waiting, run=cast("Any", run)), server_now=now))[0] == row
    assert decided(facts(here=waiting, server_now=now))[0] == "waits_for_signal"


def test_a_rest_that_nobody_would_end_is_noted() -> None:
    given = facts(here=here(work=Work(waits=(Wait("signal", "go"),), events=3)), workers=(), rest=stand())
    result = found(given)
    assert result.exit_code == ExitCode.DONE
    assert "diagnose.nobody_for_later" in {match.row.id for match in result.matches}


@pytest.mark.parametrize(
    ("status", "row", "code"),
    [("completed", "completed", 0), ("failed", "ended_otherwise", 1), ("cancelled", "ended_otherwise", 1)],
)
def test_how_it_ended(status: str, row: str, code: int) -> None:
    assert decided(facts(here=here(status))) == (row, code)


def test_retention() -> None:
    space = Namespace("production", None, 30, None, "active", None)
    old = facts(here=here("completed", closed_at="2026-01-01T00:00:00Z"), namespaces=(space,))
    assert "diagnose.retention_over" in {match.row.id for match in found(old).matches}
    kept = facts(here=here("completed", closed_at="2026-01-01T00:00:00Z"),
                 namespaces=(replace(space, retention_mode="forever"),))  # fmt: skip
    assert "diagnose.retention_over" not in {match.row.id for match in found(kept).matches}
    pruned = facts(here=replace(here("completed"), work=Work()))
    assert decided(pruned) == ("history_pruned", ExitCode.NO)


def test_other_things_worth_knowing() -> None:
    work = Work(waits=(Wait("signal", "go"),), events=3, external_payloads=2, declared_signals=("go",))
    ids = {match.row.id for match in found(facts(here=here(work=work), namespace_named=False)).matches}
    assert ids >= {"diagnose.external_payloads", "diagnose.declared_signals", "diagnose.namespace_defaulted"}
    bundle = InBundle("a.json", Side(run_id="r-1"), refused=True, rules=("tasks.type_unsupported",))
    assert decided(facts(here=here(work=work), bundle=bundle)) == ("rows_dropped", ExitCode.NO)


# --- commands -----------------------------------------------------------------------------------------------

HOSTILE = "-x'; rm -rf / #\n$(id)"


def test_a_command_is_quoted_whatever_a_server_says() -> None:
    waiting = here(work=Work(waits=(Wait("signal", HOSTILE),)))
    for given in (
        facts(wanted=HOSTILE, instance_id=HOSTILE, namespace=HOSTILE, here=waiting),
        facts(instance_id=HOSTILE, ledger=in_ledger(LedgerState.REFUSED, error_reason=HOSTILE)),
        facts(instance_id=HOSTILE, elsewhere=(Elsewhere(HOSTILE, here().row),)),
    ):  # fmt: skip
        for match in found(given).matches:
            words = shlex.split(match.command)
            assert words[0] in ("dwctl", "dw")
            assert "{" not in match.command
            assert "rm" not in words


@pytest.mark.parametrize("row", DIAGNOSES, ids=lambda row: row.id)
def test_every_command_can_be_typed(row: Diagnosis) -> None:
    given = facts(options=" --server http://server", ledger_option=" --ledger l.db",
                  bundle=InBundle("a.json", Side(queue="orders", workflow_type="t"), refused=False))  # fmt: skip
    values = dict.fromkeys(("other", "folder", "rule", "mended", "worker", "compatibility", "child", "name"), "x")
    always = replace(row, says=Says.CAUSE, find=lambda _: Seen("seen", {**values, "kind": "--type"}))
    program, *words = shlex.split(diagnose(given, [always]).decided.command)
    assert not [word for word in words if "{" in word or word.isupper()]
    if program == "dw":
        return
    command: Any = get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context(command.name, words)


# --- documents ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [None, 3, [], {}, {"workflow": 1, "tasks": {"a": None}, "waits": [[]], "timers": "x"}]
)
def test_documents_of_any_shape_are_read(value: Any) -> None:
    assert side_of(value).run_id is None
    assert work_of(value).events == 0


def test_the_recorded_bundles_are_read() -> None:
    folder = ROOT / "tests" / "data" / "bundles"
    ready = json.loads((folder / "10-running-ready-workflow-task.json").read_bytes())
    work = work_of(ready)
    assert [(one.kind, one.status, one.queue, one.type_key) for one in work.tasks] == [
        ("workflow", "ready", "default", "orders.process")
    ]
    waiting = work_of(json.loads((folder / "13-waiting-for-signal.json").read_bytes()))
    assert [(wait.kind, wait.name) for wait in waiting.waits] == [("signal", "approved-by")]
    assert waiting.declared_signals == ("approved-by", "note")
    assert work_of(json.loads((folder / "61-redacted-class-redactor.json").read_bytes())).is_redacted
