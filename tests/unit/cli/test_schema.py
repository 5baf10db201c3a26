"""`dwctl schema list` and `dwctl schema show`."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from dwctl import schema_files
from dwctl.cli.main import run
from dwctl.errors import ExitCode

Capture = pytest.CaptureFixture[str]


def test_the_list_names_every_schema_with_its_title(capsys: Capture) -> None:
    assert run(["schema", "list"]) == ExitCode.DONE
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == schema_files.names()
    assert all(len(line.split(maxsplit=1)) == 2 for line in lines)


def test_the_list_as_json_matches_its_own_schema(capsys: Capture) -> None:
    assert run(["schema", "list", "--json"]) == ExitCode.DONE
    document = json.loads(capsys.readouterr().out)
    Draft202012Validator(schema_files.load("schema-list")).validate(document)
    assert [row["name"] for row in document["schemas"]] == schema_files.names()


def test_the_list_as_jsonl_has_a_line_for_each(capsys: Capture) -> None:
    assert run(["schema", "list", "--output", "jsonl"]) == ExitCode.DONE
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["name"] for line in lines] == schema_files.names()


@pytest.mark.parametrize("options", [[], ["--json"], ["--output", "table"]])
def test_a_schema_is_printed_as_its_file_has_it(capsys: Capture, options: list[str]) -> None:
    assert run(["schema", "show", "history-export", *options]) == ExitCode.DONE
    assert capsys.readouterr().out == schema_files.text("history-export")


def test_a_schema_as_jsonl_is_one_line(capsys: Capture) -> None:
    assert run(["schema", "show", "history-export", "--output", "jsonl"]) == ExitCode.DONE
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == schema_files.load("history-export")


def test_an_unknown_schema_is_a_usage_error_with_the_nearest_name(capsys: Capture) -> None:
    assert run(["schema", "show", "history-exprt"]) == ExitCode.USAGE
    output = capsys.readouterr()
    assert output.out == ""
    assert "Did you mean history-export" in output.err


def test_an_unknown_schema_in_json_mode_is_a_document(capsys: Capture) -> None:
    assert run(["schema", "show", "nothing", "--json"]) == ExitCode.USAGE
    assert json.loads(capsys.readouterr().out)["reason"] == "unknown_schema"
