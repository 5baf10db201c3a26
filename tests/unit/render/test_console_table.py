"""Tables: whole in a pipe; on a terminal what has room, with no id broken and what is left out named."""

from __future__ import annotations

import io

import pytest
from rich.text import Text

from dwctl.render.console_table import Table, write_lines
from terminals import Terminal

RUN = "01m82n16vp00qd8z0me2xk4kz9"
ROWS = [["imported", RUN, "billing.subscription-cycle", "one word and another"], ["failed", RUN, "orders", "why"]]
TABLE = Table(("state", "run", "type", "why"), ROWS, may_go=("type", "run"))


def written(table: Table | Text, stream: io.StringIO) -> list[str]:
    write_lines([table], stream)
    return stream.seen if isinstance(stream, Terminal) else stream.getvalue().splitlines()


def on_a_terminal(table: Table | Text, width: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    return written(table, Terminal())


def test_in_a_pipe_every_column_stands_in_one_line_however_long() -> None:
    lines = written(Table(TABLE.headings, [[*ROWS[0][:3], "x" * 500]], TABLE.may_go), io.StringIO())
    assert lines[0] == "  state     run                         type                        why"
    assert lines[1].endswith("billing.subscription-cycle  " + "x" * 500)
    assert len(lines) == 2


def test_a_terminal_with_room_for_all_shows_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert on_a_terminal(TABLE, 120, monkeypatch) == written(TABLE, io.StringIO())


@pytest.mark.parametrize(("width", "gone"), [(80, "type"), (50, "type, run")])
def test_what_has_no_room_is_left_out_in_turn_and_named(width: int, gone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = on_a_terminal(TABLE, width, monkeypatch)
    assert lines[-1] == f"  no room for: {gone} (--json has them)"
    assert max(map(len, lines)) <= width
    assert sum(RUN in line for line in lines) == (2 if gone == "type" else 0)


def test_the_last_cell_alone_is_folded_under_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(("state", "run", "why"), [["imported", RUN, "one two three four five six seven eight"]])
    assert on_a_terminal(table, 64, monkeypatch) == [
        "  state     run                         why",
        f"  imported  {RUN}  one two three four five",
        f"{' ' * 40}six seven eight",
    ]


def test_where_nothing_may_go_words_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = on_a_terminal(Table(TABLE.headings, ROWS), 60, monkeypatch)
    assert sum(RUN in line for line in lines) == 2
    assert sum("billing.subscription-cycle" in line for line in lines) == 1


def test_a_line_is_folded_at_blanks_under_its_indentation(monkeypatch: pytest.MonkeyPatch) -> None:
    assert on_a_terminal(Text("  one two three"), 11, monkeypatch) == ["  one two", "  three"]
    assert written(Text("  one two three"), io.StringIO()) == ["  one two three"]


def test_a_table_without_rows_has_its_headings() -> None:
    assert written(Table(("a", "b"), []), io.StringIO()) == ["  a  b"]


def test_text_from_outside_steers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(("a", "b"), [["[bold]x[/bold]\x1b[2J", "y\n\u202e"]])
    for lines in (written(table, io.StringIO()), on_a_terminal(table, 80, monkeypatch)):
        assert lines[1].split() == ["[bold]x[/bold]\\x1b[2J", "y\\n\\u202e"]
