"""Asking everybody about one run: the server, the ledger, the embedded application, and the bundle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dwctl.bundle.canonical import decode
from dwctl.bundle.findings import Severity
from dwctl.bundle.loose import field, string
from dwctl.bundle.verify import Outcome, verify_document
from dwctl.bundle.vocabulary import TERMINAL_STATUSES
from dwctl.checklist.diagnosis.documents import side_of
from dwctl.checklist.diagnosis.facts import Facts, InBundle, InEmbedded, InLedger, Place, Question, Side
from dwctl.checklist.diagnosis.server import AskServer
from dwctl.embedded.filters import RunFilter
from dwctl.embedded.inventory import inventory
from dwctl.embedded.inventory_runs import InventoryRun
from dwctl.embedded.positions import Position
from dwctl.errors import DwctlError, ExitCode, RequestNotPossible
from dwctl.transfer.files.sources import read_bundle
from dwctl.transfer.runtimes.drift import DriftState, judge
from dwctl.transfer.runtimes.drift_sources import of_ledger

if TYPE_CHECKING:
    from dwctl.server.transport import Server
    from dwctl.transfer.ledger.rows import LedgerRow
    from dwctl.transfer.ledger.view import LedgerView
    from dwctl.transfer.runtimes.positions import EmbeddedSide

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sources:
    """Whoever can be asked; `absent` says why somebody is None.

    `open_in` opens the server for another namespace. `same_target` tells whether a ledger's server and namespace
    are those that are asked. `bundle` is a file that somebody named; without one, the ledger's is looked at.
    """

    absent: dict[Place, str]
    server: Server | None = None
    open_in: Callable[[str], Server] | None = None
    ledger: LedgerView | None = None
    side: EmbeddedSide | None = None
    bundle: str | None = None
    same_target: Callable[[str, str], bool] = lambda server, namespace: True


def gather(facts: Facts, sources: Sources) -> Facts:
    """Ask all of them, and fill in the facts.

    Raises a DwctlError for a bundle that somebody named and that cannot be read, and for an interruption; what else
    fails is a question without an answer.
    """
    one = _Gathering(facts, sources)
    rows = one.ledger_rows()
    named = one.named_bundle()
    runs = one.embedded_runs(facts.run_id or facts.wanted)
    facts.instance_id = _instance(facts, rows, named, runs)
    one.server()
    one.settle(rows, named, runs)
    return facts


class _Gathering:
    def __init__(self, facts: Facts, sources: Sources) -> None:
        self._facts, self._sources = facts, sources

    # --- the ledger ---------------------------------------------------------------------------------------

    def ledger_rows(self) -> list[LedgerRow]:
        """The ledger's row of the run, or its rows of the instance."""
        view, facts = self._sources.ledger, self._facts
        if view is None:
            self._absent(Place.LEDGER)
            return []

        def rows() -> list[LedgerRow]:
            own = view.row(facts.run_id or facts.wanted)
            return [own] if own is not None else list(view.rows(instance_id=facts.wanted))

        return self._ask(Place.LEDGER, str(view.path), rows, _rows_told) or []

    # --- the bundle ---------------------------------------------------------------------------------------

    def named_bundle(self) -> InBundle | None:
        """The bundle that somebody named. Raises a DwctlError where it cannot be read, or is of another run."""
        file = self._sources.bundle
        if file is None:
            return None
        found = _judged(file)
        if self._facts.wanted not in (found.instance_id, found.side.run_id):
            raise RequestNotPossible(
                f"the bundle is of another run: {found.instance_id}, run {found.side.run_id}", where=file,
                next_step="Name the export of the run that is asked for.", reason="usage",
            )  # fmt: skip
        return found

    def _bundle_of(self, row: LedgerRow | None) -> InBundle | None:
        """The file that the ledger names, where it is still there."""
        if row is None or row.file is None:
            self._absent(Place.BUNDLE)
            return None
        file = row.file
        if not Path(file).is_file():
            self._note(Place.BUNDLE, file, "the file that the ledger names is not there", asked=False)
            return None
        return self._ask(Place.BUNDLE, file, lambda: _judged(file), _bundle_told, matters=False)

    # --- the embedded application -------------------------------------------------------------------------

    def embedded_runs(self, wanted: str) -> list[InventoryRun | Position]:
        """Its runs of this id: all that a run's row tells from the database, its position from the batch process."""
        side = self._sources.side
        if side is None:
            self._absent(Place.EMBEDDED)
            return []

        def look() -> list[InventoryRun | Position]:
            with side.look() as found:
                if found.snapshot is None:
                    return list(found.positions([wanted]))
                for one in (RunFilter(runs=(wanted,)), RunFilter(instances=(self._facts.wanted,))):
                    if runs := list(inventory(found.snapshot, one)):
                        return list(runs)
            return []

        return self._ask(Place.EMBEDDED, side.name, look, _runs_told) or []

    # --- the server ---------------------------------------------------------------------------------------

    def server(self) -> None:
        """The run, its queue and its workers."""
        facts, sources = self._facts, self._sources
        if sources.server is None or sources.open_in is None:
            self._absent(Place.SERVER)
            return
        asking = AskServer(sources.server, facts, sources.open_in)
        asking.general()
        asking.run(facts.instance_id or facts.wanted, facts.run_id)
        if facts.instance_id is None and facts.here is None and facts.run_id is None and facts.absent_here:
            found = asking.by_run_id(facts.wanted)
            if found is not None:
                facts.instance_id, facts.run_id = found, facts.wanted
                asking.run(found, facts.wanted)
        asking.workers()
        asking.children()

    # --- together -----------------------------------------------------------------------------------------

    def settle(self, rows: list[LedgerRow], named: InBundle | None, runs: list[InventoryRun | Position]) -> None:
        """Choose one run, and lay it side by side."""
        facts, view = self._facts, self._sources.ledger
        there = facts.here.row.run_id if facts.here is not None else None
        known = [row.run_id for row in sorted(rows, key=lambda row: row.run_number or 0, reverse=True)]
        embedded = [_run_id(run) for run in reversed(runs)]
        bundle = [] if named is None or named.side.run_id is None else [named.side.run_id]
        chosen = next(iter(filter(None, (facts.run_id, there, *bundle, *known, *embedded))), None)
        facts.run_id = chosen
        row = next((row for row in rows if row.run_id == chosen), None)
        if row is not None and view is not None:
            target = view.target
            same = self._sources.same_target(target.server, target.namespace)
            facts.ledger = InLedger(row, _side_of_row(row), target.server, target.namespace, same)
        if named is not None:
            self._note(Place.BUNDLE, named.file, _bundle_told(named))
        facts.bundle = named or self._bundle_of(row)
        if not runs and chosen is not None and chosen != facts.wanted and self._sources.side is not None:
            runs = self.embedded_runs(chosen)
        run = next((run for run in runs if _run_id(run) == chosen), None)
        facts.embedded = None if run is None else _embedded(run, row, on_server=facts.here is not None)

    def _ask(
        self, place: Place, what: str, call: Callable[[], T], told: Callable[[T], str], *, matters: bool = True
    ) -> T | None:  # fmt: skip
        """The answer, or None where there is none; either is noted."""
        try:
            found = call()
        except DwctlError as error:
            if error.exit_code is ExitCode.INTERRUPTED:
                raise
            self._facts.questions.append(Question(place, what, error.message, error=error, matters=matters))
            return None
        self._note(place, what, told(found))
        return found

    def _note(self, place: Place, what: str, told: str, *, asked: bool = True) -> None:
        self._facts.questions.append(Question(place, what, told, asked))

    def _absent(self, place: Place) -> None:
        self._note(place, place.value, self._sources.absent.get(place, "not configured"), asked=False)


