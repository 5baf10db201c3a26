"""The facts of a transfer, told: what arrived, what did not and why, what was changed on the way, what is open.

Only facts stand here; `render` makes Markdown, HTML, JUnit and annotations of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from dwctl.bundle import vocabulary
from dwctl.errors import ExitCode
from dwctl.transfer.ledger.audit import AuditReport
from dwctl.transfer.ledger.changes import UNMOVED
from dwctl.transfer.ledger.lock import Holder
from dwctl.transfer.ledger.log import Head
from dwctl.transfer.ledger.rows import LedgerRow
from dwctl.transfer.report.standing import STANDINGS, Kind, Standing


class Scope(StrEnum):
    """What is told: a whole ledger, the bundles of one import, of a dry run, or of a plan."""

    TRANSFER = "transfer"
    IMPORT = "import"
    DRY_RUN = "dry_run"
    PLAN = "plan"


class Answer(StrEnum):
    """The report in a word. Only `complete` is good.

    `damaged`: the ledger is not what its writer left. `nothing`: no bundle arrived, nor would any. `not_complete`:
    something is in trouble or open.
    """

    COMPLETE = "complete"
    NOT_COMPLETE = "not_complete"
    NOTHING = "nothing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class ReportedBundle:
    """One bundle: what the ledger has of it (or what a run without one found), and where it stands.

    `reasons` are ids of rules or reasons, the deciding one first. `text` is a sentence about this very bundle,
    `next_step` what its error said to do; `seconds` the time from its mark to its outcome. `before`: an earlier command
    had imported and compared it, and the one that is told sent nothing of it.
    """

    row: LedgerRow
    standing: Standing
    reasons: tuple[str, ...] = ()
    text: str | None = None
    next_step: str | None = None
    seconds: float | None = None
    before: bool = False

    @property
    def kind(self) -> Kind:
        """What its standing means for the transfer."""
        return STANDINGS[self.standing].kind

    @property
    def restored(self) -> Mapping[str, object] | None:
        """What was restored before it was sent, and by which proof."""
        return self._changed("restored")

    @property
    def resealed(self) -> Mapping[str, object] | None:
        """The seal before and after dwctl left links out; proven by nothing but a person's word."""
        return self._changed("resealed")

    @property
    def without_links(self) -> bool:
        """Whether it goes without some links, on a person's word. It may not have gone yet."""
        return self.resealed is not None or bool(self.row.removed_links)

    @property
    def went_without_links(self) -> bool:
        """Whether dwctl sealed it anew: it was sent like that, or a plan says that it will be."""
        sent = self.row.attempts > 0 or self.row.there
        return self.without_links and (sent or self.standing is Standing.WOULD_ARRIVE)

    def _changed(self, how: str) -> Mapping[str, object] | None:
        found = (self.row.repair or {}).get(how)
        return found if isinstance(found, Mapping) else None


