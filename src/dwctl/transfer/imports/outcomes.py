"""What became of bundles that were to be imported: one by one, and all together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import heappush, heappushpop
from typing import TYPE_CHECKING, Any, Final

from dwctl.bundle.findings import Finding, Severity
from dwctl.bundle.left_behind import LeftBehind
from dwctl.bundle.restoration import Restoration
from dwctl.bundle.verify import RunFacts
from dwctl.errors import DwctlError, ExitCode
from dwctl.transfer.files.verification import FileVerdict
from dwctl.transfer.imports.pace import PaceReport
from dwctl.transfer.imports.proof import Proof, ProofState

if TYPE_CHECKING:
    from dwctl.transfer.plans.plan import PlannedResolution


class ImportState(StrEnum):
    """What became of a bundle.

    `would_import` (of a dry run), `imported` and `already_imported` are good; `done` was imported and compared by an
    earlier run, and this one sent nothing (it may have compared it again). `refused` is the answer no, for reasons of
    ours or of the server's; `failed` is no answer, and nothing was imported; `unknown` is an answer without meaning, or
    a lost one that could not be asked after; `not_tried` is what an earlier bundle's trouble or an interruption left
    undone. `blocked` waits for a partner that was not imported and compared; `moved` has gone on in the embedded
    application since its export; `skipped` was left out of this run: by choice, or since another file holds the same.
    """

    WOULD_IMPORT = "would_import"
    IMPORTED = "imported"
    ALREADY_IMPORTED = "already_imported"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_TRIED = "not_tried"
    BLOCKED = "blocked"
    MOVED = "moved"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Repaired:
    """A bundle that was restored on the fly: the proof, and the sha256 of the file and of what was sent."""

    restoration: Restoration
    file_sha256: str
    sent_sha256: str


@dataclass(frozen=True, slots=True)
class Resealed:
    """A bundle that was sent without some link rows, on a person's word: what was done, and where its bytes are kept.

    It is resealed by dwctl: nothing of the embedded runtime vouches for it. `file` is None until it is kept.
    """

    resolution: PlannedResolution
    file: str | None = None


_THERE = frozenset({ImportState.IMPORTED, ImportState.ALREADY_IMPORTED, ImportState.DONE})
_GOOD = frozenset({ImportState.WOULD_IMPORT, ImportState.SKIPPED})
_SAME_FOR_EVERY_BUNDLE = frozenset({"namespace_not_found", "php_not_started", "artisan_missing"})
_ENDS_THE_RUN = frozenset({ExitCode.INTERRUPTED, ExitCode.LOCAL_STATE, ExitCode.INCOMPATIBLE, ExitCode.AUTH})


@dataclass(frozen=True, slots=True)
class ImportResult:
    """One bundle: our verdict, what was done to it, what the server said, and the proof.

    `report` is the server's own, without payloads and secrets; `way` how the bundle went; `error` why there is
    no answer, or why it is not good; `left_behind` what of the bundle does not travel. `asked_and_absent` says
    that after an import without an answer a dry run found that the run was not there. `position` is the bundle's
    place in the plan; results come in the order in which they end. `seconds` is how long the import took on the wire,
    retries included. `skipped_because` is the plan's word for a bundle that was left out; of one that was done before,
    `compared_at` says when the ledger had seen it compared, and `run` whose run it is, since its file was not read
    again unless it was compared again: then there is a proof, too.
    """

    judged: FileVerdict
    state: ImportState
    way: str | None = None
    repaired: Repaired | None = None
    left_behind: tuple[LeftBehind, ...] = ()
    report: Mapping[str, Any] | None = None
    proof: Proof | None = None
    error: DwctlError | None = None
    asked_and_absent: bool = False
    position: int = 0
    resealed: Resealed | None = None
    archived: bool = False
    seconds: float | None = None
    skipped_because: str | None = None
    compared_at: str | None = None
    run: RunFacts | None = None

    @property
    def done(self) -> bool:
        """Whether the run is on the server, as far as its importer says."""
        return self.state in _THERE

    @property
    def compared_again(self) -> bool:
        """Whether the run was done before, and this run did no more than compare it once more."""
        return self.state is ImportState.DONE and self.proof is not None

    @property
    def proven(self) -> bool:
        """Whether the server shows the run as its bundle says."""
        return self.proof is not None and self.proof.state is ProofState.PROVEN

    @property
    def known_as_proven(self) -> bool:
        """Whether the server has shown the run as its bundle says: to this run, or to the one that the ledger knows."""
        if self.state is ImportState.DONE and self.proof is None:
            return self.error is None
        return self.proven

    @property
    def good(self) -> bool:
        """Whether the bundle is where it should be, as far as this run was to bring it there."""
        return self.error is None and (self.known_as_proven if self.done else self.state in _GOOD)

    @property
    def trouble(self) -> DwctlError | None:
        """What kept the bundle, or its proof, from an answer."""
        if self.error is not None or self.proof is None or self.proof.state is not ProofState.UNKNOWN:
            return self.error
        return self.proof.error

    @property
    def stops_the_run(self) -> bool:
        """Whether the bundles after this one would meet the same."""
        trouble = self.trouble
        return trouble is not None and (trouble.exit_code in _ENDS_THE_RUN or trouble.reason in _SAME_FOR_EVERY_BUNDLE)


MOST_KEPT: Final = 60
"""Results of each kind that are kept for a table: those that need attention, and the others."""

_SLOWEST: Final = 3
_MOST_DIFFERENT: Final = 3


@dataclass(frozen=True, slots=True)
class RunUsed:
    """What a run used: seconds, imports a second (None where none was sent), concurrency, and why it stopped early."""

    seconds: float
    rate: float | None
    pace: PaceReport
    stopped_because: str | None = None
    ledger: str | None = None


@dataclass(slots=True)
class Warned:
    """A warning that bundles have in common: how often it was found, and the first few that say different things."""

    count: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)

    def add(self, finding: Finding) -> None:
        """Count a finding of this rule."""
        self.count += 1
        if len(self.findings) < _MOST_DIFFERENT:
            self.findings.setdefault(repr(sorted(finding.facts.items())), finding)


@dataclass(slots=True)
class ImportTally:
    """What became of the bundles so far; its size does not depend on how many there are.

    A dry run does nothing, so it is never partly done. `attention` has the first of those that are not good, `fine`
    the first of the others; `slowest` the slowest imports (seconds, file), `warned` the warnings by rule,
    `held` and `unseen` in how many proven runs a thing was as it should be, or not shown, `reasons` why results are not
    good. Whoever ends a run since too many bundles failed sets `gave_up`.
    """

    dry_run: bool = False
    states: dict[ImportState, int] = field(default_factory=lambda: dict.fromkeys(ImportState, 0))
    attention: list[ImportResult] = field(default_factory=list)
    fine: list[ImportResult] = field(default_factory=list)
    good: int = 0
    proven: int = 0
    unproven: int = 0
    repaired: int = 0
    resealed: int = 0
    archived: int = 0
    compared_again: int = 0
    timed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    unseen: Counter[str] = field(default_factory=Counter)
    left_behind: dict[str, None] = field(default_factory=dict)
    warned: dict[str, Warned] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    slowest: list[tuple[float, str]] = field(default_factory=list)
    gave_up: bool = False
    _codes: set[ExitCode] = field(default_factory=set)
    _done: bool = False

    def counting(self, results: Iterable[ImportResult]) -> Iterator[ImportResult]:
        """Yield the results and count them as they pass."""
        for result in results:
            self.add(result)
            yield result

    def add(self, result: ImportResult) -> None:
        """Count one result."""
        self.states[result.state] += 1
        self.good += result.good
        self.proven += result.proven
        self.unproven += result.done and not result.known_as_proven
        self.repaired += result.repaired is not None
        self.compared_again += result.compared_again
        self.resealed += result.resealed is not None and result.done and result.state is not ImportState.DONE
        self.archived += result.archived
        if result.skipped_because is not None and result.state is ImportState.SKIPPED:
            self.skipped[result.skipped_because] += 1
        self._done = self._done or self._counts_as_done(result)
        if not result.good:
            if result.trouble is not None or result.state is not ImportState.NOT_TRIED:
                self._codes.add(_code(result))
            self.reasons[_why(result)] += 1
        kept = self.fine if result.good else self.attention
        if len(kept) < MOST_KEPT:
            kept.append(result)
        self._note(result)

    def _note(self, result: ImportResult) -> None:
        """What is told once for all bundles."""
        if result.proof is not None and result.proven:
            for one in result.proof.comparisons:
                (self.unseen if one.holds is None else self.held)[one.name] += 1
        for row in result.left_behind:
            self.left_behind[row.what] = None
        for finding in result.judged.findings:
            if finding.severity is Severity.WARNING:
                self.warned.setdefault(finding.rule, Warned()).add(finding)
        if result.seconds is not None:
            self.timed += 1
            slow = (result.seconds, result.judged.file)
            (heappush if len(self.slowest) < _SLOWEST else heappushpop)(self.slowest, slow)

    @property
    def total(self) -> int:
        """All bundles."""
        return sum(self.states.values())

    @property
    def exit_code(self) -> ExitCode:
        """By the design's precedence: 130, 10, 8, 4; then 9 if something was done; then 3, 6, 7, 5 if nothing
        is because of them; 1 if the only answers are no; 2 for what could not be read, and for nothing at all.

        9, too, where a run gave up on its bundles before it had come to all of them: they are not all answered.
        """
        if not self.total:
            return ExitCode.USAGE
        if self.good == self.total:
            return ExitCode.DONE
        ended = [code for code in _BEFORE_PARTLY if code in self._codes]
        if ended:
            return ended[0]
        if self._done or (self.gave_up and self.states[ImportState.NOT_TRIED]):
            return ExitCode.PARTLY
        return next((code for code in _AFTER_PARTLY if code in self._codes), ExitCode.NO)

    def _counts_as_done(self, result: ImportResult) -> bool:
        """Imported by us, whatever the proof says; there before and proven now; or archived. Not compared again."""
        if result.state is ImportState.IMPORTED or result.archived:
            return True
        return not self.dry_run and result.state is ImportState.ALREADY_IMPORTED and result.good


def _why(result: ImportResult) -> str:
    """The word under which a result that is not good is counted."""
    trouble = result.trouble
    if trouble is not None:
        return trouble.reason_or_status or trouble.exit_code.name.lower()
    if result.proof is not None and result.state is not ImportState.REFUSED:
        if result.proof.not_shown:
            return "run_not_shown"
        return f"proof {result.proof.state.value}"
    from dwctl.transfer.imports.reports import refused_by

    rules = (
        *refused_by(result.report or {}),
        *(one.rule for one in result.judged.findings if one.severity is Severity.ERROR),
    )
    return rules[0] if rules else result.state.value


def _code(result: ImportResult) -> ExitCode:
    return ExitCode.NO if result.trouble is None else result.trouble.exit_code


_BEFORE_PARTLY = (ExitCode.INTERRUPTED, ExitCode.LOCAL_STATE, ExitCode.INCOMPATIBLE, ExitCode.AUTH)
_AFTER_PARTLY = (
    ExitCode.NETWORK, ExitCode.SERVER, ExitCode.TIMEOUT, ExitCode.NOT_FOUND, ExitCode.NO, ExitCode.USAGE,
)  # fmt: skip
