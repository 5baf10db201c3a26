"""What became of exports: what each is good for, and the exit code of all together."""

from __future__ import annotations

import pytest

from dwctl.bundle.verify import Outcome, VerifyOptions
from dwctl.errors import (
    AnswerIsNo,
    DwctlError,
    ExitCode,
    IncompatibleServer,
    LocalStateError,
    NotAuthorized,
    NotFound,
    RequestNotPossible,
    ServerFailed,
    ServerTimedOut,
    ServerUnreachable,
)
from dwctl.transfer.exports.judges import judge
from dwctl.transfer.exports.outcomes import (
    SLOWEST,
    ExportResult,
    ExportState,
    ExportTally,
    Purpose,
    Standing,
    judged_standing,
    standing,
)
from dwctl.transfer.exports.selection import Target
from dwctl.transfer.storage.manifest import ManifestEntry
from sample_bundles import LEASED, LOST_FRACTION, WAITING


def entry(verdict: Outcome = Outcome.OK, size: int = 100) -> ManifestEntry:
    """An entry with a verdict."""
    return ManifestEntry(
        "order-1", "run-1", "orders.process", "waiting", "key", "order-1/run-1.json", size, "0" * 64, None, verdict, (),
        "dwctl", "2026-11-22T22:11:34.103683Z",
    )  # fmt: skip


def result(state: ExportState = ExportState.EXPORTED, error: DwctlError | None = None) -> ExportResult:
    """A result; a kept one is good."""
    kept = entry() if error is None and state is not ExportState.HELD else None
    return ExportResult(Target("order-1"), state, kept, Standing.GOOD if kept else None, error=error, seconds=1.0)


REFUSED = ExportResult(Target("order-1"), ExportState.EXPORTED, entry(Outcome.REFUSED), Standing.REFUSED)


def failed(error: DwctlError) -> ExportResult:
    """A run without an export."""
    return result(ExportState.FAILED, error)


def test_an_archive_has_to_be_whole_and_what_is_to_be_imported_to_be_importable() -> None:
    rules = ("workflow.source_runtime_unsupported",)
    assert standing(Purpose.ARCHIVE, Outcome.REFUSED, rules) is Standing.GOOD
    assert standing(Purpose.IMPORT, Outcome.REFUSED, rules) is Standing.REFUSED
    for purpose in Purpose:
        assert standing(purpose, Outcome.WARNING, ("workflow.type_is_class",)) is Standing.GOOD
        assert standing(purpose, Outcome.REFUSED, ("bundle.integrity_failed",)) is Standing.REFUSED
        assert standing(purpose, Outcome.UNREADABLE, ("bundle.unparseable",)) is Standing.REFUSED
        assert standing(purpose, Outcome.REFUSED, ("bundle.infinite_number",)) is Standing.REFUSED


@pytest.mark.parametrize("purpose", list(Purpose))
def test_only_what_the_checksum_proves_is_restorable(purpose: Purpose) -> None:
    assert judged_standing(purpose, judge(LOST_FRACTION.read_bytes(), VerifyOptions())) is Standing.RESTORABLE
    edited = WAITING.read_bytes().replace(b"orders", b"ordres", 1)
    assert judged_standing(purpose, judge(edited, VerifyOptions())) is Standing.REFUSED


def test_a_leased_run_is_a_whole_archive_and_cannot_be_imported() -> None:
    judged = judge(LEASED.read_bytes(), VerifyOptions())
    assert judged_standing(Purpose.ARCHIVE, judged) is Standing.GOOD
    assert judged_standing(Purpose.IMPORT, judged) is Standing.REFUSED


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([result()], ExitCode.DONE),
        ([result(ExportState.ALREADY_EXPORTED), result(ExportState.REFRESHED)], ExitCode.DONE),
        ([REFUSED], ExitCode.NO),
        ([result(ExportState.HELD)], ExitCode.NO),
        ([result(), REFUSED], ExitCode.PARTLY),
        ([result(), result(ExportState.HELD)], ExitCode.PARTLY),
        ([result(), failed(NotFound("x"))], ExitCode.PARTLY),
        ([failed(NotFound("x"))], ExitCode.NOT_FOUND),
        ([failed(NotFound("x")), REFUSED], ExitCode.NOT_FOUND),
        ([failed(ServerUnreachable("x")), failed(ServerFailed("x"))], ExitCode.NETWORK),
        ([failed(ServerFailed("x")), failed(ServerTimedOut("x"))], ExitCode.SERVER),
        ([failed(ServerTimedOut("x")), failed(NotFound("x"))], ExitCode.TIMEOUT),
        ([failed(AnswerIsNo("x"))], ExitCode.NO),
        ([failed(RequestNotPossible("x"))], ExitCode.USAGE),
        ([result(), failed(NotAuthorized("x"))], ExitCode.AUTH),
        ([result(), failed(IncompatibleServer("x")), failed(NotAuthorized("x"))], ExitCode.INCOMPATIBLE),
        ([result(), failed(LocalStateError("x")), failed(IncompatibleServer("x"))], ExitCode.LOCAL_STATE),
        ([], ExitCode.USAGE),
    ],
)
def test_the_exit_code_follows_the_design(results: list[ExportResult], code: ExitCode) -> None:
    tally = ExportTally(len(results))
    assert list(tally.counting(results)) == results
    assert tally.exit_code is code
    tally.interrupted = True
    assert tally.exit_code is ExitCode.INTERRUPTED


def test_what_was_not_tried_or_not_listed_is_not_done() -> None:
    tally = ExportTally(2)
    tally.add(result())
    assert (tally.not_tried, tally.exit_code) == (1, ExitCode.PARTLY)
    tally.add(result())
    assert (tally.not_tried, tally.exit_code) == (0, ExitCode.DONE)
    tally.complete = False
    assert tally.exit_code is ExitCode.PARTLY


def test_counts_and_the_slowest() -> None:
    tally = ExportTally(20)
    for number in range(10):
        tally.add(ExportResult(Target(f"o-{number}"), ExportState.EXPORTED, entry(), Standing.GOOD, seconds=number))
    tally.add(result(ExportState.ALREADY_EXPORTED))
    tally.add(ExportResult(Target("noisy"), ExportState.EXPORTED, entry(Outcome.WARNING), Standing.GOOD, noise=3))
    assert (tally.written, tally.kept, tally.bytes, tally.noisy) == (11, 12, 1100, 1)
    assert tally.verdicts == {"ok": 11, "warning": 1}
    assert [name for name, _ in tally.slowest] == ["o-9", "o-8", "o-7", "o-6", "o-5"]
    assert len(tally.slow) == SLOWEST


@pytest.mark.parametrize(
    ("verdict", "stands", "word"),
    [
        (Outcome.OK, Standing.GOOD, "ok"),
        (Outcome.REFUSED, Standing.GOOD, "whole"),
        (Outcome.REFUSED, Standing.RESTORABLE, "restorable"),
        (Outcome.REFUSED, Standing.REFUSED, "refused"),
    ],
)
def test_a_kept_export_has_one_word(verdict: Outcome, stands: Standing, word: str) -> None:
    assert ExportResult(Target("a"), ExportState.EXPORTED, entry(verdict), stands).verdict == word
