"""The proof of an import: the run that the server shows is the run of the bundle (contract/import.md §4.8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import zip_longest

from dwctl.bundle import vocabulary
from dwctl.bundle.loose import integer, string
from dwctl.bundle.verify import RunFacts
from dwctl.bundle.view import BundleView
from dwctl.errors import DwctlError
from dwctl.server.failures import CallFailed, CallNotFound
from dwctl.server.results import HistoryEvent, Run, RunRow
from dwctl.server.transport import Server
from dwctl.server.workflows import describe, history, list_runs
from dwctl.transfer.imports.payload_comparison import PAYLOADS, differing_payloads


class ProofState(StrEnum):
    """What the comparison showed. Only `proven` is good; `pruned` and `unknown` are not."""

    PROVEN = "proven"
    DIFFERS = "differs"
    PRUNED = "pruned"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One thing compared: what the bundle says, what the server shows, and whether that is as it should be.

    `holds` is None where the server does not show it.
    """

    name: str
    expected: str | None
    found: str | None
    holds: bool | None


@dataclass(frozen=True, slots=True)
class Proof:
    """All comparisons, and the state that follows from them; `error` says why something could not be asked.

    `not_shown`: the server does not show the run in this namespace at all, whatever its importer says.
    """

    comparisons: tuple[Comparison, ...] = ()
    pruned: bool = False
    not_shown: bool = False
    error: DwctlError | None = None

    state: ProofState = field(init=False)
    """What follows: a difference outweighs all else; what could not be compared is unknown, never good."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", self._state())

    def _state(self) -> ProofState:
        if any(comparison.holds is False for comparison in self.comparisons):
            return ProofState.DIFFERS
        if self.pruned:
            return ProofState.PRUNED
        held = {comparison.name for comparison in self.comparisons if comparison.holds}
        asked = {comparison.name for comparison in self.comparisons}
        wanted = _ESSENTIAL | (asked & {PAYLOADS})
        return ProofState.PROVEN if self.error is None and held >= wanted else ProofState.UNKNOWN


_ESSENTIAL = frozenset({"workflow_id", "run_id", "workflow_type", "status", "history"})
_NOT_THERE = frozenset({"instance_not_found", "run_not_found"})


def prove(
    server: Server, bundle: BundleView, run: RunFacts, *, namespace: str, import_ids: Sequence[str], deep: bool = False
) -> Proof:
    """Compare the imported run with its bundle: identity, type, queue, namespace, status, history, markers.

    With `deep` the payload of every event, too. `import_ids` are those under which it may have come, none for a run of
    which nobody here knows that.

    Where describe fails, because the server cannot render a payload, the list of runs and the history answer.
    Never raises for a server that does not answer: what could not be asked is in the proof.
    """
    comparisons: list[Comparison] = []
    try:
        shown = _shown(server, str(run.instance_id), str(run.run_id))
        comparisons += [*_identity(run, shown, namespace), *_markers(shown, import_ids)]
        events = list(history(server, str(run.instance_id), str(run.run_id)))
    except CallNotFound as error:
        if error.reason not in _NOT_THERE:
            return Proof(tuple(comparisons), error=error)
        name, expected = ("history", "its events") if comparisons else ("run_id", run.run_id)
        missing = Comparison(name, expected, f"not found ({error.reason})", holds=False)
        return Proof((*comparisons, missing), not_shown=not comparisons)
    except DwctlError as error:
        return Proof(tuple(comparisons), error=error)
    if not events and bundle.events:
        return Proof(tuple(comparisons), pruned=True)
    comparisons.append(_history(bundle, events))
    if deep:
        comparisons.append(payloads(bundle, events))
    return Proof(tuple(comparisons))


def _shown(server: Server, instance_id: str, run_id: str) -> Run | RunRow:
    """The run as described, or as listed where the server cannot describe it."""
    try:
        return describe(server, instance_id, run_id)
    except CallFailed as error:
        for row in list_runs(server, instance_id):
            if row.run_id == run_id:
                return row
        raise error from None


def _identity(run: RunFacts, shown: Run | RunRow, namespace: str) -> Iterator[Comparison]:
    row = shown.row if isinstance(shown, Run) else shown
    yield _equal("workflow_id", run.instance_id, row.workflow_id)
    yield _equal("run_id", run.run_id, row.run_id)
    yield _equal("workflow_type", run.workflow_type, row.workflow_type)
    if run.queue is not None:
        yield _equal("task_queue", run.queue, row.task_queue)
    yield _equal("namespace", namespace, shown.namespace if isinstance(shown, Run) else None)
    yield Comparison("status", run.status, row.status, holds=_equal_or_further(run.status, row.status))


def _equal(name: str, expected: str | None, found: str | None) -> Comparison:
    return Comparison(name, expected, found, holds=None if found is None else expected == found)


def _equal_or_further(exported: str, shown: str) -> bool:
    """A closed run stays as it is; an open one may have gone on, since a worker may be faster than we are."""
    return exported == shown or (
        exported in vocabulary.OPEN_STATUSES and shown in vocabulary.OPEN_STATUSES | vocabulary.TERMINAL_STATUSES
    )


def _markers(shown: Run | RunRow, import_ids: Sequence[str]) -> Iterator[Comparison]:
    """The import markers, which the guide promises and no measured server shows."""
    if not isinstance(shown, Run):
        return
    engine = shown.engine_source
    yield _equal("engine_source", "embedded_v2_import", engine)
    if import_ids:
        holds = None if shown.import_id is None else shown.import_id in import_ids
        yield Comparison("import_id", " or ".join(import_ids), shown.import_id, holds)


def _history(bundle: BundleView, events: Iterable[HistoryEvent]) -> Comparison:
    """Whether the bundle's events are a prefix of the server's history, by sequence and type."""
    ours = [(integer(event.get("sequence")), string(event.get("type"))) for _, event in bundle.events]
    theirs = [(event.sequence, event.event_type) for event in events]
    expected = f"{len(ours)} events, in order"
    if not ours:
        return Comparison("history", expected, f"{len(theirs)} events: nothing to compare", holds=None)
    for position, (mine, shown) in enumerate(zip_longest(ours, theirs[: len(ours)])):
        if mine != shown:
            told = f"event {position + 1} is {_event(shown)}; in the bundle it is {_event(mine)}"
            return Comparison("history", expected, told, holds=False)
    further = len(theirs) - len(ours)
    return Comparison("history", expected, f"the same, and {further} more" if further else "the same", holds=True)


def payloads(bundle: BundleView, events: Sequence[HistoryEvent]) -> Comparison:
    """Whether each event of the bundle has the payload that the server shows; the payloads themselves are not told."""
    ours = [(integer(event.get("sequence")), event.get("payload")) for _, event in bundle.events]
    expected = f"{len(ours)} payloads"
    differing = differing_payloads(ours, {event.sequence: event.payload for event in events})
    if not differing:
        return Comparison(PAYLOADS, expected, "the same" if ours else "nothing to compare", bool(ours) or None)
    named = ", ".join(f"event {one.sequence} at {one.path}" for one in differing[:_NAMED])
    more = f", and {len(differing) - _NAMED} more" if len(differing) > _NAMED else ""
    return Comparison(PAYLOADS, expected, f"others: {named}{more}", holds=False)


_NAMED = 5


def _event(event: tuple[int | None, str | None] | None) -> str:
    return "missing" if event is None else f"{event[0]} {event[1]}"
