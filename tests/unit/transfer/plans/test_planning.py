"""The plan: order, links, the target, the sample that is asked, and what is left out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from dwctl.bundle.canonical import decode
from dwctl.bundle.links import link_rows
from dwctl.bundle.verify import Verdict, VerifyOptions
from dwctl.bundle.view import BundleView
from dwctl.errors import AnswerIsNo, RequestNotPossible, ServerFailed, UnreadableInput
from dwctl.server.results import RunRow, Worker
from dwctl.server.transport import Server
from dwctl.transfer.imports.carrier import TargetFacts
from dwctl.transfer.imports.outcomes import ImportState
from dwctl.transfer.imports.way import Way
from dwctl.transfer.ledger.memory import rows_of
from dwctl.transfer.ledger.rows import LedgerState
from dwctl.transfer.plans import planning
from dwctl.transfer.plans import survey as survey_module
from dwctl.transfer.plans.content import content_to_send
from dwctl.transfer.plans.file import read_plan, write_plan
from dwctl.transfer.plans.plan import Plan, PlanAction, PlannedBundle, PlanOptions, Skip
from dwctl.transfer.plans.planning import SAMPLE, Asked, Known, Sources, plan_bundles
from dwctl.transfer.plans.survey import Survey
from dwctl.transfer.plans.verdicts import JudgeOptions, judge_file
from sample_bundles import CHAIN, LEASED, LOST_FRACTION, ORDER, SIGNED, WAITING, sealed, small_bundle

NOW = datetime(2026, 11, 23, tzinfo=UTC)
RESOLVE = PlanOptions(resolve_links="reviewed by the team")


def compared(*runs: str) -> Callable[[str], Known | None]:
    """A ledger that knows these runs as imported and compared."""
    return lambda run: Known("any", done=True, compared=True) if run in runs else None


def plan(
    files: list[Path], options: PlanOptions | None = None, sources: Sources | None = None
) -> tuple[PlannedBundle, ...]:
    judged = [judge_file(str(file), JudgeOptions(VerifyOptions(), enveloped=True)) for file in files]
    return plan_bundles(judged, options or PlanOptions(), sources or Sources())


def actions(planned: tuple[PlannedBundle, ...]) -> list[tuple[str, str]]:
    return [(Path(one.file).name, one.action.value) for one in planned]


def run_id(file: Path) -> str:
    return cast(str, cast(dict[str, Any], decode(file.read_bytes()).value)["workflow"]["run_id"])


def row(file: Path, **changes: Any) -> RunRow:
    """A run of the server, by default the one of this file."""
    workflow = cast(dict[str, Any], decode(file.read_bytes()).value)["workflow"]
    plain = RunRow(
        workflow["instance_id"], workflow["run_id"], workflow["workflow_type"], None, workflow["status"], None,
        workflow["queue"], None, None, None, workflow["run_number"],
    )  # fmt: skip
    return replace(plain, **changes)


def worker(**changes: Any) -> Worker:
    plain = Worker("w", "orders", "default", "python", None, None, (), (), None, None, "active", None)
    return replace(plain, **changes)


def survey(
    *rows: RunRow, workers: tuple[Worker, ...] = (worker(),), way: Way = Way.BYTE_EXACT, artisan: bool = False,
    limit: int = 2 << 20, days: int | None = None,
) -> Survey:  # fmt: skip
    found = Survey(
        cast(Server, None), "orders", "0.2.9", TargetFacts(limit, days), way, artisan, NOW,
        {one.run_id: one for one in rows}, workers,
    )  # fmt: skip
    found._instances.update({one.workflow_id: (one,) for one in rows})
    found._listed = frozenset(one.workflow_id for one in rows)
    return found


# --- order, links ------------------------------------------------------------------------------------------


def test_a_chain_goes_by_its_run_numbers_whatever_the_order_of_the_files() -> None:
    planned = plan([WAITING, CHAIN[2], CHAIN[0], ORDER, CHAIN[1]], RESOLVE)
    assert [Path(one.file) for one in planned if one.file != str(WAITING)][:4] == [CHAIN[0], ORDER, CHAIN[1], CHAIN[2]]
    assert [one.position for one in planned] == [0, 1, 2, 3, 4]


def test_a_shared_link_is_refused_where_nobody_asked_for_another_way() -> None:
    planned = plan(CHAIN)
    assert [one.action for one in planned] == [PlanAction.IMPORT, PlanAction.REFUSE, PlanAction.REFUSE]
    assert [one.rules for one in planned[1:]] == [("set.link_shared",), ("set.partner_not_imported",)]


def test_with_a_reason_the_later_one_waits_and_goes_without_the_link() -> None:
    first, second, third = plan(CHAIN, RESOLVE)
    assert [first.action, second.action, third.action] == [PlanAction.IMPORT, PlanAction.WAIT, PlanAction.WAIT]
    assert second.after == (run_id(CHAIN[0]),)
    assert third.after == (run_id(CHAIN[1]),)
    assert second.resolution is not None
    assert second.resolution.reason == "reviewed by the team"
    content = content_to_send(second)
    assert set(link_rows(BundleView(decode(content).value))).isdisjoint(second.resolution.removed)
    assert second.sent_sha256 != second.file_sha256


def test_a_partner_that_is_refused_keeps_its_link(tmp_path: Path) -> None:
    """Taken by the later one, it would be missing when the partner is mended and sent."""
    damaged = tmp_path / "damaged.json"
    damaged.write_bytes(CHAIN[1].read_bytes().replace(b'"sub-1"', b'"sub-9"', 1))
    judged = [
        judge_file(str(CHAIN[0]), JudgeOptions(VerifyOptions())),
        judge_file(str(damaged), JudgeOptions(VerifyOptions())),
        judge_file(str(CHAIN[2]), JudgeOptions(VerifyOptions())),
    ]
    planned = plan_bundles(judged, RESOLVE, Sources())
    assert sorted(one.action.value for one in planned) == ["import", "refuse", "refuse"]
    (third,) = (one for one in planned if one.file == str(CHAIN[2]))
    assert third.rules == ("set.partner_not_imported",)


def test_a_partner_whose_own_link_is_taken_keeps_the_next_one_with_and_without_a_persons_word() -> None:
    """The first is on the server from elsewhere and nobody will compare it: neither of the others is sent."""
    for options in (PlanOptions(), RESOLVE):
        second, third = plan(CHAIN[1:], options, Sources(survey(row(CHAIN[0]))))
        assert (second.action, second.rules) == (PlanAction.REFUSE, ("target.link_taken",))
        assert (third.action, third.rules) == (PlanAction.REFUSE, ("set.partner_not_imported",))


def test_a_partner_that_the_ledger_has_as_blocked_or_refused_keeps_its_link() -> None:
    """It is not among the bundles now; a damaged copy of the run itself does not count as its partner."""
    waiting = {run_id(CHAIN[0]): Known("any", done=False, compared=False, unresolved=True)}
    for options in (PlanOptions(), RESOLVE):
        (alone,) = plan([CHAIN[1]], options, Sources(survey(), known=waiting.get))
        assert (alone.action, alone.rules) == (PlanAction.REFUSE, ("set.partner_not_imported",))
    (earlier,) = plan([CHAIN[0]], sources=Sources(survey(), known={run_id(CHAIN[1]): waiting[run_id(CHAIN[0])]}.get))
    assert earlier.action is PlanAction.IMPORT, "the first member waits for nobody"
    both = plan(CHAIN[:2], RESOLVE, Sources(survey(), known=waiting.get))
    assert [one.action for one in both] == [PlanAction.IMPORT, PlanAction.WAIT]


def test_a_damaged_copy_of_a_partner_keeps_no_link_from_the_sound_one(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.json"
    damaged.write_bytes(CHAIN[0].read_bytes().replace(b'"completed"', b'"Completed"', 1))
    planned = plan([damaged, *CHAIN[:2]], RESOLVE)
    by_file = {one.file: one.action for one in planned}
    assert by_file[str(damaged)] is PlanAction.REFUSE
    assert [by_file[str(file)] for file in CHAIN[:2]] == [PlanAction.IMPORT, PlanAction.WAIT]


def test_a_partner_on_the_server_has_written_the_link_already() -> None:
    planned = plan([CHAIN[1]], sources=Sources(survey(row(CHAIN[0]))))
    assert planned[0].rules == ("target.link_taken",)
    resolved = plan([CHAIN[1]], RESOLVE, Sources(survey(row(CHAIN[0])), known=compared(run_id(CHAIN[0]))))
    assert resolved[0].action is PlanAction.WAIT
    assert resolved[0].after == (run_id(CHAIN[0]),)


def test_a_partner_that_nobody_will_compare_leaves_the_later_one_refused() -> None:
    """It is on the server, but neither known to the ledger nor among the bundles: it would wait for ever."""
    planned = plan([CHAIN[1]], RESOLVE, Sources(survey(row(CHAIN[0]))))
    assert (planned[0].action, planned[0].rules) == (PlanAction.REFUSE, ("target.link_taken",))
    both = plan(CHAIN[:2], RESOLVE, Sources(survey(row(CHAIN[0]))))
    assert [one.action for one in both] == [PlanAction.IMPORT, PlanAction.WAIT]


def test_a_run_that_is_there_itself_has_no_links_to_fear() -> None:
    planned = plan([CHAIN[1]], sources=Sources(survey(row(CHAIN[0]), row(CHAIN[1]))))
    assert planned[0].action is PlanAction.IMPORT
    assert [one.rule for one in planned[0].foreseen if one.severity.value == "error"] == []


def test_a_signed_bundle_is_not_resealed_without_its_key(tmp_path: Path) -> None:
    link = {"type": "child_workflow", "parent_workflow_run_id": "other", "child_workflow_run_id": "run-1"}
    signed = tmp_path / "signed.json"
    signed.write_bytes(sealed(small_bundle({"links.parents": [link]}), key="secret"))
    parent = row(ORDER, run_id="other", workflow_id="other")
    planned = plan([signed], RESOLVE, Sources(survey(parent), known=compared("other")))[0]
    assert planned.action is PlanAction.REFUSE
    said = "the bundle is signed, and without the key it cannot be signed again. Give the key with --signing-key-file."
    assert planned.problem == said
    again = plan([signed], RESOLVE, Sources(survey(parent), known=compared("other"), signing_key=b"secret"))[0]
    assert again.action is PlanAction.WAIT


# --- what is left out --------------------------------------------------------------------------------------


def test_what_is_not_chosen_is_skipped_with_the_reason() -> None:
    planned = plan([ORDER, WAITING], PlanOptions(only=("orders.process",)))
    assert [(one.action, one.skip) for one in planned] == [
        (PlanAction.IMPORT, None), (PlanAction.SKIP, Skip.NOT_CHOSEN),
    ]  # fmt: skip


def test_a_limit_counts_what_is_sent() -> None:
    planned = plan([LEASED, ORDER, WAITING], PlanOptions(limit=1))
    assert [(one.action, one.skip) for one in planned] == [
        (PlanAction.REFUSE, None), (PlanAction.IMPORT, None), (PlanAction.SKIP, Skip.LIMIT),
    ]  # fmt: skip


def test_a_second_file_of_the_same_export_is_skipped(tmp_path: Path) -> None:
    copy = tmp_path / "copy.json"
    copy.write_bytes(ORDER.read_bytes())
    assert [one.skip for one in plan([ORDER, copy])] == [None, Skip.DUPLICATE]


@pytest.mark.parametrize(
    ("known", "action"),
    [
        (Known("other key", done=True, compared=True), PlanAction.IMPORT),
        (Known(None, done=True, compared=False), PlanAction.IMPORT),
        (Known(None, done=False, compared=False), PlanAction.IMPORT),
        (Known(None, done=True, compared=True), PlanAction.SKIP),
    ],
)
def test_only_what_is_done_and_compared_is_not_sent_again(known: Known, action: PlanAction) -> None:
    key = cast(dict[str, Any], decode(ORDER.read_bytes()).value)["dedupe_key"]
    known = replace(known, dedupe_key=known.dedupe_key or key)
    assert plan([ORDER], sources=Sources(known=lambda run: known))[0].action is action


def test_a_run_exported_at_two_moments_is_refused_twice(tmp_path: Path) -> None:
    """The older export would leave out what has happened since: nobody but a person can choose."""
    later = tmp_path / "later.json"
    later.write_bytes(sealed(small_bundle({"dedupe_key": "run-1:3:later"})))
    earlier = tmp_path / "earlier.json"
    earlier.write_bytes(sealed(small_bundle()))
    planned = plan([later, earlier])
    assert [(one.action, one.rules) for one in planned] == [(PlanAction.REFUSE, ("set.same_run_twice",))] * 2


def test_a_damaged_copy_is_no_second_fate_of_a_run(tmp_path: Path) -> None:
    whole, damaged = tmp_path / "a.json", tmp_path / "b.json"
    whole.write_bytes(ORDER.read_bytes())
    damaged.write_bytes(ORDER.read_bytes().replace(b"order-1001", b"order-1002", 1))
    planned = plan([whole, damaged])
    assert [one.action for one in planned] == [PlanAction.IMPORT, PlanAction.REFUSE]
    (kept,) = rows_of(replace(whole_plan(), bundles=planned))
    assert (kept.state, kept.file) == (LedgerState.PLANNED, str(whole))


def test_a_partner_that_the_target_refuses_takes_no_link() -> None:
    """The chain's first member is too large for HTTP, so its link row stays free for the second."""
    limit = CHAIN[0].stat().st_size - 1
    first, second = plan(CHAIN[:2], sources=Sources(survey(limit=limit)))
    assert first.rules == ("transit.too_large",)
    assert "set.link_shared" not in second.rules


