"""Importing bundles, one after the other: verify, foresee, ask, import, prove."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from dwctl.bundle.canonical import decode
from dwctl.bundle.foresight import Foresight
from dwctl.bundle.left_behind import left_behind
from dwctl.bundle.restoration import repair
from dwctl.bundle.verify import Outcome, RunFacts, Verdict, VerifyOptions, verify_bundle
from dwctl.bundle.view import BundleView
from dwctl.errors import DwctlError, Interrupted, NotRepairable, UnreadableInput
from dwctl.transfer.files.sources import MAX_BUNDLE_SIZE, read_bundle
from dwctl.transfer.files.verification import FileVerdict
from dwctl.transfer.imports.carrier import Carrier
from dwctl.transfer.imports.outcomes import ImportResult, ImportState, Repaired
from dwctl.transfer.imports.proof import Proof
from dwctl.transfer.imports.sending import Sender


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
    """Import the files in order; yields what became of each, and never raises for it.

    A bundle's own trouble never ends the run. What every bundle would meet alike (no right to import, no
    importer, no such namespace) and an interruption do: the bundle that met it says so, the rest is `not_tried`.
    """
    foresight = Foresight(options.namespace)
    stopped = False
    for file in files:
        if stopped:
            yield ImportResult(FileVerdict(file), ImportState.NOT_TRIED)
            continue
        result = _Passage(file, carrier, options).go(foresight)
        stopped = result.stops_the_run
        yield result


class _Passage:
    """One bundle on its way; `result` is what is known so far, also when something ends it half-way."""

    def __init__(self, file: str, carrier: Carrier, options: ImportOptions) -> None:
        self.result = ImportResult(FileVerdict(file), ImportState.NOT_TRIED)
        self._file = file
        self._carrier = carrier
        self._options = options
        self._in_doubt = False

    def go(self, foresight: Foresight) -> ImportResult:
        try:
            self._go(foresight)
        except KeyboardInterrupt:
            step = "Running the same command again is safe: it asks before it imports."
            self._ended_by(Interrupted("interrupted", next_step=step), ImportState.NOT_TRIED)
        except DwctlError as error:
            self._ended_by(error, ImportState.FAILED)
        return self.result

    def _ended_by(self, error: DwctlError, state: ImportState) -> None:
        if self.result.done:
            self._note(proof=Proof(error=error))
        else:
            self._note(state=ImportState.UNKNOWN if self._in_doubt else state, error=error)

    def _note(self, **changes: object) -> None:
        self.result = replace(self.result, **changes)  # type: ignore[arg-type]

    def _go(self, foresight: Foresight) -> None:
        content, verdict = self._judge()
        by_set = foresight.foresee(self._file, verdict)
        self._note(judged=FileVerdict(self._file, verdict, foreseen=by_set))
        if verdict.run is None or _refuses(FileVerdict(self._file, verdict)):
            self._note(state=ImportState.REFUSED)
            return
        bundle = BundleView(decode(content).value)
        by_target = self._carrier.foresee(content, bundle, verdict.run, self._options)
        self._note(judged=FileVerdict(self._file, verdict, foreseen=(*by_set, *by_target)))
        if _refuses(FileVerdict(self._file, verdict, foreseen=by_target)):
            self._note(state=ImportState.REFUSED)
            return
        self._note(way=self._carrier.way(), left_behind=left_behind(bundle.value))
        self._carry(content)
        if self.result.done:
            self._note(judged=FileVerdict(self._file, verdict, foreseen=by_target))
            self._note(proof=self._prove(bundle, verdict.run))

    def _judge(self) -> tuple[bytes, Verdict]:
        """The content to send and the verdict on it; restored where the recorded checksum proves how."""
        options = self._options
        try:
            content = read_bundle(self._file, options.limit, options.stdin)
        except UnreadableInput as problem:
            self._note(judged=FileVerdict(self._file, problem=problem))
            raise
        verdict = verify_bundle(content, options.verify)
        if not options.repair or verdict.repair is None or not verdict.repair.proven:
            return content, verdict
        try:
            restored, restoration = repair(decode(content))
        except NotRepairable:
            return content, verdict
        digests = hashlib.sha256(content).hexdigest(), hashlib.sha256(restored).hexdigest()
        self._note(repaired=Repaired(restoration, *digests))
        return restored, verify_bundle(restored, options.verify)

    def _carry(self, content: bytes) -> None:
        """Ask first, then import."""
        sender = Sender(self._carrier, self._options, self.result.judged, content)
        asked = sender.ask()
        state, error = asked.state, asked.error
        if state is ImportState.IMPORTED and not self._options.dry_run:
            error = None  # the dry run was carried out, as the person wants it in the end
        if state is ImportState.WOULD_IMPORT and _refuses(self.result.judged):
            # The bundles before it in the set stand in its way. Only a run that is there already is past that.
            state = ImportState.REFUSED
        self._note(state=state, error=error, report=asked.report)
        if state is ImportState.WOULD_IMPORT and not self._options.dry_run:
            self._import(sender)

    def _import(self, sender: Sender) -> None:
        self._note(state=ImportState.NOT_TRIED, report=None)
        self._in_doubt = True
        try:
            sent = sender.deliver()
        except DwctlError:
            self._in_doubt = False
            raise
        self._in_doubt = False
        self._note(state=sent.state, error=sent.error, report=sent.report, asked_and_absent=sent.asked_and_absent)

    def _prove(self, bundle: BundleView, run: RunFacts) -> Proof:
        # An earlier import may have had another id; only our own must show ours.
        import_ids = (self._options.import_id,) if self.result.state is ImportState.IMPORTED else ()
        return self._carrier.prove(bundle, run, namespace=self._options.namespace, import_ids=import_ids)


def _refuses(judged: FileVerdict) -> bool:
    return judged.outcome in {Outcome.REFUSED, Outcome.UNREADABLE}
