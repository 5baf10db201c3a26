"""A bundle's own way through a run: sent, settled, compared, archived, each step in the ledger before the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from dwctl.bundle import vocabulary
from dwctl.bundle.canonical import decode
from dwctl.bundle.findings import Severity
from dwctl.bundle.left_behind import left_behind
from dwctl.bundle.verify import RunFacts
from dwctl.bundle.view import BundleView
from dwctl.errors import AnswerIsNo, DwctlError, ExitCode, LocalStateError, UnreadableInput
from dwctl.transfer.files.verification import FileVerdict
from dwctl.transfer.imports.carrier import Carrier
from dwctl.transfer.imports.importing import ImportOptions
from dwctl.transfer.imports.outcomes import ImportResult, ImportState, Repaired, Resealed
from dwctl.transfer.imports.pace import Pace, Turns
from dwctl.transfer.imports.proof import Proof, ProofState
from dwctl.transfer.imports.reports import refused_by
from dwctl.transfer.imports.sending import Sender, Sent
from dwctl.transfer.imports.way import Way
from dwctl.transfer.lanes import Stop
from dwctl.transfer.ledger.differences import NOT_SHOWN, PRUNED
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.memory import LedgerMemory, changes_of
from dwctl.transfer.ledger.pending import Pending
from dwctl.transfer.ledger.rows import MAY_BE_THERE, LedgerState
from dwctl.transfer.plans.content import content_to_send, keep_resealed
from dwctl.transfer.plans.plan import PlannedBundle, Skip

ROUNDS_WHILE_BUSY: Final = 6
ROUNDS: Final = 3
"""How often a bundle is taken up in one run: more often while the server is only busy."""

COMPARISONS: Final = 3
"""How often a run is compared at once, where the server fails at it."""

UNREACHED: Final = frozenset({ExitCode.NETWORK, ExitCode.TIMEOUT, ExitCode.SERVER})
"""Exit codes of what is no answer."""

BUSY: Final = frozenset({"database_busy"})
"""Reasons that only say: later."""

_LASTING: Final = frozenset(
    {"rewritten_in_transit", "unexpected_answer", "unreadable_answer", "import_not_carried_out", "artisan_missing",
     "artisan_without_report", "php_not_reached"}
)  # fmt: skip
"""Failures that another try in the same run would meet again."""


def run_id(bundle: PlannedBundle) -> str:
    """The run's id; empty where the bundle has none, and then it is never sent."""
    return str(bundle.run.run_id if bundle.run is not None else "")


@dataclass(slots=True, eq=False)
class Item:
    """A bundle under way, what is known of it so far, and its bytes while they are needed (`size` of them).

    `in_doubt`: an earlier attempt may have been carried out, or may be yet; the ledger has `sending` or `unknown` until
    the server says which. `unanswered`: an earlier round had no answer, and a dry run did not find the run: if it is
    there later, it is ours. `noted` is the last thing that was found out of it, on the way to the ledger: that it is on
    the server, and later its comparison.
    """

    bundle: PlannedBundle
    result: ImportResult
    round: int = 1
    in_doubt: bool = False
    unanswered: bool = False
    content: bytes = b""
    size: int = 0
    again: bool = False
    noted: Pending[None] | None = None

    @property
    def run_id(self) -> str:
        """The run; empty where the bundle has none, and then it is never sent."""
        return run_id(self.bundle)


