"""`dwctl explain`: every id is explained, and an unknown one is met with the nearest."""

from __future__ import annotations

import pytest

from dwctl.bundle.rules import RULES
from dwctl.cli.main import run
from dwctl.errors import ExitCode
from dwctl.explanations import all_explanations
from output_schemas import document, lines

Capture = pytest.CaptureFixture[str]


def test_what_the_index_lists_can_be_explained_alike(capsys: Capture) -> None:
    assert run(["explain", "--output", "jsonl"]) == ExitCode.DONE
    rows = lines(capsys.readouterr().out, "explain", "explanation")
    assert [row["id"] for row in rows] == [row.id for row in all_explanations()]
    for row in rows[::10]:
        assert run(["explain", row["id"], "--json"]) == ExitCode.DONE
        assert document(capsys.readouterr().out, "explain")["explanations"] == [row]


def test_the_index_is_one_document_in_json_and_a_table_for_people(capsys: Capture) -> None:
    assert run(["explain", "--json"]) == ExitCode.DONE
    rows = document(capsys.readouterr().out, "explain")["explanations"]
    assert {row["id"] for row in rows} >= set(RULES) | {str(int(code)) for code in ExitCode}
    assert run(["explain"]) == ExitCode.DONE
    table = capsys.readouterr().out
    assert [row["id"] for row in rows if f"\n{row['id']} " not in table] == []


@pytest.mark.parametrize("identifier", ["integrity.checksum_mismatch", "9", "set.link_shared"])
def test_a_row_says_what_it_means_why_and_the_fix(identifier: str, capsys: Capture) -> None:
    assert run(["explain", identifier]) == ExitCode.DONE
    text = " ".join(capsys.readouterr().out.split())
    row = next(row for row in all_explanations() if row.id == identifier)
    for part in (row.meaning, row.why, row.fix):
        assert " ".join(part.split()) in text


@pytest.mark.parametrize(
    ("identifier", "nearest"),
    [
        ("integrity.checksum_mismach", "integrity.checksum_mismatch"),
        ("checksum_mismatch", "integrity.checksum_mismatch"),
        ("tasks.leased", "tasks.leased_task_present"),
    ],
)
def test_an_unknown_id_ends_in_5_and_names_the_nearest(identifier: str, nearest: str, capsys: Capture) -> None:
    assert run(["explain", identifier]) == ExitCode.NOT_FOUND
    printed = capsys.readouterr()
    assert printed.out == ""
    assert nearest in printed.err
    assert run(["explain", identifier, "--json"]) == ExitCode.NOT_FOUND
    error = document(capsys.readouterr().out, "error")
    assert (error["exit_code"], error["reason"]) == (5, "unknown_id")
    assert nearest in error["next_step"]


@pytest.mark.parametrize("identifier", ["zzzzzzzz", "99", "[bold]", "a\x1b[31m", "\u202e", "x\n  next: do harm"])
def test_an_id_like_no_other_ends_in_5_and_steers_nothing(identifier: str, capsys: Capture) -> None:
    assert run(["explain", identifier]) == ExitCode.NOT_FOUND
    printed = capsys.readouterr().err
    assert "'dwctl explain' lists all ids." in printed
    assert not [one for one in printed if not one.isprintable() and one != "\n"]
    assert "\n  next: do harm" not in printed


def test_an_empty_id_is_a_usage_error(capsys: Capture) -> None:
    assert run(["explain", ""]) == ExitCode.USAGE
    assert "the id is empty" in capsys.readouterr().err
