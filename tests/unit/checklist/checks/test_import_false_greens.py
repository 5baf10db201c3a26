"""Item 11 in worlds that look imported and are not: each check's own eye for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from asked_worlds import Answer, bundle, refusal, reply
from dwctl.checklist.gate.check import State
from dwctl.server.failures import CallFailed
from import_gates import ask, described, fact, gate, ledger, listed, path, run_id

PASS, WARN, FAIL, UNKNOWN = State.PASS, State.WARN, State.FAIL, State.UNKNOWN
KEY = fact(1).dedupe_key
LATER = f"{run_id(1)}:9:2026-11-23T09:00:00.000000Z"


# --- the ledger ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["sending", "unknown"])
def test_a_run_that_may_be_on_the_server_counts_although_its_bundle_was_moved_away(state: str) -> None:
    known = ledger(fact(1), fact(2, state=state))
    finding = ask("imports.settled", gate(known, bundles=[bundle(1, dedupe_key=KEY)]))
    assert (finding.state, finding.ids) == (FAIL, (run_id(2),))


@pytest.mark.parametrize(("key", "state"), [(KEY, PASS), (None, PASS), (LATER, FAIL)])
def test_a_bundle_of_a_later_moment_than_the_import_is_not_on_the_server(key: str | None, state: State) -> None:
    finding = ask("imports.settled", gate(ledger(fact(1)), bundles=[bundle(1, dedupe_key=key)]))
    assert finding.state is state
    assert ("1 there as another export has it" in finding.said) is (state is FAIL)


def test_a_run_that_somebody_else_imported_has_no_import_id_that_is_known() -> None:
    """The ledger notes its own id before it sends; the server then says that it has the run already."""
    finding = ask("imports.import_id", gate(ledger(fact(1), fact(2, state="already_imported"))))
    assert (finding.state, finding.ids) == (UNKNOWN, (run_id(2),))
    assert "--state already_imported" in str(finding.command)


# --- the list, and descriptions -----------------------------------------------------------------------------


def test_one_of_three_thousand_that_no_sample_would_show_is_seen_in_the_list() -> None:
    rows = [fact(number) for number in range(3000)]
    there = [listed(number) for number in range(3000)]
    answers = {key: answer for number in range(3000) for key, answer in described(number).items()}
    assert ask("imports.compared", gate(ledger(*rows), runs=there, answers=answers)).state is PASS
    for number in (0, 1234, 2999):
        wrong = [*there[:number], listed(number, workflow_type="orders.other"), *there[number + 1 :]]
        finding = ask("imports.compared", gate(ledger(*rows), runs=wrong, answers=answers))
        assert (finding.state, finding.ids) == (FAIL, (run_id(number),))


def test_a_server_that_describes_nothing_shows_nothing() -> None:
    answers = {path(number): refusal(500, "") for number in (1, 2)}
    finding = ask("imports.compared", gate(ledger(fact(1), fact(2)), runs=(listed(1), listed(2)), answers=answers))
    assert (finding.state, finding.ids) == (UNKNOWN, (run_id(1), run_id(2)))


def test_a_run_of_another_namespace_is_not_the_one_that_was_imported() -> None:
    """Something on the way lost the header X-Namespace: every answer is one of the namespace default."""
    answers = described(1, namespace="default")
    finding = ask("imports.compared", gate(ledger(fact(1)), runs=(listed(1),), answers=answers))
    assert (finding.state, "is in the namespace default, not production" in finding.said) == (FAIL, True)
    answers = described(1, namespace="production")
    assert ask("imports.compared", gate(ledger(fact(1)), runs=(listed(1),), answers=answers)).state is PASS


def test_where_a_server_marks_imports_one_without_a_mark_is_none() -> None:
    marked = listed(1, engine_source="embedded_v2_import", import_id="orders-1")
    answers = described(1, engine_source="embedded_v2_import") | described(2)
    finding = ask("imports.present", gate(ledger(fact(1), fact(2)), runs=(marked, listed(2)), answers=answers))
    assert (finding.state, finding.ids) == (FAIL, (run_id(2),))
    assert "no engine source" in finding.said


# --- how they end -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "state", "said"),
    [
        ("waiting", PASS, "none of 2 runs that came open has failed or was terminated"),
        ("completed", PASS, "none of 2 runs"),
        ("failed", FAIL, "ended on the server since the import: 1 failed, of 2 open runs"),
        ("terminated", FAIL, "1 terminated"),
        ("cancelled", WARN, "cancelled on the server since the import: 1 run"),
    ],
)
def test_a_run_that_came_open_must_not_fail_unseen(status: str, state: State, said: str) -> None:
    closed = fact(3, status="failed")
    seen = gate(ledger(fact(1), fact(2), closed), runs=(listed(1, status), listed(2), listed(3, "failed")))
    finding = ask("imports.ended", seen)
    assert finding.state is state
    assert said in finding.said
    assert finding.ids == (() if state is PASS else (run_id(1),))


def test_a_run_that_goes_on_as_new_and_fails_then_is_seen() -> None:
    after = listed(1, "failed", run_id="run-1-b", is_terminal=True)
    finding = ask("imports.ended", gate(ledger(fact(1)), runs=(listed(1, "completed"), after)))
    assert (finding.state, finding.ids) == (FAIL, ("run-1-b",))


def test_a_list_that_changed_under_way_may_have_hidden_one_that_failed() -> None:
    assert ask("imports.ended", gate(ledger(fact(1)), runs=(listed(1),), complete=False)).state is UNKNOWN


# --- timers -------------------------------------------------------------------------------------------------


def _repair(candidates: int, *scopes: Mapping[str, Any]) -> dict[str, Answer]:
    return {"/api/system/repair": reply({"candidates": {"total_candidates": candidates, "scopes": list(scopes)}})}


def test_histories_that_the_server_cannot_give_leave_it_unknown_whose_timer_is_due() -> None:
    answers = _repair(1, {"queue": "orders", "total_candidates": 1}) | {f"{path(1)}/history": refusal(500, "")}
    with pytest.raises(CallFailed):
        ask("imports.timers", gate(ledger(fact(1)), runs=(listed(1),), answers=answers))


def test_overdue_tasks_whose_queue_is_not_told_may_be_anybody_s() -> None:
    seen = gate(ledger(fact(1)), runs=(listed(1),), answers=_repair(3))
    assert ask("imports.timers", seen).state is UNKNOWN
    seen = gate(ledger(fact(1)), runs=(listed(1),), answers=_repair(3, {"queue": "billing", "total_candidates": 3}))
    assert ask("imports.timers", seen).state is PASS
