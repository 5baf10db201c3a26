"""The checks of item 11 on plain facts: every state of each, its evidence, and what it says to type next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from application_worlds import NOW
from asked_worlds import Answer, bundle, refusal, reply, unreadable
from dwctl.checklist.checks.imports.rows import CHECKS
from dwctl.checklist.facts.facts import DriftFacts
from dwctl.checklist.facts.world import Missing
from dwctl.checklist.gate.check import KEPT_IDS, Finding, Need, State
from dwctl.errors import NotAuthorized, ServerFailed
from dwctl.server.results import TaskQueue
from import_gates import (
    CAME,
    COMPARED,
    DATABASE,
    URL,
    ask,
    demanding,
    described,
    fact,
    gate,
    history,
    ledger,
    listed,
    overdue,
    path,
    queue,
    queue_shown,
    run_id,
)

PASS, WARN, FAIL, UNKNOWN = State.PASS, State.WARN, State.FAIL, State.UNKNOWN
TARGET = f"--server {URL} --namespace production"
GONE = refusal(404, "instance_not_found")


def good(finding: Finding) -> Finding:
    """Hold a finding to what every finding must have."""
    assert finding.said
    assert finding.count >= len(finding.ids) <= KEPT_IDS
    assert finding.evidence
    assert all(one.asked and one.came and one.at in (NOW, COMPARED) for one in finding.evidence)
    if finding.state is PASS:
        assert finding.command is None
    else:
        assert finding.next_step
    if finding.command is not None:
        assert shlex.split(finding.command)[0] in ("dwctl", "dw")
    assert "tok-" not in repr(finding)
    return finding


# --- the rows -----------------------------------------------------------------------------------------------


def test_item_eleven_has_its_rows_and_the_worst_comes_first() -> None:
    assert {check.item for check in CHECKS} == {11}
    assert [check.id for check in CHECKS] == [
        "imports.once", "imports.ledger_sound", "imports.import_id", "imports.settled", "imports.present",
        "imports.compared", "imports.claimed", "imports.ended", "imports.timers",
    ]  # fmt: skip
    assert {check.category for check in CHECKS} == {"imports"}
    assert all(check.meaning and check.why and check.fix and check.evidence for check in CHECKS)


def test_what_the_rows_of_a_ledger_prove_waits_for_the_ledger_to_be_sound() -> None:
    waiting = {check.id for check in CHECKS if check.after}
    assert waiting == {check.id for check in CHECKS} - {"imports.once", "imports.ledger_sound"}
    assert {after for check in CHECKS for after in check.after} == {"imports.ledger_sound"}


@pytest.mark.parametrize("check", [check.id for check in CHECKS if check.id not in ("imports.ledger_sound",
                                                                                    "imports.import_id")])  # fmt: skip
def test_where_nothing_was_imported_nothing_passes(check: str) -> None:
    nothing = gate(ledger(), runs=(listed(),), bundles=(bundle(1),))
    finding = good(ask(check, nothing))
    assert (finding.state, finding.command) == (UNKNOWN, _again())
    assert "no run that is on the server" in finding.said


def _again(*more: str) -> str:
    return " ".join([
        "dwctl history-import exports", *more,
        f"--import-id orders-1 --ledger /srv/ledger.db {TARGET}",
    ])  # fmt: skip


# --- settled ------------------------------------------------------------------------------------------------


def test_every_bundle_with_a_row_that_is_on_the_server_is_settled() -> None:
    known = ledger(fact(1), fact(2, state="already_imported"), fact(9, state="refused"))
    finding = good(ask("imports.settled", gate(known, bundles=(bundle(1), bundle(2)))))
    assert (finding.state, finding.said) == (PASS, "on the server: 2 runs, which is every bundle")


@pytest.mark.parametrize(
    ("state", "command"),
    [
        *((state, _again()) for state in ("planned", "sending", "failed", "moved", "unknown", "skipped")),
        *((state, f"dwctl ledger list --state {state} --ledger /srv/ledger.db") for state in ("blocked", "refused")),
    ],
)
def test_a_bundle_that_is_not_there_is_named_with_its_state(state: str, command: str) -> None:
    known = ledger(fact(1), fact(2, state=state))
    finding = good(ask("imports.settled", gate(known, bundles=(bundle(1), bundle(2)))))
    assert (finding.state, finding.ids, finding.count) == (FAIL, (run_id(2),), 1)
    assert finding.said == f"not on the server: 1 {state}, of 2 bundles"
    assert finding.command == command


def test_a_bundle_without_a_row_is_not_there() -> None:
    finding = good(ask("imports.settled", gate(ledger(fact(1)), bundles=(bundle(1), bundle(2)))))
    assert (finding.state, finding.ids) == (FAIL, (run_id(2),))
    assert "1 without a row" in finding.said


def test_all_states_are_counted_and_only_some_ids_are_kept() -> None:
    rows = [fact(number, state="failed" if number % 2 else "refused") for number in range(500)]
    finding = good(ask("imports.settled", gate(ledger(*rows), bundles=[bundle(number) for number in range(500)])))
    assert finding.said == "not on the server: 250 failed, 250 refused, of 500 bundles"
    assert (len(finding.ids), finding.count) == (KEPT_IDS, 500)


def test_a_state_that_nobody_knows_is_not_there() -> None:
    finding = good(ask("imports.settled", gate(ledger(fact(1, state="elsewhere")), bundles=(bundle(1),))))
    assert (finding.state, finding.ids) == (FAIL, (run_id(1),))


def test_a_file_that_cannot_be_read_is_not_taken_for_imported() -> None:
    finding = good(ask("imports.settled", gate(ledger(fact(1)), bundles=(bundle(1), unreadable(2)))))
    assert finding.state is FAIL
    assert "1 file that cannot be read (/exports/2.json)" in finding.said
    assert finding.command == "dwctl bundle verify /exports/2.json"


def test_without_any_bundle_there_is_nothing_to_settle() -> None:
    assert good(ask("imports.settled", gate(ledger(fact(1))))).state is UNKNOWN


# --- the ledger ---------------------------------------------------------------------------------------------


def test_a_sound_ledger_says_how_far_it_was_audited_and_its_head() -> None:
    finding = good(ask("imports.ledger_sound", gate(ledger(fact()))))
    assert finding.state is PASS
    assert finding.said == "the ledger agrees with itself: the end of its log (--deep computes every hash)"
    assert finding.evidence[-1].came == "ab" * 32


def test_an_edited_ledger_fails() -> None:
    known = ledger(fact(), sound=False, trouble="event 7: it is not what its own hash covers: edited")
    finding = good(ask("imports.ledger_sound", gate(known)))
    assert (finding.state, finding.command) == (FAIL, "dwctl ledger audit --ledger /srv/ledger.db")
    assert "event 7" in finding.said


def test_the_import_id_is_the_one_of_the_cutover() -> None:
    finding = good(ask("imports.import_id", gate(ledger(fact()), import_id="orders-1")))
    assert (finding.state, "the cutover's" in finding.said) == (PASS, True)
    finding = good(ask("imports.import_id", gate(ledger(fact()))))
    assert (finding.state, "cutover.toml names none" in finding.said) == (PASS, True)


def test_a_ledger_under_another_import_id_fails_and_both_are_named() -> None:
    finding = good(ask("imports.import_id", gate(ledger(fact()), import_id="orders-2")))
    assert (finding.state, finding.ids) == (FAIL, (run_id(1),))
    assert finding.said == "the ledger's import id is orders-1, and the cutover's is orders-2"


def test_a_run_that_went_under_another_import_id_fails() -> None:
    known = ledger(
        fact(1), fact(2, import_id="trial"), fact(3, import_id="trial", state="failed"), fact(4, import_id=None)
    )
    finding = good(ask("imports.import_id", gate(known, import_id="orders-1")))
    assert (finding.state, finding.ids) == (FAIL, (run_id(2),))
    assert "trial (1)" in finding.said


# --- in one runtime only ------------------------------------------------------------------------------------


def drift(**changes: Any) -> DriftFacts:
    return DriftFacts(DATABASE, COMPARED, **changes)


def test_copies_that_stand_still_and_have_nothing_to_do_are_parked() -> None:
    finding = good(ask("imports.once", gate(ledger(fact(1), fact(2)), drift=drift(unmoved=2))))
    assert finding.state is PASS
    assert finding.evidence[0].asked.endswith(DATABASE)


@pytest.mark.parametrize(
    ("found", "state", "said"),
    [
        (drift(moved_since_import=(run_id(1),), moved_since_export=("other",), gone=(run_id(2),)), FAIL,
         "both runtimes run it"),
        (drift(moved_in_doubt=("run-9",)), FAIL, "whether the server has the run is not known"),
        (drift(unknown=(run_id(1),)), UNKNOWN, "nobody can say"),
        (drift(gone=(run_id(1),)), UNKNOWN, "no copy any more"),
        (drift(may_wake=(run_id(1),), held=(run_id(1),)), FAIL, "a worker of the embedded application has taken 1 run"),
        (drift(may_wake=(run_id(1),)), WARN, "only the pause of the embedded workers keeps 1 run"),
        (drift(may_wake=None), WARN, "whether one may wake is not known"),
        (drift(doubts=("the table workflow_tasks cannot be read",)), WARN, "the table workflow_tasks cannot be read"),
    ],
)  # fmt: skip
def test_a_copy_that_moved_may_move_or_is_not_known_is_told(found: DriftFacts, state: State, said: str) -> None:
    finding = good(ask("imports.once", gate(ledger(fact(1), fact(2)), drift=found)))
    assert finding.state is state
    assert said in finding.said
    command = "drift" if state in (FAIL, UNKNOWN) else "parked"
    assert finding.command == f"dwctl embedded {command} --ledger /srv/ledger.db"


def test_a_run_that_was_only_exported_may_move_as_far_as_this_check_goes() -> None:
    found = drift(moved_since_export=("other",), gone=("elsewhere",), unknown=("unread",))
    assert good(ask("imports.once", gate(ledger(fact(1)), drift=found))).state is PASS


# --- on the server ------------------------------------------------------------------------------------------


def test_all_imported_runs_are_in_the_list() -> None:
    known = ledger(fact(1), fact(2, state="already_imported"), fact(3, state="failed"))
    finding = good(ask("imports.present", gate(known, runs=(listed(1), listed(2, "completed"), listed(7)))))
    assert finding.state is PASS
    assert "listed in namespace production: 2 imported runs" in finding.said
    assert "this server shows neither engine source nor import id" in finding.said
    assert f"2 of 2 runs, between {COMPARED} and {COMPARED}, the oldest 12 hours ago" in finding.evidence[-1].came


def test_a_run_that_the_server_does_not_have_fails() -> None:
    finding = good(ask("imports.present", gate(ledger(fact(1), fact(2)), runs=(listed(1),), answers={path(2): GONE})))
    assert (finding.state, finding.ids) == (FAIL, (run_id(2),))
    assert finding.said == "not on the server, and imported as the ledger says: 1 run"
    assert finding.command == f"dwctl workflow show order-2 {TARGET}"
    assert "instance_not_found" in finding.evidence[-1].came


@pytest.mark.parametrize("answer", [None, refusal(500, "")])
def test_a_run_that_is_described_and_not_listed_was_pruned(answer: Answer | None) -> None:
    answers = described(2) if answer is None else {path(2): answer}
    finding = good(ask("imports.present", gate(ledger(fact(1), fact(2)), runs=(listed(1),), answers=answers)))
    assert (finding.state, finding.ids) == (FAIL, (run_id(2),))
    assert "retention prunes" in finding.said
    assert finding.command == f"dwctl namespace show production {TARGET}"


def test_a_list_that_changed_under_way_proves_no_absence() -> None:
    seen = gate(ledger(fact(1), fact(2)), runs=(listed(1),), complete=False, answers=described(2))
    finding = good(ask("imports.present", seen))
    assert (finding.state, finding.ids) == (UNKNOWN, (run_id(2),))


def test_a_list_that_changed_and_shows_all_is_enough() -> None:
    assert good(ask("imports.present", gate(ledger(fact(1)), runs=(listed(1),), complete=False))).state is PASS


def test_a_server_that_shows_the_marks_is_believed() -> None:
    row = listed(1, engine_source="embedded_v2_import")
    answers = described(1, engine_source="embedded_v2_import", import_id="orders-1")
    finding = good(ask("imports.present", gate(ledger(fact(1)), runs=(row,), answers=answers)))
    assert finding.state is PASS
    assert "the server shows them as embedded_v2_import" in finding.said
    assert "under orders-1" in [one.came for one in finding.evidence]


@pytest.mark.parametrize(
    ("row", "detail"),
    [
        ({"engine_source": "v2"}, {}),
        ({"engine_source": "embedded_v2_import", "import_id": "trial"}, {}),
        ({"engine_source": "embedded_v2_import"}, {"engine_source": "embedded_v2_import", "import_id": "trial"}),
    ],
)
def test_a_run_under_other_marks_fails(row: Mapping[str, Any], detail: Mapping[str, Any]) -> None:
    seen = gate(ledger(fact(1)), runs=(listed(1, **row),), answers=described(1, **detail) if detail else {})
    finding = good(ask("imports.present", seen))
    assert (finding.state, finding.ids) == (FAIL, (run_id(1),))
    assert "orders-1" in finding.said
    assert "trial" in finding.said or "v2" in finding.said


# --- compared -----------------------------------------------------------------------------------------------


def test_what_was_compared_is_described_again() -> None:
    answers = described(1, status="completed", wait_kind=None) | {path(2): refusal(500, "")}
    finding = good(
        ask("imports.compared", gate(ledger(fact(1), fact(2)), runs=(listed(1), listed(2)), answers=answers))
    )
    assert finding.state is PASS
    assert "described again now: 2 of 2 runs" in finding.said


def test_a_difference_that_the_import_found_fails() -> None:
    finding = good(ask("imports.compared", gate(ledger(fact(1, differs_at=COMPARED), fact(2, compared_at=None)))))
    assert (finding.state, finding.ids) == (FAIL, (run_id(1),))
    assert finding.command == "dwctl ledger list --differs --ledger /srv/ledger.db"


def test_a_run_that_was_not_compared_is_unknown() -> None:
    finding = good(ask("imports.compared", gate(ledger(fact(1), fact(2, compared_at=None)))))
    assert (finding.state, finding.ids, finding.command) == (UNKNOWN, (run_id(2),), _again())


@pytest.mark.parametrize(
    ("row", "answers", "said"),
    [
        (fact(1), described(1, workflow_type="orders.other"), "has the type orders.other, not orders.process"),
        (fact(1), described(1, task_queue="billing"), "has the queue billing, not orders"),
        (fact(1, status="completed"), described(1), "is waiting, not completed"),
        (fact(1), {path(1): GONE}, "is not found (instance_not_found)"),
        (fact(1, status="failed"), {path(1): refusal(500, "")}, "is waiting, not failed"),
    ],
)
def test_a_run_that_is_no_longer_what_it_was_fails(row: Any, answers: Mapping[str, Answer], said: str) -> None:
    finding = good(ask("imports.compared", gate(ledger(row), runs=(listed(1),), answers=answers)))
    assert (finding.state, finding.ids) == (FAIL, (run_id(1),))
    assert said in finding.said
    assert finding.command == _again("--compare deep")


def test_a_run_that_can_be_neither_described_nor_listed_fails() -> None:
    finding = good(ask("imports.compared", gate(ledger(fact(1)), answers={path(1): refusal(500, "")})))
    assert (finding.state, "neither described" in finding.said) == (FAIL, True)


@pytest.mark.parametrize(
    ("count", "deep", "asked"), [(20, False, 20), (21, False, 20), (3000, False, 30), (40, True, 40)]
)
def test_one_in_a_hundred_is_asked_again_and_always_the_same(count: int, deep: bool, asked: int) -> None:
    rows = [fact(number) for number in range(count)]
    answers = {key: answer for number in range(count) for key, answer in described(number).items()}
    seen = gate(ledger(*rows), runs=[listed(number) for number in range(count)], answers=answers, deep=deep)
    first, again = (good(ask("imports.compared", seen)) for _ in range(2))
    assert first == again
    assert f"described again now: {asked:,} of {count:,} runs" in first.said


def test_a_server_that_does_not_answer_is_no_finding() -> None:
    with pytest.raises(NotAuthorized):
        ask(
            "imports.compared",
            gate(ledger(fact(1)), runs=(listed(1),), answers={path(1): refusal(401, "unauthorized")}),
        )


# --- claimed ------------------------------------------------------------------------------------------------


def claimed(
    rows: Sequence[Any], queues: Sequence[TaskQueue], answers: Mapping[str, Answer] | None = None, **more: Any
) -> Finding:
    numbers = [int(row.run_id.removeprefix("run-")) for row in rows]
    more.setdefault("bundles", [bundle(number) for number in numbers])
    runs = more.pop("runs", None) or [listed(number) for number in numbers]
    return good(ask("imports.claimed", gate(ledger(*rows), runs=runs, queues=queues, answers=answers, **more)))


def test_closed_runs_need_nobody() -> None:
    finding = claimed([fact(1)], [queue(waiting=4)], runs=[listed(1, "completed")])
    assert (finding.state, finding.said) == (PASS, "all have ended: 1 imported run")


@pytest.mark.parametrize("check", ["imports.claimed", "imports.timers"])
def test_of_runs_that_are_not_listed_nobody_knows_what_they_do(check: str) -> None:
    finding = good(ask(check, gate(ledger(fact(1), fact(2)), runs=(listed(1, "completed"),))))
    assert (finding.state, finding.ids) == (UNKNOWN, (run_id(2),))


@pytest.mark.parametrize("queues", [(), (queue(),), (queue(), queue("elsewhere", 9))])
def test_where_nothing_waits_everything_was_claimed(queues: Sequence[TaskQueue]) -> None:
    assert claimed([fact(1), fact(2)], queues).state is PASS


def test_a_run_that_waits_for_a_worker_as_it_came_is_unclaimed() -> None:
    answers = described(1, wait_kind="workflow-task") | described(2) | queue_shown()
    finding = claimed([fact(1), fact(2)], [queue(waiting=1)], answers)
    assert (finding.state, finding.ids) == (FAIL, (run_id(1),))
    assert finding.said == "unclaimed: 1 run in orders, which live workers poll"
    assert finding.command == f"dwctl diagnose order-1 {TARGET}"


def test_of_many_unclaimed_runs_a_sample_is_named_as_one() -> None:
    rows = [fact(number) for number in range(300)]
    answers = {key: one for row in range(300) for key, one in described(row, wait_kind="activity").items()}
    finding = claimed(rows, [queue(waiting=300)], answers | queue_shown())
    assert finding.said == "unclaimed: 20 runs (20 of 300 open runs asked) in orders, which live workers poll"


def test_a_queue_that_nobody_polls_is_the_first_thing_to_say() -> None:
    answers = described(1, wait_kind="workflow-task") | queue_shown()
    finding = claimed([fact(1)], [queue(waiting=1, polled=0)], answers)
    assert (finding.state, finding.said) == (FAIL, "unclaimed: 1 run, and no live worker polls orders")
    assert finding.command == f"dwctl worker coverage exports {TARGET}"


def test_a_run_whose_task_is_held_is_claimed() -> None:
    assert claimed([fact(1)], [queue(waiting=1)], queue_shown("orders", run_id(1))).state is PASS


def test_a_lease_that_is_over_holds_nothing() -> None:
    answers = described(1, wait_kind="workflow-task") | queue_shown("orders", run_id(1), expired=True)
    assert claimed([fact(1)], [queue(waiting=1)], answers).state is FAIL


@pytest.mark.parametrize(
    ("event", "state"), [("ActivityScheduled", PASS), ("TimerScheduled", PASS), ("SignalReceived", FAIL)]
)
def test_a_run_that_got_further_was_claimed_only_if_a_worker_brought_it_there(event: str, state: State) -> None:
    answers = described(1, wait_kind="workflow-task", last_progress_at="2026-11-23T07:00:00+00:00") | queue_shown()
    came = [{"event_type": name} for name in ("StartAccepted", "WorkflowStarted", "ActivityScheduled")]
    answers |= history(1, *came, {"event_type": event})
    assert claimed([fact(1)], [queue(waiting=1)], answers).state is state


def test_an_activity_waits_in_its_own_queue() -> None:
    answers = described(1, wait_kind="activity") | queue_shown("charges")
    queues = [queue(), queue("charges", 1, polled=0)]
    finding = claimed([fact(1)], queues, answers, bundles=(demanding(1, "charges"),))
    assert (finding.state, finding.said) == (FAIL, "unclaimed: 1 run, and no live worker polls charges")


def test_without_the_bundles_the_tasks_of_a_run_may_lie_in_any_queue() -> None:
    answers = described(1, wait_kind="activity") | queue_shown("charges")
    seen = gate(ledger(fact(1)), runs=(listed(1),), queues=(queue("charges", 1),), answers=answers)
    assert good(ask("imports.claimed", seen)).state is FAIL
    seen = replace(seen, missing={Need.BUNDLES: Missing("nobody named any")})
    assert good(ask("imports.claimed", seen)).state is FAIL


def test_what_waits_in_a_queue_may_be_nobody_s_of_ours() -> None:
    finding = claimed([fact(1)], [queue(waiting=3)], described(1) | queue_shown())
    assert (finding.state, "1 of 1 open run" in finding.said) == (PASS, True)


def test_of_many_runs_only_some_are_asked_and_that_is_no_pass() -> None:
    answers = {key: one for number in range(300) for key, one in described(number).items()} | queue_shown()
    finding = claimed([fact(number) for number in range(300)], [queue(waiting=3)], answers)
    assert (finding.state, finding.next_step) == (WARN, "--deep asks about each of them.")
    rows = [fact(number) for number in range(300)]
    assert claimed(rows, [queue(waiting=3)], answers, deep=True).state is PASS


def test_a_queue_that_does_not_say_what_waits_is_looked_into() -> None:
    answers = described(1, wait_kind="workflow-task") | queue_shown()
    assert claimed([fact(1)], [queue(waiting=None)], answers).state is FAIL


def test_a_run_that_is_gone_is_told_by_other_checks() -> None:
    assert claimed([fact(1)], [queue(waiting=1)], {path(1): GONE} | queue_shown()).state is PASS


def test_of_a_run_that_the_server_cannot_describe_nobody_knows_whether_it_was_claimed() -> None:
    finding = claimed([fact(1)], [queue(waiting=1)], {path(1): refusal(500, "")} | queue_shown())
    assert (finding.state, finding.ids) == (UNKNOWN, (run_id(1),))


@pytest.mark.parametrize("key", [None, "run-1", "run-1:x:yesterday", f"run-1::{CAME}"])
def test_without_a_dedupe_key_a_waiting_run_counts_as_unclaimed(key: str | None) -> None:
    answers = described(1, wait_kind="activity", last_progress_at="2026-11-23T07:00:00+00:00") | queue_shown()
    assert claimed([fact(1, dedupe_key=key)], [queue(waiting=1)], answers).state is FAIL


# --- timers -------------------------------------------------------------------------------------------------


def timers(rows: Sequence[Any], answers: Mapping[str, Answer], **more: Any) -> Finding:
    runs = more.pop("runs", None) or [listed(int(row.run_id.removeprefix("run-"))) for row in rows]
    return good(ask("imports.timers", gate(ledger(*rows), runs=runs, answers=answers, **more)))


def scheduled(fire_at: Any, timer: str = "t-1", **more: Any) -> dict[str, Any]:
    return {"event_type": "TimerScheduled", "payload": {"timer_id": timer, "fire_at": fire_at, **more}}


DUE, LATER = "2026-11-23T01:00:00.000000Z", "2027-11-23T01:00:00.000000Z"


def test_where_nothing_is_overdue_every_timer_has_fired() -> None:
    finding = timers([fact(1)], overdue())
    assert (finding.state, "nothing is overdue" in finding.said) == (PASS, True)
    assert timers([fact(1)], overdue(elsewhere=3)).state is PASS
    assert timers([fact(1)], {}, runs=[listed(1, "completed")]).state is PASS


LIMIT = {"timer_kind": "signal_timeout"}


@pytest.mark.parametrize(
    "answers",
    [
        history(1, scheduled(LATER, "t-0"), scheduled(DUE), scheduled("2026-11-23T02:00:00.000000Z", "t-2")),
        described(1, wait_kind="signal") | history(1, scheduled(DUE, **LIMIT)),
        described(1, wait_kind="condition") | history(1, scheduled(DUE, condition_wait_id="c-1")),
        history(1, scheduled(DUE), scheduled(DUE, "t-2", **LIMIT)),
    ],
)
def test_a_due_timer_that_has_not_fired_fails(answers: dict[str, Answer]) -> None:
    finding = timers([fact(1)], overdue(orders=1) | answers)
    assert (finding.state, finding.ids) == (FAIL, (run_id(1),))
    assert f"the oldest since {DUE}" in finding.said
    assert finding.command == f"dw system:repair-pass --server={URL} --namespace=production"


@pytest.mark.parametrize(
    "answers",
    [
        history(1),
        history(1, scheduled(LATER)),
        history(1, scheduled(None), scheduled("soon", "t-2"), {"event_type": "X", "payload": []}),
        history(1, scheduled(DUE), {"event_type": "TimerFired", "payload": {"timer_id": "t-1"}}),
        history(1, scheduled(DUE), {"event_type": "TimerCancelled", "payload": {"timer_id": "t-1"}}),
        described(1, wait_kind="activity") | history(1, scheduled(DUE, **LIMIT)),
        {path(1): refusal(500, "")} | history(1, scheduled(DUE, **LIMIT)),
        {f"{path(1)}/history": GONE},
    ],
)
def test_what_is_overdue_may_be_no_timer_of_ours(answers: dict[str, Answer]) -> None:
    finding = timers([fact(1)], overdue(orders=1) | answers)
    assert (finding.state, "no timer of an imported run" in finding.said) == (PASS, True)


@pytest.mark.parametrize(("waiting", "state"), [(4, WARN), (2, UNKNOWN)])
def test_of_many_runs_what_is_overdue_beyond_the_backlog_can_only_be_timers(waiting: int, state: State) -> None:
    answers = {key: one for number in range(300) for key, one in history(number).items()}
    rows = [fact(number) for number in range(300)]
    finding = timers(rows, overdue(orders=4) | answers, queues=(queue(waiting=waiting),))
    assert (finding.state, finding.next_step) == (state, "--deep asks about each of the runs.")
    assert timers(rows, overdue(orders=4) | answers, queues=(queue(waiting=waiting),), deep=True).state is PASS


def test_an_overdue_task_without_a_queue_is_on_the_default_one() -> None:
    scopes = [{"queue": None, "total_candidates": 1}]
    answers = {"/api/system/repair": reply({"candidates": {"total_candidates": 1, "scopes": scopes}})}
    finding = timers([fact(1, task_queue=None)], answers | history(1, scheduled(DUE)))
    assert finding.state is FAIL
    assert finding.evidence[2].came == "1 task due and not handed on; in their queues: default 1"


def test_a_token_that_may_not_ask_leaves_it_unknown() -> None:
    with pytest.raises(NotAuthorized):
        timers([fact(1)], {"/api/system/repair": refusal(403, "forbidden")})
    with pytest.raises(ServerFailed):
        timers([fact(1)], {"/api/system/repair": refusal(500, "")})


# --- texts from outside -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "typed"), [("a b;rm -rf $HOME", "'a b;rm -rf $HOME'"), ("a\x1b[2J", "…")])
def test_ids_from_outside_are_quoted_in_commands(name: str, typed: str) -> None:
    answers = {f"/api/workflows/{name}/runs/{run_id(1)}": GONE}
    finding = good(ask("imports.present", gate(ledger(fact(1, instance_id=name)), answers=answers)))
    assert finding.command == f"dwctl workflow show {typed} {TARGET}"


def test_paths_are_quoted_in_commands() -> None:
    seen = gate(ledger(fact(1, differs_at=COMPARED)), ledger=Path("/srv/my ledger.db"))
    assert good(ask("imports.compared", seen)).command == "dwctl ledger list --differs --ledger '/srv/my ledger.db'"
