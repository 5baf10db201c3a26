"""What the server is asked about one run. A question without an answer is kept as such, and ends nothing but itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from ulid import ULID

from dwctl.bundle.canonical import JsonValue, decode
from dwctl.bundle.demand import Demand, DemandKind
from dwctl.checklist.coverage.coverage import cover
from dwctl.checklist.coverage.rows import Demanded, Row
from dwctl.checklist.diagnosis.documents import side_of, work_of
from dwctl.checklist.diagnosis.facts import Claim, Elsewhere, Facts, OnServer, Place, Question, Side, Task
from dwctl.errors import DwctlError, ExitCode, RequestNotPossible
from dwctl.server.calls import WORKER_PROTOCOL_VERSION, Call, Plane
from dwctl.server.documents import moment
from dwctl.server.endpoints import cluster_info, health, json_body, list_namespaces, list_workers, show_task_queue
from dwctl.server.failures import CallNotConnected, CallNotFound, CallTimedOut, ServerFailure
from dwctl.server.results import Run, RunRow, TaskQueue, Worker
from dwctl.server.retries import Repeat
from dwctl.server.transport import Server
from dwctl.server.walk import Walk, walk_runs
from dwctl.server.workflows import describe, export_history, list_page, list_runs
from dwctl.settings import Role
from dwctl.transfer.runtimes.routing_sources import list_changes

T = TypeVar("T")

ABSENT: Final = frozenset({"instance_not_found", "run_not_found", "workflow_not_found"})
_NO_NAMESPACE: Final = "namespace_not_found"
_PROTOCOL: Final = frozenset({"missing_protocol_version", "unsupported_protocol_version"})
_NAME: Final = re.compile(r"[a-zA-Z0-9._-]{1,128}", re.ASCII)
_MOST_NAMESPACES: Final = 50
_MOST_QUEUES: Final = 20
_MOST_CHILDREN: Final = 20
_KINDS: Final = {"workflow": DemandKind.WORKFLOW, "activity": DemandKind.ACTIVITY}


class AskServer:
    """Asks one server; `open_in` opens the same one for another namespace, and is closed by whoever handed it in."""

    def __init__(self, server: Server, facts: Facts, open_in: Callable[[str], Server]) -> None:
        self._server, self._facts, self._open_in = server, facts, open_in
        self._gone: DwctlError | None = None

    def general(self) -> None:
        """What does not depend on the run: versions, clock, namespaces."""
        facts = self._facts
        facts.info = self._ask(
            "cluster info", lambda: cluster_info(self._server), lambda info: f"{info.version}", matters=False
        )
        probe = self._ask("clock", lambda: health(self._server), lambda found: f"{found.timestamp}")
        facts.server_now = None if probe is None else moment(probe.timestamp)
        facts.namespaces = self._ask(
            "namespaces",
            lambda: list_namespaces(self._server),
            lambda found: f"{len(found)} namespaces",
            matters=False,
        )
        if facts.namespaces is not None:
            facts.namespace_is_there = any(one.name == facts.namespace for one in facts.namespaces)

    def run(self, instance_id: str, run_id: str | None) -> None:
        """The run of this instance, or its newest; where it is not here, the other namespaces."""
        facts = self._facts
        rows = self._ask(
            "run", lambda: self._rows(self._server, instance_id),
            lambda found: ", ".join(f"{row.run_id} {row.status}" for row in found[-3:]) or "does not have it",
        )  # fmt: skip
        if rows is None:
            facts.failure = self._last_error()
            if self._refused_for(_NO_NAMESPACE):
                facts.namespace_is_there = False
                self._look_elsewhere(instance_id)
            return
        row = _chosen(rows, run_id)
        if row is None:
            self._listed(instance_id, run_id)
            self._look_elsewhere(instance_id)
        else:
            facts.here = self._one(row, rows)

    def by_run_id(self, run_id: str) -> str | None:
        """The instance of a run, for which the whole list of the namespace has to be read."""
        walk = self._ask(
            "list of runs", self._whole_list,
            lambda found: f"{len(found.rows)} runs",
        )  # fmt: skip
        rows = () if walk is None else walk.rows
        return next((row.workflow_id for row in rows if row.run_id == run_id), None)

    def workers(self) -> None:
        """Who polls, and how each stands to what the run needs; other namespaces where somebody is missing here."""
        facts, here = self._facts, self._facts.here
        if here is None or not here.is_open:
            return
        facts.workers = self._ask(
            "workers", lambda: list_workers(self._server), lambda found: f"{len(found)} registered"
        )
        tasks = () if here.work is None else here.work.tasks
        queues = dict.fromkeys(name for name in (*(task.queue for task in tasks), here.side.queue) if name)
        shown = {name: self._queue(name) for name in list(queues)[:_MOST_QUEUES]}
        if len(queues) > _MOST_QUEUES:
            self._note("other queues", f"{len(queues) - _MOST_QUEUES} more were not looked at", asked=False)
        facts.queues = {name: queue for name, queue in shown.items() if queue is not None}
        facts.claims = tuple(Claim(task, self._stands(_need(task))) for task in tasks)
        side = here.side
        facts.rest = self._stands(Demand(DemandKind.WORKFLOW, side.queue, side.workflow_type, side.compatibility))
        if any(row is not None and row.gap is not None for row in (facts.rest, *(one.row for one in facts.claims))):
            facts.workers_elsewhere = tuple(self._workers_elsewhere())
        facts.worker_plane = self._worker_plane()

    def children(self) -> None:
        """The children that the run waits for: each one's status, None where the server does not have it here."""
        here = self._facts.here
        waits = () if here is None or here.work is None else here.work.waits
        found: dict[str, str | None] = {}
        children = [wait for wait in waits if wait.kind == "child"]
        if len(children) > _MOST_CHILDREN:
            self._note("other children", f"{len(children) - _MOST_CHILDREN} more were not looked at", asked=False)
        for wait in children[:_MOST_CHILDREN]:
            run_id, instance_id = wait.child_run_id, wait.child_id
            if run_id is None or instance_id is None:
                continue
            rows = self._ask(
                f"child {instance_id}", lambda one=instance_id: self._rows(self._server, one),  # type: ignore[misc]
                lambda rows: ", ".join(f"{row.run_id} {row.status}" for row in rows[-3:]) or "does not have it",
            )  # fmt: skip
            if rows is not None:
                found[run_id] = next((row.status for row in rows if row.run_id == run_id), None)
        self._facts.children_here = found

    def _whole_list(self) -> Walk:
        walk = walk_runs(lambda token: list_page(self._server, token=token))
        if not walk.complete:
            raise list_changes(self._server)
        return walk

    # --- the run ------------------------------------------------------------------------------------------

    def _rows(self, server: Server, instance_id: str) -> tuple[RunRow, ...]:
        try:
            return list_runs(server, instance_id)
        except CallNotFound as error:
            if error.reason not in ABSENT:
                raise
            return ()

    def _one(self, row: RunRow, rows: tuple[RunRow, ...]) -> OnServer:
        """The run with what describe and export say; either may fail, and the other still tells."""
        workflow_id = row.workflow_id
        run = self._ask(
            "detail", lambda: describe(self._server, workflow_id, row.run_id), lambda found: found.row.status
        )
        failed = None if run is not None else self._last_error()
        export = self._ask(
            "history export", lambda: decode(export_history(self._server, workflow_id, row.run_id)).value,
            lambda found: f"{work_of(found).events} events",
        )  # fmt: skip
        work = None if export is None else work_of(export)
        return OnServer(row if run is None else run.row, _side(row, run, export), run, failed, rows, work)

    def _listed(self, instance_id: str, run_id: str | None) -> None:
        """A run that the list shows although it cannot be asked for: an instance split over namespaces."""
        page = self._ask(
            "list", lambda: list_page(self._server, query=instance_id),
            lambda found: f"{sum(row.workflow_id == instance_id for row in found.rows)} of this id",
        )  # fmt: skip
        rows = () if page is None else page.rows
        of_it = [row for row in rows if row.workflow_id == instance_id and run_id in (None, row.run_id)]
        self._facts.listed_here = next(iter(of_it), None)

    def _look_elsewhere(self, instance_id: str) -> None:
        found: list[Elsewhere] = []
        for name in self._others():
            server = self._open_in(name)
            rows = self._ask(
                f"namespace {name}", lambda server=server: self._rows(server, instance_id),  # type: ignore[misc]
                lambda rows: f"{len(rows)} runs of this id", matters=False,
            )  # fmt: skip
            found += [Elsewhere(name, row) for row in (rows or ())[-1:]]
        self._facts.elsewhere = tuple(found)

    def _others(self) -> list[str]:
        """The other namespaces; what is no name of a namespace cannot be asked for, whatever the server lists."""
        names = [one.name for one in self._facts.namespaces or () if one.name != self._facts.namespace]
        others = [name for name in names if _NAME.fullmatch(name)][:_MOST_NAMESPACES]
        if len(others) < len(names):
            self._note("other namespaces", f"{len(names) - len(others)} more were not looked at", asked=False)
        return others

    # --- the workers --------------------------------------------------------------------------------------

    def _stands(self, demand: Demand | None) -> Row | None:
        if demand is None or self._facts.workers is None:
            return None
        return cover([Demanded(demand)], self._facts.workers).rows[0]

    def _queue(self, name: str) -> TaskQueue | None:
        return self._ask(
            f"queue {name}", lambda: show_task_queue(self._server, name),
            lambda found: f"{sum(one.status == 'active' for one in found.pollers or ())} live pollers, "
                          f"{found.backlog} tasks waiting",
        )  # fmt: skip

    def _workers_elsewhere(self) -> Iterator[Worker]:
        for name in self._others():
            server = self._open_in(name)
            workers = self._ask(
                f"workers of namespace {name}", lambda server=server: list_workers(server),  # type: ignore[misc]
                lambda found: f"{len(found)} registered", matters=False,
            )  # fmt: skip
            yield from workers or ()

    def _worker_plane(self) -> DwctlError | None:
        """How a worker's call is refused before anybody looks who calls; None where it is not, or was not asked.

        It is the poll of a worker that never registered, on a queue that nobody has: it is refused (412) and gets
        nothing, whatever the server thinks of it.
        """
        name = f"dwctl-{ULID()}".lower()
        protocol = None if self._facts.info is None else self._facts.info.worker_protocol_version
        call = Call(
            "POST", "/api/worker/workflow-tasks/poll", (Role.WORKER,), plane=Plane.WORKER,
            body=json_body({"worker_id": name, "task_queue": name}), repeat=Repeat.NEVER,
            protocol=protocol or WORKER_PROTOCOL_VERSION,
        )  # fmt: skip
        if self._gone is not None:
            self._note("worker plane", "the server does not answer", asked=False)
            return None
        try:
            self._server.call(call)
        except ServerFailure as failure:
            passed = failure.reason == "worker_not_registered"
            self._note("worker plane", "a worker's call comes through" if passed else failure.message,
                       asked=passed or failure.reason in _PROTOCOL)  # fmt: skip
            return failure if failure.reason in _PROTOCOL else None
        except DwctlError as error:
            self._note("worker plane", error.message, asked=False)
            return None
        self._note("worker plane", "a worker's call comes through")
        return None

    # --- one question -------------------------------------------------------------------------------------

    def _ask(
        self, what: str, call: Callable[[], T], told: Callable[[T], str], *, matters: bool = True
    ) -> T | None:  # fmt: skip
        """The answer, or None; either is noted. Whoever is not there is not asked again."""
        if self._gone is not None:
            silent = Question(Place.SERVER, what, "the server does not answer", False, self._gone, matters)
            self._facts.questions.append(silent)
            return None
        try:
            found = _told(call)
        except DwctlError as error:
            if error.exit_code is ExitCode.INTERRUPTED:
                raise
            if isinstance(error, CallNotConnected | CallTimedOut):
                self._gone = error
            self._facts.questions.append(Question(Place.SERVER, what, error.message, error=error, matters=matters))
            return None
        self._note(what, told(found))
        return found

    def _note(self, what: str, told: str, *, asked: bool = True) -> None:
        self._facts.questions.append(Question(Place.SERVER, what, told, asked))

    def _last_error(self) -> DwctlError | None:
        return self._facts.questions[-1].error

    def _refused_for(self, reason: str) -> bool:
        error = self._last_error()
        return error is not None and error.reason == reason


