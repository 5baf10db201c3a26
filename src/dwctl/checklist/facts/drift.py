"""What the gate knows of the embedded copies of exported and imported runs: who moved, and who may wake."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dwctl.bundle.vocabulary import TERMINAL_STATUSES
from dwctl.checklist.facts.facts import BundleSet, DriftFacts, LedgerFact, LedgerFacts
from dwctl.embedded.open_work import open_work, unread_work
from dwctl.transfer.runtimes.drift import Carried, Drift, DriftState, Expected, carried_by, compare
from dwctl.transfer.runtimes.positions import EmbeddedSide, Look

_BUNDLE: Final = "bundle"


def drift_facts(side: EmbeddedSide, *, bundles: BundleSet | None, ledger: LedgerFacts | None) -> DriftFacts:
    """Ask the embedded side once where the runs of the bundles and of the ledger stand now.

    A run that the ledger has on the server is held against what was imported, any other against its bundle, or against
    the ledger's row where no bundle lies here. Raises a DwctlError where the side does not answer.
    """
    with side.look() as look:
        found = tuple(compare(_expected(bundles, ledger), look.positions))
        may_wake, held, unread = _work(look, found)
        return DriftFacts(
            asked=side.name, at=look.as_of,
            unmoved=sum(drift.state is DriftState.UNMOVED for drift in found),
            moved_since_export=_ids(found, DriftState.MOVED_SINCE_EXPORT),
            moved_since_import=_ids(found, DriftState.MOVED_SINCE_IMPORT),
            moved_in_doubt=_ids(found, DriftState.MOVED_IN_DOUBT),
            gone=_ids(found, DriftState.GONE), unknown=_ids(found, DriftState.UNKNOWN),
            may_wake=may_wake, held=held, doubts=(*look.doubts, *unread),
        )  # fmt: skip


def _ids(found: tuple[Drift, ...], state: DriftState) -> tuple[str, ...]:
    return tuple(drift.expected.run_id for drift in found if drift.state is state)


def _expected(bundles: BundleSet | None, ledger: LedgerFacts | None) -> Iterator[Expected]:
    """Every run once: as it went to the server, else as its newest bundle here has it, else as the ledger planned it.

    A bundle that could not be read stands for no run; that is told by the checks of the bundles.
    """
    rows = ledger.rows if ledger is not None else ()
    sent = [row for row in rows if carried_by(row.state) is not Carried.EXPORTED]
    told = {row.run_id for row in sent}
    yield from map(_of_row, sent)
    newest: dict[str, Expected] = {}
    for bundle in sorted(bundles.bundles if bundles is not None else (), key=lambda one: one.exported_at or ""):
        if bundle.run_id is not None and bundle.run_id not in told:
            newest[bundle.run_id] = Expected(
                bundle.run_id, bundle.instance_id or "", bundle.dedupe_key, bundle.status, Carried.EXPORTED, _BUNDLE,
                bundle.file, bundle.exported_at,
            )  # fmt: skip
    yield from newest.values()
    yield from (_of_row(row) for row in rows if row.run_id not in told and row.run_id not in newest)


def _of_row(row: LedgerFact) -> Expected:
    return Expected(row.run_id, row.instance_id, row.dedupe_key, row.status, carried_by(row.state), "ledger")


def _work(look: Look, found: tuple[Drift, ...]) -> tuple[tuple[str, ...] | None, tuple[str, ...], tuple[str, ...]]:
    """The open work of runs that stand still: imported ones that it would wake, those that a worker holds, and doubts.

    The first is None where only a database could say.
    """
    if look.snapshot is None:
        return None, (), ()
    still = {
        drift.expected.run_id: drift.expected
        for drift in found
        if drift.state is DriftState.UNMOVED
        and (drift.expected.carried is not Carried.EXPORTED or drift.expected.known_by == _BUNDLE)
        and drift.position is not None
        and drift.position.status not in TERMINAL_STATUSES
    }
    work = dict(open_work(look.snapshot, still))
    may_wake = tuple(
        run_id for run_id, own in work.items() if own.could_wake and still[run_id].carried is not Carried.EXPORTED
    )
    return may_wake, tuple(run_id for run_id, own in work.items() if own.held), unread_work(look.snapshot)
