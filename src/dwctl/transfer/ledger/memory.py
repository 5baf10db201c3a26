"""What a plan and its run must know of a ledger, read once: small, also for a hundred thousand runs."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from sys import intern
from typing import NamedTuple

from dwctl.bundle.verify import RunFacts
from dwctl.transfer.files.sources import STDIN
from dwctl.transfer.ledger.rows import MAY_BE_THERE, THERE, UNRESOLVED, LedgerRow, LedgerState
from dwctl.transfer.ledger.unread import UnreadFile
from dwctl.transfer.plans.plan import Plan, PlanAction, PlannedBundle, Skip
from dwctl.transfer.plans.planning import Known
from dwctl.transfer.plans.verdicts import SettledFile


class _Settled(NamedTuple):
    """A file that was imported and compared: its mark when it was read, and what it holds."""

    mark: str
    file: SettledFile


class _Remembered(NamedTuple):
    state: LedgerState
    dedupe_key: str | None
    compared_at: str | None
    was_compared: bool
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
                row.compared_at is not None, row.archived_at is not None,
                None if row.import_id is None else intern(row.import_id), row.file_sha256,
            )  # fmt: skip
            self._runs[row.run_id] = known
            if known.compared_at is not None and (settled := _settled(row)) is not None:
                self._files[str(row.file)] = settled

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

    def was_compared(self, run_id: str) -> bool:
        """Whether the run was compared with its bundle on the server, whatever that found."""
        found = self._runs.get(run_id)
        return found is not None and found.state in THERE and found.was_compared

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

    def settled(self, file: str, mark: str) -> SettledFile | None:
        """What a file holds that was sent as it lies, imported and compared, and that is still the same file."""
        found = self._files.get(file)
        return found.file if found is not None and found.mark == mark else None

    def unresolved(self, run_id: str) -> LedgerState | None:
        """What became of a run of which somebody has still to see to it; None where nothing of that kind is known."""
        state = self.state(run_id)
        return state if state in UNRESOLVED else None

    def known(self, run_id: str) -> Known | None:
        """What a plan needs to know of a run."""
        found = self._runs.get(run_id)
        if found is None:
            return None
        return Known(
            found.dedupe_key,
            done=found.state in THERE,
            compared=found.compared_at is not None,
            file_sha256=found.file_sha256,
            in_doubt=found.state in MAY_BE_THERE,
            unresolved=found.state in UNRESOLVED,
        )


def _settled(row: LedgerRow) -> _Settled | None:
    """A file that need not be read again; one that was repaired or resealed is: it was sent otherwise than it lies."""
    if not row.there or row.file is None or row.file_mark is None or row.file_sha256 is None:
        return None
    as_it_lies = row.file_sha256 == row.sent_sha256
    return _Settled(row.file_mark, SettledFile(_facts(row), row.file_sha256)) if as_it_lies else None


def _facts(row: LedgerRow) -> RunFacts:
    """The run as the ledger knows it; what it does not keep is as of a run that was not looked at."""
    return RunFacts(
        row.instance_id or None, row.run_id, row.run_number or 1, row.workflow_type or "", None, row.status or "", True,
        False, row.dedupe_key, row.task_queue,
    )  # fmt: skip


def rows_of(plan: Plan) -> Iterator[LedgerRow]:
    """The rows that a plan brings into the ledger; what is there already brings none, nor what has no run id.

    For the latter see `unread_in`.
    """
    sent = {bundle.run.run_id for bundle in plan.bundles if bundle.run is not None and bundle.action in _SENT}
    for bundle in plan.bundles:
        left = bundle.verdict is None or bundle.skip in {Skip.DONE, Skip.DUPLICATE}
        if left or bundle.run is None or bundle.run.run_id is None:
            continue
        # A damaged copy beside a bundle that is sent is no second fate of the run.
        if bundle.action in _SENT or bundle.run.run_id not in sent:
            yield _row(bundle)


def unread_in(plan: Plan) -> Iterator[UnreadFile]:
    """The files of a plan that gave no run."""
    for bundle in plan.bundles:
        if not _gave_a_run(bundle):
            yield UnreadFile(
                place=_place(bundle), file=bundle.file, reason=next(iter(bundle.rules), "unreadable"),
                text=bundle.problem, file_sha256=bundle.file_sha256 or None,
            )  # fmt: skip


def read_in(plan: Plan, unread: Collection[UnreadFile]) -> frozenset[str]:
    """The places of those among files without a run from which this plan reads one."""
    places = {one.place for one in unread}
    if not places:
        return frozenset()
    return frozenset(place for one in plan.bundles if _gave_a_run(one) and (place := _place(one)) in places)


def _gave_a_run(bundle: PlannedBundle) -> bool:
    return bundle.run is not None and bundle.run.run_id is not None


def _place(bundle: PlannedBundle) -> str:
    """The same for every spelling of a path. What comes from standard input is another thing each time: its digest."""
    if bundle.file == STDIN:
        return f"{STDIN} {bundle.file_sha256}"
    return os.path.abspath(bundle.file)  # noqa: PTH100 - bears any name


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
