"""A dry run without a server: each bundle alone, and with regard to those before it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from dwctl.bundle.verify import Outcome, VerifyOptions
from dwctl.transfer.files.verification import verify_files
from dwctl.transfer.imports.dry_run import dry_run_offline
from sample_bundles import EXAMPLES, LEASED, WAITING

OPTIONS = VerifyOptions()
CHAIN = [str(EXAMPLES / f"chain-sub-1-run-{run}.json") for run in (1, 2, 3)]


def foreseen(files: list[str], namespace: str | None = None, jobs: int | None = None) -> list[list[str]]:
    """The rules that the set foretells, a list a file."""
    judged = dry_run_offline(files, OPTIONS, namespace=namespace, jobs=jobs)
    return [[finding.rule for finding in one.foreseen] for one in judged]


@pytest.mark.parametrize("jobs", [None, 1, 2])
def test_a_chain_is_foreseen_in_the_order_of_the_files(jobs: int | None) -> None:
    assert foreseen(CHAIN, jobs=jobs) == [[], ["set.link_shared"], []]
    assert foreseen(CHAIN[1:], jobs=jobs) == [[], ["set.link_shared"]]
    assert foreseen([CHAIN[0], CHAIN[2]], jobs=jobs) == [[], []]


def test_the_same_bundle_under_two_names_is_foreseen(tmp_path: Path) -> None:
    copy = tmp_path / "copy.json"
    copy.write_bytes(WAITING.read_bytes())
    assert foreseen([str(WAITING), str(copy)]) == [[], ["set.duplicate_file"]]


def test_the_verdict_on_each_bundle_is_that_of_a_verification() -> None:
    files = [str(WAITING), str(LEASED), "nowhere.json"]
    alone = list(verify_files(files, OPTIONS))
    judged = list(dry_run_offline(files, OPTIONS))
    assert [(one.file, one.outcome, one.verdict) for one in judged] == [
        (one.file, one.outcome, one.verdict) for one in alone
    ]
    assert judged[2].problem is not None


def test_a_refused_bundle_holds_no_other_up() -> None:
    assert foreseen([str(LEASED), str(LEASED)]) == [[], []]


def test_limit_and_standard_input_are_handed_on() -> None:
    stdin = io.BytesIO(WAITING.read_bytes())
    small, piped = dry_run_offline([str(LEASED), "-"], OPTIONS, limit=20_000, stdin=stdin)
    assert (small.outcome, piped.outcome) == (Outcome.REFUSED, Outcome.OK)
    (large,) = dry_run_offline([str(LEASED)], OPTIONS, limit=100)
    assert large.problem is not None
    assert large.problem.reason == "too_large"
