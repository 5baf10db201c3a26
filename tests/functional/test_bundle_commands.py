"""`dwctl bundle verify`, `canonical` and `repair`: what they print in each format, and how they end."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dwctl.cli.main import run
from dwctl.errors import ExitCode
from output_schemas import document, is_valid, lines, schema
from sample_bundles import (
    EXAMPLES,
    LEASED,
    LOST_FRACTION,
    ORDER,
    SIGNED,
    SIGNING_KEY,
    WAITING,
    recorded_checksum,
    sealed,
    small_bundle,
    with_top_level_key,
)

Capture = pytest.CaptureFixture[str]
BinaryCapture = pytest.CaptureFixture[bytes]
DWCTL = Path(sys.executable).with_name("dwctl")
FORMATS = [(), ("--json",), ("--output", "json"), ("--output", "jsonl"), ("--output=jsonl",)]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a folder of its own."""
    monkeypatch.chdir(tmp_path)


def piped(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Let standard input be these bytes."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def write(name: str, content: bytes) -> str:
    """The name of a file that holds this content."""
    Path(name).write_bytes(content)
    return name


# --- verify ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", FORMATS, ids=" ".join)
@pytest.mark.parametrize(
    ("files", "code"),
    [
        ([WAITING], ExitCode.DONE),
        ([WAITING, ORDER], ExitCode.DONE),
        ([LEASED], ExitCode.NO),
        ([WAITING, LEASED], ExitCode.NO),
        ([LOST_FRACTION], ExitCode.NO),
        ([Path("nowhere.json")], ExitCode.USAGE),
        ([WAITING, Path("nowhere.json")], ExitCode.USAGE),
        ([LEASED, Path("nowhere.json")], ExitCode.NO),
    ],
    ids=str,
)
def test_verify_ends_alike_in_every_format(
    files: list[Path], code: ExitCode, output: tuple[str, ...], capsys: Capture
) -> None:
    assert run(["bundle", "verify", *map(str, files), *output]) == code
    printed = capsys.readouterr()
    assert printed.out
    assert printed.err == ""


def test_verify_prints_one_document_of_its_schema(capsys: Capture) -> None:
    files = [str(path) for path in sorted(EXAMPLES.glob("*.json"))]
    assert run(["bundle", "verify", *files, str(LOST_FRACTION), str(SIGNED), "nowhere.json", "--json"]) == ExitCode.NO
    report = document(capsys.readouterr().out, "bundle-verify")
    assert [bundle["file"] for bundle in report["bundles"]] == [*files, str(LOST_FRACTION), str(SIGNED), "nowhere.json"]
    assert report["summary"] == {
        "total": 16, "ok": 12, "warning": 1, "refused": 2, "unreadable": 0, "missing": 1, "exit_code": 1,
    }  # fmt: skip


def test_the_lines_of_verify_are_the_items_of_its_document(capsys: Capture) -> None:
    names = [str(WAITING), write("bad.json", b"{"), "nowhere.json", str(LEASED)]
    assert run(["bundle", "verify", *names, "--json"]) == ExitCode.NO
    whole = document(capsys.readouterr().out, "bundle-verify")
    assert run(["bundle", "verify", *names, "--output", "jsonl"]) == ExitCode.NO
    assert lines(capsys.readouterr().out, "bundle-verify", "bundle") == whole["bundles"]
    assert [bundle["verdict"] for bundle in whole["bundles"]] == ["ok", "unreadable", "unreadable", "refused"]


def test_verify_takes_a_folder_a_pattern_and_standard_input(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("exports").mkdir()
    for path in (WAITING, ORDER):
        shutil.copy(path, "exports")
    for names, expected in (
        (["exports"], [f"exports/{ORDER.name}", f"exports/{WAITING.name}"]),
        (["exports/w*.json"], [f"exports/{WAITING.name}"]),
        (["-"], ["-"]),
    ):
        piped(monkeypatch, WAITING.read_bytes())
        assert run(["bundle", "verify", *names, "--output", "jsonl"]) == ExitCode.DONE
        assert [line["file"] for line in lines(capsys.readouterr().out, "bundle-verify", "bundle")] == expected


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_verify_keeps_the_order_with_several_processes(jobs: str, capsys: Capture) -> None:
    files = [str(path) for path in sorted(EXAMPLES.glob("*.json"))] * 3
    assert run(["bundle", "verify", *files, "--jobs", jobs, "--output", "jsonl"]) == ExitCode.NO
    found = lines(capsys.readouterr().out, "bundle-verify", "bundle")
    assert [line["file"] for line in found] == files[: len(files) // 3]


def test_strict_refuses_class_names(capsys: Capture) -> None:
    file = write("a.json", sealed(small_bundle({"workflow.workflow_type": "App\\Order"})))
    assert run(["bundle", "verify", file]) == ExitCode.DONE
    assert "1 with warnings" in capsys.readouterr().out
    assert run(["bundle", "verify", file, "--strict"]) == ExitCode.NO
    assert "1 refused" in capsys.readouterr().out


def test_payloads_and_schema_are_asked_only_on_request(capsys: Capture) -> None:
    bundle = small_bundle({"signals.0.arguments": "wwHioz3/VYAiNwwC", "signals.0.payload_codec": "avro"})
    file = write("a.json", sealed(bundle))
    assert run(["bundle", "verify", file]) == ExitCode.DONE
    assert run(["bundle", "verify", file, "--payloads"]) == ExitCode.NO
    assert "payloads.undecodable" in capsys.readouterr().out
    assert run(["bundle", "verify", file, "--schema"]) == ExitCode.DONE
    assert "schema.violation" in capsys.readouterr().out


def test_a_size_limit_refuses_before_decoding_and_a_larger_one_allows(capsys: Capture) -> None:
    assert run(["bundle", "verify", str(LEASED), "--max-bundle-size", "7k"]) == ExitCode.NO
    assert run(["bundle", "verify", str(LEASED), "--max-bundle-size", "6k"]) == ExitCode.USAGE
    assert "more than the limit" in capsys.readouterr().out


# --- signatures --------------------------------------------------------------------------------------------


def rules(capsys: Capture, *arguments: str) -> list[str]:
    """The rules of the verification of the signed bundle."""
    run(["bundle", "verify", str(SIGNED), "--output", "jsonl", *arguments])
    (line,) = lines(capsys.readouterr().out, "bundle-verify", "bundle")
    found: list[str] = line["reference"]["integrity_rules"] + (line["reference"]["error_rules"] or [])
    return found


def test_the_key_comes_from_the_option_the_file_or_the_environment(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rules(capsys) == ["integrity.signature_key_unavailable"]
    key = write("key", SIGNING_KEY.encode() + b"\r\n")
    assert rules(capsys, "--signing-key-file", key) == []
    assert rules(capsys, "--signing-key", SIGNING_KEY) == []
    monkeypatch.setenv("DWCTL_SIGNING_KEY", SIGNING_KEY)
    assert rules(capsys) == []
    assert rules(capsys, "--signing-key-file", write("other", b"another")) == [
        "integrity.signature_mismatch",
        "bundle.integrity_failed",
    ]


def test_a_key_on_the_command_line_is_warned_of_and_never_printed(capsys: Capture) -> None:
    assert run(["bundle", "verify", str(SIGNED), "--signing-key", SIGNING_KEY, "--json"]) == ExitCode.DONE
    printed = capsys.readouterr()
    assert "visible to others" in printed.err
    assert SIGNING_KEY not in printed.err + printed.out


def test_a_required_signature_must_be_verified(capsys: Capture) -> None:
    assert rules(capsys, "--require-signature") == [
        "integrity.signature_key_unavailable",
        "bundle.signature_required",
    ]
    key = write("key", SIGNING_KEY.encode())
    assert run(["bundle", "verify", str(SIGNED), "--require-signature", "--signing-key-file", key]) == ExitCode.DONE
    assert run(["bundle", "verify", str(WAITING), "--require-signature", "--signing-key-file", key]) == ExitCode.NO


@pytest.mark.parametrize(
    "arguments",
    [
        ["--signing-key-file", "nowhere"],
        ["--signing-key-file", "."],
        ["--signing-key-file", "empty"],
        ["--signing-key", ""],
        ["--signing-key", "a-secret", "--signing-key-file", "key"],
    ],
    ids=" ".join,
)
def test_a_key_that_cannot_be_had_is_a_usage_error(arguments: list[str], capsys: Capture) -> None:
    write("empty", b"\n")
    write("key", b"k")
    for output in ([], ["--json"]):
        assert run(["bundle", "verify", *arguments, str(SIGNED), *output]) == ExitCode.USAGE
        printed = capsys.readouterr()
        assert "a-secret" not in printed.out + printed.err
        if output:
            assert document(printed.out, "error")["exit_code"] == 2


def test_a_key_of_any_bytes_is_a_key(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DWCTL_SIGNING_KEY", "\udcff\udc80")
    assert rules(capsys)[0] == "integrity.signature_mismatch"
    assert rules(capsys, "--signing-key", "\udcff")[0] == "integrity.signature_mismatch"


# --- failures of the command line --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["bundle", "verify"],
        ["bundle", "verify", "x.json", "--output", "xml"],
        ["bundle", "verify", "x.json", "--jobs", "0"],
        ["bundle", "verify", "x.json", "--nonsense"],
        ["bundle", "verify", "x.json", "--max-bundle-size", "big"],
        ["bundle", "verify", "x.json", "--max-bundle-size", "0"],
        ["bundle", "verify", "x.json", "--max-bundle-size", "-1"],
        ["bundle", "verify", "."],
        ["bundle", "verify", "*.json"],
        ["bundle", "repair", "x.json"],
        ["bundle", "canonical"],
        ["bundle", "canonical", "nowhere.json"],
        ["bundle", "repair", "nowhere.json", "out.json"],
        ["bundle", "nonsense"],
        ["nonsense"],
    ],
    ids=" ".join,
)
def test_a_request_that_cannot_be_made_ends_in_2_with_a_sentence(arguments: list[str], capsys: Capture) -> None:
    assert run(arguments) == ExitCode.USAGE
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("dwctl: ")
    assert "  next: " in printed.err
    assert "Traceback" not in printed.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["bundle", "verify", ".", "--json"],
        ["bundle", "verify", "*.json", "--output", "jsonl"],
        ["bundle", "verify", "--json"],
        ["bundle", "verify", "x", "--jobs", "none", "--output=json"],
        ["bundle", "repair", "nowhere.json", "out.json", "--json"],
    ],
    ids=" ".join,
)
def test_a_failure_in_a_json_mode_is_one_document_on_standard_output(arguments: list[str], capsys: Capture) -> None:
    assert run(arguments) == ExitCode.USAGE
    printed = capsys.readouterr()
    assert printed.err == ""
    error = document(printed.out, "error")
    assert error["exit_code"] == 2
    assert error["command"].startswith("bundle ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["history-import", "--signing-key", "a-secret", "*.json", "--dry-run", "--offline", "--json"],
        ["history-import", "--dry-run", "--offline", "--signing-key", "a-secret", "nowhere/", "--json", "--jobs", "x"],
        ["bundle", "verify", "--signing-key", "a-secret", "*.json", "--output", "jsonl"],
    ],
    ids=lambda arguments: arguments[1],
)
def test_no_value_of_an_option_is_repeated_in_an_error(arguments: list[str], capsys: Capture) -> None:
    assert run(arguments) == ExitCode.USAGE
    printed = capsys.readouterr()
    document(printed.out, "error")
    assert "a-secret" not in printed.out + printed.err


