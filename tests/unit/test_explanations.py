"""Everything that can be explained, and what is said of an id that cannot."""

from __future__ import annotations

import pytest

from dwctl.bundle.rules import RULES
from dwctl.errors import ExitCode, NotFound, RequestNotPossible
from dwctl.explanations import Explanation, all_explanations, explanation


def test_the_ids_are_unique() -> None:
    ids = [row.id for row in all_explanations()]
    assert len(ids) == len(set(ids))


def test_every_rule_is_explained_by_its_row_and_first() -> None:
    rows = all_explanations()[: len(RULES)]
    assert [row.id for row in rows] == list(RULES)
    for row in rows:
        rule = RULES[row.id]
        assert row == Explanation(
            rule.id, "rule", rule.severity.value, rule.origin.value, rule.meaning, rule.why, rule.fix
        )


def test_every_exit_code_is_explained() -> None:
    explained = {row.id: row for row in all_explanations() if row.kind == "exit code"}
    assert set(explained) == {str(int(code)) for code in ExitCode}
    assert explained["130"].meaning.startswith("Interrupted.")


def test_only_what_contention_means_is_tried_again() -> None:
    fixes = {row.kind: row.fix for row in all_explanations() if row.kind.startswith("driver code")}
    assert "succeeds later" in fixes["driver code, contention"]
    assert "a retry does not help" in fixes["driver code, violation"]


@pytest.mark.parametrize("row", all_explanations(), ids=lambda row: row.id)
def test_a_row_has_whole_sentences_that_can_be_printed(row: Explanation) -> None:
    for text in (row.meaning, row.why, row.fix):
        assert text.endswith((".", "?"))
        assert text.isprintable()
        assert text[0].isupper() or text.split()[0] in {"dwctl", *RULES}
        assert not text.startswith("Dwctl")
    assert list(row.as_item()) == ["id", "kind", "severity", "origin", "meaning", "why", "fix"]
    assert explanation(row.id) == row


@pytest.mark.parametrize(
    ("identifier", "suggested"),
    [
        ("integrity.checksum_mismach", ["integrity.checksum_mismatch"]),
        ("leased_task", ["tasks.leased_task_present"]),
        ("status_unsupported", ["workflow.status_unsupported", "commands.status_unsupported"]),
    ],
)
def test_an_unknown_id_is_met_with_the_nearest(identifier: str, suggested: list[str]) -> None:
    with pytest.raises(NotFound) as caught:
        explanation(identifier)
    assert caught.value.reason == "unknown_id"
    for one in suggested:
        assert one in str(caught.value.next_step)


def test_an_id_like_no_other_is_met_with_the_index() -> None:
    with pytest.raises(NotFound) as caught:
        explanation("zzzzzzzzzzzz")
    assert caught.value.next_step == "'dwctl explain' lists all ids."


def test_an_empty_id_is_a_request_that_cannot_be_made() -> None:
    with pytest.raises(RequestNotPossible):
        explanation("")
