"""What became of the bundles together: which results are good, and which exit code wins."""

from __future__ import annotations

from itertools import permutations

import pytest

from dwctl.errors import (
    DwctlError,
    ExitCode,
    IncompatibleServer,
    Interrupted,
    LocalStateError,
    NotAuthorized,
    NotFound,
    ServerFailed,
    ServerTimedOut,
    ServerUnreachable,
    UnreadableInput,
)
from dwctl.transfer.files.verification import FileVerdict
from dwctl.transfer.imports.outcomes import MOST_KEPT, ImportResult, ImportState, ImportTally
from dwctl.transfer.imports.proof import Proof, ProofState
from import_doubles import DIFFERS, PROVEN

PRUNED = Proof(PROVEN.comparisons[:1], pruned=True)
UNASKED = Proof(error=ServerTimedOut("no answer"))


def result(state: ImportState, proof: Proof | None = None, error: DwctlError | None = None) -> ImportResult:
    """One bundle's result."""
    return ImportResult(FileVerdict("a.json"), state, proof=proof, error=error)


IMPORTED = result(ImportState.IMPORTED, PROVEN)
THERE = result(ImportState.ALREADY_IMPORTED, PROVEN)
WOULD = result(ImportState.WOULD_IMPORT)
REFUSED = result(ImportState.REFUSED)
NOT_TRIED = result(ImportState.NOT_TRIED)


def failed(error: DwctlError, state: ImportState = ImportState.FAILED) -> ImportResult:
    """A bundle that got no answer."""
    return result(state, error=error)


NETWORK, SERVER, TIMEOUT = (failed(kind("x")) for kind in (ServerUnreachable, ServerFailed, ServerTimedOut))
AUTH, INCOMPATIBLE = failed(NotAuthorized("x")), failed(IncompatibleServer("x"))
INTERRUPTED = failed(Interrupted("x"), ImportState.UNKNOWN)
MISSING = failed(UnreadableInput("x"))


def tally(*results: ImportResult, dry_run: bool = False) -> ImportTally:
    """The results, counted."""
    counted = ImportTally(dry_run)
    for one in results:
        counted.add(one)
    return counted


def code(*results: ImportResult, dry_run: bool = False) -> ExitCode:
    """The exit code of a run that ended so; the order of the bundles never matters."""
    codes = {tally(*order, dry_run=dry_run).exit_code for order in permutations(results)}
    assert len(codes) == 1
    return codes.pop()


@pytest.mark.parametrize("one", [IMPORTED, THERE, WOULD])
def test_good_results_are_0(one: ImportResult) -> None:
    assert one.good
    assert code(one) is ExitCode.DONE


@pytest.mark.parametrize(
    "one",
    [
        result(ImportState.IMPORTED),
        result(ImportState.IMPORTED, DIFFERS),
        result(ImportState.IMPORTED, PRUNED),
        result(ImportState.IMPORTED, UNASKED),
        result(ImportState.IMPORTED, PROVEN, ServerFailed("the dry run imported")),
        result(ImportState.ALREADY_IMPORTED),
        result(ImportState.ALREADY_IMPORTED, DIFFERS),
        result(ImportState.ALREADY_IMPORTED, PRUNED),
        result(ImportState.ALREADY_IMPORTED, UNASKED),
        result(ImportState.UNKNOWN),
        result(ImportState.UNKNOWN, PROVEN),
        REFUSED, NOT_TRIED, NETWORK, MISSING,
        result(ImportState.WOULD_IMPORT, error=ServerFailed("x")),
    ],
)  # fmt: skip
def test_what_is_not_proven_or_not_done_is_never_good_and_never_0(one: ImportResult) -> None:
    assert not one.good
    assert code(one) is not ExitCode.DONE
    assert code(one, IMPORTED) is not ExitCode.DONE
    assert code(one, WOULD, dry_run=True) is not ExitCode.DONE


