"""The verdict of the gate, its items, and what changed since an earlier run."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from dwctl.checklist.gate.check import Severity, State
from dwctl.checklist.gate.comparison import Kind, compared, read_earlier
from dwctl.checklist.gate.items import ITEMS
from dwctl.checklist.gate.results import GateResult, Result
from dwctl.checklist.gate.table import CHECK, CHECKS
from dwctl.errors import ExitCode, RequestNotPossible, UnreadableInput
from dwctl.explanations import explanation
from dwctl.render.json_checklist import checklist_document
from gate_doubles import check, gate, result
from output_schemas import is_valid

PASS, WARN, FAIL, UNKNOWN, WAIVED, SKIPPED = State
PICTURES: dict[str, Any] = {
    "dwctl_version": "1", "coverage": {"absent": "x"}, "transfer": {"absent": "x"},
    "timeline": {"began_at": "", "seconds": 0.0, "checks": []},
}  # fmt: skip


def of(*states: State, **more: Any) -> GateResult:
    return gate(*(result(check(f"a.c{place}"), state) for place, state in enumerate(states)), **more)


@pytest.mark.parametrize(
    ("states", "strict", "green"),
    [
        ((PASS,), False, True),
        ((PASS, WARN, WAIVED, SKIPPED), False, True),
        ((PASS, FAIL), False, False),
        ((PASS, UNKNOWN), False, False),
        ((), False, False),
        ((SKIPPED, SKIPPED), False, False),
        ((PASS, SKIPPED), True, True),
        ((PASS, WARN), True, False),
        ((PASS, WAIVED), True, False),
        ((WAIVED,), False, True),
    ],
)
def test_the_verdict(states: tuple[State, ...], strict: bool, green: bool) -> None:
    found = of(*states, strict=strict)
    assert found.green is green
    assert found.exit_code is (ExitCode.DONE if green else ExitCode.NO)


def test_strict_takes_what_does_not_apply_but_nothing_that_was_left_out() -> None:
    left_out = Result(check("a.b"), result(check(), SKIPPED).finding, SKIPPED, "", 0.0, left_out=True)
    assert gate(result(check(), PASS), left_out).green
    strict = gate(result(check(), PASS), left_out, strict=True)
    assert not strict.green
    assert strict.in_the_way == (left_out,)


def test_advice_shuts_nothing_but_is_no_measurement_either() -> None:
    advice = result(check("a.a", severity=Severity.ADVICE), FAIL)
    assert gate(advice, result(check(), PASS)).green
    assert not gate(advice).green
    assert gate(advice).items[3].state is WARN


@pytest.mark.parametrize("more", [{"interrupted": True}, {"complaints": ("x",)}, {"local_state": True}])
def test_all_passed_is_not_green_where_something_else_is_wrong(more: dict[str, Any]) -> None:
    assert not of(PASS, **more).green


def test_exit_codes_in_the_order_of_the_design() -> None:
    assert of(PASS, interrupted=True, local_state=True).exit_code is ExitCode.INTERRUPTED
    assert of(FAIL, local_state=True).exit_code is ExitCode.LOCAL_STATE


def test_all_twelve_items_are_there_with_their_worst_state() -> None:
    found = gate(
        result(check("a.a", item=1), PASS), result(check("a.b", item=1), UNKNOWN), result(check("b.a", item=2), PASS)
    )
    assert [item.item for item in found.items] == list(ITEMS)
    assert [item.state for item in found.items][:3] == [UNKNOWN, PASS, SKIPPED]
    assert found.counts == {PASS: 2, UNKNOWN: 1, WARN: 0, FAIL: 0, WAIVED: 0, SKIPPED: 0}


# --- the table -----------------------------------------------------------------------------------------------


def test_every_item_has_checks_and_every_id_is_one_of_its_own() -> None:
    assert {one.item for one in CHECKS} == {item.number for item in ITEMS}
    assert len(CHECK) == len(CHECKS)


@pytest.mark.parametrize("one", CHECKS, ids=lambda one: one.id)
def test_a_check_waits_only_for_checks_and_is_explained(one: Any) -> None:
    assert set(one.after) <= set(CHECK)
    assert explanation(one.id).meaning[1:].rstrip(".") == one.meaning[1:].rstrip(".")


# --- what changed --------------------------------------------------------------------------------------------


def saved(path: Path, found: GateResult, **changes: Any) -> Path:
    document = {**checklist_document(found, PICTURES), **changes}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_a_document_is_as_its_schema_says() -> None:
    document = checklist_document(of(PASS, FAIL), PICTURES)
    assert is_valid("checklist", document)
    broken = copy.deepcopy(document)
    broken["checks"][0]["state"] = "fine"
    assert not is_valid("checklist", broken)


def test_every_kind_of_change_is_told_the_worst_first(tmp_path: Path) -> None:
    rows = {name: check(name) for name in ("a.same", "a.bad", "a.good", "a.gone", "a.new", "a.said", "a.state")}
    before = gate(
        result(rows["a.same"], PASS), result(rows["a.good"], FAIL), result(rows["a.bad"], PASS),
        result(rows["a.gone"], WARN), result(rows["a.said"], FAIL, "3 left"), result(rows["a.state"], FAIL),
    )  # fmt: skip
    after = gate(
        result(rows["a.same"], PASS), result(rows["a.new"], PASS), result(rows["a.good"], PASS),
        result(rows["a.bad"], UNKNOWN), result(rows["a.said"], FAIL, "2 left"), result(rows["a.state"], WAIVED),
    )  # fmt: skip
    found = compared(read_earlier(saved(tmp_path / "last.json", before)), after)
    assert [(change.kind, change.check) for change in found.changes] == [
        (Kind.FAILING, "a.bad"), (Kind.PASSING, "a.good"), (Kind.STATE, "a.state"), (Kind.APPEARED, "a.new"),
        (Kind.GONE, "a.gone"), (Kind.SENTENCE, "a.said"),
    ]  # fmt: skip
    assert (found.green, found.elsewhere) == (False, None)
    assert found.changes[5].said_before == "3 left"
    document = checklist_document(after, PICTURES, found)
    assert is_valid("checklist", document)
    assert [one["kind"] for one in document["comparison"]["changes"]] == [kind.value for kind in Kind]


def test_nothing_changed_is_no_change(tmp_path: Path) -> None:
    assert compared(read_earlier(saved(tmp_path / "x.json", of(PASS, FAIL))), of(PASS, FAIL)).changes == ()


def test_an_earlier_run_of_another_cutover_is_said(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.json", of(PASS), name="billing", namespace=None)
    told = compared(read_earlier(path), of(PASS)).elsewhere
    assert told == "the earlier result is of cutover billing, namespace (none)"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it is not JSON"),
        ("[]", "does not call itself"),
        ('{"schema": "dwctl.shadow"}', "does not call itself"),
        ('{"schema": "dwctl.checklist"}', "not as its schema says"),
        ("[" * 100_000, "it is not JSON"),
    ],
)
def test_a_wrong_file_is_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "last.json"
    path.write_text(text)
    with pytest.raises(RequestNotPossible, match=sentence) as caught:
        read_earlier(path)
    assert caught.value.reason == "not_a_gate_result"
    assert caught.value.where == str(path)


def test_a_changed_document_is_no_result(tmp_path: Path) -> None:
    path = saved(tmp_path / "last.json", of(PASS), green="yes")
    with pytest.raises(RequestNotPossible, match=r"not as its schema says at \$\.green"):
        read_earlier(path)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.json", tmp_path):
        with pytest.raises(UnreadableInput, match="cannot be read"):
            read_earlier(path)