@dataclass(frozen=True, slots=True)
class Passage:
    """What the lanes do with a bundle. `carriers` has one for each way of the plan's bundles.

    `resealed` is the folder in which bundles are kept that go without a link; `archive_reason` is given where closed
    runs are to be archived; `deep` compares every payload, also of runs that were compared before.
    """

    carriers: Mapping[Way, Carrier]
    ledger: Ledger
    memory: LedgerMemory
    options: ImportOptions
    pace: Pace
    turns: Turns
    now: Callable[[], datetime]
    archive_reason: str | None = None
    deep: bool = False
    resealed: str | None = None
    stop: Stop = field(default_factory=Stop)
    clock: Callable[[], float] = time.monotonic

    def wants_again(self, bundle: PlannedBundle) -> bool:
        """Whether a run that is imported and compared has still to be archived, or compared more deeply."""
        if bundle.run is None or not self.memory.compared(str(bundle.run.run_id)):
            return False
        return self.deep or self._to_be_archived(bundle.run)

    def taken_up(self, bundle: PlannedBundle) -> Item:
        """A bundle at the beginning of its way through this run."""
        item = Item(bundle, first_result(bundle))
        return replace(item, in_doubt=self.memory.state(item.run_id) in MAY_BE_THERE)

    # --- sending ---

    def send(self, item: Item) -> Item:
        """Read, mark, send, settle. Comes back with its bytes if there is something to compare.

        That it is on the server goes to the ledger along with the next bundle's mark; comparing waits for that.

        Raises LocalStateError where the ledger failed after the request had left.
        """
        if self.stop.over():
            return replace(item, again=True)
        before = self.memory.state(item.run_id)
        carrier = self._carrier(item.bundle)
        try:
            content = content_to_send(
                item.bundle, signing_key=self.options.verify.signing_key, limit=self.options.limit,
                stdin=self.options.stdin,
            )  # fmt: skip
        except DwctlError as error:
            return self._without_content(item, before, error)
        if before in _THERE:
            return _to_compare(item, self.found_there(item.bundle), content)
        try:
            item = self._marked(item, content)
        except LocalStateError as error:
            state = ImportState.UNKNOWN if item.in_doubt else item.result.state
            return replace(item, result=replace(item.result, state=state, error=error))
        sender = Sender(carrier, self.options, item.result.judged, content)
        begun = self.clock()
        try:
            with self.pace.turn() as turn, self.turns.taking(turn):
                if self.stop.over():
                    return self._not_sent(item)
                begun = self.clock()
                # As it goes now: a plan of yesterday may have found another way open.
                item = replace(item, result=replace(item.result, way=carrier.way().value))
                sent = sender.deliver(was_sent_before=item.in_doubt or item.unanswered)
                if sent.error is not None and sent.error.reason in BUSY:
                    turn.busy()
        except DwctlError as error:
            sent = Sent(ImportState.FAILED, error)
        return self._took(item, sent, content, self.clock() - begun)

    def _took(self, item: Item, sent: Sent, content: bytes, seconds: float) -> Item:
        """Settle what came of sending it, or say that it is to be tried again."""
        result = replace(
            item.result, state=sent.state, error=sent.error, report=sent.report,
            asked_and_absent=sent.asked_and_absent, seconds=seconds,
        )  # fmt: skip
        if result.done:
            return _to_compare(item, result, content, noted=self._note(item, result, along=True))
        if sent.error is not None and (sent.state is ImportState.FAILED or sent.asked_and_absent):
            item = replace(
                item, in_doubt=item.in_doubt or sent.state is ImportState.UNKNOWN,
                unanswered=item.unanswered or sent.asked_and_absent,
            )  # fmt: skip
            if _is_worth_another_round(item, sent.error):
                return self._not_sent(replace(item, result=result), error=sent.error)
            if item.in_doubt:
                # This attempt came to nothing; an earlier one may have come to something, or may come to it yet.
                result = replace(result, state=ImportState.UNKNOWN)
        return self._end(item, result)

    def _without_content(self, item: Item, before: LedgerState | None, error: DwctlError) -> Item:
        """The file is gone, or another one now. What was sent before stays what it is."""
        if before in _THERE:
            return replace(item, result=replace(self.found_there(item.bundle), error=error))
        if item.in_doubt:
            return replace(item, result=replace(item.result, state=ImportState.UNKNOWN, error=error))
        state = ImportState.REFUSED if isinstance(error, AnswerIsNo) else ImportState.FAILED
        return self._end(item, replace(item.result, state=state, error=error))

    def found_there(self, bundle: PlannedBundle) -> ImportResult:
        """A run that an earlier run brought there: done before if that one also compared it; nothing of it is sent."""
        result, name = first_result(bundle), run_id(bundle)
        if not self.memory.was_compared(name):
            return replace(result, state=_THERE[self.memory.state(name)])
        return replace(result, state=ImportState.DONE, way=None, compared_at=self.memory.compared_at(name))

    def _marked(self, item: Item, content: bytes) -> Item:
        """`sending` is on the disk before the first byte leaves, and a resealed bundle is kept before that."""
        facts: dict[str, Any] = {}
        if item.bundle.resolution is not None and self.resealed is not None:
            kept = keep_resealed(self.resealed, item.bundle, content)
            changes: dict[str, Any] = dict(changes_of(item.bundle) or {})
            changes["resealed"] = {**changes["resealed"], "file": kept}
            facts["repair"] = changes
            if item.result.resealed is not None:
                resealed = replace(item.result.resealed, file=kept)
                item = replace(item, result=replace(item.result, resealed=resealed))
        self.ledger.sending(item.run_id, **facts)
        return item

    def _not_sent(self, item: Item, *, error: DwctlError | None = None) -> Item:
        """It is to be taken up again. Nothing of it is on the server; one that is in doubt stays `sending`."""
        if not item.in_doubt:
            told: dict[str, Any] = {}
            if error is not None:
                told = {"error_reason": error.reason_or_status, "error_text": error.message}
            self.ledger.settle(item.run_id, LedgerState.PLANNED, **told)
        return replace(item, again=True)

    def _end(self, item: Item, result: ImportResult) -> Item:
        self._note(item, result)
        return replace(item, result=result)

    def _note(self, item: Item, result: ImportResult, *, along: bool = False) -> Pending[None]:
        facts: dict[str, Any] = {"way": result.way}
        if result.error is not None:
            facts |= {"error_reason": result.error.reason_or_status, "error_text": result.error.message}
        if result.state is ImportState.REFUSED:
            facts["rules"] = refusing_rules(result)
        return self.ledger.settle(item.run_id, _SETTLED[result.state], wait=not along, along=along, **facts)

    # --- comparing ---

    def compare(self, item: Item) -> Item:
        """Compare the server's run with the bundle, note it, and archive what is closed if that is wanted.

        Raises LocalStateError where the ledger failed.
        """
        run, noted = item.bundle.run, None
        assert run is not None  # noqa: S101 - only bundles with a run are sent
        if item.noted is not None:
            item.noted.result()
        bundle = BundleView(decode(item.content).value)
        carrier = self._carrier(item.bundle)
        with self.pace.watch() as turn, self.turns.taking(turn):
            proof = self._proof(carrier, bundle, run, self._import_ids(item))
            result = replace(item.result, proof=proof, left_behind=left_behind(bundle.value))
            archives = proof.state is ProofState.PROVEN and self._to_be_archived(run)
            if proof.state is not ProofState.UNKNOWN:
                # Nothing follows a comparison but an archive, and that begins when the disk has the comparison.
                noted = self.ledger.note_compared(item.run_id, self.now(), differences_of(proof), wait=archives)
            if archives:
                result = self._archive(carrier, run, result)
        return replace(item, result=result, content=b"", noted=noted)

    def _proof(self, carrier: Carrier, bundle: BundleView, run: RunFacts, import_ids: Sequence[str]) -> Proof:
        """The comparison; questions change nothing, so a server that failed at one is asked again."""
        for _ in range(COMPARISONS):
            proof = carrier.prove(bundle, run, namespace=self.options.namespace, import_ids=import_ids, deep=self.deep)
            failed = proof.error is not None and proof.error.exit_code is ExitCode.SERVER
            if not failed or proof.state is not ProofState.UNKNOWN or self.stop.over():
                break
        return proof

    def _import_ids(self, item: Item) -> tuple[str, ...]:
        """The ids of which the server's run must show one, if it shows any: only a run of ours has one of ours."""
        before, ours = self.memory.state(item.run_id), self.options.import_id
        earlier = self.memory.import_id(item.run_id) or ours
        if before is LedgerState.IMPORTED:
            return (earlier,)
        if item.result.state is not ImportState.IMPORTED:
            return ()
        return tuple(dict.fromkeys((ours, earlier))) if before in MAY_BE_THERE else (ours,)

    def _to_be_archived(self, run: RunFacts) -> bool:
        wanted = self.archive_reason is not None and run.status in vocabulary.TERMINAL_STATUSES
        return wanted and not self.memory.archived(str(run.run_id))

    def _archive(self, carrier: Carrier, run: RunFacts, result: ImportResult) -> ImportResult:
        try:
            carrier.archive(run, str(self.archive_reason))
        except DwctlError as error:
            return replace(result, error=error)
        self.ledger.note_archived(str(run.run_id), self.now())
        return replace(result, archived=True)

    def _carrier(self, bundle: PlannedBundle) -> Carrier:
        """The carrier of the bundle's way; one that was planned as done has none, and is only asked about."""
        if bundle.way is not None:
            return self.carriers[bundle.way]
        return next(iter(self.carriers.values()))


