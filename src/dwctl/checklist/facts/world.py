"""Whoever the checks may ask: each source once, whichever check asks first, and why one is not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

from dwctl.checklist.description.described import Described
from dwctl.checklist.gate.check import Need
from dwctl.errors import RequestNotPossible
from dwctl.transfer.lanes import Stop

if TYPE_CHECKING:
    from dwctl.checklist.facts.facts import ApplicationRuns, ArchiveFact, BundleSet, DriftFacts, LedgerFacts
    from dwctl.embedded.check_results import CheckResult
    from dwctl.server.results import TaskQueue, Worker
    from dwctl.server.transport import Server
    from dwctl.server.walk import Walk

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Missing:
    """A source that is not there: why, and what to do. `applies` is false where the cutover does without it.

    What is missing and applies is unknown; what does not apply is left out, with the same sentence.
    """

    why: str
    next_step: str | None = None
    command: str | None = None
    applies: bool = True


class Fact(Generic[T]):
    """Something that takes a while to know, asked for once; every check gets the same answer or the same error."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make, self._lock = make, Lock()
        self._value: list[T] = []
        self._error: Exception | None = None

    @property
    def asked(self) -> bool:
        """Whether somebody has asked already, whatever came of it."""
        return bool(self._value) or self._error is not None

    def __call__(self) -> T:
        """The value; raises what making it raised."""
        with self._lock:
            if self._error is not None:
                raise self._error
            if not self._value:
                try:
                    self._value.append(self._make())
                except Exception as error:
                    self._error = error
                    raise
            return self._value[0]


def nobody_lists_runs() -> ApplicationRuns:
    """The answer where there is no database. Raises RequestNotPossible."""
    raise RequestNotPossible(
        "nobody can say which runs are open and which have ended: only the embedded application's database lists them",
        next_step="Set database_url_env under [embedded] of cutover.toml, or give --laravel-env FILE.",
        reason="database_not_set",
    )


@dataclass(frozen=True, slots=True)
class World:
    """The sources of one look, and the clock (UTC, as dwctl writes moments).

    `missing` says of each need that cannot be met why; the facts of the others may be asked for. `operator` is the
    server seen with the operators' own token. `embedded` are the answers of `embedded check` by the id of the check.
    `deep` asks everything where otherwise a sample is asked. `application` are all runs of the embedded application.
    `stop` tells a check that acts that a person has had enough.
    """

    described: Described
    namespace: str
    now: Callable[[], str]
    missing: Mapping[Need, Missing]
    server: Fact[Server]
    operator: Fact[Server]
    workers: Fact[tuple[Worker, ...]]
    queues: Fact[tuple[TaskQueue, ...]]
    runs: Fact[Walk]
    embedded: Fact[Mapping[str, CheckResult]]
    bundles: Fact[BundleSet]
    archives: Fact[tuple[ArchiveFact, ...]]
    ledger: Fact[LedgerFacts]
    drift: Fact[DriftFacts]
    deep: bool = False
    stop: Stop = field(default_factory=Stop)
    application: Fact[ApplicationRuns] = field(default_factory=lambda: Fact(nobody_lists_runs))
