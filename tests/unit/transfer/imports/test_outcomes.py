"""What became of the bundles together: which results are good, and which exit code wins."""

from __future__ import annotations

from dataclasses import replace
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
from dwctl.render.console_import_summary import common_lines
from dwctl.transfer.files.verification import FileVerdict
from dwctl.transfer.imports.outcomes import MOST_KEPT, ImportResult, ImportState, ImportTally
from dwctl.transfer.imports.proof import Comparison, Proof, ProofState
from import_doubles import DIFFERS, PROVEN

PRUNED = Proof(PROVEN.comparisons[:1], pruned=True)
UNASKED = Proof(error=ServerTimedOut("no answer"))


def result(state: ImportState, proof: Proof | None = None, error: DwctlError | None = None) -> ImportResult:
    """One bundle's result."""
    return ImportResult(FileVerdict("a.json"), state, proof=proof, error=error)


IMPORTED = result(ImportState.IMPORTED, PROVEN)
THERE = result(ImportState.ALREADY_IMPORTED, PROVEN)
WOULD = result(ImportState.WOULD_IMPORT)
DONE = result(ImportState.DONE)
AGAIN = result(ImportState.DONE, PROVEN)
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


def test_a_run_that_gave_up_before_its_end_is_9_whatever_it_met() -> None:
    for met in (REFUSED, NETWORK, MISSING):
        given_up, cut_off = tally(met, NOT_TRIED), tally(met, NOT_TRIED)
        given_up.gave_up = True
        assert given_up.exit_code is ExitCode.PARTLY
        assert cut_off.exit_code is not ExitCode.PARTLY
    whole, stopped = tally(REFUSED), tally(AUTH, NOT_TRIED)
    whole.gave_up = stopped.gave_up = True
    assert (whole.exit_code, stopped.exit_code) == (ExitCode.NO, ExitCode.AUTH)


@pytest.mark.parametrize("one", [IMPORTED, THERE, WOULD, DONE, AGAIN])
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
        result(ImportState.DONE, DIFFERS),
        result(ImportState.DONE, PRUNED),
        result(ImportState.DONE, UNASKED),
        result(ImportState.DONE, error=ServerFailed("x")),
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
        ([DONE, REFUSED], ExitCode.NO),
        ([AGAIN, REFUSED], ExitCode.NO),
        ([AGAIN, AGAIN, NETWORK], ExitCode.NETWORK),
        ([AGAIN, IMPORTED, REFUSED], ExitCode.PARTLY),
        ([replace(AGAIN, archived=True), REFUSED], ExitCode.PARTLY),
        ([result(ImportState.DONE, DIFFERS)], ExitCode.NO),
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


def test_what_was_done_before_is_counted_apart_from_what_this_run_proved() -> None:
    counted = tally(DONE, AGAIN, result(ImportState.DONE, DIFFERS), IMPORTED)
    assert (counted.states[ImportState.DONE], counted.states[ImportState.IMPORTED]) == (3, 1)
    assert (counted.compared_again, counted.proven, counted.unproven, counted.good) == (2, 2, 1, 3)


def test_a_tally_of_many_keeps_few_and_those_that_need_attention_among_them() -> None:
    counted = ImportTally()
    for _ in range(5_000):
        counted.add(IMPORTED)
    counted.add(REFUSED)
    assert (counted.total, len(counted.fine), counted.attention) == (5_001, MOST_KEPT, [REFUSED])
    for _ in range(5_000):
        counted.add(REFUSED)
    assert (len(counted.attention), counted.exit_code) == (MOST_KEPT, ExitCode.PARTLY)


def test_what_only_some_servers_answers_show_is_counted_and_not_called_unseen() -> None:
    def proof(namespace: bool | None) -> Proof:
        more = (Comparison("namespace", "a", None, namespace), Comparison("import_id", "x", None, None))
        return Proof((*PROVEN.comparisons, *more))

    told = tally(*(result(ImportState.IMPORTED, proof(shown)) for shown in (True, None, True)))
    (line,) = [str(one) for one in common_lines(told) if "proven by" in str(one)]
    assert "namespace (2 of 3)" in line
    assert line.endswith("; not shown by this server: import_id")


def test_a_run_that_the_server_does_not_show_is_counted_under_that() -> None:
    missing = Proof((Comparison("run_id", "x", "not found (instance_not_found)", False),), not_shown=True)
    assert tally(result(ImportState.ALREADY_IMPORTED, missing)).reasons == {"run_not_shown": 1}
