"""Many files are judged in their order, by one process or by several, and counted honestly."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from dwctl.bundle.findings import Finding
from dwctl.bundle.rules import found
from dwctl.bundle.verify import Outcome, VerifyOptions, verify_bundle
from dwctl.errors import ExitCode, UnreadableInput
from dwctl.transfer.files.verification import FileVerdict, Tally, verify_file, verify_files
from sample_bundles import EXAMPLES, LEASED, LOST_FRACTION, ORDER, WAITING, sealed, small_bundle

OPTIONS = VerifyOptions()
OK = verify_bundle(sealed(small_bundle()))
WARNING = verify_bundle(sealed(small_bundle({"exported_at": None})))
REFUSED = verify_bundle(sealed(small_bundle({"tasks.0.status": "leased"})))
UNREADABLE = verify_bundle(b"{")


@pytest.fixture
def many(tmp_path: Path) -> list[str]:
    """Forty files of all outcomes, one of them missing and one no file."""
    files: list[str] = []
    for at in range(40):
        file = tmp_path / f"{at:02}.json"
        if at == 17:
            os.mkfifo(file)
        elif at != 23:
            source = (WAITING, LEASED, LOST_FRACTION)[at % 3].read_bytes()
            file.write_bytes(source if at % 7 else source[:100])
        files.append(str(file))
    return files


# --- one file ----------------------------------------------------------------------------------------------


def test_a_file_is_judged_by_its_content(tmp_path: Path) -> None:
    judged = verify_file(str(WAITING), OPTIONS)
    assert (judged.file, judged.outcome, judged.problem) == (str(WAITING), Outcome.OK, None)
    assert judged.verdict is not None
    assert judged.verdict.size == WAITING.stat().st_size


def test_a_file_that_cannot_be_read_has_a_problem_and_no_verdict(tmp_path: Path) -> None:
    judged = verify_file(str(tmp_path / "none.json"), OPTIONS)
    assert judged.verdict is None
    assert isinstance(judged.problem, UnreadableInput)
    assert judged.outcome is Outcome.UNREADABLE
    assert list(judged.findings) == []


def test_a_file_beyond_the_limit_is_not_judged() -> None:
    judged = verify_file(str(LEASED), OPTIONS, limit=100)
    assert judged.problem is not None
    assert judged.problem.reason == "too_large"


def test_standard_input_is_judged_under_its_name() -> None:
    judged = verify_file("-", OPTIONS, stdin=io.BytesIO(WAITING.read_bytes()))
    assert (judged.file, judged.outcome) == ("-", Outcome.OK)


@pytest.mark.parametrize(
    ("foreseen", "alone", "outcome"),
    [
        ((), OK, Outcome.OK),
        ((found("set.duplicate_file"),), OK, Outcome.WARNING),
        ((found("set.duplicate_file"),), WARNING, Outcome.WARNING),
        ((found("set.duplicate_file"),), REFUSED, Outcome.REFUSED),
        ((found("set.duplicate_file"), found("set.link_shared")), OK, Outcome.REFUSED),
        ((found("set.link_shared"),), WARNING, Outcome.REFUSED),
    ],
)
def test_what_the_set_foretells_can_only_make_an_outcome_worse(
    foreseen: tuple[Finding, ...], alone: object, outcome: Outcome
) -> None:
    assert isinstance(alone, type(OK))
    judged = FileVerdict("a.json", alone, foreseen=foreseen)
    assert judged.outcome is outcome
    assert list(judged.findings) == [*alone.findings, *foreseen]


# --- many files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_the_verdicts_come_in_the_order_of_the_files(many: list[str], jobs: int) -> None:
    judged = list(verify_files(many, OPTIONS, jobs=jobs))
    assert [one.file for one in judged] == many
    alone = [verify_file(file, OPTIONS) for file in many]
    assert [(one.outcome, one.verdict) for one in judged] == [(one.outcome, one.verdict) for one in alone]
    assert [one.problem.message for one in judged if one.problem] == [
        one.problem.message for one in alone if one.problem
    ]
    assert {one.outcome for one in judged} == {Outcome.OK, Outcome.REFUSED, Outcome.UNREADABLE}


def test_options_and_limit_reach_every_process() -> None:
    files = [str(path) for path in (ORDER, WAITING, LEASED)]
    strict = VerifyOptions(require_signature=True)
    for jobs in (1, 2):
        judged = list(verify_files(files, strict, jobs=jobs, limit=50_000))
        assert [one.problem is not None for one in judged] == [True, False, False]
        for one in judged[1:]:
            assert "bundle.signature_required" in [finding.rule for finding in one.findings]


def test_standard_input_among_files_is_read_by_this_process() -> None:
    files = [str(WAITING), "-", str(LEASED)]
    judged = list(verify_files(files, OPTIONS, jobs=2, stdin=io.BytesIO(ORDER.read_bytes())))
    assert [one.file for one in judged] == files
    assert [one.outcome for one in judged] == [Outcome.OK, Outcome.OK, Outcome.REFUSED]


# --- counting ----------------------------------------------------------------------------------------------


MISSING = FileVerdict("m", problem=UnreadableInput("there is no such file"))
COUNTED = {
    "ok": FileVerdict("a", OK),
    "warning": FileVerdict("b", WARNING),
    "refused": FileVerdict("c", REFUSED),
    "unreadable": FileVerdict("d", UNREADABLE),
    "missing": MISSING,
}


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["ok"], ExitCode.DONE),
        (["ok", "warning"], ExitCode.DONE),
        (["refused"], ExitCode.NO),
        (["unreadable"], ExitCode.NO),
        (["missing"], ExitCode.USAGE),
        (["ok", "missing"], ExitCode.USAGE),
        (["warning", "missing"], ExitCode.USAGE),
        (["ok", "refused"], ExitCode.NO),
        (["ok", "unreadable"], ExitCode.NO),
        (["missing", "refused"], ExitCode.NO),
        (["unreadable", "missing", "ok"], ExitCode.NO),
    ],
)
def test_the_exit_code_follows_from_the_counts(names: list[str], code: ExitCode) -> None:
    tally = Tally()
    assert [one.file for one in tally.counting(COUNTED[name] for name in names)] == [
        COUNTED[name].file for name in names
    ]
    assert tally.exit_code is code
    assert tally.total == len(names)
    assert {name: getattr(tally, name) for name in COUNTED} == {name: names.count(name) for name in COUNTED}


def test_what_is_foreseen_counts() -> None:
    tally = Tally()
    tally.add(FileVerdict("a", OK, foreseen=(found("set.link_shared"),)))
    tally.add(FileVerdict("b", OK, foreseen=(found("set.duplicate_file"),)))
    assert (tally.ok, tally.warning, tally.refused) == (0, 1, 1)


def test_the_examples_are_counted_as_they_are() -> None:
    tally = Tally()
    for judged in verify_files([str(path) for path in sorted(EXAMPLES.glob("*.json"))], OPTIONS, jobs=2):
        tally.add(judged)
    assert (tally.ok, tally.refused, tally.total, tally.exit_code) == (12, 1, 13, ExitCode.NO)
