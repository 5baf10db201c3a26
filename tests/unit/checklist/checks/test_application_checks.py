"""The rows of items 1, 2, 3 and 9 with plain facts: every answer of `embedded check`, bundles, workers."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from application_worlds import NOW, cutover, found, row, world
from dwctl.checklist.checks.application.rows import CHECKS
from dwctl.checklist.description.described import Described
from dwctl.checklist.facts.facts import BundleFact, BundleSet
from dwctl.checklist.gate.check import KEPT_IDS, Evidence, Finding, Severity, State
from dwctl.checklist.gate.items import Phase
from dwctl.embedded import check_rows
from dwctl.embedded.check_queries import SAY_SINCE
from dwctl.embedded.check_results import Answer, CheckResult, CheckRow, Strategy
from dwctl.embedded.check_results import Evidence as Found
from dwctl.errors import ServerTimedOut
from dwctl.server.results import Worker

SINCE = "2026-11-22T00:00:00.000000Z"
ROWS = {
    "v1.drained": check_rows.V1,
    "v1.upgrade_status": check_rows.UPGRADE,
    "types.runs": check_rows.TYPES_OF_RUNS,
    "types.activities": check_rows.TYPES_OF_ACTIVITIES,
    "types.schedules": check_rows.TYPES_OF_SCHEDULES,
    "codec.new_runs": check_rows.CODEC_NEW,
    "codec.everywhere": check_rows.CODEC_ALL,
    "codec.doctor": check_rows.DOCTOR,
    "compatibility.markers": check_rows.COMPATIBILITY,
    "starters.paused": check_rows.STARTERS,
    "starters.schedules": check_rows.SCHEDULES,
    "starters.both_runtimes": check_rows.BOTH,
}
MOMENTS = {
    "avro_since": ("types.runs", "types.activities", "codec.new_runs"),
    "starters_paused_since": ("starters.paused", "starters.both_runtimes"),
}
KEY = {name: key for key, names in MOMENTS.items() for name in names}


def result(asked: CheckRow, answer: Answer, **fields: Any) -> CheckResult:
    return CheckResult(asked, answer, **{"said": "what it said", **fields})


def of_embedded(name: str, answer: CheckResult, described: Described | None = None) -> Finding:
    return found(name, world(described, embedded=lambda: {answer.row.id: answer}))


def test_items_one_two_three_and_nine_are_all_measured() -> None:
    assert {check.item for check in CHECKS} == {1, 2, 3, 6, 9}
    assert {check.id for check in CHECKS} == {*ROWS, "types.bundles", "types.workers", "codec.bundles"}


@pytest.mark.parametrize(("name", "asked"), ROWS.items(), ids=ROWS)
def test_a_row_is_as_serious_as_in_the_embedded_check(name: str, asked: CheckRow) -> None:
    assert row(name).item == asked.item
    assert (row(name).severity is Severity.REQUIRED) is asked.required


def test_no_text_of_a_row_names_an_option_that_the_gate_does_not_have() -> None:
    for check in CHECKS:
        texts = (check.meaning, check.why, check.fix, check.evidence)
        assert not [text for text in texts if "--since" in text or "--v1" in text or "given moment" in text]
        assert all(texts)


def test_what_is_there_only_later_is_due_later() -> None:
    assert row("types.bundles").phase is row("codec.bundles").phase is Phase.IMPORT
    assert row("types.workers").phase is Phase.WORKERS
    assert row("types.runs").phase is row("v1.drained").phase is Phase.PREPARE
    assert row("starters.paused").phase is Phase.STARTS


@pytest.mark.parametrize("answer", [Answer.PASS, Answer.WARN, Answer.FAIL, Answer.UNKNOWN])
@pytest.mark.parametrize(("name", "asked"), ROWS.items(), ids=ROWS)
def test_an_answer_is_told_as_it_is(name: str, asked: CheckRow, answer: Answer) -> None:
    given = result(
        asked, answer, ids=("a", "b"), ids_are="things", count=7, evidence=(Found("the table", "seven"),),
        next_step=None if answer is Answer.PASS else "Do this.",
    )  # fmt: skip
    finding = of_embedded(name, given)
    assert finding.state == State(answer.value)
    assert (finding.said, finding.ids, finding.ids_are, finding.count) == ("what it said", ("a", "b"), "things", 7)
    assert finding.evidence == (Evidence("the table", "seven", NOW),)
    assert finding.next_step == given.next_step
    assert (finding.command is None) is (answer is Answer.PASS)
    if finding.command is not None:
        assert shlex.split(finding.command)[:5] == ["dwctl", "embedded", "check", "--only", asked.id]


def test_an_unknown_answer_still_says_who_was_asked() -> None:
    finding = of_embedded("v1.drained", result(check_rows.V1, Answer.UNKNOWN, said="no database is given"))
    assert finding.evidence == (Evidence(check_rows.V1.needs, "no database is given", NOW),)


def test_without_artisan_its_rows_are_left_out_with_the_step_that_brings_them_in() -> None:
    for name in ("v1.upgrade_status", "codec.doctor"):
        finding = of_embedded(name, result(ROWS[name], Answer.SKIPPED, said="no artisan is configured"))
        assert (finding.state, finding.said, finding.command) == (State.SKIPPED, "no artisan is configured", None)
        assert finding.next_step == "Set artisan under [embedded] of cutover.toml."


@pytest.mark.parametrize("name", ["codec.new_runs", "starters.paused", "starters.both_runtimes"])
def test_a_moment_that_nobody_wrote_is_unknown_and_says_where_to_write_it(name: str) -> None:
    finding = of_embedded(name, result(ROWS[name], Answer.UNKNOWN, next_step=SAY_SINCE))
    assert finding.state is State.UNKNOWN
    assert finding.next_step is not None
    assert f"set {KEY[name]} under [cutover] of cutover.toml" in finding.next_step.replace("Set", "set")
    assert finding.command == f"dwctl checklist --only {name}"


@pytest.mark.parametrize(("name", "key"), KEY.items())
def test_the_command_asks_about_the_moment_of_the_check_and_the_step_names_its_key(name: str, key: str) -> None:
    others = {other: "2020-01-01T00:00:00.000000Z" for other in MOMENTS if other != key}
    given = result(ROWS[name], Answer.FAIL, next_step="Wait, or correct --since.")
    finding = of_embedded(name, given, cutover(**{key: SINCE}, **others))
    assert finding.command == f"dwctl embedded check --only {ROWS[name].id} --since {SINCE} -v"
    assert finding.next_step == f"Wait, or correct {key} in cutover.toml."


def test_the_command_of_v1_names_the_strategy() -> None:
    for strategy in Strategy:
        given = result(check_rows.V1, Answer.FAIL, next_step=check_rows.V1.fix)
        finding = of_embedded("v1.drained", given, cutover(v1=strategy))
        assert finding.command == f"dwctl embedded check --only embedded.v1_drained --v1 {strategy} -v"
        assert 'With v1 = "coexist" in cutover.toml keep the v1 workers running' in str(finding.next_step)


def test_the_command_of_both_runtimes_names_the_ledger_that_is_there(tmp_path: Any) -> None:
    ledger = tmp_path / "my ledger.db"
    given = result(check_rows.BOTH, Answer.FAIL, next_step="x")
    assert "--ledger" not in str(of_embedded("starters.both_runtimes", given, cutover(ledger=ledger)).command)
    ledger.touch()
    command = str(of_embedded("starters.both_runtimes", given, cutover(ledger=ledger)).command)
    assert shlex.split(command)[-3:] == ["--ledger", str(ledger), "-v"]


def test_what_asking_raises_is_raised() -> None:
    def down() -> Any:
        raise ServerTimedOut("no answer in time")

    with pytest.raises(ServerTimedOut):
        found("v1.drained", world(embedded=down))


# Bundles


def bundle(file: str = "a.json", **fields: Any) -> BundleFact:
    sound = {
        "workflow_type": "orders.process", "workflow_class": "App\\Process", "activity_types": ("orders.charge",),
        "codecs": ("avro",),
    }  # fmt: skip
    return BundleFact(file, "0" * 64, 10, SINCE, **{**sound, **fields})


def of_bundles(name: str, *bundles: BundleFact, **fields: Any) -> Finding:
    return found(name, world(bundles=lambda: BundleSet(bundles, len(bundles), **fields)))


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("types.bundles", {"workflow_type": "App\\Process"}, "App\\Process"),
    ("types.bundles", {"workflow_type": "Process", "workflow_class": "Process"}, "Process"),
    ("types.bundles", {"activity_types": ("orders.charge", "App\\Charge")}, "App\\Charge"),
    ("types.bundles", {"rules": ("activities.type_is_class_name",)}, "an activity type that is a class name"),
    ("codec.bundles", {"codecs": ("avro", "workflow-serializer-y")}, "workflow-serializer-y"),
    ("codec.bundles", {"rules": ("payload_codec.unsupported",)}, "a payload in another codec"),
]


@pytest.mark.parametrize(("name", "fields", "named"), WRONG)
def test_one_bundle_that_is_wrong_fails_and_is_named(name: str, fields: dict[str, Any], named: str) -> None:
    finding = of_bundles(name, bundle("sound.json"), bundle("b c.json", **fields))
    assert (finding.state, finding.ids, finding.ids_are, finding.count) == (State.FAIL, ("b c.json",), "files", 1)
    assert finding.evidence[1] == Evidence("bundle b c.json", named, NOW)
    assert shlex.split(str(finding.command))[:4] == ["dwctl", "bundle", "verify", "b c.json"]
    assert finding.next_step
    other = "codec.bundles" if name == "types.bundles" else "types.bundles"
    assert of_bundles(other, bundle(**fields)).state is State.PASS


@pytest.mark.parametrize("name", ["types.bundles", "codec.bundles"])
def test_bundles_pass_where_each_was_looked_at_and_none_is_wrong(name: str) -> None:
    finding = of_bundles(name, bundle(), bundle("b.json"))
    assert (finding.state, finding.count, finding.command, finding.next_step) == (State.PASS, 0, None, None)
    assert finding.evidence[0].came == f"2 read now, the others as verified before; the oldest at {SINCE}"
    assert finding.evidence[0].at == NOW


@pytest.mark.parametrize("name", ["types.bundles", "codec.bundles"])
def test_what_cannot_be_looked_at_is_unknown_and_nothing_at_all_too(name: str) -> None:
    unreadable = bundle("bad.json", problem="it is no export bundle")
    finding = of_bundles(name, bundle(), unreadable, missing=("gone/",), lost=("lost.json",))
    assert (finding.state, finding.ids, finding.count) == (State.UNKNOWN, ("gone/", "lost.json", "bad.json"), 3)
    what = "types" if name == "types.bundles" else "codecs"
    assert finding.said == f"2 paths hold no bundle, and 1 file does not tell the {what}"
    assert finding.command
    assert of_bundles(name, missing=("gone/",)).state is State.UNKNOWN
    assert of_bundles(name, bundle(workflow_type=None, codecs=())).state is State.UNKNOWN
    nothing = of_bundles(name)
    assert (nothing.state, nothing.said) == (State.UNKNOWN, "there is no bundle to look at")
    assert nothing.command
    assert nothing.next_step


def test_a_bundle_that_is_wrong_counts_before_one_that_cannot_be_read() -> None:
    finding = of_bundles("types.bundles", bundle("bad.json", problem="no"), bundle("b.json", workflow_type="A\\B"))
    assert (finding.state, finding.ids) == (State.FAIL, ("b.json",))


def test_a_thousand_bundles_that_are_wrong_are_counted_and_the_first_are_named() -> None:
    finding = of_bundles("codec.bundles", *(bundle(f"{number}.json", codecs=("y",)) for number in range(1000)))
    assert finding.count == 1000
    assert len(finding.ids) == KEPT_IDS
    assert len(finding.evidence) < 10
    assert finding.said == "1,000 of 1,000 bundles use another codec than avro"


# Workers


def worker(worker_id: str, *, status: str = "active", workflows: tuple[str, ...] = (), **fields: Any) -> Worker:
    return Worker(
        worker_id=worker_id, namespace="production", task_queue="orders", runtime="php", sdk_version=None,
        build_id=None, workflow_types=workflows, activity_types=fields.get("activities", ()),
        max_concurrent_workflow_tasks=1, max_concurrent_activity_tasks=1, status=status, last_heartbeat_at=None,
    )  # fmt: skip


def of_workers(*workers: Worker) -> Finding:
    return found("types.workers", world(workers=lambda: workers))


@pytest.mark.parametrize("status", ["active", "draining", "a word of tomorrow"])
def test_a_worker_with_a_class_name_fails_and_is_named(status: str) -> None:
    wrong = worker("w 1", status=status, workflows=("orders.process", "App\\Process"), activities=("App\\Charge",))
    finding = of_workers(worker("sound", workflows=("orders.process",)), wrong)
    assert (finding.state, finding.ids, finding.ids_are) == (State.FAIL, ("w 1",), "workers")
    assert finding.evidence[1] == Evidence("worker w 1", "App\\Process, App\\Charge", NOW)
    assert finding.command == "dwctl worker show 'w 1' --namespace production"


def test_workers_with_keys_pass_and_so_does_one_that_takes_every_type() -> None:
    finding = of_workers(worker("a", workflows=("orders.process",)), worker("b"))
    assert (finding.state, finding.evidence[0].came) == (State.PASS, "2 alive of 2 registered")


@pytest.mark.parametrize("workers", [(), (worker("old", status="stale", workflows=("App\\Process",)),)])
def test_where_no_worker_is_alive_none_shows_its_types(workers: tuple[Worker, ...]) -> None:
    finding = of_workers(*workers)
    assert (finding.state, finding.ids) == (State.UNKNOWN, ())
    assert finding.command == "dwctl worker list --namespace production"
    assert finding.next_step