# --- canonical ---------------------------------------------------------------------------------------------


def test_the_sealed_canonical_text_has_the_recorded_checksum(capfdbinary: BinaryCapture) -> None:
    for path in (ORDER, SIGNED, LEASED):
        done = subprocess.run([DWCTL, "bundle", "canonical", "--sealed", path], capture_output=True, check=True)
        assert hashlib.sha256(done.stdout).hexdigest() == recorded_checksum(path.read_bytes())
        assert done.stderr == b""


def test_the_canonical_text_of_a_whole_document_has_no_newline_at_its_end(capfdbinary: BinaryCapture) -> None:
    file = write("a.json", b'{"b": 1.0, "a": {}, "integrity": {"z": [], "y": "\xc3\xa9"}}\n')
    done = subprocess.run([DWCTL, "bundle", "canonical", file], capture_output=True, check=True)
    assert done.stdout == b'{"a":[],"b":1.0,"integrity":{"y":"\\u00e9","z":[]}}'
    done = subprocess.run([DWCTL, "bundle", "canonical", "-"], input=b"[1e17]", capture_output=True, check=True)
    assert done.stdout == b"[1.0e+17]"


@pytest.mark.parametrize(
    ("content", "place"),
    [(b"{", "line 1, column 2"), (b"", "line 1"), (b'{"a":[0,1e999]}', "a.1"), (b'{"a":\n"\xff"}', "line 2, column 2")],
)
def test_a_document_without_a_canonical_text_ends_in_1_and_says_where(
    content: bytes, place: str, capsys: Capture
) -> None:
    file = write("a.json", content)
    assert run(["bundle", "canonical", file]) == ExitCode.NO
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"where: {file}, {place}" in printed.err