def _instance(
    facts: Facts, rows: list[LedgerRow], named: InBundle | None, runs: list[InventoryRun | Position]
) -> str | None:
    """The instance of the id, as whoever has it here says; an id that is a run's is then taken for that run."""
    found: list[tuple[str | None, str | None]] = [(row.run_id, row.instance_id) for row in rows]
    found += [(_run_id(run), _instance_id(run)) for run in runs]
    if named is not None:
        found.append((named.side.run_id, named.instance_id))
    for run_id, instance_id in found:
        if run_id == facts.wanted and instance_id:
            facts.run_id = facts.run_id or run_id
            return instance_id
    return next((instance_id for _, instance_id in found if instance_id == facts.wanted), None)


def _run_id(run: InventoryRun | Position) -> str:
    return run.row.run_id if isinstance(run, InventoryRun) else run.run_id


def _instance_id(run: InventoryRun | Position) -> str:
    return run.row.instance_id if isinstance(run, InventoryRun) else run.instance_id


def _judged(file: str) -> InBundle:
    """The bundle, and the offline verdict on it."""
    document = decode(read_bundle(file))
    verdict = verify_document(document)
    errors = dict.fromkeys(one.rule for one in verdict.findings if one.severity is Severity.ERROR)
    return InBundle(
        file, side_of(document.value), verdict.outcome in (Outcome.REFUSED, Outcome.UNREADABLE), tuple(errors),
        restorable=verdict.repair is not None and verdict.repair.proven,
        instance_id=string(field(document.value, "workflow", "instance_id")),
    )  # fmt: skip


