"""The World of one look: each source opened by whoever calls, asked only where a check wants it, and once.

What is not there is said here, with the next step: it is unknown where the cutover needs it, and left out where the
description says that it does without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from dwctl.checklist.description.described import Described
from dwctl.checklist.facts import archives as archive_facts
from dwctl.checklist.facts import bundles as bundle_facts
from dwctl.checklist.facts.archives import ArchiveReading, Hashed
from dwctl.checklist.facts.bundles import Reading, Watch, unwatched
from dwctl.checklist.facts.facts import ApplicationRuns, ArchiveFact, BundleFact, BundleSet, DriftFacts
from dwctl.checklist.facts.ledger import ledger_facts
from dwctl.checklist.facts.missing import missing_sources
from dwctl.checklist.facts.verified import VerifiedFiles
from dwctl.checklist.facts.world import Fact, World, nobody_lists_runs
from dwctl.checklist.gate.check import Need
from dwctl.embedded.instants import shown
from dwctl.errors import DwctlError
from dwctl.server.endpoints import list_task_queues, list_workers
from dwctl.server.walk import Walk, walk_runs
from dwctl.server.workflows import list_page
from dwctl.settings import Settings

if TYPE_CHECKING:
    from dwctl.checklist.facts.embedded import ServerFacts
    from dwctl.embedded.check_artisan import Ask
    from dwctl.embedded.check_results import CheckResult
    from dwctl.embedded.database import EmbeddedDatabase
    from dwctl.server.transport import Server
    from dwctl.transfer.runtimes.positions import EmbeddedSide

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sources:
    """Whoever may be asked; None is not configured. Whoever made them closes them.

    `operator` is the server seen with the operators' own token. `side` opens whoever knows where embedded runs stand:
    the database, or the application's batch process, which takes a while. `no_database` says why there is none,
    where one is named.
    """

    server: Server | None = None
    operator: Server | None = None
    database: EmbeddedDatabase | None = None
    artisan: Ask | None = None
    side: Callable[[], EmbeddedSide] | None = None
    no_database: DwctlError | None = None


def _silent(sentence: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class How:
    """How to look: `clock` is aware of its zone. `deep` asks everything where otherwise a sample is asked.

    `rehash` reads every file again. `tell` gets what a person should know that is no finding, `watch` what is read.
    """

    clock: Callable[[], datetime]
    deep: bool = False
    rehash: bool = False
    tell: Callable[[str], None] = _silent
    watch: Watch = unwatched


def make_world(settings: Settings, described: Described, sources: Sources, how: How) -> World:
    """One look. Nothing is asked before a check wants it; the next look is another World, with the same sources."""
    missing = missing_sources(
        settings, described, server=sources.server is not None, operator=sources.operator is not None,
        database=sources.database is not None, artisan=sources.artisan is not None, side=sources.side is not None,
        no_database=sources.no_database,
    )  # fmt: skip
    server, operator = Fact(partial(_there, sources.server)), Fact(partial(_there, sources.operator))
    queues = Fact(lambda: list_task_queues(server()))
    runs = Fact(lambda: _walked(server()))
    bundles = Fact(lambda: _bundles(described, how))
    ledger = Fact(
        lambda: ledger_facts(
            described.ledger, server=settings.server.value, namespace=settings.namespace.value, deep=how.deep
        )
    )

    def drift() -> DriftFacts:
        from dwctl.checklist.facts.drift import drift_facts

        return drift_facts(
            _there(sources.side)(),
            bundles=None if Need.BUNDLES in missing else bundles(),
            ledger=None if Need.LEDGER in missing else ledger(),
        )

    def embedded() -> Mapping[str, CheckResult]:
        from dwctl.checklist.facts.embedded import ServerFacts

        known = ServerFacts(queues, runs) if Need.SERVER not in missing else None
        return _answers(sources, described, known, None if known is not None else missing[Need.SERVER].why)

    return World(
        described=described,
        namespace=settings.namespace.value,
        now=lambda: shown(how.clock()),
        missing=missing,
        server=server,
        operator=operator,
        workers=Fact(lambda: list_workers(server())),
        queues=queues,
        runs=runs,
        embedded=Fact(embedded),
        bundles=bundles,
        archives=Fact(lambda: _archives(described, how)),
        ledger=ledger,
        drift=Fact(drift),
        deep=how.deep,
        application=Fact(partial(_application, sources.database)),
    )


def _there(source: T | None) -> T:
    """A source that a check asks only where it is not missing."""
    if source is None:
        raise LookupError("a check asked a source that is missing, without naming it among its needs")
    return source


def _walked(server: Server) -> Walk:
    return walk_runs(lambda token: list_page(server, token=token))


def _answers(
    sources: Sources, described: Described, server: ServerFacts | None, no_server: str | None
) -> Mapping[str, CheckResult]:
    from dwctl.checklist.facts.embedded import Application, EmbeddedAnswers

    application = Application(sources.database, sources.artisan, server, no_server or "")
    return EmbeddedAnswers(application, described)


def _bundles(described: Described, how: How) -> BundleSet:
    moment = how.clock()
    record = VerifiedFiles(described.ledger.parent / bundle_facts.RECORD, BundleFact, "bundles", how.tell)
    reading = Reading(record, shown(moment), _nanoseconds(moment), how.rehash, how.watch)
    return bundle_facts.bundle_facts(described.bundles, reading)


def _archives(described: Described, how: How) -> tuple[ArchiveFact, ...]:
    record = VerifiedFiles(described.ledger.parent / archive_facts.RECORD, Hashed, "archives", how.tell)
    reading = ArchiveReading(record, _nanoseconds(how.clock()), how.rehash, how.deep, how.watch)
    return archive_facts.archive_facts(described.archives, reading)


def _nanoseconds(moment: datetime) -> int:
    """A moment as file systems have theirs."""
    return int(moment.timestamp() * 1_000_000) * 1000


def _application(database: EmbeddedDatabase | None) -> ApplicationRuns:
    """Raises RequestNotPossible where there is no database."""
    from dwctl.embedded.open_runs import closed_runs, open_runs

    if database is None:
        return nobody_lists_runs()
    with database.snapshot() as snapshot:
        closed, open_ = frozenset(closed_runs(snapshot)), tuple(open_runs(snapshot))
        return ApplicationRuns(f"database {snapshot.location}", snapshot.as_of, closed, open_)
