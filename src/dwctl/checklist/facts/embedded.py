"""What the embedded application answers: the rows of `embedded check`, each asked once for the whole gate.

Two moments are asked about: since when new runs are as they should be (`avro_since`), and since when nothing is started
there any more (`starters_paused_since`). Types and codecs are measured by the first, starters by the second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from dwctl.checklist.description.described import Described
from dwctl.checklist.facts.world import Fact
from dwctl.embedded import check_rows as rows
from dwctl.embedded.check_queries import Asked
from dwctl.embedded.check_results import CheckResult, unknown
from dwctl.errors import DwctlError
from dwctl.transfer.ledger.ledger import Ledger
from dwctl.transfer.runtimes.check import Sources, run_checks
from dwctl.transfer.runtimes.inventory import LedgerLookup

if TYPE_CHECKING:
    from dwctl.embedded.check_artisan import Ask
    from dwctl.embedded.database import EmbeddedDatabase
    from dwctl.embedded.snapshot import Snapshot
    from dwctl.server.results import TaskQueue
    from dwctl.server.walk import Walk

_Answers = dict[str, CheckResult]

_WITH_SERVER: Final = (rows.QUEUES.id, rows.BOTH.id)
_ARTISAN_ALONE: Final = (rows.UPGRADE.id, rows.DOCTOR.id)
_DATABASE: Final = tuple(row.id for row in rows.CHECK_ROWS if row.id not in (*_WITH_SERVER, *_ARTISAN_ALONE))
_SINCE_PAUSED: Final = (rows.STARTERS.id, rows.BOTH.id)


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The server's side as the gate knows it already: its facts, asked for only where a check wants them."""

    ask_queues: Callable[[], tuple[TaskQueue, ...]]
    ask_runs: Callable[[], Walk]

    @property
    def queues(self) -> tuple[TaskQueue, ...]:
        """The task queues of the namespace. Raises what asking for them raised."""
        return self.ask_queues()

    @property
    def runs(self) -> Walk:
        """The list of runs, to its end. Raises what asking for it raised."""
        return self.ask_runs()


@dataclass(frozen=True, slots=True)
class Application:
    """Whom to ask about the embedded application; None is not there.

    `no_server` says in a sentence why the server is not there. Nothing is connected before somebody asks.
    """

    database: EmbeddedDatabase | None = None
    artisan: Ask | None = None
    server: ServerFacts | None = None
    no_server: str = "no server is configured"


class EmbeddedAnswers(Mapping[str, CheckResult]):
    """The answers by the id of the row of `embedded check`; each is asked for when it is first wanted.

    What the database alone answers is read in one snapshot, what needs the server too in another: a server that is
    slow, or does not answer, keeps nobody waiting who does not ask about it. Every thread may ask. An answer raises
    the DwctlError that left nobody to ask: a database that cannot be read, where there is no artisan either.
    """

    def __init__(self, application: Application, described: Described) -> None:
        self._application, self._described = application, described
        database, both = Fact(self._of_database), Fact(self._of_both)
        self._facts: dict[str, Fact[_Answers]] = {
            **dict.fromkeys(_DATABASE, database),
            **dict.fromkeys(_WITH_SERVER, both),
            **{name: Fact(partial(self._of_artisan, name)) for name in _ARTISAN_ALONE},
        }

    def __getitem__(self, name: str) -> CheckResult:
        """The answer to a check."""
        return self._facts[name]()[name]

    def __iter__(self) -> Iterator[str]:
        """The ids of all checks."""
        return iter(self._facts)

    def __len__(self) -> int:
        """How many checks there are."""
        return len(self._facts)

    def _of_artisan(self, name: str) -> _Answers:
        return self._asked(Sources(artisan=self._application.artisan), (name,))

    def _of_database(self) -> _Answers:
        with ExitStack() as stack:
            try:
                snapshot = self._snapshot(stack)
            except DwctlError as error:
                if self._application.artisan is None:
                    raise
                return self._without_database(error)
            return self._asked(Sources(snapshot=snapshot, artisan=self._application.artisan), _DATABASE)

    def _without_database(self, error: DwctlError) -> _Answers:
        """What artisan says where the database was named and could not be read; the rest is unknown, with the error."""
        sources = Sources(artisan=self._application.artisan, no_database=error.message)
        return {
            name: replace(result, next_step=error.next_step) if result.said == error.message else result
            for name, result in self._asked(sources, _DATABASE).items()
        }

    def _of_both(self) -> _Answers:
        """What is in both runtimes; what the ledger imported is there by design.

        A ledger that lies there and cannot be read leaves it unknown what was imported.
        """
        with ExitStack() as stack:
            sources = Sources(
                snapshot=self._snapshot(stack), server=self._application.server, no_server=self._application.no_server
            )
            path = self._described.ledger
            try:
                view = stack.enter_context(Ledger.view(path)) if path.is_file() else None
            except DwctlError as error:
                blind = unknown(rows.BOTH, f"the ledger cannot be looked at: {error.message}", error.next_step)
                return self._asked(sources, (rows.QUEUES.id,)) | {rows.BOTH.id: blind}
            return self._asked(replace(sources, ledger=None if view is None else LedgerLookup(view)), _WITH_SERVER)

    def _snapshot(self, stack: ExitStack) -> Snapshot | None:
        database = self._application.database
        return None if database is None else stack.enter_context(database.snapshot())

    def _asked(self, sources: Sources, names: tuple[str, ...]) -> _Answers:
        described, found = self._described, _Answers()
        for since, ids in (
            (described.avro_since, [name for name in names if name not in _SINCE_PAUSED]),
            (described.starters_paused_since, [name for name in names if name in _SINCE_PAUSED]),
        ):
            if ids:  # nothing named would be everything
                results = run_checks(sources, Asked(described.v1, since, described.types), only=ids)
                found |= {result.row.id: result for result in results if result.row.id in ids}
        return found
