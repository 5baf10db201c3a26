"""Carrying out a plan: some lanes send, others compare, and the ledger knows of every step before the next one.

A bundle goes this way, and may be killed anywhere on it: its bytes are read and held against the plan · the
ledger has `sending` on the disk · the request leaves · the ledger has the outcome on the disk · the server's run is
compared with the bundle · the ledger notes that · a closed run is archived, if wanted. What is found in `sending`
later may or may not be on the server; sending it again is safe by run_id and dedupe_key (docs/transfer.md).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Final

from dwctl.errors import AnswerIsNo, DwctlError, ExitCode, Interrupted, LocalStateError
from dwctl.transfer.imports.outcomes import ImportResult, ImportState
from dwctl.transfer.imports.passage import BUSY, MAY_BE_THERE, UNREACHED, Item, Passage, first_result
from dwctl.transfer.imports.waiting import Waiting
from dwctl.transfer.lanes import Done, Lanes, Stop
from dwctl.transfer.ledger.memory import rows_of
from dwctl.transfer.ledger.rows import THERE, LedgerState
from dwctl.transfer.plans.plan import Plan, PlanAction, PlannedBundle, Skip

DRIFT_BATCH: Final = 100
"""Bundles whose embedded copies are asked about at once, just before they are sent."""

_TICK: Final = 0.2
_COMPARED_BEHIND: Final = 8
_HELD_AT_ONCE: Final = 64 << 20
"""Bytes of bundles that wait to be compared; beyond, nothing more is sent for the moment."""

_BUSY_IN_A_ROW: Final = 32
Drift = Callable[[Sequence[PlannedBundle]], Mapping[str, str]]
"""Asks the embedded side about runs: run id → what moved, for those that moved since their export."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a plan is carried out: so many requests at once, and so many bundles that may fail before the run stops."""

    jobs: int = 4
    most_failures: int | None = None


