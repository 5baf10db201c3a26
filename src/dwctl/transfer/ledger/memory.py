"""What a plan and its run must know of a ledger, read once: small, also for a hundred thousand runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from sys import intern
from typing import NamedTuple

from dwctl.bundle.verify import RunFacts
from dwctl.transfer.ledger.rows import THERE, LedgerRow, LedgerState
from dwctl.transfer.plans.plan import Plan, PlanAction, PlannedBundle, Skip
from dwctl.transfer.plans.planning import Known


class _Settled(NamedTuple):
    """A file that was imported and compared: its mark when it was read, and whose run it holds."""

    mark: str
    run: RunFacts


class _Remembered(NamedTuple):
    state: LedgerState
    dedupe_key: str | None
    compared_at: str | None
    archived: bool
    import_id: str | None
    file_sha256: str | None


class LedgerMemory:
    """What the ledger said when the run began."""

    def __init__(self, rows: Iterable[LedgerRow] = (), seq: int = 0) -> None:
        """`seq` is the number of the ledger's last event before it was read."""
        self.seq = seq
        self._runs: dict[str, _Remembered] = {}
        self._files: dict[str, _Settled] = {}
        for row in rows:
            known = _Remembered(
                row.state, row.dedupe_key, row.compared_at if row.differs_at is None else None,
                row.archived_at is not None, None if row.import_id is None else intern(row.import_id),
                row.file_sha256,
            )  # fmt: skip
            self._runs[row.run_id] = known
            if known.compared_at is not None and row.there and row.file is not None and row.file_mark is not None:
                self._files[row.file] = _Settled(row.file_mark, _facts(row))

    def __len__(self) -> int:
        return len(self._runs)

    def state(self, run_id: str) -> LedgerState | None:
        """The state of a run; None where the ledger does not know it."""
        found = self._runs.get(run_id)
        return None if found is None else found.state

    def compared(self, run_id: str) -> bool:
        """Whether the run is on the server, and was found to be as its bundle says."""
        found = self._runs.get(run_id)
        return found is not None and found.state in THERE and found.compared_at is not None

    def compared_at(self, run_id: str) -> str | None:
        """When the run was compared and found to be as its bundle says; None where it was not."""
        return self._runs[run_id].compared_at if self.compared(run_id) else None

    def import_id(self, run_id: str) -> str | None:
        """The id under which the run was sent; None where it was not."""
        found = self._runs.get(run_id)
        return None if found is None else found.import_id

    def archived(self, run_id: str) -> bool:
        """Whether the run was archived."""
        found = self._runs.get(run_id)
        return found is not None and found.archived

    def settled(self, file: str, mark: str) -> RunFacts | None:
        """The run of a file that was imported and compared, and that is still the same file."""
        found = self._files.get(file)
        return found.run if found is not None and found.mark == mark else None

    def known(self, run_id: str) -> Known | None:
        """What a plan needs to know of a run."""
        found = self._runs.get(run_id)
        return (
            None
            if found is None
            else Known(found.dedupe_key, found.state in THERE, found.compared_at is not None, found.file_sha256)
        )


def _facts(row: LedgerRow) -> RunFacts:
    """The run as the ledger knows it; what it does not keep is as of a run that was not looked at."""
    return RunFacts(
        row.instance_id or None, row.run_id, row.run_number or 1, row.workflow_type or "", None, row.status or "", True,
        False, row.dedupe_key, row.task_queue,
    )  # fmt: skip


def rows_of(plan: Plan) -> Iterator[LedgerRow]:
    """The rows that a plan brings into the ledger; what has no run id, or is there already, brings none."""
    sent = {bundle.run.run_id for bundle in plan.bundles if bundle.run is not None and bundle.action in _SENT}
    for bundle in plan.bundles:
        left = bundle.verdict is None or bundle.skip in {Skip.DONE, Skip.DUPLICATE}
        if left or bundle.run is None or bundle.run.run_id is None:
            continue
        # A damaged copy beside a bundle that is sent is no second fate of the run.
        if bundle.action in _SENT or bundle.run.run_id not in sent:
            yield _row(bundle)


def _row(bundle: PlannedBundle) -> LedgerRow:
    run, verdict, resolution = bundle.run, bundle.verdict, bundle.resolution
    assert run is not None  # noqa: S101 - asked by the caller
    assert verdict is not None  # noqa: S101 - a run stands in a verdict
    return LedgerRow(
        run_id=str(run.run_id),
        instance_id=run.instance_id or "",
        run_number=run.run_number,
        workflow_type=run.workflow_type,
        task_queue=run.queue,
        status=run.status,
        dedupe_key=run.dedupe_key,
        file=bundle.file,
        file_sha256=bundle.file_sha256,
        sent_sha256=bundle.sent_sha256,
        checksum=verdict.integrity.expected_checksum if resolution is None else resolution.checksum_before,
        bytes=bundle.file_bytes,
        file_mark=bundle.mark,
        verdict=verdict.outcome.value,
        rules=bundle.rules,
        repair=changes_of(bundle),
        removed_links=() if resolution is None else tuple(link._asdict() for link in resolution.removed),
        reason=None if resolution is None else resolution.reason,
        state=_STATES[bundle.action],
        error_reason=None if bundle.skip is None else bundle.skip.value,
    )


def changes_of(bundle: PlannedBundle) -> dict[str, object] | None:
    """What was done to the bytes, and what proves it; a resealed bundle is proven by nothing but a person's word."""
    changed: dict[str, object] = {}
    if bundle.repair is not None:
        restoration = bundle.repair.restoration
        changed["restored"] = {
            "cause": restoration.cause.value, "proof": "the recorded checksum", "checksum": restoration.checksum,
            "removed_keys": list(restoration.removed_keys), "restored_paths": list(restoration.restored_paths),
        }  # fmt: skip
    if bundle.resolution is not None:
        changed["resealed"] = {
            "by": "dwctl", "checksum_before": bundle.resolution.checksum_before,
            "checksum_after": bundle.resolution.checksum_after, "partners": list(bundle.resolution.partners),
        }  # fmt: skip
    return changed or None


_SENT = frozenset({PlanAction.IMPORT, PlanAction.WAIT})
_STATES = {
    PlanAction.IMPORT: LedgerState.PLANNED,
    PlanAction.WAIT: LedgerState.PLANNED,
    PlanAction.REFUSE: LedgerState.REFUSED,
    PlanAction.SKIP: LedgerState.SKIPPED,
}
