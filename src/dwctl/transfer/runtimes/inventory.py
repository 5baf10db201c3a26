"""The inventory joined with what has happened to its runs: exported (manifest), imported (ledger)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from dwctl.embedded.inventory_runs import QUIESCE_RULES, InventoryRun, When
from dwctl.transfer.ledger.rows import LedgerRow
from dwctl.transfer.ledger.view import LedgerView
from dwctl.transfer.storage.manifest import ManifestEntry


class ExportState(StrEnum):
    """Whether an export on disk is still this run: `moved` says that the run has gone on since."""

    CURRENT = "current"
    MOVED = "moved"


class Exported(NamedTuple):
    """The newest export of a run in a manifest."""

    state: ExportState
    file: str
    exported_at: str
    verdict: str


class Imported(NamedTuple):
    """What a ledger says of a run; `moved` is whether the run has gone on here since the bundle was made."""

    state: str
    moved: bool
    import_id: str | None
    when: str | None


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
    state = ExportState.CURRENT if entry.dedupe_key == run.dedupe_key else ExportState.MOVED
    return Exported(state, entry.file, entry.exported_at, entry.verdict.value)


def _imported(run: InventoryRun, row: LedgerRow) -> Imported:
    moved = row.dedupe_key is not None and row.dedupe_key != run.dedupe_key
    return Imported(row.state.value, moved, row.import_id, row.when)


@dataclass(slots=True)
class InventoryTally:
    """What the runs that passed add up to. `rules` counts runs by foreseen rule; a run may have several."""

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

    def counting(self, standings_: Iterable[Standing]) -> Iterator[Standing]:
        """Yield what comes, and count it."""
        for standing in standings_:
            self.add(standing)
            yield standing

    def add(self, standing: Standing) -> None:
        """Count one run."""
        run = standing.run
        self.runs += 1
        self.eligible += run.eligible
        if run.foreseen:
            self._obstacles(run)
        if standing.exported is not None:
            self.exported += 1
            self.moved_since_export += standing.exported.state is ExportState.MOVED
        if standing.imported is not None and standing.imported.state in _THERE:
            self.imported += 1
            self.moved_since_import += standing.imported.moved

    def _obstacles(self, run: InventoryRun) -> None:
        self.rules.update({one.rule for one in run.foreseen})
        cases = {one.when for one in run.foreseen}
        self.lost_fractions += When.COMMAND_EXPORT in cases
        self.later_of_link += When.WITH_OTHERS in cases
        self.must_be_quiesced += run.must_be_quiesced
        self.refused_otherwise += not run.eligible and not QUIESCE_RULES.intersection(one.rule for one in run.foreseen)


_THERE = frozenset({"imported", "already_imported"})


def id_line(run: InventoryRun) -> str:
    """The run as a line of `history-export --ids-file`: `instance/run`.

    Where the instance id would be read as something else, as a comment for one, `/run` names the run alone: the
    embedded application finds it by that.
    """
    instance = run.row.instance_id
    plain = instance.isprintable() and instance == instance.strip() and not instance.startswith(("#", "\ufeff"))
    return f"{instance if plain else ''}/{run.row.run_id}"
