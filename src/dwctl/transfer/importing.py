"""Importing bundles, one after the other: verify, foresee, ask, import, prove."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, BinaryIO

from dwctl.bundle.canonical import decode
from dwctl.bundle.foresight import Foresight
from dwctl.bundle.restoration import Restoration, repair
from dwctl.bundle.verify import Outcome, Verdict, VerifyOptions, verify_bundle
from dwctl.bundle.view import BundleView
from dwctl.errors import DwctlError, ExitCode, NotRepairable, ServerUnreachable, UnreadableInput
from dwctl.server.failures import ServerFailure
from dwctl.server.results import ImportAnswer
from dwctl.transfer.carrier import Carrier, checksum_held, is_contention
from dwctl.transfer.proof import Proof, ProofState
from dwctl.transfer.sources import MAX_BUNDLE_SIZE, read_bundle
from dwctl.transfer.verification import FileVerdict


class ImportState(StrEnum):
    """What became of a bundle.

    `would_import`, `imported` and `already_imported` are good; `refused` is the answer no, for reasons of ours
    or of the server's; `failed` is no answer; `unknown` is an import whose answer was lost and could not be
    asked after.
    """

    WOULD_IMPORT = "would_import"
    IMPORTED = "imported"
    ALREADY_IMPORTED = "already_imported"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Repaired:
    """A bundle that was restored on the fly: the proof, and the sha256 of the file and of what was sent."""

    restoration: Restoration
    file_sha256: str
    sent_sha256: str


@dataclass(frozen=True, slots=True)
class ImportResult:
    """One bundle: our verdict, what was done to it, what the server said, and the proof.

    `report` is the server's own; `way` how the bundle went; `error` why there is no answer.
    """

    judged: FileVerdict
    state: ImportState
    way: str | None = None
    repaired: Repaired | None = None
    report: Mapping[str, Any] | None = None
    proof: Proof | None = None
    error: DwctlError | None = None

    @property
    def proven(self) -> bool:
        """Whether nothing more need be asked: imported and proven, or not imported at all."""
        return self.proof is None or self.proof.state is ProofState.PROVEN

    @property
    def good(self) -> bool:
        """Whether the bundle is where it should be, as far as this run was to bring it there."""
        done = self.state in {ImportState.WOULD_IMPORT, ImportState.IMPORTED, ImportState.ALREADY_IMPORTED}
        return done and self.proven


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What is wanted. `namespace` is lower-case, as the server folds it; `import_id` marks the runs."""

    namespace: str
    import_id: str
    verify: VerifyOptions = field(default_factory=VerifyOptions)
    dry_run: bool = False
    repair: bool = True
    limit: int = MAX_BUNDLE_SIZE
    stdin: BinaryIO | None = None


def import_files(files: Sequence[str], carrier: Carrier, options: ImportOptions) -> Iterator[ImportResult]:
    """Import the files in order; yields what became of each.

    A bundle's own trouble never ends the run; a server that takes no import at all (no token, no importer)
    raises, since it would answer every bundle alike.
    """
    foresight = Foresight(options.namespace)
    for file in files:
        yield _import_file(file, carrier, options, foresight)


def _import_file(file: str, carrier: Carrier, options: ImportOptions, foresight: Foresight) -> ImportResult:
    try:
        content = read_bundle(file, options.limit, options.stdin)
    except UnreadableInput as problem:
        return ImportResult(FileVerdict(file, problem=problem), ImportState.FAILED, error=problem)
    verdict = verify_bundle(content, options.verify)
    repaired: Repaired | None = None
    if options.repair and verdict.repair is not None and verdict.repair.proven:
        content, verdict, repaired = _repaired(content, verdict, options)
    judged = FileVerdict(file, verdict, foreseen=foresight.foresee(file, verdict))
    if _refuses(judged):
        return ImportResult(judged, ImportState.REFUSED, repaired=repaired)
    judged = replace(judged, foreseen=(*judged.foreseen, *carrier.foresee(content, verdict)))
    if _refuses(judged):
        return ImportResult(judged, ImportState.REFUSED, repaired=repaired)
    result = replace(_carry(content, judged, carrier, options), repaired=repaired)
    if result.state not in {ImportState.IMPORTED, ImportState.ALREADY_IMPORTED}:
        return result
    return replace(result, proof=_prove(content, verdict, carrier, options, result.state))


def _repaired(content: bytes, verdict: Verdict, options: ImportOptions) -> tuple[bytes, Verdict, Repaired | None]:
    try:
        restored, restoration = repair(decode(content))
    except NotRepairable:
        return content, verdict, None
    digests = hashlib.sha256(content).hexdigest(), hashlib.sha256(restored).hexdigest()
    return restored, verify_bundle(restored, options.verify), Repaired(restoration, *digests)


def _refuses(judged: FileVerdict) -> bool:
    return judged.outcome in {Outcome.REFUSED, Outcome.UNREADABLE}


