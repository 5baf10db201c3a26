"""Carrying out a plan: some lanes send, others compare, and the ledger knows of every step before the next one.

A bundle goes this way, and may be killed anywhere on it: its bytes are read and held against the plan · the
ledger has `sending` on the disk · the request leaves · the ledger has the outcome on the disk · the server's run is
compared with the bundle · the ledger notes that · a closed run is archived, if wanted. What is found in `sending`
later may or may not be on the server; sending it again is safe by run_id and dedupe_key (docs/transfer.md).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import Final

from dwctl.errors import AnswerIsNo, DwctlError, Interrupted, LocalStateError
from dwctl.transfer.imports.drift import note_moved, told_as_moved
from dwctl.transfer.imports.giving_up import LEDGER_FAILED, GivingUp
from dwctl.transfer.imports.outcomes import ImportResult, ImportState
from dwctl.transfer.imports.passage import Item, Passage, first_result, run_id
from dwctl.transfer.imports.waiting import Waiting
from dwctl.transfer.lanes import Done, Lanes, Stop
from dwctl.transfer.ledger.memory import read_in, rows_of, unread_in
from dwctl.transfer.ledger.rows import MAY_BE_THERE, THERE, LedgerState
from dwctl.transfer.plans.plan import Plan, PlanAction, PlannedBundle, Skip
from dwctl.transfer.runtimes.drift import Carried, Drift, Expected
from dwctl.transfer.runtimes.drift_sources import of_planned

DRIFT_BATCH: Final = 100
"""Bundles whose embedded copies are asked about at once, just before they are sent."""

_TICK: Final = 0.2
_COMPARED_BEHIND: Final = 8
_HELD_AT_ONCE: Final = 64 << 20
"""Bytes of bundles that wait to be compared; beyond, nothing more is sent for the moment."""

AskDrift = Callable[[Sequence[Expected]], Mapping[str, Drift]]
"""Asks the embedded side about runs: run id → what became of it, for those that are not as they were exported."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a plan is carried out: so many requests at once, and so many bundles that may fail before the run stops."""

    jobs: int = 4
    most_failures: int | None = None


