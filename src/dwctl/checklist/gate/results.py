"""What a run of the gate gives: every check with its finding, every item with its state, and the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dwctl.checklist.gate.check import NOT_GOOD, Check, Finding, Severity, State
from dwctl.checklist.gate.items import ITEMS, Item
from dwctl.errors import ExitCode


@dataclass(frozen=True, slots=True)
class Attestation:
    """A person's word for an item that no machine could measure; `file_sha256` is of the evidence at the time."""

    item: int
    by: str
    note: str
    at: str
    file: str | None = None
    file_sha256: str | None = None
    expires: str | None = None


@dataclass(frozen=True, slots=True)
class Waiver:
    """A person's decision to go on although a check fails or is unknown; never for ever."""

    check: str
    reason: str
    owner: str
    at: str
    expires: str


@dataclass(frozen=True, slots=True)
class Result:
    """A check with what it found. `measured` is what it said before any attestation or waiver was looked at.

    `began_at` is UTC, `seconds` how long the answer took. `attested` and `waived` are what changed the state, if
    anything did. `left_out` is whether this run's own options left it out (`--phase`, `--only`, `--skip`): a check
    that is skipped without it does not apply to this cutover.
    """

    check: Check
    finding: Finding
    measured: State
    began_at: str
    seconds: float
    attested: Attestation | None = None
    waived: Waiver | None = None
    left_out: bool = False

    @property
    def stops(self) -> bool:
        """Whether the gate is shut by it."""
        return self.check.severity is Severity.REQUIRED and self.finding.state in NOT_GOOD

    @property
    def counts_as(self) -> State:
        """Its state as its item counts it: what is only advice is at most a warning."""
        state = self.finding.state
        is_advice = self.check.severity is Severity.ADVICE
        return State.WARN if is_advice and state in NOT_GOOD else state


@dataclass(frozen=True, slots=True)
class ItemResult:
    """An item of the guide with its checks; its state is the worst of theirs, left-out ones counting last."""

    item: Item
    results: tuple[Result, ...]

    @property
    def state(self) -> State:
        """`fail` before `unknown`, `warn`, `waived`, `pass`; `skipped` where all of it was left out."""
        states = {result.counts_as for result in self.results}
        return next((state for state in _WORST_FIRST if state in states), State.SKIPPED)


_WORST_FIRST = (State.FAIL, State.UNKNOWN, State.WARN, State.WAIVED, State.PASS, State.SKIPPED)


@dataclass(frozen=True, slots=True)
class GateResult:
    """A whole run. `complaints` are sentences on attestations and waivers that do not count (expired, evidence gone).

    They shut the gate until they are removed or renewed. `notes` are sentences on those that are not needed. `strict`
    also shuts the gate for warnings, waivers and what this run's options left out. `local_state` is whether a check had
    no answer because of a local file: a ledger that is damaged, or belongs to another cutover.
    """

    name: str
    server: str | None
    namespace: str | None
    began_at: str
    seconds: float
    results: tuple[Result, ...]
    complaints: tuple[str, ...] = ()
    strict: bool = False
    interrupted: bool = False
    notes: tuple[str, ...] = ()
    local_state: bool = False

    @property
    def items(self) -> tuple[ItemResult, ...]:
        """The twelve, in the order of the guide."""
        return tuple(ItemResult(item, tuple(_of(self.results, item))) for item in ITEMS)

    @property
    def counts(self) -> Mapping[State, int]:
        """How many checks are in which state, every state named."""
        found = Counter(result.finding.state for result in self.results)
        return {state: found[state] for state in State}

    @property
    def left_out(self) -> int:
        """How many checks this run's own options left out."""
        return sum(result.left_out for result in self.results)

    @property
    def in_the_way(self) -> tuple[Result, ...]:
        """The checks that keep the gate shut; under `strict` also those that warn, are waived or were left out."""
        return tuple(result for result in self.results if result.stops or (self.strict and _is_lax(result)))

    @property
    def settled(self) -> bool:
        """Whether anything was measured or decided at all."""
        return any(result.finding.state in (State.PASS, State.WARN, State.WAIVED) for result in self.results)

    @property
    def green(self) -> bool:
        """Whether something was measured or decided, and nothing stops."""
        stopped = self.in_the_way or self.complaints or self.interrupted or self.local_state
        return self.settled and not stopped

    @property
    def exit_code(self) -> ExitCode:
        """0 green, 1 not; 130 where it was interrupted, 10 where a local file stands in the way."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if self.local_state:
            return ExitCode.LOCAL_STATE
        return ExitCode.DONE if self.green else ExitCode.NO


def _is_lax(result: Result) -> bool:
    return result.left_out or result.finding.state not in (State.PASS, State.SKIPPED)


def _of(results: Sequence[Result], item: Item) -> list[Result]:
    return [result for result in results if result.check.item == item.number]
