"""Explanations for people."""

from __future__ import annotations

import io

import pytest

from dwctl.explanations import Explanation, all_explanations
from dwctl.render.console_explain import show_explanation, show_index
from terminals import Terminal

ROW = Explanation("a.b", "rule", "error", "guide", "It means [bold]this[/bold].", "Because :smile:.", "Do that.")


def test_a_row_is_shown_with_what_it_means_why_and_the_fix() -> None:
    stream = io.StringIO()
    show_explanation(ROW, stream)
    assert [line.rstrip() for line in stream.getvalue().splitlines()] == [
        "a.b  (error of origin guide)",
        "  means It means [bold]this[/bold].",
        "  why   Because :smile:.",
        "  fix   Do that.",
    ]


def test_what_has_no_severity_is_called_by_its_kind() -> None:
    stream = io.StringIO()
    show_explanation(Explanation("9", "exit code", None, "dwctl", "m", "w", "f"), stream)
    assert stream.getvalue().splitlines()[0].rstrip() == "9  (exit code)"


def test_the_index_has_a_line_for_every_id_as_it_stands() -> None:
    stream = io.StringIO()
    rows = all_explanations()
    show_index(rows, stream)
    text = stream.getvalue()
    assert [row.id for row in rows if f"\n{row.id} " not in text] == []
    flat = " ".join(text.split())
    assert [row.meaning for row in rows if len(row.meaning) < 60 and row.meaning not in flat] == []


@pytest.mark.parametrize("text", ["[bold]x[/bold]", "[/]", "[red", ":smile:"])
def test_brackets_in_a_row_are_not_taken_for_markup(text: str) -> None:
    stream = io.StringIO()
    show_index([Explanation(text, "rule", "error", text, text, "w", "f")], stream)
    assert stream.getvalue().splitlines()[1].split() == [text, "error", text, text]


def test_on_a_terminal_texts_are_folded_under_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    stream = Terminal()
    show_explanation(Explanation("a.b", "reason", None, "dwctl", "one two three four five", "w", "f"), stream)
    assert stream.seen[1:3] == ["  means one two three four", "        five"]


def test_on_a_terminal_the_index_has_the_meaning_below_the_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    stream, rows = Terminal(), all_explanations()
    show_index(rows, stream)
    assert max(map(len, stream.seen)) <= 80
    assert "" not in stream.seen
    heads = [line for line in stream.seen if not line.startswith(" ")]
    assert [head.split()[0] for head in heads] == [row.id for row in rows]
