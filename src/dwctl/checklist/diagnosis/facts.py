"""What is known of one run from every side that could be asked; the rows of the diagnosis look at nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from dwctl.bundle.vocabulary import TERMINAL_STATUSES
from dwctl.server.documents import moment

if TYPE_CHECKING:
    from dwctl.checklist.coverage.rows import Row
    from dwctl.errors import DwctlError
    from dwctl.server.results import ClusterInfo, Namespace, Run, RunRow, TaskQueue, Worker
    from dwctl.transfer.ledger.rows import LedgerRow


_CLOCK_STEP: Final = 1.0
"""Seconds that the server's clock may be behind its own times: it shows whole seconds, and they microseconds."""


class Place(StrEnum):
    """Who may have the run, in the order of the columns."""

    SERVER = "server"
    BUNDLE = "bundle"
    LEDGER = "ledger"
    EMBEDDED = "embedded"


class Question(NamedTuple):
    """One question, and what came of it. `asked` is false where it was not put; `error` is why it has no answer.

    `matters` is false where the answer only adds to what is known of the run.
    """

    place: Place
    what: str
    told: str
    asked: bool = True
    error: DwctlError | None = None
    matters: bool = True


class Side(NamedTuple):
    """The run as one of the places has it; None is what it does not say."""

    run_id: str | None = None
    run_number: int | None = None
    workflow_type: str | None = None
    workflow_class: str | None = None
    queue: str | None = None
    connection: str | None = None
    status: str | None = None
    compatibility: str | None = None
    codec: str | None = None
    namespace: str | None = None
    last_sequence: int | None = None
    last_event: str | None = None
    dedupe_key: str | None = None


class Task(NamedTuple):
    """An open task of the run on the server; `kind` is workflow, activity or timer. Times are the server's text."""

    id: str
    kind: str
    status: str | None
    type_key: str | None
    queue: str | None
    compatibility: str | None
    attempts: int
    available_at: str | None
    lease_owner: str | None = None
    lease_expires_at: str | None = None
    said: str | None = None

    @property
    def name(self) -> str:
        """`workflow task`, `activity orders.charge`."""
        return f"activity {self.type_key}" if self.kind == "activity" else f"{self.kind} task"


class Wait(NamedTuple):
    """Something that the run waits for: a timer, a signal, an update, a child, a condition.

    `child_id` is the instance of a child, `child_run_id` its run.
    """

    kind: str
    name: str | None
    due_at: str | None = None
    child_run_id: str | None = None
    child_id: str | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """The open work of a run, as its history export shows it. `events` counts its history.

    `continued_to` is the run that followed a run which continued as new.
    """

    tasks: tuple[Task, ...] = ()
    waits: tuple[Wait, ...] = ()
    events: int = 0
    declared_signals: tuple[str, ...] = ()
    external_payloads: int = 0
    is_redacted: bool = False
    failure: str | None = None
    continued_to: str | None = None


@dataclass(frozen=True, slots=True)
class OnServer:
    """The run on the server. `run` is None where describing it failed; `work` where its export did not come."""

    row: RunRow
    side: Side
    run: Run | None = None
    describe_error: DwctlError | None = None
    runs: tuple[RunRow, ...] = ()
    work: Work | None = None

    @property
    def is_open(self) -> bool:
        """Whether the run has not ended."""
        return self.row.status not in TERMINAL_STATUSES

    @property
    def deadlines(self) -> tuple[str, ...]:
        """When the run and its execution have to be over, where the server says so."""
        shown = {} if self.run is None else self.run.document
        found = (shown.get(name) for name in ("run_deadline_at", "execution_deadline_at"))
        return tuple(text for text in found if isinstance(text, str))

    @property
    def newest(self) -> RunRow:
        """The run of the instance that commands reach."""
        return max(self.runs or (self.row,), key=lambda row: (row.run_number or 0, row.run_id == self.row.run_id))


class Claim(NamedTuple):
    """An open task, and how the workers stand to it; `row` is None where it is not for a worker."""

    task: Task
    row: Row | None


@dataclass(frozen=True, slots=True)
class InBundle:
    """The run as a bundle file has it, and what the offline verdict says of that: `rules` are ids of errors."""

    file: str
    side: Side
    refused: bool
    rules: tuple[str, ...] = ()
    restorable: bool = False
    instance_id: str | None = None


@dataclass(frozen=True, slots=True)
class InLedger:
    """The run as the ledger has it, and for which server and namespace the ledger was made."""

    row: LedgerRow
    side: Side
    server: str
    namespace: str
    same_target: bool


