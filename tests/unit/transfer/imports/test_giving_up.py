"""What ends a run before its end, counted one bundle after the other."""

from __future__ import annotations

import pytest

from dwctl.errors import DwctlError, LocalStateError, NotAuthorized, ServerFailed, ServerTimedOut, ServerUnreachable
from dwctl.transfer.files.verification import FileVerdict
from dwctl.transfer.imports.giving_up import LEDGER_FAILED, GivingUp
from dwctl.transfer.imports.outcomes import ImportResult, ImportState

BUSY = ServerFailed("busy", reason="database_busy")
GONE = ServerUnreachable("gone")
REFUSED = ImportResult(FileVerdict("a.json"), ImportState.REFUSED)
SKIPPED = ImportResult(FileVerdict("a.json"), ImportState.SKIPPED)


def said(one: GivingUp, *troubles: DwctlError | None) -> str | None:
    """What it says after the last of these."""
    return [one.after_trouble(trouble) for trouble in troubles][-1]


@pytest.mark.parametrize(("jobs", "most"), [(1, 4), (2, 4), (8, 16)])
def test_a_server_that_answers_nobody_is_given_up_after_as_many_as_twice_the_jobs(jobs: int, most: int) -> None:
    troubles = [GONE, ServerTimedOut("slow"), ServerFailed("500")] * most
    assert said(GivingUp(jobs), *troubles[: most - 1]) is None
    assert said(GivingUp(jobs), *troubles[:most]) == "the server did not answer for several bundles in a row"


@pytest.mark.parametrize(("jobs", "most"), [(1, 32), (8, 32), (16, 64)])
def test_a_database_that_is_busy_for_everybody_is_given_up_late(jobs: int, most: int) -> None:
    assert said(GivingUp(jobs), *[BUSY] * (most - 1)) is None
    assert said(GivingUp(jobs), *[BUSY] * most) == "the server's database was busy for every bundle, again and again"


@pytest.mark.parametrize("between", [None, BUSY])
def test_an_answer_between_begins_the_row_anew(between: DwctlError | None) -> None:
    assert said(GivingUp(1), *[GONE, GONE, GONE, between] * 9) is None


def test_more_failures_than_allowed_are_counted_over_the_whole_run() -> None:
    one = GivingUp(1, 2)
    assert [one.after_result(result) for result in (REFUSED, SKIPPED, REFUSED, SKIPPED)] == [None] * 4
    assert (one.after_result(REFUSED), one.failures) == ("more than 2 bundles failed", 3)
    assert GivingUp(1, 0).after_result(REFUSED) == "a bundle failed"
    assert GivingUp(1).after_result(REFUSED) is None


def test_what_every_other_bundle_would_meet_ends_it_at_once() -> None:
    def failed(error: DwctlError) -> ImportResult:
        return ImportResult(FileVerdict("a.json"), ImportState.FAILED, error=error)

    assert GivingUp(1).after_result(failed(LocalStateError("full"))) == LEDGER_FAILED
    assert GivingUp(1).after_result(failed(NotAuthorized("no"))) == "every other bundle would meet the same"
    assert GivingUp(1).after_result(failed(GONE)) is None
