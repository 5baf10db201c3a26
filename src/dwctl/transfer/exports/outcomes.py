"""What became of runs that were to be exported: one by one, and all together."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from dwctl.bundle.verify import Outcome
from dwctl.errors import DwctlError, ExitCode
from dwctl.transfer.exports.judges import Judged
from dwctl.transfer.exports.selection import Target
from dwctl.transfer.storage.manifest import ManifestEntry

SLOWEST = 5
"""How many of the slowest runs a summary names."""


class Purpose(StrEnum):
    """What exports are for, which decides what makes one bad.

    Those of the embedded application are to be imported: the importer's rules decide. Those of the server are
    archives (it exports runs that no importer takes, `workflow.source_runtime_unsupported`): only what says that
    the document is not what was exported counts.
    """

    IMPORT = "import"
    ARCHIVE = "archive"


class Standing(StrEnum):
    """What a kept export is good for.

    `good`; `restorable`: it fails its own checksum, which also proves what was lost on the way, so that
    `bundle repair` and the import can restore it; `refused`: kept, and no good for its purpose.
    """

    GOOD = "good"
    RESTORABLE = "restorable"
    REFUSED = "refused"


_NOT_WHAT_WAS_EXPORTED = frozenset({"bundle.integrity_failed", "bundle.unparseable", "bundle.infinite_number"})


def standing(purpose: Purpose, outcome: Outcome, rules: Collection[str]) -> Standing:
    """What a document with this verdict is good for, as it is."""
    if purpose is Purpose.ARCHIVE:
        whole = outcome is not Outcome.UNREADABLE and _NOT_WHAT_WAS_EXPORTED.isdisjoint(rules)
        return Standing.GOOD if whole else Standing.REFUSED
    return Standing.GOOD if outcome in {Outcome.OK, Outcome.WARNING} else Standing.REFUSED


def judged_standing(purpose: Purpose, judged: Judged) -> Standing:
    """The same with what the checksum proves taken into account."""
    found = standing(purpose, judged.verdict.outcome, rules_of(judged))
    if found is Standing.REFUSED and judged.restored is not None:
        restored = standing(purpose, judged.restored.outcome, {finding.rule for finding in judged.restored.findings})
        return Standing.RESTORABLE if restored is Standing.GOOD else found
    return found


def rules_of(judged: Judged) -> tuple[str, ...]:
    """The ids of the rules that fired, each once, in order."""
    return tuple(dict.fromkeys(finding.rule for finding in judged.verdict.findings))


class ExportState(StrEnum):
    """What became of a run.

    `exported`; `refreshed`: it had moved, and the new export replaced the older one; `already_exported`: a whole
    export of it is there; `held`: a worker held it, so it was not kept (`--quiesce`); `failed`: there is no export.
    """

    EXPORTED = "exported"
    REFRESHED = "refreshed"
    ALREADY_EXPORTED = "already_exported"
    HELD = "held"
    FAILED = "failed"


KEPT = frozenset({ExportState.EXPORTED, ExportState.REFRESHED, ExportState.ALREADY_EXPORTED})
"""States in which there is a whole export of the run."""


@dataclass(frozen=True, slots=True)
class ExportResult:
    """One run: what became of it, and the entry of its export.

    `held_by` are the rules that say that a worker has it; `noise` counts bytes that stood around the document;
    `restored_paths` are where a restoration would put fractions back, `removed_keys` what it would take away;
    `seconds` is how long the source took, None where it was not asked.
    """

    target: Target
    state: ExportState
    entry: ManifestEntry | None = None
    standing: Standing | None = None
    held_by: tuple[str, ...] = ()
    restored_paths: tuple[str, ...] = ()
    removed_keys: tuple[str, ...] = ()
    noise: int = 0
    seconds: float | None = None
    error: DwctlError | None = None

    @property
    def good(self) -> bool:
        """Whether there is a whole export that is good for its purpose."""
        return self.state in KEPT and self.standing is not Standing.REFUSED

    @property
    def verdict(self) -> str:
        """The word for a kept export: `restorable` where that is what it is, else the verdict's own outcome.

        An archive that only an importer would refuse is `whole`: that is all that an archive has to be.
        """
        if self.entry is None:
            return "-"
        if self.standing is Standing.RESTORABLE:
            return Standing.RESTORABLE.value
        if self.standing is Standing.GOOD and self.entry.verdict == Outcome.REFUSED:
            return "whole"
        return str(self.entry.verdict)

    @property
    def exit_code(self) -> ExitCode:
        """What this run alone would end with."""
        if self.good:
            return ExitCode.DONE
        return ExitCode.NO if self.error is None else self.error.exit_code


@dataclass(slots=True)
class ExportTally:
    """Counts of what became of runs, as they come; memory does not grow with them.

    `selected` is how many were asked for, `refused` how many kept exports are no good. `interrupted` and `complete`
    (false: runs may be missing from the selection) are set by whoever knows.
    """

    selected: int = 0
    complete: bool = True
    interrupted: bool = False
    states: Counter[ExportState] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    codes: Counter[ExitCode] = field(default_factory=Counter)
    refused: int = 0
    bytes: int = 0
    noisy: int = 0
    finished: int = 0
    slow: list[tuple[float, int, str]] = field(default_factory=list)

    def counting(self, results: Iterable[ExportResult]) -> Iterator[ExportResult]:
        """Yield the results and count them as they pass."""
        for result in results:
            self.add(result)
            yield result

    def add(self, result: ExportResult) -> None:
        """Count one run."""
        self.finished += 1
        self.states[result.state] += 1
        self.codes[result.exit_code] += 1
        if result.entry is not None and result.state in KEPT:
            self.verdicts[result.verdict] += 1
            self.refused += not result.good
            if result.state is not ExportState.ALREADY_EXPORTED:
                self.bytes += result.entry.bytes
        self.noisy += result.noise > 0
        if result.seconds is not None:
            heapq.heappush(self.slow, (result.seconds, self.finished, str(result.target)))
            if len(self.slow) > SLOWEST:
                heapq.heappop(self.slow)

    @property
    def slowest(self) -> list[tuple[str, float]]:
        """The slowest runs with their seconds, the slowest first."""
        return [(name, seconds) for seconds, _, name in sorted(self.slow, reverse=True)]

    @property
    def not_tried(self) -> int:
        """Runs that were asked for and not come to, because of an interruption or of trouble that all would meet."""
        return max(0, self.selected - self.finished)

    @property
    def written(self) -> int:
        """Exports that this run of the command wrote."""
        return self.states[ExportState.EXPORTED] + self.states[ExportState.REFRESHED]

    @property
    def kept(self) -> int:
        """Whole exports that are there now."""
        return self.written + self.states[ExportState.ALREADY_EXPORTED]

    @property
    def exit_code(self) -> ExitCode:
        """By the design's precedence: what ends a run; 9 if some are good and some not; else the worst of the rest."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        ended = [code for code in _BEFORE_PARTLY if self.codes[code]]
        if ended:
            return ended[0]
        bad = [code for code in _AFTER_PARTLY if self.codes[code]]
        if not bad and not self.not_tried and self.complete:
            return ExitCode.DONE if self.finished else ExitCode.USAGE
        if self.codes[ExitCode.DONE]:
            return ExitCode.PARTLY
        return bad[0] if bad else ExitCode.SERVER


_BEFORE_PARTLY = (ExitCode.LOCAL_STATE, ExitCode.INCOMPATIBLE, ExitCode.AUTH)
_AFTER_PARTLY = (
    ExitCode.NETWORK, ExitCode.SERVER, ExitCode.TIMEOUT, ExitCode.NOT_FOUND, ExitCode.NO, ExitCode.USAGE,
    ExitCode.INTERRUPTED,
)  # fmt: skip
