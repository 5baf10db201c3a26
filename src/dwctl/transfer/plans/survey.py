"""What a plan asks the target: lists where there are lists, and single requests only for suspects and a sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dwctl.bundle import vocabulary
from dwctl.bundle.demand import Demand
from dwctl.bundle.findings import Finding
from dwctl.bundle.rules import found
from dwctl.bundle.verify import RunFacts
from dwctl.server.documents import moment
from dwctl.server.endpoints import list_workers
from dwctl.server.failures import CallNotFound
from dwctl.server.results import Page, RunRow, Worker
from dwctl.server.transport import Server
from dwctl.server.walk import walk_runs
from dwctl.server.workflows import list_page, list_runs
from dwctl.transfer.imports.carrier import TargetFacts
from dwctl.transfer.imports.way import Way
from dwctl.transfer.plans.plan import Surveyed
from dwctl.transfer.plans.verdicts import JudgedFile

MOST_INSTANCES = 500
"""Instances that are asked about one by one, since the server lists other runs of them."""

_RUNS_NOT_ASKED = (
    "The server lists other runs of the instance; whether one has its run number was not asked, as for many others."
)

_ENVELOPE_ROOM = 256
"""Bytes that the options of an import take beside the bundle in a JSON envelope, at the most."""


@dataclass(slots=True)
class Survey:
    """One target as its lists show it, and what was asked beyond them.

    `runs` are the listed runs by id, of this namespace; a run that retention has pruned is not listed. `way` is how
    bundles travel, `artisan` whether one that HTTP cannot carry may go through artisan instead.
    """

    server: Server
    namespace: str
    server_version: str | None
    facts: TargetFacts
    way: Way
    artisan: bool
    now: datetime
    runs: Mapping[str, RunRow] = field(default_factory=dict)
    workers: tuple[Worker, ...] = ()
    looked: bool = False
    complete: bool = True
    requests: int = 0
    dry_runs: int = 0
    _instances: dict[str, tuple[RunRow, ...]] = field(default_factory=dict)
    _listed: frozenset[str] = frozenset()

    def look(self) -> None:
        """Read the lists: every run of the namespace, and every worker. Raises a ServerFailure."""

        def fetch(token: str | None) -> Page:
            return list_page(self.server, token=token)

        walk = walk_runs(fetch)
        self.runs = {row.run_id: row for row in walk.rows}
        self._listed = frozenset(row.workflow_id for row in walk.rows)
        self.workers = list_workers(self.server)
        self.looked, self.complete = True, walk.complete
        self.requests += walk.pages + 2

    @property
    def summary(self) -> Surveyed:
        """What was asked, in numbers."""
        return Surveyed(len(self.runs), len(self.workers), self.requests, self.dry_runs, self.complete)

    @property
    def unknown(self) -> Iterator[str]:
        """What the target does not tell of itself, a sentence each; nothing where nobody looked."""
        if not self.looked:
            return
        yield "Instance ids that another namespace of the server uses cannot be seen from this one."
        if self.facts.retention_days is not None:
            yield "Runs that retention has pruned are not listed; importing one again answers already_imported."
        if not self.complete:
            yield "The server's list of runs changed faster than it could be read; some of its runs may be missing."

    def way_of(self, judged: JudgedFile) -> tuple[Way, tuple[Finding, ...]]:
        """How this bundle can travel, and what stands in its way where it cannot."""
        if self.way is Way.ARTISAN:
            return Way.ARTISAN, ()
        obstacles = tuple(self._obstacles(judged))
        if obstacles and self.artisan:
            return Way.ARTISAN, ()
        return self.way, obstacles

    def _obstacles(self, judged: JudgedFile) -> Iterator[Finding]:
        limit = self.facts.max_payload_bytes
        size = judged.size + (_ENVELOPE_ROOM if self.way is Way.ENVELOPE else 0)
        if size > limit:
            yield found("transit.too_large", bytes=judged.size, limit=limit)
        if self.way is Way.ENVELOPE:
            if judged.rewritten_at is not None:
                yield found("transit.would_be_rewritten", judged.rewritten_at)
            elif judged.fits_an_envelope is False:
                yield found("transit.would_be_rewritten", not_byte_exact_because="nested too deeply for an envelope")

    def foresee(self, judged: JudgedFile, run: RunFacts) -> Iterator[Finding]:
        """What the target foretells of this bundle, whatever the way."""
        if run.run_id in self.runs:
            yield found("target.run_present", "workflow.run_id", status=self.runs[str(run.run_id)].status)
        else:
            yield from self._taken(run)
        yield from self._pruned(judged, run)
        if judged.namespace is not None and judged.namespace.lower() != self.namespace:
            yield found(
                "target.namespace_differs", "workflow.namespace", found=judged.namespace, goes_to=self.namespace
            )
        for demand in judged.demands:
            if not self.serves(demand):
                yield found(
                    "target.nobody_serves", queue=demand.queue, kind=demand.kind.value, type=demand.type_key,
                    compatibility=demand.compatibility,
                )  # fmt: skip

    def unanswered(self, run: RunFacts) -> str | None:
        """What was not asked about this run, a sentence."""
        doubtful = run.run_id not in self.runs and run.instance_id in self._listed
        return _RUNS_NOT_ASKED if doubtful and not self._may_ask(str(run.instance_id)) else None

    def _may_ask(self, instance_id: str) -> bool:
        return instance_id in self._instances or len(self._instances) < MOST_INSTANCES

    def _taken(self, run: RunFacts) -> Iterator[Finding]:
        """The instance is on the server with other runs: only then is a single request worth it."""
        if run.instance_id in self._listed and self._may_ask(str(run.instance_id)):
            for row in self.runs_of(str(run.instance_id)):
                if row.run_number == run.run_number and row.run_id != run.run_id:
                    yield found(
                        "target.instance_id_taken", "workflow.instance_id", by_run=row.run_id, run_number=run.run_number
                    )

    def runs_of(self, instance_id: str) -> tuple[RunRow, ...]:
        """The runs of an instance, asked once; none where it is not found."""
        if instance_id not in self._instances:
            self.requests += 1
            try:
                self._instances[instance_id] = list_runs(self.server, instance_id)
            except CallNotFound:
                self._instances[instance_id] = ()
        return self._instances[instance_id]

    def _pruned(self, judged: JudgedFile, run: RunFacts) -> Iterator[Finding]:
        days, closed = self.facts.retention_days, moment(judged.closed_at)
        if days is None or closed is None or run.status not in vocabulary.TERMINAL_STATUSES:
            return
        if closed < self.now - timedelta(days=days):
            yield found(
                "target.retention_would_prune", "workflow.closed_at", closed_at=judged.closed_at, retention_days=days
            )

    def serves(self, demand: Demand) -> bool:
        """Whether a worker that is alive polls the queue and takes the type (contract/server.md §4, last line)."""
        return any(_takes(worker, demand) for worker in self.workers)


def _takes(worker: Worker, demand: Demand) -> bool:
    return (
        worker.status == "active"
        and worker.takes(demand.kind, demand.queue, demand.type_key)
        and demand.compatibility in (None, worker.build_id)
    )
