"""What became of bundles that were to be imported: one by one, and all together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from dwctl.bundle.left_behind import LeftBehind
from dwctl.bundle.restoration import Restoration
from dwctl.errors import DwctlError, ExitCode
from dwctl.transfer.proof import Proof, ProofState
from dwctl.transfer.verification import FileVerdict


class ImportState(StrEnum):
    """What became of a bundle.

    `would_import` (of a dry run), `imported` and `already_imported` are good; `refused` is the answer no, for
    reasons of ours or of the server's; `failed` is no answer, and nothing was imported; `unknown` is an answer
    without meaning, or a lost one that could not be asked after; `not_tried` is what an earlier bundle's trouble
    or an interruption left undone.
    """

    WOULD_IMPORT = "would_import"
    IMPORTED = "imported"
    ALREADY_IMPORTED = "already_imported"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_TRIED = "not_tried"


@dataclass(frozen=True, slots=True)
class Repaired:
    """A bundle that was restored on the fly: the proof, and the sha256 of the file and of what was sent."""

    restoration: Restoration
    file_sha256: str
    sent_sha256: str


_SAME_FOR_EVERY_BUNDLE = frozenset({"namespace_not_found", "php_not_started", "artisan_missing"})
_ENDS_THE_RUN = frozenset({ExitCode.INTERRUPTED, ExitCode.INCOMPATIBLE, ExitCode.AUTH})


@dataclass(frozen=True, slots=True)
class ImportResult:
    """One bundle: our verdict, what was done to it, what the server said, and the proof.

    `report` is the server's own, without payloads and secrets; `way` how the bundle went; `error` why there is
    no answer, or why it is not good; `left_behind` what of the bundle does not travel. `asked_and_absent` says
    that after an import without an answer a dry run found that the run was not there.
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

    @property
    def done(self) -> bool:
        """Whether the run is on the server, as far as its importer says."""
        return self.state in {ImportState.IMPORTED, ImportState.ALREADY_IMPORTED}

    @property
    def proven(self) -> bool:
        """Whether the server shows the run as its bundle says."""
        return self.proof is not None and self.proof.state is ProofState.PROVEN

    @property
    def good(self) -> bool:
        """Whether the bundle is where it should be, as far as this run was to bring it there."""
        return self.error is None and (self.proven if self.done else self.state is ImportState.WOULD_IMPORT)

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


@dataclass(slots=True)
class ImportTally:
    """What became of the bundles so far. A dry run does nothing, so it is never partly done."""

    dry_run: bool = False
    results: list[ImportResult] = field(default_factory=list)

    def counting(self, results: Iterable[ImportResult]) -> Iterator[ImportResult]:
        """Yield the results and keep them as they pass."""
        for result in results:
            self.results.append(result)
            yield result

    @property
    def states(self) -> dict[ImportState, int]:
        """How many bundles are in each state."""
        found = [result.state for result in self.results]
        return {state: found.count(state) for state in ImportState}

    @property
    def unproven(self) -> int:
        """Runs on the server that it does not show as their bundles say."""
        return sum(result.done and not result.proven for result in self.results)

    @property
    def exit_code(self) -> ExitCode:
        """By the design's precedence: what ends a run; 9 if some are imported and some not; 3, 6 or 7 if nothing
        is because of them; 1 if the only answers are no; 2 for what could not be read, and for nothing at all."""
        bad = [result for result in self.results if not result.good]
        if not bad:
            return ExitCode.DONE if self.results else ExitCode.USAGE
        codes = {_code(result) for result in bad if result.trouble or result.state is not ImportState.NOT_TRIED}
        ended = [code for code in _BEFORE_PARTLY if code in codes]
        if ended:
            return ended[0]
        if any(self._counts_as_done(result) for result in self.results):
            return ExitCode.PARTLY
        return next((code for code in _AFTER_PARTLY if code in codes), ExitCode.NO)

    def _counts_as_done(self, result: ImportResult) -> bool:
        """Imported by us, whatever the proof says; or there before, and proven."""
        if result.state is ImportState.IMPORTED:
            return True
        return not self.dry_run and result.done and result.good


def _code(result: ImportResult) -> ExitCode:
    return ExitCode.NO if result.trouble is None else result.trouble.exit_code


_BEFORE_PARTLY = (ExitCode.INTERRUPTED, ExitCode.LOCAL_STATE, ExitCode.INCOMPATIBLE, ExitCode.AUTH)
_AFTER_PARTLY = (
    ExitCode.NETWORK, ExitCode.SERVER, ExitCode.TIMEOUT, ExitCode.NOT_FOUND, ExitCode.NO, ExitCode.USAGE,
)  # fmt: skip