def test_what_cannot_be_read_is_refused_and_says_why(tmp_path: Path) -> None:
    planned = plan([tmp_path / "missing.json"])[0]
    assert (planned.action, planned.problem) == (PlanAction.REFUSE, "there is no such file")


# --- the target --------------------------------------------------------------------------------------------


def test_too_large_for_http_goes_through_artisan_or_is_refused() -> None:
    assert plan([ORDER], sources=Sources(survey(limit=1000)))[0].rules == ("transit.too_large",)
    planned = plan([ORDER], sources=Sources(survey(limit=1000, artisan=True)))[0]
    assert (planned.action, planned.way) == (PlanAction.IMPORT, Way.ARTISAN)


def test_what_an_envelope_would_damage_is_refused_only_there(tmp_path: Path) -> None:
    padded = tmp_path / "padded.json"
    padded.write_bytes(sealed(small_bundle({"workflow.memo": {"note": " x "}})))
    assert plan([padded], sources=Sources(survey()))[0].action is PlanAction.IMPORT
    assert plan([padded], sources=Sources(survey(way=Way.ENVELOPE)))[0].rules == ("transit.would_be_rewritten",)


def test_a_taken_instance_id_is_foreseen_from_its_runs() -> None:
    taken = row(ORDER, run_id="another")
    assert plan([ORDER], sources=Sources(survey(taken)))[0].rules == ("target.instance_id_taken",)


