"""`dwctl history-import --dry-run --offline`: the importer's report without a server."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import pytest

from dwctl.cli.main import run
from dwctl.errors import ExitCode
from output_schemas import document, lines
from sample_bundles import EXAMPLES, LEASED, LOST_FRACTION, SIGNED, SIGNING_KEY, WAITING, sealed, small_bundle

Capture = pytest.CaptureFixture[str]
OFFLINE = ("--dry-run", "--offline")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a folder of its own, without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))


def dry_run(*arguments: str) -> int:
    """Dry-run without a server."""
    return run(["history-import", *arguments, *OFFLINE])


def write(name: str, content: bytes) -> str:
    """The name of a file that holds this content."""
    Path(name).write_bytes(content)
    return name


def test_the_document_is_of_its_schema_and_has_every_file(capsys: Capture) -> None:
    names = [str(WAITING), str(LEASED), str(LOST_FRACTION), write("bad.json", b"{"), "nowhere.json"]
    arguments = ("--namespace", "Production", "--import-id", "cutover-1", "--json")
    assert dry_run(*names, *arguments) == ExitCode.NO
    report = document(capsys.readouterr().out, "history-import")
    assert {name: report[name] for name in ("dry_run", "offline", "server", "namespace", "import_id")} == {
        "dry_run": True, "offline": True, "server": None, "namespace": "production", "import_id": "cutover-1",
    }  # fmt: skip
    assert [bundle["file"] for bundle in report["bundles"]] == names
    assert [bundle["state"] for bundle in report["bundles"]] == [
        "would_import", "refused", "refused", "refused", "failed",
    ]  # fmt: skip
    assert [None if bundle["report"] is None else bundle["report"]["status"] for bundle in report["bundles"]] == [
        "dry_run", "rejected", "rejected", None, None,
    ]  # fmt: skip
    assert report["bundles"][0]["report"]["workflow"]["namespace"] == "production"
    assert report["summary"] == {
        "total": 5, "ok": 1, "warning": 0, "refused": 2, "unreadable": 1, "missing": 1, "exit_code": 1,
    }  # fmt: skip


def test_the_lines_are_the_items_of_the_document(capsys: Capture) -> None:
    assert dry_run(str(EXAMPLES), "--json") == ExitCode.NO
    whole = document(capsys.readouterr().out, "history-import")
    assert (whole["namespace"], whole["import_id"]) == (None, None)
    assert dry_run(str(EXAMPLES), "--output", "jsonl") == ExitCode.NO
    assert lines(capsys.readouterr().out, "history-import", "bundle") == whole["bundles"]


@pytest.mark.parametrize("output", [(), ("--json",), ("--output", "jsonl")], ids=" ".join)
@pytest.mark.parametrize(
    ("names", "code"),
    [
        ([WAITING], ExitCode.DONE),
        ([LEASED], ExitCode.NO),
        ([WAITING, WAITING.with_name("nowhere.json")], ExitCode.USAGE),
        ([EXAMPLES / f"chain-sub-1-run-{at}.json" for at in (1, 3)], ExitCode.DONE),
        ([EXAMPLES / f"chain-sub-1-run-{at}.json" for at in (1, 2)], ExitCode.NO),
    ],
    ids=["ok", "refused", "missing", "no shared link", "shared link"],
)
def test_it_ends_alike_in_every_format(
    names: list[Path], code: ExitCode, output: tuple[str, ...], capsys: Capture
) -> None:
    assert dry_run(*map(str, names), *output) == code
    assert capsys.readouterr().out


def test_a_chain_in_the_set_is_foreseen_with_the_other_file(capsys: Capture) -> None:
    names = [str(EXAMPLES / f"chain-sub-1-run-{at}.json") for at in (1, 2, 3)]
    assert dry_run(*names, "--output", "jsonl") == ExitCode.NO
    first, second, third = lines(capsys.readouterr().out, "history-import", "bundle")
    assert (first["verdict"], second["verdict"], third["verdict"]) == ("ok", "refused", "ok")
    (finding,) = second["foreseen"]
    assert finding["rule"] == "set.link_shared"
    assert names[0] in finding["message"]
    assert second["report"]["status"] == "dry_run"
    assert dry_run(*names) == ExitCode.NO
    table = capsys.readouterr().out
    assert "set.link_shared" in table
    assert "3 bundles: 2 ok, 1 refused. NO" in table


def test_the_same_run_twice_and_a_copy_are_foreseen(capsys: Capture) -> None:
    write("a.json", sealed(small_bundle()))
    write("b.json", sealed(small_bundle()))
    assert dry_run("a.json", "b.json") == ExitCode.DONE
    assert "set.duplicate_file" in capsys.readouterr().out
    write("b.json", sealed(small_bundle({"dedupe_key": "later"})))
    assert dry_run("a.json", "b.json") == ExitCode.NO
    assert "set.same_run_twice" in capsys.readouterr().out


def test_one_instance_in_two_namespaces_is_foreseen_unless_one_is_given(capsys: Capture) -> None:
    write("a.json", sealed(small_bundle({"workflow.namespace": "blue"})))
    write("b.json", sealed(small_bundle({"workflow.namespace": "green", "workflow.run_id": "run-2"})))
    assert dry_run("a.json", "b.json") == ExitCode.NO
    assert "set.instance_in_two_namespaces" in capsys.readouterr().out
    assert dry_run("a.json", "b.json", "--namespace", "blue") == ExitCode.DONE


def test_an_empty_namespace_is_no_namespace(capsys: Capture) -> None:
    write("a.json", sealed(small_bundle({"workflow.namespace": "blue"})))
    write("b.json", sealed(small_bundle({"workflow.namespace": "green", "workflow.run_id": "run-2"})))
    assert dry_run("a.json", "b.json", "--namespace", "") != ExitCode.DONE


def test_verdicts_are_those_of_bundle_verify(capsys: Capture) -> None:
    names = [str(WAITING), str(LEASED), str(LOST_FRACTION), str(SIGNED)]
    run(["bundle", "verify", *names, "--output", "jsonl"])
    alone = lines(capsys.readouterr().out, "bundle-verify", "bundle")
    dry_run(*names, "--output", "jsonl")
    judged = lines(capsys.readouterr().out, "history-import", "bundle")
    assert [{name: item[name] for name in alone[0]} for item in judged] == alone


def test_signature_strictness_and_size_work_as_in_bundle_verify(capsys: Capture) -> None:
    key = write("key", SIGNING_KEY.encode())
    assert dry_run(str(SIGNED), "--require-signature") == ExitCode.NO
    assert dry_run(str(SIGNED), "--require-signature", "--signing-key-file", key) == ExitCode.DONE
    typed = write("a.json", sealed(small_bundle({"workflow.workflow_type": "App\\Order"})))
    assert dry_run(typed) == ExitCode.DONE
    assert dry_run(typed, "--strict") == ExitCode.NO
    assert dry_run(typed, "--max-bundle-size", "1k") == ExitCode.USAGE
    capsys.readouterr()


def test_a_folder_and_standard_input_are_taken(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("exports").mkdir()
    shutil.copy(WAITING, "exports")
    assert dry_run("exports", "--output", "jsonl") == ExitCode.DONE
    (line,) = lines(capsys.readouterr().out, "history-import", "bundle")
    assert line["file"] == f"exports/{WAITING.name}"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(WAITING.read_bytes())))
    assert dry_run("-", "--output", "jsonl") == ExitCode.DONE
    (line,) = lines(capsys.readouterr().out, "history-import", "bundle")
    assert line["file"] == "-"


@pytest.mark.parametrize(
    "arguments",
    [
        ["history-import", str(WAITING), "--offline"],
        ["history-import", str(WAITING)],
        ["history-import", *OFFLINE],
        ["history-import", ".", *OFFLINE],
        ["history-import", "*.json", *OFFLINE],
        ["history-import", str(WAITING), *OFFLINE, "--nonsense"],
    ],
    ids=lambda arguments: " ".join(arguments[1:])[-20:],
)
def test_a_request_that_cannot_be_made_ends_in_2(arguments: list[str], capsys: Capture) -> None:
    assert run(arguments) == ExitCode.USAGE
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("dwctl: ")
    assert run([*arguments, "--json"]) == ExitCode.USAGE
    error: dict[str, Any] = document(capsys.readouterr().out, "error")
    assert error["command"].split()[0] == "history-import"