def _told(call: Callable[[], T]) -> T:
    """The answer; a name with half a character in it, which no address can carry, is a request that cannot be made."""
    try:
        return call()
    except UnicodeError:
        raise RequestNotPossible("a name that the server gave is no text, so it cannot be asked for") from None


def _chosen(rows: tuple[RunRow, ...], run_id: str | None) -> RunRow | None:
    if run_id is not None:
        return next((row for row in rows if row.run_id == run_id), None)
    return max(rows, key=lambda row: row.run_number or 0, default=None)


def _need(task: Task) -> Demand | None:
    kind = _KINDS.get(task.kind)
    return None if kind is None else Demand(kind, task.queue, task.type_key, task.compatibility)


def _side(row: RunRow, run: Run | None, export: JsonValue) -> Side:
    """What the export says, and the detail where that says more of what is valid now."""
    side = side_of(export)
    shown = row if run is None else run.row
    known: dict[str, Any] = {
        "run_id": shown.run_id,
        "run_number": shown.run_number or row.run_number,
        "workflow_type": shown.workflow_type,
        "queue": shown.task_queue,
        "status": shown.status,
        "compatibility": None if run is None else run.compatibility,
        "codec": None if run is None else run.payload_codec,
        "namespace": None if run is None else run.namespace,
    }
    return side._replace(**{name: value for name, value in known.items() if value is not None})
