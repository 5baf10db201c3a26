"""Whoever can say where embedded runs stand now: the application's database, or its batch PHP process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from dwctl.embedded.batch import BatchExporter
from dwctl.embedded.database import EmbeddedDatabase
from dwctl.embedded.gaps import GapKind
from dwctl.embedded.positions import KEY_COLUMNS, Position, positions
from dwctl.embedded.snapshot import Snapshot

_AT_ONCE = 1000

Positions = Callable[[Iterable[str]], Iterator[Position]]


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the embedded side: `as_of` is its moment (UTC), `doubts` sentences on what is not sure in it.

    `snapshot` is there where the database was asked.
    """

    as_of: str
    positions: Positions
    doubts: tuple[str, ...] = ()
    snapshot: Snapshot | None = None


class EmbeddedSide(Protocol):
    """Can be looked at again and again; `name` says who answers, without secrets."""

    name: str

    def look(self) -> AbstractContextManager[Look]:
        """One look. Raises a DwctlError where nobody answers."""
        ...


class ByDatabase:
    """The application's database: every look is a snapshot of its own."""

    def __init__(self, database: EmbeddedDatabase) -> None:
        self._database = database
        self.name = f"database {database.location}"

    @contextmanager
    def look(self) -> Iterator[Look]:
        """A snapshot."""
        with self._database.snapshot() as snapshot:
            yield Look(snapshot.as_of, lambda ids: positions(snapshot, ids), doubts_of(snapshot), snapshot)


class ByBatch:
    """The application's own PHP, asked through its batch process; `now` is this machine's clock as text."""

    def __init__(self, exporter: BatchExporter, now: Callable[[], str]) -> None:
        self._exporter, self._now = exporter, now
        self.name = "batch PHP process of the embedded application"

    @contextmanager
    def look(self) -> Iterator[Look]:
        """Some questions, one after the other: not one moment, but none is older than `as_of`."""
        yield Look(self._now(), self._positions)

    def _positions(self, run_ids: Iterable[str]) -> Iterator[Position]:
        left = iter(run_ids)
        while some := list(islice(left, _AT_ONCE)):
            yield from self._exporter.positions(some).values()


def doubts_of(snapshot: Snapshot) -> tuple[str, ...]:
    """What is not sure about positions read from this snapshot: its clock, and columns that a run's row lacks."""
    return tuple(
        gap.sentence
        for gap in snapshot.gaps
        if gap.kind is GapKind.CLOCK or (gap.table == "workflow_runs" and gap.column in KEY_COLUMNS)
    )