# --- repair ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damaged", "cause"),
    [
        (LOST_FRACTION.read_bytes(), "lost_zero_fractions"),
        (with_top_level_key(WAITING.read_bytes(), b'"namespace":"x"'), "added_top_level_key"),
        (
            with_top_level_key(LOST_FRACTION.read_bytes(), b'"namespace":"x"'),
            "added_top_level_key_and_lost_zero_fractions",
        ),
    ],
)
@pytest.mark.parametrize("output", FORMATS, ids=" ".join)
def test_repair_writes_a_bundle_that_verifies(
    damaged: bytes, cause: str, output: tuple[str, ...], capsys: Capture
) -> None:
    write("in.json", damaged)
    assert run(["bundle", "repair", "in.json", "out.json", *output]) == ExitCode.DONE
    printed = capsys.readouterr()
    if output:
        report = document(printed.out, "bundle-repair")
        assert (report["file"], report["written"], report["repair"]["cause"]) == ("in.json", "out.json", cause)
        assert printed.err == ""
    else:
        assert printed.out == ""
        assert "out.json: restored, and proven by the recorded checksum" in printed.err
    assert Path("in.json").read_bytes() == damaged
    assert stat.S_IMODE(Path("out.json").stat().st_mode) == 0o600
    run(["bundle", "verify", "out.json", "--output", "jsonl"])
    (line,) = lines(capsys.readouterr().out, "bundle-verify", "bundle")
    assert (line["checksum"]["matches"], line["repair"]) == (True, None)