def _to_compare(item: Item, result: ImportResult, content: bytes, noted: Pending[None] | None = None) -> Item:
    return replace(item, result=result, content=content, size=len(content), noted=noted)


def _is_worth_another_round(item: Item, error: DwctlError) -> bool:
    """Whether another try, later in the same run, may end better."""
    if error.reason in BUSY:
        return item.round < ROUNDS_WHILE_BUSY
    lasting = error.exit_code not in UNREACHED or error.reason in _LASTING
    return item.round < ROUNDS and not lasting


def first_result(bundle: PlannedBundle) -> ImportResult:
    """What is known of a bundle before anything is done with it."""
    repaired = resealed = None
    if bundle.repair is not None:
        repaired = Repaired(bundle.repair.restoration, bundle.file_sha256, bundle.repair.sent_sha256)
    if bundle.resolution is not None:
        resealed = Resealed(bundle.resolution)
    judged = FileVerdict(bundle.file, bundle.verdict, foreseen=bundle.foreseen)
    if bundle.verdict is None and bundle.problem is not None:
        judged = replace(
            judged,
            problem=UnreadableInput(
                bundle.problem, where=bundle.file, next_step="Check the file.", reason="unreadable"
            ),
        )
    way = None if bundle.way is None else bundle.way.value
    return ImportResult(
        judged, ImportState.NOT_TRIED, way=way, repaired=repaired, resealed=resealed, position=bundle.position,
        skipped_because=None if bundle.skip in {None, Skip.DONE} else str(bundle.skip), run=bundle.run,
    )  # fmt: skip


