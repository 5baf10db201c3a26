"""Where output goes, and in which format failures come."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dwctl.cli import output
from dwctl.cli.output import Format
from dwctl.errors import RequestNotPossible

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("arguments", "command", "wanted"),
    [
        ([], "", Format.TABLE),
        (["explain"], "explain", Format.TABLE),
        (["bundle", "verify", "a.json"], "bundle verify", Format.TABLE),
        (["bundle", "verify", "a.json", "--json"], "bundle verify", Format.JSON),
        (["bundle", "verify", "--output", "json", "a.json"], "bundle verify", Format.JSON),
        (["bundle", "verify", "--output", "jsonl"], "bundle verify", Format.JSON),
        (["bundle", "verify", "--output=jsonl"], "bundle verify", Format.JSON),
        (["bundle", "verify", "--output", "table"], "bundle verify", Format.TABLE),
        (["history-import", "--signing-key", "secret", "x"], "history-import", Format.TABLE),
        (["--help"], "", Format.TABLE),
    ],
)
def test_what_was_asked_for_is_known_before_it_is_parsed(arguments: list[str], command: str, wanted: Format) -> None:
    output.begin(arguments)
    assert (output.current.command, output.current.format) == (command, wanted)


@pytest.mark.parametrize(
    ("given", "as_json", "chosen"),
    [
        (Format.TABLE, False, Format.TABLE),
        (Format.TABLE, True, Format.JSON),
        (Format.JSONL, False, Format.JSONL),
        (Format.JSONL, True, Format.JSON),
    ],
)
def test_the_chosen_format_is_kept_for_failures(given: Format, as_json: bool, chosen: Format) -> None:
    output.begin([])
    assert output.chosen_format(given, as_json) is chosen
    assert output.current.format is chosen


@pytest.mark.parametrize("wanted", [Format.JSON, Format.JSONL])
def test_a_failure_is_one_line_of_json_with_every_key(wanted: Format, capsys: Capture) -> None:
    output.begin(["bundle", "show", "x"])
    output.chosen_format(wanted, as_json=False)
    output.report_error(RequestNotPossible("it cannot be\ndone \x1b"))
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.count("\n") == 1
    assert json.loads(printed.out) == {
        "schema": "dwctl.error", "schema_version": 1,
        "error": "it cannot be\ndone \x1b", "exit_code": 2, "command": "bundle show", "where": None, "reason": None,
        "next_step": None,
    }  # fmt: skip


def test_a_failure_for_people_has_a_line_for_what_is_known_and_none_else(capsys: Capture) -> None:
    output.begin([])
    output.report_error(RequestNotPossible("it cannot be done"))
    assert capsys.readouterr().err == "dwctl: it cannot be done\n"
    output.report_error(RequestNotPossible("it cannot\nbe \x1b[31m", where="a\n  next: harm", next_step="Look."))
    assert capsys.readouterr().err == ("dwctl: it cannot\\nbe \\x1b[31m\n  where: a\\n  next: harm\n  next: Look.\n")


def test_what_is_no_data_goes_to_the_other_stream(capsys: Capture) -> None:
    output.say("hello \x9b")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "hello \\x9b\n")


def test_json_is_ascii_and_a_line_is_a_line(capsys: Capture) -> None:
    item = {"a": "é\n\u2028\udcff", "b": [1, None]}
    output.print_json(item)
    document = capsys.readouterr().out
    output.print_json_line(item)
    line = capsys.readouterr().out
    assert document.isascii()
    assert line.isascii()
    assert json.loads(document) == json.loads(line) == item
    assert line.splitlines() == [line.removesuffix("\n")]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_stream_is_one_document_whose_end_is_asked_for_last(count: int, capsys: Capture) -> None:
    seen: list[int] = []

    def items() -> Iterator[dict[str, Any]]:
        for at in range(count):
            seen.append(at)
            yield {"at": at, "text": "é"}

    output.print_json_stream("dwctl.x", "rows", items(), lambda: {"summary": {"seen": len(seen)}}, flag=True, none=None)
    text = capsys.readouterr().out
    assert text.isascii()
    document = json.loads(text)
    assert list(document) == ["schema", "schema_version", "flag", "none", "rows", "summary"]
    assert document["summary"] == {"seen": count}
    assert [row["at"] for row in document["rows"]] == list(range(count))
    assert (document["schema"], document["schema_version"]) == ("dwctl.x", 1)


def test_a_stream_is_written_as_it_comes(capsys: Capture) -> None:
    def items() -> Iterator[dict[str, Any]]:
        yield {"at": 1}
        assert '"at": 1' in capsys.readouterr().out
        yield {"at": 2}

    output.print_json_stream("dwctl.x", "rows", items(), dict)
    assert '"at": 2' in capsys.readouterr().out