def test_repair_reads_standard_input(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, LOST_FRACTION.read_bytes())
    assert run(["bundle", "repair", "-", "out.json", "--json"]) == ExitCode.DONE
    assert document(capsys.readouterr().out, "bundle-repair")["file"] == "-"
    assert len(Path("out.json").read_bytes()) == len(LOST_FRACTION.read_bytes()) + 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (WAITING.read_bytes(), "checksum_matches"),
        (WAITING.read_bytes().replace(b"approval-1", b"approval-2", 1), "edited_or_damaged"),
        (b"{}", "no_checksum"),
        (b"[]", "no_checksum"),
        (b"5", "no_checksum"),
        (b"{", "truncated"),
        (sealed(small_bundle()).replace(b'"run_number":1', b'"run_number":1e999'), "infinite_number"),
    ],
)
def test_what_is_not_proven_is_not_written_and_ends_in_1(content: bytes, reason: str, capsys: Capture) -> None:
    write("in.json", content)
    assert run(["bundle", "repair", "in.json", "out.json"]) == ExitCode.NO
    printed = capsys.readouterr()
    assert (printed.out, f"reason: {reason}\n" in printed.err) == ("", True)
    assert "where: in.json" in printed.err
    assert run(["bundle", "repair", "in.json", "out.json", "--json"]) == ExitCode.NO
    error = document(capsys.readouterr().out, "error")
    assert (error["reason"], error["exit_code"], error["command"]) == (reason, 1, "bundle repair")
    assert not Path("out.json").exists()


