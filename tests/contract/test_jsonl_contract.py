"""The lines of `bundle verify` and of an offline dry run say what the reference's recorded reports say."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from dwctl.cli.main import run
from dwctl.errors import ExitCode
from output_schemas import lines

Case = dict[str, Any]
Options = tuple[str | None, bool]
"""The signing key of a case, and whether a signature is required."""

VERIFY_KINDS = ("verify", "verify-key", "verify-wrong-key")
DRY_RUN_KINDS = ("dry-run", "dry-run-require-signature", "dry-run-require-signature-key")


@pytest.fixture
def corpus(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The recorded corpus; the working directory has no settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))
    return shared / "corpus"


def recorded(corpus: Path, kinds: tuple[str, ...]) -> dict[Options, list[tuple[str, Case]]]:
    """The cases of these kinds with their bundles' files, by the options that they were recorded with."""
    cases: dict[Options, list[tuple[str, Case]]] = defaultdict(list)
    for path in sorted((corpus / "cases").glob("*.json")):
        document = json.loads(path.read_bytes())
        for kind in kinds:
            case = document["cases"].get(kind)
            if case is not None:
                options = (case["options"].get("signing_key"), case["options"].get("require_signature", False))
                cases[options].append((str(corpus / document["bundle"]), case))
    return cases


def arguments(options: Options) -> list[str]:
    """The options as words of a command line; the key stands in a file."""
    key, required = options
    words = ["--require-signature"] if required else []
    if key is not None:
        Path("key").write_text(key, encoding="utf-8")
        words += ["--signing-key-file", "key"]
    return words


@pytest.mark.parametrize("kinds", [VERIFY_KINDS, DRY_RUN_KINDS], ids=["verify", "dry-run"])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_bundle_verify_has_a_line_for_every_file_with_the_recorded_rules(
    kinds: tuple[str, ...], jobs: str, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compared = 0
    for options, cases in recorded(corpus, kinds).items():
        files = [file for file, _ in cases]
        code = run(["bundle", "verify", *files, *arguments(options), "--jobs", jobs, "--output", "jsonl"])
        items = lines(capsys.readouterr().out, "bundle-verify", "bundle")
        assert code == ExitCode.NO
        assert [item["file"] for item in items] == files
        for item, (file, case) in zip(items, cases, strict=True):
            assert_as_recorded(item["reference"], case, file)
            assert isinstance(item["own_rules"], list)
            assert item["repair"] is None or {"cause", "proven"} <= set(item["repair"])
            compared += 1
    assert compared > 390


def assert_as_recorded(reference: dict[str, Any], case: Case, file: str) -> None:
    """What the line says of the reference is what the case recorded."""
    report = case["report"]
    is_verification = "findings" in report
    verification = report if is_verification else report["integrity"]
    rules = [finding["rule"] for finding in verification["findings"]]
    assert reference["integrity_status"] == verification["status"], file
    assert reference["integrity_rules"] == rules, file
    assert dict(Counter(rules)) == dict(case["integrity_rules"] or {}), file
    if is_verification:
        decodes = "bundle.unparseable" not in rules
        assert (reference["error_rules"] is not None) is decodes, file
        assert reference["warning_rules"] == [] or decodes, file
    else:
        assert reference["error_rules"] == case["error_rules"], file
        assert reference["warning_rules"] == case["warning_rules"], file


def test_an_offline_dry_run_gives_the_recorded_report(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compared = 0
    for options, cases in recorded(corpus, DRY_RUN_KINDS).items():
        files = [file for file, _ in cases]
        run(["history-import", *files, "--dry-run", "--offline", *arguments(options), "--output", "jsonl"])
        items = lines(capsys.readouterr().out, "history-import", "bundle")
        assert [item["file"] for item in items] == files
        for item, (file, case) in zip(items, cases, strict=True):
            assert_as_recorded(item["reference"], case, file)
            report, expected = item["report"], case["report"]
            assert report["status"] == case["status"] == expected["status"], file
            assert report["eligibility"]["eligible"] == expected["eligibility"]["eligible"], file
            assert report["workflow"] == expected["workflow"], file
            assert report["integrity"]["integrity"] == expected["integrity"]["integrity"], file
            assert report["integrity"]["bundle"] == expected["integrity"]["bundle"], file
            summary = expected["integrity"]["summary"]
            # PHP writes an empty map as a list.
            assert report["integrity"]["summary"] == summary | {
                "findings_by_rule": summary["findings_by_rule"] or {}
            }, file
            assert set(expected) == set(report), file
            compared += 1
    assert compared > 390


def test_every_file_of_the_corpus_has_its_line_even_if_it_does_not_decode(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["bundle", "verify", str(corpus), "--output", "jsonl"])
    items = lines(capsys.readouterr().out, "bundle-verify", "bundle")
    assert len(items) == len([path for path in corpus.rglob("*.json") if not path.name.startswith(".")])
    undecodable = [item["file"] for item in items if item["reference"]["error_rules"] is None]
    assert any("raw-truncated" in file for file in undecodable)
    assert all(item["verdict"] in {"unreadable", "refused"} for item in items if item["file"] in undecodable)