def test_retention_is_foreseen() -> None:
    assert plan([ORDER], sources=Sources(survey(days=0)))[0].rules == ("target.retention_would_prune",)


@pytest.mark.parametrize(
    ("workers", "rules"),
    [
        ((worker(),), ()),
        ((worker(workflow_types=("orders.approval",)),), ()),
        ((worker(workflow_types=("orders.process",)),), ("target.nobody_serves",)),
        ((worker(status="stale"),), ("target.nobody_serves",)),
        ((worker(task_queue="other"),), ("target.nobody_serves",)),
        ((), ("target.nobody_serves",)),
    ],
)
def test_types_and_queues_that_nobody_serves_are_named(workers: tuple[Worker, ...], rules: tuple[str, ...]) -> None:
    assert plan([WAITING], sources=Sources(survey(workers=workers)))[0].rules == rules


# --- who is asked about ------------------------------------------------------------------------------------


def asker(state: ImportState, *rules: str, error: Any = None) -> tuple[list[str], Callable[..., Asked]]:
    asked: list[str] = []

    def ask(bundle: PlannedBundle, verdict: Verdict) -> Asked:
        asked.append(bundle.file)
        return Asked(state, rules, error)

    return asked, ask


def test_one_in_a_hundred_and_every_suspect_is_asked_about(tmp_path: Path) -> None:
    files = []
    for number in range(SAMPLE + 1):
        file = tmp_path / f"{number:03}.json"
        changes = {"workflow.run_id": f"run-{number}", "workflow.instance_id": f"i-{number}"}
        file.write_bytes(sealed(small_bundle(changes)))
        files.append(file)
    suspect = row(ORDER, run_id="run-7", workflow_id="i-7")
    asked, ask = asker(ImportState.WOULD_IMPORT)
    planned = plan(files, sources=Sources(survey(suspect), ask=ask))
    assert [Path(file).stem for file in asked] == ["000", "007"]
    assert [one.asked for one in planned].count(True) == 2


