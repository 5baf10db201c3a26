"""A small world for runs of a plan: bundles in files, a real ledger, and a carrier that answers as a test wants."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dwctl.bundle.findings import Finding
from dwctl.bundle.verify import RunFacts, VerifyOptions
from dwctl.bundle.view import BundleView
from dwctl.embedded.positions import Position
from dwctl.errors import DwctlError
from dwctl.server.results import ImportAnswer
from dwctl.transfer.imports.execution import AskDrift, Execution, RunOptions
from dwctl.transfer.imports.importing import ImportOptions
from dwctl.transfer.imports.outcomes import ImportResult, ImportTally
from dwctl.transfer.imports.pace import Pace, Turns
from dwctl.transfer.imports.passage import Passage
from dwctl.transfer.imports.proof import Proof
from dwctl.transfer.imports.way import Way
from dwctl.transfer.lanes import Stop
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.ledger.memory import LedgerMemory
from dwctl.transfer.ledger.rows import LedgerState
from dwctl.transfer.plans.plan import Plan, PlanAction, PlannedBundle, PlanOptions
from dwctl.transfer.plans.planning import Sources, plan_bundles
from dwctl.transfer.plans.verdicts import JudgeOptions, judge_file
from dwctl.transfer.runtimes.drift import Drift, DriftState, Expected, judge
from import_doubles import DONE, PROVEN, Step, reply
from ledgers import NAMESPACE, SERVER, opened
from rehearsal_server import ready_run
from sample_bundles import sealed


def run_id(number: int) -> str:
    """The run of the bundle of this number."""
    return f"01run{number:021}"


@dataclass
class Embedded:
    """An embedded side on which some runs have moved, and some are gone; notes whom it was asked about, and when."""

    moved: frozenset[int] = frozenset()
    gone: frozenset[int] = frozenset()
    asked: list[list[int]] = field(default_factory=list)

    def __call__(self, expected: Sequence[Expected]) -> Mapping[str, Drift]:
        """Those that are not as they were exported."""
        self.asked.append([int(one.run_id.removeprefix("01run")) for one in expected])
        found = (judge(one, self._position(one)) for one in expected)
        return {drift.expected.run_id: drift for drift in found if drift.state is not DriftState.UNMOVED}

    def _position(self, one: Expected) -> Position | None:
        number = int(one.run_id.removeprefix("01run"))
        if number in self.gone:
            return None
        sequence, _, progress = str(one.dedupe_key).removeprefix(f"{one.run_id}:").partition(":")
        now = int(sequence) + (number in self.moved)
        return Position(one.run_id, one.instance_id, str(one.status), now, progress, None)


@dataclass
class Answering:
    """A carrier for several threads: answers by run, `steps` one after the other and then `DONE`; notes what came."""

    steps: defaultdict[str, list[Step]] = field(default_factory=lambda: defaultdict(list))
    proofs: dict[str, Proof] = field(default_factory=dict)
    otherwise: Step = field(default_factory=lambda: DONE)
    archiving: DwctlError | None = None
    before_send: Callable[[str], None] = lambda run: None
    log: list[tuple[str, str]] = field(default_factory=list)
    expected: list[tuple[str, ...]] = field(default_factory=list)
    deep: bool = False

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def foresee(self, content: bytes, bundle: BundleView, run: RunFacts, options: ImportOptions) -> tuple[Finding, ...]:
        """Nothing."""
        return ()

    def way(self) -> Way:
        """Always the same."""
        return Way.BYTE_EXACT

    def send(self, content: bytes, *, dry_run: bool, options: ImportOptions) -> ImportAnswer:
        """The next step of the run."""
        run = json.loads(content)["workflow"]["run_id"]
        with self._lock:
            self.log.append(("ask" if dry_run else "send", run))
            step = self.steps[run].pop(0) if self.steps[run] else self.otherwise
        self.before_send(run)
        if isinstance(step, BaseException):
            raise step
        return step if isinstance(step, ImportAnswer) else reply(step)

    def prove(
        self, bundle: BundleView, run: RunFacts, *, namespace: str, import_ids: Sequence[str], deep: bool = False
    ) -> Proof:
        """What the test wants proven."""
        self.deep = deep
        with self._lock:
            self.log.append(("compare", str(run.run_id)))
            self.expected.append(tuple(import_ids))
        return self.proofs.get(str(run.run_id), PROVEN)

    def archive(self, run: RunFacts, reason: str) -> None:
        """Note it, or fail."""
        with self._lock:
            self.log.append(("archive", str(run.run_id)))
        if self.archiving is not None:
            raise self.archiving

    def redact(self, text: str) -> str:
        """There is no secret."""
        return text

    def numbers(self, what: str) -> list[int]:
        """The bundles of which something was wanted, in order."""
        return [int(run.removeprefix("01run")) for kind, run in self.log if kind == what]


@dataclass
class World:
    """`count` bundles of open runs in a folder, and runs of their plan against one ledger."""

    folder: Path
    count: int
    changes: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    carrier: Answering = field(default_factory=Answering)
    waits: dict[int, tuple[int, ...]] = field(default_factory=dict)
    jobs: int = 2
    most_failures: int | None = None
    archive: bool = False
    deep: bool = False
    drift: AskDrift | None = None
    stop: Stop = field(default_factory=Stop)
    tally: ImportTally = field(default_factory=ImportTally)
    stopped_because: str | None = None

    def __post_init__(self) -> None:
        for number in range(self.count):
            self.file(number).write_bytes(sealed(ready_run(number, self.changes.get(number))))

    def file(self, number: int) -> Path:
        """Where a bundle lies."""
        return self.folder / f"{number:04}.json"

    def ledger(self) -> Ledger:
        """The ledger, to be written to."""
        return opened(self.folder / "ledger.db")

    def rows(self) -> dict[int, Any]:
        """The rows of the ledger by number."""
        with Ledger.view(self.folder / "ledger.db") as ledger:
            assert ledger.audit().ok
            return {int(row.run_id.removeprefix("01run")): row for row in ledger.rows()}

    def states(self) -> dict[int, LedgerState]:
        """The states of the ledger by number."""
        return {number: row.state for number, row in self.rows().items()}

    def plan(self, memory: LedgerMemory) -> Plan:
        """The plan of the files that are there."""
        judged = [judge_file(str(file), JudgeOptions(VerifyOptions())) for file in sorted(self.folder.glob("*.json"))]
        options = PlanOptions(NAMESPACE)
        bundles = plan_bundles(judged, options, Sources(known=memory.known))
        bundles = tuple(self._waiting(bundle) for bundle in bundles)
        return Plan("2026-11-23T10:00:00.000000Z", "0", SERVER, None, "orders-1", options, bundles)

    def _waiting(self, bundle: PlannedBundle) -> PlannedBundle:
        number = -1 if bundle.run is None else int(str(bundle.run.run_id).removeprefix("01run"))
        if number not in self.waits or bundle.action is not PlanAction.IMPORT:
            return bundle
        return replace(bundle, action=PlanAction.WAIT, after=tuple(map(run_id, self.waits[number])))

    def execution(self, ledger: Ledger, plan: Plan | None = None) -> Execution:
        """A run of the plan against an open ledger, not begun."""
        memory = LedgerMemory(ledger.rows())
        passage = Passage(
            {Way.BYTE_EXACT: self.carrier}, ledger, memory, ImportOptions(NAMESPACE, "orders-1"),
            Pace(self.jobs, sleep=lambda seconds: None), Turns(), lambda: datetime(2026, 11, 23, tzinfo=UTC),
            "archived by a test" if self.archive else None, deep=self.deep, resealed=str(self.folder / "resealed"),
            stop=self.stop,
        )  # fmt: skip
        run = RunOptions(self.jobs, self.most_failures)
        return Execution(plan or self.plan(memory), passage, run, self.stop, self.drift)

    def go(self, plan: Plan | None = None, ledger: Ledger | None = None) -> dict[int, ImportResult]:
        """Carry the plan out; the results by the number of the bundle."""
        self.tally, self.stop = ImportTally(), self.stop if not self.stop.over() else Stop()
        with ledger or self.ledger() as used:
            execution = self.execution(used, plan)
            results = list(self.tally.counting(execution))
            self.stopped_because = execution.stopped_because
        assert len(results) == len(execution.plan.bundles), "each bundle ends once"
        return {int(Path(result.judged.file).stem): result for result in results}