def _side_of_row(row: LedgerRow) -> Side:
    return Side(
        run_id=row.run_id, run_number=row.run_number, workflow_type=row.workflow_type, queue=row.task_queue,
        status=row.status, dedupe_key=row.dedupe_key,
    )  # fmt: skip


def _embedded(run: InventoryRun | Position, row: LedgerRow | None, *, on_server: bool) -> InEmbedded:
    position = run if isinstance(run, Position) else run.position
    moved = doubt = None
    if row is not None:
        drift = judge(of_ledger(row), position)
        moved = drift.said if drift.state is DriftState.MOVED_SINCE_IMPORT else None
        doubt = drift.said if drift.state is DriftState.UNKNOWN else None
    elif on_server:
        doubt = "no ledger says where the embedded copy stood when it was imported"
    if isinstance(run, Position):
        side = Side(run_id=run.run_id, status=run.status, last_sequence=run.last_history_sequence,
                    dedupe_key=run.dedupe_key)  # fmt: skip
        return InEmbedded(side, run.status not in TERMINAL_STATUSES, moved, doubt)
    columns = run.row
    side = Side(
        run_id=columns.run_id, run_number=columns.run_number, workflow_type=columns.workflow_type,
        workflow_class=columns.workflow_class, queue=columns.queue, connection=columns.connection,
        status=columns.status, compatibility=columns.compatibility, codec=columns.payload_codec,
        namespace=columns.namespace, last_sequence=columns.last_history_sequence, dedupe_key=run.dedupe_key,
    )  # fmt: skip
    held = tuple(f"{one.kind} held by {one.owner or 'nobody named'}" for one in run.work.held)
    return InEmbedded(side, run.is_open, moved, doubt, held, run.work.ready_tasks)


def _rows_told(rows: list[LedgerRow]) -> str:
    return "; ".join(f"{row.run_id} {row.state.value}" for row in rows[:3]) or "does not know it"


def _runs_told(runs: list[InventoryRun | Position]) -> str:
    said = (f"{_run_id(run)} {(run.row if isinstance(run, InventoryRun) else run).status}" for run in runs[-3:])
    return "; ".join(said) or "does not have it"


def _bundle_told(bundle: InBundle) -> str:
    return f"refused: {', '.join(bundle.rules)}" if bundle.refused else "it can be imported, by what it says itself"