@dataclass(slots=True)
class Execution:
    """One run of a plan: `begin` it, then iterate over it once. `stopped_because` says why it ended before its end.

    While it is iterated, `sent` and `in_flight` tell how far it is.
    """

    plan: Plan
    passage: Passage
    run: RunOptions
    stop: Stop
    drift: Drift | None = None
    stopped_because: str | None = None
    _begun: bool = False
    _conflicting: frozenset[str] = frozenset()
    _ready: deque[Item | PlannedBundle] = field(default_factory=deque)
    _waiting: Waiting = field(default_factory=Waiting)
    _under_way: dict[str, ImportResult] = field(default_factory=dict)
    _done: SimpleQueue[Done[Item]] = field(default_factory=SimpleQueue)
    _compared: deque[Item] = field(default_factory=deque)
    _counts: Counter[str] = field(default_factory=Counter)
    _held: int = 0
    _asked_drift: int = 0

    @property
    def in_flight(self) -> int:
        """Bundles that are being sent or compared now."""
        return len(self._under_way)

    def begin(self) -> None:
        """Let the ledger take the plan up. Raises LocalStateError; then nothing was done."""
        if not self._begun:
            self._begun = True
            self._conflicting = frozenset(self.passage.ledger.plan(rows_of(self.plan)).conflicting)

    def __iter__(self) -> Iterator[ImportResult]:
        self.begin()
        yield from self._prepare()
        # More lanes than requests: while some are on the wire, others read, or wait for the ledger's disk.
        sending = Lanes("send", 2 * self.run.jobs, self.passage.send, self._done)
        comparing = Lanes("compare", self.run.jobs, self.passage.compare, self._done)
        try:
            yield from self._go(sending, comparing)
        finally:
            self._end_in_order(sending, comparing)
        yield from self._left_over()

    # --- before anything is sent ---

    def _prepare(self) -> Iterator[ImportResult]:
        """Sort the bundles; what will not be sent is told at once."""
        for bundle in self.plan.bundles:
            if bundle.action is PlanAction.SKIP:
                if self._is_to_be_seen_again(bundle):
                    self._ready.append(bundle)
                else:
                    yield self._skipped(bundle)
            elif bundle.action is PlanAction.REFUSE:
                yield _refused(first_result(bundle))
            elif run_id(bundle) in self._conflicting:
                yield replace(first_result(bundle), state=ImportState.REFUSED, error=_OTHER_EXPORT)
            elif bundle.action is PlanAction.WAIT:
                self._waiting.bundles[run_id(bundle)] = bundle
            else:
                self._ready.append(bundle)
        yield from self._sort_waiting()

    def _is_to_be_seen_again(self, bundle: PlannedBundle) -> bool:
        """Whether a bundle that was imported and compared has still to be archived, or compared more deeply."""
        return bundle.skip is Skip.DONE and self.passage.wants_again(bundle)

    def _skipped(self, bundle: PlannedBundle) -> ImportResult:
        memory, result = self.passage.memory, replace(first_result(bundle), state=ImportState.SKIPPED)
        if bundle.skip is not Skip.DONE:
            return result
        if not memory.compared(run_id(bundle)):
            return replace(result, error=_OTHER_LEDGER)
        return replace(result, compared_at=memory.compared_at(run_id(bundle)))

    def _sort_waiting(self) -> Iterator[ImportResult]:
        """Let go what need not wait, and block what would wait for ever."""
        memory = self.passage.memory
        self._ready += self._waiting.let_go(compared=memory.compared, goes_now=lambda name: memory.state(name) in THERE)
        coming = {run_id(one) for one in self._ready if isinstance(one, PlannedBundle)}
        for lost in self._waiting.hopeless(coming):
            yield self._block(lost)

    def _block(self, bundle: PlannedBundle) -> ImportResult:
        result = replace(first_result(bundle), state=ImportState.BLOCKED, error=_BLOCKED)
        if self.passage.memory.state(run_id(bundle)) in MAY_BE_THERE:
            return result  # an earlier process may have sent it, and the ledger goes on saying so
        try:
            self.passage.ledger.settle(
                run_id(bundle), LedgerState.BLOCKED, error_reason=_BLOCKED.reason, error_text=_BLOCKED.message
            )
        except LocalStateError as error:
            self._halt(_LEDGER_FAILED)
            return replace(result, error=error)
        return result

    # --- the loop of the main thread ---

    def _go(self, sending: Lanes[Item], comparing: Lanes[Item]) -> Iterator[ImportResult]:
        while (self._ready and not self.stop.over()) or sending.busy or comparing.busy or self._compared:
            yield from self._noted()
            yield from self._feed(sending, comparing)
            if not (sending.busy or comparing.busy):
                self._note_the_last()
                continue
            try:
                done = self._done.get(timeout=_TICK)
            except Empty:
                if self.stop.at_once:
                    return
                continue
            except KeyboardInterrupt:
                self.stop.ask()
                continue
            yield from self._took(done, comparing)
            if self.stop.at_once:
                return

    def _feed(self, sending: Lanes[Item], comparing: Lanes[Item]) -> Iterator[ImportResult]:
        while (
            self._ready
            and not self.stop.over()
            and sending.busy < 3 * self.run.jobs
            and comparing.busy < _COMPARED_BEHIND * self.run.jobs
            and self._held < _HELD_AT_ONCE
        ):
            yield from self._ask_drift()
            if self._ready and not self.stop.over():
                one = self._ready.popleft()
                item = one if isinstance(one, Item) else Item(one, first_result(one))
                self._under_way[item.run_id] = item.result
                sending.put(item)

    def _took(self, done: Done[Item], comparing: Lanes[Item]) -> Iterator[ImportResult]:
        """What came out of a lane: on to the next one, back to be tried again, or to its end."""
        done.lanes.busy -= 1
        item = done.item
        if done.lanes is comparing:
            self._held -= item.size
        if done.error is not None:
            yield from self._broken(item, done.error)
        elif item.content:
            self._under_way[item.run_id] = item.result
            self._held += item.size
            comparing.put(item)
        elif item.again:
            del self._under_way[item.run_id]
            self._judge_the_server(item.result.error)
            self._ready.append(replace(item, again=False, round=item.round + 1))
        elif item.noted is not None:
            self._under_way[item.run_id] = item.result
            self._compared.append(item)
        else:
            del self._under_way[item.run_id]
            yield from self._settled(item)

    def _noted(self) -> Iterator[ImportResult]:
        """Go on with those whose comparison the ledger has: it gets there along with what is written of others."""
        while self._compared and (noted := self._compared[0].noted) is not None and noted.done():
            item = self._compared.popleft()
            if (problem := noted.exception()) is not None:
                self._flush()
                yield from self._broken(item, problem)
            else:
                del self._under_way[item.run_id]
                yield from self._settled(item)

    def _note_the_last(self) -> None:
        """Nothing else is under way that the comparisons could go along with."""
        if self._compared:
            self._flush()

    def _flush(self) -> None:
        """Let the ledger write what nobody waits for, and raise what it could not: each bundle has that, too."""
        with suppress(LocalStateError):
            self.passage.ledger.flush()

    def _broken(self, item: Item, error: BaseException) -> Iterator[ImportResult]:
        """A lane met what every other bundle would meet. Raises what is no matter of ours to tell."""
        if not isinstance(error, DwctlError):
            raise error
        del self._under_way[item.run_id]
        self._halt(_LEDGER_FAILED)
        yield replace(item.result, state=_as_far_as_known(item.result), error=error)

    def _ask_drift(self) -> Iterator[ImportResult]:
        """Before each batch: what moved in the embedded application since its export is not sent."""
        if self.drift is None or self._asked_drift > 0:
            self._asked_drift -= 1
            return
        batch = [_bundle_of(one) for one in islice(self._ready, DRIFT_BATCH)]
        try:
            moved = self.drift(batch)
            for bundle in batch:
                if run_id(bundle) in moved:
                    self.passage.ledger.note_moved(
                        run_id(bundle), self.passage.now(), error_reason="run_moved", error_text=moved[run_id(bundle)]
                    )
        except DwctlError as error:
            ledger = isinstance(error, LocalStateError)
            self._halt(_LEDGER_FAILED if ledger else "the embedded application could not be asked what has moved")
            self._ready.popleft()
            yield replace(first_result(batch[0]), error=error)
            return
        self._asked_drift = len(batch) - len(moved) - 1
        if moved:
            self._ready = deque(one for one in self._ready if run_id(_bundle_of(one)) not in moved)
        for bundle in batch:
            if run_id(bundle) in moved:
                yield from self._settled(Item(bundle, _moved(first_result(bundle), moved[run_id(bundle)])))

    def _settled(self, item: Item) -> Iterator[ImportResult]:
        """A bundle has ended: tell it, release or block those that wait for it, and see whether to go on."""
        result = item.result
        self._judge_the_run(result)
        yield result
        if not (result.done and result.proven):
            for lost in self._waiting.behind(item.run_id):
                yield self._block(lost)
            return
        self._ready += self._waiting.after(item.run_id)

    # --- whether to go on ---

    def _judge_the_run(self, result: ImportResult) -> None:
        self._judge_the_server(result.trouble)
        self._counts["failures"] += not result.good
        if result.stops_the_run:
            local = result.trouble is not None and result.trouble.exit_code is ExitCode.LOCAL_STATE
            self._halt(_LEDGER_FAILED if local else "every other bundle would meet the same")
        elif self.run.most_failures is not None and self._counts["failures"] > self.run.most_failures:
            most = self.run.most_failures
            self._halt(f"more than {most} bundles failed" if most else "a bundle failed")

    def _judge_the_server(self, trouble: DwctlError | None) -> None:
        """Stop where it answers nobody, or where its database has been busy for everybody for long."""
        busy = trouble is not None and trouble.reason in BUSY
        unreached = trouble is not None and trouble.exit_code in UNREACHED and not busy
        self._counts["unreached"] = self._counts["unreached"] + 1 if unreached else 0
        self._counts["busy"] = self._counts["busy"] + 1 if busy else 0
        if self._counts["unreached"] >= max(4, 2 * self.run.jobs):
            self._halt("the server did not answer for several bundles in a row")
        elif self._counts["busy"] >= max(_BUSY_IN_A_ROW, 4 * self.run.jobs):
            self._halt("the server's database was busy for every bundle, again and again")

    def _halt(self, why: str) -> None:
        self.stop.halted = True
        self.stopped_because = self.stopped_because or why

    # --- the end ---

    def _end_in_order(self, sending: Lanes[Item], comparing: Lanes[Item]) -> None:
        """Begin nothing more; where somebody else ended the run, wait until the ledger has what is in flight."""
        self.stop.halted = True
        sending.close()
        comparing.close()
        while (sending.busy or comparing.busy) and not self.stop.at_once:
            try:
                self._done.get(timeout=_TICK).lanes.busy -= 1
            except Empty:
                continue

    def _left_over(self) -> Iterator[ImportResult]:
        """What was not begun, and what was not waited for. The next run goes on with both, by the ledger."""
        interrupted = Interrupted("interrupted", next_step=_GO_ON) if self.stop.asked else None
        left = 0
        for result in self._under_way.values():
            left += 1
            yield replace(result, state=_as_far_as_known(result), error=interrupted)
        for one in (*self._ready, *self._waiting.bundles.values()):
            left += 1
            result = first_result(_bundle_of(one))
            met = one.result.error if isinstance(one, Item) else None
            yield replace(result, error=met or (interrupted if left == 1 else None))
        if interrupted is not None and left:
            self.stopped_because = "interrupted"


