"""What the gate knows of bundles, archives, the ledger and the embedded side: gathered once, read by many checks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dwctl.bundle.demand import Demand
from dwctl.bundle.links import LinkRow
from dwctl.bundle.verify import Outcome
from dwctl.embedded.open_runs import OpenRun
from dwctl.transfer.ledger.rows import THERE


class Recorded(StrEnum):
    """What the manifest of its folder says of a bundle: this very file, another content, nothing; or there is none."""

    SAME = "same"
    CHANGED = "changed"
    NOT_NAMED = "not_named"
    NO_MANIFEST = "no_manifest"


@dataclass(frozen=True, slots=True)
class BundleFact:
    """One bundle file. `read_at` is when its content was read last; since then its size, times and inode are the same.

    `sha256` is of the file as it lies, `bytes` the size of what will be sent: expanded, and repaired where a repair is
    proven (`repaired` says of what damage). `problem` is a sentence where it could not be read as a bundle: everything
    else of it is unknown then. `rules` are the ids of its findings, `links` the rows that an import writes.
    `exported_at` is the manifest's; None where no manifest beside it names this very file (its sha256). `closed_at` is
    when a closed run ended, as its bundle says; None for an open one.
    """

    file: str
    sha256: str
    bytes: int
    read_at: str
    run_id: str | None = None
    instance_id: str | None = None
    workflow_type: str | None = None
    workflow_class: str | None = None
    activity_types: tuple[str, ...] = ()
    status: str | None = None
    namespace: str | None = None
    task_queue: str | None = None
    compatibility: str | None = None
    codecs: tuple[str, ...] = ()
    dedupe_key: str | None = None
    outcome: Outcome | None = None
    rules: tuple[str, ...] = ()
    demands: tuple[Demand, ...] = ()
    exported_at: str | None = None
    closed_at: str | None = None
    problem: str | None = None
    run_number: int = 1
    links: tuple[LinkRow, ...] = ()
    repaired: str | None = None
    signed: bool = False
    recorded: Recorded = Recorded.NO_MANIFEST


@dataclass(frozen=True, slots=True)
class BundleSet:
    """All bundles of the cutover; `read` of them were read now, the others trusted as they lie.

    `missing` are paths of the description where nothing lies, `lost` files that a manifest names and that are gone;
    `damaged` are lines of manifests that cannot be read, each with its place.
    """

    bundles: tuple[BundleFact, ...]
    read: int
    missing: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArchiveFact:
    """A folder of exports against its manifest; `run_ids`: whose export is proven, `read`: how many files were read.

    `open_then` are those of them that were open when they were exported: what came after is not in the file.
    `unsound` are files that cannot be read, or whose content is not what their line says; `damaged` lines of the
    manifest. `writer` is who writes there now, or was killed while writing. `problem` says why nothing is known.
    """

    where: str
    run_ids: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    unsound: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    writer: str | None = None
    read: int = 0
    problem: str | None = None
    open_then: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ApplicationRuns:
    """All runs of the embedded application: the ids of those that have ended, and the open ones.

    `asked` is who was asked.
    """

    asked: str
    at: str
    closed: frozenset[str]
    open: tuple[OpenRun, ...] = ()


@dataclass(frozen=True, slots=True)
class LedgerFact:
    """What one row of the ledger says; `state` is the ledger's own word."""

    run_id: str
    instance_id: str
    workflow_type: str | None
    task_queue: str | None
    status: str | None
    state: str
    import_id: str | None
    compared_at: str | None
    differs_at: str | None
    drift: str | None
    drift_at: str | None
    archived_at: str | None
    dedupe_key: str | None = None

    @property
    def there(self) -> bool:
        """Whether its run is on the server, as the importer said."""
        return self.state in THERE


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """The ledger of the cutover: whom it is bound to, its rows, and the head of its log."""

    path: str
    server: str
    namespace: str
    import_id: str
    rows: tuple[LedgerFact, ...]
    head: str
    sound: bool
    trouble: str | None = None
    """What the audit of its log found, in a sentence; None where it is sound."""
    audited: str = ""
    """How much of it was audited, in words."""

    @property
    def there(self) -> tuple[LedgerFact, ...]:
        """The rows whose runs are on the server."""
        return tuple(row for row in self.rows if row.there)


@dataclass(frozen=True, slots=True)
class DriftFacts:
    """Where the embedded copies of exported and imported runs stand, by run id; `asked` is who was asked."""

    asked: str
    at: str
    unmoved: int = 0
    moved_since_export: tuple[str, ...] = ()
    moved_since_import: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    moved_in_doubt: tuple[str, ...] = ()
    """They moved, and the ledger does not know whether the server has them."""
    may_wake: tuple[str, ...] | None = ()
    """Imported runs whose embedded copy has a ready task, a due timer or a lease (`embedded parked`).

    None where nobody could say: only a database shows open work.
    """
    held: tuple[str, ...] = ()
    """Runs that have not moved yet, and of which an embedded worker holds a task or an attempt (as a database shows).

    A worker has taken it since the export, or held it at the export: then its bundle is refused.
    """
    doubts: tuple[str, ...] = ()
    """Sentences on what is not sure in this look."""
