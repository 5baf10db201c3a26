"""Asking the ledger, the embedded side and the server about ids, many at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

from dwctl.embedded.positions import Position, positions_of_instances
from dwctl.errors import DwctlError, ExitCode
from dwctl.server.failures import CallNotFound
from dwctl.server.results import RunRow
from dwctl.server.transport import Server
from dwctl.server.walk import Walk, walk_runs
from dwctl.server.workflows import list_page, list_runs
from dwctl.transfer.ledger.rows import LedgerRow
from dwctl.transfer.ledger.view import LedgerView
from dwctl.transfer.runtimes.positions import EmbeddedSide
from dwctl.transfer.runtimes.routing import Asked, Route, RunFacts, route_id

AT_ONCE: Final = 500
ASKED_ONE_BY_ONE: Final = 50
"""Instances up to which the server is asked for each; for more its whole list is read once."""

_ABSENT: Final = frozenset({"instance_not_found", "run_not_found", "workflow_not_found"})


class Serverside(Protocol):
    """What the router needs of the server."""

    def runs_of(self, instance_ids: Sequence[str]) -> Iterable[RunRow]:
        """The runs of these instances."""
        ...

    def run(self, run_id: str) -> RunRow | None:
        """A run by its id alone."""
        ...


class ServerRuns:
    """The runs of the server's namespace: asked instance by instance, or out of the whole list, read once."""

    def __init__(self, server: Server, *, many: bool) -> None:
        self._server, self._many = server, many
        self._walk: Walk | None = None
        self._by_run: dict[str, RunRow] = {}
        self._by_instance: dict[str, list[RunRow]] = {}

    def runs_of(self, instance_ids: Sequence[str]) -> Iterator[RunRow]:
        """The runs of these instances. Raises a DwctlError."""
        if self._many:
            self._read()
        for instance_id in instance_ids:
            yield from self._by_instance.get(instance_id, ()) if self._many else self._asked(instance_id)

    def run(self, run_id: str) -> RunRow | None:
        """A run by its id alone, for which the list has to be read. Raises a DwctlError."""
        return self._read().get(run_id)

    def _asked(self, instance_id: str) -> tuple[RunRow, ...]:
        try:
            return list_runs(self._server, instance_id)
        except CallNotFound as error:
            if error.reason not in _ABSENT:
                raise
            return ()

    def _read(self) -> dict[str, RunRow]:
        if self._walk is None:
            self._walk = walk_runs(lambda token: list_page(self._server, token=token))
            if not self._walk.complete:
                raise list_changes(self._server)
            by_instance: defaultdict[str, list[RunRow]] = defaultdict(list)
            for row in self._walk.rows:
                self._by_run[row.run_id] = row
                by_instance[row.workflow_id].append(row)
            self._by_instance = dict(by_instance)
        return self._by_run


def list_changes(server: Server) -> DwctlError:
    """The server's list changed faster than it could be read: a run that is not in it may be there."""
    from dwctl.errors import ServerFailed

    return ServerFailed(
        "the server's list of runs changed faster than it could be read", where=server.target.namespace,
        next_step="Run the same command again when less is started there.", reason="list_changed",
    )  # fmt: skip


@dataclass
class Router:
    """Answers ids. `asked` says who is there; whoever fails is not asked again, and `failure` is the first failure."""

    asked: Asked
    ledger: LedgerView | None = None
    side: EmbeddedSide | None = None
    server: Serverside | None = None
    failure: DwctlError | None = None

    def routes(self, ids: Iterable[str]) -> Iterator[Route]:
        """The answer to each id, in order, each once. Raises a DwctlError for a ledger that cannot be read."""
        left = iter(dict.fromkeys(ids))
        while some := list(islice(left, AT_ONCE)):
            yield from self._batch(some)

    def _batch(self, ids: list[str]) -> Iterator[Route]:
        found = _Found()
        self._ask_ledger(ids, found)
        positions = self._try_embedded(lambda: list(self._positions(ids, found)))
        for position in positions:
            found.add(position.run_id, position.instance_id, position=position)
        for row in self._try_server(lambda: list(self._there(ids, found))):
            found.add(row.run_id, row.workflow_id, there=row)
        for wanted in ids:
            yield route_id(wanted, found.of(wanted), self.asked)

    def _ask_ledger(self, ids: Sequence[str], found: _Found) -> None:
        if self.ledger is None:
            return
        for wanted in ids:
            row = self.ledger.row(wanted)
            if row is not None:
                found.add(row.run_id, row.instance_id, ledger=row)
            for one in self.ledger.rows(instance_id=wanted):
                found.add(one.run_id, one.instance_id, ledger=one)

    def _positions(self, ids: Sequence[str], found: _Found) -> Iterator[Position]:
        """The embedded runs of these ids, of runs that the ledger has, and of the instances."""
        if self.side is None:
            return
        with self.side.look() as look:
            yield from look.positions([*ids, *found.runs])
            if look.snapshot is not None:
                yield from positions_of_instances(look.snapshot, ids)

    def _there(self, ids: Sequence[str], found: _Found) -> Iterator[RunRow]:
        if self.server is None:
            return
        instances = dict.fromkeys([*(one for one in ids if one not in found.runs), *found.instances])
        rows = list(self.server.runs_of(list(instances)))
        yield from rows
        known = {row.workflow_id for row in rows} | {row.run_id for row in rows} | found.runs.keys() | found.instances
        for wanted in ids:
            if wanted not in known and (row := self.server.run(wanted)) is not None:
                yield row

    def _try_embedded(self, ask: Callable[[], list[Position]]) -> list[Position]:
        if self.asked.embedded is not None:
            return []
        try:
            return ask()
        except DwctlError as error:
            self.asked = self.asked._replace(embedded=self._failed(error))
            return []

    def _try_server(self, ask: Callable[[], list[RunRow]]) -> list[RunRow]:
        if self.asked.server is not None:
            return []
        try:
            return ask()
        except DwctlError as error:
            self.asked = self.asked._replace(server=self._failed(error))
            return []

    def _failed(self, error: DwctlError) -> str:
        if error.exit_code is ExitCode.INTERRUPTED:
            raise error
        self.failure = self.failure or error
        return f"it did not answer ({error.message})"


class _Found:
    """What a batch of ids brought together, by run."""

    def __init__(self) -> None:
        self.runs: dict[str, RunFacts] = {}
        self._of_instance: defaultdict[str, dict[str, None]] = defaultdict(dict)

    @property
    def instances(self) -> set[str]:
        """The instances of the runs."""
        return set(self._of_instance)

    def add(
        self, run_id: str, instance_id: str | None, *, ledger: LedgerRow | None = None,
        position: Position | None = None, there: RunRow | None = None,
    ) -> None:  # fmt: skip
        """Take up what one source has of a run."""
        known = self.runs.get(run_id) or RunFacts(run_id)
        self.runs[run_id] = RunFacts(
            run_id, ledger or known.ledger, position or known.position, there or known.there
        )  # fmt: skip
        if instance_id:
            self._of_instance[instance_id][run_id] = None

    def of(self, wanted: str) -> list[RunFacts]:
        """The run of this id, or the runs of this instance."""
        if wanted in self.runs:
            return [self.runs[wanted]]
        return [self.runs[run_id] for run_id in self._of_instance.get(wanted, ())]


def instances_of(ledger: LedgerView) -> Iterator[str]:
    """Every instance that a ledger knows, each once."""
    return iter(dict.fromkeys(row.instance_id for row in ledger.rows() if row.instance_id))