def test_nothing_at_all_is_no_pass() -> None:
    assert ImportTally().exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([REFUSED], ExitCode.NO),
        ([REFUSED, REFUSED], ExitCode.NO),
        ([result(ImportState.ALREADY_IMPORTED, DIFFERS)], ExitCode.NO),
        ([result(ImportState.ALREADY_IMPORTED, PRUNED)], ExitCode.NO),
        ([result(ImportState.ALREADY_IMPORTED, UNASKED)], ExitCode.TIMEOUT),
        ([result(ImportState.IMPORTED, DIFFERS)], ExitCode.PARTLY),
        ([result(ImportState.IMPORTED, UNASKED)], ExitCode.PARTLY),
        ([MISSING], ExitCode.USAGE),
        ([MISSING, REFUSED], ExitCode.NO),
        ([MISSING, IMPORTED], ExitCode.PARTLY),
        ([NETWORK], ExitCode.NETWORK),
        ([SERVER], ExitCode.SERVER),
        ([TIMEOUT], ExitCode.TIMEOUT),
        ([SERVER, TIMEOUT, REFUSED], ExitCode.SERVER),
        ([NETWORK, SERVER, TIMEOUT, REFUSED], ExitCode.NETWORK),
        ([TIMEOUT, REFUSED], ExitCode.TIMEOUT),
        ([failed(NotFound("x")), REFUSED], ExitCode.NOT_FOUND),
        ([IMPORTED, REFUSED], ExitCode.PARTLY),
        ([IMPORTED, NETWORK], ExitCode.PARTLY),
        ([THERE, REFUSED], ExitCode.PARTLY),
        ([THERE, NETWORK], ExitCode.PARTLY),
        ([result(ImportState.ALREADY_IMPORTED, DIFFERS), REFUSED], ExitCode.NO),
        ([IMPORTED, AUTH], ExitCode.AUTH),
        ([IMPORTED, AUTH, NOT_TRIED], ExitCode.AUTH),
        ([IMPORTED, AUTH, INCOMPATIBLE], ExitCode.INCOMPATIBLE),
        ([IMPORTED, INCOMPATIBLE, failed(LocalStateError("x"))], ExitCode.LOCAL_STATE),
        ([IMPORTED, INTERRUPTED, NOT_TRIED], ExitCode.INTERRUPTED),
        ([IMPORTED, INTERRUPTED, INCOMPATIBLE, failed(LocalStateError("x"))], ExitCode.INTERRUPTED),
        ([IMPORTED, NOT_TRIED], ExitCode.PARTLY),
        ([NOT_TRIED], ExitCode.NO),
    ],
)
def test_the_design_s_precedence(results: list[ImportResult], expected: ExitCode) -> None:
    assert code(*results) is expected


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([WOULD, WOULD], ExitCode.DONE),
        ([WOULD, THERE], ExitCode.DONE),
        ([WOULD, REFUSED], ExitCode.NO),
        ([THERE, REFUSED], ExitCode.NO),
        ([WOULD, NETWORK], ExitCode.NETWORK),
        ([result(ImportState.IMPORTED, PROVEN, ServerFailed("the dry run imported"))], ExitCode.PARTLY),
    ],
)
def test_a_dry_run_that_changed_nothing_is_never_partly_done(results: list[ImportResult], expected: ExitCode) -> None:
    assert code(*results, dry_run=True) is expected


@pytest.mark.parametrize(
    ("error", "stops"),
    [
        (NotAuthorized("x"), True),
        (IncompatibleServer("x"), True),
        (Interrupted("x"), True),
        (NotFound("x", reason="namespace_not_found"), True),
        (NotFound("x", reason="instance_not_found"), False),
        (ServerUnreachable("x"), False),
        (ServerFailed("x", reason="database_busy"), False),
        (ServerTimedOut("x"), False),
        (UnreadableInput("x"), False),
    ],
)
def test_only_what_every_bundle_would_meet_ends_the_run(error: DwctlError, stops: bool) -> None:
    assert failed(error).stops_the_run is stops
    assert result(ImportState.IMPORTED, Proof(error=error)).stops_the_run is stops


def test_a_difference_is_a_finding_and_not_an_error_of_the_way() -> None:
    differs = Proof(DIFFERS.comparisons, error=NotAuthorized("x"))
    assert differs.state is ProofState.DIFFERS
    assert result(ImportState.ALREADY_IMPORTED, differs).trouble is None


def test_the_tally_counts_results_as_they_pass() -> None:
    counted = ImportTally()
    passed = list(counted.counting([IMPORTED, REFUSED, THERE]))
    assert passed == [IMPORTED, REFUSED, THERE]
    assert (counted.total, counted.good, counted.proven, counted.unproven) == (3, 2, 2, 0)
    assert (counted.states[ImportState.REFUSED], counted.states[ImportState.FAILED]) == (1, 0)
    counted.add(result(ImportState.IMPORTED, PRUNED))
    assert (counted.unproven, counted.reasons) == (1, {"refused": 1, "proof pruned": 1})


def test_a_tally_of_many_keeps_few_and_those_that_need_attention_among_them() -> None:
    counted = ImportTally()
    for _ in range(5_000):
        counted.add(IMPORTED)
    counted.add(REFUSED)
    assert (counted.total, len(counted.fine), counted.attention) == (5_001, MOST_KEPT, [REFUSED])
    for _ in range(5_000):
        counted.add(REFUSED)
    assert (len(counted.attention), counted.exit_code) == (MOST_KEPT, ExitCode.PARTLY)
