"""`embedded check`: every row of the table asked of whoever can answer: the database, artisan, the server, the ledger.

One answer that fails to come leaves the others as they are: it is unknown, with the error.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from dwctl.embedded import check, check_artisan, check_codecs, check_quiet
from dwctl.embedded import check_rows as rows
from dwctl.embedded.check_artisan import Ask
from dwctl.embedded.check_queries import Asked, has_runs, has_v1, no_moment
from dwctl.embedded.check_results import Answer, CheckResult, CheckRow, Evidence, skipped, unknown
from dwctl.embedded.snapshot import Snapshot
from dwctl.errors import DwctlError, RequestNotPossible
from dwctl.server.endpoints import list_task_queues
from dwctl.server.results import TaskQueue
from dwctl.server.transport import Server
from dwctl.server.walk import Walk, walk_runs
from dwctl.server.workflows import list_page
from dwctl.transfer.runtimes import check_both
from dwctl.transfer.runtimes.inventory import LedgerLookup


class ServerAnswers(Protocol):
    """The server's side of the checks that look at both runtimes."""

    @property
    def queues(self) -> tuple[TaskQueue, ...]:
        """The task queues of the namespace."""

    @property
    def runs(self) -> Walk:
        """The list of runs, to its end."""


@dataclass
class ServerSide:
    """What the server says, asked once and only where a check wants it."""

    server: Server

    @cached_property
    def queues(self) -> tuple[TaskQueue, ...]:
        """The task queues of the namespace."""
        return list_task_queues(self.server)

    @cached_property
    def runs(self) -> Walk:
        """The list of runs, to its end."""
        return walk_runs(lambda token: list_page(self.server, token=token))


@dataclass(frozen=True, slots=True)
class Sources:
    """Whoever may be asked; None is not there. `no_database` and the like say why, in a sentence."""

    snapshot: Snapshot | None = None
    artisan: Ask | None = None
    server: ServerAnswers | None = None
    ledger: LedgerLookup | None = None
    no_database: str = "no database is given"
    no_artisan: str = "no artisan is configured"
    no_server: str = "no server is configured"


_ByDatabase = Callable[[Snapshot, Asked], CheckResult]
_ByArtisan = Callable[[Ask, Asked], CheckResult]
_GIVE_DATABASE = "Give --database-url or --laravel-env FILE (see dwctl embedded check --help)."
_GIVE_ARTISAN = "Set artisan under [embedded] of cutover.toml."
_GIVE_SERVER = "Give --server and --namespace."

DATABASE: Mapping[str, _ByDatabase] = {
    rows.V1.id: check.v1_drained,
    rows.TYPES_OF_RUNS.id: check.types_of_runs,
    rows.TYPES_OF_ACTIVITIES.id: check.types_of_activities,
    rows.TYPES_OF_SCHEDULES.id: check.types_of_schedules,
    rows.CODEC_NEW.id: check_codecs.codec_of_new_runs,
    rows.CODEC_ALL.id: check_codecs.codec_everywhere,
    rows.COMPATIBILITY.id: check.compatibility_markers,
    rows.LEASES.id: check_quiet.leases,
    rows.ATTEMPTS.id: check_quiet.running_attempts,
    rows.STARTERS.id: check_quiet.starters_paused,
    rows.SCHEDULES.id: check_quiet.schedules_paused,
}
"""Checks that the database answers."""

_BY_BOTH = (rows.QUEUES.id, rows.BOTH.id)
"""Checks that ask the server too."""

ARTISAN: Mapping[str, _ByArtisan] = {
    rows.V1.id: check_artisan.v1_by_artisan,
    rows.UPGRADE.id: check_artisan.upgrade_by_artisan,
    rows.DOCTOR.id: check_artisan.doctor_by_artisan,
}
"""Checks that artisan answers; the database comes first where both can."""


def run_checks(
    sources: Sources, asked: Asked, *, only: Collection[str] = (), skip: Collection[str] = ()
) -> Iterator[CheckResult]:
    """Every row of the table with its answer, in order. Raises RequestNotPossible for a check that does not exist."""
    known_ids(only, skip)
    for row in rows.CHECK_ROWS:
        if row.id in skip or (only and row.id not in only):
            yield skipped(row, "left out by --skip" if row.id in skip else "left out by --only")
            continue
        try:
            yield _of_an_application(_answer(row, sources, asked), sources.snapshot)
        except DwctlError as error:
            where = f" ({error.where})" if error.where else ""
            yield unknown(row, f"{error.message}{where}", error.next_step)


def _of_an_application(result: CheckResult, snapshot: Snapshot | None) -> CheckResult:
    """The answer; a pass of a database without runs is unknown, since whatever it does not have is a good sign there.

    Raises what asking it for a run raises.
    """
    by_database = result.row.id in DATABASE or result.row.id in _BY_BOTH
    if snapshot is None or not by_database or result.answer is not Answer.PASS or has_runs(snapshot):
        return result
    if result.row.id == rows.V1.id and has_v1(snapshot):
        return result
    doubt = "the database has no run at all: it may be another application's"
    return CheckResult(
        result.row, Answer.UNKNOWN, f"{result.said}, but {doubt}",
        evidence=(*result.evidence, Evidence("all runs of the application", "none")),
        next_step="See whether it is the database of the application that this cutover is about.",
    )  # fmt: skip


def known_ids(*ids: Collection[str]) -> None:
    """Raise RequestNotPossible for an id that no check has."""
    known = {row.id for row in rows.CHECK_ROWS}
    for one in (one for some in ids for one in some):
        if one not in known:
            raise RequestNotPossible(
                f"there is no check '{one}'", next_step=f"The checks are: {', '.join(sorted(known))}.",
                reason="unknown_check",
            )  # fmt: skip


def _answer(row: CheckRow, sources: Sources, asked: Asked) -> CheckResult:
    if row.id in _BY_BOTH:
        return _by_both(row, sources, asked)
    if row.id in DATABASE and sources.snapshot is not None:
        return DATABASE[row.id](sources.snapshot, asked)
    if row.id in ARTISAN:
        if sources.artisan is not None:
            return ARTISAN[row.id](sources.artisan, asked)
        if row.id not in DATABASE:
            return skipped(row, sources.no_artisan)
        return unknown(row, f"{sources.no_database}, and {sources.no_artisan}", _GIVE_DATABASE)
    return unknown(row, sources.no_database, _GIVE_DATABASE)


def _by_both(row: CheckRow, sources: Sources, asked: Asked) -> CheckResult:
    if sources.snapshot is None:
        return unknown(row, sources.no_database, _GIVE_DATABASE)
    if sources.server is None:
        return unknown(row, sources.no_server, _GIVE_SERVER)
    if row.id == rows.QUEUES.id:
        return check_both.queues(sources.snapshot, sources.server.queues)
    early = no_moment(sources.snapshot, row, asked)
    if early is not None:
        return early
    return check_both.started_in_both(
        sources.snapshot, sources.server.runs, since=str(asked.since), ledger=sources.ledger
    )
