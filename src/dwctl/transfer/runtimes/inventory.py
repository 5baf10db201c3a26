"""The inventory joined with what has happened to its runs: exported (manifest), imported (ledger)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from dwctl.embedded.inventory_runs import ALL_KNOWN, QUIESCE_RULES, InventoryRun, When
from dwctl.transfer.ledger.rows import LedgerRow
from dwctl.transfer.ledger.view import LedgerView
from dwctl.transfer.runtimes.drift import Carried, DriftState, carried_by, judge
from dwctl.transfer.runtimes.drift_sources import of_entry, of_ledger
from dwctl.transfer.storage.manifest import ManifestEntry


class ExportState(StrEnum):
    """Whether an export on disk is still this run: `moved` says that the run has gone on since.

    `unknown`: nobody can say (see `judge`).
    """

    CURRENT = "current"
    MOVED = "moved"
    UNKNOWN = "unknown"


class Exported(NamedTuple):
    """The newest export of a run in a manifest."""

    state: ExportState
    file: str
    exported_at: str
    verdict: str


class Imported(NamedTuple):
    """What a ledger says of a run; `moved` is whether the run has gone on here since the bundle was made.

    It is None where nobody can say (see `judge`). Only a run that was `carried` over runs in both runtimes then.
    """

    state: str
    moved: bool | None
    import_id: str | None
    when: str | None

    @property
    def carried(self) -> Carried:
        """Whether the run is on the server, or may be."""
        return carried_by(self.state)


class Standing(NamedTuple):
    """A run of the inventory with its exports and imports. None: no such entry, or nobody asked."""

    run: InventoryRun
    exported: Exported | None = None
    imported: Imported | None = None


class LedgerLookup:
    """Rows of a ledger by run id, one at a time: memory does not grow with the ledger."""

    def __init__(self, view: LedgerView) -> None:
        self._view = view

    def row(self, run_id: str) -> LedgerRow | None:
        """The row of a run, None where the ledger does not know it."""
        return self._view.row(run_id)

    def is_there(self, run_id: str) -> bool:
        """Whether the run is on the server, as far as the importer said."""
        row = self.row(run_id)
        return row is not None and row.there


def standings(
    runs: Iterable[InventoryRun],
    *,
    manifest: Mapping[str, ManifestEntry] | None = None,
    ledger: LedgerLookup | None = None,
) -> Iterator[Standing]:
    """Each run with what manifest and ledger say of it."""
    for run in runs:
        entry = manifest.get(run.row.run_id) if manifest else None
        row = ledger.row(run.row.run_id) if ledger else None
        yield Standing(
            run,
            _exported(run, entry) if entry is not None else None,
            _imported(run, row) if row is not None else None,
        )


def _exported(run: InventoryRun, entry: ManifestEntry) -> Exported:
    state = _EXPORTS.get(judge(of_entry(entry), run.position).state, ExportState.MOVED)
    return Exported(state, entry.file, entry.exported_at, entry.verdict.value)


def _imported(run: InventoryRun, row: LedgerRow) -> Imported:
    moved = _IMPORTS.get(judge(of_ledger(row), run.position).state, True)
    return Imported(row.state.value, moved, row.import_id, row.when)


_EXPORTS = {DriftState.UNMOVED: ExportState.CURRENT, DriftState.UNKNOWN: ExportState.UNKNOWN}
_IMPORTS: Mapping[DriftState, bool | None] = {DriftState.UNMOVED: False, DriftState.UNKNOWN: None}


@dataclass(slots=True)
class InventoryTally:
    """What the runs that passed add up to. `rules` counts runs by foreseen rule; a run may have several.

    Ask `known` for a number: of what could not be seen for every run, what was counted is too little.
    """

    runs: int = 0
    eligible: int = 0
    must_be_quiesced: int = 0
    lost_fractions: int = 0
    later_of_link: int = 0
    refused_otherwise: int = 0
    exported: int = 0
    moved_since_export: int = 0
    imported: int = 0
    moved_since_import: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    _unsure: set[str] = field(default_factory=set)

    def known(self, name: str) -> int | None:
        """The number of this name; None where it is not known of every run."""
        found: int = getattr(self, name)
        return None if name in self._unsure else found

    def counting(self, standings_: Iterable[Standing]) -> Iterator[Standing]:
        """Yield what comes, and count it."""
        for standing in standings_:
            self.add(standing)
            yield standing

    def add(self, standing: Standing) -> None:
        """Count one run."""
        run = standing.run
        self.runs += 1
        self.eligible += run.eligible is True
        if run.known is not ALL_KNOWN:
            self._unsure.update(_unsure_of(standing))
        if run.foreseen:
            self._obstacles(run)
        if standing.exported is not None:
            self.exported += 1
            self.moved_since_export += standing.exported.state is ExportState.MOVED
        if standing.imported is not None and standing.imported.carried is Carried.IMPORTED:
            self.imported += 1
            self.moved_since_import += standing.imported.moved is True

    def _obstacles(self, run: InventoryRun) -> None:
        self.rules.update({one.rule for one in run.foreseen})
        cases = {one.when for one in run.foreseen}
        self.lost_fractions += When.COMMAND_EXPORT in cases
        self.later_of_link += When.WITH_OTHERS in cases
        self.must_be_quiesced += run.must_be_quiesced is True
        refused = run.eligible is False
        self.refused_otherwise += refused and not QUIESCE_RULES.intersection(one.rule for one in run.foreseen)


def _unsure_of(standing: Standing) -> Iterator[str]:
    """The numbers of the tally to which this run might have to be added."""
    run, exported, imported = standing.run, standing.exported, standing.imported
    if run.eligible is None:
        yield from ("eligible", "refused_otherwise")
    if run.must_be_quiesced is None:
        yield "must_be_quiesced"
    if not run.known.links:
        yield "later_of_link"
    if not run.known.fractions:
        yield "lost_fractions"
    if exported is not None and exported.state is ExportState.UNKNOWN:
        yield "moved_since_export"
    if imported is not None and imported.moved is None and imported.carried is Carried.IMPORTED:
        yield "moved_since_import"


def id_line(run: InventoryRun) -> str:
    """The run as a line of `history-export --ids-file`: `instance/run`.

    Where the instance id would be read as something else, as a comment for one, `/run` names the run alone: the
    embedded application finds it by that.
    """
    instance = run.row.instance_id
    plain = instance.isprintable() and instance == instance.strip() and not instance.startswith(("#", "\ufeff"))
    return f"{instance if plain else ''}/{run.row.run_id}"