def differences_of(proof: Proof) -> tuple[str, ...]:
    """What a comparison found to differ, a line each; nothing where the server's run is as its bundle says."""
    if proof.not_shown:
        return (NOT_SHOWN,)
    differing = [one for one in proof.comparisons if one.holds is False]
    found = [f"{one.name}: the bundle says {one.expected}; the server: {one.found}" for one in differing]
    return (*found, *([PRUNED] if proof.pruned else ()))


def refusing_rules(result: ImportResult) -> tuple[str, ...]:
    """The rules that refused it: the server's, or where it was not asked those of the plan."""
    of_the_server = () if result.report is None else refused_by(result.report)
    planned = (finding.rule for finding in result.judged.findings if finding.severity is Severity.ERROR)
    return of_the_server or tuple(dict.fromkeys(planned))


_THERE: Final[Mapping[LedgerState | None, ImportState]] = {
    LedgerState.IMPORTED: ImportState.IMPORTED,
    LedgerState.ALREADY_IMPORTED: ImportState.ALREADY_IMPORTED,
}
_SETTLED: Final = {
    ImportState.IMPORTED: LedgerState.IMPORTED,
    ImportState.ALREADY_IMPORTED: LedgerState.ALREADY_IMPORTED,
    ImportState.REFUSED: LedgerState.REFUSED,
    ImportState.FAILED: LedgerState.FAILED,
    ImportState.UNKNOWN: LedgerState.UNKNOWN,
}
