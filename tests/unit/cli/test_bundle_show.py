"""`dwctl bundle show`: through the real entry point, with its exit codes."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from jsonschema import Draft202012Validator

from dwctl import schema_files
from dwctl.cli.main import run
from dwctl.errors import ExitCode

DATA = Path(__file__).parents[2] / "data" / "bundles"
SHIPPED = str(DATA / "01-completed-ship-parcel.json")
Capture = pytest.CaptureFixture[str]


def written(folder: Path, content: bytes) -> str:
    """The name of a file with this content."""
    file = folder / "bundle.json"
    file.write_bytes(content)
    return str(file)


def test_a_bundle_is_shown_and_the_exit_code_is_0(capsys: Capture) -> None:
    assert run(["bundle", "show", SHIPPED]) == ExitCode.DONE
    output = capsys.readouterr()
    assert "ship-1" in output.out
    assert "Schema  as published" in output.out
    assert output.err == ""


def test_the_json_document_has_everything_and_matches_its_schema(capsys: Capture) -> None:
    assert run(["bundle", "show", SHIPPED, "--json"]) == ExitCode.DONE
    document = json.loads(capsys.readouterr().out)
    Draft202012Validator(schema_files.load("bundle-show")).validate(document)
    assert document["file"] == SHIPPED
    assert len(document["timeline"]) == 6
    assert document["schema_problems"] == []


def test_jsonl_is_the_same_document_on_one_line(capsys: Capture) -> None:
    run(["bundle", "show", SHIPPED, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert run(["bundle", "show", SHIPPED, "--output", "jsonl"]) == ExitCode.DONE
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == document


def test_without_the_schema_it_is_shown_as_not_checked(capsys: Capture) -> None:
    assert run(["bundle", "show", SHIPPED, "--no-schema"]) == ExitCode.DONE
    assert "Schema  not checked" in capsys.readouterr().out
    assert run(["bundle", "show", SHIPPED, "--no-schema", "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["schema_problems"] is None


def test_a_bundle_that_fails_verification_is_shown_like_any_other(tmp_path: Path, capsys: Capture) -> None:
    content = Path(SHIPPED).read_bytes().replace(b'"completed"', b'"asleep"')
    assert run(["bundle", "show", written(tmp_path, content)]) == ExitCode.DONE
    text = capsys.readouterr().out
    assert "status         asleep" in text
    assert "workflow.status" in text


def test_a_bundle_is_read_from_stdin(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    content = Path(SHIPPED).read_bytes()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    assert run(["bundle", "show", "-", "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["size"] == len(content)


def test_a_document_that_does_not_decode_is_answered_with_1_and_its_place(tmp_path: Path, capsys: Capture) -> None:
    file = written(tmp_path, Path(SHIPPED).read_bytes()[:1000])
    assert run(["bundle", "show", file]) == ExitCode.NO
    output = capsys.readouterr()
    assert output.out == ""
    assert f"where: {file}, line 1, column" in output.err
    assert "next:" in output.err


@pytest.mark.parametrize("content", [b"[]", b"{}", b"null", b'"text"', b'{"a": 1}'])
def test_a_document_that_is_no_bundle_is_answered_with_1(tmp_path: Path, capsys: Capture, content: bytes) -> None:
    file = written(tmp_path, content)
    assert run(["bundle", "show", file]) == ExitCode.NO
    output = capsys.readouterr()
    assert output.out == ""
    assert "not a history-export bundle" in output.err
    assert f"where: {file}\n" in output.err


def test_an_error_in_json_mode_is_a_document_on_stdout(tmp_path: Path, capsys: Capture) -> None:
    file = written(tmp_path, b"null")
    assert run(["bundle", "show", file, "--json"]) == ExitCode.NO
    error = json.loads(capsys.readouterr().out)
    assert (error["exit_code"], error["reason"], error["where"]) == (1, "not_a_bundle", file)


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path, capsys: Capture) -> None:
    assert run(["bundle", "show", str(tmp_path / "none.json")]) == ExitCode.USAGE
    assert "there is no such file" in capsys.readouterr().err


def test_a_file_beyond_the_limit_is_refused_before_it_is_decoded(capsys: Capture) -> None:
    assert run(["bundle", "show", SHIPPED, "--max-bundle-size", "1k"]) == ExitCode.USAGE
    assert "limit" in capsys.readouterr().err


def test_no_file_is_a_usage_error() -> None:
    assert run(["bundle", "show"]) == ExitCode.USAGE