@dataclass(frozen=True, slots=True)
class InEmbedded:
    """The run in the embedded application. `moved` says how it moved since its import, None where it did not or where
    that is not known; `held_by` are leases; `ready` counts ready tasks, None where they cannot be read.
    """

    side: Side
    is_open: bool
    moved: str | None = None
    doubt: str | None = None
    held_by: tuple[str, ...] = ()
    ready: int | None = 0


class Elsewhere(NamedTuple):
    """A run of the instance in another namespace of the server."""

    namespace: str
    row: RunRow


@dataclass(slots=True)
class Facts:
    """Everything, as it was found. `wanted` is the id that was asked for, `instance_id` the instance that it is of.

    `server_now` is the server's own clock; `failure` is why it could not be asked for the run. `namespace_named`
    is false where nobody named one. `worker_plane` is how the server refuses a worker's call, where
    it was asked and does. `rest` is how the workers stand to its next workflow task. `options` and `ledger_option`
    repeat, for a command to type, what was given.
    """

    wanted: str
    instance_id: str | None = None
    run_id: str | None = None
    server: str | None = None
    namespace: str = "default"
    namespace_named: bool = True
    namespace_is_there: bool | None = None
    questions: list[Question] = field(default_factory=list)
    failure: DwctlError | None = None
    info: ClusterInfo | None = None
    server_now: datetime | None = None
    namespaces: tuple[Namespace, ...] | None = None
    here: OnServer | None = None
    listed_here: RunRow | None = None
    elsewhere: tuple[Elsewhere, ...] = ()
    workers: tuple[Worker, ...] | None = None
    workers_elsewhere: tuple[Worker, ...] = ()
    queues: Mapping[str, TaskQueue] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    rest: Row | None = None
    children_here: Mapping[str, str | None] = field(default_factory=dict)
    worker_plane: DwctlError | None = None
    bundle: InBundle | None = None
    ledger: InLedger | None = None
    embedded: InEmbedded | None = None
    options: str = ""
    ledger_option: str = ""

    @property
    def known(self) -> bool:
        """Whether anybody knows the id."""
        return any((self.here, self.listed_here, self.elsewhere, self.bundle, self.ledger, self.embedded))

    @property
    def absent_here(self) -> bool:
        """Whether the server was asked in this namespace, answered, and does not have the run."""
        return self.here is None and any(
            question.place is Place.SERVER and question.what == "run" and question.asked and question.error is None
            for question in self.questions
        )

    @property
    def sides(self) -> dict[Place, Side]:
        """The run side by side; a place that does not have it is left out."""
        found = (
            (Place.SERVER, self.here),
            (Place.BUNDLE, self.bundle),
            (Place.LEDGER, self.ledger),
            (Place.EMBEDDED, self.embedded),
        )
        return {place: one.side for place, one in found if one is not None}

    @property
    def failures(self) -> list[DwctlError]:
        """Questions that matter and have no answer, in their order."""
        return [question.error for question in self.questions if question.error is not None and question.matters]

    @property
    def not_asked(self) -> list[Place]:
        """Whoever was not asked anything, or not about this run."""
        asked = {question.place for question in self.questions if question.asked}
        return [place for place in Place if place not in asked]

    @property
    def own_ledger(self) -> InLedger | None:
        """The ledger's row, where the ledger is of the server and the namespace that are asked."""
        return self.ledger if self.ledger is not None and self.ledger.same_target else None

    @property
    def differences(self) -> dict[str, list[Place]]:
        """The facts in which places differ from the first that names them, with those places."""
        sides, found = self.sides, {}
        for name in Side._fields:
            said = {place: getattr(side, name) for place, side in sides.items() if getattr(side, name) is not None}
            first = next(iter(said.values()), None)
            others = [place for place, value in said.items() if value != first]
            if others:
                found[name] = others
        return found

    @property
    def open_claims(self) -> Iterator[tuple[Task, Row]]:
        """The tasks that a worker is to take, and may take now, with the workers' standing."""
        for claim in self.claims:
            if claim.row is not None and claim.task.status == "ready" and not self.is_later(claim.task.available_at):
                yield claim.task, claim.row

    @property
    def standings(self) -> list[Row]:
        """How the workers stand to each of its tasks; where it has none for them, to its next workflow task."""
        rows = [claim.row for claim in self.claims if claim.row is not None]
        return rows or ([] if self.rest is None else [self.rest])

    def is_later(self, text: str | None) -> bool:
        """Whether a time of the server is still to come, by the server's own clock; unknown is not."""
        age = self.age(text)
        return age is not None and age < -_CLOCK_STEP

    def age(self, text: str | None) -> float | None:
        """Seconds since a time of the server; None where either is not known."""
        then = moment(text)
        return None if then is None or self.server_now is None else (self.server_now - then).total_seconds()