def run_id(bundle: PlannedBundle) -> str:
    """The run's id; empty where the bundle has none, and then it is never sent."""
    return str(bundle.run.run_id if bundle.run is not None else "")


def _bundle_of(one: Item | PlannedBundle) -> PlannedBundle:
    return one.bundle if isinstance(one, Item) else one


def _as_far_as_known(result: ImportResult) -> ImportState:
    """On the server, if it said so; else it may be there."""
    return result.state if result.done else ImportState.UNKNOWN


def _refused(result: ImportResult) -> ImportResult:
    """What the plan refuses; a file that could not be read is no answer at all."""
    if result.judged.problem is not None:
        return replace(result, state=ImportState.FAILED, error=result.judged.problem)
    return replace(result, state=ImportState.REFUSED)


def _moved(result: ImportResult, what: str) -> ImportResult:
    error = AnswerIsNo(
        f"the embedded copy is not as it was exported: {what}", where=result.judged.file,
        next_step="Pause the embedded workers and export it again (history-export --refresh).", reason="run_moved",
    )  # fmt: skip
    return replace(result, state=ImportState.MOVED, error=error)


_GO_ON = "Run the same command again: it goes on where this one stopped."
_LEDGER_FAILED = "the ledger cannot be written to"
_OTHER_EXPORT = AnswerIsNo(
    "the ledger has another export of this run as sent", where="dedupe_key",
    next_step="Look at it with `dwctl ledger show RUN`; a run that moved after its import runs in both runtimes.",
    reason="other_export_sent",
)  # fmt: skip
_OTHER_LEDGER = AnswerIsNo(
    "the plan leaves it out as done, and this ledger knows nothing of that", where="--ledger",
    next_step="Name the ledger that the plan was made with, or make a new plan.", reason="plan_of_another_ledger",
)  # fmt: skip
_BLOCKED = AnswerIsNo(
    "the run at the other end of its link was not imported and compared, so it was not sent",
    next_step="See what became of the partner, then run the same command again.", reason="partner_not_compared",
)  # fmt: skip