def test_of_very_many_suspects_the_rest_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "MOST_SUSPECTS", 3)
    files, rows = [], []
    for number in range(10):
        file = tmp_path / f"{number}.json"
        changes = {"workflow.run_id": f"run-{number}", "workflow.instance_id": f"i-{number}"}
        file.write_bytes(sealed(small_bundle(changes)))
        files.append(file)
        rows.append(row(file))
    asked, ask = asker(ImportState.ALREADY_IMPORTED)
    planned = plan(files, sources=Sources(survey(*rows), ask=ask))
    assert len(asked) == 4
    assert sum("was not asked" in " ".join(one.unknown) for one in planned) == 6


def test_of_very_many_instances_that_are_there_the_rest_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey_module, "MOST_INSTANCES", 0)
    target = survey(row(ORDER, run_id="another"))
    target._instances.clear()
    planned = plan([ORDER], sources=Sources(target))[0]
    assert planned.action is PlanAction.IMPORT
    assert "other runs of the instance" in planned.unknown[0]


def test_a_refusal_of_the_server_refuses_with_its_rules() -> None:
    _, ask = asker(ImportState.REFUSED, "target.run_id_conflict")
    planned = plan([ORDER], sources=Sources(survey(row(ORDER)), ask=ask))[0]
    assert (planned.action, planned.rules) == (PlanAction.REFUSE, ("target.run_id_conflict",))


