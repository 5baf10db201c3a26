"""Findings, sizes and counts as a person reads them."""

from __future__ import annotations

import pytest

from dwctl.bundle.findings import Finding, Severity
from dwctl.bundle.rules import RULES, found
from dwctl.counted import counted
from dwctl.render.wording import message, size


def test_a_finding_without_facts_is_the_meaning_of_its_rule() -> None:
    for rule in RULES:
        assert message(found(rule)) == RULES[rule].meaning


def test_the_facts_stand_behind_the_meaning_in_one_sentence() -> None:
    finding = found("workflow.last_history_sequence_stale", last_history_sequence=3, highest_sequence=None)
    text = message(finding)
    assert text.startswith(RULES[finding.rule].meaning.removesuffix("."))
    assert text.endswith(" (last history sequence: 3; highest sequence: none).")


def test_a_place_that_is_not_known_is_left_out() -> None:
    facts = {"problem": "it is a list", "line": None, "column": None, "reason": None}
    assert message(Finding("bundle.unparseable", Severity.ERROR, None, facts)).endswith(" (problem: it is a list).")
    assert message(found("bundle.unparseable", line=None)) == RULES["bundle.unparseable"].meaning


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1 kB"),
        (145_286, "145 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (1_000_000, "1.0 MB"),
        (6_158_190, "6.2 MB"),
        (200_000_000, "200.0 MB"),
    ],
)
def test_a_size_has_a_unit_that_fits(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bundles"), (1, "1 bundle"), (2, "2 bundles"), (10_000, "10,000 bundles")]
)
def test_a_count_agrees_with_its_noun(count: int, text: str) -> None:
    assert counted(count, "bundle") == text


def test_an_irregular_plural_is_given() -> None:
    assert counted(2, "entry", "entries") == "2 entries"
    assert counted(1, "entry", "entries") == "1 entry"
