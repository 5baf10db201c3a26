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
    last_history_sequence: int
    last_progress_at: str | None
    updated_at: str | None

    @property
    def dedupe_key(self) -> str:
        """The key that a bundle of this position has (contract/embedded.md, "Database")."""
        return f"{self.run_id}:{self.last_history_sequence}:{self.last_progress_at or self.updated_at or ''}"


_TIMES: Final = (Position._fields.index("last_progress_at"), Position._fields.index("updated_at"))


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
    return chain.from_iterable(made_pages(pages, Position._make, _TIMES, snapshot.clock))


def _select(snapshot: Snapshot) -> Select[*tuple[Any, ...]]:
    from sqlalchemy import select

    runs = snapshot.table("workflow_runs")
    return select(
        runs.c.id,
        runs.c.workflow_instance_id,
        runs.c.status,
        runs.c.last_history_sequence,
        _or_null(snapshot, "last_progress_at"),
        _or_null(snapshot, "updated_at"),
    )


def _or_null(snapshot: Snapshot, name: str) -> Any:
    """The column, or NULL under its name where this version of the library has none."""
    from sqlalchemy import null

    runs = snapshot.table("workflow_runs")
    return runs.c[name] if snapshot.has("workflow_runs", name) else null().label(name)


def _named(
    snapshot: Snapshot, statement: Select[*tuple[Any, ...]], key: Any, run_ids: Iterable[str]
) -> Iterator[list[Any]]:
    left = iter(run_ids)
    while batch := sorted(set(islice(left, BATCH))):
        if found := snapshot.all(statement.where(snapshot.among(key, batch)).order_by(key)):
            yield found