def test_a_run_that_the_server_has_elsewhere_is_refused() -> None:
    _, ask = asker(ImportState.ALREADY_IMPORTED)
    target = survey()
    target._instances["order-1001"] = ()
    planned = plan([ORDER], sources=Sources(target, ask=ask))[0]
    assert (planned.action, planned.rules, planned.asked) == (PlanAction.REFUSE, ("target.run_elsewhere",), True)


def test_a_run_that_retention_has_pruned_is_said_to_be() -> None:
    _, ask = asker(ImportState.ALREADY_IMPORTED)
    target = survey()
    target._instances["order-1001"] = (row(ORDER),)
    planned = plan([ORDER], sources=Sources(target, ask=ask))[0]
    assert (planned.action, planned.rules) == (PlanAction.IMPORT, ("target.run_pruned",))


@pytest.mark.parametrize("known", [{"done": True}, {"done": False, "in_doubt": True}])
def test_a_run_that_we_sent_ourselves_is_compared_wherever_it_is(known: dict[str, Any]) -> None:
    _, ask = asker(ImportState.ALREADY_IMPORTED)
    sources = Sources(survey(), known=lambda run: Known("any", compared=False, **known), ask=ask)
    assert plan([ORDER], sources=sources)[0].action is PlanAction.IMPORT


def test_a_list_that_is_not_whole_says_nothing_of_where_a_run_is() -> None:
    _, ask = asker(ImportState.ALREADY_IMPORTED)
    target = survey()
    target.complete = False
    assert plan([ORDER], sources=Sources(target, ask=ask))[0].action is PlanAction.IMPORT


def test_a_file_that_is_gone_when_it_is_asked_about_is_refused_and_another_one_asked() -> None:
    answers = iter([
        Asked(ImportState.NOT_TRIED, error=UnreadableInput("there is no such file")), Asked(ImportState.WOULD_IMPORT),
    ])  # fmt: skip
    target = survey()
    first, second = plan([ORDER, WAITING], sources=Sources(target, ask=lambda bundle, verdict: next(answers)))
    assert (first.action, first.problem, first.run) == (PlanAction.REFUSE, "there is no such file", None)
    assert (second.action, second.asked, target.dry_runs) == (PlanAction.IMPORT, True, 1)


def test_an_answer_that_is_none_leaves_the_question_open() -> None:
    answers = iter([Asked(ImportState.WOULD_IMPORT), Asked(ImportState.UNKNOWN, error=ServerFailed("busy"))])
    sources = Sources(survey(row(WAITING)), ask=lambda bundle, verdict: next(answers))
    first, second = plan([ORDER, WAITING], sources=sources)
    assert (first.asked, second.asked) == (True, False)
    assert second.unknown == ("The server was asked about it, and the answer was: busy",)


def test_a_first_question_without_an_answer_ends_the_plan() -> None:
    _, ask = asker(ImportState.UNKNOWN, error=ServerFailed("busy"))
    with pytest.raises(ServerFailed, match="busy"):
        plan([ORDER, WAITING], sources=Sources(survey(), ask=ask))


# --- the file ----------------------------------------------------------------------------------------------


def whole_plan() -> Plan:
    bundles = plan([*CHAIN, ORDER, WAITING, LEASED, LOST_FRACTION, SIGNED], RESOLVE, Sources(survey()))
    return Plan("2026-11-23T00:00:00Z", "0.1.0", "http://s", "0.2.9", "id", RESOLVE, bundles, survey().summary, ("x",))


