"""Text of files and servers cannot steer a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dwctl.render.text import one_line, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("order-1 [bold] é 😀 中", "order-1 [bold] é 😀 中"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m", "\\x9b31m"),
        ("a\rb\x00c\x07d\x7f", "a\\x0db\\x00c\\x07d\\x7f"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("\ud800", "\\ud800"),
        ("\udcff", "\\udcff"),
        ("\U000e0041", "\\U000e0041"),
        ("a\nb\tc", "a\nb\tc"),
    ],
)
def test_what_could_steer_a_terminal_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_one_line_is_one_line() -> None:
    assert one_line("a\nb\tc\rd\x1be") == "a\\nb\\tc\\x0dd\\x1be"


@given(st.text(st.characters()))
def test_no_control_survives(text: str) -> None:
    assert [one for one in printable(text) if unicodedata.category(one)[0] == "C" and one not in "\n\t"] == []
    assert [one for one in one_line(text) if unicodedata.category(one)[0] == "C"] == []


@given(st.text(st.characters()))
@example("a\u2028b\u2029c\x85d")
def test_one_line_stays_one_line_to_every_reader(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"])))
def test_harmless_text_is_left_as_it_is(text: str) -> None:
    assert printable(text) == text
