"""Everything that can be explained, and what is said of an id that cannot."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dwctl
from dwctl.bundle.rules import RULES
from dwctl.errors import ExitCode, NotFound, RequestNotPossible
from dwctl.explanations import Explanation, all_explanations, explanation
from dwctl.transfer.imports.reasons import IMPORT_REASONS


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
        assert text[0].isupper() or text.split()[0] in RULES
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


def test_every_reason_that_an_import_gives_is_explained() -> None:
    sources = (Path(dwctl.__file__).parent / "transfer").glob("*.py")
    given = {reason for path in sources for reason in re.findall(r'reason="([a-z_]+)"', path.read_text())}
    of_files = {"no_bundles", "not_a_file", "too_large", "unreadable", "unwritable", "file_exists"}
    explained = {row.id for row in all_explanations()}
    assert given - of_files - explained == set()
    # A plan's reasons are given by the command, too, and by the resealing of bundles.
    everywhere = "".join(path.read_text() for path in Path(dwctl.__file__).parent.rglob("*.py"))
    assert {reason.id for reason in IMPORT_REASONS} <= set(re.findall(r'reason="([a-z_]+)"', everywhere))