@dataclass(slots=True)
class Execution:
    """One run of a plan: `begin` it, then iterate over it once. `stopped_because` says why it ended before its end.

    While it is iterated, `in_flight` tells how far it is. `in_doubt_elsewhere` are the ledger's runs (run ids) that may
    be on the server and are not in this plan: nobody asks about them now.
    """

    plan: Plan
    passage: Passage
    run: RunOptions
    stop: Stop
    drift: AskDrift | None = None
    stopped_because: str | None = None
    in_doubt_elsewhere: tuple[str, ...] = ()
    _begun: bool = False
    _conflicting: frozenset[str] = frozenset()
    _ready: deque[Item | PlannedBundle] = field(default_factory=deque)
    _waiting: Waiting = field(default_factory=Waiting)
    _under_way: dict[str, ImportResult] = field(default_factory=dict)
    _done: SimpleQueue[Done[Item]] = field(default_factory=SimpleQueue)
    _compared: deque[Item] = field(default_factory=deque)
    _giving_up: GivingUp = field(init=False)
    _held: int = 0
    _unmoved: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._giving_up = GivingUp(self.run.jobs, self.run.most_failures)

    @property
    def in_flight(self) -> int:
        """Bundles that are being sent or compared now."""
        return len(self._under_way)

    @property
    def too_many_failed(self) -> bool:
        """Whether more bundles have failed than may."""
        return self._giving_up.too_many_failed

    def begin(self) -> None:
        """Let the ledger take the plan up. Raises LocalStateError; then nothing was done."""
        if not self._begun:
            self._begun = True
            ledger = self.passage.ledger
            self._conflicting = frozenset(ledger.plan(rows_of(self.plan)).conflicting)
            ledger.note_files(unread_in(self.plan), read_in(self.plan, ledger.unread()))
            if in_doubt := [row.run_id for row in ledger.rows(state=MAY_BE_THERE)]:
                here = set(map(run_id, self.plan.bundles))
                self.in_doubt_elsewhere = tuple(one for one in in_doubt if one not in here)

    def __iter__(self) -> Generator[ImportResult]:
        """The results as they come. Closed before its end, it settles what is in flight."""
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
        memory, result = self.passage.memory, first_result(bundle)
        if bundle.skip is not Skip.DONE:
            if bundle.skip in _BY_CHOICE and self._carried(bundle) is Carried.IN_DOUBT:
                return replace(result, state=ImportState.UNKNOWN, error=_LEFT_OUT_IN_DOUBT)
            return replace(result, state=ImportState.SKIPPED)
        if not memory.compared(run_id(bundle)):
            return replace(result, error=_OTHER_LEDGER)
        return replace(result, state=ImportState.DONE, compared_at=memory.compared_at(run_id(bundle)))

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
            self._halt(LEDGER_FAILED)
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
                item = one if isinstance(one, Item) else self.passage.taken_up(one)
                self._unmoved.discard(item.run_id)
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
            self._halt(self._giving_up.after_trouble(item.result.error))
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
        self._halt(LEDGER_FAILED)
        yield replace(item.result, state=_as_far_as_known(item.result), error=error)

    def _ask_drift(self) -> Iterator[ImportResult]:
        """Until the next one was asked about, batch by batch: what moved since its export is not sent."""
        while (
            self.drift is not None
            and self._ready
            and not self.stop.over()
            and run_id(_bundle_of(self._ready[0])) not in self._unmoved
        ):
            batch = [self._ready.popleft() for _ in range(min(len(self._ready), DRIFT_BATCH))]
            try:
                moved = self.drift([self._expected(one) for one in batch])
                for drift in moved.values():
                    note_moved(self.passage.ledger, drift, self.passage.now())
            except DwctlError as error:
                ledger = isinstance(error, LocalStateError)
                self._halt(LEDGER_FAILED if ledger else "the embedded application could not be asked what has moved")
                self._ready.extendleft(reversed(batch[1:]))
                yield replace(self._not_begun(batch[0]), error=error)
                return
            stay = [one for one in batch if run_id(_bundle_of(one)) not in moved]
            self._unmoved = {run_id(_bundle_of(one)) for one in stay}
            self._ready.extendleft(reversed(stay))
            for one in batch:
                if (drifted := moved.get(run_id(_bundle_of(one)))) is not None:
                    yield from self._settled(Item(_bundle_of(one), self._moved(one, drifted)))

    def _expected(self, one: Item | PlannedBundle) -> Expected:
        bundle = _bundle_of(one)
        assert bundle.run is not None  # noqa: S101 - only bundles with a run are sent
        return of_planned(bundle.run, bundle.file, self._carried(one))

    def _carried(self, one: Item | PlannedBundle) -> Carried:
        """How far the run has come, in this run or an earlier one."""
        state = self.passage.memory.state(run_id(_bundle_of(one)))
        if state in THERE:
            return Carried.IMPORTED
        in_doubt = one.in_doubt if isinstance(one, Item) else state in MAY_BE_THERE
        return Carried.IN_DOUBT if in_doubt else Carried.EXPORTED

    def _moved(self, one: Item | PlannedBundle, drift: Drift) -> ImportResult:
        """Told as what it is: moved only where it was not sent."""
        bundle, carried = _bundle_of(one), drift.expected.carried
        if carried is Carried.IMPORTED:
            return told_as_moved(self.passage.found_there(bundle), drift)
        state = ImportState.UNKNOWN if carried is Carried.IN_DOUBT else ImportState.MOVED
        return told_as_moved(replace(first_result(bundle), state=state), drift)

    def _settled(self, item: Item) -> Iterator[ImportResult]:
        """A bundle has ended: tell it, release or block those that wait for it, and see whether to go on."""
        result = item.result
        self._halt(self._giving_up.after_result(result))
        yield result
        if not (result.done and result.proven):
            for lost in self._waiting.behind(item.run_id):
                yield self._block(lost)
            return
        self._ready += self._waiting.after(item.run_id)

    # --- whether to go on ---

    def _halt(self, why: str | None) -> None:
        """Begin nothing more, if there is a reason; the first one is told."""
        if why is not None:
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
            result = self._not_begun(one)
            yield replace(result, error=result.error or (interrupted if left == 1 else None))
        if interrupted is not None and left:
            self.stopped_because = "interrupted"

    def _not_begun(self, one: Item | PlannedBundle) -> ImportResult:
        """A bundle whose turn does not come again: what it met before, and whether it may be there for all that."""
        result = first_result(_bundle_of(one))
        if not isinstance(one, Item):
            return result
        return replace(result, state=ImportState.UNKNOWN if one.in_doubt else result.state, error=one.result.error)


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


_GO_ON = "Run the same command again: it goes on where this one stopped."
_BY_CHOICE = frozenset({Skip.LIMIT, Skip.NOT_CHOSEN})
_OTHER_EXPORT = AnswerIsNo(
    "the ledger has another export of this run as sent", where="dedupe_key",
    next_step="Look at it with `dwctl ledger show RUN`; a run that moved after its import runs in both runtimes.",
    reason="other_export_sent",
)  # fmt: skip
_OTHER_LEDGER = AnswerIsNo(
    "the plan leaves it out as done, and this ledger knows nothing of that", where="--ledger",
    next_step="Name the ledger that the plan was made with, or make a new plan.", reason="plan_of_another_ledger",
)  # fmt: skip
_LEFT_OUT_IN_DOUBT = AnswerIsNo(
    "an earlier run may have brought it to the server, and the plan leaves it out, so nobody asks", where="the plan",
    next_step="Import it without --limit and --only: the server is asked first, and nothing is sent twice.",
    reason="left_out_in_doubt",
)  # fmt: skip
_BLOCKED = AnswerIsNo(
    "the run at the other end of its link was not imported and compared, so it was not sent",
    next_step="See what became of the partner, then run the same command again.", reason="partner_not_compared",
)  # fmt: skip
