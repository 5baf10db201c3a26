"""`dwctl bundle diff`: the exit codes of diff(1), through the real entry point."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dwctl import schema_files
from dwctl.cli.main import run
from dwctl.errors import ExitCode

DATA = Path(__file__).parents[2] / "data" / "bundles"
SHIPPED = str(DATA / "01-completed-ship-parcel.json")
CANCELLED = str(DATA / "06-cancelled.json")
Capture = pytest.CaptureFixture[str]


def changed(folder: Path, **workflow: Any) -> str:
    """The name of a file with the shipped bundle and other fields of its run."""
    value = json.loads(Path(SHIPPED).read_bytes())
    value["workflow"].update(workflow)
    return written(folder, json.dumps(value).encode())


def written(folder: Path, content: bytes) -> str:
    """The name of a file with this content."""
    file = folder / "other.json"
    file.write_bytes(content)
    return str(file)


def test_nothing_moved_is_0(tmp_path: Path, capsys: Capture) -> None:
    assert run(["bundle", "diff", SHIPPED, SHIPPED]) == ExitCode.DONE
    assert "byte for byte" in capsys.readouterr().out
    assert run(["bundle", "diff", SHIPPED, changed(tmp_path)]) == ExitCode.DONE
    assert "only the formatting differs" in capsys.readouterr().out


def test_something_moved_is_1(tmp_path: Path, capsys: Capture) -> None:
    assert run(["bundle", "diff", SHIPPED, changed(tmp_path, status="failed")]) == ExitCode.NO
    output = capsys.readouterr()
    assert "The run moved" in output.out
    assert "workflow.status" in output.out
    assert output.err == ""


def test_two_runs_are_1(capsys: Capture) -> None:
    assert run(["bundle", "diff", SHIPPED, CANCELLED]) == ExitCode.NO
    assert "not two exports of one run" in capsys.readouterr().out


def test_a_changed_history_is_1_and_an_alarm(tmp_path: Path, capsys: Capture) -> None:
    value = json.loads(Path(SHIPPED).read_bytes())
    value["history_events"][0]["type"] = "TimerFired"
    assert run(["bundle", "diff", SHIPPED, written(tmp_path, json.dumps(value).encode())]) == ExitCode.NO
    assert capsys.readouterr().out.startswith("ALARM")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": 1}', b'{"workflow": {"x": 1e999}}'])
@pytest.mark.parametrize("first", [True, False])
def test_trouble_is_2(tmp_path: Path, capsys: Capture, content: bytes, first: bool) -> None:
    other = written(tmp_path, content)
    files = [other, SHIPPED] if first else [SHIPPED, other]
    assert run(["bundle", "diff", *files]) == ExitCode.USAGE
    output = capsys.readouterr()
    assert output.out == ""
    assert f"where: {other}" in output.err
    assert "next:" in output.err


def test_a_file_that_is_not_there_is_2(tmp_path: Path, capsys: Capture) -> None:
    missing = str(tmp_path / "none.json")
    assert run(["bundle", "diff", SHIPPED, missing]) == ExitCode.USAGE
    assert missing in capsys.readouterr().err


def test_trouble_in_json_mode_is_a_document(tmp_path: Path, capsys: Capture) -> None:
    assert run(["bundle", "diff", SHIPPED, written(tmp_path, b"{"), "--json"]) == ExitCode.USAGE
    error = json.loads(capsys.readouterr().out)
    assert (error["exit_code"], error["reason"]) == (2, "truncated")


def test_the_json_document_matches_its_schema(tmp_path: Path, capsys: Capture) -> None:
    other = changed(tmp_path, status="failed")
    assert run(["bundle", "diff", SHIPPED, other, "--json"]) == ExitCode.NO
    document = json.loads(capsys.readouterr().out)
    Draft202012Validator(schema_files.load("bundle-diff")).validate(document)
    assert (document["verdict"], document["moved"]) == ("moved", True)
    assert (document["first"]["file"], document["second"]["file"]) == (SHIPPED, other)


def test_jsonl_is_the_same_document_on_one_line(capsys: Capture) -> None:
    assert run(["bundle", "diff", SHIPPED, SHIPPED, "--output", "jsonl"]) == ExitCode.DONE
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["verdict"] == "same_bytes"


def test_one_export_may_come_from_stdin(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    content = Path(SHIPPED).read_bytes()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    assert run(["bundle", "diff", SHIPPED, "-"]) == ExitCode.DONE
    assert "byte for byte" in capsys.readouterr().out


def test_both_exports_cannot_come_from_stdin(capsys: Capture) -> None:
    assert run(["bundle", "diff", "-", "-"]) == ExitCode.USAGE
    assert "standard input holds only one bundle" in capsys.readouterr().err


def test_one_file_alone_is_a_usage_error() -> None:
    assert run(["bundle", "diff", SHIPPED]) == ExitCode.USAGE