def test_a_plan_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "plan.jsonl"
    written = whole_plan()
    write_plan(written, str(file))
    assert read_plan(str(file)) == written
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("cut", [0, 10, 1000, -1, -40])
def test_half_a_plan_is_no_plan(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "plan.jsonl"
    write_plan(whole_plan(), str(file))
    file.write_bytes(file.read_bytes()[:cut] if cut != -1 else file.read_bytes()[:-2])
    with pytest.raises(RequestNotPossible) as caught:
        read_plan(str(file))
    assert caught.value.reason == "unusable_plan"


def test_an_edited_plan_is_no_plan(tmp_path: Path) -> None:
    file = tmp_path / "plan.jsonl"
    write_plan(whole_plan(), str(file))
    file.write_bytes(file.read_bytes().replace(b'"action":"refuse"', b'"action":"import"'))
    with pytest.raises(RequestNotPossible):
        read_plan(str(file))


def rewritten(file: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Edit the bundles of a plan, and make its last line anew."""
    head, *bundles, _ = (json.loads(line) for line in file.read_text().splitlines())
    change(bundles)
    body = b"".join(json.dumps(one).encode() + b"\n" for one in (head, *bundles))
    end = {"lines": 1 + len(bundles), "sha256": hashlib.sha256(body).hexdigest()}
    file.write_bytes(body + json.dumps(end).encode() + b"\n")


EDITS: dict[str, tuple[Callable[[list[dict[str, Any]]], Any], str]] = {
    "nothing": (lambda rows: rows.clear(), "it has no bundle"),
    "twice": (lambda rows: rows.append(rows[0] | {"position": len(rows)}), "its run is sent twice"),
    "disorder": (lambda rows: rows.reverse(), "it is not in its place"),
    "no verdict": (lambda rows: rows[0].update(verdict=None), "without a verdict on a run"),
    "huge": (lambda rows: rows[0].update(file_bytes=10**30), "its size is no size"),
    "run number": (lambda rows: rows[0]["verdict"]["run"].update(run_number=10**30), "its run number is none"),
    "skip": (lambda rows: rows[0].update(skip="limit"), "a reason to leave it out"),
    "digest": (lambda rows: rows[0].update(sent_sha256=""), "no sha256 pins it"),
    "refused": (lambda rows: rows[-1].update(action="import"), "it is to be sent, and refused"),
    "waits for nobody": (lambda rows: rows[0].update(action="wait"), "it is to wait"),
    "stdin": (lambda rows: rows[0].update(file="-"), "standard input"),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_plan_that_was_edited_to_make_no_sense_is_no_plan(tmp_path: Path, name: str) -> None:
    file = tmp_path / "plan.jsonl"
    change, said = EDITS[name]
    bundles = plan([ORDER, WAITING, LEASED], sources=Sources(survey()))
    write_plan(replace(whole_plan(), bundles=bundles), str(file))
    rewritten(file, lambda rows: None)
    assert read_plan(str(file)).bundles == bundles
    rewritten(file, change)
    with pytest.raises(RequestNotPossible) as caught:
        read_plan(str(file))
    assert caught.value.reason == "unusable_plan"
    assert said in caught.value.message


def test_a_plan_is_read_as_it_was_written_whatever_its_name(tmp_path: Path) -> None:
    file = str(tmp_path / "plan.jsonl.gz")
    write_plan(whole_plan(), file)
    assert read_plan(file) == whole_plan()


def test_a_plan_is_not_written_over_another_file_and_names_no_option_that_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "plan.jsonl"
    file.write_text("mine")
    with pytest.raises(RequestNotPossible) as caught:
        write_plan(whole_plan(), str(file))
    assert caught.value.reason == "file_exists"
    assert "--force" not in str(caught.value.next_step)


# --- what is sent ------------------------------------------------------------------------------------------


def test_a_repaired_bundle_is_sent_repaired() -> None:
    planned = plan([LOST_FRACTION])[0]
    assert planned.repair is not None
    assert content_to_send(planned) != LOST_FRACTION.read_bytes()


def test_a_file_that_has_changed_is_not_sent(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(ORDER.read_bytes())
    planned = plan([file])[0]
    file.write_bytes(ORDER.read_bytes() + b" ")
    with pytest.raises(AnswerIsNo) as caught:
        content_to_send(planned)
    assert caught.value.reason == "file_changed"
