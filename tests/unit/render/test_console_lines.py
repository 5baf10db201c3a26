"""Lines of a report: aligned, safe for a terminal, in a file never wrapped."""

from __future__ import annotations

import io

from rich.text import Text

from dwctl.render.console_lines import columns, fields, heading, labelled, line
from dwctl.render.console_table import write_lines


def written(*lines: Text) -> str:
    """The text that lines give in a file."""
    stream = io.StringIO()
    write_lines(lines, stream)
    return stream.getvalue()


def test_cells_stand_one_below_the_other_and_nothing_trails() -> None:
    assert written(*columns([("a", "long one", "x"), ("longer", "b")])) == "  a       long one  x\n  longer  b\n"


def test_wide_characters_are_measured_as_a_terminal_shows_them() -> None:
    assert written(*columns([("日本", "x"), ("abcd", "y")])) == "  日本  x\n  abcd  y\n"


def test_a_line_is_never_wrapped_or_cut() -> None:
    assert written(line("x" * 500, "y")) == f"  {'x' * 500}  y\n"


def test_what_could_steer_a_terminal_is_shown() -> None:
    assert written(line("a\x1b[31mb\nc\u202ed")) == "  a\\x1b[31mb\\nc\\u202ed\n"


def test_markup_in_a_document_is_text() -> None:
    assert written(line("[bold]x[/bold] :smile:")) == "  [bold]x[/bold] :smile:\n"


def test_a_field_without_a_value_is_left_out() -> None:
    assert written(*fields([("one", "1"), ("two", ""), ("three", ("3", "red"))])) == "  one    1\n  three  3\n"


def test_a_heading_stands_after_an_empty_line_with_its_note() -> None:
    assert written(heading("Title"), heading("Title", "note")) == "\nTitle\n\nTitle  note\n"


def test_a_label_stands_a_blank_before_its_sentence() -> None:
    assert written(labelled("note", "it is\x1b so", "yellow")) == "  note: it is\\x1b so\n"


def test_no_rows_are_no_lines() -> None:
    assert columns([]) == []