@dataclass(frozen=True, slots=True)
class ReasonGroup:
    """Bundles that stand where they stand for one reason: its id, what it means, what to do."""

    standing: Standing
    reason: str | None
    meaning: str
    fix: str | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One command that wrote to the ledger. `ended` is false where it was killed, or is still writing.

    Times are as the clock showed them; counts are of settled bundles by standing of that moment, and of comparisons:
    those of runs that an earlier session had compared are among them.
    """

    started_at: str
    ended_at: str
    ended: bool
    who: str | None
    host: str | None
    command: str | None
    import_id: str | None
    dwctl_version: str | None
    server_version: str | None
    there: int = 0
    not_there: int = 0
    compared: int = 0
    archived: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float | None:
        """Settled bundles a second; None where that cannot be said."""
        settled = self.there + self.not_there
        return settled / self.seconds if settled and self.seconds > 0 else None


class Bucket(NamedTuple):
    """A piece of a session, for a picture: how many bundles came to be there, did not, or were first compared."""

    session: int
    at: str
    seconds: float
    there: int
    not_there: int
    compared: int


@dataclass(frozen=True, slots=True)
class Past:
    """What the log tells: sessions, pieces of time, and how long the imports took (seconds)."""

    sessions: tuple[Session, ...] = ()
    buckets: tuple[Bucket, ...] = ()
    durations: Mapping[str, float] = field(default_factory=dict)
    median: float | None = None
    slowest_tenth: float | None = None
    slowest: float | None = None


class TravelKind(NamedTuple):
    """Something that bundles have and imported runs will not: in how many runs, with the first few of them."""

    what: str
    meaning: str
    runs: int
    places: int
    first: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Travel:
    """What does not travel. `looked_at` of the `of` bundles were opened for it; `not_looked` says why not the rest."""

    looked_at: int
    of: int
    kinds: tuple[TravelKind, ...] = ()
    not_looked: tuple[tuple[str, int], ...] = ()


class Step(NamedTuple):
    """Something to do next: why, and what to type (None where it is not a command)."""

    why: str
    command: str | None


@dataclass(frozen=True, slots=True)
class LedgerSeen:
    """The ledger that is told of, at one moment; `writer` is who was writing then."""

    path: str
    created_at: str
    head: Head
    audit: AuditReport
    writer: Holder | None
    unreadable: str | None = None


@dataclass(frozen=True, kw_only=True)
class TransferReport:
    """Everything that a report says. Times are UTC; `digest` is of the runs that arrived (see `digest_of`)."""

    scope: Scope
    made_at: str
    dwctl_version: str
    server: str | None
    namespace: str | None
    import_id: str | None
    bundles: tuple[ReportedBundle, ...]
    reasons: tuple[ReasonGroup, ...] = ()
    ledger: LedgerSeen | None = None
    past: Past = Past()
    travel: Travel | None = None
    steps: tuple[Step, ...] = ()
    digest: str | None = None
    interrupted: bool = False

    @cached_property
    def counts(self) -> Mapping[Standing, int]:
        """How many bundles stand where, every standing named."""
        found = Counter(bundle.standing for bundle in self.bundles)
        return {standing: found[standing] for standing in STANDINGS}

    @cached_property
    def kinds(self) -> Mapping[Kind, int]:
        """How many bundles are good, in trouble, open, left out."""
        return {
            kind: sum(count for standing, count in self.counts.items() if STANDINGS[standing].kind is kind)
            for kind in Kind
        }

    def of(self, *standings: Standing) -> Iterator[ReportedBundle]:
        """The bundles that stand in one of these places."""
        return (bundle for bundle in self.bundles if bundle.standing in standings)

    def of_kind(self, *kinds: Kind) -> Iterator[ReportedBundle]:
        """The bundles of these kinds."""
        return (bundle for bundle in self.bundles if bundle.kind in kinds)

    @cached_property
    def restored(self) -> tuple[ReportedBundle, ...]:
        """Bundles that were repaired before they were sent, as their recorded checksums prove."""
        return tuple(bundle for bundle in self.bundles if bundle.restored is not None)

    @cached_property
    def resealed(self) -> tuple[ReportedBundle, ...]:
        """Bundles that dwctl sealed anew, without links that their partners have written."""
        return tuple(bundle for bundle in self.bundles if bundle.went_without_links)

    @cached_property
    def archived(self) -> int:
        """Runs that were archived on the server."""
        return sum(bundle.row.archived_at is not None for bundle in self.bundles)

    @cached_property
    def not_archived(self) -> tuple[ReportedBundle, ...]:
        """Closed runs on the server that were not archived there; retention may take their history."""
        return tuple(
            bundle for bundle in self.bundles
            if bundle.row.there and bundle.standing is not Standing.NOT_SHOWN
            and bundle.row.status in vocabulary.TERMINAL_STATUSES and bundle.row.archived_at is None
        )  # fmt: skip

    @cached_property
    def came_open(self) -> tuple[ReportedBundle, ...]:
        """The runs on the server that were open when they were exported: their embedded copies may go on."""
        return tuple(
            bundle for bundle in self.bundles
            if bundle.row.there and bundle.row.status not in vocabulary.TERMINAL_STATUSES
        )  # fmt: skip

    @cached_property
    def drift_unknown(self) -> int:
        """Runs that came open of which nobody has said whether they moved in the embedded application."""
        return sum(bundle.row.drift is None for bundle in self.came_open)

    @cached_property
    def unmoved_at(self) -> tuple[str, ...]:
        """When the embedded application said of each run that came open that it had not moved, the oldest first."""
        return tuple(sorted(str(one.row.drift_at) for one in self.came_open if one.row.drift == UNMOVED))

    @property
    def archiving_is_open(self) -> bool:
        """Whether archiving was begun and is not finished."""
        return self.archived > 0 and bool(self.not_archived)

    @property
    def of_a_moment(self) -> bool:
        """Whether somebody was writing when this was read."""
        return self.ledger is not None and self.ledger.writer is not None

    @property
    def answer(self) -> Answer:
        """The report in a word."""
        if self.ledger is not None and (self.ledger.unreadable is not None or not self.ledger.audit.ok):
            return Answer.DAMAGED
        if not self.kinds[Kind.GOOD] and not self.kinds[Kind.TROUBLE] and not self.kinds[Kind.OPEN]:
            return Answer.NOTHING
        unfinished = self.kinds[Kind.TROUBLE] or self.kinds[Kind.OPEN] or self.archiving_is_open
        return Answer.NOT_COMPLETE if unfinished or self.of_a_moment or self.interrupted else Answer.COMPLETE

    @property
    def exit_code(self) -> ExitCode:
        """0 if all that was chosen is there and compared, and nothing is open; else 1."""
        return ExitCode.DONE if self.answer is Answer.COMPLETE else ExitCode.NO

    def versions(self, whose: str) -> Mapping[str, int]:
        """How many rows carry which version; `whose` is `dwctl_version`, `server_version` or `import_id`."""
        return Counter(str(value) for bundle in self.bundles if (value := getattr(bundle.row, whose)) is not None)
