"""`dwctl bundle decode`: what it prints and how it ends."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from jsonschema import Draft202012Validator

from dwctl.cli import bundle_decode
from dwctl.errors import ExitCode, RequestNotPossible, UndecodableDocument, UnreadableInput

SCHEMA = json.loads((Path(__file__).parents[3] / "schemas" / "bundle-decode.schema.json").read_text(encoding="utf-8"))

app = typer.Typer()
app.command("decode")(bundle_decode.decode)


def blob(body: bytes) -> str:
    """The base64 text of a frame with this body."""
    return base64.b64encode(bytes.fromhex("c301e2a33dff55802237") + body).decode("ascii")


HELLO = blob(b"\x0e\x02\x04to\x0a\x0ah\xc3\xa9llo"[:-1] + b"\x00")  # {"to": "héll"}
BUNDLE = {
    "payloads": {"codec": "avro", "arguments": {"available": True, "data": blob(b"\x0c\x02\x04\x0e\x00")}},
    "commands": [{"payload": {"codec": "avro", "external_storage": {"uri": "s3://b/k", "size_bytes": 3}}}],
    "signals": [
        {"arguments": HELLO, "payload_codec": "avro"},
        {"arguments": "O:8:{}", "payload_codec": "workflow-serializer-y"},
    ],
    "updates": [{"arguments": {"redacted": True}, "result": blob(b"\x08\x02\xff")}],
    "redaction": {"applied": True, "paths": ["updates.0.arguments"]},
}
DAMAGED = {"signals": [{"arguments": HELLO}, {"arguments": HELLO[:-4]}]}


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    """A bundle with a payload of each outcome but undecodable."""
    return written(tmp_path, BUNDLE)


@pytest.fixture
def damaged(tmp_path: Path) -> str:
    """A bundle with a payload that is cut short."""
    return written(tmp_path, DAMAGED)


def written(folder: Path, document: Any) -> str:
    """The name of a file that holds a document."""
    file = folder / "bundle.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return str(file)


def run(*arguments: str) -> int:
    """The exit code of one command line; a domain error is raised, as the boundary meets it."""
    return int(app(args=list(arguments), standalone_mode=False))


def test_the_table_has_a_row_for_each_payload(bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(bundle) == ExitCode.DONE
    output = capsys.readouterr()
    assert [line.split(maxsplit=3)[0] for line in output.out.splitlines()] == [
        "path",
        "payloads.arguments.data",
        "commands.0.payload",
        "signals.0.arguments",
        "signals.1.arguments",
        "updates.0.arguments",
        "updates.0.result",
    ]
    for value in (
        "[7]",
        "external: s3://b/k, 3 bytes",
        '{"to": "héll"}',
        "another codec",
        "redacted",
        '{"$bytes_base64": "/w=="}',
    ):
        assert value in output.out
    assert output.err == ""


def test_a_path_of_one_payload_prints_its_value_alone(bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(bundle, "signals.0") == ExitCode.DONE
    assert capsys.readouterr().out == '{\n  "to": "héll"\n}\n'


def test_a_path_of_several_payloads_prints_their_rows(bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(bundle, "signals") == ExitCode.DONE
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_path_of_a_payload_without_value_prints_its_row(bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(bundle, "commands.0.payload") == ExitCode.DONE
    assert "external: s3://b/k" in capsys.readouterr().out


def test_json_is_one_document_of_the_schema(bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(bundle, "--json") == ExitCode.DONE
    document = json.loads(capsys.readouterr().out)
    Draft202012Validator(SCHEMA).validate(document)
    assert document["file"] == bundle
    assert [payload["outcome"] for payload in document["payloads"]] == [
        "decoded",
        "external",
        "decoded",
        "other_codec",
        "redacted",
        "decoded",
    ]


def test_json_lines_are_the_items_of_the_document(bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(bundle, "--json")
    document = json.loads(capsys.readouterr().out)
    assert run(bundle, "--output", "jsonl") == ExitCode.DONE
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == document["payloads"]


def test_json_of_a_path_holds_only_what_was_asked_for(bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(bundle, "payloads.arguments.data", "--json") == ExitCode.DONE
    (payload,) = json.loads(capsys.readouterr().out)["payloads"]
    assert payload == {
        "path": "payloads.arguments.data",
        "role": "arguments",
        "codec": "avro",
        "outcome": "decoded",
        "value": [7],
    }


@pytest.mark.parametrize("arguments", [[], ["--json"], ["--output", "jsonl"], ["signals.1"], ["signals"]])
def test_an_undecodable_payload_ends_in_1_in_every_format(
    damaged: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(damaged, *arguments) == ExitCode.NO
    output = capsys.readouterr()
    assert "ends before its value does" in output.out
    assert "cannot be decoded" in output.err
    assert "dwctl explain payloads.undecodable" in output.err


def test_a_good_payload_beside_a_damaged_one_can_be_had(damaged: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(damaged, "signals.0") == ExitCode.DONE
    assert json.loads(capsys.readouterr().out) == {"to": "héll"}


def test_a_number_that_is_not_finite_ends_in_1_and_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, {"signals": [{"arguments": blob(b"\x06\x00\x00\x00\x00\x00\x00\xf0\x7f")}]})
    assert run(file, "signals", "--json") == ExitCode.NO
    document = json.loads(capsys.readouterr().out)
    Draft202012Validator(SCHEMA).validate(document)
    (payload,) = document["payloads"]
    assert payload["value"] == {"$double": "Infinity"}
    assert (payload["outcome"], payload["reason"]) == ("undecodable", "non_finite_double")
    assert run(file, "signals") == ExitCode.NO
    assert "infinite or not a number" in capsys.readouterr().out


def test_a_path_without_a_payload_is_a_usage_error_that_names_others(bundle: str) -> None:
    with pytest.raises(RequestNotPossible) as refusal:
        run(bundle, "signal")
    assert refusal.value.exit_code is ExitCode.USAGE
    assert refusal.value.where == bundle
    assert refusal.value.next_step is not None
    assert "payloads.arguments.data, commands.0.payload" in refusal.value.next_step
    assert "(6 in all)" in refusal.value.next_step


@pytest.mark.parametrize("document", [{}, [], 5, {"payloads": {"codec": "avro", "arguments": {"data": None}}}])
def test_a_bundle_without_payloads_says_so(document: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, document)
    assert run(file) == ExitCode.DONE
    output = capsys.readouterr()
    assert output.out == ""
    assert "holds no payloads" in output.err
    assert run(file, "--json") == ExitCode.DONE
    output = capsys.readouterr()
    assert json.loads(output.out)["payloads"] == []
    assert "holds no payloads" in output.err
    with pytest.raises(RequestNotPossible, match="no payload stands at signals"):
        run(file, "signals")


def test_a_bundle_is_read_from_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(json.dumps(BUNDLE).encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    assert run("-", "--json") == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["file"] == "-"


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput) as refusal:
        run(str(tmp_path / "none.json"))
    assert refusal.value.exit_code is ExitCode.USAGE


def test_a_file_larger_than_allowed_is_refused_before_it_is_decoded(
    bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UnreadableInput) as refusal:
        run(bundle, "--max-bundle-size", "100")
    assert refusal.value.reason == "too_large"
    assert capsys.readouterr().out == ""
    assert run(bundle, "--max-bundle-size", "1M") == ExitCode.DONE


@pytest.mark.parametrize(("text", "place"), [("{", "line 1"), ("[1,\n 2,]", "line 2")])
def test_a_file_that_is_not_json_is_named_with_the_place(text: str, place: str, tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UndecodableDocument) as refusal:
        run(str(file))
    assert refusal.value.exit_code is ExitCode.NO
    assert refusal.value.where is not None
    assert refusal.value.where.startswith(str(file))
    assert place in refusal.value.where


def test_the_schema_is_sound_and_refuses_a_decoded_payload_without_a_value() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    item = {"path": "a", "role": "signal", "codec": None, "outcome": "decoded"}
    document = {"schema": "dwctl.bundle-decode", "schema_version": 1, "file": "-", "payloads": [item]}
    assert not Draft202012Validator(SCHEMA).is_valid(document)
    item["value"] = None
    assert Draft202012Validator(SCHEMA).is_valid(document)


def test_the_schema_names_every_role_outcome_and_reason() -> None:
    from dwctl.bundle.avro_value import Fault
    from dwctl.bundle.payloads import Outcome, Role

    fields = SCHEMA["$defs"]["payload"]["properties"]
    assert fields["role"]["enum"] == [role.value for role in Role]
    assert fields["outcome"]["enum"] == [outcome.value for outcome in Outcome]
    assert fields["reason"]["enum"] == [fault.value for fault in Fault]