def _carry(content: bytes, judged: FileVerdict, carrier: Carrier, options: ImportOptions) -> ImportResult:
    """Ask first, then import; after a lost answer, ask again."""
    way: str | None = None
    unsettled = False
    try:
        way = carrier.way_for(content, judged)
        asked = carrier.send(content, way, dry_run=True, options=options)
        state = _state(asked, judged)
        if options.dry_run or state is not ImportState.WOULD_IMPORT:
            return ImportResult(judged, state, way, report=asked.report)
        unsettled = True
        answer = carrier.send(content, way, dry_run=False, options=options)
        return _settled(content, judged, carrier, options, way, answer)
    except ServerFailure as error:
        _raise_if_general(error)
        if unsettled and error.exchange.unsettled:
            return _ask_after(content, judged, carrier, options, way, error)
        return ImportResult(judged, ImportState.FAILED, way, error=error)
    except DwctlError as error:
        return ImportResult(judged, ImportState.UNKNOWN if unsettled else ImportState.FAILED, way, error=error)


def _settled(
    content: bytes, judged: FileVerdict, carrier: Carrier, options: ImportOptions, way: str, answer: ImportAnswer
) -> ImportResult:
    """What an answer to an import means: while an attempt of ours is unsettled, a refusal is not final."""
    state = _state(answer, judged)
    if state is ImportState.ALREADY_IMPORTED and answer.unsettled:
        return ImportResult(judged, ImportState.IMPORTED, way, report=answer.report)
    if state is ImportState.REFUSED and answer.unsettled:
        asked = carrier.send(content, way, dry_run=True, options=options)
        if _state(asked, judged) is ImportState.ALREADY_IMPORTED:
            return ImportResult(judged, ImportState.IMPORTED, way, report=asked.report)
    return ImportResult(judged, state, way, report=answer.report)


def _ask_after(
    content: bytes, judged: FileVerdict, carrier: Carrier, options: ImportOptions, way: str | None, lost: ServerFailure
) -> ImportResult:
    """After an import whose answer was lost: a dry run tells whether it was done."""
    if way is None:
        return ImportResult(judged, ImportState.FAILED, error=lost)
    try:
        asked = carrier.send(content, way, dry_run=True, options=options)
    except DwctlError:
        return ImportResult(judged, ImportState.UNKNOWN, way, error=lost)
    if _state(asked, judged) is ImportState.ALREADY_IMPORTED:
        return ImportResult(judged, ImportState.IMPORTED, way, report=asked.report)
    return ImportResult(judged, ImportState.FAILED, way, report=asked.report, error=lost)


def _state(answer: ImportAnswer, judged: FileVerdict) -> ImportState:
    """The state that a report means; raises where the report is about other bytes than those that were sent."""
    status = answer.report.get("status")
    if status == "rejected":
        if checksum_held(answer.report) is False and _checksum_held_here(judged):
            raise ServerUnreachable(
                "the bundle was rewritten on its way: its checksum holds here and not on the server",
                where=judged.file,
                next_step="Something between here and the server changes JSON; use --via artisan.",
                reason="rewritten_in_transit",
            )
        if is_contention(answer.report):
            raise ServerUnreachable(
                "the server's database was busy at every attempt", where=judged.file,
                next_step="Run the same command again when fewer imports are running.", reason="database_busy",
            )  # fmt: skip
        return ImportState.REFUSED
    known = {"dry_run": ImportState.WOULD_IMPORT, "imported": ImportState.IMPORTED,
             "already_imported": ImportState.ALREADY_IMPORTED}  # fmt: skip
    return known.get(str(status), ImportState.UNKNOWN)


def _checksum_held_here(judged: FileVerdict) -> bool:
    return judged.verdict is not None and judged.verdict.integrity.checksum_matches is True


_GENERAL = frozenset({ExitCode.AUTH, ExitCode.INCOMPATIBLE})


def _raise_if_general(error: ServerFailure) -> None:
    """Pass on what would be the same for every bundle: no right to import, no importer, no such namespace."""
    if error.exit_code in _GENERAL or error.reason == "namespace_not_found":
        raise error


def _prove(content: bytes, verdict: Verdict, carrier: Carrier, options: ImportOptions, state: ImportState) -> Proof:
    if verdict.run is None:
        return Proof((), problem="the bundle does not say which run it is")
    # An earlier import may have had another id; only our own must show ours.
    import_id = options.import_id if state is ImportState.IMPORTED else None
    return carrier.prove(BundleView(decode(content).value), verdict.run, options.namespace, import_id)


@dataclass(slots=True)
class ImportTally:
    """What became of the bundles so far."""

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
        """Imported runs that the server does not show as their bundles say."""
        return sum(not result.proven for result in self.results)

    @property
    def exit_code(self) -> ExitCode:
        """The design's precedence: 9 if some were imported and some not; 3, 6 or 7 if nothing was because of them;
        1 if the only answers are no; 2 for what could not be read, and for nothing at all."""
        bad = [result for result in self.results if not result.good]
        if not bad:
            return ExitCode.DONE if self.results else ExitCode.USAGE
        if any(result.state is ImportState.IMPORTED for result in self.results):
            return ExitCode.PARTLY
        codes = {ExitCode.NO if result.error is None else result.error.exit_code for result in bad}
        return next(code for code in _PRECEDENCE if code in codes)


_PRECEDENCE = (
    ExitCode.LOCAL_STATE, ExitCode.INCOMPATIBLE, ExitCode.AUTH, ExitCode.NETWORK, ExitCode.SERVER,
    ExitCode.TIMEOUT, ExitCode.NOT_FOUND, ExitCode.NO, ExitCode.USAGE,
)  # fmt: skip
