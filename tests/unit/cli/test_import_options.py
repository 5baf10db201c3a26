"""The options of an import: bounds as shares, a person's reason, and options without a meaning."""

from __future__ import annotations

from fractions import Fraction

import pytest

from dwctl.cli.finite import finite
from dwctl.cli.import_options import a_reason, most_failures, refuse_unused
from dwctl.errors import RequestNotPossible


@pytest.mark.parametrize(
    ("text", "total", "most"),
    [(None, 10, None), ("25", 10, 25), ("0", 10, 0), ("2%", 100, 2), ("2.3%", 3000, 69), ("100%", 7, 7),
     ("0.001%", 100_000, 1), ("0.001%", 99_999, 0), (" 5% ", 20, 1)],
)  # fmt: skip
def test_so_many_bundles_may_fail(text: str | None, total: int, most: int | None) -> None:
    assert most_failures(text, total) == most


def test_a_share_is_exact() -> None:
    for tenths in range(1001):
        text = f"{tenths // 10}.{tenths % 10}%"
        assert most_failures(text, 3000) == int(Fraction(tenths, 1000) * 3000), text


@pytest.mark.parametrize("text", ["", "x", "-1", "2.5", "100.001%", "101%", "1e3", "2.3456%", "nan%", "٣%"])
def test_another_text_is_no_number_of_failures(text: str) -> None:
    with pytest.raises(RequestNotPossible):
        most_failures(text, 100)


def test_a_reason_has_words() -> None:
    assert [a_reason(given) for given in (None, "agreed", " as agreed")] == [None, "agreed", " as agreed"]
    for given in ("", " ", "\t\n"):
        with pytest.raises(RequestNotPossible):
            a_reason(given)


@pytest.mark.parametrize("given", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused(given: float) -> None:
    with pytest.raises(RequestNotPossible):
        finite(given)


def test_a_number_and_none_stay_what_they_are() -> None:
    assert (finite(0.5), finite(None)) == (0.5, None)


def test_options_without_a_meaning_are_named_together() -> None:
    refuse_unused("--dry-run", "nothing is imported", {"--limit": None, "--only": [], "--plan": False})
    with pytest.raises(RequestNotPossible) as caught:
        refuse_unused("--dry-run", "nothing is imported", {"--limit": 1, "--only": ["a"], "--plan": False})
    assert (caught.value.message, caught.value.where) == (
        "nothing is imported: --limit, --only would do nothing", "--dry-run",
    )  # fmt: skip