def test_repair_replaces_a_file_only_when_it_is_told_to(capsys: Capture) -> None:
    write("in.json", LOST_FRACTION.read_bytes())
    write("out.json", b"old")
    assert run(["bundle", "repair", "in.json", "out.json"]) == ExitCode.USAGE
    assert "--force" in capsys.readouterr().err
    assert Path("out.json").read_bytes() == b"old"
    assert run(["bundle", "repair", "in.json", "out.json", "--force"]) == ExitCode.DONE
    assert Path("out.json").read_bytes() != b"old"
    assert run(["bundle", "repair", "in.json", "in.json"]) == ExitCode.USAGE
    assert run(["bundle", "repair", "in.json", "in.json", "--force"]) == ExitCode.DONE


def test_repair_that_cannot_be_written_ends_in_2(capsys: Capture) -> None:
    assert run(["bundle", "repair", str(LOST_FRACTION), "no/where/out.json"]) == ExitCode.USAGE
    assert "reason: unwritable" in capsys.readouterr().err


# --- the schemas would notice ------------------------------------------------------------------------------


def broken(change: Any) -> bool:
    """Whether a changed item of a verification is still of the schema."""
    run_item: dict[str, Any] = json.loads(json.dumps(_ITEM))
    change(run_item)
    return is_valid("bundle-verify", run_item, "bundle")


_ITEM: dict[str, Any] = {
    "file": "a.json", "verdict": "ok", "own_rules": [], "repair": None, "problem": None, "size": 5, "run": None,
    "reference": {"integrity_status": "ok", "integrity_rules": [], "error_rules": [], "warning_rules": []},
    "checksum": {"recorded": None, "recomputed": None, "matches": None},
    "signature": {"present": False, "verified": None, "key_id": None},
    "findings": [],
}  # fmt: skip


def test_the_schema_of_a_verdict_is_closed() -> None:
    assert broken(lambda item: None)
    assert not broken(lambda item: item.update(extra=1))
    assert not broken(lambda item: item.pop("reference"))
    assert not broken(lambda item: item.pop("findings"))
    assert not broken(lambda item: item.update(verdict="fine"))
    assert not broken(lambda item: item.update(own_rules=["no rule"]))
    assert not broken(lambda item: item["reference"].update(integrity_status="good"))
    problem = {"message": "m", "next_step": None}
    assert not broken(lambda item: item.update(problem=problem))
    assert broken(lambda item: item.update(problem=problem, verdict="unreadable"))


def test_the_schemas_name_every_word_that_the_code_has() -> None:
    from dwctl.bundle.findings import Origin, Severity
    from dwctl.bundle.restoration import Cause
    from dwctl.bundle.verify import Outcome
    from dwctl.transfer.imports.outcomes import ImportState
    from dwctl.transfer.imports.proof import ProofState
    from dwctl.transfer.imports.way import Way

    imports, verify = schema("history-import")["$defs"], schema("bundle-verify")["$defs"]
    for expected, enumeration in (
        (Outcome, verify["verdict"]["enum"]),
        (Cause, verify["repair"]["properties"]["cause"]["enum"]),
        (Severity, verify["finding"]["properties"]["severity"]["enum"]),
        (Origin, verify["finding"]["properties"]["origin"]["enum"]),
        (ImportState, imports["bundle"]["properties"]["state"]["enum"]),
        (ProofState, imports["proof"]["properties"]["state"]["enum"]),
        (Way, [way for way in imports["bundle"]["properties"]["way"]["enum"] if way is not None]),
    ):
        assert {word.value for word in expected} == set(enumeration), expected
    codes = schema("error")["properties"]["exit_code"]["enum"]
    assert set(codes) == {int(code) for code in ExitCode} - {0}


def test_what_two_schemas_describe_they_describe_alike() -> None:
    imports, verify = schema("history-import")["$defs"], schema("bundle-verify")["$defs"]
    for name in ("verdict", "reference", "ruleId", "repair", "problem", "run", "checksum", "signature", "finding"):
        assert imports[name] == verify[name], name
    for name, part in verify["bundle"]["properties"].items():
        assert name == "verdict" or imports["bundle"]["properties"][name] == part, name
