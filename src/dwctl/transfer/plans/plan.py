"""The plan of a transfer: what would happen to each bundle, and why, before anything does.

A plan is an artefact: a person reads it, it is written to a file, and the run executes exactly it. It pins the
sha256 of each file and of what will be sent, so that nothing else can be sent in its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dwctl.bundle.demand import Demand
from dwctl.bundle.findings import Finding, Severity
from dwctl.bundle.links import LinkRow
from dwctl.bundle.restoration import Restoration
from dwctl.bundle.verify import RunFacts, Verdict
from dwctl.errors import ExitCode
from dwctl.transfer.imports.way import Way


class PlanAction(StrEnum):
    """What the run will do with a bundle.

    `import`: send it. `wait`: send it once its partners are imported and compared. `refuse`: never send it.
    `skip`: leave it out of this run, for the reason that the plan gives.
    """

    IMPORT = "import"
    WAIT = "wait"
    REFUSE = "refuse"
    SKIP = "skip"


class Skip(StrEnum):
    """Why a bundle is left out of a run."""

    DONE = "done"
    DUPLICATE = "duplicate"
    NOT_CHOSEN = "not_chosen"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class PlannedRepair:
    """A repair that the bundle's recorded checksum proves: the proof, and the sha256 of the repaired bytes."""

    restoration: Restoration
    sent_sha256: str


@dataclass(frozen=True, slots=True)
class PlannedResolution:
    """Links that the bundle goes without, since its partners have written them; on a person's word, for a reason.

    Checksums are those of the seal; `sent_sha256` is the digest of the resealed bytes.
    """

    removed: tuple[LinkRow, ...]
    partners: tuple[str, ...]
    checksum_before: str
    checksum_after: str
    sent_sha256: str
    reason: str


@dataclass(frozen=True, slots=True)
class PlannedBundle:
    """One bundle of the plan.

    `verdict` is that on the bytes that will be sent, but for links left out; None where the file could not be read, and
    `problem` then says why. `foreseen` is what the set and the target foretell; `after` the runs that must be there
    first; `unknown` sentences about what could not be known; `asked` whether a dry run asked the server about this
    very bundle. `mark` tells the file from a later one of its name; `settled` is the run of a file that was not read,
    since the ledger knows it as imported and compared. Digests are hex sha256 of the file's content and of what will be
    sent; of a settled one those that the ledger knows.
    """

    position: int
    file: str
    file_bytes: int
    file_sha256: str
    sent_sha256: str
    action: PlanAction
    verdict: Verdict | None = None
    foreseen: tuple[Finding, ...] = ()
    way: Way | None = None
    repair: PlannedRepair | None = None
    resolution: PlannedResolution | None = None
    after: tuple[str, ...] = ()
    skip: Skip | None = None
    demands: tuple[Demand, ...] = ()
    unknown: tuple[str, ...] = ()
    asked: bool = False
    problem: str | None = None
    mark: str | None = None
    settled: RunFacts | None = None

    @property
    def run(self) -> RunFacts | None:
        """Who the run is."""
        return self.settled if self.verdict is None else self.verdict.run

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything found in the bundle, then what is foreseen."""
        return (*(() if self.verdict is None else self.verdict.findings), *self.foreseen)

    @property
    def refused_by(self) -> tuple[Finding, ...]:
        """The findings that refuse it, in order."""
        return tuple(one for one in self.findings if one.severity is Severity.ERROR)

    @property
    def rules(self) -> tuple[str, ...]:
        """The ids of the rules that refuse it, or of those that warn, each once."""
        chosen = self.refused_by or tuple(one for one in self.findings if one.severity is Severity.WARNING)
        return tuple(dict.fromkeys(one.rule for one in chosen))


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What shapes the verdict and the choice. `limit` counts the bundles that are sent; `only` are type keys."""

    namespace: str | None = None
    require_signature: bool = False
    strict: bool = False
    repair: bool = True
    resolve_links: str | None = None
    only: tuple[str, ...] = ()
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What was asked of the target: how many runs it lists, and how many requests that took.

    `complete` is false where its list changed faster than it could be read.
    """

    runs: int
    workers: int
    requests: int
    dry_runs: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen, bundle by bundle, in the order in which the run will go.

    `server` and `survey` are None where no target was asked; then everything about the target is unknown.
    """

    made_at: str
    dwctl_version: str
    server: str | None
    server_version: str | None
    import_id: str | None
    options: PlanOptions
    bundles: tuple[PlannedBundle, ...]
    survey: Surveyed | None = None
    unknown: tuple[str, ...] = field(default=())

    @property
    def actions(self) -> Mapping[PlanAction, int]:
        """How many bundles there are of each action."""
        found = Counter(bundle.action for bundle in self.bundles)
        return {action: found[action] for action in PlanAction}

    @property
    def exit_code(self) -> ExitCode:
        """0 if nothing is refused; 1 if something is; 2 for an empty plan, which is no plan."""
        if not self.bundles:
            return ExitCode.USAGE
        return ExitCode.NO if self.actions[PlanAction.REFUSE] else ExitCode.DONE
