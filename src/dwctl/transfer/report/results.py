"""The report of one command: of the bundles that an import, a dry run or a plan looked at.

Where there is a ledger, it tells where a bundle stands; what never came into it (a file that could not be read,
a bundle that was not reached) is told by the result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dwctl import __version__
from dwctl.bundle.left_behind import LeftBehind
from dwctl.bundle.verify import RunFacts, Verdict
from dwctl.errors import ExitCode
from dwctl.transfer.imports.outcomes import ImportResult, ImportState
from dwctl.transfer.imports.passage import differences_of, refusing_rules
from dwctl.transfer.imports.proof import ProofState
from dwctl.transfer.ledger.memory import rows_of
from dwctl.transfer.ledger.rows import LedgerRow, LedgerState
from dwctl.transfer.plans.plan import Plan, PlanAction, PlannedBundle, Skip
from dwctl.transfer.report.gathering import (
    COMPARED_AND_BAD,
    Explain,
    Seen,
    bundle_of,
    reasons_of,
    rows_by_run,
    told,
    without_user,
)
from dwctl.transfer.report.past import of_last_session
from dwctl.transfer.report.standing import Kind, Standing
from dwctl.transfer.report.transfer_report import Past, ReportedBundle, Scope, TransferReport, Travel
from dwctl.transfer.report.travel import NOT_SEEN, summed

_STANDINGS: Final = {
    ImportState.WOULD_IMPORT: Standing.WOULD_ARRIVE,
    ImportState.REFUSED: Standing.REFUSED,
    ImportState.FAILED: Standing.FAILED,
    ImportState.UNKNOWN: Standing.UNKNOWN,
    ImportState.NOT_TRIED: Standing.PLANNED,
    ImportState.BLOCKED: Standing.BLOCKED,
    ImportState.MOVED: Standing.MOVED_ON,
    ImportState.SKIPPED: Standing.LEFT_OUT,
}
_STATES: Final = {
    ImportState.IMPORTED: LedgerState.IMPORTED,
    ImportState.ALREADY_IMPORTED: LedgerState.ALREADY_IMPORTED,
    ImportState.DONE: LedgerState.IMPORTED,
    ImportState.REFUSED: LedgerState.REFUSED,
    ImportState.FAILED: LedgerState.FAILED,
    ImportState.UNKNOWN: LedgerState.UNKNOWN,
    ImportState.BLOCKED: LedgerState.BLOCKED,
    ImportState.MOVED: LedgerState.MOVED,
    ImportState.SKIPPED: LedgerState.SKIPPED,
}


@dataclass(frozen=True, slots=True)
class Collected:
    """What a report needs of one result, small: the result's own word on the bundle, and what does not travel.

    `run_id` is None for a file without a run; `left` None where the run was not compared by this command.
    """

    position: int
    run_id: str | None
    bundle: ReportedBundle
    left: tuple[LeftBehind, ...] | None = None
    interrupted: bool = False


def collected(result: ImportResult) -> Collected:
    """What a report needs of a result, as it goes by."""
    verdict = result.judged.verdict
    run = result.run if verdict is None else verdict.run
    trouble = result.trouble
    return Collected(
        result.position, None if run is None or run.run_id is None else str(run.run_id),
        _untold(result, run), result.left_behind if result.proof is not None else None,
        trouble is not None and trouble.exit_code is ExitCode.INTERRUPTED,
    )  # fmt: skip


def import_report(
    results: Sequence[Collected], seen: Seen | None, *, server: str | None, namespace: str | None,
    import_id: str | None, dry_run: bool, now: str, explain: Explain,
) -> TransferReport:  # fmt: skip
    """The report of one import, or of a dry run; in the order of the plan. `seen` is the ledger after it."""
    rows = {} if seen is None else rows_by_run(seen.rows)
    named = {result.run_id for result in results if result.run_id is not None}
    past = Past() if seen is None else of_last_session(seen.past, named)
    ordered = sorted(results, key=lambda result: result.position)
    bundles = tuple(_bundle(result, rows, past) for result in ordered)
    return told(
        TransferReport(
            scope=Scope.DRY_RUN if dry_run else Scope.IMPORT, made_at=now, dwctl_version=__version__,
            server=None if server is None else without_user(server), namespace=namespace, import_id=import_id,
            bundles=bundles, ledger=None if seen is None else seen.ledger, past=past,
            travel=None if dry_run else _travel(ordered, bundles),
            interrupted=any(result.interrupted for result in results),
        ),
        explain,
    )  # fmt: skip


def plan_report(plan: Plan, *, now: str, explain: Explain) -> TransferReport:
    """The report of a plan: what would become of each bundle."""
    rows = rows_by_run(rows_of(plan))
    return told(
        TransferReport(
            scope=Scope.PLAN, made_at=now, dwctl_version=__version__,
            server=None if plan.server is None else without_user(plan.server), namespace=plan.options.namespace,
            import_id=plan.import_id, bundles=tuple(_planned(bundle, rows) for bundle in plan.bundles),
        ),
        explain,
    )  # fmt: skip


def _planned(bundle: PlannedBundle, rows: Mapping[str, LedgerRow]) -> ReportedBundle:
    row = rows.get(str(bundle.run.run_id)) if bundle.run is not None and bundle.run.run_id is not None else None
    if row is None or row.file != bundle.file:
        row = _row_of(bundle.file, bundle.verdict, bundle.run, LedgerState.PLANNED)
    if bundle.problem is not None or (bundle.verdict is None and bundle.settled is None):
        return ReportedBundle(row, Standing.UNREADABLE, ("unreadable",), bundle.problem)
    if bundle.action is PlanAction.REFUSE:
        return ReportedBundle(row, Standing.REFUSED, bundle.rules)
    if bundle.action is PlanAction.SKIP:
        if bundle.skip is Skip.DONE:
            return ReportedBundle(row, Standing.ARRIVED)
        return ReportedBundle(row, Standing.LEFT_OUT, () if bundle.skip is None else (bundle.skip.value,))
    return ReportedBundle(row, Standing.WOULD_ARRIVE)


def _bundle(result: Collected, rows: Mapping[str, LedgerRow], past: Past) -> ReportedBundle:
    """The ledger's word where it has one about this very file; else the result's."""
    own = result.bundle
    row = None if result.run_id is None else rows.get(result.run_id)
    if row is None or not (row.there or row.file == own.row.file) or own.reasons == (Skip.DUPLICATE.value,):
        return own
    known = bundle_of(row, past)
    text = own.text if known.text is None and known.kind is not Kind.GOOD else known.text
    seconds = None if own.before else known.seconds
    return ReportedBundle(row, known.standing, known.reasons, text, own.next_step, seconds, before=own.before)


def _untold(result: ImportResult, run: RunFacts | None) -> ReportedBundle:
    """What the result alone says of the bundle."""
    judged, error = result.judged, result.trouble
    reason = None if error is None else error.reason_or_status
    reasons: tuple[str, ...] = () if reason is None else (reason,)
    row = _row_of(judged.file, judged.verdict, run, _STATES.get(result.state, LedgerState.PLANNED), result)
    text, next_step = (None, None) if error is None else (error.message, error.next_step)
    if judged.problem is not None:
        return ReportedBundle(row, Standing.UNREADABLE, reasons or ("unreadable",), text, next_step)
    standing = _where_it_is(result) if result.done else _STANDINGS[result.state]
    if standing in COMPARED_AND_BAD:
        text, reasons = "; ".join(row.differences), reasons_of(row, standing)
    if standing is Standing.REFUSED:
        reasons = tuple(dict.fromkeys((*reasons, *refusing_rules(result))))
    if standing is Standing.LEFT_OUT and result.skipped_because is not None:
        reasons = (*reasons, result.skipped_because)
    before = result.state is ImportState.DONE
    return ReportedBundle(row, standing, reasons, text, next_step, result.seconds, before=before)


def _where_it_is(result: ImportResult) -> Standing:
    """Where a bundle stands whose run is on the server."""
    if result.good:
        return Standing.ARRIVED
    if result.proof is not None and result.proof.not_shown:
        return Standing.NOT_SHOWN
    compared = result.proof is not None and result.proof.state is not ProofState.UNKNOWN
    return Standing.DIFFERS if compared and not result.proven else Standing.NOT_COMPARED


def _row_of(
    file: str, verdict: Verdict | None, run: RunFacts | None, state: LedgerState, result: ImportResult | None = None
) -> LedgerRow:
    """What is known of a bundle that no ledger knows; a file without a run has an empty run id."""
    repaired = None if result is None else result.repaired
    return LedgerRow(
        run_id=str(run.run_id or "") if run is not None else "",
        instance_id=str(run.instance_id or "") if run is not None else "",
        run_number=None if run is None else run.run_number,
        workflow_type=None if run is None else run.workflow_type,
        task_queue=None if run is None else run.queue,
        status=None if run is None else run.status,
        dedupe_key=None if run is None else run.dedupe_key,
        file=file,
        file_sha256=None if repaired is None else repaired.file_sha256,
        sent_sha256=None if repaired is None else repaired.sent_sha256,
        checksum=None if verdict is None else verdict.integrity.expected_checksum,
        verdict=None if verdict is None else verdict.outcome.value,
        state=state,
        way=None if result is None else result.way,
        differences=() if result is None or result.proof is None else differences_of(result.proof),
        repair=None if repaired is None else {"restored": {
            "cause": repaired.restoration.cause.value, "proof": "the recorded checksum",
            "checksum": repaired.restoration.checksum, "removed_keys": list(repaired.restoration.removed_keys),
            "restored_paths": list(repaired.restoration.restored_paths),
        }},
    )  # fmt: skip


def _travel(results: Iterable[Collected], bundles: Sequence[ReportedBundle]) -> Travel:
    """What this run saw itself when it compared; it opens nothing again."""
    there = [bundle for bundle in bundles if bundle.row.there]
    found = {result.run_id: result.left for result in results if result.run_id is not None and result.left is not None}
    missing = sum(bundle.row.run_id not in found for bundle in there)
    return summed(found, there, Counter({NOT_SEEN: missing}))
