"""The order of an import, and what is made of every answer; the carrier follows a script."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest

from dwctl.bundle.findings import Finding
from dwctl.bundle.rules import found
from dwctl.bundle.verify import VerifyOptions
from dwctl.errors import (
    ExitCode,
    Interrupted,
    NotFound,
    RequestNotPossible,
    ServerFailed,
    ServerTimedOut,
    ServerUnreachable,
)
from dwctl.transfer.imports.importing import ImportOptions, import_files
from dwctl.transfer.imports.outcomes import ImportResult, ImportState, ImportTally
from dwctl.transfer.imports.proof import ProofState
from import_doubles import (
    BUSY,
    COLLISION,
    CONFLICT,
    DAMAGED,
    DIFFERS,
    DONE,
    THERE,
    WOULD,
    ScriptedCarrier,
    Step,
    failure,
    lost,
    reply,
    report,
    unsent,
)
from sample_bundles import LEASED, LOST_FRACTION, ORDER, RECORDED, WAITING, sealed, small_bundle, with_top_level_key

NAME = str(WAITING)


def options(**changes: Any) -> ImportOptions:
    """What is wanted of an import."""
    return ImportOptions(**{"namespace": "production", "import_id": "import-1"} | changes)


def run_of(carrier: ScriptedCarrier, *files: str, **changes: Any) -> tuple[list[ImportResult], ExitCode]:
    """The results of a run, and its exit code."""
    wanted = options(**changes)
    tally = ImportTally(wanted.dry_run)
    results = list(tally.counting(import_files(files, carrier, wanted)))
    return results, tally.exit_code


def import_one(*steps: Step, file: str = NAME, **changes: Any) -> tuple[ImportResult, ExitCode, ScriptedCarrier]:
    """One bundle against a script."""
    carrier = ScriptedCarrier(steps, **{key: changes.pop(key) for key in ("proof", "foreseen") if key in changes})
    (result,), code = run_of(carrier, file, **changes)
    return result, code, carrier


def test_it_asks_imports_and_proves() -> None:
    result, code, carrier = import_one(WOULD, DONE)
    assert (result.state, code, carrier.asked) == (ImportState.IMPORTED, ExitCode.DONE, "?!")
    assert carrier.proven == [("production", ("import-1",))]
    assert result.proof is not None
    assert result.proof.state is ProofState.PROVEN
    assert {content for content, _ in carrier.sent} == {WAITING.read_bytes()}
    assert result.way == "byte-exact"
    assert result.report == DONE


def test_what_is_there_already_is_compared_and_not_imported_again() -> None:
    result, code, carrier = import_one(THERE)
    assert (result.state, code, carrier.asked) == (ImportState.ALREADY_IMPORTED, ExitCode.DONE, "?")
    assert carrier.proven == [("production", ())]


def test_what_is_there_already_and_differs_is_not_0() -> None:
    result, code, _ = import_one(THERE, proof=DIFFERS)
    assert (result.state, code) == (ImportState.ALREADY_IMPORTED, ExitCode.NO)
    assert not result.good


def test_what_was_imported_and_differs_is_not_0() -> None:
    result, code, _ = import_one(WOULD, DONE, proof=DIFFERS)
    assert (result.state, code) == (ImportState.IMPORTED, ExitCode.PARTLY)


@pytest.mark.parametrize(
    ("answer", "state", "code"),
    [
        (WOULD, ImportState.WOULD_IMPORT, ExitCode.DONE),
        (THERE, ImportState.ALREADY_IMPORTED, ExitCode.DONE),
        (CONFLICT, ImportState.REFUSED, ExitCode.NO),
        (DAMAGED, ImportState.FAILED, ExitCode.NETWORK),
        (BUSY, ImportState.FAILED, ExitCode.SERVER),
        (report("strange"), ImportState.UNKNOWN, ExitCode.SERVER),
        (failure(500), ImportState.FAILED, ExitCode.SERVER),
        (lost(), ImportState.FAILED, ExitCode.NETWORK),
    ],
)
def test_a_dry_run_only_asks(answer: Step, state: ImportState, code: ExitCode) -> None:
    result, ended, carrier = import_one(answer, dry_run=True)
    assert (result.state, ended, carrier.asked) == (state, code, "?")


def test_a_dry_run_that_was_carried_out_as_an_import_is_an_alarm() -> None:
    result, code, carrier = import_one(DONE, dry_run=True)
    assert (result.state, code, carrier.asked) == (ImportState.IMPORTED, ExitCode.PARTLY, "?")
    assert result.error is not None
    assert result.error.reason == "dry_run_imported"
    assert carrier.proven == [("production", ("import-1",))]


@pytest.mark.parametrize(
    ("answer", "state", "code"),
    [
        (CONFLICT, ImportState.REFUSED, ExitCode.NO),
        (DAMAGED, ImportState.FAILED, ExitCode.NETWORK),
        (BUSY, ImportState.FAILED, ExitCode.SERVER),
        (failure(413, "payload_too_large"), ImportState.FAILED, ExitCode.USAGE),
        (unsent(), ImportState.FAILED, ExitCode.NETWORK),
        (lost("timed_out"), ImportState.FAILED, ExitCode.TIMEOUT),
    ],
)
def test_after_a_dry_run_that_is_not_clean_nothing_is_imported(
    answer: Step, state: ImportState, code: ExitCode
) -> None:
    result, ended, carrier = import_one(answer)
    assert (result.state, ended, carrier.asked, carrier.proven) == (state, code, "?", [])


@pytest.mark.parametrize(
    ("answer", "state", "code"),
    [
        (COLLISION, ImportState.REFUSED, ExitCode.NO),
        (CONFLICT, ImportState.REFUSED, ExitCode.NO),
        (BUSY, ImportState.FAILED, ExitCode.SERVER),
        (DAMAGED, ImportState.FAILED, ExitCode.NETWORK),
        (unsent(), ImportState.FAILED, ExitCode.NETWORK),
        (failure(413, "payload_too_large"), ImportState.FAILED, ExitCode.USAGE),
        (failure(503, "backend_lock_pressure"), ImportState.FAILED, ExitCode.SERVER),
        (RequestNotPossible("php is not there"), ImportState.FAILED, ExitCode.USAGE),
    ],
)
def test_a_settled_no_is_final_without_asking_again(answer: Step, state: ImportState, code: ExitCode) -> None:
    result, ended, carrier = import_one(WOULD, answer)
    assert (result.state, ended, carrier.asked) == (state, code, "?!")
    assert not result.asked_and_absent
    assert carrier.proven == []


GATEWAY_GAVE_UP = failure(504)
AMBIGUOUS = [
    lost(),
    lost("timed_out"),
    failure(500),
    failure(502),
    GATEWAY_GAVE_UP,
    ServerTimedOut("artisan did not end"),
    ServerFailed("artisan printed nothing"),
    ServerUnreachable("ssh ended with 255"),
]


@pytest.mark.parametrize("ambiguous", AMBIGUOUS, ids=lambda error: error.reason or error.message)
def test_after_an_ambiguous_import_already_imported_counts_as_ours(ambiguous: Step) -> None:
    result, code, carrier = import_one(WOULD, ambiguous, THERE)
    assert (result.state, code, carrier.asked) == (ImportState.IMPORTED, ExitCode.DONE, "?!?")
    assert carrier.proven == [("production", ("import-1",))]
    assert result.error is None


@pytest.mark.parametrize("ambiguous", AMBIGUOUS, ids=lambda error: error.reason or error.message)
def test_after_an_ambiguous_import_that_was_not_done_it_says_so(ambiguous: BaseException) -> None:
    result, code, carrier = import_one(WOULD, ambiguous, WOULD)
    # One that was given up may be at work yet, and what is not there now may come.
    gave_up = isinstance(ambiguous, ServerTimedOut) or ambiguous is GATEWAY_GAVE_UP
    assert result.state is (ImportState.UNKNOWN if gave_up else ImportState.FAILED)
    assert (result.asked_and_absent, carrier.asked) == (True, "?!?")
    assert result.error is ambiguous
    assert code is result.error.exit_code


@pytest.mark.parametrize("ambiguous", AMBIGUOUS, ids=lambda error: error.reason or error.message)
@pytest.mark.parametrize("then", [lost(), failure(500), ServerFailed("x")], ids=["lost", "500", "artisan"])
def test_an_ambiguous_import_that_cannot_be_asked_after_is_unknown(
    ambiguous: BaseException, then: BaseException
) -> None:
    result, code, carrier = import_one(WOULD, ambiguous, then)
    assert (result.state, carrier.asked) == (ImportState.UNKNOWN, "?!?")
    assert result.error is ambiguous
    assert code not in (ExitCode.DONE, ExitCode.NO)


def test_a_refusal_after_an_ambiguous_import_is_final_when_it_is_asked_for() -> None:
    result, code, carrier = import_one(WOULD, lost(), CONFLICT)
    assert (result.state, code, carrier.asked) == (ImportState.REFUSED, ExitCode.NO, "?!?")


@pytest.mark.parametrize("answer", [COLLISION, CONFLICT, BUSY, DAMAGED], ids=["unique", "conflict", "busy", "damaged"])
class TestWhileAnAttemptIsUnsettled:
    """The transport repeated the import; an earlier attempt may have been carried out."""

    def test_a_no_may_be_the_echo_of_our_own_import(self, answer: dict[str, Any]) -> None:
        result, code, carrier = import_one(WOULD, reply(answer, unsettled=1), THERE)
        assert (result.state, code, carrier.asked) == (ImportState.IMPORTED, ExitCode.DONE, "?!?")

    def test_a_no_stands_where_the_run_is_not_there(self, answer: dict[str, Any]) -> None:
        settled, _, _ = import_one(WOULD, answer)
        result, code, carrier = import_one(WOULD, reply(answer, unsettled=2), WOULD)
        assert (result.state, carrier.asked) == (settled.state, "?!?")
        assert result.asked_and_absent
        assert code is not ExitCode.DONE

    def test_a_no_that_cannot_be_asked_after_is_unknown(self, answer: dict[str, Any]) -> None:
        result, code, _ = import_one(WOULD, reply(answer, unsettled=1), lost())
        assert result.state is ImportState.UNKNOWN
        assert code not in (ExitCode.DONE, ExitCode.NO)

    def test_a_no_that_nothing_is_learned_of_is_unknown(self, answer: dict[str, Any]) -> None:
        result, code, _ = import_one(WOULD, reply(answer, unsettled=1), BUSY)
        assert result.state is ImportState.UNKNOWN
        assert result.error is not None
        assert code not in (ExitCode.DONE, ExitCode.NO)


def test_already_imported_after_an_unsettled_attempt_is_ours() -> None:
    result, code, carrier = import_one(WOULD, reply(THERE, unsettled=1))
    assert (result.state, code, carrier.asked) == (ImportState.IMPORTED, ExitCode.DONE, "?!")
    assert carrier.proven == [("production", ("import-1",))]


def test_already_imported_without_one_is_somebody_else_s() -> None:
    result, _, carrier = import_one(WOULD, THERE)
    assert result.state is ImportState.ALREADY_IMPORTED
    assert carrier.proven == [("production", ())]


@pytest.mark.parametrize(
    ("then", "state"),
    [(THERE, ImportState.IMPORTED), (WOULD, ImportState.FAILED), (lost(), ImportState.UNKNOWN)],
)
@pytest.mark.parametrize("answer", [WOULD, report("strange"), report("imported", workflow={"run_id": "other"})])
def test_an_import_that_is_answered_with_something_else_is_asked_after(
    answer: dict[str, Any], then: Step, state: ImportState
) -> None:
    result, code, carrier = import_one(WOULD, answer, then)
    assert (result.state, carrier.asked) == (state, "?!?")
    assert (code is ExitCode.DONE) == (state is ImportState.IMPORTED)


# --- what ends the run, and what does not --------------------------------------------------------------------

GENERAL = [
    (failure(401, "unauthorized"), ExitCode.AUTH),
    (failure(403, "forbidden", role="operator", allowed_roles=["admin"]), ExitCode.AUTH),
    (failure(503, "embedded_v2_import_unavailable"), ExitCode.INCOMPATIBLE),
    (failure(404, "namespace_not_found"), ExitCode.NOT_FOUND),
    (RequestNotPossible("no php", reason="php_not_started"), ExitCode.USAGE),
    (ServerFailed("no artisan", reason="artisan_missing"), ExitCode.SERVER),
]


@pytest.mark.parametrize(("error", "code"), GENERAL, ids=lambda value: getattr(value, "reason", None) or "")
@pytest.mark.parametrize("place", ["foreseen", "asked"])
def test_what_every_bundle_would_meet_ends_the_run_and_the_rest_is_named(
    error: BaseException, code: ExitCode, place: str
) -> None:
    carrier = ScriptedCarrier([error], foreseen=error) if place == "foreseen" else ScriptedCarrier([error])
    results, ended = run_of(carrier, NAME, str(ORDER), "nowhere.json")
    assert [result.state for result in results] == [ImportState.FAILED, ImportState.NOT_TRIED, ImportState.NOT_TRIED]
    assert results[0].error is error
    assert [result.judged.file for result in results] == [NAME, str(ORDER), "nowhere.json"]
    assert ended is code
    assert len(carrier.sent) <= 1


def test_a_token_that_expires_half_way_does_not_hide_what_was_done() -> None:
    carrier = ScriptedCarrier([WOULD, DONE, failure(401, "unauthorized")])
    results, code = run_of(carrier, NAME, str(ORDER))
    assert [result.state for result in results] == [ImportState.IMPORTED, ImportState.FAILED]
    assert code is ExitCode.AUTH


def test_one_bundle_s_trouble_does_not_end_the_run() -> None:
    carrier = ScriptedCarrier([failure(500), WOULD, DONE])
    results, code = run_of(carrier, NAME, "nowhere.json", str(LEASED), str(ORDER))
    assert [result.state for result in results] == [
        ImportState.FAILED, ImportState.FAILED, ImportState.REFUSED, ImportState.IMPORTED,
    ]  # fmt: skip
    assert code is ExitCode.PARTLY


def test_trouble_while_foreseeing_is_the_bundle_s_own() -> None:
    result, code, carrier = import_one(foreseen=failure(500))
    assert (result.state, code, carrier.asked) == (ImportState.FAILED, ExitCode.SERVER, "")


def test_trouble_while_proving_does_not_hide_that_it_was_imported() -> None:
    result, code, _ = import_one(WOULD, DONE, proof=lost())
    assert (result.state, code) == (ImportState.IMPORTED, ExitCode.PARTLY)
    assert result.proof is not None
    assert result.proof.state is ProofState.UNKNOWN
    assert result.proof.error is not None


@pytest.mark.parametrize(
    ("steps", "proof", "state"),
    [
        ([KeyboardInterrupt()], None, ImportState.NOT_TRIED),
        ([WOULD, KeyboardInterrupt()], None, ImportState.UNKNOWN),
        ([WOULD, lost(), KeyboardInterrupt()], None, ImportState.UNKNOWN),
        ([WOULD, DONE], KeyboardInterrupt(), ImportState.IMPORTED),
    ],
)
def test_an_interruption_names_what_was_done_what_was_in_flight_and_what_was_not(
    steps: list[Step], proof: BaseException | None, state: ImportState
) -> None:
    carrier = ScriptedCarrier([THERE, *steps])
    results = import_files([NAME, str(ORDER), str(LEASED)], carrier, options())
    first = next(results)
    if proof is not None:
        carrier.proof = proof
    rest = list(results)
    assert first.state is ImportState.ALREADY_IMPORTED
    assert [result.state for result in rest] == [state, ImportState.NOT_TRIED]
    assert isinstance(rest[0].trouble, Interrupted)
    tally = ImportTally()
    assert len(list(tally.counting([first, *rest]))) == 3
    assert tally.exit_code is ExitCode.INTERRUPTED


# --- verdicts, repairs, foresight ----------------------------------------------------------------------------


@pytest.mark.parametrize("file", [LEASED, RECORDED / "61-redacted-class-redactor.json"])
def test_a_bundle_that_we_refuse_is_never_sent(file: Path) -> None:
    result, code, carrier = import_one(file=str(file))
    assert (result.state, code, carrier.asked) == (ImportState.REFUSED, ExitCode.NO, "")
    assert (result.report, result.way, result.proof) == (None, None, None)


def test_what_is_no_bundle_is_refused_and_what_is_no_file_fails(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_bytes(b"{")
    assert import_one(file=str(broken))[:2][1] is ExitCode.NO
    result, code, _ = import_one(file=str(tmp_path / "nowhere.json"))
    assert (result.state, code) == (ImportState.FAILED, ExitCode.USAGE)
    assert result.judged.problem is result.error


def test_a_lost_fraction_is_restored_and_both_digests_are_told() -> None:
    result, code, carrier = import_one(WOULD, DONE, file=str(LOST_FRACTION))
    assert (result.state, code) == (ImportState.IMPORTED, ExitCode.DONE)
    assert result.repaired is not None
    assert result.repaired.restoration.proven
    (sent,) = {content for content, _ in carrier.sent}
    assert result.repaired.file_sha256 == hashlib.sha256(LOST_FRACTION.read_bytes()).hexdigest()
    assert result.repaired.sent_sha256 == hashlib.sha256(sent).hexdigest()
    assert sent != LOST_FRACTION.read_bytes()
    assert result.judged.verdict is not None
    assert result.judged.verdict.integrity.checksum_matches is True


def test_an_added_key_is_taken_away_so_that_the_original_bytes_are_sent(tmp_path: Path) -> None:
    file = tmp_path / "dw.json"
    file.write_bytes(with_top_level_key(ORDER.read_bytes(), b'"namespace":"orders"'))
    result, _, carrier = import_one(WOULD, DONE, file=str(file))
    assert result.repaired is not None
    assert result.repaired.restoration.removed_keys == ("namespace",)
    assert carrier.sent[0][0] == ORDER.read_bytes()


def test_without_repair_a_broken_checksum_is_refused() -> None:
    result, code, carrier = import_one(file=str(LOST_FRACTION), repair=False)
    assert (result.state, code, carrier.asked, result.repaired) == (ImportState.REFUSED, ExitCode.NO, "", None)


def test_what_cannot_be_proven_is_not_mended(tmp_path: Path) -> None:
    file = tmp_path / "edited.json"
    file.write_bytes(ORDER.read_bytes().replace(b"order-1001", b"order-1002"))
    result, code, carrier = import_one(file=str(file))
    assert (result.state, code, carrier.asked, result.repaired) == (ImportState.REFUSED, ExitCode.NO, "", None)


def test_the_target_s_foresight_refuses_before_anything_is_sent() -> None:
    taken: tuple[Finding, ...] = (found("target.instance_id_taken", "workflow.instance_id", by_run="run-9"),)
    result, code, carrier = import_one(foreseen=taken)
    assert (result.state, code, carrier.asked) == (ImportState.REFUSED, ExitCode.NO, "")
    assert result.judged.foreseen == taken


def test_a_foreseen_warning_does_not_stop_it() -> None:
    warned: tuple[Finding, ...] = (found("target.retention_would_prune", "workflow.closed_at"),)
    result, code, _ = import_one(WOULD, DONE, foreseen=warned)
    assert (result.state, code) == (ImportState.IMPORTED, ExitCode.DONE)
    assert result.judged.foreseen == warned


CHAIN = [str(ORDER.with_name(f"chain-sub-1-run-{at}.json")) for at in (1, 2)]


def test_the_second_of_a_pair_that_shares_a_link_is_asked_about_but_not_imported() -> None:
    carrier = ScriptedCarrier([WOULD, DONE, WOULD])
    results, code = run_of(carrier, *CHAIN)
    assert [result.state for result in results] == [ImportState.IMPORTED, ImportState.REFUSED]
    assert [finding.rule for finding in results[1].judged.foreseen] == ["set.link_shared"]
    assert (code, carrier.asked) == (ExitCode.PARTLY, "?!?")


def test_the_second_of_a_pair_that_is_there_already_is_no_refusal() -> None:
    carrier = ScriptedCarrier([THERE, THERE])
    results, code = run_of(carrier, *CHAIN)
    assert [result.state for result in results] == [ImportState.ALREADY_IMPORTED] * 2
    assert code is ExitCode.DONE
    assert results[1].judged.foreseen == ()


def test_the_same_file_twice_is_imported_once(tmp_path: Path) -> None:
    copy = tmp_path / "copy.json"
    copy.write_bytes(WAITING.read_bytes())
    results, code = run_of(ScriptedCarrier([WOULD, DONE, THERE]), NAME, str(copy))
    assert [result.state for result in results] == [ImportState.IMPORTED, ImportState.ALREADY_IMPORTED]
    assert code is ExitCode.DONE


def test_a_bundle_is_read_from_the_stream_that_is_handed_in() -> None:
    stream = io.BytesIO(WAITING.read_bytes())
    result, code, carrier = import_one(WOULD, DONE, file="-", stdin=stream)
    assert (result.state, code, result.judged.file) == (ImportState.IMPORTED, ExitCode.DONE, "-")
    assert carrier.sent[0][0] == WAITING.read_bytes()


def test_a_required_signature_is_judged_here_first() -> None:
    result, code, carrier = import_one(verify=VerifyOptions(require_signature=True))
    assert (result.state, code, carrier.asked) == (ImportState.REFUSED, ExitCode.NO, "")


def test_what_does_not_travel_is_told_of_a_run_that_has_it(tmp_path: Path) -> None:
    file = tmp_path / "timeouts.json"
    file.write_bytes(sealed(small_bundle({"workflow.run_timeout_seconds": 60, "timers": []})))
    result, _, _ = import_one(WOULD, DONE, file=str(file))
    assert [row.what for row in result.left_behind] == ["timeouts"]


def test_what_the_server_says_is_kept_without_secrets_and_without_values() -> None:
    carrier = ScriptedCarrier([WOULD | {"echo": "Bearer s3cret"}, COLLISION], secret="s3cret")
    (result,), _ = run_of(carrier, NAME)
    assert "business value" not in str(result.report)
    carrier = ScriptedCarrier([WOULD | {"echo": "Bearer s3cret"}], secret="s3cret")
    (result,), _ = run_of(carrier, NAME, dry_run=True)
    assert result.report is not None
    assert result.report["echo"] == "Bearer ********"


def test_a_run_of_nothing_is_no_pass() -> None:
    results, code = run_of(ScriptedCarrier())
    assert (results, code) == ([], ExitCode.USAGE)


def test_a_namespace_that_is_gone_half_way_is_the_one_404_that_ends_the_run() -> None:
    carrier = ScriptedCarrier([NotFound("no route", reason="not_found"), WOULD, DONE])
    results, _ = run_of(carrier, NAME, str(ORDER))
    assert [result.state for result in results] == [ImportState.FAILED, ImportState.IMPORTED]
