"""Where each run stands: the few columns that tell whether it has moved since its export."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from dwctl.embedded.columns import made_pages
from dwctl.embedded.snapshot import Snapshot

if TYPE_CHECKING:
    from sqlalchemy import Select

BATCH: Final = 5000
"""How many run ids one query asks for."""

PAGE: Final = 5000
"""Rows of a page: they are small."""


class Position(NamedTuple):
    """How far a run has come. Times are UTC with microseconds and `Z`; None where the row has none."""

    run_id: str
    instance_id: str
    status: str
    last_history_sequence: int | None
    last_progress_at: str | None
    updated_at: str | None

    @property
    def dedupe_key(self) -> str | None:
        """The key that a bundle of this position has (contract/embedded.md, "Database"); None where it is not known."""
        return f"{self.run_id}:{self.last_history_sequence}:{self.last_progress_at or self.updated_at or ''}"


class PartOfPosition(Position):
    """A position of which the database does not show every column: a None may also be what it does not show."""

    __slots__ = ()

    @property
    def dedupe_key(self) -> str | None:
        """The key, where both of its parts are seen; the time of the last change may only stand in for no progress."""
        if self.last_history_sequence is None or self.last_progress_at is None:
            return None
        return super().dedupe_key


KEY_COLUMNS: Final = ("last_history_sequence", "last_progress_at", "updated_at")
"""What a dedupe key is made of, beside the id of the run."""

_TIMES: Final = {Position._fields.index(name): f"workflow_runs.{name}" for name in ("last_progress_at", "updated_at")}


def positions(snapshot: Snapshot, run_ids: Iterable[str] | None = None) -> Iterator[Position]:
    """The positions of the runs named, or of all, by run id; a run that is not there has none.

    Ids may come in any order and any number: they are asked for in batches, each in the order of its ids.
    """
    runs, statement = snapshot.table("workflow_runs"), _select(snapshot)
    if run_ids is None:
        return _positions(snapshot, snapshot.page_lists(statement, runs.c.id, size=PAGE))
    return _positions(snapshot, _named(snapshot, statement, runs.c.id, run_ids))


def positions_of_instances(snapshot: Snapshot, instance_ids: Iterable[str]) -> Iterator[Position]:
    """The positions of every run of these instances; an instance that is not there has none."""
    key = snapshot.table("workflow_runs").c.workflow_instance_id
    return _positions(snapshot, _named(snapshot, _select(snapshot), key, instance_ids))


def _positions(snapshot: Snapshot, pages: Iterator[list[Any]]) -> Iterator[Position]:
    kind = Position if snapshot.has("workflow_runs", *KEY_COLUMNS) else PartOfPosition
    return chain.from_iterable(made_pages(pages, kind._make, _TIMES, snapshot.clock))


def _select(snapshot: Snapshot) -> Select[*tuple[Any, ...]]:
    from sqlalchemy import select

    runs = snapshot.table("workflow_runs")
    key = (snapshot.column("workflow_runs", name) for name in KEY_COLUMNS)
    return select(runs.c.id, runs.c.workflow_instance_id, runs.c.status, *key)


def _named(
    snapshot: Snapshot, statement: Select[*tuple[Any, ...]], key: Any, run_ids: Iterable[str]
) -> Iterator[list[Any]]:
    left = iter(run_ids)
    while batch := sorted(set(islice(left, BATCH))):
        if found := snapshot.all(statement.where(snapshot.among(key, batch)).order_by(key)):
            yield found
